"""What people read in an export: names for IRIs, and text without the characters that a file cannot hold."""

import re

from lithograph.domain.ids import Iri
from lithograph.ontology.model import Ontology

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 forbids, with the control characters and non-characters of the first plane that it discourages."""


def printable(text: str) -> str:
    """Return `text` with U+FFFD for each control character, lone surrogate and other character that XML cannot hold.

    Tab, line feed and carriage return stay; the length does not change.
    """
    return _UNPRINTABLE.sub("\ufffd", text)


def local_name(iri: str) -> str:
    """Return what follows the last `#`, `/` or `:` of `iri`; all of it when nothing does."""
    return re.split(r"[#/:]", iri.rstrip("#/:"))[-1] or iri


class Names:
    """What classes and properties are called: their label in the ontology, or their local name."""

    def __init__(self, ontology: Ontology | None) -> None:
        self._ontology = ontology

    def of_class(self, iri: Iri) -> str:
        """Return the name of a class."""
        known = self._ontology.classes.get(iri) if self._ontology else None
        return known.label if known else local_name(iri)

    def of_property(self, iri: Iri) -> str:
        """Return the name of a property."""
        known = self._ontology.properties.get(iri) if self._ontology else None
        return known.label if known else local_name(iri)
