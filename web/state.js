/* What is asked and how it is shown, kept in the address: an address can be bookmarked, sent to another window and
 * gone back to. Nothing else in the page holds a query. */

const filterKeys = ["folder", "after", "before", "orientation", "camera"];

/* image: an indexed photo's id as text, or "mine-…" for one that this browser keeps (photos.js); crop: four fractions
 * or null; settings: those that differ from the method's own; vs: the method beside it or ""; view: the photo shown
 * large. */
function parse(search) {
    const given = new URLSearchParams(search), settings = {}, filters = {};
    for (const [key, value] of given)
        if (key.startsWith("set.")) settings[key.slice(4)] = value;
    for (const key of filterKeys)
        if (given.get(key)) filters[key] = given.get(key);
    const crop = (given.get("crop") || "").split(",").map(Number);
    return {
        image: /^(\d{1,15}|mine-[\w-]{1,64})$/.test(given.get("image") || "") ? given.get("image") : "",
        crop: crop.length === 4 && crop.every((x) => x >= 0 && x <= 1) && crop[2] > 0 && crop[3] > 0 ? crop : null,
        text: given.get("text") || "",
        method: given.get("method") || "",
        settings,
        filters,
        fold: given.get("fold") !== "0",
        vs: given.get("vs") || "",
        scores: given.get("scores") === "1",
        view: /^\d{1,15}$/.test(given.get("view") || "") ? Number(given.get("view")) : null,
    };
}

export function address(state) {
    const given = new URLSearchParams();
    if (state.image) given.set("image", state.image);
    if (state.image && state.crop) given.set("crop", state.crop.map((x) => Number(x.toFixed(4))).join(","));
    for (const key of ["text", "method", "vs"])
        if (state[key]) given.set(key, state[key]);
    for (const [key, value] of Object.entries(state.settings)) given.set("set." + key, value);
    for (const [key, value] of Object.entries(state.filters))
        if (value) given.set(key, value);
    if (!state.fold) given.set("fold", "0");
    if (state.scores) given.set("scores", "1");
    if (state.view !== null) given.set("view", state.view);
    const text = given.toString();
    return text ? "?" + text : "./"; /* below where the page lies, which a proxy may have moved */
}

let current = parse(location.search);
const listeners = [];

export const get = () => current;
export const hasQuery = (state = current) => state.image !== "" || state.text.trim() !== "";
/* The part that the server's answer depends on. */
export const question = ({image, crop, text, method, settings, filters, fold}) => JSON.stringify([
    image, image ? crop : null, text.trim(), method, Object.entries(settings).sort(), Object.entries(filters).sort(),
    fold
]);

export const onChange = (listener) => listeners.push(listener);

/* replace: no new entry for the back button, for what moves in small steps (a slider, the next photo). */
export function go(changes, {replace = false} = {}) {
    const before = current;
    current = {...current, ...changes};
    const to = address(current);
    try {
        if (to !== address(before)) history[replace ? "replaceState" : "pushState"](null, "", to);
    } catch { /* a browser that allows so many changes a second: the next one takes this one along */
    }
    for (const listener of listeners) listener(current, before);
}

addEventListener("popstate", () => {
    const before = current;
    current = parse(location.search);
    for (const listener of listeners) listener(current, before);
});
