"""Summaries as files: merged they give what one pass over all rows gives, byte for byte, or say why they do not."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labelfree
from labelfree.errors import ColumnError, OutputError, RowsError, SourceError, SummaryError, UsageError
from labelfree.families import metrics

WIDTH = 12
SIZES = (150, 90, 210, 40, 180, 130, 70)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", labelfree.FindingWarning)
        yield


def rows_of(n: int, seed: int, dtype: str = "float32") -> Any:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(WIDTH, WIDTH))
    return (rng.normal(size=(n, WIDTH)) @ mixing + 0.5).astype(dtype)


def write(path: Path, X: Any, first: int | None, *, logits: bool = False) -> str:
    """A Parquet file of small row groups; first: the id of its first row, None for no ids."""
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])
    columns: dict[str, Any] = {"embedding": lists}
    if first is not None:
        columns["id"] = np.arange(first, first + len(X))
    if logits:
        scores = np.random.default_rng(len(X)).normal(size=(len(X), 4))
        columns["logits"] = pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), 4)
    pq.write_table(pa.table(columns), path, row_group_size=37)
    return str(path)


def files(place: Path, sizes: Sequence[int] = SIZES, *, ids: bool = True, dtype: str = "float32", **more: Any) -> Any:
    starts = np.cumsum([0, *sizes])
    return [
        write(place / f"part_{i}.parquet", rows_of(n, i, dtype), int(starts[i]) if ids else None, **more)
        for i, n in enumerate(sizes)
    ]


def summaries(place: Path, names: Sequence[str], cuts: Sequence[int], **options: Any) -> list[str]:
    """One summary of each group of files between the cuts."""
    ends = [*cuts, len(names)]
    groups = [names[a:b] for a, b in zip([0, *cuts], ends, strict=True) if b > a]
    return [labelfree.summarize(group, place / f"{i}.summary", **options).path for i, group in enumerate(groups)]


def metrics_of(report: Any) -> str:
    return json.dumps(json.loads(report.to_json())["metrics"], sort_keys=True)


def same(one: Any, other: Any) -> None:
    assert metrics_of(one) == metrics_of(other)
    assert one.input.rows_hash == other.input.rows_hash
    assert one.state.state == other.state.state
    assert one.state.because == other.state.because
    assert one.input.rows == other.input.rows
    assert one.input.n == other.input.n


@pytest.mark.parametrize("command", ["rank", "separability", "opis"])
def test_seven_files_at_once_and_as_two_three_and_two(tmp_path: Path, command: str) -> None:
    names = files(tmp_path)
    measure = getattr(labelfree, command)
    whole = measure(names, concat=True)
    parts = summaries(tmp_path, names, (2, 5), with_sample=True)
    same(measure(parts, concat=True), whole)
    one = labelfree.merge(parts, tmp_path / "all.summary")
    assert (one.rows, one.files) == (sum(SIZES), 7)
    same(measure(one.path), whole)
    assert measure(parts, concat=True).input.fingerprint != whole.input.fingerprint  # of another source


def test_it_is_not_vacuous(tmp_path: Path) -> None:
    names = files(tmp_path)
    parts = summaries(tmp_path, names, (2, 5), with_sample=True)
    turned = labelfree.rank([parts[1], parts[0], parts[2]], concat=True, only="rankme")["rankme"]
    whole = labelfree.rank(names, concat=True, only="rankme")["rankme"]
    assert turned.value == pytest.approx(whole.value, rel=1e-9)  # another order: the same number, of other rows first
    fewer = labelfree.rank(parts[:2], concat=True)
    assert metrics_of(fewer) != metrics_of(labelfree.rank(names, concat=True))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 60), min_size=2, max_size=9).filter(lambda sizes: sum(sizes) > 2),
    cuts=st.lists(st.integers(1, 8), max_size=3),
    ids=st.booleans(),
    dtype=st.sampled_from(["float32", "float64", "float16"]),
)
def test_any_division_gives_the_same_bytes(
    tmp_path_factory: Any, sizes: list[int], cuts: list[int], ids: bool, dtype: str
) -> None:
    place = tmp_path_factory.mktemp("division")
    names = files(place, sizes, ids=ids, dtype=dtype)
    parts = summaries(place, names, sorted({c for c in cuts if c < len(names)}), with_sample=True)
    whole, found = labelfree.rank(names, concat=True), labelfree.rank(parts, concat=True)
    for name, entry in whole.metrics.items():
        if found.metrics[name].reason_code != "rows_gone":
            assert found.metrics[name].model_dump() == entry.model_dump(), name
    assert found.input.rows_hash == whole.input.rows_hash
    deep = labelfree.merge([labelfree.merge(parts[:1], place / "a.summary").path, *parts[1:]], place / "b.summary")
    assert metrics_of(labelfree.rank(deep.path)) == metrics_of(found)


def test_merging_is_associative_to_the_last_byte_of_the_file(tmp_path: Path) -> None:
    parts = summaries(tmp_path, files(tmp_path), (2, 5), with_sample=True)
    left = labelfree.merge(parts[:2], tmp_path / "left.summary").path
    right = labelfree.merge(parts[1:], tmp_path / "right.summary").path
    one = labelfree.merge([left, parts[2]], tmp_path / "one.summary").path
    other = labelfree.merge([parts[0], right], tmp_path / "other.summary").path
    assert Path(one).read_bytes() == Path(other).read_bytes()
    assert Path(one).read_bytes() == Path(labelfree.merge(parts, tmp_path / "all.summary").path).read_bytes()


def test_threads_change_no_byte_of_the_file(tmp_path: Path) -> None:
    names = files(tmp_path, (20_000, 9_000))
    one = labelfree.summarize(names, tmp_path / "one.summary", threads=1, with_sample=True)
    other = labelfree.summarize(names, tmp_path / "other.summary", threads=3, with_sample=True)
    assert Path(one.path).read_bytes() == Path(other.path).read_bytes()
    assert one.size == Path(one.path).stat().st_size


def test_sums_alone_give_values_without_intervals(tmp_path: Path) -> None:
    names = files(tmp_path, logits=True)
    whole = labelfree.evaluate(names, concat=True)
    found = labelfree.evaluate(summaries(tmp_path, names, (3,)), concat=True)
    from_sums = {
        "rankme", "effective_rank", "rankme_centered", "erank_variance", "participation_ratio", "stable_rank", "nesum",
        "isoscore", "alpha_req", "mp_spikes", "hard_rank", "condition_number", "self_cluster", "mean_cosine", "std_l2",
        "coding_rate", "entropy", "diversity", "infomax", "nuclear_norm", "softmax_corr", "mcc", "mano",
        "average_confidence",
    }  # fmt: skip
    for name, entry in found.metrics.items():
        there = whole.metrics[name]
        if name in from_sums:
            assert (entry.value, entry.params, entry.parts) == (there.value, there.params, there.parts), name
            assert there.value is not None or name == "alpha_req"
        elif there.reason_code not in ("no_group", "no_source", "one_candidate"):
            assert (entry.value, entry.status) == (None, "undefined"), name
            assert entry.reason_code in ("no_sample", "rows_gone", "no_head"), name
    assert [f.code for f in found.findings] == ["no_sample"]
    lost = sum(entry.reason_code == "no_sample" for entry in found.metrics.values())
    assert f"no interval, and {lost} metrics undefined" in found.findings[0].message
    assert "with_sample=True" in found.findings[0].fix


def test_every_metric_of_a_pass_is_the_same_or_says_why(tmp_path: Path) -> None:
    names = files(tmp_path, logits=True)
    parts = summaries(tmp_path, names, (2, 5), with_sample=True)
    head = np.random.default_rng(3).normal(size=(4, WIDTH))
    for command, options in (("evaluate", {}), ("transfer", {}), ("transfer", {"head": head})):
        whole = getattr(labelfree, command)(names, concat=True, **options)
        found = getattr(labelfree, command)(parts, concat=True, **options)
        told = {n: e.reason_code for n, e in found.metrics.items() if e.model_dump() != whole.metrics[n].model_dump()}
        expected = {"hopkins": "rows_gone"}
        if not options:
            expected |= {"classifier_nonuniformity": "no_head"}
        expected["transfer_score"] = "rows_gone"
        assert told.items() <= expected.items()
        assert told["hopkins"] == "rows_gone"
    assert "a summary holds none: measure the rows themselves" in found.metrics["hopkins"].reason


def test_a_source_of_labelled_rows_beside_a_summary(tmp_path: Path) -> None:
    target = write(tmp_path / "target.parquet", rows_of(300, 1), 0, logits=True)
    rng = np.random.default_rng(0)
    source = {"embedding": rows_of(200, 2), "logits": rng.normal(size=(200, 4)), "label": rng.integers(0, 4, 200)}
    kept = labelfree.summarize(target, tmp_path / "t.summary", with_sample=True).path
    whole, found = labelfree.transfer(target, source=source), labelfree.transfer(kept, source=source)
    for name in ("doc", "cot", "mmd", "frechet", "source_accuracy", "c2st"):
        assert found.metrics[name].model_dump() == whole.metrics[name].model_dump(), name
    for name in ("atc_mc", "atc_ne"):  # thresholds of the source were not known when the rows were read
        assert whole.metrics[name].value is not None
        assert found.metrics[name].reason_code == "rows_gone"


def test_a_head_cannot_score_rows_that_are_gone(tmp_path: Path) -> None:
    kept = labelfree.summarize(rows_of(50, 0), tmp_path / "x.summary", with_sample=True).path
    found = labelfree.transfer(kept, head=np.eye(4, WIDTH))
    assert found.metrics["entropy"].reason_code == "no_logits"


def test_a_spectrum_that_needs_a_second_look_is_undefined(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4)) @ rng.normal(size=(4, WIDTH))  # float64 rows of rank 4
    kept = labelfree.summarize(X, tmp_path / "x.summary", with_sample=True).path
    whole, found = labelfree.rank(X), labelfree.rank(kept)
    assert whole["hard_rank"].value == 4.0
    assert found.metrics["hard_rank"].reason_code == "rows_gone"
    assert found.metrics["rankme"].reason_code == "rows_gone"
    assert found.state is not None
    assert found.state.state == "no_verdict"
    assert found.state.reason is not None
    assert "a summary holds none" in found.state.reason
    assert found.metrics["twonn"].model_dump() == whole.metrics["twonn"].model_dump()


def test_fewer_rows_than_columns(tmp_path: Path) -> None:
    X = rows_of(8, 0)
    whole = labelfree.rank(X)
    same(labelfree.rank(labelfree.summarize(X, tmp_path / "a.summary", with_sample=True).path), whole)
    found = labelfree.rank(labelfree.summarize(X, tmp_path / "b.summary").path)
    assert found.metrics["rankme"].reason_code == "no_sample"
    assert found.metrics["mean_cosine"].value == whole["mean_cosine"].value


def test_a_smaller_sample_is_drawn_from_a_larger_one(tmp_path: Path) -> None:
    names = files(tmp_path)
    parts = summaries(tmp_path, names, (3,), sample=300, with_sample=True)
    same(labelfree.rank(parts, concat=True, sample=200), labelfree.rank(names, concat=True, sample=200))
    same(labelfree.rank(parts, concat=True, sample=300), labelfree.rank(names, concat=True, sample=300))
    for sample in (301, "all"):
        with pytest.raises(SummaryError, match=r"sample=.*the summary holds a sample of 300 of 870 rows; ask for"):
            labelfree.rank(parts, concat=True, sample=sample)
    with pytest.raises(SummaryError, match="expected a sample by seed=1, found one by seed 0"):
        labelfree.rank(parts, concat=True, sample=200, seed=1)
    everything = summaries(tmp_path, names, (3,), sample="all", seed=2, with_sample=True)
    same(labelfree.rank(everything, concat=True, sample="all", seed=2),
         labelfree.rank(names, concat=True, sample="all", seed=2))  # fmt: skip


def test_without_ids_a_sample_by_position_moves_only_as_a_whole(tmp_path: Path) -> None:
    names = files(tmp_path, ids=False)
    whole = summaries(tmp_path, names, (3,), with_sample=True)
    same(labelfree.rank(whole, concat=True), labelfree.rank(names, concat=True))
    cut = [
        labelfree.summarize(names[i : i + 1], tmp_path / f"c{i}.summary", sample=50, with_sample=True) for i in (0, 1)
    ]
    assert [one.movable for one in cut] == [False, False]
    same(labelfree.rank(cut[0].path, sample=40), labelfree.rank(names[0], sample=40))
    with pytest.raises(SummaryError, match=r"1\.summary: its rows have no ids, and a sample by their positions"):
        labelfree.rank([one.path for one in cut], concat=True, sample=40)
    bare = [labelfree.summarize(names[i : i + 1], tmp_path / f"b{i}.summary").path for i in (0, 1)]
    found, both = labelfree.rank(bare, concat=True), labelfree.rank(names[:2], concat=True)
    assert found["rankme"].value == both["rankme"].value
    assert found.input.rows_hash == both.input.rows_hash


def test_bad_rows_are_refused_or_counted_where_they_stand(tmp_path: Path) -> None:
    X, Y = rows_of(60, 0), rows_of(50, 1)
    Y[7] = np.nan
    names = [write(tmp_path / "a.parquet", X, 0), write(tmp_path / "b.parquet", Y, 60)]
    with pytest.raises(RowsError, match="1 of 50 rows hold NaN or infinity, first at row 7"):
        labelfree.summarize(names[1], tmp_path / "b.summary")
    assert not (tmp_path / "b.summary").exists()
    parts = summaries(tmp_path, names, (1,), on_bad="drop", with_sample=True)
    with pytest.raises(RowsError, match=r"1 of 110 rows hold NaN or .* first at row 67 \(row 7 of .*1\.summary\)"):
        labelfree.rank(parts, concat=True)
    same(labelfree.rank(parts, concat=True, on_bad="drop"), labelfree.rank(names, concat=True, on_bad="drop"))
    found = [(f.code, f.rows, f.first) for f in labelfree.doctor(parts, concat=True).findings]
    assert found == [(f.code, f.rows, f.first) for f in labelfree.doctor(names, concat=True).findings]
    assert ("nonfinite", 1, 67) in found


def test_files_without_a_usable_row_keep_their_place(tmp_path: Path) -> None:
    """A file of bad rows alone has sums of nothing, which count as a file in the tree; one without rows has none."""
    names = files(tmp_path, (50, 40, 60, 30, 70, 20, 45, 35, 25))
    write(tmp_path / "part_1.parquet", rows_of(40, 1) * np.nan, 50)
    write(tmp_path / "part_4.parquet", rows_of(0, 1), 180)
    whole = labelfree.rank(names, concat=True, on_bad="drop")
    assert whole.input.n == sum((50, 60, 30, 20, 45, 35, 25))
    for cuts in ((2, 6), (3, 5)):
        parts = summaries(tmp_path, names, cuts, on_bad="drop", with_sample=True)
        same(labelfree.rank(parts, concat=True, on_bad="drop"), whole)
        one = labelfree.merge(parts, tmp_path / "all.summary")
        assert one.files == 9
        same(labelfree.rank(one.path, on_bad="drop"), whole)


def test_seeds_of_no_sample_do_not_matter(tmp_path: Path) -> None:
    names = files(tmp_path, (50, 40))
    parts = [labelfree.summarize(name, tmp_path / f"{i}.summary", seed=i).path for i, name in enumerate(names)]
    assert labelfree.rank(parts, concat=True, seed=5).input.n == 90


def test_rows_left_out_for_their_class_scores_are_told_from_others(tmp_path: Path) -> None:
    X = rows_of(60, 0)
    scores = np.ones((60, 3))
    scores[5] = np.inf
    frame = {"embedding": X, "logits": scores}
    kept = labelfree.summarize(frame, tmp_path / "x.summary", on_bad="drop", with_sample=True).path
    same(
        labelfree.evaluate(kept, on_bad="drop", only="rankme"), labelfree.evaluate(frame, on_bad="drop", only="rankme")
    )
    with pytest.raises(RowsError, match="rows were left out for their class scores too"):
        labelfree.rank(kept, on_bad="drop")


def test_zero_rows_cannot_be_left_out_any_more(tmp_path: Path) -> None:
    X = rows_of(60, 0)
    X[3] = 0
    kept = labelfree.summarize(X, tmp_path / "x.summary", with_sample=True).path
    same(labelfree.rank(kept), labelfree.rank(X))
    with pytest.raises(RowsError, match="1 of 60 rows are zero, first at row 3"):
        labelfree.separability(kept)
    with pytest.raises(RowsError, match="1 of 60 rows are zero, and are in its sums"):
        labelfree.separability(kept, on_bad="drop")


def test_rows_twice_are_refused(tmp_path: Path) -> None:
    X = rows_of(60, 0)
    one, two = (labelfree.summarize(X, tmp_path / f"{i}.summary").path for i in range(2))
    with pytest.raises(SummaryError, match=r"expected every row once, found the same rows in .* of .*0\.summary and"):
        labelfree.rank([one, two], concat=True)
    with pytest.raises(SummaryError, match="expected every row once"):
        labelfree.merge([one, two], tmp_path / "all.summary")
    equal = [labelfree.summarize(np.ones((60, 3)), tmp_path / f"e{i}.summary").path for i in range(2)]
    assert labelfree.rank(equal, concat=True).input.n == 120  # sums of equal rows tell nothing
    a = write(tmp_path / "a.parquet", rows_of(60, 1), 0)
    b = write(tmp_path / "b.parquet", rows_of(60, 2), 30)
    parts = summaries(tmp_path, [a, b], (1,))
    with pytest.raises(RowsError, match="30 ids repeat in column 'id'"):
        labelfree.rank(parts, concat=True)
    with pytest.raises(RowsError, match="30 ids repeat in column 'id'"):
        labelfree.merge(parts, tmp_path / "all.summary")
    assert "repeated_id" in [f.code for f in labelfree.doctor(parts, concat=True).findings]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"X": rows_of(9, 0)}, {"X": rows_of(9, 1)[:, :3]}, "expected rows of width 12 as in .*found 3"),
        ({"X": {"embedding": rows_of(9, 0), "id": np.arange(9)}}, {"X": {"embedding": rows_of(9, 1)}},
         "expected ids in column 'id' as in .*found none"),
        ({"X": {"embedding": rows_of(9, 0)}}, {"X": {"e": rows_of(9, 1)}, "column": "e"},
         "expected embeddings in column 'embedding' as in .*found 'e'"),
        ({"X": {"embedding": rows_of(9, 0), "logits": np.eye(9, 3)}}, {"X": {"embedding": rows_of(9, 1)}},
         "expected class scores .*found none"),
        ({"X": rows_of(9, 0), "with_sample": True}, {"X": rows_of(9, 1)}, "expected a sample of 10000 .*found none"),
        ({"X": rows_of(9, 0), "seed": 1, "with_sample": True}, {"X": rows_of(9, 1), "with_sample": True},
         "expected a sample by seed 1 .*found 0"),
    ],
)  # fmt: skip
def test_summaries_of_other_rows_do_not_merge(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], said: str
) -> None:
    names = []
    for i, one in enumerate((first, second)):
        options = {key: value for key, value in one.items() if key != "X"}
        names.append(labelfree.summarize(one["X"], tmp_path / f"{i}.summary", **options).path)
    for work in (lambda: labelfree.rank(names, concat=True), lambda: labelfree.merge(names, tmp_path / "all.summary")):
        with pytest.raises(SummaryError, match=f"1.summary: {said}; summarize both alike"):
            work()
    assert not (tmp_path / "all.summary").exists()


def test_what_needs_rows_refuses_a_summary_by_name(tmp_path: Path) -> None:
    kept = labelfree.summarize(rows_of(60, 0), tmp_path / "x.summary", with_sample=True).path
    other = labelfree.summarize(rows_of(60, 1), tmp_path / "y.summary", with_sample=True).path
    for work in (
        lambda: labelfree.select([kept, other]), lambda: labelfree.compare(kept, other),
        lambda: labelfree.drift(kept, reference=other),
    ):  # fmt: skip
        with pytest.raises(SourceError, match="expected rows, found a summary, which rank, evaluate, separability"):
            work()
    with pytest.raises(UsageError, match="group='item': a summary holds no such column"):
        labelfree.rank(kept, group="item")
    with pytest.raises(UsageError, match="label='y': a summary holds no such column"):
        labelfree.transfer(kept, audit="y")
    with pytest.raises(ColumnError, match="column='other': the summary is of ''"):
        labelfree.rank(kept, column="other")
    with pytest.raises(UsageError, match="expected rows, found a summary; labelfree merge puts summaries together"):
        labelfree.summarize(kept, tmp_path / "z.summary")
    rows = write(tmp_path / "rows.parquet", rows_of(60, 2), None)
    with pytest.raises(SourceError, match=r"found both \(\.parquet, \.summary\); summarize the rows first"):
        labelfree.rank([kept, rows], concat=True)
    with pytest.raises(UsageError, match="expected summaries, found "):
        labelfree.merge(rows, tmp_path / "z.summary")
    with pytest.raises(UsageError, match="expected at least one summary"):
        labelfree.merge([], tmp_path / "z.summary")


def test_the_reference_of_a_drift(tmp_path: Path) -> None:
    names = files(tmp_path)
    today = {"embedding": rows_of(120, 50) + 1.0}
    kept = labelfree.merge(summaries(tmp_path, names, (2, 5), with_sample=True), tmp_path / "all.summary").path
    whole, found = labelfree.drift(today, reference=names), labelfree.drift(today, reference=kept)
    assert metrics_of(found) == metrics_of(whole)
    assert found.drift is not None
    assert whole.drift is not None
    assert found.drift.unusual is not None
    assert whole.drift.unusual is not None
    assert found.drift.look == whole.drift.look
    assert [row.p_value for row in found.drift.unusual.rows] == [row.p_value for row in whole.drift.unusual.rows]
    bare = labelfree.merge(summaries(tmp_path, names, (2, 5)), tmp_path / "bare.summary").path
    few = labelfree.drift(today, reference=bare)
    whole_mean = labelfree.drift(today, reference=names, only=("frechet", "energy_ratio"))
    kept_mean = labelfree.drift(today, reference=bare, only=("frechet", "energy_ratio"))
    assert kept_mean["frechet"].value == whole_mean["frechet"].value
    assert kept_mean.metrics["energy_ratio"].reason_code == "no_sample"
    assert {e.reason_code for n, e in few.metrics.items() if n not in ("frechet",)} <= {"no_sample", "no_logits"}
    assert few.drift is not None
    assert few.drift.unusual is None
    assert "no_sample" in [f.code for f in few.findings]


def test_a_summary_lies_beside_the_rows_and_alone_in_a_directory(tmp_path: Path) -> None:
    files(tmp_path)
    labelfree.summarize(str(tmp_path), tmp_path / "all.summary")
    assert labelfree.rank(str(tmp_path), only="rankme").input.layout != "summary"
    alone = tmp_path / "alone"
    alone.mkdir()
    for i in (10, 9):
        labelfree.summarize(rows_of(20, i), alone / f"part_{i}.summary")
    found = labelfree.rank(str(alone))
    assert (found.input.layout, found.input.n) == ("summary", 40)
    assert labelfree.rank(str(alone / "*.summary")).input.n == 40


def test_outputs_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"expected a suffix among \.summary"):
        labelfree.summarize(rows_of(9, 0), tmp_path / "x.npz")
    kept = labelfree.summarize(rows_of(9, 0), tmp_path / "x.summary").path
    with pytest.raises(OutputError, match="would overwrite"):
        labelfree.merge([kept], kept)
    with pytest.raises(RowsError, match="found no usable one of 0"):
        labelfree.summarize(np.empty((0, 3)), tmp_path / "none.summary")


def test_wide_rows_have_no_sums_of_unit_rows(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(1500, 1030)).astype(np.float32)
    kept = labelfree.summarize(X, tmp_path / "x.summary", with_sample=True)
    assert kept.size < 8 * 1030 * 1030 + 4 * 1500 * 1030 + 200_000
    only = ("rankme", "mean_cosine", "std_l2")
    assert metrics_of(labelfree.rank(kept.path, only=only)) == metrics_of(labelfree.rank(X, only=only))
    bare = labelfree.rank(labelfree.summarize(X, tmp_path / "y.summary").path, only=only)
    assert bare.metrics["mean_cosine"].reason_code == "no_sample"
    assert bare["rankme"].value == labelfree.rank(X, only=only)["rankme"].value


def test_every_metric_that_sums_give_is_known(tmp_path: Path) -> None:
    """A new metric of rows is undefined on sums alone, and never computed from rows that are not there."""
    kept = labelfree.summarize(rows_of(60, 0), tmp_path / "x.summary").path
    found = labelfree.evaluate(kept)
    known = {m.name for m in metrics() if m.family in ("rank", "separability")}
    assert set(found.metrics) >= known - {"h1_total_persistence"}
