"""Projects of cir curate on the demo's photos, for the tests of it: planned, mined, judged by what is true, exported."""
import csv
import pathlib
import shutil

import numpy
import pytest

from conftest import SOURCE, run_cir

DEMO = SOURCE / "demo"
N_INSTANCES = 6


def demo_rows(name):
    with open(DEMO / name, newline="") as file:
        return list(csv.DictReader(file))


KEYS = list(dict.fromkeys(row["instance"] for row in demo_rows("plan.csv")))[:N_INSTANCES]
LABELS = {row["path"]: row for row in demo_rows("labels.csv") if row["instance"] in KEYS}
PLAN = [row for row in demo_rows("plan.csv") if row["instance"] in KEYS]


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Photos and index of six of the demo's instances, and their plan."""
    folder = tmp_path_factory.mktemp("curate")
    for kind in ("database", "query"):
        for key in KEYS:
            shutil.copytree(DEMO / "photos" / kind / key, folder / "photos" / kind / key)
    write_plan(folder / "plan.csv", PLAN)
    made = run_cir("index", folder / "photos", "-o", folder / "photos.cir", "-q", "--model", "demo")
    assert made.status == 0, made.err
    return folder


def write_plan(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["instance", "role", "change", "value"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def row(instance, role, change="", value=""):
    return {"instance": instance, "role": role, "change": change, "value": value}


@pytest.fixture
def project(demo, tmp_path):
    path = tmp_path / "set.curate"
    for arguments in (["curate", "new", path, "--index", demo / "photos.cir"], ["curate", "plan", path, demo / "plan.csv", "-q"]):
        made = run_cir(*arguments)
        assert made.status == 0, made.err
    return path


def ask(project, sql, *values):
    import sqlite3
    with sqlite3.connect(f"file:{project / 'curation.sqlite'}?mode=ro", uri=True) as database:
        return database.execute(sql, values).fetchall()


def encode(tmp_path, texts):
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n")
    made = run_cir("encode", "--model", "demo", "--texts", tmp_path / "texts.txt", "-o", tmp_path / "texts.npy", "-q", "--precision", "f32")
    assert made.status == 0, made.err
    return numpy.load(tmp_path / "texts.npy")


@pytest.fixture(scope="session")
def mined(demo, tmp_path_factory):
    """A project that was mined with the default depth."""
    path = tmp_path_factory.mktemp("mined") / "set.curate"
    for arguments in (["new", path, "--index", demo / "photos.cir"], ["plan", path, demo / "plan.csv", "-q"], ["mine", path, "-q"]):
        made = run_cir("curate", *arguments)
        assert made.status == 0, made.err
    return path


@pytest.fixture
def copy(mined, tmp_path):
    return pathlib.Path(shutil.copytree(mined, tmp_path / "copy.curate"))


def neighbours(demo, tmp_path, project, k):
    """For each seed, what numpy finds: {(instance, change, role, text): paths by similarity}."""
    vectors = numpy.load(next((demo / "photos.cir").glob("features/*/vectors.npy"))).astype(numpy.float64)
    paths = [p for (p,) in sqlite_rows(demo / "photos.cir" / "catalogue.sqlite", "SELECT CAST(path AS TEXT) FROM image ORDER BY id")]
    hashes = dict(sqlite_rows(demo / "photos.cir" / "catalogue.sqlite", "SELECT hash, id FROM image ORDER BY id DESC"))
    seeds = ask(project, "SELECT s.id, s.role, s.text, s.hash FROM seed s ORDER BY s.id")
    sentences = {s[0]: f for s, f in zip([s for s in seeds if s[3] is None], encode(tmp_path, [s[2] for s in seeds if s[3] is None]))}
    found = {}
    for seed, role, text, content in seeds:
        feature = sentences[seed] if content is None else vectors[hashes[content]]
        scores = vectors @ feature.astype(numpy.float64)
        order = numpy.argsort(-scores, kind="stable")[:k]
        found[seed] = [(paths[i], scores[i]) for i in order]
    return found


def sqlite_rows(path, sql):
    import sqlite3
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


def pool_paths(project, key):
    return [p for (p,) in ask(project, "SELECT CAST(p.path AS TEXT) FROM pool JOIN instance i ON i.id = instance JOIN picture p ON p.id = picture WHERE i.key = ? ORDER BY p.id", key)]


def decide(project, tmp_path, rows, *arguments):
    with open(tmp_path / "judgements.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["instance", "change", "picture", "aspect", "value", "person"])
        writer.writerows(rows)
    return run_cir("curate", "decide", project, tmp_path / "judgements.csv", *arguments)


def status_of(project, key):
    return next(i for i in run_cir("curate", "status", project, "--json").json["instances"] if i["instance"] == key)


def ask_whole(project, sql, *values):
    """After a reader of cir's has healed what a killed writer left."""
    assert run_cir("curate", "status", project, "--json").status == 0
    return ask(project, sql, *values)


def truth_of(key, project):
    """What is true of an instance's candidates, as rows of judgements."""
    texts = {}
    with open(DEMO / "photos" / "database_files.csv", newline="") as file:
        for path, text, instance in csv.reader(file):
            if instance == key and text:
                texts[text] = LABELS[path]["condition"]
    group = next(r["group"] for r in LABELS.values() if r["thing"] == key)
    for path in pool_paths(project, key):
        label = LABELS[path[path.index("photos/"):]]
        holds = [text for text, condition in texts.items() if condition == label["condition"]]
        yield key, "", path, "object", "same" if label["thing"] == key else "alike" if label["group"] == group else "other", ""
        for text in texts:
            yield key, text, path, "text", "holds" if text in holds else "no", ""
        if label["thing"] == key:
            for text in holds:
                yield key, text, path, "positive", "yes", ""
            if label["condition"] == "plain":
                yield key, "", path, "query", "yes", ""
    yield key, "", "*", "", "no", ""


@pytest.fixture(scope="session")
def judged(mined, tmp_path_factory):
    """The mined project with all of it judged as it is."""
    folder = tmp_path_factory.mktemp("judged")
    project = pathlib.Path(shutil.copytree(mined, folder / "things.curate"))
    made = decide(project, folder, [row for key in KEYS for row in truth_of(key, project)])
    assert made.status == 0, made.err
    return project


@pytest.fixture
def truth(judged, tmp_path):
    return pathlib.Path(shutil.copytree(judged, tmp_path / "things.curate"))


def export(project, folder, *arguments, version="1.0.0"):
    return run_cir("curate", "export", project, folder, "--version", version, "--licence", "CC0-1.0", "-q", *arguments)


@pytest.fixture(scope="session")
def exported(judged, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    project = pathlib.Path(shutil.copytree(judged, folder / "things.curate"))
    made = export(project, folder / "set", "--json", "--creator", "somebody")
    assert made.status == 0, made.err
    assert made.json["instances"] == N_INSTANCES and made.json["unseen"] == 0 and made.json["positives"] >= 11 * N_INSTANCES
    return folder / "set"


def read_lists(folder):
    read = []
    for name in ("query_files.csv", "database_files.csv"):
        with open(folder / name, newline="") as file:
            read.append([(path.split("/", 1)[1], text, instance) for path, text, instance in csv.reader(file)])
    return read


def path_of_another(project, key):
    """A candidate that shows another thing."""
    return next(p for p in pool_paths(project, key) if LABELS[p[p.index("photos/"):]]["thing"] != key)
