"""cir model pull against a hub of the tests' own (hub.py): as it should be, and with everything that can go wrong."""
import datetime
import hashlib
import json
import os
import resource
import signal
import subprocess
import time

import pytest

import hub as hubs
from conftest import CIR, SOURCE, run_cir

NAME = "siglip-large-patch16-256"  # not pinned: its files may be anything
PINNED = "siglip-base-patch16-224"
DATA = SOURCE / "test" / "data"
FILES = {
    "config.json": (DATA / "model/siglip/config.json").read_bytes(),
    "preprocessor_config.json": (DATA / "model/siglip/preprocessor_config.json").read_bytes(),
    "tokenizer_config.json": b"{}",
    "spiece.model": (DATA / "text/siglip/spiece.model").read_bytes(),
    "model.safetensors": (DATA / "model/siglip/weights_f16.safetensors").read_bytes(),
}
WEIGHTS = "model.safetensors"
SIZE = len(FILES[WEIGHTS])


@pytest.fixture
def hub():
    hub = hubs.Hub(f"google/{NAME}", FILES)
    yield hub
    hub.close()


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("CIR_MODELS", str(tmp_path / "models"))
    for name in ("CIR_MODEL_URL", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "models"


def pull(hub, *more, name=NAME, quiet=True, **keywords):
    return run_cir("model", "pull", name, "--from", hub.url, *(["-q"] if quiet else []), *more, **keywords)


def assert_installed(models, name=NAME):
    assert {path.name for path in models.iterdir()} == {name}
    assert {path.name for path in (models / name).iterdir()} == {*FILES, "SHA256SUMS"}
    for file, data in FILES.items():
        assert (models / name / file).read_bytes() == data


def assert_pulled(hub, models, *more, **keywords):
    result = pull(hub, *more, **keywords)
    assert result.status == 0, result.err
    assert_installed(models, keywords.get("name", NAME))


def assert_refused(result, models, *says, name=NAME):
    assert result.status == 1, result.out
    assert result.err.startswith("cir: ") and result.err.count("\n") == 1
    for text in says:
        assert text in result.err, result.err
    assert "Signature" not in result.err  # signed addresses are not for logs
    assert not (models / name).exists()


# -- as it should be --

def test_a_model_is_fetched_as_the_hub_has_it(hub, models):
    result = pull(hub)
    assert result.status == 0, result.err
    assert result.out == f"{models / NAME}\n" and result.err == ""
    assert_installed(models)
    assert [path.split("?")[0].rsplit("/", 1)[-1] for _, _, path, _ in hub.asked("store")] == ["spiece.model", WEIGHTS]
    # All of one commit, whatever is pushed meanwhile.
    first, *rest = [path for _, _, path, _ in hub.asked("hub") if "/resolve/" in path]
    assert "/resolve/main/" in first and all(f"/resolve/{hubs.COMMIT}/" in path for path in rest)
    sums = (models / NAME / "SHA256SUMS").read_text().splitlines()
    assert sums == [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in FILES.items()]
    n_requests = len(hub.requests)
    assert pull(hub).status == 0  # it is there: nothing is asked for
    assert len(hub.requests) == n_requests


@pytest.mark.parametrize("variable", ["CIR_MODEL_URL", "HF_ENDPOINT"])
def test_the_address_may_stand_in_the_environment(hub, models, monkeypatch, variable):
    monkeypatch.setenv(variable, hub.url + "/")
    assert run_cir("model", "pull", NAME, "-q").status == 0
    assert_installed(models)


def test_a_repository_s_name_will_do(hub, models):
    assert_pulled(hub, models, name=NAME)
    assert run_cir("model", "pull", f"google/{NAME}", "--from", hub.url).out == f"{models / NAME}\n"
    assert run_cir("info", f"google/{NAME}", "--json").json["model"] == NAME


def test_packed_files_are_unpacked_and_proved_unpacked(hub, models):
    hub.gzips = True
    assert_pulled(hub, models)
    assert all(headers["Accept-Encoding"] == "identity" for _, _, _, headers in hub.requests)


def test_large_files_may_come_from_the_hub_itself(hub, models):
    hub.with_store = False
    assert_pulled(hub, models)
    assert hub.asked("store") == []


def test_another_revision_is_taken_when_asked_for(hub, models):
    hub.revisions["refs/pr/15"] = hubs.COMMIT
    assert_pulled(hub, models, "--revision", "refs/pr/15")
    assert f"/google/{NAME}/resolve/refs%2Fpr%2F15/config.json" in hub.asked("hub", "config.json")[0][2]


# -- lost connections, busy servers --

@pytest.mark.parametrize("host, name", [("hub", "config.json"), ("hub", WEIGHTS), ("store", WEIGHTS)])
def test_connections_that_are_lost_before_an_answer(hub, models, host, name):
    hub.scripts[host, name] = [hubs.hang_up, hubs.hang_up]
    assert_pulled(hub, models)


def test_connections_that_are_lost_within_are_taken_up_again(hub, models):
    hub.scripts["store", WEIGHTS] = [hubs.cut(100_000), hubs.hang_up, hubs.cut(100_000), hubs.cut(100_000)]
    assert_pulled(hub, models)
    assert hub.ranges("store", WEIGHTS) == [None, "bytes=100000-", "bytes=100000-", "bytes=200000-", "bytes=300000-"]
    signed = [path for _, _, path, _ in hub.asked("store", WEIGHTS)]
    assert len(set(signed)) == len(signed)  # the hub is asked for a new address each time


STAGES = [b"HTT", b"HTTP/1.1 200 OK\r\nContent-Le", f"HTTP/1.1 200 OK\r\nETag: ETAG\r\nContent-Length: {SIZE}\r\n\r\n".encode(), b"HELO smtp\r\n", b"\0\0\0\0",
          b"HTTP/1.1 200 OK\r\nETag: ETAG\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", b"HTTP/1.1 200 OK\r\nETag: ETAG\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
          b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"]


@pytest.mark.parametrize("stage", range(len(STAGES)))
@pytest.mark.parametrize("host", ["hub", "store"])
def test_a_connection_is_cut_at_every_stage(hub, models, stage, host):
    def answer(handler, name, data):
        handler.wfile.write(STAGES[stage].replace(b"ETAG", hubs.git_sha1(data).encode()))
        handler.hang_up()
    hub.scripts[host, WEIGHTS] = [answer]
    assert_pulled(hub, models)


def test_a_small_file_that_is_cut_is_whole_in_the_end(hub, models):
    hub.scripts["hub", "config.json"] = [hubs.redirect("/api/resolve-cache/x/config.json", 307), hubs.cut(100)]
    assert_pulled(hub, models)


def test_a_server_without_ranges_sends_all_of_it_again(hub, models):
    hub.scripts["store", WEIGHTS] = [hubs.cut(100_000), hubs.cut(200_000)]
    hub.with_ranges = False
    assert_pulled(hub, models)


def test_a_connection_that_is_always_lost_ends_and_continues_later(hub, models):
    hub.scripts["store", WEIGHTS] = [hubs.cut(50_000)] * 5
    assert_refused(pull(hub), models, "run it again")
    part = models / f"{NAME}.partial" / f"{WEIGHTS}.part"
    assert part.stat().st_size == 250_000
    hub.requests.clear()
    assert_pulled(hub, models)
    assert hub.ranges("store", WEIGHTS) == ["bytes=250000-"]


def test_signed_addresses_may_expire(hub, models):
    hub.scripts["store", WEIGHTS] = [hubs.cut(100_000), hubs.status(403)]
    assert_pulled(hub, models)


def _in_seconds(seconds):
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return then.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize("number, headers", [
    (429, {"Retry_After": "0"}), (503, {"Retry_After": "1"}), (503, {"Retry_After": _in_seconds(-5)}),
    (429, {"RateLimit": '"resolvers";r=0;t=1'}), (503, {}), (500, {}), (502, {}), (504, {}), (408, {})])
@pytest.mark.parametrize("host", ["hub", "store"])
def test_busy_servers_are_asked_again(hub, models, number, headers, host):
    hub.scripts[host, WEIGHTS] = [hubs.status(number, **headers)] * 2
    result = pull(hub, quiet=False)
    assert result.status == 0, result.err
    assert_installed(models)
    if "1" in headers.get("Retry_After", ""):
        assert f"cir: the server answers {number} and asks to wait" in result.err or "GMT" in headers["Retry_After"]


@pytest.mark.parametrize("wait", ["86400", "99999999999999999999", _in_seconds(7200)])
def test_nobody_waits_for_a_day(hub, models, wait):
    hub.scripts["hub", WEIGHTS] = [hubs.status(429, Retry_After=wait)]
    assert_refused(pull(hub), models, "429", "asks to wait")


def test_waiting_is_interrupted(hub, models):
    hub.scripts["hub", WEIGHTS] = [hubs.status(429, Retry_After="250")] * 9
    process = subprocess.Popen([CIR, "model", "pull", NAME, "--from", hub.url], stderr=subprocess.PIPE)
    _wait_for(lambda: hub.asked("hub", WEIGHTS))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and b"stopped after" in err and b"asks to wait 250 s" in err


# -- who may --

def test_a_gated_repository_says_its_own_words(hub, models, monkeypatch):
    hub.token = "hf_right"
    assert_refused(pull(hub), models, "401 GatedRepo", f"Access to model google/{NAME} is restricted. You must be", "set HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    result = pull(hub)
    assert_refused(result, models, "403 GatedRepo", "accept the model's terms")
    assert "hf_wrong" not in result.err


@pytest.mark.parametrize("how", ["HF_TOKEN", "HF_TOKEN_PATH"])
def test_the_token_goes_to_the_hub_alone(hub, models, monkeypatch, tmp_path, how):
    hub.token = "hf_right"
    (tmp_path / "token").write_text("hf_right\n")
    monkeypatch.setenv(how, "hf_right" if how == "HF_TOKEN" else str(tmp_path / "token"))
    assert_pulled(hub, models)
    assert {headers.get("Authorization") for _, _, _, headers in hub.asked("hub")} == {"Bearer hf_right"}
    assert hub.asked("store") and all("Authorization" not in headers for _, _, _, headers in hub.asked("store"))


def test_a_token_is_not_sent_to_another_port_or_without_encryption(hub, models, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    other = hubs.Hub(f"google/{NAME}", FILES)
    try:
        hub.scripts["hub", "config.json"] = [hubs.redirect(f"{other.url}/google/{NAME}/resolve/main/config.json")]
        pull(hub)
        assert other.requests and all("Authorization" not in headers for _, _, _, headers in other.requests)
    finally:
        other.close()
    result = run_cir("model", "pull", NAME, "--from", "http://hub.example.org")
    assert result.status == 2 and "without encryption" in result.err and "hf_secret" not in result.err


@pytest.mark.parametrize("token", ["two words", "line\nX-Evil: 1", "t\x01"])
def test_what_is_no_token_is_refused(hub, models, monkeypatch, token):
    monkeypatch.setenv("HF_TOKEN", token)
    result = pull(hub)
    assert result.status == 2 and "HF_TOKEN" in result.err
    assert hub.requests == []


def test_a_hub_cannot_steer_the_terminal(hub, models):
    hub.scripts["hub", "config.json"] = [
        lambda handler, name, data: handler.send_error_of_hub(403, "Gated\x1b[31m", "read \x1b]0;x\x07this\x9b2J " + "y" * 5000)]
    result = pull(hub)
    assert_refused(result, models, "403 Gated?[31m", "read ?]0;x?this?2J yyy")
    assert not set(result.err) & {"\x1b", "\x07", "\x9b"} and len(result.err) < 1000


# -- redirections --

@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "http://user:word@127.0.0.1/x",
                                      "dict://127.0.0.1:11211/stat"])
def test_redirections_to_other_protocols_are_refused(hub, models, location):
    hub.scripts["hub", WEIGHTS] = [hubs.redirect(location)] * 9
    assert_refused(pull(hub), models, "refused")
    assert len(hub.asked("hub", WEIGHTS)) == 1


def test_endless_redirections_end(hub, models):
    hub.scripts["hub", WEIGHTS] = [hubs.redirect(f"/x/{WEIGHTS}")] * 100
    assert_refused(pull(hub), models, "redirects more than 8 times")


def test_a_redirection_to_nowhere_is_said(hub, models):
    hub.scripts["hub", WEIGHTS] = [hubs.status(302)] * 9
    assert_refused(pull(hub), models, "without a usable address")


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/", "http://10.0.0.1/x", "http://localhost/x", "http://[::1]/x",
                                    "http://127.1/x", "http://2130706433/x", "http://printer/x", "http://[::ffff:10.0.0.1]/x"])
