"""Strings of every kind to try tokenizers with: seeded, so that the same ones come each time."""
import random
import unicodedata

WORDS = {
    "latin": "a photo of the old castle in winter sunset with vintage red leather handbag mug dog origami sculpture "
             "painting night street T-shirt Nikon DSLR iPhone Eiffel Tower Barack OBAMA McDonald rock'n'roll "
             "supercalifragilisticexpialidocious antidisestablishmentarianism xkcd qwrtzpsdfg",
    "accents": "Ångström café naïve Öl Übermut ŞİŞLİ Iğdır İstanbul ısı crème brûlée señor façade Zürich Kraków Łódź "
               "Đorđe Ægir straße STRASSE ẞ Việt Nam Nguyễn Hà Nội Čeština žluťoučký kůň ångström Ǆ ǅ ǆ ŉ ſ ﬁ ﬂ",
    "greek": "Οδυσσέας ΟΔΟΣ ΣΊΣΥΦΟΣ Ελλάδα ᾳ ᾼ Ὀδυσσεύς ἄνθρωπος ΑΣ Σ σς",
    "cyrillic": "Москва фотография собаки ЗИМА Ёлка Їжак Љубав Ғалым ѝ й",
    "armenian_georgian": "Հայաստան Երևան և საქართველო Თბილისი ᲗᲑᲘᲚᲘᲡᲘ",
    "hebrew_arabic": "שָׁלוֹם ירושלים مرحبا العالم صُورَة ١٢٣ ۴۵۶ فارسی‌نویسی ـــ ﷺ لا",
    "indic": "नमस्ते दुनिया हिन्दी क्षत्रिय १२३ বাংলা தமிழ் తెలుగు ಕನ್ನಡ മലയാളം ਪੰਜਾਬੀ ක්‍ෂ",
    "southeast": "สวัสดี ภาษาไทย ກຳ ខ្មែរ မြန်မာ བོད་ཡིག",
    "cjk": "照片 北京的冬天 日本語 東京タワー ひらがな カタカナ ｶﾀｶﾅ 한국어 서울 한국 ㈱ 漢字かな交じり文 𠮷野家 "
           "豈更 龍 ﾊﾝ 、。「」 １２３ ＡＢＣ",
    "african": "አማርኛ ⵜⴰⵎⴰⵣⵉⵖⵜ Ɓàŋkà Yorùbá ẹ̀kọ́ 𞤀𞤣𞤤𞤢𞤥",
}
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇬🇷", "🇯🇵🇫🇷", "❤️", "☃", "🧑🏿‍🚀", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👩‍❤️‍💋‍👨", "🫠", "✈︎", "🤷🏻‍♀️", "©", "™"]
ENTITIES = ["&amp;", "&lt;b&gt;", "&#39;", "&quot;", "&eacute;", "&amp;amp;", "&nbsp;", "&#x1F600;", "&notanentity;", "&"]
CONTRACTIONS = ["it's", "IT'S", "don't", "they're", "we've", "I'm", "she'll", "he'd", "'s", "''s", "'ſ", "rock 'n' roll",
                "o'clock", "'tis", "’s", "'S'T'RE", "y'all'd've", "'re've"]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", "\u1680", "\u202f", "\v\f"]
INVISIBLE = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u180e", "\u061c", "\U000e0041"]
CONTROL = [chr(c) for c in list(range(0, 32)) + [127] + list(range(0x80, 0xa0))]
SPECIALS = ["<|startoftext|>", "<|endoftext|>", "<|ENDOFTEXT|>", "<|StartOfText|>", "<|endoftext|", "<|start", "<|", "|>",
            "<|endoftext|><|endoftext|>", "<|unknown|>", "<|<|endoftext|>|>", "!<|ENDOFTEXT|>!!", "!!<|endoftext|>!!",
            "<|ENDOFTEXT|>!?", "<|ENDOFTEXT|>s", "<|endof\u0301text|>", "<|EndOfText|><|STARTOFTEXT|>'s"]
CODE = ["for (int i = 0; i < n; i++) { a[i] += 0x1F; }", "https://example.org/a/b?q=1&r=%C3%A9#x", "user@example.com",
        "#hashtag @mention RT: $9.99 50% 1,234.56 -3.14e-10", "C:\\path\\to\\file.txt", "<a href=\"x\">y</a>", "IMG_1234.JPG",
        "v1.2.3-beta+4", "a_b-c.d/e\\f|g", "¯\\_(ツ)_/¯", "½ ⅓ ² ³ ⅷ Ⅷ ① ٣ 𝟗", "...!!!???---***", "\"'`´‘’“”«»", "🅰🄰 ⓐ Ⓐ 𝒜 𝔸"]
