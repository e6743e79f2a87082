"""Text as values: what columns of text hold, lists of numbers as JSON and numpy print them, ids and epochs."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from labelfree.errors import ColumnError, quoted
from labelfree.sources.tables.columns import NUMBERED

_LIST = re.compile(
    r"\s*\[\s*(?:np\.|float\d*\(|[-+]?\.?\d|nan\b|null\b|none\b|[-+]?inf\b)[^\[\]{}\"']*\]\s*", re.IGNORECASE
)
_WHOLE = re.compile(r"\[[\s\d,+-]*\]")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
MISSING = ("", "NA", "N/A", "NULL", "null", "None")
"""What stands where there is no number. In other columns nothing but an empty field is missing."""
_MANY = 64


def with_numbers(schema: Any, named: str | None) -> Any:
    """The schema of a text file in which numbered columns hold floats: where half of a run does, or it is named.

    What text says of a column, whole numbers or nothing, may be an accident of the rows that were looked at.
    """
    import pyarrow as pa

    names = set(schema.names)
    runs: dict[str, list[int]] = defaultdict(list)
    fields = list(schema)
    for i, field in enumerate(fields):
        if match := NUMBERED.match(field.name):
            runs[match[1]].append(i)
    for prefix, members in runs.items():
        floats = sum(pa.types.is_floating(fields[i].type) for i in members)
        asked = named in (prefix, f"{prefix}*") and named not in names
        if len(members) < 2 or not (asked or (floats and 2 * floats >= len(members))):
            continue
        for i in members:
            if not pa.types.is_nested(fields[i].type):
                fields[i] = pa.field(fields[i].name, pa.float64())
    return pa.schema(fields)


def list_type(texts: Any) -> Any:
    """The type of a column of text, at least half of which are lists of numbers; None of another one."""
    import pyarrow as pa

    some = [text for text in texts.slice(0, 16 * _MANY).to_pylist() if text not in (*MISSING, None, "nan")][:_MANY]
    lists = [text.strip() for text in some if _LIST.fullmatch(text)]
    if not lists or 2 * len(lists) < len(some):
        return None
    return pa.list_(pa.int64() if all(map(_WHOLE.fullmatch, lists)) else pa.float64())


def numbers_of(texts: Any, name: str, where: str, offset: int) -> Any:
    """The lists of numbers that a column of text holds; offset: the row of the first one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pc.is_in(texts, pa.array([*MISSING, "nan"]))
    if pc.any(missing).as_py():
        texts = pc.if_else(missing, None, texts)
    try:
        return _numbers(texts)
    except pa.ArrowException:
        for row, text in enumerate(texts):
            try:
                _numbers(pa.array([text.as_py()], pa.string()))
            except pa.ArrowException:
                raise ColumnError(_odd(text.as_py(), name, where, offset + row)) from None
        raise


def _numbers(texts: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pc.utf8_trim_whitespace(texts)
    closed = pc.and_(pc.starts_with(whole, "["), pc.ends_with(whole, "]"))
    if pc.all(closed).as_py() is False:
        raise pa.ArrowInvalid("text that is no list")
    inner = pc.utf8_trim_whitespace(pc.utf8_slice_codeunits(whole, 1, -1))
    commas = pc.any(pc.match_substring(inner, ",")).as_py()
    lists = (
        pc.split_pattern(pc.replace_substring(inner, ", ", ","), ",") if commas else pc.ascii_split_whitespace(inner)
    )
    try:
        values = lists.values.cast(pa.float64())
    except pa.ArrowInvalid:  # the rest that JSON and numpy print
        inner = pc.replace_substring_regex(pc.replace_substring_regex(inner, r"\s*,\s*", ","), r"\s+", ",")
        lists = pc.split_pattern(inner, ",")
        nothing = pc.is_in(lists.values, pa.array(["null", "None"]))
        values = pc.if_else(nothing, None, lists.values).cast(pa.float64())
    return pa.ListArray.from_arrays(lists.offsets, values, mask=texts.is_null() if texts.null_count else None)


def _odd(text: str, name: str, where: str, row: int) -> str:
    if "..." in text:
        way = "numpy leaves numbers out when it prints long rows: save the list, for instance row.tolist()"
    elif "(" in text:
        way = "the text names types: write plain numbers, for instance row.tolist() of a float64 array"
    else:
        way = "mend the row, or store the embeddings as Parquet"
    found = f"expected a list of numbers such as [0.1, 0.2], found {quoted(text)}"
    return f"{where}: row {row}: column {name!r}: {found}; {way}"


def decimal_comma(text: str) -> bool:
    """Whether a text is a number with a comma for its point."""
    return bool(_DECIMAL_COMMA.fullmatch(text))


class Kinds:
    """What columns of text beside the embeddings hold all through a file.

    Whole numbers where each is written as Python would write it, so that 007 stays a text; floats in columns of epochs;
    else text.
    """

    def __init__(self, columns: dict[str, str]) -> None:
        import pyarrow as pa

        self._left = {
            name: [pa.int64(), pa.float64(), pa.string()] if role == "epoch" else [pa.int64(), pa.string()]
            for name, role in columns.items()
        }
        self._seen: set[str] = set()

    def add(self, name: str, texts: Any) -> None:
        """Take in some rows of a column."""
        texts = filled(texts)
        if texts.null_count < len(texts):
            self._seen.add(name)
        while cast(texts, self._left[name][0]) is None:
            self._left[name].pop(0)

    def of(self, name: str) -> Any:
        """The type of a column."""
        return self._left[name][0 if name in self._seen else -1]


def filled(texts: Any) -> Any:
    """Texts, null where the field is empty."""
    import pyarrow.compute as pc

    empty = pc.equal(texts, "")
    return pc.if_else(empty, None, texts) if pc.any(empty).as_py() else texts


def cast(texts: Any, kind: Any) -> Any:
    """The texts as values of a type; None where one of them is no such value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == pa.string():
        return texts
    try:
        values = texts.cast(kind)
    except pa.ArrowInvalid:
        return None
    same = kind != pa.int64() or pc.all(pc.equal(values.cast(pa.string()), texts)).as_py() is not False
    return values if same else None
