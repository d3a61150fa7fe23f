"""The measure that Text2KGBench publishes, and the plain one beside it.

Text2KGBench (Mihindukulasooriya, Tiwari, Enguix and Lata: Text2KGBench, a benchmark for ontology-driven knowledge graph
generation from text, ISWC 2023; github.com/cenguix/Text2KGBench, `src/evaluation/run_eval.py`) scores each sentence by
itself. System triples whose relation no gold triple of that sentence has are left out before they can count as wrong
("oracle-filtered"); the others are compared with the gold triples as one string each, lower-cased, without white space
and underscores. A sentence for which nothing is left scores 0. Precision, recall and F1 are averaged over the sentences
of an ontology, then over the ontologies. Ontology conformance is the share of a sentence's system triples, unfiltered,
whose relation the ontology has (1 where there are none); a subject or object is hallucinated when its stemmed form does
not stand in the stemmed sentence followed by the names of the ontology's classes.

Two things differ here by a hair, and in hallucination only: stems are those of `lithograph.ontology.tokens`, lighter
than Porter's, and a text is taken apart at everything that is neither letter nor digit, so that punctuation never
counts.

Beside it, `micro` is F1 over all triples of all sentences without any filter: what a user of the triples would see.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

from benchmarks.metrics import Score, harmonic, ratio

from lithograph.ontology.tokens import stem_of

Triple: TypeAlias = tuple[str, str, str]
"""Subject, relation and object, in the words of the data set; a relation may be written with blanks or underscores."""

_GAPS = re.compile(r"[_\s]+")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class SentenceScore:
    """Everything that is measured about one sentence; each from 0 to 1."""

    precision: float
    recall: float
    f1: float
    conformance: float
    relation_hallucination: float
    subject_hallucination: float
    object_hallucination: float


def score_sentence(
    sentence: str, system: Sequence[Triple], gold: Sequence[Triple], relations: Iterable[str], classes: Iterable[str]
) -> SentenceScore:
    """Return the published measures of one sentence; `relations` and `classes` are the ontology's labels."""
    wanted = {_joined(relation) for _, relation, _ in gold}
    ours = {normalised(triple) for triple in system if _joined(triple[1]) in wanted}
    theirs = {normalised(triple) for triple in gold}
    right = len(ours & theirs)
    precision, recall = ratio(right, len(ours)), ratio(right, len(theirs)) if ours else 0.0
    known = {_joined(relation) for relation in relations}
    conformance = ratio(sum(_joined(relation) in known for _, relation, _ in system), len(system)) if system else 1.0
    said = _stemmed(" ".join((sentence, *classes)))
    return SentenceScore(
        precision,
        recall,
        harmonic(precision, recall),
        conformance,
        1 - conformance,
        ratio(sum(_stemmed(subject) not in said for subject, _, _ in system), len(system)),
        ratio(sum(_stemmed(target).replace("01januari", "") not in said for _, _, target in system), len(system)),
    )


def macro(scores: Iterable[tuple[str, SentenceScore]]) -> SentenceScore:
    """Return the mean over ontologies of the mean over each one's sentences; a score comes with its ontology's name."""
    grouped: defaultdict[str, list[SentenceScore]] = defaultdict(list)
    for ontology, score in scores:
        grouped[ontology].append(score)
    return _mean([_mean(group) for group in grouped.values()])


def micro(system: Iterable[Triple], gold: Iterable[Triple]) -> Score:
    """Return how far all of a sentence's system triples agree with the gold ones; to be added up over sentences."""
    return Score.of(map(normalised, system), map(normalised, gold))


def normalised(triple: Triple) -> str:
    """Return a triple as the one string that is compared."""
    return "".join(_GAPS.sub("", part).lower() for part in triple)


def _mean(scores: Sequence[SentenceScore]) -> SentenceScore:
    names = [field.name for field in fields(SentenceScore)]
    return SentenceScore(*(ratio(sum(getattr(score, name) for score in scores), len(scores)) for name in names))


def _joined(relation: str) -> str:
    return relation.replace(" ", "_")


def _stemmed(text: str) -> str:
    return "".join(stem_of(word) for word in _WORD.findall(text.lower()))
