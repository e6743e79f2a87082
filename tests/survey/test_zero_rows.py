"""Rows without a direction: zero ones, and those that a normalization makes zero. Dropping them is never half done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import labelfree as package
from labelfree import metrics
from labelfree.errors import RowsError
from program import Program

RNG = np.random.default_rng(0)
HALF = RNG.integers(-99, 100, size=(60, 6)) / 64
X = np.vstack([HALF, -HALF]) + 2  # its mean is 2 without any rounding
NAMES = ("separability", "separability_robust", "persistence_entropy", "total_persistence")
LOST: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "zero": (np.zeros(6), {}),
    "constant under layernorm": (np.full(6, 0.1), {"normalize": "layernorm"}),
    "zero under zscore": (np.zeros(6), {"normalize": "zscore"}),
    "the mean under zscore": (np.full(6, 2.0), {"normalize": "zscore", "metric": "cosine"}),
}


def frame(rows: NDArray[Any]) -> Any:
    """Whole rows with their numbers as ids, so that a row keeps its id when others leave."""
    import pandas as pd

    return pd.DataFrame({"embedding": list(rows), "id": np.arange(len(rows))})


def with_lost(row: NDArray[Any], count: int = 40) -> tuple[Any, Any]:
    """The rows and after them `count` times another row; and the rows alone."""
    whole = frame(np.vstack([X, np.tile(row, (count, 1))]))
    return whole, whole[: len(X)]


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("command", ["separability", "evaluate"])
def test_dropped_rows_are_as_if_they_had_never_been(command: str, kind: str) -> None:
    row, how = LOST[kind]
    whole, without = with_lost(row)
    measure = getattr(package, command)
    found, expected = measure(whole, on_bad="drop", **how), measure(without, **how)
    for name in NAMES:
        assert found[name].value == pytest.approx(expected[name].value, rel=1e-12), name
        assert found[name].se == (expected[name].se and pytest.approx(expected[name].se, rel=1e-9)), name
        assert found[name].params == expected[name].params
    if command == "separability" and kind.startswith("zero"):
        for name in ("mean_cosine", "effective_rank"):
            assert found[name].value == pytest.approx(expected[name].value, rel=1e-12), name
    else:
        assert any("have no direction and were left out" in w for w in found["separability"].warnings)


def test_most_rows_zero_leave_the_cosines_of_the_others(tmp_path: Path) -> None:
    """Zero rows that were dropped were once subtracted again: 'found -300'."""
    whole, without = with_lost(np.zeros(6), 300)
    found = package.separability(whole, on_bad="drop")
    assert found["mean_cosine"].value == pytest.approx(package.rank(without)["mean_cosine"].value, rel=1e-12)
    assert found.input.rows.zero == 300
    assert any(w.startswith("300 of 420 rows of zeros; left out; find out why") for w in found.warnings)
    assert any("left out of cosines" in w for w in package.rank(whole, on_bad="drop").warnings)


@pytest.mark.parametrize("kind", ["zero", "constant under layernorm"])
def test_the_way_out_is_one_that_works(labelfree: Program, tmp_path: Path, kind: str) -> None:
    row, how = LOST[kind]
    np.save(tmp_path / "x.npy", np.vstack([X, row]))
    command = ["separability", "--normalize", "layernorm"] if how else ["evaluate", "--only", "separability"]
    done = labelfree(*command, "x.npy")
    assert done.returncode == 3
    assert "1 of 121 rows are" in done.stdout
    assert "leave them out with --on-bad drop" in done.stdout
    done = labelfree(*command, "x.npy", "--on-bad", "drop")
    assert done.returncode == 0
    assert "--on-bad" not in done.stdout + done.stderr
    reason = metrics.separability(np.vstack([X, row]), **how).reason
    assert reason is not None
    assert reason.endswith("have no direction; remove them")  # where there is no such option


def test_where_nothing_is_left_it_is_said() -> None:
    for policy in ("error", "drop"):
        with pytest.raises(RowsError, match=r"all 40 rows are zero: .* find out why the encoder returned nothing"):
            package.separability(np.zeros((40, 6)), on_bad=policy)
        entry = package.evaluate(np.zeros((40, 6)), on_bad=policy)["separability"]
        assert entry.reason == "all 40 rows are zero and have no direction"
        entry = package.separability(np.ones((40, 6)), normalize="layernorm", on_bad=policy)["separability"]
        assert entry.reason == "all 40 rows are constant and have no direction"
    few = np.vstack([X[:2], np.ones((9, 6))])
    entry = package.separability(few, normalize="layernorm", on_bad="drop")["separability"]
    assert entry.reason == "needs at least 3 rows with a direction, found 2"
    bad = np.full((9, 6), np.nan)
    with pytest.raises(RowsError, match="no usable row is left"):
        package.rank(bad)


def test_dropped_rows_are_not_advised_to_be_dropped() -> None:
    rows = np.vstack([X, np.full(6, np.nan)])
    dropped, looked_at = package.rank(rows, on_bad="drop"), package.doctor(rows)
    assert any(w == "1 of 121 rows with NaN or infinity; left out" for w in dropped.warnings)
    assert any(w.endswith("leave them out with on_bad='drop'") for w in looked_at.warnings)
