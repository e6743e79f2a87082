"""What tables say of drift beside its numbers: chance, the unusual rows, the slices, what comes next."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from labelfree.documents.wording import counted
from labelfree.errors import option
from labelfree.render.numbers import number
from labelfree.reports.drift import Slice
from labelfree.reports.drift_words import WORDS
from labelfree.reports.entries import MetricEntry
from labelfree.reports.rows import RowsReport

_SLICES = 12
_DASHES = "--"
"""Before the options of a command that can be run as it stands."""


def _p(e: MetricEntry) -> str:
    p = e.parts.get("p_value")
    return "" if p is None else f"0 by chance, p {p:.2g}"


def _beyond(e: MetricEntry) -> str:
    return f"{e.parts['expected']:g} by chance, +- {number(2 * e.parts['null_sd'], 3)}"


def _frechet(e: MetricEntry) -> str:
    parts = e.parts
    means, spreads = (
        f"{name} {number(parts[name], 3)} (by chance {number(parts[f'{name}_by_chance'], 3)})"
        for name in ("means", "spreads")
    )
    return f"{means}, {spreads}"


def _neighbors(e: MetricEntry) -> str:
    parts = e.parts
    own = f"current alone {number(parts['current'], 3)}"
    p = "" if parts["p_value"] is None else f", p {parts['p_value']:.2g}"
    return f"{number(parts['expected'], 3)} by chance{p}; {own}"


def _classes(e: MetricEntry) -> str:
    reference = f"reference {number(e.parts['reference'], 3)}"
    if e.parts["difference_interval"] is None:
        return reference
    low, high = e.parts["difference_interval"]
    return f"{reference}, difference {number(low, 3)} to {number(high, 3)}"


NOTES: dict[str, Callable[[MetricEntry], str]] = {
    "energy_ratio": _p,
    "share_beyond_95": _beyond,
    "share_beyond_99": _beyond,
    "c2st_auc": lambda e: "0.5 by chance",
    "frechet_whitened": _frechet,
    "knn_two_sample": _neighbors,
    "cauchy_schwarz": _p,
    "ks_dimensions": lambda e: f"of {e.parts['of']:,} columns",
    "class_alignment": _classes,
}


def about(reports: Sequence[RowsReport]) -> list[str]:
    """Lines on what drift is not, and where to look next."""
    drift = reports[0].drift
    if drift is None:
        return []
    said = f"reference: {drift.reference.name}, {counted(drift.reference.n, 'row')}"
    look = drift.look
    if look.of > 1:
        said += f"; each of {look.of} looks may alarm by chance in {100 * look.alpha:.2g} %, all together in 5 %"
    found = [said]
    if len(reports) == 1 and drift.unusual is not None:
        part = drift.unusual
        named = (
            f"{part.singled_out:,} of {counted(part.scored, 'row')} can be singled out, of which about 10 % are usual"
        )
        every = option("output", "rows.parquet", python="save('rows.parquet')")
        found.append(f"{named}; all rows with {every}" if part.singled_out else "")
    if any(r.drift is not None and r.drift.size not in ("none", "hardly") for r in reports):
        words = ["labelfree", "transfer", reports[0].input.sources[0], _DASHES + "source", drift.reference.name]
        apart = "drift is not damage: " if len(reports) == 1 else ""  # beside several the headline's note says it
        found.append(f"{apart}whether accuracy fell, class scores tell: {shlex.join(words)}")
    return [text for text in found if text]


def size_words(size: str) -> str:
    """What a size of drift is called."""
    return WORDS.get(size, size)


def tables(report: RowsReport) -> list[tuple[list[str], list[list[str]]]]:
    """The slices of a column, and the most unusual rows."""
    drift, found = report.drift, list[tuple[list[str], list[list[str]]]]()
    if drift is None:
        return found
    if drift.by is not None:
        heads = [
            drift.by.column,
            "rows",
            "share",
            "in the reference",
            "beyond 95 %",
            "95 % interval",
            "energy ratio",
            "against",
        ]
        found.append((heads, [_slice(one) for one in drift.by.slices[:_SLICES]]))
    if drift.unusual is not None and drift.unusual.rows:
        rows = [
            [str(one.id), f"{one.p_value:.3g}", number(one.score, 4), ", ".join(str(n["id"]) for n in one.nearest)]
            for one in drift.unusual.rows
        ]
        found.append((["most unusual row", "p", "score", "nearest in the reference"], rows))
    return found


def _slice(one: Slice) -> list[str]:
    ends = one.beyond_interval
    return [
        one.value, f"{one.rows:,}", _percent(one.share), _percent(one.reference_share), _percent(one.beyond),
        "" if ends is None else f"{_percent(ends[0])} to {_percent(ends[1])}", number(one.energy_ratio, 4), one.against,
    ]  # fmt: skip


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
