#!/usr/bin/env python3
"""Makes tensors as torch writes them, for convert_test.py. Usage: make.py FOLDER. Needs torch and numpy."""
import pathlib
import pickle
import sys

import numpy
import torch

folder = pathlib.Path(sys.argv[1])
rows = torch.from_numpy(numpy.random.default_rng(5).normal(size=(5, 4)).astype(numpy.float32))
numpy.save(folder / "rows.npy", rows.numpy())
torch.save(rows, folder / "newer.pt")
torch.save(rows, folder / "older.pt", _use_new_zipfile_serialization=False)
torch.save({"laion_1m_mean": rows[:1]}, folder / "mean.pt")
torch.save({"half": rows.half(), "bfloat16": rows.bfloat16(), "double": rows.double(), "turned": rows.T.contiguous().T,
            "part": rows[1:3], "parameter": torch.nn.Parameter(rows)}, folder / "kinds.pt")
for protocol in (2, 4):
    with open(folder / f"tensor_{protocol}.pkl", "wb") as file:
        pickle.dump({"laion_1m_mean": rows}, file, protocol=protocol)
