"""Scores the demo set with transformers and numpy alone: the independent check of the C program.

    python3 demo/evaluate.py --model demo/model --photos demo/photos

Every query ranks the database of its own instance; mmAP is the mean over instances of their mean AP.
"""
from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
OBJECTS, STYLES = HERE.parent / "share" / "objects.txt", HERE.parent / "share" / "styles.txt"


@dataclass(frozen=True)
class Set:
    database_paths: list[Path]
    database_texts: list[str]
    database_instances: np.ndarray
    query_paths: list[Path]
    query_texts: list[str]
    query_instances: np.ndarray


@dataclass(frozen=True)
class Features:
    """Unit rows."""
    database: np.ndarray
    query: np.ndarray
    text: np.ndarray


def read_set(photos: Path) -> Set:
    def rows(name: str) -> list[list[str]]:
        with open(photos / name, newline="") as f:
            return list(csv.reader(f))
    d, q = rows("database_files.csv"), rows("query_files.csv")
    return Set([photos.parent / r[0] for r in d], [r[1] for r in d], np.array([r[2] for r in d]),
               [photos.parent / r[0] for r in q], [r[1] for r in q], np.array([r[2] for r in q]))


# --- metrics -------------------------------------------------------------------------------------

def average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Trapezoid rule; ties go to the smaller position."""
    ranks = np.flatnonzero(relevant[np.argsort(-scores, kind="stable")])
    j = np.arange(len(ranks))
    before = np.where(ranks == 0, 1.0, j / np.maximum(ranks, 1))
    return float(((before + (j + 1) / (ranks + 1)) / 2).sum() / (len(ranks) + 1e-5))


# --- BASIC ---------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Settings:
    method: str = "basic"  # or text, image, sum, product
    centre: bool = True
    normalise: bool = True
    harris: bool = True
    contextualise: bool = True
    project: bool = True
    expand: bool = False
    alpha: float = 0.2
    components: int = 250
    penalty: float = 0.1
    neighbours: int = 25
    beta: float = 0.1
    min_image: float = -0.077
    min_text: float = -0.117


@dataclass(frozen=True)
class Outside:
    """What BASIC takes from outside the set. All float64."""
    image_mean: np.ndarray | None  # None: the mean of the queried database
    objects: np.ndarray
    styles: np.ndarray
    context: np.ndarray  # a row for each query: the contextualised text


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def projection(o: Outside, s: Settings) -> np.ndarray:
    mean = o.objects.mean(0)

    def moment(x: np.ndarray) -> np.ndarray:
        return (x - mean).T @ (x - mean) / (len(x) - 1)
    values, vectors = np.linalg.eigh((1 - s.alpha) * moment(o.objects) - s.alpha * moment(o.styles))
    # The text tower is narrower than its features, so some directions are 0 but for rounding: neither positive nor negative.
    is_positive = values > 1e-9 * np.abs(values).max()
    order = np.argsort(-values)[: min(s.components, int(is_positive.sum()))]
    return vectors[:, order] @ vectors[:, order].T


def fuse(sv: np.ndarray, st: np.ndarray, s: Settings) -> np.ndarray:
    if s.method == "text":
        return st
    if s.method == "image":
        return sv
    if s.method == "sum":
        return sv + st
    if s.method == "product":
        return np.maximum(sv, 0) * np.maximum(st, 0)
    if s.normalise:
        sv, st = (sv - s.min_image) / abs(s.min_image), (st - s.min_text) / abs(s.min_text)
    sv, st = np.maximum(sv, 0), np.maximum(st, 0)
    return sv * st - (s.penalty * (sv + st) ** 2 if s.harris else 0)


def query_scores(image: np.ndarray, text: np.ndarray, database: np.ndarray, o: Outside, p: np.ndarray, s: Settings) -> np.ndarray:
    if s.method == "basic" and s.centre:
        mean = database.mean(0) if o.image_mean is None else o.image_mean
        text, x, image = text - o.objects.mean(0), database - mean, image - mean
    else:
        x = database
    if s.method == "basic" and s.expand:
        first = x @ ((p if s.project else np.eye(len(p))) @ image)
        best = np.argsort(-first, kind="stable")[: s.neighbours]
        weights = np.exp(s.beta * np.concatenate([[1.0], first[best]]))
        image = weights @ np.concatenate([image[None], x[best]]) / weights.sum()
    if s.method == "basic" and s.project:
        image = p @ image
    return fuse(x @ image, x @ text, s)


def mmap(data: Set, f: Features, o: Outside, s: Settings) -> float:
    """In percent."""
    p = projection(o, s) if s.method == "basic" and s.project else np.eye(f.database.shape[1])
    texts = o.context if s.method == "basic" and s.contextualise else f.text.astype(np.float64)
    labels = np.array(data.database_texts)
    by_instance: dict[str, list[float]] = {}
    for i, instance in enumerate(data.query_instances):
        own = data.database_instances == instance
        scores = query_scores(f.query[i].astype(np.float64), texts[i], f.database[own].astype(np.float64), o, p, s)
        by_instance.setdefault(str(instance), []).append(average_precision(scores, labels[own] == data.query_texts[i]))
    return 100 * float(np.mean([np.mean(v) for v in by_instance.values()]))


BASELINES = tuple(Settings(method=m) for m in ("text", "image", "sum", "product"))
NONE = Settings(centre=False, normalise=False, harris=False, contextualise=False, project=False)
STEPS: tuple[tuple[str, dict[str, bool]], ...] = (
    ("+ centring", {"centre": True}), ("+ min-normalisation", {"normalise": True}), ("+ Harris", {"harris": True}),
    ("+ contextualisation", {"contextualise": True}), ("+ projection (BASIC-)", {"project": True}), ("+ expansion (BASIC)", {"expand": True}))


def quick_table(data: Set, f: Features) -> list[tuple[str, float]]:
    """The four baselines, and what centring with the set's own means does to the product."""
    o = Outside(f.database.mean(0), f.text, f.text, f.text.astype(np.float64))
    rows = [(s.method, mmap(data, f, o, s)) for s in BASELINES]
    return [*rows, ("centred", mmap(data, f, o, replace(NONE, centre=True)))]


