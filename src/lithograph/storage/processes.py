"""Which process is which: a process id alone is given again once its process is dead."""

import os
from pathlib import Path


def started_at(pid: int) -> int | None:
    """Return when a process of this host was started, in clock ticks since boot, or None where that cannot be told.

    None means that there is no such process, or that the system keeps no `/proc`; a process that is dead but not yet
    buried by its parent counts as none.
    """
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in parentheses, and may itself hold blanks and parentheses.
    fields = line[line.rindex(")") + 2 :].split()
    state, start = fields[0], fields[19]
    return None if state in "ZX" else int(start)


def boot_id() -> str:
    """Return which boot of this host it is, or an empty text where that cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def is_alive(pid: int, start: int | None) -> bool:
    """Return whether the process that had this id, and was started then, still lives on this host."""
    if start is not None and Path("/proc/self/stat").exists():
        return started_at(pid) == start
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
