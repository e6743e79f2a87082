"""A cell of an interval study: how often the interval of a metric holds the mean of the metric at that size.

The studies beside this file draw from populations that no other benchmark uses, 1,000 times where a draw costs less
than 20 ms and 200 times elsewhere. A cell fails where the 95 % binomial interval of its own coverage excludes all of
.92 to .98: too narrow and too wide are both defects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import beta

PROMISED = (0.92, 0.98)

Draw = tuple[float, tuple[float, float] | None]
"""The value of a metric on one draw, and its interval where one is offered."""


def binomial(hits: int, draws: int) -> tuple[float, float]:
    """The 95 % interval of a share by Clopper and Pearson (1934).

    >>> binomial(190, 200)
    (0.9099..., 0.9757...)
    """
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, draws - hits + 1))
    high = 1.0 if hits == draws else float(beta.ppf(0.975, hits + 1, draws - hits))
    return low, high


def cell(draws: Sequence[Draw], target: float | None = None) -> dict[str, float | int | bool | None]:
    """Coverage of the intervals of one metric at one size of one population.

    draws: value and interval of each draw. target: what the intervals must hold, the mean of the values if None.
    `offered` counts the draws that had an interval; `covered` is None where no draw had one.
    """
    values = np.array([value for value, _ in draws])
    held = [interval for _, interval in draws if interval is not None]
    mean = float(values.mean()) if target is None else target
    found: dict[str, float | int | bool | None] = {"draws": len(draws), "offered": len(held), "target": mean}
    if not held:
        return {**found, "covered": None, "fails": False}
    hits = sum(low <= mean <= high for low, high in held)
    least, most = binomial(hits, len(held))
    width = float(np.mean([high - low for low, high in held]))
    spread = float(values.std(ddof=1))
    return {
        **found,
        "covered": round(hits / len(held), 4),
        "covered_from": round(least, 4),
        "covered_to": round(most, 4),
        "half_width_over_196_sd": round(width / (2 * 1.96 * spread), 3) if spread > 0 else None,
        "fails": most < PROMISED[0] or least > PROMISED[1],
    }


def failing(cells: Mapping[str, Mapping[str, Mapping[str, object]]]) -> list[str]:
    """Population and metric of every cell that fails."""
    return [f"{where}: {name}" for where, metrics in cells.items() for name, one in metrics.items() if one["fails"]]
