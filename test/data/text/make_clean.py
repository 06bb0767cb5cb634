#!/usr/bin/env python3
"""Makes the goldens of open_clip's cleaning: what ftfy, html.unescape and open_clip's own tokenizer make of odd strings.

    make_clean.py [T5_TOKENIZER_DIRECTORY]    (needs ftfy 6.3, regex and tokenizers 0.22; the tests need none of them)

Writes beside itself, in the form that make.py describes:
    clean.golden        the strings, kind after kind
    cleaned.golden      the same, cleaned
    clean_ids.golden    ids by open_clip's rules over the vocabulary of small/
    gemma_open_clip.golden, siglip_open_clip.golden, t5_open_clip.golden
                        ids of strings.golden, cleaned and made canonical, by SigLIP's tokenizers
"""
import html
import json
import pathlib
import random
import re
import string
import struct
import sys
import unicodedata

import ftfy
import ftfy.bad_codecs  # noqa: F401 (the encodings that programs have, which assign every byte)
import regex
from tokenizers import Tokenizer, normalizers

HERE = pathlib.Path(__file__).resolve().parent
WORDS = {
    "en": "a red bicycle in the snow, the dog's bowl on a kitchen table at night — “quoted” words … it’s 20° warm £5 © naïve café",
    "fr": "une photo d'un château à l'été, « la forêt » où l'œuvre est né ; déjà vu ÉCOLE À PARIS ça coûte 5 € voilà l’hôtel",
    "de": "ein Mädchen über dem großen Fluß „Straße“ für Übersee ÄRGER ÖL größe schön",
    "pt": "São Paulo uma maçã e um avião NÃO É AÇÃO coração irmã IRMÃ você está às pão",
    "es": "el niño come piña ¿dónde está? ¡olé! AÑO ESPAÑA mañana ºª",
    "pl": "zażółć gęślą jaźń łódź Łódź ŚWIAT ćma",
    "cs": "příliš žluťoučký kůň úpěl ďábelské ódy Škoda ČESKO",
    "tr": "İstanbul'da güneşli bir gün ışık ŞEHİR çocuk ağaç",
    "vi": "một bức ảnh của con chó ở Hà Nội ĐÀ NẴNG phở Ấ",
    "ru": "красная собака ночью под снегом МОСКВА ёлка «слово»",
    "el": "ο σκύλος στη θάλασσα ΣΚΥΛΟΣ ΟΔΟΣ καλημέρα κόσμε",
    "ja": "夜の東京タワーの写真 カタカナ ｶﾞｷﾞ ﾊﾟﾝ ＡＢＣ １２３",
    "zh": "雪中的红色自行车 照片 中文，标点。（测试）",
    "ko": "밤의 서울 사진", "he": "כלב אדום בשלג", "ar": "كلب أحمر في الثلج",
    "signs": "🎉 👍🏽 👩‍👩‍👧 ♥ ™ ® © ½ ¾ × ÷ √ ∞ ≠ → ★ ☺ ﬁ ﬂ ﬀ ﬃ ﬆ ﬅ Ǆ ǆ Ĳ ĳ ŉ ① ² ³ º ª",
    "entities": "&amp; &lt;b&gt; &quot;x&quot; &eacute; &Eacute; &EACUTE; &nbsp; &copy; &#233; &#xe9; &#150; &#x80; &amp;amp; "
                "&amp;eacute; &hellip; &rsquo;s &ldquo;hi&rdquo; &euro;5 &notit; &not &copy2020 AT&T R&D &; &#; &#xD800; &#0; "
                "&#13; &frac12; &hearts; &AMP; &nGt; <b> <br/> a<b &#128512; &apos; &#39;",
    "wide": "ＦＵＬＬ ｗｉｄｔｈ　space １２３ ！？ ～ ￥ ｢｣ ･ ﾞ",
    "capitals": "CAFÉ— É” À’ Ü™ É® Å° Ê… ÉTÉ– Â« Ã» Î© Ð– Ñ• É“ Ù§ È± Ø³ Ä° Å¡",
}
CONTROLS = ["x\x07y", "z\x1b[31mred\x1b[0m", "\x1b[2J", "b\ufeffom", "\u206a", "\ufffc", "t\x7f", "\x1c", "\x1f", "\x85", "\u2028",
            "p\u2029q", "l\r\nm", "n\ro", "\x0b", "\x0c", "\u200b", "\u200e", "soft\xad", "\x1b[", "\x1b]0;t\x07", "\0"]
