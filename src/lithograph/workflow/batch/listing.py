"""Listing: the files of a batch, in folders and theirs, one after the other; no list of them is ever in memory."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lithograph.errors import UsageError

_UNKNOWN: Final = -1
"""The size and time of a file that cannot be looked at; reading it says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file: `size` in bytes, `modified` in nanoseconds since 1970."""

    path: Path
    size: int
    modified: int


@dataclass(frozen=True, slots=True)
class Listing:
    """How many files there are, and a hash of their names, sizes and times: the same files have the same."""

    files: int
    key: str


def check_paths(paths: Iterable[Path]) -> None:
    """Raise `UsageError` for a path that is not there."""
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist; check the path")


def walk(paths: Iterable[Path], apart_from: Iterable[Path] = ()) -> Iterator[Found]:
    """Yield the files that are named, and those in the folders that are, in order of their names folder by folder.

    In a folder, what is hidden (its name begins with a full stop) and the files `apart_from` are passed over, links to
    folders are not followed, and whatever else is no folder is taken, so that nothing is left out unseen: what is no
    document is an error of that document. Raises `UsageError` for a path that is not there, and for a folder that
    cannot be looked into.
    """
    left_out = {_identity(os.stat(path)) for path in apart_from if path.exists()}  # noqa: PTH116  # its numbers
    for path in paths:
        if path.is_dir():
            yield from _within(path, left_out)
            continue
        check_paths([path])
        yield _found(path, path.stat())


def look_over(files: Iterable[Found]) -> Listing:
    """Return what identifies these files, without reading one."""
    state, count = hashlib.sha256(), 0
    for found in files:
        count += 1  # it is wanted at the end, also of no files
        name = os.fsencode(found.path)
        state.update(f"{len(name)} {found.size} {found.modified} ".encode())
        state.update(name)
    return Listing(count, state.hexdigest())


def shown(path: Path) -> str:
    """Return a path as text that can be kept and shown, whatever its bytes are."""
    return os.fsencode(path).decode("utf-8", "replace")


def _within(folder: Path, left_out: set[tuple[int, int]]) -> Iterator[Found]:
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda one: one.name)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be looked into ({error.strerror}); check it") from error
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _within(folder / entry.name, left_out)
            continue
        try:
            about = entry.stat()
        except OSError:
            yield Found(folder / entry.name, _UNKNOWN, _UNKNOWN)
            continue
        if not stat.S_ISDIR(about.st_mode) and _identity(about) not in left_out:
            yield _found(folder / entry.name, about)


def _found(path: Path, about: os.stat_result) -> Found:
    return Found(path, about.st_size, about.st_mtime_ns)


def _identity(about: os.stat_result) -> tuple[int, int]:
    return about.st_dev, about.st_ino
