"""cir model against a server of its own that drops connections, lies about lengths, sends wrong bytes and ignores ranges."""
import hashlib
import http.server
import os
import signal
import subprocess
import threading
import time

import numpy
import pytest

from conftest import CIR, SOURCE, run_cir

NAME = "siglip-base-patch16-224"
REPOSITORY = f"/google/{NAME}/resolve/main/"
DATA = SOURCE / "test" / "data"
FILES = {
    "config.json": (DATA / "model/siglip/config.json").read_bytes(),
    "preprocessor_config.json": (DATA / "model/siglip/preprocessor_config.json").read_bytes(),
    "tokenizer_config.json": b"{}",
    "spiece.model": (DATA / "text/siglip/spiece.model").read_bytes(),
    "model.safetensors": (DATA / "model/siglip/weights_f16.safetensors").read_bytes(),
}
WEIGHTS = "model.safetensors"


class Server(http.server.ThreadingHTTPServer):
    """What it does wrong is set by the tests, by the file's name."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(FILES)
        self.with_headers = True  # as a hub: checksums in headers, large files behind a redirection
        self.drops = {}           # name → how often a connection is dropped, each time after another 100,000 bytes
        self.is_slow = False
        self.ignores_ranges = False
        self.says_bytes = {}      # name → Content-Length that is told
        self.linked_size = {}     # name → X-Linked-Size that is told
        self.wrong = {}           # name → bytes that are sent in place of those that the checksum is of
        self.requests = []        # (path, Range or None)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        is_stored = self.path.startswith("/store/")
        name = self.path.rsplit("/", 1)[-1]
        if name == "SHA256SUMS" and not server.with_headers and name in server.files:
            return self.send(server.files[name], 200, {})
        if name not in server.files or not (is_stored or self.path == REPOSITORY + name):
            return self.send(b"nothing", 404, {})
        data = server.files[name]
        headers = {}
        if server.with_headers and not is_stored:
            if len(data) > 5000:
                headers = {"Location": f"/store/{name}", "X-Linked-Size": str(server.linked_size.get(name, len(data))),
                           "X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"'}
                return self.send(b"", 302, headers)
            headers["ETag"] = 'W/"' + hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() + '"'
        data = server.wrong.get(name, data)
        wanted = self.headers.get("Range")
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and not server.ignores_ranges else 0
        if first > 0 and first >= len(data):
            return self.send(b"", 416, {})
        if first > 0:
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        self.send(data[first:], 206 if first > 0 else 200, headers, name)

    def send(self, data, status, headers, name=""):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(self.server.says_bytes.get(name, len(data))))
        self.end_headers()
        if self.server.drops.get(name, 0) > 0:
            self.server.drops[name] -= 1
            data = data[:100_000]
            self.close_connection = True
        for i in range(0, len(data), 20_000):
            self.wfile.write(data[i:i + 20_000])
            if self.server.is_slow:
                time.sleep(0.1)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("CIR_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("CIR_MODEL_URL", raising=False)
    return tmp_path / "models"


def pull(server, *more):
    return run_cir("model", "pull", NAME, "--from", server.url, "-q", *more)


def assert_installed(models):
    assert {path.name for path in models.iterdir()} == {NAME}
    assert {path.name for path in (models / NAME).iterdir()} == {*FILES, "SHA256SUMS"}
    for name, data in FILES.items():
        assert (models / NAME / name).read_bytes() == data


def assert_refused(result, models, says):
    assert result.status == 1
    assert says in result.err
    assert result.err.startswith("cir: ")
    assert not (models / NAME).exists()


def test_a_model_is_fetched_and_found_by_its_name(server, models, tmp_path):
    assert not run_cir("model", "list", "--json").json["models"][1]["installed"]
    result = pull(server)
    assert result.status == 0, result.err
    assert result.out == f"{models / NAME}\n"
    assert_installed(models)
    listed = run_cir("model", "list", "--json").json
    assert listed["folder"] == str(models)
    assert {model["name"] for model in listed["models"] if model["installed"]} == {NAME}
    assert "yes" in run_cir("model", "list").out
    (tmp_path / "texts.txt").write_text("a castle\n")
    result = run_cir("encode", "--model", NAME, "--texts", tmp_path / "texts.txt", "-o", tmp_path / "out.npy", cwd=tmp_path)
    assert result.status == 0, result.err
    assert numpy.load(tmp_path / "out.npy").shape == (1, 48)
    assert run_cir("info", NAME, "--json").json["model"] == NAME
    n_requests = len(server.requests)
    assert pull(server).status == 0  # it is there: nothing is asked for
    assert len(server.requests) == n_requests


def test_the_address_may_stand_in_the_environment(server, models, monkeypatch):
    monkeypatch.setenv("CIR_MODEL_URL", server.url)
    assert run_cir("model", "pull", NAME, "-q").status == 0
    assert_installed(models)


def test_lost_connections_are_taken_up_again(server, models):
    server.drops[WEIGHTS] = 3
    result = pull(server)
    assert result.status == 0, result.err
    assert_installed(models)
    ranges = [asked for path, asked in server.requests if path == "/store/" + WEIGHTS]
    assert ranges == [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]


def test_a_server_without_ranges_sends_all_of_it_again(server, models):
    server.drops[WEIGHTS] = 2
    server.ignores_ranges = True
    result = pull(server)
    assert result.status == 0, result.err
    assert_installed(models)


def test_a_connection_that_is_always_lost_ends_and_continues_later(server, models):
    server.drops[WEIGHTS] = 99
    server.files[WEIGHTS] = FILES[WEIGHTS] + bytes(1_000_000)
    assert_refused(pull(server), models, "run it again")
    assert (models / f"{NAME}.partial" / f"{WEIGHTS}.part").stat().st_size == 500_000
    server.drops = {}
    server.files[WEIGHTS] = FILES[WEIGHTS]  # shorter meanwhile: begun again
    result = pull(server)
    assert result.status == 0, result.err
    assert_installed(models)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_wrong_bytes_are_thrown_away(server, models, name):
    server.wrong[name] = FILES[name][:-1] + b"?"
    assert_refused(pull(server), models, "checksum")
    assert not (models / f"{NAME}.partial" / f"{name}.part").exists()
    server.wrong = {}
    assert pull(server).status == 0
    assert_installed(models)


def test_lies_about_the_length_are_found(server, models):
    server.linked_size[WEIGHTS] = 1000  # more comes
    assert_refused(pull(server), models, "more bytes")
    server.linked_size[WEIGHTS] = len(FILES[WEIGHTS]) + 7  # less comes
    assert_refused(pull(server), models, WEIGHTS)
    server.linked_size = {}
    server.says_bytes[WEIGHTS] = 1000  # Content-Length cuts it
    assert_refused(pull(server), models, WEIGHTS)
    server.says_bytes[WEIGHTS] = len(FILES[WEIGHTS]) * 2  # the connection ends too early
    assert_refused(pull(server), models, WEIGHTS)
    server.says_bytes = {}
    result = pull(server)
    assert result.status == 0, result.err
    assert_installed(models)


def test_a_mirror_proves_files_by_a_list(server, models):
    server.with_headers = False
    assert_refused(pull(server), models, "no checksum")
    server.files["SHA256SUMS"] = b"".join(b"%s  %s\n" % (hashlib.sha256(data).hexdigest().encode(), name.encode())
                                          for name, data in FILES.items())
    result = pull(server)
    assert result.status == 0, result.err
    assert_installed(models)


def test_what_is_not_there_is_told(server, models):
    del server.files["spiece.model"]
    result = pull(server)
    assert_refused(result, models, "404")
    assert "spiece.model" in result.err
    server.shutdown()
    server.server_close()
    assert_refused(run_cir("model", "pull", NAME, "--from", "http://127.0.0.1:1", "-q"), models, "127.0.0.1:1")


def test_a_model_that_does_not_open_is_not_installed(server, models):
    server.files["config.json"] = FILES["config.json"].replace(b'"patch_size": 7', b'"patch_size": 8')
    assert server.files["config.json"] != FILES["config.json"]
    assert_refused(pull(server), models, "model.safetensors")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_end_at_any_time_is_continued(server, models, how):
    server.is_slow = True
    process = subprocess.Popen([CIR, "model", "pull", NAME, "--from", server.url], stderr=subprocess.PIPE)
    part = models / f"{NAME}.partial" / f"{WEIGHTS}.part"
    for _ in range(100):
        if part.exists() and part.stat().st_size > 60_000:
            break
        time.sleep(0.1)
    second = pull(server)
    assert second.status == 1 and "another process" in second.err
    process.send_signal(how)
    _, err = process.communicate(timeout=20)
    assert process.returncode == (-9 if how == signal.SIGKILL else 1), err
    begun = part.stat().st_size
    assert 0 < begun < len(FILES[WEIGHTS])
    assert not (models / NAME).exists()
    server.is_slow = False
    server.requests.clear()
    assert pull(server).status == 0
    assert_installed(models)
    assert ("/store/" + WEIGHTS, f"bytes={begun}-") in server.requests
    assert not any("config" in path for path, _ in server.requests)  # was whole


def test_check_proves_an_installed_model(server, models):
    assert pull(server).status == 0
    result = run_cir("model", "check", NAME)
    assert result.status == 0, result.err
    assert "5 files have the checksums" in result.out
    weights = models / NAME / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    result = run_cir("model", "check", models / NAME)
    assert result.status == 1
    assert "model.safetensors: its checksum is" in result.err
    (models / NAME / "SHA256SUMS").unlink()
    assert "cannot be proved" in run_cir("model", "check", NAME).out
    data[-4000:] = b"\xff" * 4000  # no numbers
    weights.write_bytes(data)
    result = run_cir("model", "check", NAME)
    assert result.status == 1 and "no number" in result.err
    assert run_cir("model", "check", "nowhere").status == 1


@pytest.mark.parametrize("arguments, says", [
    (["model"], "list, pull NAME or check DIR"),
    (["model", "pull"], "name one model"),
    (["model", "pull", "../evil"], "no such model"),
    (["model", "pull", NAME, "--from", "ftp://example.org"], "http"),
    (["model", "list", "x"], "takes no names"),
    (["model", "check"], "name one model"),
])
def test_wrong_usage_is_told(models, arguments, says):
    result = run_cir(*arguments)
    assert result.status == 2
    assert says in result.err
    assert not models.exists()


def test_no_name_leads_out_of_the_folder(models, tmp_path):
    (tmp_path / "models").mkdir()
    for name in ("..", ".", "", "x/y"):
        assert run_cir("info", name, cwd=tmp_path).status == 1
    assert run_cir("model", "list", env={"PATH": os.environ["PATH"]}).status == 1
