"""Runs the program with faults put in by fault_shim.c, and says what came of each run."""
import collections
import contextlib
import dataclasses
import mmap
import os
import pathlib
import signal
import struct
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
CIR = os.environ.get("CIR_PROGRAM", str(SOURCE / "build" / "cir"))
SHIM = os.environ.get("CIR_FAULT_SHIM", str(SOURCE / "build" / "test" / "libfault_shim.so"))

ALLOCATIONS, READS, WRITES, OPENS = 1, 2, 4, 8
KIND_NAMES = {ALLOCATIONS: "allocation", READS: "read", WRITES: "write", OPENS: "open"}

# Code that ends the process where memory is short, whatever its caller does: what it was refused is no fault of ours.
# libstdc++ throws for oneDNN, GLib aborts for libvips, OpenMP and the loader leave.
ENDS_THE_PROCESS = ("libstdc++", "libglib", "libgobject", "libgio", "libgmodule", "libdnnl", "libvips", "libgomp",
                    "ld-linux", "libgcc_s", "libchafa", "liborc", "libheif", "libde265", "libaom", "libdav1d", "libx265")

_HEAD = struct.Struct("<IIQQQIIQQ")
_NOTE = struct.Struct("<QQ48s")
_N_NOTES = 16


@dataclasses.dataclass(frozen=True)
class Fault:
    """Which calls fail: the one numbered `at`, those from `start` on, or a share of all, drawn by `seed`."""
    kinds: int = 0
    at: int = 0
    start: int = 0
    per_million: int = 0
    seed: int = 0
    min_bytes: int = 0

    def __str__(self):
        what = "/".join(name for kind, name in KIND_NAMES.items() if kind & self.kinds) or "nothing"
        where = (f"number {self.at}" if self.at else f"all from {self.start}" if self.start else
                 f"{self.per_million} in a million, seed {self.seed}")
        return f"{what} {where}" + (f", of {self.min_bytes} bytes and more" if self.min_bytes else "")


class Control:
    """The shim's control block; its layout is the shim's."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "faults.control"
        self.path.write_bytes(bytes(_HEAD.size + _N_NOTES * _NOTE.size))
        self._file = open(self.path, "r+b")
        self._memory = mmap.mmap(self._file.fileno(), 0)

    def arm(self, fault):
        _HEAD.pack_into(self._memory, 0, 0, fault.kinds, fault.min_bytes, fault.at, fault.start, fault.per_million,
                        fault.seed, 0, 0)
        struct.pack_into("<I", self._memory, 0, 1)

    def disarm(self):
        struct.pack_into("<I", self._memory, 0, 0)

    @property
    def n_calls(self):
        return _HEAD.unpack_from(self._memory)[7]

    @property
    def n_failed(self):
        return _HEAD.unpack_from(self._memory)[8]

    @property
    def callers(self):
        """Who was refused, latest first: (library+offset, bytes)."""
        n = self.n_failed
        notes = []
        for i in range(n - 1, max(n - _N_NOTES, 0) - 1, -1):
            _, size, name = _NOTE.unpack_from(self._memory, _HEAD.size + i % _N_NOTES * _NOTE.size)
            notes.append((name.split(b"\0")[0].decode(), size))
        return notes

    @property
    def environment(self):
        return {**os.environ, "LD_PRELOAD": SHIM, "CIR_FAULTS": str(self.path)}


@dataclasses.dataclass
class Outcome:
    status: int
    out: bytes
    err: bytes
    is_hanging: bool = False


def run(arguments, folder, environment=None, timeout=60, limit=None):
    """Runs cir in a folder. limit: called in the child before the program, for its limits."""
    process = subprocess.Popen([CIR, *map(str, arguments)], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limit)
    try:
        out, err = process.communicate(timeout=timeout)
        return Outcome(process.returncode, out, err)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        return Outcome(process.returncode, out, err, is_hanging=True)


class Counts(collections.Counter):
    """What came of many runs; `bad` says every one that should not be."""
    COLUMNS = ("runs", "failed calls", "no harm", "told", "ended by a library", "crashes", "hangs", "wrong", "silent")
    BAD = ("crashes", "hangs", "wrong", "silent")

    def __init__(self):
        super().__init__()
        self.bad = []

    def add(self, outcome, what):
        self["runs"] += 1
        self[outcome] += 1
        if outcome in self.BAD:
            self.bad.append(f"{outcome}: {what}")
        elif os.environ.get("CIR_FAULTS_TELL") == outcome:
            print(f"{outcome}: {what}")

    def merge(self, other):
        self.update(other)
        self.bad += other.bad


def name_of_end(callers, err):
    """Of a process that a signal ended: whether a library did it, by whom memory was refused to or what it said."""
    is_foreign = (bool(callers) and callers[0][0].startswith(ENDS_THE_PROCESS)) or any(
        word in err for word in (b"terminate called", b"GLib-ERROR", b"failed to allocate"))
    return "ended by a library" if is_foreign else "crashes"


def judge(outcome, control, find_wrong):
    """The name of what came of a run. find_wrong: says what is wrong with a success, or None."""
    if outcome.is_hanging:
        return "hangs", "did not end"
    if outcome.status < 0:
        name = signal.Signals(-outcome.status).name
        callers = control.callers if control is not None else []
        return name_of_end(callers, outcome.err), f"{name} after {callers[:2]}"
    if outcome.status == 0:
        wrong = find_wrong(outcome)
        return ("no harm", "") if wrong is None else ("wrong", wrong)
    if outcome.status != 1:
        return "wrong", f"exit status {outcome.status}: {outcome.err[-200:]!r}"
    if b"cir: " not in outcome.err and b" finding" not in outcome.out:
        return "silent", f"exit status 1 with {outcome.err[-200:]!r}, {outcome.out[-200:]!r}"
    return "told", ""


def print_table(title, rows):
    """rows: (name, Counts). Prints one line each and what is bad; returns whether nothing is."""
    columns = [c for c in Counts.COLUMNS if any(counts[c] for _, counts in rows) or c in ("runs", "crashes", "wrong")]
    width = max([len(name) for name, _ in rows] + [len(title)])
    print(f"\n{title:{width}} | " + " | ".join(columns))
    print("-" * width + "-|-" + "-|-".join("-" * len(c) for c in columns))
    for name, counts in rows:
        print(f"{name:{width}} | " + " | ".join(f"{counts[c]:{len(c)}}" for c in columns))
    for _, counts in rows:
        for line in counts.bad[:20]:
            print(f"  {line}")
    return not any(counts.bad for _, counts in rows)


@contextlib.contextmanager
def temporary_folder():
    with tempfile.TemporaryDirectory(prefix="cir-faults-") as folder:
        cache = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = os.path.join(folder, "cache")
        try:
            yield pathlib.Path(folder)
        finally:
            if cache is None:
                del os.environ["XDG_CACHE_HOME"]
            else:
                os.environ["XDG_CACHE_HOME"] = cache
