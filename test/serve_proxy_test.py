"""The server behind a proxy that puts it under a path, which it takes away or leaves; a small one stands here."""
import contextlib
import http.client
import http.server
import json
import re
import socket
import threading
import urllib.parse

import pytest

from conftest import draw_photo, run_cir
from serving import Server, multipart, serving, write_token

TOKEN = "a-token-0123456789"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("proxy")
    (base / "photos").mkdir()
    for i in range(4):
        draw_photo(i).save(base / f"photos/{i}.jpg")
    assert run_cir("index", base / "photos", "-o", base / "photos.cir", "-q").status == 0
    return base


@contextlib.contextmanager
def proxy(server, prefix, strips, host=None):
    """Passes what is below prefix on to the server; gives its port. host: put into Host, else the client's is left."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            if self.path != prefix and not self.path.startswith((prefix + "/", prefix + "?")):
                self.send_error(404, "not below the prefix")
                return
            path = self.path[len(prefix):] if strips else self.path
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            headers["Host"] = host or headers["Host"]
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection(server.address, server.port, timeout=30)
            connection.request(self.command, path or "/", body or None, headers)
            answer = connection.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            with contextlib.suppress(OSError, http.client.HTTPException):
                while piece := answer.read1(65536):
                    self.wfile.write(piece)
            connection.close()
        do_GET = do_POST = do_HEAD = do_DELETE = pass_on

        def log_message(self, *arguments):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as front:
        thread = threading.Thread(target=front.serve_forever, daemon=True)
        thread.start()
        try:
            yield front.server_address[1]
        finally:
            front.shutdown()


def fetch(port, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {"Host": "photos.example", **{name.replace("_", "-"): v for name, v in headers.items()}})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


@pytest.fixture(scope="module", params=["kept", "stripped", "stripped, and not told"])
def site(request, place):
    """A port and the address that people see."""
    kept = request.param == "kept"
    options = [] if "not told" in request.param else ["--base-path", "/my/photos"]
    with serving(place / "photos.cir", "--host", "photos.example", *options) as server:
        server.wait_ready()
        with proxy(server, "/my/photos", not kept) as port:
            yield port, "/my/photos"


def test_every_address_of_the_page_is_below_the_path(site):
    port, base = site
    seen, wanted = set(), [base + "/"]
    while wanted:
        at = wanted.pop()
        if at in seen:
            continue
        seen.add(at)
        status, headers, content = fetch(port, at)
        assert status == 200, at
        text = content.decode() if headers["Content-Type"].startswith("text/") else ""
        links = re.findall(r'(?:src|href)="([^"#]+)"|from "([^"]+)"|import\("([^"]+)"\)|url\(([^)]+)\)', text)
        for link in {part for parts in links for part in parts if part}:
            if link.startswith(("http:", "https:", "data:", "blob:")) or "${" in link:
                continue
            there = urllib.parse.urljoin(at, link)
            assert there.startswith(base + "/"), (at, link)
            wanted.append(there)
    assert len(seen) > 25 and base + "/web/api.js" in seen


def test_the_pages_calls_are_relative(site):
    port, base = site
    script = fetch(port, base + "/web/api.js")[2].decode() + fetch(port, base + "/web/state.js")[2].decode()
    assert not re.search(r'["`]/(v1|healthz|web)', script) and '"v1/search"' in script


def test_the_api_is_below_the_path(site):
    port, base = site
    document = json.loads(fetch(port, base + "/v1/openapi.json")[2])
    root = urllib.parse.urljoin(base + "/v1/openapi.json", document["servers"][0]["url"])
    assert root.rstrip("/") == base
    for path in document["paths"]:
        if path not in ("/v1/index/events", "/v1/search", "/v1/index/update", "/v1/session"):
            concrete = root.rstrip("/") + path.replace("{id}", "1").replace("{name}", "app.js")
            assert fetch(port, concrete)[0] == 200, concrete
    body, kind = multipart({"image": (draw_photo_bytes())})
    status, _, answer = fetch(port, base + "/v1/search", "POST", body, Content_Type=kind, Origin="https://photos.example")
    assert status == 200 and json.loads(answer)["hits"]


def draw_photo_bytes():
    import io
    out = io.BytesIO()
    draw_photo(1).save(out, "JPEG")
    return out.getvalue()


def test_events_come_through(site):
    port, base = site
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"GET {base}/v1/index/events HTTP/1.1\r\nHost: photos.example\r\n\r\n".encode())
        got = b""
        while b"retry:" not in got:
            piece = connection.recv(4096)
            assert piece, got
            got += piece
    assert b" 200" in got and b"text/event-stream" in got


def test_without_its_slash_the_path_leads_to_the_page(place):
    with serving(place / "photos.cir", "--host", "photos.example", "--base-path", "/my/photos") as server, proxy(server, "/my/photos", False) as port:
        for path, there in (("/my/photos", "/my/photos/"), ("/my/photos?text=a%20b", "/my/photos/?text=a%20b")):
            status, headers, _ = fetch(port, path)
            assert status == 308 and headers["Location"] == there
            assert fetch(port, there)[0] == 200
        assert fetch(port, "/my/photos", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 308
        assert fetch(port, "/my/photos", Host="evil.example")[0] == 403
        for path in ("/my/photosx", "/my/photosx/v1/index", "/my", "/my/", "/my/photos//v1/index", "/my/photos/my/photos/v1/index", "/MY/photos/"):
            assert server.get(path).status == 404, path
        for path in ("/healthz", "/v1/index", "/"):  # what the machine itself asks
            assert server.get(path).status == 200


def test_the_session_is_for_the_path(place, tmp_path):
    token = write_token(tmp_path / "token", TOKEN)
    with serving(place / "photos.cir", "--base-path", "my/photos/", "--token-file", token, "--host", "photos.example") as server:
        assert server.url.endswith("/my/photos/")
        with proxy(server, "/my/photos", False) as port:
            status, headers, _ = fetch(port, "/my/photos/v1/session", "POST", Authorization="Bearer " + TOKEN)
            assert status == 204 and "; Path=/my/photos/; " in headers["Set-Cookie"]
            cookie = headers["Set-Cookie"].split(";")[0]
            assert fetch(port, "/my/photos/v1/images/0/thumbnail", Cookie=cookie)[0] == 200
            assert fetch(port, "/my/photos/v1/images/0/thumbnail")[0] == 401


def test_a_proxy_that_puts_its_own_name_into_host(place):
    """As many do unless told otherwise: Origin is then the name that was given."""
    with serving(place / "photos.cir", "--host", "photos.example") as server, proxy(server, "", False, "127.0.0.1") as port:
        for origin, wanted in (("https://photos.example", 200), ("http://photos.example", 200), ("https://evil.example", 403),
                               ("https://photos.example.evil.example", 403), ("https://photos.example:8443", 403), ("null", 403)):
            assert fetch(port, "/v1/search", "POST", '{"text": "a"}', Content_Type="application/json", Origin=origin)[0] == wanted, origin


@pytest.mark.parametrize("path", ["/a b", "/a//b", "/../a", "/a/./b", "/a?b", "/a#b", "/\u00e9", "/a%20b", "/" + "a" * 300, "/a\r\nX: y", "/a\"b"])
def test_what_is_no_path_is_told(place, path):
    result = run_cir("serve", place / "photos.cir", "--port", "0", "--base-path", path)
    assert result.status == 1 and "--base-path" in result.err


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_the_root_is_a_path(place, path):
    server = Server(place / "photos.cir", "--base-path", path)
    assert server.url.count("/") == 3 and server.get("/v1/index").status == 200
    assert server.stop() == 0
