import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lithograph.demo import demo_document

COMMAND = (sys.executable, "-P", "-m", "lithograph")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo ran."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(place: Path) -> str:
    """What the demo printed."""
    done = subprocess.run([*COMMAND, "demo"], cwd=place, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_demo_shows_what_was_found_and_writes_it_down(shown: str, place: Path) -> None:
    assert "\x1b" not in shown
    result = json.loads((place / "lithograph-demo" / "graph.json").read_bytes())
    assert f"{len(result['entities'])} entities and {len(result['relations'])} relations" in shown
    counts = [int(number) for number in re.findall(r"(?m)^  [A-Z]\w+ +(\d+)  ", shown)]
    assert sum(counts) == len(result["entities"])
    # Every file that is named was written, and no other.
    named = set(re.findall(r"(?m)^  lithograph-demo/(\S+)  ", shown))
    assert named == {path.name for path in (place / "lithograph-demo").iterdir()}
    assert {"graph.json", "graph.ttl", "graph.graphml", "relations.csv"} <= named


def test_what_the_demo_quotes_stands_at_the_offsets_that_it_gives(shown: str) -> None:
    text = demo_document().decode()
    relations = re.findall(r"(?m)^  (\S.*) -- (.+) --> (.+)\n    (\d+)-(\d+)  \"(.+)\"$", shown)

    assert len(relations) == 10
    for _, _, _, start, end, quoted in relations:
        assert " ".join(text[int(start) : int(end)].split()) == quoted


def test_the_command_that_the_demo_ends_with_gives_the_same_graph(shown: str, place: Path) -> None:
    (command,) = re.findall(r"(?m)^  litho (extract .*)$", shown)

    subprocess.run([*COMMAND, *shlex.split(command)], cwd=place, capture_output=True, check=True)

    again = json.loads((place / "graph.json").read_bytes())
    first = json.loads((place / "lithograph-demo" / "graph.json").read_bytes())
    assert (again["entities"], again["relations"]) == (first["entities"], first["relations"])
