"""Draws the demo's photos (an i-CIR in small) or the pool of training pictures.

    python3 demo/draw.py --out demo/photos
    python3 demo/draw.py --pool /tmp/pool --per-identity 48
"""
from __future__ import annotations

import argparse
import csv
import io
import json
import random
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import things as t
from conditions import BY_NAME, CONDITIONS, Condition, plain
from picture import draw_picture
from scenes import Rng, colourful, tinted

JPEG_QUALITY = 78
SEED = 1
INPUT = 64  # the encoder's input side

# Per instance: what the set holds.
N_TEXTS, N_POSITIVES, N_TEXTUAL, N_COMPOSED = 4, 4, 6, 4
N_VISUAL, N_VISUAL_SIBLINGS = 10, 3
TURNS = (0, 72, 144, 216, 288)  # hue turns that make further identities, in training only


@dataclass(frozen=True)
class Row:
    """One line of a CSV file; `image` is not drawn yet."""
    thing: t.Thing
    condition: Condition
    text: str
    folder: str


def slug(thing: t.Thing) -> str:
    return thing.name.replace(" ", "_")


def plan(thing: t.Thing, seed: int) -> tuple[list[Row], list[list[Row]]]:
    """What an instance's database holds, and its queries: for each query image, its rows."""
    rng = random.Random(f"{seed}/{thing.char}")
    conditions = rng.sample(CONDITIONS, N_TEXTS)
    others = [c for c in CONDITIONS if c not in conditions]
    texts = {c.name: rng.choice(c.phrases) for c in conditions}
    # Textual hard negatives show things of other groups; composed ones, similar things.
    strangers = [s for s in t.all_things() if s.group != thing.group and s.char not in t.lookalikes(thing)]
    database: list[Row] = []
    for c in conditions:
        database += [Row(thing, c, texts[c.name], "")] * N_POSITIVES
        database += [Row(s, c, "", "hn") for s in rng.sample(strangers, N_TEXTUAL)]
        database += [Row(s, c, "", "hn") for s in t.siblings(thing, rng, N_COMPOSED)]
    unseen = rng.sample(others, N_VISUAL + N_VISUAL_SIBLINGS - 3)
    database += [Row(thing, plain(), "", "hn")] * 2 + [Row(thing, c, "", "hn") for c in unseen[: N_VISUAL - 2]]
    near = t.siblings(thing, rng, N_VISUAL_SIBLINGS)
    database += [Row(s, c, "", "hn") for s, c in zip(near, [plain(), *unseen[N_VISUAL - 2:]])]
    rng.shuffle(database)
    # Two plain query photos and one under a condition that none of the texts asks for.
    looks = [plain(), plain(), rng.choice([c for c in others if not c.colourless])]
    queries = [[Row(thing, look, texts[c.name], "") for c in conditions] for look in looks]
    return database, queries


def jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return out.getvalue()


def draw_photos(out: Path, seed: int) -> None:
    """Writes the data set. Every picture has a generator of its own, so none depends on another."""
    if out.exists():
        shutil.rmtree(out)
    database_rows: list[tuple[str, str, str]] = []
    query_rows: list[tuple[str, str, str]] = []
    bystanders = [s.char for s in t.training_things()]

    def draw(row: Row, path: str, key: list[int]) -> None:
        rng = np.random.default_rng([seed, *key])
        image = draw_picture(rng, tinted(row.thing.char, 0), row.condition, bystanders)
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(jpeg(image))

    for thing in t.demo_things():
        name, code = slug(thing), ord(thing.char)
        database, queries = plan(thing, seed)
        for i, row in enumerate(database):
            path = "/".join(filter(None, ("database", name, row.folder, f"{i + 1:04d}.jpg")))
            draw(row, path, [code, 0, i])
            database_rows.append((f"{out.name}/{path}", row.text, name))
        for i, rows in enumerate(queries):
            path = f"query/{name}/{i + 1:04d}.jpg"
            draw(rows[0], path, [code, 1, i])
            query_rows += [(f"{out.name}/{path}", row.text, name) for row in rows]
    for file, rows in (("database_files.csv", database_rows), ("query_files.csv", query_rows)):
        with open(out / file, "w", newline="") as f:
            csv.writer(f, lineterminator="\n").writerows(rows)
    files = list(out.rglob("*.jpg"))
    print(f"{len(t.demo_things())} instances, {len(database_rows)} database images, {len(query_rows)} queries, "
          f"{len(files)} files, {sum(p.stat().st_size for p in files) / 1e6:.2f} MB")


