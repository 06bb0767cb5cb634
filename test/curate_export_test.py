"""cir curate on the demo's photos: export, audits and difficulty, against what is true of them."""
import csv
import json
import pathlib
import shutil
import subprocess

import numpy

from conftest import draw_photo, run_cir
from curating import copy, decide, DEMO, demo, encode, export, exported, judged, KEYS, LABELS, mined, path_of_another, PLAN, pool_paths, project, read_lists, row, sqlite_rows, truth, write_plan  # noqa: F401, fixtures


# -- export --------------------------------------------------------------------------------------------------------


def test_an_export_is_true(exported):
    """Every row's relevance is that of the labels, found by the pixels; nobody's seed is in it, and no query in a database."""
    queries, database = read_lists(exported)
    labels = {}
    for path, label in LABELS.items():
        labels.setdefault(pixels(DEMO / path), []).append((path, label))
    texts = {}
    with open(DEMO / "photos" / "database_files.csv", newline="") as file:
        for path, text, instance in csv.reader(file):
            if text and instance in KEYS:
                texts[instance, text] = LABELS[path]["condition"]
    seeds = {r["value"] for r in PLAN if r["role"] in ("image", "composed-image")}
    for path, text, instance in database:
        (original, label), = labels[pixels(exported / path)]
        assert original not in seeds
        expected = [t for (i, t), condition in texts.items() if i == instance == label["thing"] and condition == label["condition"]]
        assert [text] == (expected or [""])
    in_database = {(pixels(exported / path), instance) for path, _, instance in database}
    for path, text, instance in queries:
        (original, label), = labels[pixels(exported / path)]
        assert original not in seeds and label["thing"] == instance and label["condition"] == "plain"
        assert (pixels(exported / path), instance) not in in_database
    assert all(any(t == text and i == instance for _, t, i in database) for _, text, instance in queries)


def pixels(path):
    from PIL import Image
    with Image.open(path) as image:
        return image.size, image.convert("RGB").tobytes()


