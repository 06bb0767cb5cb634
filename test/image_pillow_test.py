"""Pictures as the library decodes, converts, turns, resamples and normalises them, against Pillow (and numpy), made and
compared at test time. All comparisons are exact; exceptions say why."""
import io
import os
import pathlib
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps, features

Image.MAX_IMAGE_PIXELS = None
SHARED = pathlib.Path(os.environ.get("CIR_SHARED", "../shared"))
PHOTO = SHARED / "data/preprocess/franz-kafka.jpg"
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


class Dump:
    """The test program, answering over pipes."""

    def __init__(self):
        self.process = subprocess.Popen([os.environ["CIR_IMAGE_DUMP"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words):
        self.process.stdin.write(("\t".join(str(word) for word in words) + "\n").encode())
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().split(None, 2)
        if answer[0] != "ok":
            raise ValueError(" ".join(answer[1:]))
        width, height, kind, taken_at = answer[2].split()
        return self.process.stdout.read(int(answer[1])), int(width), int(height), kind, int(taken_at)

    def read(self, path, how="rotate"):
        data, width, height, _, _ = self.ask("read", path, how)
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def resize(self, path, width, height, filter_name):
        data, width, height, _, _ = self.ask("resize", path, width, height, filter_name)
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def tensor(self, path, recipe):
        data, width, height, _, _ = self.ask("tensor", path, recipe)
        return np.frombuffer(data, np.float32).reshape(3, height, width)


@pytest.fixture(scope="module")
def dump():
    program = Dump()
    yield program
    program.process.stdin.close()
    assert program.process.wait() == 0


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def scene(width, height):
    """Smooth, with edges: what a photo is to a codec."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [128 + 100 * np.sin(x / 17 + y / 31), 255 * x / max(width - 1, 1), 255 * ((x // 9 + y // 7) % 2)]
    return np.clip(np.stack(planes, 2), 0, 255).astype(np.uint8)


needs_photo = pytest.mark.skipif(not PHOTO.exists(), reason="shared/data/preprocess is not there")
FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}


@needs_photo
def test_photo_decodes_as_in_pillow(dump):
    assert np.array_equal(dump.read(PHOTO), np.array(Image.open(PHOTO).convert("RGB")))


@needs_photo
def test_photo_becomes_the_expected_tensor(dump):
    expected = np.load(PHOTO.parent / "expected_preprocessed_image.npy")[0]
    assert np.array_equal(dump.tensor(PHOTO, "clip:224"), expected)
