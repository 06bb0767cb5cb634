#!/usr/bin/env python3
"""Makes small raw photos as cameras lay them out, with JPEGs of drawn pictures, and PPMs of what is to be read of them.

Usage: make.py   (needs Pillow; exiftool, by which every file's JPEGs are read again)

The layouts: CR2 (preview in a strip of the first directory, thumbnail in the second, raw pixels as a lossless JPEG in the
fourth), NEF and ARW (full-size JPEG in a subdirectory or the first directory), DNG (previews in strips of subdirectories),
CR3 (boxes; the full-size JPEG is a track's only sample, the preview in a box of its own).
"""
import io
import pathlib
import struct
import subprocess

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
SHORT, LONG, TEXT, BYTE, UNDEFINED, SUB = 3, 4, 2, 1, 7, 13
TURNS = {3: Image.Transpose.ROTATE_180, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}
SIZES = {SHORT: 2, LONG: 4, TEXT: 1, BYTE: 1, UNDEFINED: 1, SUB: 4}


def draw(width, height, seed):
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 // width, y * 255 // height, (x * seed + y) % 256], axis=-1).astype(np.uint8)
    rgb[:height // 4, :width // 4] = 255  # which corner is which
    return Image.fromarray(rgb)


def jpeg(picture, **options):
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90, **options)
    return out.getvalue()


LARGE, MIDDLE, SMALL = jpeg(draw(96, 64, 3)), jpeg(draw(48, 32, 5)), jpeg(draw(16, 12, 7))
# As if without loss: a frame of kind 3, which nobody shows. Larger than all others by its header.
LOSSLESS = b"\xff\xd8\xff\xc3\x00\x0e\x0e" + struct.pack(">HH", 400, 600) + b"\x02\x00\x11\x00\x01\x11\x00\xff\xda" + bytes(60) + b"\xff\xd9"


