"""What `owl:imports` refers to among the files beside an ontology. Nothing is fetched."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lithograph.errors import OntologyError
from lithograph.ontology import terms
from lithograph.ontology.model import Import
from lithograph.ontology.syntax import EXTENSIONS, parse
from lithograph.ontology.triples import Triples

_LARGEST_SEARCHED = 64_000_000
_OWL = terms.OWL.encode()


@dataclass(slots=True)
class Closure:
    """Everything that a document imports, directly or through others, and what could not be found."""

    documents: list[Triples] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)


def imported_by(own: Triples) -> list[str]:
    """Return the IRIs that a document imports, sorted."""
    return sorted({iri for subject in own.subjects(terms.IMPORTS) for iri in own.nodes(subject, terms.IMPORTS)})


def follow(path: Path, own: Triples) -> Closure:
    """Return all local documents that `path` imports. Each is read once, so that circles end.

    Raises `OntologyError` when a file that is found is broken.
    """
    found = Closure()
    folders: dict[Path, _Folder] = {}
    seen, waiting = {path.resolve()}, [(path, own)]
    recorded: set[Import] = set()
    while waiting:
        importer, triples = waiting.pop()
        folder = folders.setdefault(importer.resolve().parent, _Folder(importer.resolve().parent))
        for iri, file in _targets(importer, triples, folder):
            recorded.add(Import(iri, file))
            if file is None or file.resolve() in seen:
                continue
            seen.add(file.resolve())
            imported = parse(_bytes_of(file), str(file))
            found.documents.append(imported)
            waiting.append((file, imported))
    found.imports = list(recorded)
    return found


def _targets(importer: Path, triples: Triples, folder: "_Folder") -> list[tuple[str, Path | None]]:
    """Return what a document imports with the file that each IRI leads to."""
    wanted = imported_by(triples)
    if any(iri.startswith("file:") for iri in wanted):
        # Relative references were read against the file's bare name; only here does it matter in which folder it lies.
        located = parse(_bytes_of(importer), str(importer), base=importer.resolve().as_uri())
        direct = [iri for iri in imported_by(located) if iri.startswith("file:")]
        wanted = [iri for iri in wanted if not iri.startswith("file:")] + direct
    return [(iri, _file_of(iri) if iri.startswith("file:") else folder.find(iri)) for iri in wanted]


def _file_of(iri: str) -> Path | None:
    try:
        # A drive letter comes after a slash in an IRI and not in a path; `urllib.request` is too slow to import for it.
        path = Path(re.sub(r"^/([A-Za-z]:)", r"\1", unquote(urlsplit(iri).path)))
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OntologyError(f"{path} is imported and cannot be read: {error.strerror}") from error


class _Folder:
    """The ontologies in a folder, by the name that they declare and by the name of their file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._declared: dict[str, Path] | None = None

    def find(self, iri: str) -> Path | None:
        """Return the file for an ontology IRI: the one that declares it, else the one named like its last segment."""
        return self._by_declaration().get(_bare(iri)) or self._by_name(iri)

    def _files(self) -> list[Path]:
        try:
            return sorted(
                path for path in self._folder.iterdir() if path.suffix.lower() in EXTENSIONS and path.is_file()
            )
        except OSError:
            return []

    def _by_name(self, iri: str) -> Path | None:
        name = unquote(_bare(iri).rpartition("/")[2])
        return next((path for path in self._files() if name and name in (path.stem, path.name)), None)

    def _by_declaration(self) -> dict[str, Path]:
        if self._declared is None:
            self._declared = {}
            for path in self._files():
                for iri in _declared_in(path):
                    self._declared.setdefault(iri, path)
        return self._declared


def _declared_in(path: Path) -> set[str]:
    """Return the ontology and version IRIs of a file; none when it is no ontology, or broken and merely near."""
    try:
        data = path.read_bytes() if path.stat().st_size <= _LARGEST_SEARCHED else b""
        triples = parse(data, str(path)) if _OWL in data else Triples()
    except (OSError, OntologyError):
        return set()
    named = triples.instances(frozenset((terms.ONTOLOGY,)))
    versions = {version for iri in named for version in triples.nodes(iri, terms.VERSION)}
    others = {other for iri in named for other in triples.nodes(iri, *terms.OTHER_VERSIONS, terms.IMPORTS)}
    return {_bare(iri) for iri in (named - others) | versions}


def _bare(iri: str) -> str:
    return iri.rstrip("#/")
