"""Who sees, hears or moves differently: names, order, contrast, small screens. Own checks, computed from what the browser shows."""
import pytest

from web_page import WORDS, asked, browser, by_program, downloads, folder, id_of, index, page, query, server, unfolded, upload  # noqa: F401

NEEDS_NAME = {"button", "link", "textbox", "searchbox", "combobox", "listbox", "checkbox", "switch", "slider", "Date", "DateTime", "image", "img",
              "application", "dialog", "region", "complementary", "search", "toolbar", "progressbar"}

# The colour of each visible text against what lies behind it, as WCAG 2 computes contrast. Text over pictures has its own dark ground.
CONTRAST = """
const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
const light = (c) => { const [r, g, b] = c.slice(0, 3).map((x) => { x /= 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 1) break; }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
};
const wrong = [];
let n = 0;
const walker = document.createTreeWalker(document.querySelector("dialog[open]") || document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
const check = (element, colour) => {
    const ink = over(parse(colour), ground(element)), a = light(ink), b = light(ground(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    n++;
    if (ratio < 4.5) wrong.push([element.tagName + "." + element.className, element.textContent.trim().slice(0, 30), ratio.toFixed(2)]);
};
while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || seen.has(element) || !element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    seen.add(element);
    check(element, element instanceof SVGElement ? getComputedStyle(element).fill : getComputedStyle(element).color);
}
for (const input of document.querySelectorAll("input[placeholder]")) if (input.checkVisibility()) check(input, getComputedStyle(input, "::placeholder").color);
return [n, wrong];
"""


def nameless(page):
    """Roles of what a screen reader would announce without a name."""
    nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    found = []
    for node in nodes:
        role = node.get("role", {}).get("value")
        if not node.get("ignored") and role in NEEDS_NAME and not node.get("name", {}).get("value", "").strip():
            found.append((role, node.get("backendDOMNodeId")))
    assert len(nodes) > 50
    return found


def states(page, server):
    """The page in all its dress, one after the other."""
    page.open()
    yield "empty"
    page.open(query(server) + "&scores=1")
    page.waits("document.querySelectorAll('.plot .hit').length > 5")
    yield "answers with scores"
    page.click("#open-filters")
    page.click("#open-controls")
    page.click("#controls summary")
    yield "panels"
    page.click("#open-select")
    page.js("document.querySelector('#grid .open').click()")
    yield "selection"
    page.open(query(server) + "&vs=product")
    page.waits("document.querySelectorAll('#compare .photo').length > 20")
    yield "side by side"
    page.open(query(server))
    page.click("#grid .open")
    page.waits("document.querySelector('#lightbox .why') !== null")
    yield "large photo"
    for opener, dialog in (("crop-photo", "crop"), ("open-keys", "keys"), ("open-index", "indexing"), ("open-recent", "recent")):
        page.open(query(server))
        page.js("document.getElementById(arguments[0]).click()", opener)  # one of them is left out on small screens
        page.waits("document.getElementById(arguments[0]).open", None, dialog)
        yield dialog
    page.driver.get(server.url + "/?text=x&method=magic")
    page.waits("document.querySelector('#notice button') !== null")
    yield "notice"


def test_everything_has_a_name(page, server):
    page.allowed = "Failed to load resource"
    for state in states(page, server):
        assert nameless(page) == [], state


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out(page, server, theme):
    page.allowed = "Failed to load resource"
    page.theme(theme)
    for state in states(page, server):
        # A colour on its way from one theme or state to the next is none.
        page.waits("document.getAnimations().every((one) => !(one instanceof CSSTransition))")
        n, wrong = page.js(CONTRAST)
        assert wrong == [] and n >= 4, (state, n)


@pytest.mark.parametrize("width", [360, 900])
def test_nothing_is_wider_than_the_screen(page, server, width):
    page.allowed = "Failed to load resource"
    page.size(width, 740)
    for state in states(page, server):
        wide = page.js("""
            const over = [...(document.querySelector("dialog[open]") || document.body).querySelectorAll("button, a, input, select, p, h1, h2, img")]
                .filter((e) => e.checkVisibility() && !e.closest(".switches, .hidden-text, .tip, .skip")).filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
            return [document.documentElement.scrollWidth > innerWidth, over.map((e) => e.outerHTML.slice(0, 80))];""")
        assert wide == [False, []], state


def test_tab_goes_in_the_order_of_the_page(page, server):
    """From the first stop to the grid: each later in the document, each seen, with a mark of where the focus is."""
    from selenium.webdriver.common.keys import Keys
    page.open(query(server))
    page.js("document.body.focus(); document.activeElement.blur()")
    stops = []
    for _ in range(30):
        page.keys(Keys.TAB)
        page.js("""
            const now = document.activeElement;
            window.stops = (window.stops || []).concat([now]);""")
        stops.append(page.focused())
        if page.js("return document.activeElement.classList.contains('open')"):
            break
    assert page.js("return document.activeElement.dataset.id") == str(page.ids()[0])
    expected = ["skip", "home", "open-recent", "open-index", "open-keys", "theme", "crop-photo", "choose", "remove-photo", "text", "go",
                "open-filters", "open-controls", "open-scores", "open-compare", "open-select", "open"]
    assert stops == expected
    assert page.js("""
        return window.stops.every((stop, i) => i === 0 || window.stops[i - 1].compareDocumentPosition(stop) & Node.DOCUMENT_POSITION_FOLLOWING)""")
    assert page.js("const s = getComputedStyle(document.activeElement); return s.outlineStyle === 'solid' && parseFloat(s.outlineWidth) >= 2")
    page.js("document.querySelector('.skip').focus()")
    page.keys(Keys.ENTER)
    page.keys(Keys.TAB)
    assert page.focused() == "open-filters"


def test_results_are_told_to_who_cannot_see_them(page, server):
    page.open()
    assert page.find("#summary").get_attribute("aria-live") == "polite"
    page.find("#text").send_keys(WORDS)
    page.answered(lambda: page.keys("\n"))
    assert "best first" in page.text("#summary")
    name = page.find("#grid .open").get_attribute("aria-label")
    assert name.startswith("Result 1: ") and "1st by words" in name.replace("\u00a0", " ")
    assert page.js("return [...document.querySelectorAll('header, main, [role=search], section[aria-label], aside')].length") >= 4
    assert page.js("return [...document.querySelectorAll('h1')].filter((one) => one.checkVisibility()).length") == 1
    assert page.js("return document.querySelectorAll('span[aria-label]:not([role])').length") == 0
    assert page.js("return document.documentElement.lang") == "en"
    assert page.js("return [...document.querySelectorAll('img')].every((image) => image.hasAttribute('alt'))")