def test_a_public_hub_does_not_lead_into_this_network(hub, models, monkeypatch, target):
    """The hub's own server serves as the proxy, so that names are whatever the test says."""
    monkeypatch.setenv("http_proxy", hub.url)
    monkeypatch.setenv("no_proxy", "")
    hub.scripts["hub", "config.json"] = [hubs.redirect(target)] * 9
    assert_refused(run_cir("model", "pull", NAME, "--from", "http://hub.example.org", "-q"), models, "this network, which is refused")
    assert [path for _, _, path, _ in hub.requests] == [f"http://hub.example.org/google/{NAME}/resolve/main/config.json"]


def test_a_public_hub_leads_to_a_public_store(hub, models, monkeypatch):
    monkeypatch.setenv("http_proxy", hub.url)
    monkeypatch.setenv("no_proxy", "")
    headers = {"X_Linked_ETag": f'"{hashlib.sha256(FILES[WEIGHTS]).hexdigest()}"'}
    hub.scripts["hub", WEIGHTS] = [hubs.redirect(f"http://store.example.org/{WEIGHTS}?Signature=s", **headers),
                                   lambda handler, name, data: handler.send_data(data, {})]
    hub.scripts["hub", "spiece.model"] = [lambda handler, name, data: handler.send_data(data, {"ETag": f'"{hubs.git_sha1(data)}"'})]
    result = run_cir("model", "pull", NAME, "--from", "http://hub.example.org", "-q")
    assert result.status == 0, result.err
    assert hub.requests[-1][2] == f"http://store.example.org/{WEIGHTS}?Signature=s"


