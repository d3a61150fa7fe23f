"""What each recorded error means, read and written down by hand.

Every line of both files is an error. A line of its own here has something to it; the others are grouped.
"""

from dataclasses import dataclass

from lithograph.resilience.classify import Fault, Trouble


@dataclass(frozen=True, slots=True)
class Expected:
    """A class, with the seconds to wait and the trouble with the text where there are any."""

    fault: Fault
    why: str
    retry_after: float | None = None
    trouble: Trouble | None = None


def _permanent(why: str) -> Expected:
    return Expected(Fault.PERMANENT, why)


def _limited(why: str, retry_after: float | None = None) -> Expected:
    return Expected(Fault.RATE_LIMITED, why, retry_after)


def _too_long(why: str) -> Expected:
    return Expected(Fault.CONTENT, why, trouble=Trouble.TOO_LONG)


NO_SUCH_MODEL = _permanent("the model, or the deployment of it, is not there")
NOT_SUPPORTED = _permanent("the model does not do what the request asks for, or not in these words")
BAD_KEY = _permanent("the key is wrong")
UNREADABLE = _permanent("something that the request points at cannot be fetched")

ERRORS: dict[int, Expected] = {
    0: _permanent("Azure: no such deployment; 'wait a moment and try again' is only for one that is five minutes old"),
    1: UNREADABLE,
    2: BAD_KEY,
    3: NOT_SUPPORTED,
    4: _permanent("the model has been retired; the code says model_not_found"),
    5: _permanent("Cohere: the model was removed"),
    6: _permanent("Cohere: the model was removed"),
    7: UNREADABLE,
    8: NO_SUCH_MODEL,  # Ollama: the error is a text
    9: BAD_KEY,  # and repeats it
    10: BAD_KEY,  # and repeats what is left of it
    11: NOT_SUPPORTED,
    12: NOT_SUPPORTED,
    13: _permanent("'the model returned errors' about a malformed request: the request is at fault, not the answer"),
    14: NOT_SUPPORTED,
    15: NOT_SUPPORTED,
    16: NOT_SUPPORTED,
    17: NOT_SUPPORTED,
    18: _permanent("'the model returned errors' about a field that the request lacks"),
    19: UNREADABLE,
    20: _permanent("DeepSeek: the conversation lacks the output of a tool"),
    21: NOT_SUPPORTED,
    22: NOT_SUPPORTED,
    23: _permanent("the conversation lacks what must follow a thought"),
    24: NOT_SUPPORTED,
    25: NOT_SUPPORTED,
    26: NOT_SUPPORTED,
    27: NOT_SUPPORTED,
    28: NO_SUCH_MODEL,
    29: NOT_SUPPORTED,
    30: NO_SUCH_MODEL,
    31: Expected(Fault.CONTENT, "Groq: the model did not call the tool that it had to", trouble=Trouble.UNUSABLE),
    32: Expected(Fault.CONTENT, "Groq: the model's arguments break the schema", trouble=Trouble.UNUSABLE),
    33: _limited("OpenRouter: 'Provider returned error' with the limit only in the upstream text, and no delay"),
    34: NO_SUCH_MODEL,
    35: NO_SUCH_MODEL,
    36: NO_SUCH_MODEL,
    37: NO_SUCH_MODEL,
    38: NO_SUCH_MODEL,  # with a 400
    39: NO_SUCH_MODEL,
    40: NO_SUCH_MODEL,
    41: NO_SUCH_MODEL,
    42: NO_SUCH_MODEL,
    43: NO_SUCH_MODEL,
    44: NO_SUCH_MODEL,
    45: NO_SUCH_MODEL,  # Voyage: a detail, with a 400
    46: NO_SUCH_MODEL,
    47: NO_SUCH_MODEL,
    48: NO_SUCH_MODEL,
    49: NO_SUCH_MODEL,
    50: NO_SUCH_MODEL,
    51: NOT_SUPPORTED,
    52: NOT_SUPPORTED,
    53: NO_SUCH_MODEL,
    54: NO_SUCH_MODEL,
    55: NO_SUCH_MODEL,
    56: NO_SUCH_MODEL,
    57: NO_SUCH_MODEL,
}

ISSUE_ERRORS: dict[int, Expected] = {
    0: Expected(Fault.OVERLOADED, "Anthropic, 529"),
    1: Expected(Fault.OVERLOADED, "Anthropic, 529, with details that are null"),
    2: _limited("'reduce the prompt length, or try again later': later is enough for one that fits into a minute"),
    3: _limited("the type says invalid_request_error, the status and the code say what it is"),
    4: _too_long("a prompt longer than the context"),
    5: _too_long("a prompt and an answer that are together longer than the context"),
    6: _limited("the delay is only in the message, in seconds", 1.574),
    7: _limited("the delay is only in the message, in milliseconds", 0.644),
    8: _too_long("one request above the limit of a minute: waiting never helps, less text does"),
    9: _permanent("unpaid, by type and code"),
    10: _permanent("unpaid, by type alone"),
    11: _limited("the body was cut in the report; the status is all there is"),
    12: _limited("an empty body, and headers that say -1 and 0"),
    13: _too_long("by its code"),
    14: _too_long("by its message alone: the code is that of any bad request"),
    15: _too_long("vLLM: without an envelope, the code is a number"),
    16: _limited("Google: 'e.g. check quota' is said of any limit"),
    17: _limited("Google: worded like an unpaid bill, but the quota is that of a minute", 26.0),
    18: _permanent("Google: the quota of a day is used up, whatever the 47 s say"),
    19: _limited("Vertex: try again later"),
    20: Expected(Fault.TRANSIENT, "a page of the proxy, 502"),
    21: Expected(Fault.TRANSIENT, "the server had an error"),
    22: Expected(Fault.OVERLOADED, "a response that failed, in a 200"),
    23: Expected(Fault.TRANSIENT, "the title of a page of the proxy, 520"),
}
