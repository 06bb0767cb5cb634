#!/usr/bin/env python3
"""Makes preprocessing-fast-*.json as transformers' Fast classes save themselves (nested: as a processor's file of version 5 has it),
preprocessing-fast-*-PICTURE.f32, the tensors of the slow classes with the same settings, and fast-*-PICTURE.f32, those of the
Fast classes themselves, which resize in torchvision's arithmetic: the last are near, not equal. Needs transformers 4.57, torchvision, Pillow below 13 (see make_preprocessing.py)."""
import json
import pathlib

import numpy as np
from PIL import Image
from transformers import CLIPImageProcessor, CLIPImageProcessorFast, SiglipImageProcessor, SiglipImageProcessorFast

HERE = pathlib.Path(__file__).resolve().parent
CASES = {
    "clip": (CLIPImageProcessor, CLIPImageProcessorFast(size={"shortest_edge": 16}, crop_size=16)),
    "siglip": (SiglipImageProcessor, SiglipImageProcessorFast(size={"height": 16, "width": 16}, do_convert_rgb=True)),
    "nested": (CLIPImageProcessor, CLIPImageProcessorFast(size=19, default_to_square=True, crop_size={"height": 13, "width": 13}, resample=2)),
}
pictures = {name: Image.open(HERE / f"{name}.ppm") for name in ("noise", "turned")}


def write(name: str, tensor) -> None:
    (HERE / f"{name}.f32").write_bytes(np.ascontiguousarray(np.asarray(tensor, dtype=np.float32)).tobytes())


for name, (slow_class, fast) in CASES.items():
    saved = json.loads(fast.to_json_string())
    if name == "nested":
        saved = {"image_processor": saved, "processor_class": "CLIPProcessor"}
    (HERE / f"preprocessing-fast-{name}.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")
    settings = dict(size=dict(fast.size), resample=int(fast.resample), image_mean=fast.image_mean, image_std=fast.image_std)
    if slow_class is CLIPImageProcessor:
        settings["crop_size"] = dict(fast.crop_size)
    for picture, image in pictures.items():
        slow = slow_class(**settings)(image, return_tensors="np")["pixel_values"][0]
        quick = fast(image, return_tensors="pt")["pixel_values"][0].numpy()
        write(f"preprocessing-fast-{name}-{picture}", slow)
        write(f"fast-{name}-{picture}", quick)
        levels = np.abs(slow - quick) * 255 * np.reshape(fast.image_std, (3, 1, 1))
        print(name, picture, slow.shape, "largest difference in levels:", levels.max(), "differing:", (levels > 0.5).mean())
