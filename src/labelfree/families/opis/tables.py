"""What a report says of the groups: their sizes, the worst by name, equal errors, recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.evidence.once import once
from labelfree.families.opis.behavior import Judged
from labelfree.families.opis.curves import pairs_of, utility
from labelfree.families.opis.equal_errors import equal_errors, equal_errors_of
from labelfree.families.opis.split_halves import LEAST, between
from labelfree.results import Plain

WORST = 20


def table(found: Judged) -> dict[str, Any]:
    """Every group, the worst first: columns of equal length; computed once."""
    return once(found, _table)


def _table(found: Judged) -> dict[str, Any]:
    op, curves = found.operating, found.operating.curves
    scores = found.consistency
    rate, threshold = equal_errors_of(curves)
    inside, outside = pairs_of(curves.size)
    far, frr = 1 - curves.specificity[:, curves.ends], 1 - curves.sensitivity[:, curves.ends]
    average = scores.utility @ scores.weight
    order = np.lexsort((np.arange(len(average)), average))
    columns = {
        "group": found.given.named(op.rows.first),
        "rows": curves.size,
        "positives": inside,
        "negatives": outside,
        "utility": average,
        "contribution": scores.contribution,
        "far_low": far[:, 0],
        "frr_low": frr[:, 0],
        "far_high": far[:, 1],
        "frr_high": frr[:, 1],
        "eer": rate,
        "eer_threshold": threshold,
        "recall_at_1": np.add.reduceat(op.hit, op.rows.starts, dtype=np.int64) / curves.size,
    }
    return {name: values[order] for name, values in columns.items()}


def _plain(value: Any) -> Plain:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and np.isnan(value) else value  # type: ignore[no-any-return]


def worst(columns: dict[str, Any]) -> list[dict[str, Plain]]:
    """The worst groups, one record each."""
    count = min(WORST, len(columns["group"]))
    return [{name: _plain(values[i]) for name, values in columns.items()} for i in range(count)]


def chance(curve_far: Float, weight: Float) -> float:
    """The utility of groups that say nothing: sensitivity F and specificity 1 - F."""
    return float(utility(curve_far, 1 - curve_far) @ weight)


def summary(found: Judged) -> dict[str, Plain]:
    """What stands beside OPIS: of sizes, errors and the noise of small groups; computed once."""
    return once(found, _summary)


def _summary(found: Judged) -> dict[str, Plain]:
    op, curves, scores = found.operating, found.operating.curves, found.consistency
    inside = curves.inside
    far, frr = curves.far[inside], curves.frr[inside]
    columns = table(found)
    rate, at = equal_errors(curves.far[None], curves.frr[None], curves.threshold)
    half = between(op.halves, op.weight)
    large = scores.utility[curves.size >= LEAST]
    of_large = float(large.var(axis=0) @ scores.weight) if len(large) else 0.0
    base = chance(far, op.weight)
    spread = columns["eer_threshold"][~np.isnan(columns["eer_threshold"])]
    return {
        "root": scores.opis**0.5,
        "pooled": scores.about(utility(1 - frr, 1 - far)),
        "zone": list(curves.zone),
        "zone_far": curves.far[curves.ends].tolist(),
        "groups": len(curves.size),
        "rows": int(curves.size.sum()),
        "size_min": int(curves.size.min()),
        "size_median": float(np.median(curves.size)),
        "size_max": int(curves.size.max()),
        "singletons_left_out": op.rows.single,
        "rows_without_group": found.given.null,
        "split_half": half,
        "noise_share": None if half is None or of_large == 0 else 1 - half / of_large,
        "chance_utility": base,
        "utility_lift": (scores.mean_utility - base) / (1 - base),
        "recall_at_1": float(op.hit.mean()),
        "eer": _plain(rate[0]),
        "eer_threshold": _plain(at[0]),
        "eer_threshold_std": float(spread.std()) if len(spread) else None,
        "eer_groups": len(spread),
        "tar_at_far": [{"far": float(curves.far[i]), "tar": float(1 - curves.frr[i])} for i in curves.ends],
        "overlap": float(np.minimum(op.genuine, op.impostor).sum()),
        "worst_groups": worst(columns),
        **({"pseudo": dict(found.runs)} if found.runs else {}),
    }  # type: ignore[dict-item]
