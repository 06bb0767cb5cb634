/* All photos by their two scores, with the lines of equal fused score; the shown answers are marked. A frame drawn with
 * the pointer or the keyboard shows the photos in it in the grid. With one score alone: how often each value occurs. */
import {at, button, count, drawn, element, icon, number, plural, tail} from "./dom.js";
import {readImage, thumbnail} from "./api.js";
import {formula, fuse, isOneSided} from "./fusion.js";
import {light, onLight} from "./link.js";
import * as picture from "./plot.js";
import * as results from "./results.js";
import * as state from "./state.js";
import * as theme from "./theme.js";

const canvas = element("canvas", {"aria-hidden": "true"}), chart = drawn("svg", {tabindex: "0", role: "application"});
const tip = element("div", {class: "tip", role: "status"}), plot = element("div", {class: "plot"}, canvas, chart);
let points = null; /* [{id, v, t, score}], best first */
let fusion = null, scale = null, isBars = false;
let frame = null;  /* [x0, y0, x1, y1] in scores, or null */
let cursor = null; /* the keyboard's mark, in px */
let anchor = null; /* where the keyboard began a frame */

const side = () => picture.sideOf(fusion);
const marked = () => results.getItems().filter((item) => item.score !== undefined);

/* ---- data ---- */

function take(answer) {
    fusion = answer.fusion;
    isBars = isOneSided(fusion);
    const {ids, image, text} = answer.scatter;
    points = ids.map((id, i) => ({id, v: image?.[i] ?? 0, t: text?.[i] ?? 0}))
                 .filter((point) => Number.isFinite(point.v) && Number.isFinite(point.t));
    for (const point of points) point.score = fuse(fusion, point.v, point.t);
    points.sort((a, b) => b.score - a.score || a.id - b.id);
}

/* ---- drawing ---- */

const spot = (point) => [scale.x(point[isBars ? side() : "v"]), isBars ? scale.bottom : scale.y(point.t)];
function inFrame(point) {
    if (frame === null) return true;
    const x = point[isBars ? side() : "v"];
    return x >= frame[0] && x <= frame[2] && (isBars || (point.t >= frame[1] && point.t <= frame[3]));
}

const marks = new Map(); /* the circles of the shown answers, by id */

function draw() {
    if (!points || at("scores").hidden || plot.clientWidth === 0) return;
    scale = picture.measure(points, fusion, plot.clientWidth);
    chart.setAttribute("viewBox", `0 0 ${scale.width} ${scale.height}`);
    chart.setAttribute("height", scale.height);
    const axes = drawn("g"), lines = drawn("g"), labels = drawn("g"), dots = drawn("g");
    picture.drawAxes(axes, scale, fusion);
    if (!isBars) picture.drawLines(lines, labels, scale, fusion);
    marks.clear();
    const byId = new Map(points.map((point) => [point.id, point]));
    for (const item of [...marked()].reverse()) { /* the best on top */
        const point = byId.get(item.id) || {id: item.id, v: item.image_score, t: item.text_score};
        const [cx, cy] = spot(point), mark = drawn("circle", {cx, cy, r: 4.5, class: "hit"});
        marks.set(item.id, mark);
        dots.append(mark);
    }
    const box = drawn("rect", {class: "frame"});
    chart.replaceChildren(axes, lines, dots, labels, box, drawn("path", {class: "cursor"}));
    picture.drawPoints(canvas, scale, points, inFrame);
    drawFrame();
}

function drawFrame() {
    const box = chart.querySelector(".frame"), mark = chart.querySelector(".cursor");
    if (!box) return;
    if (frame) {
        const [x0, x1] = [scale.x(frame[0]), scale.x(frame[2])],
                   [y0, y1] = isBars ? [scale.top, scale.bottom] : [scale.y(frame[3]), scale.y(frame[1])];
        for (const [name, value] of Object.entries(
                 {x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0)}))
            box.setAttribute(name, value);
    } else box.setAttribute("width", 0);
    mark.setAttribute("d", cursor ? `M${cursor[0] - 8} ${cursor[1]}h16M${cursor[0]} ${cursor[1] - 8}v16` : "");
    at("clear-frame").hidden = frame === null;
}

