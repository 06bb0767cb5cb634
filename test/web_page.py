"""What the tests of the page share: a collection, its index, a server, a browser, and questions asked past the page."""
import re
import shutil

import pytest
from PIL import Image

from conftest import SOURCE, run_cir
from web_browser import Browser, Server

DEMO = SOURCE / "demo" / "photos"
THINGS = ["t_rex", "duck", "tropical_fish"]
WORDS = "surrounded by fire"


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A collection of some 230 photos: three things of the demo with their hard negatives, near-duplicates, dates and cameras."""
    root = tmp_path_factory.mktemp("web") / "photos"
    for thing in THINGS:
        shutil.copytree(DEMO / "database" / thing, root / thing)
        shutil.copytree(DEMO / "query" / thing, root / "asked" / thing)
    for i, path in enumerate(sorted((root / "duck").glob("*.jpg"))[:6]):
        with Image.open(path) as image:
            taken = Image.Exif()
            taken[0x010F], taken[0x0110] = "Leica", "M6"
            taken[0x8769] = {0x9003: f"{2015 + i}:06:01 12:00:00"}
            image.convert("RGB").save(path, quality=95, exif=taken)
    for i in range(3):  # the same picture again, packed harder: what a near-duplicate is
        with Image.open(sorted((root / "t_rex").glob("*.jpg"))[0]) as image:
            image.convert("RGB").save(root / "t_rex" / f"copy{i}.jpg", quality=92 - i)
    return root


@pytest.fixture(scope="session")
def index(folder):
    path = folder.parent / "photos.cir"
    made = run_cir("index", folder, "-o", path, "-q")
    assert made.status == 0, made.err
    return path


@pytest.fixture(scope="session")
def server(index):
    made = Server(index).start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def browser(downloads):
    made = Browser(downloads)
    yield made
    made.quit()


@pytest.fixture
def page(browser, server):
    """A fresh page. Afterwards: no complaint in the console but those that the test allowed, and no request to anyone else."""
    browser.server = server
    browser.fresh()
    yield browser
    complaints = [text for text in browser.complaints() if not (browser.allowed and re.search(browser.allowed, text))]
    assert complaints == []
    strangers = [url for url, *_ in browser.sent() if not url.startswith((server.url + "/", "data:", "blob:" + server.url, "about:"))]
    assert strangers == []


@pytest.fixture
def asked(folder):
    return folder / "asked" / "t_rex" / "0001.jpg"


def id_of(server, path):
    """The id of an indexed photo, asked of the API."""
    n = server.get("/v1/images?limit=1")["n"]
    images = [image for offset in range(0, n, 60) for image in server.get(f"/v1/images?offset={offset}&limit=60")["images"]]
    return next(image["id"] for image in images if image["path"].endswith(path))


def by_program(index, *arguments, k=50):
    """The ids that the program on the command line gives."""
    result = run_cir("search", index, "-k", str(k), "--json", "-q", *arguments)
    assert result.status == 0, result.err
    return [hit["id"] for hit in result.json["hits"]]


def query(server, thing="t_rex", words=WORDS, **more):
    text = "&".join([f"image={id_of(server, f'asked/{thing}/0001.jpg')}", "text=" + words.replace(" ", "+"), *(f"{k}={v}" for k, v in more.items())])
    return "/?" + text


def upload(page, path):
    page.js("document.getElementById('file').hidden = false")  # the driver types into what is shown only
    page.find("#file").send_keys(str(path))
    page.js("document.getElementById('file').hidden = true")


def unfolded(page):
    """Each photo for itself: the program on the command line folds nothing."""
    page.click("#open-controls")
    page.click("#fold")
