"""Requests that two servers in a row could read differently, and what is too large, too slow or unknown: by raw bytes."""
import json
import re
import socket
import time

import pytest

from conftest import draw_photo, run_cir
from serving import read_all, serving

HOST = b"Host: localhost\r\n"
QUERY = b'{"text": "a"}'
NEXT = b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"  # what follows on the same connection
LENGTH = b"Content-Length: %d\r\n" % len(QUERY)
CHUNKS = b"%x\r\n" % len(QUERY) + QUERY + b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("smuggling")
    (base / "photos").mkdir()
    for i in range(4):
        draw_photo(i).save(base / f"photos/{i}.jpg")
    assert run_cir("index", base / "photos", "-o", base / "photos.cir", "-q").status == 0
    return base


@pytest.fixture(scope="module")
def server(place):
    with serving(place / "photos.cir") as server:
        yield server.wait_ready()


@pytest.fixture(scope="module")
def described(server):
    return server.get("/v1/openapi.json").json


def answers(got):
    """Status, head and body of each answer on a connection."""
    found = []
    while match := re.match(rb"HTTP/1\.[01] (\d{3}) [^\r]*\r\n(.*?\r\n)\r\n", got, re.S):
        length = re.search(rb"(?i)^content-length: (\d+)\r$", match[2], re.M)
        end = match.end() + (int(length[1]) if length else 0)
        found.append((int(match[1]), match[2], got[match.end():end]))
        got = got[end:]
    return found


def post(fields, body, version=b"1.1"):
    return b"POST /v1/search HTTP/" + version + b"\r\n" + HOST + b"Content-Type: application/json\r\n" + fields + b"\r\n" + body


def get(fields=b"", line=b"GET /healthz HTTP/1.1\r\n"):
    return line + HOST + fields + b"\r\n"


