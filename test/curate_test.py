"""cir curate on the demo's photos: plans, mining and judgements, against what is true of them."""
import csv
import os
import shutil
import subprocess

import numpy
import pytest

from conftest import CIR, draw_photo, run_cir
from curating import ask, ask_whole, copy, decide, demo, judged, KEYS, LABELS, mined, N_INSTANCES, neighbours, PLAN, pool_paths, project, row, status_of, write_plan  # noqa: F401, fixtures


# -- project and plan ----------------------------------------------------------------------------------------------


def test_a_plan_goes_in_and_comes_out(project, demo, tmp_path):
    printed = run_cir("curate", "plan", project).out
    read = list(csv.DictReader(printed.splitlines()))
    plain = [r for r in read if r["role"] not in ("image", "composed-image")]
    assert sorted(map(str, plain)) == sorted(str(r) for r in PLAN if r["role"] not in ("image", "composed-image"))
    photos = [r["value"] for r in read if r["role"] == "image"]
    assert len(photos) == 2 * N_INSTANCES and all((project / p).read_bytes() for p in photos)
    assert oct((project / "seeds").stat().st_mode)[-3:] == "700"
    # What was printed says the same when it is read again, from wherever.
    (tmp_path / "again.csv").write_text(printed)
    again = run_cir("curate", "plan", project, tmp_path / "again.csv", "-q")
    assert again.status == 0 and "(0 new, 0 removed)" in again.out, again.out + again.err
    assert run_cir("curate", "plan", project).out == printed


def test_seeds_may_be_ids_of_the_index(project, demo, tmp_path):
    write_plan(tmp_path / "ids.csv", [row("x", "name", value="a thing"), row("x", "change", "at night", "light"),
                                      row("x", "image", value="3"), row("x", "image", value="7")])
    read = run_cir("curate", "plan", project, tmp_path / "ids.csv")
    assert read.status == 0, read.err
    assert "2 to 5 find more" in read.err  # none of the change itself
    assert [r["value"] for r in csv.DictReader(run_cir("curate", "plan", project).out.splitlines()) if r["role"] == "image"] == ["3", "7"]
    write_plan(tmp_path / "ids.csv", [row("x", "name", value="a thing"), row("x", "change", "at night"), row("x", "image", value="99999")])
    failed = run_cir("curate", "plan", project, tmp_path / "ids.csv")
    assert failed.status == 1 and "ids.csv:4" in failed.err and "no image 99999" in failed.err


@pytest.mark.parametrize("rows, says", [
    ([row("x", "image", value="none.jpg")], "plan.csv:4: {folder}/none.jpg: cannot be opened"),
    ([row("x", "image", value="plan.csv")], "plan.csv:4: {folder}/plan.csv:"),
    ([row("x", "colour", value="red")], "plan.csv:4: \"colour\" is no role"),
    ([row("x", "name", value="another")], "plan.csv:4: instance \"x\" has a name already"),
    ([row("x", "rephrased", "at night", "At Night!")], "plan.csv:4: the rephrased seed \"At Night!\" is the text"),
])
def test_a_plan_with_a_mistake_changes_nothing(project, tmp_path, rows, says):
    before = run_cir("curate", "plan", project).out
    write_plan(tmp_path / "plan.csv", [row("x", "name", value="a thing"), row("x", "change", "at night"), *rows])
    failed = run_cir("curate", "plan", project, tmp_path / "plan.csv")
    assert failed.status == 1 and says.format(folder=tmp_path) in failed.err, failed.err
    assert run_cir("curate", "plan", project).out == before


@pytest.mark.parametrize("encoding, says", [("utf-16", "UTF-16"), ("latin-1", "UTF-8")])
def test_plans_in_other_encodings_are_refused(project, tmp_path, encoding, says):
    (tmp_path / "plan.csv").write_text("instance,role,change,value\nx,name,,Café\nx,change,at night,\n", encoding=encoding)
    failed = run_cir("curate", "plan", project, tmp_path / "plan.csv")
    assert failed.status == 1 and says in failed.err, failed.err


