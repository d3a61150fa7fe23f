"""Lithograph: documents in, an ontology-typed knowledge graph out, every statement with the characters that say so."""

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
    "document_from_bytes",
    "export",
    "load_ontology",
    "ontology_from_bytes",
    "read_document",
]
