"""The OpenAPI document: what FastAPI knows of the routes, with our problems in the place of its errors."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from lithograph.api.wire.base import Listing, Problem
from lithograph.api.wire.executions import Event

_ABOUT: Final = """Documents in, an ontology-typed knowledge graph out, every node and edge pointing at the exact
characters that say so.

A start answers at once with an execution, which then goes on by itself; its events say how. Whatever is named and
belongs to another organisation is not there. Errors are problems as RFC 9457 has them. Offsets count code points."""

_OTHERS: Final = {"HTTPValidationError", "ValidationError"}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=_ABOUT,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    schemas = found["components"]["schemas"]
    _, ours = models_json_schema(
        [(Problem, "serialization"), (Listing[Event], "serialization")], ref_template="#/components/schemas/{model}"
    )
    schemas.update(ours["$defs"])
    for name in _OTHERS:
        schemas.pop(name, None)
    for path in found["paths"].values():
        for operation in path.values():
            unprocessable = operation["responses"].get("422")
            if unprocessable and "application/json" in unprocessable.get("content", {}):
                del unprocessable["content"]["application/json"]
    return found