OURS = {  # refused by us: in our form
    "two lengths": post(LENGTH + LENGTH, QUERY),
    "two lengths that differ": post(LENGTH + b"Content-Length: 5\r\n", QUERY),
    "two lengths, one in capitals": post(LENGTH + b"CONTENT-LENGTH: 0\r\n", QUERY),
    "a length and chunks": post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", CHUNKS),
    "chunks and a length": post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", CHUNKS),
    "chunks, then as it is": post(b"Transfer-Encoding: chunked, identity\r\n", CHUNKS),
    "as it is": post(b"Transfer-Encoding: identity\r\n", QUERY),
    "two codings": post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNKS),
    "two codings that differ": post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", CHUNKS),
    "two codings that differ, the other first": post(b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", CHUNKS),
    "nearly chunked": post(b"Transfer-Encoding: xchunked\r\n", CHUNKS),
    "chunked after a vertical tab": post(b"Transfer-Encoding:\x0bchunked\r\n", CHUNKS),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"\r\n', CHUNKS),
    "chunked and a blank": post(b"Transfer-Encoding: chunked \r\n", CHUNKS),
    "chunks of HTTP/1.0": post(b"Transfer-Encoding: chunked\r\n", CHUNKS, b"1.0"),
    "a blank before the colon of a coding": post(b"Transfer-Encoding : chunked\r\n" + LENGTH, QUERY),
    "a blank before the colon of a length": post(b"Content-Length : 13\r\n", QUERY),
    "a tab before the colon": post(b"Content-Length\t: 13\r\n", QUERY),
    "a blank in a name": post(b"Foo Bar: x\r\n" + LENGTH, QUERY),
    "not a name": post(b": x\r\n" + LENGTH, QUERY),
    "a length that is too large": post(b"Content-Length: 9223372036854775807\r\n", QUERY),
    "a folded length": post(b"Content-Length:\r\n 13\r\n", QUERY),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n", CHUNKS),
    "a folded field": post(b"X: a\r\n b\r\n" + LENGTH, QUERY),
    "a field folded with a tab": post(b"X: a\r\n\tb\r\n" + LENGTH, QUERY),
    "a length that is folded into another field": post(b"X: a\r\n Content-Length: 5\r\n" + LENGTH, QUERY),
    "a fold after the first line": b"POST /v1/search HTTP/1.1\r\n X: a\r\n" + HOST + LENGTH + b"\r\n" + QUERY,
    "a fold at the end": post(LENGTH + b"X: a\r\n b\r\n", QUERY),
    "lines that end with LF": post(LENGTH, QUERY).replace(b"\r\n", b"\n"),
    "one line that ends with LF": post(b"X: a\nContent-Length: 13\r\n", QUERY),
    "the first line ends with LF": get(line=b"GET /healthz HTTP/1.1\n"),
    "the last line ends with LF": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n",
    "a CR alone": post(b"X: a\rContent-Length: 5\r\n" + LENGTH, QUERY),
    "a zero in a value": post(b"X: a\0b\r\n" + LENGTH, QUERY),
    "a zero after a length": post(b"Content-Length: 13\0\r\n", QUERY),
    "a zero in the last value": post(LENGTH + b"X: a\0\r\n", QUERY),
    "a zero in the target": get(line=b"GET /healthz\0x HTTP/1.1\r\n"),
    "two hosts": get(HOST),
    "two hosts that differ": get(b"Host: evil.example\r\n"),
    "two blanks in the first line": get(line=b"GET  /healthz HTTP/1.1\r\n"),
}
THEIRS = {  # refused by the HTTP library, in words of its own
    "a list of lengths": post(b"Content-Length: 13, 13\r\n", QUERY),
    "a negative length": post(b"Content-Length: -1\r\n", QUERY),
    "a length with a plus": post(b"Content-Length: +13\r\n", QUERY),
    "a length in hexadecimal": post(b"Content-Length: 0xd\r\n", QUERY),
    "an overflowing length": post(b"Content-Length: 18446744073709551629\r\n", QUERY),
    "a length and more": post(b"Content-Length: 13 x\r\n", QUERY),
    "an empty length": post(b"Content-Length: \r\n", QUERY),
    "a line without a colon": post(b"Foo\r\n" + LENGTH, QUERY),
    "a version of the future": get(line=b"GET /healthz HTTP/9.9\r\n"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "half a version": get(line=b"GET /healthz HTTP/1.\r\n"),
    "a version in small letters": get(line=b"GET /healthz http/1.1\r\n"),
    "a chunk's size with 0x": post(b"Transfer-Encoding: chunked\r\n", b"0x" + CHUNKS),
    "a chunk's size that is negative": post(b"Transfer-Encoding: chunked\r\n", b"-" + CHUNKS),
    "a chunk's size that overflows": post(b"Transfer-Encoding: chunked\r\n", b"1000000000000000" + CHUNKS),
    "a chunk without its end": post(b"Transfer-Encoding: chunked\r\n", CHUNKS.replace(b"}\r\n", b"}XX")),
}


@pytest.mark.parametrize("name", OURS)
def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_ends(server, described, name):
    found = answers(server.raw(OURS[name] + NEXT, timeout=5))
    assert [status for status, _, _ in found] == [400], found
    assert b"connection: close" in found[0][1].lower()
    error = json.loads(found[0][2])["error"]
    assert error["code"] == "BAD_REQUEST" and error["message"]


@pytest.mark.parametrize("name", THEIRS)
def test_what_is_no_http_is_refused_and_the_connection_ends(server, name):
    got = server.raw(THEIRS[name] + NEXT, timeout=5)
    assert re.match(rb"HTTP/1\.[01] (400|413|505) ", got), got
    assert b"connection: close" in got.lower() and b'"ok"' not in got


@pytest.mark.parametrize("fields, body", [
    (LENGTH, QUERY), (b"content-length:13\r\n", QUERY), (b"Content-Length: \t 13\r\n", QUERY), (b"Content-Length: 0013\r\n", QUERY),
    (b"Transfer-Encoding: chunked\r\n", CHUNKS), (b"transfer-encoding:ChunKed\r\n", CHUNKS), (b"Transfer-Encoding:\tchunked\r\n", CHUNKS),
    (b"X: \xc3\xa9 tab\there  \r\nY:\r\n" + LENGTH, QUERY), (b"Cookie: a=b; c=\"d\"\r\nAccept: */*\r\n" + LENGTH, QUERY),
])
def test_what_is_framed_well_is_answered(server, fields, body):
    found = answers(server.raw(post(fields, body) + NEXT, timeout=10))
    # After chunks nothing is taken for a request: where they end is read in different ways.
    assert [status for status, _, _ in found] == ([200] if b"transfer-" in fields.lower() else [200, 200]), found


def test_nothing_behind_chunks_is_taken_for_a_request(server):
    for chunks in (CHUNKS, CHUNKS.replace(b"\r\n", b"\n"), b"d;a=b\n" + CHUNKS[3:], CHUNKS[:-2] + b"Content-Length: 3\r\n\r\n"):
        found = answers(server.raw(post(b"Transfer-Encoding: chunked\r\n", chunks) + NEXT, timeout=10))
        assert len(found) == 1 and b"connection: close" in found[0][1].lower(), (chunks, found)


def test_other_codings_are_not_implemented(server):
    for coding in (b"gzip, chunked", b"identity, chunked", b"deflate,chunked"):
        found = answers(server.raw(post(b"Transfer-Encoding: " + coding + b"\r\n", CHUNKS) + NEXT, timeout=5))
        assert [status for status, _, _ in found] == [501]
        assert json.loads(found[0][2])["error"]["code"] == "NOT_IMPLEMENTED"


def paths(described):
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path.replace("{id}", "1").replace("{name}", "app.js"), operation


def check_error(described, operation, status, body):
    jsonschema = pytest.importorskip("jsonschema")
    reference = operation["responses"][str(status)]["$ref"].rsplit("/", 1)[1]
    schema = described["components"]["responses"][reference]["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": described["components"]}).validate(json.loads(body))


