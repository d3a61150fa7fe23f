"""A browser, and servers for it to look at. One module's browser is closed before the next module's tests run: while it
is open its event loop is this thread's, and nobody else's tests could have one.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser.sites import Fake, Site, fake_model

from lithograph.api.web import built

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20_000
"""Milliseconds after which what is waited for will not come any more."""


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    """Debian's chromium, or what the machine has of it."""
    if built() is None:
        pytest.skip("the web pages are not built (make web)")
    found = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if found is None:
        pytest.skip("there is no chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: "sync_api.Browser") -> Iterator["sync_api.Page"]:
    """A page of a fresh visitor. At the end it has asked no other host, and nothing in it broke."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    asked: list[str] = []
    broken: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: broken.append(str(error)))
    opened.on("console", lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None)
    opened.on("dialog", lambda dialog: broken.append(f"a dialog: {dialog.message}"))
    yield opened
    context.close()
    assert asked
    assert not [url for url in asked if not url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:"))]
    assert not broken


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    """A model that takes its time, so that there is a middle in which things can happen."""
    with fake_model(tmp_path, latency=0.5) as found:
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A served database in a folder of its own, with nothing in it."""
    with Site(tmp_path / "site") as found:
        yield found
