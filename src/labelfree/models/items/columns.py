"""Which column holds the items: the one that is named, else the only candidate, never a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labelfree.errors import ColumnError, UsageError, option
from labelfree.models.items.batches import Wish
from labelfree.models.items.kinds import KINDS, Kind
from labelfree.sources.tables.columns import LABELS, OUTPUTS

WRITTEN = ("embedding", "logits")
"""Columns of the file that is written, whose names no column that is carried along may have."""


def id_column(columns: Sequence[str], wish: Wish) -> str | None:
    """The column of ids: the one that is named, or `id`."""
    return wish.id or ("id" if "id" in columns and wish.column != "id" else None)


def carried(wish: Wish, id: str | None) -> dict[str, str]:
    """The columns to carry along, by the name that they get: the ids become "id"."""
    taken = {"id": id} if id else {}
    for name in wish.keep:
        if name in WRITTEN or (name == "id" and id not in (None, "id")):
            what = "the ids are written" if name == "id" else "the model's output is written"
            raise UsageError(
                f"{option('keep', name)}: expected a name that is free, but {what} under it; rename the column"
            )
        taken[name] = name
    return {out: name for out, name in taken.items() if out == "id" or name != id}


def check_named(name: str, columns: Sequence[str], wish: Wish) -> None:
    """Refuse an option that names a column that is not there, or twice in the header."""
    for wanted in (*wish.named, *(() if wish.id else ("id",))):
        if wanted not in columns and wanted in wish.named:
            listed = ", ".join(columns[:12]) + (f", ... ({len(columns)} in all)" if len(columns) > 12 else "")
            raise ColumnError(f"{name}: no column {wanted!r}; the columns are {listed}")
        if columns.count(wanted) > 1:
            raise ColumnError(f"{name}: expected one column {wanted!r}, found {columns.count(wanted)}; rename them")


def candidates(columns: Mapping[str, Kind], wish: Wish, id: str | None) -> dict[str, Kind]:
    """The columns that may be embedded without being named, among columns by what their items are."""
    never = {*wish.keep, id, *LABELS, *OUTPUTS}
    return {
        name: kind for name, kind in columns.items() if name not in never and (wish.kind is None or kind == wish.kind)
    }


def the_only(name: str, found: Mapping[str, Kind], types: Mapping[str, str], wish: Wish) -> str:
    """The only candidate; types: what every column of the file holds, for the message."""
    if len(found) == 1:
        return next(iter(found))
    what = f"one column of {KINDS[wish.kind]}" if wish.kind else "one column of texts, images or arrays"
    if found:
        ways = " or ".join(option("column", one) for one in found)
        told = ", ".join(f"{one} ({types[one]})" for one in found)
        raise ColumnError(f"{name}: expected {what}, found {len(found)}: {told}; choose with {ways}")
    listed = ", ".join(f"{one}: {kind}" for one, kind in types.items())
    never = [one for one in types if one in (*wish.keep, *LABELS, *OUTPUTS)]
    hint = "; ids, labels and columns that are kept are taken only when named: " if never else ""
    hint += option("column", never[0]) if never else ""
    raise ColumnError(f"{name}: expected {what}, found none; the columns are {listed}{hint}")
