"""The page of `cir search --html` and the pictures of `--show`, made by page_dump from synthetic answers."""
import base64
import io
import json
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess
import termios
import time
import unicodedata
import urllib.parse

import fcntl
import numpy
import pytest
from PIL import Image, ImageDraw

DUMP = os.environ["CIR_PAGE_DUMP"]
BLOCK = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.S)
HOSTILE = "</script><script>alert(1)</script><!-- ]]> \"'&<b> \u2028 \x1b[31m"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Twelve pictures of several shapes, drawn so that no two are alike."""
    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for i, size in enumerate([(640, 480), (480, 640), (900, 300), (300, 900), (100, 80), (1, 1)] * 2):
        image = Image.new("RGB", size, (20 * i, 255 - 20 * i, 90))
        ImageDraw.Draw(image).ellipse([size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2], fill=(255, 220, 20 * i))
        path = folder / f"photo {i:02d}.png"
        image.save(path)
        paths.append(path)
    return paths


def run(*arguments, **options):
    return subprocess.run([DUMP, *arguments], capture_output=True, timeout=120, **options)


def write(out, *arguments):
    """Writes a page and gives its text and its data."""
    done = run("--out", out, *arguments)
    assert done.returncode == 0, done.stderr
    page = pathlib.Path(os.fsdecode(out)).read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    assert len(blocks) == 1
    return page, json.loads(blocks[0])


def unpack(text, kind):
    return numpy.frombuffer(base64.b64decode(text), dtype=kind)


# ---- the page's data ----


def test_holds_query_hits_and_pictures(tmp_path, photos):
    page, data = write(tmp_path / "a.html", "--ranks", "--query", photos[1], "--text", "at night", *photos)
    assert data["query"]["text"] == "at night" and data["query"]["n_cut"] == 0
    assert data["has_ranks"] and data["fusion"]["kind"] == "harris" and data["fusion"]["lambda"] == pytest.approx(0.1)
    assert data["settings"]["lambda"] == "0.1"
    assert [hit["rank"] for hit in data["hits"]] == list(range(1, 13))
    assert [hit["path"] for hit in data["hits"]] == [str(path) for path in photos]
    scores = [hit["score"] for hit in data["hits"]]
    assert scores == sorted(scores, reverse=True)
    for photo, path in zip([data["query"]["image"], *data["hits"]], [photos[1], *photos]):
        assert urllib.parse.unquote(photo["href"]) == "file://" + str(path)
        with Image.open(path) as original:
            expected = original.convert("RGB")
        original_size = expected.size
        if max(original_size) > 256:
            shrunk = [256 * side / max(original_size) for side in original_size]
            expected = expected.resize([max(1, round(side)) for side in shrunk], Image.Resampling.BICUBIC)
        assert photo["thumb"].startswith("data:image/jpeg;base64,")
        shown = Image.open(io.BytesIO(base64.b64decode(photo["thumb"].split(",")[1])))
        assert shown.format == "JPEG" and shown.size == expected.size == (photo["width"], photo["height"])
        assert (photo["photo_width"], photo["photo_height"]) == original_size
        difference = numpy.asarray(shown, float) - numpy.asarray(expected, float)
        assert abs(difference).mean() < 6, path


def test_points_are_the_searched_rows(tmp_path, photos):
    _, data = write(tmp_path / "a.html", "--rows", "1000", "--text", "x", "--query", photos[0], *photos)
    scatter = data["scatter"]
    ids, image, text = (unpack(scatter[key], kind) for key, kind in (("ids", "<u4"), ("image", "<f4"), ("text", "<f4")))
    assert scatter["kind"] == "points" and list(ids) == [i for i in range(1000) if i % 97 != 5]
    assert data["n_images"] == len(ids) == len(image) == len(text)
    assert numpy.allclose(scatter["image_range"], [image.min(), image.max()])
    assert numpy.allclose(scatter["text_range"], [text.min(), text.max()])
    for hit in data["hits"]:
        at = list(ids).index(hit["id"])
        assert (hit["image_score"], hit["text_score"]) == pytest.approx((image[at], text[at]), rel=1e-6)
        v, t = float(image[at]), float(text[at])
        assert hit["score"] == pytest.approx(v * t - 0.1 * (v + t) ** 2, rel=1e-5)


def test_many_rows_become_a_density(tmp_path, photos):
    page, data = write(tmp_path / "a.html", "--rows", "150000", "--text", "x", "--query", photos[0], *photos)
    scatter = data["scatter"]
    cells = unpack(scatter["cells"], "<u4").reshape(-1, 2)
    assert scatter["kind"] == "density" and cells[:, 1].sum() == data["n_images"]
    assert cells[:, 0].max() < scatter["columns"] * scatter["rows"] and cells[:, 1].max() == scatter["most"]
    for side, places, n in (("image", cells[:, 0] % scatter["columns"], scatter["columns"]),
                            ("text", cells[:, 0] // scatter["columns"], scatter["rows"])):
        low, high = scatter[side + "_range"]
        scores = low + (places + 0.5) / n * (high - low)
        mean = numpy.average(scores, weights=cells[:, 1])
        spread = numpy.average((scores - mean) ** 2, weights=cells[:, 1]) ** 0.5
        assert (mean, spread) == pytest.approx((0.9, 3 / 72**0.5), abs=0.01)  # of page_dump's sum of six draws
    assert len(page) < 1_000_000


@pytest.mark.parametrize("side", ["image", "text"])
def test_one_side_becomes_a_histogram(tmp_path, photos, side):
    query = ["--query", photos[0]] if side == "image" else ["--text", "x"]
    _, data = write(tmp_path / "a.html", "--fusion", side, *query, *photos)
    scatter = data["scatter"]
    assert scatter["kind"] == "bars" and scatter["side"] == side
    assert unpack(scatter["counts"], "<u4").sum() == data["n_images"]
    assert (data["query"]["image"] is None) == (side == "text") and (data["query"]["text"] is None) == (side == "image")


def test_no_rows_and_no_hits(tmp_path):
    _, data = write(tmp_path / "a.html", "--rows", "0", "--text", "x")
    assert data["hits"] == [] and data["scatter"] is None


def test_nothing_is_fetched(tmp_path, photos):
    page, _ = write(tmp_path / "a.html", "--text", "x", "--query", photos[0], *photos)
    rest = BLOCK.sub("", page)
    assert re.findall(r"\w+://[^\s\"'<>]*", rest) == ["http://www.w3.org/2000/svg"]  # a name, not an address
    assert "default-src 'none'" in rest and "@import" not in rest and "url(" not in rest


def test_hostile_names_stay_text(tmp_path, photos):
    names = [b"<script>alert(1)<", b"\"quoted' & ]]> .png", b"not utf-8 \xff\xfe.png", b"new\nline\x1b[2J.png", "ünï 中文 😀.png".encode()]
    folder = os.fsencode(tmp_path)
    paths = [os.path.join(folder, name) for name in names]
    for path in paths:
        shutil.copy(photos[0], path)
    page, data = write(tmp_path / "a.html", "--index", HOSTILE, "--text", HOSTILE, "--query", paths[0], *paths)
    block = BLOCK.search(page).group(1)
    assert "<" not in block and block.isascii()
    assert data["query"]["text"] == HOSTILE and data["index"] == HOSTILE
    for hit, path in zip(data["hits"], paths):
        assert hit["path"] == path.decode("utf-8", "replace")
        assert urllib.parse.unquote_to_bytes(hit["href"]) == b"file://" + path
        assert "thumb" in hit


def test_unreadable_photos_say_why(tmp_path, photos):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 nothing")
    _, data = write(tmp_path / "a.html", "--text", "x", "--query", broken, photos[0], broken, tmp_path / "gone.jpg")
    assert [("thumb" in hit, "error" in hit) for hit in data["hits"]] == [(True, False), (False, True), (False, True)]
    assert "broken.jpg" in data["hits"][1]["error"] and "gone.jpg" in data["hits"][2]["error"]
    assert data["hits"][2]["href"] is None and "broken.jpg" in data["query"]["image"]["error"]


def test_threads_change_nothing(tmp_path, photos):
    pages = [write(tmp_path / f"{n}.html", "--threads", str(n), "--text", "x", *photos)[0] for n in (1, 2, 7)]
    assert pages[0] == pages[1] == pages[2]


# ---- the file ----


def test_file_is_replaced_whole(tmp_path, photos):
    target, link = tmp_path / "a.html", tmp_path / "link.html"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write(link, "--text", "x", photos[0])
    assert link.is_symlink() and target.read_text().startswith("<!doctype html>")
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "link.html"]


def test_page_goes_down_a_pipe(photos):
    done = run("--out", "/dev/stdout", "--text", "x", photos[0])
    assert done.returncode == 0 and done.stdout.startswith(b"<!doctype html>") and done.stdout.endswith(b"</html>\n")


@pytest.mark.parametrize("out, says", [("/dev/full", b"No space left"), ("nowhere/a.html", b"No such file"), (".", b"is a folder")])
def test_failures_say_what_to_do(tmp_path, photos, out, says):
    done = run("--out", out, "--text", "x", photos[0], cwd=tmp_path)
    assert done.returncode == 1 and says in done.stderr and b"; " in done.stderr and out.encode() in done.stderr
    assert list(tmp_path.iterdir()) == []


# ---- the terminal ----


def columns(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def on_terminal(arguments, width=100, **environment):
    """What is printed on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    clean = {key: value for key, value in os.environ.items()
             if key not in ("NO_COLOR", "CLICOLOR_FORCE", "COLORTERM", "TERM_PROGRAM", "TERM", "TMUX", "VTE_VERSION", "KITTY_PID")}
    child = subprocess.Popen([DUMP, "--show", *arguments], stdout=theirs, env={**clean, **environment})
    os.close(theirs)
    printed = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        printed += part
    os.close(ours)
    assert child.wait(60) == 0
    return printed.decode().replace("\r\n", "\n")


