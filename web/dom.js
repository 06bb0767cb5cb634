/* Building blocks of the page: elements, and how numbers, sizes and dates are written. Text reaches the page as text
 * nodes and attributes only, never as markup: file names are a stranger's. */

export const at = (id) => document.getElementById(id);

/* attributes: text; true writes an empty one, false and null none, a function listens to the event of that name. */
export function element(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

export function drawn(tag, attributes = {}, ...children) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(made, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === "function") made.addEventListener(name, value);
        else if (value !== null && value !== undefined && value !== false)
            made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
    return made;
}

export const button = (text, attributes, ...more) => element("button", {type: "button", ...attributes}, text, ...more);

/* A line drawing of 24 × 24; says nothing to a screen reader, so that its button has to. */
const shapes = {
    more: "M4 5h10v9H4zM10 10h10v9H10zM15 12.5v4M13 14.5h4",
    left: "M15 5l-7 7 7 7",
    right: "M9 5l7 7-7 7",
    close: "M6 6l12 12M18 6L6 18",
    check: "M5 12.5l4.5 4.5L19 7.5",
    photo: "M4 6h16v13H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.6h.01",
    camera: "M4 8h4l1.5-2.5h5L16 8h4v11H4zM12 10a3.3 3.3 0 1 0 .01 0",
    crop: "M7 3v14h14M3 7h14v14",
    sun:
        "M12 8a4 4 0 1 0 .01 0M12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
    moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
    filter: "M4 7h16M7 12h10M10 17h4",
    tune: "M4 8h9M17 8h3M15 6v4M4 16h3M11 16h9M9 14v4",
    scatter: "M4 4v16h16M9 15h.01M12 11h.01M16 8h.01M15 13h.01M10 8.5h.01",
    columns: "M4 5h7v14H4zM13 5h7v14h-7z",
    select: "M4 4h16v16H4zM8 12l3 3 5-6",
    index: "M4 6h16M4 12h16M4 18h10",
    clock: "M12 4a8 8 0 1 0 .01 0M12 8v4.3l3 1.8",
    download: "M12 4v11M7.5 11L12 15.5 16.5 11M5 20h14",
    warn: "M12 4l9 16H3zM12 10v4.5M12 17.4h.01",
};
export function icon(name) {
    return drawn("svg", {viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true"}, drawn("path", {d: shapes[name]}));
}

export const count = (n) => Number(n).toLocaleString("en").replaceAll(",", "\u202f");
export const plural = (n, one, many = one + "s") => count(n) + "\u00a0" + (n === 1 ? one : many);

/* 1st, 2nd, 3rd, 4th, 11th, 21st */
export function ordinal(n) {
    const ending = Math.floor(n / 10) % 10 === 1 ? "th" : ["th", "st", "nd", "rd"][n % 10] || "th";
    return count(n) + ending;
}

export function number(x) {
    if (!Number.isFinite(x)) return "–";
    const size = Math.abs(x);
    const text = size !== 0 && size < 0.01 ? x.toPrecision(2) :
                                             x.toFixed(
                                                 size >= 100    ? 0 :
                                                     size >= 10 ? 1 :
                                                     size >= 1  ? 2 :
                                                                  3);
    return text.replace("-", "−");
}

export function bytes(n) {
    if (!Number.isFinite(n)) return "";
    if (n < 1000) return n + " bytes";
    const units = ["kB", "MB", "GB", "TB"];
    let i = -1;
    do {
        n /= 1000;
        i++;
    } while (n >= 999.5 && i < units.length - 1);
    return n.toFixed(n < 9.95 ? 1 : 0) + "\u00a0" + units[i];
}

/* A date of the server's: ISO 8601 text or seconds since 1970; a camera's clock has no time zone, so none is applied.
 */
export function date(value) {
    if (value === null || value === undefined || value === "") return "";
    const moment = typeof value === "number" ? new Date(value * 1000) :
                                               new Date(/Z|[+-]\d\d:?\d\d$/.test(value) ? value : value + "Z");
    if (Number.isNaN(moment.getTime())) return String(value);
    return moment.toLocaleString(
        "en-GB", {timeZone: "UTC", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit"});
}

export const base = (path) => path.slice(path.lastIndexOf("/") + 1) || path;
/* The last folder and the name: what tells photos of many folders apart. */
export const tail = (path) => path.split("/").slice(-2).join("/");

/* Opens a dialog of the page; it gives the focus back to where it was, also where that element was drawn anew, or to
 * what choose(before) gives. */
export function openDialog(dialog, choose = () => null) {
    const before = document.activeElement, id = before && before.dataset ? before.dataset.id : undefined;
    if (dialog.open) return;
    dialog.showModal();
    dialog.addEventListener("close", () => {
        const target = choose(before) ||
            (before && before.isConnected ? before :
                 id !== undefined         ? document.querySelector(`.open[data-id="${CSS.escape(id)}"]`) :
                                            null);
        if (target && !document.querySelector("dialog[open]")) target.focus({preventScroll: true});
    }, {once: true});
}

/* The head that every dialog of text has. */
export function dialogHead(id, title, dialog) {
    return element(
        "div", {class: "head"}, element("h2", {id}, title),
        element(
            "button", {type: "button", class: "quiet round", "aria-label": "Close", click: () => dialog.close()},
            icon("close")));
}
