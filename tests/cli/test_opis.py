"""labelfree opis as a user meets it: groups by column, from elsewhere, or none; files, messages and exit codes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.console import Console

import labelfree as package
from labelfree.commands.report import Report
from labelfree.errors import LabelfreeError, UsageError
from labelfree.render.tables.table import show
from printouts import one_report
from program import Program

pytestmark = pytest.mark.once

FAMILY = ["opis", "pseudo_opis", "eps_opis", "mean_utility", "worst_utility"]
BESIDE = ["effective_rank", "mean_cosine"]
T, EACH, D = 20, 10, 12
Matrix = NDArray[np.float32]


def embeddings(seed: int = 0, *, scale: float = 2.0) -> Matrix:
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(T), EACH)
    wide = np.linspace(0.5, 1.5, T)[group, None]
    return (scale * rng.normal(size=(T, D))[group] + wide * rng.normal(size=(len(group), D))).astype(np.float32)


def written(path: Path, X: Matrix, *, order: Any = None, ids: bool = True, **more: Any) -> Path:
    """Rows with an id, a group as text, as integers with nulls, and a name of its own for every row."""
    n = len(X)
    number = np.repeat(np.arange(T), EACH)[:n].tolist()
    columns: dict[str, Any] = {"id": [f"row {i}" for i in range(n)]} if ids else {}
    columns |= {
        "embedding": X.tolist(),
        "product": [f"product {g}" for g in number],
        "some": [None if i < 25 else g for i, g in enumerate(number)],  # two groups and a half, then singletons
        "own": [f"alone {i}" for i in range(n)],
        "share": [0.5 * g for g in number],
        **more,
    }
    table = pa.table(columns)
    pq.write_table(table if order is None else table.take(pa.array(order)), path)
    return path


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program without a process of its own, for the many cases of one message each."""
    from labelfree.cli.main import run

    def called(*arguments: object) -> CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["labelfree", *map(str, arguments)])
        code = run()
        said = capsys.readouterr()
        return CompletedProcess([], code, said.out, said.err)

    return called


@pytest.fixture
def items(tmp_path: Path) -> Path:
    return written(tmp_path / "items.parquet", embeddings())


def measured(program: Program, *arguments: object, code: int = 0, **options: Any) -> dict[str, Any]:
    done = program("opis", *arguments, "--json", **options)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = one_report(done.stdout)
    assert Report.from_json(done.stdout).command == "opis"
    return document