def test_projects_that_are_none(tmp_path, demo, project):
    missing = run_cir("curate", "plan", tmp_path / "none.curate")
    assert missing.status == 1 and "there is no project" in missing.err
    assert "is not a project" in run_cir("curate", "plan", tmp_path).err
    assert "no index" in run_cir("curate", "new", tmp_path / "a.curate", "--index", tmp_path / "none.cir").err
    assert not (tmp_path / "a.curate").exists()
    taken = run_cir("curate", "new", project, "--index", demo / "photos.cir")
    assert taken.status == 1 and "holds something" in taken.err
    database = project / "curation.sqlite"
    whole = database.read_bytes()
    for damaged in (whole[:5000], b"", b"x" * 8192, whole[:100] + bytes(len(whole) - 100)):
        database.write_bytes(damaged)
        failed = run_cir("curate", "plan", project)
        assert failed.status == 1 and "set.curate" in failed.err, failed.err


def test_one_process_writes(project, demo):
    import fcntl
    with open(project / "lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = run_cir("curate", "plan", project, demo / "plan.csv", "-q")
        assert refused.status == 1 and "another process has it open for writing" in refused.err
        assert run_cir("curate", "plan", project).status == 0


# -- mining --------------------------------------------------------------------------------------------------------


def test_mining_finds_what_numpy_finds(demo, copy, tmp_path):
    expected = neighbours(demo, tmp_path, copy, 80)
    for k, arguments in ((40, []), (80, ["--deeper"])):
        if arguments:
            assert run_cir("curate", "mine", copy, "-q", *arguments).status == 0
        found = {}
        for seed, path, similarity in ask(copy, "SELECT f.seed, CAST(p.path AS TEXT), f.similarity FROM found f JOIN picture p ON p.id = f.picture ORDER BY f.seed, f.rank"):
            found.setdefault(seed, []).append((path, similarity))
        assert found.keys() == expected.keys()
        for seed, hits in found.items():
            assert len(hits) == k
            numbers = numpy.array([s for _, s in hits]), numpy.array([s for _, s in expected[seed][:k]])
            assert numpy.abs(numbers[0] - numbers[1]).max() < 1e-5
            # In order, but for pictures whose similarities are the same within rounding.
            for (path, a), (other, b) in zip(hits, expected[seed]):
                assert path.endswith(other) or abs(a - b) < 1e-5
            at_the_edge = {p for p, s in expected[seed] if abs(s - expected[seed][k - 1][1]) < 1e-5}
            assert {p[p.index("photos/"):] for p, _ in hits} ^ {p[p.index("photos/"):] for p, _ in expected[seed][:k]} <= {p[p.index("photos/"):] for p in at_the_edge}


def test_mining_finds_the_positives_and_does_nothing_twice(demo, copy):
    again = run_cir("curate", "mine", copy, "-q", "--json").json["models"][0]
    assert again["seeds_searched"] == again["new_pictures"] == again["measured"] == 0
    assert again["seeds_up_to_date"] == len(ask(copy, "SELECT 1 FROM seed"))
    found = {(key, path[path.index("photos/"):]) for key, path in ask(copy, "SELECT i.key, CAST(p.path AS TEXT) FROM found f JOIN seed s ON s.id = f.seed JOIN instance i ON i.id = s.instance JOIN picture p ON p.id = f.picture")}
    positives = {(r["instance"], r["path"]) for r in LABELS.values() if r["thing"] == r["instance"] and "/hn/" not in r["path"] and "/database/" in r["path"]}
    assert len(positives) == 16 * N_INSTANCES
    assert len(positives & found) >= 0.99 * len(positives)


def test_labels_by_source_follow_from_the_seeds(copy):
    kinds = {"image": "V", "name": "V", "category": "V", "rephrased": "T", "composed-image": "C", "composed-text": "C", "joined": "C"}
    counted = {key: {"visual": 0, "textual": 0, "composed": 0, "other": 0} for key in KEYS}
    by_picture = {}
    for key, picture, change, role in ask(copy, "SELECT i.key, coalesce(p.same_as, p.id), s.change, s.role FROM found f JOIN seed s ON s.id = f.seed JOIN instance i ON i.id = s.instance JOIN picture p ON p.id = f.picture"):
        by_picture.setdefault((key, picture), {}).setdefault(change, set()).add(kinds[role])
    order = ["other", "visual", "textual", "composed"]
    pools = set(ask(copy, "SELECT i.key, picture FROM pool JOIN instance i ON i.id = instance"))
    for (key, picture), changes in by_picture.items():
        if (key, picture) not in pools:
            continue
        best = "other"
        for change in {*changes} - {0} or {0}:
            found = changes.get(0, set()) | changes.get(change, set())
            one = "composed" if "C" in found or {"V", "T"} <= found else "textual" if "T" in found else "visual" if "V" in found else "other"
            best = max(best, one, key=order.index)
        counted[key][best] += 1
    told = {i["instance"]: i["pool_by_source"] for i in run_cir("curate", "status", copy, "--json").json["instances"]}
    assert told == counted
    assert all(sum(c[kind] for c in counted.values()) > 0 for kind in ("visual", "textual", "composed"))


def test_seeds_and_copies_are_dropped_and_changes_of_colour_are_kept(demo, tmp_path):
    """An index of seeds, copies, edits and others: each meets its fate, with a reason."""
    from PIL import Image, ImageOps
    folder = tmp_path / "photos"
    folder.mkdir()
    pictures = sorted((demo / "photos" / "database" / KEYS[0]).glob("*.jpg"))[:4]
    for i, picture in enumerate(pictures):
        with Image.open(picture) as image:
            image.convert("RGB").resize((288, 216)).save(folder / f"{i}.jpg", quality=95)
    with Image.open(folder / "1.jpg") as image:
        image.resize((144, 108)).save(folder / "1_small.jpg", quality=85)
        image.save(folder / "1_again.jpg", quality=60)
        ImageOps.grayscale(image).save(folder / "1_grey.jpg", quality=90)
        ImageOps.mirror(image).save(folder / "1_mirrored.jpg", quality=90)
        image.resize((40, 30)).save(folder / "1_tiny.jpg")
    shutil.copy(folder / "2.jpg", folder / "2_copy.jpg")
    with Image.open(folder / "0.jpg") as image:
        image.save(folder / "0_again.jpg", quality=70)
    write_plan(tmp_path / "plan.csv", [row("x", "name", value="a thing"), row("x", "change", "at night"), row("x", "image", value="photos/0.jpg")])
    assert run_cir("index", folder, "-o", tmp_path / "p.cir", "-q", "--model", "demo").status == 0
    project = tmp_path / "p.curate"
    for arguments in (["new", project, "--index", tmp_path / "p.cir"], ["plan", project, tmp_path / "plan.csv", "-q"], ["mine", project, "-q"]):
        made = run_cir("curate", *arguments)
        assert made.status == 0, made.err
    fate = {os.path.basename(path): (state, reason) for path, state, reason in ask(project, "SELECT CAST(path AS TEXT), state, reason FROM picture")}
    assert fate.pop("0.jpg") == ("dropped", "a seed")
    assert fate.pop("0_again.jpg") == ("dropped", "a copy of a seed")
    assert fate.pop("1_small.jpg")[1] == fate.pop("1_again.jpg")[1] == "a copy of another picture"
    assert fate.pop("1_tiny.jpg")[1].startswith("low resolution: 40 x 30")
    assert fate.keys() <= {"1.jpg", "1_grey.jpg", "1_mirrored.jpg", "2.jpg", "2_copy.jpg", "3.jpg"} and len(fate) == 5
    assert {state for state, _ in fate.values()} == {"kept"}
    links = {(os.path.basename(a), os.path.basename(b), likeness) for a, b, likeness in ask(project, "SELECT CAST(p.path AS TEXT), CAST(q.path AS TEXT), likeness FROM link JOIN picture p ON p.id = a JOIN picture q ON q.id = b")}
    assert {("1.jpg", "1_grey.jpg", "edited"), ("1.jpg", "1_mirrored.jpg", "turned")} <= {(min(a, b), max(a, b), l) for a, b, l in links}


def test_a_moved_index_and_changed_photos(demo, tmp_path):
    """Pictures are known by their bytes: the index moves, a photo changes, another goes, a new one comes."""
    folder = tmp_path / "photos"
    shutil.copytree(demo / "photos" / "database" / KEYS[0], folder)
    assert run_cir("index", folder, "-o", tmp_path / "p.cir", "-q", "--model", "demo").status == 0
    write_plan(tmp_path / "plan.csv", [row("x", "name", value="a thing"), row("x", "change", "at night")])
    project = tmp_path / "p.curate"
    for arguments in (["new", project, "--index", tmp_path / "p.cir"], ["plan", project, tmp_path / "plan.csv", "-q"], ["mine", project, "-q", "--per-seed", "100"]):
        assert run_cir("curate", *arguments).status == 0
    names = [os.path.basename(p) for (p,) in ask(project, "SELECT CAST(path AS TEXT) FROM picture ORDER BY id")]
    decided = tmp_path / "d.csv"
    decided.write_text("instance,change,picture,value\n" + "".join(f"x,at night,{n},yes\n" for n in names[:4]))
    assert run_cir("curate", "decide", project, decided).status == 0
    (tmp_path / "elsewhere").mkdir()
    folder.rename(tmp_path / "elsewhere" / "photos")
    (tmp_path / "p.cir").rename(tmp_path / "elsewhere" / "q.cir")
    lost = run_cir("curate", "mine", project, "-q")
    assert lost.status == 1 and "--index" in lost.err
    moved = tmp_path / "elsewhere" / "q.cir"
    draw_photo(5).save(next((tmp_path / "elsewhere" / "photos").rglob(names[0])))  # other bytes
    next((tmp_path / "elsewhere" / "photos").rglob(names[1])).unlink()
    assert run_cir("index", tmp_path / "elsewhere" / "photos", "-o", moved, "-q").status == 0
    again = run_cir("curate", "mine", project, "--index", moved, "-q", "--per-seed", "100", "--json")
    assert again.status == 0 and again.json["models"][0]["new_pictures"] == 1, again.err
    # What was said of the pictures that went stays, and what was said is about the same pictures.
    assert ask(project, "SELECT count(*) FROM judgement") == [(4,)]
    assert run_cir("curate", "status", project, "--json").json["instances"][0]["positives"] == 4


def test_interrupted_mining_continues(demo, tmp_path):
    import signal
    import time
    project = tmp_path / "p.curate"
    for arguments in (["new", project, "--index", demo / "photos.cir"], ["plan", project, demo / "plan.csv", "-q"]):
        assert run_cir("curate", *arguments).status == 0
    for wait in (0.02, 0.1, 0.3, 0.6):
        process = subprocess.Popen([CIR, "curate", "mine", project, "-q"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert ask_whole(project, "PRAGMA integrity_check") == [("ok",)]
    assert run_cir("curate", "mine", project, "-q").status == 0
    assert run_cir("curate", "mine", project, "-q", "--json").json["models"][0]["measured"] == 0


# -- judgements ----------------------------------------------------------------------------------------------------


def test_the_last_word_counts_and_ties_are_ambiguous(copy, tmp_path):
    key = KEYS[0]
    text = next(r["change"] for r in PLAN if r["instance"] == key and r["role"] == "change")
    a, b, c, d = pool_paths(copy, key)[:4]
    rows = [(key, text, a, "", "yes", "ann"), (key, text, b, "", "yes", "ann"), (key, text, b, "", "clear", "ann"),
            (key, text, c, "", "yes", "ann"), (key, text, d, "", "yes", "ann"),
            (key, text, a, "", "yes", "ben"), (key, text, c, "", "no", "ben"), (key, text, d, "", "unsure", "ben")]
    assert decide(copy, tmp_path, rows).status == 0
    now = status_of(copy, key)
    assert (now["judged"], now["positives"], now["ambiguous"]) == (3, 1, 2)
    assert decide(copy, tmp_path, [(key, text, c, "", "no", "cid"), (key, text, d, "", "clear", "ben")]).status == 0
    now = status_of(copy, key)
    assert (now["positives"], now["ambiguous"]) == (2, 0)


def test_a_page_that_was_confirmed_says_no_to_the_rest(copy, tmp_path):
    key = KEYS[1]
    paths = pool_paths(copy, key)
    text = next(r["change"] for r in PLAN if r["instance"] == key and r["role"] == "change")
    assert decide(copy, tmp_path, [(key, text, paths[0], "", "yes", ""), (key, "", "*", "", "no", "")]).status == 0
    now = status_of(copy, key)
    assert now["judged"] == len(paths) and now["positives"] == 1
    assert ask(copy, "SELECT count(*) FROM page") == [(1,)] and ask(copy, "SELECT count(*) FROM judgement") == [(1,)]
    # A word that is said later counts for more than the page.
    assert decide(copy, tmp_path, [(key, text, paths[1], "", "yes", "")]).status == 0
    assert status_of(copy, key)["positives"] == 2


@pytest.mark.parametrize("bad, says", [
    (["none", "", "x.jpg", "", "yes", ""], "no instance \"none\""),
    ([KEYS[0], "no such", "", "", "yes", ""], "has no change"),
    ([KEYS[0], "", "nowhere.jpg", "", "yes", ""], "nowhere.jpg was found by no seed"),
    ([KEYS[0], "", "", "", "perhaps", ""], "is no value"),
    ([KEYS[0], "", "", "colour", "yes", ""], "is no aspect"),
    ([KEYS[0], "", "*", "", "yes", ""], "can only be no positives"),
])
def test_a_wrong_row_is_told_and_nothing_is_recorded(copy, tmp_path, bad, says):
    path = pool_paths(copy, KEYS[0])[0]
    bad = [value or (path if i == 2 else "") for i, value in enumerate(bad)]
    failed = decide(copy, tmp_path, [(KEYS[0], "", path, "query", "yes", ""), bad])
    assert failed.status == 1 and "judgements.csv:3" in failed.err and says in failed.err, failed.err
    assert ask(copy, "SELECT count(*) FROM judgement") == [(0,)]


def test_kill_9_loses_nothing_that_was_confirmed(copy, tmp_path):
    """Killed anywhere in a run of small commits: what it said is on the disk is there, once, and whole."""
    import signal
    key = KEYS[0]
    paths = pool_paths(copy, key)
    texts = [r["change"] for r in PLAN if r["instance"] == key and r["role"] == "change"]
    confirmed = 0
    for i in range(40):
        rows = [(key, texts[i % 4], paths[i], "", "yes", "ann")]
        with open(tmp_path / "one.csv", "w") as file:
            csv.writer(file).writerows([["instance", "change", "picture", "aspect", "value", "person"], *rows])
        process = subprocess.Popen([CIR, "curate", "decide", copy, tmp_path / "one.csv"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if i % 2:
            import time
            time.sleep(0.002 * (i % 20))
            process.send_signal(signal.SIGKILL)
        out = process.communicate()[0]
        said = b"on the disk" in out
        confirmed += said
        n = ask_whole(copy, "SELECT count(*) FROM judgement WHERE picture = (SELECT id FROM picture WHERE CAST(path AS TEXT) = ?)", paths[i])[0][0]
        assert n == 1 if said else n in (0, 1)
    assert confirmed >= 20
    assert status_of(copy, key)["positives"] >= confirmed


def test_a_full_disk_is_told(copy, tmp_path):
    import resource
    key = KEYS[0]
    path = pool_paths(copy, key)[0]
    with open(tmp_path / "one.csv", "w") as file:
        csv.writer(file).writerows([["instance", "picture", "aspect", "value"], [key, path, "query", "yes"]])
    size = (copy / "curation.sqlite").stat().st_size
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # the journal cannot be written
    failed = run_cir("curate", "decide", copy, tmp_path / "one.csv", preexec_fn=limit)
    assert failed.status == 1 and failed.out == "" and failed.err, (failed.out, failed.err)
    assert (copy / "curation.sqlite").stat().st_size == size and ask_whole(copy, "SELECT count(*) FROM judgement") == [(0,)]
    assert run_cir("curate", "decide", copy, tmp_path / "one.csv").status == 0
