"""An index that is moved, replaced, cut short or made by an enemy: nothing of the user's is lost, written or waited for."""
import ctypes
import errno
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import numpy
import pytest

from conftest import CIR, draw_photo, run_cir
from serving import serving

KEEPSAKE = b"written by the user, and by nobody else\n" * 40


def index_photos(base, n=40, name="photos.cir"):
    (base / "photos").mkdir(exist_ok=True)
    for i in range(n):
        draw_photo(i).save(base / f"photos/{i:03}.jpg")
    assert run_cir("index", base / "photos", "-o", base / name, "-q").status == 0
    return base / name


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    base = tmp_path_factory.mktemp("made")
    return index_photos(base, 12)


@pytest.fixture
def index(made, tmp_path):
    """A copy of an index of twelve photos with derived files, its photos beside it."""
    shutil.copytree(made.parent, tmp_path / "own")
    return tmp_path / "own" / "photos.cir"


def vectors_of(index):
    return next(index.glob("features/*/vectors.npy"))


def rows_of(catalogue):
    with sqlite3.connect(f"file:{catalogue}?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM image").fetchone()[0]


# -- moved while it is open ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["server", "shell"])
def test_a_served_index_that_is_renamed_stays_whole(tmp_path, by):
    """A reader that looks for a journal by the old path finds that of the index made there since."""
    index = index_photos(tmp_path, 300)
    moved, before = tmp_path / "moved.cir", (index / "catalogue.sqlite").read_bytes()
    with serving(index) as server:
        server.wait_ready()
        index.rename(moved)
        stop = threading.Event()

        def look():
            while not stop.is_set():
                for path in ("/v1/images?limit=3", "/v1/images/7", "/v1/index"):
                    server.request("GET", path)

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        if by == "server":
            answer = server.request("POST", "/v1/index/update")
            assert answer.status == 503 and "moved, replaced or deleted" in answer.error["message"]
            time.sleep(1)
            assert not index.exists()  # nor a new one in its place
        else:
            # Slowly enough for many looks during its commits.
            assert run_cir("index", tmp_path / "photos", "-o", index, "-q", "--threads", 1).status == 0
        stop.set()
        for thread in threads:
            thread.join()
        assert (moved / "catalogue.sqlite").read_bytes() == before
        if by == "server":
            assert server.get("/v1/images?limit=3").status == 503
            moved.rename(index)
            assert server.get("/v1/images?limit=3").status == 200
            moved = index
        else:
            deadline = time.monotonic() + 60
            while server.get("/v1/images/7").status != 200 and time.monotonic() < deadline:
                time.sleep(.2)
            assert server.get("/v1/images/7").status == 200  # it serves what lies at the path now
    assert run_cir("check", moved).status == 0


def test_a_catalogue_that_is_replaced_is_told(index, tmp_path):
    other = index_photos(tmp_path, 3, "other.cir")
    with serving(index) as server:
        server.wait_ready()
        assert server.get("/v1/images/7").status == 200
        os.replace(other / "catalogue.sqlite", index / "catalogue.sqlite")
        answer = server.get("/v1/images/7")
        assert answer.status == 503 and "replaced" in answer.error["message"]
        assert server.request("POST", "/v1/index/update").status == 503
    assert rows_of(index / "catalogue.sqlite") == 3


def test_another_index_is_copied_over_it(index, tmp_path):
    """By cp -r: the same files, of as many commits, with another's contents."""
    (tmp_path / "few").mkdir()
    for i in range(20, 25):
        draw_photo(i).save(tmp_path / f"few/{i}.jpg")
    other = tmp_path / "other.cir"
    assert run_cir("index", tmp_path / "few", "-o", other, "-q").status == 0
    assert (run_cir("info", other, "--json").json["revision"] == run_cir("info", index, "--json").json["revision"])
    right = [hit["path"] for hit in run_cir("search", other, "-t", "a red ball", "--json").json["hits"]]
    with serving(index) as server:
        server.wait_ready()
        assert len(server.search({"text": "a red ball"}).json["hits"]) == 12
        subprocess.run(["cp", "-r", f"{other}/.", index], check=True)
        deadline = time.monotonic() + 60
        while server.get("/v1/index").json["n_images"] != 5 and time.monotonic() < deadline:
            time.sleep(.2)
        hits = server.search({"text": "a red ball"}).json["hits"]
        assert [os.path.basename(hit["path"]) for hit in hits] == [os.path.basename(path) for path in right]


