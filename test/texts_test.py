"""Text files as people save them, and queries without words: byte order marks, UTF-16, ends of lines, empty lines, for
every command that reads text; and pictures of data sets as they are stored."""
import codecs
import json
import pathlib
import shutil
import subprocess
import threading

import numpy
import pytest
from PIL import Image

from conftest import CIR, SOURCE, draw_photo


def run(*arguments, **keywords):
    return subprocess.run([CIR, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **keywords)


def said(answer):
    return answer.stderr.decode()


def encode(path, output, **keywords):
    answer = run("encode", "--model", "demo", "--texts", path, "-o", output, **keywords)
    return (numpy.load(output) if answer.returncode == 0 else None), said(answer)


LINES = ["a red bicycle in snow", "naïve café", "", "at night"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    (folder / "t.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    features, message = encode(folder / "t.txt", folder / "t.npy")
    assert features.shape[0] == 4
    assert "1 of 4 lines are empty, the first is line 3" in message
    return features


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("is_closed", [True, False])
def test_marks_and_ends_of_lines_change_nothing(plain, tmp_path, mark, end, is_closed):
    path = tmp_path / "t.txt"
    path.write_bytes(mark + (end.join(LINES) + (end if is_closed else "")).encode())
    features, _ = encode(path, tmp_path / "t.npy")
    assert numpy.array_equal(features, plain)


def test_texts_come_through_pipes(plain, tmp_path):
    data = codecs.BOM_UTF8 + "\r\n".join(LINES).encode()
    features, _ = encode("-", tmp_path / "t.npy", input=data)
    assert numpy.array_equal(features, plain)


@pytest.mark.parametrize("encoding,name", [("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"),
                                           ("utf-32", "UTF-32")])
def test_utf_16_is_named(tmp_path, encoding, name):
    path = tmp_path / "t.txt"
    path.write_bytes("a red bicycle\nat night\n".encode(encoding))
    features, message = encode(path, tmp_path / "t.npy")
    assert features is None and f"t.txt: is {name}; save it as UTF-8" in message


def test_a_zero_byte_is_no_text(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(b"a red bicycle\nat \0 night\n")
    features, message = encode(path, tmp_path / "t.npy")
    assert features is None and "t.txt:2: holds a zero byte" in message


# Data sets

def make_set(folder, mark=b"", encoding="utf-8", end="\n", text="at night"):
    """Two instances of four photos; one photo of the first is stored on its side."""
    rows = {"query": [], "database": []}
    for i in range(2):
        for kind, count in (("query", 1), ("database", 4)):
            for k in range(count):
                name = f"{folder.name}/{kind}-{i}-{k}.jpg"
                photo = draw_photo(10 * i + k + 100 * (kind == "query"))
                photo = photo.resize((160, 96))
                options = {}
                if kind == "database" and k == 1:
                    exif = Image.Exif()
                    exif[0x0112] = 6
                    options["exif"] = exif
                folder.mkdir(exist_ok=True)
                photo.save(folder.parent / name, "JPEG", quality=90, **options)
                rows[kind].append([name, text if kind == "query" or k < 2 else "plain", f"thing {i}"])
    write_lists(folder, rows, mark, encoding, end)
    return rows


def write_lists(folder, rows, mark=b"", encoding="utf-8", end="\n"):
    for kind, listed in rows.items():
        (folder / f"{kind}_files.csv").write_bytes(mark + (end.join(",".join(row) for row in listed) + end).encode(encoding))


def evaluate(folder, *arguments, cache="none", method="image,text"):
    answer = run("eval", folder, "--cache", cache, "--method", method, "--json", "-", *arguments)
    return (json.loads(answer.stdout) if answer.returncode == 0 else None), said(answer)


def test_lists_may_be_saved_by_anybody(tmp_path):
    make_set(tmp_path / "set")
    before, _ = evaluate(tmp_path / "set")
    make_set(tmp_path / "set", mark=codecs.BOM_UTF8, end="\r\n")
    after, _ = evaluate(tmp_path / "set")
    assert after["methods"] == before["methods"]
    make_set(tmp_path / "set", encoding="utf-16")
    assert "query_files.csv: is UTF-16; save it as UTF-8" in evaluate(tmp_path / "set")[1]


def test_corpora_may_be_saved_by_anybody(tmp_path):
    make_set(tmp_path / "set")
    terms = ["dog", "cat", "house", "tree", "boat"]
    got = []
    for mark, end in ((b"", "\n"), (codecs.BOM_UTF8, "\r\n"), (codecs.BOM_UTF8, "\r")):
        (tmp_path / "c.txt").write_bytes(mark + end.join(terms).encode())
        document, message = evaluate(tmp_path / "set", "--set", f"corpus_objects={tmp_path}/c.txt", method="basic")
        assert document is not None, message
        got.append(document["methods"])
    assert got[1] == got[0] and got[2] == got[0]
    (tmp_path / "c.txt").write_bytes("\n".join(terms).encode("utf-16"))
    _, message = evaluate(tmp_path / "set", "--set", f"corpus_objects={tmp_path}/c.txt", method="basic")
    assert "c.txt: is UTF-16; save it as UTF-8" in message


def test_odd_rows_are_said(tmp_path):
    folder = tmp_path / "set"
    rows = make_set(folder)
    assert "rows" not in evaluate(folder)[1]
    rows["database"][5:5] = [rows["database"][0], rows["database"][1]]
    rows["database"].append([rows["database"][0][0], rows["database"][0][1], "thing 0 "])
    rows["query"].append([rows["query"][0][0], "", "thing 1"])
    write_lists(folder, rows)
    document, message = evaluate(folder)
    assert "database_files.csv: rows that repeat another's path, text and instance: 2, the first is row 6" in message
    assert 'with blanks around the instance\'s name: 1, the first is row 11 ("thing 0 "); that is another instance than the name without them' in message
    assert "query_files.csv: rows without words: 1, the first is row 3; the empty text is encoded" in message
    assert document["n_database"] == 11
    assert "rows" not in evaluate(folder, "-q")[1]


@pytest.mark.parametrize("are_together", [True, False])
def test_rows_that_repeat_are_counted(tmp_path, are_together):
    """Instances that stand one after another are looked at by themselves, others all at once: both as Python counts."""
    folder = tmp_path / "features"
    shutil.copytree(SOURCE / "test/data/method/small", folder)
    random = numpy.random.default_rng(are_together)
    rows = (folder / "database.csv").read_text().splitlines()
    for to, of in random.integers(0, len(rows), (12, 2)):
        rows[to] = rows[of]
    rows = sorted(rows, key=lambda row: row.rsplit(",", 1)[1]) if are_together else list(random.permutation(rows))
    (folder / "database.csv").write_text("\n".join(rows) + "\n")
    first = next(i for i, row in enumerate(rows) if row in rows[:i]) + 1
    answer = run("eval", "--features", folder, "--method", "sum")
    assert f"instance: {len(rows) - len(set(rows))}, the first is row {first};" in said(answer)


def test_pictures_of_data_sets_may_stay_as_they_are_stored(tmp_path):
    folder = tmp_path / "set"
    make_set(folder)
    turned, _ = evaluate(folder)
    stored, _ = evaluate(folder, "--no-exif-rotation")
    reference, _ = evaluate(folder, "--set", "variant=reference")
    assert turned["protocol"]["features"] != stored["protocol"]["features"]
    assert reference["protocol"]["features"] == stored["protocol"]["features"]
    # What is kept of the one is not taken for the other.
    for _ in range(2):
        for arguments, expected in (([], turned), (["--no-exif-rotation"], stored), (["--set", "variant=reference"], stored)):
            document, _ = evaluate(folder, *arguments, cache=tmp_path / "cache")
            assert document["protocol"]["features"] == expected["protocol"]["features"]
    # The same without any EXIF, by Pillow.
    for path in folder.glob("*.jpg"):
        data = path.read_bytes()
        at = data.find(b"\xff\xe1")
        if at > 0:
            size = int.from_bytes(data[at + 2:at + 4], "big")
            path.write_bytes(data[:at] + data[at + 2 + size:])
    plain, _ = evaluate(folder)
    assert plain["protocol"]["features"] == stored["protocol"]["features"]
    answer = run("eval", "--features", folder, "--no-exif-rotation")
    assert answer.returncode == 2 and "not --features" in said(answer)


# Queries without words

@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    (folder / "photos").mkdir()
    for i in range(6):
        draw_photo(i).save(folder / "photos" / f"{i}.jpg")
    assert run("index", folder / "photos", "-o", folder / "i.cir", "--model", "demo").returncode == 0
    return folder


def ids(answer):
    return [(hit["id"], hit["score"]) for hit in json.loads(answer.stdout)["hits"]]


@pytest.mark.parametrize("method", ["basic-", "basic", "image", "sum", "product"])
@pytest.mark.parametrize("words", ["", " ", "\t\n ", "\u00a0\u3000", "\ufeff", "\u200b \u2060\x01"])
def test_words_that_say_nothing_are_none(index, words, method):
    photo = index / "photos" / "3.jpg"
    without = run("search", index / "i.cir", "--image", photo, "-m", method, "--json")
    blank = run("search", index / "i.cir", "--image", photo, "-m", method, "--json", "--text", words)
    assert without.returncode == 0 and ids(blank) == ids(without)
    alone = run("search", index / "i.cir", "--text", words, "-m", method)
    assert alone.returncode == 2 and b"" == alone.stdout and "--text is blank" in said(alone)


def test_a_method_of_words_wants_some(index):
    answer = run("search", index / "i.cir", "--image", index / "photos" / "3.jpg", "--text", " ", "-m", "text")
    assert answer.returncode == 2 and "--text: method text needs words" in said(answer)
    for method in ("freedom-", "freedom"):
        answer = run("search", index / "i.cir", "--image", index / "photos" / "3.jpg", "-m", method)
        assert answer.returncode == 2 and f"--text: method {method} needs words" in said(answer)
        answer = run("search", index / "i.cir", "--text", "night", "-m", method)
        assert answer.returncode == 2 and f"--image: method {method} needs a photo" in said(answer)
