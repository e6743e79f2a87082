"""compare as a function and a command: joins, refusals, documents, verdicts, the same numbers as the functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree import metrics
from labelfree.commands import paired_rows
from labelfree.commands.compared import Comparison
from labelfree.errors import ColumnError, ResourceError, RowsError, SourceError, UsageError
from labelfree.gating.expected import EXPECTED
from labelfree.reports.compare import CompareReport
from program import Program

N = 400
RNG = np.random.default_rng(0)
SIGNALS = RNG.normal(size=(N, 6))
A = (SIGNALS @ RNG.normal(size=(6, 12)) + 0.3 * RNG.normal(size=(N, 12))).astype(np.float32)
B = (A + 0.02 * RNG.normal(size=A.shape)).astype(np.float32)
C = (SIGNALS @ RNG.normal(size=(6, 7)) + 0.5 * RNG.normal(size=(N, 7))).astype(np.float32)
IDS = [f"r{i}" for i in range(N)]
WORDS = ["de", "en", "fr", "en"] * (N // 4)


def table(X: Any, ids: Any = IDS, words: Any = WORDS) -> pa.Table:
    flat = pa.array(np.ascontiguousarray(X).reshape(-1))
    columns = {"embedding": pa.FixedSizeListArray.from_arrays(flat, X.shape[1]), "language": list(words)[: len(X)]}
    return pa.table(columns if ids is None else {"id": list(ids), **columns})


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """a, b and c as files in the working directory; c in another order."""
    monkeypatch.chdir(tmp_path)
    order = np.random.default_rng(1).permutation(N)
    pq.write_table(table(A), "a.parquet", row_group_size=90)
    pq.write_table(table(B), "b.parquet")
    pq.write_table(table(C[order], [IDS[i] for i in order], [WORDS[i] for i in order]), "c.parquet", row_group_size=70)
    return tmp_path


NAMES = ("cka", "procrustes", "linear_r2", "match_hard", "neighbors_kept", "mutual_knn", "cka_without_top")


def values(found: Comparison, names: Any = NAMES) -> list[float]:
    return [float(found.pairs[0].metrics[name]) for name in names]


def test_the_numbers_are_those_of_the_functions(files: Path) -> None:
    found = labelfree.compare("a.parquet", "c.parquet")
    expected = [float(getattr(metrics, name)(A, C).value) for name in NAMES]
    # the folds and ties come from ids here and from positions there
    assert values(found, ("cka", "procrustes", "match_hard", "neighbors_kept", "mutual_knn")) == pytest.approx(
        [expected[i] for i in (0, 1, 3, 4, 5)], abs=1e-9
    )
    assert values(found, ("linear_r2",)) == pytest.approx([expected[2]], abs=0.02)
    pair = found.pairs[0]
    assert (pair.a, pair.b, pair.n, pair.d, pair.joined, pair.sample) == ("a", "c", N, (12, 7), "id", None)
    assert found.sources == ["a", "c"]
    CompareReport.model_validate(json.loads(found.to_json()))


@pytest.mark.parametrize("size", [1, 7, 90])
def test_blocks_of_any_size_give_the_same(files: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    whole = labelfree.compare("a.parquet", "c.parquet", only=("cka", "neighbors_kept"))
    monkeypatch.setattr(paired_rows, "block_rows", lambda d: size)
    assert values(labelfree.compare("a.parquet", "c.parquet"), ("cka", "neighbors_kept")) == pytest.approx(
        values(whole, ("cka", "neighbors_kept")), abs=1e-9
    )


def test_another_order_and_a_file_for_it_change_nothing(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.random.default_rng(2).permutation(N)
    pq.write_table(table(B[order], [IDS[i] for i in order]), "turned.parquet")
    straight = labelfree.compare("a.parquet", "b.parquet")
    turned = labelfree.compare("a.parquet", "turned.parquet")
    monkeypatch.setattr(paired_rows, "IN_MEMORY", 0)
    on_disk = labelfree.compare("a.parquet", "turned.parquet")
    for found in (turned, on_disk):
        assert values(found) == pytest.approx(values(straight), abs=1e-12)
        assert found.pairs[0].changed == straight.pairs[0].changed


def test_other_rows_are_refused_or_left_out(files: Path) -> None:
    pq.write_table(table(B[50:], [*IDS[50:-1], "new"]), "part.parquet")
    with pytest.raises(UsageError, match=r"51 rows of a.parquet are not in part.parquet \(id 'r0', 'r1', 'r2', ...\)"):
        labelfree.compare("a.parquet", "part.parquet")
    with pytest.warns(labelfree.FindingWarning, match="51 rows of a and 1 of part are not in the other"):
        found = labelfree.compare("a.parquet", "part.parquet", common=True)
    pair = found.pairs[0]
    assert (pair.n, pair.left_out) == (N - 51, (51, 1))
    assert values(found, ("cka",)) == pytest.approx([metrics.cka(A[50:-1], B[50:-1]).value], abs=1e-9)
    pq.write_table(table(B, [f"x{i}" for i in range(N)]), "foreign.parquet")
    with pytest.raises(UsageError, match="found none of 400"):
        labelfree.compare("a.parquet", "foreign.parquet", common=True)


def test_ids_must_be_there_once_in_both(files: Path) -> None:
    pq.write_table(table(B, None), "bare.parquet")
    with pytest.raises(UsageError, match=r"bare\.parquet: expected a column of ids as in a\.parquet"):
        labelfree.compare("a.parquet", "bare.parquet")
    pq.write_table(table(B, ["r0", *IDS[:-1]]), "twice.parquet")
    with pytest.raises(RowsError, match="expected each id once in column 'id', found 1 row"):
        labelfree.compare("a.parquet", "twice.parquet")
    pq.write_table(table(B, [*IDS[:-1], None]), "null.parquet")
    with pytest.raises(RowsError, match="found none in column 'id' at row 399"):
        labelfree.compare("a.parquet", "null.parquet")


def test_without_ids_rows_are_joined_by_position(files: Path) -> None:
    with pytest.warns(labelfree.FindingWarning, match="compared by position"):
        found = labelfree.compare(A, B)
    assert (found.pairs[0].joined, found.sources) == ("position", ["a", "b"])
    assert values(found) == pytest.approx([float(getattr(metrics, name)(A, B).value) for name in NAMES], abs=1e-9)
    with pytest.raises(UsageError, match="expected 400 rows as array has, found 399"):
        labelfree.compare(A, B[:-1])


def test_bad_rows_are_refused_or_left_out_of_both(files: Path) -> None:
    broken = B.copy()
    broken[[3, 9]] = np.nan
    given = {"a": table(A), "b": table(broken)}
    with pytest.raises(RowsError, match=r"expected 12 finite numbers a row, found null, NaN or infinity .* at row 3"):
        labelfree.compare(given)
    with pytest.warns(labelfree.FindingWarning, match="2 rows that are bad"):
        found = labelfree.compare(given, on_bad="drop")
    left = np.delete(np.arange(N), [3, 9])
    assert (found.pairs[0].n, found.pairs[0].bad) == (N - 2, 2)
    assert values(found, ("cka",)) == pytest.approx([metrics.cka(A[left], B[left]).value], abs=1e-9)


@pytest.mark.parametrize("scale", [1e-140, 1e-80, 1e100])
def test_no_scale_of_a_side_changes_anything(scale: float) -> None:
    given = {"a": table(A), "b": table(B.astype(np.float64) * scale)}
    plain = labelfree.compare({"a": table(A), "b": table(B)})
    assert values(labelfree.compare(given)) == pytest.approx(values(plain), abs=1e-6)


def test_lengths_beyond_float64_are_refused() -> None:
    with pytest.raises((SourceError, labelfree.LabelfreeError), match="squares"):
        labelfree.compare({"a": table(A), "b": table(B.astype(np.float64) * 1e200)})


def test_where_they_differ(files: Path) -> None:
    moved = B.copy()
    moved[:20] = -moved[:20]
    pq.write_table(table(moved), "moved.parquet")
    with_words = labelfree.compare("a.parquet", "moved.parquet", by="language")
    changed = with_words.pairs[0].changed
    assert {row.id for row in changed} <= set(IDS[:20])
    assert [row.neighbors_kept for row in changed] == sorted(row.neighbors_kept for row in changed)
    by = with_words.pairs[0].by
    assert by is not None
    assert {(one.value, one.n) for one in by.slices} == {("en", 200), ("de", 100), ("fr", 100)}
    rows = with_words.rows().to_pydict()
    kept = dict(zip(rows["id"], rows["neighbors_kept"], strict=True))
    assert len(kept) == N
    assert np.mean(list(kept.values())) == pytest.approx(with_words.pairs[0]["neighbors_kept"].value)
    german = np.mean([kept[f"r{i}"] for i in range(0, N, 4)])
    assert next(one for one in by.slices if one.value == "de").neighbors_kept == pytest.approx(german)
    assert all(one.interval is not None and one.interval[0] < one.neighbors_kept for one in by.slices)
    with pytest.raises(ColumnError, match="no column 'tongue'"):
        labelfree.compare("a.parquet", "b.parquet", by="tongue")


def test_a_sample_is_stated_and_the_moments_are_of_all_rows(files: Path) -> None:
    found = labelfree.compare("a.parquet", "b.parquet", sample=120)
    whole = labelfree.compare("a.parquet", "b.parquet")
    pair = found.pairs[0]
    assert pair.sample is not None
    assert (pair.sample.size, pair["neighbors_kept"].params["sampled"], len(found.rows())) == (120, 120, 120)
    assert values(found, ("cka", "procrustes")) == pytest.approx(values(whole, ("cka", "procrustes")), abs=1e-12)
    assert found.to_json() == labelfree.compare("a.parquet", "b.parquet", sample=120, threads=1).to_json()


def test_several_sources_have_every_pair_and_one_they_are_compared_with(files: Path) -> None:
    found = labelfree.compare("a.parquet", "b.parquet", "c.parquet", only=("neighbors_kept", "cka"))
    assert [(one.a, one.b) for one in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    turned = labelfree.compare("a.parquet", "b.parquet", "c.parquet", to="c", only="cka")
    assert [(one.a, one.b) for one in turned.pairs] == [("c", "a"), ("c", "b"), ("a", "b")]
    assert turned.pair("a", "c")["cka"].value == pytest.approx(found.pair("a", "c")["cka"].value, abs=1e-9)
    assert "nearest to a: b keeps" in repr(found)
    assert list(found.to_frame().columns) == ["a", "b", "n", "neighbors_kept", "cka"]
    with pytest.raises(UsageError, match="to: expected one of a, b, found 'z'"):
        labelfree.compare("a.parquet", "b.parquet", to="z")


def test_one_source_and_unknown_names_are_refused(files: Path) -> None:
    with pytest.raises(UsageError, match="expected at least 2 sources"):
        labelfree.compare("a.parquet")
    with pytest.raises(UsageError, match="compare does not measure rankme"):
        labelfree.compare("a.parquet", "b.parquet", require="rankme >= 3")
    wrong: Any = "alike"
    with pytest.raises(UsageError, match="expect: expected same, found 'alike'"):
        labelfree.compare("a.parquet", "b.parquet", expect=wrong)
    with pytest.raises(ResourceError, match="needs about"):
        labelfree.compare("a.parquet", "b.parquet", memory=1_000_000)


def test_a_requirement_judges_the_interval_of_every_pair(files: Path) -> None:
    found = labelfree.compare("a.parquet", "b.parquet", "c.parquet", require="neighbors_kept >= 0.8")
    assert found.verdict is not None
    assert [c["decision"] for c in found.verdict.conditions] == ["pass", "fail"]
    assert found.verdict.exit_code == 10
    low, high = found.pairs[0]["neighbors_kept"].interval or (0, 0)
    between = labelfree.compare("a.parquet", "b.parquet", require=f"neighbors_kept >= {(low + high) / 2:.6f}")
    assert between.verdict is not None
    assert (between.verdict.decision, between.verdict.exit_code) == ("undecided", 13)
    same = labelfree.compare("a.parquet", "b.parquet", expect="same", only="cka")
    assert same.verdict is not None
    assert [c["required"] for c in same.verdict.conditions] == list(EXPECTED["same"])


def test_rows_that_were_shuffled_inside_clusters_are_told() -> None:
    rng = np.random.default_rng(3)
    cluster = np.arange(N) // 40
    X = 6 * rng.normal(size=(10, 12))[cluster] + rng.normal(size=(N, 12))
    order = np.concatenate([rng.permutation(np.arange(40)) + 40 * c for c in range(10)])
    with pytest.warns(labelfree.FindingWarning, match="hardly any neighbor is common|compared by position"):
        found = labelfree.compare({"a": X, "b": X[order]}, k=5)
    assert found.pairs[0]["cka"].value > 0.8  # type: ignore[operator]
    codes = {one.code for one in found.findings}
    assert ("mixed_rows" in codes) == (found.pairs[0]["mutual_knn"].value < 0.05)  # type: ignore[operator]


def test_an_offset_and_a_shared_direction_are_told() -> None:
    shifted = labelfree.compare({"a": table(A), "b": table(A + 5)})
    assert "offset" in {one.code for one in shifted.findings}
    rng = np.random.default_rng(5)
    shared = 5 * rng.normal(size=(N, 1))
    X, Y = (rng.normal(size=(N, 32)) + shared @ rng.normal(size=(1, 32)) / 4 for _ in range(2))
    with pytest.warns(labelfree.FindingWarning, match="one strong direction"):
        found = labelfree.compare({"a": table(X), "b": table(Y)})
    assert "shared_direction" in {one.code for one in found.findings}


def test_the_command(labelfree: Program, files: Path) -> None:
    done = labelfree("compare", "a.parquet", "b.parquet", "--by", "language", "-o", "rows.parquet", "-o", "x.json")
    assert (done.returncode, done.stderr) == (0, "")
    first = done.stdout.splitlines()[0]
    assert first.startswith("b keeps 9")
    assert "of a's 10 nearest neighbors (" in first
    assert pq.read_table("rows.parquet").column_names == ["id", "neighbors_kept"]
    document = json.loads(Path("x.json").read_text())
    assert document["command"] == "compare"
    assert document["sources"] == ["a", "b"]
    assert document["verdict"] is None
    value = document["pairs"][0]["metrics"]["neighbors_kept"]["value"]
    assert labelfree("compare", "a.parquet", "b.parquet", "--json", "--by", "language").stdout == (
        Path("x.json").read_text()
    )
    assert float(labelfree("compare", "a.parquet", "b.parquet", "--value", "neighbors_kept").stdout) == value
    for form in ("csv", "md", "ndjson"):
        assert "neighbors_kept" in labelfree("compare", "a.parquet", "b.parquet", "--format", form).stdout


@pytest.mark.parametrize(("limit", "code"), [("0.5", 0), ("0.999999", 10)])
def test_the_exit_code_is_the_verdict(labelfree: Program, files: Path, limit: str, code: int) -> None:
    done = labelfree("compare", "a.parquet", "b.parquet", "--require", f"neighbors_kept >= {limit}")
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("PASSED" if code == 0 else "FAILED")


def test_the_schema_is_that_of_the_document(labelfree: Program, files: Path) -> None:
    schema = json.loads(labelfree("schema", "compare").stdout)
    assert {"sources", "pairs", "verdict"} <= schema["properties"].keys()
    assert {"a", "b", "n", "metrics", "findings"} <= schema["$defs"]["PairEntry"]["properties"].keys()


def test_bad_input_is_refused_with_2(labelfree: Program, files: Path) -> None:
    done = labelfree("compare", "a.parquet", "gone.parquet")
    assert (done.returncode, done.stdout) == (2, "")
    done = labelfree("compare", "a.parquet", "b.parquet", "-o", "rows.txt")
    assert (done.returncode, done.stdout) == (2, "")
    done = labelfree("compare", "a.parquet", "b.parquet", "--value", "rankme")
    assert done.returncode == 2
    assert "labelfree rank does" in done.stderr


def test_a_threshold_and_its_groups(labelfree: Program, files: Path) -> None:
    done = labelfree(
        "compare", "a.parquet", "b.parquet", "--threshold", "0.5", "--group", "language", "--only", "cka", "--json"
    )
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout)["pairs"][0]["thresholds"]
    assert [(one["group"], one["pairs"]) for one in there] == [
        (None, 400 * 399 // 2), ("en", 200 * 199 // 2), ("de", 4950), ("fr", 4950)
    ]  # fmt: skip
    assert there[0]["same_share"]["f1"] > 0.9
    for wrong in (["--threshold", "1.5"], ["--threshold", "nan"], ["--group", "language"]):
        assert labelfree("compare", "a.parquet", "b.parquet", *wrong).returncode == 2


def test_compressed_copies_of_one_source(labelfree: Program, files: Path) -> None:
    done = labelfree("compare", "a.parquet", "--compress", "int8,binary,first:6", "--json", "-q")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    pairs = {one["b"]: one for one in document["pairs"]}
    assert {name: one["bytes"] for name, one in pairs.items()} == {"int8": 12, "binary": 2, "first:6": 24}
    assert document["inputs"][0]["bytes"] == 48
    direct = metrics.neighbors_kept(A, A[:, :6]).value
    assert pairs["first:6"]["metrics"]["neighbors_kept"]["value"] == pytest.approx(direct, abs=0.02)
    table_ = labelfree("compare", "a.parquet", "--compress", "int8,binary", "--require", "neighbors_kept >= 0.5")
    assert table_.returncode == 10
    assert "bytes per vector" in table_.stdout
    assert labelfree("compare", "a.parquet", "b.parquet", "--compress", "int8").returncode == 2
    assert labelfree("compare", "a.parquet", "--compress", "int8", "--by", "language").returncode == 2
    assert labelfree("compare", "a.parquet", "b.parquet", "-o", "x.svg").returncode == 2


def test_a_picture_of_compressed_copies(labelfree: Program, files: Path) -> None:
    pytest.importorskip("matplotlib")
    done = labelfree("compare", "a.parquet", "--compress", "int8,binary,first:6", "-o", "bytes.svg")
    assert done.returncode == 0, done.stderr
    assert Path("bytes.svg").read_text().lstrip().startswith("<?xml")


def test_an_undefined_metric_is_told_and_the_others_stand(labelfree: Program, files: Path) -> None:
    pq.write_table(table(A[:30], IDS[:30]), "few.parquet")
    pq.write_table(table(B[:30], IDS[:30]), "others.parquet")
    done = labelfree("compare", "few.parquet", "others.parquet", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["pairs"][0]["metrics"]
    assert (found["linear_r2"]["value"], found["linear_r2"]["reason_code"]) == (None, "insufficient")
    assert found["cka"]["value"] > 0.9
    assert "needs 2 (d1 + d2) = 48 rows" in labelfree("compare", "few.parquet", "others.parquet").stdout
    assert labelfree("compare", "few.parquet", "others.parquet", "--only", "linear_r2").returncode == 3
    required = labelfree("compare", "few.parquet", "others.parquet", "--require", "linear_r2 >= 0")
    assert required.returncode == 10
