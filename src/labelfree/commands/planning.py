"""What the rule slope will find in a run that is only planned, by simulation of that rule."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree import __version__
from labelfree.commands.simulation import NEVER, Runs, bounds, flat_from_a_third, improving, stops
from labelfree.commands.simulation import noise as noise_of
from labelfree.documents.forms import is_number
from labelfree.documents.reading import SCHEMA_VERSION, rounded
from labelfree.documents.wording import counted
from labelfree.errors import HistoryError, UsageError, option
from labelfree.gating.series import comparable, of_run, oriented, records_of
from labelfree.gating.settings import VERSIONS, rule_numbers
from labelfree.history.records import checked_run

ENOUGH = 0.8
"""Share of flat runs that a plan must stop to be one."""
RUNS, SEED = 2000, 20261127
LONGEST = 400
"""Checks of a run that are tried and simulated."""
USUAL = 0.5
"""The autocorrelation where none is given: real fine-tunings had 0.3 to 0.7 (docs/gate.md)."""


def plan_gate(
    *,
    checks: int,
    noise: float | None = None,
    autocorrelation: float = USUAL,
    history: str | Path | None = None,
    run: str | None = None,
    plateau: str | None = None,
    warmup: int | None = None,
    window: int | None = None,
    confidence: float | None = None,
    min_delta: float | None = None,
) -> dict[str, Any]:
    """What the rule slope will find in a run of so many checks, as the document that `labelfree gate --plan` prints.

    noise: the standard deviation of one check about its trend, in units of the metric; or history and plateau: an
    earlier run and the metric whose noise is taken. The others are options of the rule. 2,000 runs that are flat from a
    third of their checks on, and 2,000 that still improve by min_delta a window, are simulated and the rule is asked at
    every check. Raises LabelfreeError on bad usage.

    >>> plan_gate(checks=20, noise=0.001)["plan"]["decidable"], plan_gate(checks=20, noise=0.01)["plan"]["decidable"]
    (True, False)
    """
    given = {
        "warmup": warmup, "window": window, "confidence": confidence, "min_delta": min_delta, "checks": checks
    }  # fmt: skip
    if checks is None:
        raise UsageError(f"{option('checks')}: say how many checks the run will have, such as {option('checks', 20)}")
    numbers = rule_numbers("slope", {name: value for name, value in given.items() if value is not None})
    if numbers["checks"] > LONGEST:
        raise UsageError(f"{option('checks', checks)}: expected at most {LONGEST} to simulate, found more")
    if not is_number(autocorrelation) or not 0 <= autocorrelation < 1:
        raise UsageError(
            f"{option('autocorrelation')}: expected a number from 0 up to but not 1, found {autocorrelation!r}"
        )
    if (noise is None) == (history is None):
        raise UsageError(
            f"{option('noise')}: expected a number, or {option('history', like='FILE')} and "
            f"{option('plateau', 'METRIC')} to take it from, found {'neither' if noise is None else 'both'}"
        )
    if noise is not None and (not is_number(noise) or noise <= 0):
        raise UsageError(f"{option('noise')}: expected a number above 0, in units of the metric, found {noise!r}")
    if noise is not None and (plateau or run):
        raise UsageError(
            f"{option('plateau' if plateau else 'run')}: has no effect beside {option('noise')}; leave it out"
        )
    if history is not None and plateau is None:
        raise UsageError(f"{option('history')}: say whose noise to take: {option('plateau', 'METRIC')}")
    spread = noise if history is None else seen_noise(history, run or "default", plateau or "", autocorrelation)
    assert spread is not None
    source = None if history is None else {"path": str(history), "run": run or "default", "metric": plateau}
    found: dict[str, Any] = rounded({
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "labelfree", "version": __version__},
        "command": "plan",
        "settings": {
            "rule": "slope", "rule_version": VERSIONS["slope"],
            **{name: numbers[name] for name in ("checks", "warmup", "window", "confidence", "min_delta")},
            "noise": spread, "noise_from": source, "autocorrelation": autocorrelation, "runs": RUNS, "seed": SEED,
        },
        "plan": _planned(numbers, float(spread), autocorrelation),
    })  # fmt: skip
    return found


def seen_noise(history: str | Path, run: str, metric: str, autocorrelation: float) -> float:
    """The noise of one check of a run: from second differences, as if it had this autocorrelation."""
    readings = comparable(of_run(records_of(history, checked_run(run)), metric))
    values = [oriented(r, r.value, "plateau") for r in readings if r.value is not None]
    if len(values) < 6:
        raise HistoryError(
            f"{history}: expected six checks of {metric} or more in run {run!r} to see its noise, found {len(values)}; "
            f"say it with {option('noise', like='NUMBER')}"
        )
    wiggle = 6 - 8 * autocorrelation + 2 * autocorrelation**2
    found = float(np.sqrt((np.diff(values, 2) ** 2).mean() / wiggle))
    if not found > 0:
        raise HistoryError(f"{history}: {metric} has no noise in run {run!r}: every line is decided; no plan is needed")
    return found


def _planned(numbers: dict[str, Any], spread: float, autocorrelation: float) -> dict[str, Any]:
    """What stands in the document: what is found and what is not, and what would decide."""
    checks, window, least = numbers["checks"], numbers["window"], numbers["min_delta"]
    drawn = noise_of(RUNS, checks, autocorrelation, np.random.default_rng(SEED))
    shape = flat_from_a_third(checks, 10 * (least or spread))
    flat = shape + spread * drawn
    at = stops(flat, numbers)
    end = ceil(checks / 3)
    found = float((at < NEVER).mean())
    early = stops(improving(checks, window, least) + spread * drawn, numbers, plateaus_alone=True)
    decidable = found >= ENOUGH
    plan = {
        "decidable": decidable,
        "first_decision": numbers["warmup"] + window,
        "flat_from": end,
        "found": found,
        "found_soon": float((at <= end + 2 * window).mean()),
        "delay": None if found < 0.5 else float(np.median(at)) - end,
        "saved": float(np.where(at < NEVER, checks - 1 - at, 0).mean() / checks),
        "too_early": float((early < NEVER).mean()),
        "detectable": float(np.quantile(bounds(flat, numbers).min(axis=1), ENOUGH)),
        "noise_needed": None if least == 0 else _noise_needed(numbers, shape, drawn[: RUNS // 4], spread),
        "checks_needed": _checks_needed(numbers, spread, autocorrelation) if not decidable and least else None,
    }
    return {**plan, "message": _message(plan, numbers)}


def _noise_needed(numbers: dict[str, Any], shape: NDArray[np.float64], drawn: Runs, spread: float) -> float:
    """The largest noise at which enough flat runs are stopped, to a percent."""
    low, high = 0.0, spread
    while (stops(shape + high * drawn, numbers) < NEVER).mean() >= ENOUGH and high < 1e6 * spread:
        low, high = high, 2 * high
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        if (stops(shape + middle * drawn, numbers) < NEVER).mean() >= ENOUGH:
            low = middle
        else:
            high = middle
    return low


def _checks_needed(numbers: dict[str, Any], spread: float, autocorrelation: float) -> int | None:
    """The fewest checks, to a tenth, of a run in which enough flat runs are stopped; None beyond 400."""
    checks: int = numbers["checks"]
    while checks < LONGEST:
        checks = min(ceil(1.1 * checks), LONGEST)
        longer = rule_numbers("slope", {
            **{name: numbers[name] for name in ("confidence", "min_delta")}, "checks": checks
        })  # fmt: skip
        drawn = noise_of(RUNS // 4, checks, autocorrelation, np.random.default_rng(SEED))
        flat = flat_from_a_third(checks, 10 * numbers["min_delta"]) + spread * drawn
        if (stops(flat, longer) < NEVER).mean() >= ENOUGH:
            return checks
    return None


def _message(plan: dict[str, Any], numbers: dict[str, Any]) -> str:
    """The answer in a sentence or two."""
    least = f"{numbers['min_delta']:g}"
    of = f"of runs of {counted(numbers['checks'], 'check')} that are flat from check {plan['flat_from'] + 1} on, "
    share = f"{100 * plan['found']:.0f} % are stopped"
    if plan["decidable"]:
        when = (
            f", half of them {plan['delay']:g} checks after that, which saves {100 * plan['saved']:.0f} % of the checks"
        )
        return f"can be decided: {of}{share}{when}"
    ways = [f"a min-delta of {plan['detectable']:.2g} and more"]
    if plan["noise_needed"]:
        ways.append(f"a noise of {plan['noise_needed']:.2g} and less")
    if plan["checks_needed"]:
        ways.append(f"{plan['checks_needed']} checks")
    return (
        f"cannot be decided at this noise and length: {of}{share} for an improvement below {least}; "
        f"{' or '.join(ways)} would decide {100 * ENOUGH:.0f} %"
    )
