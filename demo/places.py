"""Scenes that are conditions, and the ways a thing can be put into a picture."""
from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from scenes import (Box, Rng, Size, any_colour, as_image, gradient, hills, hsv, noise, paste, plain_scene, scaled, textured)


# --- scenes --------------------------------------------------------------------------------------

def snow_field(rng: Rng, size: Size) -> Image.Image:
    image = gradient(size, (150, 172, 200), (222, 230, 240))
    w, h = size
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 6))):
        x, y, s = rng.uniform(0, w), h * rng.uniform(0.55, 0.7), rng.uniform(12, 26)
        for k in range(3):
            top, half = y - s * (1.6 - 0.4 * k), s * (0.3 + 0.15 * k)
            draw.polygon([(x, top), (x - half, top + s * 0.7), (x + half, top + s * 0.7)], fill=(60, 92, 84) if k else (235, 240, 246))
    hills(rng, image, (226, 233, 243), 0.6, 0.12)
    hills(rng, image, (246, 249, 253), 0.75, 0.1)
    return image


def sunset_sky(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    image = gradient(size, (70, 40, 110), (200, 70, 90), (250, 140, 50), (255, 205, 90), (255, 190, 80))
    draw = ImageDraw.Draw(image)
    x, y, r = w * rng.uniform(0.15, 0.85), h * rng.uniform(0.5, 0.65), h * rng.uniform(0.12, 0.2)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 240, 170))
    hills(rng, image, (60, 30, 45), 0.8, 0.1)
    return image


def forest(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    image = gradient(size, (28, 66, 34), (92, 130, 60), (50, 72, 30))
    draw = ImageDraw.Draw(image)
    for layer in range(3):
        shade = 0.28 + 0.12 * layer
        for _ in range(5):
            x, half = rng.uniform(0, w), rng.uniform(2, 4) * (1 + 0.5 * layer)
            draw.rectangle((x - half, 0, x + half, h * (0.72 + 0.06 * layer)), fill=hsv(0.08, 0.5, shade))
        for _ in range(16):
            x, y, r = rng.uniform(0, w), rng.uniform(-0.05, 0.28) * h, rng.uniform(6, 15)
            draw.ellipse((x - r, y - r, x + r, y + r), fill=hsv(rng.uniform(0.24, 0.36), 0.7, rng.uniform(0.25, 0.3 + shade * 0.6)))
    hills(rng, image, (58, 62, 26), 0.85, 0.08)
    return image


def desert(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    image = gradient(size, (120, 185, 230), (250, 235, 190))
    for level, v in ((0.5, 0.95), (0.64, 0.88), (0.8, 0.8)):
        hills(rng, image, hsv(rng.uniform(0.08, 0.115), 0.55, v), level, 0.16)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 4))):
        x, y, s = rng.uniform(0.03, 0.97) * w, h * rng.uniform(0.6, 0.85), rng.uniform(16, 34)
        green, t = hsv(0.36, 0.6, rng.uniform(0.35, 0.5)), s * 0.11
        draw.rounded_rectangle((x - t, y - s, x + t, y), t, fill=green)
        for side in (-1, 1):
            arm = x + side * s * 0.3
            draw.line([(x, y - s * 0.4), (arm, y - s * 0.4), (arm, y - s * 0.75)], fill=green, width=max(2, round(t * 1.4)))
    return image


def space(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    cloud = np.clip(noise(rng, size, (4, 4)) - 0.45, 0, 1)[..., None] * np.asarray(hsv(rng.uniform(0.55, 0.95), 0.7, 1.0)) * 0.7
    image = as_image(np.array((6, 6, 16)) + cloud)
    draw = ImageDraw.Draw(image)
    for _ in range(70):
        x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.choice((0.5, 0.5, 1.0))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 240))
    for _ in range(int(rng.integers(1, 3))):
        x, y, r = rng.choice((0.1, 0.9)) * w, rng.uniform(0.1, 0.9) * h, rng.uniform(9, 24)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=any_colour(rng, (0.4, 0.8), (0.5, 0.9)))
        if rng.random() < 0.6:
            draw.ellipse((x - 1.7 * r, y - r * 0.35, x + 1.7 * r, y + r * 0.35), outline=(225, 205, 160), width=2)
    return image


