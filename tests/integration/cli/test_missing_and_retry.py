"""What a model cannot answer is listed, or fails with a sentence; later exactly that is asked again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.commands import HASTE, Litho, canonical, sentence

from lithograph.demo import demo_document, demo_ontology
from lithograph.documents.read import document_from_bytes
from lithograph.domain.chunk import Chunk
from lithograph.durable.status import Status
from lithograph.extraction.chunk import chunk_document
from lithograph.testing.fake_model import FakeModelProcess, fake_model_process

EXTRACT = ("extract", "story.md", "--ontology", "ontology.ttl")


@pytest.fixture(scope="module")
def server() -> Iterator[FakeModelProcess]:
    with fake_model_process(latency=0.02) as process:
        yield process


@pytest.fixture(scope="module")
def culprit() -> Chunk:
    """A chunk of the demo's document."""
    chunks = chunk_document(document_from_bytes(demo_document(), source="story.md"))
    return chunks[len(chunks) // 2]


@pytest.fixture
def fake(server: FakeModelProcess, culprit: Chunk) -> FakeModelProcess:
    """Never tells the relations of the culprit."""
    clue = max(culprit.text[len(culprit.text) // 2 :].split(","), key=len).strip()  # no part of another's overlap
    server.fail(f"500:1.0,match={clue},task=relations")
    server.reset()
    return server


@pytest.fixture(scope="module")
def faultless(tmp_path_factory: pytest.TempPathFactory) -> object:
    """What the rules find, as the fake model does."""
    folder = tmp_path_factory.mktemp("faultless")
    (folder / "story.md").write_bytes(demo_document())
    (folder / "ontology.ttl").write_bytes(demo_ontology())
    return canonical(Litho(folder)(*EXTRACT, "--no-db").stdout)


@pytest.fixture
def litho(folder: Path) -> Litho:
    return Litho(folder, HASTE)


def test_what_is_missing_is_listed_and_retry_asks_exactly_for_that(
    litho: Litho, fake: FakeModelProcess, culprit: Chunk, faultless: object
) -> None:
    model = ("--model", "openai:fake", "--base-url", fake.url)

    gaps = litho(*EXTRACT, *model, "--on-missing", "skip")

    assert gaps.returncode == 3, gaps.stderr
    (missing,) = json.loads(gaps.stdout)["missing"]
    assert (missing["chunk"], missing["stage"], missing["attempts"]) == (culprit.id, "relations", 4)
    assert (missing["start"], missing["end"]) == (culprit.start, culprit.end)
    assert "answered HTTP 500" in missing["error"]
    assert "at relations after 4 attempts" in gaps.stderr
    assert litho.execution().status is Status.COMPLETED_WITH_ERRORS
    (never,) = [prompt for prompt in fake.stats().prompts if not prompt.ok]
    assert (never.task, never.served) == ("relations", 4)

    fake.fail("")
    fake.reset()
    done = litho("retry", litho.execution().id)

    assert done.returncode == 0, done.stderr
    (asked,) = fake.stats().prompts
    assert (asked.key, asked.served, asked.ok) == (never.key, 1, 1)
    assert canonical(done.stdout) == faultless
    completed = [event.payload["activity"] for event in litho.events() if event.type == "activity.completed"]
    assert len(completed) == len(set(completed))


def test_where_nothing_may_be_missing_it_fails_and_the_same_command_goes_on(
    litho: Litho, fake: FakeModelProcess, culprit: Chunk, faultless: object
) -> None:
    command = (*EXTRACT, "--model", "openai:fake", "--base-url", fake.url)

    failed = litho(*command)

    assert (failed.returncode, failed.stdout) == (1, "")
    execution = litho.execution()
    said = sentence(failed)
    assert f"story.md: characters {culprit.start} to {culprit.end} failed in stage relations" in said
    assert f"what was finished is kept, and the same command, or `litho retry {execution.id}`, runs" in said
    assert execution.status is Status.FAILED
    finished = {event.payload["activity"] for event in litho.events() if event.type == "activity.completed"}
    assert len(finished) > 11

    fake.fail("")
    fake.reset()
    done = litho(*command)

    assert done.returncode == 0, done.stderr
    completed = [event.payload["activity"] for event in litho.events() if event.type == "activity.completed"]
    assert finished < set(completed)
    assert len(completed) == len(set(completed))
    assert 0 < fake.stats().requests <= len(completed) - len(finished)
    assert canonical(done.stdout) == faultless
