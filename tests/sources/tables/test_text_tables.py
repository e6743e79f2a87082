"""CSV and JSON lines that are wrong: each says what was expected, what was found, where, and the way out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelfree.errors import ColumnError, SourceError
from labelfree.sources.block import Columns
from labelfree.sources.lines import BROKEN
from labelfree.sources.opening import open_source
from program import Program
from readers import joined

GOOD = "id,e0,e1\n" + "".join(f"r{i},{i}.5,{i}.25\n" for i in range(50))
LINES = "".join(json.dumps({"id": i, "emb": [i + 0.5, 1]}) + "\n" for i in range(50))


def listed(last: str) -> str:
    """A CSV of 40 lists as JSON prints them, and another one."""
    return "id,emb\n" + "".join(f'{i},"[{i}.5, 1.25]"\n' for i in range(40)) + f'40,"{last}"\n'


OPENED: dict[str, tuple[str | bytes, str]] = {
    "semicolons": ("e0;e1;id\n0,5;1,5;a\n", r"between commas, found semicolons .*sep=';', decimal=','"),
    "tabs": ("e0\te1\n0.5\t1.5\n", "found tabs in its first line .*; call it .tsv"),
    "no header": ("0.5,1.5\n2.5,-3e-5\n", "expected a header of column names in the first line, found numbers"),
    "decimal comma": ('id,e0,e1\na,"0,5","1,5"\n', "'e0': expected numbers with a point, found '0,5'.*decimal=','"),
    "empty": ("", "expected rows of text, found an empty file"),
    "blank": ("\n\n\n", "expected rows of text, found an empty file"),
    "ragged": (GOOD + "x,1.5\n", r"row 50: expected 3 fields as in the header, found 2"),
    "ragged, long": (GOOD.replace("r7,", "r7,9,"), r"row 7: expected 3 fields as in the header, found 4"),
    "cut": (GOOD[:-7], r"row 49: expected 3 fields as in the header, found 2; the file may be truncated"),
    "twice": ("e0,e1,e0\n0.5,1.5,2.5\n", "the same dimension appears twice|expected one column 'e0', found 2; rename"),
    "id twice": ("e0,e1,id,id\n0.5,1.5,2,3\n", "expected one column 'id', found 2; rename them"),
    "quote": ('e0,e1,id\n0.5,1.5,"a\n2.5,3.5,b\n', "expected every quote to be closed"),
    "UTF-16": ("e0,e1\n0.5,1.5\n".encode("utf-16"), "expected text in UTF-8, found UTF-16 or no text"),
    "Latin 1": ("id,e0,e1\n\xe9,0.5,1.5\n".encode("latin-1"), "expected text in UTF-8, found other bytes"),
    "Latin 1 name": ("\xe9,e0,e1\na,0.5,1.5\n".encode("latin-1"), "expected text in UTF-8, found the byte 0xe9"),
    "nested list": ('emb\n"[[1.5, 2.5]]"\n', "no embedding column.*must be parsed first"),
    "Parquet": (b"PAR1" + bytes(100), "expected text, found Parquet; give the file the suffix of what it holds"),
    "gzip": (gzip.compress(GOOD.encode()), "expected text, found gzip"),
    "no embedding": ("id,text\n1,a\n", "no embedding column; the columns are id: int64, text: string"),
    "too many": (",".join(["e"] * 70_000) + "\n", "expected at most 66,560 columns, found 70,000"),
    "long header": ("e" * (5 << 20), "its first line is longer than 4 MiB"),
    "long row": ("id,e0,e1\n" + "x" * (9 << 20) + ",1.5,2.5\n", "a row is longer than 4 MiB, or a quote is left open"),
}  # fmt: skip


@pytest.mark.parametrize("case", OPENED)
def test_what_is_wrong_with_csv_is_said_when_it_is_opened(case: str, tmp_path: Path) -> None:
    content, said = OPENED[case]
    (tmp_path / "a.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SourceError, match=rf"^\S+a\.csv: .*(?:{said})"):
        open_source(tmp_path / "a.csv")


READ = {
    "a number that is none": (GOOD.replace(",7.25", ",abc"), "row 7: expected a number, found 'abc'; mend it"),
    "decimal comma later": (GOOD.replace(",7.25", ',"7,25"'), "row 7: expected a number, found '7,25'; write it with"),
    "numpy leaves out": (listed("[0.1 0.2 ... 0.9]"), r"row 40: .* numpy leaves numbers out .*row\.tolist\(\)"),
    "names of types": (listed("[np.float32(0.1), np.float32(0.2)]"), r"row 40: .* the text names types"),
    "text": (listed("none of it"), "row 40: column 'emb': expected a list of numbers such as"),
    "two lists": (listed("[1.5], [2.5]"), "row 40: column 'emb': expected a list of numbers such as"),
    "a hole": (listed("[1.5,, 2.5]"), "row 40: column 'emb': expected a list of numbers such as"),
    "nested": (listed("[[1.5, 2.5]]"), "row 40: column 'emb': expected a list of numbers such as"),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_what_is_wrong_with_a_row_of_csv_is_said_where_it_is(case: str, tmp_path: Path) -> None:
    content, said = READ[case]
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ColumnError, match=said):
        joined(open_source(tmp_path / "a.csv"))


LINE_ERRORS: dict[str, tuple[str | bytes, str]] = {
    "an array": ('[{"emb": [1.5]}]\n', r"line 1: expected a JSON object, found .*jq -c '\.\[\]' writes one"),
    "null": (LINES + "null\n", "line 51: expected one JSON object with a key for each column, found NoneType"),
    "no JSON": (LINES + "{'emb': [1.5]}\n", "line 51: expected one JSON object, found text that is none"),
    "cut": (LINES[:-9], "line 50: expected one JSON object, found text that is none .*; the file may be truncated"),
    "pretty": (json.dumps({"emb": [1.5, 2.5]}, indent=1), "line 1: expected one JSON object, found text that is none"),
    "nested": ('{"emb": [1.5, 2.5]}\n{"emb": ' + "[" * 10**5 + "\n", "line 2: .*nested too deep"),
    "nested all": ('{"emb": ' + "[" * 500 + "]" * 500 + "}\n", "no embedding column"),
    "twice": ('{"emb": [1.5], "emb": [2.5]}\n', "line 1: .*the key 'emb' is given twice"),
    "a huge number": (LINES + '{"emb": [' + "9" * 5000 + ", 1]}\n", "line 51: expected one JSON object, found text"),
    "a large number": (LINES + '{"emb": [' + "9" * 25 + ", 1]}\n", "line 51: column 'emb': expected a list of numbers"),
    "another kind": (LINES + '{"emb": "x"}\n', "line 51: column 'emb': expected a list of numbers .*, found 'x'"),
    "words": (LINES + '{"emb": ["x", 1]}\n', "line 51: column 'emb': expected a list of numbers"),
    "nested later": (LINES + '{"emb": [[1.5, 2.5]]}\n', "line 51: column 'emb': expected a list of numbers"),
    "another id": (LINES * 21 + '{"emb": [1, 2.5], "id": "x"}\n', "line 1051: column 'id': expected int64 as in"),
    "two million digits": ('{"emb": [1.5, 2.5], "id": ' + "9" * (2 << 20) + "}\n", "line 1: expected one JSON object"),
    "no text": ('{"emb": [1.5, 2.5], "\\ud800": 1}\n', "expected keys that are text"),
    "matrices": ('{"emb": [[1.5], [2.5]]}\n', "each row holds a matrix, not a vector"),
    "long": (LINES + '{"emb": [' + "1.5," * (2 << 20) + "1]}\n", "line 51 is longer than 4 MiB"),
    "keys": ("{" + ",".join(f'"k{i}":0' for i in range(70_000)) + "}\n", "expected at most 66,560 columns, found more"),
    "empty": ("\n \n", "expected rows of text, found an empty file"),
    "Latin 1": (b'{"emb": [1.5], "id": "\xe9"}\n', "expected text in UTF-8, found the byte 0xe9"),
}  # fmt: skip


@pytest.mark.parametrize("case", LINE_ERRORS)
def test_what_is_wrong_with_a_line_is_said_where_it_is(case: str, tmp_path: Path) -> None:
    content, said = LINE_ERRORS[case]
    (tmp_path / "a.jsonl").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SourceError, match=rf"^\S+a\.jsonl: .*{said}|{said}"):
        joined(open_source(tmp_path / "a.jsonl"))


def test_lines_that_json_does_not_have_but_python_writes_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"emb": [NaN, 1]}\n\n{"emb": [-Infinity, 1e999]}\n{"emb": null}\n{"x": 1}\n')
    read = joined(open_source(tmp_path / "a.jsonl"))
    assert read.null == [2, 3]
    np.testing.assert_array_equal(read.rows, [[np.nan, 1], [-np.inf, np.inf]])


@pytest.mark.parametrize("suffix", [".csv.gz", ".jsonl.gz"])
@pytest.mark.parametrize("damage", ["cut", "changed", "none at all"])
def test_damaged_gzip_is_refused(suffix: str, damage: str, tmp_path: Path) -> None:
    packed = gzip.compress((GOOD if suffix == ".csv.gz" else LINES).encode())
    changed = packed[:-6] + bytes([packed[-6] ^ 255]) + packed[-5:]
    damaged = {"cut": packed[:-20], "changed": changed, "none at all": b"no gzip"}
    (tmp_path / f"a{suffix}").write_bytes(damaged[damage])
    with pytest.raises(SourceError, match="cannot be read"):
        joined(open_source(tmp_path / f"a{suffix}"))
    assert OSError in BROKEN


def test_a_header_alone_is_a_data_set_without_rows(labelfree: Program, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,e0,e1\n")
    assert (open_source(tmp_path / "a.csv").total, open_source(tmp_path / "a.csv").d) == (0, 2)
    done = labelfree("rank", tmp_path / "a.csv")
    assert done.returncode == 3  # as of a Parquet file without rows


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize("at", [0, 1, 40, 10**6])
def test_wide_and_late_rows_keep_their_place(name: str, at: int, tmp_path: Path) -> None:
    """Across the blocks in which text is parsed, rows of any length keep their order, their ids and their numbers."""
    n = 3000
    X = np.random.default_rng(2).normal(size=(n, 9))
    texts = ["x" * (1 + at % 7 + (300_000 if i == at else 900)) for i in range(n)]
    rows: list[dict[str, Any]] = [
        {"id": i, "text": text, **{f"e{j}": float(v) for j, v in enumerate(row)}}
        for i, (text, row) in enumerate(zip(texts, X, strict=True))
    ]
    if name == "a.csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    else:
        lines = [json.dumps(row) for row in rows]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    read = joined(open_source(tmp_path / name, Columns(others=("text",))), 999)
    assert read.extra["id"] == list(range(n))
    np.testing.assert_array_equal(read.rows, X)


def test_a_row_longer_than_a_block_is_read_by_larger_ones(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD + "x" * (2 << 20) + ",1.5,2.5\n" + GOOD.split("\n", 1)[1])
    assert joined(open_source(tmp_path / "a.csv")).rows.shape == (101, 2)