C1 = ["\x91q\x92", "\x93hi\x94", "5\x80", "\x96 dash", "\x85"]
WRONG = ["café", "naïve", "“quoted”", "it’s", "—", "…", "Zoë", "piñata", "über", "€5", "£5", "°", "©", "½", "ñ", "É", "voilà le",
         "à la carte", "🎉", "♥", "日本", "привет"]
LANGUAGES = ["en", "fr", "de", "pt", "es", "pl", "cs", "tr", "vi", "ru", "el", "ja", "zh", "ko", "he", "ar", "signs"]
ENCODINGS = (["sloppy-windows-1252"] * 6 + ["latin-1"] * 3 + [f"sloppy-windows-125{n}" for n in "10347"] +
             ["iso8859_2", "mac_roman", "cp437"])
DICE = random.Random(7)


def some(kind: str, n: int = 0) -> str:
    return " ".join(DICE.choice(WORDS[kind].split(" ")) for _ in range(n or DICE.randint(1, 6)))


def spoil(text: str, encoding: str = "", n_times: int = 1) -> str:
    encoding = encoding or DICE.choice(ENCODINGS)
    for _ in range(n_times):
        try:
            text = text.encode().decode(encoding)
        except UnicodeError:
            return text
    return text


def from_ranges(ranges: list, n: int) -> str:
    drawn = (chr(DICE.randint(*DICE.choice(ranges))) for _ in range(n))
    return "".join(c for c in drawn if unicodedata.category(c) not in ("Cs", "Cn"))


# (how many, how one is made)
KINDS = [
    (170, lambda: some(DICE.choice(LANGUAGES))),
    (90, lambda: some("en", 2) + " " + some("entities", 2) + " " + some(DICE.choice(["en", "fr", "el"]), 1)),
    (70, lambda: DICE.choice("‘“‛‟„‚ʼ") + some("en", 3) + DICE.choice("’”‟…") + " " + some("fr", 2)),
    (70, lambda: some("wide", 3) + " " + some("ja", 2)),
    (50, lambda: some("signs", 3) + " of" + DICE.choice(["ﬁce", "ﬂow", "ﬃce"])),
    (50, lambda: some("el", 3).upper() + " " + DICE.choice(["ΣΑΣ", "ὈΔΥΣΣΕΎΣ", "Σ", "ΑΣ.", "ΑΣ'Β"])),
    (200, lambda: spoil(some(DICE.choice(LANGUAGES)))),
    (90, lambda: some("en", 2) + " " + spoil(DICE.choice(WRONG), "sloppy-windows-1252") + " " + some("en", 1)),
    (70, lambda: some(DICE.choice(["en", "fr", "ja", "ru"]), 2) + " “" +
     spoil(DICE.choice(["café", "it’s", "Zoë", "…", "über", "—"]), "sloppy-windows-1252") + "” " + some("ja", 1)),
    (30, lambda: spoil(some(DICE.choice(["en", "fr", "de"])), "sloppy-windows-1252", 2)),
    (70, lambda: some("en", 1) + DICE.choice(CONTROLS) + " " + DICE.choice(CONTROLS) + some("en", 1)),
    (70, lambda: some("capitals", 1) + " " + some(DICE.choice(["en", "fr", "pt"]), 2).upper() + some("capitals", 1)),
    (30, lambda: DICE.choice(C1) + " " + DICE.choice(C1) + " " + some("en", 2)),
    (100, lambda: from_ranges([(32, 126), (0xA0, 0x17F), (0xC0, 0xFF), (0x2010, 0x2040), (0x400, 0x45F)], DICE.randint(1, 14))),
    (60, lambda: from_ranges([(1, 0x10FFFF)], DICE.randint(1, 8))),
]