def city(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    image = gradient(size, (150, 185, 220), (225, 230, 235))
    draw = ImageDraw.Draw(image)
    x, ground = -4.0, h * 0.76
    while x < w:
        width, top = rng.uniform(18, 34), h * rng.uniform(0.02, 0.35)
        wall = hsv(rng.choice((0.07, 0.6, 0.0)), rng.uniform(0.05, 0.3), rng.uniform(0.45, 0.75))
        draw.rectangle((x, top, x + width - 1, ground), fill=wall)
        for wy in np.arange(top + 4, ground - 6, 9):
            for wx in np.arange(x + 3, x + width - 6, 8):
                draw.rectangle((wx, wy, wx + 3.5, wy + 4.5), fill=(245, 225, 140) if rng.random() < 0.3 else (60, 75, 95))
        x += width
    draw.rectangle((0, ground, w, h), fill=(82, 84, 88))
    draw.rectangle((0, ground, w, ground + 4), fill=(170, 168, 162))
    for dash in range(0, w, 26):
        draw.rectangle((dash, h * 0.9, dash + 14, h * 0.9 + 3), fill=(240, 240, 230))
    return image


def table(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    image = Image.new("RGB", size, any_colour(rng, (0.05, 0.35), (0.75, 0.95)))
    top = round(h * 0.58)
    wood = np.asarray(textured(rng, (w, h - top), hsv(rng.uniform(0.06, 0.09), rng.uniform(0.5, 0.7), rng.uniform(0.5, 0.8)), 0.25, (3, 26)))
    image.paste(Image.fromarray(wood), (0, top))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, round(h * 0.93), w, h), fill=(72, 42, 22))
    for k in range(1, 4):
        y = top + k * (h * 0.35) / 4
        draw.line((0, y, w, y), fill=(95, 58, 30), width=1)
    return image


def roadside(rng: Rng, size: Size) -> Image.Image:
    image = gradient(size, (130, 180, 225), (230, 238, 242))
    hills(rng, image, (120, 150, 90), 0.82, 0.05)
    ImageDraw.Draw(image).rectangle((0, size[1] * 0.92, size[0], size[1]), fill=(85, 85, 90))
    return image


def dark_wall(rng: Rng, size: Size) -> Image.Image:
    return textured(rng, size, hsv(rng.random(), 0.4, 0.12), 0.08, (16, 24))


def stone_wall(rng: Rng, size: Size) -> Image.Image:
    base = noise(rng, size, (6, 6)) * 40 + noise(rng, size, (50, 50)) * 45 + rng.uniform(70, 110)
    return as_image(np.repeat(base[..., None], 3, 2) * np.array((1.0, 0.98, 0.93)))


