"""cir model list and check, and models by their names. Fetching them: model_pull_test.py."""
import hashlib
import json
import os
import shutil
import struct

import numpy
import pytest

from conftest import SOURCE, run_cir

NAME = "siglip-base-patch16-224"
DATA = SOURCE / "test" / "data"
FILES = {
    "config.json": DATA / "model/siglip/config.json",
    "preprocessor_config.json": DATA / "model/siglip/preprocessor_config.json",
    "spiece.model": DATA / "text/siglip/spiece.model",
    "model.safetensors": DATA / "model/siglip/weights_f16.safetensors",
}
WEIGHTS = "model.safetensors"


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("CIR_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def installed(models):
    """A model under a known name, with checksums, as cir model pull leaves it."""
    folder = models / NAME
    folder.mkdir(parents=True)
    for name, source in FILES.items():
        shutil.copy(source, folder / name)
    (folder / "tokenizer_config.json").write_text("{}")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


def test_an_installed_model_is_found_by_its_name(installed, models, tmp_path):
    listed = run_cir("model", "list", "--json").json
    assert listed["folder"] == str(models)
    assert {model["name"] for model in listed["models"] if model["installed"]} == {NAME}
    assert "yes" in run_cir("model", "list").out
    (tmp_path / "texts.txt").write_text("a castle\n")
    result = run_cir("encode", "--model", NAME, "--texts", tmp_path / "texts.txt", "-o", tmp_path / "out.npy", cwd=tmp_path)
    assert result.status == 0, result.err
    assert numpy.load(tmp_path / "out.npy").shape == (1, 48)
    assert run_cir("info", NAME, "--json").json["model"] == NAME
    assert run_cir("info", "google/" + NAME, "--json").json["model"] == NAME


def test_check_proves_an_installed_model(installed):
    result = run_cir("model", "check", NAME)
    assert result.status == 0, result.err
    assert "5 files have the checksums" in result.out
    weights = installed / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    result = run_cir("model", "check", installed)
    assert result.status == 1
    assert "model.safetensors: its checksum is" in result.err
    (installed / "SHA256SUMS").unlink()
    assert "is not the file that is known by this name" in run_cir("model", "check", NAME).out
    assert run_cir("model", "check", NAME, "--json").json["are_known_files"] is False
    other = installed.rename(installed.parent / "own-model")
    assert "cannot be verified" in run_cir("model", "check", "own-model").out
    other.rename(installed)
    data[-4000:] = b"\xff" * 4000  # no numbers
    weights.write_bytes(data)
    result = run_cir("model", "check", NAME)
    assert result.status == 1 and "not a number" in result.err
    assert run_cir("model", "check", "nowhere").status == 1


def test_check_does_not_leave_the_folder(installed, tmp_path):
    for line in ("0" * 64 + "  ../x\n", "0" * 64 + "  /etc/passwd\n", "nonsense\n", "0" * 64 + "  \n"):
        (installed / "SHA256SUMS").write_text(line)
        result = run_cir("model", "check", NAME)
        assert result.status == 1 and "line 1 is not a checksum and name" in result.err


# -- what bf16 and int8 lose --

def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    kinds = {"F16": "<f2", "F32": "<f4", "I64": "<i8"}
    return {name: numpy.frombuffer(data[8 + size:][slice(*item["data_offsets"])], kinds[item["dtype"]]).reshape(item["shape"])
            for name, item in header.items() if name != "__metadata__"}


def write_safetensors(path, tensors):
    header, blobs, at = {}, [], 0
    for name, tensor in tensors.items():
        kind = {"float32": "F32", "int64": "I64"}[str(tensor.dtype)]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        blobs.append(tensor.tobytes())
        at += tensor.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def add_outliers(tensors, n_channels, factor):
    """A few channels that are much larger than the others behind every layer norm, and made up for by the products
    that read them: the same function in f32, and what trained transformers are known to grow."""
    for name in list(tensors):
        for norm, products in (("layer_norm1", ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]), ("layer_norm2", ["mlp.fc1"])):
            if not name.endswith(f".{norm}.weight"):
                continue
            layer = name.removesuffix(f".{norm}.weight")
            channels = numpy.random.default_rng(1).permutation(tensors[name].shape[0])[:n_channels]
            for part in ("weight", "bias"):
                tensors[f"{layer}.{norm}.{part}"][channels] *= factor
            for product in products:
                tensors[f"{layer}.{product}.weight"][:, channels] /= factor
    return tensors


