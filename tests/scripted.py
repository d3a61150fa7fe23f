"""Chat models that answer what a test tells them to."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import anyio.lowlevel
import msgspec
from tests.clocks import VirtualClock

from lithograph.extraction.prompts.messages import prompt_in
from lithograph.models.caller import ModelCaller
from lithograph.models.chat import ChatRequest, Heard
from lithograph.models.wire import Finish, WireAnswer
from lithograph.ontology.model import Ontology
from lithograph.resilience.policy import Policy
from lithograph.resilience.provider import Provider, ProviderLimits
from lithograph.testing.fake_model.answers import Answerer

Says = Callable[[ChatRequest], "WireAnswer | Exception"]


def said(text: str, finish: Finish = Finish.STOP) -> WireAnswer:
    """Return an answer that read ten tokens and wrote five."""
    return WireAnswer(text, finish, 10, 5)


def told(value: object) -> WireAnswer:
    """Return an answer that is a value's JSON."""
    return said(msgspec.json.encode(value).decode())


CUT = said('{"mentions": [{"text": "Ad', Finish.LENGTH)


class ScriptedChat:
    """Answers with what it is given, one after the other, or with what a function says; remembers what it was asked."""

    def __init__(self, says: "Iterable[WireAnswer | Exception] | Says", name: str = "test:one") -> None:
        self.name = name
        self.asked: list[ChatRequest] = []
        self.headers: Mapping[str, str] = {}
        self.before: Callable[[], Awaitable[object]] = anyio.lowlevel.checkpoint
        """Awaited before each answer."""
        coming = None if callable(says) else iter(says)
        self._says: Says = says if callable(says) else lambda request: next(coming)  # type: ignore[arg-type]

    async def send(self, request: ChatRequest, heard: Heard) -> WireAnswer:
        self.asked.append(request)
        await self.before()
        heard(self.headers)
        outcome = self._says(request)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def aclose(self) -> None:
        """Close nothing."""


class RulesChat(ScriptedChat):
    """Answers prompts as the rules do, which is what the fake model answers too."""

    def __init__(self, ontology: Ontology) -> None:
        super().__init__(())
        self._answerer = Answerer([ontology])

    async def send(self, request: ChatRequest, heard: Heard) -> WireAnswer:
        self.asked.append(request)
        prompt = prompt_in(request.turns[0].text)
        assert prompt is not None
        return told(await self._answerer.answer(prompt))


async def no_sleep(seconds: float) -> None:
    """Return at once."""


def caller_of(chat: ScriptedChat, clock: VirtualClock | None = None, **more: Any) -> ModelCaller:
    """Return what asks a scripted model; without a clock it does not wait between tries."""
    limits = ProviderLimits(spacing=0.0)
    provider = (
        Provider(chat.name, limits, now=clock.now, sleep=clock.sleep)
        if clock
        else Provider(chat.name, limits, sleep=no_sleep)
    )
    return ModelCaller(chat, Policy(provider), **more)
