"""Where OPIS misleads and what is said then: dead models, circular groups, small groups, the formula it is not."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

import labelfree as package
import oracles_opis as oracle
from labelfree.commands.report import Report
from program import Program

metrics: Any = package.metrics  # whose results hold numbers, lists and None
Matrix = NDArray[np.float64]
UNEVEN = np.linspace(0.3, 1.2, 20)


def model(
    scale: float, *, spread: Any = UNEVEN, each: int = 20, d: int = 16, seed: int = 0
) -> tuple[Matrix, NDArray[np.int64]]:
    """Groups about centers that lie `scale` apart, each as wide as `spread` says."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(spread)), each)
    centers, noise = rng.normal(size=(len(spread), d)), rng.normal(size=(len(group), d))
    return scale * centers[group] + np.asarray(spread)[group, None] * noise, group


def said(result: Any, words: str) -> bool:
    return any(words in warning for warning in result.warnings)


def test_a_dying_model_has_a_falling_opis_and_is_warned_of() -> None:
    scales = (4.0, 1.0, 0.5, 0.2, 0.1, 0.0)
    results = [metrics.opis(*model(scale)) for scale in scales]
    means = [metrics.mean_utility(*model(scale)) for scale in scales]
    values = [result.value for result in results]
    assert values[2] > values[3] > values[4] > values[5]  # the worse, the lower
    assert values[5] < values[1] < values[2]
    assert all(a.value > b.value for a, b in itertools.pairwise(means))
    for result, mean in zip(results, means, strict=True):
        assert mean.parts["utility_lift"] == result.parts["utility_lift"]
        assert said(result, "near chance") == (mean.parts["utility_lift"] < 0.1)
    assert [said(result, "near chance") for result in results] == [False] * 3 + [True] * 3
    dead = means[-1]
    assert dead.value == pytest.approx(dead.parts["chance_utility"], abs=0.01)


def test_the_gate_on_a_dead_model_fails_by_its_utility() -> None:
    X, group = model(0.0)
    report: Any = package.opis({"embedding": X, "g": group}, group="g")
    assert report["opis"].value < 1e-3
    with pytest.raises(package.LabelfreeError, match="needs one on mean_utility beside it"):
        package.gate(report, require="opis <= 0.01")
    verdict = package.gate(report, require=["opis <= 0.01", "mean_utility >= 0.5"])["verdict"]
    assert [c["decision"] for c in verdict["conditions"]] == ["pass", "fail"]
    assert verdict["exit_code"] == 10


NOISE = np.random.default_rng(0).normal(size=(800, 32))


@cache
def pseudo(clusters: Literal["crossfit", "same-space"]) -> Report:
    return package.opis(NOISE, clusters=clusters, k=(12,), seeds=2)


def test_clusters_of_noise_judge_themselves_kindly_and_others_at_chance() -> None:
    fair, circular = pseudo("crossfit"), pseudo("same-space")
    chance = fair["mean_utility"].parts["chance_utility"]
    assert fair["mean_utility"].value == pytest.approx(chance, abs=0.01)
    assert circular["mean_utility"].value > 2.5 * chance
    for report, flagged in ((fair, False), (circular, True)):
        entry = report["pseudo_opis"]
        assert entry.params["circular"] is flagged
        assert said(entry, "circular: ") is flagged
        assert said(entry, "unstable pseudo-groups")
        assert entry.parts["pseudo"]["stability_ari"] < 0.5
        null = entry.parts["pseudo"]["null"]
        assert null["mean_utility"] == pytest.approx(report["mean_utility"].value, abs=0.03)
        assert report["mean_utility"].params["circular"] is flagged
    assert fair["opis"].reason_code == circular["opis"].reason_code == "pseudo_groups"


def test_clear_groups_are_found_are_stable_and_beat_noise() -> None:
    X, _ = model(3.0, spread=np.full(10, 0.5), each=40)
    entry = package.opis(X, k=(5, 10), seeds=3)["pseudo_opis"]
    about = entry.parts["pseudo"]
    assert about["k"] == 10
    assert about["stability_ari"] > 0.95
    assert about["null"]["mean_utility"] < 0.5 * entry.parts["pseudo"]["runs"][1]["mean_utility"]["low"]
    assert not said(entry, "unstable")
    assert not said(entry, "no evidence")


