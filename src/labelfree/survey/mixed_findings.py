"""What `doctor` says of a file whose rows are of two spaces: how many, and where the second begins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labelfree.documents.findings import Finding
from labelfree.survey.found import Survey
from labelfree.survey.mixed_spaces import SAMPLED, Mask, mixed_lengths, parted

_STRAY = 0.05
"""Rows on the wrong side of a place, over the rows of the second space, up to which it begins at that place."""


def mixed(found: Survey) -> Iterator[Finding]:
    """The finding on rows of two spaces; it looks at a sample of the rows, spread over the file."""
    e = found.evidence
    if e.drawn is None:
        return
    few = np.argsort(e.drawn.keys, kind="stable")[:SAMPLED]
    few = few[np.argsort(e.drawn.index[few])]
    rows, index = e.drawn.rows[few].astype(np.float64), e.drawn.index[few]
    largest = float(np.abs(rows).max(initial=0.0))
    if largest == 0:
        return
    if (lengths := mixed_lengths(rows)) is not None:
        unlike, fix = "have another length: rows of length 1 stand among others", "normalize all rows, or none"
        second = lengths
    elif (parts := parted(rows / largest)) is not None:
        unlike = "share no directions with the others beyond chance: two models, or two versions of one"
        second, fix = parts.second, "embed all rows again with one model"
    else:
        return
    first, begins = where(second)
    many = round((1 - first / len(second) if begins else float(second.mean())) * e.n)
    about = "" if len(index) == e.n else "about "
    place = f"from {about}row {index[first]} on" if begins else "spread over the file"
    yield Finding("mixed_spaces", f"{about}{many:,} of {e.n:,} rows, {place}, {unlike}", fix, many, int(index[first]))


def where(second: Mask) -> tuple[int, bool]:
    """The first row of the second space, and whether it is all that follows; of rows in any order, of the fewer.

    Of a second space that stands at the beginning of the file the other one is said to begin after it.
    """
    n = len(second)
    before = np.concatenate([[0], np.cumsum(second)])
    wrong = before + (n - np.arange(n + 1)) - (before[-1] - before)  # rows of the second before, of the first after
    after, ahead = int(np.argmin(wrong)), int(np.argmin(n - wrong))
    fewer = min(int(second.sum()), n - int(second.sum()))
    for place, strays in ((after, wrong[after]), (ahead, n - wrong[ahead])):
        if strays <= _STRAY * fewer and 0 < place < n:
            return place, True
    return int(np.argmax(second)), False
