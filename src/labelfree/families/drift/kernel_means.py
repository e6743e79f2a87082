"""The Cauchy-Schwarz divergence: the kernel means of MMD, as a ratio in place of a difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelfree.evidence.evidence import Evidence
from labelfree.evidence.once import once
from labelfree.evidence.targets import beside
from labelfree.families.drift.sides import NOT_DAMAGE, reference_of
from labelfree.families.spec import INVARIANT, Metric
from labelfree.families.transfer.distances import PERMUTATIONS, ROWS, SCALES, compared
from labelfree.families.transfer.intervals import with_interval
from labelfree.families.transfer.two_samples import Discrepancy, Tested, spread_of
from labelfree.results import Plain, Result, measured, undefined


def _cauchy_schwarz_of(
    known: tuple[Discrepancy, int, int] | Result, scales: Sequence[float], permutations: int
) -> Result:
    if isinstance(known, Result):
        return known
    discrepancy, m, n = known
    found = discrepancy.means
    if min(found.first.min(), found.second.min(), found.across.min()) <= 0:
        return undefined("out_of_range", "the kernel between some rows is 0 in float64: the sides lie too far apart")
    values = np.log(found.first) + np.log(found.second) - 2 * np.log(found.across)
    across = float(found.across[0])
    slopes = [
        2 * inside / float(mean) - 2 * away / across
        for (inside, away), mean in ((found.of_first, found.first[0]), (found.of_second, found.second[0]))
    ]
    test = Tested.of(values, spread_of((slopes[0], slopes[1])))
    one, two = found.with_itself
    params: dict[str, Plain] = {
        "kernel": "mean over scales of exp(-d^2 / (scale * median d^2))", "scales": list(scales), "rows": m,
        "reference_rows": n, "permutations": permutations,
    }  # fmt: skip
    parts: dict[str, Plain] = {
        "p_value": test.p_value, "biased": float(np.log(one) + np.log(two) - 2 * np.log(across)),
        "null_sd": test.null_sd,
    }  # fmt: skip
    result = measured(test.value, test.error, params=params, parts=parts)
    return result if test.interval is None else with_interval(result, test.interval)


def _cauchy_schwarz(e: Evidence) -> Result:
    behind = reference_of(e)
    return behind if isinstance(behind, Result) else _cauchy_schwarz_of(once(e, compared), SCALES, PERMUTATIONS)


def cauchy_schwarz(
    X: Any,
    reference: Any,
    *,
    scales: Sequence[float] = SCALES,
    sample: int | None = ROWS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Result:
    """Cauchy-Schwarz divergence between current and reference rows, of the kernel means that mmd has.

    Formula: ln mean k(x, x') + ln mean k(y, y') - 2 ln mean k(x, y) over different rows, k as of mmd; parts.biased over
    all pairs, which is never below 0. parts.p_value as of mmd.
    Input: X (m, d), reference (n, d) finite real numbers, at least 20 rows each.
    Range: about 0 for equal distributions, then as often below 0 as above, upward without a bound. Invariant to
    rotation, translation and a common scale.
    Undefined: fewer than 20 rows on a side; more than half of the pairs at distance 0; sides so far apart that the
    kernel between them is 0.
    Interval: as of mmd, from the influence of the rows on the logarithms.
    Cost: none beside mmd.
    When it lies: as mmd; where the sides hardly overlap it goes on growing where mmd is full.
    Source: Yu et al., "Cauchy-Schwarz Divergence Information Bottleneck for Regression", ICLR 2024. Deviations: natural
    logarithm, different rows, and the bandwidth is a median of squared distances as the kernel needs it (their code
    takes ten times that median for a distance, which makes the kernel nearly constant).

    >>> import numpy as np
    >>> rows = np.arange(40.0)[:, None]
    >>> cauchy_schwarz(rows, rows + 100).value > 2 > cauchy_schwarz(rows, rows).value
    True
    """
    e = beside(X, reference, "reference", seed)
    behind = reference_of(e)
    known = behind if isinstance(behind, Result) else compared(e, scales, sample, permutations)
    return _cauchy_schwarz_of(known, scales, permutations)


METRICS = (
    Metric(
        cauchy_schwarz, _cauchy_schwarz, ("sample", "source"), INVARIANT, NOT_DAMAGE,
        "ln E k(x, x') + ln E k(y, y') - 2 ln E k(x, y) over different rows, the kernel of mmd",
    ),
)  # fmt: skip
