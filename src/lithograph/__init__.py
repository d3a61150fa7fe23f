"""Lithograph: documents in, an ontology-typed knowledge graph out, every statement with the characters that say so."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lithograph.client.connect import connect
    from lithograph.documents.read import document_from_bytes, read_document
    from lithograph.domain.document import Document, Span
    from lithograph.domain.graph import Entity, KnowledgeGraph, Relation
    from lithograph.domain.result import ExtractionResult
    from lithograph.errors import LithographError, PermanentError, TransientError
    from lithograph.extraction.extractor import Extractor
    from lithograph.extraction.pipeline import ExtractionPipeline
    from lithograph.extraction.rules import RulesExtractor
    from lithograph.extraction.settings import ExtractionSettings
    from lithograph.graph.export.formats import Format, export
    from lithograph.ontology.load import load_ontology, ontology_from_bytes
    from lithograph.ontology.model import Ontology

__all__ = [
    "Document",
    "Entity",
    "ExtractionPipeline",
    "ExtractionResult",
    "ExtractionSettings",
    "Extractor",
    "Format",
    "KnowledgeGraph",
    "LithographError",
    "Ontology",
    "PermanentError",
    "Relation",
    "RulesExtractor",
    "Span",
    "TransientError",
    "connect",
    "document_from_bytes",
    "export",
    "load_ontology",
    "ontology_from_bytes",
    "read_document",
]

_HOMES = {
    "client.connect": ("connect",),
    "documents.read": ("document_from_bytes", "read_document"),
    "domain.document": ("Document", "Span"),
    "domain.graph": ("Entity", "KnowledgeGraph", "Relation"),
    "domain.result": ("ExtractionResult",),
    "errors": ("LithographError", "PermanentError", "TransientError"),
    "extraction.extractor": ("Extractor",),
    "extraction.pipeline": ("ExtractionPipeline",),
    "extraction.rules": ("RulesExtractor",),
    "extraction.settings": ("ExtractionSettings",),
    "graph.export.formats": ("Format", "export"),
    "ontology.load": ("load_ontology", "ontology_from_bytes"),
    "ontology.model": ("Ontology",),
}
"""Where each of these is: it is imported when it is asked for, so that a command that only looks need not wait."""


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            found: object = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
