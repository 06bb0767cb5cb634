/* Recent queries: kept in this browser alone, and cleared there. */
import {at, button, dialogHead, element, openDialog} from "./dom.js";
import {thumbnail} from "./api.js";
import * as photos from "./photos.js";
import * as state from "./state.js";

const KEY = "cir-recent", N_KEPT = 16, N_ROW = 5;

function read() {
    try {
        const found = JSON.parse(localStorage.getItem(KEY) || "[]");
        return Array.isArray(found) ?
            found.filter((one) => one && typeof one.text === "string" && typeof one.image === "string") :
            [];
    } catch { return []; }
}

function write(list) {
    try {
        localStorage.setItem(KEY, JSON.stringify(list.slice(0, N_KEPT)));
    } catch { /* no room, or not allowed: they are a comfort */
    }
}

/* A small picture as text: the photo may be gone from the store when it is shown. */
async function shrink(blob) {
    try {
        const bitmap = await createImageBitmap(blob), scale = 96 / Math.max(bitmap.width, bitmap.height);
        const canvas = document.createElement("canvas");
        canvas.width = Math.max(1, Math.round(bitmap.width * scale));
        canvas.height = Math.max(1, Math.round(bitmap.height * scale));
        canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
        return canvas.toDataURL("image/jpeg", 0.8);
    } catch { return ""; }
}

/* Puts the query of a state in front; one that is there already moves. */
export async function remember({image, crop, text}) {
    const id = image + JSON.stringify(crop) + text,
          list = read().filter((one) => one.image + JSON.stringify(one.crop) + one.text !== id);
    const blob = image.startsWith("mine-") ? await photos.find(image) : null;
    write([{image, crop, text, picture: blob ? await shrink(blob) : ""}, ...list]);
}

function entry(one, close) {
    const address = one.image === "" ? "" : one.image.startsWith("mine-") ? one.picture : thumbnail(one.image, 128);
    const words = one.text || "photos like this";
    return element(
        "li", {},
        button(
            "", {
                class: "entry",
                "aria-label": (one.image ? "Photo and " : "") + "words: " + words,
                click: () => {
                    close();
                    state.go({image: one.image, crop: one.crop || null, text: one.text, view: null});
                }
            },
            /^(data:image|\/v1\/)/.test(address) ? element("img", {src: address, alt: "", loading: "lazy"}) : null,
            element("span", {}, words)));
}

/* A few of them on the empty page. */
export function draw() {
    const list = state.hasQuery() ? [] : read().slice(0, N_ROW);
    at("recent-row").replaceChildren(...(list.length === 0 ? [] : [
        element("h2", {class: "small"}, "Recent"),
        element("ul", {class: "recent"}, ...list.map((one) => entry(one, () => {})))
    ]));
}

export function open() {
    const dialog = at("recent"), list = read();
    dialog.replaceChildren(
        dialogHead("recent-title", "Recent queries", dialog),
        list.length === 0 ?
            element("p", {class: "hint"}, "None yet. What you search for is listed here, in this browser alone.") :
            element("ul", {class: "recent"}, ...list.map((one) => entry(one, () => dialog.close()))),
        element("div", {class: "buttons"}, button("Clear", {
                    id: "clear-recent",
                    disabled: list.length === 0,
                    click: async () => {
                        write([]);
                        await photos.forget(state.get().image);
                        dialog.close();
                        draw();
                    }
                })));
    openDialog(dialog);
}