# -- checksums and sizes that are wrong, missing or lies --

@pytest.mark.parametrize("name", [WEIGHTS, "config.json", "spiece.model"])
def test_wrong_bytes_are_thrown_away(hub, models, name):
    hub.sent[name] = FILES[name][:-1] + b"?"
    assert_refused(pull(hub), models, "checksum", "run it again")
    assert not (models / f"{NAME}.partial" / f"{name}.part").exists()
    hub.sent = {}
    assert_pulled(hub, models)


def test_lies_about_the_checksum_are_found(hub, models):
    hub.linked_etag[WEIGHTS] = "ab" * 32
    assert_refused(pull(hub), models, "checksum", "ab" * 32)


def test_lies_about_the_length_are_found(hub, models):
    hub.linked_size[WEIGHTS] = 1000
    assert_refused(pull(hub), models, "more bytes")
    hub.linked_size[WEIGHTS] = SIZE + 7
    assert_refused(pull(hub), models, WEIGHTS)
    hub.linked_size = {}
    length = {"Content-Length": str(2 * SIZE)}
    hub.scripts["store", WEIGHTS] = [lambda handler, name, data: (handler.send_data(data, length, 200), handler.hang_up())]
    assert_pulled(hub, models)


def test_a_store_s_word_on_checksums_counts_for_nothing(hub, models):
    """A store that sends another file, and that file's own checksum."""
    evil = bytes(SIZE)
    headers = {"X-Linked-ETag": f'"{hashlib.sha256(evil).hexdigest()}"', "ETag": f'"{hashlib.sha256(evil).hexdigest()}"'}
    hub.scripts["store", WEIGHTS] = [lambda handler, name, data: handler.send_data(evil, headers, 200)]
    assert_refused(pull(hub), models, "checksum", hashlib.sha256(FILES[WEIGHTS]).hexdigest())


