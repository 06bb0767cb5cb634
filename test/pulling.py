"""Pulling a model from a hub of the tests' own (hub.py), for the tests of cir model pull."""
import time

import pytest

import hub as hubs
from conftest import SOURCE, run_cir

NAME = "siglip-large-patch16-256"  # not pinned: its files may be anything
PINNED = "siglip-base-patch16-224"
DATA = SOURCE / "test" / "data"
FILES = {
    "config.json": (DATA / "model/siglip/config.json").read_bytes(),
    "preprocessor_config.json": (DATA / "model/siglip/preprocessor_config.json").read_bytes(),
    "tokenizer_config.json": b"{}",
    "spiece.model": (DATA / "text/siglip/spiece.model").read_bytes(),
    "model.safetensors": (DATA / "model/siglip/weights_f16.safetensors").read_bytes(),
}
WEIGHTS = "model.safetensors"
SIZE = len(FILES[WEIGHTS])


@pytest.fixture
def hub():
    hub = hubs.Hub(f"google/{NAME}", FILES)
    yield hub
    hub.close()


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("CIR_MODELS", str(tmp_path / "models"))
    for name in ("CIR_MODEL_URL", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "models"


def pull(hub, *more, name=NAME, quiet=True, **keywords):
    return run_cir("model", "pull", name, "--from", hub.url, *(["-q"] if quiet else []), *more, **keywords)


def assert_installed(models, name=NAME):
    assert {path.name for path in models.iterdir()} == {name}
    assert {path.name for path in (models / name).iterdir()} == {*FILES, "SHA256SUMS"}
    for file, data in FILES.items():
        assert (models / name / file).read_bytes() == data


def assert_pulled(hub, models, *more, **keywords):
    result = pull(hub, *more, **keywords)
    assert result.status == 0, result.err
    assert_installed(models, keywords.get("name", NAME))


def assert_refused(result, models, *says, name=NAME):
    assert result.status == 1, result.out
    assert result.err.startswith("cir: ") and result.err.count("\n") == 1
    for text in says:
        assert text in result.err, result.err
    assert "Signature" not in result.err  # signed addresses are not for logs
    assert not (models / name).exists()


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come to that")
