from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from lithograph.ontology.check import check_ontology, render

Litho = Callable[..., CompletedProcess[str]]


def test_the_report_is_printed(litho: Litho, folder: Path) -> None:
    done = litho("ontology", "check", folder / "ontology.ttl")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == render(check_ontology(folder / "ontology.ttl"))
    assert "  classes     18" in done.stdout.splitlines()
