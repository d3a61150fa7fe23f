"""Short names for the namespaces that a set of triples uses."""

from collections.abc import Iterable, Mapping

from pyoxigraph import NamedNode, Triple

from lithograph.domain.facts import XSD
from lithograph.graph.rdf import DCTERMS, LITH, OA, PROV, RDFS, SKOS
from lithograph.graph.terms import RDF

WELL_KNOWN: Mapping[str, str] = {
    DCTERMS: "dcterms",
    LITH: "lith",
    OA: "oa",
    PROV: "prov",
    RDF: "rdf",
    RDFS: "rdfs",
    SKOS: "skos",
    XSD: "xsd",
    "http://dbpedia.org/ontology/": "dbo",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://schema.org/": "schema",
    "http://www.w3.org/2002/07/owl#": "owl",
    "http://www.w3.org/ns/org#": "org",
    "http://xmlns.com/foaf/0.1/": "foaf",
    "https://schema.org/": "schema",
}


def namespace_of(iri: str) -> str:
    """Return `iri` up to its last `#` or `/`, or else its last `:`; empty when nothing follows that."""
    cut = max(iri.rfind("#"), iri.rfind("/"))
    cut = cut if cut >= 0 else iri.rfind(":")
    return iri[: cut + 1] if 0 <= cut < len(iri) - 1 else ""


def prefixes_of(triples: Iterable[Triple], nodes: str) -> dict[str, str]:
    """Return prefix and namespace of every predicate and class that `triples` use, and `id` for the namespace `nodes`.

    Vocabularies that everyone knows have their usual prefix, the others are `ns1`, `ns2`, ... in order of their IRIs.
    """
    used = {LITH, XSD}
    for triple in triples:
        used.add(namespace_of(triple.predicate.value))
        if triple.predicate.value == RDF + "type" and isinstance(triple.object, NamedNode):
            used.add(namespace_of(triple.object.value))
    prefixes = {"id": nodes}
    for namespace in sorted(used - {nodes, ""}):
        name = WELL_KNOWN.get(namespace, "")
        if not name or name in prefixes:
            name = f"ns{sum(prefix.startswith('ns') for prefix in prefixes) + 1}"
        prefixes[name] = namespace
    return {name: namespace for name, namespace in sorted(prefixes.items()) if _is_iri(namespace)}


def _is_iri(text: str) -> bool:
    try:
        NamedNode(text)
    except ValueError:
        return False
    return True
