"""Anthropic: chat models behind Anthropic's messages."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from lithograph.models.chat import ChatRequest, Heard
from lithograph.models.endpoint import TIMEOUT, Endpoint, Sdk, checked_key, connecting, host_of, http_client
from lithograph.models.refusals import Asked, answer_in
from lithograph.models.remote import Remote
from lithograph.models.wire import WireAnswer

BASE_URL: Final = "https://api.anthropic.com"
VARIABLE: Final = "ANTHROPIC_API_KEY"
_MESSAGES: Final = "/v1/messages"

_UNKNOWN: Final = frozenset({
    "$schema", "$id", "default", "examples", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "pattern", "maxItems", "uniqueItems", "minProperties", "maxProperties",
})  # fmt: skip
"""Keywords of JSON Schema that are refused, or count for nothing, there."""
_SCHEMAS_BY_NAME: Final = frozenset({"properties", "$defs", "definitions"})
_VALUES: Final = frozenset({"enum", "const", "required"})


class AnthropicChat(Remote):
    """A `ChatModel` behind Anthropic's messages.

    `base_url` is where they are, with or without `/v1`, at Anthropic itself when none is given; `name` is what the
    model is called, `anthropic:MODEL` when none is given. `variable` is the environment variable that errors tell to
    set; `timeout` is the seconds that an answer may take, and `now` tells those since 1970. Raises `UsageError` for a
    base URL that is none and a key that cannot be sent.
    """

    def __init__(
        self,
        model: str,
        *,
        key: str,
        base_url: str | None = None,
        name: str | None = None,
        variable: str = VARIABLE,
        timeout: float = TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        url, key = (base_url or BASE_URL).rstrip("/").removesuffix("/v1"), checked_key(key, variable)
        asked = Asked(host_of(url), model, variable, key)
        super().__init__(asked, _endpoint(url, key, timeout), name or f"anthropic:{model}", now)

    async def send(self, request: ChatRequest, heard: Heard) -> WireAnswer:
        """Return the answer; raises as `ChatModel.send` does."""
        reply = await self._endpoint.post(_MESSAGES, _body(self._asked.model, request), heard)
        return answer_in(reply, self._asked, self._now())


def supported(schema: Mapping[str, object]) -> dict[str, object]:
    """Return a schema without what Anthropic refuses: bounds of numbers, of lengths, and of lists beyond "not empty".

    Alternatives are alternatives, of which it knows one kind.
    """
    kept: dict[str, object] = {}
    for keyword, value in schema.items():
        if keyword in _UNKNOWN or (keyword == "minItems" and value not in (0, 1)):
            continue
        if keyword in _VALUES:
            kept[keyword] = value
        elif keyword in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
            kept[keyword] = {name: _within(inner) for name, inner in value.items()}
        else:
            kept["anyOf" if keyword == "oneOf" else keyword] = _within(value)
    return kept


def _within(value: object) -> object:
    if isinstance(value, Mapping):
        return supported(value)
    return [_within(inner) for inner in value] if isinstance(value, list) else value


def _endpoint(base_url: str, key: str, timeout: float) -> Endpoint:
    import anthropic

    client = anthropic.AsyncAnthropic(
        api_key=key,
        base_url=base_url,
        timeout=connecting(),
        max_retries=0,
        default_headers={"Authorization": f"Bearer {key}"},
        http_client=http_client(),
        open_telemetry=False,
    )
    return Endpoint(Sdk(client, anthropic.APIStatusError, anthropic.APIConnectionError), host_of(base_url), timeout)


def _body(model: str, request: ChatRequest) -> dict[str, object]:
    """Return a request. A turn of blanks is left out: it would be refused, and says nothing."""
    turns = [{"role": turn.role.value, "content": turn.text} for turn in request.turns if turn.text.strip()]
    return {
        "model": model,
        "max_tokens": request.max_tokens,
        "system": request.system,
        "messages": turns,
        "output_config": {"format": {"type": "json_schema", "schema": supported(request.schema)}},
    }
