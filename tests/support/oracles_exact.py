"""Textbook definitions in numbers of as many digits as asked for: what float64 should have found."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

Line = list[Decimal]


def lidar(X: Any, group: Any, digits: int, delta: str = "1e-4") -> float:
    """exp H of the eigenvalues of Sw^-1 Sb, those of M Sw^-1 M^T with M the item means about their mean."""
    with localcontext(prec=digits):
        X, group = np.asarray(X, np.float64), np.asarray(group)
        names = sorted(set(group.tolist()))
        items = [[[Decimal(x) for x in row] for row in X[group == name].tolist()] for name in names]
        means = [[sum(column) / len(rows) for column in zip(*rows, strict=True)] for rows in items]
        apart = [_minus(row, mean) for rows, mean in zip(items, means, strict=True) for row in rows]
        grand = [sum(column) / len(means) for column in zip(*means, strict=True)]
        M = [_minus(mean, grand) for mean in means]
        columns = list(zip(*apart, strict=True))
        within = [[_dot(a, b) / (len(apart) - len(items)) for b in columns] for a in columns]
        for i, line in enumerate(within):
            line[i] += Decimal(delta)
        solved = _solved(within, M)
        values = [max(value, Decimal(0)) for value in _eigenvalues([[_dot(a, b) for b in solved] for a in M])]
        p = [value / sum(values) for value in values if value > 0]
        return float((-_dot(p, [x.ln() for x in p])).exp())


def _minus(a: Sequence[Decimal], b: Sequence[Decimal]) -> Line:
    return [x - y for x, y in zip(a, b, strict=True)]


def _dot(a: Sequence[Decimal], b: Sequence[Decimal]) -> Decimal:
    return sum((x * y for x, y in zip(a, b, strict=True)), Decimal(0))


def _solved(matrix: list[Line], rights: list[Line]) -> list[Line]:
    """Of each right-hand side (d,) the x with matrix @ x equal to it; Gauss, for positive definite matrices."""
    d = len(matrix)
    rows = [[*matrix[i], *(right[i] for right in rights)] for i in range(d)]
    for i in range(d):
        for j in range(d):
            if j != i and rows[j][i]:
                share = rows[j][i] / rows[i][i]
                rows[j][i:] = [x - share * y for x, y in zip(rows[j][i:], rows[i][i:], strict=True)]
    return [[rows[i][d + k] / rows[i][i] for i in range(d)] for k in range(len(rights))]


def _eigenvalues(K: list[Line]) -> Line:
    """Eigenvalues of a symmetric matrix by Jacobi's rotations."""
    n = len(K)
    K = [[(K[i][j] + K[j][i]) / 2 for j in range(n)] for i in range(n)]
    for _ in range(100):
        beside = sum(K[i][j] ** 2 for i in range(n) for j in range(i))
        if beside <= Decimal("1e-40") * sum(K[i][i] for i in range(n)) ** 2:
            return [K[i][i] for i in range(n)]
        for i in range(n):
            for j in range(i):
                if not K[i][j]:
                    continue
                angle = (K[j][j] - K[i][i]) / (2 * K[i][j])
                t = (1 if angle >= 0 else -1) / (abs(angle) + (angle * angle + 1).sqrt())
                c = 1 / (t * t + 1).sqrt()
                s = t * c
                K[i], K[j] = (
                    [c * x - s * y for x, y in zip(K[i], K[j], strict=True)],
                    [s * x + c * y for x, y in zip(K[i], K[j], strict=True)],
                )
                for line in K:
                    line[i], line[j] = c * line[i] - s * line[j], s * line[i] + c * line[j]
    raise AssertionError("Jacobi's rotations did not settle")
