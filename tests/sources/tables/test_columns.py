"""Which column holds the embeddings: the only candidate or the one that is named, and never a guess."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from labelfree.errors import ColumnError
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source
from labelfree.sources.tables.columns import LABELS, choose

F = pa.float32()
VECTOR = pa.list_(F)
FIXED = pa.list_(F, 4)


def schema(metadata: dict[str, str] | None = None, **fields: Any) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in fields.items()], metadata)


def run(prefix: str, numbers: Any, kind: Any = F) -> dict[str, Any]:
    return {f"{prefix}{k}": kind for k in numbers}


CHOSEN: list[tuple[str, dict[str, Any], Columns, str, int | None]] = [
    ("any name", {"id": pa.int64(), "what_ever": VECTOR}, Columns(), "what_ever", None),
    ("beside scalars", {"score": F, "emb": FIXED, "text": pa.string()}, Columns(), "emb", 4),
    ("beside one number", {"emb": FIXED, "score_1": F}, Columns(), "emb", 4),
    ("int8", {"emb": pa.list_(pa.int8(), 4)}, Columns(), "emb", 4),
    ("beside tokens", {"emb": VECTOR, "input_ids": pa.list_(pa.int32())}, Columns(), "emb", None),
    ("beside logits", {"emb": VECTOR, "logits": VECTOR, "probs": FIXED}, Columns(), "emb", None),
    ("beside logit_*", {"emb": FIXED, **run("logit_", range(9)), **run("prob_", range(3))}, Columns(), "emb", 4),
    ("beside soft labels", {"emb": FIXED, "labels": VECTOR, **run("target_", range(3))}, Columns(), "emb", 4),
    ("beside a group", {"emb": FIXED, "views": VECTOR}, Columns(group="views"), "emb", 4),
    ("beside others", {"emb": FIXED, "head": VECTOR}, Columns(others=("head",)), "emb", 4),
    ("named list", {"emb": VECTOR, "vec": FIXED}, Columns(embedding="vec"), "vec", 4),
    ("named logits", {"emb": VECTOR, "logits": FIXED}, Columns(embedding="logits"), "logits", 4),
    ("named logit_*", {"emb": VECTOR, **run("logit_", range(9))}, Columns(embedding="logit_*"), "logit_*", 9),
    ("named tokens", {"input_ids": pa.list_(pa.int32())}, Columns(embedding="input_ids"), "input_ids", None),
    ("named label", {"label": VECTOR}, Columns(embedding="label"), "label", None),
    ("run", run("emb_", range(12)), Columns(), "emb_*", 12),
    ("run from 1", run("d", range(1, 4)), Columns(), "d*", 3),
    ("run of digits", run("", range(5)), Columns(), "*", 5),
    ("run with zeros", run("x-", ["000", "001", "002"]), Columns(), "x-*", 3),
    ("run after digits", run("layer12_", range(3)), Columns(), "layer12_*", 3),
    ("run of int8", run("q", range(3), pa.int8()), Columns(), "q*", 3),
    ("run of mixed floats", {"e0": F, "e1": pa.float64(), "e2": pa.int8()}, Columns(), "e*", 3),
    ("named run", {"emb": VECTOR, **run("emb_", range(3))}, Columns(embedding="emb_*"), "emb_*", 3),
    ("named run, no star", {"emb": VECTOR, **run("emb_", range(3))}, Columns(embedding="emb_"), "emb_*", 3),
    ("run beside an id", run("e", range(4)), Columns(id="e3"), "e*", 3),
    ("run beside counts", {**run("e", range(3)), **run("n", range(3), pa.int64())}, Columns(), "e*", 3),
    ("nested, fixed", {"emb": pa.list_(pa.list_(F, 3), 2)}, Columns(), "emb", 6),
]


@pytest.mark.parametrize(("case", "fields", "named", "name", "d"), CHOSEN, ids=[case[0] for case in CHOSEN])
def test_the_only_candidate_or_the_named_column_is_chosen(
    case: str, fields: dict[str, Any], named: Columns, name: str, d: int | None
) -> None:
    found = choose(schema(**fields), named, "a.parquet")
    assert (found.name, found.d) == (name, d)


REFUSED: list[tuple[str, dict[str, Any], Columns, str]] = [
    (
        "two lists",
        {"emb": VECTOR, "vec": FIXED},
        Columns(),
        r"found 2: emb \(list<float>\), vec \(fixed_size_list<float>, 4 wide\); .* column='emb' or column='vec'$",
    ),
    ("list and run", {"emb": VECTOR, **run("e_", range(3))}, Columns(), r"with column='emb' or column='e_\*'$"),
    ("two runs", {**run("a", range(3)), **run("b", range(3))}, Columns(), r"column='a\*' or column='b\*'$"),
    ("odd name", {"my emb": VECTOR, "vec": FIXED}, Columns(), r"column='my emb' or column='vec'$"),
    ("usual names too", {"embedding": VECTOR, "x": VECTOR}, Columns(), r"found 2"),
    ("no list", {"id": pa.int64(), "score": F}, Columns(), r"the columns are id: int64, score: float"),
    ("no column", {}, Columns(), r"no embedding column"),
    ("only logits", {"logits": VECTOR}, Columns(), r"only when named: column='logits'$"),
    ("only logit_*", run("logit_", range(3)), Columns(), r"only when named: column='logit_\*'$"),
    ("only tokens", {"input_ids": pa.list_(pa.int64())}, Columns(), r"only when named: column='input_ids'$"),
    ("only the id", {"emb": VECTOR}, Columns(id="emb"), r"no embedding column"),
    ("unknown", {"emb": VECTOR}, Columns(embedding="embd"), r"no column 'embd'; the columns are emb$"),
    ("unknown id", {"emb": VECTOR}, Columns(id="key"), r"no column 'key'; the columns are emb$"),
    ("unknown group", {"emb": VECTOR}, Columns(group="who"), r"no column 'who'"),
    ("many columns", run("c", range(50), pa.string()), Columns(), r"c0: string, .*c11: string, \.\.\. \(50 in all\)"),
    ("binary", {"emb": pa.binary()}, Columns(), r"bytes carry no dtype: .*np\.frombuffer\(b, np\.float32\)"),
    ("binary, named", {"emb": pa.binary(16)}, Columns(embedding="emb"), r"is fixed_size_binary.*np\.frombuffer"),
    ("binary view", {"emb": pa.binary_view()}, Columns(embedding="emb"), r"'emb' is binary_view.*np\.frombuffer"),
    ("text", {"emb": pa.string()}, Columns(), r"text such as '\[0\.1, 0\.2\]' must be parsed first.*json\.loads"),
    ("text, named", {"emb": pa.large_string()}, Columns(embedding="emb"), r"column 'emb' is large_string.*json\.loads"),
    ("text view", {"emb": pa.string_view()}, Columns(embedding="emb"), r"column 'emb' is string_view.*json\.loads"),
    ("numbers, named", {"x": F}, Columns(embedding="x"), r"column 'x' is float, expected a list of numbers per row"),
    ("lists of text", {"tags": pa.list_(pa.string())}, Columns(), r"no embedding column"),
    ("lists of flags", {"tags": pa.list_(pa.bool_())}, Columns(), r"no embedding column"),
    ("nested", {"emb": pa.list_(VECTOR)}, Columns(), r"is list<list<float>>: each row holds a matrix.*pool it"),
    ("half nested", {"emb": pa.list_(FIXED)}, Columns(), r"list<fixed_size_list<float>>: each row holds a matrix"),
    ("nested, named", {"emb": pa.list_(VECTOR), "v": VECTOR}, Columns(embedding="emb"), r"each row holds a matrix"),
    ("gap", run("emb_", [0, 1, 3]), Columns(), r"columns emb_0 to emb_3: .*'emb_2' is missing; add it, or store"),
    ("gap with zeros", run("e", ["007", "008", "010"]), Columns(), r"columns e007 to e010: .*'e009' is missing"),
    ("late start", run("e", [2, 3]), Columns(), r"'e0' is missing"),
    ("late start, two digits", run("e", [10, 11]), Columns(), r"'e0' is missing"),
    ("wide gap", run("t", [1, 2, 10**15]), Columns(), r"'t3' is missing"),
    ("twice", run("e", ["0", "1", "01"]), Columns(), r"columns e\*: the same dimension appears twice"),
    ("gap by the id", run("e", range(4)), Columns(id="e1"), r"'e1' is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "fields", "named", "message"), REFUSED, ids=[case[0] for case in REFUSED])
def test_everything_else_is_refused_with_the_way_out(
    case: str, fields: dict[str, Any], named: Columns, message: str
) -> None:
    with pytest.raises(ColumnError, match=message) as told:
        choose(schema(**fields), named, "a.parquet")
    assert str(told.value).startswith("a.parquet: ")


@pytest.mark.parametrize("name", LABELS)
def test_label_columns_are_never_read_and_noted_once(name: str) -> None:
    for labels in ([1, 2], ["a", "b"], [[0.9, 0.1], [0.2, 0.8]]):
        table = pa.table({"emb": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], name: labels})
        source = open_source(table)
        assert (source.column, source.d) == ("emb", 3)
        assert source.notes == (f"column {name!r} was not read: no metric here uses labels",)
        assert all(block.extra == {} for block in source.read(1))
    with pytest.raises(ColumnError, match=rf"no embedding column.*only when named: column='{name}'$"):
        open_source(table.select([name]))


def test_columns_of_a_run_are_read_in_the_order_of_their_numbers() -> None:
    names = sorted(f"emb_{j}" for j in range(12))
    assert names.index("emb_10") < names.index("emb_9")
    source = open_source(pa.table({name: [float(name[4:])] for name in names}))
    assert next(iter(source.read(1))).rows.tolist() == [[float(j) for j in range(12)]]


def test_a_run_of_mixed_floats_loses_nothing() -> None:
    kinds = {"e0": pa.float32(), "e1": pa.float64(), "e2": pa.int8()}
    columns = {name: pa.array([-7 if name == "e2" else 1 / 3], kind) for name, kind in kinds.items()}
    source = open_source(pa.table(columns))
    assert source.dtype == "float64"
    assert next(iter(source.read(1))).rows.tolist() == [[float(np.float32(1 / 3)), 1 / 3, -7.0]]


def test_an_id_column_is_used_without_being_asked_for() -> None:
    table = pa.table({"emb": [[1.0], [2.0]], "id": ["a", "b"], "key": [5, 6]})
    assert open_source(table).roles == {"id": "id"}
    assert open_source(table, Columns(id="key")).roles == {"id": "key"}
    assert open_source(table, Columns(group="key")).roles == {"id": "id", "group": "key"}


def hugging_face(spec: Any) -> dict[str, str]:
    return {"huggingface": json.dumps({"info": {"features": {"emb": spec}}})}


@pytest.mark.parametrize(
    ("metadata", "d"),
    [
        (hugging_face({"shape": [2, 3], "dtype": "float32", "_type": "Array2D"}), 6),
        (hugging_face({"shape": [None, 3], "dtype": "float32", "_type": "Array2D"}), None),
        (hugging_face({"shape": [], "_type": "Array2D"}), None),
        (hugging_face({"shape": [2, 3], "_type": "Image"}), None),
        (hugging_face([{"_type": "Value"}]), None),
        ({"huggingface": json.dumps({"info": {"features": None}})}, None),
        ({"huggingface": json.dumps([1])}, None),
        ({"huggingface": "{"}, None),
        (None, None),
    ],
)
def test_a_matrix_per_row_needs_a_recorded_shape(metadata: dict[str, str] | None, d: int | None) -> None:
    kind = schema(metadata, emb=pa.list_(pa.list_(F)))
    if d:
        assert choose(kind, Columns(), "a.parquet").d == d
    else:
        with pytest.raises(ColumnError, match=r"no shape is recorded"):
            choose(kind, Columns(), "a.parquet")
