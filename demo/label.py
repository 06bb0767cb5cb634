"""Writes what is true of the demo's photos, without drawing one, and a plan for `cir curate` out of it.

    python3 demo/label.py    # demo/labels.csv, demo/plan.csv

labels.csv: path (from demo/), instance (whose folder it lies in), thing, group, condition. plan.csv: the 48 instances
with their four texts; two of the three query photos and, for each text, one positive are seeds.
"""
import csv
import random
from pathlib import Path

import draw
import things as t
from conditions import Condition

HERE = Path(__file__).resolve().parent


def kind(condition: Condition) -> str:
    hooks = ("finish", "restyle", "scene", "place")
    return next((hook for hook in hooks if getattr(condition, hook)), "none")


def rows_of(thing: t.Thing):
    """Path and row of each picture, as draw_photos numbers them."""
    database, queries = draw.plan(thing, draw.SEED)
    for i, row in enumerate(database):
        yield "/".join(filter(None, ("photos/database", draw.slug(thing), row.folder, f"{i + 1:04d}.jpg"))), row
    for i, rows in enumerate(queries):
        yield f"photos/query/{draw.slug(thing)}/{i + 1:04d}.jpg", rows[0]


def seeds_of(thing: t.Thing):
    name = draw.slug(thing)
    database, queries = draw.plan(thing, draw.SEED)
    asked = {row.text: row.condition for row in database if row.text}
    yield name, "name", "", thing.name
    yield name, "category", "", thing.group
    yield name, "kind", "", thing.group
    for i in (1, 2):
        yield name, "image", "", f"photos/query/{name}/{i:04d}.jpg"
    for text in (row.text for row in queries[0]):
        others = [phrase for phrase in asked[text].phrases if phrase not in text and text not in phrase]
        yield name, "change", text, kind(asked[text])
        yield name, "rephrased", text, random.Random(f"{name}/{text}").choice(others)
        yield name, "composed-image", text, next(path for path, row in rows_of(thing) if row.text == text)


def write(name: str, head: list[str], rows) -> None:
    with open(HERE / name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def main() -> None:
    write("labels.csv", ["path", "instance", "thing", "group", "condition"],
          [[path, draw.slug(thing), draw.slug(row.thing), row.thing.group, row.condition.name]
           for thing in t.demo_things() for path, row in rows_of(thing)])
    write("plan.csv", ["instance", "role", "change", "value"], [row for thing in t.demo_things() for row in seeds_of(thing)])


if __name__ == "__main__":
    main()
