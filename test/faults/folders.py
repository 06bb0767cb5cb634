"""Index and model folders that damage, or somebody, has changed: no command crashes, hangs, or touches a file outside."""
import os
import random
import shutil
import sqlite3

from commands import DEMO, Scene
from harness import Counts, judge, print_table, run, temporary_folder

VICTIM = b"a file of the user's own, which lies outside\n" * 8


def _bytes_changed(draw, path):
    content = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 8)):
        if content:
            # Headers are looked at more closely than what follows.
            content[draw.randrange(min(len(content), draw.choice((64, 256, 4096, 1 << 30))))] = draw.randrange(256)
    path.write_bytes(content)


def _cut(draw, path):
    os.truncate(path, draw.randrange(path.stat().st_size + 1))


def _grown(draw, path):
    with open(path, "ab") as file:
        file.write(draw.randbytes(draw.choice((1, 100, 5000))))


def _part_zero(draw, path):
    content = bytearray(path.read_bytes())
    start = draw.randrange(len(content) + 1)
    content[start:start + draw.choice((16, 512, 4096))] = b"\0" * len(content[start:start + 512])
    path.write_bytes(content)


def _other_file(draw, path):
    path.write_bytes(draw.choice([p for p in _files(path.parent.parent) if p.is_file()] or [path]).read_bytes())


def _gone(draw, path):
    path.unlink()


def _link(draw, path):
    path.unlink()
    path.symlink_to(draw.choice(("/nowhere", _victim(path))))


def _hard_link(draw, path):
    path.unlink()
    os.link(_victim(path), path)


def _pipe(draw, path):
    path.unlink()
    os.mkfifo(path)


def _folder(draw, path):
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


CHANGES = (_bytes_changed, _bytes_changed, _bytes_changed, _cut, _grown, _part_zero, _other_file, _gone, _link, _hard_link,
           _pipe, _folder)

# What somebody may write into a catalogue that is handed on. Names of columns are looked up, so that none goes stale.
HOSTILE_SQL = (
    "UPDATE image SET path = CAST('/etc/passwd' AS BLOB) WHERE id = 1",
    "UPDATE image SET path = CAST('../../victim' AS BLOB) WHERE id = 1",
    "UPDATE image SET path = CAST('' AS BLOB) WHERE id = 2",
    "UPDATE image SET path = zeroblob(100000) WHERE id = 2",
    "UPDATE image SET path = NULL WHERE id = 1",
    "UPDATE image SET path = 17 WHERE id = 1",
    "UPDATE image SET id = -5 WHERE id = 1",
    "UPDATE image SET id = 9223372036854775807 WHERE id = 1",
    "UPDATE image SET state = 77",
    "DELETE FROM image WHERE id = 3",
    "DELETE FROM image",
    "DELETE FROM setting",
    "UPDATE setting SET value = -1",
    "UPDATE setting SET value = zeroblob(1000000)",
    "DELETE FROM model",
    "UPDATE model SET dim = 1000000000",
    "UPDATE model SET dim = -1",
    "UPDATE model SET key = '../../../victim'",
    "UPDATE model SET path = '/dev/zero'",
    "UPDATE model SET fingerprint = 'x'",
    "DELETE FROM feature",
    "DROP TABLE feature",
    "DROP TABLE image",
    "CREATE TRIGGER hostile AFTER UPDATE ON image BEGIN DELETE FROM image; END",
    "ALTER TABLE image RENAME TO taken; CREATE VIEW image AS SELECT * FROM taken",
    "ALTER TABLE image RENAME TO taken; CREATE VIEW image AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
    " SELECT x AS id, * FROM c, taken",
    "PRAGMA user_version = 99",
    "PRAGMA journal_mode = WAL",
    "CREATE TABLE sqlite_stat5(x); DROP TABLE sqlite_stat5",
)


def _victim(path):
    for folder in path.parents:
        if (folder / "victim").exists():
            return folder / "victim"
    raise FileNotFoundError("victim")


def _files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def _run_sql(path, sql):
    database = sqlite3.connect(path)
    try:
        database.executescript(sql)
        database.commit()
    except sqlite3.Error:
        pass  # what SQLite itself refuses is no case
    finally:
        database.close()


def _try(scene, commands, what, counts):
    """All commands, one after another, on what was changed."""
    for arguments in commands:
        outcome = run(arguments, scene.folder, timeout=30)

        name, why = judge(outcome, None, lambda _: None)
        if outcome.status == 2 and b"; see: cir" in outcome.err:
            name = "told"  # a folder without a catalogue is none to update
        if (scene.folder / "victim").read_bytes() != VICTIM:
            name, why = "wrong", "a file outside was written to"
            (scene.folder / "victim").write_bytes(VICTIM)
        counts.add(name, f"{what}: {' '.join(map(str, arguments))}: {why}")


def _change_one(draw, folder, counts, scene, commands, source):
    scene.remove(folder.name)
    shutil.copytree(source, folder)
    names = []
    for path in draw.sample(_files(folder), draw.choice((1, 1, 2))):
        change = draw.choice(CHANGES)
        names.append(f"{path.relative_to(folder)}{change.__name__}")
        change(draw, path)
    _try(scene, commands, ", ".join(names), counts)


def try_folders(n_each, seed):
    """Returns whether all is well."""
    rows = []
    with temporary_folder() as folder:
        scene = Scene(folder)
        (scene.folder / "victim").write_bytes(VICTIM)
        index = [["info", "odd.cir", "--json", "--failed"],
                 ["search", "odd.cir", "--image", "1", "--text", "at night", "--json", "-q"],
                 ["check", "odd.cir"], ["index", "odd.cir", "-q"], ["check", "--repair", "odd.cir"],
                 ["index", "photos", "-o", "odd.cir", "-q"], ["search", "odd.cir", "--text", "in the snow", "-q"]]
        model = [["info", "odd-model"], ["encode", "--model", "odd-model", "--texts", "texts.txt", "-o", "odd.npy", "-q"],
                 ["model", "check", "odd-model"]]
        for name, target, commands, source in (("index folder, changed", "odd.cir", index, scene.folder / "photos.cir"),
                                               ("model folder, changed", "odd-model", model, DEMO / "model")):
            counts = Counts()
            draw = random.Random(f"{seed} {name}")
            for _ in range(n_each):
                _change_one(draw, scene.folder / target, counts, scene, commands, source)
            rows.append((name, counts))
        counts = Counts()
        cases = HOSTILE_SQL if n_each >= len(HOSTILE_SQL) else random.Random(f"{seed} sql").sample(HOSTILE_SQL, n_each)
        for sql in cases:
            scene.copy("photos.cir", "odd.cir")
            _run_sql(scene.folder / "odd.cir" / "catalogue.sqlite", sql)
            _try(scene, index, sql, counts)
        rows.append(("index, hostile catalogue", counts))
    return print_table("changed folders", rows)
