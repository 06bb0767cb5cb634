"""Makes reference/ from a folder of features in the layout of `cir eval --features` and expected.json, what the published
implementation answers on them (its code at 463cc1d, run unchanged):

    python3 test/data/method/make_reference.py FOLDER

The features are made-up ones of 768 dimensions, 4 MB. Text, image, sum and product see of a row nothing but its products with the
queries and its length, so the rows are given in an orthonormal basis of the queries, and one more component holds what is left of
the length: the same products in 27 dimensions, so the reference's answers are still those. BASIC's steps see more of a row, so its
answers are held against the whole folder alone, where that is at hand.
"""
import csv
import json
import pathlib
import sys

import numpy

HERE = pathlib.Path(__file__).resolve().parent / "reference"
METHODS = ("text", "image", "sum", "product")


def main(folder: pathlib.Path) -> None:
    read = {name: numpy.load(folder / f"{name}.npy").astype(numpy.float64) for name in ("query_image", "query_text", "database_image")}
    _, sizes, basis = numpy.linalg.svd(numpy.vstack([read["query_image"], read["query_text"]]), full_matrices=False)
    basis = basis[sizes > 1e-5 * sizes[0]]
    HERE.mkdir(exist_ok=True)
    for name, rows in read.items():
        inside = rows @ basis.T
        rest = numpy.sqrt(numpy.maximum((rows ** 2).sum(1) - (inside ** 2).sum(1), 0))
        numpy.save(HERE / f"{name}.npy", numpy.column_stack([inside, rest]).astype(numpy.float32))
    for name in ("query.csv", "database.csv"):
        with open(folder / name, newline="") as source, open(HERE / name, "w", newline="") as target:
            csv.writer(target, lineterminator="\n").writerows([i, text, instance] for i, (_, text, instance) in enumerate(csv.reader(source)))
    expected = json.loads((folder / "expected.json").read_text())
    kept = {name: expected[name] for name in METHODS}
    assert all(run["options"] == {"method": name, "contextualize": False} for name, run in kept.items())
    (HERE / "expected.json").write_text(json.dumps(kept) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
