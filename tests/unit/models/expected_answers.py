"""What each recorded answer comes to, read and written down by hand.

The answers of `structured_ok.jsonl` hold the JSON that was asked for, but for those that call several tools with
different arguments: two answers where one was wanted. Those of `odd.jsonl` were kept since something is odd in them.
"""

from enum import StrEnum

from lithograph.errors import EmptyAnswerError, LithographError, MalformedError, RefusalError, TruncatedError


class Outcome(StrEnum):
    """What an answer comes to, and, for a `MalformedError`, the words of its message that give the reason."""

    JSON = ""
    TRUNCATED = "limit of tokens"
    REFUSED = "declined"
    EMPTY = "answered nothing"
    PROSE = "holds no JSON"
    SEVERAL = "several JSON values"
    BRACKETS = "never opened"
    NO_ANSWER = "instead of an answer"
    UNFINISHED = "a response that is"


ERRORS: dict[Outcome, type[LithographError]] = {
    Outcome.TRUNCATED: TruncatedError,
    Outcome.REFUSED: RefusalError,
    Outcome.EMPTY: EmptyAnswerError,
    Outcome.PROSE: MalformedError,
    Outcome.SEVERAL: MalformedError,
    Outcome.BRACKETS: MalformedError,
    Outcome.NO_ANSWER: MalformedError,
    Outcome.UNFINISHED: MalformedError,
}

STRUCTURED_EXCEPTIONS: dict[int, str] = {
    18: "two cities",
    19: "two cities",
    20: "two cities",
    23: "two cities",
    56: "a place with a unit, and a time zone, after prose",
    63: "seven cities",
    95: "a product and a sum",
    99: "two cities, Google",
    108: "a final result twice, with two cities",
    112: "a place and a time zone, after prose",
}

_ODD: list[tuple[Outcome, str, tuple[int | range, ...]]] = [
    (Outcome.TRUNCATED, "legacy completions of prose", (0, range(4, 33), 47, 58)),
    (Outcome.TRUNCATED, "chat completions of prose", (2, 3, 79, 163, range(171, 175))),
    (Outcome.TRUNCATED, "a completion behind Bedrock, thinking aloud", (51,)),
    (Outcome.TRUNCATED, "Anthropic's messages behind Bedrock", (54, 55, 188, 195)),
    (Outcome.TRUNCATED, "converse, and Nova without it; 148 and 149 end with a full stop", (61, range(147, 150))),
    (Outcome.TRUNCATED, "converse, and Nova without it, in ten words", (range(189, 195),)),
    (Outcome.TRUNCATED, "cut inside its thoughts", (92,)),
    (Outcome.TRUNCATED, "Google, with nothing but thoughts; 182 says it by number", (103, 182)),
    (Outcome.TRUNCATED, "Google, in the middle of a sentence", (108,)),
    (Outcome.REFUSED, "Azure's filter: a choice without a message", (1,)),
    (Outcome.REFUSED, "a refusal beside an empty content, finished normally", (range(33, 47),)),
    (Outcome.REFUSED, "a guardrail wrote something else in its place", (52, 53, 56)),
    (Outcome.REFUSED, "Google's filters, with and without words", (106, 107)),
    (Outcome.NO_ANSWER, "a prediction of Replicate: an image", (57,)),
    (Outcome.NO_ANSWER, "a guardrail asked by itself", (59, 60, 62)),
    (Outcome.NO_ANSWER, "a compacted conversation", (116, 123, range(126, 130), 132)),
    (
        Outcome.UNFINISHED,
        "a response in the background",
        (range(110, 113), 114, 120, 121, 124, 125),
    ),
    (Outcome.EMPTY, "Google: an image and no text", (104, 105)),
    (Outcome.EMPTY, "a response with an image, and a text of no characters", (113, 119, 122)),
    (Outcome.EMPTY, "a response that looks for a tool", (176,)),
    (Outcome.EMPTY, "converse: thoughts and no text", (150,)),
    (Outcome.JSON, "Anthropic, the JSON that was asked for, with a Retry-After beside it", (48, 49, 50)),
    (Outcome.JSON, "prose in double brackets around an object; 65 around an empty one", (64, 65)),
    (Outcome.JSON, "one call of a tool, with a Retry-After beside it", (91, range(143, 146))),
    (Outcome.JSON, "Anthropic, one call of a tool; 135 without arguments, 135 and 155 after prose", (135, 136, 151)),
    (Outcome.JSON, "Anthropic, one call of a tool, continued", (154, 155, 157, 159, range(164, 167), 169, 170)),
    (Outcome.JSON, "Anthropic, two tools called with the same arguments", (153, 161)),
    (Outcome.SEVERAL, "two tools called with different arguments", (142, 168, 178, 181)),
    (Outcome.PROSE, "prose in double brackets, which look like a list in a list", (63, 66, range(68, 79))),
    (Outcome.PROSE, "Google, finished by number", (67, 179, 180, range(183, 188))),
    (Outcome.PROSE, "Google: a call of what was not offered; its words are the text", (range(80, 85),)),
    (Outcome.PROSE, "a fence around what is no JSON", (85, range(93, 103), 130, 140)),
    (Outcome.PROSE, "prose after thoughts", (range(86, 91), 109)),
    (Outcome.PROSE, "a response of an unknown status; 131 is a bare number", (115, 117, 118, 131)),
    (Outcome.PROSE, "prose with a Retry-After beside it", (133, 134, range(137, 140), 146, 152, 156, 158)),
    (Outcome.PROSE, "prose with a Retry-After beside it, continued", (160, 162, 167)),
    (Outcome.PROSE, "Anthropic: a turn paused before its answer", (141,)),
    (Outcome.PROSE, "Mistral: a bare number after thoughts", (175,)),
    (Outcome.BRACKETS, "a shell script full of brackets, and lists among them", (177,)),
]


def odd_outcomes() -> dict[int, Outcome]:
    """Return the outcome of each line of `odd.jsonl`."""
    found: dict[int, Outcome] = {}
    for outcome, _, places in _ODD:
        for place in places:
            for index in place if isinstance(place, range) else (place,):
                assert index not in found
                found[index] = outcome
    return dict(sorted(found.items()))


ODD_VALUES: dict[int, object] = {
    64: {"x": 2, "y": 2},
    65: {},
    91: {"response": [2, 3, 5]},
    135: {},
    136: {"country": "Japan"},
    144: {"city": "Paris"},
    153: {"city": "London"},
    155: {"city": "Amsterdam"},
    166: {"city_a": "Madrid", "city_b": "Lisbon"},
}
"""What the answers come to in which the JSON is not the whole text."""
