"""The program as a person or a script uses it, and as an enemy might."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import numpy
import pytest
from PIL import Image

from conftest import CIR, SOURCE, counts, draw_photo, update

SHARED = pathlib.Path(os.environ.get("CIR_SHARED", "/nowhere"))


# -- usage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, says", [
    (["search"], "name one index"),
    (["search", "x.cir"], "give --image, --text or both"),
    (["search", "x.cir", "--text", "a", "-k", "0"], "whole number from 1"),
    (["search", "x.cir", "--text", "a", "-k", "many"], "whole number"),
    (["search", "x.cir", "--text", "a", "--method", "magic"], "basic-"),
    (["search", "x.cir", "--text", "a", "--set", "lamda=0.1"], "lambda"),
    (["search", "x.cir", "--text", "a", "--set", "alpha=7"], "alpha"),
    (["search", "x.cir", "--text", "a", "--set", "alpha=nan"], "alpha"),
    (["search", "x.cir", "--text", "a", "--method", "image"], "--image: method image needs a photo"),
    (["search", "x.cir", "--frobnicate"], "no such option"),
    (["search", "x.cir", "--text"], "a value is missing"),
    (["index", "photos"], "-o INDEX is missing"),
    (["index", "-o", "x.cir"], "a folder of photos is missing"),
    (["index", "photos", "-o", "x.cir", "--threads", "0"], "whole number"),
    (["index", "photos", "-o", "x.cir", "--precision", "int9"], "not one of auto, f32, bf16, int8"),
    (["encode", "-o", "x.npy"], "either --images"),
    (["encode", "--texts", "/dev/null", "-o", "x.npy", "--precision", "f16"], "not one of auto, f32, bf16, int8"),
    (["eval"], "DATASET"),
    (["search", "x.cir", "-t", "dog", "-t", "cat"], '--text is given twice, as "dog" and "cat"'),
    (["search", "x.cir", "-i", "1", "--image", "2"], "--image is given twice"),
    (["search", "x.cir", "-t", "dog", "-k", "3", "-k", "4"], "twice"),
    (["serve", "x.cir", "--port", "1", "--port", "2"], "--port is given twice"),
    (["index", "photos", "-o", "x.cir", "-o", "y.cir"], "--output is given twice"),
    (["frobnicate"], "no such command"),
])
def test_wrong_usage_is_told_and_leaves_with_2(cir, arguments, says):
    result = cir(*arguments)
    assert result.status == 2
    assert says in result.err
    assert result.out == ""


@pytest.mark.parametrize("command", ["index", "search", "info", "check", "encode", "eval", "serve"])
def test_every_command_has_help(cir, command):
    result = cir(command, "--help")
    assert result.status == 0
    assert f"Usage: cir {command}" in result.out
    assert command in cir("--help").out
    flags = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", result.out, re.MULTILINE)
    assert len(flags) == len(set(flags)) > 0, "every flag once"


COMMANDS = ["index", "search", "info", "check", "encode", "eval", "eval compare", "serve", "model list", "model pull",
            "model check", "bench make-index", "curate new", "curate plan", "curate mine", "curate decide",
            "curate status", "curate check", "curate export"]


def test_the_manual_has_every_flag_and_no_other(cir):
    manual = (SOURCE / "doc" / "man" / "cir.1").read_text()
    told = set(re.findall(r"Fl -([a-z-]*[a-z])", manual)) | set(re.findall(r"Fl (\w)\b", manual))
    known = set()
    for command in COMMANDS:
        for short, long in re.findall(r"^ +(?:-(\w), )?--([\w-]+)", cir(*command.split(), "--help").out, re.MULTILINE):
            assert long in told or short in told, f"{command} --{long}"
            known |= {short, long}
    assert told <= known


def tables_of_help(text):
    """The names of methods, and the keys of settings, that a command's help lists."""
    methods, settings = re.findall(r"^(?:Methods|Settings.*):\n((?:  .*\n)+)", text, re.MULTILINE)
    return ([line.split()[0] for line in methods.splitlines()], [line.split("=")[0].strip() for line in settings.splitlines()])


