"""`cir eval` against test/method_reference.py: on random features of several shapes, and on the golden set
where it is there; what needs a model on a part of the demo set, with features from `cir encode`."""
import csv
import json
import os
import pathlib
import subprocess
import sys

import numpy
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "data" / "method")]
import make  # noqa: E402
import method_reference  # noqa: E402

CIR = os.environ.get("CIR_PROGRAM", str(HERE.parent / "build" / "cir"))
DEMO = HERE.parent / "demo" / "photos"
GOLDEN = pathlib.Path(os.environ.get("CIR_SHARED", HERE.parent.parent / "shared")) / "data" / "golden"


def ask(folder, method, settings):
    """What the program answers."""
    command = [CIR, "eval", "--features", str(folder), "--method", method, "--json", "-"]
    for setting in settings:
        command += ["--set", setting]
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    assert answer.returncode == 0, answer.stderr.decode()
    document = json.loads(answer.stdout)
    assert len(document["methods"]) == 1
    return document["methods"][0]


def compare(folder, method, settings):
    expected = method_reference.evaluate(method_reference.load(folder), method,
                                         dict(map(method_reference.parse, settings)))
    got = ask(folder, method, settings)
    assert numpy.allclose(got["AP"], expected["AP"], atol=1e-5)
    for key in ("mAP", "mmAP", "minmAP"):
        assert abs(got[key] - expected[key]) < 1e-3
    for q, (rows, best) in enumerate(zip(got["top"], expected["top"])):
        # Rows may stand in for each other where their scores are equal to 1e-6.
        scores = expected["scores"][q]
        assert len(rows) == len(best)
        for row, other in zip(rows, best):
            assert row == other or abs(scores[row] - scores[other]) < 1e-6, f"query {q}: {rows}, not {best}"


@pytest.mark.parametrize("run", make.RUNS, ids=" ".join)
def test_random_features(run, tmp_path):
    for seed, dim, n_instances in ((11, 8, 2), (12, 33, 5)):
        folder = tmp_path / str(seed)
        make.write_features(folder, seed, dim, n_instances)
        compare(folder, run[0], run[1:])


@pytest.mark.parametrize("run", [["basic-", "project_text=1"], ["basic", "project_text=1", "text_components=5"],
                                 ["basic-", "project_text=1", "text_alpha=0.5", "project=0"],
                                 ["basic-", "project_text=1", "text_alpha=1"],  # nothing positive: not projected
                                 ["basic-", "project_text=1", "centre=0", "normalise=0", "variant=reference"]], ids=" ".join)
def test_the_text_projected(run, tmp_path):
    for seed, dim in ((31, 8), (32, 33)):
        make.write_features(tmp_path / str(seed), seed, dim, 4)
        compare(tmp_path / str(seed), run[0], run[1:])
    plain, projected = (ask(tmp_path / "32", run[0], [*run[2:], f"project_text={switch}"])["AP"] for switch in (0, 1))
    assert (plain == projected) == ("text_alpha=1" in run)


@pytest.mark.parametrize("run", [["basic"], ["basic-"], ["basic", "image_mean=index"], ["basic", "variant=reference"],
                                 ["basic-", "lambda=0", "project=0"], ["product"], ["weicom"]], ids=" ".join)
def test_golden_features(run):
    if not GOLDEN.is_dir():
        pytest.skip(f"{GOLDEN} is not there")
    compare(GOLDEN, run[0], run[1:])


def draw(seed, purpose, n, n_wanted):
    """cir__draw: selection sampling (Knuth, algorithm S) over splitmix64."""
    mask, state = 2 ** 64 - 1, seed

    def following():
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        return z ^ z >> 31

    state = (following() + purpose) & mask
    state = following()
    drawn = []
    for i in range(n):
        if len(drawn) < n_wanted and (following() >> 11) * 2.0 ** -53 * (n - i) < n_wanted - len(drawn):
            drawn.append(i)
    return drawn


