"""Statements to an `Ontology`: the same whatever order they stand in, and with a hash of what they mean."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from lithograph.domain.ids import Iri
from lithograph.ontology import terms
from lithograph.ontology.hierarchy import class_parents, vocabulary
from lithograph.ontology.model import Import, Ontology, OntologyClass, OntologyProperty
from lithograph.ontology.properties import is_deprecated, properties_of
from lithograph.ontology.triples import Triples
from lithograph.ontology.wording import Words


def understand(
    own: Triples, imported: Sequence[Triples], *, source: str, languages: Sequence[str], imports: Sequence[Import] = ()
) -> Ontology:
    """Return the ontology of a document and what it imports.

    What files state about hierarchy, domains and ranges adds up, as `owl:imports` means it. Of names and comments the
    document's own come first. The order of `imported` changes nothing.
    """
    everything = Triples.union([own, *imported]) if imported else own
    known = vocabulary(everything)
    words = Words(own, everything, languages)
    parents = class_parents(everything, known.classes)
    classes: dict[Iri, OntologyClass] = {}
    for iri in sorted(known.classes):
        wording = words.of(iri)
        classes[iri] = OntologyClass(
            iri=iri,
            label=wording.label,
            alternatives=wording.alternatives,
            comment=wording.comment,
            parents=parents[iri],
            declared=iri in known.declared_classes,
            deprecated=is_deprecated(everything, iri),
        )
    properties = properties_of(everything, known, words)
    return Ontology(
        iri=name_of(own),
        source=source,
        content_hash=_content_hash(classes, properties),
        classes=classes,
        properties=properties,
        imports=tuple(sorted(imports, key=lambda one: (one.iri, str(one.path or "")))),
    )


def name_of(own: Triples) -> str:
    """Return the IRI that a document gives its ontology, or nothing where it gives none.

    Other versions that it mentions are ontologies too; the one that is meant is the one that they are versions of.
    """
    named = own.instances(frozenset((terms.ONTOLOGY,)))
    mentioned = {
        other
        for predicate in (*terms.OTHER_VERSIONS, terms.IMPORTS)
        for subject in own.subjects(predicate)
        for other in own.nodes(subject, predicate)
    }
    return min(named - mentioned or named, default="")


def _content_hash(classes: dict[Iri, OntologyClass], properties: dict[Iri, OntologyProperty]) -> str:
    understood = [[asdict(term) for term in part.values()] for part in (classes, properties)]
    canonical = json.dumps(understood, default=sorted, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
