"""Every command of the program on something small, and what a success of it must have brought."""
import csv
import dataclasses
import json
import pathlib
import shutil
import typing

from harness import SOURCE, run

DEMO = SOURCE / "demo"
N_PHOTOS = 10


@dataclasses.dataclass
class Command:
    """prepare: makes the folder ready for a run. find_wrong: (scene, outcome) → what is wrong with a success, or None.
    finish: after a run that was stopped by a fault, the same without faults; says what is lost, or None."""
    name: str
    arguments: list
    find_wrong: typing.Callable
    prepare: typing.Callable = lambda scene: None
    finish: typing.Callable = lambda scene: None


def _without_times(value):
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in ("ms", "seconds", "stages", "cache", "when")}
    return [_without_times(v) for v in value] if isinstance(value, list) else value


class Scene:
    """A folder with photos, an index, a damaged index, features, texts and a small data set."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.expected = {}
        self._make_photos()
        self._make_data_set()
        (self.folder / "texts.txt").write_text("a red car\nat night\nin the snow\n")
        for arguments in (["index", "photos", "-o", "photos.cir", "-q", "--codes-from", "1"],
                          ["search", "photos.cir", "--image", "1", "--text", "at night", "--json"],
                          ["eval", "set", "--model", "demo", "--cache", "none", "--method", "text,basic",
                           "--json", "one.json"]):
            outcome = run(arguments, self.folder)
            assert outcome.status == 0, outcome.err
        shutil.copytree(self.folder / "photos.cir", self.folder / "damaged.cir")
        vectors = next((self.folder / "damaged.cir" / "features").iterdir()) / "vectors.npy"
        content = bytearray(vectors.read_bytes())
        content[-200] ^= 0x40
        vectors.write_bytes(content)

    def _make_photos(self):
        pictures = sorted((DEMO / "photos" / "database").rglob("*.jpg"))
        for name, step in (("photos", 300), ("more", 290)):
            (self.folder / name).mkdir()
            for i in range(N_PHOTOS):
                shutil.copy(pictures[i * step], self.folder / name / f"{name}{i:02}.jpg")

    def _make_data_set(self):
        root = self.folder / "set"
        root.mkdir()
        with open(DEMO / "photos" / "query_files.csv", newline="") as file:
            queries = [row for row in csv.reader(file)]
        instances = sorted({row[2] for row in queries})[:2]
        queries = [row for row in queries if row[2] in instances][:6]
        with open(DEMO / "photos" / "database_files.csv", newline="") as file:
            database = [row for row in csv.reader(file) if row[2] in instances]
        kept = [row for row in database if row[1]] + [row for row in database if not row[1]][:8]
        for name, rows in (("query_files.csv", queries), ("database_files.csv", kept)):
            with open(root / name, "w", newline="") as file:
                csv.writer(file).writerows(rows)
            for row in rows:
                target = root / row[0]
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    shutil.copy(DEMO / row[0], target)

    def remove(self, *names):
        for name in names:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def copy(self, name, to):
        self.remove(to)
        shutil.copytree(self.folder / name, self.folder / to)

    # -- what is right --

    def as_before(self, name, content):
        """What the first success gave is what every other must give."""
        if self.expected.setdefault(name, content) == content:
            return None
        return f"{name}: {str(content)[:300]} where it was {str(self.expected[name])[:300]}"

    def same_index(self, outcome):
        """Of `cir info`: what could not be looked at is said, and then not counted."""
        said = json.loads(outcome.out)
        said.pop("size_bytes")  # of what can be looked at
        if said.pop("codes_problem") is not None:
            said.pop("n_coded")
            before = dict(self.expected.get(self.command.name, said))
            before.pop("n_coded", None)
            return None if before == said else f"{said} where it was {before}"
        return self.as_before(self.command.name, said)

    def well_now(self, name):
        """Of a repair: what it says may differ, but nothing is wrong afterwards."""
        def find_wrong(outcome):
            checked = run(["check", name], self.folder)
            return None if checked.status == 0 else f"{name} is not well: {checked.out[-300:]!r}{checked.err[-300:]!r}"
        return find_wrong

    def same_text(self, outcome):
        return self.as_before(self.command.name, outcome.out)

    def same_json(self, outcome):
        try:
            said = _without_times(json.loads(outcome.out))
            return self.as_before(self.command.name, said.get("hits", said))
        except ValueError as e:
            return f"{e}: {outcome.out[-200:]!r}"

    def same_files(self, *names):
        def find_wrong(outcome):
            for name in names:
                path = self.folder / name
                if not path.exists():
                    return f"{name} is not there"
                if path.suffix == ".json":
                    try:
                        content = _without_times(json.loads(path.read_text()))
                    except ValueError as e:
                        return f"{name}: {e}"
                else:
                    content = path.read_bytes() if path.suffix != ".html" else path.read_bytes().endswith(b"</html>\n")
                wrong = self.as_before(f"{self.command.name} {name}", content)
                if wrong is not None:
                    return wrong
            return None
        return find_wrong

    def whole_index(self, name, n_ready):
        """Of `cir index --json`: what is said is so, and failures are no photos of ours."""
        def find_wrong(outcome):
            said = json.loads(outcome.out)
            checked = run(["check", name], self.folder)
            if checked.status != 0:
                return f"{name} is not well: {checked.out[-300:]!r}{checked.err[-300:]!r}"
            info = run(["info", name, "--json"], self.folder)
            now = json.loads(info.out)
            if said["failed"] == 0 and now["n_ready"] != n_ready:
                return f"{name}: {now['n_ready']} photos where there are {n_ready}, and none is said to have failed"
            return None
        return find_wrong

    def continues(self, name, arguments, n_before, n_ready):
        """After a stopped run: nothing committed is lost, and the next run ends the work."""
        def finish():
            if n_before > 0:
                info = run(["info", name, "--json"], self.folder)
                if info.status != 0 or json.loads(info.out)["n_rows"] < n_before:
                    return f"{name}: lost: {info.out[-300:]!r}{info.err[-300:]!r}"
            again = run([*arguments, "--retry-failed"], self.folder)
            if again.status != 0:
                return f"{name}: the next run fails: {again.err[-300:]!r}"
            return self.whole_index(name, n_ready)(again)
        return finish


def every_command(scene):
    def of(name, arguments, find_wrong, prepare=lambda: None, finish=lambda: None):
        return Command(name, arguments, find_wrong, prepare, finish)

    def fresh(*names):
        return lambda: scene.remove(*names)

    index = ["index", "photos", "-o", "new.cir", "--json", "-q", "--codes-from", "1", "--batch", "4"]
    update = ["index", "photos", "more", "-o", "old.cir", "--json", "-q", "--batch", "4"]
    search = ["search", "photos.cir", "--image", "photos/photos03.jpg", "--text", "at night"]
    return [
        of("index, new", index, scene.whole_index("new.cir", N_PHOTOS), fresh("new.cir"),
           scene.continues("new.cir", index, 0, N_PHOTOS)),
        of("index, update", update, scene.whole_index("old.cir", 2 * N_PHOTOS),
           lambda: scene.copy("photos.cir", "old.cir"), scene.continues("old.cir", update, N_PHOTOS, 2 * N_PHOTOS)),
        of("search --json", [*search, "--json"], scene.same_json),
        of("search --html", [*search, "--method", "basic", "--explain", "--html", "answer.html"],
           scene.same_files("answer.html"), fresh("answer.html")),
        of("info", ["info", "photos.cir", "--json"], scene.same_index),
        of("info MODEL", ["info", DEMO / "model"], scene.same_text),
        of("check", ["check", "photos.cir"], scene.same_text),
        of("check --repair", ["check", "--repair", "sick.cir"], scene.well_now("sick.cir"),
           lambda: scene.copy("damaged.cir", "sick.cir")),
        of("encode --texts", ["encode", "--model", DEMO / "model", "--texts", "texts.txt", "-o", "texts.npy"],
           scene.same_files("texts.npy"), fresh("texts.npy")),
        of("encode --images", ["encode", "--model", "demo", "--images", "photos/photos00.jpg", "photos/photos01.jpg",
                               "-o", "images.npy"], scene.same_files("images.npy"), fresh("images.npy")),
        of("eval", ["eval", "set", "--model", "demo", "--cache", "none", "--method", "image,basic", "--json",
                    "results.json", "--csv", "tables", "--report", "report.html"],
           scene.same_files("results.json", "report.html"), fresh("results.json", "report.html", "tables")),
        of("eval compare", ["eval", "compare", "one.json", "--methods", "text,basic", "--json"], scene.same_json),
        of("model list", ["model", "list"], scene.same_text),
        of("model check", ["model", "check", DEMO / "model"], scene.same_text),
        of("bench make-index", ["bench", "make-index", "made.cir", "--n", "200", "--dim", "16", "-q"],
           lambda outcome: None if run(["check", "made.cir"], scene.folder).status == 0 else "made.cir is not well",
           fresh("made.cir")),
    ]