def test_help_and_the_manual_list_the_same_methods_and_settings(cir):
    manual = (SOURCE / "doc" / "man" / "cir.1").read_text()
    methods, settings = tables_of_help(cir("eval", "--help").out)
    searched = tables_of_help(cir("search", "--help").out)
    assert searched[1] == settings and [m for m in methods if m != "external"] == searched[0]
    for section, names in (("METHODS", methods), ("SETTINGS", settings)):
        part = manual.split(f".Sh {section}\n")[1].split("\n.Sh ")[0]
        items = re.findall(r"^\.It Cm (.*)$", part, re.MULTILINE)
        told = [name for item in items for name in re.findall(r"(?:^|, (?:Cm )?)([a-z_]+-?)", item)]
        assert sorted(told) == sorted(names)


@pytest.mark.parametrize("precision, least", [("bf16", 0.999), ("int8", 0.99)])
def test_an_index_in_less_precision_is_close_to_one_in_f32(cir, photos, tmp_path, precision, least):
    plain, rounded = tmp_path / "plain.cir", tmp_path / "rounded.cir"
    assert cir("index", photos, "-o", plain, "-q").status == 0
    made = cir("index", photos, "-o", rounded, "-q", "--precision", precision)
    if made.status == 1 and precision in made.err:
        pytest.skip(f"this processor has no {precision}: " + made.err)
    assert made.status == 0, made.err
    a, b = (numpy.load(next(index.glob("features/*/vectors.npy"))).astype(float) for index in (plain, rounded))
    assert not (a == b).all() and ((a * b).sum(1) / numpy.linalg.norm(a, axis=1) / numpy.linalg.norm(b, axis=1)).min() > least
    assert cir("search", rounded, "--text", "a red house", "--precision", precision, "-k", "1").status == 0


# -- index ---------------------------------------------------------------------------------------------------------


def test_update_sees_what_changed(cir, photos, index):
    assert update(cir, photos, index) == {"encoded": 0, "unchanged": 12, "failed": 0, "vanished": 0}
    draw_photo(100).save(photos / "new.jpg")
    draw_photo(101).save(photos / "03.jpg")
    (photos / "05.jpg").unlink()
    os.rename(photos / "06.jpg", photos / "below" / "moved.jpg")
    os.utime(photos / "07.jpg", (1, 1))
    assert update(cir, photos, index) == {"encoded": 2, "unchanged": 10, "failed": 0, "vanished": 1}
    paths = {hit["path"] for hit in cir("search", index, "--image", photos / "01.jpg", "--json", "-k", "99").json["hits"]}
    assert {pathlib.Path(p).name for p in paths} == {f"{i:02}.jpg" for i in range(12) if i not in (5, 6)} | {"new.jpg", "moved.jpg"}
    assert cir("check", index).status == 0


