/* Keyboard shortcuts of the whole page, and the list of all; none acts while text is being written. In dialogs, the
 * focus goes round. */
import {at, dialogHead, element, openDialog} from "./dom.js";
import * as results from "./results.js";
import * as selection from "./selection.js";

const list = [
    [
        "Anywhere",
        [
            ["/", "Write words"], ["u", "Choose a photo"], ["g", "Go to the photos"], ["f", "Filters"],
            ["t", "Tune the method"], ["e", "Scores of all photos"], ["v", "Two methods side by side"],
            ["?", "This list"]
        ]
    ],
    [
        "On a photo",
        [
            ["← → ↑ ↓", "The others"], ["Enter", "Show it large"], ["Tab", "What can be done with it"],
            ["m", "More like this, but …"], ["x", "Select"], ["d", "Near-duplicates"]
        ]
    ],
    [
        "Large photo",
        [
            ["← →", "The others"], ["m", "More like this, but …"], ["c", "Copy path"], ["o", "Open original"],
            ["x", "Select"], ["Esc", "Close"]
        ]
    ],
    [
        "Scores",
        [
            ["← → ↑ ↓", "Move the mark (Shift: further)"], ["Space", "Start a frame, and end it"],
            ["Enter", "Show the photo at the mark"], ["Esc", "Remove the frame"]
        ]
    ],
];

export function open() {
    const dialog = at("keys");
    dialog.replaceChildren(
        dialogHead("keys-title", "Keyboard", dialog),
        element(
            "div", {class: "columns"},
            ...list.map(
                ([title, keys]) => element(
                    "section", {}, element("h3", {}, title),
                    element(
                        "dl", {},
                        ...keys.map(
                            ([key, does]) => element(
                                "div", {}, element("dt", {}, ...key.split(" ").map((one) => element("kbd", {}, one))),
                                element("dd", {}, does))))))));
    openDialog(dialog);
}

/* Esc, and the round of the tab key: a dialog alone would let the focus out to the browser's own buttons. */
function keepIn(event) {
    const dialog = document.querySelector("dialog[open]");
    if (!dialog || event.key !== "Tab") return;
    const stops = [...dialog.querySelectorAll("button, a[href], input, select, [tabindex='0']")].filter(
        (stop) => !stop.disabled && stop.tabIndex >= 0 && stop.offsetParent);
    if (stops.length === 0) return;
    const first = stops[0], last = stops[stops.length - 1], now = document.activeElement;
    const to = event.shiftKey && (now === first || !dialog.contains(now)) ? last :
        !event.shiftKey && (now === last || !dialog.contains(now))        ? first :
                                                                            null;
    if (to) {
        event.preventDefault();
        to.focus();
    }
}

function act(event) {
    const target = event.target;
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented ||
        document.querySelector("dialog[open]"))
        return;
    if (target.matches("input:not([type=checkbox]):not([type=range]), textarea, select")) return;
    const card = target.closest("li.photo"), click = (id) => () => at(id)?.click();
    const onPhoto = card && {
        m: () => card.querySelector(".like")?.click(),
        x: () => card.querySelector(".pick input").click(),
        d: () => card.querySelector(".fold")?.click()
    };
    const anywhere = {
        "/": () => {
            at("text").focus();
            at("text").select();
            scrollTo({top: 0});
        },
        u: () => at("file").click(),
        f: click("open-filters"),
        t: click("open-controls"),
        e: click("open-scores"),
        v: click("open-compare"),
        "?": open,
        g: () => {
            const first = results.getGrid().current;
            if (first !== null) results.getGrid().focus(first);
        },
        Escape: () => {
            if (selection.isOn()) selection.setOn(false);
        }
    };
    const chosen = (onPhoto && onPhoto[event.key]) || anywhere[event.key];
    if (!chosen) return;
    if (event.key !== "Escape") event.preventDefault();
    chosen();
}

export function start() {
    document.addEventListener("keydown", keepIn);
    document.addEventListener("keydown", act);
    at("open-keys").addEventListener("click", open);
}