def test_pipe_gets_symbols_without_colours(photos):
    done = run("--show", "--ranks", "--query", photos[0], "--text", "at night", *photos)
    text = done.stdout.decode()
    assert done.returncode == 0 and "\x1b" not in text and "this + “at night”" in text
    assert all(columns(line) <= 80 for line in text.splitlines())
    assert re.search(r"[▀-▟]", text) and "photo 11.png" in text and "image #" in text
    assert re.search(r"^1  \d\.\d{3}  +2  \d\.\d{3}  +3  \d\.\d{3}$", text, re.M)


def test_colours_are_asked_for_or_not(photos):
    arguments = ["--text", "x", *photos[:3]]
    forced = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "CLICOLOR_FORCE": "1"}
    assert b"\x1b[" in run("--show", *arguments, env=forced).stdout
    assert "\x1b[38;2;" in on_terminal(arguments, TERM="xterm-256color", COLORTERM="truecolor")
    assert "\x1b[38;5;" in on_terminal(arguments, TERM="rxvt-unicode-256color")
    assert "\x1b" not in on_terminal(arguments, TERM="xterm-256color", NO_COLOR="1")
    dumb = on_terminal(arguments, TERM="dumb")
    assert "\x1b" not in dumb and not re.search(r"[▀-▟]", dumb)


