/* Crops the query's photo to the thing meant. With the pointer: draw a frame, move it, pull its corners. With the
 * keyboard: the frame and each corner are tab stops that the arrow keys move (with Shift in larger steps). */
import {at, button, dialogHead, element, openDialog} from "./dom.js";

const LEAST = 0.04; /* of a side: smaller frames are slips of the hand */
const corners = {
    "top left": [0, 0],
    "top right": [1, 0],
    "bottom left": [0, 1],
    "bottom right": [1, 1]
};
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

/* from: {url, name}; crop: fractions or null; done(crop or null). */
export function openCrop(from, crop, done) {
    const dialog = at("crop");
    let [x, y, w, h] = crop || [0.1, 0.1, 0.8, 0.8];
    const frame = element("div", {class: "cut", tabindex: "0", role: "group"});
    const picture = element("img", {src: from.url, alt: from.name, draggable: "false"});
    const stage = element("div", {class: "stage"}, picture, frame);
    const said = element("p", {class: "hint", role: "status", id: "crop-said"});

    const show = () => {
        for (const [name, value] of [["left", x], ["top", y], ["width", w], ["height", h]])
            frame.style.setProperty(name, value * 100 + "%");
        const text = `${Math.round(w * 100)} % wide, ${Math.round(h * 100)} % high, from ${
            Math.round(x * 100)} % left and ${Math.round(y * 100)} % top`;
        frame.setAttribute("aria-label", "Frame, arrow keys move it: " + text);
        said.textContent = text;
    };
    const move = (dx, dy) => {
        x = clamp(x + dx, 0, 1 - w);
        y = clamp(y + dy, 0, 1 - h);
        show();
    };
    const pull = ([right, bottom], dx, dy) => {
        if (right) w = clamp(w + dx, LEAST, 1 - x);
        else {
            const to = clamp(x + dx, 0, x + w - LEAST);
            w += x - to;
            x = to;
        }
        if (bottom) h = clamp(h + dy, LEAST, 1 - y);
        else {
            const to = clamp(y + dy, 0, y + h - LEAST);
            h += y - to;
            y = to;
        }
        show();
    };
    const byKey = (act) => (event) => {
        const step = event.shiftKey ? 0.1 : 0.02;
        const by = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]}[event.key];
        if (!by) return;
        event.preventDefault();
        event.stopPropagation();
        act(...by);
    };
    frame.addEventListener("keydown", byKey(move));
    for (const [name, corner] of Object.entries(corners)) {
        const handle = element("button", {
            type: "button",
            class: "handle " + name.replace(" ", "-"),
            "aria-label": `Corner ${name}, arrow keys move it`
        });
        handle.addEventListener("keydown", byKey((dx, dy) => pull(corner, dx, dy)));
        frame.append(handle);
    }

    stage.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        event.preventDefault();
        stage.setPointerCapture(event.pointerId);
        const box = picture.getBoundingClientRect();
        const spot =
            (e) => [clamp((e.clientX - box.left) / box.width, 0, 1), clamp((e.clientY - box.top) / box.height, 0, 1)];
        const handle = event.target.closest(".handle"),
              name = handle && [...handle.classList].find((one) => one.includes("-"));
        const act = handle         ? (dx, dy) => pull(corners[name.replace("-", " ")], dx, dy) :
            event.target === frame ? move :
                                     null;
        const from = spot(event);
        let last = from;
        const onMove = (e) => {
            const to = spot(e);
            if (act) act(to[0] - last[0], to[1] - last[1]);
            else {
                x = Math.min(from[0], to[0]);
                y = Math.min(from[1], to[1]);
                w = Math.max(LEAST, Math.abs(to[0] - from[0]));
                h = Math.max(LEAST, Math.abs(to[1] - from[1]));
                x = Math.min(x, 1 - w);
                y = Math.min(y, 1 - h);
                show();
            }
            last = to;
        };
        const onUp = () => {
            stage.removeEventListener("pointermove", onMove);
            (handle || frame).focus({preventScroll: true});
        };
        stage.addEventListener("pointermove", onMove);
        stage.addEventListener("pointerup", onUp, {once: true});
        stage.addEventListener("pointercancel", onUp, {once: true});
    });

    const finish = (to) => {
        dialog.close();
        done(to);
    };
    dialog.replaceChildren(
        dialogHead("crop-title", "Which thing is meant?", dialog), stage, said,
        element(
            "div", {class: "buttons"},
            button("Use this part", {class: "primary", id: "crop-use", click: () => finish([x, y, w, h])}),
            button("Whole photo", {click: () => finish(null)})));
    show();
    openDialog(dialog);
    frame.focus();
}
