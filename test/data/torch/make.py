#!/usr/bin/env python3
"""Makes small checkpoints with torch.save, and with pickle and zipfile what torch.save never writes.

Usage: make.py   (needs torch 2, safetensors)

What is read: its tensors stand in expected.safetensors, as FILE/TENSOR. What is refused is named refused_*.
"""
import io
import os
import pathlib
import pickle
import zipfile

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
expected = {}


def save(name: str, tensors, is_expected: bool = True, **options) -> None:
    torch.save(tensors, HERE / f"{name}.bin", **options)
    if is_expected:
        for key, tensor in tensors.items():
            expected[f"{name}/{key}"] = tensor.detach().clone().contiguous()


def make_plain() -> dict:
    generator = torch.Generator().manual_seed(1)
    return {
        "f32": torch.randn(2, 3, generator=generator),
        "f16": torch.randn(5, generator=generator).half(),
        "bf16": torch.randn(1, 2, 2, generator=generator).bfloat16(),
        "f64": torch.randn(2, generator=generator).double(),
        "i64": torch.arange(3),
        "i32": torch.tensor(-70000, dtype=torch.int32),
        "u8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "none": torch.zeros(0, 4),
        "scalar": torch.tensor(2.5),
    }


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/this-must-never-be",)


def zip_again(name: str, data: bytes, to: str, compression=zipfile.ZIP_STORED, pickled=None, drop=()) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(HERE / f"{to}.bin", "w", compression) as new:
        for entry in old.namelist():
            if not entry.endswith(drop or ("\0",)):
                new.writestr(zipfile.ZipInfo(entry), pickled if pickled and entry.endswith("data.pkl") else old.read(entry), compression)


def main() -> None:
    for protocol in range(2, 6):
        save(f"protocol{protocol}", make_plain(), pickle_protocol=protocol)
    base = torch.arange(12.0)
    save("shared", {"whole": base.view(3, 4), "part": base[4:8], "one": base[11]})
    save("parameter", {"weight": torch.nn.Parameter(torch.ones(2, 2)), "fixed": torch.nn.Parameter(torch.zeros(1), requires_grad=False)})
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))
    save("module", module.state_dict())
    long = torch.arange(100.0)
    save("many", {f"layer.{i}": long[i:i + 1] for i in range(100)})  # more than 256 places of the memo
    save_file(expected, HERE / "expected.safetensors")

    save("refused_transposed", {"t": base.view(3, 4).t()}, False)
    save("refused_gaps", {"t": base[::2]}, False)
    save("refused_training", {"epoch": 3, "state_dict": make_plain()}, False)
    save("refused_list", [torch.zeros(1)], False)
    save("refused_module", module, False)
    save("refused_float8", {"t": torch.zeros(2).to(torch.float8_e4m3fn)}, False)
    save("refused_legacy", make_plain(), False, _use_new_zipfile_serialization=False)
    plain = (HERE / "protocol2.bin").read_bytes()
    for protocol in (2, 4):
        zip_again("protocol2", plain, f"refused_evil{protocol}", pickled=pickle.dumps({"t": Evil()}, protocol=protocol))
    zip_again("protocol2", plain, "refused_protocol0", pickled=pickle.dumps({"t": 1}, protocol=0))
    zip_again("protocol2", plain, "refused_compressed", zipfile.ZIP_DEFLATED)
    zip_again("protocol2", plain, "refused_without_storage", drop=("data/1",))
    zip_again("protocol2", plain, "refused_without_pickle", drop=("data.pkl",))
    zip_again("protocol2", plain, "again")  # read: by another program's hand, with 32-bit sizes
    for path in HERE.glob("*s"):
        path.chmod(0o644)


if __name__ == "__main__":
    main()
