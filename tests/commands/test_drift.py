"""`labelfree.drift` in Python: reports, slices and rows as values, the same for any split of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree.errors import ColumnError, UsageError
from labelfree.evidence.targets import beside
from labelfree.families.drift.spaces import another, strangers
from labelfree.history.steps import day_of
from traffic import rows, written

pytestmark = pytest.mark.filterwarnings("ignore::labelfree.FindingWarning")
FAST: dict[str, Any] = {"only": ("energy_ratio", "share_beyond_95")}


def test_a_list_is_several_days(tmp_path: Path) -> None:
    reference = np.random.default_rng(0).normal(size=(500, 4))
    days = [np.random.default_rng(seed).normal(size=(80, 4)) + seed for seed in (1, 2)]
    found = labelfree.drift(days, reference=reference, **FAST)
    assert found.names == ["array 0", "array 1"]
    assert found[1]["energy_ratio"] > found[0]["energy_ratio"]
    one = labelfree.drift(days[1], reference=reference, **FAST)
    assert one.metrics == found[1].metrics
    assert one.drift is not None
    assert one.drift.says.startswith("strong drift: ")
    assert "strong drift" in repr(one)
    assert "strong drift" in one._repr_html_()
    assert found.across["comparable"] is True
    one.save(tmp_path / "rows.parquet")
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table["id"].to_pylist()[:1] == [one.drift.unusual.rows[0].id]  # type: ignore[union-attr]
    assert table.num_rows == 80
    again = labelfree.Report.from_json(one.to_json())
    assert again.drift is not None
    assert (again.drift.says, again.drift.look) == (one.drift.says, one.drift.look)


def test_files_in_parts_give_the_same_report(tmp_path: Path) -> None:
    given = rows(301, 4, shift=1.0)
    whole = written(tmp_path / "whole.parquet", 301, 4, shift=1.0)
    table = pq.read_table(whole)
    parts = tmp_path / "parts"
    parts.mkdir()
    for i, start in enumerate((0, 100, 101)):
        end = (100, 101, 301)[i]
        pq.write_table(table.slice(start, end - start), parts / f"{i}.parquet")
    reference = written(tmp_path / "reference.parquet", 900, 5)
    one, other = (labelfree.drift(source, reference=reference) for source in (whole, parts))
    assert list(one.metrics) == list(other.metrics)
    for name, entry in one.metrics.items():
        if name in ("frechet_whitened", "frechet", "coral"):  # from sums in another order
            assert other[name].value == pytest.approx(entry.value, rel=1e-9)
        elif name not in ("effective_rank", "mean_cosine"):
            assert other[name] == entry, name
    assert one.drift is not None
    assert other.drift is not None
    assert one.drift.unusual == other.drift.unusual
    frame = {"id": given["id"], "embedding": np.stack(given["embedding"])}  # type: ignore[call-overload]
    held = labelfree.drift(frame, reference=reference)
    assert held["energy_ratio"] == one["energy_ratio"]


def test_requirements_and_options_in_python() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(300, 3)), rng.normal(size=(300, 3))
    report = labelfree.drift(X, reference=Y, require="energy_ratio <= 0.5", **FAST)
    assert report.verdict is not None
    assert report.verdict.decision == "pass"
    with pytest.raises(UsageError, match="reference="):
        labelfree.drift(X, **FAST)
    with pytest.raises(ColumnError, match="no column 'nothing'"):
        labelfree.drift({"embedding": X}, reference=Y, by="nothing", **FAST)
    with pytest.raises(UsageError, match="looks=201"):
        labelfree.drift(X, reference=Y, looks=201, **FAST)


@pytest.mark.parametrize("seed", range(3))
def test_another_space_is_told_from_drift(seed: int) -> None:
    """Clusters: a random turn leaves no neighbor; a shift, other shares and a larger spread leave many."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(12, 32))

    def drawn(n: int, among: Any = 12) -> Any:
        return centers[rng.integers(among, size=n)] + 0.3 * rng.normal(size=(n, 32))

    reference = drawn(800)
    turn = np.linalg.qr(rng.normal(size=(32, 32)))[0]
    for current, expected in (
        (drawn(400), False), (drawn(400) + 1.0, False), (drawn(400, 4), False), (1.5 * drawn(400), False),
        (drawn(400) @ turn, True), (drawn(400)[:, rng.permutation(32)], True),
    ):  # fmt: skip
        found = strangers(beside(current, reference, "reference"))
        assert found is not None
        assert another(found) is expected
    assert strangers(beside(rng.normal(size=(400, 32)), rng.normal(size=(800, 32)), "reference")) is None


def test_another_space_is_a_finding_and_no_refusal() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, 16))[rng.integers(8, size=900)] + 0.2 * rng.normal(size=(900, 16))
    turned = X[:300] @ np.linalg.qr(rng.normal(size=(16, 16)))[0]
    report = labelfree.drift(turned, reference=X[300:], **FAST)
    assert "other_space" in {one.code for one in report.findings}


@pytest.mark.parametrize(
    ("name", "step"),
    [("2026-11-27.parquet", 20261127), ("logs/20261127_a.parquet", 20261127), ("week48.csv", 48), ("epoch_3.npy", 3),
     ("runs/step00020/embeddings.parquet", 20)],
)  # fmt: skip
def test_days_are_steps(name: str, step: int) -> None:
    assert day_of(name) == step


def test_a_name_without_a_number_is_no_step() -> None:
    with pytest.raises(UsageError, match="expected a step"):
        day_of("today.parquet")
