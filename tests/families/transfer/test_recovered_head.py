"""The head by least squares: exact where embeddings and logits determine it, refused with the reason where not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from safetensors.numpy import load_file

from labelfree.families.transfer.recovered_head import (
    ERROR,
    RESIDUAL,
    cross_check,
    log_probabilities,
    mismatch,
    recovered,
)
from labelfree.head import Head
from labelfree.sources.checkpoints.heads import find_head
from labelfree.summaries.regression import Regression

Matrix = NDArray[np.float64]
D, K = 3, 2
numbers = st.floats(-1e6, 1e6, allow_nan=False, width=32)
tables = hnp.arrays(np.float64, st.tuples(st.integers(0, 30), st.just(D + K)), elements=numbers)
cuts = st.lists(st.integers(0, 30), max_size=4)


def regression(X: NDArray[Any], L: NDArray[Any], cut: int = 1 << 30) -> Regression:
    state = Regression.empty(X.shape[1], L.shape[1])
    for start in range(0, len(X), cut):
        state = state.update(X[start : start + cut], L[start : start + cut])
    return state


def of(table: Matrix) -> Regression:
    return regression(table[:, :D], table[:, D:])


def case(n: int = 400, d: int = 8, k: int = 5, seed: int = 0) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Rows, weight, bias and logits of a linear head."""
    rng = np.random.default_rng(seed)
    X, W, b = rng.normal(size=(n, d)) + 1, rng.normal(size=(k, d)), rng.normal(size=k)
    return X, W, b, X @ W.T + b


def found(head: Head | str) -> Head:
    assert isinstance(head, Head), head
    return head


def off(head: Head | str, weight: Matrix) -> float:
    """How far the recovered weights are from the true ones, as a fraction of them."""
    return float(np.linalg.norm(found(head).weight - weight) / np.linalg.norm(weight))


def close(a: Regression, b: Regression, scale: float) -> bool:
    """Equal up to the rounding of numbers of this size."""
    small = 1e-11 * scale * max(a.n, 1)
    sums = ((a.cross, b.cross), (a.squares, b.squares), (a.common, b.common), (a.rows.scatter, b.rows.scatter))
    means = ((a.mean, b.mean), (a.rows.mean, b.rows.mean))
    alike = all(np.allclose(x, y, rtol=0, atol=small * scale) for x, y in sums)
    return a.n == b.n and alike and all(np.allclose(x, y, rtol=0, atol=small) for x, y in means)


def size_of(table: Matrix) -> float:
    return float(np.abs(table).max(initial=0.0)) + 1e-12


@given(table=tables, where=cuts)
def test_a_regression_of_parts_is_the_merge_of_their_regressions(table: Matrix, where: list[int]) -> None:
    scale, whole, empty = size_of(table), of(table), Regression.empty(D, K)
    pieces = [of(piece) for piece in np.split(table, sorted(min(c, len(table)) for c in where))]
    merged = backwards = shuffled = empty
    for piece in pieces:
        merged = merged.merge(piece)
    for piece in reversed(pieces):
        backwards, shuffled = piece.merge(backwards), shuffled.merge(piece)
    assert close(merged, whole, scale)
    assert close(backwards, whole, scale)  # associative
    assert close(shuffled, whole, scale)  # commutative
    assert close(whole.merge(empty), whole, scale)
    assert close(empty.merge(whole), whole, scale)


@given(table=tables.filter(lambda table: len(table) > 0), cut=st.sampled_from([1, 3, 7]))
def test_it_is_the_textbook_one(table: Matrix, cut: int) -> None:
    X, Y = table[:, :D], table[:, D:]
    x, y, middle = X - X.mean(axis=0), Y - Y.mean(axis=0), Y.mean(axis=1)
    state = regression(X, Y, cut)
    assert state.n == len(table)
    scale = size_of(table)
    atol = 1e-11 * len(table) * scale**2
    assert np.allclose(state.mean, Y.mean(axis=0), rtol=0, atol=1e-11 * scale)
    assert np.allclose(state.cross, x.T @ y, rtol=0, atol=atol)
    assert np.allclose(state.squares, (y**2).sum(axis=0), rtol=0, atol=atol)
    assert np.allclose(state.common, ((middle - middle.mean()) ** 2).sum(), rtol=0, atol=atol)
    assert np.allclose(state.rows.scatter, x.T @ x, rtol=0, atol=atol)


