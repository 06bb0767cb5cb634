"""`cir eval` on data sets of pictures: WebDataset shards against the same pictures as files, the cache of features,
checksums against sha256sum, and what may be wrong with lists and folders."""
import csv
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import time

import numpy
import pytest

from conftest import CIR, draw_photo

METHODS = "image,text,sum,product,basic-"


def run(*arguments, cache="none", **keywords):
    more = [] if "--features" in arguments else ["--cache", cache]
    return subprocess.run([CIR, "eval", *map(str, arguments), *map(str, more)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=300, **keywords)


def ask(*arguments, **keywords):
    answer = run(*arguments, "--json", "-", "-q", **keywords)
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout)
    del document["seconds"]
    return document


def make_icir(folder, n_instances=3, seed=0):
    """A set in i-CIR's layout; some rows share a picture. Returns its rows: {query: …, database: …}."""
    texts = ["at night", 'in the "rain", again', "as a drawing"]
    rows = {"query": [], "database": []}
    n = seed
    for i in range(n_instances):
        for kind, count in (("query", 2), ("database", 12)):
            for k in range(count):
                n += 1
                path = f"icir/{kind}/thing_{i}/{k:02}.jpg"
                file = folder.parent / path.replace("icir", folder.name, 1)
                file.parent.mkdir(parents=True, exist_ok=True)
                draw_photo(n).save(file, quality=90)
                for text in texts[:2] if kind == "query" or k == 0 else texts[k % 3:k % 3 + 1]:
                    rows[kind].append((path, text, f"thing {i}"))
    for kind, listed in rows.items():
        with open(folder / f"{kind}_files.csv", "w", newline="") as file:
            csv.writer(file).writerows(listed)
    return rows


# -- shards ----------------------------------------------------------------------------------------------------------


def add(archive, name, data):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def make_shards(folder, rows, source, style=tarfile.PAX_FORMAT, per_shard=7, key="{:06}", picture_first=True):
    """The same rows as WebDataset writes them."""
    for kind, listed in rows.items():
        (folder / kind).mkdir(parents=True)
        for begin in range(0, len(listed), per_shard):
            with tarfile.open(folder / kind / f"{kind}-{begin // per_shard:06}.tar", "w", format=style) as archive:
                for i, (path, text, instance) in enumerate(listed[begin:begin + per_shard], begin):
                    members = [("jpg", (source.parent / path.replace("icir", source.name, 1)).read_bytes()),
                               ("json", json.dumps({"img_path": path, "text": text, "instance": instance}).encode())]
                    for extension, data in members if picture_first else members[::-1]:
                        add(archive, f"{key.format(i)}.{extension}", data)


@pytest.mark.parametrize("style, key, picture_first, below", [
    (tarfile.PAX_FORMAT, "{:06}", True, "webdataset"), (tarfile.USTAR_FORMAT, "some/folder/{:06}", False, "."),
    (tarfile.GNU_FORMAT, "deep/" * 40 + "{:06}", True, "webdataset"),
    (tarfile.PAX_FORMAT, "naïve/夜" * 30 + "/{:06}", True, "webdataset")])
def test_shards_are_the_pictures_they_hold(style, key, picture_first, below, tmp_path):
    source = tmp_path / "icir"
    rows = make_icir(source)
    shards = tmp_path / "copy" / "icir"
    make_shards(shards / below, rows, source, style, key=key, picture_first=picture_first)
    before = sorted(shards.rglob("*"))
    expected, got = ask(source, "--method", METHODS), ask(shards, "--method", METHODS)
    assert got == expected
    assert len(expected["queries"]) == len(rows["query"]) and expected["n_database"] == len(rows["database"])
    assert sorted(shards.rglob("*")) == before  # nothing was unpacked


def test_lists_go_before_shards(tmp_path):
    source = tmp_path / "icir"
    rows = make_icir(source)
    make_shards(source / "webdataset", {"query": rows["query"][:1], "database": rows["database"][:3]}, source)
    assert len(ask(source, "--method", "image")["queries"]) == len(rows["query"])


