"""Names: how one thing is written in several ways.

A name is compared by its words, without titles, articles, punctuation and case. The rules are those of English and of
scripts that write their words apart; a name in another script is only ever equal to itself.
"""

import re
import unicodedata
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’.&+-][^\W_]+)*[+#]*")
_TITLES = {
    **dict.fromkeys("mr mister sir lord".split(), "m"),
    **dict.fromkeys("mrs ms miss lady madam dame".split(), "f"),
    **dict.fromkeys(
        "dr prof professor doctor rev reverend capt captain col colonel gen general major lt lieutenant sgt president "
        "judge justice senator sen hon saint admiral commander".split(), ""
    ),
}  # fmt: skip
_ARTICLES = frozenset(("the", "a", "an"))
_SMALL = frozenset("of the and for in on at to de la le du des der und & a an".split())
_LEGAL = frozenset(
    "inc incorporated ltd limited llc plc corp corporation co company gmbh ag sa bv nv llp lp sons".split()
)


@dataclass(frozen=True, slots=True)
class Name:
    """`words` are lower-cased, without title and article; `initials` those of the words that an acronym would count.

    `acronym` is the name itself, in lower case without full stops, when it is written like an acronym, else empty.
    `gender` is `m` or `f` when a title says so.
    """

    words: tuple[str, ...]
    initials: frozenset[str]
    acronym: str
    gender: str

    @property
    def key(self) -> str:
        """What equal names have in common: their words without the spaces between them."""
        return "".join(self.words)

    @property
    def numeric(self) -> bool:
        """Whether the name is a number, a date or an amount: such names have no variants, only values."""
        return any(word[0].isdigit() for word in self.words)


def name_of(surface: str) -> Name:
    """Return what matters of a surface form. A surface without any letter or digit is its own only word."""
    text = unicodedata.normalize("NFKC", surface).replace("’", "'")
    written = _WORD.findall(text) or [text.strip() or surface]
    words = [_plain(word) for word in written]
    gender = ""
    while len(words) > 1 and (words[0] in _ARTICLES or words[0] in _TITLES):
        gender = gender or _TITLES.get(words[0], "")
        del words[0], written[0]
    while len(words) > 1 and words[-1] in _LEGAL:
        del words[-1], written[-1]
    return Name(tuple(words), _initials(words), _acronym(written), gender)


def _plain(word: str) -> str:
    written = word
    word = word.casefold().removesuffix("'s").replace(".", "").replace("'", "")
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c)) or written


def _initials(words: list[str]) -> frozenset[str]:
    parts = [part for word in words for part in word.split("-") if part]
    every = "".join(part[0] for part in parts)
    large = "".join(part[0] for part in parts if part not in _SMALL)
    return frozenset(found for found in (every, large) if len(found) > 1)


def _acronym(written: list[str]) -> str:
    if len(written) != 1:
        return ""
    letters = written[0].replace(".", "")
    return letters.casefold() if 2 <= len(letters) <= 8 and letters.isalpha() and letters.isupper() else ""


def expands(long: Name, short: Name) -> bool:
    """Whether `short` is an acronym of `long`."""
    return bool(short.acronym) and short.acronym in long.initials


def called_for_short(short: Name, long: Name) -> bool:
    """Whether a person called `long` goes by `short`: first or last names, or with middle names left out or
    abbreviated.
    """
    count = len(short.words)
    if count >= len(long.words) or short.numeric or not set(short.words) - _SMALL:
        return False
    if short.gender and long.gender and short.gender != long.gender:
        return False
    return short.words in (long.words[:count], long.words[-count:]) or _skips(short.words, long.words)


def _skips(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    if len(short) < 2 or short[-1] != long[-1]:
        return False
    rest = iter(long[:-1])
    return all(any(_stands_for(word, full) for full in rest) for word in short[:-1])


def _stands_for(word: str, full: str) -> bool:
    return word == full or (len(word) == 1 and full.startswith(word))
