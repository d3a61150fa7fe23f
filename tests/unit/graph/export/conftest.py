import pytest

from lithograph.domain.document import Document, Span
from lithograph.domain.facts import XSD, Attribute, Flag, Literal, Mention
from lithograph.domain.fragment import Missing, Reason, Stage
from lithograph.domain.graph import Entity, KnowledgeGraph, Relation
from lithograph.domain.ids import ChunkId, EntityId, ExecutionId, Iri, OrganizationId, RelationId
from lithograph.domain.result import ExtractionResult, ResultDocument, Stats
from lithograph.domain.usage import Usage
from lithograph.ontology.model import Ontology, OntologyClass, OntologyProperty

PERSON, MACHINE = Iri("https://schema.org/Person"), Iri("http://example.org/on to#Machine")
BORN, MADE, SAID = Iri("https://schema.org/birthDate"), Iri("http://example.org/made"), Iri("http://example.org/said")
TEXT = 'Ada "Bob" <script>\r\nalert(1)</script>, born 1815, made =1+1; A\u202eda\x00\x0b said 🚂.'


@pytest.fixture
def ontology() -> Ontology:
    return Ontology(
        "http://example.org/",
        "test.ttl",
        "0",
        {PERSON: OntologyClass(PERSON, "Human being")},
        {MADE: OntologyProperty(MADE, "has made")},
    )


@pytest.fixture
def result() -> ExtractionResult:
    """A result with everything that a format may stumble over."""
    document = Document.from_text(TEXT, source="Ada, \u202e;.txt", organization_id=OrganizationId("A & B: 100%"))

    def span(text: str) -> Span:
        return document.span(TEXT.index(text), TEXT.index(text) + len(text))

    ada = Entity(
        EntityId("entity_1"),
        'Ada "Bob" <script>',
        (PERSON, Iri("Thing")),
        ("A\u202eda\x00\x0b", "lone \ud800"),
        0.9,
        (
            Attribute(BORN, Literal("1815", Iri(XSD + "gYear")), (span("1815"),)),
            Attribute(BORN, Literal("neunzehntes Jahrhundert", language="de"), ()),
        ),
        (Mention(span('Ada "Bob" <script>'), 0.9), Mention(span("A\u202eda\x00\x0b"), 0.5)),
    )
    formula = Entity(EntityId("entity_2"), "=1+1", (MACHINE,), (), 1.0, (), (Mention(span("=1+1"), 1.0),))
    whole = document.span(0, 61)
    relations = (
        Relation(RelationId("relation_1"), ada.id, MADE, formula.id, 0.8, (whole, span("made =1+1"))),
        Relation(RelationId("relation_2"), ada.id, MADE, formula.id, 1e-07, (whole,), (Flag.DOMAIN, Flag.RANGE)),
        Relation(RelationId("relation_3"), ada.id, SAID, Literal("🚂\r\n-5"), 1.0, (span("said 🚂"),)),
    )
    return ExtractionResult(
        document.organization_id,
        (ResultDocument.of(document, ExecutionId("execution_1")),),
        KnowledgeGraph((ada, formula), relations),
        (Missing(document.id, ChunkId("chunk_1"), 3, 9, Stage.RELATIONS, "too late \u2028", 4),),
        ((Reason.NOT_IN_TEXT, 2),),
        Stats(2, 3, 2, 3, Usage(4, 100, 50, 0.001), 1.23456),
    )
