"""The pages about the API, the commands and the client: every route, every command, and each example works."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.docs.test_examples import ROOT, blocks, litho
from tests.serving import Served, served

from lithograph.api.app import create_app
from lithograph.api.server import Server
from lithograph.api.settings import ApiSettings
from lithograph.cli.app import app, run
from lithograph.durable.database_clock import clock_of
from lithograph.storage.open import open_storage
from lithograph.testing.serving import ServeProcess
from lithograph.workflow.extractors import rules_only

API, COMMANDS, SERVE, CLIENT = (
    ROOT / "docs" / page
    for page in ("reference/http-api.md", "reference/commands.md", "how-to/serve.md", "how-to/python-client.md")
)
REFUSED = ("/pause", "/cancel", "/retry", "/signals")
"""What an execution that has ended is asked in vain."""


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `litho demo` has run."""
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-m", "lithograph", "demo"], check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def api(demo: Path) -> Iterator[Served]:
    """What the pages talk to."""
    with served(f"sqlite:///{demo}/.lithograph/graph.db") as found:
        yield found


def typed(page: Path) -> list[str]:
    return [line.removeprefix("$ ") for block in blocks(page, "console") for line in block.splitlines()]


def test_the_requests_of_the_reference_are_answered_as_it_says(api: Served) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    known: dict[str, str] = {"LITHO": api.process.address}
    first, *lines = typed(API)
    assert first.startswith("LITHO=")
    assert len(lines) > 35
    for line in lines:
        if "$ENTITY" in line and "ENTITY" not in known:
            known |= some_of_the_graph(api, known["EXECUTION"])
        words = shlex.split(filled(filled(line, known, r"'\$(\w+)'"), known, r"\$(\w+)"))
        done = subprocess.run([*words, "-w", "\n%{http_code}"], capture_output=True, text=True, check=True, timeout=60)
        body, _, status = done.stdout.rpartition("\n")
        refused = line.endswith(REFUSED)
        assert int(status) // 100 == (4 if refused else 2), (line, done.stdout)
        known |= names_in(line, body)
        if line.endswith("/v1/extractions"):
            assert api.ended(known["EXECUTION"])["status"] == "completed"


def filled(line: str, known: dict[str, str], names: str) -> str:
    """Return a command with what stands for something in its place."""
    return re.sub(names, lambda name: known[name[1]], line)


def names_in(line: str, body: str) -> dict[str, str]:
    """Return what the page calls things in an answer."""
    at = line.split()[-1]
    for end, name, key in (
        ("/v1/documents", "DOCUMENT", "id"),
        ("/v1/ontologies", "ONTOLOGY", "content_hash"),
        ("/v1/extractions", "EXECUTION", "id"),
        ("/v1/batches", "BATCH", "id"),
        ("/v1/keys", "KEY_ID", "id"),
    ):
        if at.endswith(end) and ("-F" in line or "-d" in line):
            return {name: json.loads(body)[key]}
    return {}


def some_of_the_graph(api: Served, execution_id: str) -> dict[str, str]:
    entity = api.json("/v1/graph/entities", execution=execution_id)["items"][0]
    relation = api.json("/v1/graph/relations", execution=execution_id, entity=entity["id"])["items"][0]
    return {"ENTITY": entity["id"], "RELATION": relation["id"]}


def test_the_reference_has_every_route(tmp_path: Path) -> None:
    page = API.read_text()
    with open_storage(f"sqlite:///{tmp_path}/graph.db") as storage:
        made = create_app(Server(storage, clock_of(storage), ApiSettings(), lambda _: rules_only))
    paths = made.openapi()["paths"]
    assert len(paths) > 25
    for path in paths:
        pattern = re.escape(re.sub(r"{\w+}", "@", path)).replace("@", r"\$\w+") + r"(?![\w/])"
        assert re.search(rf"\$LITHO{pattern}", page), f"{path} has no example"


def test_the_page_about_commands_has_every_command_and_each_example_works(
    demo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    examples = re.findall(r"^\| `litho ([^`]+)` \|", COMMANDS.read_text(), re.MULTILINE)
    assert {words_of(line) for line in examples} == set(commands())
    names: dict[str, str] = {}
    for line in sorted(examples, key=lambda line: not line.startswith(("extract", "key create"))):
        words = [names.get(word, word) for word in shlex.split(line)]
        if words[0] in ("serve", "worker", "fake-model", "demo"):  # these last, or have been tried
            assert litho(*words[:1], "--help").returncode == 0
            continue
        code, (out, said) = run(words), capfd.readouterr()
        ended = words[0] in ("pause", "cancel", "retry", "signal")
        assert code == (2 if ended else 0), (line, said)
        if words[0] == "extract" or words[:2] == ["batch", "start"]:
            run(["list"])
            name = "9224732de3f8" if words[0] == "extract" else "5ba99eee0bfb"
            names[name] = capfd.readouterr().out.split()[0]
        if words[:2] == ["key", "create"]:
            names["key_1f6e0b7c9a42"] = f"key_{out.split('_')[1]}"


def commands() -> Iterator[str]:
    """Yield every command there is."""
    whole: Any = typer.main.get_command(app)
    for name, command in whole.commands.items():
        yield from [f"{name} {inner}" for inner in command.commands] if hasattr(command, "commands") else [name]


def words_of(line: str) -> str:
    """Return the command that an example is of."""
    first, second, *_ = *line.split(), ""
    return f"{first} {second}" if first in ("batch", "organization", "key", "ontology") else first


def test_the_example_of_the_client_works(api: Served, demo: Path) -> None:
    (example,) = blocks(CLIENT, "python")
    code = example.replace("http://127.0.0.1:8000", api.process.address)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=demo, capture_output=True)
    assert (demo / "graph.ttl").read_bytes().startswith(b"@prefix")


def test_the_commands_about_serving_serve(demo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{demo}/.lithograph/graph.db"
    tried = 0
    for line in typed(SERVE):
        words = shlex.split(line.removeprefix("litho "))
        if words[0] != "serve":
            assert run(words) == 0, capfd.readouterr().err
        elif not any(word.startswith("postgresql:") for word in words):
            with ServeProcess(url, options=tuple(words[1:])) as process:
                process.stop()
            assert process.status == 0, process.said
            tried += 1
    assert tried >= 3
