"""Mutual information of labelings of the same rows, and what of it chance would give, tabulated once."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Index

_TAIL = 20.0  # a term this many half squares per draw off the mean weighs less than exp(-40) (Hoeffding)
_TERMS = 1 << 20  # of the sum at a time


def joint_counts(one: Index, others: Index, k: int) -> Index:
    """Rows (m, k, k) in which `one` (n,) has class a and the m-th of `others` (m, n) class b; classes below k."""
    return counted(places(one, others, k), len(others), k)


def places(one: Index, others: Index, k: int) -> Index:
    """Where each row counts in the tables of `one` (n,) with each of `others` (m, n): (n, m), rows side by side."""
    return np.ascontiguousarray(((np.arange(len(others))[:, None] * k + one) * k + others).T)


def counted(place: Index, m: int, k: int) -> Index:
    """The tables (m, k, k) of some rows of `places` (r, m)."""
    return np.bincount(place.ravel(), minlength=m * k * k).reshape(m, k, k)


def sizes(labels: Index, k: int) -> Index:
    """Rows (m, k) of each of the k classes in labelings (m, n)."""
    m = len(labels)
    return np.bincount((labels + k * np.arange(m)[:, None]).ravel(), minlength=m * k).reshape(m, k)


def contrasts(joint: Index) -> Float:
    """How much more often the other labeling says class a too where the first one does than where it does not, (m, k).

    P(other = a | one = a) - P(other = a | one != a), at least 0, from tables (m, k, k) with the first labeling's
    classes in rows. It does not depend on how many rows the first gives the class: where the other is a noisy
    copy of the truth, splitting or mixing true classes lowers it. 0 for a class that the first gives to none or to all.
    """
    both = np.diagonal(joint, axis1=1, axis2=2).astype(np.float64)
    one, other, n = joint.sum(axis=2), joint.sum(axis=1), joint.sum(axis=(1, 2))[:, None]
    there = (one > 0) & (one < n)
    inside = both / np.maximum(one, 1)
    outside = (other - both) / np.maximum(n - one, 1)
    return np.asarray(np.where(there, np.maximum(inside - outside, 0.0), 0.0))


class Information:
    """Entropies and mutual information, in nats, of labelings of n rows.

    The information that two labelings of given sizes share by chance is a sum over pairs of class sizes (Vinh, Epps and
    Bailey, 2010, equation 24a); each pair of sizes is worked out once and remembered. Terms that weigh less than
    exp(-40) are left out.
    """

    def __init__(self, n: int) -> None:
        """n: rows of every labeling."""
        from scipy.special import gammaln

        self.n = n
        counts = np.arange(n + 1, dtype=np.float64)
        self.log_factorial = gammaln(counts + 1)
        self.weighted_log = counts * np.log(np.maximum(counts, 1))
        self.keys, self.values = np.empty(0, np.int64), np.empty(0)

    def entropy(self, sizes: Index) -> Float:
        """Entropy (m,) of labelings with these class sizes (m, k)."""
        return np.asarray(np.log(self.n) - self.weighted_log[sizes].sum(axis=-1) / self.n)

    def mutual(self, joint: Index) -> Float:
        """Mutual information (m,) of the two labelings of each table (m, k, k)."""
        parts = self.weighted_log[joint].sum(axis=(1, 2))
        for axis in (1, 2):
            parts -= self.weighted_log[joint.sum(axis=axis)].sum(axis=1)
        return np.asarray(np.maximum(parts / self.n + np.log(self.n), 0.0))

    def by_chance(self, ones: Index, others: Index) -> Float:
        """Expected mutual information (p, q) of labelings with class sizes ones (p, k) and others (q, k)."""
        a, b = (np.unique(s[s > 0]) for s in (ones, others))
        table = self._between(a, b)
        return np.asarray(_how_often(ones, a) @ table @ _how_often(others, b).T)

    def adjusted(self, mutual: Float, ones: Index, others: Index) -> Float:
        """Adjusted mutual information (p, q): (I - E I) / (mean entropy - E I), 0 where that is 0 / 0.

        mutual: (p, q) of the labelings with class sizes ones (p, k) and others (q, k).
        """
        chance = self.by_chance(ones, others)
        most = (self.entropy(ones)[:, None] + self.entropy(others)[None, :]) / 2
        room = most - chance
        there = room > 1e-12
        return np.asarray(np.divide(mutual - chance, room, out=np.zeros_like(room), where=there))

    def _between(self, a: Index, b: Index) -> Float:
        """What each pair of class sizes a (p,) and b (q,) adds, (p, q)."""
        pairs = np.minimum.outer(a, b) * (self.n + 1) + np.maximum.outer(a, b)
        missing = np.setdiff1d(pairs, self.keys)
        if len(missing):
            keys = np.concatenate([self.keys, missing])
            values = np.concatenate([self.values, self._terms(*np.divmod(missing, self.n + 1))])
            order = np.argsort(keys)
            self.keys, self.values = keys[order], values[order]
        return np.asarray(self.values[np.searchsorted(self.keys, pairs)])

    def _terms(self, a: Index, b: Index) -> Float:
        """sum over m of m / n log(n m / (a b)) times the hypergeometric chance of m common rows, for pairs (p,)."""
        middle, reach = a * b / self.n, np.sqrt(_TAIL * np.minimum(a, b)) + 1
        first = np.maximum.reduce([np.ones_like(a), a + b - self.n, np.floor(middle - reach).astype(np.int64)])
        last = np.minimum(np.minimum(a, b), np.ceil(middle + reach).astype(np.int64))
        length = last - first + 1
        found, ends = np.empty(len(a)), np.cumsum(length)
        start = 0
        while start < len(a):
            stop = max(int(np.searchsorted(ends, (ends[start - 1] if start else 0) + _TERMS)), start + 1)
            part = slice(start, stop)
            found[part] = self._summed(a[part], b[part], first[part], length[part])
            start = stop
        return found

    def _summed(self, a: Index, b: Index, first: Index, length: Index) -> Float:
        offsets = np.concatenate([[0], np.cumsum(length)[:-1]])
        m = np.arange(int(length.sum())) - np.repeat(offsets - first, length)
        a, b = np.repeat(a, length), np.repeat(b, length)
        n, log = self.n, self.log_factorial
        chance = log[a] + log[b] + log[n - a] + log[n - b] - log[n]
        chance -= log[m] + log[a - m] + log[b - m] + log[n - a - b + m]
        terms = m / n * np.log(n * m / (a * b)) * np.exp(chance)
        return np.asarray(np.add.reduceat(terms, offsets))


def _how_often(sizes: Index, values: Index) -> Float:
    """How many classes (p, v) of each labeling have each of the sizes `values` (v,), ascending."""
    place = np.searchsorted(values, sizes)
    found = np.zeros((len(sizes), len(values) + 1))
    np.add.at(found, (np.arange(len(sizes))[:, None], np.where(sizes > 0, place, len(values))), 1.0)
    return found[:, :-1]
