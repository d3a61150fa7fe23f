"""Where a result goes: a file, a folder or standard output; settled before the work, written whole or not at all."""

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lithograph.errors import PermanentError, UsageError
from lithograph.graph.export.formats import Format, format_named, format_of

_STEM = "graph"
"""What the files in a folder are called, but for those that have a name of their own."""
_EXTENSIONS = frozenset(known.extension for known in Format)


@dataclass(frozen=True, slots=True)
class Destination:
    """Which formats go where. `path` is None for standard output, and a folder when `folder` is true."""

    path: Path | None
    formats: tuple[Format, ...]
    folder: bool

    def write(self, files_of: Callable[[Format], Mapping[str, bytes]]) -> list[Path]:
        """Write every format and return the files, in order; `files_of` gives a format's files by name.

        Raises `PermanentError` when they cannot be written; no file is ever half written.
        """
        if self.path is None:
            files = files_of(self.formats[0])
            write_stdout(files["relations.csv"] if self.formats[0] is Format.CSV else files[""])
            return []
        contents: dict[Path, bytes] = {}
        for chosen in self.formats:
            for name, data in files_of(chosen).items():
                within = name or _STEM + chosen.extension
                contents[self.path / within if self.folder else self.path] = data
        if self.folder:
            _make_folder(self.path)
        for path, data in contents.items():
            write_file(path, data)
        return list(contents)


def destination(out: Path | None, names: Sequence[str], inputs: Sequence[Path] = ()) -> Destination:
    """Return where a result is to go, given `--out` and every `--format`; raises `UsageError` when it cannot go there.

    Without a format the extension of `out` tells, and without that it is JSON. Several formats, and CSV, are written
    into a folder, which is made where its parent exists. None of `inputs`, files and folders, may be overwritten.
    """
    formats = tuple(dict.fromkeys(map(format_named, names)))
    if out is None:
        if len(formats) > 1:
            raise UsageError("several formats need a folder to be written to; name one with --out")
        return Destination(None, formats or (Format.JSON,), folder=False)
    if not formats:
        formats = (format_of(out) if out.suffix and not out.is_dir() else Format.JSON,)
    folder = len(formats) > 1 or formats[0] is Format.CSV
    with _unusable(out):
        _check(out, formats, inputs, folder=folder)
    return Destination(out, formats, folder)


def check_folder(folder: Path) -> None:
    """Raise `UsageError` unless files can be written into `folder`, or it can be made in the folder above it."""
    with _unusable(folder):
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; name a folder to write to")
        _check_writable(folder if folder.exists() else folder.parent)


def _check(out: Path, formats: Sequence[Format], inputs: Sequence[Path], *, folder: bool) -> None:
    if folder:
        if not out.is_dir() and (out.exists() or out.suffix.lower() in _EXTENSIONS):
            several = "several formats are several files" if len(formats) > 1 else "CSV is three tables"
            raise UsageError(f"{out} is no folder: {several}, so name a folder to write them to")
        check_folder(out)
        targets = [out / (_STEM + chosen.extension) for chosen in formats]
    else:
        if out.is_dir():
            raise UsageError(f"{out} is a folder; name a file in it")
        if not _is_device(out):
            _check_writable(out.parent)
        targets = [out]
    for target in targets:
        if any(_is_read(target, one) for one in inputs):
            raise UsageError(f"{target} is read by this command and would be overwritten; write to another place")


def _is_read(target: Path, given: Path) -> bool:
    """Whether a target is this input, or in this folder of inputs: what looks like a result there is an earlier one."""
    try:
        if given.is_dir():
            inside = target.resolve().is_relative_to(given.resolve())
            return inside and target.is_file() and target.suffix.lower() not in _EXTENSIONS
        return target.samefile(given)
    except OSError:
        return False


def _is_device(path: Path) -> bool:
    """Whether a path is to be written to and never replaced: a pipe, a device, or a file that is open as one."""
    return (path.exists() and not path.is_file()) or path.absolute().is_relative_to("/dev")


def _check_writable(folder: Path) -> None:
    if not folder.is_dir():
        missing = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"{folder} {missing}; name an existing folder to write to")
    # Permission bits do not tell: they do not bind root, and a disk may be read-only.
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextlib.contextmanager
def _unusable(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"nothing can be written to {place} ({error.strerror}); name another place") from error


def _make_folder(folder: Path) -> None:
    with _failures(folder):
        folder.mkdir(exist_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Write a file as a whole: whoever looks sees the old one or the new one. Raises `PermanentError` when it fails."""
    with _failures(path):
        if _is_device(path):
            with path.open("ab") as device:
                device.write(data)
            return
        target = path.resolve()
        part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PermanentError(
            f"{path} could not be written ({error.strerror}); make room or name another place"
        ) from error


def write_stdout(data: bytes) -> bool:
    """Write to standard output and return whether it is still read. A reader that has seen enough and gone away
    (`| head`) is no error.

    Raises `PermanentError` when it cannot be written for another reason.
    """
    if sys.stdout is None:
        raise PermanentError("standard output is closed; name a file to write to with --out")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer would be tried again, and complained about, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise PermanentError(f"standard output could not be written ({error.strerror}); make room") from error
        return False
    return True


def tell(line: str) -> None:
    """Write a line to standard error, if anybody listens."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
