"""`cir eval --benchmark cirr|circo|fashioniq` against evaluations written here from what the benchmarks publish: lists of
names are ranked, the reference is struck from CIRR's, and hits are counted. Small synthetic sets in the published formats."""
import json
import os
import subprocess

import numpy
import pytest

import method_reference
from conftest import CIR, draw_photo

DIM = 12
RUNS = [["text"], ["image"], ["sum"], ["product"], ["weicom"], ["external"], ["basic-"], ["basic", "variant=reference"]]
CATEGORIES = ["dress", "shirt", "toptee"]
ASPECTS = ["cardinality", "addition", "negation", "direct_addressing", "compare_change", "comparative_statement",
           "statement_with_conjunction", "spatial_relations_background", "viewpoint"]


def run(*arguments):
    return subprocess.run([CIR, "eval", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=600, universal_newlines=True)


def ask(folder, benchmark, method, settings=(), *more):
    for setting in settings:
        more += ("--set", setting)
    answer = run("--features", folder, "--benchmark", benchmark, "--method", method, "--json", "-", "-q", *more)
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout)
    assert document["benchmark"] == benchmark
    return document, document["methods"][0]


def write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


# -- the three sets: files, and (galleries of names, queries) --------------------------------------------------------


def make_cirr(folder, split="val", n_images=80, n_sets=9, seed=1):
    random = numpy.random.default_rng(seed)
    file = {"val": "val", "test": "test1"}[split]
    names = [f"{file}-{i}-{i % 4}-img{i % 2}" for i in random.permutation(1000)[:n_images]]
    queries, captions = [], []
    for s in range(n_sets):
        members = [names[i] for i in random.permutation(n_images)[:6]]
        for r in range(1 + s % 4):
            reference, target = members[r], members[(r + 1 + s) % 6 if (r + 1 + s) % 6 != r else (r + 1) % 6]
            pair = 12060 + 3 * len(queries)
            captions.append({"pairid": pair, "reference": reference, "caption": f"change {s} {r}, \"please\"",
                             "img_set": {"id": s + 30, "members": members, "reference_rank": r}})
            if split == "val":
                captions[-1].update(target_hard=target, target_soft={target: 1.0})
                captions[-1]["img_set"]["target_rank"] = 1
            queries.append({"gallery": 0, "reference": reference, "relevant": [target], "members": members,
                            "key": str(pair), "text": captions[-1]["caption"]})
    write(folder / "image_splits" / f"split.rc2.{file}.json", {name: f"./{file}/{name}.png" for name in names})
    write(folder / "captions" / f"cap.rc2.{file}.json", captions)
    return [names], queries


def make_circo(folder, split="val", n_images=90, n_queries=17, seed=2):
    random = numpy.random.default_rng(seed)
    ids = [int(i) for i in random.permutation(600000)[:n_images]]
    queries, annotations = [], []
    for q in range(n_queries):
        reference, *answers = (ids[i] for i in random.permutation(n_images)[:2 + q % 13])
        annotations.append({"reference_img_id": reference, "relative_caption": f"has {q} dogs",
                            "shared_concept": "a dog", "id": q})
        aspects = [name for a, name in enumerate(ASPECTS) if (q * 7 + a) % 3 == 0]
        if split == "val":
            annotations[-1].update(target_img_id=answers[0], gt_img_ids=answers, semantic_aspects=aspects)
        queries.append({"gallery": 0, "reference": reference, "relevant": answers, "key": str(q), "aspects": aspects,
                        "text": f"has {q} dogs"})
    write(folder / "annotations" / f"{split}.json", annotations)
    write(folder / "COCO2017_unlabeled" / "annotations" / "image_info_unlabeled2017.json",
          {"info": {"year": 2017}, "licenses": [], "images": [
              {"license": 1, "file_name": f"{i:012}.jpg", "height": 4, "width": 3, "id": i} for i in ids]})
    return [ids], queries


def make_fashioniq(folder, seed=3):
    random = numpy.random.default_rng(seed)
    galleries, queries = [], []
    for c, category in enumerate(CATEGORIES):
        names = [f"B{c % 2}{i:04}" for i in random.permutation(9999)[:60 + 15 * c]]
        captions = []
        for q in range(11 + c):
            candidate, target = (names[i] for i in random.permutation(len(names))[:2])
            captions.append({"target": target, "candidate": candidate,
                             "captions": [f"Is {q} shades darker.", f", has ? in it {category}? "]})
            queries.append({"gallery": c, "reference": candidate, "relevant": [target],
                            "text": f"Is {q} shades darker and has ? in it {category}"})
        write(folder / "captions" / f"cap.{category}.val.json", captions)
        write(folder / "image_splits" / f"split.{category}.val.json", names)
        galleries.append(names)
    return galleries, queries


