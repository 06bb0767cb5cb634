"""Pictures as the library decodes, converts, turns, resamples and normalises them, against Pillow (and numpy), made and
compared at test time. All comparisons are exact; exceptions say why."""
import io
import os
import pathlib
import struct
import subprocess
import zlib

import numpy as np
import PIL
import pytest
from PIL import Image, ImageOps

Image.MAX_IMAGE_PIXELS = None
PILLOW = tuple(int(part) for part in PIL.__version__.split(".")[:2])
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

    def tensor(self, path, preprocessing):
        data, width, height, _, _ = self.ask("tensor", path, preprocessing)
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


def saved(image, path, kind, **options):
    image.save(path, kind, **options)
    return path


def pillow(path):
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, lines, before=b""):
    """lines: the filtered rows, each with its leading filter byte."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(lines)) +
            chunk(b"IEND", b""))


def resized(image, size, kind):
    """Image.resize of Pillow before 13, which the published figures were made with and the library follows: along rows,
    then along columns. Pillow 13 goes the other way where the height shrinks much and the width hardly changes."""
    if PILLOW < (13, 0):
        return np.array(image.resize(size, kind))
    return np.array(image.resize((size[0], image.height), kind).resize(size, kind))


FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}


@pytest.fixture(params=["drawn", "taken"])
def photo(request, tmp_path):
    """A JPEG of 450 × 655 or so: one of our own, and a photograph where it is at hand."""
    if request.param == "drawn":
        return saved(Image.fromarray(scene(450, 655)), tmp_path / "drawn", "JPEG", quality=90)
    return taken()


def taken():
    if not PHOTO.exists():
        pytest.skip(f"{PHOTO} is not there")
    return PHOTO


def test_photo_decodes_as_in_pillow(dump, photo):
    assert np.array_equal(dump.read(photo), pillow(photo))


def test_photo_becomes_the_expected_tensor(dump):
    expected = np.load(taken().parent / "expected_preprocessed_image.npy")[0]
    assert np.array_equal(dump.tensor(PHOTO, "clip:224"), expected)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", [(224, 326), (224, 224), (1, 1), (450, 100), (100, 655), (451, 656), (900, 1310)])
def test_photo_resamples_as_in_pillow(dump, photo, name, size):
    expected = resized(Image.open(photo).convert("RGB"), size, FILTERS[name])
    assert np.array_equal(dump.resize(photo, *size, name), expected)


# (width, height) of the picture, (width, height) wanted: tiny, one pixel, thin, huge, enlarged, hardly changed.
RESIZES = [((1, 1), (224, 224)), ((2, 3), (224, 336)), ((1, 1), (1, 1)), ((1, 500), (224, 300)), ((500, 1), (7, 224)),
           ((3, 4000), (3, 30)), ((4000, 3), (30, 3)), ((20000, 2), (5, 5)), ((2, 20000), (5, 5)), ((61, 43), (61, 44)),
           ((61, 43), (60, 43)), ((61, 43), (8, 9)), ((61, 43), (333, 777)), ((1000, 1000), (999, 1001)),
           ((4000, 3000), (298, 224)), ((255, 257), (16, 16)), ((640, 480), (299, 224)), ((30000, 100), (1, 1))]


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size,wanted", RESIZES)
@pytest.mark.parametrize("content", ["noise", "scene", "extremes"])
def test_resampling_is_as_in_pillow(dump, tmp_path, name, size, wanted, content):
    if content == "noise":
        pixels = noise(size[1], size[0], 3, seed=sum(size))
    elif content == "scene":
        pixels = scene(*size)
    else:  # only 0 and 255: overshoots are clipped everywhere
        pixels = (noise(size[1], size[0], 3, seed=sum(wanted)) // 128) * np.uint8(255)
    image = Image.fromarray(pixels)
    path = saved(image, tmp_path / "picture.tif", "TIFF")
    assert np.array_equal(dump.resize(path, *wanted, name), resized(image, wanted, FILTERS[name]))


def test_random_resizes_are_as_in_pillow(dump, tmp_path):
    random = np.random.default_rng(7)
    for i in range(60):
        width, height, to_width, to_height = (int(n) for n in 2 ** random.uniform(0, 9, 4))
        image = Image.fromarray(noise(height, width, 3, seed=i))
        path = saved(image, tmp_path / "picture.tif", "TIFF")
        name = "bicubic" if i % 2 else "bilinear"
        expected = resized(image, (to_width, to_height), FILTERS[name])
        assert np.array_equal(dump.resize(path, to_width, to_height, name), expected), (image.size, to_width, to_height)


def test_pillows_two_orders_differ_where_they_are_known_to(dump, tmp_path):
    """A tall picture that is squashed; in proportion, as models take theirs, all versions agree with the library."""
    tall = Image.fromarray(noise(2000, 20, 3))
    path = saved(tall, tmp_path / "tall.tif", "TIFF")
    in_two_steps = np.array(tall.resize((18, 2000), Image.BICUBIC).resize((18, 30), Image.BICUBIC))
    assert np.array_equal(dump.resize(path, 18, 30, "bicubic"), in_two_steps)
    assert np.array_equal(np.array(tall.resize((18, 30), Image.BICUBIC)), in_two_steps) == (PILLOW < (13, 0))
    photo = Image.fromarray(noise(300, 200, 3))
    path = saved(photo, tmp_path / "photo.tif", "TIFF")
    assert np.array_equal(dump.resize(path, 40, 60, "bicubic"), np.array(photo.resize((40, 60), Image.BICUBIC)))


def clip_tensor(image, side):
    """transformers' CLIPImageProcessor in numpy: shortest edge, long side cut; centre crop; scale; mean, std."""
    short, long = sorted(image.size)
    edge = int(side * long / short)
    size = (side, edge) if image.width <= image.height else (edge, side)
    pixels = np.array(image.resize(size, Image.BICUBIC))
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    pixels = pixels[top:top + side, left:left + side]
    scaled = (pixels.astype(np.float64) * (1 / 255)).astype(np.float32)
    return ((scaled - np.array(CLIP_MEAN, np.float32)) / np.array(CLIP_STD, np.float32)).transpose(2, 0, 1)


