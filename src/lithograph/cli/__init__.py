"""The command line: `litho`, or `lithograph`. Results go to standard output, all else to standard error."""

import contextlib
import os
import sys

_NOTHING_KEPT = "interrupted; nothing was kept, so run the same command again to start over"


class StoppedError(Exception):
    """The process is to end with the code of an interruption; the message says how to go on."""


def main() -> None:
    """Run the command that the process was started with, and end the process with its exit code."""
    said = _NOTHING_KEPT
    try:
        # Imported here so that an interruption during the import, too, ends in one line.
        from lithograph.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    except StoppedError as error:
        code, said = 130, str(error)
    if code == 130:  # as in ExitCode, whose import may be what was interrupted
        with contextlib.suppress(OSError, AttributeError):
            sys.stderr.write(f"litho: {said}\n")
            sys.stderr.flush()
        # A document may still be in reading, in a thread that cannot be stopped and would be waited for.
        os._exit(code)
    sys.exit(code)
