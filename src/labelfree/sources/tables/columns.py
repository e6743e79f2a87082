"""Which column holds the embeddings: the one that is named, else the only candidate, never a guess."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from textwrap import shorten
from typing import Any

from labelfree.documents.reading import parsed
from labelfree.errors import ColumnError, option
from labelfree.sources.block import AUTO, Columns

LABELS = ("label", "labels", "target", "targets", "y", "class")
OUTPUTS = ("logits", "logit", "probs", "prob", "probabilities")
_NEVER = (*OUTPUTS, *LABELS)
NUMBERED = re.compile(r"^(.*?)(\d+)$")
"""The name of a column that is a dimension of a run: its prefix, its number."""


@dataclass(frozen=True)
class Candidate:
    """A column (or a run of columns, one per dimension) that could hold embeddings."""

    name: str
    fields: tuple[str, ...]
    layout: str
    dtype: str
    d: int | None
    shape: tuple[int, ...] | None = None
    flaw: str | None = None

    @property
    def run(self) -> bool:
        """Whether there is one column per dimension."""
        return len(self.fields) > 1

    @property
    def offered(self) -> bool:
        """Whether it may be chosen without being named: no logits, no labels, no lists of token numbers."""
        tokens = self.dtype.startswith(("int", "uint")) and self.dtype not in ("int8", "uint8")
        return not tokens and _stem(self) not in _NEVER

    def __str__(self) -> str:
        width = f", {self.d} wide" if self.d else ""
        return f"{self.name} ({self.layout}{width})"


def candidates(schema: Any, chosen: Columns) -> list[Candidate]:
    """All columns of an Arrow schema that could hold embeddings, in file order, runs of columns last.

    Those with `offered` false are for the user to name.
    """
    arrays = _array2d(schema)
    found: list[Candidate] = []
    numbered: dict[str, list[tuple[int, Any]]] = {}
    for field in schema:
        if field.name in chosen.named or field.name == chosen.outputs:
            continue
        candidate = _of_field(field, arrays.get(field.name))
        if candidate is not None:
            found.append(candidate)
            continue
        match = NUMBERED.match(field.name)
        if match and _is_wide(field.type):
            numbered.setdefault(match[1], []).append((int(match[2]), field))
    for prefix, members in numbered.items():
        if len(members) >= 2 and f"{prefix}*" != chosen.outputs:
            found.append(_run(prefix, sorted(members, key=lambda m: m[0])))
    return found


def choose(schema: Any, chosen: Columns, where: str) -> Candidate:
    """The embedding column of an Arrow schema, or a ColumnError that names the option to add."""
    missing = [name for name in chosen.named if name not in schema.names]
    if missing:
        raise ColumnError(f"{where}: no column {missing[0]!r}; the columns are {_listed(schema.names)}")
    found = candidates(schema, chosen)
    wanted = {chosen.embedding, *chosen.named, "id", "epoch", *(name for c in found for name in c.fields)}
    for name, count in Counter(schema.names).items():
        if count > 1 and name in wanted:
            raise ColumnError(f"{where}: expected one column {name!r}, found {count}; rename them")
    if chosen.embedding is not None:
        return _named(schema, chosen.embedding, found, where)
    usual = [c for c in found if c.offered]
    if not usual:
        raise ColumnError(_none_found(schema, found, where))
    if len(usual) > 1:
        ways = " or ".join(option("column", c.name) for c in usual)
        raise ColumnError(
            f"{where}: expected one embedding column, found {len(usual)}: "
            f"{', '.join(map(str, usual))}; choose with {ways}"
        )
    return _sound(usual[0], where)


def choose_outputs(schema: Any, chosen: Columns, where: str) -> Candidate | None:
    """The column of class scores: the one that is named, else logits or probabilities by their usual names."""
    if chosen.outputs is None:
        return None
    found = candidates(schema, replace(chosen, outputs=None))
    if chosen.outputs != AUTO:
        return _named(schema, chosen.outputs, found, where)
    usual = {_stem(c): c for c in reversed(found) if _stem(c) in OUTPUTS}
    first = next((usual[name] for name in OUTPUTS if name in usual), None)
    return first and _sound(first, where)


def holds_probabilities(outputs: Candidate) -> bool:
    """Whether a column of class scores is named as probabilities."""
    return _stem(outputs).startswith("prob")


def _stem(candidate: Candidate) -> str:
    return candidate.name.rstrip("*").rstrip("_.-").lower()


def unread_labels(schema: Any, chosen: Columns, embedding: Candidate) -> tuple[str, ...]:
    """One line for each label column that is there and was left alone."""
    taken = {*chosen.named, *embedding.fields}
    if chosen.label == AUTO:
        return ()
    return tuple(
        f"column {name!r} was not read: no metric here uses labels"
        for name in LABELS
        if name in schema.names and name not in taken
    )


def _named(schema: Any, name: str, found: list[Candidate], where: str) -> Candidate:
    for candidate in found:
        if name in (candidate.name, candidate.name.rstrip("*")):
            return _sound(candidate, where)
    if name not in schema.names:
        raise ColumnError(f"{where}: no column {name!r}; the columns are {_listed(schema.names)}")
    kind = schema.field(name).type
    raise ColumnError(
        f"{where}: column {name!r} is {_kind(kind)}, expected a list of numbers per row, a fixed_size_list, a tensor, "
        f"or one numeric column per dimension named like emb_0, emb_1, ... ({option('column', 'emb_*')})" + _cure(kind)
    )


def _sound(candidate: Candidate, where: str) -> Candidate:
    if candidate.flaw:
        raise ColumnError(f"{where}: {candidate.flaw}")
    return candidate


def _none_found(schema: Any, found: list[Candidate], where: str) -> str:
    text = f"{where}: no embedding column; the columns are {_listed(f'{f.name}: {_kind(f.type)}' for f in schema)}"
    if found:
        return (
            f"{text}; logits, labels and lists of integers are taken only when named: {option('column', found[0].name)}"
        )
    cures = {_cure(field.type) for field in schema} - {""}
    return text + "; expected a list of floats per row, or one float column per dimension" + "".join(sorted(cures))


def _cure(kind: Any) -> str:
    import pyarrow as pa

    is_ = pa.types
    if any(f(kind) for f in (is_.is_binary, is_.is_large_binary, is_.is_fixed_size_binary, is_.is_binary_view)):
        return "; bytes carry no dtype: store them as a list, for instance np.frombuffer(b, np.float32) per row"
    if any(f(kind) for f in (is_.is_string, is_.is_large_string, is_.is_string_view)):
        return "; text such as '[0.1, 0.2]' must be parsed first, for instance df[c] = df[c].map(json.loads)"
    return ""


def _kind(kind: Any) -> str:
    return shorten(str(kind), 80, placeholder=" ...")


def _listed(names: Iterable[str], most: int = 12) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")


def _is_wide(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_int8(kind))


def _of_field(field: Any, shape: tuple[int, ...] | None) -> Candidate | None:
    """The candidate that one column of an Arrow schema is, if any."""
    import pyarrow as pa

    kind, outer = field.type, ""
    if isinstance(kind, pa.BaseExtensionType):
        shape = tuple(getattr(kind, "shape", None) or shape or ())
        outer, kind = f"{kind.extension_name}: ", kind.storage_type
    depth, d, inner, flaw = 0, 1, kind, None
    while _is_list(inner):
        depth += 1
        if pa.types.is_fixed_size_list(inner):
            d *= inner.list_size
            if inner.list_size < 0:
                flaw = f"column {field.name!r} claims lists of {inner.list_size} numbers; the file is damaged or forged"
        elif d:
            d = 0
        inner = inner.value_type
    if depth == 0 or not (pa.types.is_floating(inner) or pa.types.is_integer(inner)):
        return None
    layout = f"{outer}{_layout(kind)}"
    shape = shape if shape and all(shape) else None  # an unknown length is None
    if shape:
        d = math.prod(shape)
    if depth > 1 and not d:
        flaw = (
            f"column {field.name!r} is {layout}: each row holds a matrix, not a vector, and no shape is recorded; "
            "expected one vector per row: pool it first (mean over tokens, or the first one)"
        )
    return Candidate(field.name, (field.name,), layout, dtype_name(inner), d or None, shape, flaw)


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def dtype_name(kind: Any) -> str:
    """What numpy calls a primitive Arrow type. Arrow's to_pandas_dtype would import pandas."""
    return {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(kind), str(kind))


