"""The deployment files: they can be read, name nothing that is not there, and hold no secret."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest
import typer
import yaml  # type: ignore[import-untyped]
from sqlalchemy import make_url
from tests.commands import until
from tests.exposed import exposed
from tests.postgres import started

from lithograph.cli.app import app
from lithograph.service.doctor.checks import State
from lithograph.service.doctor.examine import examine
from lithograph.testing.serving import free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_SELECTED = re.compile(r"\b((?:lithograph|process)_\w+)(\{[^}]*\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_GROUPED = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")
_GIVEN_BY_PROMETHEUS = {"instance", "job", "le"}


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def dashboard() -> Any:
    return json.loads((DEPLOY / "grafana" / "lithograph.json").read_text())


def alerts() -> list[Any]:
    (group,) = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    return list(group["rules"])


def queries() -> Iterator[tuple[str, str]]:
    """Yield each query, by what it is for."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


@pytest.mark.parametrize(("name", "query"), list(queries()))
def test_a_query_names_metrics_and_labels_that_there_are(name: str, query: str) -> None:
    known = exposed()
    labels: set[str] = set()
    selected = _SELECTED.findall(query)
    assert selected, query
    for metric, selector in selected:
        assert metric in known, f"{name} asks for {metric}"
        labels |= known[metric][1] | _GIVEN_BY_PROMETHEUS
        assert set(_LABEL.findall(selector)) <= known[metric][1] | _GIVEN_BY_PROMETHEUS, query
    for grouped in _GROUPED.findall(query):
        assert {one.strip() for one in grouped.split(",")} <= labels, query
    assert query.count("(") == query.count(")")


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() -> None:
    asked = {metric for _, query in queries() for metric, _ in _SELECTED.findall(query)}
    assert {name for name in exposed() if name.startswith("lithograph_")} <= asked


def test_every_panel_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        squares = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert squares.isdisjoint(taken), panel["title"]
        assert max(x for x, _ in squares) < 24
        taken |= squares
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


def test_alerts_say_how_bad_it_is_and_what_it_is() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        in_summary = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        grouped = {one.strip() for found in _GROUPED.findall(rule["expr"]) for one in found.split(",")}
        assert in_summary <= grouped, rule["alert"]


def test_the_services_run_commands_that_there_are_with_options_that_there_are() -> None:

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name, service in compose()["services"].items():
        if name == "postgres":
            continue
        command, *arguments = service["command"]
        known = {option for parameter in commands[command].params for option in parameter.opts}
        given = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
        assert given <= known, name


def test_nothing_starts_without_its_secrets_and_none_has_a_default() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    needed = set(re.findall(r"\$\{(\w*(?:PASSWORD|PEPPER|TOKEN))([^}]*)\}", text))
    assert {name for name, _ in needed} == {
        "POSTGRES_PASSWORD",
        "LITHOGRAPH_DB_PASSWORD",
        "LITHOGRAPH_KEY_PEPPER",
        "LITHOGRAPH_METRICS_TOKEN",
    }
    assert all(rest.startswith(":?") for _, rest in needed)
    example = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    assert {name: example[name] for name, _ in needed} == dict.fromkeys((name for name, _ in needed), "")
    assert set(re.findall(r"\$\{(\w+)", text)) == set(example)
    keys = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "models.env.example").read_text(), re.MULTILINE))
    assert set(keys.values()) == {""}


def test_only_whoever_migrates_has_the_administrators_password_and_nobody_is_root() -> None:
    for name, service in compose()["services"].items():
        has = "${POSTGRES_PASSWORD" in json.dumps(service)
        assert has == (name in ("postgres", "migrate")), name
        if name != "postgres":
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
    stages = (DEPLOY / "Dockerfile").read_text().split("\nFROM ")
    assert re.search(r"^USER 10001$", stages[-1], re.MULTILINE)
    assert "USER root" not in stages[-1]


def test_images_come_from_where_they_are_expected() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["node:20-slim", "python:3.13-slim", "python:3.13-slim"]
    assert compose()["services"]["postgres"]["image"] == "postgres:18"


def test_what_an_image_is_built_from_is_there_and_goes_into_its_context() -> None:
    root = DEPLOY.parent
    text = (DEPLOY / "Dockerfile").read_text()
    allowed = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert (root / source).exists(), source
            assert source.split("/")[0] in allowed, source
    assert all((root / one).exists() for one in allowed)


