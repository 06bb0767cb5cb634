"""Glyphs and the plain scenes behind them. All randomness comes from the generator passed in."""
from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
STRIKE = 109  # the only bitmap size in the font
Size = tuple[int, int]
Colour = tuple[int, int, int]
Rng = np.random.Generator


@dataclass(frozen=True)
class Box:
    """Where the thing ended up, for conditions that need to know (reflections, flames)."""
    left: int
    top: int
    right: int
    bottom: int


@lru_cache(maxsize=None)
def glyph(char: str) -> Image.Image:
    """The glyph as RGBA, cropped to what is visible, its longer side 128."""
    canvas = Image.new("RGBA", (180, 180))
    font = ImageFont.truetype(FONT, STRIKE, layout_engine=ImageFont.Layout.BASIC)
    ImageDraw.Draw(canvas).text((16, 16), char, font=font, embedded_color=True)
    box = canvas.getbbox()
    if box is None:
        raise ValueError(f"the font draws nothing for U+{ord(char):X}")
    cut = canvas.crop(box)
    return ImageOps.contain(cut, (128, 128), Image.Resampling.BICUBIC)


@lru_cache(maxsize=None)
def colourful(char: str) -> bool:
    """Whether turning the hue makes a visibly different thing."""
    pixels = np.asarray(glyph(char)).astype(np.float32)
    opaque = pixels[pixels[..., 3] > 128][:, :3]
    return float((opaque.max(1) - opaque.min(1)).mean()) > 60


@lru_cache(maxsize=8192)
def tinted(char: str, turn: int) -> Image.Image:
    """The glyph with its hue turned by `turn` degrees: another thing, as far as training goes."""
    sprite = glyph(char)
    if turn == 0:
        return sprite
    h, s, v = sprite.convert("RGB").convert("HSV").split()
    shift = round(turn * 256 / 360)
    h = h.point([(i + shift) % 256 for i in range(256)])
    out = Image.merge("HSV", (h, s, v)).convert("RGB")
    out.putalpha(sprite.getchannel("A"))
    return out


# --- small drawing tools -------------------------------------------------------------------------

def hsv(h: float, s: float, v: float) -> Colour:
    r, g, b = colorsys.hsv_to_rgb(h % 1.0, s, v)
    return round(r * 255), round(g * 255), round(b * 255)


def any_colour(rng: Rng, s: tuple[float, float] = (0.1, 0.6), v: tuple[float, float] = (0.5, 0.95)) -> Colour:
    return hsv(rng.random(), rng.uniform(*s), rng.uniform(*v))


def noise(rng: Rng, size: Size, cells: Size) -> np.ndarray:
    """Smooth noise in 0..1 as [h, w]."""
    grid = rng.integers(0, 256, (max(2, cells[1]), max(2, cells[0])), dtype=np.uint8)
    return np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC), dtype=np.float32) / 255


def gradient(size: Size, *stops: Colour) -> Image.Image:
    """A vertical gradient through the given colours."""
    column = np.array(stops, dtype=np.uint8)[:, None, :]
    if len(stops) == 1:
        return Image.new("RGB", size, stops[0])
    return Image.fromarray(column).resize(size, Image.Resampling.BILINEAR)


def as_image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def textured(rng: Rng, size: Size, base: Colour, strength: float, cells: Size) -> Image.Image:
    wave = (noise(rng, size, cells) - 0.5) * 255 * strength
    return as_image(np.asarray(base, dtype=np.float32) + wave[..., None])


def hills(rng: Rng, image: Image.Image, colour: Colour, level: float, height: float) -> None:
    """A hilly ground from `level` (0 top, 1 bottom) downwards."""
    w, h = image.size
    xs = np.linspace(0, w, 12)
    ys = h * (level + height * (rng.random() - 0.5) + height * 0.5 * np.sin(xs / w * rng.uniform(3, 9) + rng.uniform(0, 6)))
    points = [(float(x), float(y)) for x, y in zip(xs, ys)]
    ImageDraw.Draw(image).polygon([(0, h), *points, (w, h)], fill=colour)


def varied(rng: Rng, sprite: Image.Image) -> Image.Image:
    """The same thing as another photo would show it: mirrored, a little turned, other light."""
    if rng.random() < 0.5:
        sprite = ImageOps.mirror(sprite)
    alpha = sprite.getchannel("A")
    rgb = ImageEnhance.Brightness(sprite.convert("RGB")).enhance(rng.uniform(0.8, 1.15))
    rgb = ImageEnhance.Color(rgb).enhance(rng.uniform(0.8, 1.2))
    rgb.putalpha(alpha)
    stretch = rng.uniform(0.88, 1.13)
    w, h = rgb.size
    return rgb.resize((max(8, round(w * stretch)), h), Image.Resampling.BILINEAR)


