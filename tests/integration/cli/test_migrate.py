import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from lithograph.storage.revision import HEAD

Litho = Callable[..., CompletedProcess[str]]


def test_the_revision_before_and_after_is_printed(litho: Litho, folder: Path) -> None:
    first, second = litho("migrate"), litho("migrate", "--db", "sqlite:///.lithograph/graph.db")

    assert (first.returncode, first.stderr, second.returncode, second.stderr) == (0, "", 0, "")
    assert first.stdout.split() == [".lithograph/graph.db", "before", "no", "schema", "now", HEAD]
    assert second.stdout.split() == [".lithograph/graph.db", "before", HEAD, "now", HEAD]
    assert (folder / ".lithograph" / "graph.db").is_file()


def test_a_file_that_is_no_database_is_one_line(litho: Litho, folder: Path) -> None:
    done = litho("migrate", "--db", "sqlite:///story.md")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "litho: story.md is not an SQLite database; name another file\n"


def test_help_and_import_do_without_the_database(folder: Path) -> None:
    script = """
import sys
import lithograph
from lithograph.cli.app import run
run(["--help"])
run(["migrate", "--help"])
sys.stderr.write(str([name for name in ("sqlalchemy", "alembic") if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    assert "migrate" in done.stdout
    assert done.stderr == "[]"
