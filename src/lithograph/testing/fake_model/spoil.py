"""Spoil: what a model can do wrong when it writes its answer."""

from dataclasses import replace

import msgspec

from lithograph.testing.fake_model.faults import Fault
from lithograph.testing.fake_model.shapes import Completion, Finish

_NONSENSE = "as stated in the text"


def spoiled(completion: Completion, fault: Fault) -> Completion:
    """Return an answer with a fault of its writing; the same one for any other fault."""
    text = completion.text
    match fault:
        case Fault.TRUNCATED:
            return replace(completion, text=_half(text))
        case Fault.LENGTH:
            return Completion(_half(text), Finish.LENGTH)
        case Fault.FENCED:
            return replace(completion, text=f"```json\n{text}\n```")
        case Fault.PROSE:
            return replace(completion, text=f"Here is what the text says:\n\n{text}\n\nLet me know if you need more.")
        case Fault.REFUSAL:
            return Completion("I'm sorry, but I can't assist with that request.", Finish.REFUSAL)
        case Fault.EMPTY:
            return replace(completion, text="")
        case Fault.MALFORMED:
            return replace(completion, text=_malformed(text))
        case _:
            return completion


def _half(text: str) -> str:
    return text[: max(1, len(text) // 2)]


def _malformed(text: str) -> str:
    """Return the same names with values that no schema of ours allows, or a list where there are no names."""
    try:
        found: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = None
    names = [str(name) for name in found] if isinstance(found, dict) else []
    return msgspec.json.encode(dict.fromkeys(names, _NONSENSE) or [_NONSENSE]).decode()
