"""Summaries in files: what is damaged, forged or does not hold together is refused before it is believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from labelfree.errors import LabelfreeError, SourceError, SummaryError
from labelfree.sources.opening import open_source
from labelfree.summaries.encoding import encoded, stored
from labelfree.summaries.fields import Fields

ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
FRAME = {"embedding": ROWS, "id": np.arange(40), "logits": np.eye(40, 4)}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("summary") / "x.summary"
    labelfree.summarize(FRAME, path, with_sample=True)
    return path.read_bytes()


def measured(path: Path) -> Any:
    return labelfree.evaluate(path)


def test_what_is_written_is_read(raw: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "x.summary").write_bytes(raw)
    found = open_source(str(path))
    assert (found.layout, found.d, found.total, found.roles, found.dtype) == ("summary", 3, 40, {"id": "id"}, "float32")
    assert measured(path).input.n == 40
    with pytest.raises(SourceError, match=r"x\.summary: expected rows, found a summary"):
        next(iter(found.read(10)))
    with pytest.raises(SourceError, match=r"x\.summary: expected rows, found a summary"):
        found.every("id")


def test_every_cut_and_every_flipped_bit_is_an_error_with_the_name_of_the_file(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.summary"
    rng = np.random.default_rng(1)
    blank = int.from_bytes(raw[:8], "little") + 8
    for at in rng.integers(0, len(raw), 120):
        damaged = bytearray(raw)
        damaged[at] ^= 1 << int(rng.integers(0, 8))
        if at < blank and raw[at : at + 1] == b" " and raw[at:blank].isspace():
            continue  # what fills the header up
        path.write_bytes(damaged)
        with pytest.raises(SummaryError, match=r"x\.summary: "):
            measured(path)
    for length in (0, 7, 8, 9, blank - 1, blank, *rng.integers(blank, len(raw), 30)):
        path.write_bytes(raw[:length])
        with pytest.raises(SummaryError, match=r"x\.summary: "):
            measured(path)


def changed(raw: bytes, about: dict[str, Any] | None = None, **records: Fields | None) -> bytes:
    """The file with other words in its header, or other records, its checksums true."""
    found = stored(lambda begin, length: raw[begin : begin + length], len(raw))
    states: dict[str, Fields] = {name: found.fields(name) for name in found.records}
    for name, fields in records.items():
        if fields is None:
            del states[name.replace("_", "-")]
        else:
            states[name.replace("_", "-")] = fields
    return encoded(states, {**found.about, **(about or {})})


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"d": 4}, "d: expected the width of its sums"), ({"d": 0}, "d: expected a whole number"),
        ({"d": 1 << 40}, "d: expected the width of its sums"), ({"column": 3}, "column: expected a text"),
        ({"files": []}, "files: expected sums of one at least"), ({"files": [["x", 40, None]]}, "files: expected sums"),
        ({"files": [["x", 39, "file-0"]]}, "read: expected 39 rows as in its files"),
        ({"files": [["x", -40, "file-0"]]}, "files: expected the name"), ({"files": [["x", 40]]}, "files: expected"),
        ({"files": [["x", 40, "file-9"]]}, "expected the record of its sums"), ({"files": None}, "expected a list"),
        ({"outputs": {"name": "l", "kind": "odds", "classes": 4}}, "kind: expected logits or probabilities"),
        ({"outputs": {"name": "l", "kind": "logits", "classes": 0}}, "classes: expected a whole number"),
        ({"outputs": {"name": "l", "kind": "logits", "classes": 9}}, "expected rows of width 9"),
        ({"outputs": None}, "width: expected 3 numbers and None classes"),
        ({"sample": None}, "records: expected what became of the rows"), ({"sample": 5}, "limit: expected 5"),
        ({"seed": "0"}, "seed: expected a whole number"), ({"id": 7}, "id: expected a text"),
    ],
)  # fmt: skip
def test_a_header_that_does_not_fit_is_refused(raw: bytes, tmp_path: Path, about: dict[str, Any], said: str) -> None:
    path = tmp_path / "x.summary"
    path.write_bytes(changed(raw))
    assert measured(path).input.n == 40
    path.write_bytes(changed(raw, about))
    with pytest.raises(SummaryError, match=rf"x\.summary: .*{said}"):
        measured(path)


def test_sums_of_other_rows_than_were_counted_are_refused(raw: bytes, tmp_path: Path) -> None:
    found = stored(lambda begin, length: raw[begin : begin + length], len(raw))
    rows = found.fields("rows")
    path = tmp_path / "x.summary"
    path.write_bytes(changed(raw, None, rows=Fields("rows", {**rows.values, "used": 39}, inner=rows.inner)))
    with pytest.raises(SummaryError, match=r"x\.summary: expected sums of 39 rows, found 40"):
        measured(path)


def test_positions_beyond_the_rows_are_refused(raw: bytes, tmp_path: Path) -> None:
    found = stored(lambda begin, length: raw[begin : begin + length], len(raw))
    rows, kept = found.fields("rows"), found.fields("sampled")
    tally, sample = rows.inner["tally"], kept.inner["rows"]
    path = tmp_path / "x.summary"
    far = replace(tally, values={**tally.values, "longest_at": 40})
    path.write_bytes(changed(raw, None, rows=replace(rows, inner={**rows.inner, "tally": far})))
    with pytest.raises(SummaryError, match=r"x\.summary: rows: first: expected positions below 40"):
        measured(path)
    moved = replace(sample, arrays={**sample.arrays, "index": sample.arrays["index"] + 1})
    path.write_bytes(changed(raw, None, sampled=replace(kept, inner={**kept.inner, "rows": moved})))
    with pytest.raises(SummaryError, match=r"x\.summary: sample: index: expected positions below 40, found 40"):
        measured(path)


@pytest.mark.parametrize("name", ["rows", "sampled", "file_0"])
def test_a_record_of_another_kind_is_refused(raw: bytes, tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.summary"
    for fields in (Fields("tally"), None):
        path.write_bytes(changed(raw, None, **{name: fields}))
        with pytest.raises(SummaryError, match=r"x\.summary: "):
            measured(path)


def test_other_files_under_that_name_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save

    path = tmp_path / "x.summary"
    for content in (save({"w": ROWS}), b"PAR1" + bytes(100), b"", b"{}", bytes(8) + b"{}"):
        path.write_bytes(content)
        with pytest.raises(SummaryError, match=r"x\.summary: "):
            measured(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(LabelfreeError, match=r"x\.summary: expected Parquet"):
        measured(path)
