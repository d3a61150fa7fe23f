"""The vocabulary words that carry meaning here, and which IRIs are datatypes instead of classes."""

from collections.abc import Mapping
from urllib.parse import unquote

from lithograph.domain.facts import XSD
from lithograph.domain.ids import Iri

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
SCHEMA = ("http://schema.org/", "https://schema.org/")
"""schema.org is published under both; they mean the same."""

BUILTIN = (RDF, RDFS, OWL, XSD)
"""Namespaces whose terms describe ontologies and are never extracted."""

CLASS_TYPES = frozenset((OWL + "Class", RDFS + "Class", OWL + "DeprecatedClass"))
OBJECT_TYPES = frozenset(
    OWL + name
    for name in (
        "ObjectProperty",
        "SymmetricProperty",
        "AsymmetricProperty",
        "TransitiveProperty",
        "ReflexiveProperty",
        "IrreflexiveProperty",
    )
)
DATATYPE_PROPERTY = OWL + "DatatypeProperty"
FUNCTIONAL = OWL + "FunctionalProperty"
INVERSE_FUNCTIONAL = OWL + "InverseFunctionalProperty"
ANNOTATION_PROPERTY = OWL + "AnnotationProperty"
DEPRECATED_TYPES = frozenset((OWL + "DeprecatedClass", OWL + "DeprecatedProperty"))
PROPERTY_TYPES = OBJECT_TYPES | {
    RDF + "Property",
    DATATYPE_PROPERTY,
    FUNCTIONAL,
    INVERSE_FUNCTIONAL,
    OWL + "DeprecatedProperty",
}
DATATYPE_TYPES = frozenset((RDFS + "Datatype", OWL + "DataRange", *(base + "DataType" for base in SCHEMA)))

TYPE = RDF + "type"
SUBCLASS = RDFS + "subClassOf"
SUBPROPERTY = RDFS + "subPropertyOf"
EQUIVALENT = OWL + "equivalentClass"
INVERSES = (OWL + "inverseOf", *(base + "inverseOf" for base in SCHEMA))
DOMAIN = RDFS + "domain"
RANGE = RDFS + "range"
DOMAIN_INCLUDES = tuple(base + "domainIncludes" for base in SCHEMA)
RANGE_INCLUDES = tuple(base + "rangeIncludes" for base in SCHEMA)
UNION = OWL + "unionOf"
DISJOINT_UNION = OWL + "disjointUnionOf"
INTERSECTION = OWL + "intersectionOf"
ONE_OF = OWL + "oneOf"
ON_DATATYPE = OWL + "onDatatype"
FIRST = RDF + "first"
REST = RDF + "rest"
NIL = RDF + "nil"
LABEL = RDFS + "label"
PREFERRED = SKOS + "prefLabel"
ALTERNATIVES = (SKOS + "altLabel", SKOS + "hiddenLabel")
COMMENTS = (RDFS + "comment", SKOS + "definition")
DEPRECATED = OWL + "deprecated"
SUPERSEDED = tuple(base + "supersededBy" for base in SCHEMA)
IMPORTS = OWL + "imports"
ONTOLOGY = OWL + "Ontology"
VERSION = OWL + "versionIRI"
OTHER_VERSIONS = tuple(OWL + name for name in ("priorVersion", "backwardCompatibleWith", "incompatibleWith"))

THING = OWL + "Thing"
RESOURCE = RDFS + "Resource"
LITERAL = RDFS + "Literal"

_SCHEMA_DATATYPES = {
    "Text": "string",
    "Number": "decimal",
    "Integer": "integer",
    "Float": "double",
    "Boolean": "boolean",
    "Date": "date",
    "DateTime": "dateTime",
    "Time": "time",
    "URL": "anyURI",
    "CssSelectorType": "string",
    "XPathType": "string",
    "PronounceableText": "string",
    "DataType": "string",
}
DATATYPES: Mapping[str, Iri] = {
    **{base + name: Iri(XSD + xsd) for base in SCHEMA for name, xsd in _SCHEMA_DATATYPES.items()},
    **{RDF + name: Iri(XSD + "string") for name in ("langString", "PlainLiteral", "XMLLiteral", "HTML", "JSON")},
    **{OWL + name: Iri(XSD + "decimal") for name in ("real", "rational")},
}
"""Datatypes that are not XSD's own, and the XSD datatype that a value of each is written in."""


def is_builtin(iri: str) -> bool:
    """Whether `iri` belongs to RDF, RDFS, OWL or XSD themselves."""
    return iri.startswith(BUILTIN)


def is_blank(node: str) -> bool:
    """Whether `node` stands for a blank node; IRIs have a scheme, which cannot begin with `_`."""
    return node.startswith("_:")


def local_name(iri: str) -> str:
    """Return what follows the last `#`, `/` or `:`, percent-decoded; the whole IRI where nothing follows."""
    trimmed = iri.rstrip("#/:")
    cut = max(trimmed.rfind(mark) for mark in "#/:") + 1
    return " ".join(unquote(trimmed[cut:]).split()) or iri
