/* What went wrong or what is being waited for, in one place above the results, always with what to do next. */
import {at, button, element, icon} from "./dom.js";

/* What stands between backticks is to be typed. */
const marked = (text) => text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));

/* actions: [[text, function]]; tone: "error" or "wait". Its text is read out at once (role=alert in the page). */
export function show(title, text, {actions = [], tone = "error", name = ""} = {}) {
    at("notice").dataset.name = name;
    at("notice").replaceChildren(element(
        "div", {class: "notice " + tone},
        tone === "wait" ? element("span", {class: "spinner", "aria-hidden": "true"}) : icon("warn"),
        element("div", {}, element("strong", {}, title), element("p", {}, ...marked(text))),
        element("div", {class: "actions"}, ...actions.map(([label, act]) => button(label, {click: act})))));
}

/* With a name, only the notice of that name. */
export function hide(name) {
    if (name === undefined || at("notice").dataset.name === name) at("notice").replaceChildren();
}

export const isShown = (name) => at("notice").dataset.name === name && at("notice").firstChild !== null;

/* Read out by a screen reader, and shown for a moment: what was done, such as "Path copied". */
let toast = null, timer = 0;
export function say(text) {
    const host = document.querySelector("dialog[open]") || document.body; /* all else is inert beside an open dialog */
    if (!toast || toast.parentElement !== host) {
        toast?.remove();
        toast = element("p", {class: "toast", role: "status"});
        host.append(toast);
    }
    toast.textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => {
        toast?.remove();
        toast = null;
    }, 2600);
}