/* ---- pointer and keyboard ---- */

/* The photo at a place: an answer first, else the nearest other. */
function under(x, y) {
    let best = null, least = 16 * 16;
    const near = (point, bonus) => {
        const [px, py] = spot(point), away = (px - x) ** 2 + (py - y) ** 2 - bonus;
        if (away < least) {
            least = away;
            best = point;
        }
    };
    if (isBars) return null;
    for (const point of points) near(point, marks.has(point.id) ? 60 : 0);
    return best;
}

let asked = null;
async function showTip(point, x, y) {
    asked = point?.id;
    light(point ? point.id : null);
    if (!point) {
        tip.remove();
        return;
    }
    const item = results.getItems().find((one) => one.id === point.id) || await readImage(point.id).catch(() => ({}));
    if (asked !== point.id) return;
    tip.replaceChildren(
        element("img", {src: thumbnail(point.id, 256), alt: ""}),
        element(
            "p", {}, item.rank ? element("b", {}, "result " + count(item.rank) + " ") : null,
            item.path ? tail(item.path) : ""),
        element("p", {}, `photo ${number(point.v)} · words ${number(point.t)} · together ${number(point.score)}`));
    plot.append(tip);
    const left = x + 16 + tip.offsetWidth <= scale.width ? x + 16 : Math.max(0, x - 16 - tip.offsetWidth);
    tip.style.setProperty("left", left + "px");
    tip.style.setProperty(
        "top", Math.max(0, Math.min(y - tip.offsetHeight / 2, scale.height - tip.offsetHeight)) + "px");
}

const clampX = (x) => Math.min(scale.right, Math.max(scale.left, x)),
      clampY = (y) => Math.min(scale.bottom, Math.max(scale.top, y));
/* Half a pixel larger than drawn, so that the mark that a frame starts from is inside however its place is rounded. */
function setFrame(from, to) {
    const [left, right] = [Math.min(from[0], to[0]) - 0.5, Math.max(from[0], to[0]) + 0.5],
                 [top, bottom] = [Math.min(from[1], to[1]) - 0.5, Math.max(from[1], to[1]) + 0.5];
    frame = [scale.v(left), scale.t(bottom), scale.v(right), scale.t(top)];
    drawFrame();
}

function applyFrame() {
    const inside = frame ? points.filter(inFrame) : null;
    picture.drawPoints(canvas, scale, points, inFrame);
    results.frame(inside).then(() => {
        at("frame-said").textContent = inside ? plural(inside.length, "photo") + " in the frame" : "";
        drawMarks();
    });
}

function drawMarks() {
    for (const [id, mark] of marks)
        mark.classList.toggle(
            "out", frame !== null && !inFrame(points.find((point) => point.id === id) || {v: NaN, t: NaN}));
}

function clearFrame() {
    if (!frame) return;
    frame = anchor = null;
    drawFrame();
    applyFrame();
}

