"""Fields: what a JSON object holds, or a clear error."""

from collections.abc import Iterator

from lithograph.errors import DocumentError


class Fields:
    """A JSON object whose values are asked for by key and kind; `where` names its file and line in errors.

    A key whose value is null is as good as absent. What is absent is an empty list, or the default, or an error.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise DocumentError(f"{where}: a JSON object was expected, not {_shown(value)}")
        self._value: dict[str, object] = value
        self.where = where

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string."""
        value = self._value.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._wrong(key, "a string", value)
        return value

    def whole(self, key: str) -> int:
        """Return an integer."""
        value = self._value.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(key, "an integer", value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        values = self._list(key)
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(key, "a list of strings", values)
        return tuple(str(value) for value in values)

    def wholes(self, key: str) -> tuple[int, ...]:
        """Return a list of integers."""
        numbers = _integers(self._list(key))
        if numbers is None:
            raise self._wrong(key, "a list of integers", self._value[key])
        return tuple(numbers)

    def pairs(self, key: str) -> tuple[tuple[int, int], ...]:
        """Return a list of pairs of integers."""
        found = []
        for pair in self._list(key):
            numbers = _integers(pair) if isinstance(pair, list) else None
            if numbers is None or len(numbers) != 2:
                raise self._wrong(key, "a list of pairs of integers", pair)
            found.append((numbers[0], numbers[1]))
        return tuple(found)

    def objects(self, key: str) -> tuple["Fields", ...]:
        """Return a list of objects."""
        return tuple(Fields(value, f"{self.where}, {key}") for value in self._list(key))

    def _list(self, key: str) -> list[object]:
        value = self._value.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(key, "a list", value)
        return value

    def _wrong(self, key: str, expected: str, value: object) -> DocumentError:
        return DocumentError(f"{self.where}: {key!r} should be {expected}, not {_shown(value)}")


def _integers(values: list[object]) -> list[int] | None:
    numbers = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
    return numbers if len(numbers) == len(values) else None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
