"""What a command takes and computes: its options by name, its families of metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

import numpy as np

from labelfree.catalog import (
    ADAPTATION,
    CATALOG,
    COLLAPSE_METRICS,
    COMMANDS,
    DRIFTING,
    ENGINES,
    GROUPING,
    SAMPLE,
    SPREAD,
    TOPOLOGY,
    Command,
    command,
    entry,
    listed,
)
from labelfree.commands.engine_options import check_engine
from labelfree.commands.grouping_options import check_grouping
from labelfree.commands.signatures import F, spelled
from labelfree.documents.reading import MOST_DIGITS
from labelfree.errors import UsageError, option
from labelfree.evidence.outputs import Variant
from labelfree.evidence.scaling import Topology
from labelfree.evidence.zone import FAR, Calibration, Space
from labelfree.families import metrics
from labelfree.families.spec import Metric
from labelfree.sources.block import Columns
from labelfree.sources.row_groups import Amount
from labelfree.survey.groups import GroupSetting
from labelfree.survey.targets import Setting

MODELS = ("data", "model", "layer", "pool", "trust_code", "batch_size")
"""Options for a checkpoint that is run over data first, of all commands."""


PARTLY = ("report", "findings")
"""What commands print that may read some of the rows."""
_LEAST = {"sample": 2, "seed": 0, "threads": 1, "memory": 1, "seeds": 1, "batch_size": 1, "looks": 1}
"""The least number that an option takes."""


@dataclass(frozen=True)
class Options:
    """The options that all metric commands share; names and defaults are those of the command line.

    column, id, group: columns of the embeddings, of the row ids, of the items whose views the rows are.
    on_bad: "error" refuses null, NaN and infinite rows, "drop" leaves them out and counts them.
    sample: rows for pairwise metrics and standard errors, or None or "all" for all. rows: read whole row groups, chosen
    by the seed, until so many rows (100_000, "100k") or hundredths of them ("1%") are there; None reads all. seed: of
    both.
    device: "cpu", "cuda" or "auto". memory: bytes not to exceed, refused before any work where they cannot do.
    threads: threads of the linear algebra. engine: "ray" sums the rows by tasks of Ray, at an address (of a cluster
    that this machine is a node of; None starts one here), with work, a directory that all nodes see, for what a killed
    run had summed. only: metrics to compute; none means all of the command.
    normalize, metric, h0: how the metrics of separability see the rows, and who computes H0 ("giotto": giotto-tda);
    homology: 1 adds H1 (giotto-tda).
    logits: the column of class scores; source: labelled rows of the domain the model was trained on, anything that a
    data set can be; label: their label column; head: the last linear layer, a file (::key), an array, a state dict;
    variant: of the Transfer Score; audit: a label column of the target, to show the truth beside every estimate.
    groups_from: other embeddings of the same items, whose clusters are the groups, or frozen groups; clusters, k,
    seeds: how pseudo-groups are made ("crossfit" or "same-space", numbers of groups, seeds of each); freeze: a file
    for them; far: the calibration range, "0.01:0.1" or a pair; space: of thresholds, "l2" or "cosine".
    data: texts, images or arrays that the model of the checkpoint is run over, whose rows are then measured; column,
    id, group and audit are columns of theirs; model, layer, pool, trust_code, batch_size: as for `embed`.
    reference: the rows that others are compared with, anything that a data set can be; by: a column whose values slice
    the results; looks: over how many looks at most 5 % false alarms are shared; require: conditions on intervals.
    show_ids: whether rows of the map on a page are called by their ids.
    A command takes those of them that `options_of` names.
    """

    column: str | None = None
    id: str | None = None
    group: str | None = None
    on_bad: Literal["error", "drop"] = "error"
    sample: int | None = SAMPLE
    rows: int | str | None = None
    seed: int = 0
    device: str = "cpu"
    memory: int | None = None
    threads: int | None = None
    engine: Literal["threads", "ray"] = "threads"
    address: str | None = None
    work: Any = None
    only: tuple[str, ...] = ()
    normalize: Literal["l2", "none", "layernorm", "zscore"] = "l2"
    metric: Literal["euclidean", "cosine"] = "euclidean"
    h0: Literal["auto", "giotto"] = "auto"
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
    reference: Any = None
    by: str | None = None
    looks: int | None = None
    require: Any = ()
    show_ids: bool = False

    @property
    def zone(self) -> Calibration:
        """The calibration range of the metrics of OPIS."""
        return Calibration.checked(self.far, self.space)

    @property
    def setting(self) -> Setting:
        """What concerns the metrics of transfer."""
        return Setting(**{name: getattr(self, name) for name in ADAPTATION})

    @property
    def columns(self) -> Columns:
        """The columns that the options shared by all commands name."""
        return Columns(embedding=self.column, id=self.id, group=self.group, memory=self.memory, amount=self.amount)

    @property
    def amount(self) -> Amount | None:
        """How much of each data set is read, None for all."""
        return None if self.rows is None else Amount.checked(self.rows, self.seed)

    @property
    def grouping(self) -> GroupSetting:
        """What concerns the groups of the metrics of OPIS."""
        return GroupSetting(
            self.zone, self.group, self.groups_from, Columns(id=self.id, group=self.group, memory=self.memory),
            self.clusters == "same-space", self.k, self.seeds, self.seed,
        )  # fmt: skip

    @property
    def topology(self) -> Topology:
        """What concerns the metrics of separability."""
        return Topology.checked(normalize=self.normalize, metric=self.metric, h0=self.h0)


def options_of(command: Command) -> tuple[str, ...]:
    """The names of a command's options: the shared ones and its own; where no metric is computed none is chosen."""
    others = {"group", *TOPOLOGY, *ADAPTATION, *GROUPING, *DRIFTING} - {*command.options}
    others |= set() if command.families else {"only"}
    others |= set() if command.document in PARTLY else {"rows"}
    others |= set() if command.document == "report" else {"show_ids"}  # whose page has a map of the rows
    others |= set() if command.document in SPREAD else {*ENGINES}
    return tuple(name for name in Options.__dataclass_fields__ if name not in others)


