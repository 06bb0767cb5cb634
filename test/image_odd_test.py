"""Pictures whose files are odd, but whole: stray bytes, orientations in unusual places, deep grey, unusual TIFFs. What
Pillow reads is compared with it; what older versions of it do not heed is written out as the newest has it."""
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from image_pillow_test import PILLOW, Dump, chunk, noise, pillow, png, scene


@pytest.fixture(scope="module")
def dump():
    program = Dump()
    yield program
    program.process.stdin.close()
    assert program.process.wait() == 0


# Deep grey

@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_deep_grey_is_the_picture_and_not_white(dump, tmp_path, kind):
    grey = scene(61, 47)[..., 0]
    path = tmp_path / "deep"
    Image.fromarray(grey.astype(np.uint16) * 256 + 77).save(path, kind)
    expected = np.repeat(grey[..., None], 3, 2)
    assert np.array_equal(dump.read(path), expected)
    assert np.array_equal(dump.read(path, "pillow"), pillow(path))
    assert pillow(path).min() >= 77 and abs(pillow(path) - expected.astype(int)).mean() > 50  # which is all white


# How the samples are stored, what becomes of grey levels g.
DEEP = [("F", lambda g: (g / 255).astype(np.float32), lambda g: g),
        ("F", lambda g: g.astype(np.float32), lambda g: g),
        ("F", lambda g: g.astype(np.float32) * 256, lambda g: g),
        ("F", lambda g: np.where(g > 250, np.nan, g).astype(np.float32), lambda g: np.where(g > 250, 0, g)),
        ("I", lambda g: g.astype(np.int32), lambda g: g),
        ("I", lambda g: g.astype(np.int32) * 256, lambda g: g),
        ("I", lambda g: g.astype(np.int32) * 70000, lambda g: g)]


@pytest.mark.parametrize("mode,store,expect", DEEP)
def test_grey_of_32_bits_is_scaled(dump, tmp_path, mode, store, expect):
    grey = scene(61, 47)[..., 1]
    assert grey.max() == 255
    path = tmp_path / "deep.tif"
    Image.fromarray(store(grey)).save(path, "TIFF")
    got = dump.read(path)[..., 0].astype(int)
    assert np.abs(got - expect(grey)).max() <= 1  # rounding
    assert np.array_equal(dump.read(path, "pillow"), pillow(path))


def tiff(width, height, tags, pixels):
    """A TIFF written by hand; tags: {tag: values}, all LONG; one strip unless they say otherwise."""
    tags = {256: [width], 257: [height], 258: [8], 259: [1], 262: [1], 273: [0], 277: [1], 278: [height],
            279: [len(pixels)], **tags}
    if 324 in tags:
        del tags[273], tags[278], tags[279]
    n_head = 8 + 2 + 12 * len(tags) + 4
    outside, at = b"", n_head
    lists = {}
    for tag, values in tags.items():
        if len(values) > 1:
            lists[tag] = at + len(outside)
            outside += bytes(4 * len(values))
    start = n_head + len(outside)
    entries = b""
    for tag in sorted(tags):
        values = [start + v if tag in (273, 324) else v for v in tags[tag]]
        packed = struct.pack(f"<{len(values)}I", *values)
        if tag in lists:
            offset = lists[tag] - n_head
            outside = outside[:offset] + packed + outside[offset + len(packed):]
        entries += struct.pack("<HHI", tag, 4, len(values)) + (packed if tag not in lists else struct.pack("<I", lists[tag]))
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + outside + pixels


def test_colour_of_32_bits_is_scaled(dump, tmp_path):
    rgb = scene(16, 16)
    path = tmp_path / "deep.tif"
    path.write_bytes(tiff(16, 16, {258: [32] * 3, 262: [2], 277: [3]}, (rgb.astype("<u4") << 24).tobytes()))
    assert np.abs(dump.read(path).astype(int) - rgb).max() <= 1
    with pytest.raises(ValueError, match="unsupported"):  # Pillow has no such mode
        dump.read(path, "pillow")


# TIFFs of unusual sorts

