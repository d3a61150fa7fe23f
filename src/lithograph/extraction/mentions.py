"""Mentions: what a chunk names, and exactly where."""

from collections import Counter
from collections.abc import Iterable, Iterator

from lithograph.domain.chunk import Chunk
from lithograph.domain.facts import Mention
from lithograph.domain.fragment import Fragment, Reason, Report
from lithograph.domain.usage import Usage
from lithograph.extraction.align import Aligner, Place
from lithograph.extraction.extractor import Extractor, MentionQuestion, ProposedMention
from lithograph.extraction.select import heaviest
from lithograph.extraction.settings import ExtractionSettings


async def find_mentions(
    activity: str, question: MentionQuestion, extractor: Extractor, settings: ExtractionSettings
) -> Fragment:
    """Return the mentions of a chunk, each a verified slice of it, no two of them overlapping.

    What the extractor proposed is located by `Aligner`; what stands nowhere, or is proposed with less than
    `settings.least_confidence`, is counted in the report and dropped.
    """
    answer = await extractor.mentions(question)
    rejected: Counter[Reason] = Counter()
    kept = settled_mentions(question.chunk, answer.mentions, settings, rejected)
    return Fragment(mentions=frozenset(kept), reports=frozenset({report(activity, answer.usage, rejected)}))


def settled_mentions(
    chunk: Chunk, proposals: Iterable[ProposedMention], settings: ExtractionSettings, rejected: Counter[Reason]
) -> list[Mention]:
    """Return the mentions that `find_mentions` makes of `proposals`; what is turned away is counted in `rejected`."""
    sure = []
    for proposal in proposals:
        if proposal.confidence >= settings.least_confidence:
            sure.append(proposal)
        else:
            rejected[Reason.LOW_CONFIDENCE] += 1
    found = {found for found in _located(chunk, sure, settings, rejected) if _sure(found, settings, rejected)}
    best = {mention.span: mention for mention in sorted(found, key=lambda m: (m.confidence, m.hint))}
    kept = heaviest(list(best.values()), span=lambda m: m.span, weight=_weight)
    if len(best) > len(kept):
        rejected[Reason.OVERLAPPED] = len(best) - len(kept)
    return list(kept)


def report(activity: str, usage: Usage, rejected: Counter[Reason]) -> Report:
    """Return the report of an activity; reasons stand in a fixed order."""
    return Report(activity, usage, tuple(sorted((reason, count) for reason, count in rejected.items() if count)))


def _located(
    chunk: Chunk, proposals: Iterable[ProposedMention], settings: ExtractionSettings, rejected: Counter[Reason]
) -> Iterator[Mention]:
    aligner = Aligner(chunk.text, settings.fuzzy_threshold)
    known: dict[str, list[Place]] = {}
    seen: Counter[str] = Counter()
    for proposal in proposals:
        surface = proposal.text
        if surface not in known:
            known[surface] = _places(aligner, surface)
        places = known[surface]
        if not settings.sweep:
            places = places[seen[surface] : seen[surface] + 1] or places[:1]
        seen[surface] += 1
        if not places:
            rejected[Reason.NOT_IN_TEXT] += 1
        for place in places:
            yield Mention(chunk.span(place.start, place.end), proposal.confidence * place.score, proposal.hint)


def _sure(mention: Mention, settings: ExtractionSettings, rejected: Counter[Reason]) -> bool:
    """Whether a mention is sure enough when its likeness to what was proposed is taken into account."""
    sure = mention.confidence >= settings.least_confidence
    rejected[Reason.LOW_CONFIDENCE] += not sure
    return sure


def _weight(mention: Mention) -> float:
    """Confidence times length; a little more than nothing for a mention that nobody is sure of."""
    return (mention.confidence + 1e-9) * len(mention.span)


def _places(aligner: Aligner, surface: str) -> list[Place]:
    """Return every occurrence; of a text that is only found fuzzily, every occurrence of the words it was found as."""
    places = aligner.occurrences(surface)
    if places:
        return places
    nearest = aligner.locate(surface)
    if nearest is None:
        return []
    written = aligner.occurrences(aligner.text[nearest.start : nearest.end])
    return [Place(place.start, place.end, nearest.score) for place in written] or [nearest]
