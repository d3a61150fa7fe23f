import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lithograph.domain.document import Sentence
from lithograph.errors import DocumentError
from lithograph.testing.gold import read_gold, read_index

Record = dict[str, Any]
Write = Callable[..., Path]


def test_a_document_is_read_with_its_mentions_entities_and_relations(write: Write, record: Record) -> None:
    (gold,) = read_gold(write(record))
    assert (gold.id, gold.source, gold.ontology, gold.split) == ("ada", "made-up", "people", "dev")
    assert [gold.text[one.start : one.end] for one in gold.mentions] == [one.text for one in gold.mentions]
    assert not gold.silver
    assert gold.entities[0].types == ("PER",)
    met, lived, _ = gold.relations
    assert (met.subject_entity, met.predicate, met.object_entity) == ("e0", "P1", "e1")
    assert met.evidence == (Sentence(0, 35),)
    assert lived.evidence == ()


def test_a_document_without_marked_spans_names_its_ends(write: Write, silver_record: Record) -> None:
    (gold,) = read_gold(write(silver_record))
    designer, inception = gold.relations
    assert gold.silver
    assert gold.mentions[0].type == ""
    assert (designer.subject, designer.subject_entity, designer.object_entity) == ("Analytical_Engine", "e0", "e1")
    assert designer.predicate_iri == "http://example.org/P3"
    assert (inception.object, inception.value, inception.object_entity, inception.literal) == (
        '"1837"',
        "1837",
        "",
        True,
    )


def test_blank_lines_are_passed_over(write: Write, record: Record) -> None:
    assert [gold.id for gold in read_gold(write("", record, "  ", record))] == ["ada", "ada"]


def test_documents_are_read_one_at_a_time(write: Write, record: Record) -> None:
    documents = read_gold(write(record, "{broken"))
    assert next(documents).id == "ada"
    with pytest.raises(DocumentError, match="line 2"):
        next(documents)


@pytest.mark.parametrize("line", ["{", "[1]", '"text"', "null"])
def test_a_line_that_is_no_object_names_file_and_line(write: Write, record: Record, line: str) -> None:
    path = write(record, line)
    with pytest.raises(DocumentError, match="line 2") as error:
        list(read_gold(path))
    assert str(path) in str(error.value)


def change_mention(record: Record) -> None:
    record["mentions"][0]["text"] = "Eve Lovelace"


def move_mention(record: Record) -> None:
    record["mentions"][0]["end"] = 10_000


def orphan_mention(record: Record) -> None:
    record["mentions"][0]["entity"] = "e9"


def orphan_relation(record: Record) -> None:
    record["relations"][0]["subject"] = "e9"


def evidence_nowhere(record: Record) -> None:
    record["relations"][0]["evidence_sentences"] = [3]


def evidence_by_name(record: Record) -> None:
    record["relations"][0]["evidence_sentences"] = ["first"]


def sentence_outside(record: Record) -> None:
    record["sentences"][2] = [61, 10_000]


def half_a_sentence(record: Record) -> None:
    record["sentences"][2] = [61]


def no_text(record: Record) -> None:
    del record["text"]


def offset_as_text(record: Record) -> None:
    record["mentions"][0]["start"] = "0"


def offset_as_truth(record: Record) -> None:
    record["mentions"][0]["start"] = False


def entities_as_object(record: Record) -> None:
    record["entities"] = {}


@pytest.mark.parametrize(
    "breaks",
    [
        change_mention, move_mention, orphan_mention, orphan_relation, evidence_nowhere, evidence_by_name,
        sentence_outside, half_a_sentence, no_text, offset_as_text, offset_as_truth, entities_as_object,
    ],
)  # fmt: skip
def test_what_a_document_does_not_bear_out_is_an_error(
    write: Write, record: Record, breaks: Callable[[Record], None]
) -> None:
    good = json.loads(json.dumps(record))
    breaks(record)
    with pytest.raises(DocumentError, match=r"gold\.jsonl, line 2"):
        list(read_gold(write(good, record)))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        list(read_gold(tmp_path / "none.jsonl"))


def test_the_index_names_files_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text('{"people": "people.ttl"}', encoding="utf-8")
    assert read_index(path) == {"people": tmp_path / "people.ttl"}


@pytest.mark.parametrize("content", ["[]", "{", '{"people": 1}'])
def test_a_broken_index_is_an_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DocumentError, match=r"index\.json"):
        read_index(path)
