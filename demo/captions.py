"""Captions, and a small byte-level BPE vocabulary in CLIP's manner learnt from them."""
from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
from transformers import CLIPTokenizerFast

from conditions import CONDITIONS, plain
from scenes import Rng
from things import all_things

CONTEXT = 32
MERGES = 1400
START, END = "<|startoftext|>", "<|endoftext|>"
# As in CLIP: letters together, digits one by one, the rest together.
SPLIT = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+")

THING = ("{t}", "a {t}", "the {t}", "a photo of a {t}", "a picture of a {t}", "photo of a {t}", "one {t}")
CONDITION = ("{c}", "{c}", "{c}", "{c}", "a photo {c}", "something {c}", "a picture {c}", "an object {c}", "it is {c}")
BOTH = ("{t} {c}", "{c} {t}", "a {t} {c}", "a {t} {c}", "{c}, a {t}", "the {t} {c}", "a photo of a {t} {c}", "photo of a {t}, {c}", "a picture of the {t} {c}")
# Left out of a name when the hue was turned: the thing is no longer of that colour.
COLOURS = frozenset("red green blue yellow orange purple brown black white pink golden grey".split())


def without_colour(name: str) -> str:
    words = [w for w in name.split() if w not in COLOURS]
    return " ".join(words) or name


class Caption:
    """Kinds: 0 the thing alone, 1 the condition alone, 2 both."""

    def __init__(self, shares: tuple[float, float, float] = (0.2, 0.4, 0.4)) -> None:
        self.shares = shares

    def sample(self, rng: Rng, name: str, condition: int) -> tuple[str, int]:
        """A caption and its kind; `condition` is an index into CONDITIONS, -1 for none."""
        kind = int(rng.choice(3, p=self.shares))
        phrases = plain().phrases if condition < 0 else CONDITIONS[condition].phrases
        if condition < 0 and kind == 2 and rng.random() < 0.7:
            kind = 0  # most plain photos are simply called after what they show
        template = (THING, CONDITION, BOTH)[kind][int(rng.integers(len((THING, CONDITION, BOTH)[kind])))]
        return template.format(t=name, c=phrases[int(rng.integers(len(phrases)))]), kind


# --- vocabulary ----------------------------------------------------------------------------------

def byte_symbols() -> dict[int, str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in kept}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(kept))
    return table


def word_counts(extra: list[Path]) -> Counter[str]:
    """Caption words count most; other English words keep unknown words from falling into letters."""
    counts: Counter[str] = Counter()
    for thing in all_things():
        for word in SPLIT.findall(thing.name):
            counts[word] += 40
    for condition in (plain(), *CONDITIONS):
        for phrase in condition.phrases:
            for word in SPLIT.findall(phrase):
                counts[word] += 400
    for template in (*THING, *CONDITION, *BOTH):
        for word in SPLIT.findall(template.replace("{t}", "").replace("{c}", "")):
            counts[word] += 1000
    for code in (*range(0x2300, 0x2BFF), *range(0x1F300, 0x1FAFF)):
        for word in SPLIT.findall(unicodedata.name(chr(code), "").lower()):
            counts[word] += 1
    for path in extra:
        for word in SPLIT.findall(path.read_text(encoding="utf-8").lower()):
            counts[word] += 4
    return counts


def learn_merges(counts: Counter[str], number: int) -> list[tuple[str, str]]:
    symbols = byte_symbols()
    words: dict[tuple[str, ...], int] = {}
    for word, count in sorted(counts.items()):
        letters = [symbols[b] for b in word.encode("utf-8")]
        letters[-1] += "</w>"
        words[tuple(letters)] = words.get(tuple(letters), 0) + count
    merges: list[tuple[str, str]] = []
    while len(merges) < number:
        pairs: Counter[tuple[str, str]] = Counter()
        for letters, count in words.items():
            for pair in zip(letters, letters[1:]):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))  # ties in alphabetical order
        merges.append(best)
        words = {joined(letters, best): count for letters, count in words.items()}
    return merges


def joined(letters: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    i = 0
    while i < len(letters):
        if letters[i:i + 2] == pair:
            out.append(letters[i] + letters[i + 1])
            i += 2
        else:
            out.append(letters[i])
            i += 1
    return tuple(out)


def write_tokenizer(folder: Path, extra: list[Path]) -> CLIPTokenizerFast:
    """vocab.json and merges.txt as CLIP orders them, and the other files transformers derives."""
    folder.mkdir(parents=True, exist_ok=True)
    merges = learn_merges(word_counts(extra), MERGES)
    base = list(byte_symbols().values())
    tokens = [*base, *(b + "</w>" for b in base), *("".join(m) for m in merges), START, END]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")
    tokenizer = CLIPTokenizerFast(vocab_file=str(folder / "vocab.json"), merges_file=str(folder / "merges.txt"), model_max_length=CONTEXT)
    tokenizer.save_pretrained(folder)
    return CLIPTokenizerFast.from_pretrained(folder)


def encode(tokenizer: CLIPTokenizerFast, texts: list[str]) -> np.ndarray:
    """Token ids [n, longest], padded with the end token."""
    return np.asarray(tokenizer(texts, padding=True, truncation=True, max_length=CONTEXT)["input_ids"], dtype=np.int64)
