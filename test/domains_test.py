"""`cir eval --benchmark`: domain conversion by FREEDOM's lists, against numpy written from the protocol's description: on
small synthetic sets in the shape of each benchmark, on the published lists where they are there, and on lists that are
wrong."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import method_reference  # noqa: E402
from conftest import CIR, draw_photo  # noqa: E402

LISTS = pathlib.Path(os.environ.get("CIR_SHARED", HERE.parent.parent / "shared")) / "data" / "lists"
DOMAINS = {
    "imagenet_r": {"real": "photo", "cartoon": "cartoon", "origami": "origami", "toy": "toy", "sculpture": "sculpture"},
    "nico": {"autumn": "autumn", "dim": "dimlight", "grass": "grass", "outdoor": "outdoor", "rock": "rock",
             "water": "water"},
    "minidn": {"clipart": "clipart", "painting": "painting", "real": "photo", "sketch": "sketch"},
    "ltll": {"New": "Today", "Old": "Archive"},
}
HAS_ONE_LIST = {"imagenet_r": True, "nico": False, "minidn": False, "ltll": True}
RUNS = [["text"], ["image"], ["sum"], ["product"], ["weicom"], ["basic-"], ["basic"], ["basic", "variant=reference"],
        ["basic-", "image_mean=index"], ["basic", "contextualise=0"]]


def run(*arguments):
    return subprocess.run([CIR, "eval", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=600, universal_newlines=True)


def ask(folder, benchmark, method, *settings):
    more = [word for setting in settings for word in ("--set", setting)]
    answer = run("--features", folder, "--benchmark", benchmark, "--method", method, "--json", "-", *more)
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout)
    assert len(document["methods"]) == 1
    return document, document["methods"][0]


def write_list(path, rows):
    path.write_text("".join(" ".join(row) + "\n" for row in rows))


def write_features(folder, benchmark, queries, database, dim=12, seed=3):
    """Rows of one class lie near each other, as do rows of one domain and its text. Returns what was written."""
    random = numpy.random.default_rng(seed)
    centres = {name: random.normal(size=dim) for _, *names in queries + database for name in names}

    def noisy(*names):
        return sum(centres[name] for name in names) + 1.5 * random.normal(size=dim) + 0.5

    data = {"database_image": [noisy(*names) for _, *names in database],
            "query_text": [centres.get(domain, 1) + 0.5 * random.normal(size=dim) for domain in DOMAINS[benchmark]],
            "corpus_objects": random.normal(size=(40, dim)) + 0.3, "corpus_styles": random.normal(size=(30, dim)) + 0.3,
            "synthetic_image": random.normal(size=(20, dim)) + 0.5,
            "synthetic_text": random.normal(size=(15, dim)) + 0.3}
    data["query_text_context"] = data["query_text"] + 0.5 * random.normal(size=(len(DOMAINS[benchmark]), dim))
    if not HAS_ONE_LIST[benchmark]:
        data["query_image"] = [noisy(*names) for _, *names in queries]
    data = {name: numpy.asarray(rows, dtype=numpy.float32) for name, rows in data.items()}
    for name, rows in data.items():
        numpy.save(folder / f"{name}.npy", rows)
    data.setdefault("query_image", data["database_image"])
    return {name: method_reference.unit(rows) for name, rows in data.items()}


def compose(benchmark, images):
    """Each listed image with each domain but its own: (row of the image, number of the target, class)."""
    names = list(DOMAINS[benchmark])
    return [(i, t, name) for i, (_, domain, name) in enumerate(images) for t in range(len(names)) if names[t] != domain]


def expect(data, benchmark, images, database, method, settings, chosen=None):
    """AP of each query, or of those whose numbers are chosen."""
    settings = dict(method_reference.DEFAULTS, expand=int(method == "basic"),
                    **dict(map(method_reference.parse, settings)))
    names, memo, aps = list(DOMAINS[benchmark]), {}, []
    queries = compose(benchmark, images)
    for q in range(len(queries)) if chosen is None else chosen:
        i, t, class_name = queries[q]
        one = dict(data, query_image=data["query_image"][[i]], query_text=data["query_text"][[t]],
                   query_text_context=data["query_text_context"][[t]])
        if method.startswith("basic"):
            score = method_reference.basic_scores(one, 0, data["database_image"], settings, memo)
        elif method == "weicom":
            score = method_reference.weicom_scores(one, 0, data["database_image"], settings)
        else:
            score = method_reference.baseline_scores(one, 0, data["database_image"], method, settings)
        aps.append(method_reference.expected_figures(
            score, [row[1:] == (names[t], class_name) for row in database])["AP"])
    return numpy.array(aps)


def check_means(benchmark, images, got):
    """The table of pairs, its rows' means and their mean, from the AP of each query."""
    names, texts = list(DOMAINS[benchmark]), list(DOMAINS[benchmark].values())
    queries, n = compose(benchmark, images), len(names)
    assert len(got["AP"]) == len(queries)
    cells = {(s, t): [] for s in range(n) for t in range(n) if s != t}
    for (i, t, _), ap in zip(queries, got["AP"]):
        cells[names.index(images[i][1]), t].append(ap)
    pairs = {cell: 100 * numpy.mean(aps) if aps else 0.0 for cell, aps in cells.items()}
    sources = [numpy.mean([pairs[s, t] for t in range(n) if t != s]) for s in range(n)]
    assert list(got["pairs"]) == list(got["sources"]) == texts
    for (s, t), value in pairs.items():
        assert abs(got["pairs"][texts[s]][texts[t]] - value) < 1e-6
        assert len(got["pairs"][texts[s]]) == n - 1
    assert numpy.allclose(list(got["sources"].values()), sources, atol=1e-6)
    assert abs(got["AVG"] - numpy.mean(sources)) < 1e-6
    classes = {name: [] for _, _, name in images}
    for (_, _, name), ap in zip(queries, got["AP"]):
        classes[name].append(ap)
    assert abs(got["mmAP"] - 100 * numpy.mean([numpy.mean(aps) for aps in classes.values()])) < 1e-6
    assert len(got["per_instance"]) == len(classes)
    low, high = got["interval"]["mAP"]
    assert low < got["mAP"] < high


