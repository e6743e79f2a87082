"""Maps of sampled rows: an independent PCA, signs that no turn of the data set changes, the rows that are marked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

import labelfree
from html_pages import SAID, checked
from labelfree.commands.pages import page_of
from labelfree.errors import UsageError
from labelfree.render.files import to_html
from labelfree.reports.row_map import RowMap
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source

pytestmark = pytest.mark.once

RNG = np.random.default_rng(5)
X = RNG.normal(size=(200, 6)) * [5, 3, 1, 1, 1, 1] + 100


def places(found: RowMap) -> Any:
    return np.concatenate([np.column_stack([part.x, part.y]) for part in found.parts])


def as_set(points: Any) -> Any:
    return points[np.lexsort(points.T)]


def map_of(report: Any) -> RowMap:
    found: RowMap | None = report.row_map
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["rank", "separability", "evaluate"])
def test_a_map_is_the_pca_of_the_sample(name: str) -> None:
    found = map_of(getattr(labelfree, name)(X))
    peer = PCA(2).fit(X)
    expected = peer.transform(X)
    signs = np.sign(peer.components_[[0, 1], np.abs(peer.components_).argmax(axis=1)])
    assert np.allclose(as_set(places(found)), as_set(expected * signs))
    assert np.allclose(found.shares, peer.explained_variance_ratio_)
    assert (found.drawn, found.of) == (200, 200)


def test_the_farthest_rows_are_marked_and_no_order_changes_a_map() -> None:
    found, turned = map_of(labelfree.rank(X)), map_of(labelfree.rank({"id": range(200)[::-1], "embedding": X[::-1]}))
    assert np.allclose(as_set(places(found)), as_set(places(turned)))
    [marked] = [part for part in found.parts if part.role == "marked"]
    away = ((X - X.mean(axis=0)) ** 2).sum(axis=1)
    farthest = (PCA(2).fit_transform(X))[np.argsort(-away)[:10]]
    assert np.allclose(np.sort(np.hypot(marked.x, marked.y)), np.sort(np.hypot(*farthest.T)))


@pytest.mark.parametrize("rows", [np.ones((30, 4)), np.full((30, 4), 0.1)])
def test_rows_without_spread_have_no_map(rows: Any) -> None:
    assert labelfree.rank(rows).row_map is None


def test_one_direction_is_a_line() -> None:
    line = np.linspace(-1, 1, 40)[:, None] * [1.0, 2.0, -2.0]
    found = map_of(labelfree.rank(line))
    assert np.allclose(np.sort(places(found)[:, 0]), np.linspace(-3, 3, 40))
    assert not places(found)[:, 1].any()
    assert found.shares == pytest.approx((1.0, 0.0))
    assert places(map_of(labelfree.rank(line[:, :1]))).shape == (40, 2)


def test_few_hundred_of_many_rows_are_drawn_and_it_is_said() -> None:
    many = np.random.default_rng(1).normal(size=(2_000, 5))
    report = labelfree.rank(many)
    found = map_of(report)
    assert (found.drawn, found.of, len(places(found))) == (300, 2_000, 300)
    assert "300 of 2,000 rows are drawn" in checked(to_html([report], everything=False)).words


def test_the_worst_groups_are_marked_by_their_names() -> None:
    groups = np.repeat(np.arange(20), 10)
    rows = np.random.default_rng(2).normal(size=(20, 8))[groups] + 0.3 * np.random.default_rng(3).normal(size=(200, 8))
    rows[groups == 7] = np.random.default_rng(4).normal(size=(10, 8))
    report = labelfree.opis({"embedding": rows, "item": [f"{SAID}{g}" for g in groups]}, group="item")
    found = map_of(report)
    marked = [part for part in found.parts if part.role == "marked"]
    assert f"{SAID}7" in [part.name for part in marked]
    assert [len(part.x) for part in marked] == [10] * 4
    assert found.drawn == 200
    assert checked(to_html([report], everything=False)).tags.count("script") == 1


def test_drift_marks_the_rows_that_can_be_singled_out() -> None:
    rng = np.random.default_rng(6)
    reference, current = rng.normal(size=(400, 5)), rng.normal(size=(100, 5))
    current[:20] += 30
    report = labelfree.drift(current, reference=reference)
    found = map_of(report)
    parts = {part.name: part for part in found.parts}
    assert report.drift is not None
    assert report.drift.unusual is not None
    assert len(parts["reference"].x) == 150
    assert len(parts["unusual ones"].x) == report.drift.unusual.singled_out
    assert sum(x > 20 for x in np.abs(parts["unusual ones"].x)) == 20
    assert (found.drawn, found.of) == (250, 500)


def test_a_page_of_a_document_says_that_it_has_no_rows(tmp_path: Path) -> None:
    report = labelfree.rank(X)
    report.save(tmp_path / "x.json")
    assert "holds no rows" in checked(page_of([str(tmp_path / "x.json")])).words
    assert "holds no rows" not in checked(to_html([report], everything=False)).words


def test_of_many_sources_three_are_drawn_and_it_is_said() -> None:
    reports = labelfree.rank([X[i:] for i in range(8)])
    found = checked(to_html(list(reports), everything=False))
    assert "3 of 8 sources are drawn" in found.words
    assert found.words.count("first principal component") == 6  # for a screen and for a telephone


def test_rows_are_called_by_their_ids_where_that_is_asked_for() -> None:
    named = {"id": [f"<b>{i}&" for i in range(200)], "embedding": X}
    plain = labelfree.rank(named)
    assert all(not part.ids for part in map_of(plain).parts)
    assert "&lt;b&gt;" not in to_html([plain], everything=False)
    report = labelfree.rank(named, show_ids=True)
    for part in map_of(report).parts:
        assert list(part.ids) == [f"<b>{i}&" for i in part.at]
    away = ((X - X.mean(axis=0)) ** 2).sum(axis=1)
    [marked] = [part for part in map_of(report).parts if part.role == "marked"]
    assert set(marked.at) == set(np.argsort(-away)[:10])
    page = to_html([report], everything=False)
    assert page.count("<title>&lt;b&gt;") == 400  # for a screen and for a telephone
    assert "<b>" not in page
    checked(page)
    assert report.to_json() == plain.to_json()


def test_rows_of_a_drift_are_called_by_the_ids_of_either_side() -> None:
    now = {"id": [f"now-{i}" for i in range(200)], "embedding": X + 3}
    report = labelfree.drift(now, reference=X, show_ids=True)
    for part in map_of(report).parts:
        begin = "row " if part.behind else "now-"
        assert list(part.ids) == [f"{begin}{i}" for i in part.at]


def test_groups_are_marked_with_ids_of_their_own_rows() -> None:
    group = np.repeat(np.arange(20), 10)
    rows = {"id": [f"{g}/{i}" for i, g in enumerate(group)], "item": group, "embedding": X}
    for part in map_of(labelfree.opis(rows, group="item", show_ids=True)).parts:
        if part.role == "marked":
            assert {one.split("/")[0] for one in part.ids} == {part.name}


def test_ids_are_shown_on_a_page_of_local_rows_alone(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    labelfree_command = request.getfixturevalue("labelfree")
    np.save(tmp_path / "x.npy", X)
    done = labelfree_command("rank", str(tmp_path / "x.npy"), "--show-ids")
    assert done.returncode == 2
    assert "add -o FILE.html" in done.stderr
    done = labelfree_command("rank", str(tmp_path / "x.npy"), "--show-ids", "-o", str(tmp_path / "x.html"))
    assert done.returncode == 0, done.stderr
    assert "<title>row 17</title>" in (tmp_path / "x.html").read_text()
    far = replace(open_source(tmp_path / "x.npy", Columns()), files=("s3://me:secret@bucket/x.npy",))
    with pytest.raises(UsageError, match=r"ids of remote rows are not shown") as told:
        labelfree.rank(far, show_ids=True)
    assert "secret" not in str(told.value)
