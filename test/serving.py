"""A server of the program under test, and clients that hold what it answers against its own description."""
import contextlib
import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import time

from conftest import CIR


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


class Server:
    """`cir serve INDEX`, listening on a port of the system's choice."""

    def __init__(self, index, *options, threads=2, cwd=None, environment=None):
        self.process = subprocess.Popen(
            [CIR, "serve", os.fspath(index), "--port", "0", "--threads", str(threads), *map(os.fspath, options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env={**os.environ, **(environment or {})})
        self.errors = b""
        self.url = self._read_url()
        match = re.match(r"(https?)://(\[?[^/]*?\]?):(\d+)/(?:#token=(\w+))?", self.url)
        self.scheme, self.address, self.port, self.token = match[1], match[2].strip("[]"), int(match[3]), match[4]
        self.seen = []  # method, path, status, type, body of everything asked with request()

    def _read_url(self):
        deadline = time.monotonic() + 60
        streams = [self.process.stdout, self.process.stderr]
        out = b""
        while time.monotonic() < deadline:
            for stream in select.select(streams, [], [], 1)[0]:
                piece = os.read(stream.fileno(), 65536)
                if stream is self.process.stderr:
                    self.errors += piece
                else:
                    out += piece
                found = re.search(rb"https?://\S+\n", out) or re.search(rb"open (https?://\S+\n)", self.errors)
                if found:
                    return found[found.lastindex or 0].decode().strip()
            if self.process.poll() is not None:
                break
        raise AssertionError(f"the server did not start: {self.errors.decode()}")

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1" if self.address == "0.0.0.0" else self.address, self.port,
                                          timeout=timeout)

    def request(self, method, path, body=None, headers=None, connection=None, timeout=60):
        own = connection or self.connect(timeout)
        own.request(method, path, body=body, headers=headers or {})
        response = own.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        if connection is None:
            own.close()
        self.seen.append((method, path.split("?")[0], answer))
        return answer

    def get(self, path, **headers):
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def search(self, query=None, image=None, **more):
        if image is None:
            return self.request("POST", "/v1/search", json.dumps(query or {}), {"Content-Type": "application/json"}, **more)
        parts = {"image": image}
        if query is not None:
            parts["query"] = json.dumps(query).encode()
        body, kind = multipart(parts)
        return self.request("POST", "/v1/search", body, {"Content-Type": kind}, **more)

    def socket(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def raw(self, data, timeout=10):
        """All that comes back until the server closes, or falls silent."""
        with self.socket(timeout) as connection:
            connection.sendall(data)
            return read_all(connection)

    def metric(self, name):
        text = self.get("/metrics").body.decode()
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])

    def wait_ready(self):
        for _ in range(600):
            if self.get("/readyz").status == 200:
                return self
            time.sleep(0.05)
        raise AssertionError("the server does not get ready")

    def is_alive(self):
        return self.process.poll() is None

    def stop(self, number=signal.SIGTERM):
        """The exit status; what it said goes to errors."""
        if self.is_alive():
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        self.errors += errors
        return self.process.returncode


def write_token(path, token):
    """A token's file, which nobody else can read; its path."""
    path.touch(0o600)
    path.write_text(token)
    return path


def read_all(connection):
    got = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while piece := connection.recv(65536):
            got += piece
    return got


def multipart(parts, boundary="a-boundary-0123456789"):
    body = b""
    for name, content in parts.items():
        kind = "application/json" if name == "query" else "application/octet-stream"
        file_name = '; filename="photo"' if name == "image" else ""
        body += (f"--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n"
                 f"Content-Type: {kind}\r\n\r\n").encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@contextlib.contextmanager
def serving(index, *options, **keywords):
    server = Server(index, *options, **keywords)
    try:
        yield server
        assert server.is_alive(), server.errors.decode(errors="replace")
    finally:
        server.stop()
    # With sanitizers the exit status tells what they found.
    assert server.process.returncode == 0, server.errors.decode(errors="replace")


class Events:
    """A listener to /v1/index/events."""

    def __init__(self, server):
        self.connection = server.connect(timeout=30)
        self.connection.request("GET", "/v1/index/events")
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        server.seen.append(("GET", "/v1/index/events", Answer(200, self.response.headers, b"")))

    def next(self):
        """Name and data of the next event."""
        name = None
        while line := self.response.readline():
            key, _, value = line.decode().rstrip("\n").partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                return name, json.loads(value)
        return None, None

    def wait_end(self):
        while True:
            name, data = self.next()
            if name != "progress":
                return name, data

    def close(self):
        self.connection.close()