def make_lists(folder, benchmark, seed=1):
    """Some pairs of class and domain have no rows, so that some queries have nothing to find; ImageNet-R's fifth domain
    and MiniDN's third have no queries at all."""
    random = numpy.random.default_rng(seed)
    names = list(DOMAINS[benchmark])
    absent = {"imagenet_r": "sculpture", "minidn": "real"}.get(benchmark)

    def rows(n, kind):
        drawn = [(str(random.choice(names)), f"class_{random.integers(4)}") for _ in range(n)]
        return [(f"{benchmark}/{kind}/{i}.jpg", domain, name) for i, (domain, name) in enumerate(drawn)
                if not (domain == names[1] and name == "class_2") and domain != absent]

    if HAS_ONE_LIST[benchmark]:
        images = database = rows(60, "full")
        write_list(folder / "full_files.csv", images)
    else:
        images, database = rows(30, "query"), rows(90, "database")
        write_list(folder / "query_files.csv", images)
        write_list(folder / "database_files.csv", database)
    return images, database


@pytest.mark.parametrize("benchmark", DOMAINS)
def test_small_sets_as_numpy(benchmark, tmp_path):
    images, database = make_lists(tmp_path, benchmark)
    data = write_features(tmp_path, benchmark, images, database)
    for method, *settings in RUNS:
        document, got = ask(tmp_path, benchmark, method, *settings)
        assert document["n_database"] == len(database)
        expected = expect(data, benchmark, images, database, method, settings)
        assert numpy.allclose(got["AP"], expected, atol=1e-5), (method, settings)
        assert (expected == 0).any() and (expected > 0.1).any()
        check_means(benchmark, images, got)


def test_a_photo_shared_by_queries_is_expanded_as_if_alone(tmp_path):
    """More queries than are ranked together, so that one photo's stand in two batches."""
    images = [(f"nico/{i}.jpg", list(DOMAINS["nico"])[i % 6], f"class_{i % 5}") for i in range(100)]
    write_list(tmp_path / "query_files.csv", images)
    write_list(tmp_path / "database_files.csv", images)
    data = write_features(tmp_path, "nico", images, images)
    for threads in ("1", "3"):
        answer = run("--features", tmp_path, "--benchmark", "nico", "--method", "basic", "--threads", threads, "--json", "-")
        got = json.loads(answer.stdout)["methods"][0]
        assert numpy.allclose(got["AP"], expect(data, "nico", images, images, "basic", []), atol=1e-5)


def published(benchmark):
    folder = LISTS / benchmark
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


