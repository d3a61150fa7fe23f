"""What a run got right, against the annotations: counts for every stage, which can be added up."""

from collections import Counter
from dataclasses import dataclass, fields
from typing import Self

from benchmarks.metrics import BCubed, Score, Share, b_cubed, pairwise
from benchmarks.observe import Observation
from benchmarks.text2kgbench import Triple, micro

from lithograph.domain.facts import Literal
from lithograph.domain.ids import EntityId, Iri, MentionId
from lithograph.extraction.align import fold
from lithograph.testing.annotations import Annotations, Statement
from lithograph.testing.gold import GoldMention

End = str | tuple[str, str]
"""A gold entity's id; ("literal", value), normalised; or ("unknown", id) of an entity that stands for no gold one."""
Fact = tuple[End, Iri | str, End]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts about one document or several, in the order of the stages."""

    documents: int
    spans: Score
    """Mentions as the mention stage found them, by exact span."""
    reachable: Share
    """Those marked mentions that lie wholly in some chunk: how many were found."""
    typed: Score
    """Mentions in the graph, by exact span."""
    classes: Share
    """Right mentions in the graph whose entity has the marked class."""
    pairs: Score
    cubed: BCubed
    floor_pairs: Score
    """The same mentions, clustered by nothing but equal text and equal class."""
    floor_cubed: BCubed
    relations: Score
    supported: Share
    """Those marked relations whose two ends and marked evidence lie in one chunk: how many were found."""
    kept: Share
    """Of the same: how many the graph states of entities that the marked ends are among, whatever was merged with
    them.
    """
    stated: Share
    """Of the same: how many some chunk's own answer states, before entities are resolved."""
    triples: Score
    """Relations as strings, without any filter."""
    fitting: Share
    """Relations whose ends fit the property's domain and range."""
    known: Share
    """Classes of entities and properties of relations that the ontology has."""
    inexact: Share
    """Spans that do not read exactly like the document's slice."""
    unread_entities: Share
    """Entities at the ends of relations whose label does not stand in the text."""
    unread_literals: Share
    """Literals of relations that do not stand in the text as they are written."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def tally(seen: Observation) -> Tally:
    """Return the counts of one run."""
    graph, notes = seen.result.graph, seen.annotations
    gold = {(mention.start, mention.end): mention for mention in notes.mentions}
    reachable = {(m.start, m.end) for chunk in seen.chunks for m in notes.within(chunk)}
    typed = {(m.span.start, m.span.end): entity for entity in graph.entities for m in entity.mentions}
    matched = [span for span in gold if span in typed]
    ours = [typed[span].id for span in matched]
    theirs = [gold[span].entity for span in matched]
    floor = [(" ".join(gold[span].text.split()), typed[span].types[0]) for span in matched]
    predicted, expected = facts(seen), marked_facts(notes)
    supported = {fact for fact, statement in expected.items() if statement and is_supported(seen, statement)}
    return Tally(
        documents=1,
        spans=Score.of(seen.spans, gold),
        reachable=Share(len(seen.spans & reachable), len(reachable)),
        typed=Score.of(typed, gold),
        classes=Share(sum(is_right_class(notes, gold[s], typed[s].types[0]) for s in matched), len(matched)),
        pairs=pairwise(ours, theirs),
        cubed=b_cubed(ours, theirs),
        floor_pairs=pairwise(floor, theirs),
        floor_cubed=b_cubed(floor, theirs),
        relations=Score.of(predicted, expected),
        supported=Share(len(supported & predicted), len(supported)),
        kept=Share(len(supported & kept_facts(seen)), len(supported)),
        stated=Share(len(supported & stated_facts(seen)), len(supported)),
        triples=micro(triples(seen), marked_triples(notes)),
        fitting=Share(sum(not relation.flags for relation in graph.relations), len(graph.relations)),
        known=_known(seen),
        inexact=Share(seen.inexact, sum(1 for _ in graph.spans())),
        **_unread(seen),
    )


def is_supported(seen: Observation, statement: Statement) -> bool:
    """Whether one chunk holds both ends of a statement and its marked evidence."""
    return any(seen.annotations.supports(chunk, statement) for chunk in seen.chunks)


def gold_entities(seen: Observation) -> dict[EntityId, str]:
    """Return the gold entity that each entity stands for: the one that most of its mentions are marked as, if any."""
    found = {}
    for entity in seen.result.graph.entities:
        marks = (seen.annotations.at(mention.span.start, mention.span.end) for mention in entity.mentions)
        counted = Counter(mark.entity for mark in marks if mark is not None)
        if counted:
            found[entity.id] = counted.most_common(1)[0][0]
    return found


def facts(seen: Observation) -> set[Fact]:
    """Return the relations of the graph in terms of gold entities."""
    meant = gold_entities(seen)

    def end(value: EntityId | Literal) -> End:
        return _literal(value) if isinstance(value, Literal) else meant.get(value, ("unknown", value))

    return {(end(r.subject), r.predicate, end(r.object)) for r in seen.result.graph.relations}


def kept_facts(seen: Observation) -> set[Fact]:
    """Return the relations of the graph between all gold entities that have a mention at their ends."""
    among: dict[EntityId, set[End]] = {}
    for entity in seen.result.graph.entities:
        marks = (seen.annotations.at(mention.span.start, mention.span.end) for mention in entity.mentions)
        among[entity.id] = {mark.entity for mark in marks if mark is not None}

    def ends(value: EntityId | Literal) -> set[End]:
        return {_literal(value)} if isinstance(value, Literal) else among[value]

    return {
        (subject, relation.predicate, target)
        for relation in seen.result.graph.relations
        for subject in ends(relation.subject)
        for target in ends(relation.object)
    }


def stated_facts(seen: Observation) -> set[Fact]:
    """Return the relations between mentions, before entities are resolved, in terms of gold entities."""

    def end(value: MentionId | Literal) -> End:
        if isinstance(value, Literal):
            return _literal(value)
        span = seen.mentions[value].span
        mark = seen.annotations.at(span.start, span.end)
        return ("unknown", value) if mark is None else mark.entity

    return {(end(link.subject), link.predicate, end(link.object)) for link in seen.links}


def marked_facts(notes: Annotations) -> dict[Fact, Statement | None]:
    """Return the marked relations, each with its statement where the ontology has the property."""
    found: dict[Fact, Statement | None] = {}
    for relation, statement in notes.statements:
        if statement is None:
            found[relation.subject_entity, relation.predicate, relation.object_entity or relation.value] = None
        else:
            target = statement.object
            end: End = _literal(target) if isinstance(target, Literal) else target
            found[statement.subject, statement.predicate, end] = statement
    return found


def triples(seen: Observation) -> list[Triple]:
    """Return the relations of the graph as labels."""
    graph = seen.result.graph
    return [
        (
            graph.entity(relation.subject).label,
            seen.ontology.properties[relation.predicate].label,
            relation.object.value if isinstance(relation.object, Literal) else graph.entity(relation.object).label,
        )
        for relation in graph.relations
    ]


def marked_triples(notes: Annotations) -> list[Triple]:
    """Return the marked relations as they are written in the data set."""
    return [(relation.subject, relation.predicate, relation.object) for relation in notes.document.relations]


def is_right_class(notes: Annotations, mention: GoldMention, class_iri: Iri) -> bool:
    """Whether a class is the marked one."""
    return class_iri in notes.types(mention)[:1]


def _literal(value: Literal) -> tuple[str, str]:
    return "literal", " ".join(value.value.split()).casefold()


def _known(seen: Observation) -> Share:
    graph, ontology = seen.result.graph, seen.ontology
    classes = [iri in ontology.classes for entity in graph.entities for iri in entity.types]
    properties = [relation.predicate in ontology.properties for relation in graph.relations]
    return Share(sum(classes) + sum(properties), len(classes) + len(properties))


def _unread(seen: Observation) -> dict[str, Share]:
    graph = seen.result.graph
    text = fold(seen.annotations.document.text).text
    ends = [end for relation in graph.relations for end in (relation.subject, relation.object)]
    values = [fold(end.value).text in text for end in ends if isinstance(end, Literal)]
    labels = [fold(graph.entity(e).label).text in text for e in ends if not isinstance(e, Literal)]
    return {
        "unread_entities": Share(labels.count(False), len(labels)),
        "unread_literals": Share(values.count(False), len(values)),
    }