@dataclass(frozen=True)
class Deployed:
    """What the compose file runs, on a server that is set up as it does, without its containers."""

    folder: Path
    administrator: str
    login: str
    secret: str = "grey-heron-41"

    def begin(self, service: str, *more: str) -> "subprocess.Popen[str]":
        """Begin what a service runs."""
        found = compose()["services"][service]
        urls = {
            "postgresql://postgres@postgres/lithograph": self.administrator,
            "postgresql://lithograph@postgres/lithograph": self.login,
        }
        command = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in found["command"]]
        for before, after in urls.items():
            command = [word.replace(before, after) for word in command]
        given = {name: re.sub(r"\$\{(\w+)[^}]*\}", self.value, value) for name, value in found["environment"].items()}
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "lithograph", *command, *more],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **given},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def value(self, variable: re.Match[str]) -> str:
        return "" if variable[1].startswith("OTEL") else self.secret


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployed]:
    """On a server that has never had any role of ours."""
    script = (DEPLOY / "postgres" / "10-roles.sh").read_text()
    (statements,) = re.findall(r"<<'SQL'\n(.*?)^SQL$", script, re.MULTILINE | re.DOTALL)
    with started(tmp_path / "server") as administrator:
        with psycopg.connect(administrator, autocommit=True) as connection:
            connection.execute("CREATE DATABASE lithograph")
        ours = make_url(administrator).set(database="lithograph")
        with psycopg.connect(ours.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statements.replace(":'password'", "'secret'").encode())
        urls = (ours, ours.set(username="lithograph", password=None))
        yield Deployed(tmp_path, *(url.render_as_string(hide_password=False) for url in urls))


def carried_out(process: "subprocess.Popen[str]") -> str:
    """Return what a process wrote to standard output when it has ended well."""
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return out


def answer(url: str, token: str = "") -> int:
    """Return the status of an answer; 0 where nobody answers."""
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urlopen(request, timeout=10) as found:
            return int(found.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


def healthy(check: list[str], port: int) -> bool:
    """Return whether a container's check says that it is well; `port` stands for the container's."""
    command = [sys.executable, "-c", re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", check[-1])]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_what_the_compose_file_runs_becomes_healthy_and_stops_well(deployed: Deployed) -> None:
    (image_check,) = re.findall(
        r"^HEALTHCHECK.*\\\n\s+CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE
    )
    worker_check = compose()["services"]["worker"]["healthcheck"]["test"]
    http, metrics = free_port(), free_port()
    carried_out(deployed.begin("migrate"))
    with (
        deployed.begin("serve", f"--port={http}") as serve,
        deployed.begin("worker", f"--metrics-port={metrics}") as worker,
    ):
        try:
            until(lambda: healthy(json.loads(image_check), http) and healthy(worker_check, metrics))
            made = subprocess.Popen(
                [sys.executable, "-m", "lithograph", "key", "create", "--name=first", "--db", deployed.login],
                env={"PATH": os.environ["PATH"], "LITHOGRAPH_KEY_PEPPER": deployed.secret},
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            key = carried_out(made).strip()
            assert answer(f"http://127.0.0.1:{http}/v1/executions") == 401
            assert answer(f"http://127.0.0.1:{http}/v1/executions", key) == 200
            assert answer(f"http://127.0.0.1:{http}/metrics") == 401
            assert answer(f"http://127.0.0.1:{http}/metrics", deployed.secret) == 200
            found = {check.name: check.state for check in examine(deployed.login, {})}
            assert found["roles"] is found["tenancy"] is found["writing"] is found["workers"] is State.OK
            assert "login" not in found
        finally:
            for process in (serve, worker):
                process.terminate()
        said = [process.communicate(timeout=60)[1] for process in (serve, worker)]
    assert (serve.returncode, worker.returncode) == (0, 0), said
    assert all(json.loads(line)["timestamp"] for lines in said for line in lines.splitlines())


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_the_dockerfile_is_as_hadolint_wants_it() -> None:
    done = subprocess.run(["hadolint", str(DEPLOY / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_the_alerts_are_as_prometheus_wants_them() -> None:
    rules = str(DEPLOY / "prometheus" / "alerts.yaml")
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_roles_script_is_one_that_a_shell_can_read() -> None:
    script = DEPLOY / "postgres" / "10-roles.sh"
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
    assert script.stat().st_mode & 0o111
