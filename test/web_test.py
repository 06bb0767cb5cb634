"""The page of `cir serve` as people use it, in a real browser: what it shows is held against what `cir search` and the API say.

This file asks; web_look_test.py looks at answers, web_state_test.py has the address and what can go wrong, web_access_test.py
who sees or moves differently. Run as a program it runs them all, or leaves with 77 where there is no browser."""
import pathlib
import re
import sys

import pytest

from web_browser import missing
from web_page import WORDS, asked, browser, by_program, downloads, folder, id_of, index, page, query, server, unfolded, upload  # noqa: F401


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
    assert page.searches()[0] is None and page.searches().count(None) == 1 and len(page.ids()) > 10
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


if __name__ == "__main__":
    if missing():
        print(f"skipped: {missing()} is not here; script/setup installs it", file=sys.stderr)
        sys.exit(77)  # meson counts it as skipped
    files = sorted(map(str, pathlib.Path(__file__).parent.glob("web*_test.py")))
    sys.exit(pytest.main(["-q", "-rs", "-p", "no:cacheprovider", *sys.argv[1:], *files]))
