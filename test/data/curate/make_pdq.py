#!/usr/bin/env python3
"""Makes pdq.txt: PDQ of pictures that lie in this repository, by its reference's own code (pip install pdqhash).

A line: quality, the picture's hash, those of its seven other symmetries in the reference's order (turned by 90, 180,
270 degrees, mirrored top to bottom, left to right, at both diagonals), path from the root. Pixels are Pillow's.
"""
import pathlib

import numpy
import pdqhash
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[3]
PICTURES = sorted((ROOT / "demo/photos/database").glob("*/*.jpg"))[::24][:31]


def text(bits) -> str:
    return f"{int(''.join(str(int(b)) for b in bits), 2):064x}"


def main():
    paths = PICTURES + sorted((ROOT / "test/data/image").glob("*.ppm"))  # of odd sizes, and some the same
    lines, seen = [], set()
    for name in (str(path.relative_to(ROOT)) for path in paths):
        with Image.open(ROOT / name) as image:
            pixels = numpy.ascontiguousarray(numpy.asarray(image.convert("RGB")))
        hashes, quality = pdqhash.compute_dihedral(pixels)
        if hashes[0].tobytes() in seen:
            continue
        seen.add(hashes[0].tobytes())
        lines.append(" ".join([str(quality), *map(text, hashes), name]))
    pathlib.Path(__file__).with_name("pdq.txt").write_text("\n".join(lines) + "\n")


main()
