"""A disk that takes longer than this one, for `--disk`: every `fdatasync` of the process waits so much longer.

The wait is put before the system's own call by a library that a C compiler makes, and the process begins anew with it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_SOURCE = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int descriptor) {
    long microseconds = atol(getenv("BENCHMARK_SLOWER_BY"));
    struct timespec more = {microseconds / 1000000, microseconds % 1000000 * 1000};
    prctl(PR_SET_TIMERSLACK, 1L, 0, 0, 0);
    nanosleep(&more, NULL);
    return syscall(SYS_fdatasync, descriptor);
}
"""
_MICROSECONDS = "BENCHMARK_SLOWER_BY"


def slow_down(microseconds: int, folder: Path) -> None:
    """Go on with such a disk: begin this program anew, unless that was done. Needs Linux and a C compiler."""
    if not microseconds or _MICROSECONDS in os.environ:
        return
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        sys.exit("a slower disk needs Linux and a C compiler, cc; leave out --disk")
    library = folder / "slow_disk.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-x", "c", "-o", str(library), "-"]
    subprocess.run(command, input=_SOURCE, text=True, check=True)
    slower = {**os.environ, "LD_PRELOAD": str(library), _MICROSECONDS: str(microseconds)}
    again = [sys.executable, "-m", "benchmarks.journal", *sys.argv[1:]]
    sys.exit(subprocess.run(again, env=slower, check=False).returncode)
