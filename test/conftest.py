"""What the whole-program tests share: the program, and folders of small photos."""
import json
import os
import pathlib
import subprocess
import tempfile

import numpy
import pytest
from PIL import Image, ImageDraw

SOURCE = pathlib.Path(__file__).resolve().parent.parent
CIR = os.environ.get("CIR_PROGRAM", str(SOURCE / "build" / "cir"))


# No test leaves anything in the cache or configuration of whoever runs it.
_cache = tempfile.TemporaryDirectory(prefix="cir-test-cache-")
os.environ["XDG_CACHE_HOME"] = _cache.name
_config = tempfile.TemporaryDirectory(prefix="cir-test-config-")
os.environ["XDG_CONFIG_HOME"] = _config.name


class Result:
    def __init__(self, process: subprocess.CompletedProcess):
        self.status = process.returncode
        self.out = process.stdout.decode(errors="replace")
        self.err = process.stderr.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.out)


def run_cir(*arguments, timeout: float = 120, **keywords) -> Result:
    return Result(subprocess.run([CIR, *map(os.fspath, map(_path_or_text, arguments))], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, timeout=timeout, **keywords))


def _path_or_text(argument):
    return argument if isinstance(argument, (str, bytes, os.PathLike)) else str(argument)


@pytest.fixture
def cir():
    return run_cir


def draw_photo(seed: int, size=(96, 80)) -> Image.Image:
    """A picture unlike that of any other seed."""
    random = numpy.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(int(c) for c in random.integers(0, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = (int(c) for c in random.integers(0, 70, 2))
        w, h = (int(c) for c in random.integers(5, 40, 2))
        draw.ellipse([x, y, x + w, y + h], fill=tuple(int(c) for c in random.integers(0, 256, 3)))
    return image


@pytest.fixture
def photos(tmp_path):
    """A folder of twelve photos, two of them in a folder below."""
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    for i in range(12):
        draw_photo(i).save(folder / ("below" if i > 9 else ".") / f"{i:02}.jpg", quality=90)
    return folder


@pytest.fixture
def index(cir, photos, tmp_path):
    """An index of those photos, made with the demo encoder."""
    path = tmp_path / "photos.cir"
    made = cir("index", photos, "-o", path, "-q")
    assert made.status == 0, made.err
    return path


def counts(result):
    """What `cir index --json` counted."""
    return {key: result.json[key] for key in ("encoded", "unchanged", "failed", "vanished")}


def update(cir, photos, index, *more):
    """Makes or updates an index; what was counted."""
    result = cir("index", photos, "-o", index, "--json", "-q", *more)
    assert result.status == 0, result.err
    return counts(result)
