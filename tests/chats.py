"""Chat models to ask, and what is asked of them."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from lithograph.models.anthropic import AnthropicChat
from lithograph.models.chat import ChatRequest, Role, Turn
from lithograph.models.openai import OpenAIChat
from lithograph.testing.fake_model import RunningFakeModel

KEY = "sk-proj-Qe81mT0nZx4hW7bLcV29"
CHATS = [OpenAIChat, AnthropicChat]
SCHEMA = {
    "type": "object",
    "properties": {"mentions": {"type": "array", "items": {"type": "string"}}},
    "required": ["mentions"],
    "additionalProperties": False,
}
PROMPT = '{"task":"mentions","classes":[{"name":"Person"}],"text":"Ada Marwick lives in Leith."}'


def request(*turns: Turn, schema: Mapping[str, object] = SCHEMA, max_tokens: int = 1_000) -> ChatRequest:
    """Return a request whose turns come after the prompt."""
    return ChatRequest("mentions", "Find what is named.", (Turn(Role.USER, PROMPT), *turns), schema, max_tokens)


def probe() -> ChatRequest:
    """Return the smallest request."""
    return ChatRequest("probe", "Answer.", (Turn(Role.USER, '{"task":"probe"}'),), {"type": "object"}, 50)


def deaf(headers: Mapping[str, str]) -> None:
    """Hear nothing."""


def asking(running: RunningFakeModel, kind: type[Any], model: str = "m", **settings: Any) -> Any:
    """Return a chat model that asks a fake model."""
    return kind(model, **{"key": KEY, "base_url": running.url, **settings})


def completion(text: str = '{"mentions":[]}', **more: object) -> dict[str, object]:
    """Return an answer of OpenAI's shape."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"object": "chat.completion", "model": "m", "choices": [choice], **more}


def message(text: str = '{"mentions":[]}') -> dict[str, object]:
    """Return an answer of Anthropic's shape."""
    content = [{"type": "text", "text": text}]
    return {"type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": "end_turn"}


def names_in(text: str) -> list[str]:
    """Return what an answer of the fake model names."""
    return [one["text"] for one in msgspec.json.decode(text)["mentions"]]


@contextmanager
def nobody() -> Iterator[str]:
    """Give a base URL where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
