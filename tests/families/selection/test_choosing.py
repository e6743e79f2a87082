"""The rule against its sheet written down again, and its laws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import oracles_selection as oracle
from drawn_candidates import bare, drawn
from labelfree.errors import ArrayError
from labelfree.families.selection.candidates import Candidate
from labelfree.families.selection.choosing import Choice, choose

N, K = 300, 4
FIVE = drawn((1.3, 1.9, 2.8, 4.0, 6.0), n=N)


def scores(choice: Choice) -> list[float | None]:
    return [j.score for j in choice.judged]


def matrix(rows: Any) -> NDArray[np.float64]:
    return np.asarray(rows, dtype=np.float64)


def of(choice: Choice, part: str) -> list[float]:
    return [j.parts[part] for j in choice.judged]


def predictions(candidates: list[Candidate]) -> list[list[int]]:
    return [np.asarray(c.logits).argmax(axis=1).tolist() for c in candidates]


@pytest.mark.parametrize("seed", [0, 7])
def test_with_logits_it_is_the_formula(seed: int) -> None:
    found = choose(bare(FIVE.candidates), seed=seed)
    said = predictions(FIVE.candidates)
    known = oracle.parts([matrix(c.rows) for c in FIVE.candidates], said, K, seed)
    soft = [oracle.information(np.asarray(c.logits)) for c in FIVE.candidates]
    even = [oracle.evenness(y, K) ** (-1 / (2 * (K - 1))) for y in said]
    first = [
        c**0.5 * x * o * s**0.25 * e
        for c, x, o, s, e in zip(known.clusters, known.neighbors, known.own, soft, even, strict=True)
    ]
    most = oracle.vote(said, [w * s for w, s in zip(known.weights, first, strict=True)])
    agreed = [oracle.mean_contrast(most, y, K) for y in said]
    expected = [one * v for one, v in zip(first, agreed, strict=True)]
    assert found.setting == "logits"
    assert of(found, "weight") == pytest.approx(known.weights, abs=1e-12)
    assert of(found, "cluster_agreement") == pytest.approx(known.clusters, abs=1e-9)
    assert of(found, "neighbor_agreement") == pytest.approx(known.neighbors, abs=1e-9)
    assert of(found, "own_agreement") == pytest.approx(known.own, abs=1e-9)
    assert of(found, "information") == pytest.approx(soft, abs=1e-9)
    assert of(found, "vote_agreement") == pytest.approx(agreed, abs=1e-9)
    assert scores(found) == pytest.approx(expected, rel=1e-9)
    assert found.best == int(np.argmax(expected))


def test_with_source_rows_it_is_the_formula() -> None:
    found = choose(FIVE.candidates)
    said = predictions(FIVE.candidates)
    known = oracle.parts([matrix(c.rows) for c in FIVE.candidates], said, K, 0)
    given = [(matrix(c.rows), matrix(c.source), np.asarray(c.labels), K) for c in FIVE.candidates]
    refits = [oracle.ridge(*g).argmax(axis=1).tolist() for g in given]
    agreed = [
        sum(h * oracle.rooted_contrast(y, r, K) for h, r in zip(known.heard[i], refits, strict=True))
        for i, y in enumerate(said)
    ]
    accuracy = [oracle.left_out_accuracy(*g) for g in given]
    assert found.setting == "source+logits"
    assert of(found, "refit_agreement") == pytest.approx(agreed, abs=1e-12)
    assert of(found, "neighbor_information") == pytest.approx(known.told, abs=1e-9)
    assert of(found, "refit_accuracy") == pytest.approx(accuracy, abs=1e-12)
    expected = [
        r * t**0.5 * a * o**0.25 * oracle.evenness(y, K) ** (-1 / (2 * (K - 1)))
        for r, t, a, o, y in zip(agreed, known.told, accuracy, known.own, said, strict=True)
    ]
    assert scores(found) == pytest.approx(expected, rel=1e-9)


def test_given_class_shares_count_against_predicted_ones() -> None:
    shares = np.bincount(FIVE.truth, minlength=K) / N
    without, found = choose(FIVE.candidates), choose(FIVE.candidates, class_shares=shares)
    for one, other, said in zip(without.judged, found.judged, predictions(FIVE.candidates), strict=True):
        apart = sum(abs(said.count(c) / N - shares[c]) for c in range(K)) / 2
        assert other.score == pytest.approx((one.score or 0) * (1 - apart) ** 4, rel=1e-9)
    assert found.rule["parameters"]["class_shares"] == pytest.approx(shares)


def test_of_two_unequal_classes_the_pure_ones_are_kept_and_not_the_equal_ones() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(400) < 40
    split = truth | (rng.random(400) < 0.35)
    centers = np.where(truth, 3.0, -3.0)[:, None]
    found = choose([
        Candidate(name, None, centers + rng.normal(size=(400, 6)), 4.0 * np.eye(2)[said.astype(int)])
        for name, said in (("pure", truth), ("a few off", truth ^ (rng.random(400) < 0.02)), ("equal", split),
                           ("halves", split ^ (rng.random(400) < 0.02)))
    ])  # fmt: skip
    assert found.best == 0


@pytest.mark.parametrize("candidates", [FIVE.candidates, bare(FIVE.candidates)], ids=["source", "logits"])
def test_the_clearest_of_the_candidates_is_kept(candidates: list[Candidate]) -> None:
    found = choose(candidates)
    right = [float((np.asarray(c.logits).argmax(axis=1) == FIVE.truth).mean()) for c in candidates]
    assert right[0] > right[1] + 0.02 > right[2] + 0.04
    assert found.decision in ("keep", "tie")
    assert found.best == 0
    assert found.reason is found.reason_code is None
    assert found.judged[0].status == "best"
    assert found.judged[4].status == "worse"


def test_the_order_of_the_candidates_changes_nothing_but_the_order() -> None:
    order = [3, 0, 4, 2, 1]
    one, other = choose(FIVE.candidates), choose([FIVE.candidates[i] for i in order])
    assert scores(other) == pytest.approx([scores(one)[i] for i in order], rel=1e-12)
    assert [j.status for j in other.judged] == [one.judged[i].status for i in order]
    assert other.best == order.index(one.best or 0)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1e-20, 0.01, 3.0, 1e20]))
def test_no_rotation_scale_or_offset_of_a_space_matters(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    moved = [
        replace(c, rows=scale * (c.rows @ turn + 5), source=scale * (np.asarray(c.source) @ turn + 5))
        for c in FIVE.candidates
    ]
    assert scores(choose(moved)) == pytest.approx(scores(choose(FIVE.candidates)), rel=1e-9)


def test_the_names_of_the_classes_do_not_matter() -> None:
    new = np.array([2, 0, 3, 1])
    renamed = [
        replace(c, logits=np.asarray(c.logits)[:, np.argsort(new)], labels=new[np.asarray(c.labels)])
        for c in FIVE.candidates
    ]
    one, other = choose(FIVE.candidates), choose(renamed)
    assert scores(other) == pytest.approx(scores(one), rel=1e-9)
    assert [j.status for j in other.judged] == [j.status for j in one.judged]


def test_near_copies_share_a_vote() -> None:
    copied = [*FIVE.candidates, *(replace(FIVE.candidates[4], name=f"copy {i}") for i in range(6))]
    alone, many = choose(FIVE.candidates), choose(copied)
    assert of(many, "weight")[4] == pytest.approx(of(alone, "weight")[4] / 7, rel=0.02)
    assert sum(of(many, "weight")[4:]) == pytest.approx(of(alone, "weight")[4], rel=0.02)
    heard = "neighbor_information"
    assert of(many, heard)[0] == pytest.approx(of(alone, heard)[0], rel=0.02)
    assert many.best == alone.best


def test_the_same_seed_gives_the_same_answer() -> None:
    assert choose(FIVE.candidates, seed=3) == choose(FIVE.candidates, seed=3)


def test_candidates_are_walked_once_and_may_be_read_one_by_one() -> None:
    told: list[int] = []
    read = (lambda c=c: c for c in FIVE.candidates)
    assert scores(choose(read, advance=told.append)) == scores(choose(FIVE.candidates))
    assert told == [1, 2, 3, 4, 5]


def test_few_candidates_are_undecided_and_still_advised() -> None:
    for count in (1, 2):
        found = choose(FIVE.candidates[:count])
        assert (found.decision, found.reason_code) == ("undecided", "few_candidates")
        assert found.best is not None
        assert f"found {count}" in (found.reason or "")


def test_identical_candidates_tie_and_are_named() -> None:
    found = choose([*FIVE.candidates, replace(FIVE.candidates[0], name="again")])
    assert found.best == 0
    assert found.judged[5].status == "tied"
    assert found.judged[0].score == pytest.approx(found.judged[5].score, rel=1e-9)
    assert found.judged[5].apart_from_best == 0
    assert [(w.code, "c0, again" in w) for w in found.warnings if w.code == "identical_candidates"] == [
        ("identical_candidates", True)
    ]


def test_who_predicts_the_same_ties_whatever_its_space() -> None:
    rng = np.random.default_rng(0)
    other = replace(FIVE.candidates[0], name="other space", rows=rng.normal(size=(N, 8)))
    found = choose(bare([*FIVE.candidates, other]))
    assert {found.judged[0].status, found.judged[5].status} == {"best", "tied"}


def test_candidates_that_are_all_the_same_tie() -> None:
    found = choose([replace(FIVE.candidates[0], name=f"{i}") for i in range(4)])
    assert found.decision == "tie"
    assert sorted(j.status for j in found.judged) == ["best", "tied", "tied", "tied"]


def test_one_class_for_every_row_is_vetoed_and_has_no_score() -> None:
    constant = replace(FIVE.candidates[0], name="dead", logits=np.tile([0.0, 9.0, 0.0, 0.0], (N, 1)))
    found = choose([constant, *FIVE.candidates])
    assert (found.judged[0].status, found.judged[0].veto) == ("vetoed", "constant_predictions")
    assert found.judged[0].score is found.judged[0].se is None
    assert found.best == 1


def test_uneven_predictions_are_said_unless_class_shares_are_given() -> None:
    uneven = drawn((1.0, 1.2, 1.5, 2.0), n=300, shares=(0.85, 0.05, 0.05, 0.05))
    assert "unbalanced_consensus" in [w.code for w in choose(uneven.candidates).warnings]
    shares = np.bincount(uneven.truth, minlength=K) / 300
    assert "unbalanced_consensus" not in [w.code for w in choose(uneven.candidates, class_shares=shares).warnings]
    assert "unbalanced_consensus" not in [w.code for w in choose(FIVE.candidates).warnings]


def test_what_was_not_measured_is_said() -> None:
    assert "outside_envelope" not in [w.code for w in choose(FIVE.candidates).warnings]
    said = [str(w) for w in choose(FIVE.candidates[:2]).warnings if w.code == "outside_envelope"]
    assert len(said) == 1
    assert "2 candidates (measured: 3 to 20)" in said[0]


def test_vetoes_from_outside_are_kept_and_do_not_vote() -> None:
    vetoes = ["likely_collapsed", None, None, None, None]
    found = choose(FIVE.candidates, vetoes=vetoes)
    assert found.judged[0].veto == "likely_collapsed"
    assert found.best == 1
    without = choose(FIVE.candidates[1:])
    heard = "neighbor_information"
    assert found.judged[1].parts[heard] == pytest.approx(without.judged[0].parts[heard], rel=0.05)
    every = choose(FIVE.candidates, vetoes=["likely_collapsed"] * 5)
    assert (every.decision, every.reason_code, every.best) == ("undecided", "all_vetoed", None)


def test_predictions_that_fit_nothing_are_undecided() -> None:
    rng = np.random.default_rng(0)
    noise = [Candidate(f"{i}", None, rng.normal(size=(100, 6)), rng.normal(size=(100, 3))) for i in range(5)]
    found = choose(noise)
    assert found.decision == "undecided"
    assert found.reason_code in ("no_structure", "half_plausible")


def test_rows_that_are_all_equal_are_no_obstacle() -> None:
    flat = replace(FIVE.candidates[4], name="flat", rows=np.full((N, 8), 7.1), source=np.full((60, 8), 7.1))
    found = choose([*FIVE.candidates, flat])
    assert found.best == 0
    assert all(j.score is None or np.isfinite(j.score) for j in found.judged)


@pytest.mark.parametrize("ordered", [True, False])
def test_features_alone_give_advice(ordered: bool) -> None:
    plain = [Candidate(c.name, c.step, c.rows) for c in FIVE.candidates]
    found = choose(plain, ordered=ordered)
    assert (found.setting, found.decision) == ("ordered" if ordered else "unordered", "undecided")
    assert found.reason_code == "features_only"
    assert found.best in (0, 1)
    assert all(j.apart_from_best is None for j in found.judged)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": np.ones((N - 1, 8))}, "expected the 300 rows of c0, found 299"),
        ({"logits": None}, "expected logits of 4 classes as c0 has, found no logits"),
        ({"logits": np.ones((N, 5))}, "expected logits of 4 classes as c0 has, found logits of 5 classes"),
        ({"source": None}, "expected labelled source rows as c0 has"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ArrayError, match=f"c2: {said}"):
        choose([replace(c, **change) if c.name == "c2" else c for c in FIVE.candidates])


def test_too_few_rows_and_none_at_all_are_refused() -> None:
    small = [Candidate(c.name, None, c.rows[:11], np.asarray(c.logits)[:11]) for c in FIVE.candidates]
    with pytest.raises(ArrayError, match="expected at least 12 rows, found 11"):
        choose(small)
    enough = [Candidate(c.name, None, c.rows[:12], np.asarray(c.logits)[:12]) for c in FIVE.candidates]
    assert len(choose(enough).judged) == 5
    with pytest.raises(ArrayError, match="expected at least one, found none"):
        choose([])
