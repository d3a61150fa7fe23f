import subprocess
import sys

from tests.builders import (
    BORN,
    FOUNDED,
    KNOWS,
    LIVES_IN,
    ONTOLOGY,
    ORGANIZATION,
    PERSON,
    PLACE,
    SAILOR,
    chunk_of,
    mention,
)

from lithograph.domain.facts import Typing
from lithograph.domain.fragment import Fragment
from lithograph.domain.ids import Iri
from lithograph.extraction.extractor import Candidate
from lithograph.extraction.questions import Questions, candidates_of
from lithograph.extraction.settings import ExtractionSettings

CHUNK = chunk_of("Ada met Bob. Later Ada  met Dover; dover met Ada.")
ADAS = [mention(CHUNK, "Ada", n) for n in range(3)]
DOVER = mention(CHUNK, "Dover")
QUESTIONS = Questions(ONTOLOGY, ExtractionSettings(batch=2))


def found(*typings: tuple[int, tuple[Iri, ...]]) -> Fragment:
    return Fragment(
        frozenset([*ADAS, DOVER]),
        frozenset(Typing([*ADAS, DOVER][index].id, CHUNK.id, types, 1.0) for index, types in typings),
    )


def test_mentions_are_asked_for_with_every_class_of_a_small_ontology() -> None:
    assert {known.iri for known in QUESTIONS.mentions(CHUNK).classes} == set(ONTOLOGY.classes)


def test_mentions_go_in_batches_in_document_order() -> None:
    assert list(QUESTIONS.batches(found())) == [(ADAS[0], ADAS[1]), (DOVER, ADAS[2])]
    assert list(QUESTIONS.batches(Fragment())) == []


def test_classes_are_asked_for_with_the_sentence_of_each_mention_and_datatype_properties() -> None:
    question = QUESTIONS.entities(CHUNK, (ADAS[0], DOVER))
    assert [span.text for span in question.sentences] == ["Ada met Bob.", "Later Ada  met Dover; dover met Ada."]
    assert [known.iri for known in question.properties] == [BORN]


def test_candidates_are_surfaces_of_one_class_with_all_their_mentions() -> None:
    candidates = candidates_of(found((2, (PERSON, SAILOR)), (0, (PERSON,)), (1, (PLACE,)), (3, (PLACE,))))
    assert candidates == (
        Candidate("Ada", (PERSON, SAILOR), (ADAS[0], ADAS[2])),
        Candidate("Ada", (PLACE,), (ADAS[1],)),
        Candidate("Dover", (PLACE,), (DOVER,)),
    )


def test_what_has_no_class_is_no_candidate() -> None:
    assert candidates_of(found()) == ()


def test_properties_are_those_that_fit_the_classes_in_the_chunk() -> None:
    def offered(*types: Iri) -> set[Iri]:
        candidates = [Candidate("x", (iri,), (ADAS[0],)) for iri in types]
        return {known.iri for known in QUESTIONS.relations(CHUNK, candidates).properties}

    assert offered(PLACE) == {KNOWS}
    assert offered(ORGANIZATION) == {KNOWS, FOUNDED}
    assert offered(SAILOR, PLACE) == {KNOWS, LIVES_IN, BORN}


PREPARED = """
import sys
from lithograph.demo import demo_ontology
from lithograph.domain.document import Document
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.questions import Questions
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.load import ontology_from_bytes

settings = ExtractionSettings()
document = Document.from_text("Ada Brook works for Leith Press. She lives in Leith.")
questions = Questions(ontology_from_bytes(demo_ontology(), source="demo.ttl"), settings)
questions.prepare()
before = set(sys.modules)
questions.joint(chunk_document(document, settings.chunks)[0])
print(*sorted(set(sys.modules) - before))
"""


def test_what_is_prepared_loads_nothing_when_the_first_document_comes() -> None:
    done = subprocess.run([sys.executable, "-c", PREPARED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