def test_a_mirror_proves_files_by_a_list(hub, models):
    hub.with_headers = False
    assert_refused(pull(hub), models, "no checksum")
    assert hub.asked("hub", WEIGHTS) == []  # nothing large was fetched for nothing
    lines = [b"%s  %s\n" % (hashlib.sha256(data).hexdigest().encode(), name.encode()) for name, data in FILES.items()]
    hub.files["SHA256SUMS"] = b"0123  ../../evil\n" + b"".join(lines)
    assert_pulled(hub, models)


def test_a_mirror_s_etag_may_be_anything(hub, models):
    hub.with_headers = False
    lines = [b"%s *%s\n" % (hashlib.sha256(data).hexdigest().encode(), name.encode()) for name, data in FILES.items()]
    hub.files["SHA256SUMS"] = b"".join(lines)
    for name, etag in ((WEIGHTS, "ab" * 20), ("config.json", "cd" * 32), ("spiece.model", "5f3a-2c")):
        hub.scripts["hub", name] = [lambda handler, _, data, etag=etag: handler.send_data(data, {"ETag": f'"{etag}"'})]
    assert_pulled(hub, models)
    hub.scripts["hub", WEIGHTS] = [lambda handler, _, data: handler.send_data(bytes(SIZE), {"ETag": '"ab"'})] * 3
    (models / NAME).rename(models / f"{NAME}.partial")
    (models / f"{NAME}.partial" / WEIGHTS).write_bytes(b"")
    assert_refused(pull(hub), models, "checksum")


def test_a_list_without_end_is_refused(hub, models):
    hub.with_headers = False
    hub.files["SHA256SUMS"] = b""
    hub.scripts["hub", "SHA256SUMS"] = [hubs.endless]
    assert_refused(pull(hub), models, "no checksum")


@pytest.mark.parametrize("name", ["config.json", "spiece.model"])
def test_every_file_is_bounded_by_what_it_is(hub, models, name):
    most = 4 << 20 if name == "config.json" else 64 << 20
    hub.linked_size[name] = 64 << 30
    hub.kept_apart.add(name)
    assert_refused(pull(hub), models, f"no such file has more than {most}")
    assert hub.asked("store", name) == []
    hub.linked_size = {}
    hub.kept_apart.discard(name)
    hub.scripts["hub", name] = [hubs.redirect(f"/api/resolve-cache/x/{name}", 307, X_Linked_ETag=f'"{"0" * 64}"'), hubs.endless] * 2
    assert_refused(pull(hub), models, f"more bytes than the {most}")
    assert (models / f"{NAME}.partial" / f"{name}.part").stat().st_size <= most


def test_a_packed_bomb_is_bounded(hub, models):
    hub.gzips = True
    hub.sent["config.json"] = bytes(50 << 20)
    assert_refused(pull(hub), models, f"more bytes than the {4 << 20}")


