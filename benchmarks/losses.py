"""What a run did not find although it was marked, by cause. Made for the oracle: its only losses are the pipeline's."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.observe import Observation
from benchmarks.scoring import facts, gold_entities, is_right_class, is_supported, marked_facts, stated_facts

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Span
from lithograph.domain.facts import Literal, Mention
from lithograph.extraction.align import Aligner, is_whole
from lithograph.extraction.extractor import Candidate
from lithograph.testing.annotations import Statement
from lithograph.testing.gold import GoldMention


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that was lost in `stage`, and an example of it in words."""

    stage: str
    cause: str
    example: str


def losses(seen: Observation) -> Iterator[Loss]:
    """Yield everything that a run lost, stage by stage."""
    yield from _mentions(seen)
    yield from _classes(seen)
    yield from _clusters(seen)
    yield from _relations(seen)


def _mentions(seen: Observation) -> Iterator[Loss]:
    notes = seen.annotations
    for mention in notes.document.mentions:
        kept = notes.at(mention.start, mention.end)
        if kept is not None and kept.entity != mention.entity:
            yield Loss("mentions", "the span is marked for two entities", _quote(seen, mention))
    for mention in notes.mentions:
        if (mention.start, mention.end) not in seen.spans:
            yield Loss("mentions", _why_not_found(seen, mention), _quote(seen, mention))


def _why_not_found(seen: Observation, mention: GoldMention) -> str:
    text = seen.annotations.document.text
    if not any(chunk.start <= mention.start and mention.end <= chunk.end for chunk in seen.chunks):
        return "the span crosses a chunk border"
    if not is_whole(text, mention.start, mention.end):
        return "the span begins or ends inside a word"
    if mention.text != mention.text.strip():
        return "the span begins or ends with white space"
    covering = [span for span in seen.spans if span[0] < mention.end and mention.start < span[1]]
    marked = [seen.annotations.at(*span) for span in covering]
    if any(other is not None for other in marked):
        nested = any(o is not None and o.start <= mention.start and mention.end <= o.end for o in marked)
        return "the span is nested in another marked one" if nested else "the span overlaps another marked one"
    if covering:
        return "another occurrence, which nobody marked, lies over the span"
    if not seen.settings.sweep:
        return "the n-th proposal of a text is not its n-th occurrence"
    return "not explained"


def _classes(seen: Observation) -> Iterator[Loss]:
    notes = seen.annotations
    entities = {(m.span.start, m.span.end): e for e in seen.result.graph.entities for m in e.mentions}
    for mention in notes.mentions:
        span = mention.start, mention.end
        if span not in seen.spans:
            continue
        types, entity = notes.types(mention), entities.get(span)
        if entity is None and not types:
            yield Loss(
                "entities", "the marked class is none of the ontology's, or there is none", _quote(seen, mention)
            )
        elif entity is None:
            yield Loss("entities", "the class was not offered", _quote(seen, mention))
        elif types and not is_right_class(notes, mention, entity.types[0]):
            kind = "the entity got another class by vote" if len(entity.mentions) > 1 else "another class"
            yield Loss("entities", kind, f"{_quote(seen, mention)}: {entity.types[0]}")


def _clusters(seen: Observation) -> Iterator[Loss]:
    names = {entity.id: entity.name for entity in seen.annotations.document.entities}
    parts: defaultdict[str, set[str]] = defaultdict(set)
    for entity in seen.result.graph.entities:
        marks = [seen.annotations.at(mention.span.start, mention.span.end) for mention in entity.mentions]
        meant = dict.fromkeys(mark.entity for mark in marks if mark is not None)
        for one in meant:
            parts[one].add(entity.label)
        if len(meant) > 1:
            told = " + ".join(f"{names[one]!r}" for one in meant)
            yield Loss("resolve", "two marked entities became one", f"{_title(seen)}: {told}")
    for one, labels in parts.items():
        split = sum(1 for entity in seen.result.graph.entities if _stands_for(seen, entity.mentions, one))
        if split > 1:
            told = " | ".join(sorted(labels))
            yield Loss("resolve", "a marked entity fell apart", f"{_title(seen)}: {told}")