MARKS = ["\u0301", "\u0300", "\u0323", "\u0308", "\u0327", "\u0345", "\u3099", "\u20dd", "\u0338", "\u0344", "\u1ab0"]
COMPOSING = ["e\u0301", "A\u030a", "o\u0302\u0323", "o\u0323\u0302", "\u1100\u1161\u11a8", "\uac00\u11a8", "か\u3099", "\u212b",
             "\u2126", "\u0958", "\u0344", "\u1e9b\u0323", "\ufb1d", "I\u0307", "i\u0307\u0323", "\u0130\u0301", "\u1fbe", "\u2000",
             "\u0374", "\u037e", "\u1e0b\u0323", "\u0041\u0328\u0301", "\U0001d15e", "\U000110ab", "\u09c7\u09be"]

REPEATED = ["a", "ab", "é", "照", "👍🏽", "!", "1", "'s", "e\u0301", "Σ", "the", "क्ष", "ha"]


def known(is_known) -> list[str]:
    """Every character of Python's Unicode version that is_known: newer ones may be unknown to the system's libraries."""
    characters = (chr(c) for c in range(0x110000))
    return [c for c in characters if unicodedata.category(c) not in ("Cn", "Cs", "Co") and is_known(c)]


def make(seed: int, n_mixed: int, n_random: int, is_known=lambda c: True) -> list[str]:
    """Distinct strings: the lists above and their forms, n_mixed of pieces, n_random of random characters, 26 long ones."""
    rng = random.Random(seed)
    characters = known(is_known)
    words = {kind: text.split() for kind, text in WORDS.items()}
    strings = ["", " ", "   \t\n ", "\u3000", "\u00a0\u00a0", "\0", "a", "A", "!", "'", "'s", "\ufffd", "\u200d"]
    strings += EMOJI + ENTITIES + CONTRACTIONS + SPECIALS + CODE + COMPOSING + MARKS
    strings += ["a" + s + "b" for s in SPACES + INVISIBLE + CONTROL + MARKS]
    strings += [s + t for s in SPECIALS for t in (" a", "A", " ", "'s", "é")] + [t + s for s in SPECIALS for t in ("a", "!", " ")]
    strings += [unicodedata.normalize(form, text) for text in WORDS.values() for form in ("NFC", "NFD", "NFKC", "NFKD")]
    strings += [change(text) for text in WORDS.values() for change in (str.upper, str.lower, str.title)]

    def piece() -> str:
        kind = rng.randrange(12)
        if kind < 5:
            word = rng.choice(words[rng.choice(list(words))])
            return rng.choice([str, str, str.upper, str.title, lambda w: unicodedata.normalize("NFD", w)])(word)
        if kind == 5:
            return rng.choice(words["latin"])
        if kind == 6:
            return "".join(rng.choice("0123456789.,:-/") for _ in range(rng.randint(1, 6)))
        if kind == 7:
            return "".join(rng.choice("!?.,;:'\"-_()[]{}@#$%^&*+=~|\\/<>") for _ in range(rng.randint(1, 5)))
        if kind == 8:
            return rng.choice(rng.choice([CONTROL, INVISIBLE, MARKS, COMPOSING]))
        if kind == 9:
            return rng.choice(characters)
        return rng.choice(rng.choice([EMOJI, ENTITIES, CONTRACTIONS, SPECIALS, CODE]))

    def mixed(n_pieces: int) -> str:
        return "".join(piece() + rng.choice(SPACES if rng.random() < 0.2 else [" ", " ", "", ""]) for _ in range(n_pieces))

    strings += [mixed(rng.randint(1, 7)) for _ in range(n_mixed)]
    for _ in range(n_random):
        top = rng.choice([0x80, 0x250, 0x3000, 0x11000, 0x110000])
        strings.append("".join(c for c in rng.choices(characters, k=rng.randint(1, 12)) if ord(c) < top))
    for unit in REPEATED:
        strings += [(unit * 2000)[:2000], mixed(400)[:2000]]
    return list(dict.fromkeys(strings))