MAKERS = {"cirr": make_cirr, "circo": make_circo, "fashioniq": make_fashioniq}


def write_features(folder, galleries, queries, seed=4):
    """Targets lie near their queries. Returns what was written, and the names of all rows."""
    random = numpy.random.default_rng(seed)
    rows = [(g, name) for g, names in enumerate(galleries) for name in names]
    data = {"database_image": random.normal(size=(len(rows), DIM)) + 0.3,
            "query_text": random.normal(size=(len(queries), DIM)) + 0.2,
            "corpus_objects": random.normal(size=(40, DIM)) + 0.3, "corpus_styles": random.normal(size=(30, DIM)) + 0.3}
    for q, query in enumerate(queries):
        for name in query["relevant"]:
            data["database_image"][rows.index((query["gallery"], name))] += 0.7 * data["query_text"][q]
    data["query_text_context"] = data["query_text"] + 0.3 * random.normal(size=(len(queries), DIM))
    data["query_composed"] = data["query_text"] + 0.5 * data["database_image"][
        [rows.index((query["gallery"], query["reference"])) for query in queries]]
    data = {name: numpy.asarray(found, dtype=numpy.float32) for name, found in data.items()}
    for name, found in data.items():
        numpy.save(folder / f"{name}.npy", found)
    data = {name: method_reference.unit(found) for name, found in data.items()}
    data["query_image"] = data["database_image"][
        [rows.index((query["gallery"], query["reference"])) for query in queries]]
    return data


def rank(data, galleries, queries, method, settings):
    """The names of each query's gallery, best first, and their scores: pairs."""
    settings = dict(method_reference.DEFAULTS, expand=int(method == "basic"),
                    **dict(map(method_reference.parse, settings)))
    settings.update(method_reference.PAPER_MINIMA)
    starts = numpy.cumsum([0] + [len(names) for names in galleries])
    ranked, memo = [], {}
    for q, query in enumerate(queries):
        g = query["gallery"]
        database = data["database_image"][starts[g]:starts[g + 1]]
        if method.startswith("basic"):
            score = method_reference.basic_scores(data, q, database, settings, memo)
        elif method == "weicom":
            score = method_reference.weicom_scores(data, q, database, settings)
        elif method == "external":
            score = database @ data["query_composed"][q]
        else:
            score = method_reference.baseline_scores(data, q, database, method, settings)
        ranked.append([(galleries[g][i], score[i]) for i in numpy.argsort(-score, kind="stable")])
    return ranked


# -- their evaluations -----------------------------------------------------------------------------------------------


def chance(ranked, name, k):
    """How likely a name is among the k best, where equal scores stand in any order; 0 or 1 where it shares its score with
    none."""
    (own,) = [score for other, score in ranked if other == name]
    n_above, n_equal = (sum(is_so) for is_so in zip(*((score > own, score == own) for _, score in ranked)))
    return min(max((k - n_above) / n_equal, 0), 1)


def count_cirr(queries, ranked):
    hits = {k: [] for k in (1, 5, 10, 50)}
    subset_hits = {k: [] for k in (1, 2, 3)}
    for query, pairs in zip(queries, ranked):
        pairs = [pair for pair in pairs if pair[0] != query["reference"]]
        among = [pair for pair in pairs if pair[0] in query["members"]]
        for k in hits:
            hits[k].append(chance(pairs, query["relevant"][0], k))
        for k in subset_hits:
            subset_hits[k].append(chance(among, query["relevant"][0], k))
    figures = {f"R@{k}": 100 * numpy.mean(found) for k, found in hits.items()}
    figures.update({f"R_subset@{k}": 100 * numpy.mean(found) for k, found in subset_hits.items()})
    return dict(figures, **{"mean(R@5, R_subset@1)": (figures["R@5"] + figures["R_subset@1"]) / 2})


