/* Light and dark: as the system has it, until the user says otherwise. */
import {at, icon} from "./dom.js";

const KEY = "cir-theme", system = matchMedia("(prefers-color-scheme: dark)");
const listeners = [];

/* What is drawn on a canvas has to be drawn again. */
export const onChange = (listener) => listeners.push(listener);

let chosen = null; /* "light", "dark", or null: as the system */

function draw() {
    const isDark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    const toggle = at("theme"), name = isDark ? "Light colours" : "Dark colours";
    toggle.replaceChildren(icon(isDark ? "sun" : "moon"));
    toggle.setAttribute("aria-label", name);
    toggle.title = name;
    for (const listener of listeners) listener();
}

export function start() {
    try {
        chosen = localStorage.getItem(KEY);
    } catch { /* storage is not allowed */
    }
    at("theme").addEventListener("click", () => {
        const toDark = document.documentElement.dataset.theme !== "dark";
        chosen = toDark === system.matches ? null : toDark ? "dark" : "light";
        try {
            if (chosen) localStorage.setItem(KEY, chosen);
            else localStorage.removeItem(KEY);
        } catch { /* it lasts as long as the page */
        }
        draw();
    });
    system.addEventListener("change", draw);
    draw();
}
