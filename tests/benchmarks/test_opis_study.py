"""The study of OPIS without labels: it runs, it counts right, and its page says what was measured."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from repository import ROOT

pytestmark = pytest.mark.once

STUDY = ROOT / "benchmarks" / "threshold_consistency"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A file of the study by its name."""
    monkeypatch.syspath_prepend(str(STUDY))
    return importlib.import_module


@pytest.fixture(scope="module")
def found() -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / "threshold_consistency.json").read_text())


@pytest.mark.slow
def test_it_runs_in_a_small_setting() -> None:
    pytest.importorskip("torch")
    before = (ROOT / "benchmarks" / "results" / "threshold_consistency.json").read_bytes()
    done = subprocess.run([sys.executable, STUDY / "study.py", "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (ROOT / "benchmarks" / "results" / "threshold_consistency.json").read_bytes() == before
    numbers = {
        name.strip(): tuple(map(float, values))
        for name, *values in re.findall(
            r"^closed  (.{20}) opis true (\S+) mean_utility true (\S+) recall (\S+)$", done.stdout, flags=re.MULTILINE
        )
    }
    assert set(numbers) >= {"untrained", "epoch 1", "plain", "tcm 1", "offset", "drowned", "noise"}
    opis, utility, recall = numbers["noise"]
    assert 0 < opis < 1e-3
    assert utility == pytest.approx(0.08, abs=0.02)  # of random groups
    assert recall == pytest.approx(0.1, abs=0.04)
    assert numbers["plain"][1] > numbers["epoch 1"][1] > numbers["untrained"][1] > 0.3
    assert numbers["plain"][2] > 0.95
    assert numbers["tcm 1"][0] < numbers["plain"][0] < 0.25


def brute(X: NDArray[np.float64], y: NDArray[np.int64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """(groups, thresholds) utilities, pair by pair in plain loops."""
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    out = []
    for group in sorted(set(y.tolist())):
        curve = []
        for t in thresholds:
            accepted: dict[bool, list[bool]] = {True: [], False: []}
            for i in range(len(y)):
                for j in range(i):
                    if group in (y[i], y[j]):
                        accepted[bool(y[i] == y[j])].append(bool(np.linalg.norm(X[i] - X[j]) <= t))
            sens, spec = np.mean(accepted[True]), 1 - np.mean(accepted[False])
            curve.append(2 * sens * spec / (sens + spec) if sens + spec else 0.0)
        out.append(curve)
    return np.array(out)


def test_opis_is_the_variance_of_utilities(module: Any) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([3, 1, 2], (6, 7, 8))
    X = rng.normal(size=(21, 4)) + 2 * rng.normal(size=(4, 4))[y] * np.array([1.0, 2.0, 0.3, 1.0])[y][:, None]
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    negative = sorted(np.linalg.norm(U[i] - U[j]) for i in range(21) for j in range(i) if y[i] != y[j])
    low, high = (negative[int(np.ceil(f * len(negative))) - 1] for f in (0.01, 0.1))
    t = np.linspace(low, high, 9)
    curves = brute(X, y, t)
    scores = module("reference_opis").scores_of(X, y, points=9)
    trapezoid = np.array([1, 2, 2, 2, 2, 2, 2, 2, 1]) / 16
    assert scores.opis == pytest.approx(curves.var(0) @ trapezoid, rel=1e-9)
    assert scores.mean_utility == pytest.approx(curves.mean(0) @ trapezoid, rel=1e-9)
    assert scores.worst_utility == pytest.approx(curves.min(0) @ trapezoid, rel=1e-9)


def test_opis_of_a_ring_is_zero_and_of_a_point_undefined(module: Any) -> None:
    """A group that is wider than the others moves it off zero (worked out in closed form where it was published)."""
    scores_of = module("reference_opis").scores_of
    angle = (2 * np.pi * np.arange(6)[:, None] / 6 + np.array([-0.2, 0.0, 0.2])).ravel()
    ring = scores_of(np.c_[np.cos(angle), np.sin(angle)], np.repeat(np.arange(6), 3))
    assert ring.opis == pytest.approx(0.0, abs=1e-4)
    assert scores_of(np.ones((8, 3)), np.repeat([0, 1], 4)) == (None, None, None)


def test_training_is_deterministic(module: Any) -> None:
    pytest.importorskip("torch")
    training, rows = module("training"), module("identities").setting("open").trained
    recipe = training.Recipe(tcm=1.0, epochs=1, augmented=False)
    one, two = (next(iter(training.trained(recipe, rows, 3)))[1](rows.images) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == (len(rows.identity), training.WIDTH)


def test_the_term_is_that_of_the_paper(module: Any) -> None:
    """By hand: 0.9 - 0.5 and 0.9 - 0.7 in the mean, and 0.7 - 0.5; pairs beyond the margins do not count."""
    torch = pytest.importorskip("torch")
    tcm = module("training").tcm
    loss = tcm(torch.tensor([0.5, 0.7, 0.95]), torch.tensor([0.7, 0.1]))
    assert float(loss) == pytest.approx(0.3 + 0.2)
    assert float(tcm(torch.tensor([0.95]), torch.tensor([0.2]))) == 0.0


def test_no_identity_of_the_open_world_is_trained_on(module: Any) -> None:
    for name in module("identities").SETTINGS:
        trained, judged = module("identities").setting(name)
        assert len(set(judged.identity.tolist())) == len(set(trained.identity.tolist())) == 10
        assert min(np.bincount(judged.identity)) >= 60
        assert not {row.tobytes() for row in trained.images} & {row.tobytes() for row in judged.images}


def test_correlation_and_choices(module: Any) -> None:
    orderings = module("orderings")
    assert orderings.rho([(1, 10), (2, 20), (3, 15), (None, 5)]) == pytest.approx(0.5)
    assert orderings.rho([(1, 1), (2, 1), (3, 1)]) is None
    assert orderings.difference([-1.0, 1.0, -3.0])["lower"] == 2
    assert orderings.difference([-1.0, 1.0, -3.0])["se"] == pytest.approx(2 / 3**0.5, rel=1e-3)


def test_the_study_is_as_large_as_the_page_says(found: Any) -> None:
    setting = found["setting"]
    models = len(found["closed"]["means"])
    assert models >= 15
    assert setting["seeds"] >= 5
    assert len(found["values"]["opis true"]) == models * setting["seeds"] * len(setting["rows"])


def test_numbers_follow_from_the_values(found: Any) -> None:
    """Correlations and differences, computed again from the columns by other code."""
    values = {name: np.array(column) for name, column in found["values"].items()}
    for name in ("closed", "open"):
        at = values["setting"] == name
        well = at & (values["mean_utility true"] >= found["setting"]["healthy"])
        for source in ("views", "crossfit 10", "frozen 20", "pixels 5", "same space 10"):
            entry = found[name]["orderings"]["by"][source]
            for some, kind in ((at, "all"), (well, "healthy")):
                again = spearmanr(values["opis true"][some], values[f"opis {source}"][some]).statistic
                assert entry[kind]["rho"] == pytest.approx(again, abs=2e-3)
        for key in ("opis true", "opis views"):
            with_it, without = (values[key][at & (values["model"] == model)] for model in ("tcm 1", "plain"))
            entry = found[name]["term"][key]["tcm 1"]
            assert entry["mean"] == pytest.approx((with_it - without).mean(), rel=1e-2)
            assert entry["lower"] == (with_it < without).sum()


def test_the_page_is_made_of_its_results() -> None:
    done = subprocess.run([sys.executable, STUDY / "study.py", "--page"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (ROOT / "docs" / "opis.md").read_text()
    assert not re.search(r"@[A-Za-z_]+[@/]", done.stdout)


def test_the_page_says_what_was_measured(found: Any) -> None:
    """Each claim of the prose, against the results that its tables are made of."""
    by = {name: found[name]["orderings"]["by"] for name in ("closed", "open")}
    opis = {name: {source: entry["healthy"]["rho"] for source, entry in by[name].items()} for name in by}
    ceiling = {name: found[name]["orderings"]["ceiling"]["healthy"]["rho"] for name in by}
    for name in by:
        assert opis[name]["frozen 10"] > ceiling[name] - 0.05
    for wrong in ("frozen 5", "frozen 20", "crossfit 5", "crossfit 20", "views", "pixels 5", "pixels 10", "pixels 20"):
        assert opis["closed"][wrong] < 0.1, wrong
    assert opis["closed"]["crossfit 10"] > 0.8 > 0.2 > opis["open"]["crossfit 10"]
    assert opis["closed"]["views"] < -0.7
    assert abs(opis["open"]["views"]) < 0.2
    assert all(opis["open"][name] > 0.58 for name in ("pixels 10", "frozen 10"))
    for name in by:
        utility = {source: entry["utility, healthy"]["rho"] for source, entry in by[name].items() if source != "recall"}
        assert min(utility[f"{kind} {k}"] for kind in ("pixels", "frozen") for k in (10, 20)) > 0.8
        assert (utility["crossfit 10"] < -0.4, utility["same space 10"] < -0.4) == (name == "open", name == "open")
        assert (utility["views"] < -0.5) == (name == "closed")


def test_the_page_says_what_the_term_did(found: Any) -> None:
    closed, unseen = found["closed"]["term"], found["open"]["term"]
    beside_proxies = [name for name in closed["opis true"] if not name.startswith("neighbors")]
    assert len(beside_proxies) >= 5
    for weight in beside_proxies:
        for source in ("true", "crossfit 10", "same space 10"):
            assert closed[f"opis {source}"][weight]["lower"] == 5, (source, weight)
        assert closed["opis views"][weight]["mean"] > 0
        assert unseen["opis true"][weight]["mean"] > -2 * unseen["opis true"][weight]["se"]
        assert unseen["mean_utility true"][weight]["lower"] == unseen["recall"][weight]["lower"] == 5
        assert unseen["mean_utility crossfit 10"][weight]["lower"] <= 1
        for source in ("views", "frozen 10", "pixels 10"):
            assert unseen[f"mean_utility {source}"][weight]["lower"] == 5


def test_the_page_says_what_a_choice_costs(found: Any) -> None:
    for name in ("closed", "open"):
        for source in ("true", "views", "crossfit 10", "frozen 10", "pixels 10", "same space 10"):
            entry = found[name]["trap"][source]
            assert (entry["lowest"][0][0] == "noise") == ((name, source) != ("closed", "same space 10")), source
            assert "collapsed" not in {model for model, *_ in entry["lowest"]}
        rules = found[name]["choices"]
        assert all(rules[rule]["all"]["unhealthy"] == 0 for rule in rules if rule.startswith("guarded"))
        assert rules["guarded opis, frozen 10"]["healthy"]["opis"] < rules["last epoch"]["healthy"]["opis"]
        for source in ("frozen 10", "pixels 10"):
            assert rules[f"utility, {source}"]["all"]["utility"] <= rules[f"guarded opis, {source}"]["all"]["utility"]
    lost = {rule: entry["all"]["utility"] for rule, entry in found["closed"]["choices"].items()}
    guarded = {rule: cost for rule, cost in lost.items() if re.match("guarded.*(views|true| 10)$", rule)}
    assert len(guarded) == 6
    assert max(guarded, key=guarded.__getitem__) == "guarded opis, views"
    assert lost["guarded opis, views"] > lost["random"]
