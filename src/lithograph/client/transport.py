"""The way to a server: requests that outlive a restart of it, and problems as the errors that they were.

Whatever a workspace asks can be asked twice: starts are known by what is started, signals by their key, and the rest
says how things are to be. So a request whose answer was lost is made again; that the first one did already what it asks
for is then a `RepeatedError`.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2
import msgspec

from lithograph.durable.events import Event
from lithograph.errors import (
    LithographError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    StateError,
    StorageError,
    UsageError,
)

_FIRST, _LONGEST = 0.2, 5.0
"""Seconds between two tries: at first, and at most."""
_SECONDS: Final = 60.0
"""Seconds for one answer."""
_SILENT: Final = 45.0
"""Seconds without a sign of life, which comes every 15, after which a stream counts as cut off."""
_NOT_THERE: Final = "there is no "

_STATUS: Final[Mapping[int, type[LithographError]]] = {409: StateError, 401: RejectedError, 403: RejectedError}


class RepeatedError(StateError):
    """An execution does not allow what was asked, and the answer to the same request was lost before."""


class Transport:
    """Requests to one server with one key, for `patience` seconds each while it cannot be reached or is too busy."""

    def __init__(self, url: str, key: str | None, patience: float) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._client = httpx2.Client(base_url=url.rstrip("/"), headers=headers, timeout=_SECONDS)
        self._url, self._patience = url, patience

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, path: str, **query: object) -> Any:  # whatever JSON it is
        """Return what is at an address."""
        return self.request("GET", path, params=query).json()

    def post(self, path: str, body: object = None, key: str | None = None) -> Any:
        """Return what comes of something that is asked."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.request("POST", path, json=body, headers=headers).json()

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Return the answer to a request.

        Raises `NotFoundError`, `StateError`, `UsageError` as the workspace behind the server does, `RejectedError` for
        a key that may not do it, `RateLimitedError` or `StorageError` when it could not be done in time.
        """
        params = {name: _shown(value) for name, value in options.pop("params", {}).items() if value is not None}
        until, wait, lost = time.monotonic() + self._patience, _FIRST, False
        while True:
            try:
                response = self._client.request(method, path, params=params, **options)
                response.raise_for_status()
            except httpx2.HTTPStatusError as error:
                failed: LithographError = _error(error.response)
                wait = max(wait, _asked(error.response))
                if lost and isinstance(failed, StateError):
                    raise RepeatedError(str(failed)) from error
            except httpx2.TransportError as error:
                lost = True
                failed = StorageError(
                    f"{self._url} cannot be reached ({type(error).__name__}); check it, and try again"
                )
            else:
                return response
            if not isinstance(failed, StorageError | RateLimitedError) or time.monotonic() + wait > until:
                raise failed
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST)

    def events(self, path: str, after: int) -> Iterator[Event]:
        """Yield the events of a stream, each once, over as many connections as it takes."""
        until = time.monotonic() + self._patience
        while True:
            try:
                for kind, event in self._stream(path, after):
                    if kind == "end":
                        return
                    if event is not None:
                        after, until = event.seq, time.monotonic() + self._patience
                        yield event
                until = time.monotonic() + self._patience  # it was there, and sent its readers away
            except httpx2.TransportError as error:
                if time.monotonic() > until:
                    raise self._away(error) from error
            time.sleep(_FIRST)

    def _away(self, error: Exception) -> StorageError:
        return StorageError(f"{self._url} cannot be reached ({type(error).__name__}); check that it is served there")

    def _stream(self, path: str, after: int) -> Iterator[tuple[str, Event | None]]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        timeout = httpx2.Timeout(_SECONDS, read=_SILENT)
        with self._client.stream("GET", path, headers=headers, timeout=timeout) as response:
            if response.is_error:
                response.read()
                failed = _error(response)
                if isinstance(failed, StorageError | RateLimitedError):
                    return
                raise failed
            kind, data = "", ""
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    data = value
                elif not line and kind:
                    yield kind, None if kind == "end" else msgspec.json.decode(data, type=Event)
                    kind = data = ""


def _shown(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _asked(response: httpx2.Response) -> float:
    """Return the seconds that a server asks to wait."""
    said = response.headers.get("retry-after", "")
    return min(float(said), _LONGEST) if said.isdecimal() else 0.0


def _error(response: httpx2.Response) -> LithographError:
    """Return what a problem was, where it was raised."""
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"the server answers {response.status_code}, and not as Lithograph does: check its address"
    if response.status_code == httpx2.codes.NOT_FOUND and detail.startswith(_NOT_THERE):
        return NotFoundError(detail.removeprefix(_NOT_THERE))
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        return RateLimitedError(detail, _asked(response))
    if response.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
        return StorageError(detail)
    return _STATUS.get(response.status_code, UsageError)(detail)
