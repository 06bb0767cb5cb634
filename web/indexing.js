/* The index: what is in it, and bringing it up to date while watching (server-sent events). */
import {at, button, count, dialogHead, element, openDialog, plural} from "./dom.js";
import * as api from "./api.js";
import {say, show} from "./notice.js";

let stream = null, refresh = () => {};
const bar = element("progress", {"aria-label": "Progress of the update"}),
      said = element("p", {class: "hint", role: "status"});
const progress = element("div", {class: "progress", hidden: true}, bar, said);
const update = button("Update now", {class: "primary", id: "update", click: begin});
let index = null, isRunning = false, saidAt = 0;

function running(is) {
    isRunning = is;
    update.disabled = is || index?.allows_update === false;
    update.textContent = is ? "Updating …" : "Update now";
    at("open-index").classList.toggle("is-busy", is);
}

function stop() {
    stream?.close();
    stream = null;
    running(false);
}

/* Follows an update, also one that another page or a program began. listening: called once when nothing can be missed.
 */
function watch(listening = () => {}) {
    stream?.close();
    stream = api.events();
    running(true);
    progress.hidden = false;
    bar.removeAttribute("value");
    said.textContent = "Looking for new, changed and vanished photos …";
    let isFirst = true;
    stream.addEventListener("open", async () => {
        if (isFirst) await listening();
        isFirst = false;
        /* It may have ended before this was listening, or while the connection was down. */
        const now = await api.readIndex().catch(() => null);
        const mine = stream;
        if (now && !now.is_updating)
            setTimeout(() => {
                if (mine && stream === mine) end({});
            }, 1500); /* what happened may still be on its way */
    });
    stream.addEventListener("progress", (event) => {
        const {done, total, failed, stage} = JSON.parse(event.data);
        if (total > 0) {
            bar.max = total;
            bar.value = done;
        }
        if (Date.now() - saidAt < 1000 && done !== total) return; /* a screen reader cannot read out every photo */
        saidAt = Date.now();
        const name = stage ? stage[0].toUpperCase() + stage.slice(1) : "";
        said.textContent = (total > 0 ? `${name ? name + ": " : ""}${count(done)} of ${count(total)}` : name + " …") +
            (failed ? `, ${plural(failed, "unreadable photo")}` : "");
    });
    stream.addEventListener("done", (event) => end(JSON.parse(event.data || "{}")));
    stream.addEventListener("failed", (event) => {
        const result = JSON.parse(event.data || "{}");
        stop();
        said.textContent =
            "The update failed: " + (result.error?.message || result.message || "the server's log says why") +
            ". What was indexed before is untouched; try again.";
    });
    /* The browser connects again by itself, unless the server refused. */
    stream.addEventListener("error", () => {
        if (stream?.readyState !== EventSource.CLOSED) return;
        stop();
        said.textContent = "The server stopped telling how far it is. Open this again to see.";
    });
}

function end(result) {
    const parts = [];
    const names = {encoded: "new", unchanged: "unchanged", vanished: "gone", failed: "unreadable"};
    for (const [key, text] of Object.entries(names))
        if (result[key] > 0) parts.push(count(result[key]) + " " + text);
    stop();
    bar.max = bar.value = 1;
    said.textContent = "Up to date" + (parts.length > 0 ? ": " + parts.join(", ") + "." : ".");
    if (!at("indexing").open) say("The index is up to date.");
    refresh();
}

function begin() {
    watch(async () => {
        try {
            await api.startUpdate();
        } catch (error) {
            if (error.status === 409) return; /* it runs already, and is watched */
            stop();
            said.textContent = error.message;
            if (error.code === "INDEX_GONE") show("The index is not there", "Nothing was updated. " + error.message);
        }
    });
}

const command = (text) => element("code", {}, text);

function facts() {
    const model = index.model ? `${index.model.name}, ${index.model.dim} dimensions` : "", hint = index.model?.hint;
    const rows = [
        ["Name", index.name], ["Photos", count(index.n_images)],
        ["Unreadable", index.n_failed && count(index.n_failed)], ["Model", model],
        ["Folders", index.folders?.length && count(index.folders.length)]
    ];
    const list = element(
        "dl", {class: "facts"},
        ...rows.filter(([, value]) => value)
            .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
    return hint ? element("div", {}, list, element("p", {class: "hint", id: "model-hint"}, hint)) : list;
}

/* What to do with it. */
function advice() {
    if (index.allows_update === false)
        return ["This server was started with --no-update: update with ", command("cir index"), " instead."];
    if (index.n_images === 0)
        return [
            "There is nothing in it yet: put photos into the folders that it was made of and update it, or make it " +
                "anew with ",
            command("cir index FOLDER -o INDEX"), "."
        ];
    return [
        "An update looks through the folders that the index was made of, encodes new and changed photos and drops " +
        "those that are gone. You can go on searching."
    ];
}

function draw() {
    const focused = document.activeElement === update;
    const known = index ? [facts(), element("p", {class: "hint"}, ...advice())] :
                          [element("p", {class: "hint"}, "The server has not said what is in it.")];
    at("indexing")
        .replaceChildren(
            dialogHead("indexing-title", "The index", at("indexing")), ...known, progress,
            element("div", {class: "buttons"}, update));
    running(isRunning);
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