def tiles_apart(rgb):
    """Planar, tiled, 16 × 16."""
    tiles = [rgb[y:y + 16, x:x + 16, c].tobytes() for c in range(3) for y in range(0, 32, 16) for x in range(0, 32, 16)]
    return tiff(32, 32, {258: [8] * 3, 262: [2], 277: [3], 284: [2], 322: [16], 323: [16],
                         324: [256 * i for i in range(12)], 325: [256] * 12}, b"".join(tiles))


UNREAD = {"planar and tiled": (lambda: tiles_apart(scene(32, 32)), "its colours in tiles apart"),
          "JPEG 2000": (lambda: tiff(16, 16, {259: [34712]}, bytes(300)), "JPEG 2000 inside"),
          "JPEG XL": (lambda: tiff(16, 16, {259: [50002]}, bytes(300)), "JPEG XL inside"),
          "unknown": (lambda: tiff(16, 16, {259: [4711]}, bytes(300)), "a compression that is not known here"),
          "complex": (lambda: tiff(16, 16, {258: [64], 339: [6]}, bytes(2048)), "complex numbers"),
          "double": (lambda: tiff(16, 16, {258: [64], 339: [3]}, bytes(2048)), "of 64 bits"),
          "half": (lambda: tiff(16, 16, {258: [16], 339: [3]}, bytes(512)), "of 16 bits"),
          "24 bits": (lambda: tiff(16, 16, {258: [24]}, bytes(768)), "unusual number of bits")}


@pytest.mark.parametrize("sort", UNREAD)
def test_a_tiff_that_is_not_read_is_not_called_damaged(dump, tmp_path, sort):
    make, phrase = UNREAD[sort]
    path = tmp_path / "picture.tif"
    path.write_bytes(make())
    with pytest.raises(ValueError, match="unsupported .*is a sort of TIFF that is not read") as problem:
        dump.read(path)
    assert phrase in str(problem.value) and "damaged" not in str(problem.value) and "cut short" not in str(problem.value)
    # The same with its last bytes missing is damaged.
    path.write_bytes(make()[:-20])
    with pytest.raises(ValueError, match="format .*(cut short|damaged)"):
        dump.read(path)


def test_a_tiff_whose_compressed_pixels_are_wrong_is_damaged(dump, tmp_path):
    path = tmp_path / "picture.tif"
    path.write_bytes(tiff(64, 64, {259: [8]}, b"\x78\x9c" + noise(300).tobytes()))
    with pytest.raises(ValueError, match="format .*damaged"):
        dump.read(path)


# JPEGs with odd bytes between and behind

def segments(data):
    """The segments of a JPEG up to its scan, and the rest."""
    at, found = 2, []
    while True:
        size = struct.unpack(">H", data[at + 2:at + 4])[0]
        found.append(data[at:at + 2 + size])
        at += 2 + size
        if found[-1][1] == 0xDA:
            return found, data[at:]


def jpeg(**options):
    whole = io.BytesIO()
    Image.fromarray(scene(84, 60)).save(whole, "JPEG", quality=90, **options)
    return whole.getvalue()


def between(filler):
    def change(data):
        parts, rest = segments(data)
        return b"\xff\xd8" + filler.join(parts) + rest
    return change


def before(segment):
    return lambda data: b"\xff\xd8" + segment + data[2:]


ODD_JPEGS = {"zeros": between(bytes(4)), "letters": between(b"abc"), "fill bytes": between(b"\xff\xff\xff"),
             "stuffed": between(b"\xff\0q"), "short length": before(b"\xff\xe5\0\x03abcdefg"),
             "two EXIF": before(b"\xff\xe1\0\x08Exif\0\0" * 2), "long comment": before(b"\xff\xfe\xff\xff" + bytes(65533)),
             "markers in a segment": before(b"\xff\xe1\0\x08\xff\xd9\xff\xda\xff\xd9"),
             "letters behind": lambda data: data + bytes(range(200)), "zeros behind": lambda data: data + bytes(70000),
             "a second picture": lambda data: data + data}


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("oddity", ODD_JPEGS)
def test_odd_jpegs_are_read_and_cut_ones_are_not(dump, tmp_path, oddity, progressive):
    plain, path = tmp_path / "plain.jpg", tmp_path / "odd.jpg"
    plain.write_bytes(jpeg(progressive=progressive))
    path.write_bytes(ODD_JPEGS[oddity](plain.read_bytes()))
    assert np.array_equal(dump.read(path), pillow(plain))
    # Cut in its pixels, and with that padded by zeros to its whole size.
    data = ODD_JPEGS[oddity](jpeg(progressive=progressive)[:-400])
    if "behind" in oddity or "second" in oddity:
        data = jpeg(progressive=progressive)[:-400]
    for tail in (b"", bytes(400)):
        path.write_bytes(data + tail)
        with pytest.raises(ValueError, match="format .*cut short"):
            dump.read(path)


