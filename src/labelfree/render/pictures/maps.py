"""The map of sampled rows as a picture."""

from __future__ import annotations

from labelfree.documents.wording import counted
from labelfree.render.pictures.model import FIRST, SECOND, Axis, Panel, Points, drawn_name
from labelfree.reports.row_map import RowMap

_MARKED = (SECOND, "#8a3fa0", "#1d7f4f", "#8a6a00")
"""The colors of what stands out, in turn."""
_BACK = "#9aa1ab"


def map_panel(found: RowMap, source: str) -> Panel:
    """Rows along the two directions of most spread; what stands out is drawn as crosses, over the others."""
    layers, key, marked = list[Points](), list[tuple[str, str]](), iter(_MARKED * (1 + len(found.parts)))
    for part in found.parts:
        color = next(marked) if part.role == "marked" else _BACK if part.role == "back" else FIRST
        layers.append(Points(part.x, part.y, color, crossed=part.role == "marked", names=part.ids))
        key.append((color, f"{drawn_name(part.name)} ({len(part.x):,})"))
    x, y = (f"{100 * share:.0f} % of the spread" for share in found.shares)
    return Panel(
        f"{drawn_name(source)}: map of the rows", Axis(f"first principal component, {x}"),
        Axis(f"second principal component, {y}"), layers, key=key, height=4.6,
        note=f"{found.drawn:,} of {counted(found.of, 'row')} are drawn; what lies apart here is apart, what lies "
        "together may still be apart in other directions",
    )  # fmt: skip
