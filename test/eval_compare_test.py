"""`cir eval compare` and `cir eval --csv`: figures against numpy, and what they refuse."""
import csv
import json
import pathlib
import shutil
import sys

import numpy
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
import domains_test  # noqa: E402

SMALL = HERE / "data" / "method" / "small"


def evaluate(cir, path, *more, features=SMALL):
    result = cir("eval", "--features", features, "--json", path, *more)
    assert result.status == 0, result.err
    return path


def write(path, queries, methods, **more):
    """A file of results as small as they come. queries: [path, text, instance]; methods: name → AP."""
    path.write_text(json.dumps({"protocol": {}, "queries": queries, **more, "methods": [
        {"method": name, "settings": {}, "AP": list(AP)} for name, AP in methods.items()]}))
    return path


def made(n_instances, seed, shift):
    """Two methods' APs, the second better by shift, on one to four queries an instance."""
    random = numpy.random.default_rng(seed)
    queries = [[f"{i}/{k}.jpg", "at night", f"thing {i}"] for i in range(n_instances) for k in range(1 + i % 4)]
    a = random.uniform(0.2, 0.6, len(queries))
    b = a + random.normal(shift, 0.1, len(queries))
    return queries, {"first": a.round(6).tolist(), "second": b.clip(0, 1).round(6).tolist()}


def by_instance(queries, differences):
    names = [row[2] for row in queries]
    groups = [numpy.array([d for d, n in zip(differences, names) if n == name]) for name in dict.fromkeys(names)]
    return numpy.array([g.sum() for g in groups]), numpy.array([len(g) for g in groups])


def enumerate_signs(values):
    """The p-value over all sign patterns."""
    sums = numpy.zeros(1)
    for value in values:
        sums = numpy.concatenate([sums + value, sums - value])
    return (abs(sums) >= abs(values.sum()) - 1e-12).mean()


def compare(cir, *arguments):
    result = cir("eval", "compare", *arguments, "--json")
    assert result.status == 0, result.err
    return result.json


@pytest.mark.parametrize("n_instances, seed, shift", [(1, 0, 0.1), (3, 1, 0.1), (12, 2, 0.03), (16, 3, 0.0), (20, 4, 0.02),
                                                      (20, 5, 0.0)])
def test_p_value_and_interval_as_numpy(cir, tmp_path, n_instances, seed, shift):
    queries, methods = made(n_instances, seed, shift)
    path = write(tmp_path / "r.json", queries, methods)
    (got,) = compare(cir, path, "--methods", "first,second")["comparisons"]
    assert (got["a"], got["b"], got["n_instances"], got["n_queries"]) == ("first", "second", n_instances, len(queries))
    assert got["exact"] == (n_instances <= 16)
    sums, counts = by_instance(queries, numpy.subtract(methods["second"], methods["first"]))
    drawn = numpy.random.default_rng(9).integers(0, n_instances, (40000, n_instances))
    expected = {"mAP": (sums, 100 * sums.sum() / counts.sum(), 100 * sums[drawn].sum(1) / counts[drawn].sum(1)),
                "mmAP": (sums / counts, 100 * (sums / counts).mean(), 100 * (sums / counts)[drawn].mean(1))}
    for key, (values, difference, resamples) in expected.items():
        assert abs(got[key]["difference"] - difference) < 1e-6
        assert abs(got[key]["b"] - got[key]["a"] - difference) < 1e-6
        p = enumerate_signs(values)
        # Drawn patterns: five standard errors of a share of 99,999.
        assert abs(got[key]["p"] - p) < (1e-9 if got["exact"] else 5 * (p * (1 - p) / 99999) ** 0.5 + 2e-5)
        low, high = numpy.percentile(resamples, [2.5, 97.5])
        if n_instances >= 12:  # with few instances the percentiles lie on steps
            error = (0.025 * 0.975 * (1 / 10000 + 1 / 40000)) ** 0.5 / 0.05845 * resamples.std()
            assert abs(got[key]["interval"][0] - low) < 6 * error and abs(got[key]["interval"][1] - high) < 6 * error


def test_worked_by_hand(cir, tmp_path):
    queries = [["0", "t", "x"], ["1", "t", "x"], ["2", "t", "y"]]
    a = write(tmp_path / "a.json", queries, {"m": [0.5, 0.5, 0.5]})
    b = write(tmp_path / "b.json", queries, {"m": [0.75, 0.75, 0.25]})
    (got,) = compare(cir, a, b)["comparisons"]
    # Instances: +0.25 of two queries, −0.25 of one. Sums +0.5 and −0.25: |±0.5 ±0.25| ≥ 0.25 always.
    assert abs(got["mAP"]["difference"] - 25 / 3) < 1e-6 and got["mAP"]["p"] == 1
    assert got["mmAP"]["difference"] == 0 and got["mmAP"]["p"] == 1
    assert (got["mmAP"]["a"], got["mmAP"]["b"]) == (50, 50)


