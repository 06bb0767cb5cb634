"""`cir eval --report`: the page's structure by Python's parser, its figures against the JSON of the same run."""
import base64
import csv
import html.parser
import io
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys

import numpy
import pytest
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "data" / "method")]
from conftest import CIR, draw_photo  # noqa: E402

SMALL = HERE / "data" / "method" / "small"
VOID = {"meta", "link", "br", "img", "hr", "input", "wbr"}
CLOSED_IN_SVG = {"line", "path", "circle"}


class Node:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent, self.children = tag, attributes, parent, []

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag=None, **attributes):
        """Every node below with that tag, and with these attributes (class_: one of its classes)."""
        for child in self.children:
            if isinstance(child, str):
                continue
            if (tag is None or child.tag == tag) and all(
                    value in child.attributes.get("class", "").split() if name == "class_" else
                    child.attributes.get(name) == value for name, value in attributes.items()):
                yield child
            yield from child.all(tag, **attributes)

    def one(self, tag=None, **attributes):
        (found,) = self.all(tag, **attributes)
        return found


class Parser(html.parser.HTMLParser):
    """A tree, where every tag that opens has to close and in the right order."""

    def __init__(self):
        super().__init__()
        self.root = self.at = Node("", {}, None)

    def handle_starttag(self, tag, attributes):
        node = Node(tag, dict(attributes), self.at)
        assert len(node.attributes) == len(attributes), f"<{tag}> has an attribute twice"
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag, attributes):
        assert tag in CLOSED_IN_SVG
        self.at.children.append(Node(tag, dict(attributes), self.at))

    def handle_endtag(self, tag):
        assert tag == self.at.tag, f"</{tag}> where <{self.at.tag}> is open"
        self.at = self.at.parent

    def handle_data(self, data):
        self.at.children.append(data)


def parse(path):
    parser = Parser()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert parser.at is parser.root, f"<{parser.at.tag}> is left open"
    for node in parser.root.all():
        assert node.tag not in ("script", "iframe", "object", "embed", "form", "base")
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert value.startswith("data:"), f"{value[:80]} is loaded"
    assert "url(" not in parser.root.one("style").text and "@import" not in parser.root.one("style").text
    return parser.root


def report(cir, tmp_path, *arguments, features=SMALL):
    source = ["--features", features] if features is not None else []
    result = cir("eval", *source, "--report", tmp_path / "r.html", "--json", tmp_path / "r.json", "-q", *arguments)
    assert result.status == 0, result.err
    return parse(tmp_path / "r.html"), json.loads((tmp_path / "r.json").read_text())


def table_rows(table):
    return [[cell.text for cell in row.all() if cell.tag in ("th", "td")] for row in table.one("tbody").all("tr")]


def ties(method, key):
    if "n_tied" not in method:
        return ""
    return f"(ties {method[key + '_low']:.2f}–{method[key + '_high']:.2f}, {method['n_tied']} of {len(method['AP'])} queries)"


def figures(method):
    def with_interval(key):
        low, high = method["interval"][key]
        return f"{method[key]:.2f}[{low:.2f}, {high:.2f}]" + ties(method, key)

    return [method.get("label", method["method"]), with_interval("mmAP"), "", with_interval("mAP"),
            f"{method['minmAP']:.2f}" + ties(method, "minmAP"),
            *(f"{method['recall'][k]:.2f}" for k in ("1", "5", "10", "50")),
            *(f"{method['precision'][k]:.2f}" for k in ("1", "10"))]