@pytest.mark.parametrize("size", [(1, 1), (224, 224), (225, 224), (331, 500), (501, 331), (100, 80), (1, 60), (37, 2000)])
def test_tensors_are_as_clip_wants_them(dump, tmp_path, size):
    image = Image.fromarray(scene(*size))
    path = saved(image, tmp_path / "picture.png", "PNG")
    assert np.array_equal(dump.tensor(path, "clip:224"), clip_tensor(image, 224))


@pytest.mark.parametrize("options", [{"quality": q, "subsampling": s} for q in (30, 75, 95) for s in (0, 1, 2)] +
                         [{"progressive": True}, {"optimize": True}])
@pytest.mark.parametrize("size", [(1, 1), (17, 16), (321, 200)])
def test_jpegs_decode_as_in_pillow(dump, tmp_path, options, size):
    path = saved(Image.fromarray(scene(*size)), tmp_path / "picture", "JPEG", **options)
    assert np.array_equal(dump.read(path), pillow(path))


def is_written(mode, kind):
    try:
        saved(Image.new(mode, (2, 2)), io.BytesIO(), kind)
    except (OSError, KeyError, ValueError):
        return False
    return True


WRITTEN = [(mode, kind) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F") for kind in ("PNG", "TIFF", "GIF", "WEBP", "JPEG")
           if is_written(mode, kind)]


def test_most_modes_are_written():
    assert len(WRITTEN) >= 30 and {mode for mode, _ in WRITTEN} >= {"CMYK", "I;16", "F"}


@pytest.mark.parametrize("mode,kind", WRITTEN)
def test_modes_become_rgb_as_in_pillow(dump, tmp_path, mode, kind):
    if mode in ("I;16", "I", "F"):
        levels = noise(31, 53).astype(np.int32) * 2 - 40
        types = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
        image = Image.fromarray(np.maximum(levels, 0).astype(np.uint16) if mode == "I;16" else levels.astype(types[mode]))
    elif mode in ("1", "P"):
        image = Image.fromarray(scene(53, 31)).convert(mode)
    else:
        bands = len(Image.new(mode, (1, 1)).getbands())
        image = Image.fromarray(noise(31, 53, bands) if bands > 1 else noise(31, 53), mode)
    path = saved(image, tmp_path / "picture", kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(dump.read(path, "pillow"), pillow(path))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(10))
def test_orientations_are_applied(dump, tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(Image.fromarray(scene(77, 53)), tmp_path / "picture", kind, exif=exif)
    with Image.open(path) as image:
        stored = np.array(image.convert("RGB"))
        # Pillow turns TIFFs on its own, whatever one asks.
        upright = stored if kind == "TIFF" else np.array(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(dump.read(path), upright)
    assert np.array_equal(dump.read(path, "stored"), stored)


@pytest.mark.parametrize("kind,options", [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("GIF", {}),
                                          ("WEBP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})])
def test_truncated_pictures_are_refused_where_pillow_refuses_them(dump, tmp_path, kind, options):
    whole = io.BytesIO()
    Image.fromarray(scene(120, 90)).save(whole, kind, **options)
    data = whole.getvalue()
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    whole_pixels = pillow(path)
    n_refused = 0
    for n in [0, 1, 2, 3, 10, 40] + [len(data) * i // 23 for i in range(1, 23)] + [len(data) - i for i in range(1, 9)]:
        path.write_bytes(data[:n])
        try:
            expected = pillow(path)
        except Exception:
            expected = None
        try:
            got = dump.read(path)
        except ValueError:
            n_refused += 1
            continue
        # A JPEG that lacks no more than its end marker is whole, whatever this Pillow makes of it.
        assert expected is not None or (kind == "JPEG" and len(data) - n <= 2), f"{n} of {len(data)} bytes are taken"
        assert np.array_equal(got, whole_pixels if expected is None else expected)
    assert n_refused > 20


def test_bombs_and_giants_are_refused_before_they_are_decoded(dump, tmp_path):
    giant = tmp_path / "giant.png"  # a whole picture: 30,000 × 30,000 bits, all 0
    giant.write_bytes(png(30000, 30000, 1, 0, bytes(30000 * 3751)))
    with pytest.raises(ValueError, match=r"limit .*30000 × 30000 pixels, 900 megapixels, and at most 512"):
        dump.read(giant)
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png(200000, 200000, 8, 6, bytes(1000)))
    with pytest.raises(ValueError, match="limit .*40000 megapixels"):
        dump.read(bomb)
    status = pathlib.Path(f"/proc/{dump.process.pid}/status").read_text()
    peak_kib = int(status.split("VmHWM:")[1].split()[0])
    assert peak_kib < 1_000_000  # all tests before included: 900 megapixels alone would be 2.7 GB


def test_the_largest_pictures_that_fit_are_read(dump, tmp_path):
    thin = tmp_path / "thin.png"
    thin.write_bytes(png(100, 300000, 1, 0, bytes(300000 * 14)))
    assert dump.tensor(thin, "clip:224").shape == (3, 224, 224)


def test_a_folder_and_a_missing_file_are_told_apart(dump, tmp_path):
    with pytest.raises(ValueError, match="format .*is a folder"):
        dump.read(tmp_path)
    with pytest.raises(ValueError, match="not_found"):
        dump.read(tmp_path / "nowhere.jpg")
