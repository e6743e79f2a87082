"""H0 and H1 by giotto-tda: the independent check, and homology beyond ours."""

from __future__ import annotations

from typing import Literal

import numpy as np

from labelfree.arrays import Float
from labelfree.errors import MissingExtra, option
from labelfree.trees import Merges


def giotto_merges(points: Float) -> Merges:
    """Deaths by giotto-tda, which computes in float32, leaves out zero bars and knows no sizes (all -1)."""
    diagram = giotto_diagram(points, 0)
    deaths = np.sort(diagram[:, 1] - diagram[:, 0])
    length = np.zeros(len(points) - 1)
    length[len(length) - len(deaths) :] = deaths
    unknown = np.full(len(length), -1, np.int64)
    return Merges(length, unknown, unknown)


def giotto_diagram(points: Float, dimension: Literal[0, 1]) -> Float:
    """Births and deaths (bars, 2) of one homology dimension by giotto-tda, padding left out."""
    try:
        from gtda.homology import VietorisRipsPersistence
    except ImportError as error:
        purpose = "h1_total_persistence" if dimension else option("h0", "giotto")
        raise MissingExtra(f"{purpose} (giotto-tda, Python 3.11 or 3.12)", "giotto") from error
    diagram = VietorisRipsPersistence(homology_dimensions=(dimension,)).fit_transform(points[None])[0]
    return np.asarray(diagram[diagram[:, 1] > diagram[:, 0], :2], dtype=np.float64)
