"""The formats that a result can be exported to, and how one is chosen."""

from collections.abc import Mapping
from enum import StrEnum
from os import PathLike
from pathlib import PurePath

from lithograph.domain.result import ExtractionResult
from lithograph.errors import UsageError
from lithograph.ontology.model import Ontology


class Format(StrEnum):
    """A format by the name that `--format` takes."""

    JSON = "json"
    """Everything, as "lithograph/1"."""
    TURTLE = "turtle"
    """RDF for reading."""
    JSONLD = "jsonld"
    """RDF for programs that read JSON."""
    GRAPHML = "graphml"
    """Nodes and edges for graph viewers."""
    CSV = "csv"
    """Three tables."""

    @property
    def extension(self) -> str:
        """The usual extension of a file in this format, with its dot."""
        return ".ttl" if self is Format.TURTLE else f".{self.value}"


FORMATS = ", ".join(Format)


def format_named(name: str) -> Format:
    """Return the format with that name, or with that extension, in any case; raises `UsageError` for another one."""
    wanted = name.strip().lower().lstrip(".")
    for known in Format:
        if wanted in (known.value, known.extension[1:]):
            return known
    raise UsageError(f"there is no format {name!r}; choose one of {FORMATS}")


def format_of(path: str | PathLike[str]) -> Format:
    """Return the format that the extension of `path` stands for; raises `UsageError` when it stands for none."""
    extension = PurePath(path).suffix
    try:
        return format_named(extension)
    except UsageError as error:
        shown = f"the extension {extension!r}" if extension else "a name without extension"
        raise UsageError(f"{path}: {shown} names no format; choose one of {FORMATS}") from error


def export(result: ExtractionResult, target: Format, ontology: Ontology | None = None) -> bytes:
    """Return `result` as one file; of the three tables of `Format.CSV` that is `relations.csv`.

    Labels of classes and properties come from `ontology` where a format shows them. The same result gives the same
    bytes.
    """
    files = export_files(result, target, ontology)
    return files["relations.csv" if target is Format.CSV else ""]


def export_files(result: ExtractionResult, target: Format, ontology: Ontology | None = None) -> Mapping[str, bytes]:
    """Return the files of an export by name: a single one is named "", several belong into a folder."""
    # Imported here because RDF needs a large library, which the other formats should not wait for.
    match target:
        case Format.JSON:
            from lithograph.graph.export.result_json import to_json

            return {"": to_json(result)}
        case Format.TURTLE:
            from lithograph.graph.export.turtle import to_turtle

            return {"": to_turtle(result)}
        case Format.JSONLD:
            from lithograph.graph.export.jsonld import to_jsonld

            return {"": to_jsonld(result)}
        case Format.GRAPHML:
            from lithograph.graph.export.graphml import to_graphml

            return {"": to_graphml(result, ontology)}
        case Format.CSV:
            from lithograph.graph.export.tables import to_tables

            return to_tables(result, ontology)