def count_circo(queries, ranked):
    aps, recalls = {k: [] for k in (5, 10, 25, 50)}, {k: [] for k in (5, 10, 25, 50)}
    aspects = {name: [] for name in ASPECTS}
    for query, pairs in zip(queries, ranked):
        names, scores = zip(*pairs)
        found = method_reference.expected_figures(numpy.array(scores), numpy.isin(names, query["relevant"]), tuple(aps))
        for k in aps:
            aps[k].append(found["AP_at"][k])
            recalls[k].append(chance(pairs, query["relevant"][0], k))
        for name in query["aspects"]:
            aspects[name].append(aps[10][-1])
    figures = {f"mAP@{k}": 100 * numpy.mean(found) for k, found in aps.items()}
    figures.update({f"R@{k}": 100 * numpy.mean(found) for k, found in recalls.items()})
    return dict(figures, **{"mAP@10 by aspect": {name: 100 * numpy.mean(found) for name, found in aspects.items()}})


def count_fashioniq(queries, ranked):
    figures = {}
    for c, category in enumerate(CATEGORIES):
        mine = [(query, pairs) for query, pairs in zip(queries, ranked) if query["gallery"] == c]
        figures[category] = {f"R@{k}": 100 * numpy.mean([chance(pairs, query["relevant"][0], k) for query, pairs in mine])
                             for k in (10, 50)}
        figures[category]["mean"] = (figures[category]["R@10"] + figures[category]["R@50"]) / 2
    figures["average"] = {name: numpy.mean([figures[category][name] for category in CATEGORIES])
                          for name in ("R@10", "R@50", "mean")}
    return figures


COUNTERS = {"cirr": count_cirr, "circo": count_circo, "fashioniq": count_fashioniq}


def flat(figures):
    return {(name, inner): value for name, value in figures.items() if isinstance(value, dict)
            for inner, value in value.items()} | {name: value for name, value in figures.items()
                                                  if not isinstance(value, dict)}


def check(got, expected):
    got, expected = flat(got), flat(expected)
    assert list(got) == list(expected)
    for name, value in expected.items():
        assert abs(got[name] - value) < 1e-6, (name, got[name], value)  # JSON has ten digits


@pytest.mark.parametrize("benchmark", MAKERS)
def test_small_sets_as_published_evaluations_count(benchmark, tmp_path):
    galleries, queries = MAKERS[benchmark](tmp_path)
    data = write_features(tmp_path, galleries, queries)
    seen = set()
    for method, *settings in RUNS:
        document, got = ask(tmp_path, benchmark, method, settings)
        ranked = rank(data, galleries, queries, method, settings)
        check(got["figures"], COUNTERS[benchmark](queries, ranked))
        assert document["n_database"] == sum(map(len, galleries)) and document["n_queries"] == len(queries)
        assert [query[1] for query in document["queries"]] == [query["text"] for query in queries]
        seen |= set(flat(got["figures"]).values())
        # The ten best, and AP by the same ranking.
        starts = numpy.cumsum([0] + [len(names) for names in galleries])
        for query, pairs, top, ap in zip(queries, ranked, got["top"], got["AP"]):
            names, scores = zip(*(pair for pair in pairs if benchmark != "cirr" or pair[0] != query["reference"]))
            g = query["gallery"]
            assert [starts[g] + galleries[g].index(name) for name in names[:10]] == top
            expected = method_reference.expected_figures(numpy.array(scores), numpy.isin(names, query["relevant"]))
            assert abs(ap - expected["AP"]) < 1e-5
    assert len(seen) > 20  # not all 0 or 100
    assert document["protocol"]["exclusion"] == ("query image" if benchmark == "cirr" else "none")
    sizes = [len(names) - (benchmark == "cirr") for names in galleries]
    assert document["protocol"]["gallery"] == [min(sizes), max(sizes)]


def test_fashioniq_among_the_used_images(tmp_path):
    galleries, queries = make_fashioniq(tmp_path)
    used = [{name for query in queries if query["gallery"] == g for name in query["relevant"] + [query["reference"]]}
            for g in range(3)]
    galleries = [[name for name in names if name in used[g]] for g, names in enumerate(galleries)]
    data = write_features(tmp_path, galleries, queries)
    document, got = ask(tmp_path, "fashioniq", "sum", [], "--gallery", "used")
    check(got["figures"], count_fashioniq(queries, rank(data, galleries, queries, "sum", [])))
    assert document["n_database"] == sum(map(len, galleries))
    refuse(tmp_path, "fashioniq", f"has {document['n_database']} rows")


