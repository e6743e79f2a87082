"""What each existing score alone says of every candidate of a task: those that labelfree has, and plain habits."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from tasks import Task

import labelfree.metrics as public
from labelfree.families.transfer.candidates import agreement, ensv_of

BY_FEATURES = ("rankme", "effective_rank", "hopkins", "uniformity")
BY_LOGITS = ("rankme", "infomax", "nuclear_norm", "average_confidence", "mano", "class_ami")
BY_SOURCE = ("source_accuracy", "atc_mc")
LOWER = ("uniformity",)
FEW = 300
"""Rows of which separability is measured, for time; where there are logits it is left out."""


def singles(task: Task) -> dict[str, list[float]]:
    """Scores of each candidate, the higher the better; the lowest there is where one is undefined."""
    found: dict[str, list[float]] = {}
    named = [*(BY_FEATURES if task.candidates[0].logits is None else BY_LOGITS)]
    if task.candidates[0].source_logits is not None and task.source_labels is not None:
        named += BY_SOURCE
    for name in named:
        sign = -1 if name in LOWER else 1
        values = [_value(name, _known(c, task)) for c in task.candidates]
        found[name] = [-1e9 if v is None else sign * v for v in values]
    if task.candidates[0].logits is None:
        small = [_value("separability", {"X": c.rows[:FEW]}) for c in task.candidates]
        found["separability"] = [-1e9 if v is None else v for v in small]
    if task.candidates[0].logits is not None:
        with_ensemble = ensv_of(agreement([c.logits for c in task.candidates if c.logits is not None]))
        found["ensv"] = [r.value if r.value is not None else 0.0 for r in with_ensemble]
    found["last"] = [float(i) for i in range(len(task.candidates))]
    return found


def _known(candidate: Any, task: Task) -> dict[str, Any]:
    known = {"X": candidate.rows, "logits": candidate.logits, "source_labels": task.source_labels}
    known |= {"source": candidate.source, "source_logits": candidate.source_logits}
    if candidate.logits is not None:
        x = np.hstack([candidate.rows, np.ones((len(candidate.rows), 1))]).astype(np.float64)
        known["head"] = np.linalg.lstsq(x, candidate.logits.astype(np.float64), rcond=None)[0][:-1].T
    return known


def _value(name: str, known: dict[str, Any]) -> float | None:
    function = getattr(public, name)
    wanted = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    value = function(**{w: known[w] for w in wanted}).value
    return None if value is None else float(value)
