"""What an update of an index takes in, leaves out and says."""
import json
import os
import pathlib
import subprocess

from conftest import CIR, SOURCE, draw_photo


def update(cir, photos, index, *options):
    result = cir("index", photos, "-o", index, "--json", *options)
    assert result.status == 0, result.err
    return result.json

def test_kinds_that_are_not_read_are_counted_and_said(cir, photos, tmp_path):
    index = tmp_path / "kinds.cir"
    draw_photo(3).save(photos / "true.bmp")
    (photos / "a.orf").write_bytes(b"IIRO\x08\0\0\0")
    (photos / "b.ORF").write_bytes(b"IIRO\x08\0\0\0")
    (photos / "film").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0")
    (photos / "notes.txt").write_text("BMW")
    for name in ("without", "wrong.bmp", "wrong.txt"):
        draw_photo(50 + len(name)).save(photos / name, format="JPEG")
    told = cir("index", photos, "-o", index).out
    assert told.startswith(f"{index}: 15 new, 0 changed, 0 moved, 0 unchanged, 0 failed, 0 gone, 4 skipped; 15 encoded in ")
    assert "\n4 files of kinds that are not read: orf 2, bmp 1, mp4 1\n" in told
    again = cir("index", index, "--json").json
    assert again["skipped"] == 4 and again["skipped_kinds"] == {"orf": 2, "bmp": 1, "mp4": 1}
    assert again["kept"] == 15 and again["new"] == again["encoded"] == 0
    assert cir("info", index, "--json").json["skipped"] == {"orf": 2, "bmp": 1, "mp4": 1}
    assert "4 files of kinds that are not read: orf 2, bmp 1, mp4 1" in cir("info", index).out


def test_raw_photos_are_read_by_their_jpegs(cir, tmp_path):
    """Also without an ending; a raw photo without one is told as failed, not silently left out."""
    raw = SOURCE / "test/data/raw"
    folder = tmp_path / "camera"
    folder.mkdir()
    for name in ("canon.cr2", "canon.cr3", "nikon.nef", "sony.arw", "google.dng"):
        (folder / name.upper()).write_bytes((raw / name).read_bytes())
    (folder / "noending").write_bytes((raw / "canon.cr3").read_bytes())
    (folder / "bare.dng").write_bytes((raw / "bare.dng").read_bytes())
    result = cir("index", folder, "-o", tmp_path / "camera.cir", "--json")
    assert result.json["new"] == 6 and result.json["failed"] == 1 and result.json["skipped"] == 0
    assert "is a raw photo (dng) without a JPEG" in result.err + result.out


def test_what_programs_put_beside_photos_is_left_out(cir, photos, tmp_path):
    index = tmp_path / "photos.cir"
    for folder in (".thumbnails", "@eaDir", "#recycle", ".Trash-1000", ".stversions", ".git", "secret"):
        (photos / folder).mkdir()
        draw_photo(len(folder)).save(photos / folder / "x.jpg")
    (photos / "secret" / ".nomedia").touch()
    (photos / "._00.jpg").write_bytes(b"\0\5\x16\7")
    made = cir("index", photos, "-o", index, "--json").json
    assert made["encoded"] == 12 and made["left_out"] == {"hidden": 7, "excluded": 0, "outside": 0, "photos": 0}
    assert update(cir, photos, index, "--hidden")["encoded"] == 7
    assert update(cir, photos, index)["vanished"] == 0
    told = cir("index", index, "--no-hidden", "--exclude", "0*.jpg").out
    assert "17 gone" in told and "left out: 7 hidden folders or photos (--hidden includes them), 10 excluded" in told
    assert "17 photos searched until now are left out from now on" in told
    assert cir("index", index, "--exclude", "", "--json").json["vanished"] == 0
    assert cir("info", index, "--json").json["n_ready"] == 12
    assert cir("index", index, "--hidden", "--no-hidden").status == 2


def test_a_link_out_of_the_folder_is_left_out(cir, photos, index, tmp_path):
    private = tmp_path / "private"
    private.mkdir()
    draw_photo(77).save(private / "x.jpg")
    (photos / "there").symlink_to(private)
    (photos / "x.jpg").symlink_to(private / "x.jpg")
    (photos / "twin.jpg").symlink_to("00.jpg")
    made = cir("index", photos, "-o", index, "--json").json
    assert made["left_out"]["outside"] == 2 and made["new"] == 1 and made["encoded"] == 0