def test_what_others_put_into_shards_is_passed_over(tmp_path):
    source = tmp_path / "icir"
    rows = make_icir(source)
    make_shards(tmp_path / "s", rows, source)
    before = ask(tmp_path / "s", "--method", "sum")
    for shard in (tmp_path / "s").rglob("*.tar"):
        with tarfile.open(shard, "a") as archive:
            add(archive, "README", b"no sample")
            add(archive, ".hidden.json", b"{")
            link = tarfile.TarInfo("link.jpg")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    (tmp_path / "s" / "query" / "notes.txt").write_text("")
    after = ask(tmp_path / "s", "--method", "sum")
    assert after == before


def good_sample(path="icir/query/a.jpg", text="t", instance="i"):
    picture = io.BytesIO()
    draw_photo(1).save(picture, format="JPEG")
    return picture.getvalue(), json.dumps({"img_path": path, "text": text, "instance": instance}).encode()


@pytest.mark.parametrize("members, says", [
    ([("000.jpg", None)], "sample 000 has no .json"),
    ([("000.json", None)], "sample 000 has no picture"),
    ([("000.jpg", None), ("001.json", None)], "sample 000 has no .json"),
    ([("000.jpg", None), ("000.json", b"[")], "not a JSON object"),
    ([("000.jpg", None), ("000.json", b'{"img_path": "a", "text": "b"}')], "lacks one of the texts"),
    ([("000.jpg", None), ("000.json", b'{"img_path": "a", "text": "b", "instance": 3}')], "lacks one of the texts"),
    ([("README", b"")], "hold no samples"),
])
def test_samples_that_are_wrong(members, says, tmp_path):
    for kind in ("query", "database"):
        (tmp_path / kind).mkdir()
        with tarfile.open(tmp_path / kind / "x-000000.tar", "w") as archive:
            picture, facts = good_sample()
            for name, data in members if kind == "query" else [("1.jpg", picture), ("1.json", facts)]:
                add(archive, name, data if data is not None else picture if name.endswith("jpg") else facts)
    answer = run(tmp_path)
    assert answer.returncode == 1 and says in answer.stderr and "query" in answer.stderr, answer.stderr


@pytest.mark.parametrize("damage, says", [
    (lambda data: data[:1000], "ends behind the archive's last byte"),
    (lambda data: b"\0" * 100, "ends within a header"),
    (lambda data: b"x" + data[1:], "has no header"), (lambda data: b"", "hold no samples")])
def test_damaged_shards(damage, says, tmp_path):
    source = tmp_path / "icir"
    rows = make_icir(source, n_instances=1)
    make_shards(tmp_path / "s", rows, source)
    shard = tmp_path / "s" / "query" / "query-000000.tar"
    shard.write_bytes(damage(shard.read_bytes()))
    answer = run(tmp_path / "s")
    assert answer.returncode == 1 and says in answer.stderr, answer.stderr
    if says != "hold no samples":
        assert "query-000000.tar" in answer.stderr


def test_a_damaged_picture_in_a_shard_is_named(tmp_path):
    source = tmp_path / "icir"
    rows = make_icir(source, n_instances=1)
    (source / "database" / "thing_0" / "03.jpg").write_bytes(b"no picture")
    make_shards(tmp_path / "s", rows, source)
    answer = run(tmp_path / "s")
    assert answer.returncode == 1 and "icir/database/thing_0/03.jpg" in answer.stderr


# -- the cache -------------------------------------------------------------------------------------------------------


def counts(answer):
    """(found, encoded) of the line about the cache."""
    line = next(line for line in answer.stderr.splitlines() if " pictures found, " in line)
    words = line.replace(",", "").split()
    return int(words[words.index("pictures") - 1]), int(words[words.index("encoded;") - 1])


