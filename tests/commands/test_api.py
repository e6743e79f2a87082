"""The library as a user calls it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import labelfree
from labelfree.results import measured, undefined

RNG = np.random.default_rng(0)


def test_public_names() -> None:
    for name in labelfree.__all__:
        assert getattr(labelfree, name) is not None
    assert set(labelfree.__all__) <= set(dir(labelfree))
    with pytest.raises(AttributeError, match="no attribute 'rankk'"):
        labelfree.rankk  # noqa: B018


def test_sources_in_python(tmp_path: Path) -> None:
    import pandas as pd

    X = RNG.normal(size=(60, 5))
    value = labelfree.metrics.rankme(X).value
    frame = pd.DataFrame({"embedding": list(X), "id": np.arange(60)})
    wide = pd.DataFrame(X, columns=[f"emb_{i}" for i in range(5)])
    np.save(tmp_path / "x.npy", X)
    for source in (X, frame, wide, tmp_path / "x.npy", str(tmp_path / "x.npy")):
        assert labelfree.rank(source)["rankme"].value == pytest.approx(value, rel=1e-12)


def test_evaluate_is_every_family_in_one_report() -> None:
    X = RNG.normal(size=(60, 5))
    one, all_of_them = labelfree.rank(X), labelfree.evaluate(X)
    assert all_of_them.command == "evaluate"
    for name, entry in one.metrics.items():
        assert all_of_them.metrics[name] == entry


def test_only_computes_only_that() -> None:
    X = RNG.normal(size=(60, 5))
    report = labelfree.rank(X, only=("mean_cosine", "rankme"))
    assert list(report.metrics) == ["rankme", "mean_cosine"]
    assert report.settings["only"] == ["mean_cosine", "rankme"]
    assert report["rankme"] == labelfree.rank(X)["rankme"]
    assert "spectrum" in report.series
    assert "spectrum" not in labelfree.rank(X, only="twonn").series


def test_series_hold_the_whole_spectrum() -> None:
    X = RNG.normal(size=(60, 5)) + 1
    series = labelfree.rank(X).series["spectrum"]
    assert series["singular_value"] == pytest.approx(np.linalg.svd(X, compute_uv=False))
    assert series["singular_value_centered"] == pytest.approx(np.linalg.svd(X - X.mean(0), compute_uv=False))


def test_views_through_the_group_column() -> None:
    import pandas as pd

    group = np.repeat(np.arange(20), 3)
    X = RNG.normal(size=(20, 5))[group] * 3 + RNG.normal(size=(60, 5))
    frame = pd.DataFrame({"embedding": list(X), "item": [None if g == 7 else f"item {g}" for g in group]})
    report = labelfree.rank(frame, group="item")
    known = group != 7
    assert report["lidar"].value == pytest.approx(labelfree.metrics.lidar(X[known], group[known]).value, rel=1e-9)
    assert report["alignment"].parts["groups"] == 19
    assert labelfree.rank(frame)["lidar"].reason_code == "no_group"


def test_metrics_take_tensors_and_lists() -> None:
    torch = pytest.importorskip("torch")
    X = RNG.normal(size=(20, 4))
    value = labelfree.metrics.rankme(X).value
    assert labelfree.metrics.rankme(X.tolist()).value == pytest.approx(value)
    assert labelfree.metrics.rankme(torch.tensor(X, requires_grad=True)).value == pytest.approx(value)
    half = torch.tensor(X).bfloat16()
    assert labelfree.metrics.rankme(half).value == labelfree.metrics.rankme(half.float()).value


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones(3), r"expected an \(n, d\) matrix, one row per item, found shape \(3,\)"),
        (np.ones((2, 3, 4)), "pool token embeddings"),
        (np.ones((2, 0)), "at least one column"),
        (np.array([[1.0, np.nan], [1.0, 2.0], [np.inf, 0.0]]), "2 of 3 rows hold NaN or infinity, first at row 0"),
        (np.array([["a", "b"]]), "expected real numbers, found dtype <U1"),
        (np.array([[1j, 2.0]]), "expected real numbers, found dtype complex128"),
    ],
)
def test_arrays_that_are_no_matrix_are_refused(X: np.ndarray, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(labelfree.LabelfreeError, match=message):
        labelfree.metrics.rankme(X)


def test_integers_and_narrow_floats_are_numbers_too() -> None:
    X = RNG.integers(-9, 9, (30, 4))
    value = labelfree.metrics.rankme(X).value
    for dtype in (np.int8, np.int16, np.int32, np.float16, np.float32, np.dtype(">f4"), np.dtype(">i8")):
        assert labelfree.metrics.rankme(X.astype(dtype)).value == pytest.approx(value, rel=1e-12)


def test_results_are_clamped_to_their_bounds() -> None:
    result = measured(8.000000000000002, 0.1, low=1.0, high=8.0)
    assert result.value == 8.0
    assert result.interval == (8.0 - 0.196, 8.0)
    assert measured(1.0, float("nan")).se is None
    assert measured(1.0, 0.0).interval == (1.0, 1.0)
    assert undefined("why", "because").value is None
