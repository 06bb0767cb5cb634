#!/usr/bin/env python3
"""Makes the goldens of SigLIP's tokenizer: what transformers and open_clip answer for the strings of strings.golden.

    make_siglip.py [T5_TOKENIZER_DIRECTORY]   (transformers 4.57, tokenizers 0.22, sentencepiece 0.2, open_clip_torch)

T5's vocabulary (8 minutes; without its directory only the small ones are made) has SigLIP's form: 32,000 pieces of a unigram model and the map nmt_nfkc. Writes beside itself:
    siglip/                spiece.model, 700 pieces trained on the captions below, with a map of a few hundred rules;
                           tokenizer.json, the same pieces with the steps of SiglipTokenizer written out; odd.json, with
                           other forms of all parts, and byte fallback
    bytes/spiece.model     as the former, with byte fallback, and white space in runs kept
    siglip_*.golden        ids of the first 1,500 strings, end token included, padding not; t5_*.golden of all of them
        spiece             SiglipTokenizer, spiece.model
        json               tokenizers, tokenizer.json (odd: odd.json)
        open_clip          open_clip's canonicalize_text, then tokenizer.json
    gemma/tokenizer.json   700 tokens of a byte-pair encoding with byte fallback, converted as transformers converts Gemma's,
                           with symbols of its own; gemma.golden are its ids of lower-cased texts, the way of SigLIP 2
    siglip_cut.golden      spiece, the last 26 strings cut at 64 tokens
"""
import json
import pathlib
import struct
import sys
import tempfile
import unicodedata

import sentencepiece
import transformers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import SiglipTokenizer
from transformers.convert_slow_tokenizer import convert_slow_tokenizer
from sentencepiece.sentencepiece_model_pb2 import ModelProto

HERE = pathlib.Path(__file__).resolve().parent
SHARE = HERE.parents[2] / "share"
SENTENCES = [f"a {how} of the {what} {where}" for how in ("photo", "painting", "sketch", "close up", "model")
             for what in ("castle", "dogs bowl", "red teapot", "old bicycle", "café", "übersee container", "照片", "собака",
                          "οδυσσεύς", "हिन्दी")
             for where in ("in winter", "at night", "on the kitchen table", "under water", "in 1984", "ﬁne", "🎉👍🏽")]
PUNCTUATION = r"""[!"\#\$%\&'\(\)\*\+,\-\./:;<=>\?@\[\\\]\^_`\{\|\}\~]"""


def read_strings() -> list[str]:
    data = (HERE / "strings.golden").read_bytes()
    n, at, texts = struct.unpack_from("<I", data)[0], 4, []
    for _ in range(n):
        size = struct.unpack_from("<H", data, at)[0]
        texts.append(data[at + 2:at + 2 + size].decode())
        at += 2 + size
    return texts


def write_ids(name: str, rows: list[list[int]]) -> None:
    packed = b"".join(struct.pack(f"<H{len(r)}H", len(r), *r) for r in rows)
    (HERE / f"{name}.golden").write_bytes(struct.pack("<I", len(rows)) + packed)


def write_rules(path: pathlib.Path) -> None:
    """Some of NFKC, and rules that share beginnings, so that longest and shortest differ."""
    sources = [chr(c) for c in (*range(0xff01, 0xff5f), *range(0xfb00, 0xfb07), *range(0x2000, 0x200b), 0x3000, 0xa0, 0x2122)]
    sources += [base + mark for base in "aeiouAEIOU" for mark in "\u0300\u0301\u0308"]
    rules = {source: unicodedata.normalize("NFKC", source) for source in sources}
    rules |= {"\t": " ", "\n": " ", "\r": " ", "\u200b": " ", "\u00ad": "", "ü": "u\u0308", "Ａ\u0301": "Á", "½": "1 2"}
    with path.open("w") as out:
        for source, target in sorted(rules.items()):
            out.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")


def train(folder: pathlib.Path, **more) -> None:
    if (folder / "spiece.model").exists():
        return  # other versions train other pieces: remove the folder for other goldens
    folder.mkdir(exist_ok=True)
    texts = SENTENCES + [line for name in ("objects", "styles") for line in (SHARE / f"{name}.txt").read_text().splitlines()]
    with tempfile.TemporaryDirectory() as scratch:
        write_rules(pathlib.Path(scratch) / "rules.tsv")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text.lower() for text in texts), model_prefix=f"{scratch}/spiece", vocab_size=700,
            model_type="unigram", normalization_rule_tsv=f"{scratch}/rules.tsv", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
            hard_vocab_limit=False, num_threads=1, minloglevel=2, character_coverage=0.999, **more)
        # The trainer notes the scratch folder's path: it is not kept.
        proto = ModelProto.FromString((pathlib.Path(scratch) / "spiece.model").read_bytes())
        proto.trainer_spec.model_prefix = "spiece"
        proto.normalizer_spec.normalization_rule_tsv = ""
        (folder / "spiece.model").write_bytes(proto.SerializeToString())


