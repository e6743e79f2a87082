"""Values of OPIS: examples worked by hand, a slow oracle in exact mode, the same oracle at the thresholds of tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import labelfree
import oracles_opis as oracle
from labelfree.errors import LabelfreeError, UsageError
from labelfree.families.opis.consistency import Consistency
from labelfree.families.opis.curves import exact_curves, utility

metrics: Any = labelfree.metrics  # whose results hold numbers, lists and None
TINY = 1e-12
LINE = np.array([0.0, 1.0, 3.0, 4.0, 8.0, 9.0])
CIRCLE = np.array([(5, 0), (4, 3), (3, 4), (0, 5), (-3, 4), (-4, 3), (-5, 0), (0, -5)]) / 5
CIRCLE_GROUPS = [0, 0, 0, 1, 1, 1, 2, 2]
FAMILY = ("opis", "eps_opis", "mean_utility", "worst_utility")


def ring(first: float = 0.2) -> NDArray[np.float64]:
    """Six groups of three on a circle; the first is that wide."""
    angle = np.repeat(np.arange(6), 3) * np.pi / 3 + np.tile([-0.2, 0.0, 0.2], 6)
    angle[:3] = [-first, 0.0, first]
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


RING = np.repeat(np.arange(6), 3)


def clouds(
    sizes: Any, *, d: int = 6, spread: Any = 0.6, seed: int = 0, offset: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Rows about one center for each group, in random order, and the names of the groups."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    wide = np.broadcast_to(spread, len(sizes))[group, None]
    X = rng.normal(size=(len(sizes), d))[group] + wide * rng.normal(size=(len(group), d)) + offset
    order = rng.permutation(len(group))
    return X[order], np.array([f"g{g}" for g in group])[order]


def checked(X: Any, group: Any, expected: oracle.Answer, tolerance: float = TINY, **options: Any) -> Any:
    """Every metric of the family as expected; the result of opis."""
    found = {name: getattr(metrics, name)(X, group, **options) for name in FAMILY}
    for name, result in found.items():
        assert result.value == pytest.approx(getattr(expected, name), abs=tolerance), name
    result = found["opis"]
    assert result.parts["pooled"] == pytest.approx(expected.pooled, abs=tolerance)
    assert result.parts["chance_utility"] == pytest.approx(expected.chance, abs=tolerance)
    assert result.parts["zone"] == pytest.approx(expected.zone, abs=tolerance)
    assert result.parts["root"] == pytest.approx(expected.opis**0.5, abs=tolerance**0.5)
    return result


def columns(X: Any, group: Any, **options: Any) -> dict[str, Any]:
    """Every group, by name, as a table has it."""
    series = labelfree.opis({"embedding": X, "g": group}, group="g", **options).series["groups"]
    return {name: dict(zip(series["group"].tolist(), values.tolist(), strict=True)) for name, values in series.items()}


def test_two_groups_on_a_line_by_hand() -> None:
    curves = exact_curves(np.abs(LINE[:, None] - LINE), np.repeat([0, 1], 3), (1 / 9, 5 / 9))
    assert curves is not None
    assert curves.zone == (1.0, 6.0)
    inside = curves.inside
    U = utility(curves.sensitivity[:, inside], curves.specificity[:, inside])
    assert curves.threshold[inside].tolist() == [1, 2, 3, 4, 5]
    assert curves.weight[inside] == pytest.approx([0.2] * 5, abs=TINY)
    assert U[0] == pytest.approx([16 / 33, 16 / 21, 7 / 8, 4 / 5, 5 / 7], abs=TINY)
    assert U[1] == pytest.approx([16 / 33, 16 / 33, 7 / 15, 2 / 3, 5 / 7], abs=TINY)
    scores = Consistency(U, curves.weight[inside], eps=0.5)
    assert scores.opis == pytest.approx(7435651 / 569184000, abs=TINY)
    assert scores.eps_opis == pytest.approx(7435651 / 569184000, abs=TINY)
    assert scores.mean_utility == pytest.approx(59629 / 92400, abs=TINY)
    assert scores.contribution == pytest.approx([7435651 / 569184000] * 2, abs=TINY)
    pooled = utility(1 - curves.frr[inside], 1 - curves.far[inside])
    assert pooled == pytest.approx([16 / 33, 16 / 25, 28 / 39, 20 / 27, 5 / 7], abs=TINY)
    assert scores.about(pooled) == pytest.approx(3966074357897 / 292183491600000, abs=TINY)


BY_HAND = {  # opis, eps_opis (a third), mean_utility, opis_pooled
    "cosine": (13083940029388 / 144904750365375, 25523723600489 / 144904750365375, 28998878 / 46621575, 0.11965662689),
    "l2": (0.10342353558634, 0.20280423781877, 0.61634121264816, None),
}


@pytest.mark.parametrize("space", BY_HAND)
def test_three_groups_on_a_circle_by_hand(space: str) -> None:
    opis, eps_opis, mean, pooled = BY_HAND[space]
    digits = TINY if space == "cosine" else 1e-13  # the sheet prints 14 digits
    options: dict[str, Any] = {"far": (1 / 7, 4 / 7), "space": space}
    result = metrics.opis(7 * CIRCLE, CIRCLE_GROUPS, **options)
    assert result.value == pytest.approx(opis, abs=digits)
    assert metrics.eps_opis(CIRCLE, CIRCLE_GROUPS, **options).value == pytest.approx(eps_opis, abs=digits)
    assert metrics.mean_utility(CIRCLE, CIRCLE_GROUPS, **options).value == pytest.approx(mean, abs=digits)
    if pooled is not None:
        assert result.parts["pooled"] == pytest.approx(pooled, abs=1e-11)
        assert result.parts["zone"] == pytest.approx([2 / 5, 8 / 5], abs=TINY)
    assert (result.params["space"], result.params["quadrature"]) == (space, "exact")


def test_a_ring_is_fair_and_a_ring_with_one_wide_group_is_not() -> None:
    fair = metrics.opis(ring(), RING, far="0.05:0.3")
    assert fair.value == pytest.approx(0.0, abs=TINY)
    nine_places = np.hypot(*(ring()[:, None] - ring()).T).T.round(9)
    curves = exact_curves(nine_places, RING, (0.05, 0.3))
    assert curves is not None
    inside = curves.inside
    scores = Consistency(utility(curves.sensitivity[:, inside], curves.specificity[:, inside]), curves.weight[inside])
    assert scores.mean_utility == pytest.approx(0.88855322508503, abs=TINY)
    assert metrics.mean_utility(ring(), RING, far="0.05:0.3").value == pytest.approx(0.88855322508503, abs=1e-10)
    unfair = metrics.opis(ring(0.45), RING, far="0.05:0.3")
    assert unfair.value == pytest.approx(0.00256949236187, abs=1e-11)  # of distances with nine places
    assert metrics.eps_opis(ring(0.45), RING, far="0.05:0.3").value == pytest.approx(0.01255276024758, abs=1e-10)
    checked(ring(0.45), RING, oracle.exact(oracle.distances(ring(0.45)), RING, (0.05, 0.3)), far="0.05:0.3")  # type: ignore[arg-type]
    shares = columns(ring(0.45), RING, far="0.05:0.3")["contribution"]
    assert shares[0] == pytest.approx(0.01264, abs=5e-6)
    assert max(shares[g] for g in range(1, 6)) < 0.00074


def some(kind: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows with their groups, of the shapes on which counting goes wrong."""
    rng = np.random.default_rng(5)
    if kind == "unequal sizes":
        return clouds([2, 3, 5, 17, 40, 2, 9])
    if kind == "heterogeneous":
        return clouds([12] * 8, spread=np.linspace(0.1, 1.5, 8))
    if kind == "singletons":
        return clouds([1, 4, 1, 6, 1, 1, 15, 3])
    if kind == "a lattice with ties":
        return rng.integers(1, 4, (70, 3)).astype(float), rng.integers(0, 9, 70)
    if kind == "duplicates":
        X, group = clouds([8] * 6)
        return np.vstack([X, 3 * X[:20]]), np.concatenate([group, group[10:30]])  # in other groups, too
    if kind == "pairs only":
        return clouds([2] * 40)
    if kind == "two groups":
        return clouds([30, 4])
    return rng.normal(size=(60, 5)), rng.integers(0, 6, 60)


