"""The study of the scores of transfer: it runs, it counts right, and its page says what was measured."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import labelfree
from repository import ROOT

pytestmark = pytest.mark.once

VALIDITY = ROOT / "benchmarks" / "validity"


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(VALIDITY))
    return importlib.import_module("trust")


@pytest.fixture(scope="module")
def found() -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / "transfer_validity.json").read_text())


@pytest.mark.slow
def test_it_runs_in_a_small_setting() -> None:
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, VALIDITY / "study.py", "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "transfer_score" in done.stdout


def test_training_is_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(VALIDITY))
    runs, adaptation, targets = (importlib.import_module(name) for name in ("runs", "adaptation", "targets"))
    rows = targets.target("unbalanced")
    one, two = (next(iter(runs.trained(adaptation.METHODS["bnm"], rows, 3))) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(one.features @ one.weight.T + one.bias, one.logits, atol=1e-4)


def test_the_command_says_what_the_functions_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a checkpoint of the study, every score that is not of several candidates."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(VALIDITY))
    runs, adaptation, targets, scores = (
        importlib.import_module(name) for name in ("runs", "adaptation", "targets", "scores")
    )
    checkpoint = next(iter(runs.trained(adaptation.METHODS["infomax"], targets.target("unbalanced"), 0)))
    labels = targets.source()[1].labels
    report = labelfree.transfer(
        {"embedding": checkpoint.features, "logits": checkpoint.logits},
        source={"embedding": checkpoint.source_features, "logits": checkpoint.source_logits, "label": labels},
        head=checkpoint.weight,
    )
    found = {name: value for name, value in scores.scores(checkpoint, labels).items() if ", " not in name}
    assert len(found) >= 20
    assert {name: report[name].value for name in found} == pytest.approx(found, rel=1e-9)


def test_points_lost_and_correlation(trust: Any) -> None:
    truth = [0.5, 0.9, 0.7]
    assert trust.lost([1.0, 2.0, 3.0], truth) == pytest.approx(20.0)
    assert trust.lost([1.0, 3.0, 2.0], truth) == 0.0
    assert trust.lost([3.0, 3.0, 2.0], truth) == pytest.approx(20.0)  # a tie costs its mean: 0.7
    assert trust.lost([None, None, None], truth) is None
    assert trust.correlation([1.0, 3.0, 2.0], truth) == pytest.approx(1.0)
    assert trust.correlation([1.0, None, 2.0], truth) is None
    assert trust.correlation([1.0, 1.0, 1.0], truth) is None


def test_errors_are_in_points_with_their_sign(trust: Any) -> None:
    key = {"target": "t", "method": "m", "seed": 0, "epoch": 1}
    rows = [{**key, "accuracy": 0.5, "e": 0.8}, {**key, "accuracy": 0.9, "e": 0.8}, {**key, "accuracy": 0.1, "e": None}]
    result = trust.errors(rows, "e")
    assert (result["checkpoints"], result["absolute"], result["signed"]) == (2, 20.0, 10.0)
    assert result["worst"]["off"] == 30.0


def test_the_worst_pool_is_named(trust: Any) -> None:
    rows = [
        {"target": t, "method": "m", "seed": 0, "epoch": e, "accuracy": a, "s": s}
        for t, e, a, s in (("x", 1, 0.5, 1.0), ("x", 2, 0.6, 2.0), ("y", 1, 0.9, 1.0), ("y", 2, 0.4, 2.0))
    ]
    result = trust.trusted(trust.groups(rows, "target"), lambda row: row["s"])
    assert result["lost"] == 25.0
    assert result["worst"]["lost"] == 50.0
    assert result["worst"]["kept"]["target"] == "y"


def test_the_study_is_as_large_as_the_page_says(found: Any) -> None:
    setting = found["setting"]
    assert len(setting["rows"]) >= 3
    assert len(setting["optimizes"]) >= 4
    assert setting["checkpoints"] >= 12
    assert setting["seeds"] >= 3
    runs = len(setting["rows"]) * len(setting["optimizes"]) * setting["seeds"]
    assert len(found["values"]["accuracy"]) == runs * setting["checkpoints"]


def test_every_score_of_the_family_was_measured(found: Any) -> None:
    from labelfree.metrics import METRICS

    names = {m.name for m in METRICS if m.family == "transfer"}
    assert names <= set(found["scores"])
    for metric in METRICS:
        if metric.family == "transfer":
            assert found["scores"][metric.name]["kind"] == metric.kind


def test_numbers_follow_from_the_values(found: Any) -> None:
    """Points lost over all candidates, computed again from the columns."""
    values, setting = found["values"], found["setting"]
    column = {name: np.array([np.nan if v is None else v for v in values[name]]) for name in ("accuracy", "infomax")}
    losses = []
    for target in setting["rows"]:
        for seed in range(setting["seeds"]):
            pool = (np.array(values["target"]) == target) & (np.array(values["seed"]) == seed)
            accuracy = column["accuracy"][pool]
            losses.append(100 * (accuracy.max() - accuracy[np.nanargmax(column["infomax"][pool])]))
    assert found["scores"]["infomax"]["all"]["lost"] == pytest.approx(np.mean(losses), abs=0.6)  # values hold 4 digits


def test_every_table_is_filled_in() -> None:
    pages = [ROOT / "docs" / "transfer.md", ROOT / "docs" / "evidence" / "transfer.md"]
    template = "".join(page.with_suffix(".intro.md").read_text() for page in pages)
    page = "".join(page.read_text() for page in pages)
    assert len(re.findall(r"^@[A-Z_]+@$", template, flags=re.MULTILINE)) >= 9
    assert not re.search(r"@[A-Z_]+@", page)


def test_the_page_says_what_was_measured(found: Any) -> None:
    """Each claim of the prose, against the results that its tables are made of."""
    scores, rules = found["scores"], found["rules"]
    lost = {name: entry["all"]["lost"] for name, entry in scores.items()}
    for good in ("cot", "class_ami", "nuclear_norm", "mcc"):
        assert lost[good] < 2, good
    assert lost["infomax"] < lost["transfer_score"] < rules["all"]["random"]["lost"]
    assert lost["transfer_score, literal"] < lost["transfer_score"] < lost["transfer_score, official"]
    assert scores["transfer_score"]["all"]["worst"]["kept"]["method"] == "infomax, early"
    for certainty in ("entropy", "mano", "average_confidence", "hopkins", "classifier_nonuniformity", "snd"):
        assert lost[certainty] > rules["all"]["random"]["lost"], certainty
    assert scores["doc"]["all"]["worst"]["kept"]["method"] == "dann"
    assert scores["snd"]["all"]["spearman"] < -0.5
    for distance in ("mmd", "coral", "frechet", "c2st"):
        assert abs(scores[distance]["epochs"]["spearman"]) < 0.35, distance
    for distance in ("coral", "frechet"):
        assert scores[distance]["all"]["worst"]["kept"]["method"] == "infomax, early"
        assert scores[distance]["all"]["worst"]["kept"]["epoch"] == found["setting"]["every"]
    assert scores["ensv"]["methods"]["spearman"] > 0.8 > 0.4 > scores["ensv"]["epochs"]["spearman"]
    assert scores["gde"]["all"]["worst"]["kept"]["method"] == "entropy"
    values = {
        name: np.array(found["values"][name]) for name in ("transfer_score, literal", "transfer_score", "hopkins")
    }
    literal = values["transfer_score, literal"] - values["transfer_score"] + values["hopkins"]
    np.testing.assert_allclose(literal, 1.0, atol=0.002)
    best = sorted(scores, key=lambda name: -(scores[name]["epochs"]["spearman"] or -1))[:3]
    assert set(best) == {"softmax_corr", "class_ami", "diversity"}
    assert found["saturation"]["lost"] > scores["transfer_score"]["epochs"]["lost"]


def test_the_page_says_how_estimates_err(found: Any) -> None:
    errors = {name: entry["error"] for name, entry in found["scores"].items() if "error" in entry}
    assert set(errors) == {"source_accuracy", "doc", "atc_mc", "atc_ne", "cot", "average_confidence", "gde"}
    assert min(errors, key=lambda name: errors[name]["absolute"]) == "cot"
    for sure in ("average_confidence", "doc", "atc_mc", "atc_ne"):
        assert errors[sure]["by"]["entropy"]["signed"] > 20, sure


def test_source_only_is_clearly_below_adapted(found: Any) -> None:
    for methods in found["accuracy"].values():
        assert max(m["best"] for m in methods.values()) > methods["source only"]["best"] + 0.05
    for name in ("turned", "faded"):
        best = found["accuracy"][name]
        assert best["bnm"]["best"] == max(m["best"] for m in best.values())
        assert best["infomax, early"]["source"] < 0.5 < 0.9 < best["bnm"]["source"]


def test_a_tie_is_told_with_its_mean(trust: Any, found: Any) -> None:
    rows = [
        {"target": "x", "method": "a", "seed": 0, "epoch": e, "score": s, "accuracy": a}
        for e, s, a in ((1, 3.0, 0.5), (2, 3.0, 0.7), (3, 2.0, 0.9), (4, None, 1.0))
    ]
    kept = trust.trusted({"x": rows}, lambda row: row["score"])["worst"]["kept"]
    assert (kept["epoch"], kept["tied"], kept["accuracy"]) == (1, 2, pytest.approx(0.6))
    for entry in found["scores"].values():
        for pool in ("epochs", "methods", "all"):
            worst = entry[pool]["worst"]
            if worst is not None:  # the row of the page does not contradict itself
                off = 100 * (worst["best"]["accuracy"] - worst["kept"]["accuracy"])
                assert off == pytest.approx(worst["lost"], abs=0.06)
