"""Extractors by name, as `--model` gives it and as an execution remembers it."""

from collections.abc import Callable

from lithograph.errors import UsageError
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.rules import RulesExtractor
from lithograph.ontology.model import Ontology

ExtractorNamed = Callable[[str, Ontology], Extractor]
"""Makes the extractor of a name for an ontology; raises `UsageError` for a name that it does not know."""


def extractor_named(name: str, ontology: Ontology) -> Extractor:
    """Return the extractor called `name`; raises `UsageError` when there is none."""
    if name != "rules":
        raise UsageError(f"there is no model {name!r}; choose rules")
    return RulesExtractor(ontology)
