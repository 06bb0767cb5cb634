/* The answers: asks for them page by page as the user scrolls, and puts them into the grid. Without a query it shows
 * the collection, newest first; with a frame drawn in the scatter, the photos in it. */
import {at, element, ordinal, plural, tail} from "./dom.js";
import * as api from "./api.js";
import * as notice from "./notice.js";
import * as photos from "./photos.js";
import * as state from "./state.js";
import {Grid} from "./grid.js";

const PAGE = 50;
const NEAR = 900;     /* px below the window: what is asked for there is there when it is scrolled to */
const SCATTER = 5000; /* points that a screen can show and a browser draws at once */

const listeners = [], pageListeners = [];
/* onAnswer(answer): the first page of a search; null: there is none, the collection is shown. onPage(): more was added.
 */
export const onAnswer = (listener) => listeners.push(listener);
export const onPage = (listener) => pageListeners.push(listener);

let running = null; /* the AbortController of what is being asked */
let source = null;  /* next page: async (offset, signal) → {items, total, offset} */
let offset = 0, total = 0, isLoading = false, isFrame = false;
let answer = null;

export const getAnswer = () => answer;

export function ranks(item) {
    const parts = [];
    if (item.image_rank) parts.push(ordinal(item.image_rank) + "\u00a0by\u00a0photo");
    if (item.text_rank) parts.push(ordinal(item.text_rank) + "\u00a0by\u00a0words");
    return parts.join(", ");
}

function label(item) {
    const name = item.path ? tail(item.path) : "photo " + item.id;
    return (item.rank ? `Result ${item.rank}: ` : "") + name + (ranks(item) ? ", " + ranks(item) : "") +
        (item.isDuplicate ? ", near-duplicate" : "");
}

let grid = null;
export const getGrid = () => grid;
export const getItems = () => grid.items;
export const open = (item) => state.go({view: item.id});
export function more(item) {
    state.go({image: String(item.id), crop: null, view: null});
    scrollTo({top: 0});
    at("text").focus();
    at("text").select();
}

export function start() {
    grid = new Grid(at("grid"), {
        actions: {open, more, unfold},
        caption: ranks,
        label,
        row: (width) =>
            (width > 1100    ? 200 :
                 width > 620 ? 170 :
                 width > 420 ? 130 :
                               116)
    });
    addEventListener("scroll", fillScreen, {passive: true});
    addEventListener("resize", fillScreen);
}

/* ---- asking ---- */

export function body(current, extra = {}) {
    const query = {explain: true, fold_duplicates: current.fold, ...extra};
    if (current.text.trim()) query.text = current.text.trim();
    if (current.image && current.crop) query.crop = current.crop;
    if (current.method) query.method = current.method;
    if (Object.keys(current.settings).length > 0) query.settings = current.settings;
    if (Object.keys(current.filters).length > 0) query.filters = current.filters;
    return query;
}

/* The photo of a state as api.search takes it; throws where this browser has lost it. */
export async function photoOf(current) {
    if (!current.image) return null;
    if (/^\d+$/.test(current.image)) return {id: Number(current.image)};
    const blob = await photos.find(current.image);
    if (!blob)
        throw new api.ApiError(
            0, "LOST",
            "This address names a photo that was brought to another browser, or was cleared: choose it again.");
    return {key: current.image, blob};
}

/* Asks anew for what the state says. */
export async function run() {
    const current = state.get();
    running?.abort();
    const control = running = new AbortController();
    isFrame = false;
    busy(true);
    at("results-title").textContent = state.hasQuery(current) ? "Answers" : "Your photos";
    let first = true;
    if (state.hasQuery(current)) {
        let photo = null;
        source = async (from, signal) => {
            photo ??= await photoOf(current);
            const given = await api.search(
                body(current, {k: PAGE, offset: from, ...(first && current.scores ? {scatter: SCATTER} : {})}), photo,
                signal);
            if (first) answer = given;
            /* Two rules of folding are possible: before the page was cut, or within it; stepping by whole pages suits
             * both. */
            return {items: given.hits, total: given.n_matching ?? given.n_images, end: given.hits.length === 0};
        };
    } else {
        source = async (from, signal) => {
            const given = await api.browse(from, PAGE, current.filters, signal);
            if (first) answer = null;
            return {items: given.images, total: given.n, end: given.images.length === 0};
        };
    }
    try {
        const page = await source(0, control.signal);
        first = false;
        notice.hide();
        take(page, true);
        for (const listener of listeners) listener(answer);
    } catch (error) {
        if (control.signal.aborted) return;
        fail(error);
    }
    if (running !== control) return;
    busy(false);
    fillScreen();
}

/* Asks for more where the end of the list is near. */
function fillScreen() {
    if (!at("more").hidden && at("more").getBoundingClientRect().top < innerHeight + NEAR) requestAnimationFrame(next);
}

function take(page, isFirst) {
    offset = isFirst ? PAGE : offset + PAGE;
    total = page.total;
    if (isFirst) grid.show(page.items);
    else grid.add(page.items);
    if (page.end) offset = total;
    summary();
    at("more").replaceChildren(
        offset < total ? element("span", {class: "spinner", role: "img", "aria-label": "Loading"}) :
                         element("p", {class: "end"}, grid.items.length > PAGE ? "That is all of them." : ""));
    if (!isFirst)
        for (const listener of pageListeners) listener();
}

