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
    """Axes in one column to draw on; written to the path, whose suffix decides the format, when the block ends."""
    try:
        import matplotlib as mpl

        mpl.use("agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtra(f"drawing a picture ({path.suffix})", "plot") from error
    look = {"svg.hashsalt": "labelfree", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(look):
        figure, axes = plt.subplots(rows, figsize=(7.2, height * rows), layout="constrained", squeeze=False)
        yield list(axes[:, 0])
        metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
        figure.savefig(path, dpi=150, metadata=metadata)
        plt.close(figure)


def drawn_name(source: str) -> str:
    """The name of a source as a picture can hold it: text alone, no formula, and nothing that a legend leaves out.

    >>> drawn_name("runs/_a$x$.npy")
    ' _a\\\\$x\\\\$.npy'
    """
    name = printable(Path(source).name)
    name = name if len(name) <= _LONGEST else name[: _LONGEST - 4] + " ..."
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
