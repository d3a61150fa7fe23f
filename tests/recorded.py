"""Answers of providers that others have recorded, one JSON object per line."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer as it came; `why` is the recorder's reason to keep it, maybe empty."""

    index: int
    status: int
    headers: dict[str, str]
    body: object
    why: str


def recorded(shared_data: Path, name: str) -> list[Recorded]:
    """Return the answers of a file in order; the test is skipped where the file is absent."""
    path = shared_data / "replay" / name
    if not path.is_file():
        pytest.skip("the recorded answers are not here")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Recorded(
            index,
            line["status"],
            {key: value for key, value in line["headers"].items() if isinstance(value, str)},
            line["body"],
            line.get("why", ""),
        )
        for index, line in enumerate(lines)
    ]
