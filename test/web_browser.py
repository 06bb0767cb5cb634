"""A real server and a real browser for web_test.py: `cir serve` on a free port, and Chromium driven by its own driver."""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request

from conftest import CIR

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PATIENCE = float(os.environ.get('CIR_WEB_PATIENCE', 30))  # seconds that a condition is waited for: never how long a test takes


def missing() -> str:
    """What is not installed, or nothing."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium (python3-selenium)"
    return "" if CHROMIUM and DRIVER else "chromium and chromedriver (chromium, chromium-driver)"


def until(condition, what: str):
    """Waits for a condition, polling: a fixed pause would be too short on one machine and too long on another."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)


class Server:
    """`cir serve` on a loopback port that was free a moment ago; can be stopped and started again there."""

    def __init__(self, index, *options):
        self.index, self.options = index, options
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen([CIR, "serve", self.index, "--port", str(self.port), *self.options], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        until(self.is_ready, "a server that is ready")
        return self

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"cir serve left with {self.process.returncode}"
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(self.url + "/readyz", timeout=5).status == 200
        return False

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=PATIENCE)
            self.process = None

    def get(self, path):
        return json.load(urllib.request.urlopen(self.url + path, timeout=PATIENCE))

    def search(self, **query):
        """The API asked directly, past the page."""
        request = urllib.request.Request(self.url + "/v1/search", json.dumps(query).encode(), {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=PATIENCE))


class Browser:
    """One window. Selectors are CSS; everything waits for what it needs."""

    def __init__(self, downloads):
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service
        options = Options()
        options.binary_location = CHROMIUM
        for argument in ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en-GB",
                         "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--disable-background-networking",
                         *(["--no-sandbox"] if os.geteuid() == 0 else [])]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
        self.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite", "videoCapture"]})
        self.requests = []
        self.server = None

    def size(self, width, height=900):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def theme(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return until(lambda: next(iter(self.all(selector)), None), selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0])?.textContent ?? ''", selector).replace("\u202f", "").replace("\u00a0", " ")

    def click(self, selector):
        """As a person: what lies under another element is not hit."""
        target = self.find(selector)
        self.js("arguments[0].scrollIntoView({block: 'center'})", target)
        target.click()

    def keys(self, *keys):
        """To whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self) -> str:
        return self.js("const e = document.activeElement; return e.id || e.className || e.tagName")

    def waits(self, script, what=None, *arguments):
        return until(lambda: self.js("return " + script, *arguments), what or script)

    def open(self, path="/"):
        self.driver.get(self.server.url + path)
        self.settle()

    def fresh(self):
        """Nothing kept from an earlier test: storage, history of the log."""
        self.size(1440)
        self.theme("light")
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.server.url, "storageTypes": "all"})
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.requests.clear()
        self.allowed = None  # a pattern of complaints that a test means to cause

    def settle(self):
        """Until the answer to what was asked is shown."""
        self.waits("document.querySelector('#grid')?.getAttribute('aria-busy') === 'false' && document.querySelector('#summary').textContent !== ''",
                   "an answer")

    def answered(self, act):
        """Does something that must ask the server anew, and waits for that answer; gives what was asked, parsed."""
        before = len(self.searches())
        act()
        until(lambda: len(self.searches()) > before, "a search")
        self.settle()
        return self.searches()[-1]

    def ids(self, grid="#grid"):
        return self.js("return [...document.querySelectorAll(arguments[0] + ' li.photo')].map((card) => Number(card.dataset.id))", grid)

    # ---- what the browser reports ----

    def sent(self):
        """Every request so far that left the page: address, method, type and body."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                request = message["params"]["request"]
                self.requests.append((request["url"], request["method"], request["headers"].get("Content-Type", ""), request.get("postData")))
        return self.requests

    def searches(self):
        """The queries posted so far; those that carried a picture as None."""
        return [json.loads(body) if kind == "application/json" else None
                for url, method, kind, body in self.sent() if method == "POST" and url.endswith("/v1/search")]

    def complaints(self):
        """Errors and violations that the console shows."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" or "Content Security Policy" in entry["message"]]

    def quit(self):
        self.driver.quit()
