"""Who may ask: token files, guesses at the token, TLS, and the addresses that a server goes by."""
import concurrent.futures
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from conftest import draw_photo, run_cir
from serving import serving, write_token

TOKEN = "0123456789abcdefghijklmnopqrstuv"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("guard")
    (base / "photos").mkdir()
    for i in range(4):
        draw_photo(i).save(base / f"photos/{i}.jpg")
    assert run_cir("index", base / "photos", "-o", base / "photos.cir", "-q").status == 0
    return base


# -- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content, says", [
    ("short", "5 bytes"), ("a" * 32, "different characters"), ("abcabcabcabcabcabcabc", "different characters"),
    (TOKEN + " and more", "more than one token"), ("two\nwords-that-are-long-enough", "more than one token"), ("", "empty"),
    (" \n", "0 bytes"), (TOKEN + "\u00e9", "character"), (TOKEN + "\x01", "character"), ("a0b1c2d3e4f5" * 30, "360 bytes"),
])
def test_weak_tokens_are_refused(place, tmp_path, content, says):
    result = run_cir("serve", place / "photos.cir", "--port", "0", "--token-file", write_token(tmp_path / "token", content))
    assert result.status == 1 and says in result.err and str(tmp_path / "token") in result.err, result.err
    assert TOKEN not in result.err


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o777, 0o620])
def test_a_token_that_others_can_read_is_refused(place, tmp_path, mode):
    file = write_token(tmp_path / "token", TOKEN)
    file.chmod(mode)
    result = run_cir("serve", place / "photos.cir", "--port", "0", "--token-file", file)
    assert result.status == 1 and "others can read" in result.err and f"chmod 600 {file}" in result.err, result.err


@pytest.mark.parametrize("content", [TOKEN, TOKEN + "\n", TOKEN + "\r\n", "\n  " + TOKEN + " \n\n"])
def test_a_token_may_stand_among_blank_lines(place, tmp_path, content):
    file = write_token(tmp_path / "token", content)
    file.chmod(0o400)
    with serving(place / "photos.cir", "--token-file", file) as server:
        assert server.get("/v1/index", Authorization=f"Bearer {TOKEN}").status == 200
        assert server.get("/v1/index").status == 401


def test_a_token_may_come_through_a_pipe(place, tmp_path):
    import os
    os.mkfifo(tmp_path / "pipe", 0o644)
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(TOKEN))
    writer.start()
    with serving(place / "photos.cir", "--token-file", tmp_path / "pipe") as server:
        assert server.get("/v1/index", Authorization=f"Bearer {TOKEN}").status == 200
    writer.join()


# -- guesses -------------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(place, tmp_path):
    with serving(place / "photos.cir", "--token-file", write_token(tmp_path / "token", TOKEN)) as server:
        yield server.wait_ready()


def ask(server, token):
    return server.request("GET", "/v1/images/0", headers={"Authorization": f"Bearer {token}"})


def test_guesses_are_slowed_and_the_right_token_is_not(guarded):
    started = time.monotonic()
    assert [ask(guarded, f"wrong-{i}").status for i in range(9)] == [401] * 9
    assert time.monotonic() - started >= 4, "the first five at once, each other held for a second"
    for _ in range(3):
        assert ask(guarded, TOKEN).status == 200


def test_many_guesses_at_once_are_turned_away(guarded):
    """A flood from one address: few are looked at, and /healthz and whoever has a session go on."""
    session = guarded.request("POST", "/v1/session", headers={"Authorization": f"Bearer {TOKEN}"}).headers["Set-Cookie"].split(";")[0]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        statuses = []
        flood = [pool.submit(lambda i: statuses.append(ask(guarded, f"wrong-{i}").status), i) for i in range(600)]
        for _ in range(10):
            assert guarded.get("/healthz").status == 200
            assert guarded.get("/v1/images/0", Cookie=session).status == 200
        for one in flood:
            one.result()
    assert set(statuses) == {401, 429} and statuses.count(429) > 100, statuses
    # Soon after, the right one passes.
    for _ in range(50):
        answer = ask(guarded, TOKEN)
        if answer.status == 200:
            break
        assert answer.status == 429 and answer.headers["Retry-After"] == "1" and answer.error["code"] == "TOO_MANY_GUESSES"
        time.sleep(0.1)
    assert answer.status == 200


