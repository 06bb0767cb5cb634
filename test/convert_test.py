"""script/convert-features: pickles in the layout of the published code become features that `cir eval` reads, and what
pickles could do is refused without being done."""
import csv
import importlib.machinery
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys

import numpy
import pytest

from conftest import CIR, SOURCE

SCRIPT = SOURCE / "script" / "convert-features"
TENSORS = SOURCE / "test" / "data" / "convert"  # written by torch itself: make.py


def convert(*arguments):
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=120)


def make(n_queries=7, n_database=40, dim=6, dtype=numpy.float32, seed=1):
    """What create_features.py holds before it writes, and the same as tables."""
    random = numpy.random.default_rng(seed)

    def rows(n):
        return random.normal(size=(n, dim)).astype(dtype)

    names = [f"thing {i % 3}" for i in range(n_database)]
    texts = ["at night", 'a "quoted" text, with a comma', "naïve 夜"]
    query = {"image_feats": rows(n_queries), "paths": [f"./data/icir/query/{i}.jpg" for i in range(n_queries)],
             "instances": names[:n_queries], "texts": [texts[i % 3] for i in range(n_queries)],
             "text_feats": rows(n_queries), "context_text_feats": rows(n_queries)}
    database = {"image_feats": rows(n_database), "paths": [f"./data/icir/database/{i}.jpg" for i in range(n_database)],
                "instances": names, "texts": [texts[i // 3 % 3] for i in range(n_database)], "text_feats": None}
    objects = {"feats": rows(12), "prompts": ["object_name"] + [f"object {i}" for i in range(11)]}
    styles = {"feats": rows(9), "prompts": [f"style {i}" for i in range(9)]}
    return query, database, objects, styles


def write(folder, query, database, objects, styles, protocol=None):
    for name, what in (("icir/query_icir_features", query), ("icir/database_icir_features", database),
                       ("corpus/generic_subjects", objects), ("corpus/generic_styles", styles)):
        path = folder / (name + ".pkl")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            pickle.dump(what, file, protocol=protocol)
    return folder


def by_hand(folder, query, database, objects, styles):
    """The same folder for cir eval --features without the script."""
    folder.mkdir()
    for name, what in (("query", query), ("database", database)):
        with open(folder / f"{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows((path[len("./data/"):], text, instance) for path, text, instance in
                                       zip(what["paths"], what["texts"], what["instances"]))
        numpy.save(folder / f"{name}_image.npy", what["image_feats"])
    numpy.save(folder / "query_text.npy", query["text_feats"])
    numpy.save(folder / "query_text_context.npy", query["context_text_feats"])
    numpy.save(folder / "corpus_objects.npy", objects["feats"])
    numpy.save(folder / "corpus_styles.npy", styles["feats"])
    return folder


def evaluate(folder, *settings):
    answer = subprocess.run([CIR, "eval", "--features", str(folder), "--json", "-", "-q", *settings], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=120)
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout.decode())
    return [document[key] for key in ("queries", "methods", "protocol")]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float16])
def test_the_published_layout_gives_what_its_numbers_give(tmp_path, protocol, dtype):
    parts = make(dtype=dtype)
    source = write(tmp_path / "features", *parts, protocol=protocol)
    answer = convert(source, "-o", tmp_path / "out")
    assert answer.returncode == 0, answer.stderr
    assert "object_name" in answer.stderr
    assert numpy.load(tmp_path / "out" / "database_image.npy").dtype == dtype
    assert evaluate(tmp_path / "out") == evaluate(by_hand(tmp_path / "expected", *parts))


def test_mean_pairs_composed_features_and_the_header_row(tmp_path):
    parts = make(dim=4)
    source = write(tmp_path / "features", *parts)
    pairs = {"image_features": parts[1]["image_feats"][:8], "text_features": parts[0]["text_feats"].tolist()}
    numpy.save(tmp_path / "pairs.npy", pairs, allow_pickle=True)
    numpy.save(tmp_path / "composed.npy", parts[0]["image_feats"])
    out = tmp_path / "out"
    answer = convert(source, "-o", out, "--mean", TENSORS / "mean.pt", "--synthetic", tmp_path / "pairs.npy",
                     "--query-composed", tmp_path / "composed.npy", "--drop-header")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    rows = numpy.load(TENSORS / "rows.npy")
    assert numpy.array_equal(numpy.load(out / "image_mean.npy"), rows[0])
    assert numpy.array_equal(numpy.load(out / "synthetic_image.npy"), pairs["image_features"])
    assert numpy.array_equal(numpy.load(out / "synthetic_text.npy"), parts[0]["text_feats"])
    assert numpy.array_equal(numpy.load(out / "corpus_objects.npy"), parts[2]["feats"][1:])
    # The mean and the pairs are of nothing real: their smallest similarity is no minimum to normalise by.
    evaluate(out, "--set", "min_image=estimated", "--set", "min_text=estimated")


