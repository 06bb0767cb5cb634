/* Two methods side by side on one query: what both find, and what only one does. */
import {at, count, element, ordinal, tail} from "./dom.js";
import * as api from "./api.js";
import {methodChoice, methodName, setMethod} from "./controls.js";
import {Grid} from "./grid.js";
import * as results from "./results.js";
import * as state from "./state.js";

const N = 40;
let running = null, sides = null, isShown = false;

function rowHeight(width) {
    if (width > 700) return 150;
    return width > 330 ? 116 : 92;
}

/* One column; its method and its answers are put in by fill. other(): the other column. */
function makeSide(id, name, change, other) {
    const side = {id, change, places: new Map(), said: element("p", {class: "hint", role: "status"})};
    const elsewhere = (item) => {
        const place = other().places.get(item.id);
        return place ? ordinal(place) + "\u00a0on the other side" : "only here";
    };
    side.choice = element("div");
    side.list = element("ul", {class: "grid"});
    const label = element("label", {class: "hidden-text", "for": id}, name);
    side.part = element("section", {}, element("div", {class: "head"}, label, side.choice, side.said), side.list);
    side.grid = new Grid(side.list, {
        actions: {open: results.open, more: results.more},
        row: rowHeight,
        caption: elsewhere,
        label: (item) => `Result ${item.rank}: ${tail(item.path)}, ${elsewhere(item)}`
    });
    return side;
}

function place(side, method, hits) {
    side.choice.replaceChildren(methodChoice(side.id, method, side.change));
    side.part.setAttribute("aria-label", methodName(method));
    side.list.setAttribute("aria-label", "Answers of " + methodName(method));
    side.places = new Map(hits.map((hit) => [hit.id, hit.rank]));
}

function fill(side, other, hits) {
    side.grid.show(hits);
    const alone = hits.filter((hit) => !other.places.has(hit.id));
    for (const hit of alone) side.grid.cards.get(hit.id).classList.add("alone");
    side.said.textContent = alone.length > 0 ? `${count(alone.length)} found only on this side (framed)` : "";
}

/* The answers of the second method; the first one's are there already. */
export async function show(answer) {
    const current = state.get(), wants = current.vs !== "" && answer !== null;
    at("compare").hidden = !wants;
    at("grid").hidden = at("more").hidden = wants;
    running?.abort();
    if (!wants && isShown && answer !== null) results.summary();
    isShown = wants;
    if (!wants) return;
    const control = running = new AbortController();
    const {expand, ...settings} = current.settings; /* of the first method's own */
    let other;
    try {
        const query = {...results.body({...current, settings}), k: N, offset: 0, method: current.vs};
        other = await api.search(query, await results.photoOf(current), control.signal);
    } catch (error) {
        if (control.signal.aborted) return;
        at("compare").replaceChildren(
            element("p", {class: "hint"}, `${methodName(current.vs)} gave no answer: ${error.message}`));
        return;
    }
    if (control.signal.aborted) return;
    const focused = at("compare").contains(document.activeElement) ? document.activeElement.id : "";
    const mine = answer.hits.slice(0, N), theirs = other.hits;
    sides ??= [
        makeSide("method-here", "Method on the left", setMethod, () => sides[1]),
        makeSide("method-there", "Method on the right", (vs) => state.go({vs}), () => sides[0])
    ];
    const [left, right] = sides;
    at("compare").replaceChildren(left.part, right.part);
    place(left, current.method || "basic-", mine);
    place(right, current.vs, theirs);
    fill(left, right, mine);
    fill(right, left, theirs);
    const common = mine.filter((hit) => right.places.has(hit.id)).length;
    at("summary").textContent = `${count(common)} of the best ${count(mine.length)} are the same`;
    if (focused) at(focused)?.focus();
}