def test_headers_without_end_are_refused(hub, models):
    def answer(handler, name, data):
        handler.send_response(200)
        for _ in range(100_000):
            handler.send_header("X-Header", "x" * 100)
        handler.end_headers()
    hub.scripts["hub", "config.json"] = [answer] * 9
    result = pull(hub)
    assert result.status == 1 and "config.json" in result.err


def test_a_login_page_in_place_of_a_file_says_so(hub, models):
    page = {"Content-Type": "text/html; charset=utf-8"}
    hub.scripts["hub", "config.json"] = [lambda handler, name, data: handler.send_data(b"<!DOCTYPE html><title>Log in</title>", page)]
    assert_refused(pull(hub), models, "config.json: a web page came in its place")
    hub.scripts["store", WEIGHTS] = [lambda handler, name, data: handler.send_data(bytes(SIZE), page)]
    assert_refused(pull(hub), models, "came as a web page", "checksum")


# -- ranges --

@pytest.mark.parametrize("content_range", ["bytes 0-9/10", f"bytes 99999-{SIZE - 1}/{SIZE}", f"bytes 100000-{SIZE - 1}/{SIZE + 5}", "bytes x", None])
def test_parts_that_were_not_asked_for_are_not_taken(hub, models, content_range):
    headers = {"Content-Range": content_range} if content_range else {}
    hub.scripts["store", WEIGHTS] = [hubs.cut(100_000), lambda handler, name, data: handler.send_data(b"z" * 10, headers, 206)]
    assert_pulled(hub, models)
    assert hub.ranges("store", WEIGHTS) == [None, "bytes=100000-", None]


def test_416_begins_again(hub, models):
    hub.scripts["store", WEIGHTS] = [hubs.cut(100_000), hubs.status(416)]
    assert_pulled(hub, models)
    assert hub.ranges("store", WEIGHTS) == [None, "bytes=100000-", None]


def test_a_file_that_is_changed_meanwhile_begins_again(hub, models):
    changed = FILES[WEIGHTS]
    hub.files[WEIGHTS] = bytes(SIZE)

    def cut_and_change(handler, name, data):
        handler.send_cut(data, 100_000)
        hub.files[WEIGHTS] = changed
    hub.scripts["store", WEIGHTS] = [cut_and_change]
    assert_pulled(hub, models)
    assert hub.ranges("store", WEIGHTS) == [None, None]


# -- what an earlier call left --

def _leave(models, name, data):
    folder = models / f"{NAME}.partial"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


@pytest.mark.parametrize("kept", [b"\0" * 1000, b"x" * (SIZE - 1), b"x" * SIZE, b"x" * (SIZE + 1000)], ids=["some", "nearly", "all", "more"])
def test_a_part_of_other_bytes_is_found_out(hub, models, kept):
    _leave(models, WEIGHTS + ".part", kept)
    assert_pulled(hub, models)


def test_a_part_that_is_whole_is_not_fetched_again(hub, models):
    _leave(models, WEIGHTS + ".part", FILES[WEIGHTS])
    assert_pulled(hub, models)
    assert hub.asked("store", WEIGHTS) == []


@pytest.mark.parametrize("name", FILES)
def test_whole_files_of_an_earlier_call_are_proved_again(hub, models, name):
    for file, data in FILES.items():
        _leave(models, file, data if file != name else data[:-1] + b"\x7f")
    assert_pulled(hub, models)
    if name != WEIGHTS:
        assert hub.asked("store", WEIGHTS) == []  # it was right


def test_a_link_in_the_partial_folder_is_not_followed(hub, models, tmp_path):
    (tmp_path / "precious").write_text("precious")
    _leave(models, "x", b"")
    for name in ("config.json.part", "config.json"):
        (models / f"{NAME}.partial" / name).symlink_to(tmp_path / "precious")
        assert pull(hub).status == 1
        assert (tmp_path / "precious").read_text() == "precious"
        (models / f"{NAME}.partial" / name).unlink()
    os.link(tmp_path / "precious", models / f"{NAME}.partial/config.json.part")
    assert_refused(pull(hub), models, "has another name too")
    (models / f"{NAME}.partial/config.json.part").unlink()
    (models / f"{NAME}.partial/SHA256SUMS").symlink_to(tmp_path / "precious")
    (models / f"{NAME}.partial/x").unlink()
    assert_pulled(hub, models)
    assert (tmp_path / "precious").read_text() == "precious"


# -- what the hub does not have --

def test_what_is_not_there_is_told(hub, models):
    del hub.files["spiece.model"]
    assert_refused(pull(hub), models, "404 EntryNotFound", "spiece.model")


def test_a_revision_that_is_gone_is_told(hub, models):
    assert_refused(pull(hub, "--revision", "f" * 40), models, "404 RevisionNotFound", "--revision main")


