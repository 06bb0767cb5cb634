"""The paper's experiments (`cir eval --sweep`, `--distractors`, `--categories`) against numpy."""
import csv
import json
import pathlib
import sys

import numpy
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "data" / "method")]
import make  # noqa: E402
import method_reference  # noqa: E402

SMALL = HERE / "data" / "method" / "small"


def evaluate(cir, tmp_path, *arguments, features=SMALL):
    result = cir("eval", "--features", features, "--json", tmp_path / "r.json", "-q", *arguments)
    assert result.status == 0, result.err
    return json.loads((tmp_path / "r.json").read_text()), result.out


# -- sweeps --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("setting, values, methods", [
    ("weight", [0, 0.3, 0.5, 0.85, 1], ["sum", "product", "weicom"]),
    ("lambda", [0, 0.1, 0.3], ["basic-", "basic"]),
    ("alpha", [0, 0.2, 0.9], ["basic-", "basic"]),
    ("components", [1, 5, 1000], ["basic-"]),
])
def test_sweeps_as_numpy(cir, tmp_path, setting, values, methods):
    make.write_features(tmp_path / "f", 5, 16, 3)
    data = method_reference.load(tmp_path / "f")
    results, table = evaluate(cir, tmp_path, "--sweep", f"{setting}={','.join(map(str, values))}", "--method",
                              ",".join([*methods, "text"]), "--set", "neighbours=7", features=tmp_path / "f")
    assert [(s["setting"], s["method"]) for s in results["sweeps"]] == [(setting, method) for method in methods]
    for sweep in results["sweeps"]:
        assert sweep["values"] == values
        expected = [method_reference.evaluate(data, sweep["method"], {"neighbours": 7, setting: value}) for value in values]
        for key in ("mAP", "mmAP"):
            figures = [e[key] for e in expected]
            assert max(abs(a - b) for a, b in zip(sweep[key], figures)) < 1e-3
            assert max(figures) - min(figures) > 0.1  # the sweep changes something
            if setting == "weight":
                assert abs(sweep["gain"][key] - (max(figures) - max(figures[0], figures[-1]))) < 2e-3
        assert ("gain" in sweep) == (setting == "weight")
    lines = table[table.index(f"sweep of {setting}"):].splitlines()
    assert lines[0].split() == ["sweep", "of", setting, *methods, "mmAP"]
    for value, line, *figures in zip(values, lines[1:], *(s["mmAP"] for s in results["sweeps"])):
        assert line.split() == [f"{value:g}", *(f"{x:.2f}" for x in figures)]


def test_usual_values_and_no_gain_without_both_ends(cir, tmp_path):
    results, _ = evaluate(cir, tmp_path, "--method", "sum,basic-", "--sweep", "weight", "--sweep", "lambda")
    weight, lambda_ = results["sweeps"]
    assert numpy.allclose(weight["values"], numpy.linspace(0, 1, 21)) and "gain" in weight
    assert numpy.allclose(lambda_["values"], numpy.linspace(0, 0.25, 11))
    plain = {m["method"]: m["mmAP"] for m in results["methods"]}
    assert weight["mmAP"][10] == plain["sum"] and lambda_["mmAP"][4] == plain["basic-"]
    results, _ = evaluate(cir, tmp_path, "--method", "sum", "--sweep", "weight=0.1,1")
    assert "gain" not in results["sweeps"][0]


def test_a_sweep_takes_the_form_of_ap(cir, tmp_path):
    results, _ = evaluate(cir, tmp_path, "--method", "sum", "--sweep", "weight=0.4,0.5", "--ap", "paper")
    assert results["sweeps"][0]["mAP"][1] == results["methods"][0]["mAP"]


@pytest.mark.parametrize("sweep, more, says", [
    ("beta", [], "none of weight, lambda, alpha and components"),
    ("lambda=0,-1", [], "'-1' is not a number from 0"),
    ("weight=0,2", [], "'2' is not a number from 0 to 1"),
    ("components=1.5,2", [], "whole number"),
    ("weight=0.5", [], "fewer than two"),
    ("weight=", [], "fewer than two"),
    ("weight", ["--method", "text"], "add sum, product or weicom"),
    ("lambda", ["--method", "sum"], "add basic- or basic"),
    ("lambda", ["--sweep", "lambda=0,1"], "twice"),
])
def test_sweeps_that_are_refused(cir, sweep, more, says):
    result = cir("eval", "--features", SMALL, "--sweep", sweep, *more)
    assert result.status == 2 and result.out == "" and says in result.err


def test_values_have_to_ascend(cir):
    result = cir("eval", "--features", SMALL, "--sweep", "weight=0.5,0.4")
    assert result.status == 2 and "ascend" in result.err and result.out == ""
