/* The composed query: the photo (dropped, pasted, chosen, taken, or picked from the collection) and the words. */
import {at, base, button, element, icon, tail} from "./dom.js";
import {readImage, thumbnail} from "./api.js";
import {openCamera} from "./camera.js";
import {openCrop} from "./crop.js";
import * as notice from "./notice.js";
import * as photos from "./photos.js";
import * as state from "./state.js";

const examples = ["at night", "in the snow", "as a pencil sketch", "printed on a stamp"];

/* ---- taking a photo in ---- */

export async function use(blob) {
    if (blob.type && !blob.type.startsWith("image/")) {
        notice.show(
            "That is not a photo",
            `“${blob.name || "what was dropped"}” is a file of another kind; choose a JPEG, PNG, WebP, HEIC or TIFF.`,
            {actions: [["Choose a photo", () => at("file").click()]]});
        return;
    }
    notice.hide();
    state.go({image: await photos.keep(blob), crop: null, view: null});
    at("text").focus({preventScroll: true});
}

function take(data) {
    const id = data.getData("text/x-cir-id");
    if (/^\d+$/.test(id)) {
        state.go({image: id, crop: null});
        return true;
    }
    const file = [...data.files].find((one) => one.type.startsWith("image/")) || data.files[0];
    if (file) use(file);
    return Boolean(file);
}

function listen() {
    for (const input of [at("file"), at("capture")])
        input.addEventListener("change", () => {
            if (input.files[0]) use(input.files[0]);
            input.value = "";
        });
    document.addEventListener("paste", (event) => {
        if (event.clipboardData.files.length > 0 && take(event.clipboardData)) event.preventDefault();
    });
    const zone = at("dropzone"),
          carries = (data) => data.types.includes("Files") || data.types.includes("text/x-cir-id");
    document.addEventListener("dragover", (event) => {
        if (!carries(event.dataTransfer)) return;
        event.preventDefault(); /* without this a browser opens the file in place of the page */
        event.dataTransfer.dropEffect = "copy";
        zone.hidden = !event.dataTransfer.types.includes("Files");
    });
    document.addEventListener("dragleave", (event) => {
        if (!event.relatedTarget) zone.hidden = true;
    });
    document.addEventListener("drop", (event) => {
        zone.hidden = true;
        if (carries(event.dataTransfer)) {
            event.preventDefault();
            take(event.dataTransfer);
        }
    });
    at("query").addEventListener("submit", (event) => {
        event.preventDefault();
        const text = at("text").value.trim();
        if (!text && !state.get().image) {
            at("text").focus();
            notice.say("Give a photo, some words, or both.");
            return;
        }
        state.go({text, view: null});
    });
}

/* ---- showing it ---- */

/* Draws the part of a picture that is meant; the whole one where there is no crop. */
function cut(image, crop, name) {
    const [x, y, w, h] = crop, scale = Math.min(1, 512 / Math.max(image.naturalWidth * w, image.naturalHeight * h));
    const canvas = element("canvas", {role: "img", "aria-label": name + ", cropped"});
    canvas.width = Math.max(1, Math.round(image.naturalWidth * w * scale));
    canvas.height = Math.max(1, Math.round(image.naturalHeight * h * scale));
    canvas.getContext("2d").drawImage(
        image, x * image.naturalWidth, y * image.naturalHeight, w * image.naturalWidth, h * image.naturalHeight, 0, 0,
        canvas.width, canvas.height);
    return canvas;
}

/* Address, name and whether it is to be given back, of a state's photo. */
export async function source(key) {
    if (/^\d+$/.test(key)) {
        const image = await readImage(Number(key)).catch(() => null);
        return {url: thumbnail(key, 1024), name: image ? tail(image.path) : "photo " + key};
    }
    const blob = await photos.find(key);
    return blob ? {url: URL.createObjectURL(blob), name: blob.name ? base(blob.name) : "your photo", isMine: true} :
                  null;
}

const choose = () => at("file").click();

function emptyWell() {
    at("well").replaceChildren(
        icon("photo"),
        element(
            "p", {}, element("strong", {}, "A photo of the thing"),
            element("span", {class: "hint"}, "Drop or paste one, or")),
        element(
            "div", {class: "ways"}, button("Choose", {id: "choose", "aria-label": "Choose a photo", click: choose}),
            button("Take", {id: "take", "aria-label": "Take a photo", click: () => openCamera(use)})));
}

let shown = "";
async function drawWell(current) {
    const key = current.image + JSON.stringify(current.crop);
    if (key === shown && at("well").firstChild) return;
    shown = key;
    const well = at("well");
    well.classList.toggle("has-photo", current.image !== "");
    if (!current.image) {
        emptyWell();
        return;
    }
    const from = await source(current.image);
    if (shown !== key) return;
    if (!from) {
        well.classList.remove("has-photo");
        emptyWell();
        return;
    }
    const image = element("img", {alt: "The query's photo: " + from.name});
    const frame = element("div", {class: "frame"}, image);
    const crop = button(
        "", {
            id: "crop-photo",
            "aria-label": "Crop to the thing meant",
            title: "Crop to the thing meant",
            click: () => openCrop(from, state.get().crop, (to) => state.go({crop: to}))
        },
        icon("crop"));
    image.addEventListener("load", () => {
        if (current.crop && shown === key) frame.replaceChildren(cut(image, current.crop, from.name));
    });
    image.addEventListener("error", () => { /* a kind that the browser cannot draw (HEIC, TIFF); the server may */
                                            frame.replaceChildren(element("p", {class: "undrawn"}, from.name));
                                            crop.hidden = true;
    });
    image.src = from.url;
    well.replaceChildren(
        frame,
        element(
            "div", {class: "ways"}, crop,
            button(
                "", {id: "choose", "aria-label": "Choose another photo", title: "Another photo", click: choose},
                icon("photo")),
            button(
                "", {
                    id: "remove-photo",
                    "aria-label": "Remove the photo",
                    title: "Remove the photo",
                    click: () => {
                        state.go({image: "", crop: null});
                        at("choose")?.focus();
                    }
                },
                icon("close"))));
}

/* Keeps the document's title telling what the address asks for: that is what a bookmark is called. */
function title(current) {
    const words = current.text ? `“${current.text}”` : "";
    document.title =
        (current.image && words ? "this, " + words : words || (current.image ? "like this photo" : "your photos")) +
        " · cir";
}

export function draw(current, before) {
    document.body.classList.toggle("is-empty", !state.hasQuery(current));
    if (before === null ? at("text").value === "" : current.text !== before.text)
        at("text").value = current.text; /* else it is being written */
    at("text").placeholder = current.image ? "how it should differ, as in: at night" : "at night";
    document.body.classList.toggle("has-words", current.text !== "");
    drawWell(current);
    title(current);
}

export function start() {
    listen();
    at("examples").replaceChildren(...examples.map((words) => element("li", {}, button(words, {
                                                                          click: () => {
                                                                              at("text").value = words;
                                                                              if (state.get().image)
                                                                                  state.go({text: words});
                                                                              else at("text").focus();
                                                                          }
                                                                      }))));
}
