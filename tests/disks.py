"""A small file system in memory, to fill up and to make read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """What is mounted at `folder`; `options` are those of tmpfs, such as `size=1m`."""

    def __init__(self, folder: Path, options: str) -> None:
        self.folder = folder
        self._mount("-t", "tmpfs", "-o", options, "tmpfs")

    def remount(self, options: str) -> None:
        self._mount("-o", f"remount,{options}")

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def _mount(self, *options: str) -> None:
        subprocess.run(["mount", *options, str(self.folder)], check=True, capture_output=True)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Disk]:
    """Give a disk for as long as a test takes; the test is skipped where none can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    try:
        disk = Disk(folder, options)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no small disk can be mounted here")
    try:
        yield disk
    finally:
        disk.unmount()
