"""What workers elsewhere sum: pieces cut by the data, whose states merge to those of one process, bit for bit."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.evidence.evidence import WIDE, Need
from labelfree.head import Head
from labelfree.kernels import numpy_kernels
from labelfree.sources.block import Columns, Source
from labelfree.sources.opening import open_source
from labelfree.sources.subsets import only, with_head
from labelfree.summaries.merging import FAN, levels, reduced
from labelfree.survey.engines.remote_tree import Files, RemoteTree
from labelfree.survey.engines.summing import Pass, at_home, merged
from labelfree.survey.growing import Summaries
from labelfree.survey.pieces import Piece, pieces_of
from labelfree.survey.reading import survey
from labelfree.survey.scores import Wanted
from labelfree.survey.shards import shards_of
from labelfree.survey.sums import Ordered

RNG = np.random.default_rng(5)
NEEDS: tuple[Need, ...] = ("moments", "sample", "unit", "views")


@dataclass(frozen=True)
class Joined:
    """A state that remembers in which order it was merged."""

    text: str

    def merge(self, other: Joined) -> Joined:
        return Joined(f"({self.text}{other.text})")


def folded(states: Sequence[Joined]) -> Joined:
    return reduce(Joined.merge, states)


@given(st.integers(0, 300), st.data())
def test_whole_nodes_of_any_level_merge_to_the_tree_of_all(n: int, data: st.DataObject) -> None:
    states = [Joined(f"<{i}>") for i in range(n)]
    forest: RemoteTree[Joined] = RemoteTree(folded)
    at = 0
    while at < n:
        most = max(k for k in range(6) if at % FAN**k == 0 and at + FAN**k <= n)
        level = data.draw(st.integers(0, most))
        node = reduced(states[at : at + FAN**level])
        assert node is not None
        forest.add(node, level)
        at += FAN**level
    assert forest.total() == reduced(states)


@given(st.integers(1, 400))
def test_few_states_wait_however_many_there_are(n: int) -> None:
    held = set[int]()

    def merged(states: Sequence[int]) -> int:
        held.difference_update(states)
        held.add(min(states))
        return min(states)

    forest: RemoteTree[int] = RemoteTree(merged)
    for i in range(n):
        held.add(i)
        forest.add(i)
        assert len(held) <= (FAN - 1) * levels(i + 1)
    forest.total()
    assert held == {0}


@given(st.lists(st.integers(0, 30), max_size=8))
def test_files_merge_as_one_process_merges_them(shards: list[int]) -> None:
    one: Ordered[Joined] = Ordered()
    other: Files[Joined] = Files(folded)
    for file, count in enumerate(shards):
        for i in range(count):
            one.add((file, i, 0), Joined(f"<{file}.{i}>"))
            other.add(file, Joined(f"<{file}.{i}>"), 0)
    assert one.total() == other.total()


def lists(X: Any) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])


def written(place: Path, d: int = 4, sizes: Sequence[int] = (50, 45, 0, 131), seed: int = 0) -> dict[str, Any]:
    """The same rows in several formats, and what each is opened with."""
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(sum(sizes), d)) + 3).astype(np.float32)
    ends = np.cumsum((0, *sizes))
    domain = np.where(np.arange(len(X)) // 9 % 4 == 0, "source", "target")
    domain[50:95] = "source"  # a whole file of the other domain
    for i, (a, b) in enumerate(itertools.pairwise(ends)):
        table = pa.table({
            "embedding": lists(X[a:b]), "id": np.arange(a, b), "item": np.arange(a, b) // 5,
            "logits": lists(X[a:b, :3].copy()), "domain": domain[a:b],
        })  # fmt: skip
        pq.write_table(table, place / f"s{i}.parquet", row_group_size=8)
        pq.write_table(table, place / f"l{i}.parquet")
        pyarrow.feather.write_feather(table, place / f"f{i}.arrow", chunksize=11, compression="zstd")
        np.save(place / f"n{i}.npy", X[a:b])
        wide = pa.table({f"e{j}": X[a:b, j] for j in range(d)})
        pyarrow.csv.write_csv(wide, place / f"c{i}.csv")
    return {
        kind: [str(place / f"{kind[0]}{i}{end}") for i, size in enumerate(sizes) if size or end == ".parquet"]
        for kind, end in (("small", ".parquet"), ("large", ".parquet"), ("npy", ".npy"), ("csv", ".csv"),
                          ("feather", ".arrow"))
    } | {"frame": {"embedding": X, "id": np.arange(len(X))}, "array": X}  # fmt: skip


def cut(patch: pytest.MonkeyPatch, d: int = 4) -> None:
    """Blocks of 10 rows and shards of 20."""
    patch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", 10 * d)
    patch.setattr("labelfree.survey.shards._SHARD_ROWS", 25)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    cut(monkeypatch)
    return written(tmp_path)


FORMATS = ("small", "large", "npy", "csv", "feather", "frame", "array")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("most", [1024, 2])
def test_pieces_hold_every_shard_once_and_no_row_group_is_read_twice(
    kind: str, most: int, files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelfree.survey.pieces.MOST_PIECES", most)
    source = open_source(files[kind])
    pieces = list(pieces_of(source))
    total = source.total
    expected = list(itertools.takewhile(lambda shard: shard.start < total, shards_of(source)))
    found = [shard for piece in pieces for shard in piece.shards]
    assert [(s.file, s.number, s.start) for s in found] == [(s.file, s.number, s.start) for s in expected]
    assert found[-1].stop == total
    for piece in pieces:
        assert {shard.file for shard in piece.shards} == {piece.file}
        assert sum(count for count, _ in piece.nodes) == len(piece.shards)
        assert all(count == FAN**level for count, level in piece.nodes)
    ends = set(np.cumsum(source.groups).tolist())
    if source.groups:
        assert all(piece.stop in ends for piece in pieces)
    if kind == "csv":
        assert len(pieces) == 3
        assert source.in_order


def test_the_row_groups_of_a_piece_are_those_that_hold_its_rows(files: dict[str, Any]) -> None:
    found = [(piece.file, piece.start, piece.stop, piece.groups) for piece in pieces_of(open_source(files["small"]))]
    assert found[:4] == [(0, 0, 16, (0, 1)), (0, 16, 32, (2, 3)), (0, 32, 50, (4, 6)), (1, 50, 66, (0, 1))]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_between_are_the_rows_of_all_between_two(kind: str, rows: int, files: dict[str, Any]) -> None:
    source = open_source(files[kind])
    whole = np.concatenate([block.rows for block in source.read(1000)])
    for start, stop in ((0, 226), (0, 1), (13, 14), (49, 51), (60, 226), (95, 95), (225, 226)):
        blocks = list(source.between(rows, start, stop))
        assert [i for block in blocks for i in block.index.tolist()] == list(range(start, stop))
        if blocks:
            assert np.array_equal(np.concatenate([block.rows for block in blocks]), whole[start:stop])


def in_pieces(one: Pass) -> Summaries:
    """The state of a pass, each piece and each merge of which is in a process of its own, as far as it can tell."""

    def apart(states: Sequence[Any]) -> Any:
        return pickle.loads(pickle.dumps(merged(pickle.loads(pickle.dumps(list(states))))))

    files: Files[Summaries] = Files(apart)
    for piece in pieces_of(one.source):
        for state, (_, level) in zip(one.states(piece), piece.nodes, strict=True):
            if state is not None:
                files.add(piece.file, pickle.loads(pickle.dumps(state)), level)
    total = files.total()
    return one.empty() if total is None else at_home(total, one, numpy_kernels)


def told(found: Any) -> list[Any]:
    """All that a pass found, to the last bit."""
    e = found.evidence
    sums = [(m.n, m.mean.tobytes(), m.scatter.tobytes()) for m in (e.moments, e.unit) if m is not None]
    drawn = [(s.keys.tobytes(), s.index.tobytes(), s.rows.tobytes()) for s in (e.drawn, e.views) if s is not None]
    p = None if e.outputs is None else e.outputs.predictions
    scores = None if p is None else [np.asarray(getattr(p, name)).tobytes() for name in vars(p) if name != "thresholds"]
    logits = None if e.outputs is None or e.outputs.logits is None else e.outputs.logits.tobytes()
    r = found.regression
    cross = None if r is None else (r.cross.tobytes(), r.rows.scatter.tobytes(), r.common)
    labels = None if e.outputs is None or e.outputs.labelled is None else e.outputs.labelled.predicted.tobytes()
    return [
        e.n, sums, drawn, scores, logits, cross, labels, found.tally, found.rows_hash, found.fingerprint, found.content,
        found.duplicates.duplicates, found.groups and found.groups.digest,
    ]  # fmt: skip


def both(source: Source, wanted: Wanted | None = None, **changes: Any) -> tuple[list[Any], list[Any]]:
    settings: dict[str, Any] = {"sample": 40, "seed": 3, "on_bad": "drop", "refuse_zero": False, "group_rows": 60}
    settings |= changes
    needs = NEEDS + (("groups",) if "group" in source.roles else ())
    state = in_pieces(Pass(source, tuple(sorted(needs)), wanted=wanted, **settings))
    state.check()
    here = survey(source, frozenset(needs), kernels=numpy_kernels, threads=2, wanted=wanted, **settings)
    return told(state.finished()), told(here)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("most", [1024, 2])
def test_states_of_pieces_are_those_of_one_pass(
    kind: str, most: int, files: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelfree.survey.pieces.MOST_PIECES", most)
    pieces, whole = both(open_source(files[kind]))
    assert pieces == whole
    other, _ = both(open_source(files["npy"][:2]))
    assert other != whole


def test_class_scores_labels_and_groups_too(files: dict[str, Any]) -> None:
    source = open_source(files["small"], Columns(outputs="logits", group="item"))
    pieces, whole = both(source, Wanted(thresholds=(0.5, -0.9), regression=True))
    assert pieces == whole
    head = Head(np.eye(3, 4), np.arange(3.0), "given", "here")
    headed = with_head(open_source(files["small"]), head)
    pieces, whole = both(headed, Wanted(regression=True))
    assert pieces == whole


def test_what_the_sample_of_all_refuses_does_not_travel(files: dict[str, Any]) -> None:
    source = open_source(np.random.default_rng(2).normal(size=(2000, 4)))
    settings: dict[str, Any] = {
        "needs": NEEDS, "sample": 40, "seed": 3, "on_bad": "drop", "refuse_zero": False, "wanted": None, "group_rows": 9
    }  # fmt: skip
    likely, all_ = Pass(source, **settings, likely=True), Pass(source, **settings)
    held = [
        sum(len(chunk.keys) for piece in pieces_of(source) for state in one.states(piece) if state is not None
            for chunk in state.sample.chunks)
        for one in (likely, all_)
    ]  # fmt: skip
    assert held[0] < 40 + 8 * 40**0.5 + 64 + 60
    assert held[1] == 2000  # every piece is smaller than the sample
    one, other = in_pieces(likely), in_pieces(all_)
    assert not likely.refused_too_many(one)
    assert told(one.finished()) == told(other.finished())
    X = np.random.default_rng(2).normal(size=(2000, 4))
    X[:1900] = np.nan  # few rows are left: the guess refuses too many
    spoiled = replace(likely, source=open_source(X))
    assert spoiled.refused_too_many(in_pieces(spoiled))
    few = replace(likely, source=open_source(X[:100]))
    assert not few.refused_too_many(in_pieces(few))


@pytest.mark.parametrize("kind", ["small", "large", "feather"])
def test_rows_of_one_domain_alone_and_files_without_any(kind: str, files: dict[str, Any]) -> None:
    source = open_source(files[kind], Columns(domain="domain"))
    count = int(sum((block.extra["domain"] == "target").sum() for block in source.read(1000)))
    part = only(source, "domain", "target", count, "target rows")
    pieces, whole = both(part)
    assert pieces == whole
    assert pieces[0] == count


def test_wide_rows_and_no_rows() -> None:
    X = np.random.default_rng(1).normal(size=(700, WIDE + 3)).astype(np.float32)
    pieces, whole = both(open_source(X))
    assert pieces == whole
    nothing = open_source(np.empty((0, 3), np.float32))
    assert list(pieces_of(nothing)) == []
    assert both(nothing)[0][0] == 0


def test_bad_rows_are_counted_alike(files: dict[str, Any], tmp_path: Path) -> None:
    X = np.load(files["npy"][0]).copy()
    X[7] = np.nan
    X[33] = 0
    np.save(tmp_path / "bad.npy", X)
    pieces, whole = both(open_source([str(tmp_path / "bad.npy"), *files["npy"][1:]]))
    assert pieces == whole
    with pytest.raises(Exception, match="1 of 226 rows hold NaN or infinity, first at row 7"):
        both(open_source([str(tmp_path / "bad.npy"), *files["npy"][1:]]), on_bad="error")


def test_a_piece_is_summed_with_what_it_needs_and_no_more(files: dict[str, Any]) -> None:
    """A worker reads the row groups of its piece: the others may be gone."""
    source = open_source(files["npy"])
    asked: list[tuple[int, int]] = []

    def span(rows: int, start: int, stop: int) -> Any:
        asked.append((start, stop))
        return source.between(rows, start, stop)

    pieces = list(pieces_of(source))
    Pass(replace(source, span=span), NEEDS, 10, 0, "error", False, None, None).states(pieces[2])
    assert asked == [(pieces[2].start, pieces[2].stop)]
    assert isinstance(pieces[2], Piece)
