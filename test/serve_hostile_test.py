"""The server as enemies meet it: other sites, slow clients, malformed requests, paths that lead out, bombs."""
import concurrent.futures
import io
import itertools
import json
import os
import random
import re
import socket
import struct
import time
import zlib

import pytest

from conftest import SOURCE, draw_photo, run_cir
from serving import multipart, read_all, serving, write_token

SECRET = b"root:x:0:0: a secret outside of the index"
SEED = int(os.environ.get("CIR_SEED", "20261126"))
N_MALFORMED = int(os.environ.get("CIR_N_MALFORMED", "10000"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("hostile")
    (base / "photos").mkdir()
    for i in range(6):
        draw_photo(i).save(base / f"photos/{i}.jpg")
    (base / "secret.txt").write_bytes(SECRET)
    assert run_cir("index", base / "photos", "-o", base / "photos.cir", "-q").status == 0
    return base


@pytest.fixture(scope="module")
def server(place):
    with serving(place / "photos.cir", cwd=place) as server:
        yield server.wait_ready()


def statuses(answer):
    return [int(s) for s in re.findall(rb"(?:^|\r\n\r\n|\})HTTP/1\.[01] (\d{3}) ", answer)]


# -- who asks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host, status", [
    ("127.0.0.1", 200), ("127.0.0.1:8080", 200), ("localhost", 200), ("LOCALHOST:1", 200), ("[::1]", 200), ("[::1]:99", 200),
    ("127.1.2.3", 200), ("photos.example", 200), ("evil.example", 403), ("evil.example:8080", 403), ("localhost.evil.example", 403),
    ("127.0.0.1.evil.example", 403), ("192.168.1.7", 403), ("0.0.0.0", 403), ("[fe80::1]", 403), ("", 400), ("localhost:x", 400),
    ("[::1", 400), ("localhost:123456", 400), ("localhost:", 400), ("a" * 300, 400), ("127.0.0.1@evil.example", 403), ("0x7f.1", 403),
])
def test_hosts(place, host, status, guarded=[]):
    if not guarded:
        guarded.append(serving(place / "photos.cir", "--host", "photos.example"))
        guarded.append(guarded[0].__enter__())
    got = guarded[1].raw(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert statuses(got) == [status], got
    if host == "0x7f.1":
        guarded[0].__exit__(None, None, None)


@pytest.mark.parametrize("hosts", [[], ["localhost", "evil.example"], ["evil.example", "localhost"], ["localhost", "localhost"]])
def test_no_host_and_two_hosts(server, hosts):
    for version in ("1.0", "1.1"):
        head = "".join(f"Host: {host}\r\n" for host in hosts)
        got = server.raw(f"GET /healthz HTTP/{version}\r\n{head}Connection: close\r\n\r\n".encode())
        assert statuses(got) == [400], got


@pytest.mark.parametrize("headers, status", [
    ({}, 200), ({"Origin": "http://localhost"}, 200), ({"Origin": "https://localhost"}, 200), ({"Origin": "http://LOCALHOST"}, 200),
    ({"Origin": "http://localhost:3000"}, 403), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"Origin": "http://localhost.evil.example"}, 403), ({"Origin": "ftp://localhost"}, 403), ({"Origin": ""}, 403),
    ({"Sec-Fetch-Site": "same-origin"}, 200), ({"Sec-Fetch-Site": "none"}, 200), ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
])
def test_other_sites(server, headers, status):
    for method, path in (("POST", "/v1/search"), ("GET", "/v1/images/0/thumbnail"), ("GET", "/v1/index")):
        answer = server.request(method, path, '{"text": "a"}' if method == "POST" else None,
                                {"Host": "localhost", "Content-Type": "application/json", **headers})
        assert answer.status == status, (path, answer.body)
    # A link on another site may lead to the page, and to nothing else.
    if headers.get("Sec-Fetch-Mode") == "navigate":
        assert server.request("GET", "/", headers={"Host": "localhost", **headers}).status == 200
        assert server.request("POST", "/v1/index/update", headers={"Host": "localhost", **headers}).status == 403


def test_a_form_of_another_site_is_refused_whatever_it_sends(server):
    body, kind = multipart({"image": b"x"})
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}):
        for path, content, type_ in (("/v1/search", body, kind), ("/v1/index/update", b"", "text/plain"), ("/v1/session", b"", "text/plain")):
            assert server.request("POST", path, content, {"Content-Type": type_, **headers}).status == 403


