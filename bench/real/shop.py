#!/usr/bin/python3
"""Which of BASIC's steps pay on real features: FashionCLIP's of a public shop, read from a clone of NahinNilav/ShopSphere.

    git clone https://github.com/NahinNilav/ShopSphere
    bench/real/shop.py ShopSphere                 # prints the tables; needs numpy and build/cir

The clone holds a picture's and its description's feature for each product. Its features bear no licence: none of them are
part of this repository, and what is made of them stays in build/real. The protocol is in README.md beside this file.
"""
import argparse
import collections
import csv
import json
import pathlib
import re
import subprocess
import sys

import numpy

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
COLOURS = "black white blue pink beige green grey yellow red brown orange purple".split()
GARMENTS = ("dress shirt top skirt shorts jeans jacket sweater leggings trousers blazer sweatshirt jumpsuit coat cardigan "
            "romper vest").split()
SAME = {"gray": "grey", "pants": "trousers", "hoodie": "sweatshirt", "tee": "shirt"}  # words that count as another
FEWEST = 5  # products of a garment, and of a colour
FEWEST_POSITIVES = 2  # products of a garment in the asked colour
N_RESAMPLES = 10000


def unit(rows):
    rows = numpy.asarray(rows, dtype=numpy.float64)
    return rows / numpy.linalg.norm(rows, axis=-1, keepdims=True)


def first_of(words, known):
    return next((word for word in words if word in known), None)


def read_products(clone):
    """Garment, colour and the two unit features of every product whose description's first sentence names both."""
    with open(clone / "metadata2.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    images, texts = (unit(numpy.load(clone / f"{name}_embeddings.npy")) for name in ("image", "text"))
    if not len(rows) == len(images) == len(texts):
        sys.exit(f"{clone}: {len(rows)} products, {len(images)} and {len(texts)} features; clone it again")
    found = []
    for i, row in enumerate(rows):
        sentence = re.split(r"(?<=[.!?])\s", row["description"].strip())[0].lower()
        words = [SAME.get(word, word) for word in re.findall("[a-z]+", sentence)]
        found.append((i, first_of(words, GARMENTS), first_of(words, COLOURS)))
    found = [product for product in found if None not in product]
    n_garments, n_colours = (collections.Counter(product[k] for product in found) for k in (1, 2))
    found = [(i, g, c) for i, g, c in found if n_garments[g] >= FEWEST and n_colours[c] >= FEWEST]
    rows = [i for i, _, _ in found]
    return [g for _, g, _ in found], [c for _, _, c in found], images[rows], texts[rows]


def less_the_mean_of(texts, names):
    """Descriptions without what their colour, or their garment, does to them on average."""
    names, mean = numpy.array(names), texts.mean(0)
    return unit(texts - numpy.array([texts[names == name].mean(0) - mean for name in names]))


def prepare(clone, folder):
    """Writes the folder for `cir eval --features`. Returns the words of each query."""
    garments, colours, images, texts = read_products(clone)
    of_garment, of_colour = numpy.array(garments), numpy.array(colours)
    counts = collections.Counter(zip(garments, colours))
    queries, words = [], {}
    for i, (garment, own) in enumerate(zip(garments, colours)):
        for colour in COLOURS:
            others = (of_colour == colour) & (of_garment != garment)
            if colour == own or counts[garment, colour] < FEWEST_POSITIVES or not others.any():
                continue
            words[garment, colour] = unit(texts[others].mean(0))
            queries.append((i, garment, colour))
    if not queries:
        sys.exit(f"{clone}: no garment comes in two colours")
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("query", [(f"{i}.jpg", f"{colour} {garment}", "shop") for i, garment, colour in queries]),
                       ("database", [(f"{i}.jpg", f"{colour} {garment}", "shop")
                                     for i, (garment, colour) in enumerate(zip(garments, colours))])):
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    for name, rows in (("query_image", images[[i for i, _, _ in queries]]),
                       ("query_text", [words[garment, colour] for _, garment, colour in queries]),
                       ("database_image", images),
                       ("corpus_objects", less_the_mean_of(texts, colours)),
                       ("corpus_styles", less_the_mean_of(texts, garments))):
        numpy.save(folder / f"{name}.npy", numpy.asarray(rows, dtype=numpy.float32))
    return [f"{colour} {garment}" for _, garment, colour in queries]


def evaluate(program, folder, methods, settings=(), *more):
    """The methods' figures, by label or name."""
    command = [program, "eval", "--features", folder, "--method", methods, "--json", "-", "-q", *more]
    for setting in settings:
        command += ["--set", setting]
    answer = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True)
    return {figures.get("label", figures["method"]): figures for figures in json.loads(answer.stdout)["methods"]}


