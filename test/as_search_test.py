"""What `cir eval` measures is what `cir search` finds: on an index of one gallery at equal settings, and with
--as-search on an index of everything, at each one's defaults; for every method."""
import csv
import functools
import json
import os
import pathlib
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parent.parent
CIR = os.environ.get("CIR_PROGRAM", str(SOURCE / "build" / "cir"))
DEMO = SOURCE / "demo" / "photos"
METHODS = ["text", "image", "sum", "product", "weicom", "freedom-", "freedom", "basic-", "basic"]
N_INSTANCES, N_PHOTOS, N_TEXTS, N_TOP = 2, 2, 2, 10


def run(*arguments):
    answer = subprocess.run([CIR, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout


def read(name):
    with open(DEMO / f"{name}_files.csv", newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    """A folder with two instances of the demo set, two photos and two texts each, and its tables."""
    folder = tmp_path_factory.mktemp("as_search") / "set"
    tables = {name: read(name) for name in ("query", "database")}
    queries = []
    for instance in list(dict.fromkeys(row[2] for row in tables["query"]))[:N_INSTANCES]:
        own = [row for row in tables["query"] if row[2] == instance]
        photos, texts = (list(dict.fromkeys(row[i] for row in own))[:n] for i, n in ((0, N_PHOTOS), (1, N_TEXTS)))
        queries += [row for row in own if row[0] in photos and row[1] in texts]
    kept = {row[2] for row in queries}
    tables = {"query": queries, "database": [row for row in tables["database"] if row[2] in kept]}
    for name, rows in tables.items():
        for path in {row[0] for row in rows}:
            place = folder / path.split("/", 1)[1]
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(DEMO / path.split("/", 1)[1], place)
        with open(folder / f"{name}_files.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    assert len(queries) == N_INSTANCES * N_PHOTOS * N_TEXTS
    return folder, tables


def evaluate(folder, *options):
    return json.loads(run("eval", folder, "--method", ",".join(METHODS), "--json", "-", "--quiet", *options))


@functools.cache
def search(index, folder, photo, text, method):
    """All of an answer, best first: (path below the data set's folder, score)."""
    answer = json.loads(run("search", index, "--image", folder / photo.split("/", 1)[1], "--text", text,
                            "--method", method, "-k", "1000", "--json", "--quiet"))
    return [(str(pathlib.Path(hit["path"]).resolve().relative_to(folder.resolve())), hit["score"])
            for hit in answer["hits"]]


def count_agreeing(document, tables, find, slack):
    """Queries of each method whose first answers are those of a search; rows may stand in for each other where their
    scores are as good as equal, which the search tells."""
    database = tables["database"]
    agreeing = dict.fromkeys(METHODS, 0)
    for method in document["methods"]:
        for query, top in zip(tables["query"], method["top"]):
            listed = {row[0].split("/", 1)[1] for row in database if row[2] == query[2]}
            found = [(path, score) for path, score in find(query, method["method"]) if path in listed]
            assert len(found) == len(listed)
            scores = dict(found)
            wanted = [database[row][0].split("/", 1)[1] for row in top]
            spread = max(scores.values()) - min(scores.values())
            agreeing[method["method"]] += len(top) == N_TOP and all(
                mine == other or abs(scores[mine] - scores[other]) <= slack * spread
                for mine, (other, _) in zip(wanted, found))
    return agreeing


def test_as_a_search_of_everything_by_default(some, tmp_path):
    folder, tables = some
    index = tmp_path / "all.cir"
    run("index", folder, "-o", index, "--model", "demo", "--quiet")
    document = evaluate(folder, "--as-search", index)
    find = lambda query, method: search(index, folder, query[0], query[1], method)  # noqa: E731
    assert count_agreeing(document, tables, find, 0) == dict.fromkeys(METHODS, len(tables["query"]))
    # What the protocol says of it, and the settings in force.
    plain = evaluate(folder, "--cache", "none")
    assert plain["protocol"]["searched"] == "" and len(document["protocol"]["searched"]) == 32
    assert plain["protocol"]["relevance"] == document["protocol"]["relevance"]
    assert plain["protocol"]["features"] != document["protocol"]["features"]
    told = json.loads(run("search", index, "--text", "at night", "--json", "--quiet"))["settings"]
    used = document["methods"][METHODS.index("basic-")]["settings"]
    assert used["min_image"] == told["min_image"] and used["min_text"] == told["min_text"]
    # Another measurement than the data set's own, where the steps that look at rows look at a gallery's alone.
    agreeing = count_agreeing(plain, tables, find, 0)
    assert all(agreeing[method] < len(tables["query"]) for method in ("weicom", "basic"))
    # Nothing of the words that were measured is kept beside the index.
    before = sorted(path.name for path in index.rglob("texts.bin"))
    evaluate(folder, "--as-search", index)
    assert sorted(path.name for path in index.rglob("texts.bin")) == before


def test_a_gallery_as_an_index_of_it(some, tmp_path):
    """Each gallery's own mean and minima are those of an index of its pictures. Features of an index are halves."""
    folder, tables = some
    document = evaluate(folder, "--cache", "none", "--set", "image_mean=index")
    indexes = {}
    for instance in {row[2] for row in tables["query"]}:
        indexes[instance] = tmp_path / f"{len(indexes)}.cir"
        pictures = {folder / row[0].split("/", 1)[1] for row in tables["database"] if row[2] == instance}
        run("index", *sorted(pictures), "-o", indexes[instance], "--model", "demo", "--quiet")
    agreeing = count_agreeing(document, tables,
                              lambda query, method: search(indexes[query[2]], folder, query[0], query[1], method),
                              5e-4)
    assert agreeing == dict.fromkeys(METHODS, len(tables["query"]))


def test_what_does_not_go_together(some, tmp_path):
    folder, tables = some
    index = tmp_path / "some.cir"
    gone = folder / tables["database"][0][0].split("/", 1)[1]
    others = sorted({folder / row[0].split("/", 1)[1] for row in tables["database"][1:]} - {gone})
    run("index", *others, "-o", index, "--model", "demo", "--quiet")
    for arguments, status, says in (
            ([folder, "--as-search", index], 1, f"has no feature of {gone}"),
            ([folder, "--as-search", tmp_path / "none.cir"], 1, "none.cir"),
            ([folder, "--as-search", index, "--cache", tmp_path], 2, "leave out"),
            ([folder, "--as-search", index, "--distractors", tmp_path / "x.npy"], 2, "leave out"),
            (["--features", folder, "--as-search", index], 2, "leave out")):
        answer = subprocess.run([CIR, "eval", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=300)
        assert answer.returncode == status and says in answer.stderr.decode(), answer.stderr.decode()
