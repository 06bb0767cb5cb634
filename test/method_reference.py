"""BASIC and the other training-free methods in numpy, written from the method's description alone: what the library's answers are
compared with. Double precision throughout, nothing folded, nothing fast.

    python3 test/method_reference.py FOLDER METHOD [KEY=VALUE]...     # prints AP per query and the ten best rows
"""
import collections
import csv
import json
import math
import pathlib
import sys

import numpy

DEFAULTS = {
    "variant": "paper", "alpha": 0.2, "components": 250, "lambda": 0.1, "neighbours": 25, "beta": 0.1, "centre": 1,
    "project": 1, "project_text": 0, "text_components": 64, "text_alpha": 0.2, "expand": 1, "contextualise": 1, "normalise": 1, "fuse": "harris", "image_mean": "auto",
    "min_image": None, "min_text": None, "weight": 0.5,
}
PAPER_MINIMA = {"min_image": -0.077, "min_text": -0.117}


def unit(rows):
    rows = numpy.asarray(rows, dtype=numpy.float64)
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def load(folder):
    """The folder of `cir eval --features` as a dictionary of arrays and lists."""
    folder = pathlib.Path(folder)
    data = {path.stem: numpy.load(path) for path in folder.glob("*.npy")}
    data = {name: rows.astype(numpy.float64) if name == "image_mean" else unit(rows) for name, rows in data.items()}
    for name in ("query", "database"):
        with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
            data[name] = list(csv.reader(file))
    return data


def projection(objects, styles, text_mean, settings):
    """Step 3: the projector onto the leading directions of C."""
    def second_moment(rows):
        return (rows - text_mean).T @ (rows - text_mean) / (len(rows) - 1)

    contrast = (1 - settings["alpha"]) * second_moment(objects) - settings["alpha"] * second_moment(styles)
    if settings["variant"] == "reference":
        contrast = contrast + 1e-5
    values, vectors = numpy.linalg.eigh(contrast)
    kept = [i for i in numpy.argsort(-values) if values[i] > 0][:settings["components"]]
    return vectors[:, kept] @ vectors[:, kept].T


def smallest_similarities(data, image_mean, text_mean):
    """Step 6: over all pairs of the synthetic set, where there is one."""
    if "synthetic_image" not in data:
        return dict(PAPER_MINIMA)
    images, texts = data["synthetic_image"] - image_mean, data["synthetic_text"] - text_mean
    return {"min_image": (images @ images.T).min(), "min_text": (texts @ images.T).min()}


def basic_scores(data, q, database, settings, memo):
    """Steps 1 and 3 to 7 for one query; step 2 is in the features already. memo: what queries share."""
    dim = database.shape[1]
    image = data["query_image"][q]
    has_context = settings["contextualise"] and "query_text_context" in data
    text = (data["query_text_context"] if has_context else data["query_text"])[q]
    image_mean, text_mean = numpy.zeros(dim), numpy.zeros(dim)
    if settings["centre"]:
        has_mean = settings["image_mean"] == "auto" and "image_mean" in data
        image_mean = data["image_mean"] if has_mean else database.mean(axis=0)
        text_mean = data["corpus_objects"].mean(axis=0)
    image, text, rows = image - image_mean, text - text_mean, database - image_mean

    projector = numpy.eye(dim)
    if settings["project"]:
        if "projector" not in memo:
            memo["projector"] = projection(data["corpus_objects"], data["corpus_styles"], text_mean, settings)
        projector = memo["projector"]

    if settings["expand"]:
        similarity = rows @ (projector @ image)
        best = numpy.argsort(-similarity, kind="stable")[:settings["neighbours"]]
        weights = numpy.exp(settings["beta"] * numpy.append(similarity[best], 1.0))
        image = weights / weights.sum() @ numpy.vstack([rows[best], image])

    if settings["project_text"]:  # beyond the paper: the corpora change places
        if "text_projector" not in memo:
            memo["text_projector"] = projection(data["corpus_styles"], data["corpus_objects"], text_mean, {
                "variant": "paper", "alpha": settings["text_alpha"], "components": settings["text_components"]})
        text = memo["text_projector"] @ text if memo["text_projector"].any() else text

    v, t = rows @ (projector @ image), rows @ text
    if settings["normalise"]:
        if image_mean.tobytes() not in memo:
            memo[image_mean.tobytes()] = smallest_similarities(data, image_mean, text_mean)
        estimated = memo[image_mean.tobytes()]
        minima = {key: estimated[key] if settings[key] is None else settings[key] for key in estimated}
        text_scale = minima["min_image"] if settings["variant"] == "reference" else minima["min_text"]
        v = (v - minima["min_image"]) / abs(minima["min_image"])
        t = (t - minima["min_text"]) / abs(text_scale)
    v, t = numpy.maximum(v, 0), numpy.maximum(t, 0)
    return v * t - (settings["lambda"] * (v + t) ** 2 if settings["fuse"] == "harris" else 0)


def baseline_scores(data, q, database, method, settings):
    v, t, weight = database @ data["query_image"][q], database @ data["query_text"][q], settings["weight"]
    if method == "product":
        return numpy.maximum(v, 0) ** (2 - 2 * weight) * numpy.maximum(t, 0) ** (2 * weight)
    return {"image": v, "text": t, "sum": 2 * (1 - weight) * v + 2 * weight * t}[method]