def test_another_commit_than_the_one_asked_for_is_refused(hub, models):
    hub.revisions["f" * 40] = hubs.COMMIT
    assert_refused(pull(hub, "--revision", "f" * 40), models, "has commit " + hubs.COMMIT)


def test_a_repository_that_is_not_there_is_told(hub, models):
    hub.repository = "google/other"
    assert_refused(pull(hub), models, "401 RepoNotFound", "Repository not found")


# -- the forms that weights come in --

QUICK, OPEN_CLIP = DATA / "model/quick", DATA / "model/oc_quick"
CLIP_NAME, DFN_NAME = "clip-vit-base-patch16", "DFN2B-CLIP-ViT-B-16"  # their files may be anything, the first's with --revision


def clip_files(weights):
    names = ["config.json", "preprocessor_config.json", "vocab.json", "merges.txt"]
    return {name: (QUICK / name).read_bytes() for name in names} | {path.name: path.read_bytes() for path in weights}


@pytest.fixture
def clip_hub():
    hubs_made = []

    def make(files, repository=f"openai/{CLIP_NAME}"):
        hubs_made.append(hubs.Hub(repository, files))
        return hubs_made[-1]
    yield make
    for hub in hubs_made:
        hub.close()


def pull_clip(hub, *more):
    return pull(hub, "--revision", "main", *more, name=CLIP_NAME)


@pytest.mark.parametrize("weights", [sorted((QUICK / "sharded").iterdir()), [QUICK / "pytorch_model.bin"], sorted((QUICK / "torch_sharded").iterdir())],
                         ids=["shards", "pickle", "pickled shards"])
