/* Which photo the pointer or the focus is on, so that grid, scatter and the two columns of a comparison light up
 * together without knowing each other. */

const listeners = [];
let lit = null;

/* listener(id, before): ids of photos, or null. */
export const onLight = (listener) => listeners.push(listener);

export function light(id) {
    if (id === lit) return;
    const before = lit;
    lit = id;
    for (const listener of listeners) listener(id, before);
}
