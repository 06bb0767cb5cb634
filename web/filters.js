/* Which photos may answer: folder, date, orientation, camera. */
import {at, button, count, element, icon} from "./dom.js";
import * as state from "./state.js";

const orientations = [["", "Any"], ["landscape", "Landscape"], ["portrait", "Portrait"], ["square", "Square"]];
const names = {
    folder: "in",
    after: "from",
    before: "until",
    orientation: "",
    camera: "by"
};

/* by typing a date a browser tells of every key; half a year is not meant. */
const isDate = (text) => text === "" || /^(1[89]|20)\d\d-\d\d-\d\d$/.test(text);

function set(key, value) {
    const next = {...state.get().filters, [key]: value};
    if (!value) delete next[key];
    state.go({filters: next});
}

function choice(key, label, options) {
    const select = element(
        "select", {id: "filter-" + key, change: () => set(key, select.value)},
        ...options.map(([value, text]) => element("option", {value}, text)));
    return element("div", {class: "field"}, element("label", {"for": "filter-" + key}, label), select);
}

function day(key, label, years) {
    const input = element("input", {
        type: "date",
        id: "filter-" + key,
        change: () => {
            if (isDate(input.value)) set(key, input.value);
        }
    });
    if (years.length === 2) {
        input.min = years[0] + "-01-01";
        input.max = years[1] + "-12-31";
    }
    return element("div", {class: "field"}, element("label", {"for": "filter-" + key}, label), input);
}

export function fill(index) {
    const years =
        (index.years || []).map((year) => (typeof year === "object" ? year.year : year)).filter(Number.isFinite);
    const span = years.length > 0 ? [Math.min(...years), Math.max(...years)] : [];
    const cameras = (index.cameras || []).map((one) => (typeof one === "object" ? one.name : one)),
          folders = index.folders || [];
    at("filters").replaceChildren(
        element(
            "div", {class: "fields"},
            choice(
                "folder", "Folder",
                [["", "All folders"], ...folders.map(({path, n}) => [path, `${path} (${count(n)})`])]),
            day("after", "Taken from", span), day("before", "Taken until", span),
            choice("orientation", "Shape", orientations),
            cameras.length > 0 ?
                choice("camera", "Camera", [["", "Any camera"], ...cameras.map((name) => [name, name])]) :
                null),
        element(
            "div", {class: "buttons"},
            button("Remove all filters", {id: "clear-filters", click: () => state.go({filters: {}})})));
    draw(state.get());
}

export function draw(current) {
    const given = Object.entries(current.filters);
    for (const key of Object.keys(names)) {
        const field = at("filter-" + key), value = current.filters[key] || "";
        if (!field) continue;
        if (field.tagName === "SELECT" && value && ![...field.options].some((option) => option.value === value))
            field.append(element("option", {value}, value));
        field.value = value;
    }
    if (at("clear-filters")) at("clear-filters").disabled = given.length === 0;
    at("chips").replaceChildren(...given.map(
        ([key, value]) => button(
            (names[key] + " " + value).trim(),
            {class: "chip", "aria-label": `Remove the filter ${key}: ${value}`, click: () => set(key, "")},
            icon("close"))));
}
