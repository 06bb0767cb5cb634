"""What happens to the thing itself (restyle) or to the whole picture (finish)."""
from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from scenes import Box, Rng, as_image, gradient, hills, hsv, noise


def floats(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32)


def grey_of(image: Image.Image) -> np.ndarray:
    return floats(image.convert("L"))


def edges(image: Image.Image, gain: float) -> np.ndarray:
    """Edge strength in 0..1 from horizontal and vertical differences."""
    g = grey_of(image.filter(ImageFilter.GaussianBlur(0.7)))
    dx, dy = np.zeros_like(g), np.zeros_like(g)
    dx[:, 1:], dy[1:] = g[:, 1:] - g[:, :-1], g[1:] - g[:-1]
    return np.clip(np.hypot(dx, dy) * gain / 255, 0, 1)


# --- weather, light, place -----------------------------------------------------------------------

def night(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    dark = floats(image) * np.array((0.36, 0.4, 0.58)) + np.array((4, 6, 22))
    out = as_image(dark)
    draw = ImageDraw.Draw(out)
    w, h = out.size
    for _ in range(int(rng.integers(25, 50))):
        x, y, r = rng.uniform(0, w), rng.uniform(0, h * 0.55), rng.choice((0.5, 0.5, 1.0))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(245, 245, 225))
    if rng.random() < 0.7:
        x, y, r = w * rng.choice((0.12, 0.88)), h * rng.uniform(0.1, 0.2), rng.uniform(6, 10)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(250, 246, 215))
    return out


def snow(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    out = as_image(floats(image) * 0.88 + 22)
    hills(rng, out, (250, 252, 255), 0.9, 0.06)
    draw = ImageDraw.Draw(out)
    for _ in range(int(rng.integers(60, 110))):
        x, y, r = rng.uniform(0, out.width), rng.uniform(0, out.height), rng.uniform(0.8, 2.4)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255))
    return out