def full_table(data: Set, f: Features, o: Outside, base: Settings) -> list[tuple[str, float]]:
    rows = [(s.method, mmap(data, f, o, s)) for s in BASELINES]
    s = replace(base, centre=False, normalise=False, harris=False, contextualise=False, project=False)
    for name, change in STEPS:
        s = replace(s, **change)
        rows.append((name, mmap(data, f, o, s)))
    # Each step taken out of BASIC- alone.
    whole = replace(base, centre=True, normalise=True, harris=True, contextualise=True, project=True)
    for name in ("centre", "normalise", "harris", "contextualise", "project"):
        rows.append((f"BASIC- without {name}", mmap(data, f, o, replace(whole, **{name: False}))))
    return rows


def main() -> None:
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

    from encoder import encode_files, encode_texts
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=HERE / "model")
    parser.add_argument("--photos", type=Path, default=HERE / "photos")
    parser.add_argument("--objects", type=Path, default=OBJECTS)
    parser.add_argument("--styles", type=Path, default=STYLES)
    parser.add_argument("--context", type=int, default=100, help="how many objects contextualise a text; drawn with seed 0")
    parser.add_argument("--statistics", type=Path, default=HERE, help="folder of what measure.py wrote")
    parser.add_argument("--mean", choices=("outside", "set", "own"), default="outside",
                        help="centre with the mean of other pictures, of all database images, or of the instance's own database")
    a = parser.parse_args()

    model = CLIPModel.from_pretrained(a.model).float().eval()
    tokenizer, processor = CLIPTokenizerFast.from_pretrained(a.model), CLIPImageProcessor.from_pretrained(a.model)
    data = read_set(a.photos)
    f = Features(encode_files(model, processor, data.database_paths), encode_files(model, processor, data.query_paths), encode_texts(model, tokenizer, data.query_texts))
    objects, styles = a.objects.read_text().splitlines(), a.styles.read_text().splitlines()
    terms = list(np.random.default_rng(0).choice(objects, min(a.context, len(objects)), replace=False))
    context = {t: unit(encode_texts(model, tokenizer, [s for c in terms for s in (f"{c} {t}", f"{t} {c}")]).mean(0)) for t in dict.fromkeys(data.query_texts)}
    known = json.loads((a.statistics / "statistics.json").read_text())
    base = Settings(min_image=known["min_image"], min_text=known["min_text"])
    means = {"outside": np.load(a.statistics / "image_mean.npy").astype(np.float64), "set": f.database.astype(np.float64).mean(0), "own": None}
    o = Outside(means[a.mean], encode_texts(model, tokenizer, objects).astype(np.float64), encode_texts(model, tokenizer, styles).astype(np.float64),
                np.stack([context[t] for t in data.query_texts]).astype(np.float64))
    print(f"{len(set(data.query_instances))} instances, {len(data.query_texts)} queries, {len(data.database_paths)} database images; "
          f"image mean: {a.mean}; minima {base.min_image:.3f} (image), {base.min_text:.3f} (text)")
    for name, value in full_table(data, f, o, base):
        print(f"{name:32s} {value:6.2f}")


if __name__ == "__main__":
    main()
