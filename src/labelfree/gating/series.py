"""What a gate reads of records: one metric at one check, and the checks of a run in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelfree.errors import HistoryError, UsageError, option
from labelfree.history import Record, contents, differences, read
from labelfree.history.records import contradictions


@dataclass(frozen=True)
class Reading:
    """A metric in a record."""

    metric: str
    record: Record
    where: str

    def __post_init__(self) -> None:
        if self.entry["params"].get("circular"):
            raise UsageError(
                f"{self.metric}: {self.where}: its groups are clusters of the very distances that they judge, which no "
                f"gate may trust; measure with {option('group')}, or with cross-fitted groups "
                f"that {option('freeze')} wrote"
            )
        if self.entry["params"].get("stable") is False:
            raise UsageError(
                f"{self.metric}: {self.where}: its pseudo-groups are unstable (clusterings with other seeds agree "
                f"little), which no gate may trust; measure with {option('group')}, or freeze groups "
                "of a better checkpoint"
            )

    @property
    def entry(self) -> dict[str, Any]:
        """The metric's entry."""
        found: dict[str, Any] = self.record["metrics"][self.metric]
        return found

    @property
    def value(self) -> float | None:
        """The value, or None where it is undefined."""
        found: float | None = self.entry["value"]
        return None if found is None else float(found)

    @property
    def se(self) -> float | None:
        """The standard error of the value over the rows, where it is known."""
        found: float | None = self.entry.get("se")
        return None if found is None else float(found)

    @property
    def step(self) -> int:
        """The step of the check."""
        return int(self.record["step"])

    @property
    def replicates(self) -> list[float] | None:
        """The values on the subsamples, where they are recorded."""
        found = self.entry.get("replicates")
        return [float(v) for v in found] if found and len(found) > 1 and self.entry.get("replicate_factor") else None

    def told(self) -> dict[str, Any]:
        """The reading as part of a verdict."""
        found = {"value": self.value, "se": self.se, "source": self.record["source"]}
        return found | ({"step": self.step} if "step" in self.record else {"file": self.where})


def oriented(reading: Reading, value: float, asked: str) -> float:
    """A value turned so that more is better; a UsageError for a metric without a direction; asked: the option."""
    direction, target = reading.entry["direction"], reading.entry["params"].get("target")
    if direction == "higher":
        return value
    if direction == "lower":
        return -value
    if direction == "target" and target is not None:
        return -abs(value - float(target))
    raise UsageError(
        f"{option(asked)}: {reading.metric} has no direction in which it is known to be better, so it can neither "
        f"drop nor stop improving; hold it with {option('require', f'{reading.metric} >= NUMBER')}"
    )


def undefined(reading: Reading) -> str:
    """Why a metric has no value."""
    entry = reading.entry
    return f"{reading.metric} is undefined at {reading.where}: {entry.get('reason') or entry.get('reason_code')}"


def records_of(history: str | Path, run: str) -> list[Record]:
    """The records of one run; a HistoryError where there is none."""
    everything = read(history)
    records = [r for r in everything if r["run"] == run]
    if not records:
        raise HistoryError(
            f"{history}: expected records of run {run!r}, found {contents(everything)}; see {option('run')}"
        )
    return records


def of_run(records: Sequence[Record], metric: str) -> list[Reading]:
    """The checks of a run that hold a metric, one per step; a HistoryError where one step holds two values."""
    found: dict[int, Reading] = {}
    for record in sorted(records, key=lambda r: (r["step"], r["command"])):
        if metric not in record["metrics"]:
            continue
        reading = Reading(metric, record, f"step {record['step']}")
        before = found.setdefault(reading.step, reading)
        if before is not reading:
            _agree(before, reading)
    return list(found.values())


def comparable(readings: Sequence[Reading]) -> Sequence[Reading]:
    """The checks, or a HistoryError where two of them cannot be compared."""
    if found := incomparable(readings):
        raise HistoryError(
            f"{found}; measure the same rows in the same way, keep the two in runs of their own "
            f"({option('run')}), or remove one (labelfree history remove)"
        )
    return readings


def _agree(one: Reading, other: Reading) -> None:
    for metric, a, b in contradictions(one.record, other.record):
        if metric == one.metric:
            raise HistoryError(
                f"{one.where}: expected one value of {metric}, found {a} ({one.record['command']}) and {b} "
                f"({other.record['command']}); remove one with labelfree history remove --step {one.step} "
                "--command COMMAND"
            )


def incomparable(readings: Sequence[Reading]) -> str:
    """Why the defined values of some checks do not mean the same, with the differences named; empty if they do."""
    defined = [r for r in readings if r.value is not None]
    for reading in defined[1:]:
        if found := differences(reading.metric, defined[0].record, reading.record):
            where = f"{defined[0].where} and {reading.where}"
            return f"{reading.metric}: {where} cannot be compared: {'; '.join(found)}"
    return ""


def collapse_shares(records: Sequence[Record]) -> tuple[list[int], list[Mapping[str, float | None]]]:
    """The steps of a run, and at each what the collapse guard looks at; a HistoryError where a record lacks it."""
    steps: dict[int, dict[str, float | None]] = {}
    for record in sorted(records, key=lambda r: (r["step"], r["command"])):
        shares = record["collapse"]
        if not {"effective_rank", "mean_cosine", "duplicate_share"} <= set(shares):
            raise HistoryError(
                f"step {record['step']}, {record['command']}: expected effective_rank, mean_cosine and duplicate_share "
                f"for the collapse guard, found none; append that step again with {option('replace')}"
            )
        known = steps.setdefault(record["step"], dict(shares))
        for name, value in shares.items():
            if known.get(name) is None:
                known[name] = value
    return list(steps), list(steps.values())
