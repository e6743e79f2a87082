"""A metric stands in two places, its row in the catalog and its file; everything else finds it there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from labelfree.catalog import CATALOG, COLLAPSE_METRICS, COMMANDS, METRIC_NAMES, command, entry, shown_in
from labelfree.families import metric, metrics
from printouts import one_report
from repository import ROOT

pytestmark = pytest.mark.once

ROW = '    CatalogEntry("toy_spread", "rank/toy", "rank", "higher", shown=7, worst=2),\n'
FILE = '''
"""The spread of the rows."""

from __future__ import annotations

from typing import Any

from labelfree.evidence.evidence import Evidence, evidence
from labelfree.families.spec import FROM_MOMENTS, Metric
from labelfree.results import Result, measured


def _toy_spread(e: Evidence) -> Result:
    return measured(2.0 + e.centered.eigenvalues.sum(), low=2.0)


def toy_spread(X: Any) -> Result:
    """Two and the total variance of the rows.

    Formula: 2 + tr(C).
    Input: X (n, d) finite real numbers.
    Range: 2 to infinity.
    Undefined: never.
    Cost: none beyond the moments.
    Source: ours. Deviations: none.
    """
    return _toy_spread(evidence(X))


METRICS = (Metric(toy_spread, _toy_spread, FROM_MOMENTS, 2, "nowhere but in this test", "2 + tr(C)"),)
'''


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its documents with one metric more, added in the two places."""
    place = tmp_path_factory.mktemp("house")
    for folder in ("src", "docs", "benchmarks/results"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
    catalog = place / "src" / "labelfree" / "catalog.py"
    text = catalog.read_text()
    before = '    CatalogEntry("twonn"'
    assert text.count(before) == 1
    catalog.write_text(text.replace(before, ROW + before))
    (place / "src" / "labelfree" / "families" / "rank" / "toy.py").write_text(FILE)
    np.save(place / "rows.npy", np.random.default_rng(0).normal(size=(40, 3)))
    return place


def run(house: Path, *arguments: str, code: int = 0) -> str:
    """What the program of that house prints on both streams."""
    environment = {**os.environ, "PYTHONPATH": str(house / "src"), "NO_COLOR": "1", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=house, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def labelfree(house: Path, *arguments: str, code: int = 0) -> str:
    return run(house, "-m", "labelfree", *arguments, code=code)


def test_it_is_in_the_tables(house: Path) -> None:
    assert "toy_spread" in labelfree(house, "rank", "rows.npy")  # shown=7
    assert "toy_spread" in labelfree(house, "rank", "rows.npy", "--all")
    alone = one_report(labelfree(house, "rank", "rows.npy", "--only", "toy_spread", "--json", "-q"))
    entry = alone["metrics"]["toy_spread"]
    rows = np.load(house / "rows.npy")
    assert entry["value"] == pytest.approx(2 + rows.var(axis=0).sum())
    assert (entry["kind"], entry["direction"], entry["definition"]) == ("rank", "higher", "2 + tr(C)")
    assert "toy_spread" in one_report(labelfree(house, "evaluate", "rows.npy", "--json", "-q"))["metrics"]


def test_it_is_explained(house: Path) -> None:
    assert "Two and the total variance of the rows." in labelfree(house, "explain")
    told = labelfree(house, "explain", "toy_spread")
    assert "2 + tr(C)" in told
    assert "nowhere but in this test" in told


def test_the_gate_knows_its_name_its_direction_and_its_end(house: Path) -> None:
    labelfree(house, "rank", "rows.npy", "-o", "report.json")
    labelfree(house, "gate", "report.json", "--require", "toy_spread > 2")
    labelfree(house, "gate", "report.json", "--require", "toy_spread > 1000", code=10)
    assert "did you mean 'toy_spread'" in labelfree(house, "gate", "report.json", "--require", "toy_spred > 2", code=2)
    bound = ("gate", "report.json", "--against", "report.json", "--max-drop")
    assert "never below 2" in labelfree(house, *bound, "toy_spread=50", code=2)
    labelfree(house, *bound, "toy_spread=50%")
    labelfree(house, "rank", "rows.npy", "--append", "run.jsonl", "--step", "1", "--only", "toy_spread")
    said = labelfree(house, "gate", "--history", "run.jsonl", "--plateau", "toy_spread", "--json")
    assert json.loads(said)["verdict"]["conditions"][0]["metric"] == "toy_spread"


def test_it_is_in_the_schema_and_the_documents(house: Path) -> None:
    report = json.loads(labelfree(house, "schema"))["$defs"]["RowsReport"]
    assert "toy_spread" in report["properties"]["metrics"]["properties"]
    run(house, "docs/generate.py")
    page = (house / "docs" / "metrics.md").read_text()
    assert "## toy_spread" in page
    assert "| [toy_spread](#toy_spread) | rank | higher | Two and the total variance of the rows. |" in page
    code = "import labelfree.metrics as m; print(m.toy_spread([[1.0], [3.0]]).value, 'toy_spread' in m.__all__)"
    assert run(house, "-c", code) == "3.0 True\n"


def test_the_scale_it_declares_is_read_from_its_row(house: Path) -> None:
    assert run(house, "-c", "from labelfree.families import metric; print(metric('toy_spread').scale)") == "2\n"


def test_every_row_has_its_metric_and_every_metric_its_row() -> None:
    assert len(set(METRIC_NAMES)) == len(METRIC_NAMES)
    assert tuple(m.name for m in metrics()) == METRIC_NAMES
    homes = {m.name: sys.modules[m.compute.__module__].__name__ for m in metrics()}
    for row in CATALOG:
        home = f"labelfree.families.{row.file.replace('/', '.')}"
        assert metric(row.name).function.__module__ == home
        assert homes[row.name].startswith("labelfree.families.")
        assert {m.name for m in sys.modules[home].METRICS} == {e.name for e in CATALOG if e.file == row.file}


def test_headlines_and_places_are_those_of_one_table() -> None:
    for family in {row.family for row in CATALOG}:
        places = sorted(row.shown for row in CATALOG if row.family == family and row.shown is not None)
        assert places == list(range(1, len(places) + 1)), family
    for one in COMMANDS:
        if len(one.families) == 1 and one.families[0] != "weights":
            assert one.headline
            assert one.headline[0] == shown_in(one.families[0])[0]
    assert {entry(name).family for name in COLLAPSE_METRICS} == {"rank"}
    assert command("evaluate").headline == ()
