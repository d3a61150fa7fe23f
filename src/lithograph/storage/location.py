"""Where a database is unless it is said otherwise. It imports nothing, so that a command line can show it quickly."""

from typing import Final

DEFAULT_URL: Final = "sqlite:///.lithograph/graph.db"
"""A file in the current folder, in a folder of its own."""
