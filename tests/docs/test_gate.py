"""What docs/gate.md says was measured, and the examples of the gate's own modules."""

from __future__ import annotations

import doctest
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import beta

from labelfree import history
from labelfree.commands import watching
from labelfree.documents import wording
from labelfree.gating import api, grammar, student
from labelfree.history import steps
from repository import ROOT

RESULTS = ROOT / "benchmarks" / "results"
GATE, EVIDENCE, GUARD = (ROOT / "docs" / name for name in ("gate.md", "evidence/gate.md", "evidence/guard.md"))
ASKED = ("first_version", "second_version", "classes_known")


def plateau_rows(found: dict[str, Any], scenario: str) -> list[str]:
    """The rows of one scenario, as the page prints them."""
    rows = []
    for rule, r in found["scenarios"][scenario].items():
        per_check = "-" if r["false_per_check"] is None else f"{100 * r['false_per_check']:.1f} %"
        cells = (f"{r['missed']:.3f}", per_check, f"{100 * r['false_ever']:.0f} %", f"{100 * r['never']:.0f} %")
        rows.append(f"| {rule} | {' | '.join(cells)} | {r['median_stop']:g} |")
    return rows


def guard_rows(found: dict[str, Any]) -> list[str]:
    """One row per kind of run and width, as the page prints them."""
    rows = []
    for kind in (*found["setting"]["healthy"], *found["setting"]["collapsing"]):
        for d in (32, 384):
            runs = [r for r in found["runs"] if (r["kind"], r["d"]) == (kind, d)]
            stopped = [f"{sum(r[name] is not None for r in runs)} of {len(runs)}" for name in ASKED]
            cells = [_span([r[name] for r in runs]) for name in ("lowest_share", "cosine", "duplicates")]
            probe = " to ".join(f"{sum(r['probe'][end] for r in runs) / len(runs):.2f}" for end in (0, 1))
            rows.append(f"| {kind} | {d} | {' | '.join((*stopped, *cells))} | {probe} |")
    return rows


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


@pytest.mark.once
def test_the_numbers_of_the_page_come_from_the_result_files() -> None:
    page = EVIDENCE.read_text()
    plateau = json.loads((RESULTS / "plateau.json").read_text())
    assert plateau["setting"]["runs"] >= 300
    shown = [scenario for scenario in plateau["scenarios"] if f"**{scenario}**" in page]
    assert len(shown) >= 4
    for scenario in shown:
        for row in plateau_rows(plateau, scenario):
            assert row in page, row
    guard, page = json.loads((RESULTS / "collapse_guard.json").read_text()), GUARD.read_text()
    for row in guard_rows(guard):
        assert row in page, row


@pytest.mark.once
def test_near_repetitions_do_not_tell_a_collapse_from_classes() -> None:
    runs = json.loads((RESULTS / "collapse_guard.json").read_text())["runs"]
    spans = []
    for kind in ("five points", "metric learning"):
        near = [100 * r["near"] for r in runs if r["kind"] == kind]
        spans.append(f"{min(near):.0f} to {max(near):.0f} %")
    page = " ".join(GUARD.read_text().split())
    assert f"{spans[0]} of the collapsed rows" in page
    assert f"{spans[1]} of the rows of a healthy metric-learning run" in page


@pytest.mark.once
def test_the_first_rule_is_wrong_as_often_as_it_says() -> None:
    """At the limit, one answer in ten per check; on curves that rise, fewer."""
    for scenario, rules in json.loads((RESULTS / "plateau.json").read_text())["scenarios"].items():
        rate = rules["slope-v1"]["false_per_check"]
        if rate is not None:
            assert rate <= (0.11 if scenario.startswith("at the limit") else 0.02), scenario


def promised_rows(found: dict[str, Any]) -> list[str]:
    """The rows of the three tables of the promise, as the page prints them."""
    rows = []
    cells = {(c["checks"], c["noise"], c["correlation"]): c for c in found["too_early"]}
    for n, shape in dict.fromkeys((n, shape) for n, shape, _ in cells):
        shares = [cells[n, shape, k] for k in (0.0, 0.4, 0.8)]
        told = (f"{100 * c['planned']:.1f} %, {100 * c['not planned']:.1f} %" for c in shares)
        rows.append(f"| {n} | {shape} | {' | '.join(told)} |")
    for c in found["flat"]:
        rules = (c[name] for name in ("slope, planned", "slope", "slope-v1", "patience"))
        told = (f"{100 * r['soon']:.0f} %, {100 * r['saved']:.0f} %" for r in rules)
        rows.append(f"| {c['checks']} | {c['noise']:g} | {c['correlation']:g} | {' | '.join(told)} |")
    for c in found["others"]:
        rules = (c[name] for name in ("slope", "slope-v1", "patience"))
        told = (f"{100 * r['too_early']:.0f} %, {100 * r['never']:.0f} %, {r['missed']:.3f}" for r in rules)
        rows.append(f"| {c['series']} | {c['noise']:g} | {c['correlation']:g} | {' | '.join(told)} |")
    return rows