def test_a_second_run_encodes_nothing(tmp_path):
    source = tmp_path / "icir"
    make_icir(source)
    n = len(list(source.rglob("*.jpg")))
    fresh = ask(source, "--method", METHODS)
    assert counts(run(source, "--method", "image", cache=tmp_path / "cache")) == (0, n)
    assert counts(run(source, "--method", "image", cache=tmp_path / "cache")) == (n, 0)
    assert ask(source, "--method", METHODS, cache=tmp_path / "cache") == fresh
    # Elsewhere, and by another way: the bytes are known.
    shutil.copytree(source, tmp_path / "other" / "icir")
    assert counts(run(tmp_path / "other" / "icir", "--method", "image", cache=tmp_path / "cache")) == (n, 0)
    answer = run("icir", "--method", "image", cache=tmp_path / "cache", cwd=tmp_path)
    assert counts(answer) == (n, 0)
    # A changed picture, and one that takes another's place.
    draw_photo(999).save(source / "query" / "thing_0" / "00.jpg")
    shutil.copy(source / "database" / "thing_1" / "04.jpg", source / "database" / "thing_1" / "05.jpg")
    assert counts(run(source, "--method", "image", cache=tmp_path / "cache")) == (n - 1, 1)
    changed = ask(source, "--method", METHODS, cache=tmp_path / "cache")
    assert changed == ask(source, "--method", METHODS) and changed != fresh


def test_the_users_cache_by_default(tmp_path):
    source = tmp_path / "icir"
    make_icir(source, n_instances=1)
    n = len(list(source.rglob("*.jpg")))

    def run_with(**environment):
        keep = {key: value for key, value in os.environ.items() if key not in ("XDG_CACHE_HOME", "HOME")}
        return subprocess.run([CIR, "eval", source, "--method", "image"], env=dict(keep, **environment),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=120)

    for environment, place in (({"XDG_CACHE_HOME": str(tmp_path / "xdg")}, tmp_path / "xdg"),
                               ({"HOME": str(tmp_path)}, tmp_path / ".cache"),
                               ({"HOME": str(tmp_path / "h"), "XDG_CACHE_HOME": "relative"}, tmp_path / "h" / ".cache")):
        (tmp_path / "h").mkdir(exist_ok=True)
        answer = run_with(**environment)
        assert answer.returncode == 0 and counts(answer) == (0, n), answer.stderr
        files = os.listdir(place / "cir")
        assert len(files) == 1 and files[0].startswith("features-") and files[0].endswith(".sqlite")
        assert counts(run_with(**environment)) == (n, 0)
    for environment in ({}, {"HOME": "/nonexistent"}):
        answer = run_with(**environment)
        assert answer.returncode == 0 and "cache" not in answer.stderr, answer.stderr
    assert not os.path.exists("relative")
    # One that nobody asked for and that cannot be used is told, and left out.
    (tmp_path / "odd" / "cir").mkdir(parents=True)
    (tmp_path / "odd" / "cir" / files[0]).mkdir()
    answer = run_with(XDG_CACHE_HOME=str(tmp_path / "odd"))
    assert answer.returncode == 0 and "cannot be used" in answer.stderr and "mmAP" in answer.stdout
    answer = run(source, cache=tmp_path / "odd" / "cir")
    assert answer.returncode == 1 and "cannot be used" in answer.stderr and answer.stdout == ""


def test_shards_are_cached_too(tmp_path):
    source = tmp_path / "icir"
    rows = make_icir(source)
    make_shards(tmp_path / "s", rows, source)
    n = len({row[0] for listed in rows.values() for row in listed})
    cache = tmp_path / "cache"
    assert counts(run(tmp_path / "s", "--method", "image", cache=cache)) == (0, n)
    assert counts(run(tmp_path / "s", "--method", "image", cache=cache)) == (n, 0)
    assert counts(run(source, "--method", "image", cache=cache)) == (n, 0)
    time.sleep(4)  # so that places are noted, and found in the run after
    assert counts(run(tmp_path / "s", "--method", "image", cache=cache)) == (n, 0)
    got, expected = ask(tmp_path / "s", "--method", METHODS, cache=cache), ask(source, "--method", METHODS)
    assert got["methods"] == expected["methods"] and got["protocol"] == expected["protocol"]
    with sqlite3.connect(next(cache.glob("*.sqlite"))) as database:
        n_places = database.execute("SELECT count(*) FROM places WHERE offset > 0").fetchone()[0]
    assert n_places == n


