"""The page of `cir serve` as people use it, in a real browser: what it shows is held against what `cir search` and the API say."""
import io
import json
import os
import pathlib
import re
import shutil
import sys
import zipfile

import pytest
from PIL import Image

from conftest import SOURCE, run_cir
from web_browser import Browser, Server, missing, until

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
            taken.get_ifd(0x8769)[0x9003] = f"{2015 + i}:06:01 12:00:00"
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


# -- asking ----------------------------------------------------------------------------------------------------------


def test_empty_page_tells_what_to_do_and_shows_the_collection(page, server):
    page.open()
    assert page.find("h1").is_displayed() and "say in words how it should differ" in page.text(".welcome p")
    assert [button.text for button in page.all("#examples button")][:2] == ["at night", "in the snow"]
    assert page.text("#summary").startswith(f"{server.get('/v1/index')['n_images']} photos")
    newest = [image["id"] for image in server.get("/v1/images?offset=0&limit=50")["images"]]
    assert page.ids()[:50] == newest
    page.click("#go")
    page.waits("document.querySelector('.toast')?.textContent.includes('Give a photo')")


def upload(page, path):
    page.js("document.getElementById('file').hidden = false")  # the driver types into what is shown only
    page.find("#file").send_keys(str(path))
    page.js("document.getElementById('file').hidden = true")


def test_upload_and_words_answer_as_the_program_does(page, index, asked):
    page.open()
    page.answered(lambda: upload(page, asked))
    page.find("#text").send_keys(WORDS)
    posted = page.answered(lambda: page.keys("\n"))
    assert page.text("#results-title") == "Answers" and WORDS in page.js("return document.title")
    assert posted["text"] == WORDS and "upload" in posted["image"]  # the picture had travelled already
    page.answered(lambda: unfolded(page))
    assert page.ids()[:50] == by_program(index, "--image", asked, "--text", WORDS)
    assert page.searches().count(None) == 1


def unfolded(page):
    page.click("#open-controls")
    page.click("#fold")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_photo_dropped_or_pasted(page, index, asked, way):
    page.open()
    page.js("""
        window.give = async (way, bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], "dropped.jpg", {type: "image/jpeg"}));
            const target = document.querySelector(way === "drop" ? "#well" : "#text");
            target.dispatchEvent(way === "drop" ? new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true})
                                                : new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        };""")
    page.answered(lambda: page.js("window.give(arguments[0], arguments[1])", way, list(asked.read_bytes())))
    page.answered(lambda: unfolded(page))
    assert page.ids()[:50] == by_program(index, "--image", asked)
    assert page.find("#well img").get_attribute("alt").endswith("dropped.jpg")


def test_photo_taken_with_the_camera(page):
    page.open()
    page.click("#take")
    page.waits("document.querySelector('#shutter')?.disabled === false")
    page.answered(lambda: page.click("#shutter"))
    assert page.searches() == [None] and len(page.ids()) > 10
    assert not page.find("#camera").is_displayed()


def test_photo_of_the_collection_is_asked_with_again(page, index, server):
    page.open(query(server))
    second = page.ids()[1]
    page.js("document.querySelectorAll('#grid .photo')[1].querySelector('.open').focus()")
    page.answered(lambda: page.keys("m"))
    assert page.focused() == "text" and f"image={second}" in page.driver.current_url
    page.answered(lambda: unfolded(page))
    assert page.ids()[:50] == by_program(index, "--image", str(second), "--text", WORDS)
    page.answered(lambda: page.click("#remove-photo"))
    assert page.ids()[:50] == by_program(index, "--text", WORDS)


