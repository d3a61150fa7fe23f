"""`litho demo`: what Lithograph does, shown on a document of its own."""

import io
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.output import Destination, check_folder, write_file, write_stdout
from lithograph.domain.facts import Literal
from lithograph.domain.graph import Entity, Relation
from lithograph.domain.ids import EntityId
from lithograph.domain.result import ExtractionResult
from lithograph.graph.export.formats import Format

if TYPE_CHECKING:
    from rich.console import Console

    from lithograph.graph.export.naming import Names

_RELATIONS = 10
_EXAMPLES = 3
_DOCUMENT, _ONTOLOGY = "document.md", "ontology.ttl"
_WRITTEN: Mapping[str, str] = {
    _DOCUMENT: "what was read",
    _ONTOLOGY: "the kinds of thing and the properties that were looked for",
    "graph.json": "everything, each fact with the characters that say so",
    "graph.ttl": "RDF, for triple stores",
    "graph.graphml": "for graph viewers",
    "entities.csv": "for spreadsheets",
    "mentions.csv": "where each entity is named",
    "relations.csv": "what is said about it",
}
_FORMATS = (Format.JSON, Format.TURTLE, Format.GRAPHML, Format.CSV)


def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder to write to; made where its parent exists.")
    ] = Path("lithograph-demo"),
) -> int:
    """Extract a graph from a bundled document with the offline rules, show it and write it to a folder."""
    check_folder(out)

    import anyio

    from lithograph.demo import demo_document, demo_ontology
    from lithograph.documents.read import document_from_bytes
    from lithograph.extraction.pipeline import ExtractionPipeline
    from lithograph.extraction.rules import RulesExtractor
    from lithograph.graph.export.formats import export_files
    from lithograph.graph.export.naming import Names
    from lithograph.ontology.load import ontology_from_bytes

    ontology = ontology_from_bytes(demo_ontology(), source=_ONTOLOGY)
    document = document_from_bytes(demo_document(), source=_DOCUMENT)
    result = anyio.run(ExtractionPipeline(ontology, RulesExtractor(ontology)).run, document)
    Destination(out, _FORMATS, folder=True).write(lambda chosen: export_files(result, chosen, ontology))
    write_file(out / _DOCUMENT, demo_document())
    write_file(out / _ONTOLOGY, demo_ontology())
    write_stdout(_report(result, Names(ontology), out).encode(sys.stdout.encoding, "replace"))
    return ExitCode.COMPLETED


def _report(result: ExtractionResult, names: "Names", out: Path) -> str:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    # In a pipe a line is a line, however long; on a terminal it is wrapped at the window's width.
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, highlight=False, width=None if terminal else 10_000)
    _Report(console, result, names).show(out)
    return written.getvalue()


@dataclass(frozen=True, slots=True)
class _Report:
    """What the demo prints."""

    console: "Console"
    result: ExtractionResult
    names: "Names"

    def show(self, out: Path) -> None:
        stats, document = self.result.stats, self.result.documents[0]
        self._title(f"{document.source}: {document.characters:,} characters, {stats.chunks} chunks")
        self._line(
            f"The offline rules (no model, no network) found {stats.entities} entities and {stats.relations} relations "
            f"in {stats.seconds * 1000:.0f} ms."
        )
        self._title("Entities")
        self._classes()
        best = _best(self.result.graph.relations)
        self._title(f"Relations: {len(best)} of {stats.relations}, with the characters of {_DOCUMENT} that say so")
        for relation in best:
            self._relation(relation)
        self._title("Where to look next")
        for name, what in _WRITTEN.items():
            self._line(f"{out / name!s:<{len(str(out)) + 15}}  {what}", indent=2)
        self._title("The same with documents and an ontology of your own")
        document_file, ontology_file = (shlex.quote(str(out / name)) for name in (_DOCUMENT, _ONTOLOGY))
        example = f"  litho extract {document_file} --ontology {ontology_file} --out graph.json"
        # Not wrapped, so that it can be copied.
        self.console.print(example, style="green", markup=False, soft_wrap=True)

    def _title(self, text: str) -> None:
        self.console.print()
        self._line(text, style="bold")

    def _line(self, text: str, *, indent: int = 0, style: str = "") -> None:
        from rich.padding import Padding
        from rich.text import Text

        self.console.print(Padding(Text(text, style=style), (0, 0, 0, indent), expand=False))

    def _classes(self) -> None:
        members: dict[str, list[Entity]] = {}
        for entity in self.result.graph.entities:
            members.setdefault(self.names.of_class(entity.types[0]), []).append(entity)
        width = max(map(len, members), default=0)
        for name, entities in sorted(members.items(), key=lambda pair: (-len(pair[1]), pair[0])):
            best = sorted(entities, key=lambda entity: -len(entity.mentions))
            examples = ", ".join(entity.label for entity in best[:_EXAMPLES])
            more = ", ..." if len(entities) > _EXAMPLES else ""
            self._line(f"{name:<{width}}  {len(entities):>3}  {examples}{more}", indent=2)

    def _relation(self, relation: Relation) -> None:
        subject, target = self._end(relation.subject), self._end(relation.object)
        self._line(f"{subject} -- {self.names.of_property(relation.predicate)} --> {target}", indent=2, style="cyan")
        evidence = relation.evidence[0]
        quoted = " ".join(evidence.text.split())
        self._line(f'{evidence.start}-{evidence.end}  "{quoted}"', indent=4)

    def _end(self, end: EntityId | Literal) -> str:
        return end.value if isinstance(end, Literal) else self.result.graph.entity(end).label


def _best(relations: tuple[Relation, ...]) -> list[Relation]:
    """Return the relations to show, in document order: doubtful ones last, then those whose property was seen before,
    then the less confident.
    """
    ranked = sorted(_ranked(relations), key=lambda pair: pair[0])[:_RELATIONS]
    chosen = {relation.id for _, relation in ranked}
    return [relation for relation in relations if relation.id in chosen]


def _ranked(relations: tuple[Relation, ...]) -> Iterator[tuple[tuple[bool, int, float, int], Relation]]:
    seen: Counter[str] = Counter()
    for place, relation in enumerate(sorted(relations, key=lambda relation: -relation.confidence)):
        yield (bool(relation.flags), seen[relation.predicate], -relation.confidence, place), relation
        seen[relation.predicate] += 1
