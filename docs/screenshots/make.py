"""Take the screenshots of the README anew: `python docs/screenshots/make.py`, with the web pages built (`make web`).

It serves the demo's data on a port of its own, beside a fake model that takes its time, and looks at three pages.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Page, sync_playwright

from lithograph.demo import demo_document, demo_ontology
from lithograph.service.pages import built_pages
from lithograph.testing.fake_model import FakeModelProcess, fake_model_process
from lithograph.testing.serving import ServeProcess

FOLDER = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WIDTH, HEIGHT = 1280, 800
MOST = 300_000
"""Bytes that a screenshot may have."""


class Visitor:
    """Starts executions over the API."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        answer = client.post("/v1/ontologies", files={"file": ("ontology.ttl", demo_ontology())})
        self._ontology = answer.raise_for_status().json()["content_hash"]

    def start(self, name: str, text: bytes, **options: object) -> str:
        """Return the id of an extraction from a document that is given now."""
        answer = self._client.post("/v1/documents", files={"file": (name, text)})
        asked = {"document": answer.raise_for_status().json()["id"], "ontology": self._ontology, **options}
        return str(self._client.post("/v1/extractions", json=asked).raise_for_status().json()["id"])

    def has(self, execution: str, status: str, percent: float = 0.0) -> bool:
        """Whether an execution stands like that, and is so far."""
        found: Mapping[str, Any] = self._client.get(f"/v1/executions/{execution}").raise_for_status().json()
        return bool(found["status"] == status and found["percent"] >= percent)


def take(page: Page, name: str) -> None:
    """Write what the page shows."""
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    size = path.stat().st_size
    sys.stdout.write(f"{path.name}: {size:,} bytes\n")
    if size > MOST:
        sys.exit(f"{path} is larger than {MOST:,} bytes")


def look(page: Page, address: str, fake: FakeModelProcess, visitor: Visitor) -> None:
    """Begin executions that end in different ways, and take the pictures."""
    text = demo_document()
    whole = visitor.start("drawn-on-stone.md", text)
    page.goto(address)
    until(page, lambda: visitor.has(whole, "completed"))
    model = {"model": "openai:fake", "base_url": fake.url}
    spent = visitor.start("letters-of-the-harbour-board.md", text + b"\n\nI.\n", max_tokens=9_000, **model)
    until(page, lambda: visitor.has(spent, "suspended"))
    fake.fail("refusal:1,task=relations,match=breakwater")
    short = visitor.start("ledger-of-1881.md", text + b"\n\nII.\n", on_missing="skip", **model)
    until(page, lambda: visitor.has(short, "completed_with_errors"))
    fake.fail("")
    # Other words, or every answer would come from the cache at once.
    running = visitor.start("minutes-of-the-society.md", text.replace(b"Marwick", b"Renwick"), **model)
    until(page, lambda: visitor.has(running, "running", 30.0))
    page.reload()
    page.wait_for_selector(f"tr[data-execution={running}] .left:not(:empty)")
    take(page, "executions")

    page.goto(f"{address}/#/graph/{whole}")
    page.wait_for_selector(".canvas[data-layout=still]")
    page.get_by_label("Entities").get_by_role("button", name="Royal Cartographic Society").first.click()
    page.wait_for_selector(".panel-body:not([aria-busy]) .quote")
    page.wait_for_timeout(500)
    take(page, "graph")

    page.locator("button.relation", has_text="Sandray Survey").click()
    page.wait_for_selector(".panel h3:text('Evidence')")
    page.locator("a.quote").first.click()
    page.wait_for_selector("#evidence")
    page.wait_for_timeout(200)
    take(page, "evidence")


def until(page: Page, condition: Any) -> None:
    """Return when a condition has come true; the page lives on meanwhile."""
    for _ in range(600):
        if condition():
            return
        page.wait_for_timeout(100)
    sys.exit("what was waited for did not come")


def main() -> None:
    """Take all three."""
    if built_pages() is None or CHROMIUM is None:
        sys.exit("the web pages must be built (make web), and chromium must be installed")
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_model_process(latency=0.3) as fake,
        ServeProcess(
            f"sqlite:///{folder}/graph.db",
            options=("--concurrency=1", f"--base-url={fake.url}", "--model=openai:fake"),
            environment={"OPENAI_API_KEY": "x"},
        ) as server,
        httpx2.Client(base_url=server.address, timeout=30) as client,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        look(context.new_page(), server.address, fake, Visitor(client))
        browser.close()


if __name__ == "__main__":
    main()