@pytest.mark.parametrize("name", ["newer.pt", "older.pt", "rows.npy"])
def test_tensors_as_torch_writes_them(tmp_path, name):
    source = write(tmp_path / "features", *make(n_queries=5, dim=4))
    answer = convert(source, "-o", tmp_path / "out", "--query-composed", TENSORS / name)
    assert answer.returncode == 0, answer.stderr
    assert numpy.array_equal(numpy.load(tmp_path / "out" / "query_composed.npy"), numpy.load(TENSORS / "rows.npy"))


def load_module():
    loader = importlib.machinery.SourceFileLoader("convert_features", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("convert_features", loader))
    loader.exec_module(module)
    return module


def test_every_kind_of_tensor():
    module, rows = load_module(), numpy.load(TENSORS / "rows.npy")
    for protocol in (2, 4):  # a tensor within a plain pickle, as the published means are
        loaded = module.load_checked(TENSORS / f"tensor_{protocol}.pkl")
        assert numpy.array_equal(module.resolve(loaded["laion_1m_mean"]), rows)
    kinds = {name: module.resolve(found) for name, found in module.load_checked(TENSORS / "kinds.pt").items()}
    for name in ("double", "turned", "parameter"):
        assert numpy.array_equal(kinds[name], rows), name
    assert numpy.array_equal(kinds["half"], rows.astype(numpy.float16))
    assert numpy.array_equal(kinds["part"], rows[1:3])
    assert numpy.abs(kinds["bfloat16"] - rows).max() <= numpy.abs(rows).max() / 256
    assert (kinds["bfloat16"].view(numpy.uint32) & 0xffff == 0).all()


# -- what must not happen --------------------------------------------------------------------------------------------


