"""What can only be said of several reports together: their order, what differs, what changed, which is best."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import stdev
from typing import Any, Literal

from labelfree.catalog import command, known_command
from labelfree.errors import UsageError
from labelfree.history.steps import day_of, step_of
from labelfree.reports.rows import RowsReport
from labelfree.results import Z95


def in_order(reports: Sequence[RowsReport]) -> list[RowsReport]:
    """The reports by the steps in their sources' names (epoch_2 before epoch_10), else as they were given."""
    return ordered(reports)[0]


def ordered(reports: Sequence[RowsReport]) -> tuple[list[RowsReport], Literal["step", "given"]]:
    """The reports in order, and by what: the steps in the names where each has one of its own, else as given."""
    steps = steps_of(reports)
    if steps is None:
        return list(reports), "given"
    return [report for _, report in sorted(zip(steps, reports, strict=True), key=lambda pair: pair[0])], "step"


def steps_of(reports: Sequence[RowsReport]) -> list[int] | None:
    """The steps in the sources' names; None where one has none, or two have the same."""
    try:
        steps = [(day_of if _streams(report) else step_of)(report.input.sources[0]) for report in reports]
    except UsageError:
        return None
    return steps if len(set(steps)) == len(steps) else None


def _streams(report: RowsReport) -> bool:
    """Whether the sources of a command are of other rows each by design, such as days beside a reference."""
    known = known_command(report.command)
    return known is not None and known.other_rows


def differences(reports: Sequence[RowsReport]) -> list[str]:
    """Why the reports of several sources should not be compared."""
    return [text for _, text in differing(reports)]


def differing(reports: Sequence[RowsReport]) -> list[tuple[str, str]]:
    """What differs between the inputs of reports: the code of the finding, and in words."""
    found: list[tuple[str, str]] = []
    streams = _streams(reports[0])
    for label, of in (
        ("n", lambda r: str(r.input.n)),
        ("d", lambda r: str(r.input.d)),
        ("classes", lambda r: str(r.input.outputs and r.input.outputs.classes)),
        ("dtype", lambda r: r.input.dtype),
        ("rows", lambda r: r.input.rows_hash),
    ):
        values = list(dict.fromkeys(of(r) for r in reports))
        if streams and label in ("n", "rows"):
            continue
        if len(values) > 1:
            what = f"{label} {'differ' if label == 'classes' else 'differs'}"
            what = "the sets of rows differ (other ids or positions)" if label == "rows" else what
            code = "mixed_dtypes" if label == "dtype" else "not_comparable"
            found.append((code, what if label == "rows" else f"{what}: {', '.join(values[:4])}"))
    told = len(found) > 1 and found[-1][1].startswith("the sets") and found[0][1].startswith("n ")
    return found[:-1] if told else found


def same_scale(reports: Sequence[RowsReport]) -> bool:
    """Whether a score of several targets is on one scale: as many rows, columns and classes, the same rows."""
    return not any(code == "not_comparable" for code, _ in differing(reports))


def change(before: RowsReport, after: RowsReport, name: str) -> dict[str, Any] | None:
    """after - before, its standard error and 95 % interval; None where the two are not comparable, or of other rows.

    Both carry the metric on the same subsamples, so that what moves both alike cancels: the interval is narrower than
    that of either value.
    """
    one, two = before.metrics.get(name), after.metrics.get(name)
    if one is None or two is None or one.value is None or two.value is None:
        return None
    a, b, factor = one.parts.get("replicates"), two.parts.get("replicates"), two.parts.get("replicate_factor")
    same = (
        not differences([before, after])
        and before.settings.get("seed") == after.settings.get("seed")
        and one.params == two.params
    )
    if not (same and a and b and factor and len(a) == len(b)):
        return None
    difference = two.value - one.value
    se = factor * stdev([y - x for x, y in zip(a, b, strict=True)])
    return {
        "metric": name,
        "from": before.input.sources[0],
        "to": after.input.sources[0],
        "difference": difference,
        "se": se,
        "interval": [difference - Z95 * se, difference + Z95 * se],
    }


def changes(reports: Sequence[RowsReport]) -> list[dict[str, Any]]:
    """Every change from one source to the next, and from the first to the last where there are more than two."""
    ordered = in_order(reports)
    names = [n for n, e in ordered[0].metrics.items() if e.parts.get("replicates")]
    pairs = list(pairwise(ordered))
    if len(ordered) > 2:
        pairs.append((ordered[0], ordered[-1]))
    found = [change(before, after, name) for name in names for before, after in pairs]
    return [c for c in found if c is not None]


def comparison(reports: Sequence[RowsReport], *, comparable: bool) -> dict[str, Any]:
    """What needs all of several targets: agreement of the candidates, saturation, and which to keep by the score."""
    found: dict[str, Any] = {
        name: {r.input.sources[0]: r.metrics[name].value for r in reports if name in r.metrics}
        for name in ("ensv", "gde")
    }
    rule = trajectory(reports) if comparable else None
    return {**found, "saturation": rule, "best": rule and rule["best"]}


def trajectory(reports: Sequence[RowsReport]) -> dict[str, Any] | None:
    """Whether the Transfer Score has saturated over these reports, by the steps in their names, and which to keep."""
    from labelfree.families.transfer.candidates import THRESHOLD, WINDOW, saturation

    reports, order = ordered(reports)
    scores = [r.metrics["transfer_score"].value for r in reports if "transfer_score" in r.metrics]
    if len(scores) != len(reports) or len(scores) < 2 or all(s is None for s in scores):
        return None
    found = saturation(scores, WINDOW, THRESHOLD)
    names = [report.input.sources[0] for report in reports]
    return {
        "order": order,
        "sources": names,
        "rule": {"window": WINDOW, "threshold": THRESHOLD},
        "saturated": found.saturated,
        "first": None if found.first is None else names[found.first],
        "window": None if found.window is None else [names[i] for i in found.window],
        "best": None if found.best is None else names[found.best],
        "spread": list(found.spread),
        "warnings": [str(warning) for warning in found.warnings],
    }


def across(reports: Sequence[RowsReport]) -> dict[str, object]:
    """What can only be said of several sources together."""
    found = differences(reports)
    document: dict[str, object] = {"comparable": not found, "differences": found, "changes": changes(reports)}
    if command(reports[0].command).by_epoch:
        document |= comparison(reports, comparable=same_scale(reports))
    return document
