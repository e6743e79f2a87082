"""The study of the intervals of OPIS: it runs, and no interval that is offered fails."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from labelfree.families.opis.intervals import LEAST
from repository import ROOT

pytestmark = pytest.mark.once

STUDY = ROOT / "benchmarks" / "intervals"


@pytest.fixture(scope="module")
def found() -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / "intervals_groups.json").read_text())


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A file of the study by its name."""
    monkeypatch.syspath_prepend(str(STUDY))
    return importlib.import_module


@pytest.mark.slow
def test_it_runs_in_a_small_setting() -> None:
    before = (ROOT / "benchmarks" / "results" / "intervals_groups.json").read_bytes()
    done = subprocess.run([sys.executable, STUDY / "groups.py", "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "cone, 12 groups: mean_utility" in done.stdout
    assert (ROOT / "benchmarks" / "results" / "intervals_groups.json").read_bytes() == before


def test_no_interval_that_is_offered_fails(found: Any, module: Any) -> None:
    assert found["least"] == dict(LEAST)
    for which in ("open", "aside"):
        cells = {where: one["cells"] for where, one in found[which].items()}
        assert module("cells").failing(cells) == []
        assert len({where.rsplit(", ", 1)[0] for where in cells}) >= 6


def test_intervals_are_offered_from_their_numbers_of_groups_on(found: Any) -> None:
    offered = dict.fromkeys(LEAST, 0)
    for which in ("open", "aside"):
        for where, one in found[which].items():
            groups = int(where.rsplit(", ", 1)[1].split()[0])
            for name, cell in one["cells"].items():
                assert cell["offered"] == 0 or groups >= LEAST[name], where
                assert cell["offered"] == 0 or cell["draws"] >= 200, where
                offered[name] += cell["offered"] > 100
    assert offered["mean_utility"] >= 12
    assert offered["opis"] >= 5
    assert min(offered["eps_opis"], offered["worst_utility"]) >= 3


def test_laws_draw_groups_of_two_rows_at_least_and_are_repeatable(module: Any) -> None:
    laws = module("group_laws")
    for name, law in {**laws.OPEN, **laws.ASIDE}.items():
        (X, group), (again, _) = (law(30, np.random.default_rng(7)) for _ in range(2))
        np.testing.assert_array_equal(X, again)
        assert np.bincount(group).min() >= 2, name
        assert len(np.bincount(group)) == 30, name
        assert np.isfinite(X).all(), name