def test_a_killed_run_goes_on(tmp_path):
    source = tmp_path / "icir"
    make_icir(source, n_instances=40)
    n = len(list(source.rglob("*.jpg")))
    process = subprocess.Popen([CIR, "eval", source, "--method", "image", "--cache", tmp_path / "cache", "--threads", "1"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.time() + 60
    while time.time() < deadline and process.poll() is None:
        files = list((tmp_path / "cache").glob("*-wal"))
        if files and files[0].stat().st_size > 100000:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found, encoded = counts(run(source, "--method", "image", cache=tmp_path / "cache"))
    assert found + encoded == n and found >= 32
    assert ask(source, "--method", "sum", cache=tmp_path / "cache")["methods"] == \
        ask(source, "--method", "sum")["methods"]


def test_two_runs_share_a_cache(tmp_path):
    source = tmp_path / "icir"
    make_icir(source, n_instances=12)
    n = len(list(source.rglob("*.jpg")))
    command = [CIR, "eval", source, "--method", "image", "--cache", tmp_path / "cache"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
            for _ in range(3)]
    for process in runs:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0 and "cannot" not in err and "locked" not in err, err
    assert counts(run(source, "--method", "image", cache=tmp_path / "cache")) == (n, 0)


def test_caches_that_cannot_be(tmp_path):
    source = tmp_path / "icir"
    make_icir(source, n_instances=1)
    (tmp_path / "file").write_text("")
    answer = run(source, cache=tmp_path / "file")
    assert answer.returncode == 1 and "file" in answer.stderr and "Traceback" not in answer.stderr
    answer = run(source, cache=tmp_path / "no" / "such")
    assert answer.returncode == 1 and "no/such: cannot be created" in answer.stderr
    answer = subprocess.run([CIR, "eval", "--features", source, "--cache", "none"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True)
    assert answer.returncode == 2 and "--cache" in answer.stderr


# -- checksums -------------------------------------------------------------------------------------------------------


def write_sums(folder, *options):
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*")
                   if path.is_file() and path.name != "checksums.sha256")
    made = subprocess.run(["sha256sum", *options, "--", *names], cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    (folder / "checksums.sha256").write_bytes(made)
    return names


@pytest.mark.parametrize("options", [[], ["--binary"]])
def test_checksums_as_sha256sum_writes_them(options, tmp_path):
    source = tmp_path / "icir"
    make_icir(source)
    (source / "odd\\name\nof a file").write_bytes(b"x" * 5000)
    names = write_sums(source, *options)
    answer = run(source, "--verify", "--method", "image")
    assert answer.returncode == 0 and f"all {len(names)} files are what was published" in answer.stderr, answer.stderr

    with open(source / "database" / "thing_0" / "02.jpg", "r+b") as file:
        file.seek(40)
        byte = file.read(1)
        file.seek(40)
        file.write(bytes([byte[0] ^ 1]))
    (source / "query" / "thing_1" / "01.jpg").unlink()
    (source / "odd\\name\nof a file").write_bytes(b"")
    answer = run(source, "--verify")
    assert answer.returncode == 1 and answer.stdout == ""
    lines = answer.stderr.splitlines()
    assert "cir: database/thing_0/02.jpg: is wrong by checksums.sha256" in lines
    assert "cir: query/thing_1/01.jpg: is missing by checksums.sha256" in lines
    assert sum(line.startswith("cir: odd") and "is wrong" in line for line in lines) == 1  # in one line
    assert f"3 of {len(names)} files are not what was published" in answer.stderr


def test_checksums_with_the_folders_name_in_front(tmp_path):
    source = tmp_path / "icir"
    make_icir(source, n_instances=1)
    names = write_sums(source)
    for front, end in (("icir/", "\n"), ("./", "\r\n"), ("./icir/", "\n")):
        (source / "checksums.sha256").write_bytes("".join(
            f"{hashlib.sha256((source / name).read_bytes()).hexdigest().upper()}  {front}{name}{end}"
            for name in names).encode())
        answer = run(source, "--verify", "--method", "image")
        assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("text, says", [
    ("", "lists no files"), ("hello\n", "line 1"), ("0" * 64 + "  \n", "line 1"), ("0" * 64 + " a\n", "line 1"),
    ("g" * 64 + "  a\n", "line 1"), ("\n" + "0" * 63 + "  ab\n", "line 2"), ("\\" + "0" * 64 + "  a\\x\n", "malformed path"),
    ("0" * 64 + "  a\0b\n", "line 1")])
def test_checksums_that_are_none(text, says, tmp_path):
    source = tmp_path / "icir"
    make_icir(source, n_instances=1)
    (source / "checksums.sha256").write_text(text)
    answer = run(source, "--verify")
    assert answer.returncode == 1 and says in answer.stderr and "checksums.sha256" in answer.stderr, answer.stderr


def test_no_checksums(tmp_path):
    source = tmp_path / "icir"
    make_icir(source, n_instances=1)
    answer = run(source, "--verify")
    assert answer.returncode == 1 and "checksums.sha256" in answer.stderr
    (source / "checksums.sha256").write_text("0" * 64 + "  query\n")
    answer = run(source, "--verify")
    assert answer.returncode == 1 and "query: is unreadable" in answer.stderr
    assert run("--features", source, "--verify").returncode == 2


# -- lists and folders -----------------------------------------------------------------------------------------------


def make_features(folder, n_queries=4, n_database=30, dim=8, seed=0):
    """Two instances, two texts: every query has something to find."""
    folder.mkdir(exist_ok=True)
    random = numpy.random.default_rng(seed)
    rows = {"query": [(f"s/q{i}.jpg", f"text {i % 2}", f"thing {i // 2 % 2}") for i in range(n_queries)],
            "database": [(f"s/d{i}.jpg", f"text {i % 2}", f"thing {i // 2 % 2}") for i in range(n_database)]}
    for kind, listed in rows.items():
        (folder / f"{kind}.csv").write_text("".join(",".join(row) + "\n" for row in listed))
    for name, n in (("query_image", n_queries), ("query_text", n_queries), ("database_image", n_database)):
        numpy.save(folder / f"{name}.npy", random.normal(size=(n, dim)).astype(numpy.float32))
    return rows


def refuse(folder, *says):
    answer = run("--features", folder, "--method", "sum")
    assert answer.returncode == 1 and answer.stdout == "" and answer.stderr.count("\n") == 1, answer.stderr
    for words in says:
        assert words in answer.stderr, answer.stderr


@pytest.mark.parametrize("header", ["path,text,instance", "image_path,text,instance", "Img_Path,Text,Instance",
                                    '"image","text_query","instance_id"', "filename,caption,label"])
@pytest.mark.parametrize("file", ["query.csv", "database.csv"])
def test_a_header_is_told(file, header, tmp_path):
    make_features(tmp_path)
    text = (tmp_path / file).read_text()
    (tmp_path / file).write_text(header + "\n" + text)
    refuse(tmp_path, f"{file}: line 1 is a header", "leave it out")


@pytest.mark.parametrize("line, says", [
    ("s/x.jpg,text 0", "line 3 has 2 fields"), ("s/x.jpg", "line 3 has 1 fields"),
    ("s/x.jpg,a, b,thing 0", "line 3 has 4 fields"), (",text 0,thing 0", "line 3 has no path"),
    ("s/x.jpg,text 0,", "line 3 has no instance"), ('s/x.jpg,"text 0,thing 0', ":3: "),
    ('s/x.jpg,"text" 0,thing 0', ":3: text follows a closing quote")])
def test_rows_that_are_wrong(line, says, tmp_path):
    make_features(tmp_path)
    lines = (tmp_path / "database.csv").read_text().splitlines()
    lines[2] = line
    (tmp_path / "database.csv").write_text("\n".join(lines))
    refuse(tmp_path, "database.csv" + (says if says[0] == ":" else f": {says}"))


def test_quotes_returns_and_a_byte_order_mark_change_nothing(tmp_path):
    make_features(tmp_path)
    before = ask("--features", tmp_path, "--method", "sum")
    for file in ("query.csv", "database.csv"):
        lines = (tmp_path / file).read_text().splitlines()
        quoted = [",".join(f'"{field}"' for field in line.split(",")) for line in lines]
        (tmp_path / file).write_bytes(b"\xef\xbb\xbf" + "\r\n".join(quoted).encode())
    assert ask("--features", tmp_path, "--method", "sum") == before


@pytest.mark.parametrize("name, file, n", [("query_image", "query.csv", 4), ("query_text", "query.csv", 4),
                                           ("database_image", "database.csv", 30), ("query_composed", "query.csv", 4)])
def test_rows_that_disagree_name_both_files(name, file, n, tmp_path):
    make_features(tmp_path)
    numpy.save(tmp_path / f"{name}.npy", numpy.ones((n + 3, 8), dtype=numpy.float32))
    refuse(tmp_path, f"{name}.npy: has {n + 3} rows, {file} has {n}")


def test_all_missing_files_are_listed(tmp_path):
    names = ["query.csv", "database.csv", "query_image.npy", "query_text.npy", "database_image.npy"]
    make_features(tmp_path)
    for missing in (names[:1], names[1:3], names[2:], names):
        make_features(tmp_path)
        for name in missing:
            (tmp_path / name).unlink()
        refuse(tmp_path, *missing)
        for name in set(names) - set(missing):
            assert name not in run("--features", tmp_path).stderr
    refuse(tmp_path / "nowhere", "nowhere")


def test_queries_with_nothing_to_find_are_reported(tmp_path):
    rows = make_features(tmp_path)
    answer = run("--features", tmp_path, "--method", "sum,product")
    assert "nothing relevant" not in answer.stdout
    full = ask("--features", tmp_path, "--method", "sum")
    assert full["n_queries_without_relevant"] == full["n_queries_without_database"] == 0
    lines = (tmp_path / "query.csv").read_text().splitlines()
    lines[1] = "s/q1.jpg,another text,thing 0"
    lines[3] = "s/q3.jpg,text 1,thing 9"
    (tmp_path / "query.csv").write_text("\n".join(lines))
    got = ask("--features", tmp_path, "--method", "sum")
    assert got["n_queries_without_relevant"] == 2 and got["n_queries_without_database"] == 1
    assert got["methods"][0]["n_relevant"][1] == got["methods"][0]["n_relevant"][3] == 0
    assert got["methods"][0]["AP"][1] == got["methods"][0]["AP"][3] == 0
    assert got["methods"][0]["top"][3] == []
    expected = (full["methods"][0]["AP"][0] + full["methods"][0]["AP"][2]) * 100 / 4
    assert abs(got["methods"][0]["mAP"] - expected) < 1e-6
    answer = run("--features", tmp_path, "--method", "sum,product")
    assert answer.stdout.count("\n2 of 4 queries have nothing relevant to find and count 0; 1 of them, as instance "
                               "thing 9, has no database rows\n") == 1, answer.stdout


@pytest.mark.parametrize("flag, name", [("--json", "out.json"), ("--csv", "out")])
def test_results_that_cannot_be_written(flag, name, tmp_path):
    make_features(tmp_path)
    answer = run("--features", tmp_path, "--method", "sum", flag, tmp_path / "no" / "such" / name)
    assert answer.returncode == 1 and "no/such/" in answer.stderr
    (tmp_path / "file").write_text("")
    answer = run("--features", tmp_path, "--method", "sum", flag, tmp_path / "file" / name)
    assert answer.returncode == 1 and "file/" in answer.stderr