def test_one_instance_is_warned_about(cir, tmp_path):
    path = write(tmp_path / "r.json", *made(1, 0, 0.1))
    result = cir("eval", "compare", path, "--methods", "first,second", "--json")
    assert result.status == 0 and "one instance" in result.err and "one instance" in result.json["warnings"][0]
    path = write(tmp_path / "r.json", *made(2, 0, 0.1))
    assert cir("eval", "compare", path, "--methods", "first,second").err == ""


def test_files_of_one_protocol(cir, tmp_path):
    a = evaluate(cir, tmp_path / "a.json", "--ablation")
    b = evaluate(cir, tmp_path / "b.json", "--method", "basic,product")
    answer = compare(cir, a, b)
    assert [c["a"] for c in answer["comparisons"]] == ["product", "basic"] and answer["warnings"] == []
    for c in answer["comparisons"]:
        assert c["mmAP"]["difference"] == 0 and c["mmAP"]["p"] == 1
    (only,) = compare(cir, a, b, "--method", "product")["comparisons"]
    (row,) = compare(cir, a, b, "--methods", "+ expansion,basic")["comparisons"]
    assert only["a"] == only["b"] == "product" and row["a"] == "+ expansion" and row["mmAP"]["difference"] == 0
    table = cir("eval", "compare", a, "--methods", "product,basic")
    figures = compare(cir, a, "--methods", "product,basic")["comparisons"][0]["mmAP"]
    assert table.status == 0 and table.err == ""
    assert f"{figures['difference']:+7.2f} [{figures['interval'][0]:+7.2f}, {figures['interval'][1]:+7.2f}]" in table.out
    assert compare(cir, a, b) == compare(cir, a, b)


def test_warns_of_what_differs(cir, tmp_path):
    shutil.copytree(SMALL, tmp_path / "other")
    rows = numpy.load(SMALL / "database_image.npy")
    numpy.save(tmp_path / "other" / "database_image.npy", rows[::-1])
    shutil.copytree(SMALL, tmp_path / "plain")
    (tmp_path / "plain" / "query_text_context.npy").unlink()
    a = evaluate(cir, tmp_path / "a.json", "--method", "basic")
    for more, features, words in ((("--set", "lambda=0.2"), SMALL, ['setting "lambda"', "0.1", "0.2"]),
                                  (("--set", "freedom_words=5"), SMALL, ['setting "freedom_words"', "7", "5"]),
                                  ((), tmp_path / "plain", ['method "prompt"', "query_text_context.npy", "query_text.npy"]),
                                  ((), tmp_path / "other", ['protocol "features"'])):
        b = evaluate(cir, tmp_path / "b.json", "--method", "basic", *more, features=features)
        result = cir("eval", "compare", a, b, "--json")
        assert result.status == 0
        assert all(word in result.err for word in words) and "warning" in result.err
        assert any(words[0] in line for line in result.json["warnings"])
    old = json.loads(a.read_text())
    del old["protocol"]
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert "missing" in cir("eval", "compare", a, tmp_path / "old.json").err


def test_refuses_what_is_not_comparable_unless_forced(cir, tmp_path):
    lines = (SMALL / "database.csv").read_text().splitlines()
    instance, text = lines[0].split(",")[2], lines[0].split(",")[1]

    def with_database(name, changed):
        """The same queries and rows, another list."""
        shutil.copytree(SMALL, tmp_path / name)
        (tmp_path / name / "database.csv").write_text("\n".join(changed) + "\n")
        return tmp_path / name

    relabelled = with_database("relevance", [f"{lines[0].split(',')[0]},another,{instance}", *lines[1:]])
    last = next(i for i in range(len(lines) - 1, 0, -1) if lines[i].split(",")[2] == instance)
    moved = with_database("gallery", [line if i != last else line.rsplit(",", 1)[0] + ",nowhere" for i, line in enumerate(lines)])
    a = evaluate(cir, tmp_path / "a.json", "--method", "sum,product")
    assert text != "another"
    for more, features, key in ((("--ap", "paper"), SMALL, "AP"), ((), relabelled, "relevance"), ((), moved, "gallery")):
        b = evaluate(cir, tmp_path / "b.json", "--method", "sum,product", *more, features=features)
        result = cir("eval", "compare", a, b, "--json")
        assert result.status == 1 and result.out == ""
        assert f'protocol "{key}" differs' in result.err or (key == "gallery" and 'protocol "relevance" differs' in result.err)
        assert "a.json" in result.err and "b.json" in result.err and "evaluate both alike" in result.err and "--force" in result.err
        forced = cir("eval", "compare", a, b, "--json", "--force")
        assert forced.status == 0 and len(forced.json["comparisons"]) == 2
        assert any(f'protocol "{key}" differs' in line for line in forced.json["warnings"])
        assert f'cir: warning: protocol "{key}" differs' in forced.err
    assert json.loads(a.read_text())["protocol"]["prompt"] == "given"


