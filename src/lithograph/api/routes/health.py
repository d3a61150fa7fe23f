"""Whether the process lives, and whether it can do what it is for."""

import anyio.to_thread
from fastapi import APIRouter, Request

from lithograph.api.responses import PROBLEMS
from lithograph.api.server import server_of
from lithograph.api.wire.base import Wire
from lithograph.errors import StorageError
from lithograph.storage.open import Storage, is_current

router = APIRouter(prefix="/v1/health", tags=["server"])


class Health(Wire):
    """A process that is well."""

    status: str = "ok"


@router.get("/live")
async def live() -> Health:
    """Answer, as long as the process lives."""
    return Health()


@router.get("/ready", responses={503: PROBLEMS[503]})
async def ready(request: Request) -> Health:
    """Answer, as long as the database can be used and is of this version."""
    await anyio.to_thread.run_sync(_check, server_of(request).storage)
    return Health()


def _check(storage: Storage) -> None:
    if not is_current(storage):
        raise StorageError("the database is being brought up to date")
