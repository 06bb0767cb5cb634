"""A model hub of the tests' own, after the public documentation of Hugging Face's: what `cir model pull` is tested against.

Two hosts. The hub (127.0.0.1) answers /OWNER/NAME/resolve/REVISION/FILE: for files that it keeps apart (LFS) with a
302 to the store and X-Linked-ETag, X-Linked-Size and X-Repo-Commit; for the others with a relative 307 to a cached
copy of its own, whose ETag is git's SHA-1. The store (localhost, another port) takes signed addresses that expire.
Gated repositories answer 401 or 403 with X-Error-Code and X-Error-Message. What goes wrong is set by the tests: for a
host and a file a list of functions, one for each request, after which it answers as it should.
"""
import contextlib
import gzip
import hashlib
import http.server
import itertools
import threading
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    def __init__(self, repository, files):
        self.repository = repository
        self.revisions = {"main": COMMIT, COMMIT: COMMIT}
        self.files = dict(files)  # of every revision
        self.kept_apart = {name for name in files if name.endswith((".safetensors", ".model", ".bin"))}
        self.with_headers = True  # False: a mirror, plain files alone
        self.with_store = True    # False: large files come from the hub itself
        self.with_ranges = True
        self.gzips = False        # packs small files, whatever is asked for
        self.token = None         # that a gated repository wants
        self.linked_etag = {}     # name → what is told in place of the truth
        self.linked_size = {}
        self.sent = {}            # name → bytes that are sent in place of the right ones
        self.scripts = {}         # (host, name) → functions (handler, name, data) that answer in place of the hub, one a request
        self.requests = []        # (host, method, path, headers)
        self.signatures = {}      # signature → how often it may still be used
        self.uses_of_signature = 1
        self.serial = itertools.count()
        self.servers = [_Server(self, "hub", "127.0.0.1"), _Server(self, "store", "localhost")]
        self.url, self.store_url = (server.url for server in self.servers)
        self.threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in self.servers]
        for thread in self.threads:
            thread.start()

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def asked(self, host=None, name=None):
        return [request for request in self.requests
                if host in (None, request[0]) and (name is None or _name_of(request[2]) == name)]

    def ranges(self, host, name):
        return [headers.get("Range") for _, _, _, headers in self.asked(host, name)]

    def sign(self, name):
        signature = f"s{next(self.serial)}"
        self.signatures[signature] = self.uses_of_signature
        return f"{self.store_url}/{hashlib.sha256(name.encode()).hexdigest()}/{name}?Expires=1&Signature={signature}&Key-Pair-Id=K"


def _name_of(path):
    return urllib.parse.unquote(urllib.parse.urlsplit(path).path.rsplit("/", 1)[-1])


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub, host, name):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub, self.host = hub, host
        self.url = f"http://{name}:{self.server_address[1]}"

    def handle_error(self, *_):
        pass  # clients that go away are part of the tests


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        hub, host = self.server.hub, self.server.host
        hub.requests.append((host, self.command, self.path, dict(self.headers)))
        name = _name_of(self.path)
        data = hub.files.get(name)
        script = hub.scripts.get((host, name))
        with contextlib.suppress(ConnectionError):
            if script:
                return script.pop(0)(self, name, data)
            return self.answer(name, data)

    do_HEAD = do_GET

    def answer(self, name, data):
        """As it should be."""
        return self.answer_as_store(name, data) if self.server.host == "store" else self.answer_as_hub(name, data)

    # -- the hub --

    def answer_as_hub(self, name, data):
        hub = self.server.hub
        path = urllib.parse.urlsplit(self.path).path
        parts = path.strip("/").split("/")
        if path.startswith("/api/resolve-cache/"):
            return self.send_plain(name, data)
        if "/".join(parts[:2]) != hub.repository or parts[2:3] != ["resolve"] or len(parts) != 5:
            return self.send_error_of_hub(401, "RepoNotFound", "Repository not found")
        commit = hub.revisions.get(urllib.parse.unquote(parts[3]))
        if commit is None:
            return self.send_error_of_hub(404, "RevisionNotFound", f"Invalid rev id: {parts[3]}")
        if hub.token is not None and self.headers.get("Authorization") != f"Bearer {hub.token}":
            is_known = "Authorization" in self.headers
            return self.send_error_of_hub(403 if is_known else 401, "GatedRepo",
                                          f"Access to model {hub.repository} is restricted." + ("" if is_known else " You must be authenticated."))
        if data is None:
            return self.send_error_of_hub(404, "EntryNotFound", "Entry not found")
        if not hub.with_headers:
            return self.send_data(data, {})
        headers = {"X-Repo-Commit": commit}
        if name in hub.kept_apart:
            etag = hub.linked_etag.get(name, hashlib.sha256(data).hexdigest())
            headers |= {"X-Linked-Size": str(hub.linked_size.get(name, len(data))), "X-Linked-ETag": f'"{etag}"'}
            if hub.with_store:
                return self.send_data(b"Found. Redirecting", headers | {"Location": hub.sign(name)}, 302)
            return self.send_data(hub.sent.get(name, data), headers)
        location = f"/api/resolve-cache/models/{hub.repository}/{commit}/{name}?etag=%22{git_sha1(data)}%22"
        return self.send_data(b"", headers | {"Location": location}, 307)

    def send_plain(self, name, data):
        hub = self.server.hub
        headers = {"ETag": f'"{hub.linked_etag.get(name, git_sha1(data))}"', "X-Repo-Commit": hub.revisions["main"]}
        data = hub.sent.get(name, data)
        if hub.gzips:
            return self.send_data(gzip.compress(data), headers | {"Content-Encoding": "gzip"})
        return self.send_data(data, headers)

    def send_error_of_hub(self, status, code, message, **headers):
        self.send_data(b"<html>" + code.encode(), {"X-Error-Code": code, "X-Error-Message": message, "Content-Type": "text/html",
                                                   **{key.replace("_", "-"): value for key, value in headers.items()}}, status)

    # -- the store --

    def answer_as_store(self, name, data):
        hub = self.server.hub
        signature = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("Signature", [""])[0]
        if hub.signatures.get(signature, 0) < 1:
            return self.send_data(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", {}, 403)
        hub.signatures[signature] -= 1
        return self.send_data(hub.sent.get(name, data), {"ETag": '"41a0e56472bad33498744818c8b1ef2c-64"'})

    # -- bytes --

    def find_part(self, data):
        """Status, headers and bytes for the Range that is asked for."""
        wanted = self.headers.get("Range")
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.hub.with_ranges else 0
        if first == 0:
            return 200, {}, data
        if first >= len(data):
            return 416, {"Content-Range": f"bytes */{len(data)}"}, b""
        return 206, {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}, data[first:]

    def send_data(self, data, headers, status=None):
        if status is None:
            status, more, data = self.find_part(data)
            headers = headers | more
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_cut(self, data, size, headers=None):
        """The right answer, of which only size bytes come."""
        status, more, data = self.find_part(data)
        self.send_response(status)
        for key, value in ((headers or {}) | more).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:size])
        self.hang_up()

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True


# Functions for Hub.scripts.

def hang_up(handler, name, data):
    """No answer at all."""
    handler.close_connection = True


def cut(size):
    return lambda handler, name, data: handler.send_cut(data, size, {} if handler.server.host == "store" else {"ETag": f'"{git_sha1(data)}"'})


def status(number, **headers):
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda handler, name, data: handler.send_data(b"", headers, number)


def redirect(location, number=302, **headers):
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda handler, name, data: handler.send_data(b"", headers | {"Location": location}, number)


def endless(handler, name, data):
    """200 and bytes without end, no length told."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