def test_weights_in_other_forms_are_fetched_whole(clip_hub, models, weights):
    files = clip_files(weights)
    hub = clip_hub(files)
    result = pull_clip(hub)
    assert result.status == 0, result.err
    assert {path.name for path in (models / CLIP_NAME).iterdir()} == {*files, "SHA256SUMS"}
    for name, data in files.items():
        assert (models / CLIP_NAME / name).read_bytes() == data
    sums = dict(reversed(line.split("  ")) for line in (models / CLIP_NAME / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert all(len(hub.asked("store", path.name)) == (path.suffix != ".json") for path in weights)  # each once
    assert f"{len(files)} files" in run_cir("model", "check", CLIP_NAME).out


def test_one_safetensors_file_is_taken_before_other_forms(clip_hub, models):
    hub = clip_hub(clip_files([QUICK / "pytorch_model.bin", *(QUICK / "sharded").iterdir()]))
    hub.files["model.safetensors"] = (QUICK / "weights_f16.safetensors").read_bytes()
    assert pull_clip(hub).status == 0
    assert not hub.asked(name="pytorch_model.bin") and not hub.asked(name="model.safetensors.index.json")


def test_open_clip_s_checkpoint_is_fetched_with_any_tokenizer(clip_hub, models):
    files = {name: (QUICK / name).read_bytes() for name in ("vocab.json", "merges.txt")}
    files |= {name: (OPEN_CLIP / name).read_bytes() for name in ("open_clip_config.json", "open_clip_pytorch_model.bin")}
    result = pull(clip_hub(files, f"apple/{DFN_NAME}"), name=DFN_NAME)
    assert result.status == 0, result.err
    assert {path.name for path in (models / DFN_NAME).iterdir()} == {*files, "SHA256SUMS"}


def test_a_lost_shard_is_continued(clip_hub, models):
    hub = clip_hub(clip_files(sorted((QUICK / "sharded").iterdir())))
    second = "model-00002-of-00004.safetensors"
    hub.scripts["store", second] = [hubs.cut(1000)]
    result = pull_clip(hub)
    assert result.status == 0, result.err
    assert hub.ranges("store", second) == [None, "bytes=1000-"]


def test_a_missing_shard_is_told(clip_hub, models):
    files = clip_files((QUICK / "sharded").iterdir())
    del files["model-00003-of-00004.safetensors"]
    assert_refused(pull_clip(clip_hub(files)), models, "404 EntryNotFound", "model-00003-of-00004.safetensors", name=CLIP_NAME)


@pytest.mark.parametrize("name", ["../x.safetensors", "/etc/x.safetensors", "a/x.safetensors", "config.json", "x y.safetensors", "x.safetensors?y.bin", ".x.bin", 3])
def test_an_index_leads_nowhere_else(clip_hub, models, name):
    files = clip_files([])
    files["model.safetensors.index.json"] = json.dumps({"weight_map": {"logit_scale": name}}).encode()
    hub = clip_hub(files)
    assert_refused(pull_clip(hub), models, "which is not a file of a model", name=CLIP_NAME)
    assert hub.asked(name="x.safetensors") == []


def test_shards_together_are_bounded(clip_hub, models):
    """Twice the model's size, 601 MB, for all of them: the first three tell 400 MB each."""
    hub = clip_hub(clip_files((QUICK / "sharded").iterdir()))
    hub.linked_size["model-00001-of-00004.safetensors"] = 5 << 30
    assert_refused(pull_clip(hub), models, "no such file has more than 1202000000", name=CLIP_NAME)


def test_a_checkpoint_that_would_run_something_is_not_installed(clip_hub, models):
    files = clip_files([])
    files["pytorch_model.bin"] = (DATA / "torch/refused_evil2.bin").read_bytes()
    assert_refused(pull_clip(clip_hub(files)), models, "names posix.system", name=CLIP_NAME)


def test_weights_that_are_nowhere_are_told(hub, models):
    del hub.files[WEIGHTS]
    assert_refused(pull(hub), models, "404 EntryNotFound", WEIGHTS)
    assert hub.asked("hub", "pytorch_model.bin")


def test_nothing_stands_for_a_file_whose_checksum_is_known(clip_hub, models):
    """The weights of SigLIP 2 are known by their checksum."""
    name = "siglip2-base-patch16-224"
    model = next(model for model in run_cir("model", "list", "--json").json["models"] if model["name"] == name)
    assert model["pinned"] == "weights"
    hub = clip_hub({**FILES, "tokenizer.json": b"{}"}, f"google/{name}")
    hub.revisions = {model["revision"]: model["revision"], "main": model["revision"]}
    result = pull(hub, name=name)
    assert result.status == 1 and "tokenizer.json" in result.err and "known" in result.err  # of other bytes
    assert (models / f"{name}.partial" / "config.json").read_bytes() == FILES["config.json"]  # known by the hub's word alone


def test_a_model_that_does_not_open_is_not_installed(hub, models):
    hub.files["config.json"] = FILES["config.json"].replace(b'"patch_size": 7', b'"patch_size": 8')
    assert_refused(pull(hub), models, WEIGHTS)


def test_a_pointer_in_place_of_the_weights_says_so(hub, models):
    hub.files[WEIGHTS] = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    assert_refused(pull(hub), models, "is a Git LFS pointer, not the weights")


# -- what is known --

@pytest.fixture
def pinned_hub():
    hub = hubs.Hub(f"google/{PINNED}", FILES)
    model = next(model for model in run_cir("model", "list", "--json").json["models"] if model["name"] == PINNED)
    hub.revisions = {model["revision"]: model["revision"], "main": hubs.COMMIT, hubs.COMMIT: hubs.COMMIT}
    yield hub
    hub.close()


def test_a_known_file_must_be_the_known_one(pinned_hub, models):
    result = pull(pinned_hub, name=PINNED)
    assert result.status == 1 and "config.json" in result.err and "known" in result.err
    assert not (models / PINNED).exists()


def test_a_hub_that_tells_of_another_file_than_the_known_is_refused_at_once(pinned_hub, models):
    pinned_hub.kept_apart.add("config.json")
    pinned_hub.linked_size["config.json"] = 432
    result = pull(pinned_hub, name=PINNED)
    assert result.status == 1 and "was changed there" in result.err and "--revision main" in result.err
    assert pinned_hub.asked("store") == []


def test_the_newest_is_taken_when_asked_for(pinned_hub, models):
    assert_pulled(pinned_hub, models, "--revision", "main", name=PINNED)


def test_a_mirror_without_the_commit_is_asked_for_main(pinned_hub, models):
    del pinned_hub.revisions[next(iter(pinned_hub.revisions))]
    assert pull(pinned_hub, name=PINNED).status == 1  # the bytes are others: the known checksum holds
    assert [path.split("/")[4] for _, _, path, _ in pinned_hub.requests if "/resolve/" in path][-1] == "main"


def test_the_list_says_what_is_known(models):
    listed = run_cir("model", "list", "--json").json["models"]
    sizes = [model["approximate_bytes"] for model in listed]
    assert listed[0]["name"] == "clip-vit-base-patch32" and sizes[0] < 700e6
    for model in listed:
        assert model["pinned"] in ("sha256", "weights", "commit", "not pinned")
        assert model["speed"] in ("fast", "medium", "slow", "very slow") and model["weights"].endswith((".safetensors", ".bin"))
        assert (model["revision"] is None) == (model["pinned"] == "not pinned")
        assert model["revision"] is None or len(model["revision"]) == 40
    assert {model["name"] for model in listed if model["pinned"] == "not pinned"} == {NAME, DFN_NAME, "DFN2B-CLIP-ViT-L-14", "DFN5B-CLIP-ViT-H-14-378"}
    assert sorted(sizes[1:]) == sizes[1:]  # the first is the one to begin with
    text = run_cir("model", "list").out
    assert "not pinned" in text and "sha256" in text


# -- ends --

def _wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come to that")


def _slow(handler, name, data):
    """Comes in pieces of 20,000 bytes until the client goes away, ten a second."""
    status, headers, data = handler.find_part(data)
    handler.send_response(status)
    for key, value in headers.items():
        handler.send_header(key, value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    for i in range(0, len(data), 20_000):
        handler.wfile.write(data[i:i + 20_000])
        time.sleep(0.1)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_end_at_any_time_is_continued(hub, models, how):
    hub.scripts["store", WEIGHTS] = [_slow]
    process = subprocess.Popen([CIR, "model", "pull", NAME, "--from", hub.url], stderr=subprocess.PIPE)
    part = models / f"{NAME}.partial" / f"{WEIGHTS}.part"
    _wait_for(lambda: part.exists() and part.stat().st_size > 60_000)
    second = pull(hub)
    assert second.status == 1 and "another process" in second.err
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (-9 if how == signal.SIGKILL else 1), err
    begun = part.stat().st_size
    assert 0 < begun < SIZE
    assert not (models / NAME).exists()
    listed = next(model for model in run_cir("model", "list", "--json").json["models"] if model["name"] == NAME)
    assert not listed["installed"] and listed["begun"] and "in part" in run_cir("model", "list").out
    told = run_cir("encode", "--model", NAME, "--texts", os.devnull, "-o", models / "x.npy")
    assert "continue with: cir model pull" in told.err
    hub.requests.clear()
    assert_pulled(hub, models)
    assert hub.ranges("store", WEIGHTS) == [f"bytes={begun}-"]


def test_several_at_once_leave_one_whole_model(hub, models):
    hub.uses_of_signature = 9
    processes = [subprocess.Popen([CIR, "model", "pull", NAME, "--from", hub.url, "-q"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
                 for _ in range(4)]
    results = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert 0 in {code for _, code in results}
    for (_, err), code in results:
        assert code == 0 or b"another process" in err, err
    assert_pulled(hub, models)


def test_a_disk_that_is_full_is_told_and_continued(hub, models):
    """A limit on the size of files stands for it: no file system is at the test's disposal."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    assert_refused(pull(hub, preexec_fn=limit), models, "cannot be written", "make room and run it again")
    assert (models / f"{NAME}.partial" / f"{WEIGHTS}.part").stat().st_size == 100_000
    hub.requests.clear()
    assert_pulled(hub, models)
    assert hub.ranges("store", WEIGHTS) == ["bytes=100000-"]


def test_weights_of_more_than_twice_the_model_s_size_are_refused(hub, models):
    hub.linked_size[WEIGHTS] = 5 << 30
    assert_refused(pull(hub), models, "no such file has more than 5220000000")
    assert hub.asked("store", WEIGHTS) == []


# -- usage --

@pytest.mark.parametrize("arguments, says", [
    (["--from", "ftp://example.org"], "an http:// or https:// address"), (["--from", "https://me:word@example.org"], "without user"),
    (["--from", "https://example.org/?x"], "without user, ? and #"), (["--from", "nonsense"], "an http:// or https:// address"),
    (["--revision", "../x"], "--revision"), (["--revision", "a b"], "--revision"), (["--revision", ""], "--revision"), ([NAME], "name one model")])
def test_wrong_usage_is_told(models, arguments, says):
    result = run_cir("model", "pull", NAME, *arguments)
    assert result.status == 2 and says in result.err and "word@" not in result.err
    assert not models.exists()


@pytest.mark.parametrize("name, meant", [("clip-vit-base-path32", "clip-vit-base-patch32"), ("CLIP-ViT-B", "clip-vit-base-patch32"),
                                         ("siglip-so400m", "siglip-so400m-patch14-384"), ("openai/clip-vit-large-patch-14", "clip-vit-large-patch14")])
def test_a_near_name_is_guessed(models, name, meant):
    assert f"did you mean {meant}?" in run_cir("model", "pull", name).err
    assert f"did you mean {meant}?" in run_cir("info", name).err


@pytest.mark.parametrize("command", [["index", "{photos}", "-o", "{out}", "--model"], ["encode", "--images", "{photos}", "-o", "{out}", "--model"],
                                     ["search", "{index}", "-t", "x", "--model"], ["serve", "{index}", "--port", "0", "--model"],
                                     ["eval", "{photos}", "--model"], ["info"], ["model", "check"]])
def test_a_known_name_that_is_not_installed_says_how_to_fetch_it(models, index, photos, tmp_path, command):
    places = {"photos": photos, "index": index, "out": tmp_path / "out"}
    result = run_cir(*[part.format(**places) for part in command], "clip-vit-large-patch14")
    assert result.status == 1
    assert "clip-vit-large-patch14: is not installed yet; fetch it (1.7 GB) with: cir model pull clip-vit-large-patch14" in result.err
