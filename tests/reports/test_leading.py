"""Which source leads, only where a direction is known, and by how much with which interval."""

from __future__ import annotations

from math import hypot
from statistics import stdev
from typing import Any

import numpy as np
import pytest

import labelfree
import reports as made
from labelfree.commands.report import Report
from labelfree.render.tables.leaders import led
from labelfree.reports.leading import leading

pytestmark = pytest.mark.once

S = "separability"


def of(values: dict[str, Any], **more: Any) -> list[Report]:
    """Reports by hand: of each source the entry of separability."""
    found = []
    for source, entry in values.items():
        document = made.report({S: entry}, source=source, **more)
        found.append(Report.model_validate(document))
    return found


def entry(value: float | None, *replicates: float, se: float | None = 0.03, **more: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {"replicates": [*replicates], "replicate_factor": 0.5} if replicates else {}
    return made.entry(value, se if value is not None else None, **more) | {"parts": parts}


def test_the_highest_is_compared_with_the_next_and_the_last() -> None:
    reports = of({"epoch_2": entry(0.5, 0.4, 0.6), "epoch_10": entry(0.9, 0.8, 1.1), "epoch_19": entry(0.3, 0.3, 0.1)})
    reports = [reports[i] for i in (1, 2, 0)]
    found = leading(reports)
    assert (found.metric, found.end, found.report) == (S, "highest", reports[0])
    runner, last = found.others
    assert (runner.report, runner.place, runner.noise) == (reports[2], "next", "paired")
    assert (last.report, last.place) == (reports[1], "last")
    assert [runner.by, last.by] == pytest.approx([0.4, 0.6])
    for other, pairs in ((runner, [0.4, 0.5]), (last, [0.5, 1.0])):  # differences of the subsamples
        se = 0.5 * stdev(pairs)
        assert other.interval is not None
        assert [*other.interval] == pytest.approx([other.by - 1.96 * se, other.by + 1.96 * se])
    assert led(reports) == (
        f"highest {S}: epoch_10; epoch_19 is lower by 0.60 (0.25 to 0.95); epoch_2 is lower by 0.400 (0.331 to 0.469)"
    )


def test_where_the_next_is_the_last_it_stands_once() -> None:
    found = leading(of({"epoch_1": entry(0.9), "epoch_2": entry(0.5)}))
    assert [(one.place, one.noise) for one in found.others] == [("last", "unpaired")]
    se = hypot(0.03, 0.03)
    assert found.others[0].interval is not None
    assert [*found.others[0].interval] == pytest.approx([0.4 - 1.96 * se, 0.4 + 1.96 * se])
    found = leading(of({"a": entry(0.9), "b": entry(0.5), "c": entry(0.7)}))  # no steps: nothing is the last
    assert [(one.report.input.sources, one.place) for one in found.others] == [(["c"], "next")]


def test_lower_is_better_where_it_is() -> None:
    given = of({"epoch_1": entry(0.2, direction="lower"), "epoch_2": entry(0.5, se=None, direction="lower")})
    found = leading(given)
    assert (found.end, found.report) == ("lowest", given[0])
    assert led(given) == f"lowest {S}: epoch_1; epoch_2 is higher by 0.30000 (no interval)"


def test_what_is_inside_the_noise_is_said() -> None:
    assert led(of({"epoch_1": entry(0.52), "epoch_2": entry(0.5)})).endswith("not paired), inside the noise")
    assert led(of({"epoch_1": entry(0.5), "epoch_2": entry(0.5)})) == f"highest {S}: epoch_1; epoch_2 has the same"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"a": entry(0.5, direction="none"), "b": entry(0.6, direction="none")}, f"no direction is known for {S}"),
        ({"a": entry(0.5, direction="target"), "b": entry(0.6, direction="target")}, "no direction is known"),
        ({"a": entry(0.5), "b": entry(0.6) | {"definition": "another"}}, "measured with other settings"),
        ({"a": entry(0.5), "b": entry(0.6) | {"params": {"k": 2}}}, "measured with other settings"),
        ({"a": entry(0.5), "b": entry(None)}, "is undefined for all sources but 1"),
        ({"a": entry(None), "b": entry(None)}, "the headline is undefined"),
    ],
)
def test_where_no_direction_is_known_nothing_leads(given: dict[str, Any], reason: str) -> None:
    found = leading(of(given))
    assert (found.report, found.others) == (None, ())
    assert reason in found.reason
    assert led(of(given)) == f"no highest or lowest: {found.reason}"
    assert found.document()["source"] is None


@pytest.mark.parametrize("other", [{"n": 99}, {"d": 9}, {"rows_hash": "others"}])
def test_other_rows_do_not_compare(other: dict[str, Any]) -> None:
    reports = of({"a": entry(0.5)}) + of({"b": entry(0.6)}, **other)
    assert leading(reports).reason.startswith("not comparable: ")


def test_an_undefined_one_does_not_hide_the_others() -> None:
    found = leading(of({"a": entry(None), "b": entry(0.6), "c": entry(0.4)}))
    assert found.report is not None
    assert found.report.input.sources == ["b"]


def test_a_metric_by_name_and_one_that_was_asked_for() -> None:
    X = np.random.default_rng(0).normal(size=(60, 4))
    both = labelfree.evaluate([X, X * np.array([3.0, 1, 1, 1])], only=("uniformity", "rankme"))
    assert leading(both).metric == "uniformity"
    assert leading(both, "rankme").report is both[0]
    assert leading(both, "zzz").reason == "no direction is known for zzz"
