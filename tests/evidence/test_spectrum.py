"""The spectrum from a stream against float64 SVD of the rows: low rank, decay, offset, few rows, dead columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import oracles
from labelfree.evidence.spectrum import along, spectrum
from labelfree.families.rank.effective import entropy_rank
from labelfree.sources.opening import open_source
from labelfree.summaries import Moments
from repository import ROOT

Matrix = NDArray[np.float64]
SPECTRA: dict[str, Callable[[Any, int], Any]] = {
    "flat": lambda j, k: np.ones(k),
    "power 1": lambda j, k: 1 / (j + 1.0),
    "power 2": lambda j, k: 1 / (j + 1.0) ** 2,
    "ten to the -8": lambda j, k: 10 ** (-8.0 * j / k),
    "ten to the -12": lambda j, k: 10 ** (-12.0 * j / k),
    "rank 16": lambda j, k: (j < 16) * 1.0,
    "rank 1": lambda j, k: (j < 1) * 1.0,
}
FORMS: dict[str, Callable[[Any, int], Any]] = {
    "float64": lambda X, n: X,
    "float32": lambda X, n: X.astype(np.float32),
    "offset": lambda X, n: X * np.sqrt(n) + 1e4,
    "offset float32": lambda X, n: (X * np.sqrt(n) + 1e4).astype(np.float32),
    "dead columns": lambda X, n: np.where(np.arange(X.shape[1]) % 3 == 0, 0.0, X),
    "constant columns": lambda X, n: np.where(np.arange(X.shape[1]) % 3 == 0, 2.5, X),
}


def planted(n: int, d: int, sigma: Matrix) -> Matrix:
    rng = np.random.default_rng(0)
    k = min(n, d)
    left, right = (np.linalg.qr(rng.normal(size=(m, k)))[0] for m in (n, d))
    return np.asarray((left * sigma) @ right.T)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize(("n", "d"), [(1500, 128), (150, 300)])
def test_streamed_ranks_are_those_of_the_svd(n: int, d: int, name: str, form: str) -> None:
    j = np.arange(min(n, d))
    X = FORMS[form](planted(n, d, SPECTRA[name](j, len(j))), n)
    moments = Moments.empty(d)
    for start in range(0, n, 97):
        moments = moments.update(X[start : start + 97])

    def again() -> Iterator[NDArray[np.floating]]:  # type: ignore[type-arg]
        for start in range(0, n, 97):
            yield X[start : start + 97]

    for centered in (False, True):
        found = spectrum(moments, centered=centered, look=lambda shift, basis: along(again(), shift, basis))
        true = oracles.rankme(X, centered=centered, eps=0.0)
        assert entropy_rank(found.sigma)[0] == pytest.approx(true, rel=1e-7)
        assert len(found.eigenvalues) == min(n - centered, d)
        gram = found.directions[:, found.eigenvalues > 0]
        assert np.allclose(gram.T @ gram, np.eye(gram.shape[1]), atol=1e-7)


def test_without_a_second_look_what_is_lost_is_said() -> None:
    X = planted(1500, 128, (np.arange(128) < 16).astype(np.float64))
    moments = Moments.empty(128).update(X)
    assert spectrum(moments, centered=False).unresolved
    assert not spectrum(moments, centered=False, look=partial(along, [X])).unresolved
    full = planted(1500, 128, np.ones(128))
    assert not spectrum(Moments.empty(128).update(full), centered=False).unresolved


def test_the_second_look_is_taken_only_where_it_matters() -> None:
    looked = []

    def again() -> list[Matrix]:
        looked.append(True)
        return []

    X = np.random.default_rng(0).normal(size=(500, 20))
    X[:, 3] = 0.0  # a dead column
    X[:, 7] = X[:, 8]  # one null direction
    spectrum(Moments.empty(20).update(X), centered=False, look=lambda shift, basis: along(again(), shift, basis))
    spectrum(Moments.empty(20).update(X + 1e4), centered=True, look=lambda shift, basis: along(again(), shift, basis))
    spectrum(Moments.empty(20).update(X + 1e4), centered=False, look=lambda shift, basis: along(again(), shift, basis))
    assert not looked


def test_projections_have_the_eigenvalues_as_their_means() -> None:
    X = np.random.default_rng(0).normal(size=(200, 7)) * np.arange(1, 8) + 3.0
    for centered in (False, True):
        found = spectrum(Moments.empty(7).update(X), centered=centered)
        assert np.allclose((found.coordinates(X) ** 2).mean(axis=0), found.eigenvalues, rtol=1e-10)


@pytest.mark.parametrize("rows", [np.zeros((3, 4)), np.ones((3, 4))])
def test_nothing_breaks_where_there_is_no_direction(rows: Matrix) -> None:
    found = spectrum(Moments.empty(4).update(rows), centered=True)
    assert found.eigenvalues.tolist() == [0.0, 0.0]
    assert found.directions.shape == (4, 2)


def test_the_spectrum_does_not_depend_on_the_number_of_threads() -> None:
    sentences = open_source(str(ROOT / "fixtures" / "sentences.parquet"))
    rows = np.concatenate([block.rows for block in sentences.read(5000)])
    moments = Moments.empty(384).update(rows)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append([spectrum(moments, centered=c, look=partial(along, [rows])) for c in (False, True)])
    for one, other in zip(*found, strict=True):
        assert one.eigenvalues[0] > 0
        np.testing.assert_array_equal(one.eigenvalues, other.eigenvalues)
        np.testing.assert_array_equal(one.directions, other.directions)
