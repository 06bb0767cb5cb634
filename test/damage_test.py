"""Indexes that are damaged, of others, of newer versions, moved or read-only: found, told, and never a crash."""
import os
import pathlib
import shutil
import sqlite3
import subprocess

import numpy
import pytest

from conftest import CIR, update


def vectors_of(index):
    return next(index.glob("features/*/vectors.npy"))


def test_vectors_are_a_numpy_file_of_unit_rows(cir, index):
    vectors = numpy.load(vectors_of(index))
    assert vectors.dtype == numpy.float16 and vectors.shape[0] == 12
    assert numpy.allclose(numpy.linalg.norm(vectors.astype(numpy.float32), axis=1), 1, atol=2e-3)


def test_not_an_index(cir, tmp_path):
    (tmp_path / "folder.cir").mkdir()
    for path in (tmp_path / "folder.cir", tmp_path / "missing.cir"):
        result = cir("search", path, "--text", "x")
        assert result.status == 1 and path.name in result.err
    (tmp_path / "file.cir").write_text("no folder")
    assert cir("search", tmp_path / "file.cir", "--text", "x").status == 1


def damage_catalogue(index):
    data = bytearray((index / "catalogue.sqlite").read_bytes())
    data[100:4096] = os.urandom(3996)
    (index / "catalogue.sqlite").write_bytes(data)


def damage_truncate_vectors(index):
    os.truncate(vectors_of(index), 500)


def damage_header(index):
    with open(vectors_of(index), "r+b") as file:
        file.write(b"garbage!")


def damage_row(index):
    with open(vectors_of(index), "r+b") as file:
        file.seek(128 + 3 * 2)
        file.write(b"\xff\x7e\x00\x12")


def damage_remove_vectors(index):
    vectors_of(index).unlink()


@pytest.mark.parametrize("damage", [damage_catalogue, damage_truncate_vectors, damage_header, damage_row, damage_remove_vectors])
def test_damage_is_found_and_never_crashes(cir, photos, index, damage):
    damage(index)
    assert cir("check", index).status == 1
    assert cir("search", index, "--text", "x").status in (0, 1)
    cir("check", index, "--repair")
    assert cir("search", index, "--text", "x").status in (0, 1)
    if damage is not damage_catalogue:
        update(cir, photos, index)
        assert cir("check", index).status == 0
        assert cir("info", index, "--json").json["n_ready"] == 12


def test_rows_that_are_no_numbers_are_never_answers(cir, photos, index):
    vectors = numpy.load(vectors_of(index), mmap_mode="r+")
    vectors[5] = numpy.nan
    vectors.flush()
    hits = cir("search", index, "--image", photos / "00.jpg", "--text", "x", "--json").json["hits"]
    assert len(hits) == 11 and 5 not in {hit["id"] for hit in hits}


def test_an_index_of_a_newer_version_is_refused(cir, photos, index):
    database = sqlite3.connect(index / "catalogue.sqlite")
    database.execute("PRAGMA user_version = 999")
    database.commit()
    database.close()
    for arguments in (["search", index, "--text", "x"], ["index", photos, "-o", index], ["check", index]):
        result = cir(*arguments)
        assert result.status == 1 and "newer" in result.err


def test_an_index_of_another_model_is_refused(cir, photos, index, tmp_path):
    other = tmp_path / "other-model"
    shutil.copytree(pathlib.Path(__file__).resolve().parent.parent / "demo" / "model", other)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-2] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    result = cir("search", index, "--text", "x", "--model", other)
    assert result.status == 1 and "cir index" in result.err
    assert update(cir, photos, index, "--model", other)["encoded"] == 12
    assert cir("search", index, "--text", "x", "--model", other).status == 0
    assert cir("search", index, "--text", "x").status == 0


def test_read_only_index_is_searched_and_not_updated(photos, index):
    """Root without its capabilities may write no more than its files' modes say."""
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    for path in [index, *index.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    search = [CIR, "search", index, "--text", "x", "--image", photos / "00.jpg"]
    assert subprocess.run([*powerless, *search], stdout=subprocess.DEVNULL).returncode == 0
    refused = subprocess.run([*powerless, CIR, "index", photos, "-o", index, "-q"], stderr=subprocess.PIPE)
    assert refused.returncode == 1 and b"cannot be" in refused.stderr


def test_a_moved_index_still_finds_its_photos(cir, photos, index, tmp_path):
    new_home = tmp_path / "elsewhere"
    new_home.mkdir()
    shutil.move(photos, new_home / "photos")
    shutil.move(index, new_home / "photos.cir")
    hits = cir("search", new_home / "photos.cir", "--text", "x", "--json").json["hits"]
    assert all(os.path.exists(hit["path"]) for hit in hits)
