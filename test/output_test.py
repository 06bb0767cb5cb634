"""Where results go, and what names may do: pipes, links, modes; names that would steer a terminal or are no UTF-8."""
import base64
import json
import os
import pathlib
import stat
import subprocess
import threading

import numpy
import pytest

from conftest import CIR, SOURCE, draw_photo

GOLDEN = SOURCE / "test/data/method/small"
HOSTILE = "\x1b[31m\x9b2J\u202egpj.\x07"


def read_npy(source):
    return numpy.load(source, allow_pickle=False)


@pytest.fixture
def texts(tmp_path):
    (tmp_path / "texts").write_text("a dog\na cat\n")
    return tmp_path / "texts"


def writers(cir, photos, tmp_path, texts):
    """name of the file a command writes -> the command, but for that name."""
    index = tmp_path / "i.cir"
    assert cir("index", photos, "-o", index, "-q").status == 0
    return {"f.npy": ("encode", "--model", "demo", "-q", "--texts", texts, "-o"),
            "r.json": ("eval", "--features", GOLDEN, "--method", "sum", "--json"),
            "r.html": ("eval", "--features", GOLDEN, "--method", "sum", "--report"),
            "page.html": ("search", index, "--text", "a dog", "-q", "--html")}


def test_links_are_followed_and_modes_kept(cir, photos, tmp_path, texts):
    for name, command in writers(cir, photos, tmp_path, texts).items():
        target = tmp_path / "elsewhere" / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(b"old")
        target.chmod(0o600)
        (tmp_path / name).symlink_to(target)
        done = cir(*command, tmp_path / name)
        assert done.status == 0, done.err
        assert (tmp_path / name).is_symlink() and target.stat().st_size > 10, name
        assert stat.S_IMODE(target.stat().st_mode) == 0o600, name
        early = tmp_path / ("early-" + name)
        early.symlink_to(tmp_path / "elsewhere" / ("new-" + name))
        assert cir(*command, early).status == 0
        assert early.is_symlink() and (tmp_path / "elsewhere" / ("new-" + name)).stat().st_size > 10, name


def test_pipes_are_written_through(cir, photos, tmp_path, texts):
    for name, command in writers(cir, photos, tmp_path, texts).items():
        pipe = tmp_path / ("pipe-" + name)
        os.mkfifo(pipe)
        read = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
        reader.start()
        plain = tmp_path / ("plain-" + name)
        done = cir(*command, pipe)
        reader.join()
        assert done.status == 0, done.err
        assert stat.S_ISFIFO(pipe.stat().st_mode), name
        assert cir(*command, plain).status == 0
        if name == "f.npy":
            assert read[0] == plain.read_bytes() and read_npy(plain).shape == (2, 128)
        else:
            assert len(read[0]) > 10


