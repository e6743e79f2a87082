"""What the rule was measured on: docs/evidence/select.md. An answer that lies outside says so."""

from __future__ import annotations

CLASSES = (2, 62)
ROWS = (300, 2000)
CANDIDATES = (3, 40)
IMBALANCE = 30.0
"""Largest over smallest share of a class in the consensus."""


def outside(n: int, candidates: int, k: int | None, imbalance: float | None) -> list[str]:
    """What of this choice was not measured, in words; without logits neither classes nor their shares are looked at.

    >>> outside(1000, 8, 10, 2.0), outside(1000, 8, 500, 2.0)
    ([], ['500 classes (measured: 2 to 62)'])
    """
    found = [(n, ROWS, "rows"), (candidates, CANDIDATES, "candidates")]
    if k is not None:
        found.append((k, CLASSES, "classes"))
    said = [f"{v} {what} (measured: {low} to {high:,})" for v, (low, high), what in found if not low <= v <= high]
    if imbalance is not None and imbalance > IMBALANCE:
        said.append(f"classes of the consensus whose shares differ {imbalance:.3g} times (measured: {IMBALANCE:g})")
    return said
