"""One pass: bad rows, repeated ids, duplicates, samples and hashes, whatever the blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import labelfree
from labelfree.errors import LabelfreeError, ResourceError, RowsError, SourceError, UsageError
from labelfree.sources.opening import open_source

RNG = np.random.default_rng(0)


def parquet(path: Path, X: NDArray[Any], **columns: Any) -> Path:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(X).ravel()), X.shape[1])
    pq.write_table(pa.table({"embedding": vectors, **columns}), path)
    return path


def test_bad_rows_are_refused_with_everything_that_is_wrong(tmp_path: Path) -> None:
    X = RNG.normal(size=(50, 4))
    X[17], X[30, 2] = np.nan, np.inf
    rows = [None if i in (3, 40) else row.tolist() for i, row in enumerate(X)]
    pq.write_table(pa.table({"embedding": rows}), tmp_path / "bad.parquet")
    message = (
        f"{tmp_path}/bad.parquet: embedding: 2 of 50 rows are null or hold a null, first at row 3; "
        "2 of 50 rows hold NaN or infinity, first at row 17; drop them with on_bad='drop'"
    )
    with pytest.raises(RowsError) as told:
        labelfree.rank(tmp_path / "bad.parquet")
    assert str(told.value) == message
    report = labelfree.rank(tmp_path / "bad.parquet", on_bad="drop")
    assert report.input.rows.model_dump() == {
        "read": 50, "used": 46, "null": 2, "nonfinite": 2, "zero": 0, "duplicate": 0, "estimated": False,
    }  # fmt: skip
    good = np.delete(X, [3, 17, 30, 40], axis=0)
    assert report["rankme"].value == pytest.approx(labelfree.metrics.rankme(good).value, rel=1e-12)


def test_ragged_rows_are_refused_under_every_policy(tmp_path: Path) -> None:
    pq.write_table(pa.table({"embedding": [[1.0, 2.0], [3.0], [4.0, 5.0], [1.0, 2.0, 3.0]]}), tmp_path / "r.parquet")
    for policy in ("error", "drop"):
        with pytest.raises(RowsError, match=r"2 of 4 rows do not hold 2 numbers .* first at row 1"):
            labelfree.rank(tmp_path / "r.parquet", on_bad=policy)


def test_zero_rows_count_in_spectra_and_not_in_cosines() -> None:
    X = np.vstack([RNG.normal(size=(30, 4)), np.zeros((5, 4))])
    report = labelfree.rank(X)
    assert report.input.rows.zero == 5
    assert report["self_cluster"].parts["rows"] == 30
    assert report["rankme"].value == pytest.approx(labelfree.metrics.rankme(X[:30]).value, rel=1e-9)
    assert any("rows of zeros" in w for w in report.warnings)


def test_repeated_ids_are_refused_and_named(tmp_path: Path) -> None:
    X = RNG.normal(size=(10, 3))
    path = parquet(tmp_path / "x.parquet", X, id=["a", "b", "c", "d", "e", "f", "g", "b", "i", "j"])
    with pytest.raises(RowsError, match=r"found 'b' in column 'id' at row 1 and at row 7; .* another column with id"):
        labelfree.rank(path)
    other = parquet(tmp_path / "y.parquet", X, id=[1] * 10, key=np.arange(10))
    assert labelfree.rank(other, id="key").input.n == 10


def test_a_bad_row_is_named_with_its_file(tmp_path: Path) -> None:
    X = RNG.normal(size=(30, 4))
    for i, part in enumerate(np.split(X, 3)):
        bad = part.copy()
        if i == 1:
            bad[7] = np.nan
        parquet(tmp_path / f"part_{i}.parquet", bad)
        np.save(tmp_path / f"part_{i}.npy", bad)
    for suffix in ("parquet", "npy"):
        told = (
            rf"part_\*.{suffix}: .*1 of 30 rows hold NaN or infinity, first at row 17 \(row 7 of .*part_1.{suffix}\);"
        )
        with pytest.raises(RowsError, match=told):
            labelfree.rank(str(tmp_path / f"part_*.{suffix}"))
    parquet(tmp_path / "part_1.parquet", np.vstack([X[:3], [[1e200] * 4]]))
    with pytest.raises(SourceError, match=r"row 13 \(row 3 of .*part_1.parquet\): its squares overflow"):
        labelfree.rank(str(tmp_path / "part_*.parquet"))
    parquet(tmp_path / "id.parquet", X, id=np.linspace(0, 1, 30))
    with pytest.raises(SourceError, match=r"id.parquet: column 'id' is double; expected integers or text"):
        labelfree.rank(tmp_path / "id.parquet")


def test_rows_are_located_in_their_files(tmp_path: Path) -> None:
    X = RNG.normal(size=(6, 4))
    for i, rows in enumerate([X[:2], X[:0], X[2:3], X[3:]]):
        parquet(tmp_path / f"{i}.parquet", rows)
    source = open_source(tmp_path)
    files = [tmp_path / f"{i}.parquet" for i in (0, 0, 2, 3, 3, 3)]
    assert [source.located(row) for row in range(6)] == list(zip(map(str, files), (0, 1, 0, 0, 1, 2), strict=True))


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("epoch_*.parquet", "leave the quotes around the pattern out"),
        (".", "name them: {path}/* without quotes"),
        (["epoch_0.parquet", "epoch_1.parquet"], "leave concat out"),
    ],
)
def test_checkpoints_taken_for_one_data_set_are_told_apart(tmp_path: Path, source: Any, hint: str) -> None:
    for i in range(3):
        parquet(tmp_path / f"epoch_{i}.parquet", RNG.normal(size=(10, 4)), id=np.arange(10))
    named = [str(tmp_path / s) for s in source] if isinstance(source, list) else str(tmp_path / source)
    one: Any = {"concat": True} if isinstance(named, list) else {}
    with pytest.raises(RowsError) as told:
        labelfree.rank(named, **one)
    message = str(told.value)
    assert f"at row 0 (row 0 of {tmp_path}/epoch_0.parquet)" in message
    assert f"at row 10 (row 0 of {tmp_path}/epoch_1.parquet)" in message
    assert f"on its own, {hint.format(path=tmp_path)}" in message
    found = labelfree.doctor(named, **one).findings
    assert hint.format(path=tmp_path) in next(f.fix for f in found if f.code == "repeated_id")


def test_ids_may_repeat_in_other_epochs(tmp_path: Path) -> None:
    X = RNG.normal(size=(6, 3))
    path = parquet(tmp_path / "x.parquet", X, id=[0, 1, 2, 0, 1, 2], epoch=[0, 0, 0, 1, 1, 1])
    assert labelfree.rank(path).input.n == 6
    path = parquet(tmp_path / "y.parquet", X, id=[0, 1, 2, 0, 1, 2], epoch=[0, 0, 0, 1, 1, 0])
    with pytest.raises(RowsError, match="found 2 in column 'id' at row 2 and at row 5"):
        labelfree.rank(path)


def test_duplicate_rows_are_counted_and_warned_of() -> None:
    X = RNG.normal(size=(40, 3))
    report = labelfree.rank(np.vstack([X, X[:7]]))
    assert report.input.rows.duplicate == 7
    assert any("7 rows (14.9 %) repeat another row exactly" in w for w in report.warnings)


def test_rows_hash_names_the_rows_and_not_their_order_or_content(tmp_path: Path) -> None:
    X = RNG.normal(size=(20, 3))
    ids = np.arange(20) * 7
    one = labelfree.rank(parquet(tmp_path / "a.parquet", X, id=ids))
    order = RNG.permutation(20)
    two = labelfree.rank(parquet(tmp_path / "b.parquet", 2 * X[order], id=ids[order]))
    three = labelfree.rank(parquet(tmp_path / "c.parquet", X[1:], id=ids[1:]))
    assert one.input.rows_hash == two.input.rows_hash != three.input.rows_hash
    assert one.input.fingerprint != two.input.fingerprint
    by_position = labelfree.rank(X)
    assert by_position.input.rows_hash == labelfree.rank(X * 3).input.rows_hash


def test_the_sample_follows_the_ids_not_the_order(tmp_path: Path) -> None:
    X, ids = RNG.normal(size=(300, 3)), np.arange(300)
    order = RNG.permutation(300)
    one = labelfree.rank(parquet(tmp_path / "a.parquet", X, id=ids), sample=50)
    two = labelfree.rank(parquet(tmp_path / "b.parquet", X[order], id=ids[order]), sample=50)
    assert one.input.sample is not None
    assert one.input.sample.size == 50
    assert one["twonn"].value == pytest.approx(two["twonn"].value, rel=1e-12)
    assert labelfree.rank(X, sample=50, seed=1)["twonn"].value != one["twonn"].value
    assert labelfree.rank(X, sample=None).input.sample is None


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("numbers", [8, 40, 1 << 20])
def test_blocks_and_threads_do_not_matter(threads: int, numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X = RNG.normal(size=(100, 4)) + 5
    whole = labelfree.rank(X, threads=1)
    monkeypatch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", numbers)
    pieces = labelfree.rank(X, threads=threads)
    assert whole.input == pieces.input
    for name, entry in whole.metrics.items():
        other = pieces[name]
        assert (other.status, other.reason, other.params) == (entry.status, entry.reason, entry.params)
        for a, b in ((other.value, entry.value), (other.se, entry.se)):
            assert a == b or (a is not None and b is not None and a == pytest.approx(b, rel=1e-7, abs=1e-12))


def test_an_error_in_a_worker_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", 8)
    X = RNG.normal(size=(200, 2))
    X[150] = 1e200
    with pytest.raises(SourceError, match="row 150: its squares overflow"):
        labelfree.rank(X, threads=2)
    X[150] = 1e-200
    with pytest.raises(SourceError, match="row 150: its squares underflow"):
        labelfree.rank(X, threads=2)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_rows_are_undefined_not_an_error(n: int) -> None:
    report = labelfree.rank(np.ones((n, 3)))
    assert report.input.n == n
    assert {e.value for name, e in report.metrics.items()} == {None}
    assert report["rankme"].reason_code == "insufficient"


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_around_the_width(n: int) -> None:
    report = labelfree.rank(RNG.normal(size=(n, 4)))
    assert report["rankme"].value is not None
    assert report["rankme"].parts["rank_cap"] == min(n, 4)


@pytest.mark.parametrize("X", [np.zeros((9, 3)), np.full((9, 3), 2.5)])
def test_collapsed_rows_are_undefined_where_there_is_nothing_to_count(X: NDArray[Any]) -> None:
    report = labelfree.rank(X)
    assert report["rankme_centered"].reason_code == "collapsed"
    assert (report["rankme"].value is None) == (not X.any())
    assert any("all rows are equal" in w for w in report.warnings)


def test_wide_rows_take_unit_metrics_from_the_sample() -> None:
    X = RNG.normal(size=(300, 1100)).astype(np.float32)
    report = labelfree.rank(X, sample=100, only=("self_cluster", "coding_rate"))
    assert report["self_cluster"].parts["rows"] == 100
    everything = labelfree.rank(X, sample=None, only=("self_cluster",))
    assert everything["self_cluster"].parts["rows"] == 300


def test_the_memory_limit_is_kept_or_refused_at_once() -> None:
    X = RNG.normal(size=(1000, 300))
    with pytest.raises(ResourceError, match=r"memory=10000000: 1000 rows of width 300 need about \d+ MB"):
        labelfree.rank(X, memory=10_000_000)
    assert labelfree.rank(X, memory=2_000_000_000)["rankme"].value


def test_options_of_other_commands_are_refused_with_those_there_are() -> None:
    X = RNG.normal(size=(30, 4))
    with pytest.raises(ValueError, match=r"rank has no option 'normalize'; its options are column, id, group, on_bad"):
        labelfree.rank(X, normalize="l2")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="separability has no option 'group'"):
        labelfree.separability(X, group="item")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="doctor has no option 'only'"):
        labelfree.doctor(X, only="rankme")  # type: ignore[call-overload]
    assert labelfree.evaluate(X, normalize="none", group=None, only="separability")["separability"].value is not None


def test_sample_may_be_all_as_on_the_command_line() -> None:
    X = RNG.normal(size=(300, 4))
    assert labelfree.rank(X, sample="all").to_json() == labelfree.rank(X, sample=None).to_json()
    assert labelfree.rank(X, sample="all").input.sample is None
    assert labelfree.rank(X, sample=100).input.sample is not None
    with pytest.raises(UsageError, match="sample: expected a number of rows or 'all', found 'many'"):
        labelfree.rank(X, sample="many")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colum": "x"}, "no option 'colum'; did you mean 'column'"),
        ({"only": "rankm"}, "no metric 'rankm' in rank; did you mean 'rankme'"),
        ({"only": "zzz"}, "rank has rankme"),
        ({"on_bad": "ignore"}, "expected 'error' or 'drop', found 'ignore'"),
        ({"sample": 1}, "sample: expected a whole number of at least 2, found 1"),
        ({"seed": -1}, "seed: expected a whole number of at least 0"),
        ({"device": "tpu"}, "expected cpu, cuda or auto, found 'tpu'"),
        ({"column": "x"}, "a plain matrix has no columns by name, but 'x' was asked for"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LabelfreeError, match=message):
        labelfree.rank(np.eye(4), **options)


def test_cuda_is_refused_where_there_is_none() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        assert labelfree.rank(np.eye(4), device="cuda")["rankme"].value == pytest.approx(4, rel=1e-6)
        return
    with pytest.raises(UsageError, match="no CUDA device is available here"):
        labelfree.rank(np.eye(4), device="cuda")
    assert labelfree.rank(np.eye(4), device="auto")["rankme"].value == pytest.approx(4, rel=1e-6)


def test_low_rank_data_are_looked_at_twice_and_only_they() -> None:
    told: list[str] = []

    def progress(stage: str, _: float) -> None:
        told.append(stage)

    X = RNG.normal(size=(9000, 40))
    labelfree.rank(X, only="rankme", progress=progress)
    assert "measuring small directions" not in told
    flat = X[:, :5] @ RNG.normal(size=(5, 40))
    value = labelfree.rank(flat.astype(np.float32), only="effective_rank", progress=progress)["effective_rank"].value
    assert "measuring small directions" in told
    sigma = np.linalg.svd(flat.astype(np.float32).astype(np.float64), compute_uv=False)
    p = sigma / sigma.sum()
    assert value == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-7)


def test_rows_without_an_id_are_refused_and_named(tmp_path: Path) -> None:
    X = RNG.normal(size=(10, 3))
    path = parquet(tmp_path / "x.parquet", X, id=[0, 1, None, 3, 4, 5, None, 7, 8, 9])
    with pytest.raises(RowsError, match=r"2 of 10 rows have no id in column 'id', first at row 2; fill them in"):
        labelfree.rank(path, on_bad="drop")
    assert ("no_id", 2, 2) in {(f.code, f.rows, f.first) for f in labelfree.doctor(path).findings}


def test_ids_are_the_same_whether_or_not_another_block_holds_a_null() -> None:
    from labelfree.summaries.hashing import hash_ids

    assert hash_ids(np.array([5, 6], dtype=object)).tolist() == hash_ids(np.array([5, 6])).tolist()
