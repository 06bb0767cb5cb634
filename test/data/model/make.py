#!/usr/bin/env python3
"""Makes the goldens of src/model with transformers' CLIPModel and SiglipModel, in double precision.

Usage: make.py [tiny] [siglip] [vit_b32] [vit_l14]   (default: all; needs torch, transformers, safetensors, pillow)

tiny     two whole model directories (quick: QuickGELU; gelu: GELU, a picture that is no multiple of its patches, and
         the end token called 2), the first with its weights in f32, f16 and bf16. Weights are chosen so that the three
         hold the same numbers. Inputs, every hidden state and the features are in golden.safetensors.
siglip   two more (siglip; siglip_odd: features wider than its text tower, a picture that is no multiple of its patches,
         GELU without tanh), with the pieces of test/data/text/siglip.
vit_*    the real shapes. Their weights are hundreds of megabytes, so they are drawn by a counter-based generator that
         test/data/model/make.py and src/model/made_weights.c share; only features and some of the hidden states are
         kept.
"""
import json
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import (CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizerFast, SiglipConfig, SiglipImageProcessor,
                          SiglipModel, SiglipTokenizer)

HERE = pathlib.Path(__file__).resolve().parent
N_SAMPLED = 16  # first columns of a sampled row


# The generator: splitmix64 of a counter, seeded by the tensor's name.
def name_seed(name: str) -> int:
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    return seed


def draw(name: str, n: int, reach: float) -> np.ndarray:
    """n numbers of [-reach, reach) in steps of reach / 512: exact in f16 where reach is a power of two."""
    with np.errstate(over="ignore"):
        z = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(name_seed(name))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(54)).astype(np.float32) - 512) * np.float32(reach / 512)


def is_scale(name: str) -> bool:
    return ("norm" in name or "ln_" in name) and name.endswith("weight")


def weight_reach(name: str) -> float:
    """How far a tensor's numbers go: such that activations are neither flat nor explode."""
    if is_scale(name):
        return 0.5  # around 1
    if "fc2.weight" in name or "c_proj.weight" in name or "patch_embed" in name:
        return 2.0**-5
    if "class_embedding" in name:
        return 0.5
    return 2.0**-4


def draw_weights(model: CLIPModel) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in ("logit_scale", "logit_bias"):
                continue
            values = draw(name, parameter.numel(), weight_reach(name))
            if is_scale(name):
                values += 1
            parameter.copy_(torch.from_numpy(values).reshape(parameter.shape))


def unit(rows: torch.Tensor) -> torch.Tensor:
    return rows / rows.norm(dim=-1, keepdim=True)


def run(model: CLIPModel, pixels: torch.Tensor, texts: list[list[int]]):
    """Hidden states per layer and unit features of both towers; texts padded with their own last id."""
    torch.set_default_dtype(torch.float64)  # else transformers' causal mask overflows
    with torch.no_grad():
        vision = model.vision_model(pixel_values=pixels.double(), output_hidden_states=True)
        image = unit(model.visual_projection(vision.pooler_output))
        longest = max(map(len, texts))
        ids = torch.tensor([text + [text[-1]] * (longest - len(text)) for text in texts])
        text = model.text_model(input_ids=ids, output_hidden_states=True)
        feature = unit(model.text_projection(text.pooler_output))
    torch.set_default_dtype(torch.float32)
    return vision.hidden_states, image, text.hidden_states, feature


# The two tiny models.
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MERGES = ["a t</w>", "c at</w>", "r e", "re d</w>"]


def write_tokenizer(folder: pathlib.Path) -> CLIPTokenizerFast:
    words = list(LETTERS) + [letter + "</w>" for letter in LETTERS] + [merge.replace(" ", "") for merge in MERGES]
    words += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}) + "\n")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n")
    return CLIPTokenizerFast(vocab_file=str(folder / "vocab.json"), merges_file=str(folder / "merges.txt"))


TINY = {
    "quick": dict(image_size=28, patch_size=7, act="quick_gelu", dim=24, eos=57,
                  image=dict(hidden_size=48, intermediate_size=100, num_attention_heads=2),
                  text=dict(hidden_size=32, intermediate_size=72, num_attention_heads=4)),
    "gelu": dict(image_size=31, patch_size=7, act="gelu", dim=17, eos=2,
                 image=dict(hidden_size=33, intermediate_size=50, num_attention_heads=3),
                 text=dict(hidden_size=20, intermediate_size=41, num_attention_heads=1)),
}
TINY_WORDS = ["", "cat", "red cat", "a rat at bat", "zebra crossing the road in the rain at night"]