@pytest.mark.parametrize("split", ["val", "test"])
def test_submissions_count_as_the_run_does(split, tmp_path):
    for benchmark, maker in (("cirr", make_cirr), ("circo", make_circo)):
        folder, out = tmp_path / benchmark, tmp_path / f"{benchmark} out"
        galleries, queries = maker(folder, split)
        data = write_features(folder, galleries, queries)
        document, got = ask(folder, benchmark, "sum", [], "--split", split, "--submission", out)
        assert document["split"] == split and ("figures" in got) == (split == "val")
        ranked = [[name for name, _ in pairs] for pairs in rank(data, galleries, queries, "sum", [])]
        if benchmark == "circo":
            assert os.listdir(out) == ["sum.json"]
            submitted = json.loads((out / "sum.json").read_text())
            assert submitted == {query["key"]: names[:50] for query, names in zip(queries, ranked)}
            continue
        assert sorted(os.listdir(out)) == ["sum.recall.json", "sum.recall_subset.json"]
        rankings = [[name for name in names if name != query["reference"]] for query, names in zip(queries, ranked)]
        submitted = json.loads((out / "sum.recall.json").read_text())
        assert list(submitted.items())[:2] == [("version", "rc2"), ("metric", "recall")]
        assert list(submitted.items())[2:] == [(query["key"], names[:50]) for query, names in zip(queries, rankings)]
        submitted = json.loads((out / "sum.recall_subset.json").read_text())
        assert list(submitted.items())[:2] == [("version", "rc2"), ("metric", "recall_subset")]
        assert list(submitted.items())[2:] == [
            (query["key"], [name for name in names if name in query["members"]][:3])
            for query, names in zip(queries, rankings)]


def test_an_exclusion_is_part_of_the_protocol(tmp_path):
    galleries, queries = make_cirr(tmp_path)
    write_features(tmp_path, galleries, queries)
    before = ask(tmp_path, "cirr", "sum")[0]["protocol"]
    captions = json.loads((tmp_path / "captions" / "cap.rc2.val.json").read_text())
    members = captions[0]["img_set"]["members"]
    captions[0]["target_hard"] = next(name for name in members
                                      if name not in (captions[0]["target_hard"], captions[0]["reference"]))
    write(tmp_path / "captions" / "cap.rc2.val.json", captions)
    after = ask(tmp_path, "cirr", "sum")[0]["protocol"]
    assert after["relevance"] != before["relevance"] and after["features"] == before["features"]


def test_small_galleries_have_fewer_best(tmp_path):
    galleries, queries = make_cirr(tmp_path, n_images=7, n_sets=3)
    write_features(tmp_path, galleries, queries)
    _, got = ask(tmp_path, "cirr", "sum", [], "--submission", tmp_path / "out")
    assert all(len(top) == 6 for top in got["top"])
    submitted = json.loads((tmp_path / "out" / "sum.recall.json").read_text())
    assert all(len(names) == 6 for names in list(submitted.values())[2:])
    assert got["figures"]["R@10"] == 100


@pytest.mark.parametrize("benchmark, place", [
    ("cirr", "img_raw/val/{}.png"), ("cirr", "val/{}.png"), ("circo", "COCO2017_unlabeled/unlabeled2017/{:012}.jpg"),
    ("circo", "unlabeled2017/{:012}.jpg"), ("fashioniq", "images/{}.jpg")])
def test_pictures_where_they_are_published(benchmark, place, tmp_path):
    """The demo encoder's features, written by cir encode, give the same figures as the pictures."""
    folder, flat_folder = tmp_path / "set", tmp_path / "flat"
    flat_folder.mkdir(parents=True)
    galleries, queries = MAKERS[benchmark](folder)
    names = [name for gallery in galleries for name in gallery]
    for i, name in enumerate(names):
        path = folder / place.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draw_photo(i).save(path)
        os.link(path, flat_folder / f"{i:04}{path.suffix}")
    answer = run(folder, "--benchmark", benchmark, "--method", "image,text,sum,product", "--json", "-", "-q")
    assert answer.returncode == 0, answer.stderr
    got = {method["method"]: method for method in json.loads(answer.stdout)["methods"]}
    (tmp_path / "texts").write_text("".join(query["text"] + "\n" for query in queries))
    for what in (["--images", flat_folder, "-o", folder / "database_image.npy"],
                 ["--texts", tmp_path / "texts", "-o", folder / "query_text.npy"]):
        subprocess.run([CIR, "encode", "-q", *map(str, what)], check=True)
    for method in got:
        expected = ask(folder, benchmark, method)[1]
        assert numpy.allclose(got[method]["AP"], expected["AP"], atol=1e-4)
        check(got[method]["figures"], expected["figures"])


