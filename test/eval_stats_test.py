"""The statistics of `cir eval` against numpy: forms of AP, precision, intervals, breakdowns, and the protocol."""
import json
import pathlib
import shutil
import sys

import numpy
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "data" / "method")]
import make  # noqa: E402
import method_reference  # noqa: E402

SMALL = HERE / "data" / "method" / "small"
AT = (1, 5, 10, 50)


def evaluate(cir, folder, *more):
    result = cir("eval", "--features", folder, "--json", "-", *more)
    assert result.status == 0, result.err
    return result.json


def expected_figures(data, scores, q):
    _, text, instance = data["query"][q]
    rows = list(scores[q])
    assert all(data["database"][row][2] == instance for row in rows)
    return method_reference.expected_figures(numpy.array([scores[q][row] for row in rows]),
                                             [data["database"][row][1] == text for row in rows])


def hits_of(data, scores, q):
    """Which places of a query's ranking are relevant."""
    _, text, instance = data["query"][q]
    rows = sorted(scores[q], key=lambda row: -scores[q][row])
    return numpy.array([data["database"][row][1] == text and data["database"][row][2] == instance for row in rows])


def groups_of(values, names):
    return [numpy.array([v for v, n in zip(values, names) if n == name]) for name in dict.fromkeys(names)]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Features of thirty instances."""
    folder = tmp_path_factory.mktemp("many") / "features"
    make.write_features(folder, 5, 16, 30)
    return folder


@pytest.mark.parametrize("method", ["product", "basic-"])
def test_every_figure_as_numpy(cir, method, tmp_path):
    folder = tmp_path / "features"
    make.write_features(folder, 21, 12, 6)
    data = method_reference.load(folder)
    answer = method_reference.evaluate(data, method)
    document, paper = (evaluate(cir, folder, "--method", method, *more) for more in ((), ("--ap", "paper")))
    assert (document["protocol"]["AP"], paper["protocol"]["AP"]) == ("trapezoid", "paper")
    got, got_paper = document["methods"][0], paper["methods"][0]
    hits = [hits_of(data, answer["scores"], q) for q in range(len(data["query"]))]

    figures = [expected_figures(data, answer["scores"], q) for q in range(len(data["query"]))]
    paper_AP = [f["AP_paper"] for f in figures]
    assert numpy.allclose(got["AP"], answer["AP"], atol=1e-6)
    assert numpy.allclose(got_paper["AP"], paper_AP, atol=1e-6)
    assert got["n_relevant"] == [h.sum() for h in hits]
    for k in AT:
        recall = 100 * numpy.mean([f["found"][k] / (h.sum() + 1e-5) for f, h in zip(figures, hits)])
        precision = 100 * numpy.mean([f["found"][k] / (min(h.sum(), k) + 1e-5) for f, h in zip(figures, hits)])
        assert abs(got["recall"][str(k)] - recall) < 1e-6
        assert abs(got["precision"][str(k)] - precision) < 1e-6
        assert got_paper["precision"] == got["precision"]

    queries = [list(row) for row in data["query"]]
    assert document["queries"] == queries
    for figures, AP in ((got, answer["AP"]), (got_paper, paper_AP)):
        for key, column in (("per_text", 1), ("per_instance", 2)):
            names = [row[column] for row in queries]
            expected = dict(zip(dict.fromkeys(names), map(numpy.mean, groups_of(AP, names))))
            assert figures[key].keys() == expected.keys()
            assert all(abs(figures[key][name] - expected[name]) < 1e-6 for name in expected)
        assert abs(figures["mAP"] - 100 * numpy.mean(AP)) < 1e-4
        assert abs(figures["mmAP"] - 100 * numpy.mean(list(figures["per_instance"].values()))) < 1e-4


def test_intervals_as_numpy(cir, many):
    """Other resamples, the same distribution: end points within five standard errors of a percentile."""
    document = evaluate(cir, many, "--method", "product,text")
    for figures in document["methods"]:
        groups = groups_of(figures["AP"], [row[2] for row in document["queries"]])
        sums, counts = numpy.array([g.sum() for g in groups]), numpy.array([len(g) for g in groups])
        drawn = numpy.random.default_rng(3).integers(0, len(groups), (40000, len(groups)))
        resamples = {"mAP": 100 * sums[drawn].sum(1) / counts[drawn].sum(1),
                     "mmAP": 100 * (sums / counts)[drawn].mean(1)}
        for key, values in resamples.items():
            low, high = numpy.percentile(values, [2.5, 97.5])
            # Percentile's standard error: √(p(1−p)/n) / density, for 10,000 and 40,000 resamples of a near-normal.
            error = numpy.sqrt(0.025 * 0.975 * (1 / 10000 + 1 / 40000)) / (0.05845 / values.std())
            assert abs(figures["interval"][key][0] - low) < 5 * error
            assert abs(figures["interval"][key][1] - high) < 5 * error
            assert figures["interval"][key][0] < figures[key] < figures["interval"][key][1]


def without_times(document):
    document.pop("seconds")
    return document


def test_equal_on_any_number_of_threads(cir, many):
    documents = [without_times(evaluate(cir, many, "--threads", n)) for n in (1, 2, 5)]
    assert documents[0] == documents[1] == documents[2]


def test_protocol_sees_every_change(cir, tmp_path):
    def protocol():
        return evaluate(cir, tmp_path / "f", "--method", "text")["protocol"]

    def edit(name, change):
        shutil.copytree(SMALL, tmp_path / "f", dirs_exist_ok=True)
        path = tmp_path / "f" / name
        if name.endswith(".npy"):
            numpy.save(path, change(numpy.load(path)))
        else:
            path.write_text(change(path.read_text()))
        return protocol()

    shutil.copytree(SMALL, tmp_path / "f")
    first = protocol()
    assert first["gallery"] == [40, 40] and first["exclusion"] == "none" and len(first["features"]) == 32
    for name in ("database_image.npy", "query_image.npy", "query_text.npy", "corpus_styles.npy", "image_mean.npy"):
        other = edit(name, lambda rows: numpy.flip(rows, -1))
        assert other["features"] != first["features"] and other["relevance"] == first["relevance"], name
    for name, old in (("query.csv", "query/0_0_0.jpg"), ("database.csv", "café"), ("database.csv", "thing 3")):
        other = edit(name, lambda text: text.replace(old, "thing 2" if "thing" in old else "other", 1))
        assert other["relevance"] != first["relevance"], old
    assert edit("query.csv", str) == first
    # What a trained method composed has a hash of its own: the other methods do not see it.
    assert first["composed"] == ""
    seen = {""}
    for name, rows in (("query_composed.npy", "query_image.npy"), ("query_composed.npy", "query_text.npy"),
                       ("database_composed.npy", "database_image.npy")):
        shutil.copy(SMALL / rows, tmp_path / "f" / name)
        other = protocol()
        assert other["composed"] not in seen and {**other, "composed": ""} == first
        seen.add(other["composed"])


def test_unknown_form_of_AP_is_wrong_usage(cir):
    result = cir("eval", "--features", SMALL, "--ap", "interpolated")
    assert result.status == 2 and "trapezoid" in result.err and result.out == ""


def test_table_has_both_intervals(cir):
    lines = cir("eval", "--features", SMALL, "--method", "product").out.splitlines()
    figures = evaluate(cir, SMALL, "--method", "product")["methods"][0]
    for key in ("mmAP", "mAP"):
        low, high = figures["interval"][key]
        assert f"{figures[key]:6.2f} ±{(high - low) / 2:5.2f}" in lines[-1]
