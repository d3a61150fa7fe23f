"""The JSON Schema of "lithograph/1", as it ships with the package."""

import json
from importlib.resources import files

SCHEMA_FILE = "lithograph-1.schema.json"


def schema_bytes() -> bytes:
    """Return the JSON Schema (draft 2020-12) as a file."""
    return files("lithograph.graph.export").joinpath(SCHEMA_FILE).read_bytes()


def schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12), loaded; the caller may change it."""
    loaded: dict[str, object] = json.loads(schema_bytes())
    return loaded
