"""What the rules find in a few sentences, and in awkward ones."""

import pytest

from lithograph.domain.facts import Literal
from lithograph.domain.result import ExtractionResult
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.rules import RulesExtractor
from lithograph.extraction.rules.values import DATE, YEAR, values_in
from lithograph.ontology.load import ontology_from_bytes

ONTOLOGY = ontology_from_bytes(
    b"""
    @prefix : <http://example.org/> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
    @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
    :Person a owl:Class ; rdfs:label "Person" . :Place a owl:Class ; rdfs:label "Place" .
    :birthPlace a owl:ObjectProperty ; rdfs:label "born in" ; rdfs:domain :Person ; rdfs:range :Place .
    :birthDate a owl:DatatypeProperty ; rdfs:label "born on" ; rdfs:domain :Person ; rdfs:range xsd:date .
    """,
    source="ontology.ttl",
)


async def extracted(text: str) -> ExtractionResult:
    return await ExtractionPipeline(ONTOLOGY, RulesExtractor(ONTOLOGY)).run(text)


@pytest.mark.parametrize("before", ["", "It rained. "])
async def test_what_a_pronoun_means_is_in_the_evidence(before: str) -> None:
    result = await extracted(f"{before}Dr Helena Marwick was an engraver. She was born in Leith.")
    (relation,) = result.graph.relations
    assert [span.text for span in relation.evidence] == [
        "Dr Helena Marwick was an engraver.",
        "She was born in Leith.",
    ]


@pytest.mark.parametrize(
    ("written", "readings"),
    [
        ("12 August 1720", [(DATE, "1720-08-12"), (YEAR, "1720")]),
        ("12 Augu\u017ft 1720", [(DATE, "1720-08-12"), (YEAR, "1720")]),
        ("AUGUST 2nd, 1720", [(DATE, "1720-08-02"), (YEAR, "1720")]),
        ("\u0661\u0667\u0662\u0660-\u0660\u0668-\u0661\u0662", []),
    ],
)
def test_dates_of_old_prints_are_read_and_other_digits_are_none(written: str, readings: list[tuple[str, str]]) -> None:
    assert [reading for value in values_in(f"She died on {written}.") for reading in value.readings] == readings


async def test_a_date_of_an_old_print_is_a_literal() -> None:
    result = await extracted("Helena Marwick was born on 12 Augu\u017ft 1720.")
    assert [relation.object for relation in result.graph.relations] == [Literal("1720-08-12", DATE)]