def command_of(names: Sequence[str]) -> Command:
    """The narrowest command that computes all of these metrics: that of their family, or of all for several."""
    families = {entry(name).family for name in names if name not in COLLAPSE_METRICS} or {"rank"}
    return min((c for c in COMMANDS if families <= {*c.families}), key=lambda c: len(c.families))


def checked(command: Command, options: Mapping[str, Any]) -> Options:
    """The options of a command by name, or a UsageError that says which one is wrong."""
    known = options_of(command)
    for name in options:
        if name not in known:
            if name in ENGINES:
                raise UsageError(f"{option(name)}: {command.name} runs on this machine alone; leave it out")
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"its options are {', '.join(known)}"
            raise UsageError(f"{command.name} has no option {name!r}; {hint}")
    if "require" in options:
        options = {**options, "require": tuple(listed(options["require"]))}
    if "k" in options:
        k = options["k"]
        options = {**options, "k": tuple(dict.fromkeys(k)) if isinstance(k, Iterable) else (k,)}
    only = options.get("only")
    only = (only,) if isinstance(only, str) else tuple(only or ())
    grouped = command.group_sample is not None and options.get("group") is not None
    sample = options.get("sample", command.group_sample if grouped else command.sample)
    chosen = Options(
        **{**options, "only": only, "sample": None if isinstance(sample, str) and sample == "all" else sample}
    )
    if chosen.on_bad not in ("error", "drop"):
        raise UsageError(f"{option('on_bad')}: expected 'error' or 'drop', found {chosen.on_bad!r}")
    chosen.topology  # noqa: B018  (its settings are checked)
    chosen.zone  # noqa: B018  (it is checked)
    chosen.amount  # noqa: B018  (it is checked)
    if chosen.rows is not None and chosen.data is not None:
        raise UsageError(
            f"{option('rows')}: has no effect beside {option('data')}, over which a checkpoint is run row by row; give "
            "a file of fewer rows"
        )
    check_engine(chosen)
    check_grouping(chosen)
    if chosen.variant not in get_args(Variant):
        raise UsageError(
            f"{option('variant')}: expected one of {', '.join(get_args(Variant))}, found {chosen.variant!r}"
        )
    if chosen.homology not in (0, 1):
        raise UsageError(f"{option('homology')}: expected 0 or 1, found {chosen.homology!r}")
    if isinstance(chosen.sample, str):
        raise UsageError(f"{option('sample')}: expected a number of rows or 'all', found {chosen.sample!r}")
    if chosen.data is None:
        for name in MODELS:
            if getattr(chosen, name) != Options.__dataclass_fields__[name].default:
                raise UsageError(
                    f"{option(name)}: has no effect without {option('data')}, which a checkpoint is run over; leave it "
                    f"out, or add {option('data')}"
                )
    for name, least in _LEAST.items():
        value = getattr(chosen, name)
        if value is not None and (not isinstance(value, int | np.integer) or value < least):
            raise UsageError(f"{option(name)}: expected a whole number of at least {least}, found {value!r}")
        if value is not None and value >= 10**MOST_DIGITS:
            raise UsageError(
                f"{option(name)}: expected a whole number of at most {MOST_DIGITS} digits, which a report can be read "
                "back with, found one of more; give a smaller one"
            )
    return chosen


def selected(
    command: Command, only: Sequence[str], *, requested: bool = False, scored: bool = True, grouped: bool = True
) -> tuple[Metric, ...]:
    """The metrics of a command, or those of them that `only` names.

    requested: whether those are computed that wait for a request; scored, grouped: whether the input has class scores
    and groups, without which a command of many families leaves the metrics of transfer and of OPIS out.
    """
    own = [e for e in CATALOG if e.family in command.families]
    beside = [entry(name) for name in (*command.also, *(COLLAPSE_METRICS if command.collapse else ()))]
    names = [e.name for e in (*own, *beside)]
    for name in only:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; {command.name} has {', '.join(names)}"
            raise UsageError(f"{option('only')}: no metric {name!r} in {command.name}{hint}")
    if only:
        return metrics(name for name in names if name in only)
    missing = {name for name, there in (("transfer", scored), ("opis", grouped)) if not there}
    return metrics(
        e.name
        for e in (*own, *beside)
        if not (e.family in missing and e.family in command.where_possible) and (requested or not e.on_request)
    )


def spelled_for(name: str, options: Any) -> Callable[[F], F]:
    """A decorator that spells out the options of a command in the signature of its function.

    options: the TypedDict that declares them.
    """
    fields = Options.__dataclass_fields__
    defaults = {one: fields[one].default for one in options_of(command(name))}
    return spelled(options, {**defaults, "sample": command(name).sample})
