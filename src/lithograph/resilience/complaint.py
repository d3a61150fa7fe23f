"""A complaint: what an error answer says, found in the shapes in which providers say it.

    {"error": {"message", "type", "code"}}                   OpenAI, Azure, Groq, DeepSeek, OpenRouter
    {"type": "error", "error": {"type", "message"}}          Anthropic
    {"error": {"code", "status", "message", "details"}}      Google
    {"error": "text"}                                        Ollama
    {"object": "error", "message", "type", "code"}           Mistral, vLLM
    {"message"}, with the kind in a header                   Bedrock; Cohere without one
    {"detail"}                                               Voyage, and whatever runs on FastAPI
    a page of HTML                                           the proxy before any of them

An error may also lie in a 200: a router that passes on what went wrong upstream, a choice or a response that failed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lithograph.resilience.redact import redact

_LONGEST = 300
_DEEPEST = 4
"""Error objects in error objects that are looked into: a bound, not a format."""

_SPEAKS = ("message", "detail", "msg", "error_description", "error")
_TITLE = re.compile(r"<title[^>]*>([^<]+)", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error answer says.

    `codes` are its codes, types and reasons in lower case. `text` is its words on one line, without secrets; maybe
    empty. `quotas` names the quotas that are used up, and `delays` the waits, where the body lists them.
    """

    codes: frozenset[str]
    text: str
    quotas: tuple[str, ...] = ()
    delays: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Its words, 300 characters of them at most."""
        return self.text if len(self.text) <= _LONGEST else f"{self.text[: _LONGEST - 1]}…"

    def says(self, codes: frozenset[str], words: tuple[str, ...]) -> bool:
        """Whether any of the codes is among its codes, or any of the words, in lower case, stands in its text."""
        return not codes.isdisjoint(self.codes) or any(word in self.text.lower() for word in words)


def complaint_of(headers: Mapping[str, str], body: object) -> Complaint | None:
    """Return what a body complains of, also when it came with a 200; none where it holds no error object.

    `headers` have names in lower case; `body` is parsed JSON, or text, or none.
    """
    found = _error(body)
    return None if found is None else _read(headers, found)


def anything_said(headers: Mapping[str, str], body: object) -> Complaint:
    """Return what the body of an answer says that is known to be an error, whatever its shape."""
    found = _error(body)
    return _read(headers, body if found is None else found)


def _error(body: object) -> object | None:
    """Return the error object of a body: its own, or that of the response or the choice that failed."""
    top = _object(body[0] if isinstance(body, list) and body else body)
    choices = top.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    for holder in (top, _object(top.get("response")), _object(choice)):
        if holder.get("error"):
            return holder["error"]
    return top if "error" in (top.get("object"), top.get("type")) else None


def _read(headers: Mapping[str, str], error: object) -> Complaint:
    parts = list(_parts(_object(error)))
    codes = {str(part[key]).lower() for part in parts for key in ("code", "type", "status", "reason") if part.get(key)}
    kind = headers.get("x-amzn-errortype", "").partition(":")[0].lower()
    return Complaint(
        frozenset(codes | ({kind} if kind else set())),
        redact(_said(error)),
        tuple(str(part["quotaId"]) for part in parts if "quotaId" in part),
        tuple(str(part["retryDelay"]) for part in parts if "retryDelay" in part),
    )


def _parts(error: dict[str, object], depth: int = 0) -> Iterator[dict[str, object]]:
    """Yield an error object and the objects in it that say more about it."""
    yield error
    for key in ("innererror", "details", "errors", "violations"):
        within = error.get(key)
        for part in within if isinstance(within, list) else [within]:
            if isinstance(part, dict) and depth < _DEEPEST:
                yield from _parts(part, depth + 1)


def _said(value: object, depth: int = 0) -> str:
    """Return what an error says in words, with what an upstream provider said behind it."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return _plain(value)
    if not isinstance(value, dict) or depth == _DEEPEST:
        return ""
    own = next((_said(value[key], depth + 1) for key in _SPEAKS if value.get(key)), "")
    upstream = _said(_parsed(_object(value.get("metadata")).get("raw")), depth + 1)
    return f"{own}: {upstream}" if own and upstream else own or upstream


def _parsed(raw: object) -> object:
    """Return what an upstream provider answered, parsed where it is an error object as text."""
    if isinstance(raw, str) and raw.lstrip().startswith("{"):
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            return raw
    return raw


def _plain(text: str) -> str:
    """Return a text, or the title of a page, or else its words."""
    text = text[:2000].strip()
    if not text.startswith("<"):
        return text
    title = _TITLE.search(text)
    return title[1] if title else _TAG.sub(" ", text)


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
