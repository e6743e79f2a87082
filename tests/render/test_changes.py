"""Checkpoints compared on the same rows, and the pictures of persistence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from labelfree.commands.report import Report
from labelfree.errors import OutputError
from labelfree.render.files import write
from labelfree.render.pictures.braille import braille
from labelfree.render.pictures.deaths import barcode
from labelfree.render.pictures.panels import draw
from labelfree.reports.across import change, changes, differences
from repository import ROOT

pytestmark = pytest.mark.once

FINETUNE = ROOT / "fixtures" / "finetune"


def measured(epoch: int, **options: Any) -> Report:
    return labelfree.separability(FINETUNE / f"epoch_{epoch:02d}.parquet", **options)


@pytest.fixture(scope="module")
def run() -> list[Report]:
    return [measured(epoch) for epoch in (0, 3, 7)]


def test_a_change_is_the_difference_with_the_error_of_paired_subsamples(run: list[Report]) -> None:
    first, _, last = run
    found = change(first, last, "separability")
    assert found is not None
    one, two = first["separability"], last["separability"]
    assert one.value is not None
    assert two.value is not None
    assert one.se is not None
    assert two.se is not None
    assert found["difference"] == pytest.approx(two.value - one.value, rel=1e-12)
    paired = np.array(two.parts["replicates"]) - np.array(one.parts["replicates"])
    rows, kept = 600, 300
    factor = (2 * kept / rows) ** 0.125
    assert found["se"] == pytest.approx(paired.std(ddof=1) * factor, rel=1e-12)
    assert found["interval"][0] == pytest.approx(found["difference"] - 1.96 * found["se"])
    assert found["se"] < 1.1 * np.hypot(one.se, two.se)


def test_what_is_not_comparable_has_no_change() -> None:
    X = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    one, two = labelfree.separability(X), labelfree.separability(X.astype(np.float16))
    assert differences([one, two]) == ["dtype differs: float32, float16"]
    assert one.input.rows_hash == two.input.rows_hash
    assert change(one, two, "separability") is None
    assert change(one, labelfree.separability(X + 1), "separability") is not None
    assert change(one, labelfree.separability(X[:, :3]), "separability") is None


def test_every_step_and_the_whole_way(run: list[Report]) -> None:
    found = [(c["metric"], Path(c["from"]).stem, Path(c["to"]).stem) for c in changes(run)]
    steps = [("epoch_00", "epoch_03"), ("epoch_03", "epoch_07"), ("epoch_00", "epoch_07")]
    assert found == [(name, *step) for name in ("separability", "separability_robust") for step in steps]


def test_changes_follow_the_steps_in_the_names(run: list[Report]) -> None:
    assert changes([run[2], run[0], run[1]]) == changes(run)


def test_zeros_that_were_computed_do_not_flatten_the_spectrum() -> None:
    values = [2.0 ** -(i // 2) for i in range(32)]
    assert braille([*values, 3e-17, 0.0])[:-1] == braille(values)[:-1]


@pytest.mark.parametrize("options", [{"seed": 1}, {"normalize": "none"}, {"sample": 500}])
def test_no_change_between_what_was_measured_differently(run: list[Report], options: dict[str, Any]) -> None:
    assert change(run[0], measured(7, **options), "separability") is None


def test_no_change_between_other_rows_or_without_subsamples(run: list[Report]) -> None:
    rows = np.random.default_rng(0).normal(size=(599, 32))
    assert change(run[0], labelfree.separability(rows), "separability") is None
    assert change(run[0], run[1], "total_persistence") is None
    assert change(run[0], run[1], "rankme") is None


def test_the_barcode_in_text(run: list[Report]) -> None:
    lines = barcode(run[2], 70)
    assert len(lines) == 10
    assert all(len(line) <= 70 for line in lines)
    bars = [line.count("━") for line in lines]
    assert bars == sorted(bars, reverse=True)
    deaths = run[2].series["deaths"]
    for line, death, small, large in zip(lines, deaths["death"], deaths["smaller"], deaths["larger"], strict=False):
        assert float(line.split()[0]) == pytest.approx(death, rel=1e-3)
        assert line.endswith(f"{small:,} | {large:,}")


@pytest.mark.parametrize("count", [1, 3])
def test_pictures_show_every_panel(run: list[Report], tmp_path: Path, count: int) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "deaths.svg"
    draw(run[:count], path)
    drawn = path.read_text()
    assert drawn.count("largest of 599 bars") == count
    draw(run[:count], tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == drawn


@pytest.mark.parametrize(("suffix", "said"), [("svg", "nothing to draw"), ("parquet", "no long form to write")])
def test_what_has_no_content_is_refused_by_the_name_that_was_asked(tmp_path: Path, suffix: str, said: str) -> None:
    report = labelfree.rank(np.eye(8), only=("mean_cosine",))
    with pytest.raises(OutputError, match=rf"^output='{tmp_path}/a\.{suffix}': .*{said}"):
        write([report], tmp_path / f"a.{suffix}", everything=False)
    assert not list(tmp_path.iterdir())
