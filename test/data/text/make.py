#!/usr/bin/env python3
"""Makes the tokenizer's goldens: what transformers answers for strings of every kind.

    make.py CLIP_TOKENIZER_DIRECTORY        (needs transformers 4.57 and tokenizers 0.22; the tests need neither)

Writes beside itself:
    small/                 a byte-level BPE vocabulary in CLIP's form, trained on the sentences below and share/*.txt
    odd/tokenizer.json     the same with everything a file may vary: bytes that are missing, other added tokens, merges as
                           pairs, the newer pattern of words, an end token that is matched before normalising
    strings.golden         the strings: a 32-bit number of them, then each as a 16-bit length in bytes and the bytes; all
                           little-endian
    clip.golden small.golden odd.golden
                           ids of the strings from the first one on: number of them, then each as a 16-bit count and
                           16-bit ids, start and end token included
    cut.golden             the same for the last 26 strings, by CLIP, cut at 77 tokens
    ill_formed.golden      bytes that are not UTF-8, as strings.golden
    repaired.golden        what Python's decoder makes of them
and prints on how many strings the other tokenizers of transformers answer differently.
"""
import json
import pathlib
import random
import re
import struct
import sys
import tempfile
import unicodedata

import strings
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer, CLIPTokenizerFast

HERE = pathlib.Path(__file__).resolve().parent
SHARE = HERE.parents[2] / "share"
START, END = "<|startoftext|>", "<|endoftext|>"
SENTENCES = [f"a {how} of the {what} {where}" for how in ("photo", "painting", "sketch", "close-up", "model")
             for what in ("castle", "dog's bowl", "red teapot", "old bicycle", "café", "Übersee container", "照片", "собака")
             for where in ("in winter", "at night", "on the kitchen table", "under water", "in 1984!", "...", "🎉👍🏽")]


def train(n_merges: int) -> tuple[dict, list]:
    """A vocabulary as CLIP's is laid out: bytes, bytes that end a word, merges in order, the two special tokens."""
    alphabet = [c for _, c in sorted(byte_alphabet().items(), key=lambda pair: pair[1])]
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=n_merges + 600, end_of_word_suffix="</w>", initial_alphabet=alphabet,
                                  show_progress=False)
    texts = SENTENCES + [line for name in ("objects", "styles") for line in (SHARE / f"{name}.txt").read_text().splitlines()]
    # A line feed keeps words apart without becoming part of them, as a space would.
    tokenizer.train_from_iterator([text.replace(" ", "\n") for text in texts], trainer)
    merges = [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    merges = [pair for pair in merges if "Ċ" not in pair[0] + pair[1]][:n_merges]
    tokens = list(dict.fromkeys(alphabet + [c + "</w>" for c in alphabet] + ["".join(pair) for pair in merges] + [START, END]))
    return {token: i for i, token in enumerate(tokens)}, merges


def byte_alphabet() -> dict[int, str]:
    return transformers.models.clip.tokenization_clip.bytes_to_unicode()


def write_small(folder: pathlib.Path) -> None:
    if folder.exists():
        return  # training breaks ties at random: remove the folder for other goldens
    vocabulary, merges = train(500)
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as raw:
        (pathlib.Path(raw) / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
        (pathlib.Path(raw) / "merges.txt").write_text("#version: 0.2\n" + "\n".join(map(" ".join, merges)) + "\n")
        CLIPTokenizerFast.from_pretrained(raw).save_pretrained(folder)
    for extra in ("special_tokens_map.json", "tokenizer_config.json"):
        (folder / extra).unlink()
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False) + "\n")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(map(" ".join, merges)) + "\n")
    write_json(folder / "tokenizer.json", json.loads((folder / "tokenizer.json").read_text()))


def write_odd(folder: pathlib.Path, small: pathlib.Path) -> None:
    root = json.loads((small / "tokenizer.json").read_text())
    vocabulary = root["model"]["vocab"]
    needed = set("".join(part for pair in root["model"]["merges"] for part in pair))
    for byte, c in byte_alphabet().items():
        if c not in needed and byte % 3 == 0 and c != "!":
            del vocabulary[c]
            del vocabulary[c + "</w>"]
    vocabulary = root["model"]["vocab"] = {token: i for i, token in enumerate(vocabulary)}
    root["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = (
        r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "special": True}
    start, end = vocabulary[START], vocabulary[END]
    root["post_processor"].update(cls=[START, start], sep=[END, end])
    root["added_tokens"] = [
        {"id": vocabulary["!"], "content": "!", "normalized": False, **plain},
        {"id": start, "content": START, "normalized": True, **plain},
        {"id": end, "content": END, "normalized": False, **plain},
        {"id": end + 1, "content": "<É>", "normalized": True, **plain},
        {"id": end + 2, "content": "!!!", "normalized": False, **plain},
        {"id": end + 3, "content": "Photo", "normalized": False, "special": False, **{k: False for k in plain if k != "special"}},
    ]
    folder.mkdir(exist_ok=True)
    write_json(folder / "tokenizer.json", root)


