"""bench/real/shop.py on a synthetic clone of the shop's layout: what it takes from where, and that its tables are cir's."""
import csv
import json
import subprocess
import sys

import numpy
import pytest

from conftest import CIR, SOURCE

sys.path.insert(0, str(SOURCE / "bench" / "real"))
import shop  # noqa: E402

DIM = 12
SENTENCES = {("dress", "black"): "Black mini Dress with pockets.", ("dress", "red"): "A red dress. Style it with black boots.",
             ("trousers", "black"): "Wide black pants for work.", ("trousers", "red"): "Red trousers, cropped.",
             ("coat", "black"): "Warm coat in black wool.", ("coat", "grey"): "Gray coat with a hood."}


@pytest.fixture
def clone(tmp_path):
    """Seven products of each kind; some that name no garment, no colour, or one that is too rare."""
    random = numpy.random.default_rng(2)
    kinds = [kind for kind in SENTENCES for _ in range(7)]
    texts = [SENTENCES[kind] for kind in kinds] + ["Black thing.", "A dress of cotton.", "Purple dress.", "Vest in black."]
    kinds += [None] * 4
    parts = {name: random.normal(size=DIM) for name in ("dress", "trousers", "coat", "black", "red", "grey")}
    features = [random.normal(size=DIM) * 0.3 + (sum(parts[name] for name in kind) if kind else 0) for kind in kinds]
    folder = tmp_path / "clone"
    folder.mkdir()
    with open(folder / "metadata2.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image_path", "description"), *((f"/{i}.jpg", f"{text}\n") for i, text in enumerate(texts))])
    for name in ("image", "text"):
        noise = random.normal(size=(len(texts), DIM)) * 0.2
        numpy.save(folder / f"{name}_embeddings.npy", (numpy.array(features) + noise).astype(numpy.float32))
    return folder, kinds


def test_the_data_set(clone, tmp_path):
    folder, kinds = clone
    words = shop.prepare(folder, tmp_path / "out")
    read = {name: list(csv.reader(open(tmp_path / "out" / f"{name}.csv", newline="", encoding="utf-8")))
            for name in ("query", "database")}
    known = [kind for kind in kinds if kind]
    assert [row[1] for row in read["database"]] == [f"{colour} {garment}" for garment, colour in known]
    # A dress in the other colour, trousers too, a coat between black and grey.
    expected = [(garment, colour, other) for garment, colour in known for other in shop.COLOURS
                if other != colour and (garment, other) in SENTENCES and other != "grey"]
    assert words == [f"{other} {garment}" for garment, _, other in expected] == [row[1] for row in read["query"]]
    assert ("dress", "black", "red") in expected and all(garment != "coat" or colour == "grey" for garment, colour, _ in expected)
    texts = shop.unit(numpy.load(folder / "text_embeddings.npy"))[:len(known)]
    asked = numpy.load(tmp_path / "out" / "query_text.npy")
    q = words.index("red dress")
    red_trousers = texts[[kind == ("trousers", "red") for kind in known]]
    assert numpy.allclose(asked[q], shop.unit(red_trousers.mean(0)), atol=1e-6)
    objects = numpy.load(tmp_path / "out" / "corpus_objects.npy")
    is_red = numpy.array([kind[1] == "red" for kind in known])
    assert numpy.allclose(objects[is_red], shop.unit(texts[is_red] - texts[is_red].mean(0) + texts.mean(0)), atol=1e-6)


def test_the_tables(clone, tmp_path):
    folder, _ = clone
    command = [sys.executable, SOURCE / "bench" / "real" / "shop.py", folder, "--out", tmp_path / "out", "--cir", CIR]
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("42 products, ")
    rows = [line.strip("| ").split(" | ") for line in answer.stdout.splitlines() if line.startswith("|")]
    asked = subprocess.run([CIR, "eval", "--features", tmp_path / "out", "--method", "product,basic-", "--json", "-", "-q"],
                           stdout=subprocess.PIPE, check=True)
    product, basic = (figures["mAP"] for figures in json.loads(asked.stdout)["methods"])
    assert rows[0] == ["text", "image", "sum", "product", "weicom", "basic-", "basic"]
    assert (rows[2][3], rows[2][5]) == (f"{product:.1f}", f"{basic:.1f}")
    assert rows[3][0] == "raw product" and rows[3][-1] == "+ text projection" and rows[5][0] == f"{product:.1f}"
    ours, cirs = rows[-2], rows[-1]
    assert ours[1].split(", ")[-1] == cirs[1] and cirs[0] == "min_image=estimated"


def test_intervals_are_of_whole_groups():
    words = ["a"] * 50 + ["b"] * 50
    low, high = shop.resample(numpy.array([0.0] * 50 + [1.0] * 50), words)
    assert (low, high) == (0, 1)  # two groups: either may be drawn twice
    low, high = shop.resample(numpy.array([0.0] * 50 + [1.0] * 50), [str(i) for i in range(100)])
    assert 0.35 < low < 0.45 and 0.55 < high < 0.65
