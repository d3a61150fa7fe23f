"""Requests that come in over HTTP, watched: an ASGI middleware that tells observers of each."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from lithograph.telemetry.observe import watch_request

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER: Final = "other"
"""What a method is called that nobody knows, and a route that led nowhere: there are too many of both."""


class WatchRequests:
    """Tells observers of every request that reaches `app`, and by which route it was answered.

    To be mounted outside of everything that may answer. What a route is called comes from the router, so that it has no
    ids in it. With no observer it only passes requests on.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        answered = watch_request(method, lambda: _headers(scope))
        if answered is None:
            await self.app(scope, receive, send)
            return
        began, took, status = time.perf_counter(), 0.0, 500

        async def sending(message: Message) -> None:
            nonlocal took, status
            if message["type"] == "http.response.start":
                took, status = time.perf_counter() - began, int(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            answered(_route(scope), status, took or time.perf_counter() - began)


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", None) or _OTHER)
