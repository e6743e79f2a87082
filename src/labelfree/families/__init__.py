"""Families of metrics, a folder each: pure functions of evidence, and beside each a public function of arrays."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from labelfree.catalog import METRIC_NAMES, entry

if TYPE_CHECKING:
    from labelfree.families.spec import Metric


@cache
def metric(name: str) -> Metric:
    """The metric of this name: found in the tuple METRICS of the file that the catalog names.

    >>> metric("rankme").definition
    'exp H(p), p = sigma / sum sigma + 1e-7, uncentered rows, all min(n, d) singular values'
    """
    found: dict[str, Metric] = {m.name: m for m in file_of(name).METRICS}
    return found[name]


def file_of(name: str) -> Any:
    """The module that holds a metric."""
    return import_module(f"{__name__}.{entry(name).file.replace('/', '.')}")


def metrics(names: Iterable[str] = METRIC_NAMES) -> tuple[Metric, ...]:
    """The metrics of these names, in their order; every metric without names."""
    return tuple(metric(name) for name in names)