KINDS = (
    "unequal sizes", "heterogeneous", "singletons", "a lattice with ties", "duplicates", "pairs only", "two groups",
    "noise",
)  # fmt: skip


@pytest.mark.parametrize("space", ["l2", "cosine"])
@pytest.mark.parametrize("kind", KINDS)
def test_exact_values_are_those_of_the_oracle(kind: str, space: str) -> None:
    X, group = some(kind)
    expected = oracle.exact(oracle.distances(X, space), group)
    assert expected is not None
    result = checked(X, group, expected, space=space)
    assert result.params["quadrature"] == "exact"
    _, sizes = np.unique(group, return_counts=True)
    assert result.parts["singletons_left_out"] == (sizes == 1).sum()
    assert (result.parts["groups"], result.parts["rows"]) == ((sizes > 1).sum(), sizes[sizes > 1].sum())
    assert (result.parts["size_min"], result.parts["size_max"]) == (sizes[sizes > 1].min(), sizes.max())


@pytest.mark.parametrize("kind", KINDS)
def test_every_group_is_told_as_the_oracle_has_it(kind: str) -> None:
    X, group = some(kind)
    D = oracle.distances(X)
    of, expected, table = oracle.pairs(D, group), oracle.exact(D, group), columns(X, group)
    assert expected is not None
    low, high = expected.zone
    assert set(table["group"]) == set(of.names)
    recall = oracle.recall_at_1(D, group)
    for g in of.names:
        row = {name: values[g] for name, values in table.items()}
        assert (row["rows"], row["positives"], row["negatives"]) == (
            of.size[g], len(of.inside[g]), len(of.across[g]),
        )  # fmt: skip
        equal = oracle.equal_error(of.inside[g], of.across[g])
        assert equal is not None
        assert row["utility"] == pytest.approx(expected.utility[g], abs=TINY)
        assert row["contribution"] == pytest.approx(expected.contribution[g], abs=TINY)
        for end, t in (("low", low), ("high", high)):
            assert row[f"far_{end}"] == pytest.approx(oracle.share(of.across[g], t), abs=TINY)
            assert row[f"frr_{end}"] == pytest.approx(1 - oracle.share(of.inside[g], t), abs=TINY)
        assert (row["eer"], row["eer_threshold"]) == pytest.approx(equal, abs=1e-9)
        assert row["recall_at_1"] == pytest.approx(recall[g], abs=TINY)
    assert list(table["utility"].values()) == sorted(table["utility"].values())  # the worst first


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_of_all_groups_together(kind: str) -> None:
    X, group = some(kind)
    D = oracle.distances(X)
    of, result, table = oracle.pairs(D, group), metrics.opis(X, group), columns(X, group)
    p = result.parts
    inside = sorted(d for found in of.inside.values() for d in found)
    for said, t in zip(p["tar_at_far"], p["zone"], strict=True):
        assert said["far"] == pytest.approx(oracle.share(of.negative, t), abs=TINY)
        assert said["tar"] == pytest.approx(oracle.share(inside, t), abs=TINY)
    assert (p["eer"], p["eer_threshold"]) == pytest.approx(oracle.equal_error(inside, of.negative), abs=1e-9)
    spread = list(table["eer_threshold"].values())
    assert p["eer_threshold_std"] == pytest.approx(float(np.std(spread)), abs=1e-9)
    hits = sum(share * table["rows"][g] for g, share in table["recall_at_1"].items())
    assert p["recall_at_1"] == pytest.approx(hits / p["rows"], abs=TINY)
    assert np.mean(list(table["contribution"].values())) == pytest.approx(result.value, abs=TINY)
    assert p["pooled"] >= result.value - TINY
    assert 0 <= result.value <= 0.25
    assert p["utility_lift"] == pytest.approx(
        (metrics.mean_utility(X, group).value - p["chance_utility"]) / (1 - p["chance_utility"]), abs=TINY
    )
    bins = np.linspace(-1, 1, 201)
    near = [1 - np.array(found) ** 2 / 2 for found in (inside, of.negative)]
    overlap = np.minimum(*(np.histogram(c, bins)[0] / len(c) for c in near)).sum()
    assert p["overlap"] == pytest.approx(overlap, abs=0.05)  # a tie may fall to either side of an edge


