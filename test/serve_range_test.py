"""Files in parts, as RFC 9110 has it, and a server whose disk or catalogue keeps it waiting."""
import concurrent.futures
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import urllib.parse

import numpy
import pytest
from PIL import Image

from conftest import draw_photo, run_cir
from serving import read_all, serving


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("range")
    (base / "photos").mkdir()
    for i in range(4):
        draw_photo(i).save(base / f"photos/{i}.jpg")
    noise = numpy.random.default_rng(1).integers(0, 256, (900, 900, 3), numpy.uint8)
    Image.fromarray(noise).save(base / "photos/large.png")  # of many pieces
    assert run_cir("index", base / "photos", "-o", base / "photos.cir", "-q").status == 0
    return base


@pytest.fixture(scope="module")
def server(place):
    with serving(place / "photos.cir") as server:
        yield server.wait_ready()


@pytest.fixture(scope="module")
def large(server, place):
    for image in server.get("/v1/images").json["images"]:
        if image["path"].endswith("large.png"):
            return f"/v1/images/{image['id']}/file", (place / "photos/large.png").read_bytes()
    raise AssertionError


def test_a_file_of_many_pieces_is_whole(server, large):
    path, content = large
    assert len(content) > 1 << 20
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: server.get(path), range(24)):
            assert answer.status == 200 and answer.body == content
            assert answer.headers["Accept-Ranges"] == "bytes" and answer.headers["Content-Range"] is None


def test_a_client_that_ends_its_side_is_answered(server, large):
    """`nc -N` and the like: what a worker looks up, decodes, searches or reads goes to them as to others."""
    text = b'{"text": "whoever asks"}'
    search = b"POST /v1/search HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: %d" % len(text)
    sorts = {"get": "GET /v1/images/1 HTTP/1.1", "list": "GET /v1/images HTTP/1.1", "file": "GET /v1/images/1/file HTTP/1.1",
             "many pieces": f"GET {large[0]} HTTP/1.1", "thumbnail": "GET /v1/images/{i}/thumbnail?size={size} HTTP/1.1"}
    asked = [(name, line.format(i=i % 5, size=64 + i).encode(), b"") for name, line in sorts.items() for i in range(8)]
    for name, line, body in [*asked, *[("search", search, text)] * 8]:
        with server.socket() as connection:
            connection.sendall(line + b"\r\nHost: localhost\r\n\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            got = read_all(connection)
        head, _, content = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), (name, got[:300])
        assert len(content) == int(re.search(rb"(?i)content-length: (\d+)", head)[1]), name


def expected(text, n):
    """First and last byte by the grammar of RFC 9110; None: not satisfiable; "whole": not understood."""
    match = re.fullmatch(r"(?i)bytes=[ \t]*(\d*)-(\d*)[ \t]*", text)
    if not match or not (match[1] or match[2]) or (match[1] and match[2] and int(match[2]) < int(match[1])):
        return "whole"
    if not match[1]:
        return (max(0, n - int(match[2])), n - 1) if int(match[2]) > 0 else None
    return (int(match[1]), min(n - 1, int(match[2] or n - 1))) if int(match[1]) < n else None


@pytest.mark.parametrize("text", [
    "bytes=0-0", "bytes=0-99", "bytes=100-", "bytes=-1", "bytes=-70000", "bytes=65535-65537", "bytes=0-", "bytes=1000000-1999999", "bytes=-999999999",
    "bytes=0-99999999999999999999999", "BYTES=5-9", "bytes= 5-9 ", "bytes=SIZE-", "bytes=LAST-LAST", "bytes=LAST-SIZE", "bytes=SIZE-SIZE",
    "bytes=99999999999999999999999-", "bytes=-0", "bytes=5-4", "bytes=a-b", "bytes=", "bytes=-", "bytes=--1", "bytes=1-2-3", "bytes=0x1-2", "bytes=+1-2",
    "bytes=0-1,5-6", "bytes=0-1,", "items=0-1", "0-1", "bytes 0-1", "", "bytes=1 - 2", "bytes=-18446744073709551617",
])
def test_parts(server, large, text):
    path, content = large
    text = text.replace("SIZE", str(len(content))).replace("LAST", str(len(content) - 1))
    answer = server.get(path, Range=text)
    wanted = expected(text, len(content))
    if wanted == "whole":
        assert answer.status == 200 and answer.body == content and answer.headers["Content-Range"] is None
    elif wanted is None:
        assert answer.status == 416 and answer.headers["Content-Range"] == f"bytes */{len(content)}"
        assert answer.error["code"] == "NO_SUCH_RANGE"
    else:
        first, last = wanted
        assert answer.status == 206 and answer.body == content[first:last + 1]
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(content)}"
        assert int(answer.headers["Content-Length"]) == last - first + 1
        assert answer.headers["Content-Type"] == "image/png" and answer.headers["ETag"]


def test_parts_join(server, large):
    path, content = large
    step = 70001
    assert b"".join(server.get(path, Range=f"bytes={at}-{at + step - 1}").body for at in range(0, len(content), step)) == content