@pytest.mark.once
def test_the_rule_keeps_its_promise_and_finds_plateaus() -> None:
    """At most one run in ten is stopped too early; at the noise of healthy fine-tunings plateaus are found."""
    found = json.loads((RESULTS / "stop_rule.json").read_text())
    page = EVIDENCE.read_text()
    rows = promised_rows(found)
    assert len(rows) > 60
    for row in rows:
        assert row in page, row
    assert all(c[told] <= 0.1 for c in found["too_early"] for told in ("planned", "not planned"))
    for c in found["flat"]:
        if c["noise"] <= 0.0015:
            assert c["slope, planned"]["soon"] >= (0.6 if c["checks"] == 10 else 0.8), c
    cyclic = [c for c in found["others"] if "cycle" in c["series"]]
    assert cyclic
    assert all(c["slope"]["never"] > 0.9 for c in cyclic)
    assert all(c["slope"]["too_early"] <= 0.1 for c in found["others"])


def run_rows(found: dict[str, Any]) -> list[str]:
    """The rows of the tables on real runs and told schedules, as the page prints them."""
    rows, kinds = [], dict.fromkeys(run["kind"] for run in found["real"])
    kinds.pop("high rate")  # that the guard ends
    for kind in kinds:
        runs = [run for run in found["real"] if run["kind"] == kind]
        for rule in runs[0]["rules"]:
            said = [run["rules"][rule] for run in runs]
            stops = sum(s["check"] is not None for s in said)
            early = sum(s["early"] for s in said)
            flat = sum(run["flat"] and s["check"] is not None for run, s in zip(runs, said, strict=True))
            lost = [100 * s["lost"] for s in said]
            cells = (
                f"{stops} of {len(runs)}", str(early), f"{flat} of {sum(run['flat'] for run in runs)}",
                f"{100 * np.mean([s['saved'] for s in said]):.0f} %", f"{np.mean(lost):.1f} ({max(lost):.1f})",
                f"{100 * np.mean([s['over_end'] for s in said]) + 0.0:+.1f}",
            )  # fmt: skip
            rows.append(f"| {kind} | {rule} | {' | '.join(cells)} |")
    for c in found["cyclic"]:
        told = (
            f"{100 * c[t]['stopped']:.1f} %, {100 * c[t]['saved']:.0f} %" for t in ("length known", "length not known")
        )
        rows.append(f"| {c['series']} | {c['noise']:g} | {c['correlation']:g} | {' | '.join(told)} |")
    for c in found["steps"]:
        told = (f"{100 * c[t]['early']:.0f} %, {100 * c[t]['stopped']:.0f} %" for t in ("told", "not told"))
        rows.append(f"| {c['noise']:g} | {c['correlation']:g} | {' | '.join(told)} |")
    return rows


@pytest.mark.once
def test_real_runs_and_told_schedules_are_what_the_page_says() -> None:
    """Of sound runs at most one in ten is stopped early; told of the cycle, runs on a trend are not stopped."""
    found = json.loads((RESULTS / "plateau_runs.json").read_text())
    page = EVIDENCE.read_text()
    rows = run_rows(found)
    assert len(rows) > 60
    for row in rows:
        assert row in page, row
    assert {(r["kind"], r["seed"]) for r in found["real"]} >= {
        (k, s) for k in ("cosine", "step", "cyclic") for s in range(5)
    }
    real = [run for run in found["real"] if run["kind"] in ("healthy", "long healthy", "cosine", "step", "cyclic")]
    early = {rule: sum(run["rules"][rule]["early"] for run in real) for rule in real[0]["rules"]}
    assert early["slope, told"] <= 0.1 * len(real)
    assert early["slope"] <= 0.1 * len(real)
    assert np.mean([run["rules"]["slope, told"]["lost"] for run in real]) < 0.01  # at most a point below the best check
    for c in found["cyclic"]:
        for told in ("length known", "length not known"):
            if "flat" not in c["series"]:
                assert c[told]["stopped"] <= 0.1 + 3 * np.sqrt(0.09 / found["setting"]["runs"]), c
    assert all(c["told"]["early"] == 0 for c in found["steps"])


@pytest.mark.once
def test_the_guard_did_what_the_page_says() -> None:
    """Five seeds and two widths of each kind; a healthy run that trips it would be the worst of all failures."""
    found = json.loads((RESULTS / "collapse_guard.json").read_text())
    runs = found["runs"]
    assert {(r["kind"], r["d"], r["seed"]) for r in runs} == {
        (kind, d, seed) for kind in (*found["setting"]["healthy"], *found["setting"]["collapsing"])
        for d in (32, 384) for seed in range(5)
    }  # fmt: skip
    assert not any(r[name] is not None for r in runs if r["kind"] in found["setting"]["healthy"] for name in ASKED)
    for r in runs:
        if r["kind"] in found["setting"]["collapsing"]:
            points = r["kind"].startswith("five points")
            assert (r["first_version"] is None) == points, r["kind"]
            assert (r["second_version"] is None) == (points or r["kind"] == "narrow cone"), r["kind"]
            assert (r["classes_known"] is None) == (r["kind"] == "narrow cone"), r["kind"]