class Tiff:
    """Directories with their values behind them. A value that is bytes of a picture is written and its place put in."""

    def __init__(self, order="<", magic=b"*\0", head=b""):
        self.order = order
        self.out = bytearray((b"II" if order == "<" else b"MM") + (magic if order == "<" else magic[::-1]) + struct.pack(order + "I", 0) + head)

    def put(self, data):
        self.out += bytes(-len(self.out) % 4)
        at = len(self.out)
        self.out += data
        return at

    def directory(self, entries):
        """entries: (tag, type, values or bytes); returns its place. The next directory's place is put in by chain."""
        packed = []
        for tag, kind, values in sorted(entries):
            data = values if isinstance(values, bytes) else b"".join(struct.pack(self.order + ("H" if kind == SHORT else "I"), v) for v in values)
            n = len(data) // SIZES[kind]
            packed.append((tag, kind, n, data if len(data) <= 4 else struct.pack(self.order + "I", self.put(data))))
        at = self.put(struct.pack(self.order + "H", len(packed)) +
                      b"".join(struct.pack(self.order + "HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in packed) + bytes(4))
        self.ends = getattr(self, "ends", {}) | {at: at + 2 + 12 * len(packed)}
        return at

    def chain(self, *directories):
        struct.pack_into(self.order + "I", self.out, 4, directories[0])
        for one, two in zip(directories, directories[1:]):
            struct.pack_into(self.order + "I", self.out, self.ends[one], two)
        return bytes(self.out)


def text(value):
    return value.encode() + b"\0"


def facts(tiff, maker, model, orientation):
    exif = tiff.directory([(36867, TEXT, text("2021:03:04 05:06:07"))])
    return [(271, TEXT, text(maker)), (272, TEXT, text(model)), (274, SHORT, [orientation]), (34665, LONG, [exif])]


def make_cr2():
    tiff = Tiff(head=b"CR\2\0" + bytes(4))
    large, small, raw = (tiff.put(data) for data in (LARGE, SMALL, LOSSLESS))
    first = tiff.directory(facts(tiff, "Canon", "Canon EOS 40D", 6) + [(259, SHORT, [6]), (273, LONG, [large]), (279, LONG, [len(LARGE)])])
    second = tiff.directory([(513, LONG, [small]), (514, LONG, [len(SMALL)])])
    fourth = tiff.directory([(259, SHORT, [6]), (273, LONG, [raw]), (279, LONG, [len(LOSSLESS)])])
    return tiff.chain(first, second, fourth)


def make_nef():
    tiff = Tiff(">")
    large, raw, thumbnail = tiff.put(LARGE), tiff.put(bytes(64)), tiff.put(bytes(16 * 12 * 3))
    subs = [tiff.directory([(254, LONG, [1]), (513, LONG, [large]), (514, LONG, [len(LARGE)])]),
            tiff.directory([(254, LONG, [0]), (256, LONG, [8]), (257, LONG, [8]), (259, SHORT, [34713]), (262, SHORT, [32803]), (273, LONG, [raw]), (279, LONG, [64])])]
    first = tiff.directory(facts(tiff, "NIKON CORPORATION", "NIKON D750", 8) + [
        (254, LONG, [1]), (256, LONG, [16]), (257, LONG, [12]), (258, SHORT, [8, 8, 8]), (259, SHORT, [1]), (262, SHORT, [2]), (273, LONG, [thumbnail]),
        (277, SHORT, [3]), (278, LONG, [12]), (279, LONG, [16 * 12 * 3]), (330, SUB, subs)])
    return tiff.chain(first)


def make_arw():
    tiff = Tiff()
    middle, small, raw = tiff.put(MIDDLE), tiff.put(SMALL), tiff.put(bytes(64))
    sub = tiff.directory([(259, SHORT, [32767]), (262, SHORT, [32803]), (273, LONG, [raw]), (279, LONG, [64])])
    first = tiff.directory(facts(tiff, "SONY", "ILCE-7M3", 1) + [(259, SHORT, [6]), (330, SUB, [sub]), (513, LONG, [middle]), (514, LONG, [len(MIDDLE)])])
    second = tiff.directory([(513, LONG, [small]), (514, LONG, [len(SMALL)])])
    return tiff.chain(first, second)


def make_dng(with_jpegs=True):
    tiff = Tiff()
    large, middle, raw = tiff.put(LARGE), tiff.put(MIDDLE), tiff.put(LOSSLESS)
    subs = [tiff.directory([(254, LONG, [0]), (259, SHORT, [7]), (262, SHORT, [32803]), (273, LONG, [raw]), (279, LONG, [len(LOSSLESS)])])]
    if with_jpegs:
        subs += [tiff.directory([(254, LONG, [1]), (256, LONG, [size[0]]), (257, LONG, [size[1]]), (259, SHORT, [7]), (262, SHORT, [6]), (273, LONG, [at]), (279, LONG, [len(data)])])
                 for at, data, size in ((middle, MIDDLE, (48, 32)), (large, LARGE, (96, 64)))]
    first = tiff.directory(facts(tiff, "Google", "Pixel 6", 3) + [(50706, BYTE, b"\1\4\0\0"), (330, SUB, subs)])
    return tiff.chain(first)


def box(kind, *parts, identifier=b""):
    body = identifier + b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def make_cr3():
    one, two = Tiff(), Tiff()
    first = one.chain(one.directory([(271, TEXT, text("Canon")), (272, TEXT, text("Canon EOS R5")), (274, SHORT, [5])]))
    second = two.chain(two.directory([(36867, TEXT, text("2022:01:02 03:04:05"))]))
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    preview = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")

    def track(data, at):
        table = box(b"stbl", box(b"stsz", struct.pack(">III", 0, len(data), 1)), box(b"co64", struct.pack(">IIQ", 0, 1, at)))
        return box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", box(b"minf", table)))

    def moov(places):
        return box(b"moov", box(b"uuid", box(b"CNCV", b"CanonCR3_001"), box(b"CMT1", first), box(b"CMT2", second), identifier=canon),
                   *(track(data, at) for data, at in zip((LARGE, LOSSLESS), places)))
    head = box(b"ftyp", b"crx \0\0\0\1crx isom")
    middle = box(b"uuid", bytes(8), box(b"PRVW", bytes(6) + struct.pack(">HHHI", 48, 32, 1, len(MIDDLE)), MIDDLE), identifier=preview)
    at = len(head) + len(moov([0, 0])) + len(middle) + 16
    data = LARGE + LOSSLESS
    return head + moov([at, at + len(LARGE)]) + middle + struct.pack(">I4sQ", 1, b"mdat", 16 + len(data)) + data


def check(path, *wanted):
    """exiftool, which is not ours, finds the same JPEGs."""
    found = set()
    for tag in ("JpgFromRaw", "PreviewImage", "ThumbnailImage", "OtherImage"):
        data = subprocess.run(["exiftool", "-b", f"-{tag}", str(path)], capture_output=True, check=False).stdout
        found.add(data)
    missing = [data for data in wanted if data not in found]
    assert not missing, (path, [len(data) for data in found], [len(data) for data in wanted])


def main():
    files = {"canon.cr2": (make_cr2(), LARGE, 6), "nikon.nef": (make_nef(), LARGE, 8), "sony.arw": (make_arw(), MIDDLE, 1),
             "google.dng": (make_dng(), LARGE, 3), "canon.cr3": (make_cr3(), LARGE, 5)}
    for name, (data, shown, orientation) in files.items():
        (HERE / name).write_bytes(data)
        # Of a CR3 it looks into tracks only with their descriptions, which are left out here: the preview it finds.
        check(HERE / name, MIDDLE if name.endswith("cr3") else shown)
        picture = Image.open(io.BytesIO(shown)).convert("RGB")
        if orientation in TURNS:
            picture = picture.transpose(TURNS[orientation])
        picture.save(HERE / (name.replace(".", "-") + ".ppm"))
    (HERE / "bare.dng").write_bytes(make_dng(with_jpegs=False))


if __name__ == "__main__":
    main()
