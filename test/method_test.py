"""`cir eval --features` against test/method_reference.py: on random features of several shapes, and on the golden set
where it is there."""
import json
import os
import pathlib
import subprocess
import sys

import numpy
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "data" / "method")]
import make  # noqa: E402
import method_reference  # noqa: E402

CIR = os.environ.get("CIR_PROGRAM", str(HERE.parent / "build" / "cir"))
GOLDEN = pathlib.Path(os.environ.get("CIR_SHARED", HERE.parent.parent / "shared")) / "data" / "golden"


def ask(folder, method, settings):
    """What the program answers."""
    command = [CIR, "eval", "--features", str(folder), "--method", method, "--json", "-"]
    for setting in settings:
        command += ["--set", setting]
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    assert answer.returncode == 0, answer.stderr.decode()
    document = json.loads(answer.stdout)
    assert len(document["methods"]) == 1
    return document["methods"][0]


def compare(folder, method, settings):
    expected = method_reference.evaluate(method_reference.load(folder), method,
                                         dict(map(method_reference.parse, settings)))
    got = ask(folder, method, settings)
    assert numpy.allclose(got["AP"], expected["AP"], atol=1e-5)
    for key in ("mAP", "mmAP", "minmAP"):
        assert abs(got[key] - expected[key]) < 1e-3
    for q, (rows, best) in enumerate(zip(got["top"], expected["top"])):
        # Rows may stand in for each other where their scores are equal to 1e-6.
        scores = expected["scores"][q]
        assert len(rows) == len(best)
        for row, other in zip(rows, best):
            assert row == other or abs(scores[row] - scores[other]) < 1e-6, f"query {q}: {rows}, not {best}"


@pytest.mark.parametrize("run", make.RUNS, ids=" ".join)
def test_random_features(run, tmp_path):
    for seed, dim, n_instances in ((11, 8, 2), (12, 33, 5)):
        folder = tmp_path / str(seed)
        make.write_features(folder, seed, dim, n_instances)
        compare(folder, run[0], run[1:])


@pytest.mark.parametrize("run", [["basic"], ["basic-"], ["basic", "image_mean=index"], ["basic", "variant=reference"],
                                 ["basic-", "lambda=0", "project=0"], ["product"]], ids=" ".join)
def test_golden_features(run):
    if not GOLDEN.is_dir():
        pytest.skip(f"{GOLDEN} is not there")
    compare(GOLDEN, run[0], run[1:])
