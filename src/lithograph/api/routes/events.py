"""The events of an execution: as a stream that goes on where it was cut off, or a page at a time."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from lithograph.api.responses import LIMIT
from lithograph.api.routes.executions import ExecutionPath
from lithograph.api.server import Caller, Reader
from lithograph.api.sse import HEADERS, stream
from lithograph.api.wire.base import Listing
from lithograph.api.wire.executions import Event

router = APIRouter(prefix="/v1/executions", tags=["events"])

_LAST = 2**53
_STREAM, _JSON = "text/event-stream", "application/json"

_FRAME = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "anyOf": [{"$ref": "#/components/schemas/Event"}, {"type": "object", "maxProperties": 0}]
            },
        },
    },
}
"""An event of the stream, as OpenAPI says it."""

AFTER = Annotated[int | None, Query(ge=0, le=_LAST, description="The number of the last event that was seen.")]
CURSOR = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,15}$", description="The `next` of the page before."),
]
LAST_EVENT = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=20, description="The same, as browsers say it.")
]


@router.get(
    "/{execution_id}/events",
    response_class=Response,
    responses={
        200: {
            "description": "The events after the one named, and then those that come, until the execution has ended: "
            "each with `id` (its number), `event` (its type) and `data` (an Event); `event: end` says that it has. "
            "As JSON, those that there are.",
            "content": {
                _STREAM: {"itemSchema": _FRAME},
                _JSON: {"schema": {"$ref": "#/components/schemas/Listing_Event_"}},
            },
        }
    },
)
async def get_events(
    caller: Reader,
    execution_id: ExecutionPath,
    request: Request,
    after: AFTER = None,
    limit: LIMIT = 1_000,
    cursor: CURSOR = None,
    last_event: LAST_EVENT = None,
) -> Response:
    """Follow what happens to an execution. With `Accept: application/json`, return a page of what has happened."""
    found = await anyio.to_thread.run_sync(caller.workspace.execution, execution_id)
    seen = _number(cursor or last_event) if cursor or after is None else after
    if _prefers_json(request.headers.get("accept", "")):
        return await anyio.to_thread.run_sync(_page, caller, found.id, seen, limit)
    return StreamingResponse(stream(caller, found.id, seen), headers=HEADERS, media_type=_STREAM)


def _page(caller: Caller, execution_id: str, after: int, limit: int) -> Response:
    found = caller.workspace.events(execution_id, after=after, limit=limit + 1)
    shown = [Event.of(one) for one in found[:limit]]
    page = Listing(items=shown, next=str(shown[-1].seq) if len(found) > limit else None)
    return JSONResponse(page.model_dump(mode="json"))


def _number(said: str | None) -> int:
    """Return the number that a browser says; what is none counts as nothing seen, so that nothing is missed."""
    return int(said) if said and said.isascii() and said.isdecimal() else 0


def _prefers_json(accept: str) -> bool:
    return _JSON in accept and _STREAM not in accept
