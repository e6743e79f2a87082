"""Groups where none are given: clusters of one half of the dimensions, of the same space, or of another one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from labelfree.arrays import Float, Index, Keys, Rows, positions
from labelfree.evidence.scaling import Topology, normalized
from labelfree.kernels.threads import spread
from labelfree.results import Result, undefined

STARTS, FEW_STARTS, MANY = 10, 4, 300_000
"""Starts of k-means: of 20 clear groups, one start in three merges two. Fewer where rows times groups are many."""
DENSE = 1024
"""Width above which the rotation is a cosine transform of columns with random signs, in random order."""
_ROTATION, _CLUSTERS = 0x07A7, 0xC105
_BLOCK = 256
_UNIT = Topology()


def candidates(n: int) -> tuple[int, ...]:
    """Numbers of groups to try on n rows: half, once and twice sqrt(n / 2), between 2 and n // 2; a heuristic.

    >>> candidates(5000), candidates(3)
    ((25, 50, 100), ())
    """
    middle = (n / 2) ** 0.5
    bounded = (min(max(round(share * middle), 2), n // 2) for share in (0.5, 1, 2))
    return tuple(sorted({k for k in bounded if k >= 2}))


def dimension_halves(rows: Rows, seed: int) -> tuple[Float, Float] | Result:
    """Unit rows in two halves of randomly rotated dimensions: (n, d // 2) to cluster, (n, d - d // 2) to judge.

    rows: (n, d), n >= 1, scaled to length one here; a zero row stays zero. The rotation depends on d and the seed
    alone: one judged half for all numbers of groups. For isotropic rows the halves are independent.
    """
    d = rows.shape[1]
    if d < 2:
        return undefined("one_dimension", "one dimension cannot be split into a half to cluster and a half to judge")
    turned = rotated(normalized(rows, _UNIT), seed)
    return normalized(turned[:, : d // 2], _UNIT), normalized(turned[:, d // 2 :], _UNIT)


def rotated(rows: Float, seed: int) -> Float:
    """(n, d) rows under a random orthogonal map, the same whatever the number of threads.

    Up to d = DENSE the span of any columns is uniform (QR of a Gaussian matrix, d^2 a row); beyond, random signs, the
    orthonormal cosine transform and a random order of columns spread every direction over all of them (d log d a row).
    """
    from scipy.fft import dct
    from threadpoolctl import threadpool_limits

    d = rows.shape[1]
    random = np.random.default_rng((seed, _ROTATION))
    out = np.empty(rows.shape)
    if d <= DENSE:
        with threadpool_limits(1):
            basis = np.linalg.qr(random.standard_normal((d, d)))[0]
    else:
        signs, order = random.choice([-1.0, 1.0], d), random.permutation(d)

    def work(start: int) -> None:
        part = rows[start : start + _BLOCK]
        out[start : start + _BLOCK] = part @ basis if d <= DENSE else dct(part * signs, norm="ortho")[:, order]

    for _ in spread(work, range(0, len(rows), _BLOCK)):
        pass
    return out


def same_space(rows: Rows, k: int, seed: int) -> Index | Result:
    """Groups (n,) from the rows that are to be judged. Circular: they are tight by construction."""
    return clusters(normalized(rows, _UNIT), k, seed)


def clusters_of_other_space(
    rows_other: Rows, keys_other: Keys, keys_here: Keys, k: int, seed: int
) -> tuple[Index, int] | Result:
    """Groups from other embeddings of the same items: labels (n,), -1 where they lack a row, and how many they lack.

    rows_other: (m, d2), keys_other: (m,) and keys_here: (n,) row keys, each once. Only rows that both sides have
    are clustered, in the order of their keys, so that the order of neither side matters.
    """
    shared = np.intersect1d(keys_other, keys_here)
    labels = same_space(rows_other[positions(shared, keys_other)], k, seed)
    if isinstance(labels, Result):
        return labels
    at = positions(keys_here, shared)
    return np.where(at >= 0, labels[at], -1), int((at < 0).sum())


def clusters(points: Float, k: int, seed: int) -> Index | Result:
    """k-means labels (n,) of the points (n, d): the tightest of STARTS starts, or of FEW_STARTS where n k > MANY.

    Each start runs on one thread, starts side by side, so that the number of threads changes no label.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    n = len(points)
    if n < k:
        return undefined("insufficient", f"{k} groups need at least {k} rows, found {n}")

    def start(number: int) -> tuple[float, Index]:
        with threadpool_limits(1):
            found = KMeans(k, n_init=1, random_state=number).fit(points)
        return float(found.inertia_), found.labels_.astype(np.int64)

    starts = STARTS if n * k <= MANY else FEW_STARTS
    numbers = np.random.default_rng((seed, _CLUSTERS)).integers(1 << 31, size=starts).tolist()
    with warnings.catch_warnings():  # fewer distinct rows than clusters leave clusters empty, which is no failure
        warnings.simplefilter("ignore")
        return min(spread(start, numbers), key=lambda found: found[0])[1]


def stability(labelings: Sequence[Index]) -> float | None:
    """Mean adjusted Rand index over pairs of labelings: about 0 for unrelated ones, 1 for one partition.

    None for fewer than two. Below 0.5 the groups are of little use.
    """
    from sklearn.metrics import adjusted_rand_score

    pairs = [float(adjusted_rand_score(one, other)) for one, other in combinations(labelings, 2)]
    return sum(pairs) / len(pairs) if pairs else None
