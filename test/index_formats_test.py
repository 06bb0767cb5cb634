"""Indexes as earlier versions wrote them, in test/data/index: what users have on their disks is opened, searched, checked and updated."""
import pathlib
import shutil
import sqlite3

import numpy
import pytest

from conftest import draw_photo

DATA = pathlib.Path(__file__).resolve().parent / "data" / "index"
FORMATS = sorted(path.name for path in DATA.glob("format-*"))
NAMES = ["0.png", "1.png", "2.png", "3.png", "4.png", "below/5.png"]


@pytest.fixture(params=FORMATS)
def old(request, tmp_path):
    """A copy of an index with its photos beside it, as it was made."""
    shutil.copytree(DATA / request.param, tmp_path / "photos.cir", copy_function=shutil.copyfile)
    shutil.copytree(DATA / "photos", tmp_path / "photos", copy_function=shutil.copyfile)
    return tmp_path / "photos.cir"


def rows_of(index):
    return numpy.load(next(index.glob("features/*/vectors.npy"))).astype(numpy.float64)


def paths_of(index):
    """Path → id of the photos that are present."""
    catalogue = sqlite3.connect(f"file:{index / 'catalogue.sqlite'}?mode=ro", uri=True)
    try:
        return {bytes(path).decode(): id for id, path in catalogue.execute("SELECT id, path FROM image WHERE state = 0")}
    finally:
        catalogue.close()


def format_of(index):
    catalogue = sqlite3.connect(f"file:{index / 'catalogue.sqlite'}?mode=ro", uri=True)
    try:
        return catalogue.execute("PRAGMA user_version").fetchone()[0]
    finally:
        catalogue.close()


def test_every_format_is_there(cir, photos, tmp_path):
    """Who changes the format adds an index of the new one; see make.py."""
    assert cir("index", photos, "-o", tmp_path / "new.cir", "-q").status == 0
    assert FORMATS == [f"format-{i}" for i in range(1, format_of(tmp_path / "new.cir") + 1)]
    assert [format_of(DATA / name) for name in FORMATS] == list(range(1, len(FORMATS) + 1))


def test_what_it_says_and_that_it_is_well(cir, old):
    told = cir("info", old, "--json").json
    assert told["n_ready"] == 6 and told["n_failed"] == 1, told
    assert sorted(paths_of(old)) == [f"photos/{name}" for name in NAMES]
    checked = cir("check", old)
    assert checked.status == 0, checked.out + checked.err
    failed = cir("info", old, "--failed")
    assert failed.status == 0 and "bad.jpg" in failed.out


def test_it_is_searched_as_numpy_does(cir, old, tmp_path):
    rows, ids = rows_of(old), paths_of(old)
    photo = ids["photos/2.png"]
    found = cir("search", old, "--image", photo, "-m", "image", "-k", "6", "--json")
    assert found.status == 0, found.err
    hits = found.json["hits"]
    expected = {id: rows[id] @ rows[photo] for id in ids.values()}
    assert [hit["id"] for hit in hits] == sorted(expected, key=lambda id: -expected[id])
    assert numpy.allclose([hit["score"] for hit in hits], [expected[hit["id"]] for hit in hits], atol=1e-5)
    (tmp_path / "texts.txt").write_text("a red thing\n")
    assert cir("encode", "--texts", tmp_path / "texts.txt", "-o", tmp_path / "texts.npy", "-q").status == 0
    text = numpy.load(tmp_path / "texts.npy")[0]
    hits = cir("search", old, "--text", "a red thing", "-m", "text", "-k", "6", "--json").json["hits"]
    assert sorted(hit["id"] for hit in hits) == sorted(ids.values())
    assert numpy.allclose([hit["score"] for hit in hits], [rows[hit["id"]] @ text for hit in hits], atol=1e-5)
    composed = cir("search", old, "--image", photo, "--text", "at night", "--json")
    assert composed.status == 0 and len(composed.json["hits"]) == 6, composed.err


def test_looking_changes_nothing_that_counts(cir, old):
    before = {name: (old / name).read_bytes() for name in ("catalogue.sqlite", rows_path(old))}
    assert cir("search", old, "--image", "0", "--text", "at night", "--json").status == 0
    assert cir("check", old).status == 0
    assert before == {name: (old / name).read_bytes() for name in before}


def rows_path(index):
    return next(index.glob("features/*/vectors.npy")).relative_to(index)


def test_an_update_reads_photos_once_and_encodes_what_is_new(cir, old, tmp_path):
    rows, ids = rows_of(old), paths_of(old)
    draw_photo(99).save(tmp_path / "photos" / "new.jpg")
    made = cir("index", tmp_path / "photos", "-o", old, "--json")
    assert made.status == 0, made.err
    made = made.json
    assert (made["new"], made["kept"], made["changed"], made["encoded"]) == (1, 6, 0, 1), made
    assert made["vanished"] == 0, made
    after = paths_of(old)
    assert {path: after[path] for path in ids} == ids and len(after) == 7
    kept = list(ids.values())
    assert (rows_of(old)[kept] == rows[kept]).all()
    again = cir("index", tmp_path / "photos", "-o", old, "--json").json
    assert again["kept"] == 7 and again["encoded"] == 0, again
    assert cir("check", old).status == 0
    hits = cir("search", old, "--image", tmp_path / "photos" / "new.jpg", "-m", "image", "-k", "1", "--json").json["hits"]
    assert hits[0]["id"] == after["photos/new.jpg"]
    assert format_of(old) == len(FORMATS)


def test_it_is_repaired(cir, old):
    path = old / rows_path(old)
    damaged = bytearray(path.read_bytes())
    damaged[-128 * 2 * 9 + 5] ^= 0x40  # a bit of the row of id 0
    path.write_bytes(damaged)
    assert cir("check", old).status == 1
    cir("check", old, "--repair")
    made = cir("index", old.parent / "photos", "-o", old, "--json")
    assert made.status == 0 and made.json["encoded"] == 1, made.out + made.err
    assert cir("check", old).status == 0
