"""What `cir eval` says of figures that there are none of: one instance's interval, a step that the data do not allow."""
import csv
import json
import pathlib
import sys

import numpy
import pytest

from conftest import run_cir

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "data" / "method"))
import make  # noqa: E402

STEPS = ["raw product", "+ centring", "+ min-normalisation", "+ Harris fusion", "+ contextualisation", "+ projection",
         "+ expansion", "+ text projection"]


@pytest.fixture
def features(tmp_path):
    make.write_features(tmp_path / "f", 5, 16, 4)
    return tmp_path / "f"


def ablate(folder, *more):
    result = run_cir("eval", "--features", folder, "--method", "basic", "--ablation", *more)
    assert result.status == 0, result.err
    return result.out


def test_the_ablation_has_the_papers_rows_and_one_more(features, tmp_path):
    table = ablate(features, "--json", tmp_path / "r.json", "--set", "project_text=1")
    steps = [m for m in json.loads((tmp_path / "r.json").read_text())["methods"] if "label" in m]
    assert [m["label"] for m in steps] == STEPS and "not applied" not in table
    assert [m["settings"]["project_text"] for m in steps] == [0] * 7 + [1]


def test_a_step_without_its_features_is_not_applied(features, tmp_path):
    (features / "query_text_context.npy").unlink()
    table = ablate(features, "--json", tmp_path / "r.json", "--csv", tmp_path / "csv")
    steps = [m["label"] for m in json.loads((tmp_path / "r.json").read_text())["methods"] if "label" in m]
    assert steps == [step for step in STEPS if step != "+ contextualisation"]
    (line,) = [line for line in table.splitlines() if line.startswith("+ contextualisation")]
    assert line.split(maxsplit=2)[2] == "not applied: there are no contextualised features"
    assert not list((tmp_path / "csv").glob("*contextualisation*"))


def test_one_instance_has_no_interval(features, tmp_path):
    for name in ("query", "database"):
        rows = list(csv.reader(open(features / f"{name}.csv", newline="", encoding="utf-8")))
        with open(features / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([*row[:2], "one"] for row in rows)
    result = run_cir("eval", "--features", features, "--method", "sum,text", "--json", tmp_path / "r.json", "--report",
                     tmp_path / "r.html")
    assert result.status == 0, result.err
    assert result.out.count("±  n/a") == 4 and "± 0.00" not in result.out
    assert (tmp_path / "r.html").read_text().count("<small>[n/a]</small>") == 4
    compared = run_cir("eval", "compare", tmp_path / "r.json", "--methods", "sum,text")
    assert compared.out.count(" n/a") == 4 and "+0.00]" not in compared.out


@pytest.mark.parametrize("name", ["external", "nonsense"])
def test_search_offers_methods_that_it_has(index, name):
    result = run_cir("search", index, "--text", "a", "--method", name)
    assert result.status == 2 and "choose one of basic-, basic, text" in result.err
    assert "external" not in result.err.replace("'external'", "")


def test_the_projection_of_the_words_is_kept_with_the_index(index, tmp_path):
    def search(*settings):
        words = [word for setting in settings for word in ("--set", setting)]
        result = run_cir("search", index, "--text", "at night", "--image", "3", "--json", "-q", *words)
        assert result.status == 0, result.err
        return [(hit["id"], hit["text_score"]) for hit in result.json["hits"]]

    plain, projected = search(), search("project_text=1")
    (kept,) = index.rglob("text-projection-*.npy")
    rows = numpy.load(kept)
    assert 1 <= len(rows) <= 64 and numpy.allclose(rows @ rows.T, numpy.eye(len(rows)), atol=1e-5)
    assert plain != projected and search("project_text=1") == projected and search() == plain
    search("project_text=1", "text_alpha=0.3")
    assert len(list(index.rglob("text-projection-*.npy"))) == 2
