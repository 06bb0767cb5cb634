"""The address as the memory of the page, and what it says and does when something is wrong."""
from PIL import Image

from conftest import draw_photo, run_cir
from web_browser import Server, until
from web_page import WORDS, asked, browser, by_program, downloads, folder, id_of, index, page, query, server, unfolded, upload  # noqa: F401


# -- the address -------------------------------------------------------------------------------------------------------------


def test_address_holds_the_query_and_back_goes_back(page, server):
    page.open()
    start = page.driver.current_url
    page.find("#text").send_keys("at night")
    page.answered(lambda: page.keys("\n"))
    first, first_url = page.ids()[:50], page.driver.current_url
    page.js("document.getElementById('text').select()")
    page.find("#text").send_keys("in the snow")
    page.answered(lambda: page.keys("\n"))
    assert page.ids()[:50] != first
    page.answered(page.driver.back)
    assert page.ids()[:50] == first and page.js("return document.getElementById('text').value") == "at night"
    page.driver.back()
    page.waits("document.body.classList.contains('is-empty') && document.getElementById('grid').getAttribute('aria-busy') === 'false'")
    assert page.driver.current_url == start
    page.driver.forward()
    page.waits("!document.body.classList.contains('is-empty')")
    page.open(first_url[len(server.url):])  # a bookmark
    assert page.ids()[:50] == first
    page.open(query(server) + "&method=weicom&set.weight=0.7&orientation=landscape&fold=0&scores=1&vs=sum")
    page.waits("document.querySelectorAll('#compare .photo').length > 10")
    posted = next(one for one in page.searches() if one.get("scatter"))
    assert posted["method"] == "weicom" and posted["settings"] == {"weight": "0.7"} and posted["filters"] == {"orientation": "landscape"}
    assert posted["fold_duplicates"] is False and page.searches()[-1]["method"] == "sum"
    assert page.js("return [document.getElementById('method').value, document.getElementById('set-weight').value]") == ["weicom", "0.7"]


def test_own_photo_in_the_address_is_found_again(page, asked):
    page.open()
    page.answered(lambda: upload(page, asked))
    ids = page.ids()[:50]
    page.driver.refresh()
    page.settle()
    assert page.ids()[:50] == ids and page.all("#well img")


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
        window.fetch = (path, options) => String(path).endsWith("v1/search") && window.turns++ < 2
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
    bad.write_bytes(b"this is not a picture at all")
    upload(page, bad)
    page.waits("document.getElementById('notice').textContent.includes('cannot be used as a photo')")
    assert [button.text for button in page.all("#notice button")] == ["Choose another", "Search without it"]
    page.answered(lambda: upload(page, asked))
    assert page.text("#notice") == "" and len(page.ids()) > 10
    text = tmp_path / "notes.txt"
    text.write_text("words")
    upload(page, text)
    page.waits("document.getElementById('notice').textContent.includes('That is not a photo')")


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


def test_token_is_asked_for_and_taken_from_the_address(page, index, tmp_path):
    page.allowed = "Failed to load resource"
    token = "0123456789abcdef0123"
    (tmp_path / "token").touch(0o600)
    (tmp_path / "token").write_text(token + "\n")
    server = Server(index, "--token-file", str(tmp_path / "token")).start()
    try:
        page.driver.get(server.url + "/?text=x")
        page.waits("document.getElementById('notice').textContent.includes('wants a token')")
        page.find("#token").send_keys("wrong\n")
        page.waits("document.querySelector('.toast')?.textContent === 'That is not the token.'")
        page.js("document.getElementById('token').value = ''")
        page.find("#token").send_keys(token + "\n")
        page.waits("document.querySelectorAll('#grid .photo').length > 10 && document.getElementById('notice').textContent === ''")
        page.waits("document.querySelector('#grid img').naturalWidth > 0")  # pictures too, which can send no header
        page.driver.delete_all_cookies()
        page.driver.get("about:blank")
        page.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": "all"})
        page.driver.get(f"{server.url}/?text=x#token={token}")
        page.waits("document.querySelectorAll('#grid .photo').length > 10")
        assert token not in page.driver.current_url
        page.driver.get("about:blank")  # the fixture holds requests against the other server
        assert all(url.startswith((server.url + "/", page.server.url + "/", "about:", "data:")) for url, *_ in page.sent())
        page.requests.clear()
    finally:
        server.stop()


def test_empty_index_says_how_to_fill_it(page, tmp_path):
    (tmp_path / "photos").mkdir()
    assert run_cir("index", tmp_path / "photos", "-o", tmp_path / "empty.cir", "-q").status == 0
    server = Server(tmp_path / "empty.cir").start()
    try:
        for path in ("/", "/?text=x"):
            page.driver.get(server.url + path)
            page.waits("document.getElementById('notice').textContent.includes('holds no photos yet')")
        assert page.text("#notice code").startswith("cir index")
        page.click("#notice button")
        page.waits("document.getElementById('indexing').open")
        page.driver.get("about:blank")
        page.sent()
        page.requests.clear()
    finally:
        server.stop()


def test_names_of_files_are_text(page, tmp_path):
    """A file name is a stranger's: it is shown, never run."""
    names = ["<img src=x onerror=document.title=1>.png", "a\"b'c.png", "new\nline.png", "javascript:alert(1).png"]
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, name in enumerate(names):
        draw_photo(i).save(folder / name)
    assert run_cir("index", folder, "-o", tmp_path / "names.cir", "-q").status == 0
    server = Server(tmp_path / "names.cir").start()
    try:
        page.driver.get(server.url + "/?text=x&fold=0&scores=1")
        page.waits("document.querySelectorAll('#grid .photo').length === 4")
        shown = page.js("return [...document.querySelectorAll('#grid .open')].map((one) => one.getAttribute('aria-label'))")
        assert all(any(name in label for label in shown) for name in names)
        page.click("#grid .open")
        for _ in names:
            page.waits("document.querySelector('#lightbox .facts') !== null")
            page.js("document.getElementById('lightbox-next').click()")
        assert page.js("return document.querySelectorAll('img[src=x]').length") == 0 and page.js("return document.title") != "1"
        page.driver.get("about:blank")
        page.sent()
        page.requests.clear()
    finally:
        server.stop()


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
        until(lambda: f"{n + 1} photos" in page.text("#about"), "one more photo")
    finally:
        (folder / "duck" / "new.jpg").unlink()
    page.click("#update")
    until(lambda: f"{n} photos" in page.text("#about"), "one photo less")