def kept_rows(found: dict[str, Any]) -> list[str]:
    """One row per kind that was kept aside, as the page prints them: runs stopped by each version, and the probe."""
    rows = []
    for kind in dict.fromkeys(r["kind"] for r in found["kept"]):
        runs = [r for r in found["kept"] if r["kind"] == kind]
        stopped = [sum(r[name] is not None for r in runs) for name in ASKED]
        probe = " to ".join(f"{sum(r['probe'][end] for r in runs) / len(runs):.2f}" for end in (0, 1))
        rows.append(f"| {kind} | {runs[0]['side']} | {' | '.join(f'{n} of {len(runs)}' for n in stopped)} | {probe} |")
    return rows


@pytest.mark.once
def test_the_second_guard_stopped_no_healthy_run_and_the_page_has_what_it_missed() -> None:
    page = " ".join(GUARD.read_text().split())
    found = json.loads((RESULTS / "collapse_guard.json").read_text())
    for row in kept_rows(found):
        assert row in page, row
    healthy = [r for r in found["kept"] if r["side"] == "healthy"]
    assert len(healthy) == 45
    assert not any(r[name] is not None for r in healthy for name in ("second_version", "classes_known"))
    assert f"below {100 * (1 - 0.05 ** (1 / 45)):.1f} %" in page
    broken = [r for r in found["kept"] if r["probe"][1] < r["probe"][0] / 2]
    seen = [sum(r[name] is not None for r in broken) for name in ASKED]
    assert "{1} of {0}, with the classes known {2}; version 1 {3}".format(len(broken), *seen[1:], seen[0]) in page
    missed = (len(broken) - seen[1], len(broken) - seen[2])
    highest = [100 * float(beta.ppf(0.95, m + 1, len(broken) - m)) for m in missed]  # Clopper and Pearson
    assert "Missed, at 95 % confidence: below {:.1f} %, with the classes known below {:.1f} %".format(*highest) in page


@pytest.mark.once
def test_the_ten_healthy_runs_of_the_example_gave_the_second_guard_nothing_to_trip_on() -> None:
    """Without the number of classes it trips only where rows point one way or repeat: no later check has either."""
    example = json.loads((ROOT / "examples" / "finetune_and_stop" / "results.json").read_text())["runs"]
    healthy = [r["checks"]["mean_cosine"] for r in example if r["kind"] in ("healthy", "long healthy")]
    assert len(healthy) == 10
    assert all(max(cosines[1:]) < 0.9 for cosines in healthy)


def shell_loop() -> str:
    """The loop of the page."""
    page = (ROOT / "docs" / "gate.md").read_text()
    [loop] = [block.split("```")[0] for block in page.split("```sh\n")[1:] if "while train_one_epoch" in block]
    return loop


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize(
    ("last", "steps", "code"),
    [("one point", 3, 12), ("zeros", 2, 1), ("nan", 2, 1), ("sound", 9, 0)],
)
def test_the_loop_of_the_page_under_set_e(tmp_path: Path, last: str, steps: int, code: int) -> None:
    """A run of checkpoints that collapses, breaks or stands still; the gate has the word wherever it can be asked."""
    sound = np.random.default_rng(0).normal(size=(60, 6))
    broken = {"one point": np.ones((60, 6)), "zeros": np.zeros((60, 6)), "nan": np.full((60, 6), np.nan)}
    for i in range(12):
        rows = broken.get(last, sound) if i == 2 else sound
        pq.write_table(pa.table({"embedding": rows.tolist()}), tmp_path / f"epoch_{i}.parquet")
    program = f'labelfree() {{ {sys.executable} -m labelfree "$@"; }}'
    training = "i=-1; train_one_epoch() { i=$((i + 1)); [ $i -lt 12 ]; }"
    script = f"set -e\n{program}\n{training}\n{shell_loop()}\necho stopped\n"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert len(history.read(tmp_path / "history.jsonl")) == steps
    assert done.stdout.endswith("stopped\n") == (code == 0)
    if code == 12:
        assert "gate collapse (" in done.stdout
        assert re.search(r"best separability: \S+ at step [01], epoch_[01].parquet", done.stdout)


@pytest.mark.parametrize("module", [api, grammar, student, history, steps, watching, wording], ids=lambda m: m.__name__)
def test_docstring_examples(module: ModuleType) -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("name", ["plateau", "plateau_runs", "stop_rule", "collapse_guard"])
def test_the_benchmarks_run_in_a_small_setting(name: str) -> None:
    if name == "collapse_guard":
        pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / f"{name}.py", "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = {
        "plateau": "slope-v1",
        "plateau_runs": "slope, told",
        "stop_rule": "too early",
        "collapse_guard": "narrow cone",
    }
    assert said[name] in done.stdout
