"""Long results for pictures and Parquet files: spectra, deaths, groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.evidence.evidence import Evidence
from labelfree.families.opis.behavior import Judged
from labelfree.families.opis.judging import known_of
from labelfree.families.opis.positive_pairs import EDGES
from labelfree.families.opis.tables import table
from labelfree.families.separability.persistence import Persistence, known_persistence


def death_series(e: Evidence) -> dict[str, Any] | None:
    """The deaths with the rows on both sides of each merge, largest first, where they were computed."""
    found = known_persistence(e)
    if not isinstance(found, Persistence):
        return None
    m = found.merges
    index = np.arange(1, len(m.length) + 1)
    return {"index": index, "death": m.length[::-1], "smaller": m.smaller[::-1], "larger": m.larger[::-1]}


def group_series(e: Evidence) -> dict[str, dict[str, Any]]:
    """Every group, and what pictures draw, where they were computed."""
    found = known_of(e)
    if not isinstance(found, Judged):
        return {}
    op, curves = found.operating, found.operating.curves
    inside = curves.inside
    scores = found.consistency
    return {
        "groups": table(found),
        "utilities": {
            "threshold": curves.threshold[inside],
            "mean": scores.mean,
            "worst": scores.worst,
            "all": scores.utility.T,
        },
        "errors": {"far": curves.far, "frr": curves.frr},
        "cosines": {"low": EDGES[:-1], "genuine": op.genuine, "impostor": op.impostor},
    }


def spectrum_series(e: Evidence) -> dict[str, Any]:
    """Singular values of the rows and of the centered rows, for pictures and Parquet files."""
    raw = e.raw.sigma * e.n**0.5
    centered = np.zeros_like(raw)
    centered[: len(e.centered.eigenvalues)] = e.centered.sigma * e.n**0.5
    return {"index": np.arange(1, len(raw) + 1), "singular_value": raw, "singular_value_centered": centered}
