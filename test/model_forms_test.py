"""cir model pull: the forms that weights come in, what is known of models, ends and usage."""
import hashlib
import json
import os
import resource
import signal
import subprocess
import time

import pytest

import hub as hubs
from conftest import CIR, run_cir
from pulling import assert_pulled, assert_refused, DATA, FILES, hub, models, NAME, PINNED, pull, SIZE, wait_for, WEIGHTS  # noqa: F401, fixtures


# -- the forms that weights come in --

QUICK, OPEN_CLIP = DATA / "model/quick", DATA / "model/oc_quick"
CLIP_NAME, DFN_NAME = "clip-vit-base-patch16", "DFN2B-CLIP-ViT-B-16"  # their files may be anything, the first's with --revision


def clip_files(weights):
    names = ["config.json", "preprocessor_config.json", "vocab.json", "merges.txt"]
    return {name: (QUICK / name).read_bytes() for name in names} | {path.name: path.read_bytes() for path in weights}


@pytest.fixture
def clip_hub():
    hubs_made = []

    def make(files, repository=f"openai/{CLIP_NAME}"):
        hubs_made.append(hubs.Hub(repository, files))
        return hubs_made[-1]
    yield make
    for hub in hubs_made:
        hub.close()


def pull_clip(hub, *more):
    return pull(hub, "--revision", "main", *more, name=CLIP_NAME)


@pytest.mark.parametrize("weights", [sorted((QUICK / "sharded").iterdir()), [QUICK / "pytorch_model.bin"], sorted((QUICK / "torch_sharded").iterdir())],
                         ids=["shards", "pickle", "pickled shards"])
