#!/usr/bin/env python3
"""Composed search by vector databases: the candidates that they find by image, by text and by the sum, fused exactly.

Run by hand in a virtual environment (README.md): numpy, faiss-cpu, usearch, hnswlib; an absent one is left out. BASIC
multiplies two similarities, which no vector database ranks by. Its best chance, given here: each retrieves L candidates
by the photo's vector, L by the words' and L by their sum, in one batch; the union is scored with the float16 features
and the Harris fusion. L and its own effort (lists probed, ef) are swept. Recall is that of the exact composed ranking.

INDEX is a folder that `cir bench make-index` made (features in the shape of real ones), or one of photos. Queries are
photos of it, and words in the direction of some other photos' mean, centred and min-normalised as BASIC does. cir
stands beside with bench_scale's figures on its own queries of the same shape, where that program is built.

Prints, for every peer, the best recall for its time (settings that others beat in both are left out), then what each
takes for recall@100 of at least 0.9, 0.95 and 0.99. Two threads. Built indexes are kept in build/peers.

  scale.py INDEX [--peer NAME]... [--queries Q] [--build] [--seconds S] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

os.environ |= {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
for key in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(key, None)

import numpy as np  # noqa: E402  (it reads the environment)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KEPT = ROOT / "build" / "peers"
K, LAMBDA, THREADS, CHUNK = 100, 0.1, 2, 20000
LISTS = [100, 300, 1000, 3000, 10000]
TARGETS = [0.9, 0.95, 0.99]


def harris(v, t):
    v, t = np.maximum(v, 0), np.maximum(t, 0)
    return v * t - LAMBDA * (v + t) ** 2


class Queries:
    """BASIC's two linear functions of a feature for each query: weights [q, 2, dim] and offsets [q, 2]."""

    def __init__(self, rows, n: int):
        random = np.random.default_rng(7)
        sample = rows[np.sort(random.choice(len(rows), min(len(rows), 20000), replace=False))].astype(np.float32)
        mean = sample.mean(0)
        centred = sample - mean
        photos = rows[np.sort(random.choice(len(rows), n, replace=False))].astype(np.float32) - mean
        seeds = random.choice(len(sample), n, replace=False)
        near = np.argsort(-(centred[seeds] @ centred.T), axis=1)[:, :20]
        words = centred[near].mean(1)
        words /= np.linalg.norm(words, axis=1, keepdims=True)
        self.weights = np.empty((n, 2, rows.shape[1]), np.float32)
        self.offsets = np.empty((n, 2), np.float32)
        for side, vectors in enumerate((photos, words)):
            least = -(vectors @ centred[:4096].T).min()
            self.weights[:, side] = vectors / least
            self.offsets[:, side] = 1 - vectors @ mean / least


def exact_answers(rows, queries: Queries) -> np.ndarray:
    """Ids of the K best of each query, [q, K], best first."""
    n = len(queries.weights)
    scores, ids = np.full((n, 0), 0, np.float32), np.zeros((n, 0), np.int64)
    flat = queries.weights.reshape(2 * n, -1)
    for first in range(0, len(rows), CHUNK):
        both = (rows[first:first + CHUNK].astype(np.float32) @ flat.T).reshape(-1, n, 2) + queries.offsets
        new = harris(both[..., 0], both[..., 1]).T
        scores = np.concatenate([scores, new], axis=1)
        ids = np.concatenate([ids, np.broadcast_to(np.arange(first, first + new.shape[1]), new.shape)], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        scores, ids = np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)
    return ids


def fuse(rows, weights, offsets, candidates) -> np.ndarray:
    candidates = np.unique(candidates)
    candidates = candidates[candidates >= 0]
    both = rows[candidates].astype(np.float32) @ weights.T + offsets
    scores = harris(both[:, 0], both[:, 1])
    best = np.argpartition(-scores, min(K, len(scores) - 1))[:K]
    return candidates[best[np.argsort(-scores[best], kind="stable")]]


