/* Photos that the user brought, kept in this browser (IndexedDB) so that an address, the back button and the recent
 * queries find them again. They go nowhere but to the server that the page came from. */

const N_KEPT = 24;
const memory = new Map(); /* where the browser keeps nothing, as in private windows: as long as the page lives */
let opening = null;

function open() {
    opening ??= new Promise((resolve) => {
        try {
            const asked = indexedDB.open("cir", 1);
            asked.onupgradeneeded = () => asked.result.createObjectStore("photos", {keyPath: "key"});
            asked.onsuccess = () => resolve(asked.result);
            asked.onerror = asked.onblocked = () => resolve(null);
        } catch { resolve(null); }
    });
    return opening;
}

async function ask(mode, work) {
    const base = await open();
    if (!base) return undefined;
    return new Promise((resolve) => {
        try {
            const asked = work(base.transaction("photos", mode).objectStore("photos"));
            asked.onsuccess = () => resolve(asked.result);
            asked.onerror = () => resolve(undefined); /* a full disk costs the memory of the photo, not the search */
        } catch { resolve(undefined); }
    });
}

/* The same picture gets the same name, where the browser can compute one. */
async function name(blob) {
    if (!globalThis.crypto?.subtle) return "mine-" + Date.now().toString(36) + Math.random().toString(36).slice(2, 8);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
    return "mine-" + Array.from(hash.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function keep(blob) {
    const key = await name(blob);
    memory.set(key, blob);
    await ask("readwrite", (store) => store.put({key, blob, used: Date.now()}));
    const all = (await ask("readonly", (store) => store.getAll())) || [];
    for (const old of all.sort((a, b) => b.used - a.used).slice(N_KEPT))
        await ask("readwrite", (store) => store.delete(old.key));
    return key;
}

/* The photo, or null where this browser does not have it. */
export async function find(key) {
    if (!memory.has(key)) {
        const found = await ask("readonly", (store) => store.get(key));
        if (found) memory.set(key, found.blob);
    }
    return memory.get(key) || null;
}

/* All but the one in use. */
export async function forget(but) {
    for (const key of [...memory.keys()])
        if (key !== but) memory.delete(key);
    const all = (await ask("readonly", (store) => store.getAllKeys())) || [];
    for (const key of all)
        if (key !== but) await ask("readwrite", (store) => store.delete(key));
}
