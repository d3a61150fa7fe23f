"""Values: dates, years, amounts and numbers in a text, with the XSD form that they stand for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lithograph.domain.facts import XSD
from lithograph.domain.ids import Iri
from lithograph.extraction.rules.lexicon import MONTHS

DATE, YEAR, DECIMAL, INTEGER = (Iri(XSD + name) for name in ("date", "gYear", "decimal", "integer"))
YEAR_MONTH = Iri(XSD + "gYearMonth")

_MONTH = "|".join(MONTHS)
_PATTERN = re.compile(
    rf"(?P<iso>\b[0-9]{{4}}-[0-9][0-9]-[0-9][0-9]\b)"
    rf"|(?P<dmy>\b(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<month>{_MONTH}),? (?P<year>[0-9]{{4}})\b)"
    rf"|(?P<mdy>\b(?P<month2>{_MONTH}) (?P<day2>[0-9]{{1,2}})(?:st|nd|rd|th)?, ?(?P<year2>[0-9]{{4}})\b)"
    rf"|(?P<my>\b(?P<month3>{_MONTH}),? (?P<year3>[0-9]{{4}})\b)"
    r"|(?P<amount>[£$€¥] ?(?P<sum>[0-9][0-9,]*(?:\.[0-9]+)?)(?: (?P<scale>thousand|million|billion)\b)?)"
    r"|(?P<number>(?<![\w.,-])-?[0-9][0-9,]*(?:\.[0-9]+)?\b(?: (?P<scale2>thousand|million|billion)\b)?)",
    re.IGNORECASE,
)
_SCALES = {"thousand": 3, "million": 6, "billion": 9}


@dataclass(frozen=True, slots=True)
class Value:
    """A value as written, and what it is as each of its possible datatypes: `1893` is a year and an integer."""

    start: int
    end: int
    text: str
    readings: tuple[tuple[Iri, str], ...]

    def reading(self, datatypes: frozenset[Iri]) -> tuple[Iri, str] | None:
        """Return the first reading of one of `datatypes`; any reading when they are empty; None when none fits."""
        return next((reading for reading in self.readings if not datatypes or reading[0] in datatypes), None)


def values_in(text: str) -> Iterator[Value]:
    """Yield the values of a text in order; they do not overlap."""
    for match in _PATTERN.finditer(text):
        readings = tuple(_readings(match))
        if readings:
            yield Value(match.start(), match.end(), match[0], readings)


def _readings(match: re.Match[str]) -> Iterator[tuple[Iri, str]]:
    if match["iso"]:
        yield DATE, match["iso"]
        yield YEAR, match["iso"][:4]
    elif match["dmy"]:
        yield from _date(match["year"], match["month"], match["day"])
    elif match["mdy"]:
        yield from _date(match["year2"], match["month2"], match["day2"])
    elif match["my"]:
        yield YEAR_MONTH, f"{match['year3']}-{MONTHS[match['month3'].casefold()]:02d}"
        yield YEAR, match["year3"]
    else:
        yield from _number(match)


def _date(year: str, month: str, day: str) -> Iterator[tuple[Iri, str]]:
    if 1 <= int(day) <= 31:
        yield DATE, f"{year}-{MONTHS[month.casefold()]:02d}-{int(day):02d}"
    yield YEAR, year


def _number(match: re.Match[str]) -> Iterator[tuple[Iri, str]]:
    written, scale = (
        (match["sum"], match["scale"]) if match["amount"] else (match["number"].split(" ")[0], match["scale2"])
    )
    plain = _scaled(written.replace(",", ""), _SCALES.get((scale or "").casefold(), 0))
    if not match["amount"] and not scale and re.fullmatch(r"1[0-9]{3}|20[0-9]{2}", written):
        yield YEAR, plain
    if "." not in plain:
        yield INTEGER, plain
    yield DECIMAL, plain


def _scaled(number: str, zeros: int) -> str:
    """Return a decimal numeral times a power of ten, without going through binary fractions."""
    whole, _, fraction = number.partition(".")
    fraction = fraction.ljust(zeros, "0")
    whole, fraction = whole + fraction[:zeros], fraction[zeros:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