def test_tables_hold_the_figures_of_the_json(cir, tmp_path):
    page, results = report(cir, tmp_path, "--ablation")
    methods = [m for m in results["methods"] if "label" not in m]
    steps = [m for m in results["methods"] if "label" in m]
    assert len(methods) == 7 and len(steps) == 8
    assert table_rows(page.one("section", id="methods").one("table")) == [figures(m) for m in methods]
    assert table_rows(page.one("section", id="ablation").one("table")) == [figures(m) for m in steps]
    best = max(methods, key=lambda m: m["mmAP"])
    marked = page.one("section", id="methods").one("tr", class_="best")
    assert next(marked.all("th")).text == best["method"]
    protocol = page.one("section", id="protocol")
    rows = dict(row for row in table_rows(next(protocol.all("table"))))
    for key in ("relevance", "features", "AP", "version"):
        assert rows[key] == results["protocol"][key]
    settings = [dict(table_rows(details.one("table"))) for details in protocol.all("details")]
    for method, shown in zip(results["methods"], settings, strict=True):
        assert float(shown["lambda"]) == method["settings"]["lambda"] and shown["variant"] == "paper"
    instances = table_rows(page.one("figure", id="instances").one("table"))
    assert [row[0] for row in instances] == sorted(best["per_instance"], key=lambda name: -best["per_instance"][name])
    for name, *cells in instances:
        assert cells == [f"{100 * method['per_instance'][name]:.2f}" for method in methods]


def lines_of(figure):
    """Every line of a chart by its name, in the numbers of its axes, which are read off the ticks."""
    chart = figure.one("svg", class_="chart")
    ticks = [[], []]  # x and y: (place, value)
    units = {"k": 1e3, "M": 1e6, "G": 1e9}
    children = [child for child in chart.children if not isinstance(child, str)]
    for line, text in zip(children, children[1:]):
        if line.attributes.get("class") == "tick" and text.tag == "text":
            value = float(text.text.rstrip("kMG")) * units.get(text.text[-1], 1)
            is_x = line.attributes["x1"] == line.attributes["x2"]
            ticks[0 if is_x else 1].append((float(line.attributes["x1" if is_x else "y1"]), value))
    names = {text.attributes["class"].split()[1]: text.text for text in chart.all("text", class_="label")}
    lines = {}
    for path in chart.all("path", class_="line"):
        points = [[float(c) for c in pair.split()] for pair in re.split("[ML]", path.attributes["d"])[1:]]
        lines[names[path.attributes["class"].split()[1]]] = numpy.array(points)
    return lines, ticks


def to_values(points, ticks, is_log=False):
    """Places in the picture as values."""
    scaled = points.copy()
    for axis in (0, 1):
        places, values = numpy.array(ticks[axis]).T
        if is_log and axis == 0:
            values = numpy.log10(values)
        slope, offset = numpy.polyfit(places, values, 1)
        assert len(places) >= 2 and abs(slope * places + offset - values).max() < 1e-2 * abs(values).max()
        scaled[:, axis] = slope * points[:, axis] + offset
    if is_log:
        scaled[:, 0] = 10 ** scaled[:, 0]
    return scaled


def test_charts_draw_the_figures_of_the_json(cir, tmp_path):
    page, results = report(cir, tmp_path)
    for id_, key in (("precision", None), ("instances", "per_instance")):
        lines, ticks = lines_of(page.one("figure", id=id_))
        assert list(lines) == [m["method"] for m in results["methods"]]
        for method in results["methods"]:
            drawn = to_values(lines[method["method"]], ticks)
            if key is None:
                expected = 100 * numpy.array(method["precision_recall"])
                assert abs(drawn[:, 0] - numpy.arange(101)).max() < 0.1
            else:
                expected = 100 * numpy.array(sorted(method["per_instance"].values(), reverse=True))
            assert drawn.shape[0] == len(expected) and abs(drawn[:, 1] - expected).max() < 0.1


def test_sweeps_are_drawn_and_listed(cir, tmp_path):
    page, results = report(cir, tmp_path, "--method", "sum,weicom,basic-", "--sweep", "weight", "--sweep", "components=1,4,9")
    figures = {figure.one("h3").text.split()[-1]: figure for figure in page.all("figure", class_="sweep")}
    assert list(figures) == ["weight", "components"]
    for setting, figure in figures.items():
        sweeps = [s for s in results["sweeps"] if s["setting"] == setting]
        lines, ticks = lines_of(figure)
        assert list(lines) == [s["method"] for s in sweeps]
        for s in sweeps:
            drawn = to_values(lines[s["method"]], ticks)
            assert abs(drawn[:, 0] - s["values"]).max() < 2e-3 * s["values"][-1] and abs(drawn[:, 1] - s["mmAP"]).max() < 0.15
        expected = [[f"{value:g}", *(f"{x:.2f}" for x in row)]
                    for value, *row in zip(sweeps[0]["values"], *(s["mmAP"] for s in sweeps))]
        assert table_rows(figure.one("table")) == expected
    gains = [f"Composition gain of {s['method']}: {s['gain']['mmAP']:+.2f}." for s in results["sweeps"][:2]]
    assert all(gain in figures["weight"].one("figcaption").text for gain in gains)


