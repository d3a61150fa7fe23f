"""What visitors of the pages do again and again."""

from collections.abc import Sequence

from playwright.sync_api import FilePayload, Locator, Page, expect

from lithograph.demo import demo_document, demo_ontology

ONTOLOGY: FilePayload = {"name": "ontology.ttl", "mimeType": "text/turtle", "buffer": demo_ontology()}


def given(name: str, text: str) -> FilePayload:
    """Return a document as it is chosen in a form."""
    return {"name": name, "mimeType": "text/plain", "buffer": text.encode()}


def halves() -> list[FilePayload]:
    """Return the demo's document as two."""
    text = demo_document().decode()
    middle = text.index("\n\n", len(text) // 2)
    return [given("first.md", text[:middle]), given("second.md", text[middle:])]


def start(
    page: Page,
    documents: Sequence[FilePayload],
    *,
    model: str = "rules",
    base_url: str = "",
    skip: bool = False,
    limits: tuple[int, float] | None = None,
) -> None:
    """Upload documents and the demo's ontology, and start: the page of the execution follows. With `skip` it goes on
    without what fails for good; `limits` are tokens and dollars.
    """
    page.get_by_role("link", name="New", exact=True).click()
    page.get_by_label("Documents", exact=True).set_input_files(documents)
    page.get_by_label("Ontology", exact=True).set_input_files(ONTOLOGY)
    expect(page.get_by_role("list", name="Documents chosen").get_by_role("listitem")).to_have_count(len(documents))
    page.get_by_label("Model", exact=True).fill(model)
    if base_url:
        page.get_by_text("More settings").click()
        page.get_by_label("Address of the model").select_option(base_url)
        page.get_by_label("Where a piece fails for good").select_option("skip" if skip else "fail")
        for label, most in zip(("Tokens at most", "Dollars at most"), limits or ("", ""), strict=True):
            page.get_by_label(label).fill(str(most))
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/#/executions/*")


def percent(page: Page) -> float:
    """Return how far the execution that is shown is."""
    return float(meter(page).evaluate("bar => bar.value"))


def meter(page: Page) -> Locator:
    """The bar of the execution that is shown."""
    return page.get_by_role("progressbar", name="Progress", exact=True)


def reaches(page: Page, wanted: float) -> None:
    """Return when the execution that is shown has come so far."""
    page.wait_for_function("wanted => document.querySelector('.progress-line progress')?.value >= wanted", arg=wanted)


def ended(page: Page, state: str = "completed") -> None:
    """Return when the execution that is shown has ended like this."""
    expect(page.locator(".head .state")).to_have_text(state, timeout=45_000)


def numbers(page: Page) -> list[int]:
    """The numbers of the events that are shown, newest first."""
    shown: list[int] = page.locator(".events li").evaluate_all("rows => rows.map(row => Number(row.dataset.seq))")
    return shown


def open_graph(page: Page) -> None:
    """Go from an execution to its graph, and wait until it stands still."""
    page.locator(".head").get_by_role("link", name="Graph").click()
    page.wait_for_selector(".canvas[data-layout=still]")