def _stands_for(seen: Observation, mentions: tuple[Mention, ...], gold: str) -> bool:
    marks = (seen.annotations.at(mention.span.start, mention.span.end) for mention in mentions)
    return any(mark is not None and mark.entity == gold for mark in marks)


def _relations(seen: Observation) -> Iterator[Loss]:
    found = facts(seen)
    for fact, statement in marked_facts(seen.annotations).items():
        if fact in found:
            continue
        told = f"{_title(seen)}: {_name(seen, fact[0])} | {fact[1]} | {_name(seen, fact[2])}"
        if statement is None:
            yield Loss("relations", "the ontology has no such property", told)
        elif not is_supported(seen, statement):
            yield Loss("relations", _why_not_supported(seen, statement), told)
        else:
            chunks = [chunk for chunk in seen.chunks if seen.annotations.supports(chunk, statement)]
            _, cause = max(_furthest(seen, chunk, statement) for chunk in chunks)
            yield Loss("relations", f"SUPPORTED: {cause}", told)


def _why_not_supported(seen: Observation, statement: Statement) -> str:
    mentioned = {mention.entity for mention in seen.annotations.mentions}
    ends = [statement.subject, *([] if isinstance(statement.object, Literal) else [statement.object])]
    if not all(end in mentioned for end in ends):
        return "an end is not in the text by its name"
    return "no chunk holds both ends and the evidence"


def _furthest(seen: Observation, chunk: Chunk, statement: Statement) -> tuple[int, str]:
    """Return how far a statement came in a chunk, and what stopped it there."""
    asked = seen.asked.get(chunk.id)
    if asked is None:
        return 0, "the chunk has no typed mention"
    question, answer = asked
    subjects = _candidates(seen, question.candidates, statement.subject)
    objects = (
        subjects if isinstance(statement.object, Literal) else _candidates(seen, question.candidates, statement.object)
    )
    if not subjects or not objects:
        return 1, "an end has no typed mention in the chunk"
    if statement.predicate not in {known.iri for known in question.properties}:
        return 2, "the property was not offered"
    if not isinstance(statement.object, Literal) and subjects == objects and len(subjects) == 1:
        return 3, "both ends are one candidate (same text, same class)"
    aligner = Aligner(chunk.text, seen.settings.fuzzy_threshold)
    quotes = [quote for proposal in answer.relations for quote in proposal.evidence]
    if statement.evidence and not any(aligner.locate(quote) for quote in quotes):
        return 4, "the evidence was not located"
    fact = statement.subject, statement.predicate, statement.object
    if not isinstance(statement.object, Literal) and fact not in stated_facts(seen):
        return 5, "the nearest mention to the evidence is none of the marked entity's"
    meant = gold_entities(seen)
    entities = {m.id: entity for entity in seen.result.graph.entities for m in entity.mentions}
    ones = {entities[m.id].id for candidate in subjects for m in candidate.mentions}
    others = {entities[m.id].id for candidate in objects for m in candidate.mentions}
    if not isinstance(statement.object, Literal) and ones == others:
        return 6, "both ends were merged into one entity"
    if statement.subject not in {meant.get(one) for one in ones}:
        return 7, "the subject was merged into another marked entity"
    if not isinstance(statement.object, Literal) and statement.object not in {meant.get(one) for one in others}:
        return 7, "the object was merged into another marked entity"
    return 8, "not explained"


def _candidates(seen: Observation, candidates: Sequence[Candidate], gold: str) -> list[Candidate]:
    return [candidate for candidate in candidates if _stands_for(seen, candidate.mentions, gold)]


def _quote(seen: Observation, mention: GoldMention | Span) -> str:
    text = seen.annotations.document.text
    before, after = text[max(0, mention.start - 25) : mention.start], text[mention.end : mention.end + 25]
    return f"{_title(seen)}: …{before}[{mention.text}]{after}…".replace("\n", " ")


def _title(seen: Observation) -> str:
    return seen.annotations.document.id


def _name(seen: Observation, end: object) -> str:
    names = {entity.id: entity.name for entity in seen.annotations.document.entities}
    return names.get(end, str(end)) if isinstance(end, str) else str(end)
