"""The paper's experiments (`cir eval --sweep`, `--distractors`, `--categories`) against numpy."""
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "data" / "method")]
import conftest  # noqa: E402
import make  # noqa: E402
import method_reference  # noqa: E402

SMALL = HERE / "data" / "method" / "small"


def evaluate(cir, tmp_path, *arguments, features=SMALL):
    result = cir("eval", "--features", features, "--json", tmp_path / "r.json", "-q", *arguments)
    assert result.status == 0, result.err
    return json.loads((tmp_path / "r.json").read_text()), result.out


# -- sweeps --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("setting, values, methods", [
    ("weight", [0, 0.3, 0.5, 0.85, 1], ["sum", "product", "weicom"]),
    ("lambda", [0, 0.1, 0.3], ["basic-", "basic"]),
    ("alpha", [0, 0.2, 0.9], ["basic-", "basic"]),
    ("components", [1, 5, 1000], ["basic-"]),
])
def test_sweeps_as_numpy(cir, tmp_path, setting, values, methods):
    make.write_features(tmp_path / "f", 5, 16, 3)
    data = method_reference.load(tmp_path / "f")
    results, table = evaluate(cir, tmp_path, "--sweep", f"{setting}={','.join(map(str, values))}", "--method",
                              ",".join([*methods, "text"]), "--set", "neighbours=7", features=tmp_path / "f")
    assert [(s["setting"], s["method"]) for s in results["sweeps"]] == [(setting, method) for method in methods]
    for sweep in results["sweeps"]:
        assert sweep["values"] == values
        expected = [method_reference.evaluate(data, sweep["method"], {"neighbours": 7, setting: value}) for value in values]
        for key in ("mAP", "mmAP"):
            figures = [e[key] for e in expected]
            assert max(abs(a - b) for a, b in zip(sweep[key], figures)) < 1e-3
            assert max(figures) - min(figures) > 0.1  # the sweep changes something
            if setting == "weight":
                assert abs(sweep["gain"][key] - (max(figures) - max(figures[0], figures[-1]))) < 2e-3
        assert ("gain" in sweep) == (setting == "weight")
    lines = table[table.index(f"sweep of {setting}"):].splitlines()
    assert lines[0].split() == ["sweep", "of", setting, *methods, "mmAP"]
    for value, line, *figures in zip(values, lines[1:], *(s["mmAP"] for s in results["sweeps"])):
        assert line.split() == [f"{value:g}", *(f"{x:.2f}" for x in figures)]


def test_usual_values_and_no_gain_without_both_ends(cir, tmp_path):
    results, _ = evaluate(cir, tmp_path, "--method", "sum,basic-", "--sweep", "weight", "--sweep", "lambda")
    weight, lambda_ = results["sweeps"]
    assert numpy.allclose(weight["values"], numpy.linspace(0, 1, 21)) and "gain" in weight
    assert numpy.allclose(lambda_["values"], numpy.linspace(0, 0.25, 11))
    plain = {m["method"]: m["mmAP"] for m in results["methods"]}
    assert weight["mmAP"][10] == plain["sum"] and lambda_["mmAP"][4] == plain["basic-"]
    results, _ = evaluate(cir, tmp_path, "--method", "sum", "--sweep", "weight=0.1,1")
    assert "gain" not in results["sweeps"][0]


def test_a_sweep_takes_the_form_of_ap(cir, tmp_path):
    results, _ = evaluate(cir, tmp_path, "--method", "sum", "--sweep", "weight=0.4,0.5", "--ap", "paper")
    assert results["sweeps"][0]["mAP"][1] == results["methods"][0]["mAP"]


@pytest.mark.parametrize("sweep, more, says", [
    ("beta", [], "not one of weight, lambda, alpha and components"),
    ("lambda=0,-1", [], "'-1' is not a number from 0"),
    ("weight=0,2", [], "'2' is not a number from 0 to 1"),
    ("components=1.5,2", [], "whole number"),
    ("weight=0.5", [], "fewer than two"),
    ("weight=", [], "fewer than two"),
    ("weight", ["--method", "text"], "add sum, product or weicom"),
    ("lambda", ["--method", "sum"], "add basic- or basic"),
    ("lambda", ["--sweep", "lambda=0,1"], "twice"),
])
def test_sweeps_that_are_refused(cir, sweep, more, says):
    result = cir("eval", "--features", SMALL, "--sweep", sweep, *more)
    assert result.status == 2 and result.out == "" and says in result.err


