"""Trains the demo's dual encoder on the pool that draw.py made. Can be stopped and resumed.

    python3 demo/draw.py --pool /tmp/pool
    python3 demo/train.py --pool /tmp/pool --work /tmp/run
"""
from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

from captions import Caption, encode, without_colour, write_tokenizer
from conditions import BY_NAME, CONDITIONS
from encoder import MEAN, SIDE, STD, encode_files, encode_texts, image_features, new_model, normalised, save_model, text_features
from evaluate import Features, quick_table, read_set
from things import all_things

HERE = Path(__file__).resolve().parent
COLOURLESS = np.array([c.colourless for c in CONDITIONS] + [False])  # the last is -1: plain


@dataclass
class Pool:
    pixels: np.ndarray
    conditions: np.ndarray
    identities: list[tuple[str, int]]
    per_identity: int
    names: dict[str, str]

    @classmethod
    def open(cls, folder: Path) -> "Pool":
        meta = json.loads((folder / "meta.json").read_text())
        if meta["conditions"] != list(BY_NAME):
            raise SystemExit("the pool was drawn with other conditions: draw it again")
        return cls(np.load(folder / "pixels.npy", mmap_mode="r"), np.load(folder / "conditions.npy"),
                   [(c, turn) for c, turn in meta["identities"]], meta["per_identity"], {t.char: t.name for t in all_things()})


@dataclass
class Batch:
    """First pictures of every identity, then their second pictures, in the same order."""
    pixels: torch.Tensor
    tokens: torch.Tensor
    things: np.ndarray
    conditions: np.ndarray
    kinds: np.ndarray


def shifted(pixels: np.ndarray, rng: np.random.Generator, reach: int = 4) -> np.ndarray:
    """Every picture moved by a few pixels and half of them mirrored."""
    n = len(pixels)
    padded = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    out = np.empty_like(pixels)
    for i, (y, x, flip) in enumerate(zip(rng.integers(0, 2 * reach + 1, n), rng.integers(0, 2 * reach + 1, n), rng.random(n) < 0.5)):
        cut = padded[i, y:y + SIDE, x:x + SIDE]
        out[i] = cut[:, ::-1] if flip else cut
    return out


def sample_batch(pool: Pool, tokenizer: CLIPTokenizerFast, captions: Caption, pairs: int, rng: np.random.Generator) -> Batch:
    ids = rng.choice(len(pool.identities), pairs, replace=False)
    k = pool.per_identity
    first = ids * k + rng.integers(0, k, pairs)
    second = ids * k + rng.integers(0, k, pairs)
    for _ in range(3):  # two pictures under one condition would teach nothing about the thing
        same = pool.conditions[first] == pool.conditions[second]
        second[same] = ids[same] * k + rng.integers(0, k, int(same.sum()))
    rows = np.concatenate([first, second])
    conditions = pool.conditions[rows]
    chars = [pool.identities[i] for i in np.concatenate([ids, ids])]
    numbers = {c: n for n, c in enumerate(dict.fromkeys(c for c, _ in chars))}
    texts, kinds = [], []
    for (char, turn), condition in zip(chars, conditions):
        name = pool.names[char] if turn == 0 else without_colour(pool.names[char])
        text, kind = captions.sample(rng, name, int(condition))
        texts.append(text)
        kinds.append(kind)
    order = np.argsort(rows)  # read the memory map in order
    pixels = np.empty((len(rows), SIDE, SIDE, 3), dtype=np.uint8)
    pixels[order] = pool.pixels[rows[order]]
    return Batch(normalised(shifted(pixels, rng)), torch.from_numpy(encode(tokenizer, texts)),
                 np.array([numbers[c] for c, _ in chars]), conditions, np.array(kinds))


def text_mask(batch: Batch) -> torch.Tensor:
    """[image, text]: texts that are true of an image although written for another: no negatives."""
    thing = batch.things[:, None] == batch.things[None, :]
    condition = batch.conditions[:, None] == batch.conditions[None, :]
    true = (thing | (batch.kinds == 1)[None, :]) & (condition | (batch.kinds == 0)[None, :])
    np.fill_diagonal(true, False)
    return torch.from_numpy(true)


def image_mask(batch: Batch) -> torch.Tensor:
    """[first, second]: one glyph in two hues cannot be told apart where a condition takes the colour."""
    n = len(batch.things) // 2
    thing = batch.things[:n, None] == batch.things[None, n:]
    dull = COLOURLESS[batch.conditions]
    mask = thing & (dull[:n, None] | dull[None, n:])
    np.fill_diagonal(mask, False)
    return torch.from_numpy(mask)