# --- the training pool ---------------------------------------------------------------------------

def identities() -> list[tuple[str, int]]:
    return [(s.char, turn) for s in t.training_things() for turn in (TURNS if colourful(s.char) else TURNS[:1])]


def as_input(image: Image.Image) -> np.ndarray:
    """CLIP's pixel pipeline up to the crop: shortest side bicubic, centre."""
    f = INPUT / min(image.size)
    image = image.resize((round(image.width * f), round(image.height * f)), Image.Resampling.BICUBIC)
    left, top = (image.width - INPUT) // 2, (image.height - INPUT) // 2
    return np.asarray(image.crop((left, top, left + INPUT, top + INPUT)))


def choose_condition(rng: Rng) -> int:
    """Index into CONDITIONS, or -1 for a plain photo (one in eight)."""
    return -1 if rng.random() < 0.125 else int(rng.integers(len(CONDITIONS)))


def draw_identity(number: int, per_identity: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    char, turn = identities()[number]
    bystanders = [s.char for s in t.training_things()]
    pictures = np.empty((per_identity, INPUT, INPUT, 3), dtype=np.uint8)
    chosen = np.empty(per_identity, dtype=np.int16)
    rng = np.random.default_rng([seed, 7, number])
    for i in range(per_identity):
        chosen[i] = choose_condition(rng)
        condition = plain() if chosen[i] < 0 else CONDITIONS[chosen[i]]
        image = draw_picture(rng, tinted(char, turn), condition, bystanders)
        pictures[i] = as_input(Image.open(io.BytesIO(jpeg(image))).convert("RGB"))
    return pictures, chosen


def draw_pool(out: Path, per_identity: int, seed: int, processes: int) -> None:
    """Pictures lie identity by identity, `per_identity` each: picture i shows identity i // per_identity."""
    out.mkdir(parents=True, exist_ok=True)
    ids = identities()
    shape = (len(ids) * per_identity, INPUT, INPUT, 3)
    pixels = np.lib.format.open_memmap(out / "pixels.npy", "w+", np.uint8, shape)
    conditions = np.empty(shape[0], dtype=np.int16)
    job = partial(draw_identity, per_identity=per_identity, seed=seed)
    with ProcessPoolExecutor(processes) as workers:
        for n, (pictures, chosen) in enumerate(workers.map(job, range(len(ids)), chunksize=8)):
            pixels[n * per_identity:(n + 1) * per_identity] = pictures
            conditions[n * per_identity:(n + 1) * per_identity] = chosen
            if n % 200 == 0:
                print(f"{n}/{len(ids)}", flush=True)
    pixels.flush()
    np.save(out / "conditions.npy", conditions)
    meta = {"identities": ids, "per_identity": per_identity, "conditions": list(BY_NAME)}
    (out / "meta.json").write_text(json.dumps(meta))
    print(f"{shape[0]} pictures of {len(ids)} identities")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the photo set here (an existing folder is replaced)")
    parser.add_argument("--pool", type=Path, help="write the training pool here")
    parser.add_argument("--per-identity", type=int, default=48)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    if arguments.out:
        draw_photos(arguments.out, arguments.seed)
    if arguments.pool:
        draw_pool(arguments.pool, arguments.per_identity, arguments.seed + 1000, arguments.processes)


if __name__ == "__main__":
    main()
