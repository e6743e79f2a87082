"""The step of a checkpoint, read from its name: `epoch_03`, `step00020`, `checkpoint-500`, `epoch=3-step=500`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from labelfree.documents.reading import MOST_DIGITS
from labelfree.errors import UsageError, option
from labelfree.history.records import checked_step

_STEP = re.compile(r"(?<![A-Za-z])(epoch|step|checkpoint|ckpt|iteration|iter|check)([-_= ]?)(\d+)(?!\d)", re.IGNORECASE)

_DAY = re.compile(r"(?<!\d)(\d{4})[-_]?(\d{2})[-_]?(\d{2})(?!\d)")
_NUMBER = re.compile(r"\d+")


def step_of(source: str) -> int:
    """The step that a source's name holds: in its last part, or in the nearest directory above that holds one.

    >>> step_of("runs/step00020/embeddings.parquet")
    20
    >>> step_of("epoch=3-step=500.ckpt")  # as Lightning names them: the step
    500
    """
    for part in reversed(source.split("::")[0].replace("\\", "/").split("/")):
        found = _STEP.findall(part)
        if [(word.lower(), mark) for word, mark, _ in found] == [("epoch", "="), ("step", "=")]:
            return _number(found[1][2], source)  # Lightning's own names: both are of one checkpoint
        if len(found) > 1:
            told = " and ".join(f"{word} {_number(number, source)}" for word, _, number in found)
            raise UsageError(f"{_append()}: {source}: its name holds {told}; say which with {option('step', like='N')}")
        if found:
            return _number(found[0][2], source)
    raise UsageError(
        f"{_append()}: {source}: expected a step in its name (epoch_03, step00020, checkpoint-500), found none; say it "
        f"with {option('step', like='N')}"
    )


def day_of(source: str) -> int:
    """The step that a source's name holds, or else its day or last number: days need no word before them.

    >>> day_of("traffic/2026-11-27.parquet"), day_of("week48.parquet"), day_of("epoch_3.parquet")
    (20261127, 48, 3)
    """
    try:
        return step_of(source)
    except UsageError:
        name = source.split("::")[0].replace("\\", "/").rstrip("/").rpartition("/")[2]
        if days := _DAY.findall(name):
            return int("".join(days[-1]))
        if numbers := _NUMBER.findall(name.partition(".")[0]):
            return _number(numbers[-1], source)
        raise


def _number(digits: str, source: str) -> int:
    """The step that these digits are, where a history could be read back with it."""
    if len(digits.lstrip("0")) > MOST_DIGITS:
        raise UsageError(
            f"{_append()}: {source}: expected a step of at most {MOST_DIGITS} digits in its name, found one of "
            f"{len(digits)}; say another with {option('step', like='N')}"
        )
    return int(digits[-MOST_DIGITS:])


def steps_of(sources: Sequence[str], step: int | None, concat: bool, of: Callable[[str], int] = step_of) -> list[int]:
    """The step of every data set, before any work is done: as given, or from the names, as `of` reads them."""
    if step is not None:
        checked_step(step)
        if len(sources) > 1 and not concat:
            raise UsageError(
                f"{option('step', step)}: names the step of one SOURCE, found {len(sources)}; leave it out and let the "
                "names say it, or append them one by one"
            )
        return [step]
    found = [of(source) for source in sources]
    if concat:
        if len(set(found)) > 1:
            raise UsageError(
                f"{_append()}: the parts of one data set name several steps {sorted(set(found))}; give "
                + option("step", like="N")
            )
        return found[:1]
    for i, number in enumerate(found):
        if number in found[:i]:
            first = sources[found.index(number)]
            raise UsageError(
                f"{_append()}: {first} and {sources[i]} both name step {number}; append them to two runs "
                f"({option('run')}), or with {option('step', like='N')} one by one"
            )
    return found


def _append() -> str:
    return option("append", python="labelfree.history.append")
