"""Hopkins statistic: are the rows clustered, or spread like points thrown into their box?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence, Need
from labelfree.evidence.once import once
from labelfree.evidence.targets import target
from labelfree.families.spec import INVARIANT, Metric
from labelfree.families.transfer.hopkins_distances import (
    LEAST_POINTS,
    REPEATS,
    Box,
    Tendency,
    points_for,
    random_stream,
    repeats_for,
    scan_of,
    tendency,
)
from labelfree.families.transfer.intervals import withheld
from labelfree.kernels.threads import spread
from labelfree.results import Plain, Result, measured, undefined

_NULL_QUERIES, _NULL_POINTS = 2_000, 1_000
_FAR = 2.0
"""How many times as far as Gaussian rows the box may reach before we warn."""
_HELD = 1.2
"""How many times as far it may reach before other rows would stretch it otherwise than these can tell."""
_COLUMNS = 10
"""Columns below which the box hangs on too few edges to tell its error."""
_LEAST = 500
"""Rows below which there is no interval: nearest distances of few rows hang together in too many ways."""

FROM_ROWS: tuple[Need, ...] = ("moments", "sample")


@dataclass(frozen=True, eq=False)
class Hopkins:
    """The statistic of a data set, of structure-free rows of its shape, and what to say about it."""

    found: Tendency
    null: float
    n: int
    m: int
    warnings: tuple[Noted, ...]
    d: int
    reach: float

    @property
    def error(self) -> float | None:
        """The standard error, None where rows or columns are few or a few far rows decide the box."""
        few = self.n < _LEAST or self.d < _COLUMNS
        return None if few or self.reach > _HELD else self.found.standard_error(self.n)

    @property
    def why_no_interval(self) -> str:
        """The reason where there is no standard error."""
        if self.n < _LEAST:
            return f"it takes {_LEAST} rows, found {self.n}"
        if self.d < _COLUMNS:
            return f"it takes {_COLUMNS} columns, found {self.d}: the farthest rows of a few decide the box"
        return f"a few far rows decide the box, which reaches {self.reach:.2f} times as far as that of Gaussian rows"


def hopkins_of(e: Evidence) -> Hopkins | Result:
    """The standard statistic, computed once; or why there is none."""
    return once(e, _hopkins_of)


def _hopkins_of(e: Evidence) -> Hopkins | Result:
    scan = scan_of(e)
    if e.n < 2 or scan is None:
        return undefined("insufficient", f"needs at least 2 rows with their features, found {e.n if scan else 0}")
    m = points_for(e.n, e.d)
    random = random_stream(e.seed)
    chosen = np.stack([random.choice(e.n, m, replace=False) for _ in range(repeats_for(m))])
    found = tendency(
        scan,
        chosen,
        lambda: random.random((m, e.d)),
        lambda done: e.progress("nearest rows (Hopkins)", done),
        e.n,
        moved=min(m, max(LEAST_POINTS, m // REPEATS)),
    )
    if found is None:
        return undefined("collapsed", f"all {e.n} rows are equal: they have no box to throw points into")
    reach = _reach(e.n, found.box)
    return Hopkins(found, _null(e, found.box, m, random), e.n, m, _warnings(e, found, reach), e.d, reach)


def _null(e: Evidence, box: Box, m: int, random: np.random.Generator) -> float:
    """The statistic of as many Gaussian rows with the covariance of these (without moments: its diagonal)."""
    m = min(m, _NULL_POINTS)
    repeats = int(np.clip(_NULL_QUERIES // (2 * m), 2, REPEATS))
    mixing = _mixing(e, box).astype(np.float32)
    key = int(random.integers(1 << 62))
    step = max(1, min(e.n, (1 << 20) // e.d))

    def made(start: int) -> Rows:
        fresh = np.random.default_rng((key, start))
        rows = fresh.standard_normal((min(step, e.n - start), e.d), dtype=np.float32)
        return np.asarray(rows @ mixing if mixing.ndim == 2 else rows * mixing)

    def scan() -> Iterator[Rows]:
        yield from spread(made, range(0, e.n, step))

    chosen = np.stack([random.choice(e.n, m, replace=False) for _ in range(repeats)])
    found = tendency(
        scan,
        chosen,
        lambda: random.random((m, e.d)),
        lambda done: e.progress("structure-free rows (Hopkins)", done),
        e.n,
    )
    assert found is not None
    return found.value


def _mixing(e: Evidence, box: Box) -> Float:
    """What standard normal rows are multiplied by: a root of the covariance (d, d), or deviations (d,); mean square 1.

    The statistic does not change with the unit, which float32 could not always hold.
    """
    if e.moments is None or e.moments.n < 2:
        return np.asarray(box.deviation / box.deviation.max())
    covariance = e.moments.scatter / np.trace(e.moments.scatter)
    covariance[np.diag_indices(e.d)] += 1e-10 / e.d + 1e-12
    return np.asarray(np.linalg.cholesky(covariance).T)


def _reach(n: int, box: Box) -> float:
    """Distance from the mean to the farthest corner of the box, over that of Gaussian rows of their spread."""
    low, high = box.edges()
    reach = float(np.linalg.norm(np.maximum(high - box.mean, box.mean - low)))
    return reach / float(np.sqrt((box.deviation**2).sum()) * (2 * np.log(max(n, 2))) ** 0.5)


def _warnings(e: Evidence, found: Tendency, reach: float) -> tuple[Noted, ...]:
    notes = []
    repeated = float((found.w == 0).mean())
    if repeated > 0.01:
        again = f"{100 * repeated:.0f} % of the drawn rows repeat another row, which pushes the statistic towards 1"
        notes.append(Noted("repeated_points", again))
    if reach > _FAR and e.n > 10:
        far = (
            f"the box of the rows reaches {reach:.1f} times as far as that of Gaussian rows of their spread"
            ": a few far rows decide it and push the statistic up"
        )
        notes.append(Noted("far_rows", far))
    return tuple(notes)


def hopkins_parts(h: Hopkins) -> dict[str, Plain]:
    """What the statistic was made of."""
    values = h.found.values
    return {
        "sd": float(values.std(ddof=1)),
        "null": h.null,
        "excess": h.found.value - h.null,
        "repeats": [float(v) for v in values],
        "n": h.n,
        "points": h.m,
        "repeated_rows": float((h.found.w == 0).mean()),
    }


def hopkins_params(repeats: int) -> dict[str, Plain]:
    """What fixes the meaning of the number."""
    return {"power": 1, "reference": "all", "repeats": repeats, "box": "range"}


def _hopkins(e: Evidence) -> Result:
    h = hopkins_of(e)
    if isinstance(h, Result):
        return h
    params: dict[str, Plain] = {**hopkins_params(len(h.found.values)), "points": h.m}
    error, parts = h.error, hopkins_parts(h)
    found = measured(h.found.value, error, low=0.0, high=1.0, params=params, parts=parts, warnings=h.warnings)
    return found if error is not None else withheld(found, h.why_no_interval)


def hopkins(X: Any, *, seed: int = 0) -> Result:
    """Hopkins statistic of the rows: clustered, or spread over their box?

    Formula: sum u / (sum u + sum w), mean over repeats of m = max(min(n, 50), 5 % of n) points, at most 2,500 (and
    fewer above 671 columns); 10 repeats, or as many as throw 7,500 points in all, at least 3; w the distances of m rows
    drawn without replacement to the nearest other row of all n, u those of m points uniform in the box of the column
    ranges to the nearest of all rows.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 0 (a lattice) to 1 (clustered); a uniform cube is near 0.5, but structure-free Gaussian rows score 0.6 to
    0.7: parts.null is the value of Gaussian rows of the same number, mean and covariance, parts.excess the difference.
    Invariant to translation and scale, not to rotation (the box) nor to the number of rows: compare at equal n. Which
    rows are drawn depends on the seed and their positions: keep one order.
    Undefined: fewer than 2 rows; all rows equal.
    Interval: delta method over the distances, rows nearest to each other taken together, and a jackknife over groups of
    rows for the box. None below 500 rows or 10 columns, nor where the box reaches 1.2 times as far as that of Gaussian
    rows: a few far rows decide it. parts.sd is the deviation between repeats.
    Cost: 2 m n d multiply-adds a repeat (.3 of a product of all rows with all rows at n = 50,000), a third of it more
    for the null and the box; memory 270 MB of points and one block.
    When it lies: one far row stretches the box and duplicates bring w to 0: both push it to 1 (warned about);
    adaptation losses that grow norms inflate it.
    Source: Hopkins and Skellam 1954; Eq. 3 of Yang et al., "Can we evaluate domain adaptation models without target
    labels?", ICLR 2024. Deviations from Eq. 3: exponent 1 instead of d, by which every value would be 1 from 16 columns
    on, and neighbors among all rows instead of the m drawn, as in the released code; the mean of 3 to 10 draws.

    >>> import numpy as np
    >>> round(hopkins(np.repeat([[0.0], [1.0]], 50, axis=0)).value, 10)  # two points, many times over
    1.0
    """
    return _hopkins(target(X, seed=seed))


METRICS = (
    Metric(
        hopkins, _hopkins, FROM_ROWS, INVARIANT,
        "one network through adaptation at fixed rows and width; misleads with outliers, duplicates, growing norms, "
        "and decided the worst choices of the Transfer Score where training optimized a part of it",
        "sum u / (sum u + sum w), exponent 1, neighbors among all rows, 3 to 10 repeats of 5 % of the rows",
    ),
)  # fmt: skip
