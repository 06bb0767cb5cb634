"""Looking at answers: grid, large photo, selection, two methods side by side, scatter."""
import io
import pathlib
import re
import zipfile

import pytest
from PIL import Image

from web_browser import until
from web_page import WORDS, asked, browser, by_program, downloads, folder, id_of, index, page, query, server, unfolded, upload  # noqa: F401


# -- looking ---------------------------------------------------------------------------------------------------------------


def ordinal(n):
    return f"{n}{'th' if n // 10 % 10 == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


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
    assert page.text(f"#compare section:first-child li[data-id='{left[0]}'] .caption") == f"{ordinal(right.index(left[0]) + 1)} on the other side"
    page.js("const s = document.getElementById('method-there'); s.value = 'text'; s.dispatchEvent(new Event('change'))")
    page.waits("location.search.includes('vs=text') && document.querySelector('#compare section:last-child').getAttribute('aria-label') === 'Words alone'")
    page.waits("[...document.querySelectorAll('#compare section:last-child li')].map((card) => card.dataset.id).join() === arguments[0]", None,
               ",".join(map(str, by_program(index, "--text", WORDS, "--image", photo, "-m", "text", k=40))))
    page.click("#open-compare")
    assert page.find("#grid").is_displayed() and not page.find("#compare").is_displayed()
    assert "best first" in page.text("#summary"), "what is shown is said again"


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
    assert re.fullmatch(r"\d+(st|nd|rd|th) by photo, \d+(st|nd|rd|th) by words", page.text("#grid .caption"))
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
    # More answers are marked when they are there.
    before = len(page.ids())
    page.js("window.scrollTo(0, document.body.scrollHeight)")
    until(lambda: len(page.ids()) > before, "more photos")
    page.waits("document.querySelectorAll('.plot > svg .hit').length === document.querySelectorAll('#grid .photo').length")
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