def test_the_law_is_not_vacuous() -> None:
    table = np.random.default_rng(0).normal(size=(30, D + K))
    other = table.copy()
    other[7, D] += 1e-3
    assert not close(of(table), of(other), size_of(table))
    assert not close(of(table), of(table[:29]), size_of(table))


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("cut", [1, 7, 400])
def test_exact_logits_give_the_head_back(cut: int, offset: float) -> None:
    X, W, b, _ = case()
    X = X + offset
    L = X @ W.T + b
    head = found(recovered(regression(X, L, cut)))
    assert (head.origin, head.one_logit) == ("recovered", False)
    assert np.allclose(head.weight, W, rtol=0, atol=1e-9)
    assert head.bias is not None
    assert np.allclose(head.bias, b, rtol=0, atol=1e-9 * (1 + 10 * offset))
    residual, spread = cross_check(head, X, L)
    assert residual < 1e-8
    assert spread == pytest.approx(L.std())


def test_it_is_the_least_squares_of_lapack() -> None:
    """With noise there is one answer, which np.linalg.lstsq finds on [X, 1] by another road."""
    X, _, _, L = case()
    L = L + 1e-3 * np.random.default_rng(9).normal(size=L.shape)
    solution = np.linalg.lstsq(np.hstack([X, np.ones((len(X), 1))]), L, rcond=None)[0]
    head = found(recovered(regression(X, L, 7)))
    assert np.allclose(head.weight, solution[:-1].T, rtol=0, atol=1e-10)
    assert head.bias is not None
    assert np.allclose(head.bias, solution[-1], rtol=0, atol=1e-10)


def test_features_of_any_scale() -> None:
    X, W, _, L = case()
    scale = np.logspace(-6, 6, X.shape[1])
    assert np.allclose(found(recovered(regression(X * scale, L))).weight * scale, W, rtol=0, atol=1e-8)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9])
def test_too_few_rows(n: int) -> None:
    X, _, _, L = case(n)
    assert recovered(regression(X, L)) == (
        f"recovering the head needs more than 9 rows for 8 features and a bias, found {n}"
    )


def test_one_row_more_than_unknowns_is_enough() -> None:
    X, W, _, L = case(10)
    assert off(recovered(regression(X, L)), W) < 1e-9


@pytest.mark.parametrize("stored", ["float16", "float32", "float64"])
def test_features_that_leave_weights_open_are_refused(stored: str) -> None:
    X, _, _, L = case()
    dead, double, flat = X.copy(), X.copy(), X.copy()
    dead[:, 3] = 0  # a unit that never fires
    double[:, 3] = double[:, 4]
    flat[:, 3] = flat[:, 4:].sum(axis=1)
    rounded = [A.astype(stored) for A in (dead, double, flat)]
    assert recovered(regression(rounded[0], L), stored=stored) == (
        "1 of 8 features are constant but for rounding (the first is number 3): their weights cannot be recovered"
    )
    for A in rounded[1:]:
        assert str(recovered(regression(A, L), stored=stored)).startswith("the features span only 7 of 8 directions")


def test_rounding_is_not_taken_for_a_direction() -> None:
    """Twelve numbers made of five, stored as float16: full rank on paper, and the fit is close, and wrong."""
    rng = np.random.default_rng(0)
    X, W = (rng.normal(size=(2000, 5)) @ rng.normal(size=(5, 12))), rng.normal(size=(4, 12))
    L, stored = X @ W.T, X.astype(np.float16).astype(np.float64)
    assert np.linalg.matrix_rank(stored - stored.mean(axis=0)) == 12
    solution, left, _, _ = np.linalg.lstsq(stored - stored.mean(axis=0), L - L.mean(axis=0), rcond=None)
    assert np.sqrt(left.sum()) < RESIDUAL * np.linalg.norm(L - L.mean(axis=0))
    assert np.linalg.norm(solution.T - W) > 0.5 * np.linalg.norm(W)
    reason = recovered(regression(stored, L), stored="float16")
    assert reason == (
        "the features span only 5 of 12 directions beyond the rounding of their storage: "
        "the weights along the others cannot be recovered"
    )