def test_a_reader_that_leaves_is_said(tmp_path):
    texts = tmp_path / "texts"
    texts.write_text("a dog\n" * 400)  # more than a pipe holds
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen([CIR, "encode", "--model", "demo", "-q", "--texts", texts, "-o", pipe],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # Opened and closed: what is written then has no reader.
    descriptor = os.open(pipe, os.O_RDONLY)
    os.close(descriptor)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_tables_go_behind_links_too(cir, tmp_path):
    tables = tmp_path / "csv"
    first = cir("eval", "--features", GOLDEN, "--method", "sum", "--csv", tables)
    assert first.status == 0, first.err
    for table in list(tables.iterdir()):
        text = table.read_bytes()
        kept = tmp_path / ("kept-" + table.name)
        kept.write_bytes(b"old")
        kept.chmod(0o640)
        table.unlink()
        table.symlink_to(kept)
        assert cir("eval", "--features", GOLDEN, "--method", "sum", "--csv", tables).status == 0
        assert table.is_symlink() and kept.read_bytes() == text
        assert stat.S_IMODE(kept.stat().st_mode) == 0o640


def test_closed_streams_are_no_files_of_an_index(cir, photos, tmp_path):
    """What is opened next would get the numbers of standard output and error, and their messages."""
    (photos / "broken.jpg").write_bytes(b"no picture")
    index = tmp_path / "i.cir"
    assert cir("index", photos, "-o", index, "-q").status == 0
    for closed in ("2>&-", ">&- 2>&-", "<&- 2>&-", "<&- >&- 2>&-"):
        for command in ("index {} --retry-failed", "check {} --repair", "search {} -t dog"):
            done = subprocess.run(["sh", "-c", f'"$0" {command.format(chr(34) + "$1" + chr(34))} {closed}', CIR, index],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert done.returncode in (0, 1), (closed, command)
            assert (index / "lock").read_bytes() == b"", (closed, command)
            done = cir("check", index)
            assert done.status == 0, (closed, command, done.out)


def test_limits_on_files_are_said(cir, tmp_path):
    texts = tmp_path / "texts"
    texts.write_text("a dog\n" * 40)
    done = subprocess.run(["sh", "-c", 'ulimit -f 2; "$0" encode --model demo -q --texts "$1" -o "$2" 2>&1 | cat', CIR, texts,
                           tmp_path / "f.npy"], capture_output=True, text=True)
    assert "f.npy" in done.stdout and "File too large" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["texts"]


def test_where_nothing_can_be_written_is_said_first(cir, tmp_path, texts):
    done = cir("encode", "--model", tmp_path / "no-model", "--texts", texts, "-o", tmp_path / "none" / "f.npy")
    assert done.status == 1 and "f.npy" in done.err and "folder" in done.err


def test_names_steer_no_terminal(cir, photos, tmp_path):
    hostile = photos / (HOSTILE + ".jpg")
    draw_photo(1).save(photos / "plain.jpg")
    (photos / "plain.jpg").rename(hostile)
    broken = photos / ("broken" + HOSTILE + ".png")
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"junk" * 20)
    index = tmp_path / "i.cir"
    printed = []
    printed.append(cir("index", photos, "-o", index, "-q"))
    printed.append(cir("info", index, "--failed"))
    assert "broken" in printed[-1].out
    hostile.unlink()
    printed.append(cir("index", photos, "-o", index, "-q"))
    printed.append(cir("info", index, "--vanished"))
    assert "x1b" in printed[-1].out
    printed.append(cir("search", index, "--image", hostile))
    printed.append(cir("search", index, "--text", "a dog"))
    printed.append(cir("check", index))
    printed.append(cir("encode", "--model", "demo", "-q", "-o", tmp_path / "f.npy", "--images", broken))
    for result in printed:
        for text in (result.out, result.err):
            assert not any(c in text for c in "\x1b\x9b\x07\u202e"), text


def test_a_path_that_is_no_text_can_be_opened(cir, photos, tmp_path):
    name = os.fsencode(photos) + b"/caf\xe9.jpg"
    with open(name, "wb") as file:
        draw_photo(60).save(file, format="JPEG")
    with open(os.fsencode(photos) + b"/brok\xe9n.jpg", "wb") as file:
        file.write(b"\xff\xd8\xff\xe0junk")
    index = tmp_path / "odd.cir"
    assert cir("index", photos, "-o", index, "-q").status == 0
    found = cir("search", index, "--image", name, "--json", "-k", 20, cwd=tmp_path).json["hits"]
    odd = [hit for hit in found if "path_bytes" in hit]
    assert len(odd) == 1 and "\ufffd" in odd[0]["path"]
    with open(os.path.join(os.fsencode(tmp_path), base64.b64decode(odd[0]["path_bytes"])), "rb") as file:
        assert file.read(2) == b"\xff\xd8"
    failed = cir("info", index, "--failed", "--json", cwd=tmp_path).json["failed"]
    assert base64.b64decode(failed[0]["path_bytes"]).endswith(b"brok\xe9n.jpg")