class Runs:
    """Pickles to a call of something."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def hostile_pickles(marker):
    """(name of what is asked for, bytes), each of which would write the marker, or worse, if it was loaded."""
    command = f"touch {marker}"
    yield "posix.system", pickle.dumps(Runs(os.system, command))
    yield "builtins.eval", pickle.dumps({"image_feats": Runs(eval, f"open({str(marker)!r}, 'w')")})
    yield "builtins.getattr", b"cbuiltins\ngetattr\n."
    yield "subprocess.Popen", b"csubprocess\nPopen\n((S'touch'\nS'" + str(marker).encode() + b"'\nltR."
    yield "numpy.load", b"cnumpy\nload\n."
    yield "numpy.core.multiarray.fromfile", b"cnumpy.core.multiarray\nfromfile\n."
    yield "torch.load", b"ctorch\nload\n."
    yield "posix.system", b"(S'" + command.encode() + b"'\niposix\nsystem\n."  # INST
    # The same through names with dots, which getattr would follow.
    yield "numpy.ndarray.__reduce__", b"\x80\x04\x8c\x05numpy\x8c\x12ndarray.__reduce__\x93."
    # Hidden in the bytes of a storage, which are a pickle of their own.
    inner = pickle.dumps(Runs(os.system, command), protocol=2)
    yield "posix.system", pickle.dumps({"x": 1})[:-1] + b"ctorch.storage\n_load_from_bytes\n" + \
        b"B" + len(inner).to_bytes(4, "little") + inner + b"\x85R0."


def test_nothing_of_a_pickle_runs(tmp_path):
    marker = tmp_path / "marker"
    n = 0
    for name, data in hostile_pickles(marker):
        n += 1
        source = write(tmp_path / f"features {n}", *make())
        (source / "icir" / "query_icir_features.pkl").write_bytes(data)
        answer = convert(source, "-o", tmp_path / "out")
        assert answer.returncode == 1, data
        assert name in answer.stderr and "query_icir_features.pkl" in answer.stderr, (name, answer.stderr)
        assert answer.stderr.count("\n") == 1 and "Traceback" not in answer.stderr
        assert not marker.exists() and not (tmp_path / "out").exists()
    assert n >= 10
    pickle.loads(next(hostile_pickles(marker))[1])
    assert marker.exists()  # these pickles do what they are here for


@pytest.mark.parametrize("data, says", [
    (b"", "damaged"),
    (b"not a pickle", "damaged"),
    (b"\x80\x04.", "damaged"),
    (b"(" * 100000, "damaged"),
    (b"]" + b"]q\x00" * 10 + b"r\xff\xff\xff\x7f.", "no 'paths'"),  # a memo of 2**31 entries is no reason to take them
    (b"\x80\x04\x96\xff\xff\xff\xff\xff\xff\xff\x7f", "damaged"),     # nor are the bytes that a length promises
    (b"cnumpy\nndarray\n}S'a'\nS'b'\nsb.", "damaged"),                # state for what has none
    (b"cnumpy\ndtype\n(S'V8'\ntR.", "not of numbers"),
    (b"cnumpy\ndtype\n(S'f4'\ntR(I3\nS'?'\nNNNI-1\nI-1\nI0\ntb.", "byte order"),
    (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f4'\ntRC\x02abtR.", "with 2 bytes, not 4"),
    (b"ctorch._utils\n_rebuild_tensor_v2\n(NI0\n(t(tI00\nNtR.", "without a storage"),
    (b"Pa\n.", "outside"),
    (b"\x80\x02\x82\x01.", "extension"),
    (b"PK\x03\x04 but no archive", "damaged"),
    (b"\x93NUMPY\x01\x00\xff\xff", "damaged"),
    (pickle.dumps([1, 2]), "it holds: list"),
    (pickle.dumps({"paths": ["a"], "texts": "b", "instances": ["c"]}), "no list of texts"),
    (pickle.dumps({"paths": ["a"], "texts": [], "instances": ["c"]}), "1, 0, 1 entries"),
    (pickle.dumps({"paths": ["a\0b"], "texts": ["b"], "instances": ["c"]}), "zero byte"),
])
def test_damaged_files_are_told(tmp_path, data, says):
    source = write(tmp_path / "features", *make())
    (source / "icir" / "query_icir_features.pkl").write_bytes(data)
    answer = convert(source, "-o", tmp_path / "out")
    assert answer.returncode == 1
    assert says in answer.stderr and "query_icir_features.pkl" in answer.stderr, answer.stderr
    assert answer.stderr.count("\n") == 1 and "Traceback" not in answer.stderr
    assert not (tmp_path / "out").exists()


def test_every_cut_and_many_flips_of_good_files_are_refused_or_read(tmp_path):
    """Never anything but Refused: no exception of another kind, no crash."""
    module = load_module()
    random = numpy.random.default_rng(2)
    files = [TENSORS / name for name in ("newer.pt", "older.pt", "kinds.pt", "tensor_4.pkl")]
    files.append(write(tmp_path / "features", *make(n_queries=2, dim=2)) / "icir" / "query_icir_features.pkl")
    broken = tmp_path / "broken"
    n_refused = 0
    for path in files:
        whole = path.read_bytes()
        for i in range(400):
            data = bytearray(whole[:int(random.integers(len(whole)))] if i % 2 else whole)
            if i % 2 == 0:
                data[int(random.integers(len(data)))] ^= int(random.integers(1, 256))
            broken.write_bytes(data)
            try:
                loaded = module.load_checked(broken)
                for found in loaded.values() if isinstance(loaded, dict) else [loaded]:
                    module.table(found, broken, "it")
            except module.Refused:
                n_refused += 1
    assert n_refused > 600


def test_numbers_that_do_not_fit_are_told(tmp_path):
    for change, says in [
            (lambda query, database: query.update(image_feats=query["image_feats"][1:]), "6 rows, its lists have 7"),
            (lambda query, database: query.update(text_feats=query["text_feats"][:, 1:]), "dimension 5"),
            (lambda query, database: query.pop("text_feats"), "has no 'text_feats'"),
            (lambda query, database: query.update(text_feats=None), "no table of numbers"),
            (lambda query, database: query.update(image_feats=query["image_feats"][0]), "not one feature a row"),
            (lambda query, database: database["image_feats"].__setitem__((3, 1), numpy.nan), "row 3 has no direction"),
            (lambda query, database: database["image_feats"].__setitem__(5, 0), "row 5 has no direction")]:
        parts = make()
        change(*parts[:2])
        shutil.rmtree(tmp_path / "features", ignore_errors=True)
        answer = convert(write(tmp_path / "features", *parts), "-o", tmp_path / "out")
        assert answer.returncode == 1 and says in answer.stderr, answer.stderr
        assert not (tmp_path / "out").exists()


def test_nothing_is_replaced_and_missing_files_are_named(tmp_path):
    source = write(tmp_path / "features", *make())
    assert convert(source, "-o", tmp_path / "out").returncode == 0
    answer = convert(source, "-o", tmp_path / "out")
    assert answer.returncode == 1 and "is there already" in answer.stderr
    (source / "icir" / "database_icir_features.pkl").unlink()
    answer = convert(source, "-o", tmp_path / "other")
    assert answer.returncode == 1 and "database_icir_features.pkl" in answer.stderr
    (tmp_path / "file").write_text("")
    answer = convert(write(tmp_path / "again", *make()), "-o", tmp_path / "file" / "below")
    assert answer.returncode == 1 and "Traceback" not in answer.stderr
