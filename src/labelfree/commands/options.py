"""What a command takes and computes: its options by name, its families of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

import numpy as np

from labelfree.catalog import COLLAPSE_METRICS
from labelfree.errors import UsageError
from labelfree.evidence.evidence import SAMPLE
from labelfree.evidence.outputs import Variant
from labelfree.evidence.scaling import Topology
from labelfree.evidence.zone import FAR, Calibration, Space
from labelfree.families.spec import Metric
from labelfree.metrics import METRICS
from labelfree.sources.block import Columns
from labelfree.survey.targets import Setting

FAMILIES = {
    "rank": ("rank",), "separability": ("separability",), "transfer": ("transfer",), "opis": ("opis",),
    "evaluate": ("rank", "separability", "transfer", "opis"),
}  # fmt: skip
"""Families of metrics that a command computes."""
HEADLINE = {
    "rank": ("rankme",), "separability": ("separability",), "transfer": ("transfer_score",),
    "opis": ("opis", "pseudo_opis"),
}  # fmt: skip
"""The metrics one of which must have a value, or a command could say nothing."""
BESIDE = dict.fromkeys(("separability", "transfer", "opis"), COLLAPSE_METRICS)
"""Metrics of other families without which those of a command cannot be read."""
TOPOLOGY = ("normalize", "metric", "engine", "homology")
"""Options of the metrics of separability alone."""
ADAPTATION = ("logits", "source", "label", "head", "variant", "audit")
"""Options of the metrics of transfer alone."""
GROUPING = ("groups_from", "clusters", "k", "seeds", "freeze", "far", "space")
"""Options of the metrics of OPIS alone, beside `group`."""
MODELS = ("data", "model", "layer", "pool", "trust_code", "batch_size")
"""Options for a checkpoint that is run over data first, of all commands."""
OWN = {
    "rank": ("group",), "separability": TOPOLOGY, "transfer": ADAPTATION, "opis": ("group", *GROUPING),
    "evaluate": ("group", *TOPOLOGY, "logits", "head", "variant"), "doctor": (),
}  # fmt: skip
"""Options that a command has beside the shared ones."""
HEADED = ("transfer_score", "classifier_nonuniformity")
"""Metrics that look at the last linear layer."""
ON_REQUEST = {"h1_total_persistence"}
"""Metrics computed only where an option or --only asks for them."""


@dataclass(frozen=True)
class Options:
    """The options that all metric commands share; names and defaults are those of the command line.

    column, id, group: columns of the embeddings, of the row ids, of the items whose views the rows are.
    on_bad: "error" refuses null, NaN and infinite rows, "drop" leaves them out and counts them.
    sample: rows for pairwise metrics and standard errors, or None or "all" for all. seed: of that sample.
    device: "cpu", "cuda" or "auto". memory: bytes not to exceed, refused before any work where they cannot do.
    threads: threads of the linear algebra. only: metrics to compute; none means all of the command.
    normalize, metric, engine: how the metrics of separability see the rows; homology: 1 adds H1 (giotto-tda).
    logits: the column of class scores; source: labelled rows of the domain the model was trained on, anything that a
    data set can be; label: their label column; head: the last linear layer, a file (::key), an array, a state dict;
    variant: of the Transfer Score; audit: a label column of the target, to show the truth beside every estimate.
    groups_from: other embeddings of the same items, whose clusters are the groups, or frozen groups; clusters, k,
    seeds: how pseudo-groups are made ("crossfit" or "same-space", numbers of groups, seeds of each); freeze: a file
    for them; far: the calibration range, "0.01:0.1" or a pair; space: of thresholds, "l2" or "cosine".
    data: texts, images or arrays that the model of the checkpoint is run over, whose rows are then measured; column,
    id, group and audit are columns of theirs; model, layer, pool, trust_code, batch_size: as for `embed`.
    A command takes those of them that `options_of` names.
    """

    column: str | None = None
    id: str | None = None
    group: str | None = None
    on_bad: Literal["error", "drop"] = "error"
    sample: int | None = SAMPLE
    seed: int = 0
    device: str = "cpu"
    memory: int | None = None
    threads: int | None = None
    only: tuple[str, ...] = ()
    normalize: Literal["l2", "none", "layernorm", "zscore"] = "l2"
    metric: Literal["euclidean", "cosine"] = "euclidean"
    engine: Literal["auto", "giotto"] = "auto"
    homology: Literal[0, 1] = 0
    logits: str | None = None
    source: Any = None
    label: str | None = None
    head: Any = None
    variant: Variant = "standard"
    audit: str | None = None
    groups_from: Any = None
    clusters: Literal["crossfit", "same-space"] = "crossfit"
    k: tuple[int, ...] = ()
    seeds: int = 5
    freeze: Any = None
    far: Any = FAR
    space: Space = "l2"
    data: Any = None
    model: Any = None
    layer: str | None = None
    pool: str | None = None
    trust_code: bool = False
    batch_size: int | None = None

    @property
    def zone(self) -> Calibration:
        """The calibration range of the metrics of OPIS."""
        return Calibration.checked(self.far, self.space)

    @property
    def setting(self) -> Setting:
        """What concerns the metrics of transfer."""
        return Setting(**{name: getattr(self, name) for name in ADAPTATION})

    @property
    def topology(self) -> Topology:
        """What concerns the metrics of separability."""
        return Topology.checked(normalize=self.normalize, metric=self.metric, engine=self.engine)


def options_of(command: str) -> tuple[str, ...]:
    """The names of a command's options: the shared ones and its own; doctor computes no metrics to choose among."""
    some = {"group", *TOPOLOGY, *ADAPTATION, *GROUPING} - {*OWN[command]} | ({"only"} if command == "doctor" else set())
    return tuple(name for name in Options.__dataclass_fields__ if name not in some)


