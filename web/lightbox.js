/* One photo, large: what it is, why it is here, and what can be done with it. Which photo is part of the address, so
 * the back button closes it. */
import {at, base, button, bytes, count, date, drawn, element, icon, openDialog, tail} from "./dom.js";
import * as api from "./api.js";
import * as selection from "./selection.js";
import * as results from "./results.js";
import * as state from "./state.js";

let shown = null; /* id */
let last = null;  /* the photo that was looked at last: the focus goes there afterwards */

/* A rank among n on a scale of powers of ten: the first few places are what one looks at. */
function meter(rank, n) {
    const full = n > 1 ? 1 - Math.log(rank) / Math.log(n) : 1;
    return drawn(
        "svg", {class: "meter", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true"},
        drawn("rect", {class: "whole", width: 100, height: 6}),
        drawn("rect", {class: "part", width: Math.max(3, 100 * full), height: 6}));
}

function why(item) {
    const answer = results.getAnswer();
    if (!item.rank || !answer) return null;
    const n = answer.n_images, rows = [];
    const row = (name, rank) => rows.push(element(
        "div", {}, element("dt", {}, name), element("dd", {}, `#${count(rank)} of ${count(n)}`, meter(rank, n))));
    row("Together", item.rank);
    if (item.image_rank) row("By the photo alone", item.image_rank);
    if (item.text_rank) row("By the words alone", item.text_rank);
    return element("section", {class: "why"}, element("h3", {}, "Why it is here"), element("dl", {}, ...rows));
}

function facts(item, image) {
    const path = image?.path || item.path || "", rows = [];
    const row = (name, value, extra = {}) => {
        if (value) rows.push(element("div", {}, element("dt", {}, name), element("dd", extra, value)));
    };
    row("Path", path, {class: "path"});
    row("Taken", date(image?.taken_at ?? item.taken_at));
    const width = image?.width || item.width, height = image?.height || item.height;
    row("Size",
        [width ? `${count(width)} × ${count(height)}` : "", bytes(image?.size_bytes ?? item.size_bytes)]
            .filter(Boolean)
            .join(" · "));
    row("Camera", image?.camera);
    return element("dl", {class: "facts"}, ...rows);
}

function duplicates(item) {
    if (!item.duplicates?.length) return null;
    return element(
        "section", {}, element("h3", {}, `Near-duplicates (${item.duplicates.length})`),
        element(
            "div", {class: "strip"},
            ...item.duplicates.slice(0, 24).map(
                (id) => element(
                    "button", {
                        type: "button",
                        "aria-label": "Near-duplicate, photo " + id,
                        click: () => state.go({view: id}, {replace: true})
                    },
                    element("img", {src: api.thumbnail(id, 128), alt: "", loading: "lazy"})))));
}

function index() { return results.getItems().findIndex((item) => item.id === shown); }

async function step(by) {
    const items = results.getItems(), i = index();
    if (i < 0) return;
    if (i + by >= items.length) await results.next();
    const to = results.getItems()[i + by];
    if (to) state.go({view: to.id}, {replace: true});
}

async function draw(id) {
    const dialog = at("lightbox");
    shown = last = id;
    const items = results.getItems(), i = index(), listed = items[i];
    const item = listed || {id, path: ""};
    const focused = document.activeElement.closest("#lightbox *")?.id || "";
    let image = null, error = null;
    try {
        image = await api.readImage(id);
    } catch (caught) { error = caught; }
    if (shown !== id || !dialog.open) return;
    const whole = {...image, ...item, path: image?.path || item.path},
          name = whole.path ? base(whole.path) : "photo " + id;
    dialog.setAttribute("aria-label", (item.rank ? `Result ${item.rank}: ` : "Photo: ") + name);
    const picture = element("img", {class: "large", alt: whole.path ? tail(whole.path) : name});
    picture.addEventListener(
        "error",
        () => picture.replaceWith(
            element("p", {class: "undrawn"}, "This photo cannot be shown; its file may be gone. Update the index.")));
    /* A small photo is enlarged, but not into a blur. */
    picture.addEventListener("load", () => {
        picture.style.maxWidth = 4 * picture.naturalWidth + "px";
        picture.style.maxHeight = 4 * picture.naturalHeight + "px";
    });
    picture.src = api.thumbnail(id, 1024);
    const pick = button(selection.has(id) ? "Selected" : "Select", {
        id: "lightbox-pick",
        "aria-pressed": String(selection.has(id)),
        click: () => {
            selection.toggle(whole);
            pick.textContent = selection.has(id) ? "Selected" : "Select";
            pick.setAttribute("aria-pressed", String(selection.has(id)));
        }
    });
    dialog.replaceChildren(
        element(
            "div", {class: "stage"}, picture,
            element(
                "button", {
                    type: "button",
                    class: "turn previous",
                    id: "lightbox-previous",
                    "aria-label": "Previous photo",
                    disabled: i <= 0,
                    click: () => step(-1)
                },
                icon("left")),
            element(
                "button", {
                    type: "button",
                    class: "turn next",
                    id: "lightbox-next",
                    "aria-label": "Next photo",
                    disabled: i < 0,
                    click: () => step(1)
                },
                icon("right"))),
        element(
            "div", {class: "side"},
            element(
                "div", {class: "head"}, element("h2", {}, name),
                element(
                    "button",
                    {type: "button", class: "quiet round", id: "lightbox-close", "aria-label": "Close", click: close},
                    icon("close"))),
            error ? element("p", {class: "hint"}, error.message) : null,
            element(
                "div", {class: "buttons"},
                button(
                    "More like this, but …", {class: "primary", id: "lightbox-more", click: () => results.more(whole)}),
                button("Copy path", {
                    id: "lightbox-copy",
                    disabled: !whole.path,
                    click: () => selection.copyText(whole.path, "Path copied")
                }),
                element(
                    "a",
                    {class: "button", id: "lightbox-open", href: api.original(id), target: "_blank", rel: "noopener"},
                    "Open original"),
                pick),
            why(whole), facts(item, image), duplicates(whole)));
    (at(focused) && !at(focused).disabled ? at(focused) :
         at("lightbox-next").disabled     ? at("lightbox-close") :
                                            at("lightbox-next"))
        .focus();
    const after = items[i + 1]; /* the next one is ready when it is asked for */
    if (after) new Image().src = api.thumbnail(after.id, 1024);
}

/* Where the photo was opened from this page, going back leaves no second entry in the history. */
let isOwn = false;
function close() {
    if (isOwn) history.back();
    else state.go({view: null}, {replace: true});
}

/* Called when the state changed. */
export function update(current, before) {
    const dialog = at("lightbox");
    if (current.view === null) {
        shown = null;
        if (dialog.open) dialog.close();
        return;
    }
    if (!dialog.open) {
        isOwn = before !== null && before.view === null;
        document.querySelector("dialog[open]")?.close();
        openDialog(dialog, (opener) => (opener?.closest("#grid") ? results.getGrid().opener(last) : null));
    }
    if (shown !== current.view) draw(current.view);
}

export function start() {
    const dialog = at("lightbox");
    dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        close();
    });
    dialog.addEventListener("click", (event) => {
        if (event.target === dialog) close();
    });
    let touch = null; /* a swipe goes to the next photo */
    dialog.addEventListener("touchstart", (event) => {
        touch = event.touches.length === 1 && event.target.closest(".stage") ? event.touches[0] : null;
    }, {passive: true});
    dialog.addEventListener("touchend", (event) => {
        const by = touch ? event.changedTouches[0].clientX - touch.clientX : 0,
              down = touch ? event.changedTouches[0].clientY - touch.clientY : 0;
        if (Math.abs(by) > 48 && Math.abs(by) > 2 * Math.abs(down)) step(by < 0 ? 1 : -1);
    });
    dialog.addEventListener("keydown", (event) => {
        if (event.altKey || event.ctrlKey || event.metaKey) return;
        if (event.key === "Escape") {
            event.preventDefault();
            close();
            return;
        }
        const act = {
            ArrowLeft: () => step(-1),
            ArrowRight: () => step(1),
            m: () => at("lightbox-more")?.click(),
            c: () => at("lightbox-copy")?.click(),
            o: () => at("lightbox-open")?.click(),
            x: () => at("lightbox-pick")?.click()
        }[event.key];
        if (act) {
            event.preventDefault();
            act();
        }
    });
}
