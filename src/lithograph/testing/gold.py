"""Gold: documents that people have annotated, one JSON object per line.

    id, source, ontology (a key of `index.json`), split, text, sentences [[start, end]]
    mentions   {id, start, end, text, type, entity}             spans that people marked
    mentions_silver  {start, end, text, entity}                 spans found by the name of an entity, where nobody
    marked any entities   {id, name, type, types | types_from_schema, mentions [ids]} relations  {subject, predicate,
    object, evidence_sentences}

Offsets count code points; the end is exclusive. A relation's ends are ids of entities; in documents without marked
spans they are names as the annotators wrote them, with `subject_label` and `object_label` in plain words and
`predicate_iri` the property.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lithograph.domain.document import Sentence
from lithograph.errors import DocumentError
from lithograph.testing.fields import Fields


@dataclass(frozen=True, slots=True)
class GoldMention:
    """`text` is exactly the document's slice from `start` to `end`; `type` is empty for a span that nobody marked."""

    start: int
    end: int
    text: str
    type: str
    entity: str


@dataclass(frozen=True, slots=True)
class GoldEntity:
    """Something that the document names; `types` are names of classes, the first the one that counts; maybe none."""

    id: str
    name: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldRelation:
    """`subject`, `predicate` and `object` are as in the file.

    `subject_entity` and `object_entity` are ids of entities, empty where the end is none; `value` is then the object in
    plain words. `predicate_iri` is empty where only a short name is given. `evidence` are the sentences that state it,
    where somebody marked them.
    """

    subject: str
    predicate: str
    object: str
    subject_entity: str
    object_entity: str
    value: str
    predicate_iri: str
    literal: bool
    evidence: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """A document with what it says. `silver` tells that its mentions were found by name instead of marked by people."""

    id: str
    source: str
    ontology: str
    split: str
    text: str
    sentences: tuple[Sentence, ...]
    silver: bool
    mentions: tuple[GoldMention, ...]
    entities: tuple[GoldEntity, ...]
    relations: tuple[GoldRelation, ...]


def read_gold(path: Path) -> Iterator[GoldDocument]:
    """Yield the documents of a file in order; blank lines are passed over.

    Raises `DocumentError` naming the file and the line when a line is no such document: when it is no JSON, lacks a
    field, or has a mention, a sentence or a relation that its own text and entities do not bear out.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _document(line, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def read_index(path: Path) -> dict[str, Path]:
    """Return the ontology file for each ontology key, as the JSON object in `path` says; raises `DocumentError`."""
    try:
        fields = Fields(json.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DocumentError(f"{path} is not JSON: {error}") from error
    return {key: path.parent / fields.text(key) for key in fields}


def _document(line: str, where: str) -> GoldDocument:
    try:
        fields = Fields(json.loads(line), where)
    except ValueError as error:
        raise DocumentError(f"{where} is not JSON: {error}") from error
    text = fields.text("text")
    sentences = tuple(_sentence(pair, text, where) for pair in fields.pairs("sentences"))
    entities = tuple(_entity(one) for one in fields.objects("entities"))
    known = {entity.id for entity in entities}
    marked = fields.objects("mentions")
    spans = marked or fields.objects("mentions_silver")
    names = {entity.name: entity.id for entity in entities}
    return GoldDocument(
        id=fields.text("id"),
        source=fields.text("source"),
        ontology=fields.text("ontology", ""),
        split=fields.text("split", ""),
        text=text,
        sentences=sentences,
        silver=not marked,
        mentions=tuple(_mention(one, text, known) for one in spans),
        entities=entities,
        relations=tuple(_relation(one, known, names, sentences) for one in fields.objects("relations")),
    )


def _sentence(pair: tuple[int, int], text: str, where: str) -> Sentence:
    start, end = pair
    if not 0 <= start < end <= len(text):
        raise DocumentError(f"{where}: a sentence from {start} to {end} in a text of {len(text)} characters")
    return Sentence(start, end)


def _mention(fields: Fields, text: str, entities: set[str]) -> GoldMention:
    start, end, entity = fields.whole("start"), fields.whole("end"), fields.text("entity")
    if not 0 <= start < end or text[start:end] != fields.text("text"):
        raise DocumentError(f"{fields.where}: the text from {start} to {end} is not {fields.text('text')!r}")
    if entity not in entities:
        raise DocumentError(f"{fields.where}: a mention of {entity!r}, which is no entity of the document")
    return GoldMention(start, end, text[start:end], fields.text("type", ""), entity)


def _entity(fields: Fields) -> GoldEntity:
    types = fields.texts("types") or fields.texts("types_from_schema")
    own = fields.text("type", "")
    return GoldEntity(fields.text("id"), fields.text("name"), tuple(dict.fromkeys((own, *types) if own else types)))


def _relation(fields: Fields, known: set[str], names: dict[str, str], sentences: tuple[Sentence, ...]) -> GoldRelation:
    subject, target = fields.text("subject"), fields.text("object")
    subject_label, object_label = fields.text("subject_label", subject), fields.text("object_label", target)
    subject_entity = subject if subject in known else names.get(subject_label, "")
    if not subject_entity:
        raise DocumentError(f"{fields.where}: a relation of {subject!r}, which is no entity of the document")
    evidence = fields.wholes("evidence_sentences")
    if not all(0 <= index < len(sentences) for index in evidence):
        raise DocumentError(f"{fields.where}: evidence in sentences {evidence}, of {len(sentences)}")
    return GoldRelation(
        subject=subject,
        predicate=fields.text("predicate"),
        object=target,
        subject_entity=subject_entity,
        object_entity=target if target in known else names.get(object_label, ""),
        value=object_label,
        predicate_iri=fields.text("predicate_iri", ""),
        literal=fields.text("object_kind", "") == "literal",
        evidence=tuple(sentences[index] for index in evidence),
    )