def test_crop_by_keyboard_and_by_pointer(page, server):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
    page.open(query(server))
    before = page.ids()
    page.click("#crop-photo")
    page.waits("document.activeElement.classList.contains('cut')")
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    page.keys(Keys.TAB)
    page.keys(Keys.ARROW_RIGHT * 5)
    posted = page.answered(lambda: page.click("#crop-use"))
    assert posted["crop"] == pytest.approx([0.24, 0.12, 0.7, 0.8])
    assert "crop=" in page.driver.current_url and page.ids() != before
    direct = server.search(image=posted["image"], text=WORDS, crop=posted["crop"], fold_duplicates=True, k=50)
    assert page.ids()[:50] == [hit["id"] for hit in direct["hits"]]
    page.find("#well canvas")
    page.click("#crop-photo")
    picture = page.find("#crop .stage img")
    page.waits("document.querySelector('#crop .stage img').complete")
    w, h = picture.size["width"], picture.size["height"]
    ActionChains(page.driver).move_to_element_with_offset(picture, int(-0.45 * w), int(-0.45 * h)).click_and_hold() \
        .move_by_offset(int(0.5 * w), int(0.25 * h)).release().perform()
    posted = page.answered(lambda: page.click("#crop-use"))
    assert posted["crop"] == pytest.approx([0.05, 0.05, 0.5, 0.25], abs=0.03)


def test_recent_queries_are_kept_and_cleared(page, asked):
    page.open()
    page.answered(lambda: upload(page, asked))
    page.find("#text").send_keys("at night")
    page.answered(lambda: page.keys("\n"))
    page.waits("JSON.parse(localStorage.getItem('cir-recent')).length === 2")
    page.click("#home")
    page.find("#recent-row .entry img")
    page.answered(lambda: page.click("#recent-row .entry"))
    assert page.js("return document.getElementById('text').value") == "at night" and page.all("#well img")
    page.click("#open-recent")
    page.click("#clear-recent")
    page.click("#home")
    page.waits("document.body.classList.contains('is-empty')")
    assert page.all("#recent-row .entry") == []
    assert page.js("return localStorage.getItem('cir-recent')") == "[]"


# -- how, and among which ----------------------------------------------------------------------------------------------


def test_controls_rank_anew_at_once_and_without_the_picture(page, index, asked):
    page.open()
    page.answered(lambda: upload(page, asked))
    page.find("#text").send_keys(WORDS)
    page.answered(lambda: page.keys("\n"))
    page.answered(lambda: unfolded(page))
    move = "const s = document.getElementById(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('input', {bubbles: true}))"
    page.answered(lambda: page.js(move, "set-lambda", "0.2"))
    assert page.ids()[:50] == by_program(index, "--image", asked, "--text", WORDS, "--set", "lambda=0.2")
    page.answered(lambda: page.click("#set-expand"))
    assert page.ids()[:50] == by_program(index, "--image", asked, "--text", WORDS, "--set", "lambda=0.2", "--set", "expand=1")
    page.answered(lambda: page.click("#set-contextualise"))
    assert page.ids()[:50] == by_program(index, "--image", asked, "--text", WORDS, "--set", "lambda=0.2", "--set", "expand=1", "--set", "contextualise=0")
    page.answered(lambda: page.find("#method").send_keys("WeiCom"))
    page.answered(lambda: page.js(move, "set-weight", "0.8"))
    assert page.ids()[:50] == by_program(index, "--image", asked, "--text", WORDS, "-m", "weicom", "--set", "weight=0.8", "--set", "lambda=0.2", "--set", "contextualise=0")
    assert not page.find("#set-lambda").is_displayed() and page.find("#set-weight").is_displayed()
    assert page.searches().count(None) == 1
    page.answered(lambda: page.click("#reset"))
    assert "set." not in page.driver.current_url and "method" not in page.driver.current_url


def test_filters(page, server):
    page.open(query(server))
    page.click("#open-filters")
    images = {image["id"]: image for offset in range(0, 300, 60) for image in server.get(f"/v1/images?offset={offset}&limit=60")["images"]}

    def choose(name, value):
        page.answered(lambda: page.js("const f = document.getElementById('filter-' + arguments[0]); f.value = arguments[1]; f.dispatchEvent(new Event('change'))", name, value))
        return [images[id] for id in page.ids()]
    shown = choose("orientation", "portrait")
    assert shown and all(image["width"] < image["height"] for image in shown)
    assert page.text(".chip") == "portrait" and "orientation=portrait" in page.driver.current_url
    page.answered(lambda: page.click(".chip"))
    assert page.all(".chip") == []
    folders = [one["path"] for one in server.get("/v1/index")["folders"]]
    ducks = next(path for path in folders if path.endswith("duck") and "asked" not in path)
    shown = choose("folder", ducks)
    assert shown and all(ducks in image["path"] for image in shown)
    assert [option.text.rsplit(" ", 1)[0] for option in page.all("#filter-folder option")][1:] == folders
    shown = choose("after", "2016-01-01")
    assert sorted(image["taken_at"][:4] for image in shown) == ["2016", "2017", "2018", "2019", "2020"]
    shown = choose("before", "2018-12-31")
    assert sorted(image["taken_at"][:4] for image in shown) == ["2016", "2017", "2018"]
    assert page.text("#open-filters").strip() == "Filters (3)"
    choose("before", "2015-12-31")
    assert page.ids() == [] and "No photo passes the filters" in page.text("#notice")
    page.answered(lambda: page.click("#notice button"))
    assert len(page.ids()) > 20 and page.text("#notice") == ""
    if page.all("#filter-camera"):
        shown = choose("camera", page.all("#filter-camera option")[1].get_attribute("value"))
        assert len(shown) == 6


