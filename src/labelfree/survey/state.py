"""The state of an embedding: healthy, suspicious or collapsed, from its moments alone. All of state/v1 stands here.

The rows are judged as they are and about their mean. Where the mean row holds nearly all of the energy, cosine
similarity is hurt, and that is all: an offset of all rows is no collapse, since a linear probe does not see it. It is
one if nothing is left about the mean either: a point, a line, two or three directions and nothing else, or noise alike
in all directions. What one file cannot decide is at most suspicious.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float
from labelfree.catalog import Concern, StateWord
from labelfree.evidence.evidence import Evidence
from labelfree.families.rank.effective import entropy_rank

RULE = "state/v1"
FEWEST = 10
"""Rows below which nothing is said."""
NARROW, POINT, AT_POINT, WIDE = 0.9, 0.99, 0.9999, 16
"""Share of the energy in the mean row from which cosine similarity is hurt; noise about it is a point (in so many
directions, since classes fill fewer as noise does); any rows are suspect, and noise in few directions is a point."""
NOISE, ALONG = 0.9, 0.9
"""Sphericity from which rows about their mean are noise; share of the variance about it along one direction from which
rows that point one way are suspect."""
DIRECTIONS, LITTLE, NOTHING = 3, 0.01, 1e-6
"""Directions that are few; share of the variance beside them that is little, and that is none."""
ROUND, NEARLY, STRUCTURE = 0.95, 0.001, 3.0
"""Sphericity from which what is left beside few directions is noise; share of it that is nearly none, and effective
rank below which it is no structure, beside one direction."""
REPEATED, MANY_REPEATED = 0.8, 0.9
"""Shares of rows that repeat another exactly."""


@dataclass(frozen=True)
class Reason:
    """One number that a state rests on, with the limit that it was held against, in a sentence."""

    name: str
    value: float
    limit: float | None
    message: str


@dataclass(frozen=True)
class State:
    """A state, the numbers that say so, and whom it concerns; reason: why there is no verdict."""

    state: StateWord
    because: tuple[Reason, ...] = ()
    cosine_similarity: Concern = "unknown"
    linear_probe: Concern = "unknown"
    reason: str | None = None


@dataclass(frozen=True)
class Shape:
    """What the rule looks at. ranks are effective ranks (entropy of singular values), shares between 0 and 1.

    mean_share: of the energy of all rows in their mean; rank, centered_rank: of the rows as they are, and about their
    mean; most: the greatest that it can be; sphericity: (sum of the centered eigenvalues)^2 / sum of their squares over
    its value for isotropic noise of this shape; first: share of the centered variance in one direction; few: how many
    directions, three at most, leave little of it, None where more are needed; left: that share, left_sphericity and
    left_rank: of what is left, None where nothing is; repeated: share of rows that repeat another.
    """

    mean_share: float
    rank: float
    centered_rank: float
    most: int
    sphericity: float
    first: float
    few: int | None
    left: float
    left_sphericity: float | None
    left_rank: float | None
    repeated: float


def state_of(e: Evidence, duplicates: int = 0) -> State:
    """The state of the rows behind the evidence, of which so many repeat an earlier one."""
    if why := _no_verdict(e):
        return State("no_verdict", reason=why)
    moments = e.moments
    assert moments is not None
    repeated = duplicates / e.n
    if not e.centered.eigenvalues.any():
        equal = Reason("spread", 0.0, 0.0, "all rows are equal: a point")
        return State("likely_collapsed", (equal,), "hurt", "hurt")
    return judged(shape(e, repeated))


def _no_verdict(e: Evidence) -> str | None:
    if e.moments is None:
        return "no moments of the rows were summed"
    if e.n < FEWEST:
        return f"too few rows: found {e.n}, needs at least {FEWEST}"
    if e.zero == e.n or not e.raw.eigenvalues.any():
        return "all rows are zero: the encoder returned nothing"
    if e.d < 2:
        return "one column: rows of one number lie on a line whatever the encoder does"
    return None


def shape(e: Evidence, repeated: float = 0.0) -> Shape:
    """The numbers that the rule looks at, of rows that are not all equal."""
    moments = e.moments
    assert moments is not None
    variance, offset = float(np.trace(moments.scatter)) / e.n, float(moments.mean @ moments.mean)
    share = e.centered.eigenvalues / float(e.centered.eigenvalues.sum())
    few = next((k for k in range(1, DIRECTIONS + 1) if float(share[k:].sum()) <= LITTLE), None)
    rest = share[few or DIRECTIONS :]
    some = bool(rest.any())
    return Shape(
        mean_share=offset / (offset + variance),
        rank=entropy_rank(e.raw.sigma)[0],
        centered_rank=entropy_rank(np.sqrt(share))[0],
        most=min(e.n - 1, e.d),
        sphericity=_sphericity(share, e.n, e.d),
        first=float(share[0]),
        few=few,
        left=float(rest.sum()),
        left_sphericity=_sphericity(rest, e.n, e.d - (few or DIRECTIONS)) if some else None,
        left_rank=entropy_rank(np.sqrt(rest))[0] if some else None,
        repeated=repeated,
    )


def _sphericity(values: Float, n: int, d: int) -> float:
    return float(values.sum()) ** 2 / float(values @ values) * (n + d) / (n * d)


def judged(s: Shape) -> State:
    """The rule: the first finding that applies, the worst first."""
    collapsed = tuple(_collapsed(s))
    hurt: Concern = "hurt" if s.mean_share > NARROW or collapsed else "fine"
    if collapsed:
        return State("likely_collapsed", (*collapsed, *_seen(s, collapsed))[:3], hurt, "hurt")
    cosine: Concern = "center_first" if s.mean_share > NARROW else "standardize_first" if s.first > NARROW else "fine"
    if suspect := tuple(_suspect(s)):
        return State("suspicious", (*suspect, *_seen(s, suspect))[:3], cosine, "unknown")
    return State("healthy", tuple(_seen(s, ())), cosine, "fine")


def _collapsed(s: Shape) -> Iterator[Reason]:
    if s.repeated > MANY_REPEATED:
        yield _repeats(s, MANY_REPEATED)
    if s.few is not None and s.left <= NOTHING and (s.few == 1 or 4 * s.few <= s.most):
        yield _few(s, NOTHING, "a line" if s.few == 1 else "nothing else")
    elif s.few == 1 and (s.left_sphericity or 0.0) > ROUND:
        yield _few(s, LITTLE, "a line, and noise")
    if s.mean_share > (point := POINT if s.most >= WIDE else AT_POINT) and s.sphericity > NOISE:
        yield _one_way(s, point)
        said = f"about the mean they are as round as noise (sphericity {s.sphericity:.2f}, limit {NOISE:g}): a point"
        yield Reason("sphericity", s.sphericity, NOISE, said)


def _suspect(s: Shape) -> Iterator[Reason]:
    if s.repeated > REPEATED:
        yield _repeats(s, REPEATED)
    if s.mean_share > AT_POINT:
        yield _one_way(s, AT_POINT)
    elif s.mean_share > NARROW and (s.first > ALONG or s.sphericity > NOISE):
        yield _one_way(s, NARROW)
    if s.mean_share > NARROW and s.first > ALONG:
        said = f"about the mean one direction holds {percent(s.first)} of the variance (limit {percent(ALONG)})"
        yield Reason("first_share", s.first, ALONG, said)
    if s.mean_share > NARROW and s.sphericity > NOISE:
        said = f"about the mean they are as round as noise (sphericity {s.sphericity:.2f}, limit {NOISE:g})"
        yield Reason("sphericity", s.sphericity, NOISE, said)
    if s.few is not None and s.most > 2 * DIRECTIONS and (s.left_sphericity or 0.0) > ROUND:
        yield _few(s, LITTLE, "and noise")
    elif s.few == 1 and (s.left <= NEARLY or (s.left_rank or 0.0) < STRUCTURE):
        yield _few(s, LITTLE, "nearly a line")


def _seen(s: Shape, told: tuple[Reason, ...]) -> Iterator[Reason]:
    """The numbers that stand beside any verdict, but for those that were told."""
    names = {reason.name for reason in told}
    if "mean_share" not in names:
        narrow = s.mean_share > NARROW
        said = f"the mean row holds {percent(s.mean_share)} of the energy (limit {percent(NARROW)})"
        said += ": cosine similarity is hurt, center first" if narrow and not told else ""
        yield Reason("mean_share", s.mean_share, NARROW, said)
    said = f"effective rank {s.centered_rank:.3g} of {s.most} about the mean, {s.rank:.3g} as they are"
    yield Reason("centered_rank", s.centered_rank, None, said)


def _few(s: Shape, limit: float, what: str) -> Reason:
    k = f"{s.few} direction" if s.few == 1 else f"{s.few} directions"
    said = f"beside {k} of {s.most} possible {percent(s.left)} of the variance is left (limit {percent(limit)}): {what}"
    return Reason("left_share", s.left, limit, said)


def _one_way(s: Shape, limit: float) -> Reason:
    said = f"rows point one way: the mean row holds {percent(s.mean_share)} of the energy (limit {percent(limit)})"
    return Reason("mean_share", s.mean_share, limit, said)


def _repeats(s: Shape, limit: float) -> Reason:
    said = f"{percent(s.repeated)} of the rows repeat another exactly (limit {percent(limit)})"
    return Reason("repeated_share", s.repeated, limit, said)


def percent(share: float) -> str:
    """A share in percent, with the digits that tell it from 0 and from 100.

    >>> percent(0.999998), percent(0.5), percent(0.0012)
    ('99.9998 %', '50 %', '0.12 %')
    """
    near = min(share, 1 - share)
    if near >= 0.1 or near <= 0:
        return f"{100 * share:.0f} %"
    digits = int(max(0, -np.floor(np.log10(100 * near))))
    said = f"{100 * share:.{min(digits, 10)}f}"
    return f"{said.rstrip('0') if '.' in said else said} %"
