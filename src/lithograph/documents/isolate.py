"""Reading a document in a process of its own, which may crash, hang or run out of memory without harm."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Final

from lithograph.documents.docx import check_docx
from lithograph.documents.kind import Kind
from lithograph.documents.limits import Limits
from lithograph.documents.pdf import check_pdf
from lithograph.errors import DocumentError

REFUSED: Final = 73
"""The child's exit status when its output is an error's sentence; neither Python nor a shell ends with it by itself."""
_LAST_WORDS: Final = 2000


def read_in_child(data: bytes, source: str, kind: Kind, limits: Limits) -> str:
    """Return the text of an HTML page, a mail, a PDF or a DOCX. Blocks until it is read, `limits.seconds` at most.

    Raises `DocumentError` when it is encrypted, broken or over a limit; chained to it is how the process ended.
    """
    if kind is Kind.DOCX:
        check_docx(data, source, unpacked_bytes=limits.unpacked_bytes)
    elif kind is Kind.PDF:
        check_pdf(data, source)
    request = json.dumps({"kind": kind.value, "source": source, "limits": asdict(limits)}).encode("ascii")
    # -P keeps the working directory, where the documents may lie, from being searched for modules.
    command = [sys.executable, "-P", "-m", "lithograph.documents.child"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(  # noqa: S603  # nothing in the command comes from outside
            command,
            input=request + b"\n" + data,
            capture_output=True,
            timeout=limits.seconds,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise DocumentError(
            f"{source} could not be read within {limits.seconds:g} seconds; split it, or raise the limit"
        ) from error
    except OSError as error:
        raise DocumentError(
            f"{source} could not be read, since no process could be started ({error.strerror})"
        ) from error
    answer = done.stdout.decode("utf-8")
    if done.returncode == 0:
        return answer
    if done.returncode == REFUSED:
        raise DocumentError(answer)
    last_words = done.stderr[-_LAST_WORDS:].decode("utf-8", "replace")
    raise DocumentError(
        f"{source} is broken, or needs more memory than is allowed; open it in its program and save it again"
    ) from ChildProcessError(done.returncode, last_words)
