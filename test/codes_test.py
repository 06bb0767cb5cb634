"""Compact codes read back by numpy: are the files what doc/index.md says, and their estimates as good as promised?"""
import ctypes
import os
import pathlib
import resource
import shutil
import sqlite3
import struct

import numpy
import pytest

from conftest import CIR, run_cir

N, DIM, CODE_DIM = 100001, 96, 128
LIBRARY = ctypes.CDLL(str(pathlib.Path(CIR).parent / "libcir.so"))
XXH3 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
XXH3.restype, XXH3.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]


def update_codes(index):
    error = ctypes.create_string_buffer(8 + 1024)
    assert LIBRARY.cir_index_update_codes(str(index).encode(), None, None, error) == 0, error.raw


def xxh3(data: bytes) -> int:
    return XXH3(data, len(data))


class Codes:
    """codes.bin and codes.sums by doc/index.md."""

    def __init__(self, index):
        (folder,) = index.glob("features/*/")
        self.bin = (folder / "codes.bin").read_bytes()
        self.sums_file = (folder / "codes.sums").read_bytes()
        self.rows = numpy.load(folder / "vectors.npy").astype(numpy.float64)
        size = (136 + 4 * DIM + 4095) // 4096 * 4096
        headers = [self.bin[:size], self.bin[size:2 * size]]
        for header in headers:
            end = 128 + 4 * DIM
            assert struct.unpack_from("<Q", header, end)[0] == xxh3(header[:end])
            assert header[:8] == b"CIRCODES"
        header = max(headers, key=lambda bytes: struct.unpack_from("<Q", bytes, 64))
        version, dim, self.seed, self.id = struct.unpack_from("<IIQQ", header, 8)
        self.fingerprint = header[32:64].decode()
        _, self.serial, self.n_rows, self.n_fitted, self.digest, code_dim, block = struct.unpack_from("<QQQQQII", header, 64)
        assert (version, dim, code_dim, block) == (1, DIM, CODE_DIM, CODE_DIM // 8 * 64 + 256)
        self.centre = numpy.frombuffer(header, "<f4", DIM, 128).astype(numpy.float64)
        n_blocks = (self.n_rows + 63) // 64
        assert len(self.bin) == 2 * size + n_blocks * block and len(self.sums_file) == 64 + 8 * self.n_rows
        blocks = numpy.frombuffer(self.bin, numpy.uint8, offset=2 * size).reshape(n_blocks, block)
        lines = blocks[:, :-256].reshape(n_blocks, CODE_DIM // 8, 64).transpose(0, 2, 1)
        bits = numpy.unpackbits(lines, axis=2, bitorder="little").reshape(-1, CODE_DIM)
        self.signs = bits[:self.n_rows].astype(numpy.float64) * 2 - 1
        numbers = blocks[:, -256:].copy().view("<f2").reshape(n_blocks, 2, 64).transpose(1, 0, 2).reshape(2, -1)
        self.factors, self.spreads = numbers[:, :self.n_rows].astype(numpy.float64)
        self.sums = numpy.frombuffer(self.sums_file, "<u8", offset=64)


def random_words(seed: int):
    """splitmix64."""
    mask = 2**64 - 1
    while True:
        seed = seed + 0x9e3779b97f4a7c15 & mask
        word = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9 & mask
        word = (word ^ word >> 27) * 0x94d049bb133111eb & mask
        yield word ^ word >> 31


def hadamard(rows):
    """The Walsh–Hadamard transform of each row, orthonormal, by its definition: from the transform of halves."""
    if rows.shape[1] == 1:
        return rows
    a, b = numpy.split(rows, 2, axis=1)
    return numpy.hstack([hadamard(a + b), hadamard(a - b)]) / 2**0.5


def rotate(rows, seed):
    """Four rounds of random signs and a transform: what coder.c says of code_dim = 128, a power of two."""
    x = numpy.zeros((len(rows), CODE_DIM))
    x[:, :DIM] = rows
    words = random_words(seed)
    for _ in range(4):
        signs = [1 - 2 * (word >> i & 1) for word in (next(words), next(words)) for i in range(64)]
        x = hadamard(x * numpy.array(signs, float))
    return x


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("coded") / "made.cir"
    made = run_cir("bench", "make-index", "--n", N, "--dim", DIM, "--seed", 3, path)
    assert made.status == 0, made.err
    update_codes(path)
    return path


@pytest.fixture(scope="module")
def codes(index):
    return Codes(index)


def test_files_are_as_described(index, codes):
    info = run_cir("info", index, "--json").json
    assert info["n_coded"] == codes.n_rows == codes.n_fitted == N and info["codes_problem"] is None
    assert codes.fingerprint == info["models"][0]["fingerprint"]
    assert f"codes       {N:,} photos\n" in run_cir("info", index).out
    assert run_cir("check", index).out == f"{index}: {N} rows, no problems\n"
    assert struct.unpack_from("<8sQQQQ", codes.sums_file) == (b"CIRCSUMS", 1, codes.id, codes.serial, xxh3(codes.sums_file[:32]))
    # The catalogue's checksums, and their digest.
    blocks = sqlite3.connect(index / "catalogue.sqlite").execute("SELECT block, checksums FROM feature").fetchall()
    sums = numpy.zeros((N + 1023) // 1024 * 1024, "<u8")
    digest = 0
    for i, values in blocks:
        sums[i * 1024:(i + 1) * 1024] = numpy.frombuffer(values, "<u8")
        digest += xxh3(struct.pack("<QQ", i, xxh3(values)))
    assert (sums[:N] == codes.sums).all() and digest % 2**64 == codes.digest
    vectors = next(index.glob("features/*/vectors.npy")).read_bytes()[128:]
    for row in (0, 63, 64, N - 1):
        assert codes.sums[row] == xxh3(vectors[row * DIM * 2:(row + 1) * DIM * 2])


def test_codes_are_those_of_the_rotated_rows(codes):
    # A mean of 1,024 runs of 64 rows.
    assert numpy.abs(codes.centre - codes.rows.mean(axis=0)).max() < 0.01
    r = rotate(codes.rows - codes.centre, codes.seed)
    assert numpy.allclose(numpy.linalg.norm(r, axis=1), numpy.linalg.norm(codes.rows - codes.centre, axis=1))
    wrong = (r >= 0) != (codes.signs > 0)
    assert wrong.mean() < 1e-5 and numpy.abs(r[wrong]).max(initial=0) < 1e-6  # nothing but what rounding decides
    sizes, lengths = numpy.abs(r).sum(axis=1), numpy.linalg.norm(r, axis=1)
    assert numpy.abs(codes.factors * sizes / lengths**2 - 1).max() < 2**-11 + 1e-5
    s = sizes / (lengths * CODE_DIM**0.5)
    spreads = lengths * numpy.sqrt((1 - s**2) / (s**2 * (CODE_DIM - 1)))
    assert (codes.spreads >= spreads * (1 - 1e-5)).all() and (codes.spreads <= spreads * 1.02).all()


def test_estimates_are_unbiased_and_as_sharp_as_promised(codes):
    a = numpy.random.default_rng(5).normal(size=(60, DIM))
    a /= numpy.linalg.norm(a, axis=1, keepdims=True)
    a[30:] = codes.rows[::N // 30][:30]  # queries that are rows
    estimates = codes.factors[:, None] * (codes.signs @ rotate(a, codes.seed).T) + a @ codes.centre
    errors = (estimates - codes.rows @ a.T) / codes.spreads[:, None] / numpy.linalg.norm(a, axis=1)
    assert abs(errors.mean()) < 0.05
    assert 0.5 < errors.std() < 1.02
    assert (numpy.abs(errors) > 4).mean() < 2e-4  # a normal variable: 6e-5


def test_one_flipped_bit_is_found_and_mended(index, codes, tmp_path):
    copy = tmp_path / "copy.cir"
    shutil.copytree(index, copy)
    (path,) = copy.glob("features/*/codes.bin")
    damaged = bytearray(codes.bin)
    damaged[8192 + 1000 * 1280 + 64 * 5 + 9] ^= 16
    path.write_bytes(damaged)
    result = run_cir("check", copy)
    assert result.status == 1 and f"codes.bin: row {1000 * 64 + 9} is not the code of its feature" in result.out
    assert run_cir("check", copy, "--repair").status == 0 and not path.exists()
    update_codes(copy)
    assert path.read_bytes()[8192:] == codes.bin[8192:]
    assert run_cir("check", copy).status == 0


def test_a_row_that_was_replaced_is_the_only_one_coded_again(index, codes, tmp_path):
    copy = tmp_path / "copy.cir"
    shutil.copytree(index, copy)
    (path,) = copy.glob("features/*/vectors.npy")
    vectors = numpy.load(path, mmap_mode="r+")
    vectors[70000] = -vectors[70000]
    row = vectors[70000].tobytes()
    vectors.flush()
    catalogue = sqlite3.connect(copy / "catalogue.sqlite")
    ((values,),) = catalogue.execute("SELECT checksums FROM feature WHERE block = ?", (70000 // 1024,))
    values = bytearray(values)
    struct.pack_into("<Q", values, 70000 % 1024 * 8, xxh3(row))
    catalogue.execute("UPDATE feature SET checksums = ? WHERE block = ?", (bytes(values), 70000 // 1024))
    catalogue.commit()
    catalogue.close()
    info = run_cir("info", copy)
    assert f"codes       {N - 1:,} photos; 1 are to be coded by the next cir index\n" in info.out
    assert run_cir("check", copy).status == 0
    update_codes(copy)
    again = Codes(copy)
    differs = (again.signs != codes.signs).any(axis=1)
    assert numpy.flatnonzero(differs).tolist() == [70000] and (again.centre == codes.centre).all()
    r = rotate(-codes.rows[70000:70001] - codes.centre, codes.seed)
    assert ((r >= 0) == (again.signs[70000] > 0)).all()
    assert run_cir("info", copy, "--json").json["n_coded"] == N


def test_codes_that_find_no_room_are_done_without(index, tmp_path):
    copy = tmp_path / "copy.cir"
    shutil.copytree(index, copy)
    (path,) = copy.glob("features/*/codes.bin")
    os.truncate(path, 1 << 40)  # a hole: it takes addresses, and no disk

    def little_room():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 36, 1 << 36))

    result = run_cir("info", copy, preexec_fn=little_room)
    assert result.status == 0 and f"{N:,} searchable" in result.out
    assert "codes       not used: " in result.out and "codes.bin: cannot be mapped: Cannot allocate memory" in result.out
    assert f"codes       {N:,} photos\n" in run_cir("info", copy).out
