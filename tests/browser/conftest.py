"""A browser, and a server for it to look at. A module's browser is closed before the next module's tests run: while it
is open its event loop is this thread's, and nobody else's tests could have one.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lithograph.service.pages import built_pages
from lithograph.testing.fake_model import FakeModelProcess, fake_model_process
from lithograph.testing.serving import ServeProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

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
_PATIENCE = 30_000
"""Milliseconds after which what is waited for will not come any more."""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Debian's chromium, or what else the machine has of it."""
    from playwright.sync_api import sync_playwright

    if built_pages() is None:
        pytest.skip("the web pages are not built (make web)")
    found = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if found is None:
        pytest.skip("there is no chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A page of a fresh visitor. At the end it has asked no other host, broken no policy and run no foreign script."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(_PATIENCE)
    opened = context.new_page()
    asked: list[str] = []
    broken: list[str] = []

    def heed(said: "ConsoleMessage") -> None:
        if "Content Security Policy" in said.text or "Content-Security-Policy" in said.text:
            broken.append(said.text)

    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: broken.append(str(error)))
    opened.on("console", heed)
    opened.on("dialog", lambda dialog: broken.append(f"a dialog: {dialog.message}"))
    yield opened
    ran = opened.evaluate("() => 'pwned' in window")
    context.close()
    assert asked
    assert not [url for url in asked if not url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:"))]
    assert not broken
    assert not ran


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeModelProcess]:
    """A model that takes its time, so that there is a middle in which things can happen."""
    with fake_model_process(latency=0.2) as found:
        yield found


@pytest.fixture
def served(tmp_path: Path, fake: FakeModelProcess) -> Iterator[ServeProcess]:
    """A server with an empty database, which asks the fake model one question at a time."""
    options = ("--concurrency=1", f"--base-url={fake.url}", "--model=openai:fake")
    url = f"sqlite:///{tmp_path}/graph.db"
    with ServeProcess(url, lease_seconds=2.0, options=options, environment={"OPENAI_API_KEY": "x"}) as process:
        yield process
