"""What a gate is asked, checked as a whole before anything is read: no option is ever silently ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelfree.catalog import check_metric
from labelfree.documents.forms import is_number
from labelfree.documents.reading import MOST_DIGITS
from labelfree.errors import UsageError, option
from labelfree.gating.grammar import Drop, Requirement, drop, requirement
from labelfree.gating.intervals import BY
from labelfree.gating.rules import LEAST_WINDOW
from labelfree.history.records import checked_run

RULES: dict[str, dict[str, Any]] = {
    "slope": {
        "warmup": 3,
        "window": 6,
        "confidence": 0.9,
        "min_delta": 0.01,
        "checks": None,
        "cycle": None,
        "drops": (),
    },
    "slope-v1": {"warmup": 3, "window": 6, "confidence": 0.9, "min_delta": 0.01},
    "patience": {"warmup": 3, "patience": 3, "min_delta": 0.01},
    "threshold": {"warmup": 3, "stop_at": None},
}
"""The options of each plateau rule and their defaults. Warm-up, window, patience and checks count checks."""
WHEN = ("any", "all")
"""Of several plateaus: which of them must be there for a stop."""
VERSIONS = {"slope": 2, "slope-v1": 1, "patience": 1, "threshold": 1}
"""Of each rule; a document without a version is of the first one."""
NUMBERS = tuple(dict.fromkeys(name for options in RULES.values() for name in options))
"""All of these options by name."""


@dataclass(frozen=True)
class Settings:
    """Everything that a verdict depends on, the files aside."""

    require: tuple[Requirement, ...]
    max_drop: tuple[Drop, ...]
    plateau: tuple[str, ...]
    when: str
    rule: str
    numbers: dict[str, Any]
    on_undecided: str | None
    run: str
    classes: int | None = None
    by: str = "value"

    @property
    def each(self) -> dict[str, Any]:
        """The options of the rule for one metric: where any of several may stop a run, they share its error."""
        if self.when == "all" or "confidence" not in self.numbers:
            return self.numbers
        return {**self.numbers, "confidence": 1 - (1 - self.numbers["confidence"]) / max(len(self.plateau), 1)}

    def document(self, history: str | None, against: str | None) -> dict[str, Any]:
        """The settings as part of a verdict: what was given and every default that was used."""
        found: dict[str, Any] = {"require": [str(r) for r in self.require], "plateau": list(self.plateau)}
        found |= {"max_drop": [str(d) for d in self.max_drop], "against": against, "history": history}
        if self.require:
            found["by"] = self.by
        if against is not None:
            found["on_undecided"] = self.on_undecided
        if history is not None:
            found["run"] = self.run
        return found | (
            {"when": self.when, "rule": self.rule, "rule_version": VERSIONS[self.rule], **self.numbers}
            if self.plateau
            else {}
        )


def settings(
    *,
    require: Sequence[str],
    max_drop: Sequence[str],
    plateau: Sequence[str],
    against: bool,
    history: bool,
    run: str | None,
    rule: str | None,
    on_undecided: str | None,
    numbers: dict[str, Any],
    when: str | None = None,
    classes: int | None = None,
    by: str | None = None,
) -> Settings:
    """The settings, or a UsageError that says which option is wrong, has no effect or is missing.

    numbers: those of NUMBERS; None where not given.
    """
    if not (require or against or max_drop or plateau):
        raise UsageError(
            f"expected something to judge: {option('require', 'METRIC >= NUMBER')}, {option('against', like='BASE')} "
            f"with {option('max_drop', 'METRIC=5%')}, or {option('history', like='FILE')} with "
            f"{option('plateau', 'METRIC')}; found none of them"
        )
    if against and not max_drop:
        example = option("max_drop", "separability=5%")
        raise UsageError(f"{option('against')}: say how much may be lost, such as {example}")
    if max_drop and not against:
        base = option("against", like="BASE")
        raise UsageError(f"{option('max_drop')}: a drop needs a baseline: {base}, a report of the same rows")
    if plateau and not history:
        written = f"which {option('append', python='labelfree.history.append')} writes"
        raise UsageError(f"{option('plateau')}: needs the checks of a run: {option('history', like='FILE')}, {written}")
    if run is not None and not history:
        raise UsageError(f"{option('run')}: names a run of a history; add {option('history', like='FILE')}")
    if run is not None:
        checked_run(run)
    if on_undecided is not None and not against:
        base = option("against", like="BASE")
        raise UsageError(f"{option('on_undecided')}: has no effect without {base}; leave it out")
    if on_undecided not in (None, "pass", "fail"):
        raise UsageError(f"{option('on_undecided')}: expected pass or fail, found {on_undecided!r}")
    if by not in (None, *BY):
        raise UsageError(f"{option('by')}: expected {' or '.join(BY)}, found {by!r}")
    if by is not None and not require:
        raise UsageError(f"{option('by')}: has no effect without {option('require', 'METRIC >= NUMBER')}; leave it out")
    for name in plateau:
        check_metric(name, "plateau")
    if when is not None and not plateau:
        raise UsageError(f"{option('when')}: has no effect without {option('plateau', 'METRIC')}; leave it out")
    if classes is not None and not plateau:
        raise UsageError(f"{option('classes')}: has no effect without {option('plateau', 'METRIC')}; leave it out")
    if classes is not None and (isinstance(classes, bool) or not isinstance(classes, int) or classes < 2):
        raise UsageError(f"{option('classes')}: expected a number of classes of at least 2, found {classes!r}")
    if when is not None and len(set(plateau)) < 2:
        raise UsageError(
            f"{option('when', when)}: has no effect with fewer than two of {option('plateau', 'METRIC')}; leave it out"
        )
    if when not in (None, *WHEN):
        raise UsageError(f"{option('when')}: expected {' or '.join(WHEN)}, found {when!r}")
    chosen = Settings(
        require=tuple(requirement(text) for text in require),
        max_drop=tuple(drop(text) for text in max_drop),
        plateau=tuple(dict.fromkeys(plateau)),
        when=when or "any",
        rule=rule or "slope",
        numbers={},
        on_undecided=on_undecided,
        run="default" if run is None else run,
        classes=classes,
        by=by or "value",
    )
    _check_opis(chosen)
    return replace(chosen, numbers=_numbers(chosen.rule, rule is not None, bool(plateau), numbers))


def _check_opis(chosen: Settings) -> None:
    asked = {r.metric for r in chosen.require} | {d.metric for d in chosen.max_drop}
    kept = {r.metric for r in chosen.require if r.operator in (">", ">=")} | {d.metric for d in chosen.max_drop}
    judged = asked | set(chosen.plateau)
    for name in ("opis", "pseudo_opis", "eps_opis"):
        if name in judged and "mean_utility" not in kept:
            raise UsageError(
                f"{name}: a dead model has the lowest {name} of all, so a gate on it needs one on mean_utility beside "
                f"it: add {option('require', 'mean_utility >= NUMBER')}"
            )


def _numbers(rule: str, named: bool, plateau: bool, given: dict[str, Any]) -> dict[str, Any]:
    """The options of the rule with their defaults; one that has no effect is an error."""
    found = {name: value for name, value in given.items() if value is not None}
    if not plateau:
        for name in (["rule"] if named else []) + list(found):
            raise UsageError(f"{option(name)}: has no effect without {option('plateau', 'METRIC')}; leave it out")
        return {}
    return rule_numbers(rule, found)


def rule_numbers(rule: str, given: dict[str, Any]) -> dict[str, Any]:
    """The options of a rule with their defaults, or a UsageError for one that is wrong or has no effect."""
    if rule not in RULES:
        raise UsageError(f"{option('rule')}: expected one of {', '.join(RULES)}, found {rule!r}")
    for name in given:
        if name not in RULES[rule]:
            having = " and ".join(r for r, options in RULES.items() if name in options)
            raise UsageError(f"{option(name)}: has no effect in the rule {rule}, it belongs to {having}; leave it out")
    numbers = {**RULES[rule], **given}
    if numbers.get("checks") is not None:
        numbers = {**numbers, **short_of(_whole("checks", numbers["checks"], LEAST_WINDOW + 1)), **given}
    for name, least in (("warmup", 0), ("window", LEAST_WINDOW), ("patience", 1)):
        if name in numbers:
            _whole(name, numbers[name], least)
    if numbers.get("checks") is not None and numbers["warmup"] + numbers["window"] > numbers["checks"]:
        needed = numbers["warmup"] + numbers["window"]
        raise UsageError(
            f"{option('checks', numbers['checks'])}: a run of so many checks ends before the first decision, at check "
            f"{needed} ({numbers['warmup']} of warm-up and a window of {numbers['window']}); leave one of them smaller"
        )
    for name in ("confidence", "min_delta", "stop_at"):
        if name in numbers:
            numbers[name] = _real(name, numbers[name])
    if numbers.get("cycle") is not None and len(_steps("cycle", numbers["cycle"])) != 1:
        raise UsageError(f"{option('cycle')}: expected one number of steps, found {numbers['cycle']!r}")
    if "drops" in numbers:
        numbers["drops"] = _steps("drops", numbers["drops"])
    return numbers


def short_of(checks: int) -> dict[str, int]:
    """Warm-up and window for a run of so many checks: those of a long run from 18 checks on.

    >>> short_of(10), short_of(25)
    ({'warmup': 2, 'window': 4}, {'warmup': 3, 'window': 6})
    """
    return {"warmup": min(3, checks // 5), "window": min(6, max(4, checks // 3))}


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 10**MOST_DIGITS:
        raise UsageError(f"{option(name)}: expected a number of checks of at least {least}, found {value!r}")
    return value


def _steps(name: str, value: Any) -> tuple[int, ...]:
    """Steps of a run as a text ("100,200"), a number or several, in their order."""
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    read: list[int] = []
    for text in given:
        step = int(text) if isinstance(text, str) and text.strip().isdecimal() and len(text) <= MOST_DIGITS else text
        if isinstance(step, bool) or not isinstance(step, int) or not 1 <= step < 10**MOST_DIGITS:
            raise UsageError(
                f"{option(name)}: expected whole steps of the run, such as 100 or 100,200, found {value!r}"
            )
        read.append(step)
    return tuple(sorted(set(read)))


def _real(name: str, value: Any) -> float:
    if value is None:
        where = option("stop_at", like="NUMBER")
        raise UsageError(f"{option('rule', 'threshold')}: say where to stop: {where}, in the units of the metric")
    if not is_number(value):
        raise UsageError(f"{option(name)}: expected a finite number, found {value!r}")
    if name == "confidence" and not 0.5 <= value < 1:
        raise UsageError(f"{option(name)}: expected a number from 0.5 up to but not 1, such as 0.9, found {value!r}")
    if name == "min_delta" and value < 0:
        raise UsageError(f"{option(name)}: expected an improvement of at least 0, found {value!r}")
    return float(value)