def test_refuses_other_queries(cir, tmp_path):
    queries, methods = made(5, 0, 0)
    a = write(tmp_path / "a.json", queries, methods)
    shorter = write(tmp_path / "b.json", queries[:-1], {name: AP[:-1] for name, AP in methods.items()})
    result = cir("eval", "compare", a, shorter)
    assert result.status == 1 and result.out == ""
    assert cir("eval", "compare", a, shorter, "--force").status == 1
    assert f"has {len(queries)};" in result.err and f"has {len(queries) - 1} queries" in result.err
    for field, name in enumerate(("path", "text", "instance")):
        other = [list(row) for row in queries]
        other[3][field] = "another"
        result = cir("eval", "compare", a, write(tmp_path / "b.json", other, methods))
        assert result.status == 1 and f"query 3 has the {name} \"another\"" in result.err and "--force" in result.err
        forced = cir("eval", "compare", a, tmp_path / "b.json", "--json", "--force")
        assert forced.status == 0 and f'queries from "{name}" differs' in forced.err
        assert forced.json["comparisons"][0]["mmAP"]["difference"] == 0 or name == "instance"


@pytest.mark.parametrize("damage, says", [
    (lambda d: json.dumps(d)[:200], "is not JSON"),
    (lambda d: "", "is not JSON"),
    (lambda d: "[]", "not a JSON object"),
    (lambda d: "{}", "holds no methods"),
    (lambda d: json.dumps({**d, "methods": []}), "holds no methods"),
    (lambda d: json.dumps({**d, "methods": "basic"}), "holds no methods"),
    (lambda d: json.dumps({**d, "queries": None}), "no list of queries"),
    (lambda d: json.dumps({**d, "queries": [["a", "b"]]}), "query 0 is not [path, text, instance]"),
    (lambda d: json.dumps({**d, "queries": [["a", "b", 3]]}), "query 0 is not [path, text, instance]"),
    (lambda d: json.dumps({**d, "protocol": 3}), "\"protocol\""),
    (lambda d: json.dumps({**d, "methods": [{"AP": []}]}), "method 0 has no name"),
    (lambda d: json.dumps({**d, "methods": [3]}), "method 0 has no name"),
    (lambda d: json.dumps({**d, "methods": [{"method": "m", "AP": [0.5]}]}), "an AP for 1 queries"),
    (lambda d: json.dumps({**d, "methods": [{"method": "m", "AP": ["x"] * len(d["queries"])}]}), "query 0 is not a number"),
    (lambda d: json.dumps({**d, "methods": [{"method": "m", "AP": [1.5] * len(d["queries"])}]}), "query 0 is not a number"),
])
def test_damaged_files_are_refused(cir, tmp_path, damage, says):
    a = write(tmp_path / "a.json", *made(4, 0, 0))
    bad = tmp_path / "bad.json"
    bad.write_text(damage(json.loads(a.read_text())))
    for files in ((a, bad), (bad, a)):
        result = cir("eval", "compare", *files)
        assert result.status == 1 and result.out == ""
        assert result.err.startswith(f"cir: {bad}") and says in result.err


def test_missing_things(cir, tmp_path):
    a = write(tmp_path / "a.json", *made(4, 0, 0))
    result = cir("eval", "compare", a, tmp_path / "none.json")
    assert result.status == 1 and "none.json" in result.err
    result = cir("eval", "compare", a, a, "--method", "third")
    assert result.status == 1 and "no method \"third\"; it has: first, second" in result.err
    queries, methods = made(4, 0, 0)
    b = write(tmp_path / "b.json", queries, {"third": methods["first"], "fourth": methods["first"]})
    result = cir("eval", "compare", a, b)
    assert result.status == 1 and "no method in common" in result.err
    assert len(compare(cir, a, b, "--methods", "first,third")["comparisons"]) == 1


@pytest.mark.parametrize("arguments", [[], ["a.json"], ["a", "b", "c"], ["a", "b", "--method", "x", "--methods", "x,y"],
                                       ["a", "--methods", "x"], ["a", "--methods", "x,"], ["a", "--methods", ",x"],
                                       ["a", "--methods", "x,y,z"], ["a", "--method", "x"], ["a", "b", "--frob"]])
