"""Every score of the transfer family for a checkpoint, through its public function, without labels of the target."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import numpy as np
from runs import Checkpoint

import labelfree.metrics as public
from labelfree.families.transfer.candidates import agreement as counted
from labelfree.families.transfer.candidates import ensv_of, gde_of, saturation

ACROSS = ("ensv", "gde")
"""Scores of several candidates together."""
ASSUMED = "lower"
"""Better of a distance between domains, which has no direction of its own: how it is used where it selects."""


class Score(NamedTuple):
    """kind: estimate, rank or description; better: higher or lower."""

    kind: str
    better: str


def _score(metric: public.Metric) -> Score:
    return Score(metric.kind, ASSUMED if metric.direction == "none" else metric.direction)


VARIANTS = ("literal", "official")
"""Of the Transfer Score, beside the standard one."""
SCORES = {m.name: _score(m) for m in public.METRICS if m.family == "transfer"}
SCORES |= {f"transfer_score, {variant}": SCORES["transfer_score"] for variant in VARIANTS}


def scores(checkpoint: Checkpoint, source_labels: np.ndarray) -> dict[str, float | None]:
    """Each score of one checkpoint, those of several candidates aside; None where it is undefined."""
    known = {
        "X": checkpoint.features,
        "logits": checkpoint.logits,
        "head": checkpoint.weight,
        "weight": checkpoint.weight,
        "source": checkpoint.source_features,
        "source_logits": checkpoint.source_logits,
        "source_labels": source_labels,
    }
    found = {}
    for name in SCORES:
        plain, _, variant = name.partition(", ")
        if plain not in ACROSS:
            found[name] = _value(getattr(public, plain), known, **({"variant": variant} if variant else {}))
    return found


def _value(function: Any, known: dict[str, np.ndarray], **settings: str) -> float | None:
    """The value of a public function on the arrays that its required parameters name."""
    wanted = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    value = function(**{p.name: known[p.name] for p in wanted}, **settings).value
    return None if value is None else float(value)


def agreement(candidates: list[np.ndarray]) -> list[float | None]:
    """EnsV of each candidate, (n, K) logits of the same rows."""
    return [result.value for result in ensv_of(counted(candidates))]


def disagreement(candidates: list[np.ndarray]) -> list[float | None]:
    """The accuracy that GDE expects of each candidate, (n, K) logits of the same rows."""
    return [result.value for result in gde_of(counted(candidates))]


def saturated(values: list[float | None]) -> dict[str, Any]:
    """Which of the Transfer Scores of a run the saturation rule keeps, and whether it saturated."""
    found = saturation(values)
    return {"best": found.best, "saturated": found.saturated}
