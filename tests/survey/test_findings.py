"""What doctor and the warnings say, and when they are silent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree.errors import RowsError
from labelfree.reports.entries import FindingEntry

RNG = np.random.default_rng(0)


def found(X: object) -> dict[str, FindingEntry]:
    return {one.code: one for one in labelfree.doctor(X).findings}


def test_sound_data_have_no_findings() -> None:
    assert found(RNG.normal(size=(400, 8))) == {}


def test_every_defect_is_counted_with_its_first_row(tmp_path: Path) -> None:
    X = RNG.normal(size=(300, 4))
    X[40] = X[41] = 0.0
    X[100, 1] = np.nan
    X[7] = X[6]
    X[200] *= 1e3
    rows: list[object] = [row.tolist() for row in X]
    rows[12], rows[13], rows[250] = None, [1.0], [1.0, None, 2.0, 3.0]
    pq.write_table(pa.table({"embedding": rows, "id": [0, *range(299)]}), tmp_path / "x.parquet")
    defects = found(tmp_path / "x.parquet")
    counts = {kind: (d.rows, d.first) for kind, d in defects.items()}
    assert counts == {
        "ragged": (1, 13), "null": (2, 12), "nonfinite": (1, 100), "zero": (2, 40),
        "repeated_id": (1, 1), "duplicate": (2, 7), "outlier": (1, 200),
    }  # fmt: skip
    assert "on_bad='drop'" in defects["null"].fix


@pytest.mark.parametrize(
    ("n", "d", "message"),
    [
        (30, 10, "n / d = 3.0: isotropic noise of this shape loses 5 % of its rank, 100 rows would do"),
        (2000, 400, "n / d = 5.0: isotropic noise of this shape loses 3 % of its rank, 4,000 rows would do"),
        (10, 40, "n / d = 0.2: at most 10 of 40 directions can show"),
    ],
)
def test_few_rows(n: int, d: int, message: str) -> None:
    assert found(RNG.normal(size=(n, d)))["few_rows"].message == message
    assert "few_rows" not in found(RNG.normal(size=(10 * d, d)))


def test_one_and_many_are_counted_in_words_that_fit(tmp_path: Path) -> None:
    X = RNG.normal(size=(2000, 4))
    X[1] = X[0]
    assert found(X)["duplicate"].message == "1 row (0.1 %) repeats another row exactly"
    X[:1501] = X[0]
    assert found(X)["duplicate"].message == "1,500 rows (75.0 %) repeat another row exactly"
    for name, ids, said in (("one", [0, 0], "1 row repeats"), ("two", [0, 0, 0], "2 rows repeat")):
        table = pa.table({"embedding": RNG.normal(size=(90, 4)).tolist(), "id": [*ids, *range(100, 190 - len(ids))]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
        assert found(tmp_path / f"{name}.parquet")["repeated_id"].message == f"{said} the id of another"
    X[:1200, 0] = np.nan
    assert found(X)["nonfinite"].message == "1,200 of 2,000 rows with NaN or infinity"


def test_a_narrow_cone() -> None:
    assert "the mean row holds 9" in found(RNG.normal(size=(400, 8)) + 4)["narrow_cone"].message
    assert "narrow_cone" not in found(RNG.normal(size=(400, 8)) + 0.5)


def test_constant_columns() -> None:
    X = RNG.normal(size=(400, 8))
    X[:, 2:5] = 0.25
    assert found(X)["constant"].rows is None
    assert found(X)["constant"].message == "3 of 8 columns never change: 2, 3, 4 (from 0)"
    X[:, 1:7] = 1.0
    assert found(X)["constant"].message == "6 of 8 columns never change: 1, 2, 3, 4, 5, ... (from 0)"


@pytest.mark.parametrize(("dtype", "digits"), [("float16", 11), ("bfloat16", 8)])
def test_storage_floors(dtype: str, digits: int) -> None:
    """Directions below the rounding of the stored dtype are rounding; values of float32 tell what they were."""
    X = RNG.normal(size=(2000, 20)).astype(np.float32)
    X[:, 15:] *= 1e-6
    turned = (X @ np.linalg.qr(RNG.normal(size=(20, 20)))[0]).astype(np.float32)
    stored = turned.astype(np.float16) if dtype == "float16" else turned
    if dtype == "bfloat16":
        bits = turned.view(np.uint32) + np.uint32(0x8000)
        stored = (bits & np.uint32(0xFFFF0000)).view(np.float32)
    defect = found(stored)["storage"]
    assert defect.rows is None
    assert defect.message.startswith("5 of 20 directions")
    assert dtype in defect.message
    assert "storage" not in found(turned)
    exact = labelfree.rank(turned)["rankme"].value
    lifted = labelfree.rank(stored)["rankme"].value
    assert exact is not None
    assert lifted is not None
    assert lifted > exact + 5 * 2.0**-digits / 10


def test_doctor_reports_no_metrics_and_the_same_input_as_rank() -> None:
    X = RNG.normal(size=(50, 4))
    report = labelfree.doctor(X)
    assert report.command == "doctor"
    assert report.metrics == {}
    assert report.input.rows_hash == labelfree.rank(X).input.rows_hash


def test_an_empty_data_set_is_said_to_be_one() -> None:
    assert found(np.empty((0, 4)))["few_rows"].message == "the data set is empty"
    assert found(np.ones((1, 4)))["few_rows"].message == "1 usable row"


def test_the_first_repetition_is_found_whichever_block_it_is_in(tmp_path: Path) -> None:
    X = RNG.normal(size=(9000, 256)).astype(np.float32)  # three blocks
    X[8500], X[8600] = X[10], X[5]
    ids = np.arange(9000)
    ids[8999] = 1
    ids[3] = 4  # of a row that is left out, so it repeats nothing
    X[4] = np.nan
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 256)
    pq.write_table(pa.table({"embedding": vectors, "id": ids}), tmp_path / "x.parquet")
    defects = found(tmp_path / "x.parquet")
    assert (defects["duplicate"].rows, defects["duplicate"].first) == (2, 8500)
    assert (defects["repeated_id"].rows, defects["repeated_id"].first) == (1, 8999)


def test_a_long_id_that_repeats_is_not_told_in_full(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["x" * 10**6] * 3, "emb": np.eye(3).tolist()}), tmp_path / "a.parquet")
    with pytest.raises(RowsError, match=r"expected each id once, found 'x+\.\.\.x+' in column 'id'") as told:
        labelfree.rank(tmp_path / "a.parquet")
    assert len(str(told.value)) < 1000


def test_rows_beyond_the_range_of_squares_are_counted_and_left_out() -> None:
    X = RNG.normal(size=(400, 4))
    X[[30, 31]] *= 1e200
    X[[200, 300, 301]] *= 1e-200
    X[50, 0] = np.nan
    report = labelfree.doctor(X)
    defects = {d.code: (d.rows, d.first) for d in report.findings}
    assert defects == {"nonfinite": (1, 50), "overflow": (2, 30), "underflow": (3, 200)}
    assert (report.input.n, report.input.rows.read) == (394, 400)
    assert "divide" in found(X)["overflow"].fix
    assert "multiply" in found(X)["underflow"].fix
    assert list(found(np.full((50, 4), 1e200))) == ["overflow", "few_rows"]


def test_epochs_in_one_data_set_are_said_to_be_measured_as_one(tmp_path: Path) -> None:
    for epochs, name in ((np.arange(300) // 100, "three"), (np.ones(300), "one")):
        columns = {"embedding": RNG.normal(size=(300, 4)).tolist(), "id": np.arange(300) % 100, "epoch": epochs}
        columns["id"] = columns["id"] if name == "three" else np.arange(300)
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    said = "3 epochs (column 'epoch') in one data set are measured as one"
    assert (found(tmp_path / "three.parquet")["epochs"].message, found(tmp_path / "one.parquet")) == (said, {})
    for command in (labelfree.rank, labelfree.separability, labelfree.evaluate):
        (warning,) = [w for w in command(tmp_path / "three.parquet").warnings if w.startswith(said)]
        assert "transfer takes them apart" in warning
        assert not [w for w in command(tmp_path / "one.parquet").warnings if "epochs" in w]