def test_the_mean_of_many_images(tmp_path):
    """Of more than 65,536 images the mean is that of so many, drawn; variant reference takes all."""
    n, dim = 65600, 8
    make.write_features(tmp_path, 41, dim, 1)
    random = numpy.random.default_rng(42)
    rows = numpy.load(tmp_path / "database_image.npy")
    more = random.normal(size=(n - len(rows), dim)) + 0.5
    more[-64:] *= numpy.linspace(-9, 9, dim)  # so that it matters which are drawn
    numpy.save(tmp_path / "database_image.npy", numpy.concatenate([rows, more]).astype(numpy.float32))
    with open(tmp_path / "database.csv", "a", encoding="utf-8") as file:
        file.write("".join(f"database/more{i}.jpg,,thing 0\n" for i in range(len(more))))
    images = method_reference.unit(numpy.load(tmp_path / "database_image.npy").astype(numpy.float64))
    numpy.save(tmp_path / "all.npy", images.mean(axis=0).astype(numpy.float32))
    numpy.save(tmp_path / "drawn.npy", images[draw(3, 1, n, 65536)].mean(axis=0).astype(numpy.float32))
    for variant, same, other in (("paper", "drawn", "all"), ("reference", "all", "drawn")):
        top = [ask(tmp_path, "basic-", ["seed=3", f"variant={variant}", "min_image=-0.1", "min_text=-0.1",
                                        f"image_mean={mean}"])["AP"]
               for mean in ("index", tmp_path / f"{same}.npy", tmp_path / f"{other}.npy")]
        assert numpy.allclose(top[0], top[1], atol=1e-6)
        assert not numpy.allclose(top[0], top[2], atol=1e-6)


@pytest.mark.parametrize("dim", [24, 40])
@pytest.mark.parametrize("has_database", [False, True])
def test_composed_features(tmp_path, has_database, dim):
    make.write_features(tmp_path, 21, 24)
    random = numpy.random.default_rng(22)
    n_queries, n_database = (len((tmp_path / f"{name}.csv").read_text().splitlines()) for name in ("query", "database"))
    numpy.save(tmp_path / "query_composed.npy", random.normal(size=(n_queries, dim)).astype(numpy.float32))
    if has_database:
        numpy.save(tmp_path / "database_composed.npy", random.normal(size=(n_database, dim)).astype(numpy.float32))
    if dim == 24 or has_database:
        compare(tmp_path, "external", [])
        return
    message = refuse("eval", "--features", tmp_path, "--method", "text")
    assert "query_composed.npy: features have dimension 40, those of database_image.npy 24" in message