def test_near_duplicates_are_folded_and_opened(page, server):
    path = query(server, words="")
    page.open(path.replace("asked/t_rex", "t_rex"))
    direct = server.search(image={"id": int(re.search(r"image=(\d+)", path)[1])}, fold_duplicates=True, k=50)
    hit = next(hit for hit in direct["hits"] if hit["n_duplicates"] > 0)
    card = f"#grid li[data-id='{hit['id']}'] "
    assert page.text(card + ".fold") == f"+{hit['n_duplicates']}"
    assert not set(hit["duplicates"]) & set(page.ids())
    page.js("document.querySelector(arguments[0]).click()", card + ".fold")
    page.waits("document.querySelector(arguments[0]).getAttribute('aria-expanded') === 'true' && document.querySelectorAll('#grid .duplicate').length > 0", None, card + ".fold")
    at = page.ids().index(hit["id"])
    assert page.ids()[at + 1:at + 1 + hit["n_duplicates"]] == hit["duplicates"]
    page.js("document.querySelector(arguments[0]).click()", card + ".fold")
    assert page.all("#grid .duplicate") == []
    page.answered(lambda: unfolded(page))
    assert set(hit["duplicates"]) <= set(page.ids()) and "fold=0" in page.driver.current_url


# -- looking ---------------------------------------------------------------------------------------------------------------


def test_scrolling_brings_every_photo_once(page, server):
    page.open(query(server, fold=0))
    n = server.get("/v1/index")["n_images"]

    def all_there():
        page.js("window.scrollTo(0, document.body.scrollHeight)")
        return len(page.ids()) == n
    until(all_there, "all photos")
    assert len(set(page.ids())) == n
    page.waits("document.getElementById('more').textContent.includes('all of them')")


def test_grid_is_justified(page, server):
    """Every full row is as wide as the list, no photo is stretched."""
    for width in (1440, 900, 360):
        page.size(width)
        page.open(query(server))
        rows, wide, wrong = page.js("""
            const list = document.getElementById("grid"), rows = new Map();
            let wrong = 0;
            for (const card of list.children) {
                const box = card.querySelector(".open").getBoundingClientRect(), image = card.querySelector("img");
                if (image.complete && image.naturalWidth && Math.abs(box.width / box.height / (image.naturalWidth / image.naturalHeight) - 1) > 0.05) wrong++;
                const row = rows.get(Math.round(box.top)) || [1e9, 0];
                rows.set(Math.round(box.top), [Math.min(row[0], box.left), Math.max(row[1], box.right)]);
            }
            return [[...rows.values()].map(([a, b]) => b - a), list.clientWidth, wrong];""")
        assert wrong == 0 and len(rows) > 2
        assert all(abs(row - wide) < 3 for row in rows[:-1]), (width, wide, rows)
        assert page.js("return document.documentElement.scrollWidth <= innerWidth")


