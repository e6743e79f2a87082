"""What the rule was measured on: docs/evidence/select.md. An answer that lies outside says so."""

from __future__ import annotations

CLASSES = (2, 62)
ROWS = (94, 5018)
CANDIDATES = (3, 20)
EVENNESS = 0.4
"""Least entropy of the shares of the classes, as a part of that of equal ones."""


def outside(n: int, candidates: int, k: int | None, evenness: float | None) -> list[str]:
    """What of this choice was not measured, in words; without logits neither classes nor their shares are looked at.

    >>> outside(1000, 8, 10, 0.9), outside(1000, 8, 500, 0.9)
    ([], ['500 classes (measured: 2 to 62)'])
    """
    found = [(n, ROWS, "rows"), (candidates, CANDIDATES, "candidates")]
    if k is not None:
        found.append((k, CLASSES, "classes"))
    said = [f"{v:,} {what} (measured: {low} to {high:,})" for v, (low, high), what in found if not low <= v <= high]
    if evenness is not None and evenness < EVENNESS:
        said.append(
            f"an entropy of the predicted classes of {evenness:.2f} of that of equal ones (measured: {EVENNESS})"
        )
    return said