def weicom_scores(data, q, database, settings):
    def percentile(s):
        return numpy.array([(1 + math.erf(z / math.sqrt(2))) / 2 for z in (s - s.mean()) / s.std(ddof=1)])

    v, t = percentile(database @ data["query_image"][q]), percentile(database @ data["query_text"][q])
    return (1 - settings["weight"]) * v + settings["weight"] * t


def freedom_words(image, others, expands, is_inside, vocabulary, features, n_images=20, n_nearest=7, n_words=7):
    """Which words a photo is put into, with their weights. others: the rows that it ranks."""
    nearest = others[numpy.argsort(-(others @ image), kind="stable")[:n_images if is_inside else n_images - 1]]
    looks = [image] if not expands else list(nearest) if is_inside else [image, *nearest]
    counts = collections.Counter()  # in the order of the first sight
    for look in looks:
        counts.update(vocabulary[i] for i in numpy.argsort(-(features @ look), kind="stable")[:n_nearest])
    chosen = counts.most_common(n_words)  # a stable sort
    return [(word, count / chosen[0][1]) for word, count in chosen]


def average_precision(ranks):
    """The trapezoid rule of the reference."""
    area = 0.0
    for j, rank in enumerate(ranks):
        area += ((1.0 if rank == 0 else j / rank) + (j + 1) / (rank + 1)) / 2
    return area / (len(ranks) + 1e-5)


def tie_places(scores, is_relevant):
    """By place, best first: how likely it is that a relevant row stands there, where rows of equal scores stand in any
    order, and how many relevant rows are then expected before it; and the first place of its group."""
    order = numpy.argsort(-scores, kind="stable")
    scores, is_relevant = scores[order], numpy.asarray(is_relevant)[order]
    chance, before, begin, n_before = [], [], 0, 0
    while begin < len(scores):
        end = begin + 1
        while end < len(scores) and scores[end] == scores[begin]:
            end += 1
        t, r = end - begin, int(is_relevant[begin:end].sum())
        chance += [r / t] * t
        before += [n_before + p * (r - 1) / max(t - 1, 1) for p in range(t)]
        begin, n_before = end, n_before + r
    return numpy.array(chance), numpy.array(before)


def expected_figures(scores, is_relevant, at=(1, 5, 10, 50)):
    """AP by the trapezoid rule and in the paper's wording, relevant rows among the k best, and AP over these alone, all
    expected over the orders of equal scores."""
    chance, before = tie_places(scores, is_relevant)
    n, places = int(numpy.sum(is_relevant)), numpy.arange(len(scores))
    after = (before + 1) / (places + 1)
    first = numpy.where(places == 0, 1, before / numpy.maximum(places, 1))
    return {"AP": float((chance * (first + after)).sum() / 2 / (n + 1e-5)),
            "AP_paper": float((chance * after).sum() / max(n, 1)),
            "found": {k: float(chance[:k].sum()) for k in at},
            "AP_at": {k: float((chance * after)[:k].sum() / max(min(n, k), 1)) for k in at}}


def extreme_average_precision(scores, is_relevant):
    """AP by the worst and by the best order of equal scores."""
    is_relevant = numpy.asarray(is_relevant)
    found = []
    for key in (is_relevant, ~is_relevant):
        order = numpy.lexsort((key, -scores))
        found.append(average_precision(numpy.flatnonzero(is_relevant[order])))
    return found


def evaluate(data, method, given=()):
    """AP per query, the ten best database rows per query and their scores, and the means in percent."""
    settings = dict(DEFAULTS, expand=int(method == "basic"))
    settings.update(given)
    aps, tops, scores, memo = [], [], [], {}
    for q, (_, text, instance) in enumerate(data["query"]):
        rows = numpy.array([r for r, row in enumerate(data["database"]) if row[2] == instance])
        database = data["database_image"][rows]
        if method.startswith("basic"):
            score = basic_scores(data, q, database, settings, memo)
        elif method == "weicom":
            score = weicom_scores(data, q, database, settings)
        elif method == "external":
            score = data.get("database_composed", data["database_image"])[rows] @ data["query_composed"][q]
        elif method.startswith("freedom"):
            score = database @ data["query_freedom"][q]
        else:
            score = baseline_scores(data, q, database, method, settings)
        order = numpy.argsort(-score, kind="stable")
        aps.append(expected_figures(score, [data["database"][row][1] == text for row in rows])["AP"])
        tops.append([int(r) for r in rows[order[:10]]])
        scores.append(dict(zip((int(r) for r in rows), score)))
    instances = [row[2] for row in data["query"]]
    groups = [[ap for ap, instance in zip(aps, instances) if instance == name] for name in dict.fromkeys(instances)]
    return {"AP": aps, "top": tops, "scores": scores, "mAP": 100 * numpy.mean(aps),
            "mmAP": 100 * numpy.mean([numpy.mean(group) for group in groups]),
            "minmAP": 100 * numpy.mean([min(group) for group in groups])}


def parse(key_value):
    """One KEY=VALUE of the command line."""
    key, value = key_value.split("=", 1)
    kind = type(DEFAULTS[key]) if DEFAULTS[key] is not None else float
    return key, kind(value)


if __name__ == "__main__":
    answer = evaluate(load(sys.argv[1]), sys.argv[2], dict(map(parse, sys.argv[3:])))
    del answer["scores"]
    json.dump(answer, sys.stdout, indent=1)