def test_types_fill_the_table_of_the_paper(exported):
    """Judged types follow from object and text; source types from the kinds of seeds, and none is a positive's."""
    with open(exported / "pictures.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["path"].startswith("database/")]
    seen = set()
    for one in rows:
        types, sources, kinds = (one[c].split(";") for c in ("judged_types", "source_types", "seed_kinds"))
        assert len(types) == len(sources) == len(kinds) == 4
        for judged, source, found in zip(types, sources, kinds):
            seen.add((judged, source))
            assert source == ("composed" if "C" in found or {"V", "T"} <= set(found) else "textual" if "T" in found else "visual" if "V" in found else "other")
        assert ("positive" in types) == bool(one["text"])
    assert {judged for judged, _ in seen} == {"plain", "visual", "textual", "composed", "positive"}


def test_an_export_evaluates_as_numpy_does(exported, tmp_path):
    made = run_cir("eval", exported, "--model", "demo", "--verify", "--cache", "none", "--method", "text,image,product", "--json", tmp_path / "r.json")
    assert made.status == 0, made.err
    results = {m["method"]: m for m in json.loads((tmp_path / "r.json").read_text())["methods"]}
    queries, database = read_lists(exported)
    paths = sorted({p for p, _, _ in queries + database})
    encoded = run_cir("encode", "--model", "demo", "--images", *(exported / p for p in paths), "-o", tmp_path / "i.npy", "-q", "--precision", "f32")
    assert encoded.status == 0, encoded.err
    images = dict(zip(paths, numpy.load(tmp_path / "i.npy").astype(numpy.float64)))
    words = sorted({t for _, t, _ in queries})
    texts = dict(zip(words, encode(tmp_path, words).astype(numpy.float64)))
    for method, fuse in (("text", lambda v, t: t), ("image", lambda v, t: v), ("product", lambda v, t: numpy.maximum(v, 0) * numpy.maximum(t, 0))):
        precisions = []
        for path, text, instance in queries:
            rows = [(p, t) for p, t, i in database if i == instance]
            features = numpy.array([images[p] for p, _ in rows])
            order = numpy.argsort(-fuse(features @ images[path], features @ texts[text]), kind="stable")
            ranks = [rank for rank, i in enumerate(order) if rows[i][1] == text]
            parts = [((n / rank if rank else 1) + (n + 1) / (rank + 1)) / 2 for n, rank in enumerate(ranks)]
            precisions.append(sum(parts) / (len(ranks) + 1e-5))
        assert abs(results[method]["mAP"] - 100 * numpy.mean(precisions)) < 1e-3, method


def test_the_same_version_is_the_same_bytes(truth, exported, tmp_path):
    assert export(truth, tmp_path / "a").status == 0
    again = export(truth, tmp_path / "b", "--json")
    assert again.status == 0 and again.json["again"]
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path
    assert subprocess.run(["sha256sum", "--quiet", "-c", "checksums.sha256"], cwd=tmp_path / "a").returncode == 0
    listed = {line.split("  ", 1)[1] for line in (tmp_path / "a" / "checksums.sha256").read_text().splitlines()}
    assert listed | {"checksums.sha256"} == {str(p.relative_to(tmp_path / "a")) for p in (tmp_path / "a").rglob("*") if p.is_file()}
    # A project of the same name elsewhere made the same, but for who made it.
    assert (tmp_path / "a" / "pictures.csv").read_bytes() == (exported / "pictures.csv").read_bytes()


def test_versions_step_as_far_as_the_difference(truth, tmp_path):
    key = KEYS[0]
    assert export(truth, tmp_path / "a", version="1.0.0").status == 0
    small = export(truth, tmp_path / "b", version="1.0.0.1")
    assert small.status == 1 and "no version" in small.err
    assert export(truth, tmp_path / "b", version="0.9.9").status == 1
    assert export(truth, tmp_path / "b", version="1.0.1").status == 0  # the same lists
    picture = path_of_another(truth, key)
    assert decide(truth, tmp_path, [(key, "", picture, "remove", "watermark", "")]).status == 0
    refused = export(truth, tmp_path / "c", version="1.1.0")
    assert refused.status == 1 and "1.0.1" in refused.err and "new first number" in refused.err
    assert not (tmp_path / "c").exists() and not (tmp_path / "c.part").exists()
    assert export(truth, tmp_path / "c", version="2.0.0").status == 0
    # An old version comes out as it was, whatever was said since.
    assert export(truth, tmp_path / "d", version="1.0.0").status == 0
    assert (tmp_path / "d" / "checksums.sha256").read_bytes() == (tmp_path / "a" / "checksums.sha256").read_bytes()


def test_exports_that_are_refused(truth, mined, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    taken = export(truth, tmp_path / "full")
    assert taken.status == 1 and "holds something" in taken.err and (tmp_path / "full" / "x").read_text() == "mine"
    unjudged = pathlib.Path(shutil.copytree(mined, tmp_path / "unjudged.curate"))
    nothing = export(unjudged, tmp_path / "a")
    assert nothing.status == 1 and "judge first" in nothing.err and not (tmp_path / "a").exists()
    key = KEYS[0]
    texts = [r["change"] for r in PLAN if r["instance"] == key and r["role"] == "change"]
    picture = path_of_another(truth, key)
    assert decide(truth, tmp_path, [(key, t, picture, "", "yes", "") for t in texts[:2]]).status == 0
    both = export(truth, tmp_path / "a")
    assert both.status == 1 and "--two-texts" in both.err
    assert export(truth, tmp_path / "a", "--two-texts", "drop", "--json").json["two_texts"] >= 1


def test_metadata_stays_at_home(demo, tmp_path):
    """EXIF, XMP, comments and text chunks are gone; what they turned comes turned; other pixels are as they were."""
    from PIL import Image, PngImagePlugin
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(6):
        image = draw_photo(i, (160, 120))
        exif = Image.Exif()
        exif[0x010F], exif[0x9286] = "SECRETCAMERA", "SECRETCOMMENT"
        exif[0x0112] = 6 if i == 1 else 1
        if i == 2:
            info = PngImagePlugin.PngInfo()
            info.add_text("Comment", "SECRETCAMERA")
            image.save(folder / f"{i}.png", pnginfo=info)
        elif i == 3:
            image.save(folder / f"{i}.webp", exif=exif)
        else:
            image.save(folder / f"{i}.jpg", exif=exif, comment=b"SECRETCOMMENT", quality=92)
    write_plan(tmp_path / "plan.csv", [row("x", "name", value="a thing"), row("x", "change", "at night")])
    assert run_cir("index", folder, "-o", tmp_path / "p.cir", "-q", "--model", "demo").status == 0
    project = tmp_path / "p.curate"
    for arguments in (["new", project, "--index", tmp_path / "p.cir"], ["plan", project, tmp_path / "plan.csv", "-q"], ["mine", project, "-q"]):
        assert run_cir("curate", *arguments).status == 0
    assert decide(project, tmp_path, [("x", "", "0.jpg", "query", "yes", ""), ("x", "at night", "1.jpg", "", "yes", ""), ("x", "", "*", "", "no", "")]).status == 0
    made = export(project, tmp_path / "set", "--json")
    assert made.status == 0 and made.json["reencoded"] == 2, made.err  # the turned one and the WebP
    files = [p for p in (tmp_path / "set").rglob("*") if p.suffix in (".jpg", ".png")]
    assert len(files) == 6
    for file in files:
        assert b"SECRET" not in file.read_bytes() and b"Exif" not in file.read_bytes()
    (positive,) = [p for p in files if "_pos" in p.name]
    assert Image.open(positive).size == (120, 160)
    shown = {pixels(p) for p in files}
    assert {pixels(folder / n) for n in ("0.jpg", "2.png", "4.jpg", "5.jpg")} <= shown


def test_hostile_names_in_a_plan_stay_names(truth, tmp_path, demo):
    """Texts become parts of paths: none leads out of the set, and none meets another."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(8):
        draw_photo(i).save(folder / f"{i}.jpg")
    texts = ["../../etc", "hn", "..", "a b", "a/b", "é", "A-B"]
    write_plan(tmp_path / "plan.csv", [row("x", "name", value="a thing"), *(row("x", "change", t) for t in texts)])
    assert run_cir("index", folder, "-o", tmp_path / "p.cir", "-q", "--model", "demo").status == 0
    project = tmp_path / "p.curate"
    for arguments in (["new", project, "--index", tmp_path / "p.cir"], ["plan", project, tmp_path / "plan.csv", "-q"], ["mine", project, "-q"]):
        made = run_cir("curate", *arguments)
        assert made.status == 0, made.err
    assert decide(project, tmp_path, [("x", "", "7.jpg", "query", "yes", ""), *(("x", t, f"{i}.jpg", "", "yes", "") for i, t in enumerate(texts)), ("x", "", "*", "", "no", "")]).status == 0
    made = export(project, tmp_path / "set")
    assert made.status == 0, made.err
    _, database = read_lists(tmp_path / "set")
    assert sorted(t for _, t, _ in database) == sorted(texts)
    assert len({p for p, _, _ in database}) == 7 and all(".." not in p.split("/") and (tmp_path / "set" / p).is_file() for p, _, _ in database)
    assert run_cir("eval", tmp_path / "set", "--model", "demo", "--cache", "none", "--verify", "--method", "text").status == 0


# -- audits and difficulty -----------------------------------------------------------------------------------------


def check(project, *arguments):
    made = run_cir("curate", "check", project, "--json", "-q", *arguments)
    assert made.out, made.err
    return made.json


def found(result, rule, level=None):
    return {f["subject"] for f in result["findings"] if f["rule"] == rule and level in (None, f["level"]) and "waived_for" not in f}


def test_difficulty_is_what_numpy_says(demo, truth, exported, tmp_path):
    """H, its parts by source and by judged type, and mAP, from the export's own lists and the index' features."""
    vectors = numpy.load(next((demo / "photos.cir").glob("features/*/vectors.npy"))).astype(numpy.float64)
    paths = [p for (p,) in sqlite_rows(demo / "photos.cir" / "catalogue.sqlite", "SELECT CAST(path AS TEXT) FROM image ORDER BY id")]
    feature_of = {pixels(demo / path): vectors[i] for i, path in enumerate(paths)}
    queries, database = read_lists(exported)
    with open(exported / "pictures.csv", newline="") as file:
        facts = {r["path"]: r for r in csv.DictReader(file)}
    order = {key: [r["change"] for r in PLAN if r["instance"] == key and r["role"] == "change"] for key in KEYS}
    words = sorted({t for _, t, _ in queries})
    texts = dict(zip(words, encode(tmp_path, words).astype(numpy.float64)))
    told = {d["method"]: d for d in check(truth)["difficulty"]}
    for method, fuse in (("text", lambda v, t: t), ("image", lambda v, t: v), ("product", lambda v, t: numpy.maximum(v, 0) * numpy.maximum(t, 0))):
        total, by_source, by_judged = 0.0, {}, {}
        for path, text, instance in queries:
            rows = [(p, t) for p, t, i in database if i == instance]
            features = numpy.array([feature_of[pixels(exported / p)] for p, _ in rows])
            scores = fuse(features @ feature_of[pixels(exported / path)], features @ texts[text])
            positive = numpy.array([t == text for _, t in rows])
            h = ((scores[:, None] > scores[positive]).mean(1) + 0.5 * (scores[:, None] == scores[positive]).mean(1))[~positive]
            place = order[instance].index(text)
            total += h.sum()
            for (p, _), value in zip([r for r, is_positive in zip(rows, positive) if not is_positive], h):
                source, judged = facts[p]["source_types"].split(";")[place], facts[p]["judged_types"].split(";")[place]
                by_source[source] = by_source.get(source, 0) + value
                by_judged[judged] = by_judged.get(judged, 0) + value
        n = len(queries)
        assert abs(told[method]["H"] - total / n) < 0.02 * max(1, total / n) ** 0.5, method
        for kinds, mine in ((told[method]["by_source"], by_source), (told[method]["by_judged_type"], by_judged)):
            assert abs(sum(k["H"] for k in kinds.values()) - told[method]["H"]) < 1e-6
            for kind, entry in kinds.items():
                assert abs(entry["H"] - mine.get(kind, 0) / n) < 0.05, (method, kind)
    evaluated = run_cir("eval", exported, "--model", "demo", "--cache", "none", "--method", "text,image,product", "--json", tmp_path / "r.json")
    assert evaluated.status == 0, evaluated.err
    for one in json.loads((tmp_path / "r.json").read_text())["methods"]:
        assert abs(one["mAP"] - told[one["method"]]["mAP"]) < 0.3, one["method"]  # rows in float16, and not


def test_equivalence_counts_random_photos(truth):
    """By the photo alone few random photos are as hard as the set; and a pool can be too small."""
    for one in check(truth, "--equivalence")["difficulty"]:
        same = one["equivalence"]
        assert same["pool"] > 250 and 0 < same["random_photos"] <= same["pool"]
        assert same["more_than_the_pool"] == (same["mAP_of_the_pool"] > one["mAP"] and same["random_photos"] == same["pool"])


def test_planted_faults_are_found(truth, tmp_path):
    before = check(truth)
    assert found(before, "A4", "error") == found(before, "A6") == found(before, "A7") == found(before, "A3") == set()
    key = KEYS[0]
    texts = [r["change"] for r in PLAN if r["instance"] == key and r["role"] == "change"]
    strangers = [p for p in pool_paths(truth, key) if LABELS[p[p.index("photos/"):]]["thing"] != key][:8]
    two, unread = strangers[0], strangers[1:4]
    rows = [(key, t, two, "", "yes", "") for t in texts[:2]]
    # Nobody says any more what these are, and the project takes them for negatives.
    rows += [(key, "", p, "object", "clear", "") for p in pool_paths(truth, key)]
    assert decide(truth, tmp_path, rows).status == 0
    after = check(truth)
    assert two in found(after, "A7", "error")
    assert {s.rsplit("/", 1)[0] for s in found(after, "A3", "error")} & {f"{key}/{t}" for t in texts}
    assert run_cir("curate", "check", truth, "-q").status == 1
    # A query image in its own database, as a copy in other colours: planted in the database of what was measured.
    import sqlite3
    with sqlite3.connect(truth / "curation.sqlite") as database:
        query = database.execute("SELECT picture FROM judgement WHERE aspect = 'query' AND value = 'yes' AND instance = (SELECT id FROM instance WHERE key = ?)", (key,)).fetchone()[0]
        row = database.execute("SELECT id FROM picture WHERE CAST(path AS TEXT) = ?", (unread[0],)).fetchone()[0]
        database.execute("UPDATE picture SET looks = (SELECT looks FROM picture WHERE id = ?) WHERE id = ?", (query, row))
        seed = database.execute("SELECT looks FROM seed WHERE looks IS NOT NULL LIMIT 1").fetchone()[0]
        other = database.execute("SELECT id FROM picture WHERE CAST(path AS TEXT) = ?", (unread[1],)).fetchone()[0]
        database.execute("UPDATE picture SET looks = ? WHERE id = ?", (seed, other))
    leaks = found(check(truth), "A4", "error")
    assert {unread[0], unread[1]} <= leaks


def test_texts_that_name_the_thing_and_waivers(truth, tmp_path, demo):
    plan = list(csv.DictReader(run_cir("curate", "plan", truth).out.splitlines()))
    name = next(r["value"] for r in plan if r["role"] == "name" and r["instance"] == KEYS[0])
    (tmp_path / "plan.csv").write_text(run_cir("curate", "plan", truth).out + f"{KEYS[0]},change,beside another {name.split()[0]},scene\n")
    assert run_cir("curate", "plan", truth, tmp_path / "plan.csv", "-q").status == 0
    subject = f"{KEYS[0]}/beside another {name.split()[0]}"
    assert subject in found(check(truth), "A6", "error")
    refused = run_cir("curate", "check", truth, "--waive", f"A6:{subject}")
    assert refused.status == 1 and "needs a reason" in refused.err
    assert run_cir("curate", "check", truth, "--waive", f"A6:{subject}", "--why", "it is what people say").status == 0
    now = check(truth)
    assert subject not in found(now, "A6") and now["waived"] == 1
    assert next(f["waived_for"] for f in now["findings"] if f["subject"] == subject and f["rule"] == "A6") == "it is what people say"
