"""Metrics of the process and its database, of all organisations together: for whoever runs the server."""

import hmac
from http import HTTPStatus

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from lithograph.api.problems import ProblemError
from lithograph.api.server import server_of

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
async def get_metrics(request: Request) -> Response:
    """Answer a scrape. Where keys are needed, so is the token that LITHOGRAPH_METRICS_TOKEN sets."""
    server = server_of(request)
    if not server.settings.keyless:
        _check(request.headers.get("authorization", ""), server.settings.metrics_token)
    registry = server.registry or CollectorRegistry()
    data = await anyio.to_thread.run_sync(generate_latest, registry)
    return Response(data, media_type=CONTENT_TYPE_LATEST)


def _check(authorization: str, token: str) -> None:
    if not token or not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "metrics are of all organisations: they take the token that LITHOGRAPH_METRICS_TOKEN sets",
            {"WWW-Authenticate": 'Bearer realm="lithograph metrics"'},
        )