def command_of(names: Sequence[str]) -> str:
    """The narrowest command that computes all of these metrics: that of their family, or evaluate for several."""
    families = {m.family for m in METRICS if m.name in names and m.name not in COLLAPSE_METRICS} or {"rank"}
    return families.pop() if len(families) == 1 else "evaluate"


def checked(command: str, options: dict[str, Any]) -> Options:
    """The options of a command by name, or a UsageError that says which one is wrong."""
    known = options_of(command)
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"its options are {', '.join(known)}"
            raise UsageError(f"{command} has no option {name!r}; {hint}")
    if "k" in options:
        k = options["k"]
        options = {**options, "k": tuple(dict.fromkeys(k)) if isinstance(k, Iterable) else (k,)}
    only = options.get("only")
    only = (only,) if isinstance(only, str) else tuple(only or ())
    sample = options.get("sample", SAMPLE)
    chosen = Options(
        **{**options, "only": only, "sample": None if isinstance(sample, str) and sample == "all" else sample}
    )
    if chosen.on_bad not in ("error", "drop"):
        raise UsageError(f"on_bad: expected 'error' or 'drop', found {chosen.on_bad!r}")
    chosen.topology  # noqa: B018  (its settings are checked)
    chosen.zone  # noqa: B018  (it is checked)
    _check_grouping(chosen)
    if chosen.variant not in get_args(Variant):
        raise UsageError(f"variant: expected one of {', '.join(get_args(Variant))}, found {chosen.variant!r}")
    if chosen.homology not in (0, 1):
        raise UsageError(f"homology: expected 0 or 1, found {chosen.homology!r}")
    if isinstance(chosen.sample, str):
        raise UsageError(f"sample: expected a number of rows or 'all', found {chosen.sample!r}")
    if chosen.data is None:
        for name in MODELS:
            if getattr(chosen, name) != Options.__dataclass_fields__[name].default:
                raise UsageError(
                    f"{name}: has no effect without data, which a checkpoint is run over; leave it out, or add data"
                )
    for name, least in (("sample", 2), ("seed", 0), ("threads", 1), ("memory", 1), ("seeds", 1), ("batch_size", 1)):
        value = getattr(chosen, name)
        if value is not None and (not isinstance(value, int | np.integer) or value < least):
            raise UsageError(f"{name}: expected a whole number of at least {least}, found {value!r}")
    return chosen


def _check_grouping(chosen: Options) -> None:
    """Refuse options of groups that contradict one another or would have no effect."""
    if chosen.clusters not in ("crossfit", "same-space"):
        raise UsageError(f"clusters: expected 'crossfit' or 'same-space', found {chosen.clusters!r}")
    if any(not isinstance(k, int | np.integer) or k < 2 for k in chosen.k):
        raise UsageError(f"k: expected numbers of groups of at least 2, found {list(chosen.k)!r}")
    if chosen.group is not None:
        for name in ("groups_from", "clusters", "k", "seeds", "freeze"):
            if getattr(chosen, name) != Options.__dataclass_fields__[name].default:
                raise UsageError(
                    f"{name}: has no effect beside group, whose column says what belongs together; leave it out"
                )
    if chosen.groups_from is not None:
        for name in ("clusters", "seeds", "freeze"):
            if getattr(chosen, name) != Options.__dataclass_fields__[name].default:
                raise UsageError(f"{name}: has no effect beside groups_from; leave one of them out")
    if chosen.groups_from is not None and len(chosen.k) > 1:
        raise UsageError(f"k: expected one number of groups for the clusters of groups_from, found {list(chosen.k)}")


def columns(chosen: Options) -> Columns:
    """The columns that the options shared by all commands name."""
    return Columns(embedding=chosen.column, id=chosen.id, group=chosen.group)


def selected(
    command: str, only: Sequence[str], on_request: Sequence[str] = (), *, scored: bool = True, grouped: bool = True
) -> tuple[Metric, ...]:
    """The metrics of a command, or those of them that `only` names; some only where they are asked for.

    scored, grouped: whether the input has class scores and groups, without which `evaluate` leaves the metrics of
    transfer and of OPIS out.
    """
    beside = BESIDE.get(command, ())
    metrics = tuple(m for m in METRICS if m.family in FAMILIES[command] or m.name in beside)
    metrics = tuple(sorted(metrics, key=lambda m: m.name in beside))
    names = [m.name for m in metrics]
    for name in only:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; {command} has {', '.join(names)}"
            raise UsageError(f"--only: no metric {name!r} in {command}{hint}")
    if only:
        return tuple(m for m in metrics if m.name in only)
    if command == "evaluate":
        metrics = tuple(m for m in metrics if (m.family != "transfer" or scored) and (m.family != "opis" or grouped))
    return tuple(m for m in metrics if m.name not in ON_REQUEST or m.name in on_request)
