"""The fake model itself: a request in, a reply out, and how it is to be sent. No sockets here."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Final

import msgspec

from lithograph.demo import demo_ontology
from lithograph.errors import InputError, UsageError
from lithograph.ontology.load import ontology_from_bytes
from lithograph.ontology.model import Ontology
from lithograph.testing.fake_model.anthropic import Anthropic
from lithograph.testing.fake_model.embeddings import EmbeddingsAsk, embeddings_ask
from lithograph.testing.fake_model.exchange import Call, Delivery, HttpRequest, Reply
from lithograph.testing.fake_model.faults import Chance, Fault, FaultSpec, Schedule
from lithograph.testing.fake_model.limits import Limits
from lithograph.testing.fake_model.openai import OpenAI, error
from lithograph.testing.fake_model.shapes import PROBLEMS, Dialect, Problem
from lithograph.testing.fake_model.stats import Counts, Stats
from lithograph.testing.fake_model.work import Desk, VectorWork, Work

_EMBEDDINGS: Final = "/v1/embeddings"
_DIALECTS: Final[Mapping[str, Dialect]] = {
    "/v1/chat/completions": OpenAI(),
    "/v1/messages": Anthropic(),
    _EMBEDDINGS: OpenAI(),
}
_DELIVERIES: Final = {
    Fault.TIMEOUT: Delivery.NEVER,
    Fault.DROP: Delivery.DROPPED,
    Fault.CUT: Delivery.CUT,
    Fault.DRIP: Delivery.DRIPPED,
}
_MODEL: Final = "fake-model"
_UNKNOWN, _UNSTRUCTURED = "unknown", "unstructured"
"""What the names of models begin with that do not exist, or that know no JSON schemas."""
_OUTAGE: Final = "outage"
_LONG_KEY: Final = 16


class _RefusedError(InputError):
    """A provider would not take this request, whenever it comes."""

    def __init__(self, problem: Problem, about: str) -> None:
        super().__init__(about)
        self.problem = problem


class _Faults(msgspec.Struct, frozen=True):
    fail: str


class FakeModel:
    """Stands in for the model providers: answers prompts through the rules extractor, and fails as it is told to.

    `ontologies` are those whose names it knows, the demo's when none are given; `latency` is the seconds from a request
    to its answer; `fail` is what `FaultSpec.parse` reads; with a `key`, requests must have it. `clock` gives seconds
    that only grow, `now` the time of day. Raises `UsageError` for a `fail` that is not understood.
    """

    def __init__(
        self,
        ontologies: Sequence[Ontology] = (),
        *,
        latency: float = 0.0,
        fail: str = "",
        key: str = "",
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._desk = Desk(ontologies or (ontology_from_bytes(demo_ontology(), source="ontology.ttl"),))
        self._latency, self._key, self._clock, self._now = latency, key, clock, now
        self._counts = Counts(clock)
        self._number = self._in_work = 0
        self.fail(fail)

    def fail(self, spec: str) -> None:
        """Replace the faults, from the next request on; an empty spec ends them. Raises `UsageError`."""
        parsed = FaultSpec.parse(spec)
        self._schedule = Schedule(parsed, self._clock)
        self._limits = Limits(parsed, self._clock)

    def stats(self) -> Stats:
        """Return what happened so far."""
        return self._counts.stats()

    def reset(self) -> None:
        """Forget what happened so far."""
        self._counts.reset()

    async def warm(self) -> None:
        """Load what the first answer needs, so that it takes no longer than the others."""
        await self._desk.warm()

    async def receive(self, request: HttpRequest) -> Call:
        """Return the reply to a request, which is in flight from now until `end`."""
        path = request.path.partition("?")[0]
        dialect = _DIALECTS.get(path) if request.method == "POST" else None
        if dialect is None:
            return self._controlled(request, path)
        self._counts.came()
        self._number += 1
        call = Call(self._number)
        try:
            self._unlock(request)
            work = await self._work(request, path, dialect)
        except _RefusedError as refused:
            call.reply = self._problem(dialect, call, refused.problem, str(refused))
        else:
            call.reply = self._answered(dialect, call, work)
        if call.reply.delivery not in (Delivery.NEVER, Delivery.DROPPED):
            self._counts.replied(call.reply.status)
        return call

    def end(self, call: Call, *, complete: bool) -> None:
        """Take note that a call is over; `complete` says whether all of its reply was sent."""
        if call.number:
            self._counts.went()
        self._in_work -= call.let_in
        if complete and call.good:
            self._counts.received(call.good)

    def _unlock(self, request: HttpRequest) -> None:
        given = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._key and given != self._key:
            raise _RefusedError(Problem.WRONG_KEY if given else Problem.NO_KEY, _masked(given))

    async def _work(self, request: HttpRequest, path: str, dialect: Dialect) -> Work:
        try:
            asked = embeddings_ask(request.body) if path == _EMBEDDINGS else dialect.ask(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as complaint:
            raise _RefusedError(Problem.BAD_REQUEST, str(complaint)) from complaint
        if asked.model.startswith(_UNKNOWN):
            raise _RefusedError(Problem.UNKNOWN_MODEL, asked.model)
        if asked.complaint:
            raise _RefusedError(Problem.BAD_REQUEST, asked.complaint)
        if isinstance(asked, EmbeddingsAsk):
            return VectorWork(asked)
        if asked.schema and asked.model.startswith(_UNSTRUCTURED):
            raise _RefusedError(Problem.UNSTRUCTURED, asked.model)
        try:
            return await self._desk.take(asked, dialect)
        except InputError as complaint:
            raise _RefusedError(Problem.BAD_REQUEST, str(complaint)) from complaint

    def _answered(self, dialect: Dialect, call: Call, work: Work) -> Reply:
        """Return the answer, unless the provider is down, a limit is reached or something else goes wrong."""
        prompted = work.prompted
        self._counts.asked(prompted)
        if self._schedule.out():
            self._counts.failed(_OUTAGE)
            return self._problem(dialect, call, Problem.UNAVAILABLE, prompted.model)
        refusal = self._limits.refusal(work.tokens, self._in_work)
        if refusal:
            self._counts.failed(refusal.limited)
            later = {"retry-after": str(ceil(refusal.seconds)), "retry-after-ms": str(ceil(refusal.seconds * 1000))}
            body = dialect.refusal(refusal, prompted.model, call.number)
            return Reply(429, body, self._headers(dialect, call) | later)
        call.let_in = True
        self._in_work += 1
        chance = self._schedule.draw(prompted.task, prompted.text)
        if chance:
            self._counts.failed(chance.fault)
        if chance and chance.fault in PROBLEMS:
            later = {"retry-after": f"{chance.seconds:g}"} if chance.fault is Fault.RATE_LIMITED_AFTER else {}
            return self._problem(dialect, call, PROBLEMS[chance.fault], prompted.model, later)
        return self._written(dialect, call, work, chance)

    def _written(self, dialect: Dialect, call: Call, work: Work, chance: Chance | None) -> Reply:
        written = work.write(chance.fault if chance else None, call.number, self._now())
        self._limits.settle(written.tokens)
        delivery = _DELIVERIES.get(chance.fault, Delivery.WHOLE) if chance else Delivery.WHOLE
        if delivery not in (Delivery.NEVER, Delivery.DROPPED):
            self._counts.charged(work.tokens, written.tokens)
        if written.good:
            call.good = work.prompted
        headers = self._headers(dialect, call)
        return Reply(200, written.body, headers, self._latency, delivery, chance.seconds if chance else 0.0)

    def _problem(
        self, dialect: Dialect, call: Call, problem: Problem, about: str, headers: Mapping[str, str] | None = None
    ) -> Reply:
        status, body = dialect.problem(problem, about, call.number)
        return Reply(status, body, self._headers(dialect, call) | dict(headers or {}))

    def _headers(self, dialect: Dialect, call: Call) -> dict[str, str]:
        return dialect.headers(call.number, self._limits, self._now())

    def _controlled(self, request: HttpRequest, path: str) -> Call:
        """Answer a request that is to no model: about the models, or about the fake model itself."""
        call = Call(0)
        match request.method, path:
            case "GET", "/v1/models":
                call.reply = self._listed(request, call)
            case "GET", "/stats":
                call.reply = Reply(200, msgspec.json.encode(self.stats()))
            case "POST", "/stats/reset":
                self.reset()
                call.reply = Reply(200, msgspec.json.encode(self.stats()))
            case "POST", "/faults":
                call.reply = self._replaced(request)
            case _:
                body = error(f"Unknown request URL: {request.method} {path}.", code="unknown_url")
                call.reply = Reply(404, body)
        return call

    def _listed(self, request: HttpRequest, call: Call) -> Reply:
        try:
            self._unlock(request)
        except _RefusedError as refused:
            return self._problem(OpenAI(), call, refused.problem, str(refused))
        model = {"id": _MODEL, "object": "model", "created": int(self._now().timestamp()), "owned_by": "lithograph"}
        return Reply(200, msgspec.json.encode({"object": "list", "data": [model]}))

    def _replaced(self, request: HttpRequest) -> Reply:
        try:
            self.fail(msgspec.json.decode(request.body, type=_Faults).fail)
        except (UsageError, msgspec.DecodeError, UnicodeDecodeError) as complaint:
            return Reply(400, error(str(complaint)))
        return Reply(200, request.body)


def _masked(key: str) -> str:
    """Return what may be said of a key: of a short one nothing."""
    return f"{key[:3]}***{key[-2:]}" if len(key) >= _LONG_KEY else "***"
