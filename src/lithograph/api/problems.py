"""Problems: what an error becomes in an answer (RFC 9457), one sentence and no traceback."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteError
from starlette.responses import JSONResponse, Response

from lithograph.errors import (
    InputError,
    LithographError,
    NotFoundError,
    StateError,
    StorageError,
)

LOG = logging.getLogger("lithograph.api")

MEDIA_TYPE: Final = "application/problem+json"
_LATER: Final = "2"
"""Seconds after which a request may be made again that the database kept from being done."""
_MOST: Final = 20
"""Fields that a problem names, at most."""


class ProblemError(HTTPException):
    """Raised where a request cannot be done for a reason that only HTTP knows of."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """Return the answer that says what kept a request from being done."""
    said: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
    }
    if errors is not None:
        said["errors"] = errors
    return JSONResponse(said, status, dict(headers or {}), MEDIA_TYPE)


def answer_problems(app: FastAPI) -> None:
    """Have an application answer every error with a problem."""
    app.add_exception_handler(LithographError, _lithograph)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteError, _http)
    app.add_exception_handler(Exception, _defect)


async def _lithograph(request: Request, error: Exception) -> Response:
    if isinstance(error, NotFoundError):
        return problem(HTTPStatus.NOT_FOUND, f"there is no {error.what}")
    if isinstance(error, StateError):
        return problem(HTTPStatus.CONFLICT, str(error))
    if isinstance(error, InputError):
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    if isinstance(error, StorageError):
        LOG.warning("%s", error)
        said = "the database cannot be used at the moment; ask again in a few seconds"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, said, headers={"Retry-After": _LATER})
    return await _defect(request, error)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # it is called for these alone
    errors = [
        {"field": ".".join(str(part) for part in one["loc"]), "message": str(one["msg"])}
        for one in error.errors()[:_MOST]
    ]
    first = f"{errors[0]['field']}: {errors[0]['message']}" if errors else "it is not what is expected"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the request cannot be understood ({first})", errors=errors)


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteError)  # noqa: S101  # it is called for these alone
    status = HTTPStatus(error.status_code)
    detail = error.detail if error.detail != status.phrase else _SAID.get(status, status.description or status.phrase)
    return problem(status, detail, headers=error.headers)


_SAID: Final = {
    HTTPStatus.NOT_FOUND: "there is nothing at this address",
    HTTPStatus.METHOD_NOT_ALLOWED: "this cannot be done at this address",
}


async def _defect(request: Request, error: Exception) -> Response:
    LOG.error("%s %s met a defect: %s", request.method, request.url.path, type(error).__name__, exc_info=error)
    said = "something went wrong here that should not; it was noted, and nothing was changed by halves"
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, said)
