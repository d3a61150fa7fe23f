import os
import subprocess
import sys
from pathlib import Path

import pytest

from lithograph.domain.result import ExtractionResult
from lithograph.errors import UsageError
from lithograph.graph.export.formats import Format, export, export_files, format_named, format_of


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("graph.json", Format.JSON),
        ("a.b/graph.TTL", Format.TURTLE),
        ("graph.jsonld", Format.JSONLD),
        (Path("graph.graphml"), Format.GRAPHML),
        ("graph.csv", Format.CSV),
    ],
)
def test_a_path_stands_for_the_format_of_its_extension(path: str | Path, expected: Format) -> None:
    assert format_of(path) is expected


@pytest.mark.parametrize("path", ["graph.xlsx", "graph", "graph.", ".json"])
def test_a_path_without_a_known_extension_is_refused_with_the_list_of_formats(path: str) -> None:
    with pytest.raises(UsageError, match="json, turtle, jsonld, graphml, csv"):
        format_of(path)


def test_a_format_is_known_by_name_and_by_extension() -> None:
    assert all(format_named(known.value) is format_named(known.extension) is known for known in Format)
    assert format_named(" Turtle") is Format.TURTLE
    with pytest.raises(UsageError, match="'pdf'; choose one of json"):
        format_named("pdf")


@pytest.mark.parametrize("target", Format)
def test_every_format_gives_the_same_bytes_again(result: ExtractionResult, target: Format) -> None:
    data = export(result, target)
    assert data
    assert data.endswith(b"\n")
    assert export(result, target) == data
    data.decode()


def test_only_tables_are_several_files(result: ExtractionResult) -> None:
    for target in set(Format) - {Format.CSV}:
        assert export_files(result, target) == {"": export(result, target)}
    tables = export_files(result, Format.CSV)
    assert list(tables) == ["entities.csv", "mentions.csv", "relations.csv"]
    assert export(result, Format.CSV) == tables["relations.csv"]


def test_choosing_a_format_loads_no_rdf_library() -> None:
    code = "import sys, lithograph.graph.export.formats; sys.exit('pyoxigraph' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_process_writes_the_same_bytes(result: ExtractionResult) -> None:
    code = (
        "import sys; from lithograph.graph.export.formats import *; "
        "from lithograph.graph.export.result_reader import from_json; "
        "result = from_json(sys.stdin.buffer.read()); "
        "[sys.stdout.buffer.write(export(result, target)) for target in Format]"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=export(result, Format.JSON),
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
