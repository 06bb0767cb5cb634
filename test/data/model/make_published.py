#!/usr/bin/env python3
"""Saves the tiny model quick (make.py) in the other forms that model hubs serve weights in.

Usage: make_published.py   (needs torch, transformers, safetensors)

sharded          the float16 weights in several safetensors files and their index, as transformers' save_pretrained writes them
torch_sharded    the same, pickled
pytorch_model.bin, oc_quick/open_clip_pytorch_model.bin
                 the float16 weights as torch.save writes a state dict
"""
import pathlib

import torch
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel

HERE = pathlib.Path(__file__).resolve().parent


def load() -> CLIPModel:
    model = CLIPModel(CLIPConfig.from_pretrained(HERE / "quick")).half()
    missing, unexpected = model.load_state_dict(load_file(HERE / "quick" / "weights_f16.safetensors"), strict=False)
    assert not unexpected and all(name.endswith("position_ids") or name == "logit_scale" for name in missing), (missing, unexpected)
    return model


def make_sharded() -> None:
    folder = HERE / "quick" / "sharded"
    load().save_pretrained(folder, max_shard_size="60KB")
    (folder / "config.json").unlink()  # quick's own stands beside


def make_pickled() -> None:
    folder = HERE / "quick" / "torch_sharded"
    load().save_pretrained(folder, max_shard_size="120KB", safe_serialization=False)
    (folder / "config.json").unlink()
    torch.save(load().state_dict(), HERE / "quick" / "pytorch_model.bin")
    torch.save(load_file(HERE / "oc_quick" / "weights_f16.safetensors"), HERE / "oc_quick" / "open_clip_pytorch_model.bin")


if __name__ == "__main__":
    torch.manual_seed(1)
    make_sharded()
    make_pickled()