def test_conditions(server, large):
    path, content = large
    tag = server.get(path).headers["ETag"]
    for condition, status in ((tag, 206), ('"other"', 200), ("W/" + tag, 200), ("Mon, 30 Nov 2026 12:00:00 GMT", 200), ("", 200)):
        answer = server.get(path, Range="bytes=0-9", If_Range=condition)
        assert answer.status == status and answer.body == (content[:10] if status == 206 else content), condition
    assert server.get(path, Range="bytes=0-9", If_None_Match=tag).status == 304
    assert server.get(path, Range="bytes=0-9", If_None_Match='"other"').status == 206
    head = server.request("HEAD", path, headers={"Range": "bytes=0-9"})
    assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) == len(content)
    assert head.headers["Accept-Ranges"] == "bytes"


def test_a_file_that_shrinks_is_cut_and_not_made_up(place, tmp_path):
    (tmp_path / "photos").mkdir()
    shutil.copy(place / "photos/large.png", tmp_path / "photos/large.png")
    assert run_cir("index", tmp_path / "photos", "-o", tmp_path / "p.cir", "-q").status == 0
    with serving(tmp_path / "p.cir") as server:
        with server.socket() as connection:
            connection.sendall(b"GET /v1/images/0/file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            got = connection.recv(1000)
            length = int(re.search(rb"Content-Length: (\d+)", got)[1])
            os.truncate(tmp_path / "photos/large.png", 100000)
            while piece := connection.recv(1 << 16):
                got += piece
        body = got[got.index(b"\r\n\r\n") + 4:]
        original = (place / "photos/large.png").read_bytes()
        assert len(body) < length == len(original) and original.startswith(body)
        assert server.get("/healthz").status == 200


@pytest.mark.parametrize("name, plain", [
    ("a b.jpg", "a b.jpg"), ('q"uo\\te.jpg', "q_uo_te.jpg"), ("n\u00efce \u5bff\u53f8 100%.jpg", "n_ce __ 100_.jpg"), ("c\r\nX: y.jpg", "c__X: y.jpg"),
    ("x" * 240 + ".jpg", "x" * 240 + ".jpg"),
])
def test_downloads_bear_their_name_for_old_and_new(tmp_path, name, plain):
    (tmp_path / "photos").mkdir()
    draw_photo(1).save(tmp_path / "photos/plain.jpg")
    os.rename(tmp_path / "photos/plain.jpg", tmp_path / "photos" / name)
    assert run_cir("index", tmp_path / "photos", "-o", tmp_path / "p.cir", "-q").status == 0
    with serving(tmp_path / "p.cir") as server:
        header = server.get("/v1/images/0/file?download=1").headers["Content-Disposition"]
        match = re.fullmatch(r"attachment; filename=\"([^\"]*)\"; filename\*=UTF-8''(\S*)", header)
        assert match[1] == plain and urllib.parse.unquote(match[2]) == name
        assert server.get("/v1/images/0/file").headers["Content-Disposition"] is None


# -- disks that keep one waiting -----------------------------------------------------------------------------------


def test_a_locked_catalogue_holds_up_only_who_asks_it(place, tmp_path):
    """Another process holds the catalogue: what needs it waits, all else is answered, and afterwards all is."""
    shutil.copytree(place, tmp_path / "copy")
    index = tmp_path / "copy/photos.cir"
    with serving(index) as server:
        server.wait_ready()
        small = server.get("/v1/images/0/thumbnail?size=64")
        assert small.status == 200
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            with sqlite3.connect(index / "catalogue.sqlite", isolation_level=None) as db:
                db.execute("BEGIN EXCLUSIVE")
                paths = ["/v1/images/1", "/v1/images", "/v1/images/2/file", "/v1/images/3/thumbnail?size=64"]
                waiting = [pool.submit(server.get, path) for path in paths * 8]
                for _ in range(20):
                    for path in ("/healthz", "/readyz", "/v1/index", "/metrics", "/", "/web/app.js"):
                        assert server.request("GET", path, timeout=5).status == 200
                    assert server.request("GET", "/v1/images/0/thumbnail?size=64", timeout=5).body == small.body
                assert not any(one.done() for one in waiting)
                db.execute("ROLLBACK")
            db.close()
            assert {one.result().status for one in waiting} == {200}


SLOW_READS = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
/* A disk that takes seconds for every piece of a photo. */
static void wait_for_disk(int fd)
{
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, ".jpg") != NULL)
        usleep(2000000);
}
ssize_t pread64(int fd, void *bytes, size_t n, off_t at)
{
    ssize_t (*real)(int, void *, size_t, off_t) = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread64");
    wait_for_disk(fd);
    return real(fd, bytes, n, at);
}
ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    return pread64(fd, bytes, n, at);
}
"""


@pytest.mark.skipif("asan" in os.environ.get("CIR_PROGRAM", ""), reason="the sanitizer wants to be loaded first")
def test_a_slow_disk_holds_up_only_who_asks_it(place, tmp_path):
    (tmp_path / "slow.c").write_text(SLOW_READS)
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", tmp_path / "slow.so", tmp_path / "slow.c"], check=True)
    with serving(place / "photos.cir", environment={"LD_PRELOAD": str(tmp_path / "slow.so")}) as server:
        server.wait_ready()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            waiting = [pool.submit(server.get, f"/v1/images/{i % 4}/file") for i in range(16)]
            n_asked = 0
            while not any(one.done() for one in waiting) and n_asked < 100000:
                assert server.request("GET", "/healthz", timeout=10).status == 200
                assert server.request("GET", "/v1/index", timeout=10).status == 200
                n_asked += 1
            assert n_asked > 20, "answered while the disk was waited for"
            assert {one.result().status for one in waiting} == {200}
