"""Labels, rows to label and class shares as files: read, checked against the candidates, and written."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index, as_array
from labelfree.documents.files import atomically, read_text
from labelfree.documents.reading import parsed
from labelfree.documents.wording import counted
from labelfree.errors import ArrayError, SourceError, UsageError, option, quoted
from labelfree.families.selection.labels import LabelRows
from labelfree.sources.block import PARQUET

TOLERANCE = 1e-3
"""How far class shares may be from a sum of one: what they lose when they are written with three digits."""


@dataclass(frozen=True, eq=False)
class GivenLabels:
    """Labels of sampled rows: rows (m,) their places in the sample, label (m,), weight (m,) how many each stands for.

    left_out: labels of rows that are not in the sample; open: rows of the file that have no label yet.
    """

    rows: Index
    label: Index
    weight: Float
    left_out: int
    open: int


def check_files(**given: Any) -> None:
    """Refuse files that do not exist, before any work; by the options that name them."""
    for name, one in given.items():
        if isinstance(one, str | os.PathLike) and not Path(one).is_file():
            raise SourceError(f"{option(name)}: {os.fspath(one)}: no such file")


def read_labels(given: Any, ids: Sequence[object], classes: int) -> GivenLabels:
    """The labels of a file (id, label and perhaps weight), or of a table in Python, for the rows with these ids.

    Without weights they are taken for a uniform sample of the rows. Rows whose label is empty are not labelled yet:
    what they would have stood for is spread over the others.
    """
    name, columns = _table(given, "labels")
    for wanted in ("id", "label"):
        if wanted not in columns:
            raise SourceError(
                f"{name}: expected columns id, label and perhaps weight, found {', '.join(map(quoted, columns))}; "
                f"rename the one that holds the {wanted}"
            )
    place = {str(one): i for i, one in enumerate(ids)}
    known = [i for i, label in enumerate(columns["label"]) if not _empty(label)]
    found = [(place.get(str(columns["id"][i])), i) for i in known]
    if not any(at is not None for at, _ in found):
        raise UsageError(
            f"{option('labels')}: {name}: expected labels of compared rows, found {counted(len(known), 'label')}"
            + (f", first of id {quoted(columns['id'][known[0]])}, which is none of them" if known else "")
            + f"; the ids are those of the candidates, and {option('sample')} and {option('seed')} those of the rows"
        )
    here = [(at, i) for at, i in found if at is not None]
    rows = np.array([at for at, _ in here], dtype=np.int64)
    if len(np.unique(rows)) < len(rows):
        again = next(columns["id"][i] for k, (at, i) in enumerate(here) if at in [a for a, _ in here[:k]])
        raise UsageError(f"{option('labels')}: {name}: id {quoted(again)} is labelled twice; keep one label of a row")
    label = np.array([_class(columns["label"][i], classes, f"{name}: row {i}") for _, i in here], dtype=np.int64)
    weight = np.full(len(rows), len(ids) / len(rows))
    if "weight" in columns:
        weight = np.array([_weight(columns["weight"][i], f"{name}: row {i}") for _, i in here])
        weight *= len(columns["label"]) / len(known)
    return GivenLabels(rows, label, weight, len(found) - len(here), len(columns["label"]) - len(known))


def _empty(label: Any) -> bool:
    return label is None or (isinstance(label, str) and not label.strip()) or label != label


def _class(given: Any, classes: int, where: str) -> int:
    """A label as a class number."""
    try:
        number = float(given)  # a column with gaps is one of fractions for many a program
    except (TypeError, ValueError):
        number = -1.0
    number = -1 if number != number or number in (-math.inf, math.inf) else number
    if not 0 <= number < classes or number != int(number):
        raise UsageError(
            f"{option('labels')}: {where}: expected a class number 0 to {classes - 1}, found {quoted(given)}; map the "
            "labels to class numbers"
        )
    return int(number)


def _weight(given: Any, where: str) -> float:
    """How many rows a labelled one stands for."""
    try:
        weight = float(given)
    except (TypeError, ValueError):
        weight = 0.0
    if not 1 - 1e-9 <= weight < 1e15:
        raise UsageError(
            f"{option('labels')}: {where}: expected a weight of at least 1, the inverse of the probability that the "
            f"row was drawn with, found {quoted(given)}; leave the column out for a uniform sample"
        )
    return weight


def read_shares(given: Any, classes: int) -> Float:
    """Class shares (K,) from a file (.json, or .csv and .parquet with class and share), a mapping or a sequence."""
    name, shares = option("class_shares"), given
    if isinstance(given, str | os.PathLike):
        check_files(class_shares=given)
        name, path = f"{option('class_shares')}: {given}", Path(given)
        if path.suffix.lower() == ".json":
            shares = _json(path)
        else:
            _, columns = _table(given, "class_shares")
            if not {"class", "share"} <= set(columns):
                raise UsageError(f"{name}: expected columns class and share, found {', '.join(columns)}; rename them")
            shares = dict(zip(columns["class"], columns["share"], strict=True))
    if isinstance(shares, Mapping):
        shares = _by_class(shares, classes, name)
    try:
        found = np.asarray(as_array(shares, "class_shares"), dtype=np.float64).ravel()
    except (ValueError, TypeError, OverflowError, ArrayError):
        raise UsageError(f"{name}: expected numbers, one for each class, found {quoted(shares)}") from None
    if len(found) != classes:
        raise UsageError(f"{name}: expected {classes} shares, one for each class, found {len(found)}; name every class")
    wrong = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(wrong):
        at = int(wrong[0])
        raise UsageError(f"{name}: expected shares from 0 to 1, found {found[at]:g} for class {at}")
    if abs(total := float(found.sum()) - 1) > TOLERANCE:
        raise UsageError(f"{name}: expected shares that sum to 1, found a sum of {total + 1:g}; divide each by it")
    return np.asarray(found / found.sum())


def _by_class(shares: Mapping[Any, Any], classes: int, name: str) -> list[float]:
    """Shares in the order of the classes, of a mapping from each of them."""
    every = {str(key).strip(): value for key, value in shares.items()}
    other = [key for key in every if key not in {str(k) for k in range(classes)}]
    missing = [k for k in range(classes) if str(k) not in every]
    if other or missing:
        what = f"class {quoted(other[0])}, which there is not" if other else f"none of class {missing[0]}"
        raise UsageError(f"{name}: expected a share of each class 0 to {classes - 1}, found {what}")
    try:
        return [float(every[str(k)]) for k in range(classes)]
    except (TypeError, ValueError, OverflowError):
        raise UsageError(
            f"{name}: expected a number for each class, found {quoted(list(every.values())[:3])}"
        ) from None


def _json(path: Path) -> Any:
    try:
        return parsed(read_text(path), unique=True)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise SourceError(f"{path}: expected JSON, found text that is none ({error})") from None


def _table(given: Any, name: str) -> tuple[str, dict[str, list[Any]]]:
    """The columns of a small table by name: of a .csv or .parquet file, of a frame, or of arrays by name."""
    if isinstance(given, str | os.PathLike):
        check_files(**{name: given})
        path = Path(given)
        if path.suffix.lower() in PARQUET:
            return str(path), _parquet(path)
        if path.suffix.lower() == ".csv":
            return str(path), _csv(path)
        raise SourceError(f"{option(name)}: {path}: expected .csv or .parquet, found {path.suffix or 'no suffix'}")
    from labelfree.sources.tables.frames import table_of

    if isinstance(given, Mapping):
        return option(name), {str(key): list(values) for key, values in table_of(given).to_pydict().items()}
    if hasattr(given, "to_dict") and hasattr(given, "columns"):
        return option(name), {str(key): list(given[key]) for key in given.columns}
    raise UsageError(f"{option(name)}: expected a file, a data frame or arrays by name, found {type(given).__name__}")


def _csv(path: Path) -> dict[str, list[Any]]:
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None
    if not rows:
        raise SourceError(f"{path}: expected a line of column names, found nothing")
    odd = next((i for i, row in enumerate(rows) if len(row) != len(rows[0]) and row), None)
    if odd is not None:
        raise SourceError(f"{path}: line {odd + 1}: expected {len(rows[0])} fields, found {len(rows[odd])}")
    return {head.strip(): [row[k].strip() for row in rows[1:] if row] for k, head in enumerate(rows[0])}


def _parquet(path: Path) -> dict[str, list[Any]]:
    from labelfree.sources.guards.decoding import check_pages
    from labelfree.sources.tables.parquet import checked, explained

    wanted = ("id", "label", "weight", "class", "share")
    with checked(path) as (parquet, claimed):
        names = [field.name for field in parquet.schema_arrow if field.name in wanted]
        if not names:
            return {field.name: [] for field in parquet.schema_arrow}
        check_pages(path, claimed, names)
        with explained(path):
            found: dict[str, list[Any]] = parquet.read(columns=names).to_pydict()
    return found


def write_rows(path: Path, drawn: LabelRows, ids: Sequence[object]) -> None:
    """Write the rows to label: id, an empty label, weight and probability, as .parquet or .csv."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    columns = {
        "id": pa.array([ids[i] for i in drawn.rows]), "label": pa.nulls(len(drawn.rows), pa.int64()),
        "weight": pa.array(drawn.weight), "probability": pa.array(drawn.probability),
    }  # fmt: skip
    table = pa.table(columns)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:  # a path may be no Unicode
            if path.suffix == ".csv":
                pyarrow.csv.write_csv(table, stream)
            else:
                pq.write_table(table, stream)

    atomically(path, write)
