"""Measures what BASIC takes from outside a searched set: the mean image and the two smallest similarities.

    python3 demo/measure.py --model demo/model

All from newly drawn pictures of training things: 4,000 for the mean; 200 prompts and four pictures of
each for the minima. Nothing of the demo's photos goes in. Writes image_mean.npy and statistics.json.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

from conditions import CONDITIONS, plain
from draw import choose_condition
from encoder import encode_texts, image_features
from evaluate import OBJECTS
from picture import draw_picture
from scenes import glyph
from things import training_things

HERE = Path(__file__).resolve().parent
SEED = 4000


@torch.no_grad()
def encode_images(model: CLIPModel, processor: CLIPImageProcessor, images: list[Image.Image]) -> np.ndarray:
    parts = [image_features(model, processor(images=images[i:i + 128], return_tensors="pt")["pixel_values"]).numpy() for i in range(0, len(images), 128)]
    return np.concatenate(parts).astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=HERE / "model")
    parser.add_argument("--objects", type=Path, default=OBJECTS)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--pictures", type=int, default=4000)
    a = parser.parse_args()
    model = CLIPModel.from_pretrained(a.model).float().eval()
    tokenizer, processor = CLIPTokenizerFast.from_pretrained(a.model), CLIPImageProcessor.from_pretrained(a.model)
    rng, things = np.random.default_rng(SEED), training_things()
    bystanders = [t.char for t in things]

    images = []
    for _ in range(a.pictures):
        thing, number = things[int(rng.integers(len(things)))], choose_condition(rng)
        images.append(draw_picture(rng, glyph(thing.char), plain() if number < 0 else CONDITIONS[number], bystanders))
    image_mean = encode_images(model, processor, images).mean(0)

    prompts, pictures = [], []
    for _ in range(200):
        thing, condition = things[int(rng.integers(len(things)))], CONDITIONS[int(rng.integers(len(CONDITIONS)))]
        prompts.append(f"a {thing.name} {condition.phrases[int(rng.integers(len(condition.phrases)))]}")
        pictures += [draw_picture(rng, glyph(thing.char), condition, bystanders) for _ in range(4)]
    text_mean = encode_texts(model, tokenizer, a.objects.read_text(encoding="utf-8").splitlines()).astype(np.float64).mean(0)
    x, t = encode_images(model, processor, pictures) - image_mean, encode_texts(model, tokenizer, prompts) - text_mean
    known = {"min_image": float((x @ x.T).min()), "min_text": float((t @ x.T).min()), "image_mean_length": float(np.linalg.norm(image_mean))}
    np.save(a.out / "image_mean.npy", image_mean.astype(np.float32))
    (a.out / "statistics.json").write_text(json.dumps(known, indent=1) + "\n")
    print(known)


if __name__ == "__main__":
    main()
