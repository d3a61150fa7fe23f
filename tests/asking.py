"""A client of a fake model without a wire between them, and what it says."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.builders import ONTOLOGY

from lithograph.testing.fake_model import FakeModel
from lithograph.testing.fake_model.exchange import Call, HttpRequest, Reply

CHAT, MESSAGES, EMBEDDINGS = "/v1/chat/completions", "/v1/messages", "/v1/embeddings"
MENTIONS = {"task": "mentions", "classes": [{"name": "Person"}], "text": "Ada Marwick lives in Leith."}
ANSWER = {
    "mentions": [
        {"text": "Ada Marwick", "hint": "", "confidence": 0.8},
        {"text": "Leith", "hint": "", "confidence": 0.8},
    ]
}
PATHS = pytest.mark.parametrize("path", [CHAT, MESSAGES])


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Asker:
    """Asks one fake model, whose clock is `clock`."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.model = FakeModel(
            [ONTOLOGY], clock=self.clock, now=lambda: datetime(2026, 3, 31, 12, tzinfo=UTC), **settings
        )

    async def begin(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Call:
        """Ask, and leave the request in flight."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.model.receive(HttpRequest("POST", path, headers or {}, data))

    async def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Reply:
        """Ask and return the reply."""
        call = await self.begin(path, body, headers)
        self.model.end(call, complete=True)
        return call.reply

    async def get(self, path: str) -> Any:
        """Return what stands at an address."""
        call = await self.model.receive(HttpRequest("GET", path))
        self.model.end(call, complete=True)
        return msgspec.json.decode(call.reply.body)

    async def chat(self, path: str = CHAT, **changes: Any) -> Any:
        """Return the body of the answer to a prompt for mentions, or what `changes` make of it."""
        return msgspec.json.decode((await self.post(path, chat(path, **changes))).body)


def chat(path: str = CHAT, content: object = MENTIONS, **changes: Any) -> dict[str, Any]:
    """Return the body of a request whose prompt is `content`."""
    text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
    user = {"role": "user", "content": text}
    if path == MESSAGES:
        return {"model": "m", "max_tokens": 1_000, "system": "Find.", "messages": [user], **changes}
    return {"model": "m", "messages": [{"role": "system", "content": "Find."}, user], **changes}


def wanting(path: str, schema: object) -> dict[str, Any]:
    """Return the fields that ask for a schema."""
    if path == MESSAGES:
        return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}}


def text_of(path: str, body: Any) -> Any:
    """Return what the model wrote."""
    if path == MESSAGES:
        return "".join(block["text"] for block in body["content"])
    return body["choices"][0]["message"]["content"]


def finish_of(path: str, body: Any) -> str:
    """Return why it stopped."""
    return str(body["stop_reason"] if path == MESSAGES else body["choices"][0]["finish_reason"])
