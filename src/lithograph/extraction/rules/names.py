"""Names: where a text seems to name something, by capital letters, by emphasis, by the form of dates and numbers."""

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass

from lithograph.extraction.rules.lexicon import ABBREVIATIONS, CONNECTORS, LEGAL, MONTHS, NOT_NAMES, TITLES

_TOKEN = re.compile(r"[^\W_](?:[^\W_]|[.'’-](?=[^\W_]))*|&")
_EMPHASIS = re.compile(r"(?<![\w*_])([*_])(?=[^\s*_])([^*_\n]{2,90})(?<=\S)\1(?![\w*_])")
_HEADING = re.compile(r"(?m)^#{1,6} .*$")


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its offsets in the text."""

    text: str
    start: int
    end: int

    @property
    def plain(self) -> str:
        """The word in lower case, without full stops and a possessive ending."""
        return self.text.lower().replace("’", "'").removesuffix("'s").replace(".", "")

    @property
    def capital(self) -> bool:
        """Whether it begins with a capital letter, or with a digit and holds one."""
        return self.text[0].isupper() or (self.text[0].isdigit() and any(c.isupper() for c in self.text))

    @property
    def possessive(self) -> bool:
        """Whether it ends in `'s`."""
        return self.text.endswith(("'s", "’s"))


@dataclass(frozen=True, slots=True)
class Found:
    """A slice of the text that seems to name something; `titled` when it stands in emphasis, as titles of works do."""

    start: int
    end: int
    text: str
    titled: bool = False


def tokens_of(text: str) -> list[Token]:
    """Return the words of a text in order."""
    return [Token(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text)]


def names_in(text: str, kinds: Set[str]) -> Iterator[Found]:
    """Yield what looks like a name, in order.

    `kinds` are words in lower case after which `of` belongs to a name: `University of Dunholm`, but not `Josiah of
    Dunholm`. Headings are passed over, since every word of them may be capitalised.
    """
    emphasised = [match.span(2) for match in _EMPHASIS.finditer(text)]
    for start, end in emphasised:
        if any(character.isupper() for character in text[start:end]):
            yield Found(start, end, text[start:end], titled=True)
    closed = [*emphasised, *(match.span() for match in _HEADING.finditer(text))]
    words = [token for token in tokens_of(text) if not any(low <= token.start < high for low, high in closed)]
    firm = {token.text for token in words if token.capital and not _begins_sentence(text, token)}
    for run in _runs(text, words, kinds):
        trimmed = _trim(text, run, firm)
        if trimmed:
            end = _end(text, trimmed[-1])
            yield Found(trimmed[0].start, end, text[trimmed[0].start : end])


def _runs(text: str, words: list[Token], kinds: Set[str]) -> Iterator[list[Token]]:
    """Yield runs of capitalised words, with the small words that join them."""
    run: list[Token] = []
    held: list[Token] = []
    for token in words:
        last = held[-1] if held else run[-1] if run else None
        if last is not None and not _adjoin(text, last, token):
            yield run
            run, held, last = [], [], None
        if token.capital or (run and not held and token.text.isdigit()):
            run += [*held, token]
            held = []
        elif run and token.text.lower() in CONNECTORS and _joins(run, held, token, kinds):
            held.append(token)
        else:
            if run:
                yield run
            run, held = [], []
    if run:
        yield run


def _adjoin(text: str, one: Token, other: Token) -> bool:
    gap = text[one.end : other.start]
    if one.possessive:
        return False
    if gap.startswith("."):
        abbreviated = one.plain in ABBREVIATIONS or len(one.text) == 1
        return abbreviated and gap[1:].strip(" ") == "" and len(gap) <= 2
    return gap.strip(" \n") == "" and gap.count("\n") < 2


def _joins(run: list[Token], held: list[Token], token: Token, kinds: Set[str]) -> bool:
    word = token.text.lower()
    if held:
        return word in ("the", "la", "der") and len(held) == 1
    if word in ("of", "for"):
        return any(part.plain in kinds for part in run)
    return word not in ("the", "and", "y") or (any(part.plain in kinds for part in run) and word == "and")


def _trim(text: str, run: list[Token], firm: Set[str]) -> list[Token]:
    """Return the run without what is no name: words that every sentence may begin with, bare numbers, dates.

    A word that begins a sentence is only believed to be a name when it is capitalised elsewhere too (`firm`).
    """
    while run and (run[0].plain in NOT_NAMES or run[0].text.isdigit()):
        run = run[1:]
    if all(token.plain in MONTHS or token.plain in TITLES or token.text.isdigit() for token in run):
        return []
    if len(run) == 1 and (len(run[0].text) < 2 or (_begins_sentence(text, run[0]) and run[0].text not in firm)):
        return []
    return run


def _begins_sentence(text: str, token: Token) -> bool:
    before = text[: token.start].rstrip(" \n\"“‘'(*_")
    return not before or before[-1] in '.!?:|”"' or "\n\n" in text[len(before) : token.start]


def _end(text: str, last: Token) -> int:
    """Return where a name ends: before a possessive ending, after the full stop of `Ltd.`."""
    if last.possessive:
        return last.end - 2
    return last.end + 1 if last.plain in LEGAL and text[last.end : last.end + 1] == "." else last.end
