"""What people do with the web pages, done in a browser with a real server behind it."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Page, expect
from tests.browser.visits import ended, given, halves, numbers, open_graph, percent, reaches, start

from lithograph.demo import demo_document
from lithograph.testing.fake_model import FakeModelProcess
from lithograph.testing.serving import ServeProcess


def test_two_documents_become_a_graph_through_a_reload_and_a_killed_server(
    page: Page, served: ServeProcess, fake: FakeModelProcess
) -> None:
    page.goto(served.address)
    start(page, halves(), model="openai:fake", base_url=fake.url)

    reaches(page, 1)
    seen = percent(page)
    reaches(page, seen + 5)

    before, known = percent(page), numbers(page)
    page.reload()
    reaches(page, before)
    expect(page.locator(".connection")).to_have_text("live")
    assert set(known) <= set(numbers(page))

    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".head .state")).to_have_text("suspended")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".head .state")).to_have_text("running")

    reaches(page, 30)
    served.kill()
    expect(page.locator(".connection")).to_contain_text("the server is away")
    held = percent(page)
    assert held < 100
    served.start()
    expect(page.locator(".connection")).to_have_text("live")
    reaches(page, held + 5)
    ended(page)
    assert percent(page) == 100
    shown = numbers(page)
    assert shown == list(range(len(shown), 0, -1))

    expect(page.get_by_role("table", name="Documents of this batch").locator(".state")).to_have_text(["completed"] * 2)
    open_graph(page)
    page.get_by_label("Entities").get_by_role("button", name="Royal Cartographic Society").first.click()
    panel = page.get_by_role("complementary", name="Details")
    panel.locator("button.relation").first.click()
    expect(panel.get_by_role("heading", name="Evidence")).to_be_visible()
    quote = panel.locator("a.quote").first
    sentence = quote.locator("mark").inner_text()
    quote.click()
    mark = page.locator("#evidence")
    expect(mark).to_have_text(sentence)
    expect(mark).to_be_in_viewport()
    start_at, end_at = map(int, re.findall(r"(?:start|end)=(\d+)", page.url))
    assert (
        page.locator(".text").evaluate(
            "(text, [a, b]) => [...text.textContent].slice(a, b).join('')", [start_at, end_at]
        )
        == sentence
    )


def test_an_edge_of_the_drawing_tells_its_sentence(page: Page, served: ServeProcess) -> None:
    page.goto(served.address)
    # Two entities and what they have to do with each other: the edge goes through the middle of the drawing.
    start(
        page,
        [given("\N{WORLD MAP} two.md", "\N{WORLD MAP}\N{VARIATION SELECTOR-16}\n\nAldous Carrick was born in Bergen.")],
    )
    ended(page)
    open_graph(page)
    expect(page.locator(".sum")).to_contain_text("2 of 2 entities, 1 relation")
    box = page.locator(".canvas").bounding_box()
    assert box is not None
    panel = page.get_by_role("complementary", name="Details")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(panel.get_by_role("heading", name="bornIn")).to_be_visible()
    expect(panel.locator("a.quote mark")).to_have_text("Aldous Carrick was born in Bergen.")
    panel.locator("a.quote").click()
    expect(page.locator("#evidence")).to_have_text("Aldous Carrick was born in Bergen.")


def test_what_a_document_says_is_never_run(page: Page, served: ServeProcess) -> None:
    shot, script, link = (
        "<img src=x onerror=window.pwned=1>",
        "<script>window.pwned=1</script>",
        "javascript:window.pwned=1",
    )
    text = f"Aldous Carrick was born in Bergen.\n\n{script}\n\n{shot}"
    page.goto(served.address)
    start(page, [given(f"{shot}.md", text), given(f"{script}.md", f"{text} ")])
    ended(page)
    page.get_by_role("link", name=f"{shot}.md").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{shot}.md")
    # No extractor of ours takes such names, so what a model could be talked into is put where it would be.
    with closing(sqlite3.connect(served.url.removeprefix("sqlite:///"))) as database, database:
        database.execute("UPDATE entity SET label = label || ?, aliases = json_array(?)", (shot, script))
        database.execute("UPDATE entity SET types = json_array(?)", (link,))
        database.execute("UPDATE relation SET predicate = ?", (link,))
    open_graph(page)
    panel = page.get_by_role("complementary", name="Details")
    page.get_by_label("Entities").get_by_role("button").first.click()
    expect(panel.get_by_role("heading", level=2)).to_contain_text(shot)
    expect(panel).to_contain_text(script)
    panel.locator("button.relation").click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("window.pwned=1")
    protocols = panel.locator("a").evaluate_all("links => links.map(link => link.protocol)")
    assert set(protocols) == {"http:"}
    panel.locator("a.quote").first.click()
    expect(page.locator("article.text")).to_have_text(f"{text} " if script in page.locator("h1").inner_text() else text)
    page.get_by_role("link", name="Executions").click()
    expect(page.locator("table.executions")).to_contain_text("batch")
    assert page.locator("main :is(img, script, iframe, object)").count() == 0


def test_what_is_missing_is_named_and_tried_again(page: Page, served: ServeProcess, fake: FakeModelProcess) -> None:
    page.goto(served.address)
    fake.fail("refusal:1,task=relations")
    try:
        text = "Aldous Carrick was born in Bergen."
        start(page, [given("short.md", text)], model="openai:fake", base_url=fake.url)
        ended(page, "failed")
        expect(page.get_by_role("table", name="What is missing")).to_contain_text("relations/chunk_")
    finally:
        fake.fail("")
    page.get_by_role("link", name="Executions").click()
    row = page.get_by_role("row").filter(has_text="short.md")
    expect(row).to_contain_text("1 piece of work missing")
    row.get_by_role("button", name="Retry").click()
    expect(row.locator(".state")).to_have_text("completed")
    expect(row).not_to_contain_text("missing")


def test_everything_is_reached_by_keyboard(page: Page, served: ServeProcess) -> None:
    page.goto(served.address)
    start(page, [given("demo.md", demo_document().decode())])
    ended(page)
    press = page.keyboard.press
    page.goto(f"{served.address}/#/")
    _tab_to(page, "demo.md")
    press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("demo.md")
    _tab_to(page, "Graph", within=".head")
    press("Enter")
    page.wait_for_selector(".canvas[data-layout=still]")
    press("/")
    page.keyboard.type("royal carto")
    press("Enter")
    expect(page.get_by_role("heading", name="Royal Cartographic Society")).to_be_focused()
    _tab_to(page, "", within=".rows .relation")
    press("Enter")
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    _tab_to(page, "", within="a.quote")
    press("Enter")
    expect(page.locator("#evidence")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("complementary", name="Details")).to_be_hidden()


def test_a_key_is_asked_for_where_one_is_needed(page: Page, tmp_path: Path) -> None:
    from tests.serving import key_for

    url = f"sqlite:///{tmp_path}/graph.db"
    key = key_for(url, "default")
    with ServeProcess(url, options=("--host=0.0.0.0",)) as process:
        page.goto(f"http://127.0.0.1:{process.port}")
        page.get_by_label("API key").fill("litho_wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        start(page, [given("demo.md", demo_document().decode())])
        ended(page)
        with page.expect_download() as waiting:
            page.get_by_role("button", name="turtle").click()
        assert "Carrick" in waiting.value.path().read_text(encoding="utf-8")
        page.reload()
        ended(page)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("API key")).to_be_visible()
        assert page.evaluate("() => [sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]


def _tab_to(page: Page, name: str, within: str = "*") -> None:
    """Press the tabulator until the focus is on a link or button with this name."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate(
            "([name, within]) => document.activeElement.closest(within) !== null && "
            "document.activeElement.matches('a, button') && document.activeElement.textContent.includes(name)",
            [name, within],
        ):
            return
    raise AssertionError(f"no tabulator leads to {name or within}")
