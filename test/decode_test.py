"""Pictures decoded in processes of their own: the same answers, and what happens when such a process dies."""
import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time
import zlib

import numpy
import pytest

from conftest import CIR, SOURCE, draw_photo, run_cir
from serving import Server, serving

DATA = SOURCE / "test" / "data" / "image"
SECONDS = 120  # that anything may take
IS_SANITIZED = b"__asan_init" in pathlib.Path(CIR).read_bytes() or b"__tsan_init" in pathlib.Path(CIR).read_bytes()


def png(width, height, bits=8, colour=2, interlaced=False):
    """A black PNG of next to no bytes."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    n_bytes = 0
    for x, y, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
        n_bytes += rows * (1 + (columns * channels * bits + 7) // 8)
    packer = zlib.compressobj(9)
    pixels = b"".join([packer.compress(bytes(min(1 << 20, n_bytes - i))) for i in range(0, n_bytes, 1 << 20)] + [packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def workers_of(parent):
    """Process numbers of a process' decode workers, whatever they are doing."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError, ValueError):
            if folder.name.isdigit() and b"decode-worker" in (folder / "cmdline").read_bytes().split(b"\0")[:2]:
                if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                    found.append(int(folder.name))
    return found


def is_running(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    return False


def status_bytes(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) << 10
    raise AssertionError(field)


def wait_for(what):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it does not come about")


def failures_of(index):
    return run_cir("info", index, "--failed").out


def holding(pid, n_bytes):
    """Workers of a process that hold so much: one is in the middle of a large picture."""
    def find():
        for worker in workers_of(pid):
            with contextlib.suppress(OSError, AssertionError):
                if status_bytes(worker, "VmRSS") > n_bytes:
                    return worker
        return None
    return find


@pytest.fixture
def large(tmp_path):
    """A folder with a picture that takes a second or more, and a common one after it."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "a.png").write_bytes(png(11000, 11000, interlaced=True))
    draw_photo(1).save(folder / "b.jpg")
    return folder


def test_answers_are_those_of_one_process(tmp_path):
    """Every picture of the tests, the broken ones too: features, facts and messages."""
    found = []
    folder = tmp_path / "pictures"
    shutil.copytree(DATA, folder)
    (folder / "cut.jpg").write_bytes((DATA / "rgb420.jpg").read_bytes()[:700])
    (folder / "empty.jpg").write_bytes(b"")
    for name, flags in {"apart": [], "within": ["--decode-in-process"]}.items():
        index = tmp_path / f"{name}.cir"
        made = run_cir("index", folder, "-o", index, "--json", "-q", *flags)
        assert made.status == 0, made.err
        counts = {key: value for key, value in made.json.items() if key != "seconds"}
        vectors, = index.glob("features/*/vectors.npy")
        records = [run_cir("info", index, *flag).out.replace(name, "") for flag in ([], ["--failed"])]
        found.append((counts, numpy.load(vectors).tobytes(), records[1]))
    assert found[0] == found[1]
    assert found[0][0]["encoded"] > 50 and found[0][0]["failed"] >= 2
    assert "cut.jpg" in found[0][2]


def test_a_worker_that_is_killed_costs_one_picture(large, tmp_path):
    index = tmp_path / "a.cir"
    run = subprocess.Popen([CIR, "index", large, "-o", index, "--threads", "1", "-q"], stderr=subprocess.PIPE)
    victim = wait_for(holding(run.pid, 150 << 20))
    os.kill(victim, signal.SIGKILL)
    _, errors = run.communicate(timeout=SECONDS)
    assert run.returncode == 0, errors
    told = failures_of(index)
    assert "a.png" in told and "the decoder was killed (signal 9" in told
    assert "b.jpg" not in told
    again = run_cir("index", large, "-o", index, "--retry-failed", "--json", "-q")
    assert again.status == 0 and again.json["encoded"] == 1 and again.json["failed"] == 0


def test_a_worker_that_is_killed_while_it_waits_costs_nothing(tmp_path):
    """As the system does where memory runs short: the next picture has done nothing."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(2):
        draw_photo(i).save(photos / f"{i}.jpg")
    assert run_cir("index", photos, "-o", tmp_path / "a.cir", "-q").status == 0
    with serving(tmp_path / "a.cir") as server:
        server.wait_ready()
        for size in range(64, 513, 64):
            victims = workers_of(server.process.pid)
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            wait_for(lambda: not any(map(is_running, victims)))
            assert server.get(f"/v1/images/0/thumbnail?size={size}").status == 200
            assert server.search({}, (photos / "1.jpg").read_bytes() + bytes(size)).status == 200


def test_a_worker_that_is_killed_is_no_fault_of_the_picture(large, tmp_path):
    """The photo is still there, so it is asked for again: 503, and not 404 or 422."""
    assert run_cir("index", large, "-o", tmp_path / "a.cir", "-q").status == 0
    with serving(tmp_path / "a.cir", "--max-megapixels", "200") as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
        server.wait_ready()
        for ask in (lambda: server.get("/v1/images/0/thumbnail"), lambda: server.search({}, (large / "a.png").read_bytes())):
            asked = pool.submit(ask)
            os.kill(wait_for(holding(server.process.pid, 150 << 20)), signal.SIGKILL)
            answer = asked.result(SECONDS)
            assert answer.status == 503 and answer.headers["Retry-After"], answer.body
            assert "damaged" not in answer.error["message"]
            assert ask().status == 200


def test_a_picture_that_takes_too_long_is_given_up(large, tmp_path):
    (large / "a.png").write_bytes(png(22000, 22000, bits=1, colour=0, interlaced=True))
    made = run_cir("index", large, "-o", tmp_path / "a.cir", "--max-decode-seconds", 1, "--max-decode-memory", 4000,
                   "--threads", 1, "--json", "-q")
    assert made.status == 0 and made.json["encoded"] == 1 and made.json["failed"] == 1
    assert "a.png: takes more than 1 s to decode" in failures_of(tmp_path / "a.cir")


def test_a_picture_that_takes_too_much_is_refused_before(large, tmp_path):
    """Before any of its pixels: no process grows."""
    made = run_cir("index", large, "-o", tmp_path / "a.cir", "--max-decode-memory", 64, "--json", "-q")
    assert made.status == 0 and made.json["encoded"] == 1 and made.json["failed"] == 1
    assert "MB of memory to decode, and at most 64 are allowed" in failures_of(tmp_path / "a.cir")


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's address space is larger than any limit")
def test_memory_that_cannot_be_had_costs_one_picture(large, tmp_path):
    """The address space ends while the worker decodes; the index goes on."""
    command = f"ulimit -v 1000000; exec '{CIR}' index '{large}' -o '{tmp_path}/a.cir' --threads 1 --json -q"
    (large / "a.png").write_bytes(png(9000, 9000, bits=16, colour=6, interlaced=True))  # 648 MB, and 243
    made = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
    assert made.returncode == 0, made.stderr
    told = failures_of(tmp_path / "a.cir")
    assert "a.png: " in told and "b.jpg" not in told, told


def test_thumbnails_are_bounded(tmp_path):
    """An interlaced PNG of a few KB that would take a hundred times the limit's memory, asked for at once by many."""
    photos = tmp_path / "photos"
    photos.mkdir()
    draw_photo(1).save(photos / "a.jpg")
    (photos / "bomb.png").write_bytes(png(9000, 9000, colour=6, interlaced=True))
    assert run_cir("index", photos, "-o", tmp_path / "a.cir", "-q").status == 0
    with serving(tmp_path / "a.cir", "--max-decode-memory", "100") as server:
        server.wait_ready()
        answers = [server.get(f"/v1/images/{i}/thumbnail?size={size}") for i in (0, 1) for size in (64, 256, 512)]
        refused = [answer for answer in answers if answer.status == 404]
        assert len(refused) == 3 and sum(answer.status == 200 for answer in answers) == 3
        assert all("MB of memory to decode" in answer.error["message"] for answer in refused)
        processes = [server.process.pid, *workers_of(server.process.pid)]
        assert len(processes) > 1
        assert sum(status_bytes(pid, "VmHWM") for pid in processes) < 500 << 20
        upload = server.search({"text": "red"}, (photos / "bomb.png").read_bytes())
        assert upload.status in (413, 422) and "memory to decode" in upload.error["message"], upload.body


def test_the_server_says_what_keeps_pictures_apart(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    draw_photo(1).save(photos / "a.jpg")
    assert run_cir("index", photos, "-o", tmp_path / "a.cir", "-q").status == 0
    with serving(tmp_path / "a.cir") as apart, serving(tmp_path / "a.cir", "--decode-in-process") as within:
        isolation = apart.get("/v1/index").json["isolation"]
        assert isolation[:2] == ["process", "seccomp"]  # no system that is tested on lacks it
        assert within.get("/v1/index").json["isolation"] == []
        assert not workers_of(within.process.pid)
        assert within.get("/v1/images/0/thumbnail").body == apart.get("/v1/images/0/thumbnail").body


def test_nothing_is_left_behind(tmp_path):
    """Two servers at once, one killed and one ended: neither leaves a process, and one's end is not the other's."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        draw_photo(i).save(photos / f"{i}.jpg")
    assert run_cir("index", photos, "-o", tmp_path / "a.cir", "-q").status == 0
    killed, ended = Server(tmp_path / "a.cir"), Server(tmp_path / "a.cir")
    for server in (killed, ended):
        server.wait_ready()
        assert server.get("/v1/images/0/thumbnail").status == 200
    of_killed, of_ended = workers_of(killed.process.pid), workers_of(ended.process.pid)
    assert of_killed and of_ended
    killed.process.kill()
    wait_for(lambda: not any(map(is_running, of_killed)))
    assert all(map(is_running, of_ended))
    assert ended.get("/v1/images/1/thumbnail?size=64").status == 200
    assert ended.stop() == 0
    wait_for(lambda: not any(map(is_running, of_ended)))
    killed.stop()


def test_a_worker_killed_in_mid_decode_by_its_parents_death(large, tmp_path):
    run = subprocess.Popen([CIR, "index", large, "-o", tmp_path / "a.cir", "--threads", "1", "-q"])
    worker = wait_for(holding(run.pid, 150 << 20))
    run.kill()
    run.wait()
    wait_for(lambda: not is_running(worker))


def test_an_interrupt_is_no_failure_of_pictures(large, tmp_path):
    """Ctrl-C reaches every process of the terminal."""
    index = tmp_path / "a.cir"
    run = subprocess.Popen([CIR, "index", large, "-o", index, "--threads", "1", "-q"], start_new_session=True)
    wait_for(holding(run.pid, 150 << 20))
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(timeout=SECONDS) == 1
    assert "a.png" not in failures_of(index)


def test_it_is_not_started_by_hand():
    made = run_cir("decode-worker")
    assert made.status == 2 and "is started by other cir commands" in made.err


def test_a_worker_has_no_files(large, tmp_path):
    """But a socket, shared memory, and what it measures itself by; and none of the user's secrets."""
    environment = {**os.environ, "HF_TOKEN": "secret"}
    run = subprocess.Popen([CIR, "index", large, "-o", tmp_path / "a.cir", "--threads", "1", "-q"], env=environment)
    worker = wait_for(holding(run.pid, 150 << 20))
    # A sanitizer's report goes where the parent's would.
    files = [os.readlink(path) for path in pathlib.Path(f"/proc/{worker}/fd").iterdir() if not (IS_SANITIZED and path.name == "2")]
    variables = pathlib.Path(f"/proc/{worker}/environ").read_bytes()
    filters = [line for line in pathlib.Path(f"/proc/{worker}/status").read_text().splitlines() if line.startswith("Seccomp:")]
    run.kill()
    run.wait()
    allowed = ("socket:", "/memfd:cir", "/dev/null", f"/proc/{worker}/statm")
    assert files and all(name.startswith(allowed) for name in files), files
    assert b"HF_TOKEN" not in variables
    assert filters == ["Seccomp:\t2"]