def test_wrong_usage(cir, arguments):
    result = cir("eval", "compare", *arguments)
    assert result.status == 2 and result.out == "" and "cir eval compare --help" in result.err


def test_help_and_a_folder_of_that_name(cir, tmp_path):
    for words in (("eval", "compare", "--help"), ("help", "eval", "compare")):
        assert "Usage: cir eval compare A.json" in cir(*words).out
    assert "Usage: cir eval (DATASET" in cir("help", "eval").out
    result = cir("eval", "./compare", cwd=tmp_path)
    assert result.status == 1 and "query_files.csv" in result.err


# -- tables --------------------------------------------------------------------------------------------------------


def read_table(path):
    head = path.read_bytes().splitlines(keepends=True)[0]
    assert head.endswith((b",n_gallery\r\n", b",n_gallery,AP_low,AP_high\r\n", b",smallest_AP_low,smallest_AP_high\r\n"))
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def test_tables_as_the_document(cir, tmp_path):
    shutil.copytree(SMALL, tmp_path / "f")
    text = (SMALL / "query.csv").read_text().replace("query/0_0_0.jpg", '"one\nline, ""two"".jpg"', 1)
    (tmp_path / "f" / "query.csv").write_text(text)
    folder = tmp_path / "tables"
    path = evaluate(cir, tmp_path / "r.json", "--method", "basic-,basic", "--ablation", "--csv", folder, features=tmp_path / "f")
    document = json.loads(path.read_text())
    names = {"basic-", "basic", "ablation-raw-product", "ablation-centring", "ablation-min-normalisation",
             "ablation-Harris-fusion", "ablation-contextualisation", "ablation-projection", "ablation-expansion", "ablation-text-projection"}
    assert {p.name for p in folder.iterdir()} == {f"{n}.{kind}.csv" for n in names for kind in ("queries", "instances")}
    for figures in document["methods"][:2]:
        queries = read_table(folder / f"{figures['method']}.queries.csv")
        instances = read_table(folder / f"{figures['method']}.instances.csv")
        assert [[row["path"], row["text"], row["instance"]] for row in queries] == document["queries"]
        assert queries[0]["path"] == 'one\nline, "two".jpg'
        assert numpy.allclose([float(row["AP"]) for row in queries], figures["AP"], atol=1e-9)
        assert [int(row["n_relevant"]) for row in queries] == figures["n_relevant"]
        assert {row["n_gallery"] for row in queries} == {"40"}
        for k in ("1", "5", "10", "50"):
            for letter, key in (("R", "recall"), ("P", "precision")):
                assert abs(100 * numpy.mean([float(row[f"{letter}@{k}"]) for row in queries]) - figures[key][k]) < 1e-6
        assert {row["instance"]: round(float(row["mean_AP"]), 8) for row in instances} == {
            name: round(value, 8) for name, value in figures["per_instance"].items()}
        smallest = 100 * numpy.mean([float(row["smallest_AP"]) for row in instances])
        assert abs(smallest - figures["minmAP"]) < 1e-6
        assert sum(int(row["n_queries"]) for row in instances) == document["n_queries"]


def test_classes_are_the_instances_of_domain_conversion(cir, tmp_path):
    folder, tables = tmp_path / "f", tmp_path / "tables"
    folder.mkdir()
    images, database = domains_test.make_lists(folder, "minidn")
    domains_test.write_features(folder, "minidn", images, database)
    path = evaluate(cir, tmp_path / "r.json", "--benchmark", "minidn", "--method", "text,product", "--csv", tables, features=folder)
    (got,) = compare(cir, path, "--methods", "text,product")["comparisons"]
    assert got["n_instances"] == len({name for _, _, name in images}) > 1 and got["exact"]
    figures = json.loads(path.read_text())["methods"][1]
    assert abs(got["mmAP"]["b"] - figures["mmAP"]) < 1e-6 and got["mmAP"]["interval"][0] < got["mmAP"]["interval"][1]
    rows = read_table(tables / "product.instances.csv")
    assert {row["instance"]: round(float(row["mean_AP"]), 8) for row in rows} == {
        name: round(value, 8) for name, value in figures["per_instance"].items()}
    assert {row["n_gallery"] for row in rows} == {str(len(database))}


def test_tables_that_cannot_be_written(cir, tmp_path):
    (tmp_path / "file").write_text("kept")
    for folder, why in ((tmp_path / "file", "is a file"), (tmp_path / "file" / "below", "Not a directory"),
                        (tmp_path / "none" / "below", "No such file")):
        result = cir("eval", "--features", SMALL, "--method", "text", "--csv", folder)
        assert result.status == 1 and str(folder) in result.err and why in result.err
    assert (tmp_path / "file").read_text() == "kept"
