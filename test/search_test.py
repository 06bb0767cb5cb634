"""One search call: the program and the server give the same answer to the same question, and say the same where there
is none."""
import json
import os
import shutil
import sqlite3
import subprocess

import numpy
import pytest
from PIL import Image

from conftest import run_cir
from serving import Server

METHODS = ["basic-", "basic", "text", "image", "sum", "product", "weicom", "freedom-", "freedom"]
WORDS = "as a pencil sketch"
SAME = ("rank", "id", "path", "score", "image_score", "text_score", "image_rank", "text_rank")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Photos of different times and shapes, some of them saved twice, and their index."""
    base = tmp_path_factory.mktemp("search")
    (base / "photos").mkdir()
    draw = numpy.random.default_rng(3)
    for i in range(30):
        size = [(96, 64), (64, 96), (80, 80)][i % 3]
        pixels = numpy.kron(draw.integers(0, 255, (4, 4, 3)), numpy.ones((24, 24, 1))).astype("uint8")
        exif = Image.Exif()
        exif[0x8769] = {0x9003: f"20{10 + i % 12}:03:15 12:00:00"}
        image = Image.fromarray(pixels).resize(size)
        image.save(base / f"photos/{i:02}.jpg", quality=95, exif=exif)
        if i % 6 == 0:
            image.save(base / f"photos/{i:02}-again.jpg", quality=90, exif=exif)
    made = run_cir("index", base / "photos", "-o", base / "photos.cir", "-q")
    assert made.status == 0, made.err
    return base


@pytest.fixture(scope="module")
def server(place):
    server = Server(place / "photos.cir")
    yield server.wait_ready()
    server.stop()


def ask_both(place, server, method, has_image=True, has_text=True, flags=(), query=None):
    image = place / "photos/07.jpg"
    command = [*(["--image", image] if has_image else []), *(["--text", WORDS] if has_text else [])]
    ours = run_cir("search", place / "photos.cir", *command, "-m", method, "-k", 12, "--explain", "--json", *flags)
    asked = {"method": method, "k": 12, "explain": True, **({"text": WORDS} if has_text else {}), **(query or {})}
    theirs = server.search(asked, image=image.read_bytes() if has_image else None)
    return ours, theirs


def assert_same(ours, theirs):
    assert ours.status == 0, ours.err
    assert theirs.status == 200, theirs.body
    one, other = json.loads(ours.out), theirs.json
    assert len(one["hits"]) > 0
    assert [[hit[key] for key in SAME] for hit in one["hits"]] == [[hit[key] for key in SAME] for hit in other["hits"]]
    for key in ("method", "settings", "n_images", "model", "model_fingerprint"):
        assert one[key] == other[key], key
    assert one["query"]["text"] == other["query"]["text"] and one["search"]["codes"] == other["search"]["codes"]
    return one, other


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sides", ["both", "image", "text"])
def test_both_answer_alike(place, server, method, sides):
    ours, theirs = ask_both(place, server, method, sides != "text", sides != "image")
    if ours.status == 2:
        # The same words, and each names what is its own.
        flag, why = ours.err.removeprefix("cir search: --").split(": ", 1)
        member, same_why = theirs.error["message"].split(": ", 1)
        assert theirs.status == 400 and flag == member and why.startswith(same_why)
        assert f"method {method} needs {'a photo' if flag == 'image' else 'words'}" in why
        return
    assert_same(ours, theirs)


def test_settings_are_the_same(place, server):
    ours, theirs = ask_both(place, server, "basic", flags=["--set", "lambda=0.3", "--set", "neighbours=5", "--set", "context=7"],
                            query={"settings": {"lambda": 0.3, "neighbours": 5, "context": 7}})
    one, _ = assert_same(ours, theirs)
    assert one["settings"]["lambda"] == 0.3 and one["settings"]["neighbours"] == 5 and one["settings"]["context"] == 7


@pytest.mark.parametrize("flags", [{"after": "2015-01-01"}, {"before": "2012-03-15"}, {"orientation": "portrait"},
                                   {"after": "2012-03-15", "before": "2016-12-31", "orientation": "landscape"}])
def test_filters_are_the_same(place, server, flags):
    command = [word for key, value in flags.items() for word in (f"--{key}", value)]
    ours, theirs = ask_both(place, server, "basic-", flags=command, query={"filters": flags})
    _, other = assert_same(ours, theirs)
    for hit in other["hits"]:
        day = hit["taken_at"][:10]
        shape = "landscape" if hit["width"] > hit["height"] else "portrait" if hit["width"] < hit["height"] else "square"
        assert flags.get("after", "0") <= day <= flags.get("before", "9") and flags.get("orientation", shape) == shape


@pytest.mark.parametrize("flag,value,says", [("after", "2021-02-30", "is not a day"), ("before", "yesterday", "is not a day"),
                                             ("orientation", "round", "is not one of landscape, portrait, square")])
def test_a_wrong_filter_is_told_alike(place, server, flag, value, says):
    ours, theirs = ask_both(place, server, "basic-", flags=[f"--{flag}", value], query={"filters": {flag: value}})
    assert ours.status == 2 and f"--{flag}: {says}" in ours.err
    assert theirs.status == 400 and f"filters.{flag}: {says}" in theirs.error["message"]


def test_a_folder_as_it_is_named(place, server):
    (place / "some").mkdir()
    for i in range(0, 30, 4):
        (place / f"photos/{i:02}.jpg").rename(place / f"some/{i:02}.jpg")
    index = place / "two.cir"
    assert run_cir("index", place / "photos", place / "some", "-o", index, "-q").status == 0
    for name in (place / "some", place / "photos/../some/"):
        hits = json.loads(run_cir("search", index, "--text", WORDS, "-k", 100, "--folder", name, "--json").out)["hits"]
        assert sorted(os.path.basename(hit["path"]) for hit in hits) == [f"{i:02}.jpg" for i in range(0, 30, 4)]
    answer = run_cir("search", index, "--text", WORDS, "--folder", place / "nowhere")
    assert answer.status == 1 and "no photo of" in answer.err
    for photo in list((place / "some").iterdir()):
        photo.rename(place / "photos" / photo.name)


def test_a_model_that_is_gone(place):
    """Both say where it is looked for, and what to do."""
    index = place / "gone.cir"
    shutil.copytree(place / "photos.cir", index)
    catalogue = sqlite3.connect(index / "catalogue.sqlite")
    catalogue.execute("UPDATE model SET path = '/nowhere/model'")
    catalogue.commit()
    catalogue.close()
    for command in (["search", index, "--text", WORDS], ["serve", index, "--port", "0"]):
        answer = run_cir(*command)
        assert answer.status == 1 and "/nowhere/model" in answer.err and "give its folder with --model DIR" in answer.err
    answer = run_cir("search", index, "--text", WORDS, "--model", "demo")
    assert answer.status == 0, answer.err
    answer = run_cir("search", index, "--text", WORDS, "--model", "/elsewhere")
    assert answer.status == 1 and "/elsewhere" in answer.err and "lies now" not in answer.err


def test_a_filter_that_nothing_passes(place):
    answer = run_cir("search", place / "photos.cir", "--text", WORDS, "--after", "2100-01-01")
    assert answer.status == 1 and answer.out == "" and "none of 35 photos" in answer.err


def test_folding_is_the_same(place, server):
    ours, theirs = ask_both(place, server, "basic-", flags=["--fold"], query={"fold_duplicates": True})
    one, other = assert_same(ours, theirs)
    assert [hit["folded"] for hit in one["hits"]] == [hit["duplicates"] for hit in other["hits"]]
    whole = json.loads(run_cir("search", place / "photos.cir", "--text", WORDS, "-k", 100, "--fold", "--json").out)["hits"]
    assert any(hit["folded"] for hit in whole)
    assert sorted(id for hit in whole for id in [hit["id"], *hit["folded"]]) == list(range(35))
    table = run_cir("search", place / "photos.cir", "--text", WORDS, "-k", 100, "--fold").out.splitlines()[1:]
    assert [line.endswith("  (+1)") for line in table] == [len(hit["folded"]) == 1 for hit in whole]


def test_the_example_answers_alike(place):
    example = os.environ["CIR_EXAMPLE"]
    image = place / "photos/07.jpg"
    shown = subprocess.run([example, place / "photos.cir", image, WORDS], capture_output=True, text=True, check=True).stdout
    hits = json.loads(run_cir("search", place / "photos.cir", "--image", image, "--text", WORDS, "--json").out)["hits"]
    assert shown.splitlines() == [f"{hit['score']:.4f}  {hit['path']}" for hit in hits]