def test_headers_that_keep_the_page_safe(server):
    for path in ("/", "/web/app.js", "/v1/index", "/v1/images/0/thumbnail", "/v1/images/0/file", "/nothing"):
        headers = server.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Access-Control-Allow-Origin"] is None
        assert headers["Server"] is None
    page = server.get("/").body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+\s*=|javascript:|<style|\sstyle\s*=|https?://(?!www\.w3\.org/)", page)


def test_tokens(place, tmp_path):
    token = "0123456789abcdefghijklmnopqrstuv"
    with serving(place / "photos.cir", "--token-file", write_token(tmp_path / "token", token + "\n")) as server:
        def ask(**headers):
            return server.get("/v1/index", **headers).status
        assert ask() == 401
        assert ask(Authorization=f"Bearer {token}") == 200
        assert ask(Authorization=f"bearer {token}") == 200
        for wrong in ("", "Bearer", "Bearer ", f"Bearer {token[:-1]}", f"Bearer {token}x", f"Bearer {token[::-1]}", f"Basic {token}", token,
                      "Bearer " + "a" * 5000):
            assert ask(Authorization=wrong) == 401, wrong
        assert ask(Cookie=f"cir_session={token}") == 401, "the cookie is not the token"
        for path in ("/", "/web/app.js", "/healthz", "/readyz", "/v1/openapi.json"):
            assert server.get(path).status in (200, 503)
        assert server.request("POST", "/v1/session").status == 401
        session = server.request("POST", "/v1/session", headers={"Authorization": f"Bearer {token}"})
        cookie = session.headers["Set-Cookie"]
        assert session.status == 204 and "HttpOnly" in cookie and "SameSite=Strict" in cookie and token not in cookie
        value = cookie.split(";")[0]
        assert ask(Cookie=value) == 200
        assert ask(Cookie=f"other=1; cir_session=wrong; {value}; x=2") == 200
        assert ask(Cookie=value[:-1]) == 401 and ask(Cookie=value + "0") == 401 and ask(Cookie="x" + value) == 401


def test_other_addresses_need_a_token_that_is_made(place):
    with serving(place / "photos.cir", "--address", "0.0.0.0") as server:
        assert re.fullmatch(r"[0-9a-f]{64}", server.token)
        assert server.get("/v1/index").status == 401
        assert server.get("/v1/index", Authorization=f"Bearer {server.token}").status == 200
        assert server.get("/v1/index", Authorization=f"Bearer {server.token}", Host="192.168.1.7:80").status == 200
        assert server.get("/v1/index", Authorization=f"Bearer {server.token}", Host="evil.example").status == 403


# -- paths ---------------------------------------------------------------------------------------------------------