def test_lightbox(page, server, folder):
    from selenium.webdriver.common.keys import Keys
    page.open(query(server))
    ids = page.ids()
    page.click("#grid .photo .open")
    page.waits("document.querySelector('#lightbox .why') !== null")
    image = server.get(f"/v1/images/{ids[0]}")
    assert image["path"] in page.text("#lightbox .facts")
    assert f"{image['width']} × {image['height']}" in page.text("#lightbox .facts")
    direct = server.search(image={"id": int(re.search(r"image=(\d+)", page.driver.current_url)[1])}, text=WORDS, explain=True, fold_duplicates=True, k=3)["hits"]
    told = page.text("#lightbox .why")
    assert f"photo alone#{direct[0]['image_rank']} of" in told and f"words alone#{direct[0]['text_rank']} of" in told
    assert f"view={ids[0]}" in page.driver.current_url
    page.keys(Keys.ARROW_RIGHT)
    page.waits("new URLSearchParams(location.search).get('view') === arguments[0]", None, str(ids[1]))
    page.waits("document.querySelector('#lightbox').getAttribute('aria-label').startsWith('Result 2')")
    for _ in range(14):  # the focus goes round inside
        page.keys(Keys.TAB)
        assert page.js("return document.activeElement.closest('#lightbox') !== null")
    page.click("#lightbox-copy")
    page.waits("document.querySelector('#lightbox .toast')?.textContent === 'Path copied'")
    assert page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])") == server.get(f"/v1/images/{ids[1]}")["path"]
    assert page.find("#lightbox-open").get_attribute("href").endswith(f"/v1/images/{ids[1]}/file")
    page.keys(Keys.ESCAPE)
    page.waits("!document.querySelector('#lightbox').open")
    assert page.js("return document.activeElement.dataset.id") == str(ids[1])  # the photo that was looked at last
    assert "view" not in page.driver.current_url
    page.keys(Keys.ENTER)
    page.waits("document.querySelector('#lightbox').open")
    page.driver.back()
    page.waits("!document.querySelector('#lightbox').open")


def test_by_keyboard_alone(page, server):
    from selenium.webdriver.common.keys import Keys
    page.open()
    page.keys("/")
    assert page.focused() == "text"
    page.keys(WORDS)
    page.answered(lambda: page.keys(Keys.ENTER))
    page.find("#go").send_keys("g")
    ids = page.ids()
    assert page.js("return document.activeElement.dataset.id") == str(ids[0])
    page.keys(Keys.ARROW_RIGHT)
    assert page.js("return document.activeElement.dataset.id") == str(ids[1])
    top = page.js("return document.activeElement.getBoundingClientRect().top")
    page.keys(Keys.ARROW_DOWN)
    assert page.js("return document.activeElement.getBoundingClientRect().top") > top
    page.keys(Keys.HOME)
    page.keys(Keys.TAB)
    assert page.js("return document.activeElement.closest('li').dataset.id") == str(ids[0])  # the photo's own buttons
    page.keys("x")
    page.waits("!document.getElementById('selection').hidden")
    page.keys("x")
    page.keys("?")
    page.waits("document.getElementById('keys').open")
    page.keys(Keys.ESCAPE)
    page.waits("!document.getElementById('keys').open")
    page.keys("f")
    assert page.focused() == "filter-folder"
    page.keys(Keys.ESCAPE)
    assert page.focused() == "open-filters" and not page.find("#filters").is_displayed()
    page.keys("e")
    page.waits("!document.getElementById('scores').hidden")


def test_select_and_download(page, server, downloads):
    page.open(query(server))
    page.click("#open-select")
    for i in range(3):
        page.js("document.querySelectorAll('#grid .open')[arguments[0]].click()", i)
    assert page.text("#selection p") == "3 selected"
    page.js("[...document.querySelectorAll('#selection button')].find((b) => b.textContent.includes('Download')).click()")
    path = until(lambda: next(iter(pathlib.Path(downloads).glob("photos.zip")), None), "a download")
    images = [server.get(f"/v1/images/{id}") for id in page.ids()[:3]]

    def whole():
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.testzip() is None and archive.namelist() and archive
        except zipfile.BadZipFile:
            return False  # still being written
    until(whole, "a whole ZIP")
    with zipfile.ZipFile(path) as archive:
        files = [archive.read(name) for name in archive.namelist()]
    assert [len(data) for data in files] == [image["size_bytes"] for image in images]
    for data, image in zip(files, images):
        assert Image.open(io.BytesIO(data)).size == (image["width"], image["height"])
    page.js("[...document.querySelectorAll('#selection button')].find((b) => b.textContent === 'Done').click()")
    assert not page.find("#selection").is_displayed()