def mend(text: str) -> str:
    return html.unescape(html.unescape(ftfy.fix_text(text)))


def clean(text: str) -> str:
    return " ".join(mend(text).split())


def canonical(text: str) -> str:
    text = mend(text).replace("_", " ").translate(str.maketrans("", "", string.punctuation))
    return " ".join(text.lower().split())


class Small:
    """open_clip's own tokenizer over the vocabulary of small/: lower case, a pattern without case, byte-pair encoding."""
    PATTERN = regex.compile(r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+", regex.IGNORECASE)

    def __init__(self):
        self.ids = json.loads((HERE / "small" / "vocab.json").read_text())
        lines = (HERE / "small" / "merges.txt").read_text().splitlines()
        self.ranks = {tuple(line.split()): i for i, line in enumerate(line for line in lines if not line.startswith("#version"))}
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [b for b in range(256) if b not in printable]
        self.letters = {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(others)}}
        self.special = {"<start_of_text>": self.ids["<|startoftext|>"], "<end_of_text>": self.ids["<|endoftext|>"]}

    def word(self, word: str) -> list[int]:
        if word in self.special:
            return [self.special[word]]
        parts = [self.letters[b] for b in word.encode()]
        parts[-1] += "</w>"
        while len(parts) > 1:
            rank, i = min((self.ranks.get(pair, 1 << 30), i) for i, pair in enumerate(zip(parts, parts[1:])))
            if rank == 1 << 30:
                break
            parts[i:i + 2] = [parts[i] + parts[i + 1]]
        return [self.ids[part] for part in parts]

    def encode(self, text: str) -> list[int]:
        inner = [i for word in self.PATTERN.findall(clean(text).lower()) for i in self.word(word)]
        return [self.special["<start_of_text>"], *inner, self.special["<end_of_text>"]]


def write(name: str, items: list[bytes], unit: int) -> None:
    data = struct.pack("<I", len(items)) + b"".join(struct.pack("<H", len(item) // unit) + item for item in items)
    (HERE / f"{name}.golden").write_bytes(data)


def write_ids(name: str, lists: list[list[int]]) -> None:
    write(name, [struct.pack(f"<{len(ids)}H", *ids) for ids in lists], 2)


def read_strings() -> list[str]:
    data, at, texts = (HERE / "strings.golden").read_bytes(), 4, []
    while at < len(data):
        n = struct.unpack_from("<H", data, at)[0]
        texts.append(data[at + 2:at + 2 + n].decode())
        at += 2 + n
    return texts


def main() -> None:
    texts = [make() for n, make in KINDS for _ in range(n)]
    texts += ["<start_of_text>a<end_of_text> b", "<|endoftext|>", "A<END_OF_TEXT>", "ſ 'ſ it'S ΌΔΟΣ", "", "  ", "K\u212a a"]
    write("clean", [text.encode() for text in texts], 1)
    write("cleaned", [clean(text).encode() for text in texts], 1)
    small = Small()
    write_ids("clean_ids", [small.encode(text) for text in texts])
    strings = read_strings()
    gemma = Tokenizer.from_file(str(HERE / "gemma" / "tokenizer.json"))
    gemma.normalizer = normalizers.Sequence([normalizers.Lowercase(), gemma.normalizer])
    write_ids("gemma_open_clip", [gemma.encode(canonical(text)).ids for text in strings[:1500]])
    plain = Tokenizer.from_file(str(HERE / "siglip" / "odd.json"))
    write_ids("siglip_open_clip", [plain.encode(canonical(text)).ids for text in strings[:1500]])
    if len(sys.argv) > 1:
        fast = Tokenizer.from_file(str(pathlib.Path(sys.argv[1]) / "tokenizer.json"))
        write_ids("t5_open_clip", [fast.encode(canonical(text)).ids for text in strings])


main()
