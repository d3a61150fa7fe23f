"""Offers: the names that a prompt puts up for choice, and an ontology of nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from lithograph.domain.facts import XSD
from lithograph.domain.ids import Iri
from lithograph.extraction.prompts.messages import (
    EntitiesPrompt,
    JointPrompt,
    MentionsPrompt,
    OfferedAttribute,
    OfferedClass,
    OfferedProperty,
    RelationsPrompt,
)
from lithograph.ontology.model import Kind, Ontology, OntologyClass, OntologyProperty

_DATATYPES = frozenset((
    "string", "boolean", "decimal", "integer", "float", "double", "date", "time", "dateTime", "dateTimeStamp",
    "gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay", "duration", "yearMonthDuration", "dayTimeDuration",
    "anyURI", "language", "long", "int", "short", "byte", "nonNegativeInteger", "positiveInteger",
    "nonPositiveInteger", "negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte",
    "hexBinary", "base64Binary", "normalizedString", "token",
))  # fmt: skip
"""What the range of a property is when it is no class: the local names of XSD."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything that a prompt names: equal offers are answered in equal terms."""

    classes: tuple[OfferedClass, ...] = ()
    properties: tuple[OfferedProperty | OfferedAttribute, ...] = ()
    types: frozenset[str] = frozenset()
    """Names of classes that the entities of a prompt have."""

    @classmethod
    def of(cls, prompt: MentionsPrompt | EntitiesPrompt | RelationsPrompt | JointPrompt) -> "Offer":
        """Return what a prompt offers."""
        match prompt:
            case MentionsPrompt():
                return cls(prompt.classes)
            case EntitiesPrompt():
                return cls(prompt.classes, prompt.attributes)
            case RelationsPrompt():
                types = frozenset(name for entity in prompt.entities for name in entity.types)
                return cls((), prompt.properties, types)
            case JointPrompt():
                return cls(prompt.classes, prompt.properties)


def made_of(offer: Offer) -> Ontology:
    """Return an ontology of what is offered and no more: names for labels, IRIs that stand for nothing else."""
    about = {known.name: known.about for known in offer.classes}
    names = {*about, *offer.types}
    names.update(name for known in offer.properties for name in _ends(known) if name not in _DATATYPES)
    classes = [OntologyClass(_class(name), name, comment=about.get(name, "")) for name in names]
    properties = [_made(known, names) for known in offer.properties]
    content = sha256(repr((sorted(names), offer.properties)).encode("utf-8", "surrogatepass")).hexdigest()
    return Ontology(
        "",
        "what a prompt offers",
        content,
        {known.iri: known for known in sorted(classes, key=lambda known: known.iri)},
        {known.iri: known for known in sorted(properties, key=lambda known: known.iri)},
    )


def _ends(known: OfferedProperty | OfferedAttribute) -> Iterator[str]:
    if isinstance(known, OfferedProperty):
        yield from known.domain
        yield from known.range


def _made(known: OfferedProperty | OfferedAttribute, classes: set[str]) -> OntologyProperty:
    iri = Iri(f"urn:offered:property:{known.name}")
    if isinstance(known, OfferedAttribute):
        datatypes = frozenset(Iri(XSD + name) for name in known.datatypes)
        return OntologyProperty(iri, known.name, comment=known.about, kind=Kind.DATATYPE, datatypes=datatypes)
    things = frozenset(_class(name) for name in known.range if name in classes)
    datatypes = frozenset(Iri(XSD + name) for name in known.range if name not in classes)
    return OntologyProperty(
        iri,
        known.name,
        comment=known.about,
        kind=Kind.EITHER if bool(things) is bool(datatypes) else Kind.OBJECT if things else Kind.DATATYPE,
        domain=(frozenset(map(_class, known.domain)),) if known.domain else (),
        range=(things,) if things else (),
        datatypes=datatypes,
    )


def _class(name: str) -> Iri:
    return Iri(f"urn:offered:class:{name}")
