"""The API as programs use it: every path, every answer held against the description that the server itself gives."""
import concurrent.futures
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import numpy
import pytest
from PIL import Image

from conftest import draw_photo, run_cir
from serving import Events, Server, multipart, serving, write_token

jsonschema = pytest.importorskip("jsonschema")

OPENAPI = None  # as the server serves it
SEEN = []       # by all servers of this file


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Photos of two folders, with times and shapes, a near-duplicate and a bad file, and their index."""
    base = tmp_path_factory.mktemp("serve")
    (base / "photos/rome").mkdir(parents=True)
    (base / "photos/oslo").mkdir()
    for i in range(24):
        exif = Image.Exif()
        exif[0x8769] = {0x9003: f"20{10 + i // 2}:0{1 + i % 9}:15 12:00:00"}
        exif[0x10f], exif[0x110] = [("Canon", "Canon EOS R5"), ("ACME (Ltd)", "Nine"), ("", "")][i % 3]
        size = [(96, 80), (80, 96), (88, 88)][i % 3]
        draw_photo(i, size).save(base / "photos" / ("rome" if i < 8 else "oslo") / f"{i:02}.jpg", quality=92, exif=exif)
    Image.open(base / "photos/rome/03.jpg").resize((72, 72)).save(base / "photos/oslo/again.jpg", quality=85)
    (base / "photos/oslo/bad.jpg").write_bytes(b"\xff\xd8\xff not a photo")
    made = run_cir("index", base / "photos", "-o", base / "photos.cir", "-q")
    assert made.status == 0, made.err
    return base


@pytest.fixture(scope="module")
def server(place):
    with serving(place / "photos.cir", "--max-upload", "1", "--max-megapixels", "2") as server:
        server.wait_ready()
        global OPENAPI
        OPENAPI = server.get("/v1/openapi.json").json
        yield server
        SEEN.extend(server.seen)


def id_of(server, name):
    for image in server.get("/v1/images?limit=1000").json["images"]:
        if image["path"].endswith(name):
            return image["id"]
    raise AssertionError(name)


def ids(answer):
    assert answer.status == 200, answer.body
    return [hit["id"] for hit in answer.json["hits"]]


def jpeg(image):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return out.getvalue()


# -- search --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, query", [
    ([], {}),
    (["-m", "basic"], {"method": "basic"}),
    (["-m", "product"], {"method": "product"}),
    (["-m", "weicom", "--set", "weight=0.3"], {"method": "weicom", "settings": {"weight": 0.3}}),
    (["-m", "freedom-"], {"method": "freedom-"}),
    (["--set", "lambda=0.02", "--set", "context=10"], {"settings": {"lambda": "0.02", "context": 10}}),
    (["--set", "variant=reference", "--set", "fuse=product"], {"settings": {"variant": "reference", "fuse": "product"}}),
])
def test_search_answers_as_the_program_does(server, place, options, query):
    program = run_cir("search", place / "photos.cir", "--image", "5", "--text", "at night", "-k", "9", "--explain", "--json",
                      *options).json
    answer = server.search({"image": {"id": 5}, "text": "at night", "k": 9, "explain": True, **query}).json
    assert [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in program["hits"]]
    for ours, theirs in zip(answer["hits"], program["hits"]):
        for key, value in theirs.items():
            if key != "path":
                assert ours[key] == pytest.approx(value, rel=1e-6, abs=1e-6), key
    for key in ("model", "model_fingerprint", "method", "n_images"):
        assert answer[key] == program[key]
    assert answer["settings"] == pytest.approx(program["settings"]) or answer["settings"] == program["settings"]


def test_words_or_a_photo_alone(server, place):
    words = server.search({"text": "red", "k": 5})
    assert words.json["fusion"]["kind"] == "text"
    assert ids(words) == [h["id"] for h in run_cir("search", place / "photos.cir", "--text", "red", "-k", "5", "--json").json["hits"]]
    photo = server.search({"image": {"id": 3}, "k": 1})
    assert photo.json["fusion"]["kind"] == "image"
    assert ids(photo) == [3]
    assert ids(server.search({"image": {"id": 3}, "text": "  ", "k": 1})) == [3]


def test_an_upload_is_found_and_its_name_stands_for_it(server):
    content = jpeg(draw_photo(7, (80, 96)))
    first = server.search({"text": "red", "k": 4}, image=content)
    name = first.json["upload"]
    assert first.json["query"] == {"image": f"upload:{name}", "text": "red"}
    assert "photographs" in first.json["model_hint"] and server.get("/v1/index").json["model"]["hint"] == first.json["model_hint"]
    assert name == hashlib.sha256(content).hexdigest()
    again = server.search({"image": {"upload": name}, "text": "red", "k": 4})
    assert again.json["hits"] == first.json["hits"]
    assert again.json["ms"] == first.json["ms"], "the very answer is kept"
    alone = server.search(image=content)
    assert pathlib.Path(alone.json["hits"][0]["path"]).name == "07.jpg"


def test_another_lambda_encodes_nothing(server):
    first = server.search({"text": "seldom asked"}, image=jpeg(draw_photo(50))).json
    name, encoding_ms = first["upload"], first["ms"]["encode"]
    encoded = server.search({"image": {"upload": name}, "text": "seldom asked", "settings": {"lambda": 0.2}, "k": 7}).json
    assert encoded["ms"]["encode"] < encoding_ms / 4
    assert encoded["settings"]["lambda"] == 0.2
    fresh = server.search({"image": {"upload": name}, "text": "seldom asked", "settings": {"lambda": 0.2}, "method": "basic", "k": 7}).json
    assert fresh["ms"]["encode"] < encoding_ms / 4, "both forms of BASIC share what they know"
    assert fresh["settings"]["expand"] == 1


def test_a_crop_is_the_picture_of_the_part(server):
    left, right = draw_photo(4, (80, 96)), draw_photo(9, (96, 80)).resize((80, 96))
    both = Image.new("RGB", (160, 96))
    both.paste(left, (0, 0))
    both.paste(right, (80, 0))
    out = io.BytesIO()
    both.save(out, "PNG")
    whole = server.search(image=out.getvalue())
    assert whole.status == 200
    cropped = server.search({"image": {"upload": whole.json["upload"]}, "crop": [0, 0, 0.5, 1], "k": 1}).json
    part = io.BytesIO()
    left.save(part, "PNG")
    assert cropped["hits"] == server.search({"k": 1}, image=part.getvalue()).json["hits"]
    by_id = server.search({"image": {"id": id_of(server, "04.jpg")}, "crop": [0, 0, 1, 1], "k": 1}).json
    assert by_id["hits"][0]["id"] == id_of(server, "04.jpg")


def test_pages_of_an_answer_join(server):
    query = {"image": {"id": 2}, "text": "blue"}
    whole = ids(server.search({**query, "k": 25}))
    assert len(whole) == 25 and len(set(whole)) == 25
    parts = [ids(server.search({**query, "k": 7, "offset": offset})) for offset in (0, 7, 14, 21, 28)]
    assert sum(parts, []) == whole
    assert [h["rank"] for h in server.search({**query, "k": 7, "offset": 7}).json["hits"]] == list(range(8, 15))
    folded = ids(server.search({**query, "k": 25, "fold_duplicates": True}))
    parts = [ids(server.search({**query, "k": 6, "offset": offset, "fold_duplicates": True})) for offset in range(0, 30, 6)]
    assert sum(parts, []) == folded


def test_near_duplicates_are_folded(server, place):
    vectors = numpy.load(next((place / "photos.cir/features").glob("*/vectors.npy"))).astype(numpy.float32)
    cosines = vectors @ vectors.T
    plain = server.search({"image": {"id": id_of(server, "rome/03.jpg")}, "k": 1000}).json["hits"]
    expected = {}  # by the description: each joins the first before it that it is the same as
    for hit in plain:
        same = next((i for i in expected if cosines[i, hit["id"]] >= 0.97), None)
        expected.setdefault(hit["id"] if same is None else same, []).append(hit["id"])
    folded = server.search({"image": {"id": id_of(server, "rome/03.jpg")}, "k": 1000, "fold_duplicates": True}).json["hits"]
    assert {hit["id"]: [hit["id"], *hit["duplicates"]] for hit in folded} == expected
    assert all(hit["n_duplicates"] == len(hit["duplicates"]) for hit in folded)
    assert any(hit["n_duplicates"] > 0 for hit in folded)


@pytest.mark.parametrize("filters, fits", [
    ({"folder": "rome"}, lambda i: "/rome/" in i["path"]),
    ({"after": "2015-01-01"}, lambda i: i["taken_at"] is not None and i["taken_at"] >= "2015"),
    ({"before": "2012-02-15"}, lambda i: i["taken_at"] is not None and i["taken_at"][:10] <= "2012-02-15"),
    ({"after": "2012-01-15", "before": "2016-08-15"}, lambda i: i["taken_at"] is not None and "2012-01-15" <= i["taken_at"][:10] <= "2016-08-15"),
    ({"orientation": "landscape"}, lambda i: i["width"] > i["height"]),
    ({"orientation": "portrait"}, lambda i: i["width"] < i["height"]),
    ({"orientation": "square"}, lambda i: i["width"] == i["height"]),
    ({"folder": "oslo", "orientation": "portrait", "after": "2018-01-01"},
     lambda i: "/oslo/" in i["path"] and i["width"] < i["height"] and (i["taken_at"] or "") >= "2018"),
    ({"folder": "ro"}, lambda i: False),
])
def test_filters(server, place, filters, fits):
    if "folder" in filters:
        filters = {**filters, "folder": str(place / "photos" / filters["folder"])}
    everything = server.get("/v1/images?limit=1000").json["images"]
    wanted = {i["id"] for i in everything if fits(i)}
    answer = server.search({"text": "a circle", "k": 1000, "filters": filters})
    assert set(ids(answer)) == wanted
    assert answer.json["n_matching"] == len(wanted)
    listed = server.get("/v1/images?limit=1000&" + "&".join(f"{k}={v}" for k, v in filters.items())).json
    assert {i["id"] for i in listed["images"]} == wanted and listed["n"] == len(wanted)
    # The best of those that fit, in the order that all have.
    order = [i for i in ids(server.search({"text": "a circle", "k": 1000})) if i in wanted]
    assert ids(answer) == order


def test_ranks_and_scatter_tell_the_same_story(server):
    answer = server.search({"image": {"id": 1}, "text": "green", "k": 5, "explain": True, "scatter": 50000, "settings": {"fuse": "product", "normalise": 0}}).json
    scatter = answer["scatter"]
    assert sorted(scatter["ids"]) == list(range(len(scatter["ids"]))) or len(scatter["ids"]) == answer["n_matching"]
    at = {i: n for n, i in enumerate(scatter["ids"])}
    assert len(at) == answer["n_matching"] == answer["n_images"]
    for hit in answer["hits"]:
        assert scatter["image"][at[hit["id"]]] == pytest.approx(hit["image_score"], rel=1e-5)
        assert scatter["text"][at[hit["id"]]] == pytest.approx(hit["text_score"], rel=1e-5)
        assert hit["score"] == pytest.approx(hit["image_score"] * hit["text_score"], rel=1e-4)
        if hit["image_score"] > 0:
            assert hit["image_rank"] == 1 + sum(v > scatter["image"][at[hit["id"]]] for v in scatter["image"])
    few = server.search({"image": {"id": 1}, "text": "green", "k": 3, "scatter": 10}).json
    assert len(few["scatter"]["ids"]) == 10 == len(set(few["scatter"]["ids"]))
    assert {h["id"] for h in few["hits"]} <= set(few["scatter"]["ids"])
    assert server.search({"text": "green", "scatter": 10}).json["scatter"]["image"] is None


@pytest.mark.parametrize("body, status, says", [
    ("", 400, "JSON"), ("[]", 400, "JSON"), ("{", 400, "JSON"), ('{"text": "a", "text": "b"}', 400, "duplicate"),
    ("{}", 400, "neither"), ('{"text": "   "}', 400, "neither"), ('{"text": 5}', 400, "text"),
    ('{"text": "a\\u0000b"}', 400, ""), ('{"text": "' + "a" * 2001 + '"}', 400, "2000"),
    ('{"image": 5}', 400, "image"), ('{"image": {"id": -1}}', 400, "image.id"), ('{"image": {"id": 1e3}}', 400, "image.id"),
    ('{"image": {"id": 999}}', 404, "999"), ('{"image": {"path": "/etc/passwd"}}', 400, "image"),
    ('{"image": {"id": 1, "upload": "x"}}', 400, "image"), ('{"image": {"upload": "../../etc/passwd"}}', 400, "upload"),
    ('{"image": {"upload": "' + "0" * 64 + '"}, "text": "a"}', 410, "again"),
    ('{"text": "a", "k": 0}', 400, "k"), ('{"text": "a", "k": 1001}', 400, "k"), ('{"text": "a", "offset": -1}', 400, "offset"),
    ('{"text": "a", "method": "magic"}', 400, "basic-"), ('{"text": "a", "method": "image"}', 400, "photo"),
    ('{"text": "a", "method": "external"}', 400, "external"), ('{"image": {"id": 1}, "method": "freedom"}', 400, "words"),
    ('{"text": "a", "settings": {"lamda": 1}}', 400, "lambda"), ('{"text": "a", "settings": {"alpha": 7}}', 400, "alpha"),
    ('{"text": "a", "settings": {"image_mean": "/etc/passwd"}}', 400, "file"),
    ('{"text": "a", "settings": {"corpus_objects": "/etc/passwd"}}', 400, "file"),
    ('{"text": "a", "settings": {"corpus_objects=": "/etc/passwd"}}', 400, "key"),
    ('{"text": "a", "settings": {"corpus_styles": ""}}', 400, "file"), ('{"text": "a", "settings": {"context": 5000}}', 400, "500"),
    ('{"text": "a", "crop": [0, 0, 1, 1]}', 400, "crop"), ('{"image": {"id": 1}, "crop": [0, 0, 2, 1]}', 400, "crop"),
    ('{"image": {"id": 1}, "crop": [0.5, 0, 0.6, 1]}', 400, "crop"), ('{"image": {"id": 1}, "crop": [0, 0, 0, 1]}', 400, "crop"),
    ('{"text": "a", "filters": {"after": "2020-02-30"}}', 400, "day"), ('{"text": "a", "filters": {"colour": "red"}}', 400, "colour"),
    ('{"text": "a", "frobnicate": 1}', 400, "frobnicate"), ('{"text": "a", "explain": "yes"}', 400, "explain"),
    ("[" * 5000, 400, "JSON"), ('{"text": "' + "a" * 70000 + '"}', 413, "65536"),
])
def test_what_is_wrong_is_told(server, body, status, says):
    answer = server.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
    assert answer.status == status
    assert says in answer.error["message"]


def test_wrong_uploads_are_told(server):
    assert server.search({"text": "a"}, image=b"").status == 400
    assert server.search({"text": "a"}, image=b"not a picture").status == 422
    assert server.search({"text": "a"}, image=jpeg(draw_photo(1))[:-300]).status == 422
    assert server.search({"text": "a"}, image=b"<svg xmlns='http://www.w3.org/2000/svg'/>").status == 422
    assert server.search({"text": "a"}, image=b"%PDF-1.4").status == 422
    assert server.search({"image": {"id": 1}}, image=jpeg(draw_photo(1))).status == 400
    assert server.search({"text": "a"}, image=bytes((1 << 20) + 1)).status == 413
    large = io.BytesIO()
    Image.new("L", (2000, 1001)).save(large, "PNG")
    too_large = server.search({"text": "a"}, image=large.getvalue())
    assert too_large.status == 413 and "megapixels" in too_large.error["message"]
    body, kind = multipart({"picture": b"x"})
    assert server.request("POST", "/v1/search", body, {"Content-Type": kind}).status == 400
    assert server.request("POST", "/v1/search", b"x", {"Content-Type": "multipart/form-data"}).status == 400
    assert server.request("POST", "/v1/search", b"text=a", {"Content-Type": "application/x-www-form-urlencoded"}).status == 415
    assert server.request("POST", "/v1/search", b"{}").status == 415


def test_overload_is_answered_and_the_same_is_made_once(server):
    before = server.metric('cir_stage_seconds_count{stage="encode"}')
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.search({"text": "asked by sixteen at once", "k": 3}), range(16)))
    assert len({answer.body for answer in answers}) == 1
    assert server.metric('cir_stage_seconds_count{stage="encode"}') == before + 1

    def ask(number):
        return server.search({"image": {"id": number % 10}, "text": f"query number {number}", "k": 1})
    with concurrent.futures.ThreadPoolExecutor(400) as pool:
        answers = list(pool.map(ask, range(400)))
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 503}, "some found no place, none was lost"
    refused = next(answer for answer in answers if answer.status == 503)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.error["code"] == "OVERLOADED"
    assert server.search({"text": "afterwards"}).status == 200


# -- photos --------------------------------------------------------------------------------------------------------


def test_photos_are_described_and_listed_newest_first(server, place):
    listed = server.get("/v1/images?limit=1000").json
    assert listed["n"] == 25 == len(listed["images"])
    times = [image["taken_at"] for image in listed["images"] if image["taken_at"]]
    assert times == sorted(times, reverse=True)
    pages = [server.get(f"/v1/images?limit=10&offset={offset}").json["images"] for offset in (0, 10, 20, 30)]
    assert sum(pages, []) == listed["images"]
    one = server.get(f"/v1/images/{listed['images'][3]['id']}").json
    assert one == listed["images"][3]
    with Image.open(one["path"]) as image:
        assert image.size == (one["width"], one["height"])
    assert os.path.getsize(one["path"]) == one["size_bytes"]
    for wrong in ("limit=0", "limit=x", "offset=-1", "limit=1&limit=2", "colour=red", "after=x", "before=", "orientation=", "folder=%zz", "folder=%00"):
        assert server.get(f"/v1/images?{wrong}").status == 400, wrong
    assert server.get("/v1/images/999").status == 404


def test_files_are_handed_out_as_they_are(server):
    number = id_of(server, "05.jpg")
    path = server.get(f"/v1/images/{number}").json["path"]
    answer = server.get(f"/v1/images/{number}/file")
    assert answer.body == pathlib.Path(path).read_bytes()
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert server.get(f"/v1/images/{number}/file", If_None_Match=answer.headers["ETag"]).status == 304
    head = server.request("HEAD", f"/v1/images/{number}/file")
    assert head.body == b"" and int(head.headers["Content-Length"]) == len(answer.body)
    download = server.get(f"/v1/images/{number}/file?download=1")
    assert download.headers["Content-Disposition"] == "attachment; filename=\"05.jpg\"; filename*=UTF-8''05.jpg"
    assert server.get(f"/v1/images/{number}/file", Range="bytes=1-4").body == answer.body[1:5]
    assert server.get(f"/v1/images/{number}/file", Range=f"bytes={len(answer.body)}-").status == 416
    assert server.get(f"/v1/images/{number}/file?download=2").status == 400
    assert server.get("/v1/images/999/file").status == 404


def test_thumbnails(server):
    number = id_of(server, "02.jpg")
    answer = server.get(f"/v1/images/{number}/thumbnail?size=64")
    small = Image.open(io.BytesIO(answer.body))
    assert small.format == "JPEG" and max(small.size) == 64
    photo = Image.open(server.get(f"/v1/images/{number}").json["path"]).resize(small.size, Image.BICUBIC)
    assert numpy.abs(numpy.asarray(small, int) - numpy.asarray(photo, int)).mean() < 6
    assert "max-age" in answer.headers["Cache-Control"]
    assert server.get(f"/v1/images/{number}/thumbnail?size=64", If_None_Match=answer.headers["ETag"]).status == 304
    assert server.get(f"/v1/images/{number}/thumbnail?size=64", If_None_Match='"other"').body == answer.body
    other = server.get(f"/v1/images/{number}/thumbnail?size=1024")
    assert Image.open(io.BytesIO(other.body)).size == (88, 88), "never larger than the photo"
    for wrong in ("size=63", "size=1025", "size=", "width=100"):
        assert server.get(f"/v1/images/{number}/thumbnail?{wrong}").status == 400
    assert server.get("/v1/images/999/thumbnail").status == 404
    failed = [i for i in range(26) if server.get(f"/v1/images/{i}").json["state"] == "failed"]
    assert len(failed) == 1
    assert server.get(f"/v1/images/{failed[0]}/thumbnail").status == 404
    assert server.get(f"/v1/images/{failed[0]}/file").status == 200, "it begins like a picture"


def test_thumbnails_are_kept_between_runs_and_made_anew_when_damaged(place, tmp_path):
    shutil.copytree(place, tmp_path / "copy")
    index = tmp_path / "copy/photos.cir"
    with serving(index) as server:
        first = server.get("/v1/images/1/thumbnail?size=64")
        assert server.metric('cir_stage_seconds_count{stage="thumbnail"}') == 1
    with serving(index) as server:
        assert server.get("/v1/images/1/thumbnail?size=64").body == first.body
        assert server.metric('cir_stage_seconds_count{stage="thumbnail"}') == 0
    (index / "thumbnails.sqlite").write_bytes(os.urandom(10000))
    with serving(index) as server:
        assert server.get("/v1/images/1/thumbnail?size=64").body == first.body
    assert run_cir("check", index).status == 0


# -- the index -----------------------------------------------------------------------------------------------------


def test_what_the_index_is(server, place):
    about = server.get("/v1/index").json
    assert about["n_images"] == 25 and about["n_failed"] == 1
    assert {(pathlib.Path(f["path"]).name, f["n"]) for f in about["folders"]} == {("rome", 8), ("oslo", 17)}
    assert about["years"][0] == {"year": 2010, "n": 2} and about["n_undated"] == 1
    assert [m["name"] for m in about["methods"]][:2] == ["basic-", "basic"]
    assert {"lambda", "context"} <= {s["key"] for s in about["settings"]} and "image_mean" not in str(about["settings"])
    assert about["is_updating"] is False


def test_cameras_are_found_in_the_background_and_kept(place, tmp_path):
    shutil.copytree(place / "photos.cir", tmp_path / "copy/photos.cir")
    shutil.copytree(place / "photos", tmp_path / "copy/photos")
    wanted = [{"name": "ACME (Ltd) Nine", "n": 8}, {"name": "Canon EOS R5", "n": 8}]

    def find(server):
        for _ in range(200):
            found = sorted(server.get("/v1/index").json["cameras"], key=lambda camera: camera["name"])
            if found == wanted:
                return
            time.sleep(0.05)
        raise AssertionError(found)
    with serving(tmp_path / "copy/photos.cir") as server:
        find(server)
        images = server.get("/v1/images?limit=1000").json["images"]
        of_canon = {image["id"] for image in images if image["camera"] == "Canon EOS R5"}
        assert {int(pathlib.Path(i["path"]).stem) % 3 for i in images if i["id"] in of_canon} == {0}
        assert set(ids(server.search({"text": "a", "k": 1000, "filters": {"camera": "Canon EOS R5"}}))) == of_canon
        assert {i["id"] for i in server.get("/v1/images?limit=1000&camera=Canon+EOS+R5").json["images"]} == of_canon
        assert ids(server.search({"text": "a", "filters": {"camera": "Nikon"}})) == []
        assert server.get(f"/v1/images/{min(of_canon)}").json["camera"] == "Canon EOS R5"
    shutil.rmtree(tmp_path / "copy/photos")  # now they can only come from what was kept
    with serving(tmp_path / "copy/photos.cir") as server:
        find(server)


def test_metrics_count(server):
    before = server.metric('cir_http_requests_total{route="/v1/search",status="2xx"}')
    server.search({"text": "counted"})
    assert server.metric('cir_http_requests_total{route="/v1/search",status="2xx"}') == before + 1
    assert server.metric("cir_index_images") == 25
    text = server.get("/metrics").body.decode()
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? -?[0-9.e+]+', line), line


def test_update_while_searches_go_on(place, tmp_path):
    shutil.copytree(place, tmp_path / "copy")
    index, photos = tmp_path / "copy/photos.cir", tmp_path / "copy/photos"
    assert run_cir("index", photos, "-o", index, "-q").status == 0  # where they are now
    with serving(index) as server:
        server.wait_ready()
        events = Events(server)
        for i in range(100, 260):
            draw_photo(i).save(photos / f"{i}.jpg")
        (photos / "rome/00.jpg").unlink()
        before = server.get("/v1/index").json
        statuses = []

        def search_on():
            for i in range(200):
                statuses.append(server.search({"image": {"id": 5}, "text": f"round {i}", "k": 40}).status)
                if not server.get("/v1/index").json["is_updating"] and i > 20:
                    break
        # Both on one connection, so that the second comes while the first runs.
        post = b"POST /v1/index/update HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        answers = server.raw(post + post.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"202", b"409"]
        server.seen += [("POST", "/v1/index/update", type("A", (), {"status": s, "headers": {}, "body": b""})()) for s in (202, 409)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(search_on) for _ in range(4)]:
                done.result()
        name, data = events.wait_end()
        assert (name, data["encoded"], data["vanished"], data["failed"]) == ("done", 160, 1, 0)
        events.close()
        assert set(statuses) == {200}
        after = server.get("/v1/index").json
        assert after["n_images"] == before["n_images"] + 159
        assert after["revision"] > before["revision"]
        found = server.search(image=(photos / "200.jpg").read_bytes()).json
        assert found["hits"][0]["path"].endswith("200.jpg")
        SEEN.extend(server.seen)
    assert run_cir("check", index).status == 0


def test_an_update_by_another_process_is_seen(place, tmp_path):
    shutil.copytree(place, tmp_path / "copy")
    index, photos = tmp_path / "copy/photos.cir", tmp_path / "copy/photos"
    assert run_cir("index", photos, "-o", index, "-q").status == 0
    with serving(index) as server:
        draw_photo(77).save(photos / "77.jpg")
        assert run_cir("index", photos, "-o", index, "-q").status == 0
        for _ in range(200):
            if server.get("/v1/index").json["n_images"] == 26:
                break
            time.sleep(0.1)
        assert server.search(image=(photos / "77.jpg").read_bytes()).json["hits"][0]["path"].endswith("77.jpg")


def test_kill_during_an_update_loses_nothing(place, tmp_path):
    shutil.copytree(place, tmp_path / "copy")
    index, photos = tmp_path / "copy/photos.cir", tmp_path / "copy/photos"
    for i in range(100, 500):
        draw_photo(i).save(photos / f"{i}.jpg")
    assert run_cir("index", photos / "rome", photos / "oslo", "-o", index, "-q").status == 0
    assert run_cir("index", photos, "-o", index, "-q").status == 0
    for i in range(500, 900):
        draw_photo(i).save(photos / f"{i}.jpg")
    server = Server(index)
    events = Events(server)
    assert server.request("POST", "/v1/index/update").status == 202
    while events.next()[1].get("encoded", 0) < 32:
        pass
    server.process.kill()
    server.process.communicate()
    assert run_cir("check", index, "--repair").status in (0, 1), "rows that were never committed may lie behind the others"
    assert run_cir("check", index).status == 0
    assert run_cir("info", index, "--json").json["n_ready"] >= 425
    with serving(index) as server:
        assert server.request("POST", "/v1/index/update").status == 202
        for _ in range(600):
            if not server.get("/v1/index").json["is_updating"]:
                break
            time.sleep(0.1)
        assert server.get("/v1/index").json["n_images"] == 825
    assert run_cir("check", index).status == 0


def test_an_index_that_is_gone_is_said_and_not_made_anew(place, tmp_path):
    """Renamed, as by who wants to start afresh, or on a drive that is no longer mounted; then another at its place."""
    shutil.copytree(place, tmp_path / "copy")
    index = tmp_path / "copy/photos.cir"
    with serving(index) as server:
        server.wait_ready()
        index.rename(tmp_path / "copy/gone.cir")
        before = {file: file.read_bytes() for file in (tmp_path / "copy/gone.cir").rglob("*") if file.is_file() and "thumb" not in file.name}
        answer = server.request("POST", "/v1/index/update")
        assert answer.status == 503 and answer.error["code"] == "INDEX_GONE" and str(index) in answer.error["message"]
        assert not index.exists() and server.get("/healthz").status == 200
        SEEN.extend(server.seen)
    assert {file: file.read_bytes() for file in before} == before


def test_an_update_without_its_folders_says_so(place, tmp_path):
    shutil.copytree(place / "photos.cir", tmp_path / "alone.cir")
    shutil.copytree(place / "photos", tmp_path / "here")
    assert run_cir("index", tmp_path / "here", "-o", tmp_path / "alone.cir", "-q").status == 0
    with serving(tmp_path / "alone.cir", "--no-update") as server:
        assert server.request("POST", "/v1/index/update").status == 403
        SEEN.extend(server.seen)
    made = tmp_path / "made"
    made.mkdir()
    draw_photo(1).save(made / "1.jpg")
    assert run_cir("index", made, "-o", tmp_path / "made.cir", "-q").status == 0
    shutil.rmtree(made)
    with serving(tmp_path / "made.cir") as server:
        events = Events(server)
        assert server.request("POST", "/v1/index/update").status == 202
        name, data = events.wait_end()
        assert name == "failed" and "cir index" in data["message"]
        assert server.get("/v1/index").json["n_images"] == 1


def test_an_index_of_before_is_updated_where_its_photos_lie(place, tmp_path):
    import sqlite3
    shutil.copytree(place, tmp_path / "copy")
    index, photos = tmp_path / "copy/photos.cir", tmp_path / "copy/photos"
    assert run_cir("index", photos, "-o", index, "-q").status == 0
    with sqlite3.connect(index / "catalogue.sqlite") as db:
        assert db.execute("DELETE FROM setting WHERE key LIKE 'root:%'").rowcount >= 1
    db.close()
    draw_photo(31).save(photos / "rome/31.jpg")
    with serving(index) as server:
        events = Events(server)
        assert server.request("POST", "/v1/index/update").status == 202
        assert events.wait_end()[1]["encoded"] == 1


def test_an_empty_index(tmp_path):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing/bad.jpg").write_bytes(b"x")
    assert run_cir("index", tmp_path / "nothing", "-o", tmp_path / "empty.cir", "-q").status == 0
    with serving(tmp_path / "empty.cir") as server:
        server.wait_ready()
        assert server.get("/v1/images").json == {"n": 0, "offset": 0, "images": []}
        for query in ({"text": "a"}, {"text": "a", "fold_duplicates": True, "scatter": 10, "explain": True}):
            answer = server.search(query)
            assert answer.status == 200 and answer.json["hits"] == [], answer.body


# -- the whole -----------------------------------------------------------------------------------------------------


def test_readiness_waits_for_the_method(place, tmp_path):
    shutil.copytree(place / "photos.cir", tmp_path / "cold.cir")
    for kept in (tmp_path / "cold.cir/features").glob("*/corpus-*"):
        kept.unlink()
    with serving(tmp_path / "cold.cir") as server:
        answer = server.get("/readyz")
        assert answer.status == 503 and answer.headers["Retry-After"]
        assert server.get("/healthz").status == 200
        server.wait_ready()
        SEEN.extend(server.seen)


def test_too_many_listeners_and_thumbnails_are_told(place, tmp_path):
    (tmp_path / "large").mkdir()
    draw_photo(1, (2400, 1800)).save(tmp_path / "large/0.jpg", quality=95)
    for i in range(1, 50):
        os.link(tmp_path / "large/0.jpg", tmp_path / f"large/{i}.jpg")
    assert run_cir("index", tmp_path / "large", "-o", tmp_path / "large.cir", "-q").status == 0
    with serving(tmp_path / "large.cir") as server:
        listeners = [Events(server) for _ in range(32)]
        assert server.get("/v1/index/events").status == 503
        for listener in listeners:
            listener.close()
        paths = [f"/v1/images/{i}/thumbnail?size={size}" for i in range(50) for size in (64, 128, 192, 256, 384, 512, 768, 1024)]
        with concurrent.futures.ThreadPoolExecutor(400) as pool:
            statuses = {answer.status for answer in pool.map(server.get, paths)}
        assert statuses == {200, 503}
        SEEN.extend(server.seen)


def test_curl_uploads_and_fetches(server, place, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    out = subprocess.run(["curl", "-sf", f"{server.url}v1/search", "-F", f"image=@{place / 'photos/rome/06.jpg'}", "-F",
                          'query={"k": 2}'], capture_output=True, check=True).stdout
    assert json.loads(out)["hits"][0]["path"].endswith("06.jpg")
    subprocess.run(["curl", "-sf", "-o", tmp_path / "t.jpg", f"{server.url}v1/images/0/thumbnail"], check=True)
    assert Image.open(tmp_path / "t.jpg").format == "JPEG"


def test_https(place, tmp_path):
    if shutil.which("openssl") is None or shutil.which("curl") is None:
        pytest.skip("there is no openssl or curl")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
                   check=True, capture_output=True)
    with serving(place / "photos.cir", "--tls-certificate", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem") as server:
        assert server.scheme == "https"
        out = subprocess.run(["curl", "-sf", "--cacert", tmp_path / "cert.pem", f"{server.url}healthz"], capture_output=True, check=True)
        assert json.loads(out.stdout) == {"status": "ok"}
    (tmp_path / "wrong.pem").write_text("not a certificate")
    wrong = run_cir("serve", place / "photos.cir", "--port", "0", "--tls-certificate", tmp_path / "wrong.pem", "--tls-key", tmp_path / "key.pem")
    assert wrong.status == 1 and "PEM" in wrong.err


@pytest.mark.parametrize("options, status, says", [
    ([], 2, "one index"), (["no.cir"], 1, "no index"), (["INDEX", "--port", "70000"], 2, "--port"),
    (["INDEX", "--address", "somewhere"], 1, "address"), (["INDEX", "--tls-key", "x"], 2, "together"),
    (["INDEX", "--token-file", "nowhere"], 1, "nowhere"), (["INDEX", "--token-file", "SHORT"], 1, "token"),
    (["INDEX", "--model", "nowhere"], 1, "nowhere"), (["INDEX", "--address", "192.0.2.1"], 1, "no such address"),
])
def test_wrong_usage(place, tmp_path, options, status, says):
    write_token(tmp_path / "short", "secret\n")
    names = {"INDEX": place / "photos.cir", "SHORT": tmp_path / "short"}
    result = run_cir("serve", *[names.get(option, option) for option in options])
    assert result.status == status and says in result.err, result.err


def test_words_are_kept_beside_the_index_unless_told_otherwise(place, tmp_path):
    index = tmp_path / "copy.cir"
    shutil.copytree(place / "photos.cir", index)
    texts = next((index / "features").iterdir()) / "texts.bin"
    texts.unlink(missing_ok=True)
    with serving(index, "--forget-texts") as server:
        plain = ids(server.search({"text": "at night"}))
    assert not texts.exists()
    with serving(index) as server:
        assert ids(server.search({"text": "at night"})) == plain
    assert texts.exists()
    with serving(index) as server:
        assert ids(server.search({"text": "at night"})) == plain


def test_a_taken_port_is_told(server, place):
    result = run_cir("serve", place / "photos.cir", "--port", server.port)
    assert result.status == 1 and "already in use" in result.err and "--port" in result.err


def test_it_ends_politely(place):
    for number in (signal.SIGINT, signal.SIGTERM):
        server = Server(place / "photos.cir")
        events = Events(server)
        assert server.stop(number) == 0
        assert events.next() == (None, None)


def test_tokens_and_sites_are_refused_on_every_path(server, place, tmp_path):
    with serving(place / "photos.cir", "--token-file", write_token(tmp_path / "token", "an-example-of-a-token\n")) as guarded:
        for path, operations in OPENAPI["paths"].items():
            concrete = path.replace("{id}", "1").replace("{name}", "app.js")
            for method, operation in operations.items():
                answer = guarded.request(method.upper(), concrete, b"" if method == "post" else None)
                assert (answer.status == 401) == (operation.get("security") != []), path
                foreign = guarded.request(method.upper(), concrete, headers={"Host": "evil.example"})
                assert foreign.status == 403, path
                assert guarded.request("DELETE", concrete, headers={"Authorization": "Bearer an-example-of-a-token"}).status == 405
        SEEN.extend(guarded.seen)
    assert server.get("/web/nothing.js").status == 404
    for path in ("/", "/web/app.js", "/v1/openapi.json"):
        assert server.get(path, If_None_Match=server.get(path).headers["ETag"]).status == 304
    assert server.request("POST", "/v1/session").status == 204


def pattern_of(path):
    for pattern in OPENAPI["paths"]:
        if re.fullmatch(re.sub(r"\{id\}", r"\\d+", re.sub(r"\{name\}", "[^/]+", pattern)), path):
            return pattern
    return None


def test_the_description_says_what_was_seen(server):
    """Last of the file: everything that was answered is described, and everything described was answered."""
    seen = set()
    for method, path, answer in [*SEEN, *server.seen]:
        pattern = pattern_of(path)
        method = "get" if method == "HEAD" else method.lower()
        operation = OPENAPI["paths"].get(pattern, {}).get(method)
        if operation is None:
            assert answer.status in (400, 401, 403, 404, 405), (method, path, answer.status)
            seen.add((pattern, answer.status))
            continue
        assert str(answer.status) in operation["responses"], (method, path, answer.status)
        seen.add((pattern, answer.status))
        response = operation["responses"][str(answer.status)]
        if "$ref" in response:
            response = OPENAPI["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        for type_, content in response.get("content", {}).items():
            kind = (answer.headers.get("Content-Type") or "").split(";")[0]
            if answer.body and kind:
                assert kind == type_ or type_.endswith("/*"), (path, kind)
            if answer.body and type_ == "application/json":
                jsonschema.Draft202012Validator({**content["schema"], "components": OPENAPI["components"]}).validate(answer.json)
    # Answers to what is no request of any path: serve_smuggling_test and serve_guard_test ask for them.
    everywhere = {"400", "405", "408", "414", "429", "431", "501", "503"}
    described = {(path, int(status)) for path, operations in OPENAPI["paths"].items() for operation in operations.values()
                 for status in operation["responses"] if status not in everywhere or (path, status) in (("/v1/search", "400"), ("/v1/search", "503"), ("/readyz", "503"))}
    assert described - seen == set()
