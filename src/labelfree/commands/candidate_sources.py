"""The candidates of a choice as open data sets: what was named, the step of each, its labelled source rows."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.commands.options import Options
from labelfree.commands.several import check_sources
from labelfree.errors import SourceError, UsageError, option
from labelfree.history.steps import step_of
from labelfree.render.naming import short_names
from labelfree.sources.block import CHECKPOINT, Source
from labelfree.sources.opening import open_source
from labelfree.sources.paths import files_of, natural, rows_within
from labelfree.sources.saved import saved_files
from labelfree.sources.subsets import only, rows_by
from labelfree.sources.summary_files import check_rows
from labelfree.survey import targets

BESIDE = ".source"
"""What stands before the suffix in the name of a file of labelled source rows."""


@dataclass(frozen=True, eq=False)
class Named:
    """One candidate: its name in tables, its rows, its step where the name or an epoch column says one.

    behind: its own embeddings of labelled source rows, where there are some; called: the name was given, not that of a
    file.
    """

    name: str
    rows: Source
    step: int | None = None
    behind: Source | None = None
    called: bool = False


def opened_candidates(candidates: Any, chosen: Options, aside: Sequence[Any] = ()) -> list[Named]:
    """The candidates that were named, each open, with its labelled source rows where there are some.

    aside: other files that were named, which are no candidates where a directory or a pattern holds them.
    """
    found: list[Named] = []
    given = _listed(candidates, (chosen.source, *aside))
    for name, one in given:
        found += _opened(name, one, chosen, alone=len(given) == 1)
    if len(found) < 2:
        what = "one candidate" if found else "none"
        raise UsageError(
            f"expected at least 2 candidates to choose among, found {what}"
            + (f" ({found[0].rows.name})" if found else "")
            + "; name more files, a directory of them, or one file with a column epoch"
        )
    found = in_short(found)
    return _with_sources(found, chosen)


def _listed(candidates: Any, aside: Sequence[Any]) -> list[tuple[str | None, Any]]:
    """What was named, each with its name where one was given; a single directory or pattern is the files in it."""
    if isinstance(candidates, Mapping) and "epoch" not in candidates:
        return [(str(name), one) for name, one in candidates.items()]
    given = list(candidates) if isinstance(candidates, list | tuple) else [candidates]
    check_sources(given)
    paths = [os.fspath(one) if isinstance(one, str | os.PathLike) else None for one in given]
    if len(given) == 1 and paths[0] is not None:
        others = {os.path.realpath(path) for path in map(_path, aside) if path is not None}
        given = [one for one in _inside(paths[0]) if os.path.realpath(one) not in others]
    listed = {os.path.normpath(one) for one in map(_path, given) if one is not None}
    return [(None, one) for one in given if not _is_beside(_path(one), listed)]


def _path(given: Any) -> str | None:
    return os.fspath(given) if isinstance(given, str | os.PathLike) else None


def _inside(name: str) -> list[Any]:
    """The files that a directory or a quoted pattern stands for, in natural order; a file is itself."""
    path = Path(name)
    if path.is_dir() and not saved_files(path):
        known, _ = rows_within(path)
        if not known:
            files_of(name)  # says what is there instead
        return [str(file) for file in sorted(known, key=natural)]
    if has_magic(name) and not path.exists():
        return [str(file) for file in files_of(name)]
    return [name]


def _is_beside(name: str | None, listed: set[str]) -> bool:
    """Whether a file holds the source rows of another that is named too: a pattern of the shell matches both."""
    if name is None:
        return False
    stem, _ = os.path.splitext(name)
    if not stem.endswith(BESIDE):
        return False
    return any(os.path.splitext(one)[0] == os.path.normpath(stem.removesuffix(BESIDE)) for one in listed)


def _opened(name: str | None, given: Any, chosen: Options, *, alone: bool) -> list[Named]:
    """The candidates of one source: one, or one for each epoch."""
    given = _paired(given, "logits")
    _refuse_checkpoint(given)
    opened = targets.open_targets(given, chosen.columns, chosen.setting)
    check_rows(opened[0], "select")
    if len(opened) == 1:
        (one,) = opened
        rows = one if name is None or one.files else replace(one, name=name)
        return [Named(name or one.name, rows, called=name is not None)]
    if "id" not in opened[0].roles:
        raise SourceError(
            f"{opened[0].name}: expected a column of ids beside that of the epochs, found none: whose rows are which "
            f"cannot be told; add a column id, or name it with {option('id')}"
        )
    found = []
    for one in opened:
        epoch = one.name.rpartition(" epoch ")[2]
        called = f"epoch {epoch}" if alone and name is None else f"{name or opened[0].name} epoch {epoch}"
        behind = one.beside
        if behind is not None and "epoch" in behind.roles:
            counts = {str(value): (value, total) for value, total in rows_by(behind, "epoch").items()}
            behind = None
            if epoch in counts and one.beside is not None:
                value, total = counts[epoch]
                behind = only(one.beside, "epoch", value, total, f"{one.beside.name} epoch {epoch}")
        step = int(epoch) if epoch.isdecimal() and len(epoch) < 19 else None
        found.append(Named(called, replace(one, beside=None), step, behind, called=True))
    return found


def _paired(given: Any, second: str) -> Any:
    """A pair of arrays as a table of embeddings and what its second is; anything else as it is."""
    if isinstance(given, tuple) and len(given) == 2:
        return {"embedding": given[0], second: np.asarray(given[1]) if second == "label" else given[1]}
    return given


def _refuse_checkpoint(given: Any) -> None:
    """Refuse what has to be run over data first, with the line that does it."""
    name = _path(given)
    if name is None or "::" in name:
        return
    path = Path(name)
    weights = path.is_dir() and any((path / one).exists() for one in ("config.json", "model.safetensors"))
    if weights or (path.is_file() and path.suffix.lower() in CHECKPOINT):
        raise SourceError(
            f"{name}: expected rows, found a checkpoint; name what to run all of them over with "
            f"{option('data', like='DATA')}, or write its rows first: labelfree embed {shlex.quote(name)} --data DATA "
            f"-o {shlex.quote(path.stem or path.name)}.parquet"
        )


def in_short(found: Sequence[Named]) -> list[Named]:
    """The candidates with names that are short and differ, and with the steps that their names hold."""
    files = [one.name for one in found if not one.called]
    shortened = iter(short_names(files))
    short = [one.name if one.called else next(shortened) for one in found]
    again = Counter(short)
    short = [f"{name} {i}" if again[name] > 1 else name for i, name in enumerate(short)]
    return [
        replace(one, name=name, step=_step(one.name) if one.step is None else one.step)
        for one, name in zip(found, short, strict=True)
    ]


def _step(name: str) -> int | None:
    try:
        return step_of(name)
    except UsageError:
        return None


def _with_sources(found: list[Named], chosen: Options) -> list[Named]:
    """The candidates with their labelled source rows: those given, those beside them, those of their own file."""
    given = chosen.source
    behind = [one.behind or one.rows.beside for one in found]
    if given is None:
        behind = [one or _beside(named.rows, chosen) for one, named in zip(behind, found, strict=True)]
        if chosen.label is not None and not any(one is not None for one in behind):
            raise UsageError(
                f"{option('label', chosen.label)}: names the label column of source rows, and there are none; add "
                f"{option('source', like='FILE')}"
            )
        return [replace(n, rows=replace(n.rows, beside=None), behind=b) for n, b in zip(found, behind, strict=True)]
    if inside := [one.name for one, there in zip(found, behind, strict=True) if there is not None]:
        raise UsageError(
            f"{inside[0]}: its own file holds source rows; leave out {option('source')}, or take them out of the file"
        )
    if isinstance(given, Mapping) and {one.name for one in found} <= {*map(str, given)}:
        every = {str(name): one for name, one in given.items()}
        return [replace(one, behind=_source(every[one.name], chosen)) for one in found]
    return _one_for_all(found, given, chosen)


def _one_for_all(found: list[Named], given: Any, chosen: Options) -> list[Named]:
    """The candidates with the rows of one source: of their own step where it has several epochs."""
    given = _paired(given, "label")
    columns = replace(targets.source_columns(chosen.columns, chosen.setting), domain=None)
    opened = open_source(given, columns)
    if "epoch" not in opened.roles or len(epochs := rows_by(opened, "epoch")) < 2:
        one = _source(given, chosen)
        return [replace(candidate, behind=one) for candidate in found]
    every = {str(value): (value, total) for value, total in epochs.items()}
    missing = [one.name for one in found if str(one.step) not in every]
    if missing:
        raise UsageError(
            f"{opened.name}: expected source rows of every candidate among its {len(every)} epochs, found none of "
            f"{missing[0]}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "") + "; name them alike"
        )
    return [
        replace(one, behind=only(opened, "epoch", *every[str(one.step)], f"{opened.name} epoch {one.step}"))
        for one in found
    ]


def _beside(rows: Source, chosen: Options) -> Source | None:
    """The source rows in a file beside that of a candidate: NAME.source.parquet beside NAME.parquet."""
    if len(rows.files) != 1:
        return None
    stem, suffix = os.path.splitext(rows.files[0])
    for ending in dict.fromkeys((suffix, ".parquet")):
        if os.path.isfile(path := f"{stem}{BESIDE}{ending}"):
            return _source(path, chosen)
    return None


def _source(given: Any, chosen: Options) -> Source:
    """Labelled source rows of one candidate."""
    given = _paired(given, "label")
    opened = targets.source_of(_NO_ROWS, chosen.columns, replace(chosen.setting, source=given))
    assert opened is not None
    check_rows(opened, "select")
    return opened


_NO_ROWS = Source("", (), "", "", "", 1, 0, 0, lambda rows: iter(()))
"""A target without anything beside it."""
