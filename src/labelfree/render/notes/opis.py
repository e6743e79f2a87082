"""What tables and pictures say of groups under one threshold."""

from __future__ import annotations

from collections.abc import Callable

from labelfree.catalog import headlines
from labelfree.documents.wording import counted
from labelfree.render.numbers import number
from labelfree.reports.entries import MetricEntry
from labelfree.reports.rows import RowsReport

WORST, WORST_ALL = 5, 20
_LABELS = {
    "column": "groups of the column",
    "other_space": "clusters made in another space",
    "crossfit": "pseudo-groups (cross-fitted k-means)",
    "same_space": "pseudo-groups of the same space: circular",
}


def headline(report: RowsReport) -> MetricEntry | None:
    """The entry that carries the value: of the groups, or of the pseudo-groups."""
    for name in headlines("opis"):
        entry = report.metrics.get(name)
        if entry is not None and entry.value is not None:
            return entry
    return None


def elsewhere(report: RowsReport, name: str) -> bool:
    """Whether the other one of `opis` and `pseudo_opis` has the value."""
    return name in headlines("opis") and report.metrics[name].reason_code in ("pseudo_groups", "grouped")


def about(report: RowsReport) -> list[str]:
    """Lines on the groups, on what one threshold does to all of them, and on how pseudo-groups were made."""
    entry = headline(report)
    if entry is None:
        return []
    p = entry.parts
    size = f"{p['size_min']:,}" if p["size_min"] == p["size_max"] else f"{p['size_min']:,} to {p['size_max']:,}"
    left = [counted(p["singletons_left_out"], "group") + " of one row"] if p["singletons_left_out"] else []
    left += [counted(p["rows_without_group"], "row") + " without a group"] if p["rows_without_group"] else []
    said = [
        f"{_LABELS[entry.params['label_source']]}: {p['groups']:,} of {size} rows"
        + (f" (median {number(p['size_median'], 0)})" if p["size_min"] != p["size_max"] else "")
        + (f"; left out: {', '.join(left)}" if left else "")
    ]
    low, high = p["tar_at_far"]
    equal = "" if p["eer"] is None else f"; EER {_percent(p['eer'])}"
    if p["eer_threshold_std"] is not None:
        equal += f"; the thresholds of equal errors differ by {number(p['eer_threshold_std'], 3)} between groups"
    said.append(
        f"one threshold for all: TAR {_percent(low['tar'])} at FAR {_percent(low['far'])}, {_percent(high['tar'])} at "
        f"FAR {_percent(high['far'])}{equal}"
    )
    said.append(
        f"recall@1 {number(p['recall_at_1'], 3)}, which OPIS does not see; similarities of same and different groups "
        f"overlap by {_percent(p['overlap'])}"
    )
    if runs := p.get("pseudo"):
        null = runs["null"]
        noise = ""
        if null is not None:
            noise = f"; structure-free rows: {number(null['opis'], 4)}, mean utility {number(null['mean_utility'], 3)}"
        said.append(
            f"k = {runs['k']} of {', '.join(str(r['k']) for r in runs['runs'])}, where seeds agree best (adjusted Rand "
            f"{number(runs['stability_ari'], 2)}){noise}"
        )
    return said


def worst(report: RowsReport, count: int) -> tuple[list[str], list[list[str]]]:
    """The worst groups: headings and rows of text."""
    entry = headline(report)
    if entry is None:
        return [], []
    found = [
        [
            str(g["group"]), f"{g['rows']:,}", number(g["utility"], 3), _percent(g["frr_high"]),
            _percent(g["far_high"]), number(g["recall_at_1"], 2),
        ]
        for g in entry.parts["worst_groups"][:count]
    ]  # fmt: skip
    high = _percent(entry.params["far"][1])
    return ["worst groups", "rows", "utility", f"FRR at FAR {high}", "own FAR there", "recall@1"], found


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _opis(e: MetricEntry) -> str:
    share = e.parts["noise_share"]
    noise = "" if share is None else f"; {_percent(min(1.0, max(0.0, share)))} of it noise of small groups"
    return f"root {number(e.parts['root'], 3)}{noise}"


NOTES: dict[str, Callable[[MetricEntry], str]] = {
    "opis": _opis,
    "pseudo_opis": _opis,
    "mean_utility": lambda e: f"chance: {number(e.parts['chance_utility'], 3)}",
    "worst_utility": lambda e: f"of the worst {counted(e.parts['worst_groups'], 'group')}",
    "eps_opis": lambda e: f"of the worst {counted(e.parts['worst_groups'], 'group')}",
}
