"""Everything that can go wrong with a provider at once, and the process killed twice: the graph is as if nothing had
happened, and hardly anything is bought twice.
"""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from tests.commands import DEADLINE, HASTE, Litho, canonical
from tests.journals import gapless

from lithograph.demo import demo_ontology
from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model import Stats, fake_model_process
from lithograph.testing.fake_model.faults import Fault

CONCURRENCY = 6
IMPATIENT = {**HASTE, "LITHOGRAPH_TIMEOUT": "1.5"}
SECONDS = {Fault.RATE_LIMITED_AFTER: "=0.2", Fault.DRIP: "=0.3"}
CHANCES = {fault: 0.04 if fault is Fault.TIMEOUT else 0.018 for fault in Fault}
EVERYTHING = ",".join(f"{fault}{SECONDS.get(fault, '')}:{chance}" for fault, chance in CHANCES.items())
FAIL = f"{EVERYTHING},outage=0.15-0.9,first=72,seed=20527"
"""By this seed every fault comes up, and the answers that cannot be used come so far apart that no prompt gets three of
them: that would be too many. Nor does any get two that are cut short: it would be asked about in halves, and the
answers to these say other things than the answer to the whole.
"""
MOST_STOPS = 6


@dataclass(frozen=True, slots=True)
class Case:
    """What is extracted how: `chunks` are about as many paragraphs."""

    dialect: str
    strategy: str
    chunks: int

    def __str__(self) -> str:
        return f"{self.dialect}-{self.strategy}"

    def command(self, folder: Path, url: str) -> tuple[str, ...]:
        (folder / "ontology.ttl").write_bytes(demo_ontology())
        (folder / "annals.txt").write_text(generated_text(self.chunks))
        address = url.removesuffix("/v1") if self.dialect == "anthropic" else url
        options = ("--strategy", self.strategy, "--concurrency", str(CONCURRENCY))
        model = ("--model", f"{self.dialect}:fake", "--base-url", address)
        return ("extract", "annals.txt", "--ontology", "ontology.ttl", *model, *options)


CASES = [Case("openai", "staged", 26), Case("anthropic", "joint", 80)]
HEAVY_CASES = [Case("anthropic", "staged", 26), Case("openai", "joint", 80)]


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a case: `stops` counts the processes that did not come to the end, killed or not."""

    litho: Litho
    undisturbed: CompletedProcess[str]
    disturbed: CompletedProcess[str]
    stops: int
    stats: Stats


def carried_out(case: Case, folder: Path) -> Ended:
    """Carry a case to its end, undisturbed and then with everything going wrong."""
    litho = Litho(folder, IMPATIENT)
    with fake_model_process(latency=0.05) as fake:
        command = case.command(folder, fake.url)
        undisturbed = litho(*command, "--no-db")
        enough = fake.stats().answered
        fake.reset()
        fake.fail(FAIL)
        for share in (0.3, 0.45):
            with litho.begun(*command) as process:
                while fake.stats().answered < share * enough and process.poll() is None:
                    time.sleep(0.02)
                assert process.poll() is None, process.communicate(timeout=DEADLINE)[1]
                process.kill()
        stops = 2
        while (done := litho(*command)).returncode == 1 and stops < MOST_STOPS:
            stops += 1  # one call has used up all its attempts: what is finished is kept
        return Ended(litho, undisturbed, done, stops, fake.stats())


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[Case, Future[Ended]]]:
    """The cases, two of them at a time."""
    with ThreadPoolExecutor(2) as pool:
        yield {case: pool.submit(carried_out, case, tmp_path_factory.mktemp("case")) for case in CASES}


def bought_again(stats: Stats) -> int:
    """Return how many good answers were received as a whole although there had been one."""
    return sum(max(0, prompt.ok - 1) for prompt in stats.prompts)


def check(end: Ended) -> None:
    assert end.undisturbed.returncode == 0, end.undisturbed.stderr
    assert end.disturbed.returncode == 0, end.disturbed.stderr
    assert json.loads(end.disturbed.stdout)["missing"] == []
    assert canonical(end.disturbed.stdout) == canonical(end.undisturbed.stdout)
    assert set(end.stats.faults) == {*Fault, "outage"}
    assert bought_again(end.stats) <= CONCURRENCY * end.stops
    assert end.litho.execution().recovery_count == 2
    events = end.litho.events()
    assert all(gapless(events))
    assert any("did not answer within" in str(event.payload.get("error")) for event in events)
    completed = [event.payload["activity"] for event in events if event.type == "activity.completed"]
    assert len(completed) == len(set(completed))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_faults_and_two_kills_leave_no_trace(case: Case, ended: Mapping[Case, Future[Ended]]) -> None:
    check(ended[case].result())


@pytest.mark.heavy
@pytest.mark.parametrize("case", HEAVY_CASES, ids=str)
def test_all_faults_and_two_kills_leave_no_trace_the_other_way_round(case: Case, tmp_path: Path) -> None:
    check(carried_out(case, tmp_path))
