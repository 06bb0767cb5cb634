/* How an image score and a text score become one, as include/cir/search.h defines it, and the lines on which the result
 * is equal. */
import {number} from "./dom.js";

/* The Gaussian distribution function; the error function by Abramowitz and Stegun 7.1.26, right to 1.5e-7. */
function gauss(z) {
    const x = Math.abs(z) / Math.SQRT2, u = 1 / (1 + 0.3275911 * x);
    const rest = u * (0.254829592 + u * (-0.284496736 + u * (1.421413741 + u * (-1.453152027 + u * 1.061405429)))) *
        Math.exp(-x * x);
    return z > 0 ? 1 - rest / 2 : rest / 2;
}

export function fuse({kind, clamps, lambda = 0, weight = 0.5}, v, t) {
    if (clamps) {
        v = Math.max(v, 0);
        t = Math.max(t, 0);
    }
    switch (kind) {
    case "image": return v;
    case "text": return t;
    case "sum": return 2 * ((1 - weight) * v + weight * t);
    case "product": return weight === 0.5 ? v * t : Math.pow(v, 2 - 2 * weight) * Math.pow(t, 2 * weight);
    case "gauss": return (1 - weight) * gauss(v) + weight * gauss(t);
    default: return v * t - lambda * (v + t) * (v + t);
    }
}

/* The same in words. */
export function formula({kind, lambda = 0, weight = 0.5}) {
    const short = (x) => number(x).replace(/\.?0+$/, ""), times = (x) => (x === 1 ? "" : short(x) + "·"),
          power = (x, p) => (p === 1 ? x : x + "^" + short(p));
    switch (kind) {
    case "image": return "photo score";
    case "text": return "words score";
    case "sum": return times(2 - 2 * weight) + "photo + " + times(2 * weight) + "words";
    case "product": return power("photo", 2 - 2 * weight) + " · " + power("words", 2 * weight);
    case "gauss": return times(1 - weight) + "Φ(photo) + " + times(weight) + "Φ(words)";
    default: return "photo · words" + (lambda === 0 ? "" : " − " + times(lambda) + "(photo + words)²");
    }
}

export const isOneSided = (fusion) => fusion.kind === "image" || fusion.kind === "text";

/* Round values between low and high, about n of them, and how many decimals they need. */
export function ticks(low, high, n) {
    const raw = (high - low) / n, power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999), values = [];
    for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k++) values.push(k * step);
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return {values, text: (x) => (x < 0 && x <= -step / 2 ? "−" : "") + Math.abs(x).toFixed(decimals)};
}

/* The pieces of the line where a field has a level (marching squares, the crossing of an edge by linear interpolation).
 * values: [(n + 1)²], row by row. Gives [[x0, y0, x1, y1], …] in cells. */
export function contour(values, n, level) {
    const side = n + 1, pieces = [];
    const part = (p, q) => (level - values[p]) / (values[q] - values[p]);
    for (let j = 0; j < n; j++)
        for (let i = 0; i < n; i++) {
            const a = j * side + i, b = a + 1, c = a + side, d = c + 1, cut = [];
            const crosses = (p, q) => values[p] >= level !== values[q] >= level;
            if (crosses(a, b)) cut.push([i + part(a, b), j]);
            if (crosses(a, c)) cut.push([i, j + part(a, c)]);
            if (crosses(b, d)) cut.push([i + 1, j + part(b, d)]);
            if (crosses(c, d)) cut.push([i + part(c, d), j + 1]);
            for (let k = 0; k + 1 < cut.length; k += 2) pieces.push([...cut[k], ...cut[k + 1]]);
        }
    return pieces;
}