def write_json(path: pathlib.Path, root: dict) -> None:
    path.write_text(json.dumps(root, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_strings(path: pathlib.Path, texts: list[bytes]) -> None:
    path.write_bytes(struct.pack("<I", len(texts)) + b"".join(struct.pack("<H", len(t)) + t for t in texts))


def write_ids(path: pathlib.Path, rows: list[list[int]]) -> None:
    path.write_bytes(struct.pack("<I", len(rows)) + b"".join(struct.pack(f"<H{len(r)}H", len(r), *r) for r in rows))


def ill_formed(seed: int, n: int) -> list[bytes]:
    """Bytes of every length class: heads without tails, tails without heads, overlong forms, surrogates, too large."""
    rng = random.Random(seed)
    edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
             0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff]
    fixed = [b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x80\x80\x80", b"\xc0\xaf", b"\xe2\x82", b"a\xf0\x9f\x98z", b"\xff\xfe"]
    return fixed + [bytes(rng.choices(edges, k=rng.randint(1, 12))) for _ in range(n)]


def is_known(c: str) -> bool:
    """False for the combining marks that the reference's own tables, of Unicode 9, put in another order."""
    if unicodedata.combining(c) == 0:
        return True
    nfc = normalizers.NFC().normalize_str
    return all(nfc(s) == unicodedata.normalize("NFC", s) for a in "\u0334\u0345\u0301\u0323" for s in ("!" + a + c, "!" + c + a))


def without_ftfy_differences(texts: list[str], fast: list[list[int]], directory: str) -> None:
    """Counts where CLIPTokenizer of transformers 4, without ftfy, answers differently, and why."""
    slow = CLIPTokenizer.from_pretrained(directory)
    reasons: dict[str, int] = {}
    for text, ids in zip(texts, fast):
        if slow(text).input_ids == ids:
            continue
        kinds = []
        if re.search("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ceaf\U0002f800-\U0002fa1f]", text):
            kinds.append("CJK ideographs")
        if any(unicodedata.category(c)[0] == "C" and c not in "\t\n\r\v\f\x85" or c in "\ufffd\x1c\x1d\x1e\x1f" for c in text):
            kinds.append("control, format, private, U+FFFD")
        if any(c in text for c in "\v\f\x85"):
            kinds.append("VT, FF, NEL")
        if "Σ" in text:
            kinds.append("final sigma")
        if "<|" in text:
            kinds.append("special token in capitals")
        if "ſ" in text or "\u0345" in text:
            kinds.append("long s, iota below: its pattern ignores case")
        kind = kinds[0] if kinds else "unexplained: " + ascii(text)[:120]
        reasons[kind] = reasons.get(kind, 0) + 1
    print(f"CLIPTokenizer of transformers {transformers.__version__} without ftfy differs on {sum(reasons.values())} of {len(texts)}:")
    for kind, n in sorted(reasons.items(), key=lambda pair: -pair[1]):
        print(f"    {n:5d} {kind}")


def main() -> None:
    transformers.logging.set_verbosity_error()
    directory = sys.argv[1]
    texts = strings.make(1, 4700, 600, is_known)
    write_strings(HERE / "strings.golden", [text.encode() for text in texts])
    damaged = ill_formed(2, 400)
    write_strings(HERE / "ill_formed.golden", damaged)
    write_strings(HERE / "repaired.golden", [text.decode(errors="replace").encode() for text in damaged])
    clip = CLIPTokenizerFast.from_pretrained(directory)
    rows = clip(texts).input_ids
    write_ids(HERE / "clip.golden", rows)
    write_ids(HERE / "cut.golden", clip([t for t in texts[-26:]], truncation=True, max_length=77).input_ids)
    write_small(HERE / "small")
    write_odd(HERE / "odd", HERE / "small")
    write_ids(HERE / "small.golden", CLIPTokenizerFast.from_pretrained(HERE / "small")(texts[:1500]).input_ids)
    odd = CLIPTokenizerFast(tokenizer_file=str(HERE / "odd" / "tokenizer.json"))._tokenizer
    write_ids(HERE / "odd.golden", [odd.encode(t).ids for t in texts[:1500]])
    print(f"{len(texts)} strings, {sum(map(len, rows))} ids")
    without_ftfy_differences(texts, rows, directory)


main()
