"""The guard before the application: how large and slow a request may be, whose pages may make one, and what browsers
are told about answers.
"""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lithograph.api.problems import ProblemError, problem
from lithograph.api.settings import ApiSettings

_ROOM: Final = 100_000
"""Bytes that a multipart body may have beyond the file in it."""
_UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What the web UI may load: its own files, and nothing from anywhere else."""
_DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"

_TOLD: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class TellBrowsers:
    """Middleware that tells browsers what they may do with an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers, but for those that are there."""

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # By the path: an answer that a page has not changed has no content type, and its headers count.
                policy = _DATA_POLICY if scope["path"].startswith("/v1/") else PAGE_POLICY
                for name, value in {**_TOLD, "Content-Security-Policy": policy}.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/v1/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, tell if scope["type"] == "http" else send)


class SameOrigin:
    """Middleware that refuses what the page of another site has a browser ask.

    A server that asks for no key is reached by every page that its owner opens: whoever names it by another name than
    its own, and whoever writes to it from another site, is refused.
    """

    def __init__(self, app: ASGIApp, *, keyless: bool) -> None:
        self._app, self._keyless = app, keyless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may be asked."""
        if scope["type"] == "http" and (said := self._refusal(scope["method"], Headers(scope=scope))):
            await problem(HTTPStatus.FORBIDDEN, said)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if self._keyless and _name(host) not in _LOCAL:
            return "this server is for this machine alone: use the address http://localhost"
        if method not in _UNSAFE and not self._keyless:
            return None
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != host
        if foreign or (site in ("cross-site", "same-site") and method in _UNSAFE):
            return "a page of another site may not ask this of the server"
        return None


def _name(host: str) -> str:
    try:
        return "" if "@" in host else urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


class LimitBodies:
    """Middleware that ends a request whose body is too large or takes too long to arrive."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app, self._settings = app, settings
        self._uploads = {
            "/v1/documents": settings.upload_bytes,
            "/v1/ontologies": min(settings.upload_bytes, settings.ontology_bytes),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is within the limits; what goes beyond them later is a problem where it is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = self._uploads.get(scope["path"].rstrip("/"))
        most = self._settings.body_bytes if upload is None else upload + _ROOM
        too_large = f"the request is larger than {most:,} bytes, which is the limit here"
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared[:20]) > most:
            refusal = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large, headers={"Connection": "close"})
            await refusal(scope, receive, send)
            return
        until, seen, whole = anyio.current_time() + self._settings.body_seconds, 0, False

        async def limited() -> Message:
            nonlocal seen, whole
            if whole:
                return await receive()
            with anyio.CancelScope(deadline=until):
                message = await receive()
                seen += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if seen > most:
                    raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large, {"Connection": "close"})
                return message
            said = f"the request took more than {self._settings.body_seconds:g} seconds to arrive"
            raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, said, {"Connection": "close"})

        await self._app(scope, limited, send)