def test_an_index_on_a_drive_that_is_gone(index):
    """The mount point stays, empty: an update by the server makes nothing there."""
    with serving(index) as server:
        server.wait_ready()
        index.rename(index.with_name("elsewhere"))
        index.mkdir()
        assert server.request("POST", "/v1/index/update").status == 503
        assert server.get("/v1/images/7").status == 503
        time.sleep(.5)
        assert list(index.iterdir()) == []


def interrupt_a_commit(index):
    """What a writer that was killed leaves: a journal with the pages as they were, and a changed catalogue."""
    program = ("import os, sqlite3, sys\n"
               "db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA cache_size = 1'); db.execute('PRAGMA cache_spill = 1')\n"
               "db.execute('BEGIN'); db.execute(\"UPDATE image SET path = CAST(path || hex(randomblob(2000)) AS BLOB)\")\n"
               "os.kill(os.getpid(), 9)\n")
    subprocess.run(["/usr/bin/python3", "-c", program, index / "catalogue.sqlite"])
    assert (index / "catalogue.sqlite-journal").stat().st_size > 512


def test_a_killed_update_is_undone_by_who_reads_next(index):
    before = run_cir("search", index, "-t", "a red ball", "--json").json["hits"]
    with serving(index) as server:
        server.wait_ready()
        interrupt_a_commit(index)
        assert server.get("/v1/images/7").status == 200  # opened before
    assert not (index / "catalogue.sqlite-journal").exists()
    interrupt_a_commit(index)
    assert run_cir("search", index, "-t", "a red ball", "--json").json["hits"] == before
    assert run_cir("check", index).status == 0


