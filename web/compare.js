/* Two methods side by side on one query: what both find, and what only one does. */
import {at, count, element, plural, tail} from "/web/dom.js";
import * as api from "/web/api.js";
import {methodChoice, methodName, setMethod} from "/web/controls.js";
import {Grid} from "/web/grid.js";
import * as results from "/web/results.js";
import * as state from "/web/state.js";

const N = 40;
let running = null, sides = [];

function side(id, change, value) {
    const list = element("ul", {class: "grid", "aria-label": "Answers of " + methodName(value)}),
          said = element("p", {class: "hint", role: "status"});
    const places = new Map(), made = {list, said, places, other: null};
    const elsewhere = (item) => {
        const place = made.other.places.get(item.id);
        return place ? `#${count(place)}\u00a0there` : "only here";
    };
    made.grid = new Grid(list, {
        actions: {open: results.open, more: results.more},
        row: (width) =>
            (width > 700     ? 150 :
                 width > 330 ? 116 :
                               92),
        caption: elsewhere,
        label: (item) => `Result ${item.rank}: ${tail(item.path)}, ${elsewhere(item)}`
    });
    made.part = element("section", {"aria-label": methodName(value)}, element("div", {class: "head"},
        element("label", {class: "hidden-text", for: id}, id === "method-here" ? "Method on the left" : "Method on the right"), methodChoice(id, value, change), said), list);
        return made;
}

/* The answers of the second method; the first one's are there already. */
export async function show(answer) {
        const current = state.get(), wants = current.vs !== "" && answer !== null;
        at("compare").hidden = !wants;
        at("grid").hidden = at("more").hidden = wants;
        running?.abort();
        if (!wants) {
            at("compare").replaceChildren();
            sides = [];
            return;
        }
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
        sides = [
            side("method-here", setMethod, current.method || "basic-"),
            side("method-there", (vs) => state.go({vs}), current.vs)
        ];
        sides[0].other = sides[1];
        sides[1].other = sides[0];
        [mine, theirs].forEach((hits, i) => hits.forEach((hit) => sides[i].places.set(hit.id, hit.rank)));
        at("compare").replaceChildren(...sides.map((one) => one.part));
        sides[0].grid.show(mine);
        sides[1].grid.show(theirs);
        const common = mine.filter((hit) => sides[1].places.has(hit.id)).length;
        for (const [one, hits] of [[sides[0], mine], [sides[1], theirs]]) {
            one.said.textContent = hits.length > common ? `${count(hits.length - common)} only here, framed` : "";
            for (const item of one.grid.items)
                one.grid.cards.get(item.id).classList.toggle("alone", !one.other.places.has(item.id));
        }
        at("summary").textContent = `${count(common)} of the best ${count(mine.length)} are the same`;
        if (focused) at(focused)?.focus();
}
