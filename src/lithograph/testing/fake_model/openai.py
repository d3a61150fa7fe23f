"""The words of OpenAI's chat completions, which many other providers speak too."""

from datetime import datetime
from typing import Final

import msgspec

from lithograph.testing.fake_model.limits import Level, Limited, Limits, Refusal
from lithograph.testing.fake_model.shapes import Ask, Completion, Finish, Part, Problem, text_in, tokens_in

_FINISHES: Final = {Finish.STOP: "stop", Finish.LENGTH: "length", Finish.REFUSAL: "stop"}
_NO_KEY: Final = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from "
    "https://platform.openai.com/account/api-keys."
)
_WRONG_KEY: Final = (
    "Incorrect API key provided: {}. You can find your API key at https://platform.openai.com/account/api-keys."
)
_UNSTRUCTURED: Final = (
    "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn more about "
    "supported models at the Structured Outputs guide: https://platform.openai.com/docs/guides/structured-outputs"
)
_LATER: Final = (
    "Rate limit reached for {} in organization org-fake on requests per min (RPM). Please try again later. Visit "
    "https://platform.openai.com/account/rate-limits to learn more."
)
_UNKNOWN: Final = "The model `{}` does not exist or you do not have access to it."
_SORRY: Final = "The server had an error while processing your request. Sorry about that!"
_UNABLE: Final = "The server is temporarily unable to handle the request. Please try again later."
_INVALID: Final = "invalid_request_error"
_ERRORS: Final[dict[Problem, tuple[int, str, str | None, str]]] = {
    Problem.NO_KEY: (401, _INVALID, None, _NO_KEY),
    Problem.WRONG_KEY: (401, _INVALID, "invalid_api_key", _WRONG_KEY),
    Problem.UNKNOWN_MODEL: (404, _INVALID, "model_not_found", _UNKNOWN),
    Problem.UNSTRUCTURED: (400, _INVALID, None, _UNSTRUCTURED),
    Problem.BAD_REQUEST: (400, _INVALID, None, "{}"),
    Problem.RATE_LIMITED: (429, "requests", "rate_limit_exceeded", _LATER),
    Problem.ERROR: (500, "server_error", None, _SORRY),
    Problem.UNAVAILABLE: (503, "server_error", None, _UNABLE),
}
_OVERLOADED: Final = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
_UNITS: Final = {
    Limited.REQUESTS: ("requests per min (RPM)", "requests"),
    Limited.TOKENS: ("tokens per min (TPM)", "tokens"),
    Limited.CONCURRENCY: ("concurrent requests", "requests"),
}


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str | tuple[Part, ...] | None = None


class _JsonSchema(msgspec.Struct, frozen=True):
    schema: dict[str, object]


class _ResponseFormat(msgspec.Struct, frozen=True):
    type: str = "text"
    json_schema: _JsonSchema | None = None


class _Body(msgspec.Struct, frozen=True):
    model: str
    messages: tuple[_Message, ...]
    response_format: _ResponseFormat | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    stream: bool | None = None


_DECODER: Final = msgspec.json.Decoder(_Body)


class OpenAI:
    """A `Dialect`."""

    def ask(self, body: bytes) -> Ask:
        """Return what a body asks."""
        asked = _DECODER.decode(body)
        texts = [(message.role, text_in(message.content)) for message in asked.messages]
        return Ask(
            asked.model,
            next((text for role, text in texts if role == "user"), ""),
            sum(len(text) for _, text in texts),
            _schema(asked.response_format),
            asked.max_completion_tokens or asked.max_tokens,
            bool(asked.stream),
        )

    def answer(self, ask: Ask, completion: Completion, number: int, now: datetime) -> bytes:
        """Return the body of an answer."""
        refused = completion.finish is Finish.REFUSAL
        message = {
            "role": "assistant",
            "content": None if refused else completion.text,
            "refusal": completion.text if refused else None,
        }
        used, written = tokens_in(ask.characters), completion.tokens
        return msgspec.json.encode({
            "id": f"chatcmpl-{number:024x}",
            "object": "chat.completion",
            "created": int(now.timestamp()),
            "model": ask.model,
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISHES[completion.finish]}
            ],
            "usage": {"prompt_tokens": used, "completion_tokens": written, "total_tokens": used + written},
            "system_fingerprint": None,
        })  # fmt: skip

    def problem(self, problem: Problem, about: str, number: int) -> tuple[int, bytes]:  # noqa: ARG002  # says no number
        """Return the status and the body of an error."""
        if problem is Problem.OVERLOADED:
            return 529, _OVERLOADED
        status, kind, code, message = _ERRORS[problem]
        return status, error(message.replace("{}", about), kind, code)

    def refusal(self, refusal: Refusal, model: str, number: int) -> bytes:  # noqa: ARG002  # says no number
        """Return the body of a 429 that says which limit was reached."""
        what, kind = _UNITS[refusal.limited]
        message = (
            f"Rate limit reached for {model} in organization org-fake on {what}: Limit {refusal.size}, "
            f"Used {refusal.used}, Requested {refusal.requested}. Please try again in {_duration(refusal.seconds)}. "
            "Visit https://platform.openai.com/account/rate-limits to learn more."
        )
        return error(message, kind, "rate_limit_exceeded")

    def headers(self, number: int, limits: Limits, now: datetime) -> dict[str, str]:  # noqa: ARG002  # tells durations
        """Return the headers of a reply."""
        headers = {"x-request-id": f"req_{number:032x}"}
        for name, bucket in (("requests", limits.requests), ("tokens", limits.tokens)):
            if bucket:
                headers |= _level(name, bucket.level())
        return headers


def error(message: str, kind: str = _INVALID, code: str | None = None) -> bytes:
    """Return the body of an error."""
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _schema(wanted: _ResponseFormat | None) -> dict[str, object] | None:
    if wanted is None or wanted.type == "text":
        return None
    return wanted.json_schema.schema if wanted.json_schema else {}


def _level(name: str, level: Level) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{name}": str(level.size),
        f"x-ratelimit-remaining-{name}": str(level.remaining),
        f"x-ratelimit-reset-{name}": _duration(level.reset),
    }


def _duration(seconds: float) -> str:
    """Return a time as OpenAI writes it: `120ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    return f"{int(seconds // 60)}m{seconds % 60:.0f}s"
