"""What the shell completes beyond commands, options and files: names of metrics."""

from __future__ import annotations


def metric_list(incomplete: str) -> list[str]:
    """Names of metrics after the last comma of a list."""
    return _metrics(incomplete, ())


def metric_name(incomplete: str) -> list[str]:
    """The name of one metric."""
    return _metrics(incomplete, ("weights",), listed=False)


def improving_metric(incomplete: str) -> list[str]:
    """The name of a metric that has a direction, so that it can stop improving or fall."""
    from labelfree.catalog import CATALOG

    return [e.name for e in CATALOG if e.direction in ("higher", "lower") and e.name.startswith(incomplete)]


def _metrics(incomplete: str, without: tuple[str, ...], *, listed: bool = True) -> list[str]:
    from labelfree.catalog import CATALOG

    before, comma, last = incomplete.rpartition(",") if listed else ("", "", incomplete)
    return [f"{before}{comma}{e.name}" for e in CATALOG if e.family not in without and e.name.startswith(last)]
