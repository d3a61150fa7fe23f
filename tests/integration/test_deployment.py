"""The deployment files: they can be read, name nothing that is not there, and hold no secret."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
import yaml  # type: ignore[import-untyped]
from tests.exposed import exposed
from tests.postgres import started

from lithograph.cli.app import app, run
from lithograph.service.doctor.checks import State
from lithograph.service.doctor.examine import examine

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


def test_on_a_server_that_is_set_up_this_way_nothing_is_wrong(tmp_path: Path) -> None:
    """With the roles as the script makes them, on a server that has never had any."""
    script = (DEPLOY / "postgres" / "10-roles.sh").read_text()
    (statements,) = re.findall(r"<<'SQL'\n(.*?)^SQL$", script, re.MULTILINE | re.DOTALL)
    with started(tmp_path / "server") as administrator:
        with psycopg.connect(administrator, autocommit=True) as connection:
            connection.execute(statements.replace(":'password'", "'secret'").encode())
        assert run(["migrate", "--db", administrator]) == 0
        login = administrator.replace("postgresql://postgres:@", "postgresql://lithograph:secret@")
        assert "lithograph" in login
        found = {check.name: check.state for check in examine(login, {})}
    assert found["roles"] is found["tenancy"] is found["writing"] is State.OK
    assert "login" not in found


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
