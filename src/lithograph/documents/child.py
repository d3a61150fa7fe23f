"""The process that reads one document: a request on standard input, text or a sentence on standard output.

The request is a line of JSON (`kind`, `source`, `limits`) followed by the document's bytes. Exit status 0 means text,
`REFUSED` means that the output is the sentence of a `DocumentError`; any other status is a crash.
"""

import contextlib
import json
import math
import os
import sys

from lithograph.documents.html import declared_encoding, html_text
from lithograph.documents.isolate import REFUSED, read_in_child
from lithograph.documents.kind import Kind
from lithograph.documents.limits import Limits
from lithograph.documents.mail import mail_text
from lithograph.documents.rich import rich_text
from lithograph.documents.text import decode
from lithograph.errors import DocumentError


def main() -> None:
    """Read one request and end the process."""
    # What a library prints must not end up in the text.
    output = os.dup(1)
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.readline())
    limits = Limits(**request["limits"])
    _limit(limits)
    status = 0
    try:
        answer = _read(sys.stdin.buffer.read(), request["source"], Kind(request["kind"]), limits)
    except DocumentError as error:
        answer, status = str(error), REFUSED
    with os.fdopen(output, "wb") as stream:
        stream.write(answer.encode("utf-8", "replace"))
    # xberg's threads may still be about to call into Python, which crashes when Python is being taken down.
    os._exit(status)


def _read(data: bytes, source: str, kind: Kind, limits: Limits) -> str:
    if kind is Kind.HTML:
        return html_text(decode(data, source, declared=declared_encoding(data)))
    if kind is Kind.MAIL:
        # An attachment that crashes its reader must not take the mail with it: it gets a process of its own.
        return mail_text(data, source, lambda part, name, part_kind: read_in_child(part, name, part_kind, limits))
    return rich_text(data, source, kind, limits)


def _limit(limits: Limits) -> None:
    # Windows has no such limits, and some systems refuse to set them: the parent's clock still holds.
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        # Ends a process whose parent was killed and can no longer do it.
        seconds = math.ceil(limits.seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


if __name__ == "__main__":
    main()