def test_bad_photos_are_recorded_and_never_stop_the_run(cir, photos, tmp_path):
    good = (photos / "00.jpg").read_bytes()
    (photos / "truncated.jpg").write_bytes(good[: len(good) // 2])
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "garbage.png").write_bytes(bytes(range(256)) * 20)
    (photos / "folder.jpg").mkdir()
    Image.new("1", (30000, 30000)).save(photos / "huge.png")
    Image.new("RGB", (1, 1)).save(photos / "one.png")
    draw_photo(50).save(photos / "mislabelled.jpg", format="PNG")
    index = tmp_path / "bad.cir"
    result = cir("index", photos, "-o", index, "--json")
    assert result.status == 0
    assert counts(result) == {"encoded": 14, "unchanged": 0, "failed": 4, "vanished": 0}
    failed = {pathlib.Path(one["path"]).name: one["error"] for one in cir("info", index, "--failed", "--json").json["failed"]}
    assert set(failed) == {"truncated.jpg", "empty.jpg", "garbage.png", "huge.png"}
    assert "900" in failed["huge.png"]
    assert update(cir, photos, index)["encoded"] == 0
    draw_photo(51).save(photos / "truncated.jpg")
    assert update(cir, photos, index)["encoded"] == 1


# -- several models, and large photos ------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path):
    """A tiny CLIP model with random weights."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    quick = SOURCE / "test" / "data" / "model" / "quick"
    for name in ("config.json", "vocab.json", "merges.txt", "preprocessor_config.json"):
        (folder / name).write_bytes((quick / name).read_bytes())
    (folder / "model.safetensors").write_bytes((quick / "weights_f32.safetensors").read_bytes())
    return folder


def vectors(index, model):
    return numpy.load(next((index / "features").glob(f"{model}-*")) / "vectors.npy").astype(numpy.float32)


def test_two_models_in_one_run_are_as_one_after_the_other(cir, photos, tiny, tmp_path):
    together, apart = tmp_path / "together.cir", tmp_path / "apart.cir"
    assert update(cir, photos, together, "--model", "demo", "--model", tiny)["encoded"] == 12
    assert update(cir, photos, apart, "--model", "demo")["encoded"] == 12
    added = cir("index", apart, "--model", tiny, "--json", "-q")
    assert added.status == 0 and counts(added) == {"encoded": 12, "unchanged": 0, "failed": 0, "vanished": 0}
    for model in ("demo", "tiny"):
        assert numpy.array_equal(vectors(together, model), vectors(apart, model))
    # Later updates keep both in step, whichever way they are asked for.
    draw_photo(77).save(photos / "new.jpg")
    for more in (["index", together], ["index", "-o", apart]):
        result = cir(*more, "--json", "-q")
        assert result.status == 0 and counts(result)["encoded"] == 1
    for index in (together, apart):
        assert len(cir("info", index, "--json").json["models"]) == 2
        assert cir("check", index).status == 0
        for model in ("demo", tiny):
            answer = cir("search", index, "--image", photos / "new.jpg", "--model", model, "-m", "image", "--json")
            assert pathlib.Path(answer.json["hits"][0]["path"]).name == "new.jpg"
            assert answer.json["hits"][0]["score"] > 0.999
    twice = cir("index", photos, "-o", together, "--model", tiny, "--model", tiny)
    assert twice.status == 1 and "named twice" in twice.err
    (tiny / "config.json").unlink()
    gone = cir("index", together)
    assert gone.status == 1 and "--model" in gone.err


def test_an_index_knows_its_folders(cir, photos, tmp_path):
    index = tmp_path / "a.cir"
    other = tmp_path / "other"
    other.mkdir()
    draw_photo(5).save(other / "a.jpg")
    assert cir("index", photos, other, "-o", index, "-q").status == 0
    os.rename(other, tmp_path / "away")
    result = cir("index", index, "--json")
    assert result.status == 0 and counts(result) == {"encoded": 0, "unchanged": 12, "failed": 0, "vanished": 0}
    assert f"{other}: is missing now" in result.err
    os.rename(photos, tmp_path / "gone")
    result = cir("index", index)
    assert result.status == 1 and "none of the folders" in result.err and "cir index FOLDER -o" in result.err
    fresh = cir("index", "-o", tmp_path / "b.cir")
    assert fresh.status == 2 and "not an index yet" in fresh.err


def test_large_photos_are_decoded_at_a_reduced_scale(cir, tmp_path):
    """The features hardly change, unlike the pixels, which are exact on request."""
    folder = tmp_path / "large"
    folder.mkdir()
    for i in range(3):
        draw_photo(90 + i, size=(96, 80)).resize((1920, 1600), Image.BICUBIC).save(folder / f"{i}.jpg", quality=90)
    reduced, exact, plain = tmp_path / "reduced.cir", tmp_path / "exact.cir", tmp_path / "exact.npy"
    assert update(cir, folder, reduced)["encoded"] == 3
    assert update(cir, folder, exact, "--exact-decode")["encoded"] == 3
    assert cir("encode", "--model", "demo", "--images", folder, "-o", plain).status == 0
    whole = numpy.load(plain)
    assert numpy.array_equal(vectors(exact, "demo"), whole.astype(numpy.float16).astype(numpy.float32))
    assert not numpy.array_equal(vectors(reduced, "demo"), vectors(exact, "demo"))
    assert (vectors(reduced, "demo") * whole).sum(axis=1).min() > 0.999
    for index, more in ((reduced, []), (exact, ["--exact-decode"])):
        answer = cir("search", index, "--image", folder / "1.jpg", "-m", "image", "--json", *more).json["hits"][0]
        assert pathlib.Path(answer["path"]).name == "1.jpg" and abs(answer["score"] - 1) < 1e-3
    info = cir("search", reduced, "--image", "1", "-m", "image", "--json").json["hits"][0]
    assert info["id"] == 1


def test_words_are_remembered_unless_told_otherwise(cir, index):
    ask = ["search", index, "--text", "at night", "--json"]
    texts = next((index / "features").glob("demo-*")) / "texts.bin"
    assert cir(*ask, "--forget-texts").status == 0 and not texts.exists()
    first = cir(*ask).json
    assert texts.exists() and texts.stat().st_mode & 0o777 == 0o600
    again = cir(*ask).json
    assert again["hits"] == first["hits"]
    texts.write_bytes(b"nonsense")
    assert cir("check", index).status == 1
    assert cir(*ask).json["hits"] == first["hits"]
    assert cir("check", index).status == 0


def test_names_that_are_no_text_and_loops_of_folders(cir, photos, tmp_path):
    name = os.fsencode(photos) + b"/caf\xe9 \x1b[31m.jpg"
    with open(name, "wb") as file:
        draw_photo(60).save(file, format="JPEG")
    os.symlink(photos, photos / "below" / "loop")
    index = tmp_path / "odd.cir"
    assert update(cir, photos, index)["encoded"] == 13
    assert update(cir, photos, index)["unchanged"] == 13
    table = cir("search", index, "--image", name, "-k", "3")
    assert table.status == 0 and "\x1b" not in table.out
    assert cir("search", index, "--image", name, "--json").status == 0


def test_an_empty_folder_makes_an_empty_index(cir, tmp_path):
    (tmp_path / "nothing").mkdir()
    index = tmp_path / "empty.cir"
    assert update(cir, tmp_path / "nothing", index)["encoded"] == 0
    result = cir("search", index, "--text", "a cat", "--json")
    assert result.status == 1, result.err
    assert result.json["hits"] == []
    assert "no photos" in cir("search", index, "--text", "a cat").err
    assert cir("check", index).status == 0


def test_a_missing_folder_is_an_error(cir, tmp_path):
    result = cir("index", tmp_path / "nowhere", "-o", tmp_path / "x.cir")
    assert result.status == 1
    assert "nowhere" in result.err


def test_writers_exclude_each_other_and_never_readers(cir, photos, index):
    for i in range(200, 500):
        draw_photo(i).save(photos / f"{i}.jpg")
    writers = [subprocess.Popen([CIR, "index", photos, "-o", index, "-q", "--batch", "1"], stderr=subprocess.PIPE) for _ in range(4)]
    reader = cir("search", index, "--text", "night", "--json")
    assert reader.status == 0, reader.err
    complaints = [writer.communicate(timeout=120)[1].decode() for writer in writers]
    refused = [complaint for writer, complaint in zip(writers, complaints) if writer.returncode != 0]
    assert len(refused) < 4
    assert all("another process" in complaint for complaint in refused)
    assert refused, "four writers at once, and none was refused"
    assert cir("check", index).status == 0
    assert cir("info", index, "--json").json["n_ready"] == 312


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_runs_continue(cir, tmp_path, how):
    photos = tmp_path / "many"
    photos.mkdir()
    for i in range(150):
        draw_photo(i).save(photos / f"{i}.jpg")
    index = tmp_path / "many.cir"
    for wait in (0.05, 0.15, 0.3, 0.45):
        process = subprocess.Popen([CIR, "index", photos, "-o", index, "-q", "--batch", "1"], stderr=subprocess.DEVNULL)
        time.sleep(wait)
        process.send_signal(how)
        assert process.wait(timeout=60) in (0, 1, -how)
        if (index / "catalogue.sqlite").exists():
            checked = cir("check", index, "--repair")
            assert checked.status == 0 or "as when creating it was interrupted" in checked.err, checked.err
    update(cir, photos, index)
    assert cir("info", index, "--json").json["n_ready"] == 150
    assert cir("check", index).status == 0


# -- search --------------------------------------------------------------------------------------------------------


def test_search_answers_by_the_contract(cir, photos, index):
    result = cir("search", index, "--image", photos / "04.jpg", "--text", "at night", "--json", "-k", "5")
    assert result.status == 0, result.err
    answer = result.json
    assert set(answer) >= {"index", "model", "method", "settings", "n_images", "ms", "hits"}
    assert answer["method"] == "basic-" and answer["n_images"] == 12
    assert answer["settings"]["lambda"] == 0.1
    ms = answer["ms"]
    stages = {"open_index", "open_model", "encode_image", "prepare", "encode_text", "compose", "look_up"}
    assert set(ms) == {"encode", "search", "total"} | stages
    assert ms["encode"] == pytest.approx(ms["encode_image"] + ms["encode_text"])
    assert all(ms[stage] >= 0 for stage in stages) and min(ms["encode_image"], ms["encode_text"], ms["search"]) > 0
    assert sum(ms[stage] for stage in stages) + ms["search"] <= ms["total"], "no time is told twice"
    assert answer["search"] == {"codes": False, "candidates": 0, "rescored": 0, "codes_ms": 0, "rescore_ms": 0}
    assert answer["settings"]["recall"] == 0.99 and answer["settings"]["codes"] == 1
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3, 4, 5]
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    for hit in answer["hits"]:
        fused = hit["image_score"] * hit["text_score"] - 0.1 * (hit["image_score"] + hit["text_score"]) ** 2
        assert hit["score"] == pytest.approx(fused, rel=1e-4, abs=1e-5)


def test_recall_is_a_setting_with_a_flag_of_its_own(cir, photos, index):
    query = ["search", index, "--image", photos / "04.jpg", "--text", "at night"]
    assert cir(*query, "--recall", "exact", "--json").json["settings"]["recall"] == "exact"
    assert cir(*query, "--set", "recall=exact", "--recall", "0.9", "--json").json["settings"]["recall"] == 0.9
    assert "exact search over 12 photos" in cir(*query, "--explain").out
    assert "found" not in cir(*query).out
    for wrong in ("0.4", "1.5", "all", ""):
        refused = cir(*query, "--recall", wrong)
        assert refused.status == 2 and "from 0.5 to 1, or 'exact'" in refused.err


def test_codes_find_what_reading_all_photos_finds(cir, photos, index):
    assert "compact codes made" in cir("index", index, "--codes-from", 1).out
    for method in ("basic-", "basic", "image", "product", "freedom"):
        query = ["search", index, "--image", photos / "04.jpg", "--text", "at night", "--method", method, "--json"]
        by_codes = cir(*query).json
        assert by_codes["search"]["codes"] and by_codes["search"]["rescored"] == by_codes["search"]["candidates"] == 12
        by_all = cir(*query, "--set", "codes=0").json
        assert not by_all["search"]["codes"]
        assert by_codes["hits"] == by_all["hits"], method
    assert "found by compact codes of 12 photos: 12 of 12" in cir(*query[:-1], "--explain").out


def test_the_photo_itself_is_the_best_answer_to_itself(cir, photos, index):
    for method in ("image", "basic-", "basic", "sum", "product"):
        hits = cir("search", index, "--image", photos / "below" / "10.jpg", "--method", method, "--json").json["hits"]
        assert pathlib.Path(hits[0]["path"]).name == "10.jpg", method


def test_an_id_and_its_file_are_the_same_query(cir, photos, index):
    by_file = cir("search", index, "--image", photos / "02.jpg", "--text", "in snow", "--json").json["hits"]
    id_of = next(hit["id"] for hit in cir("search", index, "--image", photos / "02.jpg", "--method", "image", "--json").json["hits"])
    by_id = cir("search", index, "--image", id_of, "--text", "in snow", "--json").json["hits"]
    assert [hit["id"] for hit in by_id] == [hit["id"] for hit in by_file]
    assert cir("search", index, "--image", "4711").status == 1


@pytest.mark.parametrize("setting", ["variant=reference", "centre=0", "project=0", "contextualise=0", "normalise=0", "fuse=product", "expand=1",
                                     "image_mean=index", "min_image=-0.05", "min_text=-0.05", "seed=3", "context=10"])
def test_every_setting_is_taken(cir, photos, index, setting):
    result = cir("search", index, "--image", photos / "01.jpg", "--text", "at night", "--set", setting, "--json")
    assert result.status == 0, result.err
    assert len(result.json["hits"]) == 12


def test_more_answers_than_photos(cir, photos, index):
    assert len(cir("search", index, "--text", "a cat", "-k", "1000000", "--json").json["hits"]) == 12


def test_explain_html_and_show(cir, photos, index, tmp_path):
    page = tmp_path / "answer.html"
    result = cir("search", index, "--image", photos / "01.jpg", "--text", "</script><b>", "--explain", "--html", page, "--show")
    assert result.status == 0, result.err
    assert "by image" in result.out
    assert "data:image/jpeg" in page.read_text()
    assert cir("search", index, "--text", "x", "--html", tmp_path / "nowhere" / "answer.html").status == 1


def test_bad_query_images(cir, photos, index, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    for bad in (tmp_path / "broken.jpg", tmp_path / "missing.jpg", photos):
        result = cir("search", index, "--image", bad, "--text", "at night")
        assert result.status == 1
        assert bad.name in result.err


def test_long_and_odd_texts(cir, photos, index):
    result = cir("search", index, "--text", "night " * 400, "--json")
    assert result.status == 0 and "cut off" in result.err
    for text in ("night\u202e", "日本語 🦊", "<|endoftext|>"):
        assert cir("search", index, "--text", text, "--json").status == 0, text
    assert cir("search", index, "--text", "\u202e", "--json").status == 2  # what nobody sees says nothing
    for text in ("", " "):
        assert cir("search", index, "--text", text, "--json").status == 2, text
    assert cir("search", index, "--text", b"\xff\xfe", "--json").status == 0


def test_answers_that_cannot_be_written_are_a_failure(index):
    with open("/dev/full", "w") as full:
        assert subprocess.run([CIR, "search", index, "--text", "x"], stdout=full, stderr=subprocess.PIPE).returncode == 1


# -- damage --------------------------------------------------------------------------------------------------------


# -- encode and eval -----------------------------------------------------------------------------------------------


def test_encode_writes_unit_rows(cir, photos, tmp_path):
    assert cir("encode", "--images", photos, "-o", tmp_path / "images.npy", "-q").status == 0
    images = numpy.load(tmp_path / "images.npy")
    assert images.dtype == numpy.float32 and images.shape[0] == 12
    assert numpy.allclose(numpy.linalg.norm(images, axis=1), 1, atol=1e-5)
    (tmp_path / "texts.txt").write_text("a cat\na cat\n\nat night")
    assert cir("encode", "--texts", tmp_path / "texts.txt", "-o", tmp_path / "texts.npy", "-q").status == 0
    texts = numpy.load(tmp_path / "texts.npy")
    assert texts.shape == (4, images.shape[1])
    assert (texts[0] == texts[1]).all() and not (texts[0] == texts[3]).all()


def test_an_index_in_a_folder_that_is_not_there(cir, photos, tmp_path):
    result = cir("index", photos, "-o", tmp_path / "no" / "photos.cir")
    assert result.status == 1 and "its folder is missing; create it first" in result.err


@pytest.mark.parametrize("golden,methods", [(SOURCE / "test/data/method/reference", "text,image,sum,product"),
                                            (SHARED / "data/golden", "basic,product,text")], ids=["excerpt", "whole"])
def test_eval_agrees_with_the_reference(cir, tmp_path, golden, methods):
    if not golden.exists():
        pytest.skip(f"{golden} is not there")
    expected = json.loads((golden / "expected.json").read_text())
    result = cir("eval", "--features", golden, "--method", methods, "--set", "variant=reference", "--json", tmp_path / "r.json")
    assert result.status == 0, result.err
    found = json.loads((tmp_path / "r.json").read_text())["methods"]
    assert len(found) == len(methods.split(","))
    for method in found:
        assert numpy.allclose(method["AP"], expected[method["method"]]["AP"], atol=1e-5), method["method"]


def test_the_example_of_the_manual_runs(cir, photos, tmp_path):
    """It answers as the program does."""
    index = tmp_path / "photos.cir"
    assert cir("index", photos, "-o", index, "-q").status == 0
    process = subprocess.run([os.environ.get("CIR_EXAMPLE", SOURCE / "build/test/example"), index, photos / "01.jpg", "at night"], cwd=tmp_path,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.returncode == 0, process.stderr
    hits = json.loads(cir("search", index, "--image", photos / "01.jpg", "--text", "at night", "--json").out)["hits"]
    assert process.stdout.splitlines() == [f"{hit['score']:.4f}  {hit['path']}" for hit in hits]
    process = subprocess.run([os.environ.get("CIR_EXAMPLE", SOURCE / "build/test/example"), index], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.returncode == 1 and process.stdout == "" and "neither a photo nor words" in process.stderr
