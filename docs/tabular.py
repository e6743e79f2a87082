"""Tables of the documents in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table whose first `left` columns are text, the others numbers."""
    out = [f"| {' | '.join(head)} |", "|" + "---|" * left + "---:|" * (len(head) - left)]
    return "\n".join([*out, *(f"| {' | '.join(row)} |" for row in rows)])
