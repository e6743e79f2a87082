"""Similarity at reference values, closed forms and undefined inputs; none of the numbers comes from this package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree import metrics
from labelfree.errors import ArrayError, UsageError

Matrix = NDArray[np.float64]


def waves() -> tuple[Matrix, Matrix]:
    i = np.arange(1, 65)[:, None]
    j, k = np.arange(1, 9), np.arange(1, 6)
    return np.cos(0.1 * i * j) / j + 0.3, np.sin(0.07 * i * (k + 1)) / k - 0.1


def drawn(n: int, d1: int, d2: int, k: int, seed: int, noise: float) -> tuple[Matrix, Matrix]:
    r = np.random.RandomState(seed)
    S = r.standard_normal((n, k)) / np.arange(1, k + 1)
    A = S @ r.standard_normal((k, d1)) + noise * r.standard_normal((n, d1))
    B = S @ r.standard_normal((k, d2)) + noise * r.standard_normal((n, d2))
    return A, B


def unrelated() -> tuple[Matrix, Matrix]:
    return (
        np.random.RandomState(2).standard_normal((100, 32)),
        np.random.RandomState(3).standard_normal((100, 48)),
    )


WHOLE = (
    np.array([[1, 2, 0], [3, 4, 1], [5, 6, 0], [7, 8, 2], [0, 1, 3], [2, 0, 1]], float),
    np.array([[1, 0], [0, 2], [3, 1], [1, 4], [2, 2], [0, 1]], float),
)
CASES = {
    "F": waves(), "P": drawn(200, 16, 24, 8, 0, 0.5), "Q": drawn(40, 64, 96, 8, 1, 0.5), "N": unrelated(), "G": WHOLE,
}  # fmt: skip
# Computed by other code: Gram matrices, ckatorch, resi, netrep, platonic-rep (which agree where they define the same).
REFERENCE = {
    "cka": (0.712228394807791, 0.9109802067329776, 0.9787793039706351, -0.0024009144874674, -0.0797567418851943),
    "cka_biased": (0.7181878297971054, 0.9121853111658351, 0.97985324382144, 0.28083111609401656, 0.38568398644482993),
    "procrustes": (0.748455234742555, 0.8446018806607601, 0.9704670108963073, 0.4915461505836688, 0.5610027452592925),
    "match_hard": (0.4803564190, 0.6211794227, 0.7188831550, 0.2039631667, 0.4865539802),
    "match_soft": (0.4149165610, 0.6978559499, 0.7416013720, 0.2073483550, 0.5604004026),
    "rsa": (0.638221814915883, 0.8583733310391288, 0.9621880478992342, -0.060642083400504886, 0.22809558081207243),
}  # fmt: skip


def test_the_inputs_are_those_of_the_reference() -> None:
    assert waves()[0].sum() == pytest.approx(156.53118025868753, abs=1e-10)
    assert waves()[1].sum() == pytest.approx(-14.931556223535289, abs=1e-10)
    assert [M[0, 0] for M in CASES["P"]] == [1.2923182964945052, 1.094973727942372]
    assert [M[0, 0] for M in CASES["Q"]] == [-0.6344724006431475, -1.3771647772792612]


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("case", CASES)
def test_reference_values(name: str, case: str) -> None:
    expected = REFERENCE[name][list(CASES).index(case)]
    found = getattr(metrics, name)(*CASES[case])
    assert found.value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("case", "se"), [("F", 0.058393376788825), ("P", 0.013529210648609), ("N", 0.022261654517355)])
def test_the_jackknife_is_that_of_brute_force(case: str, se: float) -> None:
    assert metrics.cka(*CASES[case]).se == pytest.approx(se, abs=1e-12)


def brute(X: Matrix, Y: Matrix) -> float:
    """Debiased CKA from the Gram matrices, as Song et al. write it."""
    n = len(X)

    def hsic(K: Matrix, L: Matrix) -> float:
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        ones = np.ones(n)
        whole = (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
        return float((np.trace(K @ L) + whole - 2 / (n - 2) * ones @ K @ L @ ones) / (n * (n - 3)))

    K, L = X @ X.T, Y @ Y.T
    return hsic(K, L) / float(np.sqrt(hsic(K, K) * hsic(L, L)))


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6])
def test_no_offset_costs_digits(offset: float) -> None:
    X, Y = CASES["P"]
    assert metrics.cka(X + offset, Y - offset).value == pytest.approx(brute(X, Y), abs=1e-8 if offset else 1e-13)
    assert metrics.procrustes(X + offset, Y).value == pytest.approx(0.8446018806607601, abs=1e-8)


def test_cka_without_top_is_cka_of_what_is_left() -> None:
    X, Y = CASES["P"]
    left = []
    for M in (X, Y):
        Z = M - M.mean(axis=0)
        left.append(Z - Z @ np.outer(top := np.linalg.svd(Z)[2][0], top))
    assert metrics.cka_without_top(X, Y).value == pytest.approx(brute(*left), abs=1e-10)


def neighbors(X: Matrix, Y: Matrix, k: int, centered: bool) -> float:
    """The share of common neighbors, from sorted cosines one row at a time."""
    total = 0
    sides = [M - M.mean(axis=0) if centered else M for M in (X, Y)]
    for i in range(len(X)):
        near = []
        for M in sides:
            cosine = [np.dot(M[i], M[j]) / np.linalg.norm(M[i]) / np.linalg.norm(M[j]) for j in range(len(M))]
            near.append(set(sorted((j for j in range(len(M)) if j != i), key=lambda j: -cosine[j])[:k]))
        total += len(near[0] & near[1])
    return total / len(X) / k


@pytest.mark.parametrize(("case", "raw", "centered"), [("F", 0.4640625, 0.459375), ("P", 0.414, 0.4145)])
def test_neighbors_at_reference_values(case: str, raw: float, centered: float) -> None:
    X, Y = CASES[case]
    assert neighbors(X, Y, 10, centered=False) == pytest.approx(raw)
    found = metrics.neighbors_kept(X, Y)
    assert found.value == pytest.approx(raw)
    assert found.parts["centered"] == pytest.approx(centered)
    mutual, chance = metrics.mutual_knn(X, Y), 10 / (len(X) - 1)
    assert mutual.value == pytest.approx((centered - chance) / (1 - chance))
    assert found.parts["chance"] == chance
    assert metrics.neighbors_kept(X, Y, k=3).value == pytest.approx(neighbors(X, Y, 3, centered=False))


@pytest.mark.parametrize(("case", "value"), [("Q", 0.85), ("N", 0.104)])
def test_neighbors_of_others(case: str, value: float) -> None:
    assert metrics.neighbors_kept(*CASES[case]).value == pytest.approx(value)


def test_a_half_has_the_neighbors_that_it_has_alone() -> None:
    from labelfree.evidence.pair import pair
    from labelfree.families.similarity.neighbors import kept

    X, Y = drawn(150, 6, 5, 4, 3, 0.4)
    e = pair(X, Y, k=4)
    assert len(kept(e).halves) == 40
    for inside, share in kept(e).halves[:3]:
        assert inside.sum() == 75
        alone = neighbors(np.asarray(e.a[inside], float), np.asarray(e.b[inside], float), 4, centered=False)
        assert share[inside].mean() == pytest.approx(alone)


def test_a_map_on_other_rows_is_that_of_least_squares() -> None:
    from labelfree.evidence.pair import pair
    from labelfree.summaries.hashing import hash_ids, mix

    X, Y = CASES["P"]
    e = pair(X, Y)
    group = mix(hash_ids(np.arange(200)), 0x9A12) % np.uint64(12)
    lost = spread = 0.0
    for g in range(12):
        out = group == g
        assert out.sum() == e.moments.counts[g]
        mean, about = X[~out].mean(axis=0), Y[~out].mean(axis=0)
        weights = np.linalg.lstsq(Y[~out] - about, X[~out] - mean, rcond=None)[0]
        lost += (((X[out] - mean) - (Y[out] - about) @ weights) ** 2).sum()
        spread += ((X[out] - mean) ** 2).sum()
    assert metrics.linear_r2(X, Y).value == pytest.approx(1 - lost / spread, abs=1e-8)
    assert metrics.linear_r2(Y, X).value == pytest.approx(metrics.linear_r2(X, Y).parts["b_from_a"], abs=1e-12)


def test_a_group_left_out_is_left_out() -> None:
    from labelfree.summaries.hashing import hash_ids, mix

    X, Y = CASES["P"]
    group = mix(hash_ids(np.arange(200)), 0x9A12) % np.uint64(12)

    def s(A: Matrix, B: Matrix) -> float:
        A, B = A - A.mean(axis=0), B - B.mean(axis=0)
        return float(np.linalg.svd(A.T @ B, compute_uv=False).sum() / np.linalg.norm(A) / np.linalg.norm(B))

    each = np.array([s(X[group != g], Y[group != g]) for g in range(12)])
    expected = np.sqrt(11 / 12 * ((each - each.mean()) ** 2).sum())
    found = metrics.procrustes(X, Y)
    assert found.se == pytest.approx(expected, abs=1e-10)
    assert found.interval is not None
    assert found.value is not None
    assert found.interval[1] - found.value == pytest.approx(2.201 * expected, abs=1e-10)


ONE = ("cka", "cka_without_top", "cka_biased", "procrustes", "linear_r2", "mutual_knn", "rsa", "relative_mrr")


@pytest.mark.parametrize("name", ONE)
def test_a_rotation_a_scale_and_an_offset_change_nothing(name: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 7)) * np.arange(1, 8)
    turn = np.linalg.qr(rng.normal(size=(7, 7)))[0]
    assert getattr(metrics, name)(X, 3 * X @ turn + 5).value == pytest.approx(1, abs=1e-9)


def test_an_offset_changes_cosine_neighbors_and_not_centered_ones() -> None:
    X = np.random.default_rng(0).normal(size=(300, 8))
    found = metrics.neighbors_kept(X, X + 3)
    assert found.value is not None
    assert found.value < 0.9
    assert found.parts["centered"] == 1


def test_an_invertible_map_keeps_what_a_map_explains_and_not_the_shape() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 6))
    Y = X @ (np.eye(6) + rng.normal(size=(6, 6)))
    assert metrics.linear_r2(X, Y).value == pytest.approx(1, abs=1e-7)
    assert max(metrics.cka(X, Y).value or 1, metrics.procrustes(X, Y).value or 1) < 0.95


def test_a_permutation_of_units_is_seen_and_a_rotation_is_told_from_it() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 5))
    assert metrics.match_hard(X, X[:, [4, 2, 0, 1, 3]] * np.arange(1, 6)).value == pytest.approx(1)
    turned = metrics.match_hard(X, X @ np.linalg.qr(rng.normal(size=(5, 5)))[0])
    assert turned.value is not None
    assert turned.value < 0.9
    dead = np.hstack([X, np.full((300, 2), 7.0)])
    found = metrics.match_hard(X, dead)
    assert found.value == pytest.approx(1)
    assert found.parts["constant_columns"] == [0, 2]


def test_one_column_each_is_a_correlation() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 80, 1))
    r = float(np.corrcoef(x[:, 0], y[:, 0])[0, 1])
    assert metrics.cka_biased(x, y).value == pytest.approx(r**2)
    assert metrics.procrustes(x, y).value == pytest.approx(abs(r))
    assert metrics.match_hard(x, y).value == pytest.approx(r)


def test_the_published_cka_is_high_for_unrelated_rows_and_ours_is_not() -> None:
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(2, 256, 256))
    found = metrics.cka(X, Y)
    assert found.parts["biased"] == pytest.approx(0.5, abs=0.01)
    assert found.parts["chance_of_biased"] == pytest.approx(0.5)
    assert found.value == pytest.approx(0, abs=0.01)


def test_one_shared_direction_makes_cka_and_is_told_from_the_rest() -> None:
    rng = np.random.default_rng(5)
    shared = 5 * rng.normal(size=(2000, 1))
    X, Y = (rng.normal(size=(2000, 64)) + shared @ rng.normal(size=(1, 64)) / 8 for _ in range(2))
    found, rest = metrics.cka(X, Y), metrics.cka_without_top(X, Y)
    assert found.value is not None
    assert found.value > 0.85
    assert rest.value == pytest.approx(0, abs=0.02)
    shares = found.parts["top_pc_share"]
    assert np.all(np.greater(shares, 0.2) & np.less(shares, 0.4))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*REFERENCE, "cka_without_top", "linear_r2", "neighbors_kept", "mutual_knn"])
def test_equal_rows_and_too_few_are_undefined(name: str) -> None:
    metric = getattr(metrics, name)
    X = np.random.default_rng(0).normal(size=(60, 3))
    for pair in ((X, np.ones((60, 2))), (np.full((60, 2), 0.1), X)):
        assert metric(*pair).reason_code == "collapsed"
    found = metric(X[:3], X[:3])
    assert (found.value, found.reason_code) == (None, "insufficient")


def test_a_map_needs_rows_for_its_columns() -> None:
    X = np.random.default_rng(0).normal(size=(40, 6))
    assert metrics.linear_r2(X[:23], X[:23]).reason_code == "insufficient"
    assert metrics.linear_r2(X[:24], X[:24]).value is not None


def test_other_numbers_of_rows_and_neighbors_are_refused() -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(ArrayError, match="20 rows in X and 19 in Y"):
        metrics.cka(X, X[:19])
    for k in (0, True, 2.5):
        wrong: Any = k
        with pytest.raises(UsageError, match="expected a number of neighbors of at least 1"):
            metrics.neighbors_kept(X, X, k=wrong)
