"""cir bench make-index: is the synthetic index one like any other, and are its features what they are said to be?"""
import filecmp
import os
import resource
import signal
import sqlite3
import subprocess

import numpy
import pytest

from conftest import CIR

N, DIM = 20000, 96


def features(index):
    (path,) = index.glob("features/*/vectors.npy")
    return path, numpy.load(path).astype(numpy.float64)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    index = tmp_path_factory.mktemp("made") / "made.cir"
    done = subprocess.run([CIR, "bench", "make-index", "--n", str(N), "--dim", str(DIM), "--seed", "7", index],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "20,000 synthetic features of dimension 96 in" in done.stdout
    return index


def test_it_is_an_index_like_any_other(cir, made):
    assert cir("check", made).out == f"{made}: 20000 rows, no problems\n"
    info = cir("info", made, "--json").json
    assert info["n_rows"] == info["n_ready"] == N
    assert [model["dim"] for model in info["models"]] == [DIM]
    rows = sqlite3.connect(made / "catalogue.sqlite").execute("SELECT id, path, width FROM image ORDER BY id").fetchall()
    assert [row[0] for row in rows] == list(range(N))
    assert len({row[1] for row in rows}) == N and all(row[2] > 0 for row in rows)


def test_its_features_have_the_shape_of_real_ones(made):
    path, rows = features(made)
    assert rows.shape == (N, DIM) and numpy.load(path).dtype == numpy.float16
    assert numpy.abs(numpy.linalg.norm(rows, axis=1) - 1).max() < 2e-3
    mean = rows.mean(axis=0)
    assert abs(numpy.linalg.norm(mean) - 0.6) < 0.02
    # Variances fall as 1/i. Parts are 2,048 draws, and unit length takes a little from the first: 1.0 is not exact.
    values, axes = numpy.linalg.eigh(numpy.cov(rows.T))
    values = values[::-1]
    ranks = numpy.arange(1, DIM + 1)
    slope = numpy.polyfit(numpy.log(ranks), numpy.log(values), 1)[0]
    assert -1.1 < slope < -0.9
    # The axes mix all dimensions: none of the strongest ten lies along a few of them.
    assert (axes[:, -10:] ** 4).sum(axis=0).max() < 0.25
    # A row's nearest other row is of its cluster, as a rule: far nearer than chance has it in so many dimensions.
    centred = rows[:2000] - mean
    centred /= numpy.linalg.norm(centred, axis=1, keepdims=True)
    cosines = centred @ ((rows - mean) / numpy.linalg.norm(rows - mean, axis=1, keepdims=True)).T
    cosines[numpy.arange(2000), numpy.arange(2000)] = -1
    assert numpy.median(cosines.max(axis=1)) > 0.7
    assert abs(numpy.median(cosines)) < 0.05


@pytest.mark.parametrize("threads", [1, 3])
def test_a_seed_is_a_seed(cir, made, tmp_path, threads):
    again, other = tmp_path / "again.cir", tmp_path / "other.cir"
    assert cir("bench", "make-index", "--n", N, "--dim", DIM, "--seed", 7, "--threads", threads, again).status == 0
    assert filecmp.cmp(features(made)[0], features(again)[0], shallow=False)
    # All but the random identity that tells indexes apart.
    # But for the two numbers that tell any two indexes apart.
    dumps = [[line for line in sqlite3.connect(index / "catalogue.sqlite").iterdump()
              if "'identity'" not in line and "'state'" not in line]
             for index in (made, again)]
    assert dumps[0] == dumps[1]
    assert cir("bench", "make-index", "--n", N, "--dim", DIM, "--seed", 8, other).status == 0
    equal = (features(made)[1] == features(other)[1]).mean()
    assert equal < 0.01


def test_nothing_is_replaced(cir, made, tmp_path):
    before = features(made)[0].stat().st_mtime_ns
    for there in (made, tmp_path):
        result = cir("bench", "make-index", "--n", 10, there)
        assert result.status == 1 and "is there already" in result.err
    assert features(made)[0].stat().st_mtime_ns == before
    result = cir("bench", "make-index", "--n", 10, tmp_path / "no" / "x.cir")
    assert result.status == 1 and "its folder is missing" in result.err


def test_a_full_disk_is_told(cir, tmp_path):
    result = cir("bench", "make-index", "--n", 10**9, "--dim", 65536, tmp_path / "x.cir")
    assert result.status == 1 and "of the disk are free" in result.err
    assert not (tmp_path / "x.cir").exists()

    def small_files():  # a file that may not grow fails as one on a full disk
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))

    done = subprocess.run([CIR, "bench", "make-index", "--n", "20000", "--dim", "64", tmp_path / "y.cir"],
                          capture_output=True, text=True, preexec_fn=small_files)
    assert done.returncode == 1
    assert done.stderr.startswith("cir: ") and os.strerror(27) in done.stderr


def test_an_interrupted_one_is_whole_as_far_as_it_goes(cir, tmp_path):
    index = tmp_path / "x.cir"
    running = subprocess.Popen([CIR, "bench", "make-index", "--n", "3000000", "--dim", "64", index],
                               stderr=subprocess.PIPE, text=True)
    while not list(index.glob("features/*/vectors.npy")) or features(index)[0].stat().st_size < 10**6:
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    assert "stopped on request; it holds" in running.communicate()[1]
    assert running.returncode == 1
    assert cir("check", index).status == 0
    assert cir("info", index, "--json").json["n_ready"] > 0


@pytest.mark.parametrize("command", [
    ["search", "INDEX", "--image", 1, "--method", "image"],
    ["search", "INDEX", "--text", "at night", "--model", "demo"],
    ["serve", "INDEX", "--port", 0],
    ["index", "INDEX"],
    ["index", "INDEX", "--model", "demo"],
])
def test_what_needs_a_model_says_that_there_is_none(cir, made, command):
    result = cir(*[made if word == "INDEX" else word for word in command])
    assert result.status == 1 and "features are synthetic" in result.err and "--model DIR" not in result.err


@pytest.mark.parametrize("arguments, says", [
    ([], "make-index"),
    (["make-index"], "name one index"),
    (["make-index", "x.cir", "--n", "0"], "whole number from 1"),
    (["make-index", "x.cir", "--dim", "1"], "whole number from 2"),
])
def test_wrong_usage(cir, arguments, says):
    result = cir("bench", *arguments)
    assert result.status == 2 and says in result.err