def _layout(kind: Any) -> str:
    import pyarrow as pa

    if not _is_list(kind):
        return str(kind)
    name = "list"
    if pa.types.is_fixed_size_list(kind):
        name = "fixed_size_list"
    elif pa.types.is_large_list(kind):
        name = "large_list"
    return f"{name}<{_layout(kind.value_type)}>"


def _run(prefix: str, members: list[tuple[int, Any]]) -> Candidate:
    numbers = [number for number, _ in members]
    kinds = sorted({dtype_name(field.type) for _, field in members})
    flaw = None
    gap = next((low + 1 for low, high in pairwise(numbers) if high - low > 1), 0 if numbers[0] > 1 else None)
    if len(set(numbers)) < len(numbers):
        flaw = f"columns {prefix}*: the same dimension appears twice (for instance {prefix}1 and {prefix}01)"
    elif gap is not None:
        least = members[0][1].name.removeprefix(prefix)
        lacking = f"{prefix}{gap:0{len(least) if least.startswith('0') else 1}d}"
        flaw = (
            f"columns {members[0][1].name} to {members[-1][1].name}: expected one column per dimension, {lacking!r} is "
            "missing; add it, or store the embedding as one list column"
        )
    names = tuple(field.name for _, field in members)
    dtype = kinds[0] if len(kinds) == 1 else "float64"
    return Candidate(f"{prefix}*", names, f"{len(names)} columns<{'|'.join(kinds)}>", dtype, len(names), None, flaw)


def _array2d(schema: Any) -> dict[str, tuple[int, ...]]:
    """Shapes that Hugging Face datasets records for array columns."""
    raw = (schema.metadata or {}).get(b"huggingface")
    if raw is None:
        return {}
    try:
        features = dict(parsed(raw.decode())["info"]["features"])
    except (ValueError, KeyError, TypeError):
        return {}
    return {
        name: tuple(spec["shape"])
        for name, spec in features.items()
        if isinstance(spec, dict) and str(spec.get("_type", "")).startswith("Array") and _lengths(spec.get("shape"))
    }


def _lengths(shape: Any) -> bool:
    """Whether this is a shape: whole numbers, None where a length is not known."""
    return isinstance(shape, list) and all(n is None or (type(n) is int and n >= 0) for n in shape)