def test_a_jpeg_that_lacks_its_end_marker_alone_is_whole(dump, tmp_path):
    path = tmp_path / "odd.jpg"
    data = jpeg()
    path.write_bytes(data)
    expected = pillow(path)
    for n in (1, 2):
        path.write_bytes(data[:-n])
        assert np.array_equal(dump.read(path), expected)
    for n in range(3, 40):
        path.write_bytes(data[:-n])
        with pytest.raises(ValueError, match="format .*cut short"):
            dump.read(path)


# Orientation

def exif(orientation, order="<", kind=3):
    """EXIF with the orientation alone."""
    value = struct.pack(order + {3: "H2x", 4: "I"}[kind], orientation)
    head = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    return head + struct.pack(order + "HHHI", 1, 274, kind, 1) + value + bytes(4)


def profile(orientation, prefix=b"Exif\0\0"):
    data = prefix + exif(orientation)
    digits = data.hex()
    lines = "\n".join(digits[i:i + 72] for i in range(0, len(digits), 72))
    return f"\nexif\n{len(data):8}\n{lines}\n".encode()


def xmp(orientation, how="attribute"):
    said = {"attribute": f'<rdf:Description tiff:Orientation="{orientation}"/>',
            "element": f"<rdf:Description><tiff:Orientation>{orientation}</tiff:Orientation></rdf:Description>",
            "after others": f'<rdf:Description tiff:Make="tiff" t:tiff:Orient="3" tiff:Orientation="{orientation}"/>'}[how]
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{said}</rdf:RDF></x:xmpmeta>'.encode()


def text(key, value):
    return chunk(b"tEXt", key + b"\0" + value)


def packed(key, value):
    return chunk(b"zTXt", key + b"\0\0" + zlib.compress(value))


def international(key, value, is_packed=False):
    return chunk(b"iTXt", key + (b"\0\1\0en\0\0" + zlib.compress(value) if is_packed else b"\0\0\0\0\0" + value))


RAW, XMP = b"Raw profile type exif", b"XML:com.adobe.xmp"
# Chunks of a PNG → the orientation that is heeded.
PNG_CHUNKS = {
    "eXIf": (lambda n: chunk(b"eXIf", exif(n)), True), "eXIf, big-endian": (lambda n: chunk(b"eXIf", exif(n, ">")), True),
    "eXIf, LONG": (lambda n: chunk(b"eXIf", exif(n, "<", 4)), True),
    "tEXt profile": (lambda n: text(RAW, profile(n)), True), "zTXt profile": (lambda n: packed(RAW, profile(n)), True),
    "iTXt profile": (lambda n: international(RAW, profile(n)), True),
    "packed iTXt profile": (lambda n: international(RAW, profile(n), True), True),
    "profile without Exif": (lambda n: packed(RAW, profile(n, b"")), True),
    "XMP": (lambda n: international(XMP, xmp(n)), True), "packed XMP": (lambda n: international(XMP, xmp(n), True), True),
    "XMP element": (lambda n: international(XMP, xmp(n, "element")), True),
    "XMP after others": (lambda n: international(XMP, xmp(n, "after others")), True),
    "EXIF before XMP": (lambda n: chunk(b"eXIf", exif(n)) + international(XMP, xmp(3)), True),
    "EXIF of 1 before XMP": (lambda n: chunk(b"eXIf", exif(1)) + international(XMP, xmp(n)), False),
    "profile before XMP": (lambda n: packed(RAW, profile(n)) + international(XMP, xmp(3)), True),
    "EXIF before profile": (lambda n: packed(RAW, profile(3)) + chunk(b"eXIf", exif(n)), True),
    "another text": (lambda n: text(b"Comment", profile(n)), False),
    "profile of three lines": (lambda n: text(RAW, b"\nexif\n12"), False),
}


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("kind", PNG_CHUNKS)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pngs_are_turned_wherever_it_is_said(dump, tmp_path, kind, orientation, place):
    make, is_heeded = PNG_CHUNKS[kind]
    stored = scene(41, 23)
    lines = b"".join(b"\0" + row.tobytes() for row in stored)
    data = png(41, 23, 8, 2, lines, make(orientation) if place == "before" else b"")
    if place == "behind":
        data = data[:-12] + make(orientation) + data[-12:]
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    expected = {1: stored, 3: np.rot90(stored, 2), 6: np.rot90(stored, -1), 8: np.rot90(stored)}[orientation if is_heeded else 1]
    assert np.array_equal(dump.read(path), expected)
    assert np.array_equal(dump.read(path, "stored"), stored)
    if kind == "profile of three lines":
        return
    with Image.open(path) as image:
        assert np.array_equal(np.array(ImageOps.exif_transpose(image).convert("RGB")), expected)


