"""The web UI: the files that the front end's build leaves, or how to build it where it was not."""

from typing import Final

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from lithograph.api.guard import PAGE_POLICY
from lithograph.service.pages import built_pages

_NOT_BUILT: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Lithograph</title>
<h1>Lithograph</h1>
<p>The API is at <a href="/v1/openapi.json">/v1</a>. Its web pages were not built: in the project's folder,
<code>make web</code> builds them (it takes Node.js 20 or newer), and then this page shows them.</p>
</html>
"""

_FOR_EVER: Final = "public, max-age=31536000, immutable"
"""A file in `assets` has a hash of what is in it in its name."""


class _Pages(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _FOR_EVER if path.startswith("assets/") else "no-cache"
        return response


def add_web(app: FastAPI) -> None:
    """Serve the web UI under `/`, after all that was added before."""
    folder = built_pages()
    if folder is not None:
        app.mount("/", _Pages(directory=folder, html=True), name="web")
        return

    @app.get("/", include_in_schema=False)
    async def say_how() -> HTMLResponse:
        return HTMLResponse(_NOT_BUILT, headers={"Content-Security-Policy": PAGE_POLICY})
