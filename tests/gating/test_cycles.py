"""The rule slope over whole cycles of the learning rate, and what is read of a schedule, against matrices and torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelfree import gate, history
from labelfree.errors import UsageError
from labelfree.gating.cycles import Phased, cycles_needed, fall, improvement, inflation, phased
from labelfree.gating.schedules import cycle_of, drops, restarts
from labelfree.gating.sequential import greatest_fall, level
from reports import report, run_of

pytestmark = pytest.mark.once
S = "separability"


def design(cycles: int, phases: int) -> np.ndarray[Any, Any]:
    """A level for every phase, and the number of the cycle."""
    n = cycles * phases
    found: np.ndarray[Any, Any] = np.c_[np.tile(np.eye(phases), (cycles, 1)), np.arange(n) // phases]
    return found


@pytest.mark.parametrize(("cycles", "phases"), [(2, 3), (3, 2), (2, 10), (5, 4)])
@pytest.mark.parametrize("correlation", [0.0, 0.4, 0.8])
def test_the_inflation_is_that_of_the_covariance_matrix(cycles: int, phases: int, correlation: float) -> None:
    X, n = design(cycles, phases), cycles * phases
    R = correlation ** np.abs(np.subtract.outer(np.arange(n), np.arange(n))).astype(float)
    inverse = np.linalg.inv(X.T @ X)
    residuals = np.eye(n) - X @ inverse @ X.T
    variance = (inverse @ X.T @ R @ X @ inverse)[-1, -1]
    naive = np.trace(residuals @ R) / (n - phases - 1) * inverse[-1, -1]
    assert inflation(cycles, phases, correlation) == pytest.approx(np.sqrt(variance / naive), rel=1e-9)


@pytest.mark.parametrize("phases", [2, 3, 7])
def test_the_bound_is_the_best_of_the_normal_equations(phases: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(phases).normal(size=6 * phases + 1)
    seen = Phased(values.tolist(), phases)
    found = improvement(seen, cycles=2, confidence=0.9, planned=40)
    share, highs = level(0.1, seen.decisions, 40), []
    for count in (c for c in (2, 3, 4, 6) if c >= seen.fewest):  # each at least 1.3 times the one before
        X, y = design(count, phases), values[-count * phases :]
        beta, *_ = np.linalg.lstsq(X, y, rcond=None)
        freedom = len(y) - phases - 1
        error = np.sqrt(((y - X @ beta) ** 2).sum() / freedom * np.linalg.inv(X.T @ X)[-1, -1])
        highs.append(2 * (beta[-1] + stats.t.isf(share, freedom) * error * inflation(count, phases)))
    assert found.high == pytest.approx(min(highs), rel=1e-9)


def test_what_comes_round_is_no_trend_and_no_fall() -> None:
    """Any shape of a cycle on a line: the improvement is that of the line, exactly, and nothing falls."""
    shape = np.random.default_rng(1).normal(size=5)
    values = 0.25 * np.arange(23) + shape[np.arange(23) % 5]
    seen = phased(list(range(0, 230, 10)), values.tolist(), 50)
    assert seen is not None
    assert seen.phases == 5
    assert seen.values == pytest.approx(values.tolist())
    found = improvement(seen, cycles=2, confidence=0.9, planned=None)
    assert [found.low, found.estimate, found.high] == pytest.approx([2.5] * 3)
    back = fall(seen, confidence=0.9, planned=None)
    assert back is not None
    assert back.estimate == pytest.approx(-5 * 0.25)
    turned = fall(Phased(seen.values[::-1], 5), confidence=0.9, planned=None)
    assert turned is not None
    assert turned.least == pytest.approx(18 * 0.25)  # from the first cycle to the last, without noise
    assert turned.best == 2


def test_noise_of_a_fall_is_that_of_the_changes_from_cycle_to_cycle() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=30)
    back = fall(Phased(values.tolist(), 6), confidence=0.9, planned=10)
    assert back is not None
    wiggles = np.diff(values[6:] - values[:-6], 2)
    noise = np.sqrt((wiggles**2).mean() / 0.88 / 2)
    assert back.estimate - back.least == pytest.approx(greatest_fall(0.9, 21) * noise)


def test_between_checks_values_lie_on_straight_lines() -> None:
    """Checks every 10 steps of a cycle of 25, on a line: the phases lie on that line, 12.5 steps apart."""
    steps = list(range(0, 100, 10))
    seen = phased(steps, [0.5 * step for step in steps], 25)
    assert seen is not None
    assert seen.phases == 2
    assert np.diff(seen.values) == pytest.approx([6.25] * (len(seen.values) - 1))
    assert seen.values[-1] == 45
    assert phased(steps, [0.0] * 10, 14) is None
    assert phased([3], [0.0], 14) is None


def test_what_would_decide_decides() -> None:
    values = 0.004 * np.random.default_rng(3).normal(size=10)
    seen = Phased(values.tolist(), 5)
    asked: dict[str, Any] = {"cycles": 2, "confidence": 0.9, "planned": 60}
    found = improvement(seen, **asked)
    assert found.high > 0.02
    more = cycles_needed(found, seen, least=0.02, **asked)
    assert more is not None
    assert 1 <= more <= 10
    assert cycles_needed(found, seen, least=found.estimate, **asked) is None
    assert cycles_needed(found, seen, least=0.02, cycles=2, confidence=0.9, planned=6) is None


def test_restarts_and_drops_of_rates_by_hand() -> None:
    saw = [1.0, 0.7, 0.4, 0.1] * 3
    assert restarts(saw) == [4, 8]
    assert cycle_of(range(0, 120, 10), saw) == 40
    assert cycle_of(range(6), saw[:6]) == 4
    assert cycle_of(range(3), saw[:3]) is None
    assert cycle_of([0, 1, 2, 3, 4, 5, 6, 7], [1, 0.1, 1, 0.5, 0.1, 0.1, 0.1, 1]) == 5  # the longest of 3 and 5
    assert restarts([0.1, 0.5, 1.0, 0.9, 0.8, 0.7]) == []  # a warm-up restarts nothing
    assert drops(saw) == []
    assert drops([1.0] * 5 + [0.1] * 5 + [0.01] * 2) == [5, 10]
    assert drops(np.cos(np.linspace(0, np.pi / 2, 50)).tolist()) == []
    assert drops((1 - np.arange(101) / 100).tolist()) == []
    assert drops([1.0]) == []


def cyclic(path: Path, checks: int, **schedule: Any) -> Path:
    """A flat run that a cycle of 60 steps moves by 0.03, a check every 10 steps, with what its records say."""
    rng = np.random.default_rng(4)
    for i in range(checks):
        value = 0.5 + 0.03 * np.sin(2 * np.pi * i / 6) + 0.0005 * rng.normal()
        told = {name: given[i] if isinstance(given, list) else given for name, given in schedule.items()}
        history.append(path, report({S: float(value)}, source=f"e{i}"), step=10 * i, schedule=told or None)
    return path


def condition(path: Path, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = gate(history=path, plateau=S, **asked)["verdict"]["conditions"][0]
    return found


def test_a_cycle_is_taken_from_an_option_the_scheduler_or_the_rates(tmp_path: Path) -> None:
    rates = [1e-4 * (1 - (i % 6) / 6) for i in range(40)]
    for name, schedule, asked, source in (
        ("given", {}, {"cycle": 60}, "option"),
        ("stated", {"cycle": 60}, {}, "scheduler"),
        ("seen", {"learning_rate": rates}, {}, "learning_rate"),
    ):
        found = condition(cyclic(tmp_path / f"{name}.jsonl", 40, **schedule), checks=40, **asked)
        assert found["schedule"] == {"cycle": 60, "cycle_from": source, "next_drop": None}
        assert (found["decision"], found["reason"]) == ("stop", "plateau"), name
        assert "1 cycle of 60 steps" in found["message"]
    plain = condition(cyclic(tmp_path / "plain.jsonl", 40), checks=40)
    assert plain["schedule"] is None


def test_a_run_of_less_than_two_cycles_has_too_little_history(tmp_path: Path) -> None:
    path = cyclic(tmp_path / "h.jsonl", 14)
    found = condition(path, cycle=60)
    assert (found["decision"], found["reason"]) == ("continue", "too_little_history")
    assert "the first decision comes at 15 (3 of warm-up and 2 cycles of 60 steps)" in found["message"]
    assert condition(path, cycle=10)["reason"] != "too_little_history"  # of a check each: no cycle to cover


def test_a_plateau_before_a_drop_goes_on(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.5] * 12)
    assert condition(path)["decision"] == "stop"
    found = condition(path, drops="5,30")
    assert (found["decision"], found["reason"]) == ("continue", "plateau_before_drop")
    assert "before the next drop of the learning rate (step 30)" in found["message"]
    assert found["schedule"]["next_drop"] == 30
    assert condition(path, drops=[11])["decision"] == "continue"  # nothing was trained at the new rate yet
    assert condition(path, drops=[10])["decision"] == "stop"
    told = gate(history=path, plateau=S, drops="30, 5")["settings"]
    assert (told["drops"], told["cycle"]) == ([5, 30], None)


def test_drops_of_a_scheduler_are_those_of_the_record(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    for i in range(14):
        history.append(path, report({S: 0.5}), step=i, schedule={"learning_rate": 1.0, "drops": [3, 12]})
        expected = "continue" if i < 13 else "stop"
        assert condition(path)["decision"] == expected, i


def test_past_the_best_is_a_stop_before_a_drop_too(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.02 * min(i, 30 - i) for i in range(26)])
    assert condition(path, checks=26, drops=[90])["reason"] == "past_best"


@pytest.mark.parametrize(
    "asked",
    [
        {"cycle": 0}, {"cycle": "5,6"}, {"cycle": 2.5}, {"drops": "a"}, {"drops": [0]}, {"drops": [True]},
        {"drops": ""}, {"cycle": 5, "rule": "patience"}, {"drops": "5", "rule": "slope-v1"},
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(tmp_path: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(asked))):
        condition(run_of(tmp_path / "h.jsonl", [0.5] * 12), **asked)


@pytest.mark.parametrize(
    "schedule", [{"rate": 1.0}, {"learning_rate": "fast"}, {"cycle": 0}, {"cycle": 1.5}, {"drops": 5}, {"drops": ["a"]}]
)
def test_a_record_says_nothing_else(tmp_path: Path, schedule: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="schedule"):
        history.append(tmp_path / "h.jsonl", report({S: 0.5}), step=0, schedule=schedule)


def test_the_same_record_without_a_schedule_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    assert history.append(path, report({S: 0.5}), step=0, schedule={"epoch": 1, "learning_rate": 0.25}) == 1
    assert history.append(path, report({S: 0.5}), step=0) == 0
    assert history.read(path)[0]["schedule"] == {"epoch": 1, "learning_rate": 0.25}


@pytest.mark.slow
def test_cyclic_runs_that_improve_are_rarely_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cyclic series of plateau.py at the limit: 200 runs, three errors above 10 %."""
    rng = np.random.default_rng(6)
    stopped = 0
    for _ in range(200):
        noise = rng.normal(size=40)
        for i in range(1, 40):
            noise[i] = 0.8 * noise[i - 1] + 0.6 * noise[i]
        run = 0.01 / 10 * np.arange(40) + 0.03 * np.sin(2 * np.pi * np.arange(40) / 5) + 0.003 * noise
        for end in range(10, 38):
            seen = Phased(run[3 : 3 + end].tolist(), 5)
            if improvement(seen, cycles=2, confidence=0.9, planned=28).high < 0.01:
                stopped += 1
                break
    assert stopped / 200 < 0.1 + 3 * np.sqrt(0.1 * 0.9 / 200)
