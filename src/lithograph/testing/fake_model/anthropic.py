"""The words of Anthropic's messages."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from lithograph.testing.fake_model.limits import Level, Limited, Limits, Refusal
from lithograph.testing.fake_model.shapes import Ask, Completion, Finish, Part, Problem, text_in, tokens_in

_FINISHES: Final = {Finish.STOP: "end_turn", Finish.LENGTH: "max_tokens", Finish.REFUSAL: "refusal"}
_ERRORS: Final[dict[Problem, tuple[int, str, str]]] = {
    Problem.NO_KEY: (401, "authentication_error", "x-api-key header is required"),
    Problem.WRONG_KEY: (401, "authentication_error", "invalid x-api-key"),
    Problem.UNKNOWN_MODEL: (404, "not_found_error", "model: {}"),
    Problem.UNSTRUCTURED: (400, "invalid_request_error", "'{}' does not support output format."),
    Problem.BAD_REQUEST: (400, "invalid_request_error", "{}"),
    Problem.RATE_LIMITED: (429, "rate_limit_error", "This request would exceed your organization's rate limit."),
    Problem.ERROR: (500, "api_error", "Internal server error"),
    Problem.UNAVAILABLE: (503, "api_error", "Service temporarily unavailable"),
    Problem.OVERLOADED: (529, "overloaded_error", "Overloaded"),
}
_UNITS: Final = {
    Limited.REQUESTS: "requests per minute",
    Limited.TOKENS: "tokens per minute",
    Limited.CONCURRENCY: "concurrent connections",
}


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str | tuple[Part, ...]


class _Format(msgspec.Struct, frozen=True):
    type: str
    schema: dict[str, object]


class _OutputConfig(msgspec.Struct, frozen=True):
    format: _Format | None = None


class _Body(msgspec.Struct, frozen=True):
    model: str
    max_tokens: int
    messages: tuple[_Message, ...]
    system: str | tuple[Part, ...] = ""
    output_config: _OutputConfig | None = None
    stream: bool | None = None


_DECODER: Final = msgspec.json.Decoder(_Body)


class Anthropic:
    """A `Dialect`."""

    def ask(self, body: bytes) -> Ask:
        """Return what a body asks."""
        asked = _DECODER.decode(body)
        texts = [(message.role, text_in(message.content)) for message in asked.messages]
        wanted = asked.output_config.format if asked.output_config else None
        return Ask(
            asked.model,
            next((text for role, text in texts if role == "user"), ""),
            len(text_in(asked.system)) + sum(len(text) for _, text in texts),
            wanted.schema if wanted else None,
            asked.max_tokens,
            bool(asked.stream),
        )

    def answer(self, ask: Ask, completion: Completion, number: int, now: datetime) -> bytes:  # noqa: ARG002  # no time
        """Return the body of an answer."""
        refused = completion.finish is Finish.REFUSAL
        blocks = [] if refused or not completion.text else [{"type": "text", "text": completion.text}]
        return msgspec.json.encode({
            "id": f"msg_{number:024x}",
            "type": "message",
            "role": "assistant",
            "model": ask.model,
            "content": blocks,
            "stop_reason": _FINISHES[completion.finish],
            "stop_sequence": None,
            "usage": {
                "input_tokens": tokens_in(ask.characters),
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": completion.tokens,
                "service_tier": "standard",
            },
        })  # fmt: skip

    def problem(self, problem: Problem, about: str, number: int) -> tuple[int, bytes]:
        """Return the status and the body of an error."""
        status, kind, message = _ERRORS[problem]
        return status, _error(kind, message.replace("{}", about), number)

    def refusal(self, refusal: Refusal, model: str, number: int) -> bytes:  # noqa: ARG002  # counted for all models
        """Return the body of a 429 that says which limit was reached."""
        message = f"This request would exceed your organization's rate limit of {refusal.size:,} "
        return _error("rate_limit_error", f"{message}{_UNITS[refusal.limited]}.", number)

    def headers(self, number: int, limits: Limits, now: datetime) -> dict[str, str]:
        """Return the headers of a reply."""
        headers = {"request-id": f"req_{number:024x}"}
        for name, bucket in (("requests", limits.requests), ("tokens", limits.tokens)):
            if bucket:
                headers |= _level(name, bucket.level(), now)
        return headers


def _error(kind: str, message: str, number: int) -> bytes:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": f"req_{number:024x}"}
    return msgspec.json.encode(body)


def _level(name: str, level: Level, now: datetime) -> dict[str, str]:
    return {
        f"anthropic-ratelimit-{name}-limit": str(level.size),
        f"anthropic-ratelimit-{name}-remaining": str(level.remaining),
        f"anthropic-ratelimit-{name}-reset": f"{now + timedelta(seconds=level.reset):%Y-%m-%dT%H:%M:%SZ}",
    }
