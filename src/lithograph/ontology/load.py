"""A file, or its bytes, to an `Ontology`."""

from collections.abc import Sequence
from pathlib import Path

from lithograph.errors import OntologyError
from lithograph.ontology.imports import Closure, follow, imported_by
from lithograph.ontology.model import Import, Ontology
from lithograph.ontology.syntax import Format, parse
from lithograph.ontology.triples import Triples
from lithograph.ontology.understand import understand

ENGLISH = ("en",)


def load_ontology(path: Path, *, languages: Sequence[str] = ENGLISH, imports: bool = True) -> Ontology:
    """Return the ontology in a Turtle, RDF/XML, JSON-LD or N-Triples file, with what it imports from files beside it.

    `languages` are BCP 47 tags in order of preference for labels and comments; untagged text comes after them, any
    other language last. With `imports=False` the file stands alone. An import is answered by the file that a `file:` or
    relative IRI names, else by one in the importing file's folder that declares the imported IRI or is named like its
    last segment; nothing is fetched, and `Ontology.imports` lists what was found and what was not.

    Raises `OntologyError` when the file (or a file that it imports) is missing, empty or broken, naming the line where
    it can be known, or when there is neither a class nor a property in it.
    """
    own = read_statements(path)
    closure = follow(path, own) if imports else Closure(imports=_unanswered(own))
    return understood(path, own, closure, languages)


def read_statements(path: Path) -> Triples:
    """Return what a file states; raises `OntologyError` when it cannot be read."""
    return parse(_bytes_of(path), str(path))


def understood(path: Path, own: Triples, closure: Closure, languages: Sequence[str]) -> Ontology:
    """Return the ontology that a file and its imports state; raises `OntologyError` when there is nothing in it."""
    ontology = understand(own, closure.documents, source=str(path), languages=languages, imports=closure.imports)
    return _checked(ontology, own)


def ontology_from_bytes(
    data: bytes,
    *,
    source: str,
    format: Format | None = None,  # noqa: A002  # the word that users know
    languages: Sequence[str] = ENGLISH,
) -> Ontology:
    """Return the ontology that `data` holds; `source` names it in errors and, by its extension, may tell its format.

    Imports are listed and not followed. Raises `OntologyError` as `load_ontology` does.
    """
    own = parse(data, source, format)
    return _checked(understand(own, (), source=source, languages=languages, imports=_unanswered(own)), own)


def _unanswered(own: Triples) -> list[Import]:
    return [Import(iri) for iri in imported_by(own)]


def _bytes_of(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise OntologyError(f"{path} is a folder; name one ontology file in it")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise OntologyError(f"{path} does not exist; name an ontology file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OntologyError(f"{path} cannot be read: {reason}") from error


def _checked(ontology: Ontology, own: Triples) -> Ontology:
    if ontology.classes or ontology.properties:
        return ontology
    hint = "declare some, as `owl:Class` or `rdfs:Class` and `owl:ObjectProperty` or `rdf:Property`"
    if own.instances(frozenset(("http://www.w3.org/2004/02/skos/core#Concept",))):
        hint = f"SKOS concepts are things, not classes: {hint}"
    raise OntologyError(f"{ontology.source} has {own.size} statements but neither class nor property; {hint}")
