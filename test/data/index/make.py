#!/usr/bin/python3
"""Makes an index as one version of the program writes it, with photos of our own drawing beside it:

    test/data/index/make.py PROGRAM FOLDER

photos/ holds six pictures, one of them in a folder below, and one that cannot be read; the index knows another that is gone, and, where
the program can forget, one that was forgotten. Files that the program makes again by itself, but for the compact codes, are left out.
format-1 was made by the program at d8a2fee, the last that wrote that format. A new format adds a folder; those that are here stay as
they are, as users' indexes do.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from PIL import Image, ImageDraw

HERE = pathlib.Path(__file__).resolve().parent
COLOURS = ["firebrick", "seagreen", "royalblue", "goldenrod", "orchid", "teal", "sienna", "slategrey"]


def draw(i: int) -> Image.Image:
    image = Image.new("RGB", (72 + 8 * i, 64), COLOURS[i])
    shapes = ImageDraw.Draw(image)
    shapes.ellipse([8 + 4 * i, 10, 40 + 4 * i, 50], fill=COLOURS[(i + 3) % 8])
    shapes.rectangle([4, 44, 30 + 5 * i, 58], fill=COLOURS[(i + 5) % 8])
    return image


def main(program: str, folder: str) -> None:
    target = HERE / folder
    with tempfile.TemporaryDirectory() as name:
        photos, index = pathlib.Path(name, "photos"), pathlib.Path(name, "photos.cir")
        (photos / "below").mkdir(parents=True)
        for i in range(8):
            draw(i).save(photos / ("below" if i == 5 else ".") / f"{i}.png")
        (photos / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
        run = [program, "index", photos, "-o", index, "-q", "--codes-from", "1", "--threads", "1"]
        subprocess.run(run, check=True)
        (photos / "6.png").unlink()
        subprocess.run(run, check=True)
        if subprocess.run([program, "index", index, "--forget", photos / "7.png", "--codes-from", "1", "-q"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode != 0:
            (photos / "7.png").unlink()
            subprocess.run(run, check=True)
        (photos / "7.png").unlink(missing_ok=True)
        for path in index.rglob("*"):
            if path.is_file() and path.name not in ("catalogue.sqlite", "vectors.npy", "codes.bin", "codes.sums"):
                path.unlink()
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(index, target)
        shutil.rmtree(HERE / "photos", ignore_errors=True)
        shutil.copytree(photos, HERE / "photos")


if __name__ == "__main__":
    main(*sys.argv[1:])