def test_all_groups_as_the_worst_leave_nothing() -> None:
    U = np.random.default_rng(0).uniform(size=(9, 7))
    weight = np.full(7, 1 / 7)
    assert Consistency(U, weight, eps=1.0).eps_opis == pytest.approx(0.0, abs=1e-30)
    assert Consistency(U, weight, eps=0.1).eps_opis > 0
    assert [Consistency(U, weight, eps=e).count for e in (0.1, 1 / 9, 0.12, 1.0)] == [1, 1, 2, 9]


def test_the_largest_opis_is_a_quarter() -> None:
    halves = np.repeat([[1.0], [0.0]], 5, axis=0)
    assert Consistency(halves, np.ones(1)).opis == 0.25


def tiled(kind: str) -> tuple[NDArray[Any], NDArray[Any]]:
    if kind == "ties":
        rng = np.random.default_rng(2)
        return rng.integers(1, 5, (330, 4)).astype(float), rng.integers(0, 30, 330)
    if kind == "cone":
        return clouds([9] * 40, offset=100.0)
    return clouds([1, 1, 2, 3, 150, *[7] * 30], spread=np.linspace(0.2, 1.2, 35))


@pytest.mark.parametrize("space", ["l2", "cosine"])
@pytest.mark.parametrize("kind", ["unequal", "ties", "cone"])
def test_counts_of_tiles_are_those_of_the_oracle(kind: str, space: str) -> None:
    """At every threshold; float32 products may put a pair that is all but at a threshold on its other side."""
    from labelfree.evidence.groups import GroupRows
    from labelfree.evidence.zone import Calibration
    from labelfree.families.opis.operating_point import operating
    from labelfree.families.opis.sorted_rows import SortedGroups, grouped
    from labelfree.kernels import numpy_kernels
    from labelfree.results import Result
    from labelfree.summaries.hashing import hash_ids

    X, group = tiled(kind)
    rows = grouped(GroupRows(hash_ids(group), np.arange(len(X)), X, group), 100)
    assert isinstance(rows, SortedGroups)
    op = operating(rows, Calibration(space=space), numpy_kernels, 0)  # type: ignore[arg-type]
    assert not isinstance(op, Result)
    assert not op.exact
    of, curves = oracle.pairs(oracle.distances(X, space), group), op.curves
    assert of.names == [group[i] for i in rows.first]
    cosine = 1e-13 if kind == "cone" else 3e-7  # what a product of unit rows is good for in float64, in float32
    reach = np.maximum(curves.threshold, cosine**0.5) if space == "l2" else 1.0
    near = cosine / reach + 1e-12
    different = 0.0
    for i, g in enumerate(of.names):
        for counts, found in (
            (curves.sensitivity[i] * len(of.inside[g]), of.inside[g]),
            ((1 - curves.specificity[i]) * len(of.across[g]), of.across[g]),
        ):
            below, at, above = (
                np.searchsorted(found, curves.threshold + side * near, side="right") for side in (-1, 0, 1)
            )
            assert (counts >= below - 1e-6).all()
            assert (counts <= above + 1e-6).all()
            different += np.abs(counts - at).sum() / len(counts)
    if kind != "ties":  # where whole classes of pairs share a distance
        assert different < 2  # pairs, at a threshold, of all groups together


