"""A budget is never crossed, and a larger one goes on without paying for anything again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.commands import HASTE, Litho, canonical, sentence

from lithograph.durable.signals import BUDGET
from lithograph.durable.status import Status
from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model import FakeModelProcess, Stats, fake_model_process

EXTRACT = ("extract", "story.md", "--ontology", "ontology.ttl")
PRICES = {"models": {"openai:fake": {"input": 1000, "output": 2000}}}
"""Dollars for a million tokens; the whole document costs some sixty."""


@pytest.fixture(scope="module")
def server() -> Iterator[FakeModelProcess]:
    with fake_model_process(latency=0.02) as process:
        yield process


@pytest.fixture
def fake(server: FakeModelProcess) -> FakeModelProcess:
    server.reset()
    return server


@pytest.fixture
def litho(folder: Path) -> Litho:
    (folder / "prices.json").write_text(json.dumps(PRICES))
    return Litho(folder, HASTE)


def charged(stats: Stats) -> int:
    return stats.tokens.input + stats.tokens.output


def cost(stats: Stats) -> float:
    return (stats.tokens.input * 1000 + stats.tokens.output * 2000) / 1_000_000


def paid_once(stats: Stats) -> bool:
    return {prompt.served for prompt in stats.prompts} == {1}


def test_tokens_run_out_and_more_of_them_go_on(litho: Litho, fake: FakeModelProcess) -> None:
    command = (*EXTRACT, "--model", "openai:fake", "--base-url", fake.url, "--concurrency", "4")

    stopped = litho(*command, "--max-tokens", "25000")

    assert (stopped.returncode, stopped.stdout) == (130, "")
    execution = litho.execution()
    said = sentence(stopped)
    assert "the budget of this execution, 25,000 tokens, does not allow another call" in said
    assert f"`litho resume {execution.id} --max-tokens N`" in said
    assert (execution.status, execution.waiting_for) == (Status.SUSPENDED, BUDGET)
    before = fake.stats()
    assert 12_500 < charged(before) <= 25_000
    assert 0 < execution.spent_tokens <= charged(before)
    shown = litho("status", execution.id).stdout
    assert "suspended" in shown
    assert "the budget of this execution, 25,000 tokens," in shown

    done = litho("resume", execution.id, "--max-tokens", "60000")

    assert done.returncode == 0, done.stderr
    after = fake.stats()
    assert paid_once(after)
    assert after.requests > before.requests
    assert charged(after) <= 60_000
    assert canonical(done.stdout) == canonical(litho(*EXTRACT, "--no-db").stdout)


def test_money_runs_out_and_the_same_command_with_more_goes_on(litho: Litho, fake: FakeModelProcess) -> None:
    model = ("--model", "openai:fake", "--base-url", fake.url, "--prices", "prices.json")
    command = (*EXTRACT, *model, "--concurrency", "4")

    stopped = litho(*command, "--max-cost", "35")

    assert stopped.returncode == 130, stopped.stderr
    assert "the budget of this execution, 35 US dollars, does not allow another call" in sentence(stopped)
    assert 15 < cost(fake.stats()) <= 35
    assert litho.execution().spent_cost_usd <= 35

    done = litho(*command, "--max-cost", "100")

    assert done.returncode == 0, done.stderr
    assert paid_once(fake.stats())
    found = json.loads(done.stdout)["stats"]
    assert found["cost_usd"] == pytest.approx(litho.execution().spent_cost_usd)
    assert found["cost_usd"] <= cost(fake.stats()) <= 100


def test_an_organisation_s_budget_is_one_for_all_its_documents(
    litho: Litho, folder: Path, fake: FakeModelProcess
) -> None:
    (folder / "annals.txt").write_text(generated_text(10))
    model = ("--model", "openai:fake", "--base-url", fake.url)
    command = ("extract", "story.md", "annals.txt", "--ontology", "ontology.ttl", *model)
    assert litho("budget", "--max-tokens", "50000").returncode == 0

    stopped = litho(*command)

    assert stopped.returncode == 130, stopped.stderr
    assert "the budget of organisation default, 50,000 tokens, does not allow another call" in sentence(stopped)
    assert 25_000 < charged(fake.stats()) <= 50_000
    executions = litho.executions()
    assert len(executions) == 2
    assert {one.waiting_for for one in executions if one.status is Status.SUSPENDED} == {BUDGET}
    assert sum(one.spent_tokens for one in executions) <= charged(fake.stats())

    assert litho("budget", "--unlimited").returncode == 0
    done = litho(*command)

    assert done.returncode == 0, done.stderr
    assert paid_once(fake.stats())
