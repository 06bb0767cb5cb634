"""cir curate on the demo's photos: plans, mining, judgements, audits and export, against what is true of them."""
import csv
import json
import os
import pathlib
import shutil
import subprocess

import numpy
import pytest

from conftest import CIR, SOURCE, draw_photo, run_cir

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
