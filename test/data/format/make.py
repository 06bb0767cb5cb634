#!/usr/bin/env python3
"""Makes the goldens of src/format: arrays as numpy writes them, tables as Python's csv module reads them.

Usage: make.py   (writes beside itself; needs numpy)
"""
import csv
import io
import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def make_arrays() -> None:
    # Halves exactly representable everywhere, a subnormal half, infinities and a NaN among them.
    rows = np.arange(15, dtype=np.float64).reshape(5, 3) / 4 - 1.5
    for name in ("f2", "f4", "f8"):
        np.save(HERE / f"rows_{name}.npy", rows.astype("<" + name))
    np.save(HERE / "line_f4.npy", np.arange(7, dtype="<f4"))
    np.save(HERE / "empty_f2.npy", np.zeros((0, 768), dtype="<f2"))
    np.save(HERE / "special_f2.npy", np.array([0, -0.0, 2.0**-24, 65504, np.inf, -np.inf, np.nan], dtype="<f2"))
    for version in (2, 3):
        with open(HERE / f"rows_f4_v{version}.npy", "wb") as file:
            np.lib.format.write_array(file, rows.astype("<f4"), version=(version, 0))
    np.save(HERE / "bad_fortran.npy", np.asfortranarray(rows.astype("<f4")))
    np.save(HERE / "bad_big_endian.npy", rows.astype(">f4"))
    np.save(HERE / "bad_integers.npy", rows.astype("<i4"))
    np.save(HERE / "bad_object.npy", np.array([{"a": 1}], dtype=object))
    np.save(HERE / "bad_structure.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<f4")]))
    np.save(HERE / "bad_scalar.npy", np.float32(1))
    np.save(HERE / "bad_five_dims.npy", np.zeros((1, 1, 1, 1, 2), dtype="<f4"))


TABLES = {
    "plain": "a,b,c\nd,e,f\n",
    "no_last_end": "a,b\nc,d",
    "crlf": "a,b\r\nc,d\r\n",
    "quoted": '"a,1","he said ""no""",c\n"two\nlines",x,""\n',
    "crlf_in_quotes": '"a\r\nb",c\r\nd,e\r\n',
    "empty_fields": ",,\na,,\n",
    "trailing_separator": "a,\nb,",
    "quote_inside": 'a"b,c"\nd,e\n',
    "blank_lines": "a\n\n\nb\n",
    "blank_only": "\n\n",
    "nothing": "",
    "utf8": "Zürich,寺,🙂\n",
    "one_quote_pair": '""\n',
    "spaces": ' "a" ,b\n',
}


def make_tables() -> None:
    cases = [{"name": name, "text": text, "rows": [row for row in csv.reader(io.StringIO(text, newline="")) if row]}
             for name, text in TABLES.items()]
    (HERE / "tables.json").write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


make_arrays()
make_tables()
