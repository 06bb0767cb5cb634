#!/usr/bin/env python3
"""Makes the pictures of this folder and, beside each, NAME.ppm: what Pillow makes of it (for the orientations, after
ImageOps.exif_transpose; for the lossy kinds that Pillow here cannot read, the picture they were made from).

    /usr/bin/python3 make.py           all but HEIC and AVIF; Debian's Pillow, so that libjpeg is the one in use
    /usr/bin/python3 make.py --heif    HEIC and AVIF too, with `vips copy`
"""
import io
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).resolve().parent
WIDTH, HEIGHT = 23, 17


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def scene(width=WIDTH, height=HEIGHT):
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [128 + 100 * np.sin(x / 7 + y / 11), 255 * x / (width - 1), 255 * ((x // 5 + y // 4) % 2)]
    return Image.fromarray(np.clip(np.stack(planes, 2), 0, 255).astype(np.uint8))


def keep(name, data, expected=None):
    (HERE / name).write_bytes(data)
    image = (expected or Image.open(io.BytesIO(data))).convert("RGB")
    image.save(HERE / (name.replace(".", "-") + ".ppm"))


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, before=b""):
    lines = b"".join(b"\0" + bytes(row) for row in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) +
            before + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def adam7(image):
    """Interlaced: Pillow does not write that."""
    pixels = np.array(image)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    lines = b"".join(b"\0" + row.tobytes() for y, x, dy, dx in passes for row in pixels[y::dy, x::dx] if row.size)
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def exif(orientation, taken=b"2008:05:30 15:56:01\0"):
    """A TIFF of two directories: Orientation, and DateTimeOriginal in the EXIF directory."""
    first = struct.pack("<HHHIHHHHIII", 2, 0x0112, 3, 1, orientation, 0, 0x8769, 4, 1, 38, 0)
    second = struct.pack("<HHHIII", 1, 0x9003, 2, len(taken), 56, 0)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + taken


def tiff(width, height, bits, photometric, strips, order="<", extra=()):
    """Uncompressed; strips: one, or one a plane or a tile where extra says so."""
    codes = {"H": 3, "I": 4}
    tags = {256: ("I", [width]), 257: ("I", [height]), 258: ("H", bits), 259: ("H", [1]), 262: ("H", [photometric]),
            277: ("H", [len(bits)]), 278: ("I", [height]), **dict(extra)}
    where, sizes = (324, 325) if 322 in tags else (273, 279)
    tags[where] = ("I", [0] * len(strips))
    tags[sizes] = ("I", [len(strip) for strip in strips])
    packed = lambda kind, values: struct.pack(f"{order}{len(values)}{kind}", *values)
    start = 8 + 2 + 12 * len(tags) + 4
    at = start + sum(len(packed(*tag)) for tag in tags.values() if len(packed(*tag)) > 4)
    tags[where] = ("I", [at + sum(map(len, strips[:i])) for i in range(len(strips))])
    entries, values = b"", b""
    for tag, (kind, numbers) in sorted(tags.items()):
        data = packed(kind, numbers)
        entries += struct.pack(order + "HHI", tag, codes[kind], len(numbers))
        if len(data) > 4:
            entries += struct.pack(order + "I", start + len(values))
            values += data
        else:
            entries += data.ljust(4, b"\0")
    return ((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags)) + entries +
            b"\0\0\0\0" + values + b"".join(strips))


def make_jpegs():
    rgb, grey = scene(), scene().convert("L")
    keep("rgb420.jpg", saved(rgb, "JPEG", quality=85, subsampling=2))
    keep("rgb444.jpg", saved(rgb, "JPEG", quality=95, subsampling=0))
    keep("progressive.jpg", saved(rgb, "JPEG", progressive=True))
    keep("grey.jpg", saved(grey, "JPEG"))
    keep("cmyk.jpg", saved(Image.fromarray(noise(HEIGHT, WIDTH, 4), "CMYK"), "JPEG"))
    for orientation in range(0, 10):
        data = saved(rgb, "JPEG", exif=exif(orientation))
        keep(f"orientation{orientation}.jpg", data, ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    keep("untimely.jpg", saved(rgb, "JPEG", exif=exif(1, b"2008:13:30 15:56:01\0")))


def make_pngs():
    rgb, palette = scene(), scene().quantize(11)
    keep("rgb.png", saved(rgb, "PNG"))
    keep("interlaced.png", adam7(rgb))
    keep("rgba.png", saved(Image.fromarray(noise(HEIGHT, WIDTH, 4)), "PNG"))
    keep("la.png", saved(Image.fromarray(noise(HEIGHT, WIDTH, 2), "LA"), "PNG"))
    keep("bit.png", saved(rgb.convert("1"), "PNG"))
    keep("palette.png", saved(palette, "PNG"))
    keep("palette-transparent.png", saved(palette, "PNG", transparency=3))
    keep("rgb-transparent.png", saved(rgb, "PNG", transparency=(0, 0, 0)))
    for depth in (2, 4):
        keep(f"grey{depth}.png", png(WIDTH, HEIGHT, depth, 0, noise(HEIGHT, (WIDTH * depth + 7) // 8)))
    for name, colour, n in (("grey", 0, 1), ("rgb", 2, 3), ("la", 4, 2), ("rgba", 6, 4)):
        keep(f"{name}16.png", png(WIDTH, HEIGHT, 16, colour, noise(HEIGHT, WIDTH * 2 * n)))
    dim = (noise(HEIGHT, WIDTH).astype(">u2") * 2).view(np.uint8).reshape(HEIGHT, -1)
    keep("dim16.png", png(WIDTH, HEIGHT, 16, 0, dim))
    keep("one.png", saved(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG"))
    (HERE / "huge.png").write_bytes(png(30000, 30000, 8, 2, [b"\0" * 30]))


def make_webps():
    rgb, rgba = scene(), Image.fromarray(noise(HEIGHT, WIDTH, 4))
    keep("lossy.webp", saved(rgb, "WEBP", quality=80))
    keep("lossless.webp", saved(rgba, "WEBP", lossless=True))
    keep("lossy-alpha.webp", saved(rgba, "WEBP", quality=80))
    keep("film.webp", saved(rgb, "WEBP", save_all=True, append_images=[Image.fromarray(noise(HEIGHT, WIDTH, 3))]))
    keep("orientation6.webp", saved(rgb, "WEBP", exif=exif(6)),
         ImageOps.exif_transpose(Image.open(io.BytesIO(saved(rgb, "WEBP", exif=exif(6))))))


def make_gifs():
    palette = scene().quantize(11)
    keep("palette.gif", saved(palette, "GIF"))
    keep("transparent.gif", saved(palette, "GIF", transparency=5))
    keep("film.gif", saved(palette, "GIF", save_all=True, append_images=[Image.fromarray(noise(HEIGHT, WIDTH, 3))]))
    for name, options in (("offset", {}), ("offset-transparent", {"transparency": 5})):
        data = bytearray(saved(palette, "GIF", **options))
        at = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT))
        data[at + 1:at + 5] = struct.pack("<HH", 4, 3)
        data[6:10] = struct.pack("<HH", WIDTH + 9, HEIGHT + 6)
        keep(f"{name}.gif", bytes(data))
        data[6:10] = struct.pack("<HH", 2500, 21)  # libvips does not believe in canvases beyond 2048
        keep(f"{name}-wide.gif", bytes(data))
        data[6:10] = struct.pack("<HH", 10, 10)  # smaller than the frame
        keep(f"{name}-small.gif", bytes(data))


def make_tiffs():
    rgb, n = scene(), WIDTH * HEIGHT
    keep("lzw.tif", saved(rgb, "TIFF", compression="tiff_lzw"))
    keep("jpeg.tif", saved(rgb, "TIFF", compression="jpeg"))
    keep("fax.tif", saved(rgb.convert("1"), "TIFF", compression="group4"))
    keep("palette.tif", saved(rgb.quantize(11), "TIFF"))
    keep("cmyk.tif", saved(Image.fromarray(noise(HEIGHT, WIDTH, 4), "CMYK"), "TIFF"))
    keep("float.tif", saved(Image.fromarray(noise(HEIGHT, WIDTH).astype(np.float32) * 1.7 - 50), "TIFF"))
    keep("int.tif", saved(Image.fromarray(noise(HEIGHT, WIDTH).astype(np.int32) * 2 - 50), "TIFF"))
    for name, order in (("little", "<"), ("big", ">")):
        keep(f"grey16-{name}.tif", tiff(WIDTH, HEIGHT, [16], 1, [noise(n).astype(order + "u2").tobytes()], order))
        keep(f"rgb16-{name}.tif", tiff(WIDTH, HEIGHT, [16] * 3, 2, [bytes(noise(6 * n))], order))
    keep("white.tif", tiff(WIDTH, HEIGHT, [8], 0, [bytes(noise(n))]))
    keep("planes.tif", tiff(WIDTH, HEIGHT, [8] * 3, 2, [bytes(noise(n, seed=i)) for i in range(3)],
                            extra=[(284, ("H", [2]))]))
    keep("tiles.tif", tiff(WIDTH, HEIGHT, [8] * 3, 2, [bytes(noise(768, seed=i)) for i in range(4)],
                           extra=[(322, ("I", [16])), (323, ("I", [16]))]))
    keep("orientation8.tif", tiff(WIDTH, HEIGHT, [8] * 3, 2, [bytes(noise(3 * n))], extra=[(274, ("H", [8]))]))
    (HERE / "ycbcr.tif").write_bytes(tiff(WIDTH, HEIGHT, [8] * 3, 6, [bytes(noise(3 * n))],
                                          extra=[(530, ("H", [1, 1]))]))


def make_heifs():
    folder = tempfile.mkdtemp()
    for name, options in (("picture.heic", "[Q=95]"), ("picture.avif", "[compression=av1,Q=95]")):
        large = scene(64, 48)
        large.save(f"{folder}/picture.png")
        subprocess.run(["vips", "copy", f"{folder}/picture.png", f"{folder}/{name}{options}"], check=True)
        keep(name, pathlib.Path(f"{folder}/{name}").read_bytes(), large)


def make_resized():
    source = Image.fromarray(noise(29, 41, 3))
    source.save(HERE / "noise.ppm")
    for width, height in ((7, 5), (1, 1), (41, 3), (3, 29), (90, 77), (200, 1), (40, 30)):
        for name, how in (("bicubic", Image.BICUBIC), ("bilinear", Image.BILINEAR)):
            source.resize((width, height), how).save(HERE / f"noise-{width}-{height}-{name}.ppm")


make_jpegs()
make_pngs()
make_webps()
make_gifs()
make_tiffs()
make_resized()
if "--heif" in sys.argv:
    make_heifs()