def both_ways(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    logits = logits.masked_fill(mask, -1e4)
    target = torch.arange(len(logits))
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


def losses(model: CLIPModel, image_scale: torch.Tensor, batch: Batch, kept: float) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        images = image_features(model, batch.pixels, kept)
        texts = text_features(model, batch.tokens)
    n = len(images) // 2
    image_text = both_ways(model.logit_scale.exp() * images @ texts.T, text_mask(batch))
    image_image = both_ways(image_scale.exp() * images[:n] @ images[n:].T, image_mask(batch))
    return image_text, image_image


def learning_rate(step: int, steps: int, peak: float, warm: int = 300) -> float:
    if step < warm:
        return peak * (step + 1) / warm
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))))


def report(model: CLIPModel, tokenizer: CLIPTokenizerFast, photos: Path) -> str:
    model.eval()
    data = read_set(photos)
    processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, image_mean=list(MEAN), image_std=list(STD))
    features = Features(encode_files(model, processor, data.database_paths), encode_files(model, processor, data.query_paths),
                        encode_texts(model, tokenizer, data.query_texts))
    model.train()
    return "  ".join(f"{name} {value:.2f}" for name, value in quick_table(data, features))


def train(a: argparse.Namespace) -> None:
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.work.mkdir(parents=True, exist_ok=True)
    pool = Pool.open(a.pool)
    vocabulary = a.work / "tokenizer"
    if (vocabulary / "vocab.json").exists():  # a resumed run keeps the vocabulary it began with
        tokenizer = CLIPTokenizerFast.from_pretrained(vocabulary)
    else:
        tokenizer = write_tokenizer(vocabulary, sorted((HERE.parent / "share").glob("*.txt")))
    model = new_model(tokenizer).train()
    image_scale = torch.nn.Parameter(torch.tensor(math.log(1 / 0.1)))
    decay = [p for p in model.parameters() if p.ndim > 1]
    other = [p for p in model.parameters() if p.ndim <= 1] + [image_scale]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": other, "weight_decay": 0.0}], betas=(0.9, 0.98))
    step, spent = 0, 0.0
    checkpoint = a.work / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        image_scale.data.copy_(state["image_scale"])
        step, spent = state["step"], state["spent"]
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(pool.pixels)} pictures, from step {step} to {a.steps}", flush=True)
    captions, mark, begun = Caption(), time.time(), time.time()
    sums = np.zeros(2)
    while step < a.steps:
        rng = np.random.default_rng([a.seed, step])  # the batch depends on the step alone: resuming repeats nothing
        kept = 0.5 if step < a.steps * a.drop_until else 1.0
        batch = sample_batch(pool, tokenizer, captions, a.pairs, rng)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, a.steps, a.rate)
        image_text, image_image = losses(model, image_scale, batch, kept)
        optimiser.zero_grad(set_to_none=True)
        (image_text + a.image_weight * image_image).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
            image_scale.clamp_(max=math.log(50))
        step += 1
        sums += (image_text.item(), image_image.item())
        if step % 50 == 0:
            now = time.time()
            print(f"step {step}  image-text {sums[0] / 50:.3f}  image-image {sums[1] / 50:.3f}  {100 * a.pairs / (now - mark):.0f} img/s", flush=True)
            sums[:], mark = 0, now
        if step % a.save_every == 0 or step == a.steps:
            state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "image_scale": image_scale.data, "step": step, "spent": spent + time.time() - begun}
            torch.save(state, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").rename(checkpoint)
            print(f"step {step}  {state['spent'] / 60:.1f} min  {report(model, tokenizer, a.photos)}", flush=True)
            mark = time.time()
    save_model(model, tokenizer, a.model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints; an existing one is resumed")
    parser.add_argument("--model", type=Path, default=HERE / "model", help="where the finished model goes")
    parser.add_argument("--photos", type=Path, default=HERE / "photos", help="held-out set, for the reports only")
    parser.add_argument("--steps", type=int, default=4200)
    parser.add_argument("--pairs", type=int, default=128, help="identities a batch; two pictures of each")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--drop-until", type=float, default=0.94, help="share of the steps that see half of the patches")
    parser.add_argument("--image-weight", type=float, default=1.0)
    parser.add_argument("--save-every", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
