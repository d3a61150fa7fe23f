"""OpenAI: chat models of OpenAI, and of everybody who speaks as it does."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Final

from lithograph.models.chat import ChatRequest, Heard
from lithograph.models.endpoint import TIMEOUT, Endpoint, Reply, Sdk, checked_key, connecting, host_of, http_client
from lithograph.models.refusals import Asked, answer_in, rejects
from lithograph.models.remote import Remote
from lithograph.models.wire import WireAnswer

BASE_URL: Final = "https://api.openai.com/v1"
VARIABLE: Final = "OPENAI_API_KEY"
_CHAT: Final = "/chat/completions"

_LIMITS: Final = ("max_completion_tokens", "max_tokens")
"""The names that the limit of an answer goes by: OpenAI's today, and everybody else's."""
_TEMPERATURE: Final = "temperature"
_REASONING: Final = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9]|\d\d))")
"""Models that think before they answer, and take no temperature."""


class OpenAIChat(Remote):
    """A `ChatModel` behind OpenAI's chat completions.

    `base_url` is where they are, at OpenAI itself when none is given; `name` is what the model is called,
    `openai:MODEL` when none is given. `variable` is the environment variable that errors tell to set; `timeout` is the
    seconds that an answer may take, and `now` tells those since 1970. Raises `UsageError` for a base URL that is none
    and a key that cannot be sent.
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
        url, key = base_url or BASE_URL, checked_key(key, variable)
        asked = Asked(host_of(url), model, variable, key)
        super().__init__(asked, openai_endpoint(url, key, timeout), name or f"openai:{model}", now)
        own = asked.host == host_of(BASE_URL)
        self._limit, self._other_limit = _LIMITS if own else _LIMITS[::-1]
        self._rejected = frozenset({_TEMPERATURE}) if _REASONING.match(model) else frozenset[str]()

    async def send(self, request: ChatRequest, heard: Heard) -> WireAnswer:
        """Return the answer; raises as `ChatModel.send` does.

        A parameter that the model turns out not to take is left out, or goes by its other name, and the request is
        sent again: at most once for each, since that is remembered.
        """
        while True:
            parameters = self._parameters(request.max_tokens)
            reply = await self._endpoint.post(_CHAT, _body(self._asked.model, request, parameters), heard)
            rejected = self._rejected_by(reply, parameters)
            if not rejected:
                return answer_in(reply, self._asked, self._now())
            self._rejected |= rejected

    def _parameters(self, max_tokens: int) -> dict[str, int]:
        limit = self._other_limit if self._limit in self._rejected else self._limit
        return {limit: max_tokens} | ({} if _TEMPERATURE in self._rejected else {_TEMPERATURE: 0})

    def _rejected_by(self, reply: Reply, parameters: Mapping[str, int]) -> frozenset[str]:
        """Return the parameters that were sent in vain. Of the limit's names one stays: an answer must have an end."""
        dispensable = frozenset({self._limit, _TEMPERATURE}) & parameters.keys()
        return frozenset(name for name in dispensable if rejects(reply, name))


def openai_endpoint(base_url: str, key: str, timeout: float) -> Endpoint:
    """Return an endpoint that speaks as OpenAI's does, asked through its SDK.

    What the environment says about OpenAI's organisations goes to OpenAI only.
    """
    import openai

    authorization = {"Authorization": f"Bearer {key}"}
    client = openai.AsyncOpenAI(
        api_key=key,
        base_url=base_url,
        timeout=connecting(),
        max_retries=0,
        default_headers=authorization,
        http_client=http_client(),
    )
    host = host_of(base_url)
    if host != host_of(BASE_URL):
        client.organization = client.project = None
    return Endpoint(Sdk(client, openai.APIStatusError, openai.APIConnectionError), host, timeout)


def _body(model: str, request: ChatRequest, parameters: Mapping[str, int]) -> dict[str, object]:
    turns = [{"role": turn.role.value, "content": turn.text} for turn in request.turns]
    schema = {"name": request.task, "schema": dict(request.schema), "strict": True}
    return {
        "model": model,
        "messages": [{"role": "system", "content": request.system}, *turns],
        "response_format": {"type": "json_schema", "json_schema": schema},
        **parameters,
    }
