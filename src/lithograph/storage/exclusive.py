"""A file that one process at a time holds, for moments; the system lets go of it when its holder dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lithograph.errors import StorageError

_POLL: Final = 0.02
"""Seconds between two looks at whether the holder is done."""


@contextmanager
def held(
    path: Path, *, patience: float, doing: str, clock: Callable[[], float] = time.monotonic, remove: bool = False
) -> Iterator[int]:
    """Give a descriptor, open for reading and writing, of the file at `path`, which nobody else holds meanwhile.

    The file is made when it is missing; with `remove` it is gone afterwards. Raises `StorageError` when somebody else,
    who is `doing` something, has not let go of it for `patience` seconds of `clock`, and `OSError` when it cannot be
    made.
    """
    deadline = clock() + patience
    while (descriptor := _take(path)) is None:
        if clock() > deadline:
            raise StorageError(
                f"another process has been {doing} for too long (it holds {path}); "
                "end it and run the same command again"
            )
        time.sleep(_POLL)
    try:
        yield descriptor
    finally:
        try:
            if remove and _is_at(descriptor, path):
                path.unlink()
        finally:
            os.close(descriptor)


def _take(path: Path) -> int | None:
    """Return a descriptor that holds the file, or None when somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(descriptor, path):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    # Taken by somebody else, or removed by its last holder between our opening and holding it.
    os.close(descriptor)
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether the open file is still the one that the path leads to."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)
