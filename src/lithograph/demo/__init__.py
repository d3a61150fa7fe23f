"""A document and an ontology to try Lithograph with, offline and without a key.

The document tells the history of a printing house that never existed; the ontology names the kinds of thing in it and
the phrases that tie them together. Both were written for Lithograph.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import as_file, files
from pathlib import Path

_DOCUMENT = files(__name__) / "document.md"
_ONTOLOGY = files(__name__) / "ontology.ttl"


def demo_document() -> bytes:
    """Return the document: Markdown, in UTF-8."""
    return _DOCUMENT.read_bytes()


def demo_ontology() -> bytes:
    """Return the ontology: OWL, in Turtle."""
    return _ONTOLOGY.read_bytes()


@contextmanager
def demo_paths() -> Iterator[tuple[Path, Path]]:
    """Yield the document and the ontology as files, which exist until the context ends."""
    with ExitStack() as stack:
        yield stack.enter_context(as_file(_DOCUMENT)), stack.enter_context(as_file(_ONTOLOGY))
