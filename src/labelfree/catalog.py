"""Every metric and every command in one light row each: what is known of them without importing one.

Metric names are stable public API, also in history files. A metric is this row and its `Metric` in the file that the
row names; tables, gates, documents and schemas are derived from both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Literal, TypeAlias

from labelfree.errors import UsageError, option

SAMPLE = 5_000
"""Rows of the default sample: pairwise metrics and standard errors."""
GROUP_ROWS = 100_000
"""Rows up to which all groups are used; beyond, a sample of whole groups of about this size."""

Kind: TypeAlias = Literal["estimate", "rank", "description"]
"""Whether a value estimates accuracy, ranks models, or describes the data."""
Direction: TypeAlias = Literal["higher", "lower", "target", "none"]
"""Which way is better, where that is known."""


@dataclass(frozen=True)
class CatalogEntry:
    """What is known of a metric without importing it.

    name: its key under `metrics` in a report, the name for `only` and explain; file: of `families/`, whose folder is
    the family; headline: one of the metrics one of which must have a value, or its command could say nothing; shown:
    its place in the default table of its family, None where it is not there; beside: other families in whose table it
    stands last; worst: its worst value in its direction, None where nothing bounds it, or the number of classes does;
    on_request: computed only where an option or `only` asks for it.
    """

    name: str
    file: str
    kind: Kind
    direction: Direction
    headline: bool = False
    shown: int | None = None
    beside: tuple[str, ...] = ()
    worst: int | Decimal | None = None
    on_request: bool = False

    @property
    def family(self) -> str:
        """The folder of its file."""
        return self.file.partition("/")[0]


CATALOG = (
    CatalogEntry("rankme", "rank/effective", "rank", "higher", headline=True, shown=1, worst=1),
    CatalogEntry("effective_rank", "rank/effective", "rank", "higher", worst=1, beside=("separability", "opis")),
    CatalogEntry("rankme_centered", "rank/effective", "rank", "higher", shown=2, worst=1),
    CatalogEntry("erank_variance", "rank/effective", "description", "none"),
    CatalogEntry("participation_ratio", "rank/shape", "description", "none"),
    CatalogEntry("stable_rank", "rank/shape", "description", "none"),
    CatalogEntry("nesum", "rank/shape", "description", "none"),
    CatalogEntry("isoscore", "rank/shape", "description", "none"),
    CatalogEntry("alpha_req", "rank/shape", "rank", "target", shown=3),
    CatalogEntry("mp_spikes", "rank/numerical", "description", "none"),
    CatalogEntry("hard_rank", "rank/numerical", "description", "none"),
    CatalogEntry("condition_number", "rank/numerical", "description", "none"),
    CatalogEntry("self_cluster", "rank/unit_rows", "description", "none"),
    CatalogEntry("mean_cosine", "rank/unit_rows", "description", "none", shown=4, beside=("separability", "opis")),
    CatalogEntry("std_l2", "rank/unit_rows", "description", "none", shown=5),
    CatalogEntry("coding_rate", "rank/unit_rows", "description", "none"),
    CatalogEntry("uniformity", "rank/unit_rows", "rank", "lower", worst=0),
    CatalogEntry("twonn", "rank/intrinsic_dimension", "description", "none", shown=6),
    CatalogEntry("id_mle", "rank/intrinsic_dimension", "description", "none"),
    CatalogEntry("lidar", "rank/views", "rank", "higher", worst=1),
    CatalogEntry("alignment", "rank/views", "rank", "lower", worst=4),
    CatalogEntry("separability", "separability/scores", "rank", "higher", headline=True, shown=1, worst=0),
    CatalogEntry("separability_robust", "separability/scores", "rank", "higher", shown=2, worst=0),
    CatalogEntry("persistence_entropy", "separability/scores", "description", "none", shown=3),
    CatalogEntry("total_persistence", "separability/scores", "description", "none", shown=4),
    CatalogEntry("h1_total_persistence", "separability/scores", "description", "none", shown=5, on_request=True),
    CatalogEntry("transfer_score", "transfer/score", "rank", "higher", headline=True, shown=1),
    CatalogEntry("classifier_nonuniformity", "transfer/parts", "rank", "lower", shown=2),
    CatalogEntry("hopkins", "transfer/hopkins", "rank", "higher", shown=3, worst=0),
    CatalogEntry("infomax", "transfer/parts", "rank", "higher", shown=4, worst=0),
    CatalogEntry("entropy", "transfer/predictions", "rank", "lower"),
    CatalogEntry("diversity", "transfer/predictions", "rank", "higher", worst=0),
    CatalogEntry("nuclear_norm", "transfer/predictions", "rank", "higher", shown=5),
    CatalogEntry("softmax_corr", "transfer/predictions", "rank", "higher"),
    CatalogEntry("mcc", "transfer/predictions", "rank", "lower"),
    CatalogEntry("mano", "transfer/predictions", "rank", "higher"),
    CatalogEntry("average_confidence", "transfer/predictions", "estimate", "higher", shown=7),
    CatalogEntry("snd", "transfer/neighborhoods", "rank", "higher", worst=0),
    CatalogEntry("class_ami", "transfer/neighborhoods", "rank", "higher"),
    CatalogEntry("source_accuracy", "transfer/accuracy", "estimate", "higher", worst=0),
    CatalogEntry("doc", "transfer/accuracy", "estimate", "higher", worst=0),
    CatalogEntry("atc_mc", "transfer/accuracy", "estimate", "higher", shown=6, worst=0),
    CatalogEntry("atc_ne", "transfer/accuracy", "estimate", "higher", worst=0),
    CatalogEntry("cot", "transfer/accuracy", "estimate", "higher", worst=0),
    CatalogEntry("mmd", "transfer/distances", "description", "none", beside=("drift",)),
    CatalogEntry("coral", "transfer/distances", "description", "none"),
    CatalogEntry("frechet", "transfer/distances", "description", "none"),
    CatalogEntry("c2st", "transfer/distances", "description", "none"),
    CatalogEntry("ensv", "transfer/candidates", "rank", "higher", shown=8, worst=0),
    CatalogEntry("gde", "transfer/candidates", "estimate", "higher", worst=0),
    CatalogEntry("opis", "opis/scores", "rank", "lower", headline=True, shown=1, worst=Decimal("0.25")),
    CatalogEntry("pseudo_opis", "opis/scores", "rank", "lower", headline=True, shown=2, worst=Decimal("0.25")),
    CatalogEntry("eps_opis", "opis/scores", "rank", "lower", shown=5, worst=1),
    CatalogEntry("mean_utility", "opis/scores", "rank", "higher", shown=3, worst=0),
    CatalogEntry("worst_utility", "opis/scores", "rank", "higher", shown=4, worst=0),
    CatalogEntry("neighbors_kept", "similarity/neighbors", "description", "none", headline=True, shown=1),
    CatalogEntry("cka", "similarity/cka", "description", "none", headline=True, shown=2),
    CatalogEntry("cka_without_top", "similarity/cka", "description", "none", shown=3),
    CatalogEntry("mutual_knn", "similarity/neighbors", "description", "none", shown=4),
    CatalogEntry("procrustes", "similarity/shape", "description", "none", shown=5),
    CatalogEntry("linear_r2", "similarity/shape", "description", "none", shown=6),
    CatalogEntry("match_hard", "similarity/shape", "description", "none", shown=7),
    CatalogEntry("match_soft", "similarity/shape", "description", "none", on_request=True),
    CatalogEntry("cka_biased", "similarity/cka", "description", "none", on_request=True),
    CatalogEntry("rsa", "similarity/distances", "description", "none", on_request=True),
    CatalogEntry("relative_mrr", "similarity/distances", "description", "none", on_request=True),
    CatalogEntry("energy_ratio", "drift/energy", "description", "none", headline=True, shown=1),
    CatalogEntry("share_beyond_95", "drift/shares", "description", "none", shown=2),
    CatalogEntry("share_beyond_99", "drift/shares", "description", "none"),
    CatalogEntry("c2st_auc", "drift/classifier", "description", "none", shown=3),
    CatalogEntry("frechet_whitened", "drift/gaussians", "description", "none", shown=4),
    CatalogEntry("knn_two_sample", "drift/neighbors", "description", "none", shown=5),
    CatalogEntry("cauchy_schwarz", "drift/kernel_means", "description", "none"),
    CatalogEntry("ks_dimensions", "drift/dimensions", "description", "none"),
    CatalogEntry("class_alignment", "drift/classes", "description", "none", shown=6),
    CatalogEntry("bbse", "drift/label_shift", "description", "none"),
    CatalogEntry("mlls", "drift/label_shift", "description", "none"),
    CatalogEntry("median_rank_share", "weights/checkpoint", "description", "none", headline=True),
    CatalogEntry("median_stable_rank", "weights/checkpoint", "description", "none"),
    CatalogEntry("median_tail_exponent", "weights/checkpoint", "description", "none"),
    CatalogEntry("poor_fit_layers", "weights/checkpoint", "description", "none"),
    CatalogEntry("weight_norm", "weights/checkpoint", "description", "none"),
    CatalogEntry("nonfinite_rows", "weights/checkpoint", "description", "none"),
    CatalogEntry("dead_rows", "weights/checkpoint", "description", "none"),
    CatalogEntry("duplicate_rows", "weights/checkpoint", "description", "none"),
    CatalogEntry("tail_exponent", "weights/layer", "description", "none"),
    CatalogEntry("weight_spikes", "weights/layer", "description", "none"),
    CatalogEntry("spectral_norm", "weights/layer", "description", "none"),
    CatalogEntry("frobenius_norm", "weights/layer", "description", "none"),
)
"""Every metric, in the order of the tables."""

METRIC_NAMES = tuple(entry.name for entry in CATALOG)
"""Every name that may stand under `metrics` in a report."""

_BY_NAME = {entry.name: entry for entry in CATALOG}

COLLAPSE_METRICS = ("effective_rank", "mean_cosine")
"""What the collapse guard looks at, hence what every record of a history holds."""
CENTERED = ("centered_rank", "sphericity", "spread", "spread_share", "directions", "cut")
"""What it looks at of the rows about their mean: `parts.about_mean` of effective_rank."""

StateWord: TypeAlias = Literal["healthy", "suspicious", "likely_collapsed", "no_verdict"]
"""What the state of an embedding can be."""
Concern: TypeAlias = Literal["fine", "center_first", "standardize_first", "hurt", "unknown"]
"""What it can mean for those who use the embedding."""
STATES = {
    "likely_collapsed": "LIKELY COLLAPSED", "suspicious": "suspicious", "no_verdict": "no verdict", "healthy": "healthy"
}  # fmt: skip
"""The states, the worst first, and how people read them."""


@dataclass(frozen=True)
class Command:
    """What is known of a command that prints a document of its own.

    name: as it is typed, and as its function in Python is called; families: whose metrics it computes; where_possible:
    those of them that are left out where the input does not allow them; collapse: computes COLLAPSE_METRICS as well,
    without which its metrics cannot be read; options: those that it has beside the shared ones; sample, group_sample:
    rows of the default sample, and of whole groups where a column names them; whole_groups: its sample is of whole
    groups; zero_rows: "refused" where a row of zeros is a bad row; scores: whether class scores are read beside the
    embeddings: "always" looked for, "if_there" taken along, "never"; by_epoch: a file of several epochs is several
    data sets, which are compared; also: metrics of other families that it computes; other_rows: its sources are of
    other rows each by design; spectrum: what shows its singular values, "pictures" and "tables"; document: what it
    prints.
    """

    name: str
    families: tuple[str, ...] = ()
    where_possible: tuple[str, ...] = ()
    collapse: bool = False
    options: tuple[str, ...] = ()
    sample: int = SAMPLE
    group_sample: int | None = None
    whole_groups: bool = False
    zero_rows: Literal["refused", "counted"] = "counted"
    scores: Literal["always", "if_there", "never"] = "never"
    by_epoch: bool = False
    also: tuple[str, ...] = ()
    other_rows: bool = False
    spectrum: tuple[Literal["pictures", "tables"], ...] = ()
    document: Literal["report", "findings", "weights", "verdict", "choice", "comparison"] = "report"

    @property
    def headline(self) -> tuple[str, ...]:
        """The metrics one of which must have a value; none where any will do."""
        return headlines(self.families[0]) if len(self.families) == 1 else ()


TOPOLOGY = ("normalize", "metric", "h0", "homology")
"""Options of the metrics of separability alone."""
ADAPTATION = ("logits", "source", "label", "head", "variant", "audit")
"""Options of the metrics of transfer alone."""
CHOOSING = ("logits", "source", "label", "head")
"""Options of `select` alone that the metrics of transfer have too."""
GROUPING = ("groups_from", "clusters", "k", "seeds", "freeze", "far", "space")
"""Options of the metrics of OPIS alone, beside `group`."""

ENGINES = ("engine", "address", "work")
"""Options of where the work is done, of commands that can spread it."""
SPREAD = ("report", "comparison")
"""What commands print that can spread their work."""
DRIFTING = ("reference", "label", "by", "looks", "require")
"""Options of `drift` alone, but for the label of the reference."""

COMMANDS = (
    Command("rank", ("rank",), options=("group",), spectrum=("pictures", "tables")),
    Command(
        "separability", ("separability",), collapse=True, options=TOPOLOGY, sample=10_000,
        zero_rows="refused",
    ),
    Command(
        "transfer", ("transfer",), collapse=True, options=ADAPTATION, scores="always", by_epoch=True,
        spectrum=("pictures",),
    ),
    Command(
        "opis", ("opis",), collapse=True, options=("group", *GROUPING), group_sample=GROUP_ROWS,
        whole_groups=True, zero_rows="refused",
    ),
    Command(
        "evaluate", ("rank", "separability", "transfer", "opis"), where_possible=("transfer", "opis"),
        options=("group", *TOPOLOGY, "logits", "head", "variant"), scores="if_there",
        spectrum=("pictures", "tables"),
    ),
    Command(
        "drift", ("drift",), collapse=True, options=("logits", *DRIFTING), scores="if_there",
        also=("mmd", "coral", "frechet"), other_rows=True,
    ),
    Command("select", options=CHOOSING, scores="if_there", by_epoch=True, document="choice"),
    Command("compare", ("similarity",), document="comparison"),
    Command("doctor", document="findings"),
    Command("weights", ("weights",), document="weights"),
    Command("gate", document="verdict"),
)  # fmt: skip
"""Every command that prints a document of its own; the only place that tells them apart by name."""

_BY_COMMAND = {command.name: command for command in COMMANDS}


def command(name: str) -> Command:
    """The command of this name.

    >>> command("separability").sample
    10000
    """
    return _BY_COMMAND[name]


def known_command(name: object) -> Command | None:
    """The command that a document names, None where it names none."""
    return _BY_COMMAND.get(name) if isinstance(name, str) else None


def entry(name: str) -> CatalogEntry:
    """The metric of this name, which must be one.

    >>> entry("rankme").family
    'rank'
    """
    return _BY_NAME[name]


def headlines(family: str) -> tuple[str, ...]:
    """The metrics of a family one of which must have a value, or its command could say nothing.

    >>> headlines("opis")
    ('opis', 'pseudo_opis')
    """
    return tuple(e.name for e in CATALOG if e.headline and e.family == family)


def shown_in(family: str) -> tuple[str, ...]:
    """The metrics of the default table of a family: its headline, those beside it, and those of other families.

    >>> shown_in("rank")[:2]
    ('rankme', 'rankme_centered')
    """
    own = sorted((e for e in CATALOG if e.family == family and e.shown is not None), key=lambda e: e.shown or 0)
    return tuple(e.name for e in (*own, *(e for e in CATALOG if family in e.beside)))


def listed(given: str | Iterable[str]) -> list[str]:
    """Names, or one of them alone, as a list."""
    return [given] if isinstance(given, str) else list(given)


def check_metric(name: str, named_by: str) -> str:
    """The name if it is one of a metric, or a UsageError that suggests the nearest; named_by: the option."""
    if name in METRIC_NAMES:
        return name
    raise UsageError(f"{option(named_by)}: no metric {name!r}; {suggestion(name, METRIC_NAMES)}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """The way out after a name that does not exist."""
    near = get_close_matches(name.lower(), list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else "labelfree explain lists them"
