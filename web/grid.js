/* A justified grid: photos in rows of equal width, each whole and in its own shape. Thumbnails load when they come
 * near.
 *
 * One photo of a grid is a tab stop, with its own buttons behind it; the arrow keys go to the others. A grid of
 * thousands is thus four steps of the tab key and not thousands. */
import {element, icon, count, tail} from "./dom.js";
import {thumbnail} from "./api.js";
import {light, onLight} from "./link.js";
import * as selection from "./selection.js";

const GAP = 8;
const sizes = [128, 256, 512, 1024];

const shape = (item) => Math.min(3, Math.max(0.4, item.width / item.height || 4 / 3));

export class Grid {
    /* list: the element to fill. actions: open(item), more(item), unfold(item) or none; caption(item): text or "";
     * label(item): what a screen reader says; row: height to aim at, in px, of the list's width. */
    constructor(list, {actions, caption, label, row}) {
        Object.assign(
            this, {list, actions, caption, label, row, items: [], cards: new Map(), current: null, n_placed: 0});
        list.addEventListener("keydown", (event) => this.key(event));
        list.addEventListener("focusin", (event) => this.enter(event.target.closest("li")));
        list.addEventListener("focusout", () => light(null));
        list.addEventListener("pointerover", (event) => light(this.idOf(event.target)));
        list.addEventListener("pointerleave", () => light(null));
        onLight((id, before) => {
            this.cards.get(before)?.classList.remove("lit");
            this.cards.get(id)?.classList.add("lit");
        });
        selection.onChange(() => this.cards.forEach((card, id) => this.mark(card, id)));
        let width = 0;
        new ResizeObserver(() => {
            if (Math.abs(list.clientWidth - width) > 0) {
                width = list.clientWidth;
                this.n_placed = 0;
                this.layout();
            }
        }).observe(list);
    }

    idOf(target) {
        const card = target.closest("li");
        return card ? Number(card.dataset.id) : null;
    }

    show(items) {
        const focused = this.list.contains(document.activeElement) ? this.idOf(document.activeElement) : null;
        this.items = [];
        this.cards.clear();
        this.current = null;
        this.n_placed = 0;
        this.list.replaceChildren();
        this.add(items);
        if (focused !== null)
            (this.cards.has(focused) ? this.focus(focused) : this.items[0] && this.focus(this.items[0].id));
    }

    add(items, after = null) {
        const fresh = items.filter((item) => !this.cards.has(item.id));
        const made = fresh.map((item) => {
            const card = this.card(item);
            this.cards.set(item.id, card);
            return card;
        });
        if (after === null) {
            this.items.push(...fresh);
            this.list.append(...made);
        } else {
            this.n_placed = 0;
            this.items.splice(this.items.findIndex((item) => item.id === after) + 1, 0, ...fresh);
            this.cards.get(after).after(...made);
        }
        if (this.current === null && this.items.length > 0) this.setCurrent(this.items[0].id);
        this.layout();
    }

    remove(ids) {
        this.n_placed = 0;
        for (const id of ids) {
            this.cards.get(id)?.remove();
            this.cards.delete(id);
        }
        this.items = this.items.filter((item) => this.cards.has(item.id));
        if (!this.cards.has(this.current)) this.setCurrent(this.items[0]?.id ?? null);
        this.layout();
    }

    card(item) {
        const {open, more, unfold} = this.actions, name = item.path ? tail(item.path) : "photo " + item.id;
        const wide = this.rowHeight() * Math.max(1, shape(item)) * 1.25 * Math.min(2, devicePixelRatio || 1);
        const picture = element("img", {
            alt: "",
            loading: "lazy",
            decoding: "async",
            draggable: "true",
            error: () => card.classList.add("broken")
        });
        picture.src = thumbnail(item.id, sizes.find((size) => size >= wide) || 1024);
        const text = this.caption ? this.caption(item) : "";
        const card = element(
            "li", {"data-id": item.id, class: "photo" + (item.isDuplicate ? " duplicate" : "")},
            element(
                "button", {
                    type: "button",
                    class: "open",
                    "data-id": item.id,
                    tabindex: "-1",
                    "aria-label": this.label(item),
                    click: (event) => (selection.isOn() || event.shiftKey ? selection.toggle(item) : open(item))
                },
                picture, element("span", {class: "missing", "aria-hidden": "true"}, name)),
            item.rank ? element("span", {class: "rank", "aria-hidden": "true"}, count(item.rank)) : null,
            element(
                "label", {class: "pick"}, element("input", {
                    type: "checkbox",
                    tabindex: "-1",
                    "aria-label": "Select " + name,
                    change: () => selection.toggle(item)
                }),
                icon("check")),
            more ? element(
                       "button", {
                           type: "button",
                           class: "like",
                           tabindex: "-1",
                           "aria-label": "More like this, but …: " + name,
                           title: "More like this, but …",
                           click: () => more(item)
                       },
                       icon("more")) :
                   null,
            item.n_duplicates > 0 && unfold ?
                element(
                    "button", {
                        type: "button",
                        class: "fold",
                        tabindex: "-1",
                        "aria-expanded": "false",
                        "aria-label": count(item.n_duplicates) + " near-duplicates of " + name,
                        title: "Near-duplicates",
                        click: () => unfold(item, card)
                    },
                    "+" + count(item.n_duplicates)) :
                null,
            element("p", {class: "caption"}, text));
        picture.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/x-cir-id", String(item.id)));
        this.mark(card, item.id);
        return card;
    }

