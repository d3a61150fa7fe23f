"""Entity tags: whoever has an answer already is told so, before it is made again."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "It is as it was, as `If-None-Match` says."}
}


def tagged(request: Request, tag: str, make: Callable[[], Response]) -> Response:
    """Return the answer with its tag, or that it has not changed since whoever asks got one with the same tag."""
    quoted = f'"{tag}"'
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if quoted in known or "*" in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": quoted, "Cache-Control": "private"})
    response = make()
    response.headers["ETag"] = quoted
    response.headers["Cache-Control"] = "private, no-cache"
    return response
