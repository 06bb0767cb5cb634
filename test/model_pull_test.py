"""cir model pull against a hub of the tests' own (hub.py): as it should be, and with everything that can go wrong."""
import datetime
import hashlib
import json
import os
import signal
import subprocess

import pytest

import hub as hubs
from conftest import CIR, run_cir
from pulling import assert_installed, assert_pulled, assert_refused, FILES, hub, models, NAME, pull, SIZE, wait_for, WEIGHTS  # noqa: F401, fixtures


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
    wait_for(lambda: hub.asked("hub", WEIGHTS))
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