class Faiss:
    def __init__(self, factory: str, efforts: list):
        self.factory, self.efforts = factory, efforts

    def version(self) -> str:
        import faiss
        return faiss.__version__

    def make(self, rows, path: pathlib.Path) -> None:
        import faiss
        faiss.omp_set_num_threads(THREADS)
        if path.exists():
            self.index = faiss.read_index(str(path))
            return
        self.index = faiss.index_factory(rows.shape[1], self.factory, faiss.METRIC_INNER_PRODUCT)
        if not self.index.is_trained:
            picked = np.sort(np.random.default_rng(1).choice(len(rows), min(len(rows), 60000), replace=False))
            self.index.train(rows[picked].astype(np.float32))
        for first in range(0, len(rows), CHUNK):
            self.index.add(rows[first:first + CHUNK].astype(np.float32))
        if self.factory != "Flat":  # that is the rows themselves
            faiss.write_index(self.index, str(path))

    def find(self, vectors, n: int, effort: int) -> np.ndarray:
        if effort:
            self.index.nprobe = effort
        return self.index.search(vectors, n)[1]


class Usearch:
    efforts = [0]

    def version(self) -> str:
        import usearch
        return usearch.__version__

    def make(self, rows, path: pathlib.Path) -> None:
        from usearch.index import Index
        self.index = Index(ndim=rows.shape[1], metric="ip", dtype="f16", connectivity=16, expansion_add=100)
        if path.exists():
            self.index.load(str(path))
            return
        for first in range(0, len(rows), CHUNK):
            part = np.ascontiguousarray(rows[first:first + CHUNK])
            self.index.add(np.arange(first, first + len(part)), part, threads=THREADS)
        self.index.save(str(path))

    def find(self, vectors, n: int, effort: int) -> np.ndarray:
        self.index.expansion_search = max(n, 64)
        return self.index.search(vectors, n, threads=THREADS).keys.astype(np.int64)


class Hnswlib:
    efforts = [1, 2]  # ef as a multiple of the candidates

    def version(self) -> str:
        import importlib.metadata
        return importlib.metadata.version("hnswlib")

    def make(self, rows, path: pathlib.Path) -> None:
        import hnswlib
        self.index = hnswlib.Index(space="ip", dim=rows.shape[1])
        if path.exists():
            self.index.load_index(str(path), max_elements=len(rows))
        else:
            self.index.init_index(max_elements=len(rows), M=16, ef_construction=100)
            for first in range(0, len(rows), CHUNK):
                part = rows[first:first + CHUNK].astype(np.float32)
                self.index.add_items(part, np.arange(first, first + len(part)), num_threads=THREADS)
            self.index.save_index(str(path))
        self.index.set_num_threads(THREADS)

    def find(self, vectors, n: int, effort: int) -> np.ndarray:
        self.index.set_ef(effort * n)
        return self.index.knn_query(vectors, k=n)[0].astype(np.int64)


PROBES = [8, 32, 128, 512]
PEERS = {
    "faiss flat": Faiss("Flat", [0]),
    "faiss IVF PQ fast scan": Faiss("IVF1024,PQ192x4fs", PROBES),
    "faiss IVF PQ fast scan, 2x": Faiss("IVF1024,PQ384x4fs", PROBES),
    "faiss RaBitQ": Faiss("RaBitQfs", [0]),
    "faiss IVF RaBitQ": Faiss("IVF1024,RaBitQfs", PROBES),
    "usearch": Usearch(),
    "hnswlib": Hnswlib(),
}


def sweep(peer, rows, queries: Queries, exact, seconds: float) -> list[dict]:
    """Time and recall of every setting, as far as the time goes."""
    found, end = [], time.monotonic() + seconds
    for n in LISTS:
        for effort in peer.efforts:
            if n > len(rows) or time.monotonic() > end:
                continue
            times, at_10, at_100 = [], [], []
            for q in range(-1, len(exact)):  # the first warms up
                weights, offsets = queries.weights[q], queries.offsets[q]
                start = time.perf_counter()
                ids = fuse(rows, weights, offsets, peer.find(np.vstack([weights, weights.sum(0)]), n, effort))
                if q < 0:
                    continue
                times.append((time.perf_counter() - start) * 1e3)
                at_10.append(len(np.intersect1d(ids[:10], exact[q, :10])) / 10)
                at_100.append(len(np.intersect1d(ids, exact[q])) / K)
                if time.monotonic() > end and len(times) >= 10:
                    break
            found.append({"candidates": n, "effort": effort, "ms": float(np.median(times)), "queries": len(times),
                          "at_10": float(np.mean(at_10)), "at_100": float(np.mean(at_100))})
    return found


