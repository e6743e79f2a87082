"""The benchmarks run, in a setting of seconds; their real results are committed."""

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

BENCHMARKS = ROOT / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "needs", "says"),
    [
        ("rank", "torch", "rankme"),
        ("coverage", "", "rankme"),
        ("coverage_separability", "", "separability_robust"),
        ("evidence", "torch", "robust_excess"),
        ("separability", "", "deaths_differ_by"),
        ("trees", "gtda", "processor_over_tree"),
        ("transfer", "", "over_gemm_pass"),
        ("opis", "", "over_floor"),
        ("coverage_opis", "", "worst_utility"),
        ("weights", "", "over_svdvals"),
        ("power_law", "", "accepted"),
        ("noise_spikes", "", "false_alarm"),
        ("intervals/outputs", "", "cells fail"),
        ("embed", "sentence_transformers", "over_bare"),
        ("monitor", "transformers", "rankme"),
        ("formats", "", "over_reading"),
        ("remote", "moto", "over_pyarrow"),
        ("scale", "ray", "over_threads"),
        ("drift/drift_study", "", "share_beyond_95"),
        ("drift/drift_speed", "", "tests_total"),
        ("similarity/coverage_similarity", "", "neighbors_kept"),
        ("similarity/speed_compare", "", "times_floor"),
    ],
)
def test_it_runs_in_a_small_setting(name: str, needs: str, says: str) -> None:
    if needs:
        pytest.importorskip(needs)
    done = subprocess.run(
        [sys.executable, BENCHMARKS / f"{name}.py", "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def results(name: str) -> Any:
    return json.loads((BENCHMARKS / "results" / f"{name}.json").read_text())


def imported(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A file of benchmarks/ as a module; its neighbors can be imported as when it runs as a script."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module(name)


def test_no_interval_of_a_rank_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too narrow or too wide, by the binomial interval of the coverage of each cell."""
    monkeypatch.syspath_prepend(str(BENCHMARKS / "intervals"))
    judge, study = importlib.import_module("cells"), results("coverage")
    draws = study["setting"]["repetitions"]
    found = [one["coverage"] for metrics in study["coverage"].values() for one in metrics.values() if one]
    assert len(found) > 300
    for covered in found:
        least, most = judge.binomial(round(covered * draws), draws)
        assert most >= judge.PROMISED[0]
        assert least <= judge.PROMISED[1]


def test_the_intervals_cover() -> None:
    """The committed study: nominal 95 %, with at least twice as many rows as columns."""
    study = json.loads((BENCHMARKS / "results" / "coverage.json").read_text())
    assert study["setting"]["repetitions"] >= 300
    found = [
        metrics["rankme"]["coverage"]
        for case, metrics in study["coverage"].items()
        if "rankme" in metrics and int(case.split("n = ")[1].split(",")[0]) >= 2 * study["setting"]["d"]
    ]
    assert len(found) >= 20
    assert min(found) >= 0.88
    assert sorted(found)[len(found) // 2] >= 0.94


def test_noise_of_unequal_columns_has_no_spikes() -> None:
    """The committed study: what standardizing columns takes away, and what of a signal it leaves."""
    study = results("noise_spikes")["columns"]
    assert len(study) >= 2
    for case in study.values():
        assert case["draws"] >= 200
        alarms = case["false_alarm"]
        unequal = [found for kind, found in alarms.items() if kind.startswith("columns of unequal scale")]
        assert len(unequal) == 2
        assert all(found["standardized"] <= 0.03 and found["raw"] >= 0.2 for found in unequal)
        assert all(found["standardized"] <= found["raw"] + 0.01 for found in alarms.values())
        assert case["seen"]["equal, 2"]["standardized"] >= 2.5
        assert case["seen"]["unequal, 2"]["standardized"] >= 2.5


def test_the_targets_were_reached() -> None:
    for case in json.loads((BENCHMARKS / "results" / "rank.json").read_text())["cases"]:
        for name, most in case["targets"].items():
            reached = case["megabytes"]["rank"] if name == "megabytes" else case["ratios"][name]
            assert reached <= most, (case["name"], name)


def test_the_intervals_of_separability_cover() -> None:
    """The committed study up to 2,500 rows; the page says where they are too narrow all the same."""
    study = results("coverage_separability")["coverage"]
    small = {name: case for name, case in study.items() if name.endswith(("n = 300", "n = 1000"))}
    assert all(case["repetitions"] >= 150 for case in small.values())
    for metric in ("separability", "separability_robust"):
        found = [case[metric]["coverage"] for case in small.values() if case[metric] and case[metric]["mean"] > 0.01]
        assert len(found) >= 15
        assert min(found) >= 0.8
        assert sorted(found)[len(found) // 2] >= 0.93


def test_intervals_that_are_too_narrow_are_called_so() -> None:
    found = [
        case[metric]["coverage"]
        for case in results("coverage_separability")["coverage"].values()
        for metric in ("separability", "separability_robust")
        if case.get(metric)
    ]
    page = (BENCHMARKS.parent / "docs" / "separability.md").read_text()
    assert ("the interval is too narrow" in " ".join(page.split())) == (min(found) < 0.88)


def test_the_targets_of_separability_were_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    page = imported("separability_page", monkeypatch)
    found = results("separability")["targets"]
    assert len(found) >= 10
    missed = [target for target in found if not page.reached(target)]
    # The one known miss, called so on the page: start-up included, the command takes a little over three trees there.
    assert {target["what"] for target in missed} <= {"whole command over the tree, 20,000 x 384, isotropic"}
    assert all(target["measured"] <= 1.06 * target["target"] for target in missed)


def test_the_page_of_separability_is_made_of_its_results(monkeypatch: pytest.MonkeyPatch) -> None:
    page = imported("separability_page", monkeypatch).page(results("separability"), results("trees"))
    assert (BENCHMARKS.parent / "docs" / "speed-separability.md").read_text() == page


def test_the_tree_of_today_is_that_of_others() -> None:
    """Ten times the speed of giotto-tda in a cone, and no bit less over block pairs."""
    cone, *others = results("trees")["cases"]
    assert cone["shape"] == "cone"
    assert cone["deaths_differ_by"]["giotto-tda"] < 1e-5
    assert min(cone["over_tree"]["giotto-tda"], cone["processor_over_tree"]["giotto-tda"]) >= 10
    assert all(case["deaths_differ_by"] == {"block pairs": 0.0} for case in others)


def test_a_target_missed_is_called_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = imported("separability_page", monkeypatch).reached
    assert reached({"bound": "at least", "target": 10, "measured": 10})
    assert not reached({"bound": "at least", "target": 10, "measured": 9.99})
    assert reached({"bound": "at most", "target": 3, "measured": 3})
    assert not reached({"bound": "at most", "target": 3, "measured": 3.01})


def test_what_labels_say_is_computed_right(monkeypatch: pytest.MonkeyPatch) -> None:
    supervised = imported("supervised", monkeypatch)
    X = np.array([[0.0], [2.0], [10.0], [12.0]])
    y = np.array([0, 0, 1, 1])
    assert supervised.fisher(X, y) == pytest.approx(25.0)  # between: 4 rows, 5 from 6 each; within: 1 each
    assert supervised.knn(X, y, k=1) == 1.0
    assert supervised.knn(X, np.array([0, 1, 0, 1]), k=1) == 0.0
    rows = [{"one": i, "other": i**2} for i in range(6)]
    assert supervised.spearman(rows, "one", "other") == 1.0
    assert supervised.spearman([{**r, "one": 1} for r in rows], "one", "other") is None


def test_transfer_keeps_within_its_passes_and_agrees_with_others(monkeypatch: pytest.MonkeyPatch) -> None:
    transfer, found = imported("transfer", monkeypatch), results("transfer")
    assert max(found["large"]["over_gemm_pass"][name] for name in ("command", "family")) <= 1.1
    assert transfer.apart(found["large"], "official", "released procedure") < 1e-6
    assert transfer.apart(found["small"], "six validators", "pytorch-adapt") < 1e-3
    assert (BENCHMARKS.parent / "docs" / "speed-transfer.md").read_text() == transfer.page(found)


def test_opis_keeps_within_its_passes_and_agrees_with_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    opis, found = imported("opis", monkeypatch), results("opis")
    large, small = found["large"], found["small"]["values"]
    assert (large["n"], large["d"], large["groups"]) == (60_502, 512, 11_316)
    assert large["over_floor"]["opis and utilities"] <= 3
    assert large["megabytes"]["opis and utilities"] < 1000
    for name in ("opis", "mean_utility"):
        assert small["opis and utilities"][name] == pytest.approx(small["brute force"][name], rel=1e-4)
    assert (BENCHMARKS.parent / "docs" / "speed-opis.md").read_text() == opis.page(found)


def test_weights_take_hardly_longer_than_singular_values(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, found = imported("weights", monkeypatch), results("weights")
    minilm = found["cases"]["all-MiniLM-L6-v2, 40 matrices"]
    assert minilm["matrices"] == 40
    assert minilm["over_svdvals"]["labelfree.weights"] <= found["target"] == 1.2
    for case in found["cases"].values():
        assert case["effective_rank_apart"]["labelfree.weights"] < 1e-9
    assert (BENCHMARKS.parent / "docs" / "speed-weights.md").read_text() == weights.page(found)


def test_every_format_gives_the_same_rank_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    formats, found = imported("formats", monkeypatch), results("formats")
    assert set(found["cases"]) == set(formats.FORMATS)
    values = [value for case in found["cases"].values() for value in case["rankme"].values()]
    assert max(values) - min(values) < 1e-5 * max(values)
    for name, case in found["cases"].items():
        assert case["megabytes"]["labelfree rank"] < 0.5 * case["megabytes"]["whole file"], name
    assert (BENCHMARKS.parent / "docs" / "speed-formats.md").read_text() == formats.page(found)


def test_the_agreement_with_weightwatcher_is_what_the_page_says() -> None:
    for name, found in results("weightwatcher")["models"].items():
        assert found["stable_rank_largest"] < 1e-13, name
        assert found["alpha_largest"] < 1e-12, name


def test_embed_stays_within_five_percent_of_a_bare_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    embed, found = imported("embed", monkeypatch), results("embed")
    assert found["embed"]["n"] >= 2000
    assert embed.reached(found)
    assert embed.reached({"embed": {"over_bare": {"embed": 1.05}}})
    assert not embed.reached({"embed": {"over_bare": {"embed": 1.051}}})
    assert max(found["embed"]["largest_difference"].values()) < 1e-5
    assert (BENCHMARKS.parent / "docs" / "speed-embed.md").read_text() == embed.page(found)


def test_a_monitor_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor, found = imported("monitor", monkeypatch), results("monitor")
    assert max(np.median(found["over"]["evaluation"]), np.median(found["over"]["training"])) < 0.05
    assert max(found["check_over_evaluation"].values()) < 0.5
    assert (BENCHMARKS.parent / "docs" / "speed-training.md").read_text() == monitor.page(found)


def test_the_intervals_of_opis_cover_where_groups_are_many() -> None:
    for case in results("coverage_opis")["cases"]:
        assert case["repetitions"] >= 300
        for name in ("opis", "eps_opis", "mean_utility", "worst_utility"):
            covered, offered = case[name]["covered"], case["groups"] >= LEAST[name]
            assert (covered is not None) == offered
            assert covered is None or covered >= 0.9