@pytest.fixture
def made(tmp_path):
    """A small model with f32 weights, and the same function with outlier channels."""
    folders = {}
    for name, factor in (("plain", 1), ("outliers", 50)):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        for file, source in FILES.items():
            shutil.copy(source, folders[name] / file)
        tensors = {key: value.astype(numpy.float32) if value.dtype.kind == "f" else value
                   for key, value in read_safetensors(FILES[WEIGHTS]).items()}
        write_safetensors(folders[name] / WEIGHTS, add_outliers(tensors, 3, factor))
    return folders


def losses(folder):
    result = run_cir("model", "check", folder, "--json")
    assert result.status == 0, result.err
    return {item["precision"]: item for item in result.json["precisions"]}


def test_check_measures_what_precisions_lose(made, tmp_path):
    """Against features that the program itself writes: the same function, so that f32 agrees and int8 does not."""
    (tmp_path / "texts").write_text("a castle\na red car\nsnow\n")
    features = {}
    for name, folder in made.items():
        out = tmp_path / f"{name}.npy"
        assert run_cir("encode", "--model", folder, "--precision", "f32", "--texts", tmp_path / "texts", "-o", out).status == 0
        features[name] = numpy.load(out)
    assert numpy.abs((features["plain"] * features["outliers"]).sum(1) - 1).max() < 1e-5
    plain, outliers = losses(made["plain"]), losses(made["outliers"])
    assert list(plain) == ["bf16", "int8"]
    for found in (*plain.values(), *outliers.values()):
        if found["supported"]:
            for kind in ("images", "texts"):
                assert -1 <= found[kind]["min"] <= found[kind]["median"] <= 1
            assert found["lossy"] == (min(found["images"]["min"], found["texts"]["min"]) < (0.99 if found["precision"] == "int8" else 0.999))
    if not plain["int8"]["supported"]:
        assert "no instructions" in run_cir("model", "check", made["plain"]).out
        return
    assert not plain["int8"]["lossy"] and plain["int8"]["images"]["min"] > 0.99
    assert outliers["int8"]["lossy"]
    assert outliers["int8"]["images"]["min"] < plain["int8"]["images"]["min"]
    text = run_cir("model", "check", made["outliers"]).out
    assert "int8 changes these weights' features much (below 0.99); use --precision" in text
    assert f"{outliers['int8']['texts']['min']:.5f}" in text
    assert "changes these weights" not in run_cir("model", "check", made["plain"]).out


def test_the_demo_encoder_is_checked_too():
    result = run_cir("model", "check", "demo", "--json").json
    assert result["model"] == "demo" and result["n_files_proved"] is None and result["n_images"] == 16


@pytest.mark.parametrize("arguments, says", [
    (["model"], "list, pull NAME or check DIR"),
    (["model", "pull"], "name one model"),
    (["model", "pull", "../evil"], "no such model"),
    (["model", "list", "x"], "takes no names"),
    (["model", "check"], "name one model"),
])
def test_wrong_usage_is_told(models, arguments, says):
    result = run_cir(*arguments)
    assert result.status == 2
    assert says in result.err
    assert not models.exists()


def test_no_name_leads_out_of_the_folder(models, tmp_path):
    (tmp_path / "models").mkdir()
    for name in ("..", ".", "", "x/y"):
        assert run_cir("info", name, cwd=tmp_path).status == 1
    assert run_cir("model", "list", env={"PATH": os.environ["PATH"]}).status == 1
