"""labelfree: judge models without labels.

Every command is a function here, `labelfree.rank(source, **options) -> Report`, and every metric a function of
arrays, `labelfree.metrics.rankme(X) -> Result`. Importing this package imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelfree.documents.origin import check_origin

__version__ = "0.2.0.dev0"
__distribution__ = "labelfree-eval"
"""Whose package this is: PyPI's project `labelfree` is another one, with the same import name."""
check_origin()

if TYPE_CHECKING:
    from labelfree import history, metrics, summaries, training
    from labelfree.commands.api import doctor, drift, evaluate, opis, rank, separability, transfer, transfer_all
    from labelfree.commands.explaining import explain
    from labelfree.commands.planning import plan_gate
    from labelfree.commands.report import Report
    from labelfree.commands.reports import Reports, read
    from labelfree.commands.selecting import select
    from labelfree.commands.similarity import compare
    from labelfree.commands.summarizing import merge, summarize
    from labelfree.commands.watching import watch
    from labelfree.commands.weights import weights
    from labelfree.commands.weights_reports import WeightsReports
    from labelfree.documents.findings import FindingWarning
    from labelfree.errors import LabelfreeError
    from labelfree.gating import gate
    from labelfree.models.embedding import embed
    from labelfree.results import Result

__all__ = [
    "FindingWarning", "LabelfreeError", "Report", "Reports", "Result", "WeightsReports", "__version__", "compare",
    "doctor", "drift", "embed", "evaluate", "explain", "gate", "history", "merge", "metrics", "opis", "plan_gate",
    "rank", "read", "select", "separability", "summaries", "summarize", "training", "transfer", "transfer_all", "watch",
    "weights",
]  # fmt: skip

_HOME = {
    "compare": "labelfree.commands.similarity",
    "doctor": "labelfree.commands.api",
    "drift": "labelfree.commands.api",
    "embed": "labelfree.models.embedding",
    "merge": "labelfree.commands.summarizing",
    "summarize": "labelfree.commands.summarizing",
    "evaluate": "labelfree.commands.api",
    "opis": "labelfree.commands.api",
    "plan_gate": "labelfree.commands.planning",
    "rank": "labelfree.commands.api",
    "select": "labelfree.commands.selecting",
    "separability": "labelfree.commands.api",
    "transfer": "labelfree.commands.api",
    "transfer_all": "labelfree.commands.api",
    "gate": "labelfree.gating",
    "watch": "labelfree.commands.watching",
    "weights": "labelfree.commands.weights",
    "FindingWarning": "labelfree.documents.findings",
    "LabelfreeError": "labelfree.errors",
    "Report": "labelfree.commands.report",
    "Reports": "labelfree.commands.reports",
    "explain": "labelfree.commands.explaining",
    "read": "labelfree.commands.reports",
    "Result": "labelfree.results",
    "WeightsReports": "labelfree.commands.weights_reports",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    from importlib import import_module

    if name in ("history", "metrics", "summaries", "training"):
        return import_module(f"labelfree.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'labelfree' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
