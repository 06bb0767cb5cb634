/* Photos picked to be downloaded or to have their paths copied. */
import {at, base, button, count, element, icon, plural} from "./dom.js";
import {readFile} from "./api.js";
import {say} from "./notice.js";
import {zip} from "./zip.js";

const picked = new Map(), listeners = [];
let on = false;

export const onChange = (listener) => listeners.push(listener);
export const has = (id) => picked.has(id);
export const isOn = () => on;

function changed() {
    document.body.classList.toggle("is-selecting", on || picked.size > 0);
    draw();
    for (const listener of listeners) listener();
}

export function toggle(item) {
    if (!picked.delete(item.id)) picked.set(item.id, item);
    changed();
}

export function setOn(value) {
    on = value;
    if (!on) picked.clear();
    changed();
}

export async function copyText(text, done) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        /* Without https the browser has no clipboard; the old way still works. */
        const area = element("textarea", {class: "hidden-area", "aria-hidden": "true"});
        area.value = text;
        (document.querySelector("dialog[open]") || document.body).append(area);
        area.select();
        const copied = document.execCommand("copy");
        area.remove();
        if (!copied) {
            say("The browser allowed no copying.");
            return;
        }
    }
    say(done);
}

function save(blob, name) {
    const link = element("a", {href: URL.createObjectURL(blob), download: name});
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const MAX_TOGETHER = 2e9; /* bytes: what a browser can be trusted to hold */

async function download() {
    const items = [...picked.values()];
    const size = items.reduce((sum, item) => sum + (item.size_bytes || 0), 0);
    if (size > MAX_TOGETHER) {
        say("Too much for one download: select less than 2 GB.");
        return;
    }
    const files = [];
    try {
        for (const item of items) {
            say(`Fetching ${files.length + 1} of ${count(items.length)} …`);
            files.push({name: base(item.path), time: item.taken_at, blob: await (await readFile(item.id)).blob()});
        }
    } catch (error) {
        say("Not downloaded: " + error.message);
        return;
    }
    if (files.length === 1) save(files[0].blob, files[0].name);
    else save(await zip(files), "photos.zip");
    say("Downloaded " + plural(files.length, "photo"));
}

function draw() {
    const bar = at("selection");
    bar.hidden = !on && picked.size === 0;
    if (bar.hidden) {
        bar.replaceChildren();
        return;
    }
    const none = picked.size === 0;
    bar.replaceChildren(
        element("p", {role: "status"}, none ? "Select photos" : count(picked.size) + " selected"),
        button("", {class: "primary", disabled: none, click: download}, icon("download"), "Download"),
        button("Copy paths", {
            disabled: none,
            click: () => copyText(
                [...picked.values()].map((item) => item.path).join("\n"), plural(picked.size, "path") + " copied")
        }),
        button("Done", {class: "quiet", click: () => setOn(false)}));
}
