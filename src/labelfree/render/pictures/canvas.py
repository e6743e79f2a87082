"""Pictures by matplotlib: the same look everywhere, and the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelfree.documents.wording import printable
from labelfree.errors import MissingExtra

_LONGEST = 80
"""Characters of a name that fit beside a picture."""


@contextmanager
def picture(path: Path, rows: int = 1, height: float = 4.6) -> Iterator[list[Any]]:
    """Axes in one column to draw on; written to the path, whose suffix decides the format, when the block ends.

    The figure is no window's: what a notebook or a program of its user draws on stays as it is.
    """
    with _looking(f"drawing a picture ({path.suffix})"):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.2, height * rows), layout="constrained")
        yield list(figure.subplots(rows, squeeze=False)[:, 0])
        metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
        figure.savefig(path, dpi=150, metadata=metadata)


@contextmanager
def shown(rows: int = 1, height: float = 4.6) -> Iterator[tuple[Any, list[Any]]]:
    """A figure that a notebook shows once, where it is the value of a cell, and its axes in one column."""
    with _looking("drawing"):
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(7.2, height * rows), layout="constrained")
        plt.close(figure)  # no window, and no second picture below the cell
        yield figure, list(figure.subplots(rows, squeeze=False)[:, 0])


@contextmanager
def _looking(purpose: str) -> Iterator[None]:
    """The look of all pictures."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtra(purpose, "plot") from error
    look = {"svg.hashsalt": "labelfree", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(look):
        yield


def drawn_name(source: str) -> str:
    """The name of a source as a picture can hold it: text alone, no formula, and nothing that a legend leaves out.

    >>> drawn_name("runs/_a$x$.npy")
    ' _a\\\\$x\\\\$.npy'
    """
    name = printable(Path(source).name)
    name = name if len(name) <= _LONGEST else name[: _LONGEST - 4] + " ..."
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
