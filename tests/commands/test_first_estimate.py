"""A first estimate through the commands: what is said of it, what has an interval, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree.errors import ResourceError, UsageError
from program import Program

RNG = np.random.default_rng(2)
N, D, GROUP = 24_000, 16, 500
CENTERS = 2 * RNG.normal(size=(8, D))
LABEL = RNG.integers(0, 8, N)
X = (CENTERS[LABEL] + RNG.normal(size=(N, D))).astype(np.float32)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    for i in range(3):
        own = slice(i * N // 3, (i + 1) * N // 3)
        columns = {"embedding": X[own], "logits": (X[own] @ CENTERS.T).astype(np.float32)}
        made = {k: pa.FixedSizeListArray.from_arrays(pa.array(v.ravel()), v.shape[1]) for k, v in columns.items()}
        made |= {
            "id": pa.array([f"r{j}" for j in range(own.start, own.stop)]), "item": pa.array(LABEL[own]),
            "language": pa.array([("de", "en")[j % 2] for j in range(own.start, own.stop)]),
        }  # fmt: skip
        pq.write_table(pa.table(made), folder / f"{i}.parquet", row_group_size=GROUP)
    return folder


@pytest.fixture(scope="module")
def report(place: Path) -> Any:
    return labelfree.rank(f"{place}/*.parquet", rows="25%")


def test_the_report_says_what_was_read(report: Any) -> None:
    part = report.input.part
    assert (part.row_groups, part.of_row_groups, part.rows, part.of_rows) == (12, 48, 6000, N)
    assert (part.kind, part.seed) == ("row groups", 0)
    assert report.input.n == 6000 == report.input.rows.read
    assert report.settings["rows"] == "25%"
    document = json.loads(report.to_json())
    assert document["input"]["part"]["row_groups"] == 12
    assert labelfree.Report.from_json(report.to_json()).input == report.input
    assert "part" not in json.loads(labelfree.rank(X).to_json())["input"]


def test_every_form_says_it(place: Path, labelfree: Program, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    words = ("rank", f"{place}/*.parquet", "--rows", "25%")
    for more in ((), ("--format", "md"), ("-o", page)):
        done = labelfree(*words, *more)
        assert done.returncode == 0, done.stderr
        assert "6,000 rows x 16 float32, column embedding, 12 of 48 row groups of 24,000 rows" in done.stdout
        assert "an interval counts these as what was drawn, and holds the value of all rows" in done.stdout
    text = page.read_text()
    assert "12 of 48 row groups of 24,000 rows" in text
    assert "--rows 25%" in text


def test_intervals_are_of_row_groups_or_withheld(report: Any) -> None:
    for name in ("rankme", "participation_ratio", "mean_cosine", "std_l2"):
        assert report[name].interval is not None
        assert report[name].parts["row_groups"] == 12
    for name in ("twonn", "uniformity", "alpha_req", "hard_rank"):
        assert report[name].interval is None
        assert report[name].se is None
    assert report["twonn"].codes == ["clustered"]


def test_the_interval_holds_the_full_pass(report: Any, place: Path) -> None:
    full = labelfree.rank(f"{place}/*.parquet")
    for name in ("rankme", "rankme_centered", "participation_ratio", "stable_rank", "mean_cosine", "std_l2"):
        low, high = report[name].interval
        assert low <= full[name].value <= high, name


def test_the_same_seed_reads_the_same_and_more_rows_hold_the_fewer(place: Path) -> None:
    first, again, other = (
        labelfree.rank(f"{place}/*.parquet", rows=5000, only="rankme", seed=seed).input.rows_hash for seed in (3, 3, 4)
    )
    assert first == again != other


@pytest.mark.parametrize("rows", [24_000, "100%", 10**9])
def test_all_rows_are_a_full_pass(place: Path, rows: int | str) -> None:
    found, full = labelfree.rank(f"{place}/*.parquet", rows=rows), labelfree.rank(f"{place}/*.parquet")
    assert found.metrics == full.metrics
    assert found.input == full.input
    assert found.findings == full.findings


def test_every_command_takes_it(place: Path) -> None:
    source = f"{place}/*.parquet"
    made = {
        "separability": labelfree.separability(source, rows=4000, sample=500),
        "opis": labelfree.opis(source, rows=2000, group="item"),
        "transfer": labelfree.transfer(source, rows=4000, sample=500),
        "evaluate": labelfree.evaluate(source, rows=4000, sample=500),
        "doctor": labelfree.doctor(source, rows=4000),
        "drift": labelfree.drift(source, reference=f"{place}/0.parquet", rows=4000, sample=500),
    }
    for name, found in made.items():
        assert found.input.part is not None
        assert found.input.part.rows == found.input.n, name
        assert [one.code for one in found.findings].count("part_of_rows") >= 1, name
    for name, metric in (("separability", "separability"), ("opis", "opis"), ("transfer", "transfer_score")):
        assert made[name][metric].value is not None
        assert made[name][metric].interval is None
        assert "clustered" in made[name][metric].codes


def test_drift_gives_no_alarm_from_rows_that_are_not_independent(place: Path) -> None:
    found = labelfree.drift(f"{place}/0.parquet", reference=f"{place}/1.parquet", rows="25%", by="language", sample=500)
    assert found.drift is not None
    assert (found.drift.look.p_value, found.drift.look.different) == (None, None)
    assert all(entry.interval is None for entry in found.metrics.values())
    assert all(entry.parts.get("p_value") is None for entry in found.metrics.values())
    assert found.drift.by is not None
    assert {one.value for one in found.drift.by.slices} == {"de", "en"}
    assert all(one.energy_interval is None is one.beyond_interval for one in found.drift.by.slices)
    assert found.drift.unusual is not None
    ids = {f"r{i}" for i in range(N // 3)}
    assert all(row.id in ids for row in found.drift.unusual.rows)
    codes = [one.message for one in found.findings if one.code == "part_of_rows"]
    assert len(codes) == 2
    assert codes[1].startswith("reference: 2,000 of 8,000 rows were read")


def test_unusual_rows_are_named_by_their_ids(place: Path) -> None:
    """The id of a row that was read is that of its position in the whole data set."""
    odd = X[: N // 3].copy()
    odd[::50] += 30
    lists = pa.FixedSizeListArray.from_arrays(pa.array(odd.ravel()), D)
    names = pa.array([f"r{i}" for i in range(len(odd))])
    pq.write_table(pa.table({"id": names, "embedding": lists}), place / "odd.arrow.parquet", row_group_size=GROUP)
    found = labelfree.drift(f"{place}/odd.arrow.parquet", reference=f"{place}/1.parquet", rows="30%", sample="all")
    (place / "odd.arrow.parquet").unlink()
    assert found.drift is not None
    assert found.drift.unusual is not None
    assert all(int(row.id[1:]) % 50 == 0 for row in found.drift.unusual.rows)


def test_groups_keep_their_names(place: Path) -> None:
    found = labelfree.opis(f"{place}/*.parquet", rows=1500, group="item")
    assert {str(name) for name in found.series["groups"]["group"]} <= {str(i) for i in range(8)}


def test_sources_in_memory_and_of_a_list(place: Path) -> None:
    held = labelfree.rank([X, X[:100]], rows=5000, only="rankme")
    kinds = [one.input.part and one.input.part.kind for one in held]
    assert kinds == ["ranges of 4,096 rows", None]


def test_what_is_refused_by_name(place: Path, labelfree: Program) -> None:
    import labelfree as package

    with pytest.raises(UsageError, match=r"require: judges intervals, which some of the rows do not give"):
        package.drift(X, reference=X, rows=100, require="share_beyond_95 <= 0.1")
    with pytest.raises(UsageError, match=r"rows: has no effect beside data"):
        package.rank("model.safetensors", rows=100, data="texts.csv")
    with pytest.raises(UsageError, match="rows: expected a number of rows such as 100k"):
        package.rank(X, rows="some")
    for words in (("select", f"{place}/0.parquet"), ("compare", f"{place}/0.parquet", f"{place}/1.parquet")):
        done = labelfree(*words, "--rows", "100")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"--rows: {words[0]} needs the same rows of every file" in done.stderr
        assert "leave it out: --sample N looks closely at N rows" in done.stderr


def test_a_memory_limit_counts_what_is_read(place: Path) -> None:
    """A sample of all rows of a part is smaller than one of all rows, and the sums of the row groups are counted."""
    with pytest.raises(ResourceError, match=r"6000 rows of width 16 need about"):
        labelfree.rank(f"{place}/*.parquet", rows="25%", memory=1)
