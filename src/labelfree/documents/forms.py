"""The forms of reports and records as they come from files: what must be there, and of which kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labelfree.results import GREATEST


@dataclass(frozen=True)
class Expected:
    """A kind of value: what messages call it, and whether a value is one."""

    noun: str
    holds: Callable[[Any], bool]

    def __or__(self, other: Expected) -> Expected:
        return Expected(f"{self.noun} or {other.noun}", lambda value: self.holds(value) or other.holds(value))


def is_number(value: Any) -> bool:
    """Whether a value read from JSON is a number; true and false are none, nor is what cannot be computed with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= GREATEST


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _numbers(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(is_number, value))


NOTHING = Expected("null", lambda value: value is None)
TEXT = Expected("text", lambda value: isinstance(value, str))
NUMBER = Expected("a number", is_number)
WHOLE = Expected("a whole number", _is_whole)
NUMBERS = Expected("numbers", _numbers)
PAIR = Expected("two numbers", lambda value: _numbers(value) and len(value) == 2)
TEXTS = Expected(
    "a list of texts",
    lambda value: isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(text, str) for text in value),
)
REASONS = Expected(
    "a list of numbers with a message each",
    lambda value: (
        isinstance(value, list | tuple)
        and all(isinstance(one, dict) and isinstance(one.get("message"), str) for one in value)
    ),
)
OBJECT = Expected("an object", lambda value: isinstance(value, dict))

Form = Mapping[str, Any]
"""The form of an object: of each key a kind or a form; keys that end in ? may be missing."""

ENTRY: Form = {
    "value": NUMBER | NOTHING,
    "se?": NUMBER | NOTHING,
    "interval?": PAIR | NOTHING,
    "direction": TEXT,
    "definition": TEXT,
    "params": {"target?": NUMBER | NOTHING},
    "status?": TEXT | NOTHING,
    "reason?": TEXT | NOTHING,
    "reason_code?": TEXT | NOTHING,
}
REPORTED: Form = {
    **ENTRY,
    "parts?": {
        "replicates?": NUMBERS | NOTHING,
        "replicate_factor?": NUMBER | NOTHING,
        "zero_bar_share?": NUMBER | NOTHING,
    },
}
REPORT: Form = {
    "command": TEXT,
    "tool": OBJECT,
    "input": {
        "sources": TEXTS,
        "fingerprint": TEXT,
        "rows_hash": TEXT,
        "n": WHOLE,
        "d": WHOLE,
        "rows": {"duplicate": NUMBER},
    },
    "settings": {"seed?": WHOLE | NOTHING},
    "state?": {"rule": TEXT, "state": TEXT, "because": REASONS, "reason": TEXT | NOTHING},
}
WEIGHTS_REPORT: Form = {**REPORT, "input": {"sources": TEXTS, "fingerprint": TEXT, "layers_hash": TEXT}}
SAMPLED: Form = {"size": WHOLE}
RECORDED: Form = {
    **ENTRY, "n": WHOLE, "d": WHOLE, "replicates?": NUMBERS | NOTHING, "replicate_factor?": NUMBER | NOTHING
}  # fmt: skip
SCHEDULE: Form = {
    "learning_rate?": NUMBER | NOTHING,
    "epoch?": NUMBER | NOTHING,
    "cycle?": Expected("a whole number above 0", lambda value: _is_whole(value) and value > 0) | NOTHING,
    "drops?": Expected("whole numbers", lambda value: isinstance(value, list | tuple) and all(map(_is_whole, value))),
}
"""What a record says of the learning rate."""
STATED: Form = {"rule": TEXT, "state": TEXT, "message": TEXT}
"""What a record keeps of the state of an embedding."""
LOOK: Form = {"number": WHOLE | NOTHING, "of": WHOLE, "alpha": NUMBER, "p_value": NUMBER | NOTHING}
"""What a record keeps of a look at a run for drift."""
RECORD: Form = {
    "schedule?": SCHEDULE,
    "state?": STATED,
    "look?": LOOK,
    "fingerprint?": TEXT | NOTHING,
    "seed": WHOLE | NOTHING,
    "sample": WHOLE | NOTHING,
}


def misfit(found: Any, form: Form, where: str = "") -> str:
    """The first place of an object that does not have its form, and what is expected there; empty where it has."""
    if not isinstance(found, dict):
        return f"{where or 'the document'} is no object"
    for name, expected in form.items():
        key = name.removesuffix("?")
        place = f"{where}.{key}" if where else key
        if key not in found:
            if not name.endswith("?"):
                return f"{place} is missing"
        elif isinstance(expected, Expected):
            if not expected.holds(found[key]):
                return f"{place} is not {expected.noun}"
        elif wrong := misfit(found[key], expected, place):
            return wrong
    return ""