def refused(program: Program, *arguments: object, code: int = 2) -> str:
    done = program("opis", *arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "internal error" not in done.stderr
    return done.stderr


def test_json_holds_the_family_and_what_it_is_read_with(labelfree: Program, items: Path) -> None:
    report = measured(labelfree, items, "--group", "product")
    found = report["metrics"]
    assert set(found) == {*FAMILY, *BESIDE}
    entry = found["opis"]
    expected = package.metrics.opis(embeddings(), np.repeat(np.arange(T), EACH))
    assert entry["value"] == pytest.approx(expected.value, rel=1e-11)
    assert (entry["se"], entry["interval"]) == (None, None)
    assert any(said.startswith("no interval: 20 groups are too few") for said in entry["warnings"])
    assert (entry["kind"], entry["direction"]) == ("rank", "lower")
    assert entry["definition"].startswith("opis/v1")
    params = {k: entry["params"][k] for k in ("far", "space", "reference_curve", "label_source", "circular")}
    assert params == {
        "far": [0.01, 0.1], "space": "l2", "reference_curve": "macro", "label_source": "column", "circular": False,
    }  # fmt: skip
    assert (found["pseudo_opis"]["value"], found["pseudo_opis"]["reason_code"]) == (None, "grouped")
    worst = entry["parts"]["worst_groups"]
    assert len(worst) == 20
    assert {g["group"] for g in worst} == {f"product {i}" for i in range(T)}
    assert found["eps_opis"]["params"]["eps"] == 0.1
    settings = {k: report["settings"][k] for k in ("group", "far", "space", "sample", "clusters")}
    assert settings == {
        "group": "product", "far": [0.01, 0.1], "space": "l2", "sample": 100_000, "clusters": "crossfit",
    }  # fmt: skip


def test_without_groups_the_headline_is_another_one(inside: Program, items: Path) -> None:
    found = measured(inside, items, "--k", "5,10", "--seeds", "2")["metrics"]
    assert (found["opis"]["value"], found["opis"]["reason_code"]) == (None, "pseudo_groups")
    entry = found["pseudo_opis"]
    assert entry["params"]["label_source"] == "crossfit"
    about = entry["parts"]["pseudo"]
    assert [run["k"] for run in about["runs"]] == [5, 10]
    assert about["k"] in (5, 10)
    assert all(run["opis"]["low"] <= run["opis"]["median"] <= run["opis"]["high"] for run in about["runs"])
    assert set(about["null"]) == {"opis", "mean_utility"}
    assert found["mean_utility"]["parts"]["null"] == about["null"]["mean_utility"]
    table = inside("opis", items, "--k", "5,10", "--seeds", "2").stdout
    assert "pseudo-groups (cross-fitted k-means)" in table
    assert [line.split()[0] for line in table.splitlines()[5:8]] == ["pseudo_opis", "mean_utility", "worst_utility"]


def test_the_table(inside: Program, items: Path) -> None:
    done = inside("opis", items, "--group", "product")
    state, *lines = done.stdout.splitlines()
    assert state.startswith("healthy: ")
    assert (done.returncode, lines[0]) == (0, f"opis  {items}")
    names = ["opis", "mean_utility", "worst_utility", "eps_opis", *BESIDE]
    assert [line.split()[0] for line in lines[4:10]] == names
    assert "chance: 0.0" in lines[5]
    assert "groups of the column: 20 of 10 rows" in done.stdout
    assert "which OPIS does not see" in done.stdout
    assert "internal" not in done.stderr


@pytest.mark.parametrize("options", [{"group": "product"}, {"k": (5,), "seeds": 1}, {"group": "long"}])
@pytest.mark.parametrize("several", [False, True])
def test_nothing_is_cut_in_a_terminal_of_80_columns(tmp_path: Path, options: dict[str, Any], several: bool) -> None:
    long = [f"a name of a product that goes on and on and on, number {i // EACH}" for i in range(T * EACH)]
    reports = [
        package.opis(written(tmp_path / f"epoch_{i}.parquet", embeddings(i), long=long), **options)
        for i in range(1 + several)
    ]
    console = Console(width=80, force_terminal=True, color_system=None, file=io.StringIO(), highlight=False)
    show(console, reports, everything=False)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().split("\n")]
    assert all(cell_len(line) <= 80 for line in lines)
    assert "…" not in "".join(lines)
    text = " ".join("".join(lines).split())
    for report in reports:
        for name in FAMILY:
            value = report[name].value
            assert value is None or f"{value:.5g}"[:4] in text


def test_several_sources(labelfree: Program, items: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.parquet", embeddings(0, scale=0.5))
    done = labelfree("opis", items, other, "--group", "product", "--json", "-o", "groups.parquet")
    document = json.loads(done.stdout)
    assert [r["input"]["sources"] for r in document["reports"]] == [[str(items)], [str(other)]]
    hashes = {r["metrics"]["opis"]["params"]["groups_hash"] for r in document["reports"]}
    assert len(hashes) == 1
    table = pq.read_table(tmp_path / "groups.parquet")
    assert table.column_names == [
        "source", "series", "group", "rows", "positives", "negatives", "utility", "contribution", "far_low",
        "frr_low", "far_high", "frr_high", "eer", "eer_threshold", "recall_at_1",
    ]  # fmt: skip
    for report in document["reports"]:
        mine = [row for row in table.to_pylist() if row["source"] == report["input"]["sources"][0]]
        assert sorted(row["group"] for row in mine) == sorted(f"product {i}" for i in range(T))
        entry = report["metrics"]["opis"]
        assert np.mean([row["contribution"] for row in mine]) == pytest.approx(entry["value"], rel=1e-9)
        assert np.mean([row["utility"] for row in mine]) == pytest.approx(
            report["metrics"]["mean_utility"]["value"], rel=1e-9
        )
        assert mine[0]["group"] == entry["parts"]["worst_groups"][0]["group"]


@pytest.mark.parametrize("several", [False, True])
def test_pictures(items: Path, tmp_path: Path, several: bool) -> None:
    pytest.importorskip("matplotlib")
    from labelfree.render.files import write

    report = package.opis(items, group="product")
    for suffix in ("svg", "png"):
        write([report] * (1 + several), tmp_path / f"curves.{suffix}", everything=False)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "curves.svg").read_text()
    assert text.count("<svg") == 1
    assert "nan" not in text.lower().replace("finance", "")