@pytest.mark.parametrize(("spread", "expected"), [(0.2, 0.008), (0.07, 0.067)])
def test_rounding_takes_from_the_weights_of_a_faint_feature(spread: float, expected: float) -> None:
    """66 +- 0.07 in steps of 1/16 loses 1/16^2/12 of its variance of 0.07^2, and that part of its weight."""
    rng = np.random.default_rng(0)
    X, W = 1000 * rng.normal(size=(20_000, 8)), rng.normal(size=(4, 8))
    X[:, 0], W[:, 0] = rng.normal(66, spread, 20_000), [50, -60, 40, 70]
    stored = X.astype(np.float16).astype(np.float64)
    solution = np.linalg.lstsq(stored - stored.mean(axis=0), X @ W.T - (X @ W.T).mean(axis=0), rcond=None)[0].T
    assert np.linalg.norm(solution - W) / np.linalg.norm(W) == pytest.approx(expected, rel=0.2)
    outcome = recovered(regression(stored, X @ W.T), stored="float16")
    if expected < ERROR:
        assert off(outcome, W) == pytest.approx(expected, rel=0.2)
    else:
        assert str(outcome).startswith("the recovered weights would be off by 0.066 of")


def test_constant_logits() -> None:
    X, _, _, L = case()
    assert recovered(regression(X, np.full_like(L, 3.0))) == (
        "the logits are the same in all rows, which determines no head"
    )


@pytest.mark.parametrize(("relative", "accepted"), [(0.0099, True), (0.0101, False)])
def test_the_residual_decides(relative: float, accepted: bool) -> None:
    """A residual of exactly this size, orthogonal to the features, moves no weight."""
    X, W, _, L = case(5000)
    design = np.hstack([X, np.ones((len(X), 1))])
    noise = np.random.default_rng(3).normal(size=L.shape)
    noise -= design @ np.linalg.lstsq(design, noise, rcond=None)[0]
    spread = np.linalg.norm(L - L.mean(axis=0))
    ratio = relative / np.sqrt(1 - relative**2)  # the noise is part of the logits' spread
    outcome = recovered(regression(X, L + ratio * spread * noise / np.linalg.norm(noise)))
    if accepted:
        assert off(outcome, W) < 1e-9
    else:
        assert "the residual is 0.01 of their spread, at most 0.01 is allowed" in str(outcome)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("n", "d"), [(300, 16), (12, 8)])
@pytest.mark.parametrize(("error", "accepted"), [(0.6, True), (1.6, False)])
def test_the_expected_error_of_the_weights_is_the_true_one(
    error: float, accepted: bool, n: int, d: int, seed: int
) -> None:
    """A feature of little variance makes weights uncertain though the residual is small: known in advance how much."""
    X, W, b, _ = case(n, d, 10, seed)
    X[:, 0] = 1e-3 * np.random.default_rng(seed + 20).normal(size=n)
    clean = X @ W.T + b
    noise = np.random.default_rng(seed + 50).normal(size=clean.shape)
    design = X - X.mean(axis=0)
    expected = np.sqrt(10 * np.trace(np.linalg.inv(design.T @ design))) / np.linalg.norm(W)
    L = clean + noise * error * ERROR / expected
    outcome = recovered(regression(X, L))
    solution = np.linalg.lstsq(design, L - L.mean(axis=0), rcond=None)[0].T
    true = np.linalg.norm(solution - W) / np.linalg.norm(W)
    assert 0.4 * error * ERROR < true < 2.2 * error * ERROR  # ten classes: a chi-squared of ten degrees
    if accepted:
        assert off(outcome, W) == pytest.approx(true, rel=1e-6)
    else:
        assert "of their norm, at most 0.05 is allowed; give more rows, or the head" in str(outcome)


def test_another_layer_is_refused() -> None:
    X, _, _, L = case()
    for features in (np.maximum(X, 0), X / np.linalg.norm(X, axis=1, keepdims=True), X[::-1]):
        assert str(recovered(regression(features, L))).startswith("no linear head makes these logits from these")


def log_softmax(L: Matrix) -> Matrix:
    return np.asarray(L - np.log(np.exp(L).sum(axis=1, keepdims=True)))


def angles(W: Matrix) -> Matrix:
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    return np.asarray(np.arccos(np.clip(unit @ unit.T, -1, 1)))


