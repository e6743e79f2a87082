"""Standard errors by deletion: what a function of the eigenvalues becomes without one row, and without two.

The variance over deletions of one row counts twice what pairs of rows do together (Efron and Stein 1981); deletions of
two rows measure that part, and it is counted once. Neither needs a second decomposition: a row takes a matrix of rank
one from the scatter, the change of ln det(C + z I) is the logarithm of a number (of a 2 x 2 determinant for two rows),
and the trace of a smooth function of C is an integral of ln det(C + z I) over z.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Rows, blocks_of
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.once import once
from labelfree.evidence.spectrum import EPS, Spectrum
from labelfree.evidence.tails import heavy_tails

PAIRS = 400
"""Most pairs of rows that are deleted together."""
ROUGH = 1.5
"""Share of the variance that pairs of rows make from which a value is not smooth enough for an interval."""
ROUGH_ALONE = 0.5
"""The same for a value that hangs on one eigenvalue, which a near one makes rough."""
_STEP = 1.0  # of ln z; the integrand is analytic for |Im ln z| < pi, so that the error falls as exp(-2 pi^2 / step)
_BEYOND = 5.0  # of ln z at both ends of the spectrum
_LEAST = 1e-12  # of 1 - leverage
_MOST = 30.0  # of an entropy
_LOST = 1e-30  # of the trace: eigenvalues below are zero


@dataclass(frozen=True)
class Error:
    """A standard error, or why there is none."""

    se: float | None = None
    reason: str = ""

    @property
    def warnings(self) -> tuple[Noted, ...]:
        """The reason as the warnings of a result."""
        return (Noted("no_interval", self.reason),) if self.reason else ()


def error_of(n: int, influence: Float, together: Float, reason: str = "", rough: float = ROUGH) -> Error:
    """The error of a value of n rows with this influence of single rows (m,) and this joint one of pairs (p,).

    The value is its mean plus mean influences plus half of the mean joint influence over ordered pairs. influence: as
    it is measured from the rows themselves, which adds to its variance that of `together` over n.
    """
    if len(influence) < 3:
        return Error()
    single = float(influence.var(ddof=1))
    joint = float(together.var(ddof=1)) / n if len(together) > 1 else 0.0
    if not reason and joint > rough * single:
        reason = f"no interval: at n = {n} pairs of rows move the value too much beside single rows"
    if reason:
        return Error(None, reason)
    return Error(float(np.sqrt((max(single - joint, 0.0) + joint / 2) / n)))


@dataclass(frozen=True, eq=False)
class Deletions:
    """The second moment of n rows with trace one, less single rows (the first m entries) and pairs of them (the rest).

    eigenvalues: (k,) above zero; z: (q,) in geometric progression; log_det: (m + p, q) change of ln det(C + z I);
    trace, square: (m + p,) change of tr C and tr C^2. Pair i is of the rows i and p + i. C keeps the divisor n.
    """

    n: int
    m: int
    pairs: int
    eigenvalues: Float
    z: Float
    step: float
    log_det: Float
    trace: Float
    square: Float

    def error(self, value: Callable[..., Float], whole: tuple[float, ...], *changes: Float, reason: str = "") -> Error:
        """The error of value(*whole), a function of sums that changed by so much."""
        at = float(value(*whole))
        less = value(*(total + change for total, change in zip(whole, changes, strict=True)))
        n, m, p = self.n, self.m, self.pairs
        one, two = less[:m], less[m:]
        together = (n - 1) * (n - 2) * (at - one[:p] - one[p : 2 * p] + two)
        return error_of(n, (n - 1) * (at - one), together, reason)

    def entropy_of_roots(self, reason: str) -> Error:
        """The error of exp of the entropy of the roots of the eigenvalues over their sum."""
        sigma = np.sqrt(self.eigenvalues)
        weight, log_weight = self._root_weights()
        whole = float(sigma.sum()), float(sigma @ np.log(sigma))
        return self.error(from_sums, whole, self.log_det @ weight, self.log_det @ log_weight, reason=reason)

    def entropy(self, reason: str) -> Error:
        """The error of exp of the entropy of the eigenvalues over their sum."""
        lam = self.eigenvalues
        weight = self._ends(1.0, 1.0) * self.z
        # x ln x = x - integral over z of ln(1 + x / z) - x / (1 + z)
        integral = self.log_det @ weight - self.trace * float((weight / (1 + self.z)).sum())
        return self.error(from_sums, (1.0, float(lam @ np.log(lam))), self.trace, self.trace - integral, reason=reason)

    def participation(self, reason: str) -> Error:
        """The error of the squared sum of the eigenvalues over the sum of their squares."""
        whole = 1.0, float(self.eigenvalues @ self.eigenvalues)
        return self.error(_participation, whole, self.trace, self.square, reason=reason)

    def _ends(self, below: float, above: float) -> Float:
        """Weights of the trapezoidal rule in ln z, and of the tails beyond both ends."""
        weight = np.full(len(self.z), self.step)
        weight[0], weight[-1] = self.step / 2 + below, self.step / 2 + above
        return weight

    def _root_weights(self) -> tuple[Float, Float]:
        """Weights of ln det(I + C / z) that give the sum of the roots, and of each times its logarithm.

        x^s = s sin(pi s) / pi times the integral of ln(1 + x / z) z^s d ln z, and its derivative by s, at s = 1/2.
        """
        u, root = np.log(self.z), np.sqrt(self.z)
        plain = self._ends(2.0, 2.0)
        logged = self._ends(0.0, 0.0) * u
        logged[0] += 2 * u[0] - 4
        logged[-1] += 2 * u[-1] + 4
        return root * plain / (2 * np.pi), root * (plain / np.pi + logged / (2 * np.pi)) / 2


def from_sums(total: Float, logs: Float) -> Float:
    """exp of the entropy of numbers over their sum, from the sum and that of each times its logarithm."""
    held = np.maximum(total, _LOST)
    return np.asarray(np.exp(np.clip(np.log(held) - logs / held, 0.0, _MOST)))  # rounding alone goes beyond


def _participation(total: Float, square: Float) -> Float:
    return np.asarray(total * total / np.maximum(square, _LOST))


def grid(eigenvalues: Float) -> tuple[Float, float]:
    """Points z in geometric progression from below the least eigenvalue to above the largest, and the step of ln z."""
    low, high = float(np.log(eigenvalues.min())) - _BEYOND, float(np.log(eigenvalues.max())) + _BEYOND
    u = np.linspace(low, high, int(np.ceil((high - low) / _STEP)) + 1)
    return np.exp(u), float(u[1] - u[0])


def raw_deletions(e: Evidence) -> Deletions | None:
    """Deletions from the rows as they are, computed once; None with fewer than three sampled rows."""
    return once(e, _raw)


def centered_deletions(e: Evidence) -> Deletions | None:
    """Deletions from the rows about their mean, computed once; None with fewer than three sampled rows."""
    return once(e, _centered)


def _raw(e: Evidence) -> Deletions | None:
    return _deletions(e.raw, e.raw_coordinates)


def _centered(e: Evidence) -> Deletions | None:
    return _deletions(e.centered, e.centered_coordinates)


def _deletions(spectrum: Spectrum, coordinates: Rows) -> Deletions | None:
    if len(coordinates) < 3 or spectrum.n < 3:
        return None
    n, lam = spectrum.n, spectrum.eigenvalues
    total = float(lam.sum())
    kept = lam > _LOST * total
    lam = lam[kept] / total
    z, step = grid(lam)
    poles = 1 / (lam[:, None] + z)
    form = np.column_stack([poles, np.ones(len(lam)), lam])  # x^T of each kind x, for x^2 and for products x y
    unit = 1 / np.sqrt(total * n)

    def scaled(rows: Rows) -> Float:
        return np.asarray(np.multiply(rows[:, kept], unit, dtype=np.float64))

    more = 1 / (n - 1) if spectrum.centered else 0.0  # without a row the mean moves as well
    alone = np.concatenate([np.square(scaled(part)) @ form for part in blocks_of(coordinates)])
    q, p = len(z), min(len(coordinates) // 2, PAIRS)
    one = alone * (1 + more)
    left, right = scaled(coordinates[:p]), scaled(coordinates[p : 2 * p])
    both = (left * right) @ form
    # det(I - M K) with K the forms of the two rows, M = I + e for all entries where the mean moves
    e = 1 / (n - 2) if spectrum.centered else 0.0
    first, second = alone[:p], alone[p : 2 * p]
    k11, k12 = (1 + e) * first + e * both, (1 + e) * both + e * second
    k21, k22 = e * first + (1 + e) * both, (1 + e) * second + e * both
    two = np.maximum((1 - k11) * (1 - k22) - k12 * k21, _LEAST)[:, :q]
    log_det = np.log(np.concatenate([np.maximum(1 - one[:, :q], _LEAST), two]))
    # tr (C - D)^2 = tr C^2 - 2 tr C D + tr D^2
    squares = np.concatenate([one[:, q] ** 2, (k11**2 + 2 * k12 * k21 + k22**2)[:, q]])
    trace = -np.concatenate([one[:, q], (k11 + k22)[:, q]])
    square = squares - 2 * np.concatenate([one[:, q + 1], (k11 + k22)[:, q + 1]])
    return Deletions(n, len(coordinates), p, lam, z, step, log_det, trace, square)


def eigenvalue_error(
    e: Evidence, spectrum: Spectrum, coordinates: Rows, gradient: Float, curved: Callable[[Float, Float], Float] | None
) -> Error:
    """The error of a function of single eigenvalues that a common scale leaves alone, to the second order.

    coordinates: (m, k) along the directions; gradient: (k,); curved: the second derivative along the squares of two
    rows, for (p, k) and (p, k), without which it is left at none.
    """
    if len(coordinates) < 3:
        return Error()
    influence = np.concatenate([np.square(part, dtype=np.float64) @ gradient for part in blocks_of(coordinates)])
    p = min(len(coordinates) // 2, PAIRS)
    together = np.empty(0)
    if curved is not None:
        left, right = (np.asarray(coordinates[i * p : (i + 1) * p], dtype=np.float64) for i in (0, 1))
        together = curved(left, right) + influence[:p] + influence[p : 2 * p]
    return error_of(spectrum.n, influence, together, heavy_tails(e), ROUGH_ALONE)


def bent(spectrum: Spectrum, index: int, left: Float, right: Float) -> Float:
    """Second derivative of one eigenvalue along the squares of rows left and right (p, k)."""
    lam = spectrum.eigenvalues
    gap = lam[index] - lam
    gap[index] = np.inf
    least = EPS * lam[index]  # nearer eigenvalues cannot be told apart
    gap[np.abs(gap) < least] = least
    return np.asarray(2 * left[:, index] * right[:, index] * ((left * right) @ (1 / gap)))