@pytest.mark.parametrize("environment, start", [({"TERM": "xterm-kitty"}, "\x1b_G"), ({"TERM": "mlterm"}, "\x1bP"),
                                                ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "\x1b]1337;File=")])
def test_pixels_where_the_terminal_has_them(photos, environment, start):
    assert start in on_terminal(["--text", "x", *photos[:2]], **environment)


@pytest.mark.parametrize("width", [1, 7, 19, 43, 80, 131, 300])
def test_rows_fit_any_width(tmp_path, photos, width):
    wide = tmp_path / "中文中文中文中文中文中文中文中文.png"
    shutil.copy(photos[0], wide)
    text = on_terminal(["--ranks", "--query", wide, wide, *photos], width=width, NO_COLOR="1")
    captions = [line for line in text.splitlines() if "中" in line or "photo" in line or "#" in line]
    assert all(columns(line) <= width for line in text.splitlines()) and (width < 19 or captions)


def test_names_cannot_steer_the_terminal(tmp_path, photos):
    names = [b"a\x1b]0;owned\x07.png", b"b\xff\n.png", "c\u202egnp.\u0085".encode()]
    paths = [os.path.join(os.fsencode(tmp_path), name) for name in names]
    for path in paths:
        shutil.copy(photos[0], path)
    text = run("--show", "--text", HOSTILE, *paths).stdout.decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", text)
    assert r"a\x1b]0;owned\x07.png" in text and r"b\xff\x0a.png" in text and r"c\xe2\x80\xaegnp." in text


