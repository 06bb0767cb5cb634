/* The page: one state (state.js, in the address) and the parts that draw it.
 *
 *   query.js camera.js crop.js recent.js   what is asked              → state
 *   controls.js filters.js                 how, and among which       → state
 *   results.js grid.js                     asks (api.js), shows       ← state
 *   lightbox.js scatter.js compare.js      looks closer at an answer  ← state, answer
 *
 * Parts never call each other to redraw: they change the state, and here is who follows. */
import {at, base, button, element, icon, plural} from "./dom.js";
import * as api from "./api.js";
import * as compare from "./compare.js";
import * as controls from "./controls.js";
import * as filters from "./filters.js";
import * as indexing from "./indexing.js";
import * as keys from "./keys.js";
import * as lightbox from "./lightbox.js";
import * as notice from "./notice.js";
import * as query from "./query.js";
import * as recent from "./recent.js";
import * as results from "./results.js";
import * as scatter from "./scatter.js";
import * as selection from "./selection.js";
import * as state from "./state.js";
import * as theme from "./theme.js";

/* ---- the row of switches above the results ---- */

const part = (id, name, picture, click, more = {}) =>
    button("", {id, class: "switch", click, ...more}, icon(picture), element("span", {}, name));

function disclose(id, panel) {
    const opener = at(id);
    opener.addEventListener("click", () => {
        const opens = at(panel).hidden;
        at(panel).hidden = !opens;
        opener.setAttribute("aria-expanded", String(opens));
        if (opens) at(panel).querySelector("select, input")?.focus();
    });
    at(panel).addEventListener("keydown", (event) => {
        if (event.key === "Escape") {
            opener.click();
            opener.focus();
        }
    });
}

function makeSwitches() {
    const closed = (panel) => ({"aria-expanded": "false", "aria-controls": panel});
    at("switches")
        .append(
            part("open-filters", "Filters", "filter", () => {}, closed("filters")),
            part("open-controls", "Method", "tune", () => {}, closed("controls")),
            part(
                "open-scores", "Scores", "scatter", () => state.go({scores: !state.get().scores}, {replace: true}),
                {"aria-pressed": "false"}),
            part(
                "open-compare", "Compare", "columns",
                () => state.go(
                    {vs: state.get().vs                                 ? "" :
                         (state.get().method || "basic-") === "product" ? "basic-" :
                                                                          "product"}),
                {"aria-pressed": "false"}),
            part(
                "open-select", "Select", "select", () => selection.setOn(!selection.isOn()),
                {"aria-pressed": "false"}));
    disclose("open-filters", "filters");
    disclose("open-controls", "controls");
    selection.onChange(() => at("open-select").setAttribute("aria-pressed", String(selection.isOn())));
}

function drawSwitches(current) {
    const has = state.hasQuery(current);
    for (const id of ["open-controls", "open-scores", "open-compare"]) at(id).hidden = !has;
    if (!has) at("controls").hidden = true;
    at("open-scores").setAttribute("aria-pressed", String(current.scores));
    at("open-compare").setAttribute("aria-pressed", String(current.vs !== ""));
    at("open-controls").querySelector("span").textContent =
        "Method: " + controls.methodName(current.method || "basic-");
    const n = Object.keys(current.filters).length;
    at("open-filters").querySelector("span").textContent = n > 0 ? `Filters (${n})` : "Filters";
}

/* ---- following the state ---- */

function follow(current, before) {
    query.draw(current, before);
    controls.draw(current);
    filters.draw(current);
    drawSwitches(current);
    if (before === null || state.question(current) !== state.question(before)) {
        results.run();
        recent.draw();
    } else {
        if (current.scores !== before.scores) {
            if (current.scores && !results.getAnswer()?.scatter) results.run();
            else scatter.show(results.getAnswer());
        }
        if (current.vs !== before.vs) compare.show(results.getAnswer());
    }
    lightbox.update(current, before);
}

/* ---- the server ---- */

async function readIndex() {
    try {
        const index = await api.readIndex();
        at("about").textContent = `${base(index.name)} · ${plural(index.n_images, "photo")}` +
            (index.model.hint ? ` · ${index.model.name} encoder, not for real photos` : "");
        at("about").title = index.name + (index.model.hint ? "\n" + index.model.hint : "");
        controls.fill(index);
        filters.fill(index);
        indexing.fill(index);
        drawSwitches(state.get());
    } catch (error) {
        if (error.status > 0 && error.status !== 401)
            notice.show("The index cannot be read", error.message, {actions: [["Try again", readIndex]]});
    }
}

function askToken() {
    if (notice.isShown("token")) return;
    const field =
        element("input", {type: "password", id: "token", autocomplete: "current-password", "aria-label": "Token"});
    const form = element("form", {class: "token", action: "./"}, field, element("button", {class: "button"}, "Enter"));
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (await api.openSession(field.value.trim()).catch(() => false)) {
            notice.hide();
            begin();
        } else {
            notice.say("That is not the token.");
            field.focus();
        }
    });
    notice.show(
        "This server wants a token",
        "Paste it here: it stands in the file that `--token-file` names, or else at the end of the address that " +
            "`cir serve` printed, behind #token=.",
        {name: "token"});
    at("notice").querySelector(".actions").append(form);
}

function watchServer() {
    api.server.addEventListener(
        "away",
        () => notice.show(
            "The server does not answer",
            "Start it again with `cir serve INDEX` if it was stopped. This page tries again every second and goes on by itself.",
            {tone: "wait", name: "away"}));
    api.server.addEventListener("back", () => {
        notice.hide("away");
        notice.say("The server is back.");
        begin();
    });
    api.server.addEventListener(
        "busy",
        (event) => notice.show(
            "The server is busy",
            `Asking again in ${Math.max(1, Math.round(event.detail.seconds))} s; nothing need be done.`,
            {tone: "wait", name: "busy"}));
    api.server.addEventListener("token", askToken);
}

async function begin() {
    await readIndex();
    follow(state.get(), null);
}

async function start() {
    theme.start();
    query.start();
    makeSwitches();
    results.start();
    scatter.start();
    lightbox.start();
    keys.start();
    indexing.start(() => {
        readIndex();
        if (!state.hasQuery()) results.run();
    });
    watchServer();
    at("open-recent").addEventListener("click", recent.open);
    at("home").addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        state.go({image: "", crop: null, text: "", filters: {}, vs: "", view: null});
        scrollTo({top: 0});
    });
    state.onChange(follow);
    results.onAnswer((answer) => {
        scatter.show(answer);
        compare.show(answer);
        if (answer) recent.remember(state.get());
    });
    results.onPage(scatter.markMore);
    await api.startSession();
    await begin();
}

start();
