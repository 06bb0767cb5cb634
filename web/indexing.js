/* The index: what is in it, and bringing it up to date while watching (server-sent events). */
import {at, button, count, dialogHead, element, openDialog, plural} from "/web/dom.js";
import * as api from "/web/api.js";
import {say} from "/web/notice.js";

let stream = null, refresh = () => {};
const bar = element("progress", {"aria-label": "Progress of the update"}), said = element("p", {class: "hint", role: "status"});
const progress = element("div", {class: "progress", hidden: true}, bar, said);
const update = button("Update now", {class: "primary", id: "update", click: begin});
let index = null, isRunning = false, saidAt = 0;

function running(is) {
    isRunning = is;
    update.disabled = is;
    update.textContent = is ? "Updating …" : "Update now";
    at("open-index").classList.toggle("is-busy", is);
}

function stop() {
    stream?.close();
    stream = null;
    running(false);
}

/* Follows an update, also one that another page or a program began. */
function watch() {
    stream?.close();
    stream = api.events();
    running(true);
    progress.hidden = false;
    bar.removeAttribute("value");
    said.textContent = "Looking for new, changed and vanished photos …";
    stream.addEventListener("progress", (event) => {
        const {done, total, failed, stage} = JSON.parse(event.data);
        if (total > 0) { bar.max = total; bar.value = done; }
        if (Date.now() - saidAt < 1000 && done !== total) return; /* a screen reader cannot read out every photo */
        saidAt = Date.now();
        said.textContent = `${stage ? stage[0].toUpperCase() + stage.slice(1) + ": " : ""}${count(done)} of ${count(total)}` + (failed ? `, ${plural(failed, "unreadable photo")}` : "");
    });
    stream.addEventListener("done", (event) => {
        const result = JSON.parse(event.data || "{}"), parts = [];
        for (const [key, text] of [["added", "new"], ["encoded", "encoded"], ["unchanged", "unchanged"], ["changed", "changed"], ["vanished", "vanished"], ["failed", "unreadable"]])
            if (result[key] > 0) parts.push(count(result[key]) + " " + text);
        stop();
        bar.max = bar.value = 1;
        said.textContent = "Up to date" + (parts.length > 0 ? ": " + parts.join(", ") + "." : ".");
        if (!at("indexing").open) say("The index is up to date.");
        refresh();
    });
    stream.addEventListener("failed", (event) => {
        const result = JSON.parse(event.data || "{}");
        stop();
        said.textContent = "The update failed: " + (result.error?.message || result.message || "the server's log says why") + ". What was indexed before is untouched; try again.";
    });
    stream.addEventListener("error", () => { /* the browser connects again by itself, unless the server refused */
        if (stream && stream.readyState === EventSource.CLOSED) { stop(); said.textContent = "The server stopped telling how far it is. Open this again to see."; }
    });
}

async function begin() {
    progress.hidden = false;
    running(true);
    try {
        await api.startUpdate();
    } catch (error) {
        if (error.status !== 409) { running(false); said.textContent = error.message; return; }
    }
    watch();
}

function draw() {
    const dialog = at("indexing"), focused = document.activeElement === update, fact = (name, value) => (value ? element("div", {}, element("dt", {}, name), element("dd", {}, value)) : null);
    const folders = index?.folders || [];
    dialog.replaceChildren(dialogHead("indexing-title", "The index", dialog),
        index ? element("dl", {class: "facts"}, fact("Name", index.name), fact("Photos", count(index.n_images)), fact("Unreadable", index.n_failed ? count(index.n_failed) : ""),
            fact("Model", index.model ? `${index.model.name}, ${index.model.dim} dimensions` : ""), fact("Folders", folders.length ? count(folders.length) : "")) : element("p", {class: "hint"}, "The server has not said what is in it."),
        index && index.n_images === 0 ? element("p", {}, "There is nothing in it yet: put photos into the folders that it was made of and update it, or make it anew with ", element("code", {}, "cir index FOLDER -o INDEX"), ".")
            : element("p", {class: "hint"}, "An update looks through the folders that the index was made of, encodes new and changed photos and drops those that are gone. You can go on searching."),
        progress, element("div", {class: "buttons"}, update));
    if (focused) update.focus();
}

export function fill(given) {
    index = given;
    if (given.is_updating && !isRunning) watch();
    if (at("indexing").open) draw();
}

/* again: called when an update has ended. */
export function start(again) {
    refresh = again;
    at("open-index").addEventListener("click", () => {
        draw();
        openDialog(at("indexing"));
    });
}