def test_probabilities_leave_a_common_vector_open() -> None:
    """Two heads with the same probabilities everywhere and other angles: no choice between them can be right."""
    X, W, b, L = case()
    other = W + np.linspace(-2, 2, W.shape[1])
    assert np.allclose(log_softmax(L), log_softmax(X @ other.T + b))
    assert np.abs(angles(W) - angles(other)).max() > 0.3
    reason = recovered(regression(X, log_softmax(L)), probabilities=True)
    assert str(reason).startswith("probabilities determine the head only up to a common vector")


def test_log_probabilities_under_the_name_of_logits_are_recognized() -> None:
    X, _, _, L = case()
    reason = str(recovered(regression(X, log_softmax(L))))
    assert reason.startswith("the logits fit a linear head only after a constant is taken from each row: probabilities")
    centered = L - L.mean(axis=1, keepdims=True)  # linear in the features: a head, and one that can be recovered
    assert isinstance(recovered(regression(X, centered)), Head)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_log_probabilities_are_told_from_logits(scale: float, dtype: str) -> None:
    """At 1e-3 the predictions are nearly uniform: log-probabilities are then linear in the features, and refused."""
    X, W, _, L = case()
    L = scale * L
    shifted = L - L.max(axis=1, keepdims=True)
    P = (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))).astype(dtype)
    assert log_probabilities(P)
    assert not log_probabilities(L.astype(dtype))
    assert not log_probabilities(np.exp(P))
    assert not log_probabilities(P[:, :1])
    assert not log_probabilities(P[:0])
    assert not log_probabilities(np.vstack([P, P[:1] - 0.1]))
    if scale == 1e-3 and dtype == "float64":
        wrong = found(recovered(regression(X, P)))
        assert np.abs(angles(wrong.weight) - angles(W)).max() > 0.3
        assert isinstance(recovered(regression(X, P), probabilities=log_probabilities(P)), str)


@pytest.mark.parametrize("columns", [1, 2])
def test_one_logit(columns: int) -> None:
    X, W, b, L = case(k=1)
    L = L if columns == 1 else np.hstack([np.zeros_like(L), L])
    head = found(recovered(regression(X, L)))
    assert head.one_logit
    assert np.allclose(head.weight, np.vstack([-W / 2, W / 2]), rtol=0, atol=1e-9)
    assert head.bias is not None
    assert np.allclose(head.bias, [-b[0] / 2, b[0] / 2], rtol=0, atol=1e-9)
    residual, spread = cross_check(head, X, L)
    assert residual < 1e-9
    assert spread == pytest.approx(np.std(np.hstack([-L[:, -1:], L[:, -1:]]) / 2))


def test_two_classes_are_two_logits() -> None:
    X, W, _, L = case(k=2)
    head = found(recovered(regression(X, L)))
    assert not head.one_logit
    assert np.allclose(head.weight, W, rtol=0, atol=1e-9)


def vectors(path: Path, column: str) -> Matrix:
    return np.asarray(np.stack(pq.read_table(path, columns=[column])[column].to_numpy()), np.float64)


@pytest.mark.parametrize("half", ["source", "target"])
def test_the_digits_stored_as_float16_give_their_head(half: str, root: Path) -> None:
    path = root / f"fixtures/digits/{half}.parquet"
    X, L = vectors(path, "embedding"), vectors(path, "logits")
    true = find_head(root / "fixtures/digits/head.safetensors", d=32, classes=10)
    head = found(recovered(regression(X, L, 100), stored="float16"))
    assert off(head, true.weight) < 1e-3
    assert np.abs(angles(head.weight) - angles(true.weight)).max() < 2e-3
    for one in (head, true):
        residual, spread = cross_check(one, X, L)
        assert residual < 2e-3 * spread
        assert mismatch(replace(one, residual=residual, spread=spread)) is None


@pytest.mark.parametrize("epoch", range(8))
def test_the_head_of_every_epoch_of_the_fine_tuning_run(epoch: int, root: Path) -> None:
    """The features of the untrained network hardly vary: float16 has rounded some of their directions away."""
    home = root / "fixtures/finetune"
    X, L = (vectors(home / f"epoch_{epoch:02d}.parquet", column) for column in ("embedding", "logits"))
    outcome = recovered(regression(X, L), stored="float16")
    if epoch == 0:
        assert str(outcome).startswith("the features span only 29 of 32 directions beyond the rounding")
    else:
        assert off(outcome, load_file(home / f"epoch_{epoch:02d}.safetensors")["4.weight"].astype(np.float64)) < 5e-3