def test_distractors_are_drawn_and_listed(cir, tmp_path):
    pool = numpy.random.default_rng(0).normal(size=(3000, 24)).astype(numpy.float32)
    numpy.save(tmp_path / "pool.npy", pool + 2 * numpy.load(SMALL / "image_mean.npy"))
    page, results = report(cir, tmp_path, "--method", "text,sum,basic-", "--distractors", tmp_path / "pool.npy",
                           "--pool-sizes", "1,20,400,3000")
    figure, got = page.one("figure", id="distractors"), results["distractors"]
    lines, ticks = lines_of(figure)
    assert list(lines) == [m["method"] for m in got["methods"]] and len(list(figure.all("path", class_="reference"))) == 3
    for m in got["methods"]:
        drawn = to_values(lines[m["method"]], ticks, is_log=True)
        assert abs(drawn[:, 0] / got["sizes"] - 1).max() < 0.02 and abs(drawn[:, 1] - m["mmAP"]).max() < 0.15
    crossings, values = list(figure.all("table"))
    assert table_rows(values) == [[str(n), *(f"{x:.2f}" for x in row)]
                                  for n, *row in zip(got["sizes"], *(m["mmAP"] for m in got["methods"]))]
    for m, row in zip(got["methods"], table_rows(crossings), strict=True):
        ((kind, n),) = m["crossing"]["mmAP"].items()
        assert row == [m["method"], f"{m['hard_negatives']['mmAP']:.2f}", f"{'' if kind == 'at' else kind + ' '}{n:.0f}"]


def test_categories_are_listed(cir, tmp_path):
    names = list(dict.fromkeys(row[2] for row in read_list(SMALL / "query.csv")))
    (tmp_path / "kinds.csv").write_text("".join(f"{name},<kind {i % 2}>\n" for i, name in enumerate(names[:-1])))
    page, results = report(cir, tmp_path, "--method", "sum,basic", "--categories", tmp_path / "kinds.csv")
    section = page.one("section", id="categories")
    (taxonomy,) = results["categories"]
    assert section.one("h3").text == "kinds" and len(taxonomy["categories"]) == 3
    heads = [th.text for th in section.one("thead").all("th")]
    assert heads[1:] == [f"{c['name']}{c['n_queries']}" for c in taxonomy["categories"]]
    for method, row in zip(results["methods"], table_rows(section.one("table")), strict=True):
        assert row == [method["method"], *(f"{c['mAP']:.2f}" for c in method["per_category"]["kinds"].values())]


def interpolated(ranks):
    """Precision at 101 recalls, from the definition."""
    precision = [(j + 1) / (rank + 1) for j, rank in enumerate(ranks)]
    return [max((p for j, p in enumerate(precision) if (j + 1) / len(ranks) >= i / 100 - 1e-12), default=0) for i in range(101)]


@pytest.mark.parametrize("method", ["image", "product"])
def test_precision_against_numpy(cir, tmp_path, method):
    import method_reference
    data = method_reference.load(SMALL)
    answer = method_reference.evaluate(data, method)
    curves = {}
    for (_, text, instance), scores in zip(data["query"], answer["scores"]):
        order = sorted(scores, key=lambda row: (-scores[row], row))
        ranks = [k for k, row in enumerate(order) if data["database"][row][1] == text]
        curves.setdefault(instance, []).append(interpolated(ranks))
    expected = numpy.mean([numpy.mean(curve, axis=0) for curve in curves.values()], axis=0)
    _, results = report(cir, tmp_path, "--method", method)
    assert abs(numpy.array(results["methods"][0]["precision_recall"]) - expected).max() < 1e-6


