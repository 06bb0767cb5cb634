#!/usr/bin/env python3
"""How far features in bf16 or int8 are from those in f32: cosines, and how many of the ten nearest stay.

  precision.py MODEL PHOTOS [--precision NAME]... [--crops N] [--photos N] [--texts FILE] [--work DIR] [--json FILE]

MODEL is what `cir encode --model` takes; PHOTOS a folder of photographs. --crops N also takes N x N pieces of each
photograph of at least N x 320 pixels either way, where there are too few. Texts are the lines of --texts, or the
objects and styles that are part of cir. Every feature is made by `build/cir encode`, and kept in --work, so that what
was ended goes on there; needs numpy and Pillow.

Told are the least, the 1 % and the median cosine to the f32 feature, and how many of the ten nearest pictures are the
same, on average over all queries: a picture (the others are searched) or a text (all pictures are searched).
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
NEAREST, LEAST_CROP_PX, CHUNK = 10, 320, 100


def write_photos(source: pathlib.Path, folder: pathlib.Path, crops: int, most: int) -> int:
    """Photographs and their pieces as files of one folder; returns how many are whole."""
    paths = sorted(p for p in source.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp", ".tif"))
    n_whole = n = 0
    for path in paths:
        if n >= most:
            break
        picture = Image.open(path)
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
        pieces = [picture]
        width, height = picture.width // max(crops, 1), picture.height // max(crops, 1)
        if crops > 1 and min(width, height) >= LEAST_CROP_PX:
            pieces += [picture.crop((x * width, y * height, (x + 1) * width, (y + 1) * height))
                       for y in range(crops) for x in range(crops)]
        for piece in pieces[:most - n]:
            piece.thumbnail((640, 640))
            piece.save(folder / f"{n:06d}.png", compress_level=1)
            n += 1
        n_whole += 1
    return n_whole


def encode(program: str, model: str, precision: str, kind: str, items: list, work: pathlib.Path) -> np.ndarray:
    parts = []
    for first in range(0, len(items), CHUNK):
        out = work / f"{precision}_{kind}_{first:06d}.npy"
        if not out.exists():
            part = items[first:first + CHUNK]
            what = ["--images", *part] if kind == "pictures" else ["--texts", "-"]
            subprocess.run([program, "encode", "--quiet", "--model", model, "--precision", precision, *what, "-o", out],
                           check=True, stdout=subprocess.DEVNULL, text=True,
                           input=None if kind == "pictures" else "".join(part))
        parts.append(np.load(out).astype(np.float64))
    return np.concatenate(parts)


def nearest(queries: np.ndarray, rows: np.ndarray, is_same: bool) -> np.ndarray:
    scores = queries @ rows.T
    if is_same:
        np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :NEAREST]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean([len(np.intersect1d(x, y)) / NEAREST for x, y in zip(a, b)]))


def spread(exact: np.ndarray, rough: np.ndarray) -> dict:
    cosines = np.einsum("ij,ij->i", exact, rough) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rough, axis=1)
    return {"least": float(cosines.min()), "percent_1": float(np.percentile(cosines, 1)),
            "median": float(np.median(cosines))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--precision", action="append")
    parser.add_argument("--crops", type=int, default=1)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--texts", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--program", default=ROOT / "build/cir")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = options.work or pathlib.Path(name)
        photos = work / "photos"
        photos.mkdir(parents=True, exist_ok=True)
        n_whole = write_photos(options.folder, photos, options.crops, options.photos)
        files = [options.texts] if options.texts else [ROOT / "share/objects.txt", ROOT / "share/styles.txt"]
        items = {"pictures": sorted(photos.iterdir()),
                 "texts": [line for file in files for line in file.read_text().splitlines(keepends=True)]}

        def encode_all(precision: str) -> dict:
            return {kind: encode(options.program, options.model, precision, kind, items[kind], work) for kind in items}

        exact = encode_all("f32")
        print(f"{options.model}: {len(exact['pictures'])} pictures, {n_whole} whole photographs among them, and "
              f"{len(exact['texts'])} texts")
        print(f"{'':5}  {'':8}  {'least':>9}  {'1 %':>9}  {'median':>9}  {'same of the 10 nearest':>24}")
        for precision in options.precision or ["bf16", "int8"]:
            rough = encode_all(precision)
            for kind in items:
                line = spread(exact[kind], rough[kind])
                line["overlap"] = overlap(nearest(exact[kind], exact["pictures"], kind == "pictures"),
                                          nearest(rough[kind], rough["pictures"], kind == "pictures"))
                print(f"{precision:5}  {kind:8}  {line['least']:9.6f}  {line['percent_1']:9.6f}  {line['median']:9.6f}  "
                      f"{100 * line['overlap']:22.2f} %")
                if options.json:
                    with open(options.json, "a") as file:
                        file.write(json.dumps({"bench": "precision", "model": options.model, "precision": precision,
                                               "of": kind, "n": len(exact[kind]), **line}) + "\n")


main()
