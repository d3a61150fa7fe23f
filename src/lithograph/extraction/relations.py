"""Relations: what a chunk says about its entities, each with the words that say it."""

from collections import Counter
from collections.abc import Iterable, Sequence

from lithograph.domain.document import Span
from lithograph.domain.facts import Flag, Link, Literal, Mention
from lithograph.domain.fragment import Fragment, Reason
from lithograph.extraction.align import Aligner
from lithograph.extraction.extractor import Candidate, Extractor, ProposedRelation, RelationQuestion
from lithograph.extraction.mentions import report
from lithograph.extraction.settings import Constraint, ExtractionSettings
from lithograph.ontology.model import Kind, Ontology, OntologyProperty


async def relate(
    activity: str, question: RelationQuestion, extractor: Extractor, ontology: Ontology, settings: ExtractionSettings
) -> Fragment:
    """Return the relations of a chunk between the candidates of the question, or from one of them to a literal.

    A relation is kept when its property was offered, its ends exist and differ, and at least one of its quotes stands
    in the chunk. One whose ends do not fit the property is flagged, or under `Constraint.STRICT` dropped. What is
    turned away is counted in the report.
    """
    answer = await extractor.relations(question)
    rejected: Counter[Reason] = Counter()
    links = judged(question, answer.relations, ontology, settings, rejected)
    return Fragment(links=links, reports=frozenset({report(activity, answer.usage, rejected)}))


def judged(
    question: RelationQuestion,
    proposals: Iterable[ProposedRelation],
    ontology: Ontology,
    settings: ExtractionSettings,
    rejected: Counter[Reason],
) -> frozenset[Link]:
    """Return the relations that `relate` makes of `proposals`; what is turned away is counted in `rejected`."""
    judge = _Judge(question, ontology, settings)
    links = set()
    for proposal in proposals:
        verdict = judge.link(proposal)
        if isinstance(verdict, Link):
            links.add(verdict)
        else:
            rejected[verdict] += 1
    return frozenset(links)


class _Judge:
    """Turns the proposals about one chunk into links, or says why not."""

    def __init__(self, question: RelationQuestion, ontology: Ontology, settings: ExtractionSettings) -> None:
        self._question = question
        self._ontology = ontology
        self._strict = settings.constraint is Constraint.STRICT
        self._offered = {known.iri: known for known in question.properties}
        self._aligner = Aligner(question.chunk.text, settings.fuzzy_threshold)

    def link(self, proposal: ProposedRelation) -> Link | Reason:
        known = self._offered.get(proposal.predicate)
        if known is None:
            return Reason.UNKNOWN_PROPERTY
        subject, target = self._candidate(proposal.subject), proposal.object
        other = target if isinstance(target, Literal) else self._candidate(target)
        if subject is None or other is None:
            return Reason.UNKNOWN_END
        if subject is other:
            return Reason.SELF_RELATION
        evidence = self._evidence(proposal.evidence)
        if not evidence:
            return Reason.NO_EVIDENCE
        flags = self._flags(known, subject, other)
        if flags and self._strict:
            return Reason.CONSTRAINT
        end = other if isinstance(other, Literal) else nearest(other.mentions, evidence).id
        start = nearest(subject.mentions, evidence).id
        return Link(start, proposal.predicate, end, proposal.confidence, evidence, flags)

    def _candidate(self, index: int) -> Candidate | None:
        return self._question.candidates[index] if 0 <= index < len(self._question.candidates) else None

    def _evidence(self, quotes: Sequence[str]) -> tuple[Span, ...]:
        places = (self._aligner.locate(quote) for quote in quotes)
        return tuple(sorted({self._question.chunk.span(p.start, p.end) for p in places if p is not None}))

    def _flags(self, known: OntologyProperty, subject: Candidate, other: Candidate | Literal) -> tuple[Flag, ...]:
        flags = []
        if not self._ontology.fits(subject.types, known.domain):
            flags.append(Flag.DOMAIN)
        if not self._in_range(known, other):
            flags.append(Flag.RANGE)
        return tuple(flags)

    def _in_range(self, known: OntologyProperty, other: Candidate | Literal) -> bool:
        if isinstance(other, Literal):
            return known.kind is not Kind.OBJECT and (not known.datatypes or other.datatype in known.datatypes)
        return known.kind is not Kind.DATATYPE and self._ontology.fits(other.types, known.range)


def nearest(mentions: Sequence[Mention], evidence: Sequence[Span]) -> Mention:
    """Return the mention that lies inside the evidence, else the one least far from it; of several the first."""

    def distance(mention: Mention) -> int:
        return min(max(0, span.start - mention.span.start, mention.span.end - span.end) for span in evidence)

    return min(mentions, key=distance)