def draw_tiny(model, seed: int) -> None:
    """Numbers that are exact in bf16 and in f16."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            values = torch.randn_like(parameter) * (2.5 * parameter.shape[-1] ** -0.5 if parameter.dim() > 1 else 0.3)
            values[values.abs() < 2.0**-14] = 0
            parameter.copy_(values.bfloat16().float())
        for key, parameter in model.named_parameters():
            if is_scale(key):
                parameter.copy_((1 + parameter).bfloat16().float())


def write_weights(folder: pathlib.Path, model, kinds: dict) -> None:
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    for kind, dtype in kinds.items():
        converted = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
        for key, value in converted.items():
            assert torch.equal(value.to(state[key].dtype), state[key]), key
        save_file(converted, folder / f"weights_{kind}.safetensors", metadata={"format": "pt"})


def draw_picture(folder: pathlib.Path) -> Image.Image:
    pattern = np.random.default_rng(5).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    picture = Image.fromarray(pattern).resize((61, 45), Image.BICUBIC)
    picture.save(folder / "picture.png")
    return picture


def write_golden(folder: pathlib.Path, pixels, texts: list[list[int]], image_hidden, image, text_hidden, text) -> None:
    golden = {"image.input": pixels, "image.feature": image, "text.feature": text,
              "text.ids": torch.tensor(sum(texts, []), dtype=torch.int32),
              "text.starts": torch.tensor(np.cumsum([0] + [len(t) for t in texts]), dtype=torch.int32)}
    for i, hidden in enumerate(image_hidden):
        golden[f"image.hidden.{i}"] = hidden
    for i, hidden in enumerate(text_hidden):
        golden[f"text.hidden.{i}"] = hidden
    save_file({key: (value.float() if value.is_floating_point() else value).contiguous()
               for key, value in golden.items()}, folder / "golden.safetensors")


def make_tiny(name: str, facts: dict) -> None:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tokenizer = write_tokenizer(folder)
    config = CLIPConfig(
        projection_dim=facts["dim"],
        vision_config=dict(image_size=facts["image_size"], patch_size=facts["patch_size"], num_hidden_layers=3,
                           hidden_act=facts["act"], **facts["image"]),
        text_config=dict(vocab_size=60, max_position_embeddings=12, num_hidden_layers=3, hidden_act=facts["act"],
                         bos_token_id=56, eos_token_id=facts["eos"], pad_token_id=57, **facts["text"]))
    model = CLIPModel(config).eval()
    draw_tiny(model, len(name))
    write_weights(folder, model, {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16} if name == "quick"
                  else {"f16": torch.float16})
    config.architectures = ["CLIPModel"]
    (folder / "config.json").write_text(config.to_json_string())
    processor = CLIPImageProcessor(size={"shortest_edge": facts["image_size"]},
                                   crop_size={"height": facts["image_size"], "width": facts["image_size"]})
    (folder / "preprocessor_config.json").write_text(processor.to_json_string())

    picture = draw_picture(folder)
    pixels = torch.cat([torch.randn(2, 3, facts["image_size"], facts["image_size"]),
                        processor(picture, return_tensors="pt")["pixel_values"]])
    texts = [tokenizer(text, truncation=True, max_length=12)["input_ids"] for text in TINY_WORDS]
    texts.append([56, 3, 57, 4, 57])  # an end token within: the first one counts
    model.double()
    write_golden(folder, pixels, texts, *run(model, pixels, texts))
    (folder / "texts.json").write_text(json.dumps(TINY_WORDS) + "\n")


TINY_SIGLIP = {
    "siglip": dict(act="gelu_pytorch_tanh", image=dict(hidden_size=48, intermediate_size=100, num_attention_heads=3,
                                                       image_size=28, patch_size=7),
                   text=dict(hidden_size=48, intermediate_size=72, num_attention_heads=4)),
    "siglip_odd": dict(act="gelu", image=dict(hidden_size=33, intermediate_size=50, num_attention_heads=3, image_size=31,
                                              patch_size=7),
                       text=dict(hidden_size=20, intermediate_size=41, num_attention_heads=1, projection_size=33)),
}
SIGLIP_WORDS = ["", "Castle", "a photo, of the castle in winter", "café at night!", "a painting of an old bicycle " * 3]


def watch_layers(layers) -> list[torch.Tensor]:
    """Filled with what enters each layer, and what leaves the last one, when they next run."""
    seen: list[torch.Tensor] = []
    for layer in layers:
        layer.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    layers[-1].register_forward_hook(lambda _, args, out: seen.append(out[0] if isinstance(out, tuple) else out))
    return seen


def run_siglip(model: SiglipModel, pixels: torch.Tensor, texts: list[list[int]]):
    image_hidden = watch_layers(model.vision_model.encoder.layers)
    text_hidden = watch_layers(model.text_model.encoder.layers)
    with torch.no_grad():
        image = unit(model.vision_model(pixel_values=pixels.double()).pooler_output)
        text = unit(model.text_model(input_ids=torch.tensor(texts)).pooler_output)
    return image_hidden, image, text_hidden, text


def make_siglip(name: str, facts: dict) -> None:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tokenizer = SiglipTokenizer(str(HERE.parent / "text" / "siglip" / "spiece.model"), model_max_length=16)
    config = SiglipConfig(
        vision_config=dict(num_hidden_layers=3, hidden_act=facts["act"], **facts["image"]),
        text_config=dict(vocab_size=720, max_position_embeddings=16, num_hidden_layers=3, hidden_act=facts["act"],
                         **facts["text"]))
    model = SiglipModel(config).eval()
    draw_tiny(model, len(name))
    write_weights(folder, model, {"f16": torch.float16})
    config.architectures = ["SiglipModel"]
    (folder / "config.json").write_text(config.to_json_string())
    side = facts["image"]["image_size"]
    processor = SiglipImageProcessor(size={"height": side, "width": side})
    (folder / "preprocessor_config.json").write_text(processor.to_json_string())
    picture = draw_picture(folder)
    pixels = torch.cat([torch.randn(2, 3, side, side), processor(picture, return_tensors="pt")["pixel_values"]])
    texts = [tokenizer(text, truncation=True, max_length=16, padding="max_length")["input_ids"] for text in SIGLIP_WORDS]
    model.double()
    write_golden(folder, pixels, texts, *run_siglip(model, pixels, texts))
    (folder / "texts.json").write_text(json.dumps(SIGLIP_WORDS) + "\n")


# The real shapes.
SHAPES = {
    "vit_b32": dict(projection_dim=512, vision_config={},
                    text_config=dict(eos_token_id=2)),
    "vit_l14": dict(projection_dim=768,
                    vision_config=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24,
                                       num_attention_heads=16, patch_size=14),
                    text_config=dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, eos_token_id=2)),
}


def sample(hidden: tuple, lengths: list[int]) -> torch.Tensor:
    """First and last row of the first and of the last sequence, first columns: [n_layers + 1, 4, N_SAMPLED]."""
    rows = [(0, 0), (0, lengths[0] - 1), (len(lengths) - 1, 0), (len(lengths) - 1, lengths[-1] - 1)]
    return torch.stack([torch.stack([layer[s, t, :N_SAMPLED] for s, t in rows]) for layer in hidden])


def make_shape(name: str, facts: dict) -> None:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    config = CLIPConfig(**facts)
    config.architectures = ["CLIPModel"]
    (folder / "config.json").write_text(config.to_json_string())
    model = CLIPModel(config).eval()
    draw_weights(model)
    model.double()
    side = config.vision_config.image_size
    n_images = 2
    pixels = torch.from_numpy(draw("image.input", n_images * 3 * side * side, 2.0)).reshape(n_images, 3, side, side)
    top = config.text_config.vocab_size - 1
    lengths = [9, 2, 77, 31]
    draws = draw("text.ids", sum(lengths), 512.0).astype(int) + 512  # [0, 1024)
    texts, at = [], 0
    for length in lengths:
        texts.append([top - 1] + [int(k) * 48 for k in draws[at:at + length - 2]] + [top])
        at += length
    image_hidden, image, text_hidden, text = run(model, pixels, texts)
    n_tokens = image_hidden[0].shape[1]
    golden = {"image.feature": image, "text.feature": text,
              "image.sample": sample(image_hidden, [n_tokens] * n_images), "text.sample": sample(text_hidden, lengths),
              "text.ids": torch.tensor(sum(texts, []), dtype=torch.int32),
              "text.starts": torch.tensor(np.cumsum([0] + lengths), dtype=torch.int32)}
    save_file({key: (value.float() if value.is_floating_point() else value).contiguous()
               for key, value in golden.items()}, folder / "golden.safetensors")


def main() -> None:
    wanted = sys.argv[1:] or ["tiny", "siglip", *SHAPES]
    if "tiny" in wanted:
        for name, facts in TINY.items():
            make_tiny(name, facts)
    if "siglip" in wanted:
        for name, facts in TINY_SIGLIP.items():
            make_siglip(name, facts)
    for name in SHAPES:
        if name in wanted:
            make_shape(name, SHAPES[name])


if __name__ == "__main__":
    main()
