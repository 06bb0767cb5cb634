#!/usr/bin/env python3
"""Makes the goldens of the search with numpy, in float64: rows.npy and queries.npy, and what the best rows are.

rows.npy     float16 [n, d]; a few rows occur several times, one holds a NaN
queries.npy  float32 [q, 2, d]: a and b of each query
cases.npy    float64 [c, 8]: query, kind (as cir_fusion_kind), clamps, lambda, weight, a0, b0, k
top_rows.npy, top_scores.npy  float64 [c, K]: the best rows (−1 where there are fewer) and their scores
In every case neighbouring scores of different rows' contents differ by more than floats can lose.
"""
import pathlib

import numpy as np

N, D, Q, K = 500, 91, 4, 40
HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(1)


def fuse(kind, clamps, lam, w, v, t):
    if clamps:
        v, t = np.maximum(v, 0), np.maximum(t, 0)
    return [v, t, 2 * ((1 - w) * v + w * t), v ** (2 - 2 * w) * t ** (2 * w) if w != 0.5 else v * t,
            v * t - lam * (v + t) ** 2][kind]


rows = random.standard_normal((N, D))
rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
rows[100:110] = rows[17]
rows[[300, 499]] = rows[1]
rows[200, 90] = np.nan
queries = (random.standard_normal((Q, 2, D)) * 0.3).astype(np.float32)
cases, top_rows, top_scores = [], [], []
for kind in range(5):
    for q in range(Q):
        clamps = float(q % 2 == 0 or kind == 4)
        weight = [0.5, 0.5, 0.25, 0.5][q] if kind != 2 else [0, 0.3, 0.5, 1][q]
        case = [q, kind, clamps, 0.1, weight, *random.uniform(0.2, 1.2, 2).astype(np.float32), [1, 10, 40, 40][q]]
        case = [float(np.float32(x)) for x in case]
        x = rows.astype(np.float64)
        with np.errstate(invalid="ignore"):
            v = x @ queries[q, 0].astype(np.float64) + case[5]
            t = x @ queries[q, 1].astype(np.float64) + case[6]
            score = fuse(kind, clamps, case[3], case[4], v, t)
        score[200] = -np.inf  # NaN is never an answer
        order = np.lexsort((np.arange(N), -score))[: int(case[7])]
        found = score[order]
        gaps = -np.diff(found)
        same = [np.array_equal(rows[i], rows[j]) for i, j in zip(order, order[1:])]
        assert all(gap > 1e-6 or (is_same and gap == 0) or (gap == 0 and found[i] == 0)
                   for i, (gap, is_same) in enumerate(zip(gaps, same))), (kind, q, gaps.min())
        cases.append(case)
        top_rows.append(np.pad(order, (0, K - len(order)), constant_values=-1))
        top_scores.append(np.pad(found, (0, K - len(order))))
np.save(HERE / "rows.npy", rows)
np.save(HERE / "queries.npy", queries)
np.save(HERE / "cases.npy", np.array(cases))
np.save(HERE / "top_rows.npy", np.array(top_rows, np.float64))
np.save(HERE / "top_scores.npy", np.array(top_scores))