def test_unreadable_photo_is_a_frame_with_its_reason(tmp_path):
    text = run("--show", "--text", "x", tmp_path / "gone.jpg").stdout.decode()
    assert re.search(r"gone\.jpg: .+", text)


# ---- in a browser ----


class Browser:
    """Chromium, spoken to over a pair of pipes with its debugging protocol."""

    def __init__(self, profile, width, height):
        command_end, self.write_end = os.pipe()
        self.read_end, answer_end = os.pipe()

        def wire():
            held = fcntl.fcntl(command_end, fcntl.F_DUPFD, 10), fcntl.fcntl(answer_end, fcntl.F_DUPFD, 10)
            os.dup2(held[0], 3)
            os.dup2(held[1], 4)

        self.process = subprocess.Popen(
            [shutil.which("chromium") or "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=wire)
        os.close(command_end)
        os.close(answer_end)
        self.n_sent, self.pending, self.events, self.session = 0, b"", [], None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(domain + ".enable")

    def receive(self):
        while b"\0" not in self.pending:
            part = os.read(self.read_end, 65536)
            assert part, "the browser ended"
            self.pending += part
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def send(self, method, **parameters):
        self.n_sent += 1
        message = {"id": self.n_sent, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.n_sent:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, path):
        self.events.clear()
        self.send("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def evaluate(self, expression):
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression):
        """Waits for what the page does a moment later, as a dialog's close event."""
        end = time.monotonic() + 10
        while not self.evaluate(expression):
            assert time.monotonic() < end, expression

    def press(self, key):
        code = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "End": 35}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def point(self, x, y, click=False):
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased") if click else ():
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def complaints(self):
        """Exceptions, console errors, and requests for anything but the page itself."""
        made = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown" or method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
                made.append(parameters)
            if method == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith(("data:", "file:///")):
                made.append(parameters["request"]["url"])
        pages = {event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"
                 and event["params"]["request"]["url"].startswith("file:")}
        return made + (sorted(pages) if len(pages) > 1 else [])

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        os.close(self.read_end)
        os.close(self.write_end)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed: pages are not tried in a browser")
    made = Browser(tmp_path_factory.mktemp("profile"), 1300, 900)
    yield made
    made.close()


FOCUSED = "cards.indexOf(document.activeElement)"
SPOT = "(() => { const box = chart.getBoundingClientRect(), [x, y] = spot(hits[%d]); return [box.left + x, box.top + y]; })()"


@pytest.mark.parametrize("arguments", [
    ["--ranks"], ["--fusion", "product", "--weight", "0.7"], ["--fusion", "sum", "--raw"], ["--fusion", "product", "--raw"],
    ["--rows", "60000"], ["--lambda", "0.3"], ["--fusion", "image"], ["--fusion", "text", "--rows", "40"], ["--rows", "13"],
    ["--fusion", "gauss"]])
def test_page_draws_everything(tmp_path, photos, browser, arguments):
    write(tmp_path / "a.html", *arguments, "--query", photos[0], "--text", HOSTILE, *photos)
    browser.open(tmp_path / "a.html")
    assert browser.evaluate("document.querySelectorAll('#grid .card img').length") == 12
    assert browser.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert browser.evaluate("document.querySelectorAll('#plot .hit').length") == 12
    assert browser.evaluate("document.querySelectorAll('#plot text').length") > 6
    assert "NaN" not in browser.evaluate("chart.outerHTML")
    assert (browser.evaluate("document.querySelectorAll('#plot .iso').length") > 3) == ("image" not in arguments and "text" not in arguments)
    assert browser.evaluate("document.querySelectorAll('script').length") == 2
    assert HOSTILE[:30] in browser.evaluate("document.querySelector('h1').textContent")
    assert browser.complaints() == []


def test_iso_lines_lie_on_the_formula(tmp_path, photos, browser):
    write(tmp_path / "a.html", "--query", photos[0], "--text", "x", *photos)
    browser.open(tmp_path / "a.html")
    path = browser.evaluate("document.querySelector('#plot .last').getAttribute('d')")
    back = browser.evaluate("[scale.left, scale.right, scale.top, scale.bottom, ...scale.x_range, ...scale.y_range]")
    last = browser.evaluate("hits[hits.length - 1].score")
    for pair in path[1:].split("L"):
        x, y = map(float, pair.split())
        v = back[4] + (x - back[0]) / (back[1] - back[0]) * (back[5] - back[4])
        t = back[6] + (back[3] - y) / (back[3] - back[2]) * (back[7] - back[6])
        assert v * t - 0.1 * (v + t) ** 2 == pytest.approx(last, abs=0.01)


def test_keys_move_open_and_close(tmp_path, photos, browser):
    write(tmp_path / "a.html", "--query", photos[0], "--text", "x", *photos)
    browser.open(tmp_path / "a.html")
    browser.press("ArrowRight")
    assert browser.evaluate(FOCUSED) == 0
    browser.press("ArrowRight")
    assert browser.evaluate(FOCUSED) == 1
    browser.press("ArrowDown")
    assert browser.evaluate(f"{FOCUSED} > 1 && cards[{FOCUSED}].offsetTop > cards[1].offsetTop")
    browser.press("ArrowUp")
    assert browser.evaluate(f"cards[{FOCUSED}].offsetTop === cards[0].offsetTop")
    browser.press("End")
    assert browser.evaluate(FOCUSED) == 11
    browser.press("ArrowLeft")
    browser.press("Enter")
    assert browser.evaluate("large.open && large.textContent.includes('photo 10.png')")
    browser.press("ArrowRight")
    assert browser.evaluate("large.textContent.includes('photo 11.png')")
    browser.press("Escape")
    browser.until(f"!large.open && {FOCUSED} === 11")
    assert browser.complaints() == []


def test_pointer_links_plot_and_results(tmp_path, photos, browser):
    write(tmp_path / "a.html", "--ranks", "--query", photos[0], "--text", "x", *photos)
    browser.open(tmp_path / "a.html")
    browser.point(*browser.evaluate(SPOT % 4))
    browser.until("tip.isConnected && tip.textContent.includes('result 5') && cards[4].classList.contains('lit')")
    browser.point(*browser.evaluate(SPOT % 4), click=True)
    browser.until(f"{FOCUSED} === 4")
    browser.point(5, 5)
    browser.until("!tip.isConnected")
    box = browser.evaluate("(() => { const box = cards[2].getBoundingClientRect(); return [box.left + 9, box.top + 9]; })()")
    browser.point(*box)
    browser.until("dots[2].classList.contains('lit')")
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_page_fits_its_window(tmp_path, photos, browser, width):
    write(tmp_path / "a.html", "--ranks", "--query", photos[0], "--text", "x" * 90, *photos)
    browser.send("Emulation.setDeviceMetricsOverride", width=width, height=700, deviceScaleFactor=1, mobile=False)
    browser.open(tmp_path / "a.html")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("Math.min(...cards.map((card) => card.offsetWidth))") >= 60
    browser.send("Emulation.clearDeviceMetricsOverride")
