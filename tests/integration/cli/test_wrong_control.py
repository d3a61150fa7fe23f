from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Litho = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("status", "abcdef"), "no execution 'abcdef'", id="unknown id"),
        pytest.param(("status", "abc"), "too little of an id", id="short id"),
        pytest.param(("events", "execution_0"), "too little of an id", id="short id with its word"),
        pytest.param(("list", "--status", "done"), "no status 'done'; choose one of pending", id="unknown status"),
        pytest.param(("list", "--limit", "0"), "--limit", id="no limit"),
        pytest.param(("retry", "ID"), "is completed: there is nothing left to run", id="retry of a completed one"),
        pytest.param(("pause", "ID"), "is completed", id="pause of a completed one"),
        pytest.param(("cancel", "ID"), "is completed and cannot become cancelled", id="cancel of a completed one"),
        pytest.param(("signal", "ID", "review", "{"), "is no JSON", id="malformed JSON"),
        pytest.param(("result", "ID", "--format", "xml"), "no format 'xml'", id="unknown format"),
        pytest.param(("result", "ID", "--format", "text", "--format", "json"), "stands alone", id="text and json"),
        pytest.param(("status", "ID", "--organization", "other"), "no execution", id="another organisation's"),
        pytest.param(("list", "--db", "sqlite:///none.db"), "no database at none.db", id="no database"),
        pytest.param(("list", "--db", "none.db"), "not a database URL", id="no URL"),
    ],
)
def test_wrong_use_is_one_sentence(litho: Litho, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    assert litho("extract", "story.md", "--ontology", "ontology.ttl").returncode == 0
    (listed,) = litho("list").stdout.splitlines()
    execution = listed.split()[0]

    done = litho(*(execution if word == "ID" else word for word in arguments))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("litho: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
