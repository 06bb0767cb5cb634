"""What min-normalisation divides by: below 0 in every case, the same from few images as from many, and said where it is
another encoder's."""
import json
import pathlib
import shutil
import sys

import numpy
import pytest
from PIL import Image

import method_reference
from conftest import draw_photo, run_cir

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "data" / "method"))
import make  # noqa: E402


def narrow_photos(folder, seed=0, n=30):
    """One scene, cropped and lit in many ways."""
    random = numpy.random.default_rng(seed)
    scene = draw_photo(seed, (160, 160))
    folder.mkdir()
    for i in range(n):
        x, y = (int(c) for c in random.integers(0, 24, 2))
        pixels = numpy.asarray(scene.crop((x, y, x + 136, y + 136))).astype(float)
        pixels = pixels * random.uniform(0.7, 1.2) + random.normal(0, 4, pixels.shape)
        Image.fromarray(numpy.clip(pixels, 0, 255).astype("uint8")).save(folder / f"{i}.jpg", quality=92)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """An index of one scene, and the mean feature of other pictures."""
    folder = tmp_path_factory.mktemp("narrow")
    narrow_photos(folder / "photos")
    (folder / "others").mkdir()
    for i in range(40):
        draw_photo(100 + i).save(folder / "others" / f"{i}.jpg")
    assert run_cir("encode", "--model", "demo", "-q", "-o", folder / "o.npy", "--images", folder / "others").status == 0
    numpy.save(folder / "mean.npy", numpy.load(folder / "o.npy").mean(0).astype("<f4"))
    assert run_cir("index", folder / "photos", "-o", folder / "i.cir", "-q").status == 0
    return folder


def search(folder, *more, text="at night"):
    result = run_cir("search", folder / "i.cir", "--image", folder / "photos" / "3.jpg", "--text", text, "-k", "40", "--json",
                     "-q", *more)
    assert result.status == 0, result.err
    return result.json


@pytest.mark.parametrize("mean", ["foreign", "index"])
def test_a_narrow_collection(narrow, mean):
    mean = f"image_mean={narrow / 'mean.npy' if mean == 'foreign' else 'index'}"
    reversals = 0
    for text in ("at night", "in the snow", "as a pencil sketch", "a dog", "on a stamp", "red"):
        answer = search(narrow, "--set", mean, text=text)
        assert answer["settings"]["min_image"] < 0 and answer["settings"]["min_text"] < 0
        hits = answer["hits"]
        image, words, score = (numpy.array([hit[key] for hit in hits]) for key in ("image_score", "text_score", "score"))
        assert image.max() - image.min() > 1e-3  # the photo has its say
        reversals += numpy.corrcoef(score, words)[0, 1] < -0.5
        if mean.endswith("mean.npy"):
            assert image.min() > 0 and words.max() > 0
    assert reversals == 0


def test_kept_minima_of_another_kind_are_not_read(narrow, tmp_path):
    """Those of versions that took the smallest similarity, and files with minima that are none."""
    index = tmp_path / "i.cir"
    shutil.copytree(narrow / "i.cir", index)
    shutil.copytree(narrow / "photos", tmp_path / "photos")
    setting = ["--set", f"image_mean={narrow / 'mean.npy'}"]
    before = search(tmp_path, *setting)["settings"]["min_image"]
    kept = list(index.rglob("minima-*.json"))
    assert kept
    for path in kept:
        document = json.loads(path.read_text())
        path.write_text(json.dumps(dict(document, image=0.4, text=0.3)))
    assert search(tmp_path, *setting)["settings"]["min_image"] == before


def test_minima_that_are_given(narrow):
    for value in ("0", "0.1", "-0", "1e-9"):
        for key in ("min_image", "min_text"):
            result = run_cir("search", narrow / "i.cir", "--text", "a", "--set", f"{key}={value}")
            assert result.status == 2 and "a number below 0, 'estimated' or 'auto'" in result.err
    settings = search(narrow, "--set", "min_image=-0.2", "--set", "min_text=-0.3")["settings"]
    assert (settings["min_image"], settings["min_text"]) == (-0.2, -0.3)


def minimum(left, right, is_same):
    """The definition of doc/method.md, from the matrix of similarities."""
    similarities = left @ right.T
    rows = [numpy.delete(row, i) if is_same else row for i, row in enumerate(similarities)]
    within = numpy.mean([row.var(ddof=1) for row in rows])
    between = numpy.mean([row.mean() ** 2 for row in rows]) - within / len(rows[0])
    return -(numpy.sqrt(within) + 3.09 * numpy.sqrt(max(between, 0)))


def evaluate(folder, *settings, status=0):
    words = [word for setting in settings for word in ("--set", setting)]
    result = run_cir("eval", "--features", folder, "--method", "basic-", "--json", "-", *words)
    assert result.status == status, result.err
    return result.json["methods"][0] if status == 0 else None, result.err


def write_features(folder, seed=3):
    make.write_features(folder, seed, 24, 5)
    for name in ("synthetic_image", "synthetic_text"):
        (folder / f"{name}.npy").unlink(missing_ok=True)


def test_estimated_from_features_as_numpy(tmp_path):
    """Fewer rows and terms than a full sample, so that all of them count."""
    folder = tmp_path / "f"
    write_features(folder)
    data = method_reference.load(folder)
    images = data["database_image"] - data["image_mean"]
    texts = data["corpus_objects"] - data["corpus_objects"].mean(0)
    assert len(images) <= 800 and len(texts) <= 200
    expected = {"min_image": minimum(images, images, True), "min_text": minimum(texts, images, False)}
    got, said = evaluate(folder, "min_image=estimated", "min_text=estimated")
    assert all(abs(got["settings"][key] - value) < 1e-5 for key, value in expected.items())
    assert "CLIP" not in said
    answer = method_reference.evaluate(data, "basic-", expected)
    assert numpy.allclose(got["AP"], answer["AP"], atol=1e-5)
    (folder / "corpus_objects.npy").unlink()
    assert "corpus_objects.npy is missing" in evaluate(folder, "min_image=estimated", "centre=0", "project=0", status=1)[1]


def test_the_papers_values_are_told(tmp_path):
    folder = tmp_path / "f"
    write_features(folder)
    for own_means in (False, True):
        if own_means:
            (folder / "image_mean.npy").unlink()
        got, said = evaluate(folder)
        assert (got["settings"]["min_image"], got["settings"]["min_text"]) == (-0.077, -0.117)
        assert "-0.077 and -0.117, which are CLIP ViT-L/14's" in said and "min_image=estimated" in said
    assert "CLIP" not in evaluate(folder, "min_image=-0.1", "min_text=-0.1")[1]
    assert "CLIP" not in evaluate(folder, "normalise=0")[1]


def test_synthetic_pairs_that_give_no_minimum_are_refused(tmp_path):
    folder = tmp_path / "f"
    write_features(folder)
    random = numpy.random.default_rng(1)
    alike = (numpy.eye(24)[0] * 3 + 0.05 * random.normal(size=(20, 24))).astype(numpy.float32)
    numpy.save(folder / "synthetic_image.npy", alike)
    numpy.save(folder / "synthetic_text.npy", alike[:5])
    numpy.save(folder / "image_mean.npy", numpy.zeros(24, numpy.float32))
    _, said = evaluate(folder, status=1)
    assert "not both below 0" in said and "min_image=estimated" in said
    got, _ = evaluate(folder, "min_image=estimated", "min_text=estimated")
    assert got["settings"]["min_image"] < 0 and got["settings"]["min_text"] < 0
