"""The collapse guard of version 1: both limits at equality, each sign, and what it cannot tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.gating.guards import COSINE, RANK_SHARE, REPEATED, CollapseGuard, collapse_guard, sound_steps

pytestmark = pytest.mark.once


def guard(
    *ranks: float | None, cosine: float | None = 0.1, duplicates: float = 0.0, bars: float | None = None
) -> CollapseGuard:
    shares: list[dict[str, Any]] = [
        {"effective_rank": r, "mean_cosine": 0.1, "duplicate_share": 0.0, "zero_bar_share": None} for r in ranks
    ]
    shares[-1] |= {"mean_cosine": cosine, "duplicate_share": duplicates, "zero_bar_share": bars}
    return collapse_guard(list(range(len(ranks))), shares)


def test_the_limits_are_those_of_the_design() -> None:
    assert (RANK_SHARE, COSINE, REPEATED) == (0.25, 0.9, 0.2)


@pytest.mark.parametrize(
    ("rank", "cosine", "duplicates", "bars", "decision"),
    [
        (7.9, 0.95, 0.0, None, "collapse"),
        (8.0, 1.0, 1.0, 1.0, "pass"),  # a quarter exactly is not below a quarter
        (7.9, 0.9, 0.2, 0.2, "pass"),  # all at their limits: rank alone
        (7.9, 0.1, 0.21, None, "collapse"),
        (7.9, 0.1, 0.0, 0.21, "collapse"),
        (1.0, 0.1, 0.0, None, "pass"),
        (32.0, 1.0, 1.0, 1.0, "pass"),
    ],
)
def test_it_trips_below_a_quarter_of_the_rank_with_a_second_sign(
    rank: float, cosine: float, duplicates: float, bars: float | None, decision: str
) -> None:
    assert guard(32.0, 20.0, rank, cosine=cosine, duplicates=duplicates, bars=bars).decision == decision


def test_it_compares_with_the_highest_of_the_run_and_says_where_that_was() -> None:
    found = guard(10.0, 40.0, 40.0, 12.0, 5.0, cosine=0.99)
    assert (found.decision, found.highest_rank, found.highest_step, found.rank_share) == ("collapse", 40.0, 1, 0.125)
    assert "12 % of the run's highest" in found.message
    assert "mean cosine 0.99" in found.message
    assert guard(8.0, cosine=1.0).decision == "pass"  # the first check is its own highest


def test_undefined_never_passes_where_it_matters() -> None:
    assert guard(32.0, None).decision == "fail"
    assert guard(32.0, 1.0, cosine=None).decision == "fail"
    assert guard(32.0, 1.0, cosine=None, duplicates=0.5).decision == "collapse"
    assert guard(32.0, 30.0, cosine=None).decision == "pass"
    assert guard(None).decision == "fail"


@given(
    st.lists(
        st.fixed_dictionaries({
            "effective_rank": st.none() | st.floats(1, 40),
            "mean_cosine": st.none() | st.sampled_from([0.1, 0.9, 0.95]),
            "duplicate_share": st.sampled_from([0.0, 0.2, 0.5]),
            "zero_bar_share": st.none() | st.sampled_from([0.2, 0.3]),
        }),
        min_size=1,
        max_size=12,
    )
)  # fmt: skip
def test_the_sound_steps_are_those_at_which_the_guard_passed(shares: list[dict[str, float | None]]) -> None:
    steps = [10 * i for i in range(len(shares))]
    passed = {s for i, s in enumerate(steps) if collapse_guard(steps[: i + 1], shares[: i + 1]).decision == "pass"}
    assert sound_steps(steps, shares) == passed
