"""The names of all metrics, known without importing one: they are stable public API, also in history files."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from labelfree.errors import UsageError

METRIC_NAMES = (
    # rank
    "rankme", "effective_rank", "rankme_centered", "erank_variance", "participation_ratio", "stable_rank", "nesum",
    "isoscore", "alpha_req", "self_cluster", "mean_cosine", "std_l2", "coding_rate", "mp_spikes", "hard_rank",
    "condition_number", "twonn", "id_mle", "uniformity", "lidar", "alignment",
    # separability
    "separability", "separability_robust", "persistence_entropy", "total_persistence", "h1_total_persistence",
    # transfer
    "transfer_score", "classifier_nonuniformity", "hopkins", "infomax", "entropy", "diversity", "nuclear_norm", "snd",
    "class_ami", "softmax_corr", "mcc", "mano", "average_confidence", "source_accuracy", "doc", "atc_mc", "atc_ne",
    "cot", "mmd", "coral", "frechet", "c2st", "ensv", "gde",
    # opis
    "opis", "pseudo_opis", "eps_opis", "mean_utility", "worst_utility",
    # weights: of a checkpoint, then of one layer
    "median_rank_share", "median_stable_rank", "median_tail_exponent", "poor_fit_layers", "weight_norm",
    "nonfinite_rows", "dead_rows", "duplicate_rows",
    "tail_exponent", "weight_spikes", "spectral_norm", "frobenius_norm",
)  # fmt: skip
"""Every name that may stand under `metrics` in a report."""

COLLAPSE_METRICS = ("effective_rank", "mean_cosine")
"""What the collapse guard looks at, hence what every record of a history holds."""


def listed(given: str | Iterable[str]) -> list[str]:
    """Names, or one of them alone, as a list."""
    return [given] if isinstance(given, str) else list(given)


def check_metric(name: str, where: str) -> str:
    """The name if it is one of a metric, or a UsageError that suggests the nearest."""
    if name in METRIC_NAMES:
        return name
    raise UsageError(f"{where}: no metric {name!r}; {suggestion(name, METRIC_NAMES)}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """The way out after a name that does not exist."""
    near = get_close_matches(name.lower(), list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else "labelfree explain lists them"
