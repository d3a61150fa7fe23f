"""Extractors by name, as `--model` gives it and as an execution remembers it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from lithograph.errors import UsageError
from lithograph.extraction.extractor import Extractor
from lithograph.ontology.model import Ontology
from lithograph.resilience.policy import Scope
from lithograph.resilience.provider import Provider

RULES = "rules"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What reads the text: `rules`, or `PROVIDER:NAME`, at another address than the provider's where one is given.

    `fallback` are asked, in order, when `model` cannot answer; those of another provider at that one's own address.
    """

    model: str = RULES
    base_url: str = ""
    fallback: tuple[str, ...] = ()


ExtractorNamed = Callable[[ModelChoice, Ontology], Extractor]
"""Makes the extractor of a choice for an ontology; raises `UsageError` for one that cannot be had."""


@runtime_checkable
class RemoteExtractor(Extractor, Protocol):
    """An extractor that asks providers: it limits its own calls, and they are made on somebody's behalf."""

    @property
    def providers(self) -> Sequence[Provider]:
        """Return what the process shares of the models."""
        ...

    def within(self, scope: Scope) -> Self:
        """Return the same extractor, asking on behalf of `scope`."""
        ...

    async def probe(self) -> None:
        """Ask once whether the model is there and answers as it must; raises what keeps it from that."""
        ...


def asked_again_after(extractor: RemoteExtractor) -> float:
    """Return the seconds between two questions whether a provider is back: as long as its circuit stays open, at least
    one.
    """
    return max(1.0, *(provider.reset_after for provider in extractor.providers))


def rules_only(choice: ModelChoice, ontology: Ontology) -> Extractor:
    """Return the offline rules; raises `UsageError` for everything else."""
    if choice != ModelChoice():
        raise UsageError(f"the model {choice.model!r} cannot be asked here; choose {RULES}")
    from lithograph.extraction.rules import RulesExtractor

    return RulesExtractor(ontology)


def remembering(named: ExtractorNamed) -> ExtractorNamed:
    """Return what makes an extractor when it is asked for the first time, and gives it again from then on."""
    known: dict[tuple[ModelChoice, str], Extractor] = {}

    def make(choice: ModelChoice, ontology: Ontology) -> Extractor:
        key = (choice, ontology.content_hash)
        if key not in known:
            known[key] = named(choice, ontology)
        return known[key]

    return make
