"""The documentation runs: every Python example, and every command that the quickstart tells a newcomer to type."""

import io
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from lithograph.models.prices import PriceTable

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def blocks(page: Path, language: str) -> list[str]:
    return [body for found, body in _BLOCK.findall(page.read_text()) if found == language]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `litho demo` has run."""
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-m", "lithograph", "demo"], check=True, capture_output=True)
    return tmp_path


def test_the_example_in_the_readme_prints_what_it_says() -> None:
    (example,) = blocks(ROOT / "README.md", "python")
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(example, "README.md", "exec"), {})
    expected = [line.removeprefix("# ") for line in example.splitlines() if line.startswith("# ")]
    assert printed.getvalue().splitlines() == expected


def test_the_quickstart_works_from_its_first_line_to_its_last(demo: Path) -> None:
    commands = [line for block in blocks(ROOT / "docs/quickstart.md", "console") for line in block.splitlines()]
    typed = [line.removeprefix("$ .venv/bin/litho ") for line in commands if line.startswith("$ .venv/bin/litho ")]
    assert len(typed) >= 2
    for line in typed:
        command = [sys.executable, "-m", "lithograph", *shlex.split(line)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (demo / "graph.json").stat().st_size > 10_000
    for example in blocks(ROOT / "docs/quickstart.md", "python"):
        exec(compile(example, "quickstart.md", "exec"), {})
    assert (demo / "graph.ttl").read_bytes().startswith(b"@prefix")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_something(page: Path) -> None:
    for target in _LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_commands_of_the_how_to_are_commands(demo: Path) -> None:
    """Its id is put in the place of the page's; an execution that has ended refuses to be steered, in one sentence."""
    extract = "extract lithograph-demo/document.md --ontology lithograph-demo/ontology.ttl --out graph.json"
    litho(*shlex.split(extract))
    execution_id = litho("list").stdout.split()[0]
    page = ROOT / "docs/how-to/continue-and-control.md"
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    assert len(lines) >= 10
    for line in lines:
        words = [
            execution_id if word == "9224732de3f8" else word for word in shlex.split(line.removeprefix("$ litho "))
        ]
        if words[0] == "extract":
            continue
        done = litho(*words)
        refused = words[0] in ("pause", "cancel", "signal", "retry")
        assert done.returncode == (2 if refused else 0), (line, done.stderr)
        assert not refused or len(done.stderr.splitlines()) == 1
    assert (demo / "graph.ttl").exists()


def test_the_commands_about_models_are_understood(demo: Path) -> None:
    """They are typed as they stand, without the documents that they name: that is what they complain about."""
    page = ROOT / "docs/how-to/models.md"
    lines = [line for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    assert len(lines) >= 7
    for line in lines:
        words = shlex.split(line.removeprefix("$ litho "))
        if words[0] in ("fake-model", "budget"):  # these need no document
            continue
        done = litho(*words)
        assert done.returncode == 2, line
        assert re.search(r"company\.ttl|9224732de3f8|no database", done.stderr), (line, done.stderr)
    for example in blocks(page, "python"):
        exec(compile(example, "models.md", "exec"), {})
    (prices,) = blocks(page, "json")
    (demo / "prices.json").write_text(prices)
    assert PriceTable.load(demo / "prices.json").price("openai:gpt-5-mini") is not None


def litho(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "lithograph", *words], capture_output=True, text=True, check=False)
