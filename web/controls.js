/* The method and its settings: each change asks again at once; the server has the features already and only ranks anew.
 */
import {at, button, element} from "./dom.js";
import * as state from "./state.js";

const DEFAULT = "basic-";
const names = {
    "basic-": "BASIC⁻",
    basic: "BASIC",
    text: "Words alone",
    image: "Photo alone",
    sum: "Sum",
    product: "Product",
    weicom: "WeiCom",
    "freedom-": "FREEDOM⁻",
    freedom: "FREEDOM"
};
export const methodName = (name) => names[name] || name;

/* What a page may set: files of the server's are none of its business. */
const further = [
    "fuse", "normalise", "centre", "project", "alpha", "components", "neighbours", "beta", "context", "variant", "seed"
];
const choices = {
    fuse: ["harris", "product"],
    variant: ["paper", "reference"]
};
let methods = [], settings = new Map();

const isBasic = (method) => method.startsWith("basic");
const expandsByItself = (method) => method === "basic" || method === "freedom";
const byDefault = (key, method) =>
    (key === "expand" ? (expandsByItself(method) ? "1" : "0") : settings.get(key)?.value ?? "");
const valueOf = (key, current = state.get()) => current.settings[key] ?? byDefault(key, current.method || DEFAULT);

let timer = 0;
/* A setting at its default is not kept: the address stays short, and "Reset" knows whether there is something to reset.
 */
function set(key, value, wait = 0) {
    clearTimeout(timer);
    timer = setTimeout(() => {
        const next = {...state.get().settings};
        if (String(value) === byDefault(key, state.get().method || DEFAULT)) delete next[key];
        else next[key] = String(value);
        state.go({settings: next}, {replace: true});
    }, wait);
}

export function setMethod(method) {
    const {expand, ...rest} = state.get().settings; /* belongs to the method that it was set for */
    state.go({method: method === DEFAULT ? "" : method, settings: rest});
}

export function methodChoice(id, value, change) {
    const choice = element(
        "select", {id, change: () => change(choice.value)},
        ...methods.map(({name}) => element("option", {value: name}, methodName(name))));
    if (!methods.some(({name}) => name === value)) choice.append(element("option", {value}, value));
    allow(choice, state.get());
    choice.value = value;
    return choice;
}

/* A method of one side is none without that side. */
function allow(choice, {image, text}) {
    for (const option of choice.options)
        option.disabled = (option.value === "image" && !image) || (option.value === "text" && !text);
}

function slider(key, label, low, high, step, hint) {
    const output = element("output", {"for": "set-" + key});
    const input = element("input", {
        id: "set-" + key,
        type: "range",
        min: low,
        max: high,
        step,
        "data-key": key,
        input: () => {
            output.textContent = input.value;
            set(key, Number(input.value), 40);
        }
    });
    return element(
        "div", {class: "field", "data-field": key}, element("label", {"for": "set-" + key}, label),
        element("div", {class: "line"}, input, output), element("p", {class: "hint"}, hint));
}

function toggle(key, label, hint) {
    const input = element("input", {
        type: "checkbox",
        role: "switch",
        id: "set-" + key,
        "data-key": key,
        change: () => set(key, input.checked ? "1" : "0")
    });
    return element(
        "div", {class: "field toggle", "data-field": key}, element("label", {}, input, element("span", {}, label)),
        element("p", {class: "hint"}, hint));
}

function plain(key) {
    const known = settings.get(key),
          options = choices[key] ||
        (known.value === "0" || known.value === "1" ? (key === "seed" ? null : ["1", "0"]) : null);
    const attributes = {
        id: "set-" + key,
        "data-key": key,
        change: (event) => set(key, event.target.value.trim() || known.value)
    };
    const text = {1: "on", 0: "off"};
    return element(
        "div", {class: "field small"}, element("label", {"for": "set-" + key}, key),
        options ? element(
                      "select", attributes,
                      ...options.map((one) => element("option", {value: one}, choices[key] ? one : text[one]))) :
                  element("input", {...attributes, type: "text", inputmode: "decimal", autocomplete: "off", size: 8}),
        element("p", {class: "hint"}, known.description));
}

/* Called when the server has said what there is. */
export function fill(index) {
    methods = index.methods || [];
    settings = new Map((index.settings || []).map((one) => [one.key, {...one, value: String(one.value)}]));
    at("controls")
        .replaceChildren(
            element(
                "div", {class: "fields"},
                element(
                    "div", {class: "field"}, element("label", {"for": "method"}, "Method"),
                    methodChoice("method", state.get().method || DEFAULT, setMethod),
                    element("p", {class: "hint", id: "method-meaning"})),
                slider(
                    "lambda", "Balance (λ)", 0, 0.24, 0.01,
                    "Higher pushes down photos that match only the photo or only the words."),
                slider("weight", "Weight of the words", 0, 1, 0.05, "0: the photo alone; 1: the words alone."),
                toggle("expand", "More views", "Expansion: also uses the photos most like yours."),
                toggle(
                    "contextualise", "Words in context",
                    "Contextualisation: averages “dog at night”, “car at night” and so on instead of the bare words."),
                element(
                    "div", {class: "field toggle"},
                    element(
                        "label", {}, element("input", {
                            type: "checkbox",
                            role: "switch",
                            id: "fold",
                            change: (event) => state.go({fold: event.target.checked}, {replace: true})
                        }),
                        element("span", {}, "Fold near-duplicates")),
                    element("p", {class: "hint"}, "One photo stands for all that look the same."))),
            element(
                "div", {class: "ends"},
                element(
                    "details", {}, element("summary", {}, "All settings"),
                    element("div", {class: "fields"}, ...further.filter((key) => settings.has(key)).map(plain))),
                button("Reset", {id: "reset", click: () => state.go({settings: {}, method: "", fold: true})})));
    draw(state.get());
}

export function draw(current) {
    if (!at("method")) return;
    const method = current.method || DEFAULT;
    allow(at("method"), current);
    at("method").value = method;
    at("method-meaning").textContent = (methods.find(({name}) => name === method) || {meaning: ""}).meaning;
    const hasBoth = current.image !== "" && current.text !== "";
    const applies = {
        lambda: hasBoth && isBasic(method) && valueOf("fuse", current) !== "product",
        weight: hasBoth && ["sum", "product", "weicom"].includes(method),
        expand: current.image !== "" && (isBasic(method) || method.startsWith("freedom")),
        contextualise: current.text !== "" && isBasic(method)
    };
    for (const [key, does] of Object.entries(applies))
        at("controls").querySelector(`[data-field=${key}]`).hidden = !does;
    for (const input of at("controls").querySelectorAll("[data-key]")) {
        if (input === document.activeElement && input.type === "text") continue; /* it is being written */
        const value = valueOf(input.dataset.key, current);
        if (input.type === "checkbox") input.checked = value !== "0";
        else input.value = value;
        const output = input.parentElement.querySelector("output");
        if (output) output.textContent = value;
    }
    at("fold").checked = current.fold;
    at("reset").disabled = Object.keys(current.settings).length === 0 && !current.method && current.fold;
}
