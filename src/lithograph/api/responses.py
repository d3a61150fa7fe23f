"""What the OpenAPI document says of answers and parameters that many routes have."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Header, Query

from lithograph.api.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]


def _problem(status: HTTPStatus, description: str, **headers: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    example = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": description}
    found: dict[str, Any] = {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
    }
    if headers:
        found["headers"] = {
            name.replace("_", "-"): {"description": said, "schema": {"type": "string"}}
            for name, said in headers.items()
        }
    return found


PROBLEMS: Final[Responses] = {
    401: _problem(HTTPStatus.UNAUTHORIZED, "A key is needed, or this one is refused."),
    403: _problem(HTTPStatus.FORBIDDEN, "The key has not the scope for this."),
    404: _problem(HTTPStatus.NOT_FOUND, "What was named is not there, or is another organisation's."),
    408: _problem(HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive."),
    413: _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large."),
    422: _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request cannot be understood or used."),
    429: _problem(
        HTTPStatus.TOO_MANY_REQUESTS, "Too many requests with this key.", Retry_After="Seconds until the next one."
    ),
    503: _problem(HTTPStatus.SERVICE_UNAVAILABLE, "The database is away.", Retry_After="Seconds to wait."),
}
"""What every route may answer."""

CONFLICT: Final[Responses] = {409: _problem(HTTPStatus.CONFLICT, "The execution is not in a state that allows this.")}

MALFORMED: Final[Responses] = {400: _problem(HTTPStatus.BAD_REQUEST, "The body cannot be read.")}

_LOCATION: Final = {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}

UPLOAD: Final[Responses] = {201: {"headers": _LOCATION}, **MALFORMED}
START: Final[Responses] = {202: {"headers": _LOCATION}, **MALFORMED}

LIMIT = Annotated[int, Query(ge=1, le=1_000, description="How many there are on a page, at most.")]
CURSOR = Annotated[str | None, Query(min_length=1, max_length=500, description="The `next` of the page before.")]
ONCE = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key again gives what was started the first time, whatever became of it.",
    ),
]