def test_null_groups_and_singletons_are_left_out_and_counted(inside: Program, items: Path, tmp_path: Path) -> None:
    report = package.opis(items, group="some")
    p = report["opis"].parts
    assert (p["rows_without_group"], p["groups"], p["rows"], p["singletons_left_out"]) == (25, 18, 175, 0)
    group = np.repeat(np.arange(T), EACH)[25:]
    assert report["opis"].value == pytest.approx(package.metrics.opis(embeddings()[25:], group).value, rel=1e-11)
    assert {row["group"] for row in p["worst_groups"]} == set(range(2, 20))
    lonely = np.repeat(np.arange(T), EACH)
    lonely[:3] = [100, 101, 102]
    found = package.opis({"embedding": embeddings(), "g": lonely}, group="g")["opis"].parts
    assert (found["singletons_left_out"], found["rows"], found["size_min"]) == (3, 197, 7)
    said = inside("opis", items, "--group", "some").stdout
    assert "18 of 5 to 10 rows" in said
    assert "left out: 25 rows without a group" in said
    own = ["one of a kind" if i == 7 else f"product {i // EACH}" for i in range(T * EACH)]
    written(tmp_path / "own.parquet", embeddings(), own=own)
    assert "left out: 1 group of one row" in inside("opis", "own.parquet", "--group", "own").stdout


def test_only_singletons_are_3_and_still_printed(inside: Program, items: Path) -> None:
    report = measured(inside, items, "--group", "own", code=3)
    assert report["metrics"]["opis"]["reason_code"] == "insufficient"
    assert "200 of one row" in report["metrics"]["opis"]["reason"]
    table = inside("opis", items, "--group", "own")
    assert table.returncode == 3
    assert "undefined: needs at least 2 groups" in table.stdout


def test_collapse_is_3_and_null(inside: Program, tmp_path: Path) -> None:
    X = np.tile(np.arange(1.0, D + 1), (T * EACH, 1)).astype(np.float32)
    report = measured(inside, written(tmp_path / "x.parquet", X), "--group", "product", code=3)
    for name in ("opis", "eps_opis", "mean_utility", "worst_utility"):
        entry = report["metrics"][name]
        assert (entry["value"], entry["status"], entry["reason_code"]) == (None, "undefined", "degenerate_range")


def test_groups_from_other_embeddings_of_the_same_items_in_another_order(items: Path, tmp_path: Path) -> None:
    clear = embeddings(0, scale=9.0)
    reports = []
    for name, order in (("same", None), ("turned", np.random.default_rng(0).permutation(T * EACH))):
        other = written(tmp_path / f"{name}.parquet", clear, order=order)
        reports.append(package.opis(items, groups_from=other, k=T))
    found = [report["opis"] for report in reports]
    assert found[0].params["label_source"] == "other_space"
    assert found[0].value == pytest.approx(found[1].value, rel=1e-11)
    assert reports[0]["pseudo_opis"].reason_code == "grouped"
    truth = package.opis(items, group="product")["opis"]
    assert found[0].value == pytest.approx(truth.value, rel=0.5)  # clusters that are all but the products
    fewer = written(tmp_path / "fewer.parquet", clear[:150])
    parts = package.opis(items, groups_from=fewer, k=15)["opis"].parts
    assert (parts["rows"] + parts["singletons_left_out"], parts["rows_without_group"]) == (150, 50)


def test_frozen_groups_judge_other_checkpoints_whatever_the_seed(inside: Program, items: Path, tmp_path: Path) -> None:
    first = measured(inside, items, "--k", "10", "--seeds", "2", "--freeze", "frozen.parquet")
    later = written(tmp_path / "later.parquet", embeddings(0, scale=3.0), order=np.arange(T * EACH)[::-1])
    reports = [measured(inside, later, "--groups-from", "frozen.parquet", "--seed", seed, "-q") for seed in (0, 7)]
    entries = [report["metrics"]["pseudo_opis"] for report in reports]
    assert entries[0]["value"] == pytest.approx(entries[1]["value"], rel=1e-9)
    params = entries[0]["params"]
    assert (params["label_source"], params["frozen"], params["circular"]) == ("crossfit", True, False)
    assert entries[0]["parts"]["rows_without_group"] == 0
    assert entries[0]["parts"]["groups"] <= first["metrics"]["pseudo_opis"]["parts"]["groups"] + 1
    assert params["groups_hash"] == entries[1]["params"]["groups_hash"]
    stored = pq.read_table(tmp_path / "frozen.parquet")
    assert stored.column_names == ["key", "id", "group"]
    assert stored.num_rows == T * EACH
    unnamed = written(tmp_path / "unnamed.parquet", embeddings(), ids=False)
    assert "frozen groups are by ids" in refused(inside, unnamed, "--groups-from", "frozen.parquet")


