"""Server-sent events of an execution: whoever was cut off says which one he saw last, and gets all that followed.

    id: 42
    event: activity.completed
    data: {"seq": 42, "type": "activity.completed", "created_at": "...", "payload": {...}}

After the last event of an execution that has ended comes `event: end`, and the stream closes. When the server closes
it, nothing comes, and the client asks again where it stood.
"""

from collections.abc import AsyncIterator
from typing import Final

import anyio.to_thread
import msgspec
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from lithograph.api.server import Caller
from lithograph.domain.ids import ExecutionId
from lithograph.durable.events import Event

KEEP_ALIVE: Final = 15.0
"""Seconds of silence after which a reader is told that he is still connected, and looked at whether he still may be."""

_RETRY: Final = 1_000
"""Milliseconds after which a browser comes back."""

_HELLO: Final = format_sse_event(comment="events", retry=_RETRY)
_END: Final = format_sse_event(event="end", data_str="{}")

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def encode(event: Event) -> bytes:
    """Return an event as it stands in a stream."""
    return format_sse_event(data_str=msgspec.json.encode(event).decode(), event=event.type, id=str(event.seq))


async def stream(caller: Caller, execution_id: ExecutionId, after: int) -> AsyncIterator[bytes]:
    """Yield what stands in the stream of an execution, from the event after `after` on.

    A reader whose key is revoked meanwhile is sent away at his next sign of life.
    """
    feeds = caller.server.feeds
    yield _HELLO
    async for frames in feeds.follow(caller.owner.organization_id, execution_id, after=after, silence=KEEP_ALIVE):
        if not frames and caller.key and await anyio.to_thread.run_sync(caller.server.owner, caller.key) is None:
            return
        yield frames or KEEPALIVE_COMMENT
    if not feeds.closed:
        yield _END
