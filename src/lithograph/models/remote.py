"""Remote: what all models behind an endpoint have in common."""

from collections.abc import Callable

from lithograph.models.endpoint import Endpoint
from lithograph.models.refusals import Asked


class Remote:
    """A model that is asked over a connection; `now` tells the seconds since 1970. It shows its name and no key."""

    def __init__(self, asked: Asked, endpoint: Endpoint, name: str, now: Callable[[], float]) -> None:
        self._asked, self._endpoint, self._name, self._now = asked, endpoint, name, now

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"

    @property
    def name(self) -> str:
        """Return what the model is called everywhere."""
        return self._name

    async def aclose(self) -> None:
        """Close the connections that are open."""
        await self._endpoint.aclose()
