"""`labelfree drift`: the sentence first, rows, slices, looks, requirements, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from printouts import one_report
from program import Program
from traffic import rows, written

pytestmark = pytest.mark.once

FAST = ("--only", "energy_ratio,share_beyond_95")


@pytest.fixture
def train(tmp_path: Path) -> str:
    return written(tmp_path / "train.parquet", 1500, 0).name


@pytest.fixture
def today(tmp_path: Path) -> str:
    return written(tmp_path / "today.parquet", 400, 1, shift=2.0, odd=3).name


def test_the_sentence_stands_first(labelfree: Program, train: str, today: str) -> None:
    done = labelfree("drift", today, "--reference", train, "-q")
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third, *_ = done.stdout.splitlines()
    assert "a classifier tells current rows from the reference in " in first
    assert " % of rows lie outside what it holds (5 % expected)" in first
    assert first.startswith(("slight drift: ", "drift: ", "strong drift: "))
    assert second == "drift  today.parquet"
    assert third == "400 rows x 8 float32, column embedding"
    names = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert names[4:8] == ["energy_ratio", "share_beyond_95", "c2st_auc", "frechet_whitened"]
    assert (
        "drift is not damage: whether accuracy fell, class scores tell: labelfree transfer today.parquet" in done.stdout
    )
    assert "better" in done.stdout


def test_nothing_is_seen_where_nothing_changed(labelfree: Program, train: str, tmp_path: Path) -> None:
    written(tmp_path / "same.parquet", 400, 7)
    done = labelfree("drift", "same.parquet", "--reference", train, "-q")
    assert done.stdout.startswith("no drift seen: ")
    assert "drift is not damage" not in done.stdout
    report = one_report(labelfree("drift", "same.parquet", "--reference", train, "--json", "-q").stdout)
    assert report["drift"]["size"] == "none"
    assert report["drift"]["look"]["different"] is False


def test_the_document_and_its_schema(labelfree: Program, train: str, today: str) -> None:
    found = json.loads(labelfree("drift", today, "--reference", train, "--json", "-q").stdout)
    (report,) = found["reports"]
    assert {"energy_ratio", "share_beyond_95", "c2st_auc", "mmd", "frechet_whitened", "knn_two_sample"} <= {
        *report["metrics"]
    }
    assert "class_alignment" not in report["metrics"]  # there are no class scores
    assert 0 < report["metrics"]["energy_ratio"]["parts"]["p_value"] <= 0.01
    assert report["drift"]["reference"]["name"] == "train.parquet"
    assert report["settings"]["reference"] == "train.parquet"
    schema = json.loads(labelfree("schema", "drift").stdout)
    drift = schema["$defs"]["Drift"]["properties"]
    assert set(report["drift"]) == set(drift)
    assert "drift" in schema["$defs"]["DriftReport"]["required"]
    plain = one_report(labelfree("rank", today, "--json", "-q").stdout)
    assert "drift" not in plain


def test_the_most_unusual_rows_are_named(labelfree: Program, train: str, today: str, tmp_path: Path) -> None:
    done = labelfree("drift", today, "--reference", train, *FAST, "-q", "-o", "rows.parquet", "-o", "report.json")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "rows.parquet").to_pydict()
    assert list(table) == ["id", "p_value", "score"]
    assert sorted(table["id"]) == sorted(rows(400, 1)["id"])  # type: ignore[call-overload]
    assert {*table["id"][:3]} == {"1-0", "1-1", "1-2"}
    assert table["score"] == sorted(table["score"], reverse=True)
    assert table["p_value"] == sorted(table["p_value"])
    assert min(table["p_value"]) == pytest.approx(1 / 751)
    unusual = one_report((tmp_path / "report.json").read_text())["drift"]["unusual"]
    assert [one["id"] for one in unusual["rows"]] == table["id"][:10]
    assert all(len(one["nearest"]) == 3 and one["nearest"][0]["id"].startswith("0-") for one in unusual["rows"])
    assert unusual["singled_out"] >= 3


def test_slices_say_where_it_is(labelfree: Program, train: str, today: str) -> None:
    report = one_report(
        labelfree("drift", today, "--reference", train, "--by", "language", *FAST, "--json", "-q").stdout
    )
    found = {one["value"]: one for one in report["drift"]["by"]["slices"]}
    assert set(found) == {"de", "en", "fr"}
    assert found["de"]["energy_interval"][0] > 0.05 > found["en"]["energy_interval"][1]
    assert found["de"]["against"] == "the same value"
    assert sum(one["rows"] for one in found.values()) == 400
    assert sum(one["reference_share"] for one in found.values()) == pytest.approx(1.0)
    said = labelfree("drift", today, "--reference", train, "--by", "language", *FAST, "-q").stdout
    assert any(line.split()[:1] == ["language"] for line in said.splitlines())


def test_a_reference_without_the_column_still_serves(labelfree: Program, today: str, tmp_path: Path) -> None:
    pq.write_table(pq.read_table(tmp_path / "today.parquet").drop(["language"]), tmp_path / "bare.parquet")
    report = one_report(
        labelfree("drift", today, "--reference", "bare.parquet", "--by", "language", *FAST, "--json", "-q").stdout
    )
    assert {one["against"] for one in report["drift"]["by"]["slices"]} == {"all rows"}
    assert report["drift"]["by"]["slices"][0]["reference_share"] is None
    wrong = labelfree("drift", today, "--reference", "bare.parquet", "--by", "tongue")
    assert wrong.returncode == 2
    assert "tongue" in wrong.stderr


def test_requirements_judge_the_interval(labelfree: Program, train: str, today: str) -> None:
    base = ("drift", today, "--reference", train, *FAST, "-q", "--require")
    assert labelfree(*base, "energy_ratio <= 0.9").returncode == 0
    failed = labelfree(*base, "energy_ratio <= 0.001")
    assert failed.returncode == 10
    assert failed.stdout.startswith("FAILED: energy_ratio is ")
    report = one_report(labelfree(*base, "energy_ratio <= 0.001", "--json").stdout)
    assert report["verdict"]["decision"] == "fail"
    assert report["verdict"]["exit_code"] == 10
    middle = report["metrics"]["energy_ratio"]["value"]
    assert labelfree(*base, f"energy_ratio <= {middle:.6f}").returncode == 13
    assert labelfree(*base, "energy_ratio <= 0.9", "--require", "energy_ratio <= 0.001").returncode == 10
    assert labelfree(*base, "knn_two_sample <= 0.9").returncode == 10  # it was not measured: never passes
    for wrong in ("nothing <= 1", "energy_ratio"):
        assert labelfree(*base, wrong).returncode == 2


def test_days_share_their_false_alarms(labelfree: Program, train: str, tmp_path: Path) -> None:
    for day in (1, 2, 10):
        written(tmp_path / f"day_{day}.parquet", 100, 20 + day, shift=3.0 if day == 10 else 0.0)
    done = labelfree(
        "drift", "day_10.parquet", "day_1.parquet", "day_2.parquet", "--reference", train, *FAST, "--append", "h.jsonl"
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("day_")] == [
        "day_1",
        "day_2",
        "day_10",
    ]
    assert "each of 30 looks may alarm by chance in 0.17 %, all together in 5 %" in done.stdout
    records = [json.loads(line) for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    assert [(r["step"], r["look"]["number"], r["look"]["of"]) for r in records] == [(1, 1, 30), (2, 2, 30), (10, 3, 30)]
    assert records[2]["look"]["different"] is True
    assert records[0]["look"]["alpha"] == pytest.approx(0.05 / 30)
    again = labelfree("drift", "day_2.parquet", "--reference", train, *FAST, "--append", "h.jsonl", "--json", "-q")
    assert one_report(again.stdout)["drift"]["look"]["number"] == 3  # a look at the same day once more is the third
    assert len((tmp_path / "h.jsonl").read_text().splitlines()) == 3
    judged = labelfree("gate", "--history", "h.jsonl", "--require", "energy_ratio <= 0.001")
    assert judged.returncode == 10
    assert "step 10" in judged.stdout


def test_more_looks_than_stated_are_told(labelfree: Program, train: str, tmp_path: Path) -> None:
    for day in (1, 2):
        written(tmp_path / f"day_{day}.parquet", 60, 30 + day)
        done = labelfree(
            "drift", f"day_{day}.parquet", "--reference", train, *FAST, "--append", "h.jsonl", "--looks", "1"
        )
        assert done.returncode == 0, done.stderr
    assert "look 2 of 1: the 5 % of false alarms are used up" in done.stdout
    assert "[looks_used_up]" in done.stdout
    other = labelfree("drift", "day_2.parquet", "--reference", train, *FAST, "--append", "h.jsonl", "--looks", "7")
    assert "earlier ones of the run of 1" in other.stdout


def test_another_reference_is_another_run(labelfree: Program, train: str, today: str, tmp_path: Path) -> None:
    written(tmp_path / "other.parquet", 1500, 50)
    base = ("--append", "h.jsonl", "-q", *FAST)
    assert labelfree("drift", today, "--reference", train, *base, "--step", "1").returncode == 0
    done = labelfree("drift", today, "--reference", "other.parquet", *base, "--step", "2")
    assert done.returncode == 2
    assert "params.reference" in done.stderr
    assert "begin another run" in done.stderr


def refused(done: Any, *words: str) -> None:
    assert done.returncode == 2
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


def test_what_cannot_be_compared_is_refused(labelfree: Program, train: str, today: str, tmp_path: Path) -> None:
    written(tmp_path / "wide.parquet", 100, 3, d=9)
    refused(
        labelfree("drift", "wide.parquet", "--reference", train), "expected rows of width 8", "found 9", "one model"
    )
    refused(labelfree("drift", today), "--reference", "the rows to compare with")
    refused(labelfree("drift", today, "--reference", "nowhere.parquet"), "nowhere.parquet")
    refused(labelfree("drift", today, "--reference", train, "--looks", "500"), "--looks 500", "at most 200")
    refused(labelfree("drift", today, "--reference", train, "-o", "a.svg"), "a.svg", "draws nothing")
    refused(labelfree("drift", today, "--reference", train, "-o", train), train)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"model": {"fingerprint": "b" * 16}}, "two models"), ({"pooling": "cls"}, "one model with another pooling")],
)
def test_embeddings_of_two_models_are_refused(
    labelfree: Program, train: str, today: str, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    facts = {"checkpoint": "m", "model": {"fingerprint": "a" * 16}, "layer": "last", "pooling": "mean"}
    for name, found in ((train, facts), (today, {**facts, **change})):
        table = pq.read_table(tmp_path / name)
        meta = {**(table.schema.metadata or {}), b"labelfree": json.dumps(found).encode()}
        pq.write_table(table.replace_schema_metadata(meta), tmp_path / name)
    refused(labelfree("drift", today, "--reference", train), said, "run both sides through one model")
    assert labelfree("drift", train, "--reference", train, *FAST, "-q").returncode == 0


def test_findings_between_the_sides(labelfree: Program, train: str, tmp_path: Path) -> None:
    given = rows(300, 60)
    X = np.stack(given["embedding"])  # type: ignore[call-overload]
    base = np.stack(pq.read_table(tmp_path / train)["embedding"].to_pylist()).astype(np.float32)
    pq.write_table(pa.table({"embedding": list(np.vstack([X, base[:5]]))}), tmp_path / "leak.parquet")
    done = labelfree("drift", "leak.parquet", "--reference", train, *FAST)
    assert "5 vectors of leak.parquet are in the reference too" in done.stdout
    assert "[shared_rows]" in done.stdout
    still = np.hstack([base, np.ones((len(base), 1), np.float32)])
    moved = np.hstack([X, X[:, :1]])
    pq.write_table(pa.table({"embedding": list(still)}), tmp_path / "still.parquet")
    pq.write_table(pa.table({"embedding": list(moved)}), tmp_path / "moved.parquet")
    said = labelfree("drift", "moved.parquet", "--reference", "still.parquet", *FAST).stdout
    assert "1 column that never changed in the reference changed now: 8 (from 0)" in said
    np.save(tmp_path / "double.npy", X.astype(np.float64))
    assert "[mixed_dtypes]" in labelfree("drift", "double.npy", "--reference", train, *FAST).stdout


def test_few_rows_have_no_answer(labelfree: Program, train: str, tmp_path: Path) -> None:
    written(tmp_path / "few.parquet", 19, 9)
    done = labelfree("drift", "few.parquet", "--reference", train, "-q")
    assert done.returncode == 3
    assert "needs at least 20 rows on each side" in done.stdout
    written(tmp_path / "small.parquet", 60, 9)
    some = labelfree("drift", "small.parquet", "--reference", "small.parquet", "-q", "--all")
    assert some.returncode == 0
    assert "needs at least 100 reference rows to calibrate by" in some.stdout


def test_class_scores_add_their_metrics(labelfree: Program, tmp_path: Path) -> None:
    for name, seed, shares in (("ref", 1, (0.5, 0.5)), ("now", 2, (0.9, 0.1))):
        rng = np.random.default_rng(seed)
        y = rng.choice(2, 600, p=shares)
        X = 3 * np.eye(2)[y] + rng.normal(size=(600, 2))
        table = {"embedding": list(X), "logits": list(3 * X - 4.5)} | ({"label": y} if name == "ref" else {})
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    report = one_report(labelfree("drift", "now.parquet", "--reference", "ref.parquet", "--json", "-q").stdout)
    metrics = report["metrics"]
    assert metrics["bbse"]["parts"]["shares"] == pytest.approx([0.9, 0.1], abs=0.06)
    assert metrics["mlls"]["parts"]["shares"] == pytest.approx([0.9, 0.1], abs=0.06)
    assert metrics["class_alignment"]["parts"]["classes"] == 2
    without = one_report(
        labelfree("drift", "now.parquet", "--reference", "now.parquet", "--only", "bbse", "--json", "-q").stdout
    )
    assert without["metrics"]["bbse"]["reason_code"] == "no_labels"
