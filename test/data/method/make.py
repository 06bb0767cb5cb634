"""Makes small/: random features in the folder layout of `cir eval --features`, and expected.json, the answers of
test/method_reference.py on them.

    python3 test/data/method/make.py
"""
import csv
import json
import pathlib
import sys

import numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
import method_reference  # noqa: E402

RUNS = [
    ["text"], ["image"], ["sum"], ["product"], ["sum", "weight=0.3"], ["product", "weight=0.7"],
    ["weicom"], ["weicom", "weight=0.2"],
    ["basic"], ["basic-"],
    ["basic", "variant=reference"], ["basic-", "variant=reference"],
    ["basic-", "centre=0", "normalise=0"], ["basic-", "project=0"], ["basic-", "contextualise=0"],
    ["basic-", "normalise=0"], ["basic-", "fuse=product"], ["basic-", "image_mean=index"],
    ["basic", "image_mean=index", "variant=reference"],
    ["basic-", "min_image=-0.3", "min_text=-0.4"], ["basic-", "lambda=0.3"],
    ["basic", "neighbours=3", "beta=2"], ["basic", "neighbours=1000"], ["basic", "alpha=0.5", "components=5"],
    ["basic-", "alpha=1"], ["basic", "project=0", "centre=0", "normalise=0", "expand=1"],
]


def write_features(folder, seed, dim=24, n_instances=4):
    """Instances, texts and their positives lie near each other; everything else is noise around a mean."""
    random = numpy.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    image_mean = random.normal(size=dim) * 0.6 / dim ** 0.5
    text_mean = random.normal(size=dim) * 0.6 / dim ** 0.5
    things, changes = random.normal(size=(n_instances, dim)), random.normal(size=(3, dim))

    def noisy(centre, mean, amount=0.9):
        row = centre / dim ** 0.5 + amount * random.normal(size=dim) / dim ** 0.5 + mean
        return row * random.uniform(0.5, 2)

    texts = ["at night", "as a \"sketch\", in ink", "café"]
    queries, database, files = [], [], {"query_image": [], "query_text": [], "query_text_context": [],
                                        "database_image": []}
    for i in range(n_instances):
        for t in range(3 if i != 1 else 2):
            text = random.normal(size=dim) * 0.1 + changes[t]
            for k in range(1 + (i + t) % 2):
                queries.append([f"query/{i}_{t}_{k}.jpg", texts[t], f"thing {i}"])
                files["query_image"].append(noisy(things[i], image_mean))
                files["query_text"].append(noisy(text, text_mean, 0.1))
                files["query_text_context"].append(noisy(text, text_mean, 0.3))
    rows = [(i, t) for i in range(n_instances) for t in (0, 1, 2, 2, 3, 4, 5, 5, 5, 5) for _ in range(4)]
    for n in random.permutation(len(rows)):
        i, t = rows[n]
        # 0 to 2: positives of a text; 3, 4: the thing alone; 5: a change alone. Row order mixes the instances.
        centre = things[i] + changes[t] if t < 3 else things[i] * 1.3 if t < 5 else changes[n % 3] * 1.3
        database.append([f"database/{n}.jpg", texts[t] if t < 3 else "", f"thing {i}"])
        files["database_image"].append(noisy(centre, image_mean))
    files["corpus_objects"] = [noisy(random.normal(size=dim), text_mean, 0) for _ in range(70)]
    files["corpus_styles"] = [noisy(changes[n % 3] + random.normal(size=dim), text_mean, 0) for n in range(50)]
    files["synthetic_image"] = [noisy(random.normal(size=dim), image_mean, 0) for _ in range(40)]
    files["synthetic_text"] = [noisy(random.normal(size=dim), text_mean, 0) for _ in range(30)]
    files["image_mean"] = image_mean
    for name, values in files.items():
        dtype = numpy.float16 if name == "query_text_context" else numpy.float32
        numpy.save(folder / f"{name}.npy", numpy.asarray(values, dtype=dtype))
    for name, table in (("query", queries), ("database", database)):
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(table)


def expect(folder):
    data = method_reference.load(folder)
    for method, *settings in RUNS:
        answer = method_reference.evaluate(data, method, dict(map(method_reference.parse, settings)))
        yield {"method": method, "settings": settings, "mAP": answer["mAP"], "mmAP": answer["mmAP"],
               "minmAP": answer["minmAP"], "AP": answer["AP"], "top": answer["top"]}


if __name__ == "__main__":
    write_features(HERE / "small", seed=1)
    with open(HERE / "small" / "expected.json", "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(run) for run in expect(HERE / "small")) + "\n]\n")