def test_the_tables(tmp_path):
    for benchmark, heads, n_lines in (("cirr", ["R@1", "R_subset@3"], 4), ("circo", ["mAP@5", "R@50"], 4),
                                      ("fashioniq", ["R@10", "average", "toptee"], 8)):
        folder = tmp_path / benchmark
        write_features(folder, *MAKERS[benchmark](folder))
        answer = run("--features", folder, "--benchmark", benchmark, "--method", "sum")
        assert answer.returncode == 0
        assert len(answer.stdout.splitlines()) == n_lines, answer.stdout
        for head in heads:
            assert head in answer.stdout
        for name, value in flat(ask(folder, benchmark, "sum")[1]["figures"]).items():
            assert f"{value:.2f}" in answer.stdout or name[0] == "mAP@10 by aspect"


# -- what is wrong with the files ------------------------------------------------------------------------------------


def refuse(folder, benchmark, *says, more=(), status=1):
    answer = run("--features", folder, "--benchmark", benchmark, *more)
    assert answer.returncode == status and answer.stdout == "", (answer.stdout, answer.stderr)
    for words in says:
        assert words in answer.stderr, answer.stderr
    assert answer.stderr.count("\n") == 1 or status == 2


def drop(key):
    return lambda entry: entry.pop(key)


@pytest.mark.parametrize("change, says", [
    (drop("pairid"), 'no whole number "pairid"'), (drop("reference"), 'no text "reference"'),
    (drop("caption"), 'no text "caption"'), (drop("img_set"), 'no whole number "id"'),
    (drop("target_hard"), 'no text "target_hard"'),
    (lambda entry: entry["img_set"].pop("members"), '"members"'),
    (lambda entry: entry["img_set"].update(members=[1]), "not a name"),
    (lambda entry: entry["img_set"]["members"].append(entry["target_hard"]), "twice"),
    (lambda entry: entry.update(target_hard=entry["reference"]), "its target is its reference"),
    (lambda entry: entry.update(target_hard="nowhere"), "target nowhere is not among the split's images"),
    (lambda entry: entry.update(reference="nowhere"), "reference nowhere is not among"),
    (lambda entry: entry["img_set"].update(members=entry["img_set"]["members"][:1]), "not in its image set"),
    (lambda entry: entry.update(pairid=12060), "another query is number 12060"),
    (lambda entry: entry.update(pairid="12"), 'no whole number "pairid"'),
])
def test_cirr_entries_that_are_wrong(change, says, tmp_path):
    write_features(tmp_path, *make_cirr(tmp_path))
    path = tmp_path / "captions" / "cap.rc2.val.json"
    captions = json.loads(path.read_text())
    captions[3]["reference"] = captions[3]["img_set"]["members"][5]
    captions[3]["target_hard"] = captions[3]["img_set"]["members"][4]
    change(captions[3])
    write(path, captions)
    refuse(tmp_path, "cirr", "cap.rc2.val.json: entry 3: ", says)


@pytest.mark.parametrize("change, says", [
    (drop("id"), 'no whole number "id"'), (drop("relative_caption"), 'no text "relative_caption"'),
    (drop("reference_img_id"), "reference_img_id"), (drop("target_img_id"), "target_img_id"),
    (drop("gt_img_ids"), '"gt_img_ids" lack its target'),
    (lambda entry: entry["gt_img_ids"].append(entry["gt_img_ids"][1]), "twice"),
    (lambda entry: entry["gt_img_ids"].append(entry["target_img_id"]), "twice"),
    (lambda entry: entry["gt_img_ids"].append(-1), "gt_img_ids -1 is not among the split's images"),
    (lambda entry: entry.update(id=0), "another query is number 0"),
])
def test_circo_entries_that_are_wrong(change, says, tmp_path):
    write_features(tmp_path, *make_circo(tmp_path))
    path = tmp_path / "annotations" / "val.json"
    annotations = json.loads(path.read_text())
    change(annotations[5])
    write(path, annotations)
    refuse(tmp_path, "circo", "annotations/val.json: entry 5: ", says)