def with_metadata(kind, path, exif_bytes, xmp_bytes):
    image = Image.fromarray(scene(40, 24))
    if kind == "JPEG":
        image.save(path, "JPEG", **({"exif": b"Exif\0\0" + exif_bytes} if exif_bytes else {}))
        if xmp_bytes:
            body = b"http://ns.adobe.com/xap/1.0/\0" + xmp_bytes
            data = path.read_bytes()
            parts, rest = segments(data)
            parts.insert(1 if not exif_bytes else 2, b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body)
            path.write_bytes(b"\xff\xd8" + b"".join(parts) + rest)
    elif kind == "WEBP":
        image.save(path, "WEBP", lossless=True, **({"exif": exif_bytes} if exif_bytes else {}), xmp=xmp_bytes)
    else:
        image.save(path, "TIFF", tiffinfo={**({274: exif_bytes} if exif_bytes else {}), **({700: xmp_bytes} if xmp_bytes else {})})


@pytest.mark.parametrize("kind,since", [("JPEG", (11, 0)), ("WEBP", (11, 0)), ("TIFF", (11, 0))])
@pytest.mark.parametrize("said_first,said_second,right", [(6, 3, 6), (None, 6, 6), (1, 6, 1), (None, 1, 1), (8, None, 8)])
def test_orientation_in_xmp_is_heeded(dump, tmp_path, kind, since, said_first, said_second, right):
    path = tmp_path / "picture"
    first = said_first if kind == "TIFF" else exif(said_first) if said_first else b""
    with_metadata(kind, path, first, xmp(said_second) if said_second else b"")
    with Image.open(path) as image:
        newest = PILLOW >= since
        # Pillow turns TIFFs on its own, old ones twice where they are told to.
        turned = np.array((image if kind == "TIFF" else ImageOps.exif_transpose(image)).convert("RGB"))
    stored = scene(40, 24)
    if kind == "JPEG":
        plain = tmp_path / "plain.jpg"
        Image.fromarray(stored).save(plain, "JPEG")
        stored = pillow(plain)
    expected = {1: stored, 6: np.rot90(stored, -1), 8: np.rot90(stored)}[right]
    assert np.array_equal(dump.read(path), expected)
    # Pillow before that version reads no XMP here.
    assert np.array_equal(turned, expected if newest or said_first else stored)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_nonsense_turns_nothing(dump, tmp_path, orientation):
    path = tmp_path / "picture.png"
    stored = scene(41, 23)
    lines = b"".join(b"\0" + row.tobytes() for row in stored)
    path.write_bytes(png(41, 23, 8, 2, lines, chunk(b"eXIf", exif(orientation)) + international(XMP, xmp(6))))
    with Image.open(path) as image:
        assert np.array_equal(np.array(ImageOps.exif_transpose(image).convert("RGB")), stored)
    assert np.array_equal(dump.read(path), stored)