def test_ltll_as_published(tmp_path):
    folder = published("ltll")
    shutil.copy(folder / "full_files.csv", tmp_path)
    images = [tuple(line.split()) for line in (folder / "full_files.csv").read_text().splitlines()]
    assert len(images) == 488 and len({name for _, _, name in images}) == 25
    data = write_features(tmp_path, "ltll", images, images)
    for method in ("product", "basic"):
        _, got = ask(tmp_path, "ltll", method)
        assert numpy.allclose(got["AP"], expect(data, "ltll", images, images, method, []), atol=1e-4)
        check_means("ltll", images, got)


def test_minidn_as_published(tmp_path):
    folder = published("minidn")
    shutil.copy(folder / "query_files.csv", tmp_path)
    images = [tuple(line.split()) for line in (folder / "query_files.csv").read_text().splitlines()]
    assert len(images) == 2520 and len({name for _, _, name in images}) == 126
    database = [(f"minidn/{i}.jpg", domain, name) for i, (_, domain, name) in enumerate(images) if i % 3 == 0]
    write_list(tmp_path / "database_files.csv", database)
    data = write_features(tmp_path, "minidn", images, database)
    _, got = ask(tmp_path, "minidn", "basic-")
    chosen = range(0, len(got["AP"]), 23)
    expected = expect(data, "minidn", images, database, "basic-", [], chosen)
    assert numpy.allclose(numpy.array(got["AP"])[chosen], expected, atol=1e-4)
    check_means("minidn", images, got)