def test_a_change_that_keeps_size_and_date_is_a_change(cir, photos, index):
    """What lossless rotators do; and --reread reads all, which finds nothing more."""
    photo = photos / "00.jpg"
    before = photo.stat()
    turned = photo.parent / "turned"
    draw_photo(99).save(turned, format="JPEG", quality=50)
    bytes_ = turned.read_bytes()
    turned.unlink()
    assert len(bytes_) < before.st_size
    photo.write_bytes(bytes_ + b"\0" * (before.st_size - len(bytes_)))
    os.utime(photo, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert photo.stat().st_size == before.st_size and photo.stat().st_mtime_ns == before.st_mtime_ns
    changed = cir("index", photos, "-o", index, "--json").json
    assert (changed["changed"], changed["encoded"], changed["kept"]) == (1, 1, 11)
    again = cir("index", index, "--reread", "--json").json
    assert (again["changed"], again["encoded"], again["kept"]) == (0, 0, 12)


def test_the_summary_says_what_happened(cir, photos, index):
    (photos / "00.jpg").rename(photos / "moved.jpg")
    (photos / "copy.jpg").write_bytes((photos / "01.jpg").read_bytes())
    (photos / "02.jpg").unlink()
    draw_photo(70).save(photos / "03.jpg")
    (photos / "bad.jpg").write_bytes(b"no picture")
    told = cir("index", photos, "-o", index).out
    assert told.startswith(f"{index}: 1 new, 1 changed, 1 moved, 9 unchanged, 1 failed, 1 gone, 0 skipped; 1 encoded in ")
    assert f"what failed and why: cir info {index} --failed" in told
    # What failed before is still failed.
    assert cir("index", index).out.startswith(f"{index}: 0 new, 0 changed, 0 moved, 12 unchanged, 1 failed, 0 gone")


def test_a_missing_folder_is_said_before_anything_else(cir, tmp_path):
    result = cir("index", tmp_path / "no", "-o", tmp_path / "x.cir")
    assert result.status == 1 and result.err.startswith(f"cir: {tmp_path / 'no'}: cannot be opened")
    assert "demo encoder" not in result.err and not (tmp_path / "x.cir").exists()


def test_a_folder_that_cannot_be_listed_is_listed(photos, tmp_path):
    """As somebody whom rights bind."""
    locked = photos / "locked"
    locked.mkdir(0)
    run = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if run:
        for path in [tmp_path, *tmp_path.rglob("*")]:
            os.chown(path, 65534, 65534)
        parent = tmp_path
        while parent != parent.parent and parent.parent.stat().st_uid == 0 and parent != pathlib.Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
            parent = parent.parent
    environment = {**os.environ, "HOME": str(tmp_path)}
    index = tmp_path / "photos.cir"

    def as_somebody(*arguments):
        return subprocess.run([*run, CIR, *map(str, arguments)], capture_output=True, text=True, env=environment)

    made = as_somebody("index", photos, "-o", index)
    assert made.returncode == 0 and "1 failed" in made.stdout, made.stderr
    listed = as_somebody("info", index, "--failed").stdout
    assert "locked: the folder cannot be listed: Permission denied" in listed
    found = json.loads(as_somebody("info", index, "--failed", "--json").stdout)["failed"]
    assert [one["id"] for one in found] == [None] and found[0]["path"].endswith("locked")
    locked.chmod(0o755)
    as_somebody("index", index)
    assert "cannot be listed" not in as_somebody("info", index, "--failed").stdout


# ---- searching what is not there ----

def test_photos_that_are_gone_are_passed_over(cir, photos, index):
    best = cir("search", index, "-i", photos / "03.jpg", "--json").json["hits"]
    assert len(best) == 12
    for i in (0, 1, 4):
        os.unlink(best[i]["path"])
    left = [hit["path"] for i, hit in enumerate(best) if i not in (0, 1, 4)]
    found = cir("search", index, "-i", photos / "05.jpg" if (photos / "05.jpg").exists() else left[0], "--json", "-k", "9")
    assert found.status == 0 and len(found.json["hits"]) == 9
    assert {hit["path"] for hit in found.json["hits"]} == set(left)
    assert [hit["rank"] for hit in found.json["hits"]] == list(range(1, 10))
    assert "3 photos gone since it was updated are passed over" in found.err
    three = cir("search", index, "-i", str(best[2]["id"]), "-k", "3", "-e")
    assert three.status == 0 and all(best[i]["path"].rsplit("/", 1)[1] not in three.out for i in (0, 1, 4))
    for path in left:
        os.unlink(path)
    nothing = cir("search", index, "-t", "a red circle")
    assert nothing.status == 1 and nothing.out == "" and "is a drive missing?" in nothing.err
    assert cir("search", index, "-t", "a red circle", "--json").json["hits"] == []


def test_nothing_found_leaves_with_1(cir, tmp_path):
    (tmp_path / "none").mkdir()
    index = tmp_path / "none.cir"
    assert cir("index", tmp_path / "none", "-o", index).status == 0
    result = cir("search", index, "-t", "anything")
    assert result.status == 1 and result.out == "" and "no photos to search" in result.err
    missing = cir("search", tmp_path / "no.cir", "-t", "anything")
    assert missing.status == 1 and missing.out == "" and "there is no index" in missing.err


def test_an_index_of_private_photos_is_private(cir, photos, index, tmp_path):
    (photos / "00.jpg").chmod(0o600)
    assert cir("index", index).status == 0
    assert cir("search", index, "-i", "0", "-t", "red").status == 0  # makes what searches keep
    for path in [index, *index.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


# ---- forgetting ----

def test_what_is_forgotten_is_gone_for_good(cir, photos, index):
    assert len(cir("search", index, "-i", photos / "below" / "10.jpg", "--json").json["hits"]) == 12
    (index / "thumbnails.sqlite").write_bytes(b"")
    told = cir("index", index, "--forget", photos / "below", "--json")
    assert told.status == 0 and told.json == {"forgotten": 2}
    assert not (index / "thumbnails.sqlite").exists()
    hits = cir("search", index, "-i", photos / "below" / "10.jpg", "--json").json["hits"]
    assert len(hits) == 10 and not any("below" in hit["path"] for hit in hits)
    again = cir("index", photos, "-o", index, "--json").json
    assert again["found"] == 10 and again["left_out"]["excluded"] == 1
    assert cir("check", index).status == 0
    assert cir("info", index, "--json").json["n_forgotten"] == 2
    missing = cir("index", index, "--forget", photos / "nothing")
    assert missing.status == 1 and "nothing at or below it is in" in missing.err
    assert cir("index", photos, "-o", index, "--forget", photos / "00.jpg").status == 2
    assert cir("index", photos / "below", "-o", index, "--json").json["new"] == 2
