"""Laws of the OPIS family: what may not change a number, what must, and the bounds that always hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import labelfree
from labelfree import metrics
from labelfree.summaries import Groups
from labelfree.summaries.hashing import hash_ids, mix

Matrix = NDArray[np.float64]
Names = NDArray[Any]
FAMILY = ("opis", "eps_opis", "mean_utility", "worst_utility")
FEW, MANY = [2, 3, 9, 14, 5, 20], [7] * 30 + [2, 3, 60, 120]
seeds = st.integers(0, 2**31)


def clouds(sizes: list[int], seed: int = 0, d: int = 5) -> tuple[Matrix, Names]:
    """Groups of unequal width in random order."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    wide = np.linspace(0.2, 1.1, len(sizes))[group, None]
    X = rng.normal(size=(len(sizes), d))[group] + wide * rng.normal(size=(len(group), d))
    order = rng.permutation(len(group))
    return X[order], group[order]


def family(X: Any, group: Any, **options: Any) -> list[float | None]:
    report = labelfree.opis({"embedding": X, "g": group}, group="g", only=FAMILY, **options)
    return [report[name].value for name in FAMILY]


Change = Callable[[Matrix, Names, np.random.Generator], tuple[Matrix, Names]]


def shuffled(X: Matrix, group: Names, rng: np.random.Generator) -> tuple[Matrix, Names]:
    order = rng.permutation(len(X))
    return X[order], group[order]


