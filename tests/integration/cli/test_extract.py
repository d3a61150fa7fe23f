import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import jsonschema
import pytest

from lithograph.demo import demo_document
from lithograph.documents.read import read_document
from lithograph.graph.export.schema import schema

Litho = Callable[..., CompletedProcess[str]]
COMMAND = (sys.executable, "-P", "-m", "lithograph")
PLAIN = ("extract", "story.md", "--ontology", "ontology.ttl", "--no-db")


def spans(value: object) -> Iterator[dict[str, object]]:
    """Everything in a result that has the shape of a span."""
    if isinstance(value, dict):
        if {"document", "start", "end", "text"} <= value.keys():
            yield value
        for inner in value.values():
            yield from spans(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from spans(inner)


def test_the_result_goes_to_standard_output_and_the_rest_to_standard_error(litho: Litho) -> None:
    done = litho(*PLAIN)

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["documents"][0]["source"] == "story.md"
    assert result["missing"] == []
    assert result["stats"]["relations"] == len(result["relations"]) > 0
    told = done.stderr.splitlines()
    assert told[:4] == [
        f"story.md: read, {result['documents'][0]['characters']:,} characters",
        *(f"story.md: {stage} 11 of 11 chunks" for stage in ("mentions", "entities", "relations")),
    ]
    assert told[4].startswith("1 document, 11 chunks: ")
    assert any(line.startswith("rejected: ") for line in told[5:]) == bool(result["rejected"])


def test_files_are_written_in_every_format_and_nothing_else(litho: Litho, folder: Path) -> None:
    (folder / "one.ttl").write_text("an old graph")

    single = litho(*PLAIN, "--out", "one.ttl")
    several = litho(*PLAIN, "--out", "many", "--format", "json", "--format", "csv", "--format", "ttl")

    assert (single.returncode, several.returncode) == (0, 0), several.stderr
    assert single.stdout == several.stdout == ""
    assert (folder / "one.ttl").read_bytes() == (folder / "many" / "graph.ttl").read_bytes()
    assert json.loads((folder / "many" / "graph.json").read_bytes())["format"] == "lithograph/1"
    assert {path.name for path in folder.iterdir()} == {"story.md", "ontology.ttl", "one.ttl", "many"}
    tables = {"entities.csv", "mentions.csv", "relations.csv"}
    assert {path.name for path in (folder / "many").iterdir()} == {"graph.json", "graph.ttl", *tables}
    with (folder / "many" / "relations.csv").open(newline="", encoding="utf-8") as table:
        assert {row["source"] for row in csv.DictReader(table)} == {"story.md"}
    assert several.stderr.splitlines()[-1].startswith("written: many/graph.json, many/entities.csv")


def test_a_file_that_cannot_be_replaced_is_written_to(litho: Litho) -> None:
    done = litho(*PLAIN, "--out", "/dev/stdout")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["format"] == "lithograph/1"


def test_the_example_of_the_documents_gives_what_is_missing(litho: Litho, folder: Path, shared_data: Path) -> None:
    documents = [
        shared_data / "documents" / name for name in ("reliance.pdf", "wiki.md", "libreoffice-writer-password.pdf")
    ]
    ontology = shared_data / "ontologies" / "schemaorg-current-https.ttl"

    done = litho("extract", *documents, "--ontology", ontology, "--no-db", "--on-missing", "skip", "--out", "g.json")

    assert done.returncode == 3, done.stderr
    result = json.loads((folder / "g.json").read_bytes())
    jsonschema.validate(result, schema())
    assert [one["source"] for one in result["documents"]] == [str(path) for path in documents[:2]]
    (missing,) = result["missing"]
    assert (missing["stage"], missing["chunk"]) == ("read", "")
    assert missing["error"].startswith(f"{documents[2]} is encrypted")
    assert f"missing: {missing['error']}" in done.stderr.splitlines()
    texts = {one.id: one.text for one in map(read_document, documents[:2])}
    found = list(spans(result))
    assert {span["document"] for span in found} == texts.keys()
    wrong = [span for span in found if texts[span["document"]][span["start"] : span["end"]] != span["text"]]  # type: ignore[index]
    assert wrong == []


def test_without_skip_one_bad_document_stops_all_before_any_work(litho: Litho, folder: Path) -> None:
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7\nnothing")

    done = litho(*PLAIN, "bad.pdf", "--out", "g.json")

    assert done.returncode == 2
    assert "mentions" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("litho: bad.pdf ")
    assert not (folder / "g.json").exists()


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, *PLAIN], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert process.returncode == 0
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


def test_a_full_disk_is_one_sentence(folder: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no device that is always full")
    with full.open("wb") as output:
        done = subprocess.run(
            [*COMMAND, *PLAIN], cwd=folder, stdout=output, stderr=subprocess.PIPE, encoding="utf-8", check=False
        )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("litho: standard output could not be written")
    assert "Traceback" not in done.stderr


def test_an_interruption_ends_the_work_at_once_and_leaves_no_file(folder: Path) -> None:
    # Long enough to be at work still when the signal comes.
    (folder / "long.md").write_bytes(demo_document() * 200)
    with subprocess.Popen(
        [*COMMAND, "extract", "long.md", "--ontology", "ontology.ttl", "--no-db", "--out", "g.json"],
        cwd=folder,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        # Whoever runs the tests in the background may have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # the tests start no threads
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("long.md: read, ")
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        said = process.stderr.read()
        process.wait(timeout=30)
        took = time.monotonic() - began

    assert process.returncode == 130
    assert "run the same command again" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert took < 1.0
    assert {path.name for path in folder.iterdir()} == {"story.md", "ontology.ttl", "long.md"}


def test_help_loads_no_large_library() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", "-m", "lithograph", "extract", "--help"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )

    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lithograph.cli.extract" in loaded
    assert loaded & {"xberg", "numpy", "pyoxigraph", "bm25s", "rapidfuzz", "rich", "asyncio"} == set()
    assert "--ontology FILE" in done.stdout