def test_two_methods_side_by_side(page, index, server):
    page.open(query(server, fold=0))
    page.click("#open-compare")
    page.waits("document.querySelectorAll('#compare .photo').length === 80")
    photo = re.search(r"image=(\d+)", page.driver.current_url)[1]
    left, right = (by_program(index, "--image", photo, "--text", WORDS, "-m", method, k=40) for method in ("basic-", "product"))
    columns = page.js("return [...document.querySelectorAll('#compare .grid')].map((list) => [...list.children].map((card) => Number(card.dataset.id)))")
    assert columns == [left, right]
    assert page.text("#summary") == f"{len(set(left) & set(right))} of the best 40 are the same"
    alone = page.js("return [...document.querySelectorAll('#compare section:first-child .alone')].map((card) => Number(card.dataset.id))")
    assert alone == [id for id in left if id not in right]
    assert page.text(f"#compare section:first-child li[data-id='{left[0]}'] .caption") == f"#{right.index(left[0]) + 1} there"
    page.js("const s = document.getElementById('method-there'); s.value = 'text'; s.dispatchEvent(new Event('change'))")
    page.waits("location.search.includes('vs=text') && document.querySelector('#compare section:last-child').getAttribute('aria-label') === 'Words alone'")
    page.waits("[...document.querySelectorAll('#compare section:last-child li')].map((card) => card.dataset.id).join() === arguments[0]", None,
               ",".join(map(str, by_program(index, "--text", WORDS, "--image", photo, "-m", "text", k=40))))
    page.click("#open-compare")
    assert page.find("#grid").is_displayed() and not page.find("#compare").is_displayed()


@pytest.mark.parametrize("method", ["basic-", "sum", "product", "weicom", "text"])
def test_fusion_of_the_page_is_that_of_the_server(page, server, method):
    """The iso-lines are drawn with it."""
    page.open()
    photo = id_of(server, "asked/t_rex/0001.jpg")
    answer = server.search(image={"id": photo}, text=WORDS, method=method, k=100, scatter=5000)
    fused = page.driver.execute_async_script("""
        const [fusion, hits, done] = arguments;
        import("/web/fusion.js").then((m) => done(hits.map((hit) => m.fuse(fusion, hit.image_score, hit.text_score))));""", answer["fusion"], answer["hits"])
    assert fused == pytest.approx([hit["score"] for hit in answer["hits"]], abs=2e-5)


