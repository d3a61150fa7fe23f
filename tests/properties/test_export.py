"""Whatever a result holds, every export holds it too and can be read by others."""

import csv
import io
import json
from itertools import count

import networkx
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pyoxigraph import RdfFormat, parse

from lithograph.domain.document import Document, Span
from lithograph.domain.facts import XSD, Attribute, Flag, Literal, Mention
from lithograph.domain.fragment import Missing, Reason, Stage
from lithograph.domain.graph import Entity, KnowledgeGraph, Relation
from lithograph.domain.ids import ChunkId, EntityId, ExecutionId, Iri, OrganizationId, RelationId
from lithograph.domain.result import ExtractionResult, ResultDocument, Stats
from lithograph.domain.usage import Usage
from lithograph.graph.export.formats import Format, export, export_files
from lithograph.graph.export.result_json import to_json
from lithograph.graph.export.result_reader import from_json
from lithograph.graph.export.schema import schema
from lithograph.graph.rdf import triples

ODD = [
    "<script>",
    "]]>",
    '"',
    "'",
    "\n",
    "\r\n",
    "\t",
    ",",
    ";",
    "🚂",
    "\u202e",
    "שלום",
    "\x00",
    "\x0b",
    "\x7f",
    "\ufffe",
    "\\",
]
VALIDATOR = Draft202012Validator(schema())

# A high surrogate before a low one cannot be told from the character that both encode; only low ones are made.
characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=8) | st.sampled_from(ODD) | st.lists(st.sampled_from(ODD), max_size=4).map("".join)
documents = texts.map(lambda text: text + "Ada made it")
iris = st.sampled_from(
    [
        "https://schema.org/Person",
        "http://x/a b#C",
        "Thing",
        "schema:Person",
        "id:x",
        "urn:x:y",
        "http://x/%zz",
        "rdf:type",
    ]
).map(Iri) | st.text(min_size=1, max_size=8).map(Iri)
datatypes = st.sampled_from([XSD + n for n in ("string", "integer", "decimal", "double", "boolean", "date")]).map(Iri)
literals = st.builds(
    Literal,
    texts | st.sampled_from(["1", "-01", "1.", "1e5", "true", "NaN", "1815-12-10"]),
    datatypes | iris,
    st.sampled_from(["", "", "de", "en-US", "no tag"]),
)
confidences = st.floats(0, 1)


@st.composite
def spans(draw: st.DrawFn, document: Document) -> Span:
    start = draw(st.integers(0, len(document.text) - 1))
    return document.span(start, draw(st.integers(start + 1, len(document.text))))


@st.composite
def entities(draw: st.DrawFn, document: Document, number: int) -> Entity:
    attribute = st.builds(Attribute, iris, literals, st.lists(spans(document), max_size=2).map(tuple))
    mention = st.builds(Mention, spans(document), confidences)
    return Entity(
        EntityId(f"entity_{number}"),
        draw(texts),
        tuple(draw(st.lists(iris, min_size=1, max_size=2))),
        tuple(draw(st.lists(texts, max_size=2))),
        draw(confidences),
        tuple(draw(st.lists(attribute, max_size=2))),
        tuple(draw(st.lists(mention, min_size=1, max_size=2))),
    )


@st.composite
def results(draw: st.DrawFn) -> ExtractionResult:
    organization = OrganizationId(draw(texts))
    document = Document.from_text(draw(documents), source=draw(texts), organization_id=organization)
    found = [draw(entities(document, number)) for number in range(draw(st.integers(0, 3)))]
    numbers = count()
    ids = st.sampled_from([entity.id for entity in found]) if found else st.nothing()
    relation = st.builds(
        Relation,
        st.builds(lambda: RelationId(f"relation_{next(numbers)}")),
        ids,
        iris,
        ids | literals,
        confidences,
        st.lists(spans(document), min_size=1, max_size=2).map(tuple),
        st.sets(st.sampled_from(Flag)).map(lambda flags: tuple(sorted(flags))),
    )
    relations = tuple(draw(st.lists(relation, max_size=4))) if found else ()
    missing = st.builds(
        Missing,
        st.just(document.id),
        st.just(ChunkId("c")),
        st.just(0),
        st.just(1),
        st.sampled_from(Stage),
        texts,
        st.integers(1, 4),
    )
    return ExtractionResult(
        organization,
        (ResultDocument.of(document, ExecutionId(draw(texts))),),
        KnowledgeGraph(tuple(found), relations),
        tuple(draw(st.lists(missing, max_size=1))),
        tuple(sorted(draw(st.dictionaries(st.sampled_from(Reason), st.integers(1, 9), max_size=2)).items())),
        Stats(1, 2, len(found), len(relations), Usage(1, 2, 3, draw(st.floats(0, 9))), draw(st.floats(0, 9))),
    )


modest = settings(max_examples=25, deadline=None)


@modest
@given(results())
def test_json_fits_its_schema_and_is_read_back(result: ExtractionResult) -> None:
    data = to_json(result)
    VALIDATOR.validate(json.loads(data))
    assert to_json(from_json(data)) == data


@modest
@given(results())
def test_rdf_formats_hold_the_same_triples(result: ExtractionResult) -> None:
    expected = set(triples(result))
    for target, form in ((Format.TURTLE, RdfFormat.TURTLE), (Format.JSONLD, RdfFormat.JSON_LD)):
        data = export(result, target)
        assert {quad.triple for quad in parse(data, format=form)} == expected
        assert export(result, target) == data


@modest
@given(results())
def test_graphml_holds_every_entity_and_every_relation_between_two(result: ExtractionResult) -> None:
    data = export(result, Format.GRAPHML)
    graph = networkx.read_graphml(io.BytesIO(data), force_multigraph=True)
    between = [relation for relation in result.graph.relations if not isinstance(relation.object, Literal)]
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (len(result.graph.entities), len(between))
    facts = [fact for _, shown in graph.nodes(data=True) for fact in json.loads(shown["attributes"])]
    assert sum("relation" in fact for fact in facts) == len(result.graph.relations) - len(between)


@modest
@given(results())
def test_tables_hold_every_entity_mention_and_statement(result: ExtractionResult) -> None:
    tables = {
        name: list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))
        for name, data in export_files(result, Format.CSV).items()
    }
    graph = result.graph
    assert [row["id"] for row in tables["entities.csv"]] == [entity.id for entity in graph.entities]
    assert len(tables["mentions.csv"]) == sum(len(entity.mentions) for entity in graph.entities)
    statements = [r.evidence for r in graph.relations] + [a.evidence for e in graph.entities for a in e.attributes]
    assert len(tables["relations.csv"]) == sum(max(1, len(evidence)) for evidence in statements)
