"""Refusals: what is wrong when a provider answers with an error, in one sentence that says what to do.

What an error means is known elsewhere, for all providers. Here its words get the host's name in front, and those that
a person can do something about get said: the key, the name of the model, the address, JSON of a schema.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from lithograph.errors import LithographError, MalformedError, RejectedError
from lithograph.models.endpoint import Reply
from lithograph.models.wire import WireAnswer, read_wire
from lithograph.resilience.classify import Fault, Verdict, classify, error_of
from lithograph.resilience.complaint import Complaint, anything_said, complaint_of
from lithograph.resilience.redact import redact

_PROVIDER: Final = "the provider"
"""What whoever reads an answer calls the host, not knowing it."""
_REMOVED: Final = "[removed]"
_SHORT: Final = 6
"""Characters up to which a key may be a word of the sentence by chance, such as `none`."""

_NOT: Final = re.compile(
    r"not (?:be )?(?:support|allow|permit|available|recogni[sz]|accept)|unsupported|unavailable|unrecognized|unknown"
    r"|unexpected|extra_forbidden"
)
_STRUCTURED: Final = re.compile(
    r"response[ _]format|json[ _]schema|output[ _]format|output[ _]config|structured[ _]output"
)
_NO_MODEL: Final = re.compile(
    r"\bmodels?\b.{0,100}?(?:not found|not exist|was removed|deprecated|not a valid model)"
    r"|\bmodel (?:identifier|name|id)\b.{0,60}?invalid|\bmodel \S+ is not supported"
    r"|(?:invalid|unknown|no such|not a valid) model\b|^model: |\bno endpoints found for\b"
)
_NO_SERVER: Final = re.compile(r"\b(?:url|path|route|page|method)\b|^not found\.?$")
_KEYS: Final = re.compile(r"(?:api|subscription)[ _-]?key|authenticat|unauthorized|credential")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked: a host, a model there, and the key, with the environment variable that it is set by."""

    host: str
    model: str
    variable: str
    key: str = field(repr=False)


def answer_in(reply: Reply, asked: Asked, now: float) -> WireAnswer:
    """Return the answer of a model. `now` is in seconds since 1970.

    Raises what `body_of` does, and `MalformedError` for a body that is no answer.
    """
    body = body_of(reply, asked, now)
    if isinstance(body, str) and body.lstrip().startswith("<"):
        raise RejectedError(f"{asked.host} sent a page of HTML instead of an answer; check the base URL")
    try:
        return read_wire(body)
    except MalformedError as error:
        said = str(error)  # which may repeat the key, so it is no cause
    raise MalformedError(_without(asked.key, said).replace(_PROVIDER, asked.host, 1))


def body_of(reply: Reply, asked: Asked, now: float) -> object:
    """Return the body of a reply that is no error; raises the error that it is otherwise, without the key in it."""
    verdict = classify(reply.status, reply.headers, reply.body, now)
    if verdict is None:
        return reply.body
    raise _error(reply, verdict, asked)


def rejects(reply: Reply, parameter: str) -> bool:
    """Whether a reply complains that a parameter is not known or may not have this value."""
    if reply.status not in (400, 422):
        return False
    text = str(reply.body).lower()
    return re.search(rf"\b{parameter}\b", text) is not None and _NOT.search(text) is not None


def _error(reply: Reply, verdict: Verdict, asked: Asked) -> LithographError:
    message = verdict.message
    said = f"{asked.host} answered {message if message.startswith('HTTP ') else f'HTTP {reply.status}: {message}'}"
    remedy = _remedy(reply, asked) if verdict.fault is Fault.PERMANENT else ""
    return error_of(replace(verdict, message=_without(asked.key, f"{remedy} ({said})" if remedy else said)))


def _remedy(reply: Reply, asked: Asked) -> str:
    """Return what a person has to do before anything can come of it, empty where the provider's words must do."""
    complaint, status = anything_said(reply.headers, reply.body), reply.status
    text = complaint.text.lower()
    if 300 <= status < 400:
        elsewhere = redact(reply.headers.get("location", "another address"))
        return f"{asked.host} sends requests on to {elsewhere}; give the address that it means as the base URL"
    if status == 401 or (status in (400, 403) and _KEYS.search(text)):
        return f"{asked.host} does not accept the key; set {asked.variable} to one that is valid there"
    if _no_model(status, complaint, text):
        return f"{asked.host} has no model {asked.model!r} for this key; check its name"
    if status in (404, 405) and (complaint_of(reply.headers, reply.body) is None or _NO_SERVER.search(text)):
        return f"{asked.host} has no model server at that address; check the base URL, which often ends in /v1"
    if _STRUCTURED.search(text) and _NOT.search(text) and "invalid schema" not in text:
        return f"{asked.model!r} at {asked.host} cannot answer in JSON of a schema; choose a model that can"
    return ""


def _no_model(status: int, complaint: Complaint, text: str) -> bool:
    if "model_not_found" in complaint.codes or "deploymentnotfound" in complaint.codes:
        return True
    return status in (400, 404, 422) and _NO_MODEL.search(text) is not None and not _STRUCTURED.search(text)


def _without(key: str, text: str) -> str:
    """Return a text without the key, which a provider may repeat in a form that nothing else recognises."""
    return text.replace(key, _REMOVED) if len(key) > _SHORT else text
