"""Groups where none are given, and groups that are frozen in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from labelfree.arrays import Index, Keys, positions
from labelfree.errors import LabelfreeError, OutputError, SourceError, UsageError
from labelfree.families.opis import clusters as pseudo_groups
from labelfree.families.opis.clusters import (
    candidates,
    clusters,
    clusters_of_other_space,
    dimension_halves,
    rotated,
    same_space,
    stability,
)
from labelfree.kernels import numpy_kernels
from labelfree.results import Result
from labelfree.sources.opening import open_source
from labelfree.sources.tables.group_files import FrozenGroups, read_groups, write_groups
from labelfree.summaries.hashing import hash_ids, mix, unmix
from labelfree.survey.reading import survey

Matrix = NDArray[np.float64]
ABOUT = {"source": "crossfit", "circular": False, "k": 3, "seed": 0, "rows_hash": "ab" * 16}
UINT64 = st.integers(0, 2**64 - 1)


def classes(n: int = 1500, d: int = 32, spread: float = 0.4, seed: int = 0) -> tuple[Matrix, Index]:
    """Rows of 20 well separated Gaussian classes, and which class each is of."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 20, n)
    return random.normal(size=(20, d))[truth] + spread * random.normal(size=(n, d)), truth


def crossfit(rows: NDArray[Any], k: int, seed: int) -> tuple[Index, Matrix] | Result:
    """Groups from one half of the dimensions, and the other half to judge."""
    split = dimension_halves(rows, seed)
    if isinstance(split, Result):
        return split
    labels = clusters(split[0], k, seed)
    return labels if isinstance(labels, Result) else (labels, split[1])


def labels_of(rows: Matrix, k: int, seed: int) -> Index:
    found = crossfit(rows, k, seed)
    assert not isinstance(found, Result)
    return found[0]


def circular_labels_of(rows: Matrix, k: int, seed: int) -> Index:
    found = same_space(rows, k, seed)
    assert not isinstance(found, Result)
    return found