def test_frozen_groups_have_the_value_of_their_labels_anywhere(items: Path, tmp_path: Path) -> None:
    package.opis(items, k=10, seeds=2, freeze=tmp_path / "f.parquet")
    stored = pq.read_table(tmp_path / "f.parquet").to_pydict()
    label = dict(zip(stored["id"], stored["group"], strict=True))
    group = [label[f"row {i}"] for i in range(T * EACH)]
    expected = package.metrics.opis(embeddings(), group)
    found = package.opis(items, groups_from=tmp_path / "f.parquet")["pseudo_opis"]
    assert found.value == pytest.approx(expected.value, rel=1e-11)


SMALL = ["--k", "6", "--seeds", "1"]
REFUSED: dict[str, tuple[list[str], str]] = {
    "unknown column": (["--group", "produkt"], "no column 'produkt'; the columns are id, embedding, product"),
    "column of floats": (["--group", "share"], "expected integers or text"),
    "far": (["--far", "0.1"], "far: expected LOW:HIGH with 0 < LOW < HIGH < 1, such as 0.01:0.1, found '0.1'"),
    "far order": (["--far", "0.1:0.01"], "far: expected LOW:HIGH"),
    "k": (["--k", "five"], "--k: expected whole numbers separated by commas, such as 10,20,40, found 'five'"),
    "k of one": (["--k", "1,5"], "k: expected numbers of groups of at least 2"),
    "seeds": (["--seeds", "0"], "--seeds"),
    "group and k": (["--group", "product", "--k", "5"], "--k: has no effect beside --group"),
    "group and seeds": (["--group", "product", "--seeds", "3"], "--seeds: has no effect beside --group"),
    "group and freeze": (["--group", "product", "--freeze", "f.parquet"], "--freeze: has no effect beside --group"),
    "groups": (["--group", "product", "--groups-from", "items.parquet"], "--groups-from: has no effect beside --group"),
    "from and freeze": (["--groups-from", "items.parquet", "--freeze", "f.parquet"], "freeze: has no effect"),
    "from and seeds": (["--groups-from", "items.parquet", "--seeds", "2"], "seeds: has no effect"),
    "from and several k": (["--groups-from", "items.parquet", "--k", "5,6"], "k: expected one number of groups"),
    "from nowhere": (["--groups-from", "none.parquet"], "none.parquet: no such file or directory"),
    "memory": (["--group", "product", "--memory", "1MB"], "need about"),
    "only": (["--only", "opsi"], "did you mean 'opis'?"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_usage_is_2(case: str, inside: Program, items: Path) -> None:
    arguments, said = REFUSED[case]
    assert said in refused(inside, items, *arguments)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": ("5", "x")}, "k: expected numbers of groups of at least 2"),
        ({"k": 5.5}, "k: expected numbers of groups of at least 2"),
        ({"space": "l1"}, "space: expected one of l2, cosine, found 'l1'"),
        ({"group": "product", "clusters": "same-space"}, "clusters: has no effect beside group"),
        ({"groups_from": "items.parquet", "clusters": "same-space"}, "clusters: has no effect"),
        ({"clusters": "own"}, "clusters: expected 'crossfit' or 'same-space', found 'own'"),
        ({"fars": 0.1}, "opis has no option 'fars'; did you mean 'far'?"),
        ({"normalize": "l2"}, "opis has no option 'normalize'"),
    ],
)
def test_bad_options_in_python(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        package.opis(embeddings(), **options)
    assert said in str(raised.value)


def test_k_of_frozen_groups_is_refused(items: Path, tmp_path: Path) -> None:
    package.opis(items, k=6, seeds=1, freeze=tmp_path / "f.parquet")
    with pytest.raises(UsageError, match="holds groups that were made before"):
        package.opis(items, groups_from=tmp_path / "f.parquet", k=6)


def test_too_many_groups_for_the_rows_are_3(inside: Program, items: Path) -> None:
    entry = measured(inside, items, "--k", "500", "--seeds", "1", code=3)["metrics"]["pseudo_opis"]
    assert (entry["value"], entry["reason_code"]) == (None, "insufficient")
    assert "500 groups need at least 500 rows, found 200" in entry["reason"]


def test_the_space_of_thresholds(items: Path) -> None:
    group = np.repeat(np.arange(T), EACH)
    for space in ("l2", "cosine"):
        found = package.opis(items, group="product", space=space)["opis"]
        assert found.value == pytest.approx(package.metrics.opis(embeddings(), group, space=space).value, rel=1e-11)
        assert found.params["space"] == space


@pytest.mark.parametrize("column", ["product", "some"])
def test_a_sample_is_of_whole_groups(items: Path, column: str) -> None:
    seen = set()
    for seed in range(4):
        report = package.opis(items, group=column, sample=63, seed=seed)
        parts = report["opis"].parts
        rows = {g["group"]: g["rows"] for g in parts["worst_groups"]}
        assert parts["rows"] <= 63
        assert set(rows.values()) <= {5, EACH}
        assert all(count == EACH or name == 2 for name, count in rows.items())
        assert len(rows) >= 5
        seen.add(tuple(sorted(map(str, rows))))
    assert len(seen) > 1  # other seeds, other groups


def test_a_sample_of_groups_is_said(items: Path) -> None:
    report = package.opis(items, group="product", sample=63)
    whole = package.opis(items, group="product")
    with pytest.raises(UsageError, match="cannot be compared"):
        package.gate(report, against=whole, max_drop=["opis=50%", "mean_utility=50%"])


def test_a_sample_that_opis_does_not_use_is_not_said_to_be_its() -> None:
    X = np.random.default_rng(0).normal(size=(5600, 3)).astype(np.float32)
    report = package.opis({"embedding": X, "g": np.arange(5600) // 8}, group="g")
    assert report["opis"].parts["rows"] == 5600
    assert report.input.sample is None


def test_evaluate_and_opis_agree_or_say_why_not() -> None:
    X = np.random.default_rng(0).normal(size=(5600, 3)).astype(np.float32)
    data = {"embedding": X, "g": np.arange(5600) // 8}
    ours = package.opis(data, group="g", only=("opis",))
    theirs = package.evaluate(data, group="g", only=("opis",))
    assert ours["opis"].value == theirs["opis"].value or ours["opis"].params != theirs["opis"].params


def test_history_and_gate(labelfree: Program, tmp_path: Path) -> None:
    for step, scale in enumerate((1.0, 2.0)):
        path = written(tmp_path / f"epoch_{step}.parquet", embeddings(0, scale=scale))
        done = labelfree("opis", path, "--group", "product", "--append", "h.jsonl", "-o", f"{step}.json")
        assert done.returncode == 0, done.stderr
    alone = labelfree("gate", "--history", "h.jsonl", "--require", "opis <= 0.2")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "needs one on mean_utility beside it" in alone.stderr
    both = ("--require", "opis <= 0.2", "--require", "mean_utility >= 0.3")
    assert labelfree("gate", "--history", "h.jsonl", *both).returncode == 0
    assert labelfree("gate", "1.json", "--require", "opis <= 0", "--require", "mean_utility >= 0").returncode == 10
    drop = ("--against", "0.json", "--max-drop", "opis=50%", "--max-drop", "mean_utility=5%")
    done = labelfree("gate", "1.json", *drop)
    assert done.returncode in (0, 10, 13)
    assert "cannot be compared" not in done.stderr


def test_other_groups_ranges_and_spaces_are_not_compared(items: Path) -> None:
    base = package.opis(items, group="product")
    swapped = np.repeat(np.arange(T), EACH)
    swapped[[0, 199]] = swapped[[199, 0]]
    ids = [f"row {i}" for i in range(T * EACH)]
    before = package.opis({"id": ids, "embedding": embeddings(), "g": np.repeat(np.arange(T), EACH)}, group="g")
    after = package.opis({"id": ids, "embedding": embeddings(), "g": swapped}, group="g")
    limits = ["opis=50%", "mean_utility=50%"]
    with pytest.raises(LabelfreeError, match=r"cannot be compared: .*groups_hash"):
        package.gate(after, against=before, max_drop=limits)
    for options in ({"far": "0.01:0.2"}, {"space": "cosine"}):
        other = package.opis(items, group="product", **options)  # type: ignore[call-overload]
        with pytest.raises(LabelfreeError, match="cannot be compared"):
            package.gate(other, against=base, max_drop=limits)
    assert package.gate(base, against=base, max_drop=limits)["verdict"]["decision"] == "pass"


def test_undefined_never_passes(tmp_path: Path) -> None:
    X = np.ones((40, 4), np.float32)
    report = package.opis({"embedding": X, "g": np.arange(40) // 5}, group="g")
    verdict = package.gate(report, require=["opis <= 0.25", "mean_utility >= 0"])["verdict"]
    assert (verdict["exit_code"], verdict["reason"]) == (10, "undefined")


def test_evaluate_holds_the_family_where_there_are_groups(items: Path) -> None:
    grouped = package.evaluate(items, group="product", sample=200)
    assert set(FAMILY) <= set(grouped.metrics)
    assert grouped["opis"].value == package.opis(items, group="product")["opis"].value
    assert {"lidar", "rankme", "separability"} <= set(grouped.metrics)
    assert not set(FAMILY) & set(package.evaluate(items, sample=200).metrics)


def test_bad_rows_are_refused_or_dropped(labelfree: Program, tmp_path: Path) -> None:
    X = embeddings()
    X[3, 2], X[150] = np.nan, 0.0
    path = written(tmp_path / "bad.parquet", X)
    said = refused(labelfree, path, "--group", "product")
    assert "1 of 200 rows hold NaN or infinity, first at row 3" in said
    assert "1 of 200 rows are zero, first at row 150" in said
    assert "--on-bad drop" in said
    report = measured(labelfree, path, "--group", "product", "--on-bad", "drop")
    rows = report["input"]["rows"]
    assert (rows["read"], rows["used"], rows["nonfinite"], rows["zero"]) == (200, 198, 1, 1)
    kept = np.setdiff1d(np.arange(200), [3, 150])
    group = np.repeat(np.arange(T), EACH)[kept]
    expected = package.metrics.opis(X[kept], group).value
    assert report["metrics"]["opis"]["value"] == pytest.approx(expected, rel=1e-11)
    worst = {g["group"]: g["rows"] for g in report["metrics"]["opis"]["parts"]["worst_groups"]}
    assert (worst["product 0"], worst["product 15"], worst["product 7"]) == (9, 9, 10)


def test_empty_sources_say_why(inside: Program, tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"embedding": pa.array([], pa.list_(pa.float32(), 4)), "g": pa.array([], pa.string())}),
        tmp_path / "empty.parquet",
    )
    for options in (["--group", "g"], []):
        done = inside("opis", "empty.parquet", *options)
        assert done.returncode in (2, 3)
        assert "internal error" not in done.stderr


def test_the_bytes_are_the_same_again(labelfree: Program, items: Path) -> None:
    asked = (items, "--group", "product", "--json")
    first = labelfree("opis", *asked, started=True).stdout  # each start has its own seed of hashes
    assert labelfree("opis", *asked, "--threads", "1", started=True).stdout == first


def test_explain(inside: Program) -> None:
    done = inside("explain", "opis")
    assert done.returncode == 0
    for words in ("lower is better", "ICLR 2024", "When it lies", "mean_utility"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("groups.csv", "suffix"), ("missing/groups.parquet", "does not exist"), ("items.parquet", "would overwrite"),
    ],
)  # fmt: skip
def test_where_groups_are_frozen_is_checked_before_any_work(
    target: str, said: str, inside: Program, items: Path
) -> None:
    before = items.read_bytes()
    done = inside("opis", items, *SMALL, "--freeze", target)
    assert items.read_bytes() == before
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize("case", ["several", "only", "undefined"])
def test_freezing_nothing_or_twice_is_refused(case: str, inside: Program, items: Path, tmp_path: Path) -> None:
    arguments: dict[str, list[Any]] = {
        "several": [items, written(tmp_path / "b.parquet", embeddings(3)), *SMALL],
        "only": [items, "--only", "mean_cosine", *SMALL],
        "undefined": [items, "--k", "500", "--seeds", "1"],
    }
    done = inside("opis", *arguments[case], "--freeze", "f.parquet")
    if case == "undefined":
        assert done.returncode == 3
        assert "no groups were frozen: 500 groups need at least 500 rows" in done.stdout
    else:
        assert done.returncode == 2
    assert not (tmp_path / "f.parquet").exists()