def test_scatter_marks_hover_and_frame(page, server):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
    page.open(query(server, fold=0))
    page.answered(lambda: page.click("#open-scores"))
    page.waits("document.querySelectorAll('.plot > svg .hit').length === document.querySelectorAll('#grid .photo').length")
    assert len(page.all(".plot .iso")) >= 3 and "scores=1" in page.driver.current_url
    assert re.fullmatch(r"photo #\d+ · words #\d+", page.text("#grid .caption"))
    photo = int(re.search(r"image=(\d+)", page.driver.current_url)[1])
    answer = server.search(image={"id": photo}, text=WORDS, k=300, scatter=5000)
    scores = dict(zip(answer["scatter"]["ids"], zip(answer["scatter"]["image"], answer["scatter"]["text"])))
    ids = page.ids()
    # Where marks stand against the scores that the server gave: a straight line through the outermost two, and all on it.
    marks = page.js("return [...document.querySelectorAll('.plot > svg .hit')].reverse().map((c) => [Number(c.getAttribute('cx')), Number(c.getAttribute('cy'))])")

    def line(axis):
        low, high = (pick(range(len(ids)), key=lambda i: scores[ids[i]][axis]) for pick in (min, max))
        (v0, p0), (v1, p1) = ((scores[ids[i]][axis], marks[i][axis]) for i in (low, high))
        return lambda v: p0 + (v - v0) * (p1 - p0) / (v1 - v0)
    x, y = line(0), line(1)
    for id, (px, py) in zip(ids, marks):
        assert abs(x(scores[id][0]) - px) < 0.5 and abs(y(scores[id][1]) - py) < 0.5
    plot = page.find(".plot > svg")
    page.js("arguments[0].scrollIntoView({block: 'center'})", plot)
    w, h = plot.size["width"], plot.size["height"]

    def to(px, py):
        return ActionChains(page.driver).move_to_element_with_offset(plot, int(px - w / 2), int(py - h / 2))
    lonely = max(range(len(ids)), key=lambda i: min((marks[i][0] - b[0]) ** 2 + (marks[i][1] - b[1]) ** 2 for j, b in enumerate(marks) if j != i))
    to(*marks[lonely]).perform()
    page.waits("document.querySelector('#grid .lit')?.dataset.id === arguments[0]", None, str(ids[lonely]))
    page.waits("document.querySelector('.tip')?.textContent.includes('result " + str(lonely + 1) + " ')")
    page.js("document.querySelector('#grid .photo').dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))")
    page.waits("document.querySelectorAll('.plot .hit.lit').length === 1")
    # A frame over the right half of the plot.
    left, top, right, bottom = int(w * 0.55), 20, int(w) - 12, int(h * 0.6)
    to(left, top).click_and_hold().move_by_offset(right - left, bottom - top).release().perform()
    inside = {id for id, (v, t) in scores.items() if left <= x(v) <= right and top <= y(t) <= bottom}
    edge = {id for id, (v, t) in scores.items() if min(abs(x(v) - left), abs(x(v) - right), abs(y(t) - top), abs(y(t) - bottom)) < 1.5}
    page.waits("document.getElementById('summary').textContent.includes('in the frame')")
    shown = set(page.ids())
    assert inside - edge <= shown <= inside | edge and 0 < len(shown) < len(scores)
    page.click("#clear-frame")
    page.waits("document.getElementById('summary').textContent.includes('best first') && !document.getElementById('summary').textContent.includes('frame')")
    assert page.ids()[:50] == ids[:50]
    # The same by keyboard.
    page.js("document.querySelector('.plot > svg').focus()")
    page.keys(" ")
    page.keys(Keys.ARROW_LEFT * 3)
    page.keys(Keys.ARROW_DOWN * 3)
    page.keys(" ")
    page.waits("document.getElementById('summary').textContent.includes('in the frame')")
    assert ids[0] in page.ids()
    page.keys(Keys.ESCAPE)
    page.waits("!document.getElementById('summary').textContent.includes('frame')")


# -- the address -------------------------------------------------------------------------------------------------------------


def test_address_holds_the_query_and_back_goes_back(page, server):
    page.open()
    start = page.driver.current_url
    page.find("#text").send_keys("at night")
    page.answered(lambda: page.keys("\n"))
    first, first_url = page.ids(), page.driver.current_url
    page.js("document.getElementById('text').select()")
    page.find("#text").send_keys("in the snow")
    page.answered(lambda: page.keys("\n"))
    second = page.ids()
    assert first != second
    page.answered(page.driver.back)
    assert page.ids() == first and page.js("return document.getElementById('text').value") == "at night"
    page.driver.back()
    page.waits("document.body.classList.contains('is-empty') && document.getElementById('grid').getAttribute('aria-busy') === 'false'")
    assert page.driver.current_url == start
    page.driver.forward()
    page.waits("!document.body.classList.contains('is-empty')")
    page.open(first_url[len(server.url):])  # a bookmark
    assert page.ids() == first
    page.open(query(server) + "&method=weicom&set.weight=0.7&orientation=landscape&fold=0&scores=1&vs=sum")
    page.waits("document.querySelectorAll('#compare .photo').length > 10")
    posted = page.searches()[-2]
    assert posted["method"] == "weicom" and posted["settings"] == {"weight": "0.7"} and posted["filters"] == {"orientation": "landscape"}
    assert posted["fold_duplicates"] is False and page.searches()[-1]["method"] == "sum"
    assert page.js("return [document.getElementById('method').value, document.getElementById('set-weight').value]") == ["weicom", "0.7"]


def test_own_photo_in_the_address_is_found_again(page, asked):
    page.open()
    page.answered(lambda: upload(page, asked))
    ids = page.ids()
    page.driver.refresh()
    page.settle()
    assert page.ids() == ids and page.all("#well img")


def test_light_and_dark(page):
    back = "return getComputedStyle(document.body).backgroundColor"
    page.open()
    light = page.js(back)
    page.click("#theme")
    dark = page.js(back)
    assert dark != light and page.find("#theme").get_attribute("aria-label") == "Light colours"
    page.driver.refresh()
    page.settle()
    assert page.js(back) == dark
    page.click("#theme")
    page.theme("dark")
    page.waits("document.documentElement.dataset.theme === 'dark'")


