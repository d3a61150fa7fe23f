"""Wire: what a provider answers, in the shapes in which providers do, as one value.

    choices[0].message or .text        OpenAI chat completions, and all who speak it; legacy completions
    output[] of an object "response"   OpenAI responses
    content[] of a type "message"      Anthropic
    candidates[0].content.parts[]      Google
    output.message.content[]           Bedrock: converse, and Amazon's own models

Nothing is judged here: an answer that was cut short or refused is an answer, so that what it cost can be counted.
What is no answer of a language model at all is a `MalformedError`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lithograph.errors import MalformedError


class Finish(StrEnum):
    """Why a model stopped: it was done, it may not say more, it or a filter will not, it calls a tool."""

    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"
    TOOL = "tool"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """What a model answered.

    `text` is what it wrote, without its thoughts; where it called tools, their arguments as JSON, one line each; where
    it wrote nothing, what the provider says about that, if anything. `input_tokens` counts all that went in, the
    `cached_tokens` among it, and `output_tokens` all that came out, thoughts too; 0 where the provider does not say.
    `model` is empty where the answer does not name it.
    """

    text: str
    finish: Finish
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    model: str = ""


_FINISHES = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "completed", "eos", "eos_token"), Finish.STOP),
    **dict.fromkeys(
        ("length", "max_tokens", "model_length", "max_output_tokens", "model_context_window_exceeded"), Finish.LENGTH
    ),
    **dict.fromkeys(("refusal", "content_filter", "content_filtered", "guardrail_intervened"), Finish.REFUSAL),
    **dict.fromkeys(
        ("safety", "recitation", "blocklist", "prohibited_content", "spii", "model_armor", "image_safety"),
        Finish.REFUSAL,
    ),
    **dict.fromkeys(("tool_calls", "function_call", "tool_use"), Finish.TOOL),
}
"""What the providers' words mean, in lower case; whatever is not among them is `other`."""

_GOOGLE = (
    "finish_reason_unspecified",
    "stop",
    "max_tokens",
    "safety",
    "recitation",
    "other",
    "blocklist",
    "prohibited_content",
    "spii",
    "malformed_function_call",
    "model_armor",
)
"""Google's reasons by number: Vertex writes them so when it is asked to."""

_UNCALLED = frozenset({"unexpected_tool_call", "malformed_function_call", "too_many_tool_calls"})
"""Google's reasons that say that a call in the answer is none of what was offered."""


def read_wire(body: object) -> WireAnswer:
    """Return the answer that a body holds, which is parsed JSON, by its shape.

    Raises `MalformedError`, naming what came, when it is none: a stream, a page, a list of vectors, an image, a
    response that is still being written.
    """
    top = _object(body)
    kind = top.get("object")
    if kind == "response":
        return read_response(top)
    if isinstance(top.get("choices"), list) and kind != "chat.completion.chunk":
        return read_chat(top)
    if top.get("type") == "message" and "content" in top:
        return read_anthropic(top)
    if "candidates" in top or "promptFeedback" in top:
        return read_google(top)
    if "message" in _object(top.get("output")):
        return read_converse(top)
    raise MalformedError(f"the provider sent {_name(body)} instead of an answer")


def read_chat(body: Mapping[str, object]) -> WireAnswer:
    """Return the answer of an OpenAI chat completion, or of a legacy completion; only the first choice counts."""
    choice = _object(_first(body.get("choices")))
    message = _object(choice.get("message"))
    calls = [_object(_object(call).get("function")).get("arguments") for call in _list(message.get("tool_calls"))]
    if "function_call" in message and not calls:
        calls = [call.get("arguments") for call in (_object(message["function_call"]),) if call]
    refusal = _text(message.get("refusal"))
    usage = _object(body.get("usage"))
    return WireAnswer(
        refusal or _called(calls) or _joined(message.get("content")) or _text(choice.get("text")),
        Finish.REFUSAL if refusal else _finish(choice.get("finish_reason"), called=bool(calls)),
        _count(usage, "prompt_tokens"),
        _count(usage, "completion_tokens"),
        _count(_object(usage.get("prompt_tokens_details")), "cached_tokens")
        or _count(usage, "cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens"),
        _text(body.get("model")),
    )


def read_response(body: Mapping[str, object]) -> WireAnswer:
    """Return the answer of an OpenAI response; raises `MalformedError` for one that has not ended, or has failed."""
    status = body.get("status")
    if status in ("queued", "in_progress", "cancelled", "failed"):
        raise MalformedError(f"the provider sent a response that is {str(status).replace('_', ' ')}")
    items = [_object(item) for item in _list(body.get("output"))]
    parts = [_object(part) for item in items if item.get("type") == "message" for part in _list(item.get("content"))]
    refusal = "".join(_text(part.get("refusal")) for part in parts)
    calls = [item.get("arguments") for item in items if item.get("type") == "function_call"]
    reason = _object(body.get("incomplete_details")).get("reason") if status == "incomplete" else status
    usage = _object(body.get("usage"))
    return WireAnswer(
        refusal or _called(calls) or _joined(parts),
        Finish.REFUSAL if refusal else _finish(reason, called=bool(calls)),
        _count(usage, "input_tokens"),
        _count(usage, "output_tokens"),
        _count(_object(usage.get("input_tokens_details")), "cached_tokens"),
        _text(body.get("model")),
    )