def make_tokenizer(folder: pathlib.Path, is_odd: bool) -> Tokenizer:
    proto = ModelProto.FromString((folder / "spiece.model").read_bytes())
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    if is_odd:
        pieces = [(text, score) for text, score in pieces if text != "a"] + [(f"<0x{byte:02X}>", -30.0) for byte in range(256)]
    tokenizer = Tokenizer(models.Unigram(pieces, 2, is_odd))
    charsmap = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="always")
    if is_odd:
        tokenizer.normalizer = normalizers.Sequence([
            charsmap, normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁"),
            normalizers.Replace("!", "?")])
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    else:
        tokenizer.normalizer = normalizers.Sequence([
            normalizers.Lowercase(), normalizers.Replace(Regex(PUNCTUATION), ""), normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(), charsmap])
        tokenizer.pre_tokenizer = metaspace
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    flags = dict(lstrip=is_odd, rstrip=is_odd, normalized=False, special=True)
    tokenizer.add_special_tokens([transformers.AddedToken(text, **flags) for text in ("<pad>", "</s>", "<unk>")])
    if is_odd:
        tokenizer.add_special_tokens([transformers.AddedToken(text, **flags) for text in ("<|endoftext|>", "'s")])
    return tokenizer


def make_gemma(folder: pathlib.Path) -> Tokenizer:
    if not (folder / "tokenizer.json").exists():
        folder.mkdir(exist_ok=True)
        texts = SENTENCES + [line for name in ("objects", "styles") for line in (SHARE / f"{name}.txt").read_text().splitlines()]
        with tempfile.TemporaryDirectory() as scratch:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(text.lower() for text in texts), model_prefix=f"{scratch}/tokenizer", vocab_size=700,
                model_type="bpe", normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False,
                pad_id=0, eos_id=1, bos_id=2, unk_id=3, byte_fallback=True, num_threads=1, minloglevel=2,
                allow_whitespace_only_pieces=True, split_digits=True, character_coverage=0.999,
                user_defined_symbols=["<mask>", "\n\n", "▁▁", "<table>", "'s"])
            slow = transformers.GemmaTokenizer(f"{scratch}/tokenizer.model", add_bos_token=False, add_eos_token=True)
            fast = transformers.GemmaTokenizerFast(tokenizer_object=convert_slow_tokenizer(slow), add_bos_token=False,
                                                   add_eos_token=True)
            fast.save_pretrained(scratch)
            root = json.loads((pathlib.Path(scratch) / "tokenizer.json").read_text())
        (folder / "tokenizer.json").write_text(json.dumps(root, ensure_ascii=False, separators=(",", ":")) + "\n")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), tokenizer.normalizer])
    return tokenizer


def main() -> None:
    transformers.logging.set_verbosity_error()
    texts = read_strings()
    few = texts[:1500]
    train(HERE / "siglip")
    train(HERE / "bytes", byte_fallback=True, remove_extra_whitespaces=False)
    spiece = SiglipTokenizer(str(HERE / "siglip" / "spiece.model"))
    write_ids("siglip_spiece", [spiece(text).input_ids for text in few])
    write_ids("siglip_cut", [spiece(text, truncation=True, max_length=64).input_ids for text in texts[-26:]])
    write_ids("siglip_bytes", [SiglipTokenizer(str(HERE / "bytes" / "spiece.model"))(text).input_ids for text in few])
    for name, golden in (("tokenizer", "siglip_json"), ("odd", "siglip_odd")):
        tokenizer = make_tokenizer(HERE / "siglip", name == "odd")
        path = HERE / "siglip" / f"{name}.json"
        path.write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")
        write_ids(golden, [tokenizer.encode(text).ids for text in few])
    gemma = make_gemma(HERE / "gemma")
    write_ids("gemma", [gemma.encode(text).ids for text in few])
    if len(sys.argv) < 2:
        return
    t5 = pathlib.Path(sys.argv[1])
    write_ids("t5_spiece", [SiglipTokenizer(str(t5 / "spiece.model"))(text).input_ids for text in texts])
    fast = Tokenizer.from_file(str(t5 / "tokenizer.json"))
    write_ids("t5_json", [fast.encode(text).ids for text in texts])


main()