@pytest.mark.parametrize("space", ["l2", "cosine"])
@pytest.mark.parametrize("kind", ["unequal", "cone"])
def test_values_of_tiles_are_those_of_the_oracle(kind: str, space: str) -> None:
    X, group = tiled(kind)
    D = oracle.distances(X, space)
    result = metrics.opis(X, group, space=space)
    assert result.params["quadrature"] == "trapezoid-256"
    low, high = result.parts["zone"]
    same_thresholds = oracle.trapezoid(D, group, np.linspace(low, high, 257))
    # one pair of a group of two or three on the other side of one of 257 thresholds moves OPIS by at most 1e-4
    tolerance = 1e-5 if kind == "unequal" else 1e-9
    checked(X, group, same_thresholds, tolerance, space=space)
    whole = oracle.exact(D, group)
    assert whole is not None
    # the ends are rounded to bins of 2e-7 in the cosine, and 256 steps meet steps of single pairs
    assert result.value == pytest.approx(whole.opis, rel=2e-3)
    assert metrics.mean_utility(X, group, space=space).value == pytest.approx(whole.mean_utility, rel=1e-3)
    assert result.parts["zone"] == pytest.approx(whole.zone, rel=1e-4)


def test_tiles_tell_every_group_as_the_oracle_does() -> None:
    X, group = tiled("unequal")
    D = oracle.distances(X)
    of, table, recall = oracle.pairs(D, group), columns(X, group), oracle.recall_at_1(D, group)
    for g in of.names:
        rate, threshold = oracle.equal_error(of.inside[g], of.across[g])  # type: ignore[misc]
        assert table["recall_at_1"][g] == pytest.approx(recall[g])
        if of.size[g] < 7:
            continue  # a curve of three steps meets anywhere between two of them
        assert table["eer"][g] == pytest.approx(rate, abs=0.03)
        assert table["eer_threshold"][g] == pytest.approx(threshold, abs=0.05)


