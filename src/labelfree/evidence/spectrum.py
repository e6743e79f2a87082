"""Eigenvalues of the second moment of rows, as accurate as a singular value decomposition of the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.kernels.threads import one_core, spread
from labelfree.summaries import Moments
from labelfree.summaries.moments import add_outer

EPS = float(np.finfo(np.float64).eps)
_MEAN_DOMINATES = 1e3  # squared mean over largest variance from which the mean direction is split off first
_TAIL = 1e-9  # eigenvalues below this share of the largest are measured anew where that matters
_NARROW = 1e-36  # eigenvalues from here to its inverse belong to coordinates that float32 holds
_NEAR = 30  # times the floor: eigenvalues below have lost their digits
_STRIP = 256  # rows that are projected at a time
_LOOKS = 4  # most looks at the rows; each sees down to 1e-12 of what the one before has left
_NEGLIGIBLE = 1e-7  # largest relative change of an effective rank that is left unmeasured


Look: TypeAlias = Callable[[Float, Float], Moments]
"""Moments of all rows less a shift (d,) along the columns of a basis (d, k): a pass over the rows."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues (k,) descending and directions (d, k) of the second moment of n rows of width d.

    With Z the rows, centered or not, singular values are sqrt(n * eigenvalues); k = min(n, d), or min(n - 1, d)
    after centering. `floor` is the eigenvalue that rounding alone can produce: smaller ones are not seen.
    `shift` is what is taken from a row before it is projected: the mean, or zero.
    """

    n: int
    d: int
    centered: bool
    eigenvalues: Float
    directions: Float
    floor: float
    shift: Float

    @property
    def sigma(self) -> Float:
        """Singular values over sqrt(n)."""
        return np.sqrt(self.eigenvalues)

    @property
    def hides_some(self) -> bool:
        """Whether an eigenvalue is lost in rounding, or nearly, and another look at the rows would show it."""
        return self.floor > _rounding(self.eigenvalues) and bool((self.eigenvalues < _NEAR * self.floor).any())

    @property
    def unresolved(self) -> bool:
        """Whether eigenvalues lost in rounding could move an effective rank by more than 1e-7 of itself."""
        lost = int((self.eigenvalues < _NEAR * self.floor).sum())
        total = float(self.sigma.sum())
        if lost == 0 or total == 0:
            return False
        each = np.sqrt(self.floor) / total
        return bool(lost * each * (1 - np.log(each)) > _NEGLIGIBLE)

    def cut_to(self, k: int) -> Spectrum:
        """The k largest eigenvalues, filled up with zeros where dead columns left fewer."""
        kept = min(k, len(self.eigenvalues))
        if kept == k == self.directions.shape[1]:
            return self
        eigenvalues, directions = np.zeros(k), np.zeros((self.d, k))
        eigenvalues[:kept] = self.eigenvalues[:kept]
        directions[:, :kept] = self.directions[:, :kept]
        return replace(self, eigenvalues=eigenvalues, directions=directions)

    def coordinates(self, rows: Rows) -> Rows:
        """(m, k) along the directions; the mean square over all rows is `eigenvalues`.

        In the dtype of rows (m, d), except where float32 could not hold them.
        """
        held = bool(_NARROW < self.eigenvalues.max(initial=0.0) < 1 / _NARROW)
        out = np.empty((len(rows), len(self.eigenvalues)), rows.dtype if held else np.float64)
        for start in range(0, len(rows), 512):
            part = slice(start, start + 512)
            out[part] = (rows[part] - self.shift) @ self.directions
        return out


def spectrum(moments: Moments, *, centered: bool, look: Look | None = None, fine: bool = False) -> Spectrum:
    """The spectrum of the rows behind `moments`; `look` reads them again for a tail that rounding has hidden.

    fine: whether the rows are stored so finely that a direction hidden in the rounding of their scatter can be one of
    theirs; it is then looked for, however little it would move an effective rank.
    """
    n, d = moments.n, moments.d
    covariance = moments.scatter / n
    mean = moments.mean
    live = _live(covariance, mean, centered)
    part = covariance[np.ix_(live, live)] if len(live) < d else covariance
    split = not centered and _mean_dominates(part, mean[live])
    with one_core():
        if split:
            values, vectors = _split_mean(part, mean[live])
        else:
            if not centered:
                add_outer(part, 1.0, mean[live])
            values, vectors = np.linalg.eigh(part)
    del covariance, part
    values, vectors = values[::-1], np.ascontiguousarray(vectors[:, ::-1])  # a reversed view multiplies slowly
    noise = 0.0
    if len(values) > split:
        # Eigenvalues that should be zero come out on both sides of it, and show how far rounding reaches.
        noise = max(2 * EPS * float(values[int(split)]), -1.5 * float(values[-1]))
        values = np.where(values > (noise if values[-1] < 0 else 0.0), values, 0.0)
    directions = vectors
    if len(live) < d:
        directions = np.zeros((d, len(live)))
        directions[live] = vectors
    shift = mean if centered else np.zeros(d)
    found = Spectrum(n, d, centered, values, directions, noise, shift)
    most = n - 1 if centered else n
    if look is not None:
        for _ in range(_LOOKS):
            seen = found.cut_to(min(most if fine else n, len(live)))
            if not (seen.unresolved or (fine and seen.hides_some)):
                break
            found = _remeasured(found, look(found.shift, found.directions))
    return found.cut_to(min(most, d))


def eigenvalues_alone(moments: Moments, *, centered: bool) -> Spectrum:
    """The eigenvalues of the rows behind `moments`, without directions; those that rounding may have made are 0."""
    n, d = moments.n, moments.d
    second = moments.scatter / n
    if not centered:
        add_outer(second, 1.0, moments.mean)
    with one_core():
        values = np.linalg.eigvalsh(second)[::-1]
    noise = max(d * EPS * float(values[0]), -1.5 * float(values[-1]))
    kept = np.asarray(np.where(values > noise, values, 0.0), np.float64)[: min(n - 1 if centered else n, d)]
    return Spectrum(n, d, centered, kept, np.empty((0, 0)), noise, np.zeros(0))


def _remeasured(found: Spectrum, again: Moments) -> Spectrum:
    """A spectrum with its tail measured from the rows along its directions, not from their scatter.

    A scatter holds squared singular values, so that those below 1.5e-8 of the largest drown in rounding. Projected on
    the tail directions the rows lose the large ones but for a leak, since the directions themselves are rounded. The
    leak is linear in the large coordinates: what these explain of the small ones is taken out, and the directions are
    turned by as much. What is left is accurate on its own scale.
    """
    basis = found.directions
    top = min(float(found.eigenvalues[0]), found.floor / (2 * EPS))
    k = int((found.eigenvalues >= _TAIL * top).sum())  # from the largest on
    second, mean = again.scatter / again.n, again.mean
    del again
    if not found.centered:
        add_outer(second, 1.0, mean)
    large = np.sqrt(found.eigenvalues[:k])
    cross = second[:k, k:] / large[:, None]
    with one_core():
        leak = np.linalg.solve(second[:k, :k] / np.outer(large, large), cross)
        second[k:, k:] -= cross.T @ leak
        values, vectors = np.linalg.eigh(second[k:, k:])
    del second
    leak /= large[:, None]
    values = np.concatenate([found.eigenvalues[:k], np.maximum(values[::-1], 0.0)])
    directions = np.empty_like(basis)
    directions[:, :k] = basis[:, :k] + basis[:, k:] @ leak.T
    directions[:, k:] = (basis[:, k:] - basis[:, :k] @ leak) @ vectors[:, ::-1]
    order = np.argsort(-values, kind="stable")
    floor = max(_rounding(values), 2 * EPS * float(values[k]))
    return replace(found, eigenvalues=values[order], directions=directions[:, order], floor=floor)


def along(blocks: Iterable[Rows], shift: Float, basis: Float) -> Moments:
    """Moments of rows that come in blocks (m, d), less `shift`, along `basis` (d, k)."""
    found = Moments.empty(basis.shape[1])
    for rows in blocks:
        found = found.update(projected(rows, shift, basis))
    return found


def projected(rows: Rows, shift: Float, basis: Float) -> Float:
    """Rows (m, d) less `shift`, on the directions of `basis` (d, k), spread over threads."""
    out = np.empty((len(rows), basis.shape[1]))

    def work(start: int) -> None:
        part = slice(start, start + _STRIP)
        np.matmul(rows[part] - shift, basis, out=out[part])

    for _ in spread(work, range(0, len(rows), _STRIP)):
        pass
    return out


def _rounding(eigenvalues: Float) -> float:
    """What rounding of the rows themselves makes of an eigenvalue zero: no look at them shows less."""
    return (4 * EPS) ** 2 * float(eigenvalues.max(initial=0.0))


def _live(covariance: Float, mean: Float, centered: bool) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Columns that are not constant (or, uncentered, not zero): dead ones carry exact zeros, not rounding."""
    variance = np.diagonal(covariance)
    constant = variance <= (8 * EPS * np.abs(mean)) ** 2
    return np.flatnonzero(~constant if centered else ~(constant & (mean == 0)))