def frontier(found: list[dict]) -> list[dict]:
    best = []
    for line in sorted(found, key=lambda line: line["ms"]):
        if not best or line["at_100"] > best[-1]["at_100"]:
            best.append(line)
    return best


def print_cir(index: pathlib.Path, n: int, n_queries: int, options) -> None:
    program = ROOT / "build" / "bench" / "bench_scale"
    if not program.exists():
        print("scale.py: cir is left out: build/bench/bench_scale is not built", file=sys.stderr)
        return
    print("\ncir (bench_scale, queries of its own of the same shape):", flush=True)
    subprocess.run([program, "--n", str(n), "--index", index, "--queries", str(n_queries), "--threads", str(THREADS),
                    "--parts", "single,recall", *(["--json", options.json] if options.json else [])], check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=pathlib.Path)
    parser.add_argument("--peer", action="append", choices=["cir", *PEERS])
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--build", action="store_true", help="build what is not kept yet, and measure nothing")
    parser.add_argument("--seconds", type=float, default=60, help="for each peer's sweep")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    files = list(options.index.glob("features/*/vectors.npy"))
    if len(files) != 1:
        sys.exit(f"scale.py: {options.index}: has {len(files)} vectors.npy, one is needed; cir bench make-index makes one")
    rows = np.load(files[0], mmap_mode="r")
    KEPT.mkdir(parents=True, exist_ok=True)
    queries = Queries(rows, options.queries)
    exact = None
    for name in options.peer or [*PEERS, "cir"]:
        if name == "cir":
            if not options.build:
                print_cir(options.index, len(rows), options.queries, options)
            continue
        peer = PEERS[name]
        path = KEPT / f"{name.replace(' ', '_').replace(',', '')}_{len(rows)}.index"
        start, was_kept = time.monotonic(), path.exists()
        try:
            peer.make(rows, path)
        except (ImportError, RuntimeError) as error:
            print(f"scale.py: {name} left out: {str(error).strip().splitlines()[-1]}", file=sys.stderr)
            continue
        if options.build:
            print(f"{name}: {'kept' if was_kept else f'built in {time.monotonic() - start:.0f} s'}", flush=True)
            continue
        if exact is None:
            exact = exact_answers(rows, queries)
            print(f"{len(rows)} rows x {rows.shape[1]}, {options.queries} queries, {THREADS} threads; candidates are of "
                  f"each of the three lists, effort is lists probed, or ef over candidates")
        found = sweep(peer, rows, queries, exact, options.seconds)
        print(f"\n{name} {peer.version()}\n  {'ms':>8}  {'recall@10':>9}  {'recall@100':>10}  {'candidates':>10}  {'effort':>6}")
        for line in frontier(found):
            print(f"  {line['ms']:8.2f}  {line['at_10']:9.4f}  {line['at_100']:10.4f}  {line['candidates']:10}  "
                  f"{line['effort']:6}")
        reached = {t: min((x["ms"] for x in found if x["at_100"] >= t), default=None) for t in TARGETS}
        print("  " + ", ".join(f"recall@100 of {t}: " + ("not reached by what was tried" if ms is None else f"{ms:.1f} ms")
                               for t, ms in reached.items()), flush=True)
        if options.json:
            with open(options.json, "a") as file:
                file.write(json.dumps({"bench": "peers_scale", "peer": name, "version": peer.version(), "n": len(rows),
                                       "dim": rows.shape[1], "threads": THREADS, "settings": found}) + "\n")


main()