def test_no_path_leads_out(server):
    ups = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..\\", "%252e%252e%252f", "..%c0%af", "%c0%ae%c0%ae/", "....//", "..;/", "..%00/"]
    starts = ["/", "/web/", "/v1/images/", "/v1/images/0/", "/v1/images/0/file/", "/v1/images/0/thumbnail/", "//", "/web//", "/web/./"]
    ends = ["secret.txt", "photos/0.jpg", "etc/passwd", "photos.cir/catalogue.sqlite", "%73ecret.txt"]
    for start, up, n, end in itertools.product(starts, ups, (1, 3, 8), ends):
        got = server.raw(f"GET {start}{up * n}{end} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert statuses(got) in ([404], [400]), (start, up, n, end, got[:200])
        assert SECRET not in got and b"root:" not in got
    for target in ("/v1/images/-1", "/v1/images/0x1", "/v1/images/1e0", "/v1/images/ 1", "/v1/images/+1", "/v1/images/%31", "/v1/images/1%00",
                   "/v1/images/99999999999999999999", "/v1/images/1/", "/v1/images/1/file/", "/v1//images/1", "/V1/images/1", "/web/", "/web",
                   "/web/index.html/", "http://localhost/../secret.txt", "*", "/" + "a" * 20000):
        got = server.raw(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert statuses(got) in ([404], [400], [414], [431], []), (target[:60], got[:200])


def test_a_photo_that_became_a_link_leads_nowhere(place, tmp_path):
    (tmp_path / "photos").mkdir()
    for i in range(3):
        draw_photo(i).save(tmp_path / f"photos/{i}.jpg")
    assert run_cir("index", tmp_path / "photos", "-o", tmp_path / "p.cir", "-q").status == 0
    with serving(tmp_path / "p.cir") as server:
        for i, target in enumerate((place / "secret.txt", "/dev/zero", None)):
            (tmp_path / f"photos/{i}.jpg").unlink()
            if target is None:
                os.mkfifo(tmp_path / f"photos/{i}.jpg")
            else:
                (tmp_path / f"photos/{i}.jpg").symlink_to(target)
        for i in range(3):
            for kind in ("file", "thumbnail"):
                answer = server.get(f"/v1/images/{i}/{kind}")
                assert answer.status == 404 and SECRET not in answer.body, (i, kind)


# -- what is too much ----------------------------------------------------------------------------------------------


def test_bodies_are_bounded(place):
    with serving(place / "photos.cir", "--max-upload", "1") as server:
        head = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\n"
        # Refused before it is sent, where the client asks first.
        got = server.raw((head.format("text/plain") + "Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n").encode())
        assert statuses(got) == [415]
        body, kind = multipart({"image": bytes(3 << 20)})
        got = server.raw((head.format(kind) + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode() + body)
        assert statuses(got) == [413]
        # Without end: cut.
        with server.socket() as connection:
            connection.sendall((head.format(kind) + "Transfer-Encoding: chunked\r\n\r\n").encode())
            with pytest.raises(OSError):
                for _ in range(200):
                    connection.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        assert server.metric("process_resident_memory_bytes") < 600e6 * (3 if "asan" in os.environ.get("CIR_PROGRAM", "") else 1)


def test_heads_are_bounded(server):
    for junk in ("X: " + "a" * 40000, "\r\n".join(f"X-{i}: {i}" for i in range(4000))):
        got = server.raw(f"GET /healthz HTTP/1.1\r\nHost: localhost\r\n{junk}\r\nConnection: close\r\n\r\n".encode())
        assert statuses(got) in ([431], []), got[:100]


def png(width, height, depth, colour, data):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def bad_pictures():
    good = {}
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF"):
        out = io.BytesIO()
        draw_photo(3).save(out, kind)
        good[kind] = out.getvalue()
    yield "a bomb of pixels", png(200000, 200000, 8, 6, bytes(1000))
    yield "a bomb of bytes", png(60000, 2000, 8, 2, bytes(60000 * 3 * 2000 // 4))
    yield "huge.png", (SOURCE / "test/data/image/huge.png").read_bytes()
    yield "an external entity", b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>'
    yield "ImageMagick's", b"push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 'ephemeral:/etc/passwd'\npop graphic-context"
    yield "a PDF", b"%PDF-1.7\n1 0 obj<<>>endobj"
    yield "PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file"
    yield "MATLAB", b"MATLAB 5.0 MAT-file" + bytes(200)
    yield "FITS", b"SIMPLE  =                    T" + b" " * 2850
    yield "nothing", b"\0" * 1000
    random_ = random.Random(SEED)
    for kind, content in good.items():
        yield f"half a {kind}", content[:len(content) // 2]
        for i in range(12):
            mangled = bytearray(content)
            for _ in range(random_.randrange(1, 20)):
                mangled[random_.randrange(len(mangled))] = random_.randrange(256)
            yield f"mangled {kind} {i}", bytes(mangled)


def test_bombs_and_bad_pictures(server):
    before = server.metric("process_resident_memory_bytes")
    for name, content in bad_pictures():
        answer = server.search({"text": "a"}, image=content)
        assert answer.status in ((200, 422, 413) if "mangled" in name else (422, 413)), (name, answer.body)
        assert b"root:" not in answer.body
    assert server.metric("process_resident_memory_bytes") < before + 500e6
    assert server.search({"text": "a"}).status == 200


# -- slowness ------------------------------------------------------------------------------------------------------


def test_a_slow_crowd_does_not_keep_others_waiting(place):
    """500 clients that send a byte now and then; one that behaves is served all the while, and the slow ones are cut."""
    with serving(place / "photos.cir") as server:
        server.wait_ready()
        crowd = []
        for i in range(500):
            connection = server.socket()
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" if i % 3 else b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX: ")
            connection.setblocking(False)
            crowd.append(connection)
        started, n_meanwhile, n_cut = time.monotonic(), 0, 0
        while time.monotonic() - started < 24:
            assert server.search({"text": "asked again and again"}).status == 200
            assert server.get("/healthz").status == 200
            n_meanwhile += len(crowd) == 500
            for connection in crowd[:]:
                try:
                    connection.send(b"a")
                    if connection.recv(1000) == b"":
                        raise ConnectionError
                except BlockingIOError:
                    pass
                except OSError:
                    connection.close()
                    crowd.remove(connection)
                    n_cut += 1
            time.sleep(1)
        assert n_meanwhile >= 3, "whoever waits for the slow ones is served once at most before they are cut"
        assert n_cut == 500, n_cut
        assert server.metric("cir_connections_cut_total") >= 500
        assert server.metric("cir_connections") < 10


def test_those_that_do_not_read_are_no_burden(server):
    readers = []
    for _ in range(100):
        connection = server.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        readers.append(connection)
    assert server.search({"text": "meanwhile"}).status == 200
    assert server.metric("cir_connections") > 100, "answered before any of them was cut"
    for connection in readers:
        connection.close()


# -- malformed -----------------------------------------------------------------------------------------------------


def malformed(random_):
    """Requests that were right once."""
    body, kind = multipart({"image": b"\xff\xd8\xff" + random_.randbytes(30), "query": b'{"text": "a", "k": 3}'})
    query = json.dumps({"image": {"id": 1}, "text": "night", "k": 3, "settings": {"lambda": 0.1}, "filters": {"after": "2020-01-01"}}).encode()
    starts = [
        b"GET /v1/images?offset=0&limit=5&folder=a%20b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/images/1/thumbnail?size=100 HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"x\"\r\n\r\n",
        b"GET /v1/images/1/file HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-10\r\nCookie: cir_session=abc\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(query) + query,
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind.encode(), len(body)) + body,
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"te\r\n9\r\nxt\":\"ab\"}\r\n0\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n",
    ]
    pieces = [b"\r\n", b"\0", b"%", b"%00", b"{", b"[", b"\"", b"\xff", b" ", b":", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n",
              b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n", b"--", b"&&&===", b"\\u0000", b"1e999", b"-0", b"HTTP/9.9"]
    request = bytearray(random_.choice(starts))
    for _ in range(random_.randrange(1, 6)):
        at = random_.randrange(len(request) + 1)
        what = random_.randrange(5)
        if what == 0:
            request[at:at] = random_.choice(pieces)
        elif what == 1 and request:
            request[at % len(request)] = random_.randrange(256)
        elif what == 2:
            del request[at:at + random_.randrange(1, 12)]
        elif what == 3:
            request[at:at] = random_.randbytes(random_.randrange(1, 20))
        else:
            other = random_.choice(starts)
            request[at:at] = other[random_.randrange(len(other)):][:40]
    return bytes(request)


def send_malformed(server, seed):
    random_ = random.Random(seed)
    request = malformed(random_)
    with server.socket() as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        got = read_all(connection)
    return seed, request, got


def test_malformed_requests(server):
    print(f"seed {SEED}")
    counts = {}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for seed, request, got in pool.map(lambda i: send_malformed(server, SEED + i), range(N_MALFORMED)):
            for status in statuses(got) or [0]:
                counts[status] = counts.get(status, 0) + 1
                assert status not in (500, 502), (seed, request, got)
    assert server.is_alive()
    n_understood = sum(counts.get(status, 0) for status in (200, 206, 422))  # 422: the picture of one is none
    assert counts.get(400, 0) > N_MALFORMED / 20 and n_understood > N_MALFORMED / 50, counts
    assert server.search({"text": "afterwards"}).status == 200
    for _ in range(100):
        if server.metric("cir_connections") < 5:
            break
        time.sleep(0.1)
    assert server.metric("cir_connections") < 5, "every connection was let go"


def test_memory_stays_over_many_searches(server):
    """Distinct ones, so that the caches fill and turn over."""
    n = int(os.environ.get("CIR_N_SEARCHES", "600"))

    def ask(first):
        connection = server.connect()
        for i in range(first, first + n // 4):
            answer = server.request("POST", "/v1/search", json.dumps({"image": {"id": i % 6}, "text": f"word {i % 50}", "k": 5, "offset": i % 7,
                                                                      "settings": {"contextualise": 0}}), {"Content-Type": "application/json"}, connection)
            assert answer.status == 200
        connection.close()
        server.seen.clear()
    ask(0)
    before = server.metric("process_resident_memory_bytes")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(n, 5 * n, n)))
    assert server.metric("process_resident_memory_bytes") < before + 40e6