@pytest.mark.parametrize(("stored", "limit"), [("float32", 1e-6), ("float16", 2e-3), ("bfloat16", 1e-2)])
def test_what_storage_costs(stored: str, limit: float) -> None:
    """Features after ReLU and logits, both rounded to the dtype."""
    rng = np.random.default_rng(4)
    X, W = np.maximum(rng.normal(size=(3000, 64)) @ rng.normal(size=(64, 64)) / 8, 0), rng.normal(size=(20, 64))
    dtype = getattr(torch, stored)
    kept = [torch.from_numpy(A).to(dtype).double().numpy() for A in (X, X @ W.T)]
    assert off(recovered(regression(kept[0], kept[1]), stored=stored), W) < limit


def test_int8_rounds_by_steps_of_one() -> None:
    X, W = np.random.default_rng(0).uniform(-127, 127, (4000, 8)), case()[1]
    kept = np.rint(X).astype(np.int8).astype(np.float32)
    assert off(recovered(regression(kept, X @ W.T), stored="int8"), W) < ERROR
    X[:, 2] /= 200
    kept = np.rint(X).astype(np.int8).astype(np.float32)
    assert str(recovered(regression(kept, X @ W.T), stored="int8")).startswith("1 of 8 features are constant but for")


def test_cross_check_by_hand() -> None:
    head = Head(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([0.5, 0.0]), "given", "fc.weight")
    rows = np.array([[1, 1], [2, 0]], np.float32)  # logits 1.5, 2 and 2.5, 0
    assert cross_check(head, rows, np.array([[1.5, 2.0], [2.5, 0.0]])) == (0.0, float(np.std([1.5, 2, 2.5, 0])))
    assert cross_check(head, rows, np.array([[1.5, 2.0], [2.5, -3.0]]))[0] == 3.0
    shifted = np.array([[1.5, 2.0], [2.5, 0.0]]) - [[1.0], [7.0]]
    assert cross_check(head, rows, shifted)[0] == 7.0
    sums = np.log(np.exp([[1.5, 2.0], [2.5, 0.0]]).sum(axis=1, keepdims=True))
    exact, spread = cross_check(head, rows, [[1.5, 2.0], [2.5, 0.0]] - sums, probabilities=True)
    assert exact < 1e-12
    assert spread == pytest.approx(np.std([-0.25, 0.25, 1.25, -1.25]))
    assert cross_check(head, rows, [[1.5, 2.0], [2.25, 0.0]] - sums, probabilities=True)[0] == pytest.approx(0.25)
    assert cross_check(replace(head, bias=None), rows, np.array([[1.5, 2.0], [2.5, 0.0]]))[0] == 0.5


@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0, 100.0])
def test_stored_probabilities_do_not_look_like_those_of_another_head(scale: float) -> None:
    """float16 rounds small probabilities coarsely, and to zero, which is read as the smallest number there is."""
    X, W, b, _ = case()
    head = Head(scale * W, scale * b, "given", "fc.weight")
    P = log_softmax(scale * (X @ W.T + b) - (scale * (X @ W.T + b)).max(axis=1, keepdims=True))
    stored = np.log(np.maximum(np.exp(P).astype(np.float16).astype(np.float64), np.finfo(np.float64).tiny))
    for features, expected in ((X, False), (X[::-1], True), (np.maximum(X, 0), True)):
        residual, spread = cross_check(head, features, stored, probabilities=True)
        assert (mismatch(replace(head, residual=residual, spread=spread)) is not None) == expected


def test_the_sentence_for_features_that_are_not_the_input() -> None:
    X, W, b, L = case()
    head = Head(W, b, "given", "model.pt::fc.weight")
    assert mismatch(head) is None  # nobody knows
    for features, expected in (
        (X, False),
        (X * 1.001, False),
        (X * 1.05, True),
        (X * 1.25, True),
        (np.maximum(X, 0), True),
        (X[::-1], True),
    ):
        residual, spread = cross_check(head, features, L)
        sentence = mismatch(replace(head, residual=residual, spread=spread))
        assert (sentence is not None) == expected
        if sentence:
            assert sentence.startswith(
                "the features are not the input of the head model.pt::fc.weight: rows @ weight.T"
            )
            assert f"differs from the logits by up to {residual:.3g}, and these spread by {spread:.3g}" in sentence
