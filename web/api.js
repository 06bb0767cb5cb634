/* The server: every request of the page goes through here. Busy answers (503, 429) are waited for, a server that is
 * gone is waited for too; an upload that the server forgot is sent again. Who wants to tell the user listens to
 * `server`. */

/* Events: "busy" {seconds}, "away", "back", "token". */
export const server = new EventTarget();
const tell = (type, detail = {}) => server.dispatchEvent(new CustomEvent(type, {detail}));

export class ApiError extends Error {
    constructor(status, code, message) {
        super(message);
        Object.assign(this, {status, code});
    }
}

const MAX_BUSY = 8; /* more turns than that mean that waiting does not help */
let isAway = false;

const pause = (seconds, signal) => new Promise((resolve, reject) => {
    const stop = () => {
        clearTimeout(timer);
        reject(new DOMException("", "AbortError"));
    };
    const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, {once: true});
});

async function failure(response) {
    let error = {};
    try {
        error = (await response.json()).error || {};
    } catch { /* a proxy's page, or a body that was cut off */
    }
    return new ApiError(
        response.status, error.code || "HTTP_" + response.status,
        error.message || `the server answered ${response.status} ${response.statusText}`);
}

/* Gives the response; throws ApiError, with status 0 where the server could not be reached. */
async function request(path, options = {}) {
    for (let turn = 0;; turn++) {
        let response;
        try {
            response = await fetch(path, {credentials: "same-origin", redirect: "error", ...options});
        } catch (error) {
            if (error.name === "AbortError") throw error;
            if (!isAway) {
                isAway = true;
                tell("away");
                waitForServer();
            }
            throw new ApiError(0, "AWAY", "The server does not answer.");
        }
        if (response.ok) return response;
        const problem = response.status === 503 ? await failure(response) : null;
        if (problem?.code === "INDEX_GONE") throw problem; /* no waiting brings a drive back */
        if ((response.status === 503 || response.status === 429) && turn < MAX_BUSY) {
            const seconds = Math.min(30, Math.max(0.2, Number(response.headers.get("Retry-After")) || 1));
            tell("busy", {seconds});
            await pause(seconds, options.signal);
            continue;
        }
        if (response.status === 401) tell("token");
        throw problem || await failure(response);
    }
}

async function waitForServer() {
    while (isAway) {
        await pause(1);
        try {
            if ((await fetch("healthz", {cache: "no-store"})).ok) {
                isAway = false;
                tell("back");
            }
        } catch { /* still away */
        }
    }
}

const json = async (path, options) => (await request(path, options)).json();

/* ---- photos and the index ---- */

export const thumbnail = (id, size) => `v1/images/${id}/thumbnail?size=${size}`;
export const original = (id) => `v1/images/${id}/file`;
export const readIndex = () => json("v1/index");
export const startUpdate = () => json("v1/index/update", {method: "POST"});
export const events = () => new EventSource("v1/index/events");
export const readFile = (id, signal) => request(original(id), {signal});

const known = new Map();
/* One photo's description; asked for once. */
export function readImage(id) {
    if (!known.has(id))
        known.set(id, json(`v1/images/${id}`).catch((error) => {
            known.delete(id);
            throw error;
        }));
    return known.get(id);
}

export function browse(offset, limit, filters, signal) {
    const query = new URLSearchParams({offset, limit, ...filters});
    return json("v1/images?" + query, {signal});
}

/* ---- searching ---- */

const tokens = new Map(); /* the server's name of an upload, by the photo's key and the crop */

/* photo: null, {id} or {key, blob}. The picture itself travels once; after that its name does. */
export async function search(query, photo, signal) {
    const post = (body, headers = {}) => json("v1/search", {method: "POST", body, headers, signal});
    const asJson = (image) =>
        post(JSON.stringify(image ? {image, ...query} : query), {"Content-Type": "application/json"});
    if (!photo) return asJson(null);
    if (photo.id !== undefined) return asJson({id: photo.id});
    const key = photo.key + JSON.stringify(query.crop || null);
    if (tokens.has(key)) {
        try {
            return await asJson({upload: tokens.get(key)});
        } catch (error) {
            if (error.status !== 410) throw error; /* 410: the server has forgotten it; it gets the picture again */
            tokens.delete(key);
        }
    }
    const form = new FormData();
    form.append("image", photo.blob, photo.blob.name || "photo");
    form.append("query", JSON.stringify(query));
    const answer = await post(form);
    if (answer.upload) tokens.set(key, answer.upload);
    return answer;
}

/* ---- the token of a server that is open to other machines ---- */

const KEPT = "cir-token";

/* True where the server took it: it then knows this browser by a cookie, which pictures and events need. */
export async function openSession(token) {
    const response = await fetch("v1/session", {method: "POST", headers: {Authorization: "Bearer " + token}});
    if (response.ok) sessionStorage.setItem(KEPT, token);
    else sessionStorage.removeItem(KEPT);
    return response.ok;
}

/* Takes the token from the address, where the server's own link puts it, and out of sight. */
export async function startSession() {
    const given = new URLSearchParams(location.hash.slice(1)).get("token"),
          token = given || sessionStorage.getItem(KEPT);
    if (given) history.replaceState(null, "", location.pathname + location.search);
    if (token) await openSession(token).catch(() => false);
}