def cosines(rows: Matrix, labels: Index) -> tuple[Matrix, Matrix]:
    """Cosines of the pairs inside one group, and of all others, by the definition."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    one, other = np.triu_indices(len(rows), 1)
    cosine, same = (unit @ unit.T)[one, other], labels[one] == labels[other]
    return cosine[same], cosine[~same]


# The groups


@given(st.integers(0, 10_000))
def test_numbers_of_groups_are_the_stated_heuristic_within_bounds(n: int) -> None:
    found = candidates(n)
    assert list(found) == sorted(set(found))
    assert all(2 <= k <= n // 2 for k in found)
    stated = [round((n / 2) ** 0.5 * share) for share in (0.5, 1, 2)]
    if n >= 32:
        assert list(found) == stated
    assert bool(found) == (n >= 4)


def test_numbers_of_groups_worked_by_hand() -> None:
    assert candidates(800) == (10, 20, 40)
    assert candidates(8) == (2, 4)
    assert candidates(4) == (2,)
    assert candidates(3) == ()


@pytest.mark.parametrize("d", [2, 7, 384, pseudo_groups.DENSE, pseudo_groups.DENSE + 1, 1500])
def test_the_rotation_keeps_every_product(d: int) -> None:
    rows = np.random.default_rng(d).normal(size=(300, d))
    turned = rotated(rows, 0)
    np.testing.assert_allclose(turned @ turned.T, rows @ rows.T, atol=1e-10 * d)
    assert np.abs(turned - rows).max() > 0.1
    assert np.abs(turned - rotated(rows, 1)).max() > 0.1


@pytest.mark.parametrize("d", [256, pseudo_groups.DENSE + 1])
def test_the_rotation_spreads_one_direction_over_both_halves(d: int) -> None:
    for rows in (np.eye(d)[:5], np.ones((1, d)) / d**0.5):
        share = (rotated(rows, 0)[:, : d // 2] ** 2).sum(axis=1)
        assert np.abs(share - 0.5).max() < 5 * (0.5 / d) ** 0.5


@pytest.mark.parametrize("d", [2, 3, 8, 9])
def test_halves_are_unit_rows_and_zero_rows_stay(d: int) -> None:
    rows = np.random.default_rng(0).normal(size=(40, d))
    rows[[3, 17]] = 0.0
    split = dimension_halves(rows, 0)
    assert not isinstance(split, Result)
    assert [half.shape for half in split] == [(40, d // 2), (40, d - d // 2)]
    for half in split:
        np.testing.assert_allclose(np.linalg.norm(half, axis=1), rows.any(axis=1), atol=1e-12)
    scaled = dimension_halves(rows * np.exp(np.arange(40.0))[:, None], 0)
    assert not isinstance(scaled, Result)
    np.testing.assert_allclose(scaled[0], split[0], atol=1e-10)


def test_one_dimension_cannot_be_split() -> None:
    found = crossfit(np.ones((10, 1)), 2, 0)
    assert isinstance(found, Result)
    assert (found.status, found.reason_code) == ("undefined", "one_dimension")


def test_more_groups_than_rows_are_no_groups() -> None:
    rows = np.random.default_rng(0).normal(size=(10, 4))
    for found in (crossfit(rows, 11, 0), same_space(rows, 11, 0)):
        assert isinstance(found, Result)
        assert found.reason == "11 groups need at least 11 rows, found 10"
    assert len(np.unique(labels_of(rows, 10, 0))) == 10  # groups of one row are not hidden


def test_equal_rows_are_one_group() -> None:
    assert len(np.unique(circular_labels_of(np.ones((50, 4)), 3, 0))) == 1


def test_on_isotropic_noise_crossfit_groups_say_nothing_of_the_judged_half() -> None:
    rows = np.random.default_rng(1).normal(size=(1500, 32))
    found = crossfit(rows, 20, 0)
    assert not isinstance(found, Result)
    inside, outside = cosines(found[1], found[0])
    error = (1 / 16 * (1 / len(inside) + 1 / len(outside))) ** 0.5  # a cosine of 16 dimensions has the variance 1/16
    assert abs(inside.mean() - outside.mean()) < 4 * error
    inside, outside = cosines(rows, circular_labels_of(rows, 20, 0))
    assert inside.mean() - outside.mean() > 0.1


@pytest.mark.parametrize("groups", [labels_of, circular_labels_of])
def test_twenty_classes_are_found_by_twenty_groups(groups: Callable[[Matrix, int, int], Index]) -> None:
    rows, truth = classes()
    right = [groups(rows, 20, seed) for seed in range(3)]
    assert min(adjusted_rand_score(truth, labels) for labels in right) > 0.95
    stable, torn = stability(right), stability([groups(rows, 80, seed) for seed in range(3)])
    assert stable is not None
    assert torn is not None
    assert torn < 0.7 < 0.95 < stable


@pytest.mark.parametrize("many", [0, pseudo_groups.MANY])
def test_labels_depend_on_the_seed_and_nothing_else(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudo_groups, "MANY", many)
    rows = np.random.default_rng(2).normal(size=(600, 24))
    first = labels_of(rows, 12, 0)
    assert (first == labels_of(rows.copy(), 12, 0)).all()
    assert first.dtype == np.int64
    with threadpool_limits(1):
        assert (first == labels_of(rows, 12, 0)).all()
    other = labels_of(rows, 12, 1)
    assert adjusted_rand_score(first, other) < 0.5


def test_stability_is_the_mean_over_pairs() -> None:
    one, same, other = np.array([0, 0, 1, 1]), np.array([5, 5, 2, 2]), np.array([0, 1, 0, 1])
    assert stability([one, same]) == 1.0
    # one and other agree on no pair: index 0, expected 2 * 2 / 6, highest 2, so (0 - 2/3) / (2 - 2/3) = -1/2
    assert stability([one, same, other]) == pytest.approx((1 - 0.5 - 0.5) / 3)
    assert stability([one]) is None
    assert stability([]) is None


# Groups of another space


def test_groups_of_another_space_follow_the_keys() -> None:
    rows, truth = classes(400, 16, 0.2)
    keys = hash_ids(np.arange(400))
    order = np.random.default_rng(0).permutation(400)
    here, other = np.arange(50, 400), order[order < 380]
    found = clusters_of_other_space(rows[other], keys[other], keys[here], 20, 0)
    assert not isinstance(found, Result)
    labels, missing = found
    assert missing == 20
    assert ((labels < 0) == (here >= 380)).all()
    assert adjusted_rand_score(truth[here][labels >= 0], labels[labels >= 0]) > 0.95
    again = clusters_of_other_space(rows[:380], keys[:380], keys[here[::-1]], 20, 0)
    assert not isinstance(again, Result)
    assert (again[0][::-1] == labels).all()


def test_groups_of_another_space_need_common_rows() -> None:
    rows, keys = np.ones((5, 2)), hash_ids(np.arange(10))
    found = clusters_of_other_space(rows, keys[:5], keys[4:], 2, 0)
    assert isinstance(found, Result)
    assert found.reason == "2 groups need at least 2 rows, found 1"


# Keys


@given(st.lists(UINT64, min_size=1), st.integers(0, 2**63))
def test_unmix_undoes_mix(values: list[int], seed: int) -> None:
    keys = np.array(values, np.uint64)
    assert (unmix(mix(keys, seed), seed) == keys).all()
    assert (mix(unmix(keys, seed), seed) == keys).all()


@given(st.lists(UINT64), st.lists(UINT64, unique=True), st.data())
def test_positions_are_those_of_a_dictionary(some: list[int], among: list[int], data: st.DataObject) -> None:
    keys = some + (data.draw(st.lists(st.sampled_from(among))) if among else [])
    expected = {key: i for i, key in enumerate(among)}
    found = positions(np.array(keys, np.uint64), np.array(among, np.uint64))
    assert found.tolist() == [expected.get(key, -1) for key in keys]


# Frozen groups


def drawn_keys(path: Path, seed: int, sample: int | None = None) -> tuple[Keys, Index]:
    """The row keys of a run, and the positions of its rows."""
    found = survey(
        open_source(str(path)), frozenset({"sample"}), kernels=numpy_kernels, sample=sample, seed=seed
    ).evidence.drawn
    assert found is not None
    return unmix(found.keys, seed), found.index


def embeddings(path: Path, rows: Matrix, ids: list[Any] | None) -> Path:
    columns: dict[str, Any] = {} if ids is None else {"id": ids}
    pq.write_table(pa.table({**columns, "embedding": list(rows)}), path)
    return path


@pytest.mark.parametrize(
    "ids", [[f"item {i}" for i in range(300)], [7 * i for i in range(300)], None], ids=["text", "numbers", "none"]
)
def test_frozen_groups_meet_the_same_items_in_another_order_and_under_another_seed(
    tmp_path: Path, ids: list[Any] | None
) -> None:
    rows, _ = classes(300, 8)
    base = embeddings(tmp_path / "base.parquet", rows, ids)
    keys, index = drawn_keys(base, seed=0)
    labels = labels_of(rows[index], 5, 0)
    frozen = tmp_path / "groups.parquet"
    write_groups(frozen, keys, labels, ABOUT, None if ids is None else np.array(ids, dtype=object)[index])
    by_row = labels[np.argsort(index)]

    order = np.random.default_rng(0).permutation(300) if ids else np.arange(300)
    later = embeddings(tmp_path / "later.parquet", rows[order] + 1, [ids[i] for i in order] if ids else None)
    read = read_groups(frozen)
    assert read is not None
    assert read.by_id == (ids is not None)
    assert read.about == ABOUT
    for seed, sample in ((0, None), (3, None), (0, 100), (3, 100)):
        keys, index = drawn_keys(later, seed, sample)
        found, missing = read.of(keys)
        assert missing == 0
        assert len(found) == (sample or 300)
        assert (found == by_row[order[index]]).all()
    if ids:
        table = pq.read_table(frozen)
        assert dict(zip(table["id"].to_pylist(), table["group"].to_pylist(), strict=True)) == dict(
            zip(ids, by_row.tolist(), strict=True)
        )


def test_rows_without_a_frozen_group_are_counted(tmp_path: Path) -> None:
    keys = hash_ids(np.arange(10))
    write_groups(tmp_path / "g.parquet", keys[:6], np.array([0, 1, -1, 2, 0, -1]), ABOUT)
    read = read_groups(tmp_path / "g.parquet")
    assert read is not None
    labels, missing = read.of(keys[::-1])
    assert labels[::-1].tolist() == [0, 1, -1, 2, 0, -1, -1, -1, -1, -1]
    assert missing == 6
    labels, missing = read.of(keys[:0])
    assert (labels.tolist(), missing) == ([], 0)


def test_a_file_of_frozen_groups_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    keys, groups, ids = hash_ids(np.arange(50)), np.arange(50) % 3, np.arange(50)
    write_groups(tmp_path / "a.parquet", keys, groups, ABOUT, ids)
    write_groups(tmp_path / "b.parquet", keys[::-1], groups[::-1], ABOUT, ids[::-1])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_other_files_are_no_frozen_groups(tmp_path: Path) -> None:
    base = embeddings(tmp_path / "base.parquet", np.eye(4), None)
    assert read_groups(base) is None
    with_group = pa.table({"id": [1, 2], "group": [0, 1], "embedding": [[0.0, 1.0], [1.0, 0.0]]})
    pq.write_table(with_group, tmp_path / "g.parquet")
    assert read_groups(tmp_path / "g.parquet") is None
    np.save(tmp_path / "base.npy", np.eye(4))
    assert read_groups(tmp_path / "base.npy") is None
    assert read_groups(tmp_path / "absent.parquet") is None
    assert read_groups(tmp_path) is None


def written(path: Path, table: dict[str, Any], document: Any) -> Path:
    """A file that looks like frozen groups, in the given state."""
    metadata = {b"labelfree": document if isinstance(document, bytes) else json.dumps(document).encode()}
    pq.write_table(pa.table(table).replace_schema_metadata(metadata), path)
    return path


WHOLE = {"key": np.arange(4, dtype=np.uint64), "group": np.array([0, 1, 0, 1])}
DOCUMENT = {"schema_version": 1, "groups": ABOUT}


def test_the_whole_file_that_the_damaged_ones_derive_from_is_read(tmp_path: Path) -> None:
    found = read_groups(written(tmp_path / "g.parquet", WHOLE, DOCUMENT))
    assert isinstance(found, FrozenGroups)
    assert found.of(np.array([3, 9], np.uint64))[0].tolist() == [1, -1]


@pytest.mark.parametrize(
    ("table", "document", "message"),
    [
        (WHOLE, {**DOCUMENT, "schema_version": 2}, "schema version 2, which a later labelfree wrote; .* upgrade it"),
        (WHOLE, {"groups": ABOUT}, "its metadata lack the schema version.*freeze them again"),
        (WHOLE, {"schema_version": 1, "groups": []}, "its metadata lack source, circular, k, seed, rows_hash"),
        (WHOLE, {**DOCUMENT, "groups": {**ABOUT, "circular": "no"}}, "its metadata lack circular"),
        (WHOLE, b"{", "its metadata are no JSON"),
        ({"key": WHOLE["key"]}, DOCUMENT, "expected columns of types .*'group'.*, found {'key': 'uint64'}"),
        ({**WHOLE, "group": ["a", "b", "a", "b"]}, DOCUMENT, "found .*'group': 'string'"),
        ({**WHOLE, "group": [0, None, 0, 1]}, DOCUMENT, "column 'group' holds 1 nulls"),
        ({**WHOLE, "group": [0, -2, 0, 1]}, DOCUMENT, "expected groups numbered from 0, found -2"),
        ({**WHOLE, "key": np.array([0, 1, 1, 3], np.uint64)}, DOCUMENT, "each row key once, found 1 repetitions"),
    ],
)  # fmt: skip
def test_damaged_and_future_files_are_refused(
    tmp_path: Path, table: dict[str, Any], document: Any, message: str
) -> None:
    path = written(tmp_path / "g.parquet", table, document)
    with pytest.raises(SourceError, match=message) as caught:
        read_groups(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("kept", [0, 3, 100, -10])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path / "g.parquet", WHOLE, DOCUMENT)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SourceError, match="truncated"):
        read_groups(path)


def test_a_plain_table_of_groups_is_refused_with_the_way_out(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a", "b"], "group": [0, 1]}), tmp_path / "g.parquet")
    with pytest.raises(UsageError, match="join it into the embeddings and name it with group='group'"):
        read_groups(tmp_path / "g.parquet")


def test_a_file_that_could_not_be_written_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, keys = tmp_path / "g.parquet", hash_ids(np.arange(3))
    write_groups(path, keys, np.arange(3), ABOUT)
    before = path.read_bytes()

    def full(table: Any, where: IO[bytes]) -> None:
        where.write(b"PAR1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OutputError, match="No space left"):
        write_groups(path, keys, np.array([2, 1, 0]), ABOUT)
    with pytest.raises(OutputError, match="No space left"):
        write_groups(tmp_path / "new.parquet", keys, np.arange(3), ABOUT)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["g.parquet"]
    with pytest.raises(LabelfreeError, match="cannot be written"):
        write_groups(tmp_path / "absent" / "g.parquet", keys, np.arange(3), ABOUT)
