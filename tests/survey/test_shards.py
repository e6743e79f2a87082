"""Where a data set is cut and in which order its parts are merged: by the data alone, so no digit tells by whom."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labelfree
from labelfree.evidence.evidence import WIDE
from labelfree.kernels import numpy_kernels
from labelfree.sources.block import Block
from labelfree.sources.opening import open_source
from labelfree.summaries.merging import FAN, Tree, levels, reduced
from labelfree.survey.reading import survey
from labelfree.survey.shards import block_rows, parts_of, shard_rows, shards_of, states_alive

RNG = np.random.default_rng(11)
THREADS = (1, 2, 3, 8)


@dataclass(frozen=True)
class Joined:
    """A state that remembers in which order it was merged."""

    text: str

    def merge(self, other: Joined) -> Joined:
        return Joined(f"({self.text}{other.text})")


def test_the_tree_is_worked_by_hand() -> None:
    assert reduced(Joined(c) for c in "a") == Joined("a")
    assert reduced(Joined(c) for c in "abcd") == Joined("(((ab)c)d)")
    assert reduced(Joined(c) for c in "abcdef") == Joined("((((ab)c)d)(ef))")
    assert reduced(Joined(c) for c in "abcdefghi") == Joined("(((((ab)c)d)(((ef)g)h))i)")
    nothing: list[Joined] = []
    assert reduced(nothing) is None


@given(st.integers(1, 300))
def test_states_stay_in_order_and_few_of_them_wait(n: int) -> None:
    tree: Tree[Joined] = Tree()
    for i in range(n):
        tree.add(Joined(f"<{i}>"))
        assert len(tree._levels) == levels(i + 1)
    found = tree.total()
    assert found is not None
    assert found.text.replace("(", "").replace(")", "") == "".join(f"<{i}>" for i in range(n))


def test_whole_nodes_merge_to_the_same_tree() -> None:
    """Who sums runs of FAN states gets the same tree of their sums: what other processes need."""
    states = [Joined(chr(97 + i)) for i in range(3 * FAN + 2)]
    runs = [reduced(states[i : i + FAN]) for i in range(0, 3 * FAN, FAN)]
    upper = reduced(run for run in runs if run is not None)
    rest = reduced(states[3 * FAN :])
    assert upper is not None
    assert rest is not None
    assert reduced(states) == upper.merge(rest)


def table(path: Path, rows: Any, groups: int, **columns: Any) -> str:
    """A Parquet file of rows in row groups of so many."""
    vectors = {"embedding": rows, **{name: v for name, v in columns.items() if np.ndim(v) == 2}}
    made = {name: pa.FixedSizeListArray.from_arrays(pa.array(v.ravel()), v.shape[1]) for name, v in vectors.items()} | {
        name: pa.array(v) for name, v in columns.items() if np.ndim(v) == 1
    }
    pq.write_table(pa.table(made), path, row_group_size=groups)
    return str(path)


def test_shards_are_whole_row_groups_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", 40)
    monkeypatch.setattr("labelfree.survey.shards._SHARD_ROWS", 25)
    assert (block_rows(4), shard_rows(4)) == (10, 20)
    files = [
        table(tmp_path / f"{i}.parquet", RNG.normal(size=(n, 4)), g) for i, (n, g) in enumerate([(50, 8), (45, 45)])
    ]
    source = open_source(files)
    found = []
    for shard in shards_of(source):
        if shard.start >= source.total:
            break
        found.append((shard.file, shard.start, shard.stop))
    by_groups = [(0, 0, 16), (0, 16, 32), (0, 32, 50)]
    cut = [(1, 50, 70), (1, 70, 90), (1, 90, 95)]
    assert found == by_groups + cut
    parts = [(part, len(block.rows)) for part, block in parts_of(source, source.read(7))]
    assert parts[:4] == [((0, 0, 0), 10), ((0, 0, 1), 6), ((0, 1, 0), 10), ((0, 1, 1), 6)]
    assert parts[-1] == ((1, 2, 0), 5)
    assert states_alive(source)[1]


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_parts_do_not_depend_on_how_rows_are_read(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", 8)
    X = RNG.normal(size=(30, 2))
    source = open_source({"embedding": X, "id": np.arange(30)})
    index, null = np.delete(np.arange(30), [4, 5, 6, 7, 29]), np.array([4, 5, 6, 7, 29])

    def blocks(step: int) -> Any:
        for start in range(0, 30, step):
            here = index[(index >= start) & (index < start + step)]
            gone = null[(null >= start) & (null < start + step)]
            yield Block(X[here], here, {"id": here}, gone)

    def told(step: int) -> list[Any]:
        return [
            (part, b.index.tolist(), b.rows.tolist(), b.extra["id"].tolist(), b.null.tolist())
            for part, b in parts_of(source, blocks(step))
        ]

    assert told(rows) == told(30)
    assert [part for part, *_ in told(rows)] == [(0, 0, i) for i in range(8)]


def documents(found: Any) -> str:
    """All that a report says, to the last digit, but for its settings."""
    kept = {name: value for name, value in found.__dict__.items() if name != "settings"}
    return repr({name: getattr(value, "model_dump", lambda v=value: v)() for name, value in kept.items()})


def written(place: Path, d: int, n: int) -> dict[str, str]:
    mixing = RNG.normal(size=(d, d)) * np.arange(1, d + 1) ** -0.7
    X = (RNG.normal(size=(n, d)) @ mixing + 0.3).astype(np.float32)
    logits = (X @ RNG.normal(size=(d, 5))).astype(np.float32)
    label = np.where(RNG.random(n) < 0.8, logits.argmax(axis=1), 0)
    np.save(place / "x.npy", X)
    lines = "\n".join(",".join(map(str, row)) for row in X[: 20_000 // d].tolist())
    (place / "x.csv").write_text(",".join(f"f{j}" for j in range(d)) + "\n" + lines + "\n")
    return {
        "npy": str(place / "x.npy"), "csv": str(place / "x.csv"),
        "small": table(place / "small.parquet", X, 37), "large": table(place / "large.parquet", X, n),
        "scored": table(place / "s.parquet", X, 333, logits=logits, label=label, item=RNG.integers(0, n // 5, n)),
        "target": table(place / "t.parquet", X + np.float32(0.1), 250, logits=logits),
    }  # fmt: skip


RUNS: dict[str, Callable[[dict[str, str], int], Any]] = {
    "rank npy": lambda f, t: labelfree.rank(f["npy"], threads=t),
    "rank csv": lambda f, t: labelfree.rank(f["csv"], threads=t),
    "rank small": lambda f, t: labelfree.rank(f["small"], threads=t),
    "rank large": lambda f, t: labelfree.rank(f["large"], threads=t),
    "separability": lambda f, t: labelfree.separability(f["small"], sample=400, threads=t),
    "opis": lambda f, t: labelfree.opis(f["scored"], group="item", sample=600, threads=t),
    "transfer": lambda f, t: labelfree.transfer(f["target"], source=f["scored"], sample=300, threads=t),
    "evaluate": lambda f, t: labelfree.evaluate(f["scored"], sample=300, threads=t),
    "drift": lambda f, t: labelfree.drift(f["target"], reference=f["small"], sample=300, threads=t),
    "compare": lambda f, t: labelfree.compare(f["target"], f["small"], sample=300, threads=t),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return written(tmp_path_factory.mktemp("law"), 24, 1500)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", RUNS)
def test_reports_are_the_same_bytes_for_any_number_of_threads(
    run: str, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", 24 * 50)  # 30 blocks
    monkeypatch.setattr("labelfree.survey.shards._SHARD_ROWS", 200)
    assert len({documents(RUNS[run](files, threads)) for threads in THREADS}) == 1


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", ["rank npy", "rank small", "opis", "drift"])
def test_wide_reports_are_the_same_bytes_for_any_number_of_threads(run: str, tmp_path: Path) -> None:
    found = written(tmp_path, WIDE + 76, 1300)
    assert len({documents(RUNS[run](found, threads)) for threads in THREADS}) == 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 70), min_size=1, max_size=7), st.sampled_from(THREADS))
def test_files_together_are_the_tree_of_each_alone(sizes: list[int], threads: int) -> None:
    """What one pass over many files sums is what their sums merge to, bit for bit, however many threads there are."""
    X = np.random.default_rng(sum(sizes)).normal(size=(sum(sizes), 3)) + 100
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", 12)
        patch.setattr("labelfree.survey.shards._SHARD_ROWS", 8)

        def moments(rows: Any, counts: tuple[int, ...]) -> Any:
            from labelfree.sources.arrays.matrices import matrix_source

            ends = np.cumsum((0, *counts))
            source = matrix_source([rows[a:b] for a, b in itertools.pairwise(ends)], "x")
            found = survey(
                source, frozenset({"moments", "unit"}), kernels=numpy_kernels, sample=5, threads=threads
            ).evidence
            return found.moments, found.unit

        whole = moments(X, tuple(sizes))
        ends = np.cumsum((0, *sizes))
        alone = [moments(X[a:b], (b - a,)) for a, b in itertools.pairwise(ends)]
    for i, one in enumerate(whole):
        merged = reduced(found[i] for found in alone)
        assert merged is not None
        assert one.n == merged.n
        assert (one.mean == merged.mean).all()
        assert (one.scatter == merged.scatter).all()


def test_a_wide_scatter_is_that_of_the_definition_and_the_same_for_any_number_of_threads() -> None:
    X = RNG.normal(size=(300, WIDE + 5))
    center, scale = RNG.normal(size=WIDE + 5), RNG.random(300)
    from labelfree.kernels.threads import limited_threads

    found = []
    for threads in THREADS:
        with limited_threads(threads):
            found.append(numpy_kernels.scatter(X, center, scale))
    Y = X * scale[:, None] - center
    for total, square in found:
        assert np.allclose(total, Y.sum(axis=0))
        assert np.allclose(square, Y.T @ Y)
        assert (square == square.T).all()
        assert (square == found[0][1]).all()
        assert (total == found[0][0]).all()


def test_long_texts_do_not_wait_and_missing_ones_are_none() -> None:
    names = np.array([None, "a" * ((1 << 24) + 1), "b", None], object)
    index = np.arange(4)
    blocks = [Block(np.zeros((2, 3)), index[i : i + 2], {"group": names[i : i + 2]}) for i in (0, 2)]
    parts = list(parts_of(open_source(np.zeros((4, 3))), blocks))
    assert [len(block.index) for _, block in parts] == [2, 2]
    assert np.array_equal(np.concatenate([block.extra["group"] for _, block in parts]), names)
