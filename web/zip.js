/* Several files as one ZIP, stored as they are: photos are compressed already (PKWARE's APPNOTE 6.3, §4.3). No ZIP64:
 * the caller stays below 2 GB. */

const table = new Uint32Array(256).map((_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n;
});

function checksum(bytes) {
    let sum = 0xffffffff;
    for (let i = 0; i < bytes.length; i++) sum = table[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
    return (sum ^ 0xffffffff) >>> 0;
}

/* fields: [[size in bytes, value], …], little-endian. */
function record(fields) {
    const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
    let at = 0;
    for (const [size, value] of fields) {
        if (size === 2) view.setUint16(at, value, true);
        else view.setUint32(at, value, true);
        at += size;
    }
    return view.buffer;
}

/* Two photos of one name are told apart by a number. */
function unique(name, taken) {
    const dot = name.lastIndexOf("."), stem = dot > 0 ? name.slice(0, dot) : name, end = dot > 0 ? name.slice(dot) : "";
    let result = name;
    for (let n = 2; taken.has(result); n++) result = `${stem} (${n})${end}`;
    taken.add(result);
    return result;
}

/* files: [{name, blob, time}]. Gives a Blob. */
export async function zip(files) {
    const parts = [], directory = [], taken = new Set(), text = new TextEncoder();
    let offset = 0, listed = 0;
    for (const file of files) {
        const bytes = new Uint8Array(await file.blob.arrayBuffer()), name = text.encode(unique(file.name, taken));
        const given = new Date(typeof file.time === "number" ? file.time * 1000 : file.time || "1980-01-01");
        const moment = given.getUTCFullYear() >= 1980 && given.getUTCFullYear() < 2108 ? given : new Date("1980-01-01");
        const day = ((moment.getUTCFullYear() - 1980) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate();
        const clock = (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >> 1);
        /* Version 2.0, names in UTF-8, stored; time, sum, both sizes, length of the name, nothing extra. */
        const common = [
            [2, 20], [2, 0x800], [2, 0], [2, clock], [2, day], [4, checksum(bytes)], [4, bytes.length],
            [4, bytes.length], [2, name.length], [2, 0]
        ];
        parts.push(record([[4, 0x04034b50], ...common]), name, bytes);
        directory.push(
            record([[4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), name);
        offset += 30 + name.length + bytes.length;
        listed += 46 + name.length;
    }
    const end = record(
        [[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, listed], [4, offset], [2, 0]]);
    return new Blob([...parts, ...directory, end], {type: "application/zip"});
}
