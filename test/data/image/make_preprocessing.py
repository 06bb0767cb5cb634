#!/usr/bin/env python3
"""Makes preprocessing-*.json (preprocessor configurations) and preprocessing-*-PICTURE.f32, the tensors that transformers' own classes
(the slow ones, over Pillow), or open_clip's transforms (oc-*), make with them of noise.ppm (41 × 29) and of turned.ppm
(29 × 41). Needs transformers, open_clip_torch and torch; the outputs are committed. (Pillow 13 resamples columns first where the width hardly changes and the height shrinks
much, see src/image/resample.c; the sizes here stay clear of that.)"""
import json
import pathlib

import numpy as np
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from transformers import CLIPImageProcessor, SiglipImageProcessor

HERE = pathlib.Path(__file__).resolve().parent
CLIP, SIGLIP = "CLIPImageProcessor", "SiglipImageProcessor"
CONFIGURATIONS = {
    "clip": {"image_processor_type": CLIP, "size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}},
    "old": {"feature_extractor_type": "CLIPFeatureExtractor", "size": 16, "crop_size": 16, "resample": 3,
            "do_center_crop": True, "do_normalize": True, "do_resize": True,
            "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]},
    "odd": {"image_processor_type": CLIP, "size": {"shortest_edge": 17}, "crop_size": {"height": 14, "width": 15},
            "resample": 2},
    "padded": {"image_processor_type": CLIP, "size": {"shortest_edge": 9}, "crop_size": {"height": 16, "width": 16}},
    "unresized": {"image_processor_type": CLIP, "do_resize": False, "crop_size": {"height": 33, "width": 33}},
    "plain": {"image_processor_type": CLIP, "size": {"height": 12, "width": 14}, "do_center_crop": False,
              "do_normalize": False},
    "unscaled": {"image_processor_type": CLIP, "size": {"shortest_edge": 16}, "crop_size": 16, "do_rescale": False},
    "factor": {"image_processor_type": CLIP, "size": {"shortest_edge": 16}, "crop_size": 16, "rescale_factor": 0.0071},
    "siglip": {"image_processor_type": SIGLIP, "size": {"height": 16, "width": 16}, "resample": 3,
               "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "do_rescale": True},
    "siglip-bare": {"image_processor_type": SIGLIP, "size": {"height": 20, "width": 10}},
}
# Sides such that a half of a pixel, and a whole and a half, are left beside the crop.
OPEN_CLIP = {
    "oc-shortest": (17, {"interpolation": "bicubic", "resize_mode": "shortest"}),
    "oc-small": (8, {}),
    "oc-bilinear": (13, {"interpolation": "bilinear", "mean": [0.1, 0.2, 0.3], "std": [0.3, 0.7, 0.9], "mode": "RGB"}),
    "oc-squash": (16, {"interpolation": "bicubic", "resize_mode": "squash", "mean": [0.5] * 3, "std": [0.5] * 3}),
}

pictures = {"noise": Image.open(HERE / "noise.ppm")}
pictures["turned"] = pictures["noise"].transpose(Image.Transpose.TRANSPOSE)
pictures["turned"].save(HERE / "turned.ppm")
for name, configuration in CONFIGURATIONS.items():
    (HERE / f"preprocessing-{name}.json").write_text(json.dumps(configuration) + "\n")
    processor = (SiglipImageProcessor if "siglip" in name else CLIPImageProcessor)(**configuration)
    for picture, image in pictures.items():
        tensor = processor(image, return_tensors="np")["pixel_values"][0].astype(np.float32)
        (HERE / f"preprocessing-{name}-{picture}.f32").write_bytes(np.ascontiguousarray(tensor).tobytes())
        print(name, picture, tensor.shape)
for name, (side, configuration) in OPEN_CLIP.items():
    # "size" is what open_clip takes from the model instead.
    (HERE / f"preprocessing-{name}.json").write_text(json.dumps({"preprocess_cfg": {"size": side} | configuration}) + "\n")
    transform = image_transform_v2(PreprocessCfg(size=side, **configuration), is_train=False)
    for picture, image in pictures.items():
        tensor = transform(image).numpy()
        (HERE / f"preprocessing-{name}-{picture}.f32").write_bytes(np.ascontiguousarray(tensor).tobytes())
        print(name, picture, tensor.shape)