def scaled(sprite: Image.Image, side: float, turn: float = 0.0) -> Image.Image:
    """The sprite turned by degrees, its longer side then `side` pixels before the turn."""
    f = side / max(sprite.size)
    out = sprite.resize((max(3, round(sprite.width * f)), max(3, round(sprite.height * f))), Image.Resampling.BICUBIC)
    return out.rotate(turn, Image.Resampling.BICUBIC, expand=True) if turn else out


def paste(image: Image.Image, sprite: Image.Image, x: float, y: float, shadow: float = 0.0) -> Box:
    """Puts the sprite with its centre at (x, y)."""
    left, top = round(x - sprite.width / 2), round(y - sprite.height / 2)
    if shadow > 0:
        soft = sprite.getchannel("A").point(lambda a: int(a * shadow)).filter(ImageFilter.GaussianBlur(2.5))
        image.paste((20, 18, 24), (left + 3, top + 4), soft)
    image.paste(sprite, (left, top), sprite)
    return Box(left, top, left + sprite.width, top + sprite.height)


# --- plain scenes --------------------------------------------------------------------------------

def meadow(rng: Rng, size: Size) -> Image.Image:
    image = gradient(size, hsv(rng.uniform(0.53, 0.6), rng.uniform(0.3, 0.6), 0.95), (235, 242, 248))
    for level in (0.5, 0.62, 0.78):
        hills(rng, image, hsv(rng.uniform(0.22, 0.36), rng.uniform(0.4, 0.7), rng.uniform(0.45, 0.8)), level, 0.12)
    return image


def room(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    image = Image.new("RGB", size, any_colour(rng, (0.08, 0.45), (0.7, 0.95)))
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.4:
        stripe, colour = int(rng.integers(8, 20)), any_colour(rng, (0.05, 0.3), (0.75, 0.98))
        for x in range(0, w, 2 * stripe):
            draw.rectangle((x, 0, x + stripe, h), fill=colour)
    floor = round(h * rng.uniform(0.68, 0.85))
    draw.rectangle((0, floor, w, h), fill=any_colour(rng, (0.1, 0.5), (0.35, 0.75)))
    draw.rectangle((0, floor - 4, w, floor), fill=(245, 243, 238))
    return image


def studio(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    far = np.hypot((x - w / 2) / w, (y - h * 0.45) / h)[..., None]
    base = np.asarray(any_colour(rng, (0.05, 0.75), (0.6, 1.0)), dtype=np.float32)
    return as_image(base * (1.08 - rng.uniform(0.3, 0.8) * far))


def bokeh(rng: Rng, size: Size) -> Image.Image:
    image = Image.new("RGB", size, any_colour(rng, (0.2, 0.6), (0.3, 0.7)))
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y, r = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(5, 18)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=any_colour(rng, (0.2, 0.7), (0.6, 1.0)))
    return image.filter(ImageFilter.GaussianBlur(3.5))


def bricks(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    hue, sat = rng.uniform(0, 0.1), rng.uniform(0.2, 0.6)
    image = Image.new("RGB", size, (205, 198, 188))
    draw = ImageDraw.Draw(image)
    bw, bh = int(rng.integers(18, 30)), int(rng.integers(9, 14))
    for row in range(h // bh + 1):
        for column in range(-1, w // bw + 2):
            x = column * bw + (row % 2) * bw // 2
            draw.rectangle((x, row * bh, x + bw - 3, row * bh + bh - 3), fill=hsv(hue, sat, rng.uniform(0.6, 0.8)))
    return image


def tiles(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    a, b, step = any_colour(rng), any_colour(rng), int(rng.integers(14, 30))
    image = Image.new("RGB", size, a)
    draw = ImageDraw.Draw(image)
    for i, y in enumerate(range(0, h, step)):
        for j, x in enumerate(range(0, w, step)):
            if (i + j) % 2:
                draw.rectangle((x, y, x + step - 1, y + step - 1), fill=b)
    return image


def clouds(rng: Rng, size: Size) -> Image.Image:
    sky = np.asarray(gradient(size, hsv(0.58, rng.uniform(0.4, 0.7), 0.9), (205, 226, 245)), dtype=np.float32)
    puff = np.clip((noise(rng, size, (6, 5)) - 0.5) * 3, 0, 1)[..., None]
    return as_image(sky * (1 - puff) + 250 * puff)


def carpet(rng: Rng, size: Size) -> Image.Image:
    return textured(rng, size, any_colour(rng, (0.1, 0.7), (0.4, 0.9)), rng.uniform(0.2, 0.5), (int(rng.integers(5, 30)), int(rng.integers(5, 30))))


PLAIN_SCENES: tuple[Callable[[Rng, Size], Image.Image], ...] = (meadow, room, studio, bokeh, bricks, tiles, clouds, carpet)


def plain_scene(rng: Rng, size: Size) -> Image.Image:
    return PLAIN_SCENES[int(rng.integers(len(PLAIN_SCENES)))](rng, size)
