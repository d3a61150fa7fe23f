"""The application: the routes together, the guard before them, and what lasts as long as the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import anyio
from fastapi import FastAPI
from starlette.middleware import Middleware

from lithograph.api.guard import LimitBodies, SameOrigin, TellBrowsers
from lithograph.api.openapi import document
from lithograph.api.problems import answer_problems
from lithograph.api.responses import PROBLEMS
from lithograph.api.routes import administration, events, executions, graph, health, materials, metrics, starts
from lithograph.api.server import Server
from lithograph.api.sse import encode
from lithograph.api.web import add_web
from lithograph.durable.feed import feeding
from lithograph.durable.listen import listening
from lithograph.telemetry.requests import WatchRequests

_READERS: Final = 4
"""Documents that are read at once."""

_LOOK_EVERY: Final = 0.5
"""Seconds between two looks for events while nothing can be heard of them."""

_ROUTERS: Final = (
    materials.router,
    starts.router,
    executions.router,
    events.router,
    graph.router,
    administration.router,
)


def create_app(server: Server) -> FastAPI:
    """Return the application that serves a database."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        server.readers = anyio.CapacityLimiter(_READERS)
        async with (
            listening(server.storage, _LOOK_EVERY) as listener,
            feeding(server.storage, listener, encode) as feeds,
        ):
            server.feeds = feeds
            yield

    app = FastAPI(
        title="Lithograph",
        version=version("lithograph"),
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # they load their scripts from another host
        redoc_url=None,
        middleware=[
            Middleware(WatchRequests),
            Middleware(TellBrowsers),
            Middleware(SameOrigin, keyless=server.settings.keyless),
            Middleware(LimitBodies, server.settings),
        ],
        separate_input_output_schemas=False,
    )
    app.state.server = server
    answer_problems(app)
    for router in _ROUTERS:
        app.include_router(router, responses=PROBLEMS)
    app.include_router(health.router)
    app.include_router(metrics.router)
    add_web(app)

    def openapi() -> dict[str, Any]:
        app.openapi_schema = app.openapi_schema or document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it
    return app
