"""What is in an ontology, and what in it will make extraction worse than it need be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lithograph.domain.ids import Iri
from lithograph.ontology import terms
from lithograph.ontology.hierarchy import vocabulary
from lithograph.ontology.imports import follow
from lithograph.ontology.load import ENGLISH, read_statements, understood
from lithograph.ontology.model import Import, Kind, Ontology
from lithograph.ontology.triples import Triples

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class OntologyReport:
    """Counts and lists about an ontology and its imports. Every list is in order of IRI."""

    source: str
    iri: str
    content_hash: str
    classes: int
    """Declared classes; those that are only referred to are in `unknown`."""
    object_properties: int
    datatype_properties: int
    either_properties: int
    """Properties that take an entity or a literal, or do not say."""
    deprecated: int
    languages: tuple[tuple[str, int], ...]
    """How many labels there are in each language, most first; untagged labels count under the empty tag."""
    classes_without_label: tuple[Iri, ...]
    properties_without_label: tuple[Iri, ...]
    properties_without_domain: tuple[Iri, ...]
    """These are offered for things of every class."""
    properties_without_range: tuple[Iri, ...]
    """The same for what they lead to. A datatype property without a range takes any literal and is not listed."""
    unknown: tuple[Iri, ...]
    """Used as a superclass, super-property, domain or range, and declared nowhere."""
    imports: tuple[Import, ...]

    @property
    def properties(self) -> int:
        """How many properties there are in all."""
        return self.object_properties + self.datatype_properties + self.either_properties


def check_ontology(path: Path, *, languages: Sequence[str] = ENGLISH) -> OntologyReport:
    """Return what is in the ontology file `path` and what it imports from files beside it.

    Raises `OntologyError` where `load_ontology` does.
    """
    own = read_statements(path)
    closure = follow(path, own)
    ontology = understood(path, own, closure, languages)
    everything = Triples.union([own, *closure.documents])
    kinds = Counter(known.kind for known in ontology.properties.values())
    declared = [iri for iri, known in ontology.classes.items() if known.declared]
    return OntologyReport(
        source=ontology.source,
        iri=ontology.iri,
        content_hash=ontology.content_hash,
        classes=len(declared),
        object_properties=kinds[Kind.OBJECT],
        datatype_properties=kinds[Kind.DATATYPE],
        either_properties=kinds[Kind.EITHER],
        deprecated=sum(known.deprecated for part in (ontology.classes, ontology.properties) for known in part.values()),
        languages=_languages(everything, [*declared, *ontology.properties]),
        classes_without_label=tuple(iri for iri in declared if not _labels(everything, iri)),
        properties_without_label=tuple(iri for iri in ontology.properties if not _labels(everything, iri)),
        properties_without_domain=tuple(iri for iri, known in ontology.properties.items() if not known.domain),
        properties_without_range=tuple(
            iri
            for iri, known in ontology.properties.items()
            if known.kind is not Kind.DATATYPE and not known.range and not known.datatypes
        ),
        unknown=_unknown(ontology, everything),
        imports=ontology.imports,
    )


def render(report: OntologyReport) -> list[str]:
    """Return the report as lines of plain text: what there is first, then what deserves a look."""
    found = [one for one in report.imports if one.path]
    missing = [one.iri for one in report.imports if not one.path]
    kinds = (
        f"{report.object_properties} to entities, {report.datatype_properties} to literals, "
        f"{report.either_properties} to either"
    )
    lines = [
        f"{report.source}: {report.iri or 'an ontology without a name of its own'}",
        f"  classes     {report.classes}",
        f"  properties  {report.properties} ({kinds})",
    ]
    if report.languages:
        spoken = ", ".join(f"{language or 'untagged'} {count}" for language, count in report.languages)
        lines.append(f"  labels      {spoken}")
    if report.deprecated:
        lines.append(f"  deprecated  {report.deprecated}")
    lines += [f"  import      {one.iri} from {one.path}" for one in found]
    lines.append(f"  content     {report.content_hash}")
    for remark, iris in (
        ("not found beside the file and not fetched: imports", missing),
        ("used but declared nowhere", report.unknown),
        ("without a label, so called by their local name: classes", report.classes_without_label),
        ("without a label, so called by their local name: properties", report.properties_without_label),
        ("without a domain, so offered for every class: properties", report.properties_without_domain),
        ("without a range, so offered with every class as their object: properties", report.properties_without_range),
    ):
        lines += _remark(remark, iris)
    return lines


def _remark(remark: str, iris: Sequence[str]) -> list[str]:
    if not iris:
        return []
    more = [f"    and {len(iris) - _SHOWN} more"] if len(iris) > _SHOWN else []
    return [f"  {len(iris)} {remark}", *(f"    {iri}" for iri in iris[:_SHOWN]), *more]


def _labels(triples: Triples, iri: str) -> list[str]:
    """Return the language of every label of a term."""
    texts = triples.texts(iri, terms.LABEL) | triples.texts(iri, terms.PREFERRED)
    return [text.language for text in texts if text.value.strip()]


def _languages(triples: Triples, iris: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counted = Counter(language for iri in iris for language in _labels(triples, iri))
    return tuple(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def _unknown(ontology: Ontology, triples: Triples) -> tuple[Iri, ...]:
    found = {iri for iri, known in ontology.classes.items() if not known.declared}
    found |= {above for known in ontology.classes.values() for above in known.parents} - ontology.classes.keys()
    found |= {above for known in ontology.properties.values() for above in known.parents} - ontology.properties.keys()
    # The range of a datatype property that nobody declares a datatype: no class, and read as a string.
    datatypes = vocabulary(triples).datatypes
    for iri in ontology.properties:
        for end in triples.nodes(iri, terms.RANGE):
            if not (terms.is_blank(end) or terms.is_builtin(end) or end in datatypes or end in ontology.classes):
                found.add(Iri(end))
    return tuple(sorted(found))
