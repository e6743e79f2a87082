"""The metrics as public functions of arrays: `labelfree.metrics.rankme(X)`.

Written by docs/generate.py from `labelfree.catalog`; METRICS says of each what is known beside its number.
"""

from labelfree.evidence.evidence import Evidence, evidence
from labelfree.families import metrics as every_metric
from labelfree.families.drift.classes import class_alignment
from labelfree.families.drift.classifier import c2st_auc
from labelfree.families.drift.dimensions import ks_dimensions
from labelfree.families.drift.energy import energy_ratio
from labelfree.families.drift.gaussians import frechet_whitened
from labelfree.families.drift.kernel_means import cauchy_schwarz
from labelfree.families.drift.label_shift import bbse, mlls
from labelfree.families.drift.neighbors import knn_two_sample
from labelfree.families.drift.shares import share_beyond_95, share_beyond_99
from labelfree.families.opis.scores import eps_opis, mean_utility, opis, pseudo_opis, worst_utility
from labelfree.families.rank.effective import effective_rank, erank_variance, rankme, rankme_centered
from labelfree.families.rank.intrinsic_dimension import id_mle, twonn
from labelfree.families.rank.numerical import condition_number, hard_rank, mp_spikes
from labelfree.families.rank.shape import alpha_req, isoscore, nesum, participation_ratio, stable_rank
from labelfree.families.rank.unit_rows import coding_rate, mean_cosine, self_cluster, std_l2, uniformity
from labelfree.families.rank.views import alignment, lidar
from labelfree.families.separability.scores import (
    h1_total_persistence,
    persistence_entropy,
    separability,
    separability_robust,
    total_persistence,
)
from labelfree.families.similarity.cka import cka, cka_biased, cka_without_top
from labelfree.families.similarity.distances import relative_mrr, rsa
from labelfree.families.similarity.neighbors import mutual_knn, neighbors_kept
from labelfree.families.similarity.shape import linear_r2, match_hard, match_soft, procrustes
from labelfree.families.spec import Metric
from labelfree.families.transfer.accuracy import atc_mc, atc_ne, cot, doc, source_accuracy
from labelfree.families.transfer.candidates import ensv, gde, saturation
from labelfree.families.transfer.distances import c2st, coral, frechet, mmd
from labelfree.families.transfer.hopkins import hopkins
from labelfree.families.transfer.neighborhoods import class_ami, snd
from labelfree.families.transfer.parts import classifier_nonuniformity, infomax
from labelfree.families.transfer.predictions import (
    average_confidence,
    diversity,
    entropy,
    mano,
    mcc,
    nuclear_norm,
    softmax_corr,
)
from labelfree.families.transfer.score import transfer_score
from labelfree.families.weights.checkpoint import (
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

METRICS: tuple[Metric, ...] = every_metric()
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
    "bbse",
    "c2st",
    "c2st_auc",
    "cauchy_schwarz",
    "cka",
    "cka_biased",
    "cka_without_top",
    "class_alignment",
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
    "energy_ratio",
    "ensv",
    "entropy",
    "eps_opis",
    "erank_variance",
    "evidence",
    "frechet",
    "frechet_whitened",
    "frobenius_norm",
    "gde",
    "h1_total_persistence",
    "hard_rank",
    "hopkins",
    "id_mle",
    "infomax",
    "isoscore",
    "knn_two_sample",
    "ks_dimensions",
    "lidar",
    "linear_r2",
    "mano",
    "match_hard",
    "match_soft",
    "mcc",
    "mean_cosine",
    "mean_utility",
    "median_rank_share",
    "median_stable_rank",
    "median_tail_exponent",
    "mlls",
    "mmd",
    "mp_spikes",
    "mutual_knn",
    "neighbors_kept",
    "nesum",
    "nonfinite_rows",
    "nuclear_norm",
    "opis",
    "participation_ratio",
    "persistence_entropy",
    "poor_fit_layers",
    "procrustes",
    "pseudo_opis",
    "rankme",
    "rankme_centered",
    "relative_mrr",
    "rsa",
    "saturation",
    "self_cluster",
    "separability",
    "separability_robust",
    "share_beyond_95",
    "share_beyond_99",
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
