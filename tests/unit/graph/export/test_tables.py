import csv
import io

import pytest

from lithograph.domain.result import ExtractionResult
from lithograph.graph.export.tables import safe, to_tables
from lithograph.ontology.model import Ontology


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def test_entities_have_a_row_each(result: ExtractionResult) -> None:
    ada, formula = rows(to_tables(result)["entities.csv"])
    assert (ada["id"], ada["label"], ada["type"]) == ("entity_1", 'Ada "Bob" <script>', "Person")
    assert ada["types"] == "https://schema.org/Person | Thing"
    assert ada["aliases"] == "A\u202eda\ufffd\ufffd | lone \ufffd"
    assert (ada["confidence"], ada["mentions"]) == ("0.9", "2")
    assert formula["label"] == "'=1+1"


def test_mentions_have_a_row_each_with_their_place(result: ExtractionResult) -> None:
    first, *_, last = rows(to_tables(result)["mentions.csv"])
    assert (first["entity"], first["text"], first["start"], first["end"]) == ("entity_1", first["label"], "0", "18")
    assert (last["source"], last["document"]) == ("Ada, \u202e;.txt", result.documents[0].id)


def test_relations_have_a_row_for_each_evidence(result: ExtractionResult) -> None:
    table = rows(to_tables(result)["relations.csv"])
    relations = [row for row in table if row["kind"] == "relation"]
    assert [row["id"] for row in relations] == ["relation_1", "relation_1", "relation_2", "relation_3"]
    assert (relations[1]["evidence"], relations[1]["start"]) == ("made =1+1", "50")
    assert (relations[0]["subject"], relations[0]["object"]) == ("entity_1", "entity_2")
    assert relations[0]["object_label"] == "'=1+1"
    assert relations[2]["flags"] == "domain | range"
    assert (relations[3]["object"], relations[3]["object_label"]) == ("", "🚂\r\n-5")


def test_attributes_stand_below_relations(result: ExtractionResult) -> None:
    year, century = [row for row in rows(to_tables(result)["relations.csv"]) if row["kind"] == "attribute"]
    assert (year["predicate_label"], year["object_label"], year["object_type"]) == ("birthDate", "1815", "gYear")
    assert (year["evidence"], year["confidence"]) == ("1815", "")
    assert (century["language"], century["evidence"], century["start"]) == ("de", "", "")


def test_table_names_come_from_the_ontology(result: ExtractionResult, ontology: Ontology) -> None:
    row = rows(to_tables(result, ontology)["relations.csv"])[0]
    assert (row["subject_type"], row["predicate_label"]) == ("Human being", "has made")


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert safe(text) == "'" + text


@pytest.mark.parametrize("text", ["-5", "+1.5e-3", "5", "a=b", "", "'", "1815-12-10", " =1"])
def test_numbers_and_harmless_texts_stay(text: str) -> None:
    assert safe(text) == text