def resample(difference, words):
    """The 95 % interval of a mean difference, by bootstrap over queries with the same words."""
    groups = [numpy.array([d for d, w in zip(difference, words) if w == name]) for name in dict.fromkeys(words)]
    sums, sizes = numpy.array([g.sum() for g in groups]), numpy.array([len(g) for g in groups])
    drawn = numpy.random.default_rng(0).integers(len(groups), size=(N_RESAMPLES, len(groups)))
    return numpy.percentile(sums[drawn].sum(1) / sizes[drawn].sum(1), [2.5, 97.5])


def similarities(folder, n_images=None):
    """Image–image pairs, none with itself, and text–image pairs of 200 object texts: centred, as a matrix and by rows."""
    random = numpy.random.default_rng(0)
    images, objects = (unit(numpy.load(folder / f"{name}.npy")) for name in ("database_image", "corpus_objects"))
    sample = images[random.permutation(len(images))[:n_images]] - images.mean(0)
    texts = objects[random.permutation(len(objects))[:200]] - objects.mean(0)
    of_images = sample @ sample.T
    return of_images[~numpy.eye(len(sample), dtype=bool)].reshape(len(sample), -1), texts @ sample.T


def spread(rows):
    """doc/method.md, the minima."""
    within = rows.var(axis=1, ddof=1).mean()
    between = (rows.mean(axis=1) ** 2).mean() - within / rows.shape[1]
    return -(within ** 0.5 + 3.09 * max(between, 0) ** 0.5)


STATISTICS = {"minimum": numpy.min, "quantile of 0.1 %": lambda rows: numpy.quantile(rows, 0.001),
              "quantile of 1 %": lambda rows: numpy.quantile(rows, 0.01), "deviation (cir's)": spread}


def row(*cells):
    print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=pathlib.Path, help="a clone of NahinNilav/ShopSphere")
    parser.add_argument("--out", type=pathlib.Path, default=SOURCE / "build" / "real", help="where the data set is made")
    parser.add_argument("--cir", default=SOURCE / "build" / "cir", help="the program")
    arguments = parser.parse_args()
    folder = arguments.out
    words = prepare(arguments.clone, folder)
    n_database = len(numpy.load(folder / "database_image.npy", mmap_mode="r"))
    print(f"{n_database} products, {len(words)} queries, {len(set(words))} of different words; mAP in %\n")

    methods = "text,image,sum,product,weicom,basic-,basic"
    figures = evaluate(arguments.cir, folder, methods, (), "--ablation")
    names = methods.split(",")
    row(*names)
    row(*("--:" for _ in names))
    row(*(f"{figures[name]['mAP']:.1f}" for name in names))
    print("\nBASIC's steps, added one by one:\n")
    steps = [name for name, found in figures.items() if "label" in found]
    row(*steps)
    row(*("--:" for _ in steps))
    row(*(f"{figures[name]['mAP']:.1f}" for name in steps))

    print("\nBASIC⁻ with the text projected, and what that adds (95 % interval, queries with the same words resampled together):\n")
    row("text_alpha", "mAP", "added")
    row("--:", "--:", "--:")
    plain = numpy.array(figures["basic-"]["AP"])
    for alpha in ("0.2", "0.5"):
        found = evaluate(arguments.cir, folder, "basic-", ("project_text=1", f"text_alpha={alpha}"))["basic-"]
        difference = numpy.array(found["AP"]) - plain
        low, high = 100 * resample(difference, words)
        row(alpha, f"{found['mAP']:.1f}", f"{100 * difference.mean():+.1f} [{low:+.1f}, {high:+.1f}]")

    print("\nWhat min-normalisation divides by, from 50, 200 and all products; and BASIC⁻'s mAP with the last:\n")
    row("minima", "image", "text", "mAP")
    row("---", "---", "---", "--:")
    row("the paper's, CLIP ViT-L/14's", "−0.077", "−0.117", f"{figures['basic-']['mAP']:.1f}")
    for name, statistic in STATISTICS.items():
        found = [tuple(map(statistic, similarities(folder, n))) for n in (50, 200, None)]
        settings = [f"min_{key}={value:.9g}" for key, value in zip(("image", "text"), found[-1])]
        score = evaluate(arguments.cir, folder, "basic-", settings)["basic-"]["mAP"]
        row(name, *(", ".join(f"{pair[k]:.3f}".replace("-", "−") for pair in found) for k in (0, 1)), f"{score:.1f}")
    score = evaluate(arguments.cir, folder, "basic-", ("min_image=estimated", "min_text=estimated"))["basic-"]
    row("min_image=estimated", *(f"{score['settings'][key]:.3f}".replace("-", "−") for key in ("min_image", "min_text")),
        f"{score['mAP']:.1f}")


if __name__ == "__main__":
    main()