def test_values_have_to_ascend(cir):
    result = cir("eval", "--features", SMALL, "--sweep", "weight=0.5,0.4")
    assert result.status == 2 and "ascend" in result.err and result.out == ""


# -- distractors ---------------------------------------------------------------------------------------------------

MASK = 2**64 - 1


def draw(state):
    """splitmix64: the next state and its number."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return state, z ^ (z >> 31)


def places(n, seed):
    """The random order of doc/method.md: six Feistel rounds, walked on while the place is not below n."""
    state = draw((draw(seed)[1] + 6) & MASK)[1]
    keys = []
    for _ in range(6):
        state, key = draw(state)
        keys.append(key)
    half = next(h for h in range(1, 32) if 4**h >= n)

    def permute(x):
        left, right = x >> half, x & (2**half - 1)
        for key in keys:
            left, right = right, left ^ (draw((right + key) & MASK)[1] & (2**half - 1))
        return left << half | right

    found = []
    for x in range(n):
        x = permute(x)
        while x >= n:
            x = permute(x)
        found.append(x)
    return numpy.array(found)


def make_pool(path, data, n, seed, dtype):
    """Images around those of the database, as hard as they are, so that figures fall well below 100."""
    random = numpy.random.default_rng(seed)
    database = data["database_image"]
    rows = database[random.integers(len(database), size=n)] + 0.6 * random.normal(size=(n, database.shape[1])) * database.std(0)
    rows = (rows * random.uniform(0.5, 2, (n, 1))).astype(dtype)
    numpy.save(path, rows)
    return method_reference.unit(rows)


def brute_force(data, pool, method, settings):
    """mAP and mmAP of every query's positives among the pool's rows, all scored and sorted."""
    settings = dict(method_reference.DEFAULTS, expand=int(method == "basic"), **settings)
    aps, memo = [], {}
    for q, (_, text, instance) in enumerate(data["query"]):
        mine = [r for r, row in enumerate(data["database"]) if row[2] == instance]
        positives = [r for r in mine if data["database"][r][1] == text]
        database = numpy.vstack([data["database_image"][positives], pool])
        own = dict(data) if "image_mean" in data else dict(data, image_mean=data["database_image"][mine].mean(axis=0))
        if method.startswith("basic"):
            scores = method_reference.basic_scores(own, q, database, settings, memo)
        elif method == "weicom":
            scores = method_reference.weicom_scores(data, q, database, settings)
        elif method == "external":
            scores = database @ data["query_composed"][q]
        else:
            scores = method_reference.baseline_scores(data, q, database, method, settings)
        is_positive = numpy.arange(len(scores)) < len(positives)
        aps.append(method_reference.expected_figures(scores, is_positive)["AP"])
    instances = [row[2] for row in data["query"]]
    groups = [numpy.mean([ap for ap, name in zip(aps, instances) if name == i]) for i in dict.fromkeys(instances)]
    return 100 * numpy.mean(aps), 100 * numpy.mean(groups)


def crossing(sizes, figures, hard):
    for k, figure in enumerate(figures):
        if figure <= hard:
            if k == 0:
                return {"below": sizes[0]}
            part = (figures[k - 1] - hard) / (figures[k - 1] - figure)
            return {"at": sizes[k - 1] * (sizes[k] / sizes[k - 1]) ** part}
    return {"beyond": sizes[-1]}


ALL = ["text", "image", "sum", "product", "weicom", "basic-", "basic"]


@pytest.mark.parametrize("dtype, n, given", [("float16", 3000, {"neighbours": 7}), ("float32", 1500, {"weight": 0.3}),
                                             ("float32", 700, {"context": 3, "neighbours": 40}), ("float16", 600, {"seed": 5})])
def test_distractors_as_brute_force(cir, tmp_path, dtype, n, given):
    make.write_features(tmp_path / "f", 7, 20, 4)
    data = method_reference.load(tmp_path / "f")
    if n == 1500:
        (tmp_path / "f" / "image_mean.npy").unlink()  # each database its own
        del data["image_mean"]
    pool = make_pool(tmp_path / "pool.npy", data, n, 1, dtype)
    settings = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    results, table = evaluate(cir, tmp_path, "--method", ",".join(ALL), "--distractors", tmp_path / "pool.npy", *settings,
                              features=tmp_path / "f")
    got = results["distractors"]
    usual = [s for s in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if s < n and (n <= 1000 or s >= 1000)]
    assert got["sizes"] == usual + [n] and got["n"] == n and got["pool"] == str(tmp_path / "pool.npy")
    order = places(n, given.pop("seed", 0))
    assert sorted(order) == list(range(n))
    given.pop("context", None)
    plain = {m["method"]: m for m in results["methods"]}
    assert [m["method"] for m in got["methods"]] == ALL
    for m in got["methods"]:
        expected = [brute_force(data, pool[order < size], m["method"], given) for size in got["sizes"]]
        assert numpy.abs(numpy.array(m["mAP"]) - [e[0] for e in expected]).max() < 2e-3, m["method"]
        assert numpy.abs(numpy.array(m["mmAP"]) - [e[1] for e in expected]).max() < 2e-3, m["method"]
        for key in ("mAP", "mmAP"):
            assert m["hard_negatives"][key] == plain[m["method"]][key]
            ((kind, value),) = m["crossing"][key].items()
            ((expected_kind, expected_value),) = crossing(got["sizes"], m[key], m["hard_negatives"][key]).items()
            assert kind == expected_kind and abs(value / expected_value - 1) < 1e-6
    lines = table[table.index("positives against"):].splitlines()
    for size, line, *figures in zip(got["sizes"], lines[2:], *(m["mmAP"] for m in got["methods"])):
        assert line.split() == [f"{size:,}", *(f"{x:.2f}" for x in figures)]


def test_distractors_do_not_depend_on_threads_or_memory(cir, tmp_path):
    make.write_features(tmp_path / "f", 7, 20, 4)
    make_pool(tmp_path / "pool.npy", method_reference.load(tmp_path / "f"), 5000, 1, "float16")
    answers = [evaluate(cir, tmp_path, "--method", ",".join(ALL), "--distractors", tmp_path / "pool.npy", *more,
                        features=tmp_path / "f")[0]["distractors"]
               for more in (["--threads", "1"], ["--threads", "5"], ["--threads", "3", "--memory", "2"])]
    assert answers[0] == answers[1] == answers[2]


def test_equal_rows_stand_in_any_order_and_no_positives_count(cir, tmp_path):
    """Whole numbers, so that products are exact: a positive is as likely at each place of its equals."""
    folder = tmp_path / "f"
    folder.mkdir()
    eye = numpy.eye(4, dtype=numpy.float32)
    (folder / "query.csv").write_text("q0,red,a\nq1,blue,a\nq2,none,b\n")
    (folder / "database.csv").write_text("0,red,a\n1,blue,a\n2,other,a\n3,other,b\n")
    for name, rows in (("query_image", eye[[0, 0, 0]]), ("query_text", eye[[1, 2, 1]]), ("database_image", eye[[0, 1, 3, 0]])):
        numpy.save(folder / f"{name}.npy", rows)
    numpy.save(tmp_path / "pool.npy", numpy.vstack([eye[[0] * 6], eye[[3] * 4]]).astype(numpy.float16))
    results, table = evaluate(cir, tmp_path, "--method", "image", "--distractors", tmp_path / "pool.npy", "--ap", "paper",
                              "--pool-sizes", "10", features=folder)
    # q0's positive is as near as six rows: first to seventh, alike; q1's is behind these six, among four more that
    # score 0 as it does: seventh to eleventh; q2 has none.
    (method,) = results["distractors"]["methods"]
    first, second = sum(1 / k for k in range(1, 8)) / 7, sum(1 / k for k in range(7, 12)) / 5
    assert abs(method["mAP"][0] - 100 * (first + second + 0) / 3) < 1e-6
    assert abs(method["mmAP"][0] - 100 * ((first + second) / 2 + 0) / 2) < 1e-6
    assert method["n_tied"] == [2]
    assert abs(method["mAP_low"][0] - 100 * (1 / 7 + 1 / 11) / 3) < 1e-6
    assert abs(method["mAP_high"][0] - 100 * (1 + 1 / 7) / 3) < 1e-6
    line = f"  image against 10: mmAP {method['mmAP'][0]:.2f} (ties {method['mmAP_low'][0]:.2f}–{method['mmAP_high'][0]:.2f}, "
    assert line + "2 of 3 queries)" in table


def test_composed_features_meet_the_pool(cir, tmp_path):
    make.write_features(tmp_path / "f", 7, 20, 3)
    random = numpy.random.default_rng(3)
    n_queries = len((tmp_path / "f" / "query.csv").read_text().splitlines())
    numpy.save(tmp_path / "f" / "query_composed.npy", random.normal(size=(n_queries, 20)).astype(numpy.float32))
    data = method_reference.load(tmp_path / "f")
    pool = make_pool(tmp_path / "pool.npy", data, 400, 1, "float32")
    results, _ = evaluate(cir, tmp_path, "--method", "external", "--distractors", tmp_path / "pool.npy", features=tmp_path / "f")
    (method,) = results["distractors"]["methods"]
    assert abs(method["mAP"][-1] - brute_force(data, pool, "external", {})[0]) < 1e-3
    shutil.copy(tmp_path / "f" / "database_image.npy", tmp_path / "f" / "database_composed.npy")
    result = cir("eval", "--features", tmp_path / "f", "--method", "external", "--distractors", tmp_path / "pool.npy")
    assert result.status == 1 and "pool does not have" in result.err and "external  " not in result.out
    result = cir("eval", "--features", tmp_path / "f", "--distractors", tmp_path / "pool.npy")
    assert result.status == 0 and "no distractors for external" in result.err


@pytest.mark.parametrize("arguments, status, says", [
    (["--pool-sizes", "5"], 2, "are for --distractors"),
    (["--distractors", "P", "--pool-sizes", "5,x"], 2, "not a list of whole numbers"),
    (["--distractors", "P", "--pool-sizes", "5,5"], 1, "let sizes ascend"),
    (["--distractors", "P", "--pool-sizes", "0"], 1, "let sizes ascend"),
    (["--distractors", "P", "--pool-sizes", "31"], 1, "has 30 rows, fewer than the pool of 31"),
    (["--distractors", "P", "--pool-sizes", ",".join(map(str, range(1, 40)))], 2, "more than 32"),
    (["--distractors", "P", "--memory", "0"], 2, "--memory"),
    (["--distractors", "nowhere.npy"], 1, "nowhere.npy: cannot be read: No such file"),
    (["--categories", "nowhere.csv"], 1, "nowhere.csv: cannot be read: No such file"),
    (["--distractors", "."], 1, "folder"),
    (["--distractors", "WIDE"], 1, "features have dimension 7, those of the data set 20"),
    (["--distractors", "DOUBLE"], 1, "float64"),
    (["--distractors", "EMPTY"], 1, "no rows"),
    (["--distractors", "NONSENSE"], 1, "not"),
])
def test_distractors_that_are_refused_before_the_work(cir, tmp_path, arguments, status, says):
    make.write_features(tmp_path / "f", 7, 20, 2)
    ones = numpy.ones((30, 20), dtype=numpy.float32)
    for name, rows in (("P", ones), ("WIDE", ones[:, :7]), ("DOUBLE", ones.astype(numpy.float64)), ("EMPTY", ones[:0])):
        numpy.save(tmp_path / name, rows)
        (tmp_path / f"{name}.npy").rename(tmp_path / name)
    (tmp_path / "NONSENSE").write_text("hello")
    result = cir("eval", "--features", tmp_path / "f", *arguments, cwd=tmp_path)
    assert result.status == status and says in result.err and "product" not in result.out


def test_benchmarks_of_domains_have_no_hard_negatives(cir, tmp_path):
    import domains_test
    images, database = domains_test.make_lists(tmp_path, "ltll")
    domains_test.write_features(tmp_path, "ltll", images, database)
    numpy.save(tmp_path / "pool.npy", numpy.ones((30, 12), dtype=numpy.float32))
    result = cir("eval", "--features", tmp_path, "--benchmark", "ltll", "--distractors", tmp_path / "pool.npy", "-q")
    assert result.status == 1 and "no hard negatives" in result.err and "AVG" not in result.out


def test_an_experiment_that_fails_leaves_the_methods_results(cir, tmp_path):
    make.write_features(tmp_path / "f", 7, 20, 2)
    numpy.save(tmp_path / "pool.npy", numpy.zeros((30, 20), dtype=numpy.float32))
    result = cir("eval", "--features", tmp_path / "f", "--method", "sum", "--distractors", tmp_path / "pool.npy", "--json",
                 tmp_path / "r.json", "--report", tmp_path / "r.html")
    assert result.status == 1 and "row 0 has no direction" in result.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert [m["method"] for m in results["methods"]] == ["sum"] and "distractors" not in results
    assert (tmp_path / "r.html").stat().st_size > 5000


def test_a_pool_row_without_direction_is_named(cir, tmp_path):
    make.write_features(tmp_path / "f", 7, 20, 2)
    rows = numpy.random.default_rng(0).normal(size=(3000, 20)).astype(numpy.float32)
    rows[[1234, 1300, 2999]] = [[0], [numpy.nan], [0]]
    numpy.save(tmp_path / "pool.npy", rows)
    for method in ("sum", "weicom"):
        result = cir("eval", "--features", tmp_path / "f", "--method", method, "--distractors", tmp_path / "pool.npy")
        assert result.status == 1 and "pool.npy: row 1234 has no direction" in result.err


def test_memory_is_bounded(cir, tmp_path):
    make.write_features(tmp_path / "f", 7, 512, 2)
    rows = numpy.random.default_rng(0).normal(size=(100000, 512)).astype(numpy.float16)  # 98 MiB
    numpy.save(tmp_path / "pool.npy", rows)

    def peak(*more):
        arguments = [conftest.CIR, "eval", "--features", tmp_path / "f", "--method", "product,weicom,basic", *map(str, more)]
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        return usage.ru_maxrss / 1024

    alone = peak()
    assert peak("--distractors", tmp_path / "pool.npy", "--memory", "16") - alone < 16 + 6  # and what malloc keeps
    result = cir("eval", "--features", tmp_path / "f", "--distractors", tmp_path / "pool.npy", "--memory", "1")
    assert result.status == 1 and "1 MiB do not hold" in result.err and "allow" in result.err


# -- categories ----------------------------------------------------------------------------------------------------

def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("by", ["instance", "text"])
@pytest.mark.parametrize("header", [True, False])
def test_categories_as_numpy(cir, tmp_path, by, header):
    queries = read(SMALL / "query.csv")
    column = 2 if by == "instance" else 1
    names = list(dict.fromkeys(row[column] for row in queries))
    assert len(names) >= 3
    category = {name: ("odd, one" if i % 2 else "even") for i, name in enumerate(names[:-1])}  # the last is in none
    with open(tmp_path / "kinds.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[by, "category"]] * header + [list(row) for row in category.items()])
    results, table = evaluate(cir, tmp_path, "--method", "sum,basic", "--categories", tmp_path / "kinds.csv", "--csv",
                              tmp_path / "tables")
    groups = {}
    for q, row in enumerate(queries):
        groups.setdefault(category.get(row[column], "(none)"), []).append(q)
    groups = {name: groups[name] for name in ("even", "odd, one", "(none)")}
    (taxonomy,) = results["categories"]
    assert taxonomy == {"name": "kinds", "by": by, "categories": [
        {"name": name, "n_queries": len(members), "n_instances": len({queries[q][2] for q in members})}
        for name, members in groups.items()]}
    for method in results["methods"]:
        got, lines = method["per_category"]["kinds"], read(tmp_path / "tables" / f"{method['method']}.categories.csv")
        assert lines[0] == ["taxonomy", "category", "n_queries", "n_instances", "mAP", "mmAP"] and list(got) == list(groups)
        for (name, members), line, described in zip(groups.items(), lines[1:], taxonomy["categories"], strict=True):
            by_instance = {}
            for q in members:
                by_instance.setdefault(queries[q][2], []).append(method["AP"][q])
            mAP = 100 * numpy.mean([method["AP"][q] for q in members])
            mmAP = 100 * numpy.mean([numpy.mean(aps) for aps in by_instance.values()])
            assert abs(got[name]["mAP"] - mAP) < 1e-6 and abs(got[name]["mmAP"] - mmAP) < 1e-6
            assert line[:4] == ["kinds", name, str(described["n_queries"]), str(described["n_instances"])]
            assert abs(float(line[4]) - mAP) < 1e-6 and abs(float(line[5]) - mmAP) < 1e-6
        row = next(line for line in table[table.index("\nkinds "):].splitlines() if line.startswith(method["method"] + " "))
        assert row.split()[1:] == [f"{got[name]['mAP']:.2f}" for name in groups]


def test_two_taxonomies(cir, tmp_path):
    queries = read(SMALL / "query.csv")
    (tmp_path / "visual.csv").write_text(f"{queries[0][2]},art\n")
    (tmp_path / "textual.csv").write_text(f"text,category\n{queries[0][1]},domain\n")
    results, table = evaluate(cir, tmp_path, "--method", "sum", "--categories", tmp_path / "visual.csv", "--categories",
                              tmp_path / "textual.csv")
    assert [(t["name"], t["by"]) for t in results["categories"]] == [("visual", "instance"), ("textual", "text")]
    assert list(results["methods"][0]["per_category"]) == ["visual", "textual"]
    assert "\nvisual " in table and "\ntextual " in table


@pytest.mark.parametrize("content, says", [
    ("INSTANCE,art\nsomebody,art\n", 'line 2: no query has the instance "somebody"'),
    ("nobody,art\n", 'line 1: no query has the instance "nobody"'),
    ("text,category\nINSTANCE,art\n", "line 2: no query has the text"),
    ("INSTANCE,art\n\nINSTANCE,tech\n", 'line 3 puts "INSTANCE" into "tech", an earlier line into "art"'),
    ("INSTANCE,art,more\n", "line 1 has 3 fields"),
    ("INSTANCE\n", "line 1 has 1 fields"),
    ("INSTANCE,\n", "has no category"),
    ("", "holds no categories"),
    ("instance,category\n", "holds no categories"),
    ('"INSTANCE,art\n', "categories.csv"),
    (None, "categories.csv"),
])
def test_categories_that_are_refused(cir, tmp_path, content, says):
    instance = read(SMALL / "query.csv")[0][2]
    if content is not None:
        (tmp_path / "categories.csv").write_text(content.replace("INSTANCE", instance))
    result = cir("eval", "--features", SMALL, "--categories", tmp_path / "categories.csv")
    assert result.status == 1 and says.replace("INSTANCE", instance) in result.err and "product" not in result.out


def test_windows_files_of_categories(cir, tmp_path):
    instance = read(SMALL / "query.csv")[0][2]
    (tmp_path / "c.csv").write_bytes(b"\xef\xbb\xbfInstance,Category\r\n" + instance.encode() + b',"a ""b"""\r\n')
    results, _ = evaluate(cir, tmp_path, "--method", "sum", "--categories", tmp_path / "c.csv")
    assert [c["name"] for c in results["categories"][0]["categories"]] == ['a "b"', "(none)"]
    (tmp_path / "d.csv").write_bytes(instance.encode() + b",\x1b[31m\xff\n")
    results, table = evaluate(cir, tmp_path, "--method", "sum", "--categories", tmp_path / "d.csv")
    assert "\x1b" not in table and results["categories"][0]["categories"][0]["name"] == "\x1b[31m\ufffd"
    result = cir("eval", "--features", SMALL, "--categories", tmp_path / "c.csv", "--categories", tmp_path / "c.csv")
    assert result.status == 2 and "two files" in result.err