def test_weights_in_other_forms_are_fetched_whole(clip_hub, models, weights):
    files = clip_files(weights)
    hub = clip_hub(files)
    result = pull_clip(hub)
    assert result.status == 0, result.err
    assert {path.name for path in (models / CLIP_NAME).iterdir()} == {*files, "SHA256SUMS"}
    for name, data in files.items():
        assert (models / CLIP_NAME / name).read_bytes() == data
    sums = dict(reversed(line.split("  ")) for line in (models / CLIP_NAME / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert all(len(hub.asked("store", path.name)) == (path.suffix != ".json") for path in weights)  # each once
    assert f"{len(files)} files" in run_cir("model", "check", CLIP_NAME).out


def test_one_safetensors_file_is_taken_before_other_forms(clip_hub, models):
    hub = clip_hub(clip_files([QUICK / "pytorch_model.bin", *(QUICK / "sharded").iterdir()]))
    hub.files["model.safetensors"] = (QUICK / "weights_f16.safetensors").read_bytes()
    assert pull_clip(hub).status == 0
    assert not hub.asked(name="pytorch_model.bin") and not hub.asked(name="model.safetensors.index.json")


def test_open_clip_s_checkpoint_is_fetched_with_any_tokenizer(clip_hub, models):
    files = {name: (QUICK / name).read_bytes() for name in ("vocab.json", "merges.txt")}
    files |= {name: (OPEN_CLIP / name).read_bytes() for name in ("open_clip_config.json", "open_clip_pytorch_model.bin")}
    result = pull(clip_hub(files, f"apple/{DFN_NAME}"), name=DFN_NAME)
    assert result.status == 0, result.err
    assert {path.name for path in (models / DFN_NAME).iterdir()} == {*files, "SHA256SUMS"}


def test_a_lost_shard_is_continued(clip_hub, models):
    hub = clip_hub(clip_files(sorted((QUICK / "sharded").iterdir())))
    second = "model-00002-of-00004.safetensors"
    hub.scripts["store", second] = [hubs.cut(1000)]
    result = pull_clip(hub)
    assert result.status == 0, result.err
    assert hub.ranges("store", second) == [None, "bytes=1000-"]


def test_a_missing_shard_is_told(clip_hub, models):
    files = clip_files((QUICK / "sharded").iterdir())
    del files["model-00003-of-00004.safetensors"]
    assert_refused(pull_clip(clip_hub(files)), models, "404 EntryNotFound", "model-00003-of-00004.safetensors", name=CLIP_NAME)


@pytest.mark.parametrize("name", ["../x.safetensors", "/etc/x.safetensors", "a/x.safetensors", "config.json", "x y.safetensors", "x.safetensors?y.bin", ".x.bin", 3])
def test_an_index_leads_nowhere_else(clip_hub, models, name):
    files = clip_files([])
    files["model.safetensors.index.json"] = json.dumps({"weight_map": {"logit_scale": name}}).encode()
    hub = clip_hub(files)
    assert_refused(pull_clip(hub), models, "which is not a file of a model", name=CLIP_NAME)
    assert hub.asked(name="x.safetensors") == []


def test_shards_together_are_bounded(clip_hub, models):
    """Twice the model's size, 601 MB, for all of them: the first three tell 400 MB each."""
    hub = clip_hub(clip_files((QUICK / "sharded").iterdir()))
    hub.linked_size["model-00001-of-00004.safetensors"] = 5 << 30
    assert_refused(pull_clip(hub), models, "no such file has more than 1202000000", name=CLIP_NAME)


def test_a_checkpoint_that_would_run_something_is_not_installed(clip_hub, models):
    files = clip_files([])
    files["pytorch_model.bin"] = (DATA / "torch/refused_evil2.bin").read_bytes()
    assert_refused(pull_clip(clip_hub(files)), models, "names posix.system", name=CLIP_NAME)


def test_weights_that_are_nowhere_are_told(hub, models):
    del hub.files[WEIGHTS]
    assert_refused(pull(hub), models, "404 EntryNotFound", WEIGHTS)
    assert hub.asked("hub", "pytorch_model.bin")


def test_nothing_stands_for_a_file_whose_checksum_is_known(clip_hub, models):
    """The weights of SigLIP 2 are known by their checksum."""
    name = "siglip2-base-patch16-224"
    model = next(model for model in run_cir("model", "list", "--json").json["models"] if model["name"] == name)
    assert model["pinned"] == "weights"
    hub = clip_hub({**FILES, "tokenizer.json": b"{}"}, f"google/{name}")
    hub.revisions = {model["revision"]: model["revision"], "main": model["revision"]}
    result = pull(hub, name=name)
    assert result.status == 1 and "tokenizer.json" in result.err and "known" in result.err  # of other bytes
    assert (models / f"{name}.partial" / "config.json").read_bytes() == FILES["config.json"]  # known by the hub's word alone


def test_a_model_that_does_not_open_is_not_installed(hub, models):
    hub.files["config.json"] = FILES["config.json"].replace(b'"patch_size": 7', b'"patch_size": 8')
    assert_refused(pull(hub), models, WEIGHTS)


def test_a_pointer_in_place_of_the_weights_says_so(hub, models):
    hub.files[WEIGHTS] = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    assert_refused(pull(hub), models, "is a Git LFS pointer, not the weights")


# -- what is known --

@pytest.fixture
def pinned_hub():
    hub = hubs.Hub(f"google/{PINNED}", FILES)
    model = next(model for model in run_cir("model", "list", "--json").json["models"] if model["name"] == PINNED)
    hub.revisions = {model["revision"]: model["revision"], "main": hubs.COMMIT, hubs.COMMIT: hubs.COMMIT}
    yield hub
    hub.close()


def test_a_known_file_must_be_the_known_one(pinned_hub, models):
    result = pull(pinned_hub, name=PINNED)
    assert result.status == 1 and "config.json" in result.err and "known" in result.err
    assert not (models / PINNED).exists()


def test_a_hub_that_tells_of_another_file_than_the_known_is_refused_at_once(pinned_hub, models):
    pinned_hub.kept_apart.add("config.json")
    pinned_hub.linked_size["config.json"] = 432
    result = pull(pinned_hub, name=PINNED)
    assert result.status == 1 and "was changed there" in result.err and "--revision main" in result.err
    assert pinned_hub.asked("store") == []


def test_the_newest_is_taken_when_asked_for(pinned_hub, models):
    assert_pulled(pinned_hub, models, "--revision", "main", name=PINNED)


def test_a_mirror_without_the_commit_is_asked_for_main(pinned_hub, models):
    del pinned_hub.revisions[next(iter(pinned_hub.revisions))]
    assert pull(pinned_hub, name=PINNED).status == 1  # the bytes are others: the known checksum holds
    assert [path.split("/")[4] for _, _, path, _ in pinned_hub.requests if "/resolve/" in path][-1] == "main"


def test_the_list_says_what_is_known(models):
    listed = run_cir("model", "list", "--json").json["models"]
    sizes = [model["approximate_bytes"] for model in listed]
    assert listed[0]["name"] == "clip-vit-base-patch32" and sizes[0] < 700e6
    for model in listed:
        assert model["pinned"] in ("sha256", "weights", "commit", "not pinned")
        assert model["speed"] in ("fast", "medium", "slow", "very slow") and model["weights"].endswith((".safetensors", ".bin"))
        assert (model["revision"] is None) == (model["pinned"] == "not pinned")
        assert model["revision"] is None or len(model["revision"]) == 40
    assert {model["name"] for model in listed if model["pinned"] == "not pinned"} == {NAME, DFN_NAME, "DFN2B-CLIP-ViT-L-14", "DFN5B-CLIP-ViT-H-14-378"}
    assert sorted(sizes[1:]) == sizes[1:]  # the first is the one to begin with
    text = run_cir("model", "list").out
    assert "not pinned" in text and "sha256" in text


# -- ends --


def _slow(handler, name, data):
    """Comes in pieces of 20,000 bytes until the client goes away, ten a second."""
    status, headers, data = handler.find_part(data)
    handler.send_response(status)
    for key, value in headers.items():
        handler.send_header(key, value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    for i in range(0, len(data), 20_000):
        handler.wfile.write(data[i:i + 20_000])
        time.sleep(0.1)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_end_at_any_time_is_continued(hub, models, how):
    hub.scripts["store", WEIGHTS] = [_slow]
    process = subprocess.Popen([CIR, "model", "pull", NAME, "--from", hub.url], stderr=subprocess.PIPE)
    part = models / f"{NAME}.partial" / f"{WEIGHTS}.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 60_000)
    second = pull(hub)
    assert second.status == 1 and "another process" in second.err
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (-9 if how == signal.SIGKILL else 1), err
    begun = part.stat().st_size
    assert 0 < begun < SIZE
    assert not (models / NAME).exists()
    listed = next(model for model in run_cir("model", "list", "--json").json["models"] if model["name"] == NAME)
    assert not listed["installed"] and listed["begun"] and "in part" in run_cir("model", "list").out
    told = run_cir("encode", "--model", NAME, "--texts", os.devnull, "-o", models / "x.npy")
    assert "continue with: cir model pull" in told.err
    hub.requests.clear()
    assert_pulled(hub, models)
    assert hub.ranges("store", WEIGHTS) == [f"bytes={begun}-"]


def test_several_at_once_leave_one_whole_model(hub, models):
    hub.uses_of_signature = 9
    processes = [subprocess.Popen([CIR, "model", "pull", NAME, "--from", hub.url, "-q"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
                 for _ in range(4)]
    results = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert 0 in {code for _, code in results}
    for (_, err), code in results:
        assert code == 0 or b"another process" in err, err
    assert_pulled(hub, models)


def test_a_disk_that_is_full_is_told_and_continued(hub, models):
    """A limit on the size of files stands for it: no file system is at the test's disposal."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    assert_refused(pull(hub, preexec_fn=limit), models, "cannot be written", "make room and run it again")
    assert (models / f"{NAME}.partial" / f"{WEIGHTS}.part").stat().st_size == 100_000
    hub.requests.clear()
    assert_pulled(hub, models)
    assert hub.ranges("store", WEIGHTS) == ["bytes=100000-"]


def test_weights_of_more_than_twice_the_model_s_size_are_refused(hub, models):
    hub.linked_size[WEIGHTS] = 5 << 30
    assert_refused(pull(hub), models, "no such file has more than 5220000000")
    assert hub.asked("store", WEIGHTS) == []


# -- usage --

@pytest.mark.parametrize("arguments, says", [
    (["--from", "ftp://example.org"], "an http:// or https:// address"), (["--from", "https://me:word@example.org"], "without user"),
    (["--from", "https://example.org/?x"], "without user, ? and #"), (["--from", "nonsense"], "an http:// or https:// address"),
    (["--revision", "../x"], "--revision"), (["--revision", "a b"], "--revision"), (["--revision", ""], "--revision"), ([NAME], "name one model")])
def test_wrong_usage_is_told(models, arguments, says):
    result = run_cir("model", "pull", NAME, *arguments)
    assert result.status == 2 and says in result.err and "word@" not in result.err
    assert not models.exists()


@pytest.mark.parametrize("name, meant", [("clip-vit-base-path32", "clip-vit-base-patch32"), ("CLIP-ViT-B", "clip-vit-base-patch32"),
                                         ("siglip-so400m", "siglip-so400m-patch14-384"), ("openai/clip-vit-large-patch-14", "clip-vit-large-patch14")])
def test_a_near_name_is_guessed(models, name, meant):
    assert f"did you mean {meant}?" in run_cir("model", "pull", name).err
    assert f"did you mean {meant}?" in run_cir("info", name).err


@pytest.mark.parametrize("command", [["index", "{photos}", "-o", "{out}", "--model"], ["encode", "--images", "{photos}", "-o", "{out}", "--model"],
                                     ["search", "{index}", "-t", "x", "--model"], ["serve", "{index}", "--port", "0", "--model"],
                                     ["eval", "{photos}", "--model"], ["info"], ["model", "check"]])
def test_a_known_name_that_is_not_installed_says_how_to_fetch_it(models, index, photos, tmp_path, command):
    places = {"photos": photos, "index": index, "out": tmp_path / "out"}
    result = run_cir(*[part.format(**places) for part in command], "clip-vit-large-patch14")
    assert result.status == 1
    assert "clip-vit-large-patch14: is not installed yet; fetch it (1.7 GB) with: cir model pull clip-vit-large-patch14" in result.err