@pytest.mark.parametrize("change, says", [
    (drop("candidate"), '"candidate"'), (drop("target"), '"target"'), (drop("captions"), '"captions"'),
    (lambda entry: entry.update(captions=[3]), "not a text"), (lambda entry: entry.update(target="x"), "target x is not"),
])
def test_fashioniq_entries_that_are_wrong(change, says, tmp_path):
    write_features(tmp_path, *make_fashioniq(tmp_path))
    path = tmp_path / "captions" / "cap.shirt.val.json"
    captions = json.loads(path.read_text())
    change(captions[2])
    write(path, captions)
    refuse(tmp_path, "fashioniq", "cap.shirt.val.json: entry 2: ", says)


@pytest.mark.parametrize("text, says", [
    ("", "is not JSON"), ("[", "is not JSON"), ("{}", "not a JSON array"), ("[]", "0 queries"), ("[null]", "entry 0"),
    ("[[]]", "entry 0"), ('[{"pairid": 1}]', "entry 0"), ("[" * 100000, "is not JSON")])
def test_files_that_are_no_annotations(text, says, tmp_path):
    write_features(tmp_path, *make_cirr(tmp_path))
    (tmp_path / "captions" / "cap.rc2.val.json").write_text(text)
    refuse(tmp_path, "cirr", says)


def test_missing_files_and_rows_that_disagree(tmp_path):
    for benchmark, files in (("cirr", ["captions/cap.rc2.val.json", "image_splits/split.rc2.val.json"]),
                             ("circo", ["annotations/val.json",
                                        "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json"]),
                             ("fashioniq", ["captions/cap.toptee.val.json", "image_splits/split.shirt.val.json"])):
        folder = tmp_path / benchmark
        write_features(folder, *MAKERS[benchmark](folder))
        for file in files + ["database_image.npy", "query_text.npy"]:
            os.rename(folder / file, folder / "away")
            refuse(folder, benchmark, file)
            os.rename(folder / "away", folder / file)
        lists = {"cirr": ("image_splits/split.rc2.val.json", "captions/cap.rc2.val.json"),
                 "circo": ("COCO2017_unlabeled/annotations/image_info_unlabeled2017.json", "annotations/val.json"),
                 "fashioniq": ("image_splits/split.*.val.json", "captions/cap.*.val.json")}[benchmark]
        for name, listed in zip(("database_image", "query_text"), lists):
            rows = numpy.load(folder / f"{name}.npy")
            numpy.save(folder / f"{name}.npy", rows[1:])
            refuse(folder, benchmark, f"{name}.npy: has {len(rows) - 1} rows, {listed} has {len(rows)}")
            numpy.save(folder / f"{name}.npy", rows)
    (tmp_path / "cirr" / "image_splits" / "split.rc2.val.json").write_text('{"a": "./a.png", "b": 3}')
    refuse(tmp_path / "cirr", "cirr", "split.rc2.val.json: entry 1", "b has no path")


@pytest.mark.parametrize("flags, says", [
    (["--benchmark", "cirr", "--split", "train"], "neither"),
    (["--benchmark", "circo", "--split", "test"], "--submission"),
    (["--benchmark", "cirr", "--gallery", "used"], "fashioniq"),
    (["--benchmark", "fashioniq", "--gallery", "all"], "neither"),
    (["--benchmark", "fashioniq", "--submission", "x"], "no server"),
    (["--benchmark", "ltll", "--split", "val"], "--split is for"),
    (["--submission", "x"], "--submission is for")])
def test_flags_that_do_not_go_together(flags, says, tmp_path):
    answer = run("--features", tmp_path, *flags)
    assert answer.returncode == 2 and says in answer.stderr


def test_fashioniq_has_no_test_split(tmp_path):
    write_features(tmp_path, *make_fashioniq(tmp_path))
    refuse(tmp_path, "fashioniq", "without targets", more=["--split", "test"])


def test_a_submission_that_cannot_be_written(tmp_path):
    write_features(tmp_path, *make_circo(tmp_path))
    (tmp_path / "file").write_text("")
    answer = run("--features", tmp_path, "--benchmark", "circo", "--method", "sum", "--submission", tmp_path / "file")
    assert answer.returncode == 1 and "file" in answer.stderr
    answer = run("--features", tmp_path, "--benchmark", "circo", "--method", "sum", "--submission",
                 tmp_path / "no" / "such")
    assert answer.returncode == 1 and "such" in answer.stderr
