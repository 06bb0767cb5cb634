#!/usr/bin/env python3
"""Makes the goldens of open_clip's checkpoints, in double precision; what they hold is as in make.py.

Usage: make_open_clip.py OPEN_CLIP_CONFIGS     (needs open_clip_torch, timm; a folder with open_clip's model_configs)

oc_quick   CLIP in open_clip's names: QuickGELU, ten patches' rest unseen
oc_custom  the same behind "text.", with the options that configurations may have: GELU, by tanh in the text tower, other
           eps, a bias behind the texts' projection
oc_siglip  ViT-B-16-SigLIP-256 with drawn weights: timm's image tower
"""
import json
import pathlib
import sys

import open_clip.model
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from transformers import CLIPTokenizerFast

import make

HERE = pathlib.Path(__file__).resolve().parent
VISION = dict(width=48, head_width=24, layers=3)
TEXT = dict(width=32, heads=4, layers=3, context_length=12, vocab_size=60)
TINY = {
    "oc_quick": dict(embed_dim=24, quick_gelu=True, vision_cfg=dict(image_size=31, patch_size=7, **VISION), text_cfg=TEXT),
    "oc_custom": dict(embed_dim=17, custom_text=True,
                      vision_cfg=dict(image_size=[28, 28], patch_size=14, mlp_ratio=2.3, norm_kwargs={"eps": 1e-6}, **VISION),
                      text_cfg=dict(proj_bias=True, act_kwargs={"approximate": "tanh"}, mlp_ratio=1.7, **TEXT)),
}
PREPROCESS = {
    "oc_quick": dict(interpolation="bicubic", resize_mode="shortest"),
    "oc_custom": dict(mean=[0.5, 0.4, 0.3], std=[0.5, 0.25, 0.2], interpolation="bilinear", resize_mode="squash"),
}


def build(config: dict):
    kind = open_clip.model.CustomTextCLIP if config.get("custom_text") else open_clip.model.CLIP
    return kind(**{key: value for key, value in config.items() if key != "custom_text"}).eval()


def run(model, pixels: torch.Tensor, ids: torch.Tensor):
    trunk = getattr(model.visual, "trunk", None)
    image_hidden = make.watch_layers(trunk.blocks if trunk is not None else model.visual.transformer.resblocks)
    text_hidden = make.watch_layers(getattr(model, "text", model).transformer.resblocks)
    with torch.no_grad():
        image = make.unit(model.encode_image(pixels.double()))
        text = make.unit(model.encode_text(ids))
    return image_hidden, image, text_hidden, text


def make_tiny(name: str, config: dict) -> None:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": PREPROCESS[name]}, indent=2) + "\n")
    model = build(config)
    make.draw_tiny(model, len(name))
    make.write_weights(folder, model, {"f16": torch.float16})
    tokenizer = CLIPTokenizerFast(vocab_file=str(HERE / "quick" / "vocab.json"), merges_file=str(HERE / "quick" / "merges.txt"))
    picture = make.draw_picture(folder)
    side = model.visual.image_size[0]
    transform = image_transform_v2(PreprocessCfg(size=side, **PREPROCESS[name]), is_train=False)
    pixels = torch.cat([torch.randn(2, 3, side, side), transform(picture)[None]])
    texts = [tokenizer(text, truncation=True, max_length=12)["input_ids"] for text in make.TINY_WORDS]
    ids = torch.tensor([text + [0] * (12 - len(text)) for text in texts])
    model.double()
    make.write_golden(folder, pixels, texts, *run(model, pixels, ids))
    (folder / "texts.json").write_text(json.dumps(make.TINY_WORDS) + "\n")


def make_siglip(name: str, configs: pathlib.Path) -> None:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    config = json.loads((configs / "ViT-B-16-SigLIP-256.json").read_text())
    preprocess = dict(mean=[0.5] * 3, std=[0.5] * 3, interpolation="bicubic", resize_mode="squash")
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}, indent=2) + "\n")
    model = build(config)
    make.draw_weights(model)
    model.double()
    side, n = config["vision_cfg"]["image_size"], 2
    pixels = torch.from_numpy(make.draw("image.input", n * 3 * side * side, 2.0)).reshape(n, 3, side, side)
    lengths = [config["text_cfg"]["context_length"]] * 3
    ids = torch.from_numpy(make.draw("text.ids", sum(lengths), 512.0).astype(int) + 512).reshape(3, -1) * 31
    image_hidden, image, text_hidden, text = run(model, pixels, ids)
    golden = {"image.feature": image, "text.feature": text,
              "image.sample": make.sample(image_hidden, [image_hidden[0].shape[1]] * n),
              "text.sample": make.sample(text_hidden, lengths), "text.ids": ids.int().flatten(),
              "text.starts": torch.tensor([0, *torch.tensor(lengths).cumsum(0)], dtype=torch.int32)}
    make.save_file({key: (value.float() if value.is_floating_point() else value).contiguous()
                    for key, value in golden.items()}, folder / "golden.safetensors")


def main() -> None:
    for name, config in TINY.items():
        make_tiny(name, config)
    make_siglip("oc_siglip", pathlib.Path(sys.argv[1]))


main()
