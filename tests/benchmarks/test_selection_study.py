"""The study of select: it runs, its tasks are repeatable, and its page says what was measured."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from statistics import mean, median
from typing import Any

import numpy as np
import pytest

from labelfree.families.selection import envelope
from repository import ROOT

pytestmark = pytest.mark.once

STUDY = ROOT / "benchmarks" / "selection"
PAGE = ROOT / "docs" / "evidence" / "select.md"


@pytest.fixture(scope="module")
def found() -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / "selection.json").read_text())


@pytest.mark.slow
def test_it_runs_in_a_small_setting() -> None:
    pytest.importorskip("torch")
    done = subprocess.run([sys.executable, STUDY / "study.py", "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "source+logits" in done.stdout


def test_a_task_is_repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(STUDY))
    networks, domains = (importlib.import_module(name) for name in ("small_networks", "domains"))
    domain = domains.table("wine", 0, 1.0)
    one, two = (next(iter(networks.trained(networks.Plan("bnm", epochs=2, every=2), domain, 3))) for _ in range(2))
    for a, b in zip(one[1:], two[1:], strict=True):
        np.testing.assert_array_equal(a, b)


def test_labels_are_measured_in_a_small_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STUDY))
    labels = importlib.import_module("label_worth")
    rng = np.random.default_rng(0)
    right = np.stack([rng.random(200) < p for p in (0.9, 0.6)]).astype(float)
    by = [labels.by_uniform(right, m, rng) for m in (1, 20, 200)]
    assert by[0] > by[1] >= by[2] == 0.0
    assert by[0] < 100 * (right[0].mean() - right[1].mean())
    votes = np.where(right > 0, 1, 0)
    assert labels.by_ours(votes, right, 200, rng) == 0.0


def test_the_seeds_kept_aside_are_not_those_of_the_design(found: Any) -> None:
    assert not set(found["setting"]["kept"]) & set(found["setting"]["design"])
    kept = [t for t in found["tasks"] if t["side"] == "kept" and "logits" in t["settings"]]
    assert len(kept) >= 60
    assert {t["seed"] for t in kept} == set(found["setting"]["kept"])
    assert len({(t["group"], t["seed"]) for t in kept}) == len(kept)


def test_the_tasks_of_the_design_that_are_shown_are_open_ones(found: Any) -> None:
    shown = json.loads((ROOT / "benchmarks" / "results" / "selection_design.json").read_text())
    assert {t["seed"] for t in shown["tasks"]} == set(shown["setting"]["shown"]) <= set(found["setting"]["design"])
    assert all(t["side"] == "design" for t in shown["tasks"])


def test_version_2_was_asked_about_the_same_tasks(found: Any) -> None:
    before = json.loads((ROOT / "benchmarks" / "results" / "selection_version2.json").read_text())["tasks"]
    kept = [t for t in found["tasks"] if t["side"] == "kept" and "logits" in t["settings"]]
    asked = {(t["group"], t["seed"], s) for t in kept for s in ("source+logits", "logits") if s in t["settings"]}
    assert {(t["group"], t["seed"], s) for t in before for s in t if s not in ("group", "seed")} == asked


def test_no_veto_cost_anything_as_the_page_says(found: Any) -> None:
    assert "No veto cost anything" in PAGE.read_text()
    for t in found["tasks"]:
        if t["side"] == "kept" and "logits" in t["settings"]:
            gone = t["settings"]["logits"]["vetoed_places"]
            assert max(a for i, a in enumerate(t["accuracies"]) if i not in gone) == max(t["accuracies"])


def test_every_kept_task_has_every_single_score_of_its_time(found: Any) -> None:
    for t in found["tasks"]:
        if t["side"] == "kept" and "logits" in t["settings"]:
            assert {"infomax", "ensv", "source_accuracy", "last"} <= set(t["singles"])
            assert ("class_ami" in t["singles"]) == (t["seed"] in (203, 204))


def test_the_page_tells_what_labels_would_lose(found: Any) -> None:
    labels = json.loads((ROOT / "benchmarks" / "results" / "selection_labels.json").read_text())
    there = {(t["group"], t["seed"]): t["settings"] for t in found["tasks"]}
    for t in labels["tasks"]:
        for setting, regret in t["rule"].items():
            assert there[t["group"], t["seed"]][setting]["regret"] == regret
    by = [mean(t["labels"]["uniform"][i] for t in labels["tasks"]) for i in range(len(labels["budgets"]))]
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith("| all |"))
    told = re.split(r"\s*\|\s*", row)[5:-1]
    assert told == [f"{value:.1f}" for value in by]


@pytest.mark.parametrize("setting", ["source+logits", "logits"])
def test_the_page_tells_the_regret_of_every_task(found: Any, setting: str) -> None:
    kept = [t for t in found["tasks"] if t["side"] == "kept" and setting in t["settings"]]
    lost = [t["settings"][setting]["regret"] for t in kept]
    for t, regret in zip(kept, lost, strict=True):
        chosen = t["accuracies"][t["settings"][setting]["chosen"]]
        assert regret == pytest.approx(100 * (max(t["accuracies"]) - chosen), abs=0.02)
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith("| **the rule**"))
    told = re.split(r"\s*\|\s*", row)[2 + ["source+logits", "logits"].index(setting)]
    assert told == f"{mean(lost):.1f} / {median(lost):.1f} / {max(lost):.1f}"


def test_the_envelope_is_what_was_measured(found: Any) -> None:
    tasks = [t for t in found["tasks"] if t["side"] == "kept" and "logits" in t["settings"]]
    spans = {
        name: (min(t[name] for t in tasks), max(t[name] for t in tasks)) for name in ("classes", "rows", "candidates")
    }
    assert spans == {"classes": envelope.CLASSES, "rows": envelope.ROWS, "candidates": envelope.CANDIDATES}
    assert min(t["evenness"] for t in tasks) == pytest.approx(envelope.EVENNESS, abs=0.05)


def test_every_failure_is_on_the_page(found: Any) -> None:
    text = PAGE.read_text().partition("## Where it failed")[2]
    for t in found["tasks"]:
        for setting in ("source+logits", "logits"):
            if t["side"] == "kept" and t["settings"].get(setting, {"regret": 0})["regret"] > 5:
                assert f"| {t['group']} | {t['seed']} | {setting} |" in text
