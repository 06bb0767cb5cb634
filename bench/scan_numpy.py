#!/usr/bin/env python3
"""What bench_scan does, as one would write it with numpy: two products, the Harris fusion, argpartition.

The matrix is float32, twice the bytes: numpy multiplies float16 without BLAS, which takes seconds.
Prints a table; --json FILE appends one line of JSON.
"""
import argparse
import json
import time

import numpy as np


def measure(n: int, dim: int, k: int, repeats: int) -> dict:
    random = np.random.default_rng(0)
    rows = np.empty((n, dim), np.float32)
    for first in range(0, n, 10000):
        random.random(out=rows[first : first + 10000], dtype=np.float32)
        rows[first : first + 10000] -= 0.5
        rows[first : first + 10000] *= 0.12
    queries = (random.random((2, dim), dtype=np.float32) - 0.5) * 0.12

    def search():
        v = np.maximum(rows @ queries[0] + 1, 0)
        t = np.maximum(rows @ queries[1] + 1, 0)
        scores = v * t - 0.1 * (v + t) ** 2
        top = np.argpartition(-scores, k)[:k]
        return top[np.argsort(-scores[top], kind="stable")]

    search()  # warms up
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        search()
        times.append((time.perf_counter() - start) * 1e3)
    return {
        "bench": "scan_numpy",
        "n": n,
        "dim": dim,
        "k": k,
        "numpy": np.__version__,
        "ms": round(float(np.median(times)), 3),
        "best_ms": round(min(times), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    for n in [options.n] if options.n else [100000, 1000000]:
        line = measure(n, options.dim, options.k, options.repeats)
        print(f"{n} rows x {options.dim}, float32, best {options.k}, numpy {line['numpy']}")
        print(f"  {'':42} {'ms':>9} {'best ms':>9}")
        print(f"  {'two products, Harris fusion, argpartition':42} {line['ms']:9.2f} {line['best_ms']:9.2f}")
        if options.json:
            with open(options.json, "a") as file:
                file.write(json.dumps(line) + "\n")


main()
