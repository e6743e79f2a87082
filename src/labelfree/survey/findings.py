"""What is wrong with the data, or may mislead whoever reads the numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labelfree.documents.finding_codes import Severity
from labelfree.documents.findings import Finding
from labelfree.errors import option
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.scaling import squared_lengths
from labelfree.families.rank.marchenko_pastur import noise_rank
from labelfree.summaries.tally import BadRow
from labelfree.survey.found import Survey
from labelfree.survey.mixed_findings import mixed
from labelfree.survey.repetitions import repeated_id, repeated_row
from labelfree.survey.shards import block_rows

OUTLIER = 10.0
"""Row norm over median row norm from which a row is named."""
FEW = 10
"""Rows per column below which sampling visibly lowers a rank."""
_NAMED = 5
"""Columns that are named, of many."""
_SPACING = {"float16": 2.0**-11, "bfloat16": 2.0**-8}


def findings(found: Survey, *, located: bool = False) -> list[Finding]:
    """Everything found, worst first; `located` reads the rows again where that tells which of them repeat another, and
    looks for rows of two spaces.
    """
    spaces = mixed(found) if located else ()
    return [
        *_bad_rows(found),
        *_repetitions(found, located and not found.source.summaries),
        *_epochs(found),
        *spaces,
        *_shape(found),
    ]


def _bad_rows(found: Survey) -> Iterator[Finding]:
    tally = found.tally
    bad = "left out" if found.evidence.on_bad == "drop" else f"leave them out with {option('on_bad', 'drop')}"
    nowhere = "left out" if found.evidence.zero < tally["zero"] else "left out of cosines"
    texts: dict[BadRow, tuple[str, str]] = {
        "ragged": (
            f"rows of another length than {found.source.d}",
            "every row needs one length: remove those rows, or pool them",
        ),
        "null": ("null rows, or rows with a null in them", bad),
        "nonfinite": ("rows with NaN or infinity", bad),
        "no_id": ("rows without an id", f"fill them in, or name another column with {option('id')}"),
        "overflow": ("rows whose squares overflow float64", "left out; divide the embeddings by a constant first"),
        "underflow": ("rows whose squares underflow float64", "left out; multiply the embeddings by a constant first"),
        "zero": ("rows of zeros", f"{nowhere}; find out why the encoder returned nothing"),
    }
    for defect, (what, remedy) in texts.items():
        if count := tally[defect]:
            dealt: Severity | None = "warning" if remedy == "left out" else None
            said = f"{count:,} of {tally.read:,} {what}"
            yield Finding(defect, said, remedy, count, tally.first[defect], graver=dealt)


def _repetitions(found: Survey, located: bool) -> Iterator[Finding]:
    if found.repeated_ids:
        remedy = f"remove the repetitions, or name another column with {option('id')}"
        if len(found.source.counts) > 1:
            remedy = f"{found.source.apart}, or {remedy}"
        said = f"{_repeating(found.repeated_ids)} the id of another"
        again = repeated_id(found.source, block_rows(found.source.d)) if located else None
        yield Finding("repeated_id", said, remedy, found.repeated_ids, again and again[2])
    if count := found.duplicates.duplicates:
        about = "" if found.duplicates.exact else "about "
        share = 100 * count / max(found.evidence.n, 1)
        first = repeated_row(found.source, block_rows(found.source.d)) if located and found.duplicates.exact else None
        yield Finding(
            "duplicate", f"{about}{_repeating(count, f' ({share:.1f} %)')} another row exactly",
            "repeated rows carry no new direction and distort distances: remove them", count, first,
        )  # fmt: skip


def _epochs(found: Survey) -> Iterator[Finding]:
    if found.epochs > 1:
        said = f"{found.epochs:,} epochs (column {found.source.roles['epoch']!r}) in one data set are measured as one"
        remedy = "write each epoch to a file of its own and give each as a source; transfer takes them apart itself"
        yield Finding("epochs", said, remedy, found.epochs, unit="epochs")


def _repeating(count: int, share: str = "") -> str:
    return f"{count:,} row{share} repeats" if count == 1 else f"{count:,} rows{share} repeat"


def _shape(found: Survey) -> Iterator[Finding]:
    e = found.evidence
    if e.n < 2:
        left = ("1 usable row" if e.n else "no usable row") if found.tally.read else "the data set is empty"
        yield Finding("few_rows", left, "every metric needs at least two rows", e.n, graver="error")
        return
    if e.n < FEW * e.d:
        said = f"at most {e.n:,} of {e.d:,} directions can show"
        if e.n >= e.d:
            lost = 100 * (1 - noise_rank(e.n, e.d) / e.d)
            said = f"isotropic noise of this shape loses {lost:.0f} % of its rank, {FEW * e.d:,} rows would do"
        yield Finding("few_rows", f"n / d = {e.n / e.d:.1f}: {said}", "compare only at equal n", e.n)
    if e.drawn is not None:
        typical = float(np.median(np.sqrt(squared_lengths(e.drawn.rows)[0])))
        if typical > 0 and found.tally.longest > OUTLIER * typical:
            yield Finding(
                "outlier",
                f"row {found.tally.longest_at} is {found.tally.longest / typical:,.0f} times as long as the median row",
                "a few such rows decide a spectrum: check them", 1, found.tally.longest_at,
            )  # fmt: skip
    if e.moments is not None:
        yield from _spectral(e)


def _spectral(e: Evidence) -> Iterator[Finding]:
    moments = e.moments
    assert moments is not None
    variance = np.diagonal(moments.scatter) / moments.n
    total = float(variance.sum())
    offset = float(moments.mean @ moments.mean)
    still = np.flatnonzero(variance <= (1e-15 * np.abs(moments.mean)) ** 2)
    if total == 0:
        yield Finding("collapsed", "all rows are equal", "the encoder has collapsed, or one row was copied", e.n)
        return
    if len(still):
        named = ", ".join(map(str, still[:_NAMED])) + (", ..." if len(still) > _NAMED else "")
        said = f"{len(still):,} of {e.d:,} columns never change: {named} (from 0)"
        yield Finding("constant", said, "dead units", len(still), unit="columns")
    if offset > total:
        share = 100 * offset / (offset + total)
        yield Finding(
            "narrow_cone", f"the mean row holds {share:.0f} % of the energy: a narrow cone",
            "uncentered ranks and cosines describe the offset; whether it has collapsed, its state says", e.n,
        )  # fmt: skip
    spacing = _SPACING.get(e.stored)
    if spacing is not None:
        noise = spacing**2 / 6 * (offset + total) / e.d  # mean square of rounding, spread over all directions
        blurred = int((e.centered.eigenvalues < 4 * noise).sum())
        if blurred:
            yield Finding(
                "storage",
                f"{blurred:,} of {e.d:,} directions lie at the rounding of {e.stored}, which lifts every rank",
                "store float32 to see them", blurred, unit="directions",
            )  # fmt: skip