def refuse(*arguments):
    answer = subprocess.run([CIR, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    assert answer.returncode == 1 and answer.stdout == b""
    return answer.stderr.decode()


def test_composed_database_needs_its_queries(tmp_path):
    make.write_features(tmp_path, 21, 24)
    numpy.save(tmp_path / "database_composed.npy", numpy.ones((160, 3), dtype=numpy.float32))
    assert "without query_composed.npy" in refuse("eval", "--features", tmp_path)


def test_methods_that_the_data_do_not_allow(tmp_path):
    make.write_features(tmp_path, 21, 24)
    for method, why in (("external", "query_composed.npy is missing"), ("freedom", "without a model"),
                        ("freedom-", "a data set of pictures with a model")):
        assert why in refuse("eval", "--features", tmp_path, "--method", method, "--json", "-")
    command = [CIR, "eval", "--features", tmp_path, "--json", "-"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    assert [run["method"] for run in json.loads(answer.stdout)["methods"]] == ["text", "image", "sum", "product", "weicom",
                                                                               "basic-", "basic"]
    left_out = answer.stderr.decode().splitlines()
    assert [line.split(":")[1] for line in left_out] == [f" method {name} is left out"
                                                         for name in ("external", "freedom-", "freedom")]
    assert subprocess.run([*command, "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE).stderr == b""


def encode(folder, name, *what):
    """Unit features that the program makes."""
    subprocess.run([CIR, "encode", *what, "--output", folder / f"{name}.npy", "--quiet"], check=True)
    return method_reference.unit(numpy.load(folder / f"{name}.npy"))


def encode_texts(folder, name, texts):
    (folder / f"{name}.txt").write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    return encode(folder, name, "--texts", folder / f"{name}.txt")


def part_of_demo(folder, is_inside):
    """Three instances of the demo set; with is_inside their query photos are in the database, too."""
    folder.mkdir()
    tables = {}
    for name in ("query", "database"):
        with open(DEMO / f"{name}_files.csv", newline="", encoding="utf-8") as file:
            tables[name] = list(csv.reader(file))
    instances = list(dict.fromkeys(row[2] for row in tables["query"]))[:3]
    tables = {name: [row for row in rows if row[2] in instances] for name, rows in tables.items()}
    if is_inside:
        tables["database"] += [[path, "", instance] for path, instance in
                               dict.fromkeys((row[0], row[2]) for row in tables["query"])]
    for name, rows in tables.items():
        with open(folder / f"{name}_files.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    for name in ("database", "query"):
        (folder / name).symlink_to(DEMO / name)
    return tables


@pytest.mark.parametrize("is_inside", [False, True])
def test_freedom_on_demo_pictures(tmp_path, is_inside):
    folder = tmp_path / "set"
    tables = part_of_demo(folder, is_inside)
    vocabulary = (HERE.parent / "share" / "objects.txt").read_text(encoding="utf-8").split("\n")[:-1]
    words = encode_texts(tmp_path, "vocabulary", vocabulary)
    paths = list(dict.fromkeys(row[0] for rows in tables.values() for row in rows))
    pictures = dict(zip(paths, encode(tmp_path, "pictures", "--images", *(folder / path.split("/", 1)[1] for path in paths))))
    data = dict(tables, database_image=numpy.array([pictures[row[0]] for row in tables["database"]]))
    database = {instance: numpy.array([pictures[row[0]] for row in tables["database"] if row[2] == instance])
                for instance in dict.fromkeys(row[2] for row in tables["query"])}
    # The rule that tells whether queries are in their database.
    bests = [(database[row[2]] @ pictures[row[0]]).max() for row in tables["query"]]
    for instance in database:
        assert (min(best for best, row in zip(bests, tables["query"]) if row[2] == instance) >= 0.98) == is_inside

    for method, *limits in (("freedom", 20, 7, 7), ("freedom-", 20, 7, 7), ("freedom", 5, 3, 4), ("freedom", 1, 64, 64)):
        described = [method_reference.freedom_words(pictures[path], database[instance], method == "freedom", is_inside,
                                                    vocabulary, words, *limits) for path, _, instance in tables["query"]]
        texts = [f"{word} {row[1]}" for row, weighted in zip(tables["query"], described) for word, _ in weighted]
        features = encode_texts(tmp_path, "joined", texts)
        weights = [weight for weighted in described for _, weight in weighted]
        owners = [q for q, weighted in enumerate(described) for _ in weighted]
        data["query_freedom"] = [sum(weights[i] * features[i] for i in range(len(owners)) if owners[i] == q)
                                 for q in range(len(described))]
        expected = method_reference.evaluate(data, method)
        settings = [f"--set=freedom_{name}={limit}" for name, limit in zip(("images", "nearest", "words"), limits)]
        command = [CIR, "eval", folder, "--method", method, *settings, "--json", "-", "--quiet"]
        got = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["methods"][0]
        assert numpy.allclose(got["AP"], expected["AP"], atol=1e-5)
        for q, (rows, best) in enumerate(zip(got["top"], expected["top"])):
            scores = expected["scores"][q]
            assert all(a == b or abs(scores[a] - scores[b]) < 1e-5 for a, b in zip(rows, best))


def test_prompts(tmp_path):
    """What is encoded of the words is in the results, the context's terms as a hash."""
    folder = tmp_path / "set"
    part_of_demo(folder, False)

    def ask(method, *settings):
        command = [CIR, "eval", folder, "--method", method, *settings, "--json", "-", "--quiet"]
        results = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        assert results["protocol"]["prompt"] == "{text}"
        return results["methods"][0]["prompt"]

    assert [ask(method) for method in ("image", "sum", "freedom-")] == ["none", "{text}", "{word} {text}"]
    assert ask("basic-", "--set=contextualise=0") == "{text}"
    prompts = [ask("basic-", "--set=context=5", *more) for more in ([], ["--set=seed=1"], ["--set=variant=reference"],
                                                                    ["--set=seed=0"])]
    start = "mean of {term} {text} and {text} {term}, 5 terms "
    assert all(prompt.startswith(start) and len(prompt) == len(start) + 32 for prompt in prompts)
    assert prompts[0] == prompts[3] and len(set(prompts)) == 3
