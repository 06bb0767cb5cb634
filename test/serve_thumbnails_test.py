"""thumbnails.sqlite of an index that came from somebody else: nothing in it is run, followed or waited for."""
import io
import os
import shutil
import sqlite3
import stat
import time

import pytest
from PIL import Image

from conftest import draw_photo, run_cir
from serving import serving

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    base = tmp_path_factory.mktemp("thumbnails")
    (base / "photos").mkdir()
    for i in range(4):
        draw_photo(i).save(base / f"photos/{i}.jpg")
    assert run_cir("index", base / "photos", "-o", base / "photos.cir", "-q").status == 0
    with serving(base / "photos.cir") as server:
        server.wait_ready()
        for i in range(4):
            assert server.get(f"/v1/images/{i}/thumbnail").status == 200
    return base


@pytest.fixture
def place(original, tmp_path):
    shutil.copytree(original, tmp_path / "copy")
    return tmp_path / "copy"


def rows(file):
    db = sqlite3.connect(file)
    try:
        return {key: value for key, value in db.execute("SELECT key, bytes FROM thumbnail")}
    finally:
        db.close()


def check(place, n=4):
    """It starts, answers, and gives pictures of the photos; what lies in the way takes seconds at most."""
    started = time.monotonic()
    with serving(place / "photos.cir") as server:
        server.wait_ready()
        for i in range(n):
            for size in (256, 64):
                answer = server.request("GET", f"/v1/images/{i}/thumbnail?size={size}", timeout=30)
                assert answer.status == 200
                with Image.open(io.BytesIO(answer.body)) as small, Image.open(place / f"photos/{i}.jpg") as photo:
                    small.load()
                    assert small.format == "JPEG" and abs(small.width / small.height - photo.width / photo.height) < 0.1
            assert server.request("GET", "/healthz", timeout=5).status == 200
        assert server.search({"text": "a"}).status == 200
    return time.monotonic() - started


def test_what_was_kept_is_used_again_and_is_private(place):
    file = place / "photos.cir/thumbnails.sqlite"
    file.chmod(0o644)
    kept = rows(file)
    assert len(kept) == 4
    check(place)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    after = rows(file)
    assert {key: after[key] for key in kept} == kept and len(after) == 8
    assert not list((place / "photos.cir").glob("thumbnails.sqlite-shm")), "nothing that SQLite maps"


def change(file, *statements):
    db = sqlite3.connect(file, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize("statements", [
    [f"CREATE TRIGGER t AFTER INSERT ON thumbnail BEGIN SELECT ({ENDLESS}); END"],
    [f"CREATE TRIGGER t BEFORE DELETE ON thumbnail BEGIN SELECT ({ENDLESS}); END"],
    ["DROP TABLE thumbnail", f"CREATE VIEW thumbnail(id, key, bytes) AS SELECT 1, 'a', ({ENDLESS})"],
    ["DROP TABLE camera", f"CREATE VIEW camera(id, modified_ns, name) AS SELECT 1, 2, ({ENDLESS})"],
    ["DROP TABLE thumbnail", "CREATE TABLE thumbnail(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL, "
     "CHECK (length(randomblob(100000000)) > 0))"],
    ["CREATE INDEX slow ON thumbnail(length(bytes))"],
    ["CREATE TABLE other(a)"],
    ["DROP TABLE camera"],
    ["ALTER TABLE camera ADD COLUMN more TEXT"],
    ["PRAGMA user_version = 7"],
    ["PRAGMA user_version = 0"],
])
def test_what_is_not_as_we_make_it_is_made_anew(place, statements):
    file = place / "photos.cir/thumbnails.sqlite"
    change(file, *statements)
    assert check(place) < 60
    assert len(rows(file)) == 8
    db = sqlite3.connect(file)
    assert {name for name, in db.execute("SELECT name FROM sqlite_schema")} == {"thumbnail", "sqlite_autoindex_thumbnail_1", "sqlite_sequence", "camera"}
    db.close()


def test_bytes_that_are_no_thumbnail_are_not_handed_out(place):
    """Of another kind, and larger than any thumbnail is."""
    file = place / "photos.cir/thumbnails.sqlite"
    change(file, "UPDATE thumbnail SET bytes = CAST('<script>alert(1)</script>' AS BLOB) WHERE id = 1", "UPDATE thumbnail SET bytes = zeroblob(50000000) WHERE id = 2",
           "UPDATE thumbnail SET bytes = CAST(x'ffd8ff' || zeroblob(30000000) AS BLOB) WHERE id = 3")
    check(place)


def test_a_file_that_is_too_large_is_made_anew(place):
    file = place / "photos.cir/thumbnails.sqlite"
    os.truncate(file, 20 << 30)  # sparse
    check(place)
    assert file.stat().st_size < 1 << 20


@pytest.mark.parametrize("ending", ["", "-wal", "-journal", "-shm"])
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder", "dangling link"])
def test_nothing_is_followed(place, tmp_path, ending, kind):
    file = place / f"photos.cir/thumbnails.sqlite{ending}"
    other = tmp_path / "other"
    change(other, "CREATE TABLE secret(a)", "INSERT INTO secret VALUES('kept')")
    before = other.read_bytes()
    file.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "hard link":
        os.link(other, file)
    else:
        file.symlink_to(other if kind == "link" else tmp_path / "nothing")
    assert check(place) < 60
    assert other.read_bytes() == before and not (tmp_path / "nothing").exists()


def test_two_servers_do_not_share_it(place):
    with serving(place / "photos.cir") as first:
        first.wait_ready()
        check(place)
        assert first.get("/v1/images/0/thumbnail?size=1024").status == 200
    assert len(rows(place / "photos.cir/thumbnails.sqlite")) == 5
    check(place)


def test_files_that_are_cut_while_it_serves_do_not_end_it(place):
    with serving(place / "photos.cir") as server:
        server.wait_ready()
        for i in range(40):
            server.get(f"/v1/images/{i % 4}/thumbnail?size={64 + 64 * (i % 3)}")
            for file in (place / "photos.cir").glob("thumbnails.sqlite*"):
                os.truncate(file, 0 if i % 2 else file.stat().st_size // 2)
        for i in range(4):
            assert server.get(f"/v1/images/{i}/thumbnail?size=768").status == 200
    check(place)
