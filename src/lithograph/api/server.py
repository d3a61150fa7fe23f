"""What all requests share, and on whose behalf one of them is made."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CollectorRegistry

from lithograph.api.problems import ProblemError
from lithograph.api.rates import Rates
from lithograph.api.settings import ApiSettings
from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.durable.clock import Clock
from lithograph.durable.feed import Feeds
from lithograph.service.control import Wake
from lithograph.service.keys import KeyOwner, KeyScope, key_owner
from lithograph.service.workspace import LEASE_SECONDS, Workspace
from lithograph.storage.open import Storage
from lithograph.workflow.extractors import ExtractorNamed

ANYBODY = KeyOwner(DEFAULT_ORGANIZATION, "", frozenset({KeyScope.ADMIN}))
"""Whoever reaches a server that asks for no key."""

_BEARER = HTTPBearer(
    auto_error=False, description="A key as `litho key create` makes it; needed unless the server runs for you alone."
)


@dataclass(slots=True)
class Server:
    """What a process serves: `named` knows the models, with prices where a request limits costs."""

    storage: Storage
    clock: Clock
    settings: ApiSettings
    named: Callable[[bool], ExtractorNamed]
    wake: Wake | None = None
    pepper: bytes = b""
    lease_seconds: float = LEASE_SECONDS
    registry: CollectorRegistry | None = None
    """Where metrics are, if there are any."""
    rates: Rates = field(init=False)
    readers: anyio.CapacityLimiter = field(init=False)
    """Documents that are read at once: each takes a process of its own."""
    feeds: Feeds = field(init=False)
    """Given when the application starts."""

    def __post_init__(self) -> None:
        self.rates = Rates(self.settings.requests_per_second, self.settings.burst)

    def workspace(self, organization_id: OrganizationId) -> Workspace:
        """Return all that an organisation can do."""
        return Workspace(
            self.storage, organization_id, clock=self.clock, wake=self.wake, lease_seconds=self.lease_seconds
        )

    def owner(self, key: str) -> KeyOwner | None:
        """Return for whom a key acts; None for one that is refused. Not to be called on an event loop."""
        return key_owner(self.storage, key, self.clock, pepper=self.pepper)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever makes a request, and what he can do."""

    server: Server
    owner: KeyOwner
    key: str
    """The key that was given, if any; to be looked up again where a request lasts."""

    @property
    def workspace(self) -> Workspace:
        """All that the organisation can do."""
        return self.server.workspace(self.owner.organization_id)


def server_of(request: Request) -> Server:
    """Return what the application of a request serves."""
    server: Server = request.app.state.server
    return server


async def caller(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> Caller:
    """Return who makes a request; raises a problem for a key that is missing, refused or used too often."""
    server = server_of(request)
    address = request.client.host if request.client else ""
    if given is not None:
        owner = await anyio.to_thread.run_sync(server.owner, given.credentials)
        if owner is None:
            _limit(server, f"refused {address}")
            raise _unauthorized("this key is unknown, revoked or has expired: ask for another one")
    elif server.settings.keyless and "authorization" not in request.headers:
        owner = ANYBODY
    else:
        raise _unauthorized("a key is needed: send it as `Authorization: Bearer KEY`")
    _limit(server, owner.key_id or address)
    return Caller(server, owner, given.credentials if given else "")


def _limit(server: Server, whose: str) -> None:
    """Raise a problem when somebody asks too often."""
    wait = server.rates.wait(whose)
    if wait:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"these are more than {server.settings.requests_per_second:g} requests a second: "
            f"ask again in {wait:.1f} seconds",
            {"Retry-After": str(max(1, round(wait)))},
        )


def _unauthorized(said: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, said, {"WWW-Authenticate": 'Bearer realm="lithograph"'})


def _allowed(wanted: KeyScope) -> Callable[[Caller], Awaitable[Caller]]:
    async def checked(found: Annotated[Caller, Depends(caller)]) -> Caller:
        if not found.owner.allows(wanted):
            raise ProblemError(HTTPStatus.FORBIDDEN, f"this key may not do that: it takes one with the scope {wanted}")
        return found

    return checked


Reader = Annotated[Caller, Depends(_allowed(KeyScope.READ))]
Writer = Annotated[Caller, Depends(_allowed(KeyScope.WRITE))]
Administrator = Annotated[Caller, Depends(_allowed(KeyScope.ADMIN))]
