"""The pages of compare and drift: the answer first, every number of the document, nothing from a file as markup."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from html_pages import SAID, checked, renamed
from labelfree.commands.compared import Comparison
from labelfree.commands.pages import page_of
from labelfree.errors import OutputError, SourceError
from labelfree.render.files import to_html
from labelfree.render.pages.comparisons import comparison_section
from labelfree.render.pages.page import page
from labelfree.render.pictures.copies import copies_panel
from labelfree.render.pictures.model import Band, Grid, Line
from labelfree.render.pictures.pairs import matrix_panel
from program import Program

pytestmark = pytest.mark.once

RNG = np.random.default_rng(31)
N = 240
A = RNG.normal(size=(N, 6))
SPACES = {"a": A, "b": A + 0.1 * RNG.normal(size=A.shape), "c": A[:, :3], "d": RNG.normal(size=(N, 5))}


def spaces(name: str = "{}", value: str = "{}") -> dict[str, Any]:
    """Sources whose names, ids and values of a column are made of these."""
    ids, kinds = [name.format(i) for i in range(N)], [value.format(i % 3) for i in range(N)]
    return {name.format(key): {"id": ids, "embedding": X, "kind": kinds} for key, X in SPACES.items()}


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return labelfree.compare(spaces(), by="kind", threshold=0.5)


@pytest.fixture(scope="module")
def drifted() -> Any:
    return labelfree.drift(days(), reference=day(0.0, 400), by="kind")


def day(shift: float, rows: int = 120, name: str = "{}") -> dict[str, Any]:
    rng = np.random.default_rng(int(1000 * shift) + rows)
    X, y = rng.normal(size=(rows, 6)), rng.integers(0, 3, rows)
    X[:, 0] += shift
    ids = [name.format(f"{shift}_{i}") for i in range(rows)]
    logits = np.eye(3)[y] * 2 + rng.normal(size=(rows, 3))
    return {"id": ids, "embedding": X, "kind": [name.format(k) for k in y], "logits": logits, "label": y}


def days(name: str = "{}") -> list[dict[str, Any]]:
    return [day(shift, name=name) for shift in (0.0, 0.5, 4.0)]


def sorts(found: Any) -> set[str]:
    return {given["data-sort"] for _, given in found.elements if "data-sort" in given}


def test_a_comparison_says_the_answer_first_and_every_value(compared: Comparison) -> None:
    found = checked(page([comparison_section(compared)]))
    words = found.words
    assert words.index("nearest to a") < words.index("neighbors_kept of every two") < words.index("against a")
    values = sorts(found)
    for pair in compared.pairs[:3]:
        for name in ("neighbors_kept", "cka", "procrustes"):
            assert f"{pair[name].value!r}" in values
            assert any(given.get("id") == f"word-{name.replace('_', '-')}" for _, given in found.elements)
        assert pair.by is not None
        assert {f"{part.neighbors_kept!r}" for part in pair.by.slices} <= values
        for there in pair.thresholds:
            assert there.same_share is None or f"{there.same_share.threshold!r}" in values
        assert all(str(row.id) in words for row in pair.changed)


def test_the_matrix_holds_every_pair_once_on_each_side(compared: Comparison) -> None:
    [grid] = [layer for layer in matrix_panel(compared).layers if isinstance(layer, Grid)]
    for i, a in enumerate(compared.sources):
        assert grid.values[i][i] == 1.0
        for j, b in enumerate(compared.sources):
            if a != b:
                assert grid.values[i][j] == grid.values[j][i] == compared.pair(a, b)["neighbors_kept"].value
                assert grid.words[i][j] == f"{grid.values[i][j]:.2f}"
                assert grid.names[i][j].startswith(f"{a} and {b}: neighbors_kept")


def test_the_page_of_a_document_is_that_of_the_command(compared: Comparison, tmp_path: Path) -> None:
    compared.save(tmp_path / "x.json")
    compared.save(tmp_path / "x.html")
    direct = (tmp_path / "x.html").read_text()
    read = Comparison.model_validate(json.loads((tmp_path / "x.json").read_text()))
    assert page_of([str(tmp_path / "x.json")]) == page([comparison_section(read)])
    again = page_of([str(tmp_path / "x.json")])  # of 12 digits, which may round otherwise where 5 is the last
    digits, settings = re.compile(r"\d"), "Settings and how"
    one, two = (digits.sub("", checked(text).words) for text in (again, direct))
    assert one.rpartition(settings)[0] == two.rpartition(settings)[0]
    with pytest.raises(OutputError):
        compared.save(tmp_path / "x.htm")


@pytest.mark.parametrize("lacks", ["pairs", "parts", "name"])
def test_a_comparison_that_lacks_parts_is_refused(compared: Comparison, tmp_path: Path, lacks: str) -> None:
    document = json.loads(compared.to_json())
    metrics = document["pairs"][0]["metrics"]
    if lacks == "pairs":
        document["pairs"] = document["pairs"][:2]
    elif lacks == "parts":
        document["sources"], document["pairs"], metrics["cka"]["parts"] = ["a", "b"], document["pairs"][:1], {}
    else:
        metrics["no_metric"] = metrics["cka"]
    (tmp_path / "x.json").write_text(json.dumps(document))
    with pytest.raises(SourceError, match="lack parts"):
        page_of([str(tmp_path / "x.json")])


def test_a_comparison_with_hostile_names_ids_and_values() -> None:
    found = labelfree.compare(spaces(SAID + "{}", SAID + "v{}"), by="kind", threshold=0.5, group="kind")
    read = checked(page([comparison_section(found, everything=True)]))
    assert read.tags.count("script") == 1
    assert SAID[:25] in read.words
    assert "\x1b" not in read.words
    assert "\u202e" not in read.words


def test_a_verdict_leads_and_two_sources_have_a_row_for_each_metric() -> None:
    two = {key: SPACES[key] for key in ("a", "d")}
    found = labelfree.compare(two, require=["neighbors_kept >= 0.9"])
    read = checked(page([comparison_section(found)]))
    assert read.words.index("FAILED") < read.words.index("d keeps")
    assert any(given.get("class") == "answer bad" for _, given in read.elements)
    for name, entry in found.pairs[0].metrics.items():
        if name in ("neighbors_kept", "cka"):
            assert f"{entry.value!r}" in sorts(read)
    assert "require=[&#x27;neighbors_kept &gt;= 0.9&#x27;]" in page([comparison_section(found)])


def test_intervals_of_copies_lie_along_the_axis_of_what_is_kept() -> None:
    found = labelfree.compare(A, compress=["float16", "int8", "binary"])
    panel = copies_panel(found)
    known = sorted(found.pairs, key=lambda one: one.bytes)
    dots = [layer for layer in panel.layers if isinstance(layer, Line)]
    bands = [layer for layer in panel.layers if isinstance(layer, Band)]
    assert [(one.x[0], one.y[0]) for one in dots] == [(one.bytes, one["neighbors_kept"].value) for one in known]
    assert [(b.x[0], (b.low[0], b.high[0])) for b in bands] == [(p.bytes, p["neighbors_kept"].interval) for p in known]
    read = checked(page([comparison_section(found)]))
    assert f"{found.pairs[0].bytes:,}" in read.words


def test_drift_says_the_answer_first_and_every_value(drifted: Any) -> None:
    text = to_html(list(drifted), everything=True)
    found = checked(text)
    words = found.words
    assert words.index("1 of 3 strong drift") < words.index("Sources") < words.index("Most unusual rows")
    assert any(given.get("class") == "answer bad" for _, given in found.elements)
    values = sorts(found)
    for report in drifted:
        assert report.drift is not None
        assert report.drift.unusual is not None
        assert {f"{row.p_value!r}" for row in report.drift.unusual.rows} <= values
        assert {f"{one.beyond!r}" for one in report.drift.by.slices if one.beyond is not None} <= values
        assert f"{report.drift.look.p_value!r}" in values
        assert f"{report['energy_ratio'].value!r}" in values
        moved = report["ks_dimensions"]
        assert f"{moved.value!r}" in values
    known = {given.get("id") for _, given in found.elements}
    assert {"word-p", "word-score", "word-beyond-95", "word-energy-ratio", "word-ks-dimensions"} <= known
    shares = drifted[2]["mlls"].parts["shares"]
    assert {f"{share!r}" for share in shares} <= values


def test_the_page_of_a_drift_document_is_that_of_the_command(drifted: Any, tmp_path: Path) -> None:
    drifted.save(tmp_path / "x.json")
    drifted.save(tmp_path / "x.html")
    said = checked(page_of([str(tmp_path / "x.json")])).words
    assert "Most unusual rows" in said
    assert "Class shares" in said


def test_drift_with_hostile_ids_and_values() -> None:
    found = labelfree.drift(days(SAID + "{}"), reference=day(0.0, 400, SAID + "{}"), by="kind")
    read = checked(to_html(list(found), everything=True))
    assert read.tags.count("script") == 1
    assert SAID[:25] in read.words
    assert "\x1b" not in read.words
    assert "\u202e" not in read.words


def test_both_commands_write_a_page(labelfree: Program, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        np.save(tmp_path / f"{name}.npy", SPACES[name])
    names = [str(tmp_path / f"{name}.npy") for name in "abc"]
    labelfree("compare", *names, "-q", "-o", str(tmp_path / "pairs.html"), "-o", str(tmp_path / "pairs.json"))
    written = ["-q", "-o", str(tmp_path / "drift.html"), "-o", str(tmp_path / "drift.json")]
    labelfree("drift", names[1], "--reference", names[0], *written)
    for name in ("pairs", "drift"):
        checked((tmp_path / f"{name}.html").read_text())
    labelfree("report", str(tmp_path / "pairs.json"), str(tmp_path / "drift.json"), "-o", str(tmp_path / "both.html"))
    found = checked((tmp_path / "both.html").read_text())
    assert found.words.index("compare a with 2 others") < found.words.index("drift of b.npy")
    text = (tmp_path / "pairs.html").read_text()
    assert f"labelfree compare {names[0]}" in text


def test_thirty_days_of_many_values_and_classes_take_at_most_300_kB(tmp_path: Path) -> None:
    def rows(shift: float) -> dict[str, Any]:
        X, logits = RNG.normal(size=(1_200, 8)), RNG.normal(size=(1_200, 60))
        X[:400] += shift
        logits[:, 7] += shift / 10
        return {"embedding": X, "logits": logits, "kind": [f"a value with a long name {i % 40}" for i in range(1_200)]}

    measured = list(labelfree.drift([rows(float(i)) for i in range(2)], reference=rows(0.0), by="kind"))
    many = [renamed(measured[i % 2], f"production/day_{i:02}.parquet") for i in range(30)]
    path = tmp_path / "x.html"
    labelfree.Reports(many).save(path)
    assert path.stat().st_size <= 300_000
    words = checked(path.read_text()).words
    assert "of every source the 3 values with most rows beyond; 1,110 more in the report" in words
    assert " of 60 classes that moved most" in words
