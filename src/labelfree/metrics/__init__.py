"""The metrics: pure functions of summaries, and beside each a public function of arrays."""

from labelfree.metrics.directions import (
    DIRECTIONS,
    coding_rate,
    mean_cosine,
    self_cluster,
    std_l2,
    uniformity,
)
from labelfree.metrics.evidence import Evidence, evidence
from labelfree.metrics.intrinsic import INTRINSIC, id_mle, twonn
from labelfree.metrics.numerical import NUMERICAL, condition_number, hard_rank, mp_spikes
from labelfree.metrics.separability import (
    SEPARABILITY,
    h1_total_persistence,
    persistence_entropy,
    separability,
    separability_robust,
    total_persistence,
)
from labelfree.metrics.shape import SHAPE, alpha_req, isoscore, nesum, participation_ratio, stable_rank
from labelfree.metrics.spec import Metric
from labelfree.metrics.spectral import SPECTRAL, effective_rank, erank_variance, rankme, rankme_centered
from labelfree.metrics.views import VIEWS, alignment, lidar

METRICS: tuple[Metric, ...] = (*SPECTRAL, *SHAPE, *NUMERICAL, *DIRECTIONS, *INTRINSIC, *VIEWS, *SEPARABILITY)
"""Every metric, in the order of the tables."""

__all__ = [
    "METRICS",
    "Evidence",
    "Metric",
    "alignment",
    "alpha_req",
    "coding_rate",
    "condition_number",
    "effective_rank",
    "erank_variance",
    "evidence",
    "h1_total_persistence",
    "hard_rank",
    "id_mle",
    "isoscore",
    "lidar",
    "mean_cosine",
    "mp_spikes",
    "nesum",
    "participation_ratio",
    "persistence_entropy",
    "rankme",
    "rankme_centered",
    "self_cluster",
    "separability",
    "separability_robust",
    "stable_rank",
    "std_l2",
    "total_persistence",
    "twonn",
    "uniformity",
]
