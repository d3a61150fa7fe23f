"""What the pipeline itself loses, with an extractor that knows the answers."""

from pathlib import Path

import pytest
from benchmarks.losses import losses
from benchmarks.observe import Observation
from benchmarks.quality import observations, report, total
from benchmarks.scoring import Tally

from lithograph.extraction.settings import ExtractionSettings
from lithograph.testing.oracle import OracleExtractor

DOCUMENTS = 40


@pytest.fixture(scope="module")
def runs(shared_data: Path) -> list[Observation]:
    data = shared_data / "gold" / "dev.jsonl"
    return list(observations(data, OracleExtractor, ExtractionSettings(), limit=DOCUMENTS, source="re-docred"))


@pytest.fixture(scope="module")
def tallied(runs: list[Observation]) -> Tally:
    return total(runs)


def test_the_subset_is_large_enough_to_say_something(tallied: Tally) -> None:
    assert tallied.documents == DOCUMENTS
    assert tallied.reachable.whole > 1_000
    assert tallied.supported.whole > 1_000


def test_mentions_that_lie_in_a_chunk_are_found(tallied: Tally) -> None:
    assert tallied.reachable.value >= 0.995
    assert tallied.classes.value == 1


def test_relations_that_one_chunk_states_are_kept(tallied: Tally) -> None:
    assert tallied.stated.value >= 0.99
    assert tallied.kept.value >= 0.99
    assert tallied.supported.value >= 0.97  # Resolve merges a few things that the annotators kept apart


def test_resolution_is_better_than_equal_text_and_class(tallied: Tally) -> None:
    assert tallied.pairs.f1 > 0.81
    assert tallied.pairs.f1 > tallied.floor_pairs.f1
    assert tallied.cubed.f1 > tallied.floor_cubed.f1


def test_everything_in_the_graph_stands_in_the_text(tallied: Tally) -> None:
    assert tallied.inexact.whole > 0
    assert tallied.inexact.part == 0
    assert tallied.unread_entities.part == 0
    assert tallied.known.value == 1


def test_every_loss_has_a_cause(runs: list[Observation]) -> None:
    causes = {loss.cause for run in runs for loss in losses(run)}
    assert causes
    assert not any("not explained" in cause for cause in causes)


def test_the_report_has_a_line_for_every_stage(runs: list[Observation]) -> None:
    text = "\n".join(report(runs))
    for stage in ("mentions", "entities", "clusters", "relations", "conformance", "grounding", "rejected"):
        assert f"\n{stage}" in text