@pytest.mark.parametrize("size", [9000, 40000, 100000])
def test_too_long_targets_and_heads_are_told(server, described, size):
    for method, path, operation in paths(described):
        line = f"{method} {path}?{'a' * size} HTTP/1.1\r\n".encode()
        status, _, body = answers(server.raw(get(line=line)))[0]
        assert (status, json.loads(body)["error"]["code"]) == (414, "TOO_LARGE"), path
        check_error(described, operation, status, body)
        if size > 32768:
            line = f"{method} {path} HTTP/1.1\r\n".encode()
            status, _, body = answers(server.raw(get(b"X: " + b"a" * size + b"\r\n", line)))[0]
            assert (status, json.loads(body)["error"]["code"]) == (431, "TOO_LARGE"), path
            check_error(described, operation, status, body)


def test_other_methods_are_told_which_there_are(server, described):
    for path, operations in described["paths"].items():
        for method in ("DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "MADE-UP", "get"):
            concrete = path.replace("{id}", "1").replace("{name}", "app.js")
            status, head, body = answers(server.raw(get(b"Connection: close\r\n", f"{method} {concrete} HTTP/1.1\r\n".encode())))[0]
            assert (status, json.loads(body)["error"]["code"]) == (405, "METHOD_NOT_ALLOWED"), (method, path)
            allowed = re.search(rb"(?i)\r\nallow: ([^\r]*)\r", b"\r\n" + head)[1].decode().split(", ")
            assert {name.lower() for name in allowed} - {"head"} == set(operations), path
            check_error(described, next(iter(operations.values())), status, body)


def test_a_bad_request_and_a_coding_are_described_on_every_path(server, described):
    for method, path, operation in paths(described):
        line = f"{method} {path} HTTP/1.1\r\n".encode()
        for fields, status in ((HOST, 400), (b"Transfer-Encoding: gzip, chunked\r\n", 501)):
            found = answers(server.raw(get(fields, line), timeout=5))[0]
            assert found[0] == status
            check_error(described, operation, status, found[2])


def test_late_requests_are_told(server, described):
    """A head and a body that do not come, in the time that each has."""
    head, body, idle = server.socket(90), server.socket(90), server.socket(90)
    head.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
    body.sendall(post(LENGTH, QUERY[:5]))
    operation = described["paths"]["/v1/search"]["post"]
    for connection in (head, body):
        status, fields, content = answers(read_all(connection))[0]
        assert (status, json.loads(content)["error"]["code"]) == (408, "TIMED_OUT")
        assert b"connection: close" in fields.lower()
        check_error(described, operation, status, content)
        connection.close()
    assert read_all(idle) == b"", "of which nothing came is not told anything"
    idle.close()


def test_one_client_cannot_hold_all_connections(place):
    """More connections than there are places, from one address: whoever comes is served, and so is /healthz."""
    with serving(place / "photos.cir") as server:
        server.wait_ready()
        crowd = []
        for i in range(1300):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: local" if i % 2 else post(LENGTH, b""))
            crowd.append(connection)
            if i % 100 == 99:
                assert server.get("/healthz").status == 200
                assert server.search({"text": "while a crowd waits"}).status == 200
        assert server.metric("cir_connections") <= 1024
        for connection in crowd:
            connection.close()
        for _ in range(100):
            if server.metric("cir_connections") < 10:
                break
            time.sleep(0.1)
        assert server.metric("cir_connections") < 10
