"""An endpoint: where a provider listens, asked through its SDK, and its answer as it came.

An SDK is asked for the bytes of an answer and not for a model of it, which would cost more than the whole exchange.
It sends a request once. Its errors end here: whatever was answered is a `Reply`, errors of the provider too, and
whatever was not is an `UnavailableError` that names the host and says in a few words what went wrong; where there is
not even a connection, an `UnreachableError`.
"""

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio
import msgspec

from lithograph.errors import UnavailableError, UnreachableError, UsageError
from lithograph.models.chat import Heard
from lithograph.resilience.redact import redact
from lithograph.telemetry.observe import headers_of_request

if TYPE_CHECKING:
    import anthropic
    import httpx2
    import openai

TIMEOUT: Final = 600.0
"""Seconds from a request to the end of its answer. Callers have less patience; this is for those who have none."""
_CONNECT: Final = 10.0
"""Seconds to get a connection at most: who does not take one by then is away, not slow."""
_CONNECTIONS: Final = 512
"""Requests under way at once. A connection costs a descriptor, and the pool looks at each for every request."""
_KEPT: Final = 30.0
"""Seconds that an idle connection is kept: less than providers keep it, so that they close none under a request."""
_PROXIED: Final = frozenset({"http", "https", "all"})
"""Kinds of addresses that the environment may name a proxy for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `headers` have names in lower case; `body` is parsed JSON, text where it is none, or None."""

    status: int
    headers: Mapping[str, str]
    body: object


class Client(Protocol):
    """What is used of an SDK's client."""

    async def post(self, path: str, *, cast_to: "type[httpx2.Response]", content: bytes) -> "httpx2.Response":
        """Send a body and return the response."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True)
class Sdk:
    """A client of an SDK, and what it raises: for an answer that is an error, and when there was none."""

    client: Client
    refused: "type[openai.APIStatusError | anthropic.APIStatusError]"
    unreached: "type[openai.APIConnectionError | anthropic.APIConnectionError]"


class Endpoint:
    """A host that is asked through an SDK, in `timeout` seconds for everything."""

    def __init__(self, sdk: Sdk, host: str, timeout: float) -> None:
        self._sdk, self._host, self._timeout = sdk, host, timeout

    async def post(self, path: str, body: Mapping[str, object], heard: Heard) -> Reply:
        """Return the answer to a body of JSON; `heard` is told its headers. Raises `UnavailableError`."""
        import httpx2

        try:
            with anyio.fail_after(self._timeout):
                response = await self._sdk.client.post(path, cast_to=httpx2.Response, content=_encoded(body))
        except TimeoutError as error:
            raise UnavailableError(f"{self._host} gave no answer within {self._timeout:g} s") from error
        except self._sdk.refused as error:
            response = error.response
        except self._sdk.unreached as error:
            raise _trouble(self._host, error) from error
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}
        heard(headers)
        return Reply(response.status_code, headers, _decoded(response.content))

    async def aclose(self) -> None:
        """Close the connections that are open."""
        await self._sdk.client.close()


def http_client() -> "httpx2.AsyncClient":
    """Return what an SDK sends with. It follows no redirection: a key goes to no other place than the one it is for."""
    import httpx2

    from lithograph.models.transport import OnePieceTransport

    limits = httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_KEPT)
    return httpx2.AsyncClient(
        limits=limits,
        # With a transport of ours, httpx2 would pass over the proxies.
        transport=None if _proxied() else OnePieceTransport(limits),
        timeout=connecting(),
        follow_redirects=False,
        event_hooks={"request": [_observed]},
    )


def _proxied() -> bool:
    """Whether the environment names a proxy."""
    return bool(getproxies().keys() & _PROXIED)


async def _observed(request: "httpx2.Request") -> None:
    """Let observers put into a request what tells its server which trace it belongs to."""
    if headers := headers_of_request():
        request.headers.update(headers)


def connecting() -> "httpx2.Timeout":
    """Return the timeouts of an SDK: only for a connection, since the whole request has its own."""
    import httpx2

    return httpx2.Timeout(None, connect=_CONNECT)


def host_of(base_url: str) -> str:
    """Return the host of a base URL, with its port where it names one, and without a password.

    Raises `UsageError` when it is no address of a server.
    """
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https") or not base_url.isprintable() or " " in base_url:
        shown = redact(base_url.rpartition("@")[2])
        raise UsageError(f"the base URL {shown!r} is no address that begins with http:// or https://")
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


def checked_key(key: str, variable: str) -> str:
    """Return a key that can be sent. Raises `UsageError`, which does not hold it: an HTTP library's own error would."""
    stripped = key.strip()
    if not stripped or not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        raise UsageError(f"the key in {variable} is empty or holds characters that no key has; set it anew")
    return stripped


def _encoded(body: Mapping[str, object]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:  # half a character, which a document or an answer may hold, and JSON may not
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _decoded(content: bytes) -> object:
    """Return JSON, read as generously as anybody does, else text, and None when there is nothing."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = content.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text or None


def _trouble(host: str, error: BaseException) -> UnavailableError:
    """Return the error that says why there was no answer."""
    import httpx2

    causes = list(_causes(error))
    for kind, why in (
        (socket.gaierror, "its name cannot be resolved"),
        (ConnectionRefusedError, "connection refused"),
        (ssl.SSLCertVerificationError, "its certificate is not trusted"),
        (ssl.SSLError, "it takes no secure connection; is it http:// instead of https://?"),
        (httpx2.ConnectTimeout, f"no connection within {_CONNECT:g} s"),
        (httpx2.ProxyError, "the proxy on the way there refused"),
        (httpx2.ConnectError, "it cannot be reached"),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            way = " (it was asked through the environment's proxy)" if _proxied() and not proxy_bypass(host) else ""
            return UnreachableError(f"{host} does not answer: {why}{way}")
    if any(isinstance(cause, httpx2.DecodingError) for cause in causes):
        return UnavailableError(f"{host} sent an answer that cannot be unpacked")
    return UnavailableError(f"{host} gave no whole answer: the connection was lost")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from, also where several ways were tried at once."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__