def speed_lines(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    image = Image.new("RGB", size, hsv(rng.choice((0.13, 0.0, 0.55, 0.9)), 0.75, 1.0))
    draw = ImageDraw.Draw(image)
    for k in range(22):
        a = 2 * math.pi * (k + rng.random() * 0.5) / 22
        for side, colour in ((0.06, (255, 255, 255)),):
            draw.polygon([(w / 2 + 18 * math.cos(a), h / 2 + 18 * math.sin(a)), (w / 2 + w * math.cos(a - side), h / 2 + w * math.sin(a - side)),
                          (w / 2 + w * math.cos(a + side), h / 2 + w * math.sin(a + side))], fill=colour)
    return image


def mountains(rng: Rng, size: Size) -> Image.Image:
    w, h = size
    image = gradient(size, hsv(0.58, rng.uniform(0.3, 0.6), 0.9), (235, 240, 245))
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        x, top, half = rng.uniform(0, w), h * rng.uniform(0.12, 0.35), w * rng.uniform(0.25, 0.45)
        grey = int(rng.integers(95, 140))
        draw.polygon([(x, top), (x - half, h * 0.7), (x + half, h * 0.7)], fill=(grey, grey + 6, grey + 16))
        draw.polygon([(x, top), (x - half * 0.22, top + h * 0.11), (x + half * 0.22, top + h * 0.11)], fill=(250, 250, 252))
    hills(rng, image, hsv(rng.uniform(0.2, 0.34), 0.5, 0.6), 0.66, 0.08)
    return image


def lake(rng: Rng, size: Size) -> Image.Image:
    image = gradient(size, (140, 190, 230), (225, 236, 242))
    hills(rng, image, (88, 120, 84), 0.4, 0.14)
    ImageDraw.Draw(image).rectangle((0, size[1] * 0.52, size[0], size[1]), fill=(110, 160, 190))
    return image


# --- placing -------------------------------------------------------------------------------------

def standing(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    """The ordinary way: somewhere near the middle, half to four fifths of the height."""
    w, h = image.size
    cut = scaled(sprite, min(w, h) * rng.uniform(0.48, 0.78), rng.uniform(-14, 14))
    return paste(image, cut, w * rng.uniform(0.4, 0.6), h * rng.uniform(0.45, 0.6), rng.choice((0.0, 0.45)))


def on_table(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    cut = scaled(sprite, min(w, h) * rng.uniform(0.42, 0.6), rng.uniform(-5, 5))
    x, base = w * rng.uniform(0.35, 0.65), h * rng.uniform(0.72, 0.82)
    shade = Image.new("L", image.size)
    ImageDraw.Draw(shade).ellipse((x - cut.width * 0.5, base - 6, x + cut.width * 0.55, base + 6), fill=150)
    image.paste((30, 15, 8), (0, 0), shade.filter(ImageFilter.GaussianBlur(3)))
    return paste(image, cut, x, base - cut.height / 2)


def framed(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    image.paste(textured(rng, image.size, any_colour(rng, (0.05, 0.4), (0.6, 0.9)), 0.06, (20, 20)))
    x, y, rx, ry = w * rng.uniform(0.45, 0.55), h * rng.uniform(0.45, 0.55), w * rng.uniform(0.32, 0.37), h * rng.uniform(0.34, 0.4)
    draw = ImageDraw.Draw(image)
    wood = hsv(rng.uniform(0.07, 0.13), rng.uniform(0.5, 0.8), rng.choice((0.35, 0.75)))
    draw.rectangle((x - rx + 3, y - ry + 4, x + rx + 3, y + ry + 4), fill=(40, 38, 40))
    draw.rectangle((x - rx, y - ry, x + rx, y + ry), fill=wood, outline=(30, 20, 10))
    draw.rectangle((x - rx + 7, y - ry + 7, x + rx - 7, y + ry - 7), fill=(248, 246, 240), outline=(90, 70, 40))
    inner = (round(2 * rx - 28), round(2 * ry - 28))
    image.paste(plain_scene(rng, inner), (round(x - rx + 14), round(y - ry + 14)))
    return paste(image, scaled(sprite, min(inner) * 0.9), x, y)


def on_shirt(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    cloth = any_colour(rng, (0.0, 0.8), (0.25, 1.0))
    fold = tuple(int(c * 0.75) for c in cloth)
    shape = [(0.33, 0.06), (0.42, 0.12), (0.58, 0.12), (0.67, 0.06), (0.98, 0.25), (0.88, 0.47), (0.77, 0.4), (0.77, 1.0), (0.23, 1.0), (0.23, 0.4), (0.12, 0.47), (0.02, 0.25)]
    draw = ImageDraw.Draw(image)
    draw.polygon([(x * w, y * h) for x, y in shape], fill=cloth, outline=fold)
    draw.arc((w * 0.4, h * 0.02, w * 0.6, h * 0.17), 0, 180, fill=fold, width=4)
    for x in (0.24, 0.76):
        draw.line((x * w, h * 0.4, x * w, h * 0.25), fill=fold, width=2)
    return paste(image, scaled(sprite, min(w, h) * rng.uniform(0.4, 0.5), rng.uniform(-4, 4)), w * 0.5, h * rng.uniform(0.5, 0.6))


def on_billboard(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    draw = ImageDraw.Draw(image)
    for x in (0.28, 0.68):
        draw.rectangle((w * x, h * 0.6, w * (x + 0.04), h * 0.95), fill=(75, 75, 80))
    left, top, right, bottom = w * 0.06, h * rng.uniform(0.06, 0.12), w * 0.94, h * 0.7
    draw.rectangle((left, top, right, bottom), fill=any_colour(rng, (0.3, 0.9), (0.7, 1.0)), outline=(50, 50, 55), width=3)
    for k in range(3):
        y = top + (bottom - top) * (0.3 + 0.2 * k)
        draw.rectangle((w * 0.6, y, w * rng.uniform(0.74, 0.88), y + 5), fill=(250, 250, 250))
    cut = scaled(sprite, (bottom - top) * 0.85, rng.uniform(-5, 5))
    return paste(image, cut, w * 0.33, (top + bottom) / 2)


def on_stamp(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    image.paste(textured(rng, image.size, hsv(rng.uniform(0.05, 0.65), rng.uniform(0.1, 0.35), rng.uniform(0.45, 0.8)), 0.08, (20, 20)))
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = w * 0.14, h * 0.1, w * 0.86, h * 0.9
    paper = (247, 243, 230)
    draw.rectangle((left, top, right, bottom), fill=paper)
    hole = image.getpixel((2, 2))
    for t in np.linspace(0, 1, 11):
        for x, y in ((left + t * (right - left), top), (left + t * (right - left), bottom), (left, top + t * (bottom - top)), (right, top + t * (bottom - top))):
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=hole)
    draw.rectangle((left + 8, top + 8, right - 8, bottom - 8), fill=any_colour(rng, (0.1, 0.4), (0.75, 0.95)))
    draw.rectangle((left + 12, bottom - 17, left + 34, bottom - 13), fill=(60, 50, 50))
    draw.ellipse((right - 26, top + 11, right - 12, top + 25), outline=(60, 50, 50), width=2)
    return paste(image, scaled(sprite, (bottom - top) * rng.uniform(0.52, 0.62), rng.uniform(-6, 6)), w * 0.5, h * 0.48)


def on_screen(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((w * 0.06, h * 0.12, w * 0.94, h * 0.92), 8, fill=hsv(rng.uniform(0.05, 0.1), 0.5, rng.uniform(0.25, 0.45)))
    for x in (0.3, 0.7):
        draw.line((w * 0.5, h * 0.12, w * x, 0), fill=(60, 60, 60), width=2)
    size = (round(w * 0.64), round(h * 0.66))
    tube = gradient(size, hsv(0.5, 0.25, 0.75), hsv(0.55, 0.3, 0.5))
    box = paste(tube, scaled(sprite, min(size) * rng.uniform(0.75, 0.9), rng.uniform(-6, 6)), size[0] / 2, size[1] / 2)
    lines = np.asarray(tube, dtype=np.float32).copy()
    lines[::4] *= 0.55
    lines[1::4] *= 0.8
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), 14, fill=255)
    x, y = round(w * 0.11), round(h * 0.19)
    image.paste(as_image(lines * np.array((0.9, 1.0, 1.0))), (x, y), mask)
    for k in range(3):
        cy = h * (0.28 + 0.16 * k)
        draw.ellipse((w * 0.8, cy, w * 0.88, cy + w * 0.08), fill=(200, 190, 160))
    return Box(x + box.left, y + box.top, x + box.right, y + box.bottom)


def upside_down(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    return standing(rng, image, ImageOps.flip(sprite))


def two(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    side, y = min(w * 0.46, h * 0.6) * rng.uniform(0.85, 1.0), h * rng.uniform(0.47, 0.58)
    turns = rng.uniform(-8, 8, 2)
    paste(image, scaled(sprite, side, turns[0]), w * 0.26, y + rng.uniform(-3, 3), 0.4)
    return paste(image, scaled(ImageOps.mirror(sprite) if rng.random() < 0.3 else sprite, side, turns[1]), w * 0.74, y, 0.4)


def many(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    rows = int(rng.integers(3, 5))
    step = h / rows
    for row in range(rows):
        for column in range(-1, round(w / step) + 1):
            x = (column + 0.5 + 0.5 * (row % 2)) * step
            paste(image, scaled(sprite, step * 0.92, rng.uniform(-12, 12)), x, (row + 0.5) * step)
    return Box(0, 0, w, h)


def far_away(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    cut = scaled(sprite, min(w, h) * rng.uniform(0.22, 0.28), rng.uniform(-5, 5))
    return paste(image, cut, w * rng.uniform(0.25, 0.75), h * rng.uniform(0.68, 0.8))


def by_the_lake(rng: Rng, image: Image.Image, sprite: Image.Image) -> Box:
    w, h = image.size
    cut = scaled(sprite, h * rng.uniform(0.4, 0.46), rng.uniform(-4, 4))
    return paste(image, cut, w * rng.uniform(0.35, 0.65), h * 0.53 - cut.height / 2 + 2)
