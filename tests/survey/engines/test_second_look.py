"""A second look at all rows: right by the definition, and the same bits whoever sums its pieces."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import oracles
from labelfree.errors import SummaryError
from labelfree.families.rank.effective import entropy_rank
from labelfree.kernels import numpy_kernels
from labelfree.sources.block import Source
from labelfree.sources.opening import open_source
from labelfree.summaries import Moments
from labelfree.survey.engines.looking import Looking
from labelfree.survey.engines.remote_tree import Files
from labelfree.survey.engines.shipping import Shipped
from labelfree.survey.pieces import Piece, pieces_of
from labelfree.survey.reading import survey
from labelfree.survey.second_look import SecondLook
from labelfree.survey.small_files import tasks_of

D = 24


def low_rank(n: int, seed: int) -> NDArray[np.float64]:
    """Rows in 9 directions of 24 whose sizes fall to 1e-9 of the first: their scatter cannot hold the last."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(np.random.default_rng(99).normal(size=(D, D)))[0][:9]
    return np.asarray(rng.normal(size=(n, 9)) * np.logspace(0, -9, 9) @ rotation)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Five files, cut into blocks of 24 rows and shards of 48."""
    monkeypatch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", 64)
    monkeypatch.setattr("labelfree.survey.shards._SHARD_ROWS", 48)
    for i, n in enumerate((700, 30, 1, 311, 500)):
        X = low_rank(n, i)
        X[5:7] = np.nan
        np.save(tmp_path / f"part_{i}.npy", X)
    return open_source(str(tmp_path / "*.npy"))


class Apart:
    """An engine whose pieces and merges are each in a process of their own, as far as they can tell."""

    def __init__(self) -> None:
        self.pieces = 0

    def reduced(self, given: Shipped, pieces: Sequence[Piece], kept: Any, told: Any) -> Any:
        one = pickle.loads(given.recipe, buffers=given.arrays)

        def merged(states: Sequence[Any]) -> Any:
            return pickle.loads(pickle.dumps(one.merged(pickle.loads(pickle.dumps(list(states))))))

        files: Files[Any] = Files(merged)
        for piece in pieces:
            self.pieces += 1
            for state, (_, level) in zip(one.states(piece), piece.nodes, strict=True):
                if state is not None:
                    files.add(piece.file, state, level, whole=bool(piece.inner))
        return files.total()


def bits(found: Moments) -> tuple[int, bytes, bytes]:
    return found.n, found.mean.tobytes(), found.scatter.tobytes()


def test_the_moments_are_those_of_the_projected_rows(source: Source) -> None:
    rng = np.random.default_rng(1)
    shift, basis = rng.normal(size=D), rng.normal(size=(D, 5))
    rows = np.concatenate(list(SecondLook(source, "drop").rows()))
    expected = (rows - shift) @ basis
    found = SecondLook(source, "drop", threads=2)(shift, basis)
    assert found.n == len(rows) == 1542 - 8  # one file has a single row
    np.testing.assert_allclose(found.mean, expected.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(found.scatter / found.n, np.cov(expected.T, bias=True), rtol=1e-9)


def test_bits_do_not_tell_who_summed(source: Source) -> None:
    pytest.importorskip("ray", reason="needs the extra [integration]")
    rng = np.random.default_rng(1)
    shift, basis = rng.normal(size=D), rng.normal(size=(D, D))
    engine = Apart()
    one, two = (SecondLook(source, "drop", threads=k)(shift, basis) for k in (1, 2))
    there = SecondLook(source, "drop", engine=engine)(shift, basis)
    assert bits(one) == bits(two) == bits(there)
    assert engine.pieces == len(tasks_of(source)) > 20
    other = replace(one, scatter=np.nextafter(one.scatter, np.inf))
    assert bits(other) != bits(one)


def test_a_spectrum_looks_by_the_engine_of_its_pass(source: Source) -> None:
    pytest.importorskip("ray", reason="needs the extra [integration]")
    engine = Apart()
    settings: dict[str, Any] = {"kernels": numpy_kernels, "on_bad": "drop", "sample": 50}
    there = survey(source, frozenset({"moments", "sample"}), engine=engine, **settings).evidence
    pieces, here = engine.pieces, survey(source, frozenset({"moments", "sample"}), threads=2, **settings).evidence
    for centered in (False, True):
        found, expected = (e.centered if centered else e.raw for e in (there, here))
        assert found.eigenvalues.tobytes() == expected.eigenvalues.tobytes()
        rows = np.concatenate(list(SecondLook(source, "drop").rows()))
        true = oracles.rankme(rows, centered=centered, eps=0.0)
        assert entropy_rank(found.sigma)[0] == pytest.approx(true, rel=1e-7)
    assert engine.pieces >= 3 * pieces  # both spectra have looked again


def test_a_look_that_was_kept_is_not_taken_again(source: Source, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra [integration]")
    rng = np.random.default_rng(1)
    shift, basis = rng.normal(size=D), rng.normal(size=(D, 3))
    engine, work = Apart(), str(tmp_path / "work")
    first = SecondLook(source, "drop", engine=engine, work=work)(shift, basis)
    before = engine.pieces
    assert bits(SecondLook(source, "drop", engine=engine, work=work)(shift, basis)) == bits(first)
    assert engine.pieces == before
    SecondLook(source, "drop", engine=engine, work=work)(shift, basis * 2)
    assert engine.pieces == 2 * before


def test_no_rows_are_no_moments() -> None:
    source = open_source(np.full((3, D), np.nan))
    shift, basis = np.zeros(D), np.eye(D)[:, :2]
    assert SecondLook(source, "drop")(shift, basis).n == 0
    assert [one and one.n for one in Looking(source, shift, basis, "drop").states(*pieces_of(source))] == [0]


def test_moments_of_other_directions_are_refused() -> None:
    one = Looking(open_source(np.ones((3, D))), np.zeros(D), np.eye(D)[:, :2], "drop")
    kept = Moments.empty(2).update(np.ones((3, 2)))
    assert bits(one.filled(one.fields(kept))) == bits(kept)
    with pytest.raises(SummaryError, match="expected moments along 2 directions, found 3"):
        one.filled(Moments.empty(3).fields())
