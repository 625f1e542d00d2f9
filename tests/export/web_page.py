"""`export/web` in headless Chromium, from Python's own static server."""

import shutil
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "export" / "web"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NPM = shutil.which("npm")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
TIMEOUT = 120_000  # milliseconds; machines are shared


def copy(directory):
    """The page's folder as it is in the repository."""
    shutil.copytree(WEB, directory, ignore=shutil.ignore_patterns("node_modules", "artifact"))


def install(directory):
    """A copy of the page's folder, with what its package-lock.json names."""
    if not NPM:
        pytest.skip("npm is not installed")
    copy(directory)
    command = [NPM, "ci", "--no-audit", "--no-fund"]
    made = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return Path(directory)


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def copyfile(self, source, outputfile):
        try:
            super().copyfile(source, outputfile)
        except ConnectionError:  # the page was closed while it was loading
            self.close_connection = True


@contextmanager
def serve(directory):
    """The address of a static server of a directory."""
    handler = partial(Handler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium():
    """A browser of Playwright's."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright  # here: the other consumers do not need it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(browser, address, artifact=None, wait="#facts div", **options):
    """A Playwright page that has loaded an artifact (or shows `wait`).

    Afterwards it must have logged no error, and asked no server but the one at `address`.
    """
    context = browser.new_context(**options)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    errors, page.addresses = [], []
    page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    context.on("request", lambda request: page.addresses.append(request.url))
    page.goto(address + (f"?artifact={artifact}" if artifact else ""))
    page.wait_for_selector(wait)
    yield page
    strangers = [url for url in page.addresses if not url.startswith((address, "data:", "blob:"))]
    context.close()
    assert not errors
    assert not strangers


def settle(page, output="target"):
    """Waits until everything typed is answered."""
    page.wait_for_function(
        f"document.getElementById('{output}').ariaBusy === 'false' || !error.hidden"
    )
    assert page.is_hidden("#error"), page.inner_text("#reason")


def translations(page, lines):
    """What the page gives for lines."""
    page.fill("#source", "\n".join(lines))
    settle(page)
    return page.eval_on_selector_all("#target p", "each => each.map(p => p.textContent)")


def fill_texts(page, text):
    """Types a text, or a pair of them, and waits for the answer."""
    texts = [text] if isinstance(text, str) else text
    for field, each in zip(("#source", "#second"), texts, strict=False):
        page.fill(field, each)
    settle(page, "labels")


def bars(page):
    """The label that the page gives, and the rows of bars: name, share as number and as text."""
    return page.evaluate(
        """() => [
            document.getElementById("verdict").textContent,
            [...document.querySelectorAll("#bars li")].map((row) => {
              const [name, text, bar] = row.children;
              const share = Number(bar.style.getPropertyValue("--share"));
              return [name.textContent, share, text.textContent];
            }),
        ]"""
    )


def cells(page):
    """The heatmap: target words, source words and weights, as the table has them."""
    return page.evaluate(
        """() => {
            const texts = (css) =>
              [...document.querySelectorAll(`#heatmap ${css}`)].map((each) => each.textContent);
            const rows = [...document.querySelectorAll("#heatmap tbody tr")];
            const weight = (td) => Number(td.style.getPropertyValue("--weight"));
            return [
              texts("tbody th"),
              texts("thead th"),
              rows.map((row) => [...row.querySelectorAll("td")].map(weight)),
            ];
        }"""
    )
