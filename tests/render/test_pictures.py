"""Pictures: what they say is decided as plain data; names are text, and curves are named where they end."""

from __future__ import annotations

import math
import os
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("matplotlib")

import labelfree
from labelfree.render.pictures.histories import draw as draw_history
from labelfree.render.pictures.lettering import apart
from labelfree.render.pictures.model import Band, Dots, Line, Panel, Rule, Star, drawn_name, drawn_names, told
from labelfree.render.pictures.panels import draw, panels
from repository import ROOT

RNG = np.random.default_rng(16)
FINETUNE = ROOT / "fixtures" / "finetune"


def saved(path: Path, X: Any) -> Path:
    with path.open("wb") as stream:
        np.save(stream, X)
    return path


def of(panel: Panel, kind: type) -> list[Any]:
    return [layer for layer in panel.layers if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        (b"a.npy", "a.npy"),
        (b"_a$x^$.npy", "_a$x^$.npy"),
        (b"\xff$.npy", r"\udcff$.npy"),
        (b"a\x1b[31m\x7f.npy", r"a\u001b[31m\u007f.npy"),
        (b"x" * 200 + b".npy", "x" * 76 + " ..."),
    ],
)
def test_any_name_of_a_file_can_be_drawn(name: bytes, drawn: str, tmp_path: Path) -> None:
    path = saved(tmp_path / os.fsdecode(name), RNG.normal(size=(60, 4)))
    assert drawn_name(str(path)) == drawn
    reports = [labelfree.rank(path, only=["rankme"]), labelfree.separability(path, only=["separability"])]
    for number, shown in enumerate((reports[:1], reports[1:], reports[:1] * 2)):
        draw(shown, tmp_path / f"{number}.svg")
        ElementTree.parse(tmp_path / f"{number}.svg")


def test_names_tell_sources_apart() -> None:
    assert drawn_names(["run/a/epoch_1.npy", "run/b/epoch_1.npy"]) == ["a/epoch_1", "b/epoch_1"]
    assert drawn_names(["one.npy", "one.parquet"]) == ["one.npy", "one.parquet"]
    assert drawn_names(["/x", "/x"]) == ["x", "x"]
    assert drawn_names(["a" * 90 + "_1", "b"])[0].endswith("a_1")


def test_several_sources_begin_with_the_metric_against_its_step(tmp_path: Path) -> None:
    """Steps in their natural order, the highest marked, by an oracle of the reports themselves."""
    scales = (0.2, 0.0, 0.4, 0.3)
    reports = [
        labelfree.rank(saved(tmp_path / f"epoch_{step}.npy", RNG.normal(size=(200, 8)) * np.exp(-s * np.arange(8))))
        for step, s in zip((10, 2, 1, 30), scales, strict=True)
    ]
    first, spectra = panels(reports)
    [line], [star], [band] = of(first, Line), of(first, Star), of(first, Band)
    assert list(line.x) == [1, 2, 10, 30]
    by_step = [reports[i]["rankme"] for i in (2, 1, 0, 3)]
    assert list(line.y) == [entry.value for entry in by_step]
    assert (star.x, star.name) == (2, "epoch_2")
    assert first.title.startswith("rankme: highest ")
    assert first.title.endswith("in epoch_2")
    assert [math.isnan(low) for low in band.low] == [entry.interval is None for entry in by_step]
    assert [one.name.split(",")[0] for one in of(spectra, Line)] == ["epoch_1", "epoch_2", "epoch_10", "epoch_30"]
    assert len({one.color for one in of(spectra, Line)}) == 4


def test_sources_without_steps_stand_beside_their_names(tmp_path: Path) -> None:
    reports = [labelfree.rank(saved(tmp_path / f"{name}.npy", RNG.normal(size=(200, 8)))) for name in "cab"]
    first = panels(reports)[0]
    [dots] = of(first, Dots)
    assert [name for _, name in first.y.ticks] == ["c", "a", "b"]
    assert list(dots.x) == [report["rankme"].value for report in reports]


