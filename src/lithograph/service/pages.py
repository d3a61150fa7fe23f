"""The web pages: where the front end's build leaves them."""

from importlib.resources import files
from pathlib import Path


def built_pages() -> Path | None:
    """Return the folder of the web pages; None where they were not built."""
    folder = Path(str(files("lithograph"))) / "api" / "static"
    return folder if (folder / "index.html").is_file() else None
