"""A model that cannot be had is one sentence, and a key is told to nobody but the provider."""

import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess, Popen

import pytest
from tests.chats import nobody
from tests.commands import DEADLINE, HASTE, Litho, sentence, until

from lithograph.demo import demo_document, demo_ontology
from lithograph.models.caller import ModelCaller
from lithograph.models.prices import PriceTable
from lithograph.ontology.load import ontology_from_bytes
from lithograph.resilience.provider import ProviderLimits
from lithograph.testing.fake_model import FakeModelProcess, fake_model_process
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.models import Models
from lithograph.workflow.runner import Plan

KEY = "sk-proj-Qe81mT0nZx4hW7bLcV29"
SECRET = KEY[8:24]
"""What a key may be known by, however it is cut."""
KEYS = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
EXTRACT = ("extract", "story.md", "--ontology", "ontology.ttl")
FAKE = ("--model", "openai:fake", "--base-url")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A model that cannot be had. `URL` in the options is a server that takes a stranger's key, `NOBODY` nobody's.

    With an exit code of 1 it takes a question to find out.
    """

    name: str
    options: tuple[str, ...]
    said: str
    code: int = 2
    environment: Mapping[str, str] = field(default_factory=lambda: KEYS)


STRANGER = {"OPENAI_API_KEY": "sk-somebody-elses"}
WRONG = [
    Wrong("no key", ("--model", "openai:gpt-5-mini"), "set the environment variable OPENAI_API_KEY", environment={}),
    Wrong("unknown provider", ("--model", "acme:fake"), "the provider 'acme' is not known"),
    Wrong("no URL", (*FAKE, "127.0.0.1:9"), "'127.0.0.1:9' is no address that begins with http:// or https://"),
    Wrong("no price", (*FAKE, "URL", "--max-cost", "1"), "no price is known for openai:fake"),
    Wrong("broken prices", (*FAKE, "URL", "--prices", "prices.json"), "the prices prices.json: model 'openai:fake'"),
    Wrong("budget in memory", (*FAKE, "URL", "--no-db", "--max-tokens", "9"), "--no-db keeps nothing"),
    Wrong("no seconds", (*FAKE, "URL"), "LITHOGRAPH_TIMEOUT is 'soon'", environment={"LITHOGRAPH_TIMEOUT": "soon"}),
    Wrong("rules at a URL", ("--base-url", "URL"), "a base URL and fallbacks go with a model"),
    Wrong("rules at once", ("--strategy", "joint"), "rules answers in stages only"),
    Wrong("wrong key", (*FAKE, "URL"), "does not accept the key; set OPENAI_API_KEY", 1),
    Wrong("unknown model", ("--model", "openai:unknown", "--base-url", "URL"), "no model 'unknown'", 1, STRANGER),
    Wrong("no schemas", ("--model", "openai:unstructured", "--base-url", "URL"), "JSON of a schema", 1, STRANGER),
    Wrong("nobody there", (*FAKE, "NOBODY"), "does not answer: connection refused", 1),
    Wrong("wrong Anthropic key", ("--model", "anthropic:fake", "--base-url", "URL"), "set ANTHROPIC_API_KEY", 1),
]  # fmt: skip
AT_ONCE = 2
FAULTS = "429-after=0.1:0.1,500:0.05,529:0.05,drop:0.05,malformed:0.02,seed=5"

Ended = Mapping[str, tuple[Litho, CompletedProcess[str]]]


def ending(process: Popen[str]) -> CompletedProcess[str]:
    out, said = process.communicate(timeout=DEADLINE)
    return CompletedProcess(process.args, process.returncode, out, said)


def prepare(folder: Path) -> Path:
    (folder / "story.md").write_bytes(demo_document())
    (folder / "ontology.ttl").write_bytes(demo_ontology())
    (folder / "prices.json").write_text('{"models": {"openai:fake": {"input": "cheap", "output": 1}}}')
    return folder


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    """How all the wrong commands ended, some of them at a time."""
    done: dict[str, tuple[Litho, CompletedProcess[str]]] = {}
    with fake_model_process(key=STRANGER["OPENAI_API_KEY"]) as fake, nobody() as nowhere:
        for first in range(0, len(WRONG), AT_ONCE):
            begun = []
            for wrong in WRONG[first : first + AT_ONCE]:
                litho = Litho(prepare(tmp_path_factory.mktemp("wrong")), wrong.environment)
                options = [option.replace("URL", fake.url).replace("NOBODY", nowhere) for option in wrong.options]
                begun.append((wrong, litho, litho.begin(*EXTRACT, *options)))
            done |= {wrong.name: (litho, ending(process)) for wrong, litho, process in begun}
        yield done


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_model_that_cannot_be_had_is_one_sentence_and_no_execution(wrong: Wrong, ended: Ended) -> None:
    litho, done = ended[wrong.name]

    assert done.returncode == wrong.code, done.stderr
    assert wrong.said in sentence(done)
    assert done.stdout == ""
    assert litho.executions() == []
    if wrong.code == 2:
        assert done.stderr.count("\n") == 1
        assert not (litho.folder / ".lithograph").exists()
    assert SECRET not in "".join(told(litho, done))


@pytest.fixture(scope="module")
def faulty() -> Iterator[FakeModelProcess]:
    """A server that takes the key, and fails now and then."""
    with fake_model_process(key=KEY, latency=0.05, fail=FAULTS) as fake:
        yield fake


def told(litho: Litho, *done: CompletedProcess[str]) -> Iterator[str]:
    """Yield everything that anybody can read of what was done."""
    for one in done:
        yield one.stdout
        yield one.stderr
    for path in litho.folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes().decode("latin-1")


@pytest.mark.parametrize(("dialect", "stop"), [("openai", signal.SIGINT), ("anthropic", signal.SIGKILL)])
def test_a_key_is_told_to_nobody_by_what_is_stopped(
    dialect: str, stop: signal.Signals, faulty: FakeModelProcess, tmp_path: Path
) -> None:
    litho = Litho(prepare(tmp_path), {**HASTE, **KEYS})
    faulty.reset()
    command = (*EXTRACT, "--model", f"{dialect}:fake", "--base-url", faulty.url, "--concurrency", "3")

    with litho.begun(*command, heeding=True) as process:
        until(lambda: faulty.stats().answered >= 8)
        process.send_signal(stop)
        stopped = ending(process)

    assert stopped.returncode in (130, -signal.SIGKILL), stopped.stderr
    assert SECRET not in "".join(told(litho, stopped))


def test_a_key_is_told_to_nobody_by_what_completes(faulty: FakeModelProcess, tmp_path: Path) -> None:
    litho = Litho(prepare(tmp_path), {**HASTE, **KEYS})
    command = (*EXTRACT, "--model", "openai:fake", "--base-url", faulty.url, "--on-missing", "skip")

    done = litho(*command, "--out", "graph.json")
    execution = litho.execution().id
    views = [litho("status", execution, "--json"), litho("events", execution)]

    assert done.returncode in (0, 3), done.stderr
    assert "activity.retrying" in views[-1].stdout
    assert SECRET not in "".join(told(litho, done, *views))


async def test_a_key_is_in_no_representation() -> None:
    ontology = ontology_from_bytes(demo_ontology(), source="ontology.ttl")
    models = Models(ProviderLimits(), PriceTable({}), KEYS)
    choice = ModelChoice("openai:gpt-5-mini", "", ("anthropic:claude-haiku-4-5",))
    plan = Plan(ontology, choice)
    extractor = models(choice, ontology)
    callers = list(models._callers.values())

    shown = [models, choice, plan, plan.pipeline(models), extractor, extractor.identity, *callers]
    shown += [one for caller in callers for one in (caller.model, caller.policy, caller.policy.provider)]

    assert [type(caller.model).__name__ for caller in callers] == ["OpenAIChat", "AnthropicChat"]
    assert all(isinstance(caller, ModelCaller) for caller in callers)
    for one in shown:
        assert SECRET not in repr(one)
        assert SECRET not in str(one)
    await models.aclose()