def test_the_gate_refuses_circular_groups(labelfree: Program, tmp_path: Path) -> None:
    report = pseudo("same-space")
    (tmp_path / "r.json").write_text(report.to_json())
    gate = labelfree("gate", "r.json", "--require", "mean_utility >= 0.1")
    assert (gate.returncode, gate.stdout) == (2, "")
    assert "clusters of the very distances that they judge" in gate.stderr
    for asked in (["pseudo_opis <= 0.1", "mean_utility >= 0.1"], ["worst_utility >= 0"]):
        with pytest.raises(package.LabelfreeError, match="which no gate may trust"):
            package.gate(report, require=asked)


def test_freezing_does_not_launder_circular_groups(tmp_path: Path) -> None:
    package.opis(NOISE, clusters="same-space", k=12, seeds=1, freeze=tmp_path / "g.parquet")
    entry = package.opis(NOISE, groups_from=tmp_path / "g.parquet")["pseudo_opis"]
    assert entry.params["circular"]
    other = NOISE @ np.random.default_rng(1).normal(size=(32, 32)) + np.random.default_rng(2).normal(size=NOISE.shape)
    assert not package.opis(other, groups_from=tmp_path / "g.parquet")["pseudo_opis"].params["circular"]


def test_clusters_of_the_same_rows_are_circular_however_they_are_named() -> None:
    report = package.opis(NOISE, groups_from=NOISE.copy(), k=12)
    assert report["opis"].value is None or report["opis"].params["circular"]


def test_the_gate_refuses_unstable_pseudo_groups() -> None:
    with pytest.raises(package.LabelfreeError):
        package.gate(pseudo("crossfit"), require=["pseudo_opis <= 0.1", "mean_utility >= 0.01"])


def estimated(each: int, spread: Matrix) -> tuple[float, float, float]:
    """OPIS, its split-half estimate and its share of noise, averaged over models of one kind."""
    results = [metrics.opis(*model(1.0, spread=spread, each=each, d=24, seed=seed)) for seed in range(4)]
    parts = [(r.value, r.parts["split_half"], r.parts["noise_share"]) for r in results]
    value, halves, share = np.mean(parts, axis=0)
    return float(value), float(halves), float(share)


@pytest.mark.parametrize("spread", [np.full(60, 0.8), np.tile([0.4, 0.8, 1.2], 20)], ids=["even", "uneven"])
def test_small_groups_inflate_opis_and_their_halves_do_not(spread: Matrix) -> None:
    """Groups of one kind, of eight rows and of forty; the halves of small ones see the spread of large ones."""
    truth, steady, little = estimated(40, spread)
    inflated, halves, noise = estimated(8, spread)
    assert inflated > 1.15 * truth
    assert abs(halves - truth) < 0.7 * (inflated - truth)
    assert steady == pytest.approx(truth, rel=0.15)
    assert 0 < little < noise


@pytest.mark.parametrize("each", [4, 5])
def test_halves_of_single_pairs_are_not_asked(each: int) -> None:
    """The utility of a single pair is 0 or more: another quantity, which corrects nothing."""
    parts = metrics.opis(*model(1.0, spread=np.full(60, 0.8), each=each, d=24, seed=0)).parts
    assert parts["split_half"] is None
    assert parts["noise_share"] is None


@pytest.mark.parametrize(("sizes", "warned"), [([4] * 20, True), ([5] * 20, False), ([4] * 11 + [9] * 9, True),
                                               ([4] * 9 + [5] * 11, False), ([2] * 30, True)])  # fmt: skip
def test_a_warning_below_a_median_of_five(sizes: list[int], warned: bool) -> None:
    X = np.random.default_rng(0).normal(size=(sum(sizes), 8))
    result = metrics.opis(X, np.repeat(np.arange(len(sizes)), sizes))
    assert said(result, "fewer than 5 rows") is warned
    if max(sizes) < 4:
        assert (result.parts["split_half"], result.parts["noise_share"]) == (None, None)


def test_the_widespread_formula_moves_the_wrong_way() -> None:
    """One F1 of all pairs, and its deviation over thresholds: lower the more unevenly groups are treated."""
    ours, theirs = [], []
    for uneven in (0.0, 0.3, 0.6):
        X, group = model(1.0, spread=0.7 * np.exp(uneven * np.linspace(-1.5, 1.5, 12)), each=16)
        ours.append(metrics.opis(X, group).value)
        theirs.append(oracle.wrong_opis(oracle.distances(X), group))
    assert ours[0] < ours[1] < ours[2]
    assert ours[2] > 5 * ours[0]
    assert theirs[0] > theirs[1] > theirs[2]