    mark(card, id) {
        const box = card.querySelector(".pick input");
        box.checked = selection.has(id);
        card.classList.toggle("picked", box.checked);
    }

    rowHeight() { return this.row(this.list.clientWidth); }

    /* Fills row after row up to the width; the last one keeps the height aimed at. Rows that were full stay: whoever
     * changes what is in them, or the width, sets n_placed to 0. */
    layout() {
        const width = this.list.clientWidth, aim = this.rowHeight();
        if (width === 0) return;
        let row = [], shapes = 0;
        const place = (height) => {
            for (const [card, ratio] of row) {
                /* Rounded down a little, so that the sum never wraps. */
                card.style.width = (Math.floor(height * ratio * 100) / 100 - 0.02) + "px";
                card.style.setProperty("--height", height.toFixed(2) + "px");
            }
            row = [];
            shapes = 0;
        };
        for (let i = this.n_placed; i < this.items.length; i++) {
            const ratio = shape(this.items[i]);
            row.push([this.cards.get(this.items[i].id), ratio]);
            shapes += ratio;
            const height = (width - GAP * (row.length - 1)) / shapes;
            if (height > aim) continue;
            place(height);
            this.n_placed = i + 1;
        }
        if (row.length > 0) place(Math.min(aim, (width - GAP * (row.length - 1)) / shapes));
    }

    /* ---- focus ---- */

    setCurrent(id) {
        const stops = (card, index) => card?.querySelectorAll("button, input").forEach((stop) => {
            stop.tabIndex = index;
        });
        stops(this.cards.get(this.current), -1);
        this.current = id;
        stops(this.cards.get(id), 0);
    }

    enter(card) {
        if (!card) return;
        this.setCurrent(Number(card.dataset.id));
        light(this.current);
    }

    /* What opens a photo, made the tab stop; null where it is not shown. */
    opener(id) {
        if (!this.cards.has(id)) return null;
        this.setCurrent(id);
        return this.cards.get(id).querySelector(".open");
    }

    focus(id) {
        this.setCurrent(id);
        const card = this.cards.get(id);
        card.querySelector(".open").focus({preventScroll: true});
        card.scrollIntoView({block: "nearest"});
    }

    key(event) {
        if (event.altKey || event.ctrlKey || event.metaKey) return;
        const i = this.items.findIndex((item) => item.id === this.current);
        const to = {
            ArrowLeft: i - 1,
            ArrowRight: i + 1,
            ArrowUp: this.beside(i, -1),
            ArrowDown: this.beside(i, 1),
            Home: 0,
            End: this.items.length - 1
        }[event.key];
        if (to === undefined || i < 0) return;
        event.preventDefault();
        const target = this.items[Math.min(this.items.length - 1, Math.max(0, to))];
        this.focus(target.id);
    }

    /* The photo of the next row that lies nearest. */
    beside(i, step) {
        const centre = (card) => card.offsetLeft + card.offsetWidth / 2;
        const from = this.cards.get(this.items[i]?.id);
        if (!from) return i;
        let best = i, least = Infinity, top = null;
        for (let j = i + step; j >= 0 && j < this.items.length; j += step) {
            const card = this.cards.get(this.items[j].id);
            if (Math.abs(card.offsetTop - from.offsetTop) < 2) continue;
            top ??= card.offsetTop;
            if (Math.abs(card.offsetTop - top) > 2) break;
            const away = Math.abs(centre(card) - centre(from));
            if (away < least) {
                least = away;
                best = j;
            }
        }
        return best;
    }
}
