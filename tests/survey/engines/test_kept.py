"""States on disk: what was written is read to the last bit, and nothing else is taken for it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelfree.errors import EngineError
from labelfree.kernels import numpy_kernels
from labelfree.sources.opening import open_source
from labelfree.survey.engines.kept import kept_in
from labelfree.survey.engines.summing import Pass, at_home, merged
from labelfree.survey.pieces import pieces_of


@pytest.fixture
def one(tmp_path: Path) -> Pass:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(400, 6)))
    return Pass(open_source(str(tmp_path / "x.npy")), ("moments", "sample"), 30, 0, "error", False, None, None)


def told(one: Pass, state: Any) -> list[Any]:
    e = at_home(state, one, numpy_kernels).finished().evidence
    assert e.moments is not None
    assert e.drawn is not None
    return [e.n, e.moments.mean.tobytes(), e.moments.scatter.tobytes(), e.drawn.rows.tobytes()]


def test_states_are_read_as_they_were_written(one: Pass, tmp_path: Path) -> None:
    (piece,) = pieces_of(one.source)
    kept = kept_in(str(tmp_path / "work" / "deeper"), "digest", one)
    assert kept.read(piece, one) is None
    (state,) = one.states(piece)
    kept.write(piece, [None, state], one)
    assert [path.suffix for path in Path(kept.directory).iterdir()] == [".state"]
    found = kept.read(piece, one)
    assert found is not None
    assert found[0] is None
    assert found[1] is not None
    assert told(one, merged([found[1]])) == told(one, one.states(piece)[0])
    assert kept.read(None, one) is None
    kept.forget([piece])
    assert list(Path(kept.directory).iterdir()) == []


def test_a_damaged_state_is_read_again(one: Pass, tmp_path: Path) -> None:
    (piece,) = pieces_of(one.source)
    kept = kept_in(str(tmp_path), "digest", one)
    kept.write(piece, one.states(piece), one)
    whole = kept.path(piece).read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for damaged in (b"", whole[:100], whole[:-1], flipped):
        kept.path(piece).write_bytes(damaged)
        assert kept.read(piece, one) is None


def test_whatever_a_state_depends_on_is_in_its_name(one: Pass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (piece,) = pieces_of(one.source)

    def name(digest: str = "digest") -> str:
        return kept_in(str(tmp_path), digest, one).path(piece).name

    first = name()
    assert name() == first
    names = {first, name("another pass")}
    shard = replace(piece.shards[0], stop=399)
    kept = kept_in(str(tmp_path), "digest", one)
    names |= {kept.path(None).name, kept.path(replace(piece, shards=(shard,))).name}
    with monkeypatch.context() as patch:
        patch.setattr("labelfree.__version__", "0.0.7")
        names.add(name())
    os.utime(tmp_path / "x.npy", ns=(1, 1))
    names.add(name())
    assert len(names) == 6


def test_a_directory_that_a_node_does_not_see_is_refused(one: Pass, tmp_path: Path) -> None:
    (piece,) = pieces_of(one.source)
    kept = kept_in(str(tmp_path / "work"), "digest", one)
    shutil.rmtree(tmp_path / "work")
    with pytest.raises(EngineError, match="expected a directory that every node sees, found none on"):
        kept.write(piece, one.states(piece), one)
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="which cannot be made"):
        kept_in(str(tmp_path / "file"), "digest", one)
