"""The documentation runs: every Python example, and every command that the quickstart tells a newcomer to type."""

import io
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from tests.postgres import Server

from lithograph.cli.app import run
from lithograph.models.prices import PriceTable
from lithograph.testing.serving import ServeProcess
from lithograph.testing.workers import WorkerProcess

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
        words = shlex.split(line)
        if words[0] == "serve":
            with ServeProcess(f"sqlite:///{demo}/.lithograph/graph.db", options=tuple(words[1:])) as served:
                served.stop()
            assert served.status == 0, served.said
            continue
        done = litho(*words)
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


def test_the_commands_about_batches_work(demo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """They are typed as they stand; a batch that has ended refuses to be paused or cancelled, in one sentence."""
    (demo / "contracts").mkdir()
    for name in ("Ann", "Bob"):
        (demo / "contracts" / f"{name}.txt").write_text(f"{name} Rook was born in Dunholm.")
    (demo / "contracts" / "torn.pdf").write_bytes(b"%PDF-1.7 torn")
    (demo / "company.ttl").write_bytes((demo / "lithograph-demo" / "ontology.ttl").read_bytes())
    page = ROOT / "docs/how-to/batches.md"
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    assert len(lines) >= 10
    expected = {"pause": 2, "cancel": 2, "resume": 2, "list": 0, "status": 0, "abort": 1}
    batch = ""
    for line in lines:
        words = [batch if word == "9224732de3f8" else word for word in shlex.split(line.removeprefix("$ litho "))]
        code = run(words)
        said = capfd.readouterr()
        assert code == next((code for word, code in expected.items() if word in words), 3), (line, said.err)
        assert "retrying" not in said.err, "a file that cannot be read was tried again"
        batch = batch or said.out.strip()
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


def test_the_page_about_organisations_works_from_its_first_line_to_its_last(
    demo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The id of the key that was made is put in the place of the page's."""
    page = ROOT / "docs/how-to/organizations.md"
    key_id = "key_1f6e0b7c9a42"
    parts = re.findall(r"^```(console|python)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert len(parts) >= 5
    for language, body in parts:
        if language == "python":
            exec(compile(body, "organizations.md", "exec"), {})
            assert "completed" in capfd.readouterr().out
            continue
        for line in body.splitlines():
            words = shlex.split(line.removeprefix("$ litho "))
            code = run([key_id if word == "key_1f6e0b7c9a42" else word for word in words])
            out, said = capfd.readouterr()
            assert code == 0, (line, said)
            if words[:2] == ["key", "create"]:
                key_id = f"key_{out.split('_')[1]}"
    assert (demo / "acme.ttl").read_bytes().startswith(b"@prefix")


def test_the_commands_about_workers_work(demo: Path, postgres: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """They are typed as they stand, with a server in the place of the page's."""
    (demo / "contracts").mkdir()
    (demo / "contracts" / "Ann.txt").write_text("Ann Rook was born in Dunholm.")
    (demo / "company.ttl").write_bytes((demo / "lithograph-demo" / "ontology.ttl").read_bytes())
    lines = [line for block in blocks(ROOT / "docs/how-to/workers.md", "console") for line in block.splitlines()]
    assert len(lines) >= 3
    with postgres.database() as url:
        for line in lines:
            words = [url if "://" in word else word for word in shlex.split(line.removeprefix("$ litho "))]
            if words[0] == "worker":
                with WorkerProcess(url, options=tuple(words[words.index(url) + 1 :])) as worker:
                    worker.stop()
                assert worker.status == 0, worker.said
            else:
                assert run(words) == 0, capfd.readouterr().err


def litho(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "lithograph", *words], capture_output=True, text=True, check=False)
