"""Reads "lithograph/1" back. Nothing in the file is believed: an error names the place, as in `entities[3].label`."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

from lithograph.domain.document import Span
from lithograph.domain.facts import Attribute, Flag, Literal, Mention
from lithograph.domain.fragment import Missing, Reason, Stage
from lithograph.domain.graph import Entity, KnowledgeGraph, Relation
from lithograph.domain.ids import ChunkId, DocumentId, EntityId, ExecutionId, Iri, OrganizationId, RelationId
from lithograph.domain.result import ExtractionResult, ResultDocument, Stats
from lithograph.domain.usage import Usage
from lithograph.errors import InputError, InvariantError
from lithograph.graph.export.result_json import FORMAT

LARGEST = sys.float_info.max
Choice = TypeVar("Choice", bound=StrEnum)


def from_json(data: bytes) -> ExtractionResult:
    """Return the result that `data` holds, such that `to_json` of it gives the same values again.

    The format does not hold the hints of mentions; they are empty. Raises `InputError` for anything that is not a
    complete and consistent "lithograph/1" file.
    """
    try:
        loaded: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the result is not JSON: {error}") from error
    try:
        return _result(_Node(loaded, ""))
    except InvariantError as error:
        raise InputError(f"the result contradicts itself: {error}") from error


@dataclass(frozen=True, slots=True)
class _Node:
    """A value of the file and the path to it."""

    value: object
    path: str

    def wrong(self, expected: str) -> InputError:
        return InputError(f"the result is not {FORMAT}: expected {expected} at {self.path or 'the top'}")

    def record(self, *keys: str, optional: str = "") -> Self:
        if not isinstance(self.value, dict) or set(self.value) - {optional} != set(keys):
            raise self.wrong("an object with the keys " + ", ".join(keys))
        return self

    def has(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def __getitem__(self, key: str) -> "_Node":
        if not isinstance(self.value, dict) or key not in self.value:
            raise self.wrong(f"an object with the key {key}")
        return _Node(self.value[key], f"{self.path}.{key}".lstrip("."))

    def __iter__(self) -> Iterator["_Node"]:
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return (_Node(item, f"{self.path}[{index}]") for index, item in enumerate(self.value))

    def entries(self) -> Iterator[tuple["_Node", "_Node"]]:
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return ((_Node(key, f"{self.path}.{key}"), self[key]) for key in self.value)

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong("a string")
        return self.value

    def count(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 0:
            raise self.wrong("an integer that is not negative")
        return self.value

    def number(self, most: float = LARGEST) -> float:
        if not isinstance(self.value, int | float) or isinstance(self.value, bool) or not 0 <= self.value <= most:
            raise self.wrong(f"a number from 0 to {most:g}")
        return float(self.value)

    def one_of(self, choices: type[Choice]) -> Choice:
        try:
            return choices(self.text())
        except ValueError as error:
            raise self.wrong("one of " + ", ".join(choices)) from error


def _result(node: _Node) -> ExtractionResult:
    if not node.has("format") or node["format"].value != FORMAT:
        raise node.wrong(f'"format": "{FORMAT}"')
    node.record("format", "organization_id", "documents", "entities", "relations", "missing", "rejected", "stats")
    return ExtractionResult(
        organization_id=OrganizationId(node["organization_id"].text()),
        documents=tuple(map(_document, node["documents"])),
        graph=KnowledgeGraph(tuple(map(_entity, node["entities"])), tuple(map(_relation, node["relations"]))),
        missing=tuple(map(_missing, node["missing"])),
        rejected=tuple(sorted((reason.one_of(Reason), count.count()) for reason, count in node["rejected"].entries())),
        stats=_stats(node["stats"]),
    )


def _document(node: _Node) -> ResultDocument:
    node.record("id", "execution_id", "source", "sha256", "media_type", "characters")
    return ResultDocument(
        id=DocumentId(node["id"].text()),
        execution_id=ExecutionId(node["execution_id"].text()),
        source=node["source"].text(),
        sha256=node["sha256"].text(),
        media_type=node["media_type"].text(),
        characters=node["characters"].count(),
    )


def _span(node: _Node) -> Span:
    document = DocumentId(node["document"].text())
    return Span(document, node["start"].count(), node["end"].count(), node["text"].text())


def _evidence(node: _Node) -> tuple[Span, ...]:
    return tuple(_span(item.record("document", "start", "end", "text")) for item in node)


def _literal(node: _Node) -> Literal:
    language = node["language"].text() if node.has("language") else ""
    return Literal(node["value"].text(), Iri(node["datatype"].text()), language)


def _attribute(node: _Node) -> Attribute:
    node.record("predicate", "value", "datatype", "evidence", optional="language")
    return Attribute(Iri(node["predicate"].text()), _literal(node), _evidence(node["evidence"]))


def _mention(node: _Node) -> Mention:
    node.record("document", "start", "end", "text", "confidence")
    return Mention(_span(node), node["confidence"].number(1.0))


def _entity(node: _Node) -> Entity:
    node.record("id", "label", "types", "aliases", "confidence", "attributes", "mentions")
    return Entity(
        id=EntityId(node["id"].text()),
        label=node["label"].text(),
        types=tuple(Iri(item.text()) for item in node["types"]),
        aliases=tuple(item.text() for item in node["aliases"]),
        confidence=node["confidence"].number(1.0),
        attributes=tuple(map(_attribute, node["attributes"])),
        mentions=tuple(map(_mention, node["mentions"])),
    )


def _object(node: _Node) -> EntityId | Literal:
    if node.has("entity"):
        return EntityId(node.record("entity")["entity"].text())
    return _literal(node.record("value", "datatype", optional="language"))


def _relation(node: _Node) -> Relation:
    node.record("id", "subject", "predicate", "object", "confidence", "evidence", "flags")
    evidence = _evidence(node["evidence"])
    if not evidence:
        raise node["evidence"].wrong("at least one span")
    return Relation(
        id=RelationId(node["id"].text()),
        subject=EntityId(node["subject"].text()),
        predicate=Iri(node["predicate"].text()),
        object=_object(node["object"]),
        confidence=node["confidence"].number(1.0),
        evidence=evidence,
        flags=tuple(item.one_of(Flag) for item in node["flags"]),
    )


def _missing(node: _Node) -> Missing:
    node.record("document", "chunk", "start", "end", "stage", "error", "attempts")
    return Missing(
        document=DocumentId(node["document"].text()),
        chunk=ChunkId(node["chunk"].text()),
        start=node["start"].count(),
        end=node["end"].count(),
        stage=node["stage"].one_of(Stage),
        error=node["error"].text(),
        attempts=node["attempts"].count(),
    )


def _stats(node: _Node) -> Stats:
    node.record("chunks", "mentions", "entities", "relations", "calls", "tokens", "cost_usd", "seconds")
    tokens = node["tokens"].record("input", "output")
    usage = Usage(node["calls"].count(), tokens["input"].count(), tokens["output"].count(), node["cost_usd"].number())
    return Stats(
        chunks=node["chunks"].count(),
        mentions=node["mentions"].count(),
        entities=node["entities"].count(),
        relations=node["relations"].count(),
        usage=usage,
        seconds=node["seconds"].number(),
    )
