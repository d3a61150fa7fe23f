"""CSV: one table of entities, one of their mentions, one of everything that is stated about them.

The tables are for spreadsheets, data frames and databases. RFC 4180 with line feeds, UTF-8 without a byte order mark;
texts are quoted and numbers are not. A text that a spreadsheet would run as a formula gets an apostrophe before it.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lithograph.domain.document import Span
from lithograph.domain.facts import Literal
from lithograph.domain.graph import Entity
from lithograph.domain.ids import DocumentId, Iri
from lithograph.domain.result import ExtractionResult
from lithograph.graph.export.naming import Names, local_name, printable
from lithograph.ontology.model import Ontology

ENTITIES = ("id", "label", "type", "types", "aliases", "confidence", "mentions")
MENTIONS = ("entity", "label", "text", "confidence", "source", "document", "start", "end")
RELATIONS = (
    "kind",
    "id",
    "subject_label",
    "predicate_label",
    "object_label",
    "subject_type",
    "object_type",
    "evidence",
    "confidence",
    "flags",
    "source",
    "document",
    "start",
    "end",
    "subject",
    "predicate",
    "object",
    "datatype",
    "language",
)
SEPARATOR = " | "
"""Stands between several types, aliases or flags in one cell."""

_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
Cell = str | int | float


def to_tables(result: ExtractionResult, ontology: Ontology | None = None) -> dict[str, bytes]:
    """Return `entities.csv`, `mentions.csv` and `relations.csv`; names come from `ontology` where it is given."""
    tables = _Tables(result, Names(ontology))
    return {
        "entities.csv": _table(ENTITIES, tables.entities()),
        "mentions.csv": _table(MENTIONS, tables.mentions()),
        "relations.csv": _table(RELATIONS, tables.relations()),
    }


def safe(text: str) -> str:
    """Return `text` as it may stand in a spreadsheet: printable, and with an apostrophe where it looks like a formula.

    A number with a sign is no formula and stays a number.
    """
    shown = printable(text)
    return "'" + shown if _FORMULA.match(shown) and not _NUMBER.fullmatch(shown) else shown


def _table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue().encode()


@dataclass(frozen=True, slots=True)
class _Statement:
    """A relation or an attribute: for a table there is no difference but that an attribute has no confidence."""

    kind: str
    id: str
    subject: Entity
    predicate: Iri
    object: Entity | Literal
    evidence: tuple[Span, ...]
    confidence: Cell
    flags: str


class _Tables:
    def __init__(self, result: ExtractionResult, names: Names) -> None:
        self._graph = result.graph
        self._names = names
        self._sources: dict[DocumentId, str] = {document.id: document.source for document in result.documents}

    def entities(self) -> Iterable[Sequence[Cell]]:
        for entity in self._graph.entities:
            yield (
                entity.id,
                entity.label,
                self._type(entity),
                SEPARATOR.join(entity.types),
                SEPARATOR.join(entity.aliases),
                float(entity.confidence),
                len(entity.mentions),
            )

    def mentions(self) -> Iterable[Sequence[Cell]]:
        for entity in self._graph.entities:
            for mention in entity.mentions:
                span = mention.span
                yield entity.id, entity.label, span.text, float(mention.confidence), *self._place(span)

    def relations(self) -> Iterable[Sequence[Cell]]:
        """One row per statement and span of evidence; a statement without evidence has one row too."""
        for said in self._statements():
            end = said.object
            target: tuple[str, str, str]
            if isinstance(end, Literal):
                label, kind, target = end.value, local_name(end.datatype), ("", end.datatype, end.language)
            else:
                label, kind, target = end.label, self._type(end), (end.id, "", "")
            predicate = self._names.of_property(said.predicate)
            for span in said.evidence or (None,):
                yield (
                    *(said.kind, said.id, said.subject.label, predicate, label, self._type(said.subject), kind),
                    *(span.text if span else "", said.confidence, said.flags),
                    *(self._place(span) if span else ("", "", "", "")),
                    *(said.subject.id, said.predicate, *target),
                )

    def _statements(self) -> Iterator[_Statement]:
        for relation in self._graph.relations:
            target = relation.object
            yield _Statement(
                kind="relation",
                id=relation.id,
                subject=self._graph.entity(relation.subject),
                predicate=relation.predicate,
                object=target if isinstance(target, Literal) else self._graph.entity(target),
                evidence=relation.evidence,
                confidence=float(relation.confidence),
                flags=SEPARATOR.join(flag.value for flag in relation.flags),
            )
        for entity in self._graph.entities:
            for attribute in entity.attributes:
                yield _Statement(
                    "attribute", "", entity, attribute.predicate, attribute.value, attribute.evidence, "", ""
                )

    def _type(self, entity: Entity) -> str:
        return self._names.of_class(entity.types[0]) if entity.types else ""

    def _place(self, span: Span) -> tuple[Cell, Cell, Cell, Cell]:
        return self._sources[span.document], span.document, span.start, span.end