def read_anthropic(body: Mapping[str, object]) -> WireAnswer:
    """Return the answer of an Anthropic message; what its server's own tools did is passed over."""
    blocks = [_object(block) for block in _list(body.get("content"))]
    calls = [block.get("input") for block in blocks if block.get("type") == "tool_use"]
    usage = _object(body.get("usage"))
    cached = _count(usage, "cache_read_input_tokens")
    return WireAnswer(
        _called(calls) or _joined(blocks),
        _finish(body.get("stop_reason"), called=bool(calls)),
        _count(usage, "input_tokens") + cached + _count(usage, "cache_creation_input_tokens"),
        _count(usage, "output_tokens"),
        cached,
        _text(body.get("model")),
    )


def read_google(body: Mapping[str, object]) -> WireAnswer:
    """Return the answer of Google's generateContent; a prompt that was blocked has a refusal for an answer."""
    candidate = _object(_first(body.get("candidates")))
    blocked = _text(_object(body.get("promptFeedback")).get("blockReason")) if not candidate else ""
    reason = candidate.get("finishReason")
    if isinstance(reason, int) and 0 <= reason < len(_GOOGLE):
        reason = _GOOGLE[reason]
    parts = [_object(part) for part in _list(_object(candidate.get("content")).get("parts"))]
    calls = [_object(part["functionCall"]).get("args", {}) for part in parts if "functionCall" in part]
    if str(reason).lower() in _UNCALLED:
        calls = []
    usage = _object(body.get("usageMetadata"))
    written = _called(calls) or _joined(part for part in parts if not part.get("thought"))
    return WireAnswer(
        written or _text(candidate.get("finishMessage")) or (f"the prompt was blocked: {blocked}" if blocked else ""),
        Finish.REFUSAL if blocked else _finish(reason, called=bool(calls)),
        _count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount"),
        _count(usage, "candidatesTokenCount") + _count(usage, "thoughtsTokenCount"),
        _count(usage, "cachedContentTokenCount"),
        _text(body.get("modelVersion")),
    )


def read_converse(body: Mapping[str, object]) -> WireAnswer:
    """Return the answer of Bedrock's converse, which does not name its model."""
    blocks = [_object(block) for block in _list(_object(_object(body.get("output")).get("message")).get("content"))]
    calls = [_object(block["toolUse"]).get("input") for block in blocks if "toolUse" in block]
    usage = _object(body.get("usage"))
    cached = _count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = _count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    return WireAnswer(
        _called(calls) or _joined(blocks),
        _finish(body.get("stopReason"), called=bool(calls)),
        _count(usage, "inputTokens") + cached + written,
        _count(usage, "outputTokens"),
        cached,
    )


def _finish(reason: object, *, called: bool) -> Finish:
    finish = _FINISHES.get(str(reason).lower(), Finish.OTHER)
    return Finish.TOOL if called and finish is Finish.STOP else finish


def _called(arguments: Iterable[object]) -> str:
    """Return the arguments of calls as JSON, one line each; most providers send them as JSON already."""
    return "\n".join(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in arguments)


def _joined(content: object) -> str:
    """Return a text, or what the parts of a text say; thoughts and whatever else is no text are passed over."""
    if isinstance(content, str):
        return content
    parts = [_object(part) for part in content] if isinstance(content, Iterable) else []
    return "".join(_text(part.get("text")) for part in parts if part.get("type") not in ("thinking", "reasoning"))


def _name(body: object) -> str:
    """Return what a body is, in a few words."""
    if isinstance(body, str):
        start = body.lstrip()[:15].lower()
        stream = start.startswith(("data:", "event:", "id:", ": "))
        return "a stream" if stream else "a page of HTML" if start.startswith("<") else "text"
    if not isinstance(body, dict):
        return "nothing" if body is None else f"a JSON {type(body).__name__}"
    kind = _text(body.get("object")) or _text(body.get("type"))
    return f"an object of the kind {kind!r}" if kind else f"an object with the keys {', '.join(sorted(body)[:8])}"


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _first(value: object) -> object:
    return next(iter(_list(value)), None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(usage: Mapping[str, object], *keys: str) -> int:
    """Return the first of the numbers that is there."""
    found = (usage.get(key) for key in keys)
    return next((number for number in found if isinstance(number, int) and not isinstance(number, bool)), 0)