@pytest.mark.parametrize("file", ["imgnet_targets.txt", "full_files.csv"])
def test_imagenet_r_as_published(file, tmp_path):
    """The list of targets, and the list that FREEDOM's own program makes of it; every sixth row."""
    folder = published("imagenet_r")
    lines = (folder / "imgnet_targets.txt").read_text().splitlines()
    names = dict(line.split(",") for line in (folder / "label_names.csv").read_text().splitlines())
    rows = [line.split() for line in lines]
    images = [(path, (["cartoon", "origami", "toy", "sculpture"] + 9 * ["real"])[int(number) // 1000],
               names[path.split("/")[-2]]) for path, number in rows]
    assert len(images) == 16983 and len({name for _, _, name in images}) == 200
    assert len({domain for _, domain, _ in images}) == 5
    images = images[::6]
    if file == "full_files.csv":
        write_list(tmp_path / file, images)
    else:
        (tmp_path / file).write_text("\n".join(lines[::6]))
    data = write_features(tmp_path, "imagenet_r", images, images)
    _, got = ask(tmp_path, "imagenet_r", "product")
    chosen = range(0, len(got["AP"]), 101)
    expected = expect(data, "imagenet_r", images, images, "product", [], chosen)
    assert numpy.allclose(numpy.array(got["AP"])[chosen], expected, atol=1e-4)
    check_means("imagenet_r", images, got)


def test_pictures_and_a_model(tmp_path):
    """The demo encoder's features, written by cir encode, give the same answers as the pictures."""
    folder, features = tmp_path / "ltll", tmp_path / "features"
    (folder / "all").mkdir(parents=True)
    features.mkdir()
    rows = [(f"ltll/all/{i:02}.jpg", "New" if i % 3 else "Old", f"class_{i % 4}") for i in range(24)]
    for i in range(len(rows)):
        draw_photo(i).save(folder / "all" / f"{i:02}.jpg")
    write_list(folder / "full_files.csv", rows)
    answer = run(folder, "--benchmark", "ltll", "--method", "all", "--json", "-", "-q")
    assert answer.returncode == 0, answer.stderr
    got = {method["method"]: method for method in json.loads(answer.stdout)["methods"]}
    (tmp_path / "texts.txt").write_text("Today\nArchive\n")
    for what in (["--images", folder / "all", "-o", features / "database_image.npy"],
                 ["--texts", tmp_path / "texts.txt", "-o", features / "query_text.npy"]):
        subprocess.run([CIR, "encode", "-q", *map(str, what)], check=True)
    texts = numpy.load(features / "query_text.npy")
    numpy.save(features / "query_text.npy", texts[:2])
    write_list(features / "full_files.csv", rows)
    for method in ("text", "image", "sum", "product"):
        assert numpy.allclose(got[method]["AP"], ask(features, "ltll", method)[1]["AP"], atol=1e-4)
    for method in got.values():
        check_means("ltll", rows, method)


def test_the_table_has_every_pair(tmp_path):
    images, database = make_lists(tmp_path, "ltll")
    write_features(tmp_path, "ltll", images, database)
    answer = run("--features", tmp_path, "--benchmark", "ltll", "--method", "product")
    assert answer.returncode == 0
    got = ask(tmp_path, "ltll", "product")[1]
    lines = [line.split() for line in answer.stdout.splitlines() if line]
    today, archive = (f"{got['pairs'][s][t]:.2f}" for s, t in (("Today", "Archive"), ("Archive", "Today")))
    empty = got["n_relevant"].count(0)
    assert empty > 0 and lines.pop() == [str(empty), "of", str(len(got["AP"])), "queries", "have", "nothing",
                                         "relevant", "to", "find", "and", "count", "0"]
    assert lines[1:5] == [["product", "Today", "Archive", "mean"], ["from", "Today", "-", today, today],
                          ["from", "Archive", archive, "-", archive], ["AVG", f"{got['AVG']:.2f}"]]
    assert " ".join(lines[5]) == (f"AVG {got['AVG']:.2f} (ties {got['AVG_low']:.2f}–{got['AVG_high']:.2f}, "
                                  f"{got['n_tied']} of {len(got['AP'])} queries)")
    assert len(lines) == 6


# -- what is wrong with the lists ----------------------------------------------------------------------------------


def refuse(folder, benchmark, *says):
    answer = run("--features", folder, "--benchmark", benchmark)
    assert answer.returncode == 1 and answer.stdout == ""
    for words in says:
        assert words in answer.stderr, answer.stderr


@pytest.mark.parametrize("line, says", [
    ("ltll/3.jpg New", "2 fields"),
    ("ltll/3.jpg New Paris extra", "4 fields"),
    ("ltll/3.jpg  Paris", "empty field"),
    ("ltll/3.jpg,New,Paris", "1 fields"),
    ("ltll/3.jpg Middle Paris", "the domain Middle, which ltll lacks; write one of New, Old"),
])
def test_a_malformed_row_is_named(line, says, tmp_path):
    (tmp_path / "full_files.csv").write_text(f"ltll/1.jpg New Paris\nltll/2.jpg Old Paris\n{line}\n")
    refuse(tmp_path, "ltll", "full_files.csv: line 3", says)


@pytest.mark.parametrize("line, says", [("imgnet/a/b.jpg", "1 fields"), ("imgnet/a/b.jpg two", "two"),
                                        ("imgnet/a/b.jpg -5", "-5"), ("imgnet/a/b.jpg 12x", "12x")])
def test_a_malformed_number_is_named(line, says, tmp_path):
    (tmp_path / "imgnet_targets.txt").write_text(f"imgnet/a/a.jpg 2 \n{line}\n")
    refuse(tmp_path, "imagenet_r", "imgnet_targets.txt: line 2", says)


@pytest.mark.parametrize("benchmark, missing", [
    ("ltll", "full_files.csv"), ("imagenet_r", "full_files.csv"), ("nico", "query_files.csv"),
    ("nico", "database_files.csv"), ("minidn", "query_image.npy"), ("ltll", "database_image.npy"),
    ("ltll", "query_text.npy")])
def test_a_missing_file_is_named(benchmark, missing, tmp_path):
    images, database = make_lists(tmp_path, benchmark)
    write_features(tmp_path, benchmark, images, database)
    (tmp_path / missing).unlink()
    refuse(tmp_path, benchmark, missing)


def test_rows_that_disagree_with_the_lists(tmp_path):
    images, database = make_lists(tmp_path, "minidn")
    write_features(tmp_path, "minidn", images, database)
    for name, n in (("query_text", 5), ("query_image", len(images) - 1), ("database_image", len(database) + 1)):
        kept = numpy.load(tmp_path / f"{name}.npy")
        numpy.save(tmp_path / f"{name}.npy", numpy.ones((n, 12), dtype=numpy.float32))
        refuse(tmp_path, "minidn", f"{name}.npy: has {n} rows")
        numpy.save(tmp_path / f"{name}.npy", kept)


def test_an_unknown_benchmark_and_an_empty_list(tmp_path):
    (tmp_path / "full_files.csv").write_text("\n")
    refuse(tmp_path, "ltll", "full_files.csv: holds no rows")
    refuse(tmp_path, "domainnet", "domainnet: no such benchmark", "minidn")


def test_windows_line_ends_and_a_byte_order_mark(tmp_path):
    images, database = make_lists(tmp_path, "ltll")
    write_features(tmp_path, "ltll", images, database)
    before = ask(tmp_path, "ltll", "sum")[1]["AP"]
    text = (tmp_path / "full_files.csv").read_text()
    (tmp_path / "full_files.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert ask(tmp_path, "ltll", "sum")[1]["AP"] == before
