"""What was looked at once and is looked at, or gone on with, once more."""

import re

import httpx2
import pytest

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Page, expect
from tests.browser.visits import ended, given, open_graph, start
from tests.queued import until

from lithograph.demo import demo_document
from lithograph.testing.fake_model import FakeModelProcess
from lithograph.testing.serving import ServeProcess


def test_a_graph_is_read_anew_after_what_was_missing_was_tried_again(
    page: Page, served: ServeProcess, fake: FakeModelProcess
) -> None:
    page.goto(served.address)
    fake.fail("refusal:1,task=relations")
    try:
        text = "Aldous Carrick was born in Bergen."
        start(page, [given("short.md", text)], model="openai:fake", base_url=fake.url, skip=True)
        ended(page, "completed with errors")
    finally:
        fake.fail("")
    open_graph(page)
    expect(page.get_by_text(re.compile(r"2 of 2 entities, 0 relations"))).to_be_visible()
    page.get_by_role("link", name="short.md").click()
    page.get_by_role("button", name="Retry").click()
    ended(page)
    open_graph(page)
    expect(page.get_by_text(re.compile(r"2 of 2 entities, 1 relation"))).to_be_visible()


def test_a_limit_that_is_not_given_anew_stays_as_it_was(
    page: Page, served: ServeProcess, fake: FakeModelProcess
) -> None:
    page.goto(served.address)
    text = demo_document().decode()
    start(page, [given("demo.md", text)], model="openai:gpt-5-mini", base_url=fake.url, limits=(4_000, 0.5))
    ended(page, "suspended")
    address = f"{served.address}/v1/executions/{page.url.rpartition('/')[2]}"
    page.get_by_label("Resume with at most").fill("5000")
    page.get_by_role("button", name="Resume").click()
    until(lambda: httpx2.get(address).json()["max_tokens"] == 5_000)
    assert httpx2.get(address).json()["max_cost_usd"] == 0.5
