"""The benchmark with a model: through the fake one, which answers as the rules do, it equals the rules."""

from pathlib import Path

from benchmarks.quality import ModelExtractors, observations, report
from benchmarks.quality import _rules as rules

from lithograph.extraction.settings import ExtractionSettings
from lithograph.testing.fake_model import fake_model_process
from lithograph.testing.gold import read_index
from lithograph.workflow.extractors import ModelChoice

LIMIT = 8


def test_a_model_that_answers_as_the_rules_do_is_as_good_as_they_are(shared_data: Path) -> None:
    data = shared_data / "gold" / "dev.jsonl"
    settings = ExtractionSettings()
    ontologies = sorted(set(read_index(data.parent / "ontologies" / "index.json").values()))
    with fake_model_process(ontologies=ontologies) as model:
        make = ModelExtractors(ModelChoice("openai:fake", model.url))
        asked = list(observations(data, make, settings, limit=LIMIT))
        requests = model.stats().requests
    offline = list(observations(data, rules, settings, limit=LIMIT))
    assert requests >= len(asked)
    assert list(report(asked)) == list(report(offline))
    assert [seen.result.graph for seen in asked] == [seen.result.graph for seen in offline]
