"""Pictures as open_clip's models take them: resized in the mode that Pillow opens them in, cropped, and only then made
RGB. What open_clip and torchvision do with a picture of Pillow's is written out here; the comparison is exact."""
import numpy as np
import pytest
from PIL import Image

from image_pillow_test import CLIP_MEAN, CLIP_STD, PILLOW, Dump, chunk, noise, png, scene


@pytest.fixture(scope="module")
def dump():
    program = Dump()
    yield program
    program.process.stdin.close()
    assert program.process.wait() == 0


def resize(image, size):
    """Image.resize in the order of Pillow before 13 (image_pillow_test.py), whatever the version."""
    if PILLOW >= (13, 0) and image.mode not in ("1", "P"):
        premultiplied = {"RGBA": "RGBa", "LA": "La"}.get(image.mode)
        if premultiplied:
            return resize(image.convert(premultiplied), size).convert(image.mode)
        image = image.resize((size[0], image.height), Image.BICUBIC)
    return image.resize(size, Image.BICUBIC)


def open_clip(image, side, squashes=False):
    """transforms.Resize, CenterCrop, convert("RGB"), ToTensor and Normalize of open_clip's image_transform."""
    width, height = image.size
    if squashes:
        size = (side, side)
    elif width <= height:
        size = (side, int(side * height / width))
    else:
        size = (int(side * width / height), side)
    if size != image.size:
        image = resize(image, size)
    left, top = int(round((size[0] - side) / 2.0)), int(round((size[1] - side) / 2.0))
    pixels = np.array(image.crop((left, top, left + side, top + side)).convert("RGB"))
    scaled = pixels.astype(np.float32) / np.float32(255)
    return ((scaled - np.array(CLIP_MEAN, np.float32)) / np.array(CLIP_STD, np.float32)).transpose(2, 0, 1)


def sticker(width, height):
    """A scene that shows through a disc; colours lie hidden where it is transparent."""
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot(x - width / 2, y - height / 2)
    alpha = np.clip(255 * (min(width, height) / 2.5 - distance) / 6, 0, 255).astype(np.uint8)
    return np.dstack([scene(width, height), alpha])


SIZES = [(64, 64), (65, 64), (200, 131), (131, 203), (90, 40), (33, 500), (32, 32), (20, 31), (500, 33)]
MODES = ["RGB", "L", "1", "P", "P with transparency", "RGBA", "LA", "CMYK"]
KINDS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True, "exact": True}, "GIF": {}, "JPEG": {}}


def make(mode, width, height):
    if mode in ("RGBA", "LA"):
        return Image.fromarray(sticker(width, height), "RGBA").convert(mode)
    if mode == "P with transparency":
        return Image.fromarray(scene(width, height)).quantize(31)
    if mode == "CMYK":
        return Image.fromarray(noise(height, width, 4, seed=width), "CMYK")
    return Image.fromarray(scene(width, height)).convert(mode)


@pytest.mark.parametrize("squashes", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_pictures_are_as_open_clip_takes_them(dump, tmp_path, mode, kind, squashes):
    path = tmp_path / "picture"
    writes = {"PNG": set(MODES) - {"CMYK"}, "TIFF": set(MODES) - {"P with transparency"}, "WEBP": {"RGB", "RGBA"},
              "GIF": {"L", "1", "P", "P with transparency"}, "JPEG": {"RGB", "L", "CMYK"}}
    for width, height in SIZES if mode in writes[kind] else []:
        options = dict(KINDS[kind])
        if mode == "P with transparency":
            options["transparency"] = 3
        make(mode, width, height).save(path, kind, **options)
        with Image.open(path) as image:
            image.load()
            expected = open_clip(image, 32, squashes)
            plain = open_clip(image.convert("RGB"), 32, squashes)
        got = dump.tensor(path, "open_clip:32:squash" if squashes else "open_clip:32")
        assert np.array_equal(got, expected), (width, height, np.abs(got - expected).max())
        # The order makes a difference, or this would prove nothing.
        if mode in ("RGBA", "LA", "P") and (width, height) == (200, 131):
            assert np.abs(plain - expected).mean() > 0.01


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_turned_pictures_keep_their_alpha(dump, tmp_path, orientation):
    path = tmp_path / "picture.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(sticker(90, 60), "RGBA").save(path, exif=exif)
    turn = {1: None, 3: Image.ROTATE_180, 6: Image.ROTATE_270, 8: Image.ROTATE_90}[orientation]
    with Image.open(path) as image:
        upright = image.transpose(turn) if turn is not None else image.copy()
    assert np.array_equal(dump.tensor(path, "open_clip:32"), open_clip(upright, 32))


def test_a_transparent_colour_is_no_alpha(dump, tmp_path):
    """tRNS beside RGB or grey names a colour; Pillow keeps the mode."""
    path = tmp_path / "picture.png"
    pixels = scene(90, 60)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    path.write_bytes(png(90, 60, 8, 2, lines, chunk(b"tRNS", b"\0\x80\0\0\0\0")))
    with Image.open(path) as image:
        assert image.mode == "RGB"
        assert np.array_equal(dump.tensor(path, "open_clip:32"), open_clip(image, 32))


def test_deep_pictures_with_alpha(dump, tmp_path):
    """16 bits a channel: Pillow keeps the high bytes, with alpha too."""
    path = tmp_path / "picture.png"
    deep = sticker(90, 60).astype(">u2") * 256 + 99
    path.write_bytes(png(90, 60, 16, 6, b"".join(b"\0" + row.tobytes() for row in deep)))
    with Image.open(path) as image:
        assert image.mode == "RGBA"
        assert np.array_equal(dump.tensor(path, "open_clip:32"), open_clip(image, 32))


def test_transformers_models_convert_first(dump, tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(sticker(90, 60), "RGBA").save(path)
    with Image.open(path) as image:
        tensor = open_clip(image.convert("RGB"), 32)
    got = dump.tensor(path, "clip:32")
    assert np.abs(got - tensor).max() < 1e-5  # the crop is even here, and the scale is rounded otherwise


def test_thin_strips_take_no_memory_for_what_is_cut_off(dump, tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.zeros((20000, 1, 4), np.uint8), "RGBA").save(path)
    assert dump.tensor(path, "open_clip:224").shape == (3, 224, 224)