def test_no_best_where_sources_cannot_be_compared(tmp_path: Path) -> None:
    reports = [labelfree.rank(saved(tmp_path / f"epoch_{d}.npy", RNG.normal(size=(200, d)))) for d in (4, 8)]
    first = panels(reports)[0]
    assert first.title == "rankme"
    assert not of(first, Star)


def test_dead_directions_do_not_rule_the_axis(tmp_path: Path) -> None:
    dead = np.hstack([RNG.normal(size=(300, 20)), 1e-7 * RNG.normal(size=(300, 12))])
    [panel] = panels([labelfree.rank(saved(tmp_path / "a.npy", dead))])
    lines = of(panel, Line)
    assert [len(line.y) for line in lines] == [20, 20]
    assert panel.note == "not drawn: 12 of 32 directions at most 1e-07 of the largest"
    steep = RNG.normal(size=(300, 32)) * np.exp(-0.4 * np.arange(32))  # five decades without a gap stay
    [panel] = panels([labelfree.rank(saved(tmp_path / "b.npy", steep))])
    assert [len(line.y) for line in of(panel, Line)] == [32, 32]
    assert panel.note == ""


@pytest.mark.parametrize("count", [1, 3, 20, 200])
def test_every_curve_is_named_or_one_of_many(count: int) -> None:
    reports = [labelfree.separability(FINETUNE / "epoch_00.parquet", only=["separability"])] * count
    for panel in panels(reports):
        lines = of(panel, Line)
        assert sum(bool(line.name) for line in lines) >= min(len(lines), 10)
        assert all(rule.name for rule in of(panel, Rule))


def test_a_transfer_shows_its_estimates_and_the_audit(tmp_path: Path) -> None:
    labels = RNG.integers(0, 3, 400)
    X = 3 * np.eye(6)[labels] + RNG.normal(size=(400, 6))
    Z = X @ (4 * np.eye(6)[:, :3])
    target, source = tmp_path / "target.parquet", tmp_path / "source.parquet"
    columns: dict[str, Any] = {"embedding": list(X), "logits": list(Z), "label": labels}
    for path, rows in ((target, slice(200)), (source, slice(200, 400))):
        pq.write_table(pa.table({name: list(column[rows]) for name, column in columns.items()}), path)
    report = labelfree.transfer(target, source=source, audit="label")
    first = panels([report])[0]
    [dots] = of(first, Dots)
    names = [name for _, name in first.y.ticks]
    known = [n for n in report.metrics if report.metrics[n].kind == "estimate" and report.metrics[n].value is not None]
    assert names == [*known, "audit (label)"]
    assert len(known) > 3
    assert report.audit is not None
    assert dots.x[-1] == report.audit.accuracy
    assert [name for name in names if name in known] == sorted(known, key=list(report.metrics).index)


def test_a_history_says_once_what_was_decided(tmp_path: Path) -> None:
    points = [{"step": i, "value": 0.1 * i, "interval": None, "se": None, "source": ""} for i in range(4)]
    verdict = {"decision": "collapse", "reason": "collapse", "message": "", "best": None}
    curve = {"points": points, "verdict": verdict, "direction": "higher", "note": None}
    draw_history({"curves": {"separability": curve}}, tmp_path / "h.svg")
    comments = (tmp_path / "h.svg").read_text()
    assert ">separability: collapse<" in comments
    assert "collapse (collapse)" not in comments


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.2))
def test_labels_are_moved_apart_and_no_further(heights: list[float], gap: float) -> None:
    heights = sorted(heights)
    moved = apart(heights, gap)
    assert len(moved) == len(heights)
    assert all(b - a >= gap * (1 - 1e-9) for a, b in pairwise(moved))
    if all(b - a >= gap for a, b in pairwise(heights)):
        assert moved == pytest.approx(heights)
    assert sum(moved) == pytest.approx(sum(heights))


@given(st.integers(1, 300), st.integers(0, 299))
def test_the_ends_and_the_best_are_always_named(count: int, best: int) -> None:
    named = told(count, best % count)
    assert {0, count - 1, best % count} <= named
    assert len(named) <= 11
