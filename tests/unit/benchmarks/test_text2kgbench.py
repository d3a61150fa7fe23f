import json
from collections import defaultdict
from pathlib import Path

import pytest
from benchmarks.metrics import Score
from benchmarks.text2kgbench import SentenceScore, Triple, macro, micro, normalised, score_sentence

from lithograph.testing.gold import read_gold

SENTENCE = "Big Hero 6 stars Alan Tudyk, and Baymax appears in it."
GOLD: list[Triple] = [("Big_Hero_6", "starring", "Alan_Tudyk"), ("Baymax", "first appearance", "Big_Hero_6")]
RELATIONS = ["starring", "first appearance", "distributor"]
CLASSES = ["film", "character"]


def score(system: list[Triple]) -> SentenceScore:
    return score_sentence(SENTENCE, system, GOLD, RELATIONS, CLASSES)


def test_triples_are_compared_without_case_blanks_and_underscores() -> None:
    assert normalised(("Big_Hero 6", "first appearance", " Alan\tTudyk")) == "bighero6firstappearancealantudyk"
    assert score([("big hero 6", "starring", "alan tudyk"), ("baymax", "first_appearance", "Big Hero 6")]).f1 == 1


def test_relations_that_the_sentence_has_not_are_left_out_before_scoring() -> None:
    found = score([("Big Hero 6", "starring", "Alan Tudyk"), ("Big Hero 6", "distributor", "Alan Tudyk")])
    assert (found.precision, found.recall) == (1.0, 0.5)
    assert found.f1 == pytest.approx(2 / 3)
    assert micro([("Big Hero 6", "starring", "Alan Tudyk"), ("a", "distributor", "b")], GOLD) == Score(1, 2, 2)


def test_a_wrong_triple_of_a_right_relation_counts_against_precision() -> None:
    found = score([("Big Hero 6", "starring", "Alan Tudyk"), ("Big Hero 6", "starring", "Baymax")])
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)


def test_a_sentence_of_which_nothing_is_left_scores_nothing_but_conforms() -> None:
    found = score([])
    assert (found.precision, found.recall, found.f1) == (0, 0, 0)
    assert (found.conformance, found.relation_hallucination) == (1, 0)


def test_what_neither_the_ontology_nor_the_sentence_has_is_hallucinated() -> None:
    found = score([("Baymax", "voiced by", "Scott Adsit"), ("films", "starring", "Alan Tudyk")])
    assert (found.conformance, found.relation_hallucination) == (0.5, 0.5)
    assert found.subject_hallucination == 0  # "films" is the class "film"
    assert found.object_hallucination == 0.5


def test_the_mean_weighs_ontologies_alike() -> None:
    good, bad = score(GOLD), score([])
    assert macro([("a", good), ("a", bad), ("b", good)]).f1 == pytest.approx((0.5 + 1) / 2)


@pytest.mark.parametrize(("source", "f1"), [("wikidata_tekgen", 0.27), ("dbpedia_webnlg", 0.22)])
def test_recorded_answers_score_what_is_known_of_them(shared_data: Path, source: str, f1: float) -> None:
    recorded: defaultdict[str, list[Triple]] = defaultdict(list)
    for line in (shared_data / "gold" / "recorded_responses.jsonl").read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        if answer["model"] == "Vicuna-13B":
            recorded[answer["id"]] = [(one, relation, other) for one, relation, other in answer["triples"]]
    total = Score()
    for gold in read_gold(shared_data / "gold" / "dev.jsonl"):
        if gold.source == f"text2kgbench/{source}":
            marked = [(relation.subject, relation.predicate, relation.object) for relation in gold.relations]
            total += micro(recorded[gold.id], marked)
    assert round(total.f1, 2) == f1