function listen() {
    const place = (event) => {
        const box = chart.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
    };
    let from = null, isDragged = false;
    chart.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 || !scale) return;
        from = place(event);
        isDragged = false;
        chart.setPointerCapture(event.pointerId);
    });
    chart.addEventListener("pointermove", (event) => {
        if (!scale) return;
        const to = place(event);
        if (from && (isDragged || Math.hypot(to[0] - from[0], to[1] - from[1]) > 5)) {
            isDragged = true;
            cursor = null;
            showTip(null);
            setFrame([clampX(from[0]), clampY(from[1])], [clampX(to[0]), clampY(to[1])]);
        } else if (!from) showTip(under(...to), ...to);
    });
    chart.addEventListener("pointerup", (event) => {
        const point = from && !isDragged ? under(...place(event)) : null;
        if (isDragged) applyFrame();
        else if (point) state.go({view: point.id});
        else clearFrame();
        from = null;
    });
    chart.addEventListener("pointercancel", () => {
        from = null;
    });
    chart.addEventListener("pointerleave", () => {
        if (!from) showTip(null);
    });
    chart.addEventListener("keydown", (event) => {
        if (!scale || event.altKey || event.ctrlKey || event.metaKey) return;
        const step = event.shiftKey ? 40 : 8,
              by = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]}[event.key];
        const first = marked()[0] && marks.get(marked()[0].id);
        cursor ??= first ? [Number(first.getAttribute("cx")), Number(first.getAttribute("cy"))] :
                           [(scale.left + scale.right) / 2, (scale.top + scale.bottom) / 2];
        if (by) cursor = [clampX(cursor[0] + by[0]), clampY(cursor[1] + by[1])];
        else if (event.key === " ") {
            if (anchor) {
                setFrame(anchor, cursor);
                anchor = null;
                applyFrame();
            } else anchor = [...cursor];
        } else if (event.key === "Enter") {
            const point = under(...cursor);
            if (point) state.go({view: point.id});
        } else if (event.key === "Escape" && frame) clearFrame();
        else return;
        event.preventDefault();
        event.stopPropagation();
        if (anchor) setFrame(anchor, cursor);
        drawFrame();
        showTip(under(...cursor), ...cursor);
    });
    chart.addEventListener("blur", () => {
        cursor = anchor = null;
        drawFrame();
        showTip(null);
    });
    onLight((id, before) => {
        marks.get(before)?.classList.remove("lit");
        marks.get(id)?.classList.add("lit");
    });
}

/* ---- in and out ---- */

export function show(answer) {
    const panel = at("scores"), wants = state.get().scores && answer !== null;
    panel.hidden = !wants;
    at("split").classList.toggle("has-scores", wants);
    document.body.classList.toggle("has-scores", wants);
    frame = anchor = cursor = null;
    if (!wants || !answer.scatter) {
        points = null;
        return;
    }
    take(answer);
    chart.setAttribute(
        "aria-label",
        (isBars ? "How often each score occurs" :
                  "Photo score against words score of " + plural(points.length, "photo")) +
            "; the answers are marked. Arrow keys move a mark, Space starts and ends a frame, Enter opens the photo.");
    at("scores-formula").textContent = formula(fusion);
    at("scores-legend").hidden = isBars;
    at("frame-said").textContent = "";
    draw();
}

/* More answers are shown: they are marked too. */
export const markMore = () => {
    if (points && frame === null) draw();
};

export function start() {
    at("scores").replaceChildren(
        element(
            "div", {class: "head"}, element("h3", {}, "How all photos score"),
            button("", {id: "clear-frame", hidden: true, click: clearFrame}, icon("close"), "Remove the frame"),
            element(
                "button", {
                    type: "button",
                    class: "quiet round",
                    "aria-label": "Close the scores",
                    click: () => state.go({scores: false}, {replace: true})
                },
                icon("close"))),
        plot,
        element(
            "ul", {class: "legend"},
            element(
                "li", {},
                drawn(
                    "svg", {viewBox: "0 0 12 12", "aria-hidden": "true"},
                    drawn("circle", {class: "hit", cx: 6, cy: 6, r: 4.5})),
                "answers shown"),
            element(
                "li", {id: "scores-legend"},
                drawn(
                    "svg", {viewBox: "0 0 12 12", "aria-hidden": "true"},
                    drawn("path", {class: "iso", d: "M0 10Q6 10 12 2"})),
                "equal score")),
        element(
            "p", {class: "hint"}, "Together: ", element("span", {id: "scores-formula"}),
            ". Draw a frame to see the photos in it; point at one to find it."),
        element("p", {class: "hidden-text", role: "status", id: "frame-said"}));
    listen();
    theme.onChange(draw);
    let width = 0;
    new ResizeObserver(() => {
        if (plot.clientWidth !== width) {
            width = plot.clientWidth;
            tip.remove();
            draw();
        }
    }).observe(plot);
}
