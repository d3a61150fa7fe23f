import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lithograph.documents.isolate import read_in_child
from lithograph.documents.kind import Kind
from lithograph.documents.limits import DEFAULT_LIMITS
from lithograph.errors import DocumentError


def test_a_document_that_takes_too_long_is_an_error() -> None:
    endless = b"<a " * 100_000
    with pytest.raises(DocumentError, match=r"^a.html could not be read within 0.5 seconds"):
        read_in_child(endless, "a.html", Kind.HTML, replace(DEFAULT_LIMITS, seconds=0.5))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps a process to its address space")
def test_a_document_that_takes_too_much_memory_is_an_error() -> None:
    limits = replace(DEFAULT_LIMITS, memory_bytes=200_000_000)
    with pytest.raises(DocumentError, match=r"^a.html is broken, or needs more memory") as caught:
        read_in_child(b"<p>words" * 10_000_000, "a.html", Kind.HTML, limits)
    assert isinstance(caught.value.__cause__, ChildProcessError)


def test_a_process_that_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(DocumentError, match="no process could be started"):
        read_in_child(b"<p>x", "a.html", Kind.HTML, DEFAULT_LIMITS)


def test_the_working_directory_is_not_searched_for_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert read_in_child(b"<p>x", "a.html", Kind.HTML, DEFAULT_LIMITS) == "x"


def test_any_name_reaches_the_child() -> None:
    name = "a\x00\n{é}" + "x" * 300_000
    with pytest.raises(DocumentError) as caught:
        read_in_child(b"<p>\x00", name, Kind.HTML, DEFAULT_LIMITS)
    assert str(caught.value).startswith(f"{name} is not text")


def test_nothing_is_written_to_disk(
    make_pdf: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert read_in_child(make_pdf("words"), "a.pdf", Kind.PDF, DEFAULT_LIMITS) == "words"
    assert list(tmp_path.iterdir()) == []
