"""Sums over rows of two sources in pieces: those of one process, bit for bit, kept and read again."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelfree.commands.paired_rows import paired
from labelfree.commands.paired_sums import PairPass, PairSums
from labelfree.errors import RowsError
from labelfree.kernels import numpy_kernels
from labelfree.progress import silent
from labelfree.sources.opening import open_source
from labelfree.survey.engines.remote_tree import RemoteTree

N, A, B = 3000, 5, 3


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    monkeypatch.setattr("labelfree.commands.paired_sums._SHARD_ROWS", 300)
    monkeypatch.setattr("labelfree.commands.paired_sums.block_rows", lambda d: 100)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, A))
    return X, X @ rng.normal(size=(A, B)) + 1


def told(sums: PairSums) -> list[Any]:
    m, drawn = sums.moments, sums.drawn.drawn()
    assert drawn is not None
    arrays = [m.counts, m.totals, *m.scatters, m.thirds, m.fourths, drawn.keys, drawn.index, drawn.rows]
    return [sums.bad, *(array.tobytes() for array in arrays)]


def in_pieces(given: PairPass) -> PairSums:
    def merged(states: Any) -> PairSums:
        return given.merged([given.filled(given.fields(pickle.loads(pickle.dumps(one)))) for one in states])

    forest: RemoteTree[PairSums] = RemoteTree(merged)
    for piece in given.pieces():
        for state in given.states(piece):
            assert state is not None
            forest.add(state)
    total = forest.total()
    assert total is not None
    return total


@pytest.mark.parametrize("ids", [False, True])
def test_pieces_hold_what_one_process_sums(ids: bool, sources: tuple[Any, Any], tmp_path: Path) -> None:
    one, other = (open_source({"embedding": rows, "id": np.arange(N) * 7} if ids else rows) for rows in sources)
    joint = paired(one, other, k=3, kernels=numpy_kernels, sample=40, seed=2, progress=silent, place=tmp_path)
    from labelfree.commands.joined_ids import join_of

    given = PairPass(one, other, join_of(one, other, common=False).keys, 40, 2, "error").settled()
    assert len(given.pieces()) == 10
    found = in_pieces(given)
    drawn = found.drawn.drawn()
    assert drawn is not None
    assert found.moments.n == N
    assert told(found)[1:-2] == told(PairSums(joint.pair.moments, found.drawn))[1:-2]
    assert (np.concatenate([joint.pair.a, joint.pair.b], axis=1) == drawn.rows).all()
    both = np.concatenate(sources, axis=1)
    scatter = np.sum(found.moments.scatters, axis=0)
    assert np.allclose(scatter, (both - found.moments.pivot).T @ (both - found.moments.pivot))


def test_bad_rows_are_left_out_and_counted_on_both_sides(sources: tuple[Any, Any], tmp_path: Path) -> None:
    X, Y = (rows.copy() for rows in sources)
    X[:350] = np.nan  # a whole piece, and the begin of the next
    Y[[400, 2999]] = np.inf
    one, other = open_source(X), open_source(Y)
    joint = paired(
        one, other, k=3, kernels=numpy_kernels, on_bad="drop", sample=40, progress=silent, place=tmp_path
    )  # fmt: skip
    found = in_pieces(PairPass(one, other, None, 40, 0, "drop").settled())
    assert found.bad == joint.bad == 352
    assert found.moments.n == N - 352
    assert told(found)[1:-3] == told(PairSums(joint.pair.moments, found.drawn))[1:-3]
    with pytest.raises(RowsError, match="found null, NaN or infinity"):
        PairPass(one, other, None, 40, 0, "error").settled()


def test_sources_without_a_usable_row_have_no_pivot(sources: tuple[Any, Any]) -> None:
    nothing = np.full((50, A), np.nan)
    assert PairPass(open_source(nothing), open_source(nothing), None, 4, 0, "drop").settled().pivot is None