def check_answers(page, results, queries, database):
    """Queries shown, best and worst, are those of the best method, and each answer is marked as the lists say."""
    method = max(results["methods"], key=lambda m: m["mmAP"])
    APs = {}
    for section in ("best", "worst"):
        assert method["method"] in page.one("section", id=section).one("h2").text
        for article in page.one("section", id=section).all("article"):
            text, (instance, path, figure) = article.one("h3").text, [p.text for p in article.one("div", class_="asked").all("p")]
            q = next(q for q, row in enumerate(queries) if row == [path, text, instance])
            assert figure.startswith(f"AP {100 * method['AP'][q]:.2f}; {method['n_relevant'][q]} right of ")
            APs.setdefault(section, []).append(method["AP"][q])
            answers = list(article.all("li"))
            assert [a.attributes["title"] for a in answers] == [database[row][0] for row in method["top"][q]]
            for answer, row in zip(answers, method["top"][q]):
                is_right = database[row][1:] == [text, instance]
                assert answer.attributes["class"] == ("right" if is_right else "wrong")
                assert ("✓ right" if is_right else "✗ wrong") in answer.text
    relevant = [ap for ap, n in zip(method["AP"], method["n_relevant"]) if n > 0]
    assert APs["best"][0] == max(relevant) and APs["worst"][0] == min(relevant)
    assert APs["best"] == sorted(APs["best"], reverse=True) and APs["worst"] == sorted(APs["worst"])
    return APs


def read_list(path):
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        return list(csv.reader(file))


def test_best_and_worst_queries(cir, tmp_path):
    page, results = report(cir, tmp_path)
    APs = check_answers(page, results, read_list(SMALL / "query.csv"), read_list(SMALL / "database.csv"))
    assert len(APs["best"]) == len(APs["worst"]) == 5
    assert not list(page.all("img"))


def test_pictures_are_shown_where_there_are_any(cir, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for i in range(8):
        draw_photo(i, (300, 120)).save(folder / f"{i}.png")
    (folder / "7.png").write_bytes((folder / "6.png").read_bytes())
    (folder / "query_files.csv").write_text("set/0.png,red,a\nset/1.png,blue,a\n")
    (folder / "database_files.csv").write_text("".join(f"set/{i}.png,{'red' if i % 2 else 'blue'},a\n" for i in range(2, 8)))
    page, results = report(cir, tmp_path, folder, "--model", "demo", "--method", "sum", features=None)
    check_answers(page, results, read_list(folder / "query_files.csv"), read_list(folder / "database_files.csv"))
    images = list(page.all("img"))
    assert len(images) == 2 * 7
    for image in images:
        kind, data = image.attributes["src"].split(",", 1)
        assert kind == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (128, 51)
        original = Image.open(folder / pathlib.Path(image.attributes["alt"]).name).resize((128, 51))
        got = numpy.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), dtype=float)
        assert abs(got - numpy.asarray(original, dtype=float)).mean() < 12


def test_hostile_names(cir, tmp_path):
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    shutil.copytree(SMALL, folder)
    hostile = b'"<script>alert(1)</script> & ""quoted"" \'single\' \xff\xfe \x01\x1b[31m</h3></article>"'
    _, text, instance = read_list(folder / "query.csv")[0]
    for name in ("query.csv", "database.csv"):
        rows = (folder / name).read_bytes().splitlines()
        renamed = [row.replace(b"," + text.encode() + b",", b"," + hostile + b",").replace(b"," + instance.encode(), b"," + hostile)
                   for row in rows]
        assert renamed != rows
        (folder / name).write_bytes(b"\n".join(renamed) + b"\n")
    page, results = report(cir, tmp_path, features=folder)
    seen = page.text
    assert "<script>alert(1)</script> & \"quoted\" 'single' \ufffd\ufffd" in seen and "\x1b" not in seen and "\x01" not in seen
    assert "<img src=x onerror=alert(1)>: composed" in page.one("h1").text
    assert "alert(1)" in page.one("title").text
    assert len(list(page.all("article"))) == 10


@pytest.mark.parametrize("flag", ["--report", "--json"])
@pytest.mark.parametrize("place, says", [("nowhere/r", "make its folder first"), (".", "is a folder")])
def test_files_that_cannot_be_written_are_told_before_the_work(cir, tmp_path, flag, place, says):
    result = cir("eval", "--features", SMALL, flag, tmp_path / place)
    assert result.status == 1 and result.out == "" and says in result.err and str(tmp_path / place) in result.err
    assert not list(tmp_path.iterdir())


