"""Documents and ontologies, as they are kept."""

from typing import Final

from pydantic import Field

from lithograph.api.wire.base import Wire

DOCUMENT: Final = "document_8f14e45fceea167a5a36dedd4bea2543"
ONTOLOGY: Final = "sha256:9f86d081884c7d659a2feaa0c55ad015"


class KeptDocument(Wire):
    """A document without its text: `characters` is how many code points that has."""

    id: str = Field(examples=[DOCUMENT])
    source: str = Field(examples=["annals.md"])
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
    media_type: str = Field(examples=["text/markdown"])
    characters: int = Field(examples=[18_422])
    given_at: str = Field(examples=["2026-11-25T09:30:00.000000Z"])


class KeptOntology(Wire):
    """An ontology, by the hash of what is in it; each version of one is one."""

    content_hash: str = Field(examples=[ONTOLOGY])
    source: str = Field(examples=["ontology.ttl"])
    given_at: str | None = Field(default=None, examples=["2026-11-25T09:30:00.000000Z"])


class Term(Wire):
    """A class or a property and what it is called."""

    iri: str = Field(examples=["https://lithograph.example/demo#Person"])
    label: str = Field(examples=["person"])


class NewOntology(KeptOntology):
    """An ontology as it was understood: how many classes and properties it has."""

    classes: int = Field(examples=[14])
    properties: int = Field(examples=[22])


class WholeOntology(KeptOntology):
    """An ontology with its classes and properties."""

    classes: list[Term]
    properties: list[Term]
