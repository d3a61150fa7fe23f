"""Everything that Lithograph raises on purpose.

    LithographError
    ├── TransientError            the same call may succeed later
    │   ├── StorageError          the database cannot be written or read now: full, locked, unreachable, damaged
    │   ├── UnavailableError      a provider could not answer: timeout, connection, a server error
    │   │   └── UnreachableError  nothing answers at its address
    │   ├── RateLimitedError      a provider said: later; it may say when
    │   ├── OverloadedError       a provider has too much to do, whoever asks
    │   └── CircuitOpenError      a provider has failed so often that it is not asked for a while
    ├── BlockedError              nothing can go on for now; what is finished is kept, and the rest continues later
    │   ├── BudgetError           a budget of tokens or money does not allow another call
    │   └── OutageError           a provider has been away for longer than anybody wanted to wait
    └── PermanentError            it will not
        ├── InputError            what the user gave is unusable; the message says what, where, what to do
        │   ├── UsageError        an option, a path, a combination of them
        │   │   ├── HeldError     another process works on this file
        │   │   └── NotFoundError what was named is not there, or is another organisation's
        │   ├── DocumentError     a file that is missing, empty, encrypted, broken or of no known kind
        │   └── OntologyError     an ontology that is missing, empty or broken, with the line where known
        ├── StateError            an execution is not in a state that allows this; names both states
        ├── FencedError           this worker lost its execution to another one and must stop
        ├── InvariantError        a domain value that contradicts itself or its document
        ├── RejectedError         a provider refuses the request as it is: key, model, parameters, quota
        ├── ExhaustedError        a provider was asked as often as it may be, and failed each time
        ├── AnswerError           an extractor answered with something that cannot be used
        │   ├── TruncatedError    the answer ends in the middle: the length limit was reached
        │   ├── RefusalError      the model declined, or a filter did
        │   ├── EmptyAnswerError  nothing was answered
        │   └── MalformedError    not JSON, or not of the schema
        ├── ActivityError         an activity failed for good, after all its attempts
        └── IncompleteError       an execution under `on_missing=fail` that could not finish every chunk

The first split decides whether anything is tried again. A message is one sentence for a person and never holds a
secret.
"""


class LithographError(Exception):
    """The root: catch this to catch all of it."""


def innermost(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first single error of a group of tasks: the others are its consequences, or say the same."""
    found = group.exceptions[0]
    return innermost(found) if isinstance(found, BaseExceptionGroup) else found


class TransientError(LithographError):
    """The same call may succeed when it is made again."""


class StorageError(TransientError):
    """The database cannot be used at the moment; the message says why and what to do."""


class UnavailableError(TransientError):
    """A provider could not answer: a timeout, a lost connection, an error of its own."""


class UnreachableError(UnavailableError):
    """Nothing answers at a provider's address: it is wrong, or nothing runs there."""


class RateLimitedError(TransientError):
    """A provider said that this is too much for now; `retry_after` is the seconds that it asks to wait, if it does."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OverloadedError(TransientError):
    """A provider has too much to do at the moment, whoever asks."""


class CircuitOpenError(TransientError):
    """A provider has failed so often that it is not asked; in `seconds` it may be tried again."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class BlockedError(LithographError):
    """Nothing can go on for now: an execution is suspended, and continues when the reason is gone."""


class BudgetError(BlockedError):
    """A budget of tokens or money does not allow another call."""


class OutageError(BlockedError):
    """A provider has been away for longer than anybody wanted to wait."""


class PermanentError(LithographError):
    """The same call will fail again."""


class InputError(PermanentError):
    """Something that the user gave cannot be used."""


class UsageError(InputError):
    """An option, a path or a combination of options cannot be used."""


class HeldError(UsageError):
    """Another process works on this file; the message names it."""


class NotFoundError(UsageError):
    """What was named is not there, or belongs to another organisation: nobody can tell which. `what` names it."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(f"there is no {what}{hint and ': '}{hint}")
        self.what = what


class DocumentError(InputError):
    """A document cannot be read; the message names the file."""


class OntologyError(InputError):
    """An ontology cannot be used; the message names the file and, where it is known, the line."""


class StateError(PermanentError):
    """An execution's status does not allow what was asked; the message names both states."""


class FencedError(PermanentError):
    """Another worker owns the execution now. Whoever gets this stops and writes nothing more."""


class InvariantError(PermanentError):
    """A value contradicts itself or the document that it points into."""


class RejectedError(PermanentError):
    """A provider refuses the request as it is: a wrong key, an unknown model, a bad request, an exhausted quota."""


class ExhaustedError(PermanentError):
    """A provider was asked `attempts` times, as often as it may be, and failed each time."""

    def __init__(self, message: str, attempts: int) -> None:
        super().__init__(message)
        self.attempts = attempts


class AnswerError(PermanentError):
    """An extractor's answer cannot be used at all."""


class TruncatedError(AnswerError):
    """An answer ends in the middle, since its limit of tokens was reached."""


class RefusalError(AnswerError):
    """A model declined to answer, or a filter stopped it."""


class EmptyAnswerError(AnswerError):
    """A model answered nothing."""


class MalformedError(AnswerError):
    """An answer is not the JSON that was asked for; the message says where it departs from it."""


class ActivityError(PermanentError):
    """An activity failed for good. `attempts` counts the tries; the reason is the cause and the message."""

    def __init__(self, activity: str, reason: str, attempts: int) -> None:
        super().__init__(reason)
        self.activity = activity
        self.attempts = attempts


class IncompleteError(PermanentError):
    """A chunk failed for good while the policy was to fail."""
