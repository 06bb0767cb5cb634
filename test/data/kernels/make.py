#!/usr/bin/env python3
"""Makes halves.bin: numbers as float32, then the same as numpy rounds them to float16 (little-endian, n of each)."""
import pathlib

import numpy as np

random = np.random.default_rng(5)
bits = random.integers(0, 2**32, 6000, dtype=np.uint32)
# Magnitudes that halves have, those below and above, and ties.
near = (random.integers(0x33000000, 0x47900000, 8000, dtype=np.uint32)) | (bits.repeat(2)[:8000] & 0x80000000)
near[::2] = (near[::2] & 0xFFFFE000) | 0x1000
edges = np.array([0.0, -0.0, 65504, 65519.996, 65520, 65536, 2**-14, 2**-24, 2**-25, 2**-25 * 1.0000001, 1e-40, np.inf,
                  -np.inf, 1.0], np.float32)
floats = np.concatenate([edges, bits.view(np.float32), near.view(np.float32)])
floats = floats[~np.isnan(floats)]
with np.errstate(over="ignore"):
    halves = floats.astype("<f2")
path = pathlib.Path(__file__).with_name("halves.bin")
path.write_bytes(floats.astype("<f4").tobytes() + halves.tobytes())
