"""What equal scores make of figures: expected values over all orders, bounds beside them, and nothing of the order in which
the data set lists its images. Against numpy, from the definition."""
import csv
import json

import numpy
import pytest

import domains_test
import method_reference
import triplets_test
from conftest import run_cir

DIM = 10
RUNS = [("product", []), ("product", ["variant=reference"]), ("basic-", ["normalise=0"]), ("basic", ["normalise=0"]),
        ("basic-", ["normalise=0", "fuse=product", "variant=reference"])]


def write_list(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def write_set(folder, turns_database, seed=3, n_queries=36, n_rows=120):
    """Similarities straddle 0, so that clamping makes ties; positives stand first in the list, or last."""
    random = numpy.random.default_rng(seed)
    folder.mkdir()
    unlike = {"query_image": random.normal(size=(n_queries, DIM)), "query_text": random.normal(size=(n_queries, DIM)),
              "corpus_objects": random.normal(size=(40, DIM)), "corpus_styles": random.normal(size=(30, DIM))}
    queries, database, images = [], [], []
    for q in range(n_queries):
        instance, text = f"i{q // 3}", f"t{q % 3}"
        queries.append((f"q{q}.jpg", text, instance))
    for i in range(n_queries // 3):
        for r in range(n_rows):
            positive = r < 12
            pull = 0.15 * (unlike["query_image"][3 * i + r % 3] + unlike["query_text"][3 * i + r % 3]) if positive else 0
            database.append((f"{i}/{r}.jpg", f"t{r % 3}" if positive else "none", f"i{i}"))
            images.append(random.normal(size=DIM) + pull)
    images = numpy.array(images)
    if turns_database:
        database, images = database[::-1], images[::-1]
    write_list(folder / "query.csv", queries)
    write_list(folder / "database.csv", database)
    for name, rows in dict(unlike, database_image=images).items():
        numpy.save(folder / f"{name}.npy", numpy.asarray(rows, dtype=numpy.float32))


def ask(folder, method, settings, *more):
    words = [word for setting in settings for word in ("--set", setting)]
    result = run_cir("eval", "--features", folder, "--method", method, *words, "--json", "-", "-q", *more)
    assert result.status == 0, result.err
    return result.json


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ties")
    for name, is_turned in (("first", False), ("last", True)):
        write_set(folder / name, is_turned)
    return folder


@pytest.mark.parametrize("method, settings", RUNS)
def test_bounds_and_expectation_as_numpy(sets, method, settings):
    document = ask(sets / "first", method, settings)
    (got,) = document["methods"]
    data = method_reference.load(sets / "first")
    answer = method_reference.evaluate(data, method, dict(map(method_reference.parse, settings)))
    low, high = [], []
    for q, (_, text, instance) in enumerate(data["query"]):
        rows = list(answer["scores"][q])
        worst, best = method_reference.extreme_average_precision(
            numpy.array([answer["scores"][q][row] for row in rows]), [data["database"][row][1] == text for row in rows])
        low.append(worst)
        high.append(best)
    assert document["protocol"]["ties"] == "expected"
    assert numpy.allclose(got["AP"], answer["AP"], atol=1e-6)
    assert numpy.allclose(got["AP_low"], low, atol=1e-6) and numpy.allclose(got["AP_high"], high, atol=1e-6)
    assert got["n_tied"] == sum(a < b - 1e-9 for a, b in zip(low, high)) > 3
    groups = [[q for q, row in enumerate(data["query"]) if row[2] == name] for name in
              dict.fromkeys(row[2] for row in data["query"])]
    for suffix, AP in (("_low", numpy.array(low)), ("", numpy.array(answer["AP"])), ("_high", numpy.array(high))):
        assert abs(got["mAP" + suffix] - 100 * AP.mean()) < 1e-4
        assert abs(got["mmAP" + suffix] - 100 * numpy.mean([AP[g].mean() for g in groups])) < 1e-4
        assert abs(got["minmAP" + suffix] - 100 * numpy.mean([AP[g].min() for g in groups])) < 1e-4
    assert got["mAP_low"] < got["mAP"] < got["mAP_high"]


@pytest.mark.parametrize("ap", ["trapezoid", "paper"])
@pytest.mark.parametrize("method, settings", RUNS[:3])
def test_the_order_of_the_list_is_nothing(sets, method, settings, ap):
    (first,), (last,) = (ask(sets / name, method, settings, "--ap", ap)["methods"] for name in ("first", "last"))
    assert first["n_tied"] == last["n_tied"] > 3
    for key in ("AP", "AP_low", "AP_high", "mAP", "mmAP", "minmAP", "mAP_low", "mAP_high", "precision_recall"):
        assert numpy.allclose(first[key], last[key], atol=1e-9), key
    for key in ("recall", "precision", "per_instance", "per_text"):
        assert first[key].keys() == last[key].keys()
        assert all(abs(first[key][name] - last[key][name]) < 1e-9 for name in first[key]), key


def test_sweeps_know_ties(sets):
    first, last = (ask(sets / name, "product", [], "--sweep", "weight=0,0.5,1")["sweeps"][0] for name in ("first", "last"))
    assert first == last and first["n_tied"][1] > 5
    assert first["mmAP_low"][1] < first["mmAP"][1] < first["mmAP_high"][1]
    table = run_cir("eval", "--features", sets / "first", "--method", "product", "--sweep", "weight=0,0.5,1", "-q").out
    assert (f"product at 0.5: mmAP {first['mmAP'][1]:.2f} (ties {first['mmAP_low'][1]:.2f}–{first['mmAP_high'][1]:.2f}, "
            f"{first['n_tied'][1]} of 36 queries)") in table


def test_what_is_printed_and_written(sets, tmp_path):
    (got,) = ask(sets / "first", "product", [], "--csv", tmp_path / "csv")["methods"]
    table = run_cir("eval", "--features", sets / "first", "--method", "product", "-q").out
    for key in ("mmAP", "mAP", "minmAP"):
        assert (f"{key} {got[key]:.2f} (ties {got[key + '_low']:.2f}–{got[key + '_high']:.2f}, "
                f"{got['n_tied']} of 36 queries)") in table
    with open(tmp_path / "csv" / "product.queries.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert numpy.allclose([float(row["AP_low"]) for row in rows], got["AP_low"], atol=1e-9)
    assert numpy.allclose([float(row["AP_high"]) for row in rows], got["AP_high"], atol=1e-9)
    with open(tmp_path / "csv" / "product.instances.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for key, column in (("mmAP", "mean_AP"), ("minmAP", "smallest_AP")):
        for end in ("_low", "_high"):
            assert abs(100 * numpy.mean([float(row[column + end]) for row in rows]) - got[key + end]) < 1e-6


def test_where_nothing_ties_nothing_is_said(sets, tmp_path):
    (got,) = ask(sets / "first", "sum", [], "--csv", tmp_path / "csv")["methods"]
    assert not any(key.endswith(("_low", "_high", "_tied")) for key in got)
    assert "ties" not in run_cir("eval", "--features", sets / "first", "--method", "sum", "-q").out
    assert (tmp_path / "csv" / "sum.queries.csv").read_text().splitlines()[0].endswith(",n_gallery")


def test_compare_takes_the_expected_values(sets, tmp_path):
    for name in ("first", "last"):
        (tmp_path / f"{name}.json").write_text(json.dumps(ask(sets / name, "product,sum", [])))
    result = run_cir("eval", "compare", tmp_path / "first.json", tmp_path / "last.json", "--force", "--json")
    assert result.status == 0, result.err
    for comparison in result.json["comparisons"]:
        assert abs(comparison["mAP"]["difference"]) < 1e-6 and comparison["mAP"]["p"] == 1


def test_domains(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "last").mkdir()
    images, database = domains_test.make_lists(tmp_path / "first", "nico")
    domains_test.write_features(tmp_path / "first", "nico", images, database)
    for path in (tmp_path / "first").iterdir():
        rows = numpy.load(path) if path.suffix == ".npy" else path.read_text().splitlines()
        if path.name.startswith("database"):
            rows = rows[::-1]
        if path.suffix == ".npy":
            numpy.save(tmp_path / "last" / path.name, rows)
        else:
            (tmp_path / "last" / path.name).write_text("".join(row + "\n" for row in rows))
    first, last = (domains_test.ask(tmp_path / name, "nico", "product")[1] for name in ("first", "last"))
    assert first["n_tied"] > 5 and first["AVG_low"] < first["AVG"] < first["AVG_high"]
    for key in ("AVG", "AVG_low", "AVG_high", "mAP"):
        assert abs(first[key] - last[key]) < 1e-9


def turn_database(folder, benchmark, galleries):
    """Reverses the list of images and their features."""
    path = {"circo": folder / "COCO2017_unlabeled" / "annotations" / "image_info_unlabeled2017.json",
            "cirr": folder / "image_splits" / "split.rc2.val.json"}[benchmark]
    document = json.loads(path.read_text())
    if benchmark == "circo":
        document["images"].reverse()
    else:
        document = dict(reversed(document.items()))
    path.write_text(json.dumps(document))
    numpy.save(folder / "database_image.npy", numpy.load(folder / "database_image.npy")[::-1])


@pytest.mark.parametrize("benchmark", ["cirr", "circo"])
def test_benchmarks_of_their_own(benchmark, tmp_path):
    galleries, queries = triplets_test.MAKERS[benchmark](tmp_path)
    data = triplets_test.write_features(tmp_path, galleries, queries)
    first = triplets_test.ask(tmp_path, benchmark, "product")[1]
    table = run_cir("eval", "--features", tmp_path, "--benchmark", benchmark, "--method", "product", "-q").out
    turn_database(tmp_path, benchmark, galleries)
    last = triplets_test.ask(tmp_path, benchmark, "product")[1]
    parts = [triplets_test.flat(first[key]) for key in ("figures_low", "figures", "figures_high")]
    for name, value in parts[1].items():
        assert parts[0][name] - 1e-9 <= value <= parts[2][name] + 1e-9
        for key, part in zip(("figures_low", "figures", "figures_high"), parts):
            assert abs(triplets_test.flat(last[key])[name] - part[name]) < 1e-9
    (name, value, low, high) = next((name, value, parts[0][name], parts[2][name]) for name, value in parts[1].items()
                                    if parts[0][name] < parts[2][name] and isinstance(name, str))
    assert f"{name} {value:.2f} (ties {low:.2f}–{high:.2f}, {first['n_tied']} of {len(first['AP'])} queries)" in table
    # The ends are the published counts of the lists with the relevant names last, and first.
    for part, sign in ((parts[0], 1), (parts[2], -1)):
        ranked = []
        for query, pairs in zip(queries, triplets_test.rank(data, galleries, queries, "product", [])):
            nudge = {name: sign * 1e-12 for name in query["relevant"]}
            ranked.append(sorted(((name, score - nudge.get(name, 0)) for name, score in pairs), key=lambda pair: -pair[1]))
        if benchmark == "cirr":
            assert all(abs(part[name] - value) < 1e-6
                       for name, value in triplets_test.flat(triplets_test.count_cirr(queries, ranked)).items())
        else:  # the target alone among equal answers is open too, which a nudge of all answers leaves so
            expected = triplets_test.count_circo(queries, ranked)
            assert all(abs(part[f"mAP@{k}"] - expected[f"mAP@{k}"]) < 1e-6 for k in (5, 10, 25, 50))