@pytest.mark.parametrize("offset", [1e2, 1e3, 1e5])
def test_a_narrow_cone_costs_no_digits(offset: float) -> None:
    X, group = clouds([9] * 40, offset=offset)
    result = metrics.opis(X, group)
    expected = oracle.exact(oracle.distances(X), group)
    assert expected is not None
    assert result.parts["zone"][1] < 1.2 / offset
    assert result.value == pytest.approx(expected.opis, rel=1e-3)
    assert result.parts["zone_far"] == pytest.approx([0.01, 0.1], rel=0.01)


@pytest.mark.parametrize("rows", ["few", "many"])
def test_random_names_have_the_utility_of_chance(rows: str) -> None:
    rng = np.random.default_rng(0)
    T, m = (8, 30) if rows == "few" else (20, 60)
    X, group = rng.normal(size=(T * m, 32)), np.repeat(np.arange(T), m)
    result, mean = metrics.opis(X, group), metrics.mean_utility(X, group)
    assert result.value < 1e-3
    assert mean.value == pytest.approx(mean.parts["chance_utility"], abs=0.02)
    assert mean.parts["chance_utility"] == pytest.approx(0.08, abs=0.02)
    assert any("near chance" in said for said in result.warnings)


def one_direction(n: int, d: int, seed: int) -> NDArray[np.float64]:
    """Rows whose cosines differ by the rounding of a product alone."""
    rng = np.random.default_rng(seed)
    return np.outer(rng.uniform(1, 9, n), rng.normal(size=d))


COLLAPSED = {
    "ones": np.ones((20, 3)),
    "equal rows": np.tile(np.random.default_rng(0).normal(size=(1, 16)), (60, 1)),
    "many equal rows": np.tile(np.random.default_rng(0).normal(size=(1, 16)), (900, 1)),
    "one direction": one_direction(20, 7, 6),
    "one direction, 256 rows": one_direction(256, 7, 3),
    "one direction, 257 rows and more": one_direction(300, 3, 3),
    "one direction, wide": one_direction(300, 300, 1),
    "one direction, many rows": one_direction(1500, 5, 2),
}