/* The next page, where there is one. */
export async function next() {
    if (isLoading || isFrame || source === null || at("more").hidden || offset >= total ||
        at("grid").getAttribute("aria-busy") === "true")
        return;
    isLoading = true;
    const control = running;
    try {
        const page = await source(offset, control.signal);
        if (control !== running) return;
        take(page, false);
    } catch (error) {
        if (!control.signal.aborted)
            at("more").replaceChildren(element("button", {type: "button", click: next}, "Load more: " + error.message));
        return;
    } finally { isLoading = false; }
    fillScreen();
}

let slow = 0;
function busy(is) {
    clearTimeout(slow);
    at("grid").setAttribute("aria-busy", String(is));
    if (!is) document.body.classList.remove("is-loading");
    else
        slow = setTimeout(() => { /* what is quick should not flicker */
                                  document.body.classList.add("is-loading");
                                  at("summary").textContent = state.hasQuery() ? "Searching …" : "Loading …";
        }, 150);
}

function fail(error) {
    const retry = ["Try again", run], status = error.status;
    at("summary").textContent = "";
    if (status !== 0 || error.code === "LOST") { /* what is shown answers another question */
        answer = source = null;
        grid.show([]);
        at("more").replaceChildren();
        for (const listener of listeners) listener(null);
    }
    if (error.code === "LOST")
        notice.show(
            "The photo of this address is not here", error.message,
            {actions: [["Choose a photo", () => at("file").click()]]});
    else if (status === 0) return;   /* told by the event "away", and asked again when it is back */
    else if (status === 401) return; /* told by the event "token" */
    else if (error.code === "INDEX_GONE") notice.show("The index is not there", error.message, {actions: [retry]});
    else if (status === 503 || status === 429)
        notice.show(
            "The server is busy", "It has more to do than it can; wait a little. " + error.message, {actions: [retry]});
    else if (
        ["BAD_IMAGE", "UNSUPPORTED_IMAGE", "UNSUPPORTED_MEDIA_TYPE"].includes(error.code) || status === 413 ||
        status === 415 || status === 422)
        notice.show("This file cannot be used as a photo", error.message, {
            name: "photo",
            actions: [
                ["Choose another", () => at("file").click()],
                ["Search without it", () => state.go({image: "", crop: null})]
            ]
        });
    else if ((Object.keys(state.get().settings).length > 0 || state.get().method) && status === 400)
        notice.show(
            "The server did not take this", error.message,
            {actions: [["Reset the settings", () => state.go({settings: {}, method: ""})]]});
    else if (status === 404 && state.get().image)
        notice.show("That photo is not in the index any more", error.message, {
            actions: [
                ["Choose a photo", () => at("file").click()],
                ["Search without it", () => state.go({image: "", crop: null})]
            ]
        });
    else notice.show("No answer", error.message, {actions: [retry]});
}

/* ---- what is shown ---- */

const seconds = (ms) => (ms < 950 ? Math.max(1, Math.round(ms)) + "\u00a0ms" : (ms / 1000).toFixed(1) + "\u00a0s");

export function summary() {
    const has = state.hasQuery(), current = state.get(), isFiltered = Object.keys(current.filters).length > 0;
    let text = has ? plural(total, "photo") + ", best first" : plural(total, "photo") + ", newest first";
    if (total === 0) text = "No photos";
    else if (has && answer?.ms) text += " · " + seconds(answer.ms.total);
    at("summary").textContent = text;
    if (total > 0) return;
    at("more").replaceChildren();
    if (isFiltered)
        notice.show(
            "No photo passes the filters", "Remove one of them, or widen the dates.",
            {actions: [["Remove all filters", () => state.go({filters: {}})]]});
    else if (!has || answer?.n_images === 0)
        notice.show(
            "This index holds no photos yet", "Fill it with `cir index FOLDER -o INDEX`, or update it from here.",
            {actions: [["Open the index", () => at("open-index").click()]]});
}

/* Opens or closes the near-duplicates that were folded into a photo. */
async function unfold(item, card) {
    const fold = card.querySelector(".fold"), isOpen = fold.getAttribute("aria-expanded") === "true";
    fold.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) {
        grid.remove(item.duplicates);
        return;
    }
    const found = await Promise.all(item.duplicates.map((id) => api.readImage(id).catch(() => null)));
    grid.add(found.filter(Boolean).map((image) => ({...image, isDuplicate: true})), item.id);
    notice.say(plural(found.length, "near-duplicate") + " shown");
}

/* Shows the photos with these ids, or the whole answer again for null. points: [{id, image_score, text_score}], best
 * first. */
const MAX_FRAME = 200;
let kept = null;
export async function frame(points) {
    if (points === null) {
        if (!isFrame) return;
        isFrame = false;
        grid.show(kept);
        summary();
        fillScreen();
        return;
    }
    if (!isFrame) kept = grid.items.filter((item) => !item.isDuplicate);
    isFrame = true;
    const hits = new Map(kept.map((item) => [item.id, item])), inside = new Set(points.map((point) => point.id));
    /* What was folded into a photo that is in the frame stays folded. */
    const folded = new Set(kept.filter((item) => inside.has(item.id)).flatMap((item) => item.duplicates || []));
    points = points.filter((point) => !folded.has(point.id));
    const asked = points.slice(0, MAX_FRAME);
    const found = [];
    for (let i = 0; i < asked.length && isFrame; i += 50) /* a few at a time: the server has others to serve */
        found.push(...await Promise.all(
            asked.slice(i, i + 50).map((point) => hits.get(point.id) || api.readImage(point.id).catch(() => null))));
    if (!isFrame) return;
    grid.show(found.filter(Boolean));
    at("more").replaceChildren();
    at("summary").textContent = plural(points.length, "photo") + " in the frame" +
        (points.length > MAX_FRAME ? `, the best ${MAX_FRAME} shown` : ", best first");
}