# -- when something is wrong -----------------------------------------------------------------------------------------------------


def test_server_stopped_and_back_again(page, server, asked):
    page.allowed = "Failed to load resource|ERR_"
    page.open()
    page.answered(lambda: upload(page, asked))
    ids = page.ids()
    server.stop()
    page.find("#text").send_keys(WORDS)
    page.keys("\n")
    page.waits("document.querySelector('#notice').textContent.includes('does not answer')")
    assert "cir serve" in page.text("#notice")
    server.start()
    # The page goes on by itself; the server has forgotten the picture (410), and gets it again.
    until(lambda: page.searches().count(None) == 2, "a second upload")
    page.settle()
    page.waits("document.querySelector('#notice').textContent === ''")
    assert page.ids() != ids and page.text("#results-title") == "Answers"


def test_busy_server_is_asked_again(page, server):
    page.open()
    page.js("""
        const real = window.fetch;
        window.turns = 0;
        window.fetch = (path, options) => String(path).endsWith("/v1/search") && window.turns++ < 2
            ? Promise.resolve(new Response(JSON.stringify({error: {code: "BUSY", message: "busy"}}), {status: 503, headers: {"Retry-After": "1"}}))
            : real(path, options);""")
    page.find("#text").send_keys(WORDS)
    page.keys("\n")
    page.waits("document.getElementById('notice').textContent.includes('Asking again')")
    page.waits("document.getElementById('results-title').textContent === 'Answers' && document.getElementById('notice').textContent === '' && document.querySelector('#grid .rank')")
    assert page.js("return window.turns") >= 3


def test_what_is_no_photo_is_refused_with_a_way_on(page, tmp_path, asked):
    page.allowed = "Failed to load resource"
    page.open()
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"this is no picture at all")
    upload(page, bad)
    page.waits("document.getElementById('notice').textContent.includes('cannot be searched with')")
    assert [button.text for button in page.all("#notice button")] == ["Choose another", "Search without it"]
    page.answered(lambda: upload(page, asked))
    assert page.text("#notice") == "" and len(page.ids()) > 10
    text = tmp_path / "notes.txt"
    text.write_text("words")
    upload(page, text)
    page.waits("document.getElementById('notice').textContent.includes('That is no photo')")


def test_addresses_that_cannot_be_answered_say_why(page, server):
    page.allowed = "Failed to load resource"
    for path, says in [("/?image=999999&text=x", "not in the index"), ("/?image=mine-0123&text=x", "not here"),
                       ("/?text=x&set.lambda=much", "lambda"), ("/?text=x&method=magic", "magic")]:
        page.driver.get(server.url + path)
        page.waits("document.getElementById('notice').textContent.includes(arguments[0])", None, says)
        assert page.all("#notice button"), path
    page.answered(lambda: page.click("#notice button"))  # resets the method
    assert len(page.ids()) > 10
    for path in ("/?image=../../etc/passwd&view=abc&crop=9,9,9,9", "/?text=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"):
        page.open(path)
        assert page.js("return document.querySelectorAll('img[src=x]').length") == 0


def test_index_is_updated_and_watched(page, server, folder):
    page.open()
    n = server.get("/v1/index")["n_images"]
    with Image.open(sorted((folder / "duck").glob("*.jpg"))[0]) as image:
        image.convert("L").rotate(90, expand=True).save(folder / "duck" / "new.jpg")
    try:
        page.click("#open-index")
        page.click("#update")
        page.waits("document.querySelector('#indexing .progress .hint').textContent.startsWith('Up to date')")
        assert "1 " in page.text("#indexing .progress .hint")
        page.waits("document.getElementById('about').textContent.endsWith(arguments[0])", None, f"{n + 1} photos")
    finally:
        (folder / "duck" / "new.jpg").unlink()
    page.click("#update")
    page.waits("document.getElementById('about').textContent.endsWith(arguments[0])", None, f"{n} photos")


if __name__ == "__main__":
    if missing():
        print(f"left out: {missing()} is not here; script/setup installs it", file=sys.stderr)
        sys.exit(77)  # meson counts it as skipped
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:], __file__]))
