/* The picture of the scores: where a score lies on the screen, the axes, the lines of equal fused score, the points.
 * Knows nothing of answers, frames and pointers: scatter.js does. */
import {count, drawn} from "./dom.js";
import {contour, fuse, isOneSided, ticks} from "./fusion.js";

const N_BINS = 48;

/* Of a point {v, t}: the score that a picture of one side shows. */
export const sideOf = (fusion) => (fusion.kind === "text" ? "t" : "v");

function range(values) {
    let low = Infinity, high = -Infinity;
    for (const value of values) {
        low = Math.min(low, value);
        high = Math.max(high, value);
    }
    if (!(high > low)) {
        low -= 0.5;
        high += 0.5;
    }
    const edge = (high - low) * 0.04;
    return [low - edge, high + edge];
}

/* From scores to px and back, for a plot of that width. With one score alone upwards are counts, in `bins`. */
export function measure(points, fusion, width) {
    const isBars = isOneSided(fusion), side = sideOf(fusion), bins = new Array(N_BINS).fill(0);
    const height = Math.round(Math.max(230, Math.min(520, innerHeight * 0.6, width * (isBars ? 0.6 : 0.9))));
    const box = {left: 44, right: width - 8, top: 8, bottom: height - 40};
    const xs = range(points.map((point) => point[isBars ? side : "v"]));
    if (isBars) {
        for (const point of points)
            bins[Math.min(N_BINS - 1, Math.floor(N_BINS * (point[side] - xs[0]) / (xs[1] - xs[0])))]++;
    }
    const most = isBars ? Math.max(...bins) : 0, ys = isBars ? [0, most] : range(points.map((point) => point.t));
    const tall = (n) => Math.log1p(n) / Math.log1p(most); /* the few that score high must be seen beside the many */
    return {
        ...box,
        width,
        height,
        xs,
        ys,
        isBars,
        bins,
        x: (v) => box.left + ((v - xs[0]) / (xs[1] - xs[0])) * (box.right - box.left),
        y: isBars ? (n) => box.bottom - tall(n) * (box.bottom - box.top) :
                    (t) => box.bottom - ((t - ys[0]) / (ys[1] - ys[0])) * (box.bottom - box.top),
        v: (x) => xs[0] + ((x - box.left) / (box.right - box.left)) * (xs[1] - xs[0]),
        t: (y) => ys[0] + ((box.bottom - y) / (box.bottom - box.top)) * (ys[1] - ys[0])
    };
}

export function drawAxes(axes, scale, fusion) {
    const {isBars} = scale;
    const line = (x1, y1, x2, y2, kind) => axes.append(drawn("line", {x1, y1, x2, y2, class: kind}));
    const write = (x, y, text, anchor, kind = "") =>
        axes.append(drawn("text", {x, y, "text-anchor": anchor, class: kind}, text));
    const xs = ticks(...scale.xs, scale.width < 420 ? 4 : 6);
    for (const v of xs.values) {
        line(scale.x(v), scale.bottom, scale.x(v), scale.bottom + 4, "axis");
        write(scale.x(v), scale.bottom + 17, xs.text(v), "middle");
    }
    const ys =
        isBars ? {values: [1, 10, 100, 1e3, 1e4].filter((n) => n <= scale.ys[1]), text: count} : ticks(...scale.ys, 6);
    for (const t of ys.values) {
        line(scale.left - 4, scale.y(t), scale.left, scale.y(t), "axis");
        write(scale.left - 7, scale.y(t) + 4, ys.text(t), "end");
    }
    line(scale.left, scale.bottom, scale.right, scale.bottom, "axis");
    line(scale.left, scale.top, scale.left, scale.bottom, "axis");
    write(
        (scale.left + scale.right) / 2, scale.height - 6,
        (isBars && sideOf(fusion) === "t" ? "words score" : "photo score") + " →", "middle", "title");
    axes.append(drawn(
        "text", {
            class: "title",
            "text-anchor": "middle",
            transform: `translate(11 ${(scale.top + scale.bottom) / 2}) rotate(-90)`
        },
        isBars ? "photos" : "words score →"));
}

/* Lines of equal fused score, and their labels. */
export function drawLines(layer, labels, scale, fusion) {
    const n = 96, values = new Float64Array((n + 1) * (n + 1));
    for (let j = 0; j <= n; j++)
        for (let i = 0; i <= n; i++) {
            const v = scale.xs[0] + (i / n) * (scale.xs[1] - scale.xs[0]),
                  t = scale.ys[0] + (j / n) * (scale.ys[1] - scale.ys[0]);
            values[j * (n + 1) + i] = fuse(fusion, v, t);
            /* Where the clamp makes both 0 the score is 0 all over: no line runs round it. */
            if (fusion.kind === "harris" && fusion.clamps && v <= 0 && t <= 0) values[j * (n + 1) + i] = -1e-9;
        }
    const [low, high] = values.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);
    if (!(high > low)) return;
    const x = (i) => scale.left + (i / n) * (scale.right - scale.left),
          y = (j) => scale.bottom - (j / n) * (scale.bottom - scale.top);
    const round = ticks(low, high, 8), taken = [];
    for (const level of round.values) {
        const pieces = contour(values, n, level), kind = Math.abs(level) < 1e-12 ? " zero" : "";
        if (pieces.length < 6) continue;
        layer.append(drawn("path", {
            class: "iso" + kind,
            d: pieces
                   .map(
                       ([a, b, c, d]) => `M${x(a).toFixed(1)} ${y(b).toFixed(1)}L${x(c).toFixed(1)} ${y(d).toFixed(1)}`)
                   .join("")
        }));
        /* The label stands where the line leaves through the right or upper edge, if no other is near. */
        const ends =
            pieces.flatMap(([a, b, c, d]) => [[a, b], [c, d]]).filter(([i, j]) => i > n - 0.01 || j > n - 0.01);
        for (const [i, j] of ends) {
            const place = [Math.min(x(i), scale.right) - 4, Math.max(y(j), scale.top) + (j > n - 0.01 ? 12 : -3)];
            if (place[0] < scale.left + 30 ||
                taken.some((other) => Math.abs(other[0] - place[0]) < 34 && Math.abs(other[1] - place[1]) < 13))
                continue;
            taken.push(place);
            labels.append(drawn(
                "text", {class: "label" + kind, x: place[0], y: place[1], "text-anchor": "end"}, round.text(level)));
        }
    }
}

/* isIn(point): whether it is inside the frame; the others fade. */
export function drawPoints(canvas, scale, points, isIn) {
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(scale.width * ratio);
    canvas.height = Math.round(scale.height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--point");
    if (scale.isBars) {
        const wide = (scale.right - scale.left) / scale.bins.length;
        pen.globalAlpha = 0.6;
        scale.bins.forEach(
            (n, i) => n > 0 && pen.fillRect(scale.left + i * wide, scale.y(n), wide - 0.8, scale.bottom - scale.y(n)));
        return;
    }
    const many = points.length > 2000;
    for (const point of points) {
        pen.globalAlpha = isIn(point) ? (many ? 0.4 : 0.65) : 0.1;
        pen.beginPath();
        pen.arc(scale.x(point.v), scale.y(point.t), many ? 1.7 : 2.2, 0, 7);
        pen.fill();
    }
}