def test_a_guess_that_asks_before_it_sends_is_held_too(guarded):
    for i in range(6):
        ask(guarded, f"wrong-{i}")
    with guarded.socket(5) as connection:
        connection.sendall(b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_a_page_of_before_a_restart_is_not_taken_for_a_guess(guarded):
    started = time.monotonic()
    assert {guarded.get("/v1/images/0", Cookie="cir_session=" + "0" * 64).status for _ in range(40)} == {401}
    assert ask(guarded, TOKEN).status == 200
    assert time.monotonic() - started < 30, "none was held"


def test_it_ends_while_guesses_are_held(place, tmp_path):
    with serving(place / "photos.cir", "--token-file", write_token(tmp_path / "token", TOKEN)) as server:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            flood = [pool.submit(ask, server, f"wrong-{i}") for i in range(20)]
            time.sleep(0.5)
            assert server.stop() == 0
            for one in flood:
                assert one.exception() is not None or one.result().status in (401, 429)
        server.is_alive = lambda: True


# -- TLS -----------------------------------------------------------------------------------------------------------


def make_pair(folder, *key):
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-newkey", *key, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return "--tls-certificate", folder / "cert.pem", "--tls-key", folder / "key.pem"


@pytest.fixture(scope="module", params=[["rsa:2048"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ["ed25519"]], ids=lambda key: key[0])
def tls(request, place, tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    with serving(place / "photos.cir", *make_pair(tmp_path_factory.mktemp("pair"), *request.param)) as server:
        yield server


def shake_hands(server, least, most, ciphers="ALL:@SECLEVEL=0"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version, context.maximum_version = least, most
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain, context.wrap_socket(plain) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        return connection.version(), connection.cipher()[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_of_tls_are_refused(tls):
    versions = ssl.TLSVersion
    assert shake_hands(tls, versions.TLSv1_3, versions.TLSv1_3)[0] == "TLSv1.3"
    version, cipher = shake_hands(tls, versions.TLSv1_2, versions.TLSv1_2)
    assert version == "TLSv1.2" and cipher.startswith("ECDHE-") and ("GCM" in cipher or "CHACHA20" in cipher)
    for least, most in ((versions.TLSv1, versions.TLSv1), (versions.TLSv1_1, versions.TLSv1_1), (versions.TLSv1, versions.TLSv1_1)):
        with pytest.raises(OSError):
            shake_hands(tls, least, most)


@pytest.mark.parametrize("ciphers", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES256-GCM-SHA384",
                                     "AECDH-AES256-SHA:ADH-AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384", "eNULL"])
def test_weak_ciphers_are_refused(tls, ciphers):
    with pytest.raises(OSError):
        shake_hands(tls, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, ciphers + ":@SECLEVEL=0")


def test_wrong_keys_are_told(place, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")

    def start(certificate, key):
        return run_cir("serve", place / "photos.cir", "--port", "0", "--tls-certificate", certificate, "--tls-key", key)
    for name, key, says in (("good", ["rsa:2048"], None), ("other", ["rsa:2048"], None), ("small", ["rsa:1024"], "too weak"),
                            ("curve", ["ec", "-pkeyopt", "ec_paramgen_curve:secp160r1"], "")):
        (tmp_path / name).mkdir()
        try:
            make_pair(tmp_path / name, *key)
        except subprocess.CalledProcessError:
            assert name == "curve"
            continue
        if says is not None:
            result = start(tmp_path / name / "cert.pem", tmp_path / name / "key.pem")
            assert result.status == 1 and says in result.err and str(tmp_path / name / "key.pem") in result.err, result.err
    good = tmp_path / "good"
    result = start(good / "cert.pem", tmp_path / "other/key.pem")
    assert result.status == 1 and "is not the key of the certificate" in result.err, result.err
    result = start(good / "key.pem", good / "key.pem")
    assert result.status == 1 and "certificate" in result.err and "PEM" in result.err, result.err
    result = start(good / "cert.pem", good / "cert.pem")
    assert result.status == 1 and "others can read" in result.err, result.err
    subprocess.run(["openssl", "rsa", "-aes128", "-passout", "pass:secret", "-in", good / "key.pem", "-out", tmp_path / "locked.pem"],
                   check=True, capture_output=True)
    (tmp_path / "locked.pem").chmod(0o600)
    result = start(good / "cert.pem", tmp_path / "locked.pem")
    assert result.status == 1 and "without a password" in result.err, result.err
    for mode in (0o644, 0o640):
        (good / "key.pem").chmod(mode)
        result = start(good / "cert.pem", good / "key.pem")
        assert result.status == 1 and "others can read" in result.err, result.err


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given, url, reached", [
    ("[::1]", "http://[::1]:", "::1"), ("::1", "http://[::1]:", "::1"), ("localhost", "http://127.0.0.1:", "127.0.0.1"),
    ("localhost.", "http://127.0.0.1:", "127.0.0.1"), ("LOCALHOST", "http://127.0.0.1:", "127.0.0.1"), ("127.0.0.2", "http://127.0.0.2:", "127.0.0.2"),
])
def test_addresses_as_they_are_written(place, given, url, reached):
    if reached == "::1":
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("there is no IPv6 here")
    with serving(place / "photos.cir", "--address", given) as server:
        assert server.url.startswith(url) and server.token is None
        for host in ("localhost.", "localhost.:80", "LocalHost.", "[::1]", "127.0.0.1"):
            assert server.get("/healthz", Host=host).status == 200, host
        assert server.get("/healthz", Host="localhost..").status == 403


@pytest.mark.parametrize("given", ["[]", "[", "[::1", "::1]", "[127.0.0.1", "a" * 500, ""])
def test_what_is_no_address_is_told(place, given):
    result = run_cir("serve", place / "photos.cir", "--port", "0", "--address", given)
    assert result.status == 1 and "address" in result.err
