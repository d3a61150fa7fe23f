"""Builds the web pages into the package, where npm is at hand; without them the server says how to build them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebPages(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves its own argument out
    """Runs before a wheel or a source distribution is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Build the pages, unless that was done."""
        source = Path(self.root) / "web"
        if version == "editable" or (Path(self.root) / "src/lithograph/api/static/index.html").is_file():
            return
        npm = shutil.which("npm")
        if npm is None or not source.is_dir():
            self.app.display_warning("npm is missing: the package is built without its web pages")
            return
        for command in (["ci"], ["run", "build"]):
            subprocess.run([npm, "--prefix", str(source), *command], check=True)  # noqa: S603  # our own pages
