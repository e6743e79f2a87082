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
from labelfree.metrics.hopkins import hopkins
from labelfree.metrics.intrinsic import INTRINSIC, id_mle, twonn
from labelfree.metrics.neighborhoods import NEIGHBORHOODS, class_ami, snd
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
from labelfree.metrics.transfer_parts import classifier_nonuniformity, infomax
from labelfree.metrics.transfer_score import TRANSFER, transfer_score
from labelfree.metrics.validators import (
    VALIDATORS,
    average_confidence,
    diversity,
    entropy,
    mano,
    mcc,
    nuclear_norm,
    softmax_corr,
)
from labelfree.metrics.views import VIEWS, alignment, lidar

METRICS: tuple[Metric, ...] = (
    *SPECTRAL, *SHAPE, *NUMERICAL, *DIRECTIONS, *INTRINSIC, *VIEWS, *SEPARABILITY,
    *TRANSFER, *VALIDATORS, *NEIGHBORHOODS,
)  # fmt: skip
"""Every metric, in the order of the tables."""

__all__ = [
    "METRICS",
    "Evidence",
    "Metric",
    "alignment",
    "alpha_req",
    "average_confidence",
    "class_ami",
    "classifier_nonuniformity",
    "coding_rate",
    "condition_number",
    "diversity",
    "effective_rank",
    "entropy",
    "erank_variance",
    "evidence",
    "h1_total_persistence",
    "hard_rank",
    "hopkins",
    "id_mle",
    "infomax",
    "isoscore",
    "lidar",
    "mano",
    "mcc",
    "mean_cosine",
    "mp_spikes",
    "nesum",
    "nuclear_norm",
    "participation_ratio",
    "persistence_entropy",
    "rankme",
    "rankme_centered",
    "self_cluster",
    "separability",
    "separability_robust",
    "snd",
    "softmax_corr",
    "stable_rank",
    "std_l2",
    "total_persistence",
    "transfer_score",
    "twonn",
    "uniformity",
]
