"""The metrics: pure functions of summaries, and beside each a public function of arrays."""

from labelfree.evidence.evidence import Evidence, evidence
from labelfree.families.opis.scores import OPIS, eps_opis, mean_utility, opis, pseudo_opis, worst_utility
from labelfree.families.rank.effective import SPECTRAL, effective_rank, erank_variance, rankme, rankme_centered
from labelfree.families.rank.intrinsic_dimension import INTRINSIC, id_mle, twonn
from labelfree.families.rank.numerical import NUMERICAL, condition_number, hard_rank, mp_spikes
from labelfree.families.rank.shape import SHAPE, alpha_req, isoscore, nesum, participation_ratio, stable_rank
from labelfree.families.rank.unit_rows import DIRECTIONS, coding_rate, mean_cosine, self_cluster, std_l2, uniformity
from labelfree.families.rank.views import VIEWS, alignment, lidar
from labelfree.families.separability.scores import (
    SEPARABILITY,
    h1_total_persistence,
    persistence_entropy,
    separability,
    separability_robust,
    total_persistence,
)
from labelfree.families.spec import Metric
from labelfree.families.transfer.accuracy import ACCURACY, atc_mc, atc_ne, cot, doc, source_accuracy
from labelfree.families.transfer.candidates import CANDIDATES, ensv, gde, saturation
from labelfree.families.transfer.distances import DISTANCES, c2st, coral, frechet, mmd
from labelfree.families.transfer.hopkins import hopkins
from labelfree.families.transfer.neighborhoods import NEIGHBORHOODS, class_ami, snd
from labelfree.families.transfer.parts import classifier_nonuniformity, infomax
from labelfree.families.transfer.predictions import (
    VALIDATORS,
    average_confidence,
    diversity,
    entropy,
    mano,
    mcc,
    nuclear_norm,
    softmax_corr,
)
from labelfree.families.transfer.score import TRANSFER, transfer_score
from labelfree.families.weights.checkpoint import (
    WEIGHTS,
    dead_rows,
    duplicate_rows,
    median_rank_share,
    median_stable_rank,
    median_tail_exponent,
    nonfinite_rows,
    poor_fit_layers,
    weight_norm,
)
from labelfree.families.weights.layer import frobenius_norm, spectral_norm, tail_exponent, weight_spikes

METRICS: tuple[Metric, ...] = (
    *SPECTRAL, *SHAPE, *NUMERICAL, *DIRECTIONS, *INTRINSIC, *VIEWS, *SEPARABILITY,
    *TRANSFER, *VALIDATORS, *NEIGHBORHOODS, *ACCURACY, *DISTANCES, *CANDIDATES, *OPIS, *WEIGHTS,
)  # fmt: skip
"""Every metric, in the order of the tables."""

__all__ = [
    "METRICS",
    "Evidence",
    "Metric",
    "alignment",
    "alpha_req",
    "atc_mc",
    "atc_ne",
    "average_confidence",
    "c2st",
    "class_ami",
    "classifier_nonuniformity",
    "coding_rate",
    "condition_number",
    "coral",
    "cot",
    "dead_rows",
    "diversity",
    "doc",
    "duplicate_rows",
    "effective_rank",
    "ensv",
    "entropy",
    "eps_opis",
    "erank_variance",
    "evidence",
    "frechet",
    "frobenius_norm",
    "gde",
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
    "mean_utility",
    "median_rank_share",
    "median_stable_rank",
    "median_tail_exponent",
    "mmd",
    "mp_spikes",
    "nesum",
    "nonfinite_rows",
    "nuclear_norm",
    "opis",
    "participation_ratio",
    "persistence_entropy",
    "poor_fit_layers",
    "pseudo_opis",
    "rankme",
    "rankme_centered",
    "saturation",
    "self_cluster",
    "separability",
    "separability_robust",
    "snd",
    "softmax_corr",
    "source_accuracy",
    "spectral_norm",
    "stable_rank",
    "std_l2",
    "tail_exponent",
    "total_persistence",
    "transfer_score",
    "twonn",
    "uniformity",
    "weight_norm",
    "weight_spikes",
    "worst_utility",
]