def test_a_folder_for_tables_that_cannot_be(cir, tmp_path):
    (tmp_path / "file").write_text("mine")
    for place, says in (("file", "is a file"), ("nowhere/tables", "make its folder first"), ("file/tables", "make its folder first")):
        result = cir("eval", "--features", SMALL, "--csv", tmp_path / place)
        assert result.status == 1 and result.out == "" and says in result.err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("flag", ["--report", "--json"])
def test_full_disk(cir, flag):
    result = cir("eval", "--features", SMALL, "--method", "sum", flag, "/dev/full")
    assert result.status == 1 and "No space left" in result.err and "make room" in result.err


def test_a_file_that_cannot_grow_leaves_the_old_one(cir, tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    for flag, name, lost in (("--report", "r.html", "r.html"), ("--json", "r.json", "r.json"),
                             ("--csv", "tables", "tables/sum.queries.csv")):
        (tmp_path / lost).parent.mkdir(exist_ok=True)
        (tmp_path / lost).write_text("old")
        result = cir("eval", "--features", SMALL, "--method", "sum", flag, tmp_path / name, preexec_fn=limit)
        assert result.status == 1 and "File too large" in result.err and str(tmp_path / lost) in result.err
        assert (tmp_path / lost).read_text() == "old"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["r.html", "r.json", "sum.queries.csv", "tables"]


def test_a_folder_that_may_not_be_written(tmp_path):
    """Root without its capabilities may write no more than its files' modes say."""
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    (tmp_path / "tables").mkdir()
    (tmp_path / "r.json").write_text("old")
    for folder in (tmp_path / "tables", tmp_path):
        folder.chmod(0o555)
    for flag, place in (("--report", "r.html"), ("--csv", "new"), ("--csv", "tables")):
        command = [*powerless, CIR, "eval", "--features", SMALL, flag, tmp_path / place]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert result.returncode == 1 and result.stdout == ""
        assert f"{tmp_path / place}: " in result.stderr and "Permission denied" in result.stderr
    # A file that is there and may be written is, though its folder may not.
    result = subprocess.run([*powerless, CIR, "eval", "--features", SMALL, "--json", tmp_path / "r.json"])
    assert result.returncode == 0 and json.loads((tmp_path / "r.json").read_text())["methods"]
    (tmp_path / "r.json").chmod(0o444)
    before = (tmp_path / "r.json").read_text()
    result = subprocess.run([*powerless, CIR, "eval", "--features", SMALL, "--json", tmp_path / "r.json"], stderr=subprocess.PIPE)
    assert result.returncode == 1 and b"Permission denied" in result.stderr
    tmp_path.chmod(0o755)
    assert (tmp_path / "r.json").read_text() == before and len(list(tmp_path.iterdir())) == 2


def test_replaces_what_is_there_and_leaves_nothing_behind(cir, tmp_path):
    target = tmp_path / "real.html"
    target.write_text("old")
    target.chmod(0o640)
    (tmp_path / "r.html").symlink_to(target)
    report(cir, tmp_path, "--method", "sum")
    assert target.stat().st_mode & 0o777 == 0o640 and "<h1>" in target.read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.html", "r.json", "real.html"]


def test_domains(cir, tmp_path):
    import domains_test
    (tmp_path / "set").mkdir()
    queries, database = domains_test.make_lists(tmp_path / "set", "nico")
    domains_test.write_features(tmp_path / "set", "nico", queries, database)
    page, results = report(cir, tmp_path, "--benchmark", "nico", "--method", "sum,product", features=tmp_path / "set")
    tables = list(page.one("section", id="domains").all("table"))
    for method, table in zip(results["methods"], tables, strict=True):
        *rows, average = table_rows(table)
        assert average == ["AVG", f"{method['AVG']:.2f}" + ties(method, "AVG")]
        for source, *cells in rows:
            pairs = [method["pairs"][source].get(target) for target in method["sources"]]
            assert cells == ["–" if pair is None else f"{pair:.2f}" for pair in pairs] + [f"{method['sources'][source]:.2f}"]
