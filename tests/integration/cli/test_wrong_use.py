from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Litho = Callable[..., CompletedProcess[str]]
RIGHT = ("extract", "story.md", "--ontology", "ontology.ttl")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param((), "missing command", id="no command"),
        pytest.param(("extrakt",), "did you mean 'extract'?", id="unknown command"),
        pytest.param(("extract", "story.md"), "missing option '--ontology'; `litho extract --help`", id="no ontology"),
        pytest.param(("extract", "--ontology", "ontology.ttl"), "missing argument 'DOC'", id="no document"),
        pytest.param(("extract", "story.md", "--ontology", "no.ttl"), "no.ttl does not exist", id="missing ontology"),
        pytest.param(("extract", "story.md", "--ontology", "void"), "void is empty", id="empty ontology"),
        pytest.param(("extract", "story.md", "--ontology", "broken.ttl"), "broken.ttl, line 2,", id="broken ontology"),
        pytest.param((*RIGHT, "no.md"), "no.md does not exist", id="missing document"),
        pytest.param((*RIGHT, "."), ". is a folder", id="folder for a document"),
        pytest.param((*RIGHT, "void"), "void is empty", id="empty document"),
        pytest.param((*RIGHT, "a\n\x1b[31mb.md"), "a \ufffd[31mb.md does not exist", id="name that is no plain text"),
        pytest.param((*RIGHT, "--format", "xml"), "no format 'xml'", id="unknown format"),
        pytest.param((*RIGHT, "--out", "g.xml"), "'.xml' names no format", id="unknown extension"),
        pytest.param((*RIGHT, "--out", "no/g.json"), "no does not exist", id="out in a missing folder"),
        pytest.param((*RIGHT, "--out", "story.md/g.json"), "story.md is not a folder", id="out under a file"),
        pytest.param((*RIGHT, "--out", "."), ". is a folder", id="out is a folder"),
        pytest.param((*RIGHT, "--out", "t.csv"), "CSV is three tables", id="tables into one file"),
        pytest.param((*RIGHT, "--out", "ontology.ttl"), "would be overwritten", id="out is the ontology"),
        pytest.param((*RIGHT, "--format", "json", "--format", "ttl"), "name one with --out", id="formats, no folder"),
        pytest.param((*RIGHT, "--concurrency", "0"), "concurrency is 0: it must be at least 1", id="no concurrency"),
        pytest.param(
            (*RIGHT, "--model", "gpt"),
            "the model 'gpt' does not say whose it is; give PROVIDER:MODEL",
            id="unknown model",
        ),
        pytest.param((*RIGHT, "--organization", " "), "--organization is empty", id="no organisation"),
        pytest.param((*RIGHT, "--on-missing", "no"), "'no' is not one of 'fail', 'skip'", id="unknown policy"),
        pytest.param(("demo", "--out", "story.md"), "story.md is a file", id="demo into a file"),
        pytest.param(("ontology", "check", "broken.ttl"), "broken.ttl, line 2,", id="check of a broken ontology"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(
    litho: Litho, folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    (folder / "void").touch()
    (folder / "broken.ttl").write_text("@prefix a: <urn:a> .\na:b a <<<")
    before = {path: path.read_bytes() for path in folder.iterdir()}

    done = litho(*arguments)

    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("litho: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