CHANGES: dict[str, Change] = {
    "order of rows": shuffled,
    "names of groups": lambda X, g, rng: (X, np.array([f"{v}|{rng.integers(9)}" for v in range(g.max() + 1)])[g]),
    "rotation": lambda X, g, rng: (X @ np.linalg.qr(rng.normal(size=(X.shape[1],) * 2))[0], g),
    "reflection": lambda X, g, _: (-X, g),
    "length of rows": lambda X, g, rng: (X * rng.uniform(0.01, 100, (len(X), 1)), g),
    "scale": lambda X, g, _: (1e6 * X, g),
    "zeros beside": lambda X, g, _: (np.hstack([X, np.zeros((len(X), 3))]), g),
    "singletons beside": lambda X, g, rng: (np.vstack([X, rng.normal(size=(4, X.shape[1]))]), np.r_[g, 900:904]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("space", ["l2", "cosine"])
@settings(max_examples=4)
@given(seed=seeds)
def test_what_does_not_matter_to_few_rows(change: str, space: str, seed: int) -> None:
    X, group = clouds(FEW, seed)
    changed = CHANGES[change](X, group, np.random.default_rng(seed))
    assert family(*changed, space=space) == pytest.approx(family(X, group, space=space), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(3))
def test_what_does_not_matter_to_many_rows(change: str, seed: int) -> None:
    """Counts but for the ties of float32 products, at thresholds but for bins of 2e-7 in the cosine."""
    X, group = clouds(MANY, seed)
    changed = CHANGES[change](X, group, np.random.default_rng(seed))
    assert family(*changed) == pytest.approx(family(X, group), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("sizes", [FEW, MANY])
def test_what_does_matter(sizes: list[int]) -> None:
    X, group = clouds(sizes)
    before = family(X, group)
    for changed in (
        (X + 3.0, group),
        (np.vstack([X, X]), np.r_[group, group]),
        (X * np.arange(1, 6), group),
        (X, np.roll(group, 1)),
    ):
        assert all(abs(a - b) > 1e-4 for a, b in zip(family(*changed), before, strict=True) if a is not None and b)
    assert family(X, group, space="cosine") != before
    assert family(X, group, far="0.02:0.1") != before


whole = hnp.arrays(
    np.float64, st.tuples(st.integers(16, 40), st.integers(1, 4)), elements=st.integers(-4, 4).map(float)
)


@given(X=whole, names=st.lists(st.integers(0, 5), min_size=40, max_size=40), low=st.sampled_from([0.02, 0.1, 0.3]))
def test_bounds(X: Matrix, names: list[int], low: float) -> None:
    X = X[X.any(axis=1)]
    group = np.array(names[: len(X)])
    results = {name: getattr(metrics, name)(X, group, far=(low, 2 * low)) for name in FAMILY}
    reasons = {result.reason_code for result in results.values()}
    if reasons != {None}:
        assert len(reasons) == 1
        assert reasons <= {"insufficient", "degenerate_range"}
        assert {result.value for result in results.values()} == {None}
        return
    opis, mean = results["opis"], results["mean_utility"]
    parts = opis.parts
    assert 0 <= opis.value <= 0.25
    assert opis.value - 1e-12 <= parts["pooled"] <= 1
    assert 0 <= results["eps_opis"].value <= 1
    assert 0 <= results["worst_utility"].value <= mean.value + 1e-12 <= 1 + 1e-12
    assert 0 <= parts["chance_utility"] <= 0.5 + 1e-12
    assert parts["zone"][0] < parts["zone"][1] <= 2
    assert low - 1e-12 <= parts["zone_far"][0] < parts["zone_far"][1]
    assert parts["zone_far"][1] >= 2 * low - 1e-12
    assert 0 <= parts["recall_at_1"] <= 1
    assert 0 <= parts["overlap"] <= 1 + 1e-12
    for result in results.values():
        if result.interval is not None:
            assert 0 <= result.interval[0] <= result.interval[1] <= 1


@given(seed=seeds)
def test_equal_groups_have_no_opis(seed: int) -> None:
    """Groups on the axes, each the same figure about its own axis: no threshold can tell them apart."""
    offsets = 0.3 * np.random.default_rng(seed).normal(size=4)
    X = np.zeros((6 * 4, 12))
    for g in range(6):
        X[4 * g : 4 * g + 4, 2 * g] = 1.0
        X[4 * g : 4 * g + 4, 2 * g + 1] = offsets
    result = metrics.opis(X, np.arange(24) // 4, far=(0.05, 0.4))
    assert result.value is None or result.value == pytest.approx(0.0, abs=1e-12)


TILES = {
    "labelfree.kernels.numpy_pairs._BLOCK": 37, "labelfree.kernels.numpy_pairs._WIDE": 41,
    "labelfree.families.opis.positive_pairs._BLOCK": 13, "labelfree.families.opis.positive_pairs._WIDE": 17,
    "labelfree.families.opis.positive_pairs._BATCH": 99, "labelfree.families.opis.positive_pairs._STACKED": 3,
    "labelfree.families.opis.sorted_rows._BLOCK": 19,
}  # fmt: skip


@pytest.mark.parametrize("constant", TILES)
def test_the_size_of_tiles_does_not_matter(constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, group = clouds(MANY)
    before = metrics.opis(X, group)
    monkeypatch.setattr(constant, TILES[constant])
    after = metrics.opis(X, group)
    assert after.value == pytest.approx(before.value, rel=1e-5)  # another product may round another tie
    assert after.parts["recall_at_1"] == before.parts["recall_at_1"]
    assert after.parts["split_half"] == pytest.approx(before.parts["split_half"], rel=1e-4)


def table(sizes: list[int]) -> dict[str, Any]:
    X, group = clouds(sizes)
    names = [None if g == 1 else f"item {g}" for g in group.tolist()]
    return {"embedding": X.astype(np.float32), "id": np.arange(len(X)) + 100, "g": np.array(names, object)}


def document(report: labelfree.Report) -> dict[str, Any]:
    """The metrics of the family: moments of all rows, for those beside it, are summed in the order of blocks."""
    found: dict[str, Any] = report.model_dump(mode="json")["metrics"]
    return {name: entry for name, entry in found.items() if entry["definition"].count("opis") or "utility" in name}


@pytest.mark.parametrize("sizes", [FEW, MANY])
@pytest.mark.parametrize("options", [{"group": "g"}, {"k": (6,), "seeds": 2}])
def test_the_number_of_threads_does_not_matter(sizes: list[int], options: dict[str, Any]) -> None:
    data = {"embedding": table(sizes)["embedding"], "g": table(sizes)["g"]}
    one, two = (labelfree.opis(data, threads=threads, **options) for threads in (1, 2))
    assert document(one) == document(two)


@pytest.mark.parametrize("sizes", [FEW, MANY])
@pytest.mark.parametrize("options", [{"group": "g"}, {"k": (6,), "seeds": 1}, {"group": "g", "sample": 50}])
def test_blocks_and_files_do_not_matter(
    sizes: list[int], options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = table(sizes)
    n = len(data["id"])
    arrow = pa.table({"embedding": data["embedding"].tolist(), "id": data["id"], "g": pa.array(data["g"].tolist())})
    pq.write_table(arrow, tmp_path / "whole.parquet")
    pq.write_table(arrow, tmp_path / "groups.parquet", row_group_size=7)
    parts = tmp_path / "parts"
    parts.mkdir()
    for i, start in enumerate(range(0, n, 23)):
        pq.write_table(arrow.slice(start, 23), parts / f"{i:03}.parquet")
    whole = labelfree.opis(tmp_path / "whole.parquet", **options)
    for path in (tmp_path / "groups.parquet", parts):
        found = labelfree.opis(path, **options)
        assert document(found) == document(whole)
        assert found.input.rows_hash == whole.input.rows_hash
    monkeypatch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", 5 * 5)
    assert document(labelfree.opis(tmp_path / "whole.parquet", **options)) == document(whole)


def test_the_hash_of_groups_knows_rows_and_names_and_nothing_else() -> None:
    index = np.arange(60)
    rows, name, row = np.ones((60, 2)), hash_ids(index % 7), hash_ids(index)

    def digest(name: Any, row: Any, order: Any = index) -> str:
        return Groups.empty(10).update(rows, name[order], row[order], index[order], 60).digest

    same = digest(name, row)
    assert digest(name, row, np.random.default_rng(0).permutation(60)) == same
    assert digest(mix(name, 1), row) != same
    assert digest(name, mix(row, 1)) != same
    assert digest(np.roll(name, 1), row) != same


def test_the_hash_of_groups_does_not_depend_on_the_seed() -> None:
    X, group = clouds(FEW)
    found = [labelfree.opis({"embedding": X, "g": group}, group="g", seed=seed) for seed in (0, 1)]
    hashes = {report["opis"].params["groups_hash"] for report in found}
    assert len(hashes) == 1
    assert found[0]["opis"].value == found[1]["opis"].value