def _mean_dominates(covariance: Float, mean: Float) -> bool:
    return bool(mean @ mean > _MEAN_DOMINATES * np.trace(covariance))


def _split_mean(covariance: Float, mean: Float) -> tuple[Float, Float]:
    """Eigenvalues, ascending, and vectors of covariance + mean mean^T where the mean is far larger than the spread.

    Its square would bury the small eigenvalues in rounding. So its direction is found by power iteration (each
    step gains three digits), split off by a reflection, and the rest is decomposed on its own scale. Overwrites
    `covariance`.
    """
    unit = 2.0 ** np.frexp(np.abs(mean).max())[1]  # squares of squares would leave the range of float64
    covariance /= unit**2
    mean = mean / unit
    top, value = mean / np.linalg.norm(mean), 0.0
    for _ in range(12):
        top = covariance @ top + mean * float(mean @ top)
        value = float(np.linalg.norm(top))
        top /= value
    mirror = top.copy()
    mirror[0] += 1.0 if top[0] >= 0 else -1.0
    mirror *= np.sqrt(2.0) / np.linalg.norm(mirror)  # I - mirror mirror^T maps e_0 to -+ top
    turned = covariance - np.outer(covariance @ mirror, mirror)
    turned -= np.outer(mirror, mirror @ turned)
    rest = (mean - mirror * float(mirror @ mean))[1:]
    values, inner = np.linalg.eigh(turned[1:, 1:] + np.outer(rest, rest))
    vectors = np.zeros((len(mean), len(mean)))
    vectors[1:, :-1] = inner
    vectors[:, :-1] -= np.outer(mirror, mirror @ vectors[:, :-1])
    vectors[:, -1] = top
    return np.append(values, value) * unit**2, vectors