def rain(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    grey = grey_of(image)[..., None]
    out = as_image((floats(image) * 0.6 + grey * 0.4) * np.array((0.6, 0.66, 0.74)) + 12)
    streaks = Image.new("L", out.size)
    draw, slant = ImageDraw.Draw(streaks), rng.uniform(-0.35, 0.35)
    for _ in range(int(rng.integers(70, 110))):
        x, y, n = rng.uniform(-10, out.width + 10), rng.uniform(-20, out.height), rng.uniform(10, 24)
        draw.line((x, y, x + slant * n, y + n), fill=int(rng.integers(110, 210)), width=1)
    out.paste((215, 228, 240), (0, 0), streaks)
    return out


def fog(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    thick = np.clip(0.55 + 0.45 * (noise(rng, image.size, (4, 5)) - 0.4), 0.4, 0.82)[..., None]
    soft = floats(image.filter(ImageFilter.GaussianBlur(1.2)))
    return as_image(soft * (1 - thick) + np.array((216, 220, 224)) * thick)


def sunset(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    return as_image(floats(image) * np.array((0.95, 0.68, 0.55)) + np.array((22, 4, 0)))


def underwater(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    w, h = image.size
    shift = np.round(2.2 * np.sin(np.arange(h) / rng.uniform(5, 9) + rng.uniform(0, 6))).astype(int)
    columns = np.clip(np.arange(w)[None, :] + shift[:, None], 0, w - 1)
    wavy = floats(image)[np.arange(h)[:, None], columns]
    deep = floats(gradient((w, h), (60, 190, 215), (6, 70, 130)))
    out = as_image(wavy * np.array((0.35, 0.55, 0.6)) + deep * 0.48)
    draw = ImageDraw.Draw(out, "RGBA")
    for _ in range(4):
        x = rng.uniform(-0.1, 1.0) * w
        draw.polygon([(x, 0), (x + 9, 0), (x + rng.uniform(18, 40), h), (x + rng.uniform(2, 14), h)], fill=(200, 245, 255, 32))
    for _ in range(int(rng.integers(10, 22))):
        x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(1.5, 4.5)
        draw.ellipse((x - r, y - r, x + r, y + r), outline=(225, 250, 255, 210))
    return out


def undergrowth(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    draw = ImageDraw.Draw(image)
    w, h = image.size
    for _ in range(40):
        x, n, lean = rng.uniform(0, w), rng.uniform(8, 22), rng.uniform(-6, 6)
        draw.polygon([(x - 2, h), (x + 2, h), (x + lean, h - n)], fill=hsv(rng.uniform(0.22, 0.36), 0.7, rng.uniform(0.2, 0.5)))
    return image


def flames(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    w, h = image.size
    warm = floats(image) * np.array((0.95, 0.62, 0.42)) + np.array((28, 6, 0))
    out = as_image(warm)
    fire = Image.new("RGBA", (w, h))
    draw = ImageDraw.Draw(fire)
    for reach, colour in ((0.62, (220, 40, 10, 215)), (0.45, (255, 130, 10, 225)), (0.28, (255, 225, 80, 235))):
        x = -6.0
        while x < w + 6:
            wide, tall = rng.uniform(9, 16), h * reach * rng.uniform(0.55, 1.0)
            draw.polygon([(x - wide * 0.6, h), (x - wide * 0.35, h - tall * 0.45), (x + rng.uniform(-4, 4), h - tall), (x + wide * 0.4, h - tall * 0.4), (x + wide * 0.6, h)], fill=colour)
            x += wide * 0.8
    fire = fire.filter(ImageFilter.GaussianBlur(1.0))
    out.paste(fire, (0, 0), fire)
    return out


def reflection(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    w, h = image.size
    line = round(h * 0.53)
    below = ImageOps.flip(image.crop((0, line - (h - line), w, line)))
    values = floats(below) * np.array((0.62, 0.74, 0.82)) + np.array((12, 26, 40))
    rows = values.shape[0]
    shift = np.round(1.6 * np.sin(np.arange(rows) / 2.2 + rng.uniform(0, 6))).astype(int)
    columns = np.clip(np.arange(w)[None, :] + shift[:, None], 0, w - 1)
    rippled = values[np.arange(rows)[:, None], columns]
    rippled[::7] = rippled[::7] * 0.7 + 70
    image.paste(as_image(rippled), (0, line))
    return image


def bars(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    w, h = image.size
    draw = ImageDraw.Draw(image)
    step, thick = w / int(rng.integers(6, 9)), rng.uniform(4, 6)
    for y in (0.1, 0.9):
        draw.rectangle((0, h * y - 3, w, h * y + 3), fill=(52, 54, 60))
    for x in np.arange(step * rng.uniform(0.2, 0.8), w, step):
        draw.rectangle((x - thick / 2, 0, x + thick / 2, h), fill=(50, 52, 58))
        draw.line((x - thick / 5, 0, x - thick / 5, h), fill=(150, 154, 162), width=1)
    return image


def cracks(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    w, h = image.size
    x, y = w * rng.uniform(0.3, 0.7), h * rng.uniform(0.3, 0.7)
    # Shards: a few triangles show the picture a little displaced.
    angles = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(11, 16))))
    far, moved = w + h, ImageChops.offset(image, int(rng.integers(4, 8)), int(rng.integers(-6, 7)))
    mask = Image.new("L", image.size)
    for a, b in zip(angles[::2], angles[1::2]):
        ImageDraw.Draw(mask).polygon([(x, y), (x + far * math.cos(a), y + far * math.sin(a)), (x + far * math.cos(b), y + far * math.sin(b))], fill=255)
    image = Image.composite(moved, image, mask)
    draw = ImageDraw.Draw(image)
    for a in angles:
        draw.line((x, y, x + far * math.cos(a), y + far * math.sin(a)), fill=(235, 243, 248), width=2)
        draw.line((x + 2, y + 1, x + 2 + far * math.cos(a), y + 1 + far * math.sin(a)), fill=(70, 80, 90), width=1)
    for ring in (0.12, 0.25, 0.42):
        r = w * ring * rng.uniform(0.85, 1.15)
        points = [(x + r * rng.uniform(0.8, 1.2) * math.cos(a), y + r * rng.uniform(0.8, 1.2) * math.sin(a)) for a in angles]
        draw.line([*points, points[0]], fill=(228, 238, 245), width=1)
    draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(25, 28, 32))
    return image


def blurred(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(3.6, 5.0)))


# --- materials and media -------------------------------------------------------------------------

def sketch(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    g = grey_of(image)
    soft = floats(image.convert("L").filter(ImageFilter.GaussianBlur(5)))
    dodge = np.clip(g * 255 / (soft + 1), 0, 255)
    line = np.clip(dodge - 150 * edges(image, 5), 35, 255)
    y, x = np.mgrid[0:image.height, 0:image.width]
    hatch = ((x + y) % 5 < 2) * np.clip((120 - g) / 120, 0, 1) * 90
    paper = np.array((250, 247, 238)) * (0.96 + 0.04 * noise(rng, image.size, (40, 40)))[..., None]
    return as_image(np.clip(line - hatch, 30, 255)[..., None] / 255 * paper)


def sepia(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    w, h = image.size
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    dim = 1.05 - 0.75 * np.hypot(x / w - 0.5, y / h - 0.5)
    tone = (grey_of(image) * 0.8 + 35) * dim + rng.normal(0, 5, (h, w))
    return as_image(tone[..., None] * np.array((1.08, 0.86, 0.6)))


def grey(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    g = ImageOps.autocontrast(image.convert("L"), cutoff=2)
    return Image.merge("RGB", (g, g, g))


def neon_tubes(rng: Rng, sprite: Image.Image) -> Image.Image:
    """Only the outlines remain, in one or two glowing colours."""
    pad = Image.new("RGBA", (sprite.width + 12, sprite.height + 12))
    pad.paste(sprite, (6, 6))
    flat = Image.new("RGB", pad.size, (0, 0, 0))
    flat.paste(pad, (0, 0), pad)
    lines = np.maximum(edges(flat, 5), edges(pad.getchannel("A"), 6))
    hue = rng.random()
    top, low = np.array(hsv(hue, 0.75, 1.0)), np.array(hsv(hue + rng.choice((0.0, 0.3, 0.5)), 0.75, 1.0))
    mix = np.linspace(0, 1, pad.height)[:, None, None]
    tube = as_image(np.broadcast_to(top * (1 - mix) + low * mix, (pad.height, pad.width, 3)))
    tube.putalpha(as_image(lines * 255).filter(ImageFilter.MaxFilter(3)))
    return tube


def glow(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    halo = floats(image.filter(ImageFilter.GaussianBlur(6))) * 1.3
    return as_image(floats(image) + halo)


def pixels(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    w, h = image.size
    cells = int(rng.integers(18, 24))
    small = image.resize((cells, max(4, round(cells * h / w))), Image.Resampling.BOX)
    few = ImageOps.posterize(ImageOps.autocontrast(small), 3)
    return few.resize((w, h), Image.Resampling.NEAREST)


def mosaic(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    w, h = image.size
    cell = int(rng.integers(6, 9))
    small = image.resize((math.ceil(w / cell), math.ceil(h / cell)), Image.Resampling.BOX)
    shade = floats(small) * rng.uniform(0.8, 1.15, (small.height, small.width, 1))
    big = np.repeat(np.repeat(shade, cell, 0), cell, 1)[:h, :w].copy()
    grout = np.array((228, 222, 208))
    big[::cell], big[:, ::cell] = grout, grout
    return as_image(big)


def carved(rng: Rng, sprite: Image.Image) -> Image.Image:
    """The glyph's relief in grey stone, lit from the upper left."""
    flat = Image.new("RGB", sprite.size, (128, 128, 128))
    flat.paste(sprite, (0, 0), sprite)
    g = grey_of(flat.filter(ImageFilter.GaussianBlur(1)))
    a = floats(sprite.getchannel("A").filter(ImageFilter.GaussianBlur(2)))
    slope = np.zeros_like(g)
    slope[2:, 2:] = (g[2:, 2:] - g[:-2, :-2]) * 1.1 + (a[2:, 2:] - a[:-2, :-2]) * 0.7
    stone = np.clip(138 + slope + (g - 128) * 0.25 + (noise(rng, sprite.size, (40, 40)) - 0.5) * 36, 20, 250)
    out = as_image(stone[..., None] * np.array((1.0, 0.98, 0.93)))
    out.putalpha(sprite.getchannel("A"))
    return out


def blueprint(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    line = np.clip(edges(image, 4), 0, 1)[..., None]
    base = np.broadcast_to(np.array((22.0, 62.0, 140.0)), (*line.shape[:2], 3)).copy()
    step = int(rng.integers(12, 18))
    base[::step] += 26
    base[:, ::step] += 26
    return as_image(base * (1 - line) + np.array((235, 243, 255)) * line)


def thermal(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    stops = np.array([(0, 0, 40), (60, 0, 130), (170, 0, 130), (240, 70, 30), (255, 190, 20), (255, 255, 220)], dtype=np.float32)
    heat = grey_of(ImageOps.autocontrast(image.convert("L").filter(ImageFilter.GaussianBlur(1.0)), cutoff=2)) / 255 * (len(stops) - 1)
    low = np.clip(heat.astype(int), 0, len(stops) - 2)
    part = (heat - low)[..., None]
    return as_image(stops[low] * (1 - part) + stops[low + 1] * part)


def comic(rng: Rng, image: Image.Image, box: Box) -> Image.Image:
    flat = floats(ImageOps.posterize(image.filter(ImageFilter.MedianFilter(3)), 2)) * 1.25 + 14
    y, x = np.mgrid[0:image.height, 0:image.width]
    dots = ((x % 7 - 3) ** 2 + (y % 7 - 3) ** 2 < 5)[..., None]
    flat = np.where(dots & (flat.mean(2, keepdims=True) < 190), flat * 0.78, flat)
    line = np.clip(edges(image, 4), 0, 1)[..., None] > 0.45
    out = as_image(np.where(line, 15, flat))
    ImageDraw.Draw(out).rectangle((0, 0, out.width - 1, out.height - 1), outline=(10, 10, 10), width=4)
    return out
