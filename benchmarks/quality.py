"""How good extraction is, on documents that people have annotated.

    python -m benchmarks.quality --extractor oracle [--no-sweep] [--losses]
    python -m benchmarks.quality --extractor rules --limit 20
    python -m benchmarks.quality --model openai:gpt-5-mini [--base-url URL] --limit 20

Run it from the repository's root. `--data` is a file in the form that `lithograph.testing.gold` describes, with a
folder `ontologies` beside it; `--limit` takes so many documents of each source.

How to read it. One table per source, one block per stage; P, R and F1 are micro averages over all its documents, and
`n` says how many right / predicted / expected things they come from. With `--extractor oracle` the extractor knows the
answers, so that whatever is below 1 is what the pipeline itself loses; `--losses` lists it by cause, with examples.
Causes that begin with SUPPORTED are losses of relations that one chunk states completely.

- mentions: exact spans, as the mention stage leaves them. With the sweep, every occurrence of a mentioned name counts
  as predicted, so precision shows what the annotators left unmarked as much as what is wrong. "within a chunk" is
  recall against the marked spans that lie wholly in some chunk. Where nobody marked spans (the Text2KGBench sources),
  the occurrences of the entities' names stand for them.
- entities: mentions that got as far as the graph, and how many of the right ones have the marked class.
- clusters: which right mentions are one entity. The floor puts together what has equal text and equal class.
- relations: ends count as the marked entity that most of their mentions belong to. "in one chunk" is recall against the
  relations whose two ends and marked evidence lie together in one chunk. An extractor that reads one chunk at a time
  can find no others. "before Resolve" counts the same relations between mentions: what it has more than the line
  above, Resolve put to another entity than the annotators did.
- conformance: relations whose ends fit domain and range, terms that the ontology has.
- grounding: spans that do not read like the document (must be 0), and ends of relations that do not stand in the text.
- Text2KGBench: see `benchmarks.text2kgbench`. The oracle is not perfect there, because a relation's ends are compared
  as strings, and the gold strings often do not stand in the text (`Big_Hero_6_(film)`).
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, reduce
from operator import add
from pathlib import Path

import anyio
from benchmarks.losses import Loss, losses
from benchmarks.metrics import BCubed, Score, Share
from benchmarks.observe import MakeExtractor, Observation, observe
from benchmarks.scoring import Tally, marked_triples, tally, triples
from benchmarks.text2kgbench import SentenceScore, macro, score_sentence

from lithograph.extraction.extractor import Extractor
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.load import load_ontology
from lithograph.ontology.model import Ontology
from lithograph.testing.gold import GoldDocument, read_gold, read_index
from lithograph.testing.oracle import OracleExtractor, Stray
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.models import Models

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "gold" / "dev.jsonl"


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    settings = ExtractionSettings(sweep=options.sweep, properties=options.properties)
    make = _rules if options.extractor == "rules" else _oracle(Stray(options.stray))
    if options.model:
        make = ModelExtractors(ModelChoice(options.model, options.base_url))
    named = options.model or options.extractor
    by_source: defaultdict[str, list[Observation]] = defaultdict(list)
    for seen in observations(options.data, make, settings, options.limit):
        by_source[seen.annotations.document.source].append(seen)
    for source, group in by_source.items():
        print(f"\n{source}, {named}, {'sweep' if options.sweep else 'no sweep'}, {len(group)} documents")
        for line in report(group):
            print(line)
        if options.losses:
            print_losses(loss for seen in group for loss in losses(seen))


def observations(
    data: Path, make: MakeExtractor, settings: ExtractionSettings, limit: int | None = None, source: str = ""
) -> Iterator[Observation]:
    """Run the pipeline over the documents of a file, at most `limit` of each source, or of one source only."""
    paths = read_index(data.parent / "ontologies" / "index.json")
    counted: Counter[str] = Counter()

    @cache
    def ontology_of(key: str) -> Ontology:
        return load_ontology(paths[key])

    for gold in read_gold(data):
        if (source and gold.source != source) or (limit is not None and counted[gold.source] >= limit):
            continue
        counted[gold.source] += 1
        yield anyio.run(_observed, gold, ontology_of(gold.ontology), make, settings)


async def _observed(
    gold: GoldDocument, ontology: Ontology, make: MakeExtractor, settings: ExtractionSettings
) -> Observation:
    try:
        return await observe(gold, ontology, make, settings)
    finally:
        if isinstance(make, ModelExtractors):
            await make.aclose()


class ModelExtractors:
    """Makes extractors that ask a model, which sees the text and the ontology, not the annotations."""

    def __init__(self, choice: ModelChoice) -> None:
        self._choice, self._models = choice, Models()

    def __call__(self, gold: GoldDocument, ontology: Ontology) -> Extractor:  # noqa: ARG002  # nor may a model see them
        return self._models(self._choice, ontology)

    async def aclose(self) -> None:
        await self._models.aclose()


def total(group: Iterable[Observation]) -> Tally:
    """Return the counts of several runs, at least one, added up."""
    return reduce(add, map(tally, group))


def report(group: Sequence[Observation]) -> Iterator[str]:
    """Yield the lines of the table about the runs over one source."""
    all_of = total(group)
    yield f"{'stage':12} {'measure':38} {'P':>7} {'R':>7} {'F1':>7}   n"
    yield _row("mentions", "exact spans", all_of.spans)
    yield _share("", "recall within a chunk", all_of.reachable)
    yield _row("entities", "exact spans in the graph", all_of.typed)
    yield _share("", "class of right mentions", all_of.classes)
    yield _row("clusters", "pairwise", all_of.pairs)
    yield _row("", "  floor: same text, same class", all_of.floor_pairs)
    yield _row("", "B-cubed", all_of.cubed)
    yield _row("", "  floor: same text, same class", all_of.floor_cubed)
    yield _row("relations", "all", all_of.relations)
    yield _share("", "recall in one chunk", all_of.supported)
    yield _share("", "  between what the ends were merged with", all_of.kept)
    yield _share("", "  as chunks state it, before Resolve", all_of.stated)
    yield _share("conformance", "ends fit domain and range", all_of.fitting)
    yield _share("", "classes and properties known", all_of.known)
    yield _share("grounding", "spans that do not read so", all_of.inexact)
    yield _share("", "entity ends not in the text", all_of.unread_entities)
    yield _share("", "literal ends not in the text", all_of.unread_literals)
    rejected: Counter[str] = Counter()
    for seen in group:
        rejected.update(dict(seen.result.rejected))
    yield f"{'rejected':12} {', '.join(f'{reason} {count}' for reason, count in sorted(rejected.items())) or 'nothing'}"
    if group[0].annotations.document.source.startswith("text2kgbench"):
        yield from _text2kgbench(group, all_of)


def _text2kgbench(group: Sequence[Observation], all_of: Tally) -> Iterator[str]:
    mean = macro((seen.annotations.document.ontology, _published(seen)) for seen in group)
    figures = f"{mean.precision:7.3f} {mean.recall:7.3f} {mean.f1:7.3f}"
    yield f"{'Text2KGBench':12} {'oracle-filtered, macro (as published)':38} {figures}"
    yield _row("", "unfiltered, micro", all_of.triples)
    yield f"{'':12} {'ontology conformance':38} {'':7} {mean.conformance:7.3f}"
    for name in ("subject", "relation", "object"):
        yield f"{'':12} {name + ' hallucination':38} {'':7} {getattr(mean, name + '_hallucination'):7.3f}"


def _published(seen: Observation) -> SentenceScore:
    return score_sentence(
        seen.annotations.document.text,
        triples(seen),
        marked_triples(seen.annotations),
        [known.label for known in seen.ontology.properties.values()],
        [known.label for known in seen.ontology.classes.values()],
    )


def print_losses(lost: Iterable[Loss], examples: int = 5) -> None:
    """Print the losses by stage and cause, with some examples of each."""
    grouped: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for loss in lost:
        grouped[loss.stage, loss.cause].append(loss.example)
    print("lost, by cause")
    for (stage, cause), told in sorted(grouped.items()):
        print(f"  {stage:10} {cause}: {len(told)}")
        for example in told[:: max(1, len(told) // examples)][:examples]:
            print(f"             - {example}")


def _row(stage: str, measure: str, score: Score | BCubed) -> str:
    counts = f"{score.right}/{score.predicted}/{score.expected}" if isinstance(score, Score) else f"{score.items}"
    return f"{stage:12} {measure:38} {score.precision:7.3f} {score.recall:7.3f} {score.f1:7.3f}   {counts}"


def _share(stage: str, measure: str, share: Share) -> str:
    return f"{stage:12} {measure:38} {'':7} {share.value:7.4f} {'':7}   {share.part}/{share.whole}"


def _oracle(stray: Stray) -> MakeExtractor:
    return lambda gold, ontology: OracleExtractor(gold, ontology, stray=stray)


def _rules(gold: GoldDocument, ontology: Ontology) -> Extractor:  # noqa: ARG001  # it must not see the answers
    from lithograph.extraction.rules import RulesExtractor

    return RulesExtractor(ontology)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quality", description="How good extraction is, on annotated documents.")
    parser.add_argument("--extractor", choices=("oracle", "rules"), default="oracle")
    parser.add_argument("--model", default="", help="ask this model instead: PROVIDER:NAME")
    parser.add_argument("--base-url", default="", help="where it answers, if not at its provider's")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--limit", type=int, default=None, help="documents of each source, at most")
    parser.add_argument("--no-sweep", dest="sweep", action="store_false")
    parser.add_argument("--losses", action="store_true", help="what was lost, by cause")
    parser.add_argument("--stray", choices=tuple(Stray), default=Stray.BY_SURFACE, help="the oracle on other mentions")
    parser.add_argument("--properties", type=int, default=ExtractionSettings().properties, help="properties offered")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