def test_who_may_not_write_does_not_undo_it(index, tmp_path):
    interrupt_a_commit(index)
    journal = (index / "catalogue.sqlite-journal").read_bytes()
    for folder in (index.parent, tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    for path in index.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    index.chmod(0o555)
    become = (lambda: (os.setgid(65534), os.setuid(65534))) if os.geteuid() == 0 else None
    result = run_cir("search", index, "-t", "x", preexec_fn=become)
    index.chmod(0o755)
    assert result.status == 1 and "open it once where it can be written" in result.err, result.err
    assert (index / "catalogue.sqlite-journal").read_bytes() == journal


# -- links, pipes and the like -----------------------------------------------------------------------------------------

COMMANDS = [("search", "-t", "a red ball"), ("info",), ("check",), ("check", "--repair"), ("index",)]
NAMES = ["lock", "catalogue.sqlite-journal", "thumbnails.sqlite", "thumbnails.sqlite-wal", "features", "features/KEY", "features/KEY/vectors.npy",
         "features/KEY/codes.bin", "features/KEY/codes.sums", "features/KEY/texts.bin", "features/KEY/image-mean.json",
         "features/KEY/corpus-0.npy", "catalogue.sqlite"]
KINDS = ["link", "dangling", "hard", "pipe", "socket"]


def plant(index, name, kind, outside):
    """Puts something at a name that leads outside, or would hang; returns what must stay as it is."""
    key = vectors_of(index).parent.name
    at = index / name.replace("KEY", key)
    is_folder = at.is_dir()
    kept = outside / "kept"
    if is_folder:
        shutil.move(at, kept)
    elif at.exists():
        shutil.move(at, kept)
    else:
        kept.write_bytes(KEEPSAKE)
    if kind == "link":
        at.symlink_to(kept)
    elif kind == "dangling":
        at.symlink_to(outside / "made")
    elif kind == "hard":
        if is_folder:
            pytest.skip("folders have no hard links")
        os.link(kept, at)
    elif kind == "pipe":
        os.mkfifo(at)
    else:
        here = os.getcwd()
        os.chdir(at.parent)
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(at.name)
        os.chdir(here)
    return at, kept


def contents(path):
    if path.is_dir():
        return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    return path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_followed(index, tmp_path, name, kind):
    outside = tmp_path / "outside"
    outside.mkdir()
    if kind == "hard" and name in ("features", "features/KEY"):
        return  # there is no such thing
    at, kept = plant(index, name, kind, outside)
    before = contents(kept)
    for command, *more in COMMANDS:
        leads_out = at.is_symlink() or (at.exists() and not at.is_dir() and (not at.is_file() or at.stat().st_nlink > 1))
        arguments = [index.parent / "photos", "-o", index, "-q"] if command == "index" else [index, *more]
        if command == "index":
            draw_photo(99).save(index.parent / "photos/new.jpg")
        result = run_cir(command, *arguments, timeout=60)
        assert result.status in (0, 1), (command, result)
        assert contents(kept) == before, (command, more)
        assert sorted(p.name for p in outside.iterdir()) == ["kept"], (command, more)
        if (command, *more) == ("check",) and leads_out:  # a search replaces what it keeps
            assert result.status == 1 and at.name in result.out + result.err, (result.out, result.err)
    if name == "catalogue.sqlite" and kind != "hard":
        return  # without it there is no index
    assert run_cir("check", "--repair", index).status in (0, 1)
    assert run_cir("index", index.parent / "photos", "-o", index, "-q").status == 0
    assert run_cir("check", index).status == 0
    assert run_cir("info", index, "--json").json["n_ready"] == 13
    assert contents(kept) == before and sorted(p.name for p in outside.iterdir()) == ["kept"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["thumbnails.sqlite", "thumbnails.sqlite-wal", "thumbnails.sqlite-shm", "thumbnails.sqlite-journal"])
def test_thumbnails_are_not_led_astray(index, tmp_path, name, kind):
    outside = tmp_path / "outside"
    outside.mkdir()
    _, kept = plant(index, name, kind, outside)
    before = contents(kept)
    with serving(index) as server:
        server.wait_ready()
        assert server.get("/v1/images/3/thumbnail").status == 200
        assert server.request("POST", "/v1/index/update").status == 202
        time.sleep(.5)
    assert contents(kept) == before
    assert sorted(p.name for p in outside.iterdir()) == ["kept"]


def test_a_journal_that_names_another_file(index, tmp_path):
    """A super-journal's name in a journal makes plain SQLite delete that file once it is rolled back."""
    mine = tmp_path / "mine"
    interrupt_a_commit(index)
    journal = index / "catalogue.sqlite-journal"
    name = os.fsencode(mine)
    mine.write_bytes(KEEPSAKE)
    end = numpy.uint32(0x40000000 // 4096 + 1).byteswap().tobytes() + name + numpy.array(
        [len(name), sum(name)], ">u4").tobytes() + bytes.fromhex("d9d505f920a163d7")
    journal.write_bytes(journal.read_bytes() + end)
    for command in COMMANDS[:4]:
        run_cir(command[0], index, *command[1:])
    assert mine.read_bytes() == KEEPSAKE


def test_the_users_own_link_to_an_index_is_followed(index, tmp_path):
    (tmp_path / "link.cir").symlink_to(index)
    assert run_cir("search", tmp_path / "link.cir", "-t", "a red ball").status == 0
    assert run_cir("index", index.parent / "photos", "-o", tmp_path / "link.cir", "-q").status == 0
    assert run_cir("check", tmp_path / "link.cir").status == 0


# -- files that are cut short while they are mapped --------------------------------------------------------------------


def test_a_server_outlives_vectors_that_are_cut(tmp_path):
    index = index_photos(tmp_path, 24)
    vectors = vectors_of(index)
    whole = vectors.read_bytes()
    with serving(index) as server:
        server.wait_ready()
        assert server.search({"text": "a red ball"}).status == 200
        for size in (4096, 128, 0):
            os.truncate(vectors, size)
            answer = server.search({"text": f"a ball of {size}"})
            assert answer.status in (500, 503) and "became shorter" in answer.error["message"], answer.body
            assert server.get("/healthz").status == 200
            vectors.write_bytes(whole)  # in place, as cp does
            deadline = time.monotonic() + 60
            while (answer := server.search({"text": f"again {size}"})).status != 200 and time.monotonic() < deadline:
                time.sleep(.2)
            assert answer.status == 200 and answer.json["hits"]
        assert server.process.poll() is None
    assert run_cir("check", index).status == 0


def write_features(folder, n=20000, dim=256):
    random = numpy.random.default_rng(1)

    def rows(k):
        x = random.standard_normal((k, dim)).astype("<f4")
        return x / numpy.linalg.norm(x, axis=1, keepdims=True)
    (folder / "query.csv").write_text("".join(f"q{i},words {i},thing {i % 40}\n" for i in range(400)))
    (folder / "database.csv").write_text("".join(f"d{i},words {i % 400},thing {i % 40}\n" for i in range(n)))
    for name, k in (("query_image", 400), ("query_text", 400), ("database_image", n)):
        numpy.save(folder / f"{name}.npy", rows(k))


def run_stopped(arguments, cut, after):
    """Runs the program and cuts a file after some seconds of it; returns its status and errors."""
    process = subprocess.Popen([CIR, *map(os.fspath, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(after)
    cut()
    try:
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, errors.decode()


def test_a_check_whose_vectors_are_cut(tmp_path):
    index = tmp_path / "made.cir"
    assert run_cir("bench", "make-index", "--n", 150000, "--dim", 256, index, "-q").status == 0
    vectors = vectors_of(index)
    for step in range(6):
        os.truncate(vectors, 128 + 150000 * 512)
        status, errors = run_stopped(["check", str(index)], lambda: os.truncate(vectors, 5000000), .02 * 2 ** step)
        assert status == 1, (status, errors)  # what was cut reads as zeros: rows that contradict their checksums


def test_an_evaluation_whose_features_are_cut(tmp_path):
    write_features(tmp_path)
    database = tmp_path / "database_image.npy"
    whole = database.read_bytes()
    statuses = set()
    for step in range(12):
        database.write_bytes(whole)
        status, errors = run_stopped(["eval", "--features", str(tmp_path), "--method", "sum,product,image", "--threads", "1"],
                                     lambda: os.truncate(database, 1 << 20), .02 * 1.5 ** step)
        assert status in (0, 1), (status, errors)  # never by a signal
        assert status == 0 or "database_image.npy" in errors, errors
        statuses.add(status)
    assert 1 in statuses


def test_a_model_whose_weights_are_cut(tmp_path):
    model = tmp_path / "model"
    shutil.copytree(pathlib.Path(__file__).parent.parent / "demo" / "model", model)
    weights = model / "model.safetensors"
    assert weights.stat().st_size > 1 << 20  # or they are copied
    (tmp_path / "texts").write_text("words\n" * 2000)
    whole = weights.read_bytes()
    for step in range(6):
        weights.write_bytes(whole)
        status, errors = run_stopped(["encode", "--model", str(model), "--texts", str(tmp_path / "texts"), "-o", str(tmp_path / "o.npy")],
                                     lambda: os.truncate(weights, 100000), .005 * 2 ** step)
        assert status in (0, 1), (status, errors)


# -- file systems without locks ----------------------------------------------------------------------------------------

NO_LOCKS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
static int refuse(void) { errno = atoi(getenv("NO_LOCKS")); return -1; }
int flock(int fd, int operation) { (void)fd; (void)operation; return refuse(); }
static int call(const char *name, int fd, int command, void *argument)
{
    int (*next)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, name);
    switch (command) {
    case F_GETLK: case F_SETLK: case F_SETLKW: case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW: return refuse();
    default: return next(fd, command, argument);
    }
}
#define TAKE(name) int name(int fd, int command, ...) { va_list more; va_start(more, command); \
    void *argument = va_arg(more, void *); va_end(more); return call(#name, fd, command, argument); }
TAKE(fcntl)
TAKE(fcntl64)
"""


@pytest.fixture(scope="module")
def no_locks(tmp_path_factory):
    base = tmp_path_factory.mktemp("locks")
    (base / "locks.c").write_text(NO_LOCKS)
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, "-shared", "-fPIC", "-o", base / "locks.so", base / "locks.c", "-ldl"], check=True)
    return base / "locks.so"


@pytest.mark.parametrize("why", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("command", [("search", "-t", "x"), ("check",), ("check", "--repair"), ("info",), ("index",)])
def test_a_file_system_without_locks_is_told_at_once(index, no_locks, command, why):
    arguments = [index.parent / "photos", "-o", index] if command[0] == "index" else [index, *command[1:]]
    asan = {} if "ASAN_OPTIONS" not in os.environ else {"ASAN_OPTIONS": os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
    result = run_cir(command[0], *arguments, timeout=30,
                     env={**os.environ, **asan, "LD_PRELOAD": str(no_locks), "NO_LOCKS": str(why)})
    assert result.status == 1
    assert "another process" not in result.err
    assert os.strerror(why) in result.err and ("has no locks" in result.err or why in (errno.EIO, errno.EACCES)), result.err
