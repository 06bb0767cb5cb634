"""Indexes of others: what they name and this user never gave to them is neither read nor shown."""
import os
import shutil
import sqlite3

import pytest

from conftest import draw_photo, run_cir
from serving import Events, serving


def make_foreign(folder):
    """An index beside photos/, of which row 1 is in a folder elsewhere; and a user's own private folder."""
    for name, seed in (("shared/photos/a.jpg", 1), ("private/b.jpg", 2)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_photo(seed, (200, 160)).save(path)
    index = folder / "shared" / "photos.cir"
    for source in (folder / "shared" / "photos", folder / "private"):
        assert run_cir("index", source, "-o", index, "-q").status == 0
    return index


@pytest.fixture
def foreign(tmp_path):
    return make_foreign(tmp_path)


def somebody_else(tmp_path, **more):
    """The environment of a user who has given nothing to any index."""
    return {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "another's"), **more}


def forge(index, path, id_=1):
    database = sqlite3.connect(index / "catalogue.sqlite")
    database.execute("UPDATE image SET path = ? WHERE id = ?", (os.fsencode(path), id_))
    database.commit()
    database.close()


def test_a_server_hands_out_what_was_given_to_the_index(foreign, tmp_path):
    with serving(foreign) as server:
        assert server.get("/v1/images/1/file").status == server.get("/v1/images/1/thumbnail").status == 200
    with serving(foreign, environment=somebody_else(tmp_path)) as server:
        assert server.get("/v1/images/0/file").status == server.get("/v1/images/0/thumbnail").status == 200
        for what in ("file", "thumbnail?size=1024"):
            refused = server.get(f"/v1/images/1/{what}")
            assert refused.status == 404 and "cir index FOLDER -o" in refused.error["message"]
        cropped = server.search({"image": {"id": 1}, "crop": [0.1, 0.1, 0.5, 0.5]})
        assert cropped.status == 404 and "that you added" in cropped.error["message"]
    with serving(foreign, "--trust", environment=somebody_else(tmp_path)) as server:
        assert server.get("/v1/images/1/file").status == server.get("/v1/images/1/thumbnail").status == 200


@pytest.mark.parametrize("path", ["../private/b.jpg", "photos/../../private/b.jpg", "photos/link.jpg", "photos/door/b.jpg"])
def test_a_forged_row_leads_nowhere(foreign, tmp_path, path):
    (tmp_path / "shared/photos/link.jpg").symlink_to("../../private/b.jpg")
    (tmp_path / "shared/photos/door").symlink_to("../../private")
    forge(foreign, path)
    page = tmp_path / "page.html"
    shown = run_cir("search", foreign, "--image", "0", "--html", page, "--json", env=somebody_else(tmp_path))
    assert shown.status == 0 and page.read_text().count('"thumb"') == 2  # the query and photo 0
    assert "that you added" in page.read_text()
    with serving(foreign, environment=somebody_else(tmp_path)) as server:
        assert server.get("/v1/images/1/file").status == server.get("/v1/images/1/thumbnail").status == 404


def test_what_has_changed_since_is_not_handed_out(foreign, tmp_path):
    photo = tmp_path / "shared/photos/a.jpg"
    draw_photo(9, (200, 160)).save(photo)
    with serving(foreign) as server:
        refused = server.get("/v1/images/0/file")
        assert refused.status == 404 and "changed since it was indexed" in refused.error["message"]
        assert "changed since" in server.get("/v1/images/0/thumbnail?size=512").error["message"]
        photo.unlink()
        os.mkfifo(photo)  # nobody writes to it: a server that waits for that hangs
        assert server.get("/v1/images/0/file").status == server.get("/v1/images/0/thumbnail?size=512").status == 404
        assert server.get("/healthz").status == 200


def test_an_update_leaves_alone_what_was_never_given(foreign, tmp_path):
    other = somebody_else(tmp_path)
    told = run_cir("info", foreign, "--json", env=other).json["folders"]
    assert [one["is_confirmed"] for one in told] == [False, True]
    assert "not confirmed" in run_cir("info", foreign, env=other).out
    draw_photo(3).save(tmp_path / "private" / "c.jpg")
    left = run_cir("index", foreign, "--json", env=other)
    assert left.status == 0 and left.json["new"] == left.json["vanished"] == 0
    assert f"{tmp_path / 'private'}: is named by the index, but you never added it" in left.err
    with serving(foreign, environment=other) as server:
        events = Events(server)
        assert server.request("POST", "/v1/index/update").status == 202
        name, data = events.wait_end()
        assert (name, data["found"], data["vanished"]) == ("done", 1, 0)
        events.close()
    assert run_cir("info", foreign, "--json", env=other).json["n_ready"] == 2
    assert run_cir("index", foreign, "--trust", "--json", env=other).json["new"] == 1
    # Once it is given, it stays given.
    draw_photo(4).save(tmp_path / "private" / "d.jpg")
    assert run_cir("index", tmp_path / "private", "-o", foreign, "--json", env=other).json["new"] == 1
    draw_photo(5).save(tmp_path / "private" / "e.jpg")
    assert run_cir("index", foreign, "--json", env=other).json["new"] == 1
    roots = tmp_path / "another's" / "cir" / "roots"
    assert roots.stat().st_mode & 0o777 == 0o600 and roots.read_text().count("\n") == 1


def test_both_may_be_moved_and_nothing_is_asked(tmp_path):
    """What most people do: photos below the folder that holds the index."""
    photos = tmp_path / "home" / "Pictures"
    photos.mkdir(parents=True)
    draw_photo(1).save(photos / "a.jpg")
    index = tmp_path / "home" / "photos.cir"
    assert run_cir("index", photos, "-o", index, env=somebody_else(tmp_path)).status == 0
    assert not (tmp_path / "another's").exists()
    shutil.move(tmp_path / "home", tmp_path / "moved")
    index = tmp_path / "moved" / "photos.cir"
    updated = run_cir("index", index, "--json", env=somebody_else(tmp_path))
    assert updated.json["kept"] == 1 and "never" not in updated.err
    with serving(index, environment=somebody_else(tmp_path)) as server:
        assert server.get("/v1/images/0/file").status == 200


def test_an_index_of_another_user_needs_trust(foreign, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can make an index of another user")
    for path in [foreign, *foreign.rglob("*")]:
        os.chown(path, 12345, 12345)
    photo = tmp_path / "shared" / "photos"
    for command in (["search", foreign, "-t", "a"], ["info", foreign], ["check", foreign], ["check", foreign, "--repair"],
                    ["index", foreign], ["index", photo, "-o", foreign], ["serve", foreign, "--port", "0"]):
        refused = run_cir(*command)
        assert refused.status == 1 and "belongs to another user" in refused.err and "--trust" in refused.err, command
        if command[0] != "serve":
            assert run_cir(*command, "--trust").status == 0, command
    with serving(foreign, "--trust") as server:
        assert server.get("/v1/images/0/file").status == 200