@pytest.mark.parametrize("kind", COLLAPSED)
@pytest.mark.parametrize("space", ["l2", "cosine"])
def test_a_collapsed_embedding_has_no_opis(kind: str, space: str) -> None:
    X = COLLAPSED[kind]
    for name in FAMILY:
        result = getattr(metrics, name)(X, np.arange(len(X)) // 5, space=space)
        assert (result.value, result.interval, result.reason_code) == (None, None, "degenerate_range")
        assert "all but equal" in str(result.reason)


def test_two_points_have_no_range() -> None:
    """Half of the negative pairs coincide, more than the upper false accept rate."""
    X = np.repeat(np.eye(2), 20, axis=0)
    assert metrics.opis(X, np.tile(np.arange(4), 10)).reason_code == "degenerate_range"


UNDEFINED: dict[str, tuple[Any, Any, str, str]] = {
    "no row": (np.empty((0, 3)), [], "insufficient", "found 0"),
    "one group": (np.random.default_rng(0).normal(size=(40, 3)), [1] * 40, "insufficient", "found 1"),
    "only singletons": (np.random.default_rng(0).normal(size=(40, 3)), range(40), "insufficient", "40 of one row"),
    "few negatives": (ring()[:9], RING[:9], "insufficient", "at least 100 pairs of different groups"),
    "zero rows": (np.vstack([ring(), np.zeros((2, 2))]), [*RING, 0, 1], "zero_rows", "2 of 20 rows are zero"),
}


@pytest.mark.parametrize("case", UNDEFINED)
@pytest.mark.parametrize("name", FAMILY)
def test_undefined_is_none_with_a_reason(name: str, case: str) -> None:
    X, group, code, said = UNDEFINED[case]
    result = getattr(metrics, name)(X, np.asarray(group))
    assert (result.value, result.se, result.interval, result.reason_code) == (None, None, None, code)
    assert said in str(result.reason)


def test_as_many_negatives_as_needed_are_enough() -> None:
    """At equality: ten by ten rows have the hundred pairs that a rate of 0.01 needs."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    assert metrics.opis(X, np.arange(20) // 10).value is not None
    assert metrics.opis(X[1:], (np.arange(20) // 10)[1:]).reason_code == "insufficient"


def test_one_dimension_cannot_be_split() -> None:
    assert metrics.pseudo_opis(np.random.default_rng(0).normal(size=(40, 1))).reason_code == "one_dimension"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    X = ring()
    X[4, 1] = bad
    with pytest.raises(LabelfreeError, match="1 of 18 rows hold NaN or infinity, first at row 4"):
        metrics.opis(X, RING)


def test_a_name_for_each_row_is_needed() -> None:
    with pytest.raises(LabelfreeError, match="expected one name for each of 18 rows, found shape"):
        metrics.opis(ring(), RING[:-1])


@pytest.mark.parametrize("names", [np.array([None, "a", "b"], object), np.array([np.nan, 1.0, 2.0])])
def test_rows_without_a_name_belong_to_no_group(names: NDArray[Any]) -> None:
    X, _ = clouds([10, 20, 20])
    where = np.repeat([0, 1, 2], [10, 20, 20])
    found, expected = metrics.opis(X, names[where]), metrics.opis(X[10:], where[10:])
    assert found.value == expected.value
    assert (found.parts["groups"], found.parts["rows_without_group"]) == (2, 10)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8])
@pytest.mark.parametrize("sizes", [[6] * 20, [9] * 40])
def test_narrow_types_are_the_numbers_they_hold(dtype: Any, sizes: list[int]) -> None:
    X, group = clouds(sizes)
    narrow = (30 * X).astype(dtype)
    found, same = metrics.opis(narrow, group), metrics.opis(narrow.astype(np.float64), group)
    assert found.value == pytest.approx(same.value, rel=1e-9)


FAR_TEXTS = ["0.01", "0.1:0.01", "0:0.1", "0.01:1", "a:b", "0.1:0.1", "0.01:0.1:0.2", "nan:0.1", (0.1,), 0.1, None]


@pytest.mark.parametrize("far", FAR_TEXTS)
def test_wrong_ranges_are_refused(far: Any) -> None:
    with pytest.raises(UsageError, match="far: expected LOW:HIGH with 0 < LOW < HIGH < 1"):
        metrics.opis(ring(), RING, far=far)


def test_ranges_are_told_and_matter() -> None:
    X, group = some("heterogeneous")
    values = {far: metrics.opis(X, group, far=far) for far in ("0.01:0.1", "0.05:0.2", "0.01:0.3")}
    assert len({result.value for result in values.values()}) == 3
    assert values["0.05:0.2"].params["far"] == [0.05, 0.2]
    assert values["0.05:0.2"].value == metrics.opis(X, group, far=(0.05, 0.2)).value


def test_a_group_much_larger_than_all_others_hides_no_pair() -> None:
    """2,048 rows drawn for a first look may all be of one group."""
    rng = np.random.default_rng(0)
    X, group = rng.normal(size=(6002, 3)), np.r_[np.zeros(6000, int), 1, 1]
    for seed in (1, 3):
        assert metrics.opis(X, group, seed=seed).parts["zone_far"] == pytest.approx([0.01, 0.1], rel=1e-3)
