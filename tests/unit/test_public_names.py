"""The public names are a promise: this test changes only on purpose."""

import subprocess
import sys

import lithograph

NAMES = """
Document Entity ExtractionPipeline ExtractionResult ExtractionSettings Extractor Format KnowledgeGraph LithographError
Ontology PermanentError Relation RulesExtractor Span TransientError connect document_from_bytes export load_ontology
ontology_from_bytes read_document
"""


def test_the_public_names_are_these() -> None:
    assert sorted(lithograph.__all__) == sorted(NAMES.split())
    assert all(hasattr(lithograph, name) for name in lithograph.__all__)


def test_importing_the_package_loads_no_heavy_library() -> None:
    heavy = {"numpy", "bm25s", "pyoxigraph", "xberg", "rich", "typer", "sentencex"}
    code = "import lithograph, sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert heavy.isdisjoint(modules)
