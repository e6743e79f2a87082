"""labelfree separability as a user meets it: files in, one document out, messages and exit codes."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree as package
from clouds import clumps, reference_sets
from labelfree.commands.report import Report
from labelfree.errors import installing
from printouts import one_report
from program import Program

pytestmark = pytest.mark.once

DATA = Path(package.__file__).parent / "demo_data"
EPOCH = DATA / "epoch_05.parquet"
NAMES = ["separability", "separability_robust", "persistence_entropy", "total_persistence"]
BESIDE = ["effective_rank", "mean_cosine"]
T10 = reference_sets()["T10"]
GIOTTO = importlib.util.find_spec("gtda") is not None
needs_giotto = pytest.mark.skipif(not GIOTTO, reason="giotto-tda has no build for this environment")


def measured(program: Program, *arguments: object, code: int = 0, **options: Any) -> dict[str, Any]:
    done = program("separability", *arguments, "--json", **options)
    assert done.returncode == code, done.stderr
    assert Report.from_json(done.stdout).command == "separability"
    document: dict[str, Any] = one_report(done.stdout)
    return document


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    path = tmp_path / "t10.npy"
    np.save(path, T10)
    return path


def test_json_holds_the_family_and_what_it_is_read_with(labelfree: Program) -> None:
    report = measured(labelfree, EPOCH)
    assert set(report["metrics"]) == {*NAMES, *BESIDE}
    entry = report["metrics"]["separability"]
    assert entry["value"] == pytest.approx(package.separability(EPOCH)["separability"].value, rel=1e-11)
    assert entry["interval"][0] < entry["value"] < entry["interval"][1]
    assert entry["params"]["definition_id"] == "topo-sep/v1"
    assert entry["params"]["rows"] == 400
    assert (entry["kind"], entry["direction"]) == ("rank", "higher")
    assert {k: report["settings"][k] for k in ("normalize", "metric", "engine", "homology", "sample")} == {
        "normalize": "l2", "metric": "euclidean", "engine": "auto", "homology": 0, "sample": 10_000,
    }  # fmt: skip


def test_the_table(labelfree: Program) -> None:
    done = labelfree("separability", EPOCH)
    state, *lines = done.stdout.splitlines()
    assert state.startswith("healthy: ")
    assert done.returncode == 0
    assert lines[0] == f"separability  {EPOCH}"
    assert [line.split()[0] for line in lines[4:10]] == [*NAMES, *BESIDE]
    assert "structure-free" in lines[4]
    assert "singular values" not in done.stdout


def test_several_sources(labelfree: Program) -> None:
    sources = [DATA / f"epoch_0{i}.parquet" for i in (0, 3, 7)]
    document = json.loads(labelfree("separability", *sources, "--json").stdout)
    assert [r["input"]["sources"] for r in document["reports"]] == [[str(s)] for s in sources]
    assert document["across"]["comparable"]
    values = [r["metrics"]["separability"]["value"] for r in document["reports"]]
    assert values == [pytest.approx(package.separability(s)["separability"].value, rel=1e-11) for s in sources]
    table = labelfree("separability", *sources).stdout
    assert table.splitlines()[3] == "separability  3 sources"


def test_only(labelfree: Program) -> None:
    report = measured(labelfree, EPOCH, "--only", "separability_robust,mean_cosine")
    assert set(report["metrics"]) == {"separability_robust", "mean_cosine"}
    done = labelfree("separability", EPOCH, "--only", "separabilty")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'separability'?" in done.stderr


@pytest.mark.parametrize("normalize", ["none", "layernorm", "zscore"])
def test_normalize(labelfree: Program, cloud: Path, normalize: str) -> None:
    entry = measured(labelfree, cloud, "--normalize", normalize)["metrics"]["separability"]
    expected = package.metrics.separability(T10, normalize=normalize)
    assert entry["value"] == pytest.approx(expected.value, rel=1e-11)
    assert entry["params"]["normalize"] == normalize
    if normalize == "none":
        assert entry["value"] == pytest.approx(0.405871193318, abs=1e-11)


def test_cosine(labelfree: Program, cloud: Path) -> None:
    entry = measured(labelfree, cloud, "--metric", "cosine")["metrics"]["separability"]
    assert entry["value"] == pytest.approx(0.62811774, abs=5e-9)
    assert entry["params"]["metric"] == "cosine"


@needs_giotto
def test_the_engine_giotto_agrees_and_does_not_know_sizes(labelfree: Program, cloud: Path) -> None:
    ours = measured(labelfree, cloud)["metrics"]
    theirs = measured(labelfree, cloud, "--engine", "giotto")["metrics"]
    for name in ("separability", "persistence_entropy", "total_persistence"):
        assert theirs[name]["value"] == pytest.approx(ours[name]["value"], rel=1e-6)
        assert theirs[name]["params"]["engine"] == "giotto"
    assert theirs["separability_robust"]["value"] is None
    assert theirs["separability_robust"]["reason_code"] == "engine"
    assert "--engine auto" in theirs["separability_robust"]["reason"]


@needs_giotto
@pytest.mark.filterwarnings("ignore")
def test_homology(labelfree: Program, cloud: Path) -> None:
    every = ",".join((*NAMES, "h1_total_persistence", *BESIDE))
    found = measured(labelfree, cloud, "--normalize", "none", "--only", every)["metrics"]
    assert set(found) == {*NAMES, *BESIDE, "h1_total_persistence"}
    assert found["h1_total_persistence"]["value"] == pytest.approx(10.30189, abs=1e-4)
    assert found["h1_total_persistence"]["parts"]["bars"] == 51
    table = labelfree("separability", cloud, "--normalize", "none", "--only", every).stdout
    assert [line.split()[0] for line in table.splitlines()[5:12]] == [*NAMES, "h1_total_persistence", *BESIDE]
    assert set(package.separability(T10, only="h1_total_persistence").metrics) == {"h1_total_persistence"}


@pytest.mark.parametrize("asked", [("--only", "h1_total_persistence"), ("--engine", "giotto")])
def test_without_giotto_the_message_is_the_pip_line(
    labelfree: Program, cloud: Path, tmp_path: Path, asked: tuple[str, str]
) -> None:
    blocker = "import sys\nsys.modules['gtda'] = sys.modules['gtda.homology'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(blocker)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = labelfree("separability", cloud, *asked, env={"PYTHONPATH": path})
    assert (done.returncode, done.stdout) == (2, "")
    assert asked[1] in done.stderr
    assert done.stderr.rstrip().endswith(installing("giotto"))
    assert labelfree("separability", cloud, env={"PYTHONPATH": path}).returncode == 0


def test_a_sample_is_said(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(900, 8)))
    done = labelfree("separability", "x.npy", "--sample", "500")
    assert "a sample of 500 rows, seed 0 (--sample)" in done.stdout
    report = measured(labelfree, "x.npy", "--sample", "500", "--seed", "3")
    assert report["input"]["sample"] == {"size": 500, "seed": 3}
    assert report["metrics"]["separability"]["params"]["rows"] == 500
    assert report["metrics"]["separability"]["parts"]["bars"] == 499
    assert measured(labelfree, "x.npy", "--sample", "all")["input"]["sample"] is None


@pytest.fixture
def with_zeros(tmp_path: Path) -> Path:
    path = tmp_path / "zeros.npy"
    np.save(path, np.vstack([T10[:30], np.zeros((2, 16)), T10[30:]]))
    return path


def test_zero_rows_are_refused_or_dropped(labelfree: Program, with_zeros: Path, cloud: Path) -> None:
    done = labelfree("separability", with_zeros)
    assert (done.returncode, done.stdout) == (2, "")
    assert "2 of 102 rows are zero, first at row 30; drop them with --on-bad drop" in done.stderr
    report = measured(labelfree, with_zeros, "--on-bad", "drop")
    rows = report["input"]["rows"]
    assert (rows["read"], rows["used"], rows["zero"]) == (102, 100, 2)
    expected = measured(labelfree, cloud)["metrics"]["separability"]["value"]
    assert report["metrics"]["separability"]["value"] == pytest.approx(expected, rel=1e-11)


def test_evaluate_holds_the_family_and_does_not_refuse_zero_rows(labelfree: Program, with_zeros: Path) -> None:
    document = one_report(labelfree("evaluate", EPOCH, "--json").stdout)
    assert {*NAMES, "rankme"} <= set(document["metrics"])
    done = labelfree("evaluate", with_zeros, "--json")
    assert done.returncode == 0
    document = one_report(done.stdout)
    assert Report.from_json(done.stdout).command == "evaluate"
    assert document["metrics"]["rankme"]["value"] is not None
    for name in NAMES:
        entry = document["metrics"][name]
        assert (entry["value"], entry["status"], entry["reason_code"]) == (None, "undefined", "zero_rows")
        assert "2 rows are zero" in entry["reason"]


@pytest.mark.parametrize(("X", "code"), [(np.eye(2), "insufficient"), (np.ones((9, 3)), "collapsed")])
def test_undefined_is_3_and_still_printed(labelfree: Program, tmp_path: Path, X: Any, code: str) -> None:
    np.save(tmp_path / "x.npy", X)
    report = measured(labelfree, "x.npy", code=3)
    assert report["metrics"]["separability"]["reason_code"] == code


def test_the_table_says_why_it_is_undefined(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((9, 3)))
    table = labelfree("separability", "x.npy")
    assert table.returncode == 3
    assert "undefined: all 9 rows are equal" in table.stdout
    assert labelfree("evaluate", "x.npy").returncode == 0


def test_deaths_as_a_file(labelfree: Program, cloud: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"embedding": T10.tolist()}), tmp_path / "t10.parquet")
    report = measured(labelfree, "t10.parquet", "--normalize", "none", "-o", "deaths.parquet")
    table = pq.read_table(tmp_path / "deaths.parquet")
    assert table.column_names == ["source", "series", "index", "death", "smaller", "larger"]
    assert set(table["series"].to_pylist()) == {"deaths"}
    death = table["death"].to_numpy()
    assert len(death) == 99
    assert (np.diff(death) <= 0).all()
    assert death.sum() == pytest.approx(395.357797740549, rel=1e-11)
    first = {name: table[name][0].as_py() for name in ("death", "smaller", "larger")}
    assert first == pytest.approx(report["metrics"]["separability"]["parts"]["largest"][0], rel=1e-11)
    both = table["smaller"].to_numpy() + table["larger"].to_numpy()
    assert both.max() == 100
    assert measured(labelfree, cloud, "--only", "mean_cosine")["metrics"].keys() == {"mean_cosine"}
    done = labelfree("separability", cloud, "--only", "mean_cosine", "-o", "none.parquet")
    assert done.returncode == 2
    assert "no long form" in done.stderr


COLLAPSED = {
    "points": (clumps(1e-6, k=5, m=60, d=16, apart=1.0), "thousandth of the way between clusters"),
    "line": (np.outer(np.random.default_rng(0).normal(size=300), np.arange(1.0, 9.0))
             + 1e-3 * np.random.default_rng(1).normal(size=(300, 8)), "the effective rank is 1.0"),
    "copies": (clumps(0.0, k=5, m=60, d=16, apart=1.0), "98 % of the rows repeat another one"),
}  # fmt: skip


@pytest.mark.parametrize("kind", COLLAPSED)
def test_collapse_is_named(labelfree: Program, tmp_path: Path, kind: str) -> None:
    X, sign = COLLAPSED[kind]
    np.save(tmp_path / "x.npy", X)
    entry = measured(labelfree, "x.npy")["metrics"]["separability"]
    assert entry["value"] > 0.9
    assert any(sign in said for said in entry["parts"]["collapse"])
    assert "possible collapse" in entry["warnings"][0]
    table = labelfree("separability", "x.npy").stdout
    assert "error: separability: possible collapse" in table
    assert sign in table


def test_the_bytes_are_the_same_again(labelfree: Program) -> None:
    first = labelfree("separability", EPOCH, "--json", started=True).stdout  # each start has its own seed of hashes
    assert labelfree("separability", EPOCH, "--json", started=True).stdout == first
    assert labelfree("separability", EPOCH, "--json", "--threads", "1").stdout == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--normalize", "l1"], "'l1' is not one of"),
        (["--only", "rankme"], "no metric 'rankme' in separability"),
    ],
)
def test_bad_usage_is_2(labelfree: Program, arguments: list[str], message: str) -> None:
    done = labelfree("separability", EPOCH, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalize": "l1"}, "normalize: expected one of l2, none, layernorm, zscore, found 'l1'"),
        ({"metric": "manhattan"}, "metric: expected one of euclidean, cosine, found 'manhattan'"),
        ({"engine": "ripser"}, "engine: expected one of auto, giotto, found 'ripser'"),
        ({"homology": 2}, "homology: expected 0 or 1, found 2"),
        ({"normalise": "l2"}, "did you mean 'normalize'?"),
    ],
)
def test_bad_options_in_python(options: dict[str, Any], message: str) -> None:
    with pytest.raises(package.LabelfreeError) as raised:
        package.separability(T10, **options)
    assert message in str(raised.value)
