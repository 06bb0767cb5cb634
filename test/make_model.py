#!/usr/bin/env python3
"""Makes a CLIP model directory with random weights, as transformers saves it: for trying the program on a real shape.

Usage: make_model.py FOLDER --tokenizer DIR [--shape vit_l14|vit_b32] [--dtype float32|float16|bfloat16]
                     [--images FILE...] [--texts TEXT...]

DIR holds CLIP's vocab.json and merges.txt. With --images or --texts, transformers' own unit features of them are
written to FOLDER/expected_images.npy and FOLDER/expected_texts.npy, to be compared with `cir encode`. Needs torch,
transformers, safetensors, pillow, numpy.
"""
import argparse
import pathlib

import numpy as np
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

SHAPES = {
    "vit_b32": dict(projection_dim=512),
    "vit_l14": dict(projection_dim=768,
                    vision_config=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24,
                                       num_attention_heads=16, patch_size=14, projection_dim=768),
                    text_config=dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12,
                                     projection_dim=768)),
}


def unit(rows: torch.Tensor) -> np.ndarray:
    return (rows / rows.norm(dim=-1, keepdim=True)).numpy()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    parser.add_argument("--shape", choices=SHAPES, default="vit_l14")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float32")
    parser.add_argument("--images", nargs="*", default=[])
    parser.add_argument("--texts", nargs="*", default=[])
    options = parser.parse_args()

    torch.manual_seed(1)
    model = CLIPModel(CLIPConfig(**SHAPES[options.shape])).eval().to(getattr(torch, options.dtype))
    tokenizer = CLIPTokenizerFast(vocab_file=str(options.tokenizer / "vocab.json"),
                                  merges_file=str(options.tokenizer / "merges.txt"), model_max_length=77)
    processor = CLIPImageProcessor()
    for part in (model, tokenizer, processor):
        part.save_pretrained(options.folder)

    model = model.float()
    with torch.no_grad():
        if options.images:
            pictures = [Image.open(path).convert("RGB") for path in options.images]
            pixels = processor(pictures, return_tensors="pt")["pixel_values"]
            np.save(options.folder / "expected_images.npy", unit(model.get_image_features(pixel_values=pixels)))
        if options.texts:
            tokens = tokenizer(options.texts, padding=True, truncation=True, return_tensors="pt")
            np.save(options.folder / "expected_texts.npy", unit(model.get_text_features(**tokens)))


main()
