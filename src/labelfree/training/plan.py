"""What a monitor is to do, checked as a whole before training starts."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict, Unpack, get_args

from labelfree.catalog import COLLAPSE_METRICS, Command, check_metric, listed
from labelfree.commands.options import Options, checked, command_of, selected
from labelfree.errors import UsageError
from labelfree.families import metric as family_metric
from labelfree.families.spec import Metric
from labelfree.gating.settings import settings
from labelfree.history.records import checked_run, whole
from labelfree.kernels.devices import kernels_for
from labelfree.models.features.pooling import POOLS, Pool

Dealt: TypeAlias = Literal["rows", "batches"]
Names: TypeAlias = str | Sequence[str]

_FROM_FEATURES = {"moments", "unit", "sample"}
_FAMILIES = ("rank", "separability")


class Asked(TypedDict, total=False):
    """The options of a monitor and of the callbacks; those of the metrics and of the gate as on the command line.

    history: the file to append to; run: the run in it ("default"); prefix: of the names of the scalars ("labelfree"),
    another one for each of several monitors that log to one place. metrics: what to measure beside what `plateau` and
    `require` name, "separability" where none of them names anything.
    plateau, require, when, classes, rule, warmup, window, confidence, min_delta, checks, cycle, drops, patience,
    stop_at: as `labelfree.gate`; without plateau and require nothing is judged. A callback takes `checks` from its
    trainer.
    layer: the module whose output is the embedding, "" for the model itself; head: the module whose input it is;
    without either the input of the classifier's head, by its name. pool: "mean", "cls", "last" or "none", for tokens.
    sample, seed, normalize, on_bad, device, threads: as for the command.
    rows: rows of the whole set; more, but for those that a distributed sampler repeats, or fewer are a problem; ids: of
    the rows, (rows,), in their order. dealt: how ranks share the rows: "rows" one by one, as torch's DistributedSampler
    does without shuffling, or "batches", as accelerate does. keep: a directory for a sample of each check, the same
    rows each time, as step_STEP.parquet with their logits, among which `labelfree select` chooses the step to keep.
    """

    history: str | Path | None
    run: str
    prefix: str
    metrics: Names
    plateau: Names
    require: Names
    when: str | None
    classes: int | None
    rule: str | None
    warmup: int | None
    window: int | None
    confidence: float | None
    min_delta: float | None
    checks: int | None
    cycle: int | None
    drops: str | Sequence[int] | None
    patience: int | None
    stop_at: float | None
    layer: str | None
    head: str | None
    pool: Pool | None
    sample: int | Literal["all"] | None
    seed: int
    normalize: Literal["l2", "none", "layernorm", "zscore"] | None
    on_bad: Literal["error", "drop"]
    device: str
    threads: int | None
    rows: int | None
    ids: Sequence[Any] | None
    dealt: Dealt
    keep: str | Path | None


@dataclass(frozen=True)
class MonitorPlan:
    """Checked options. command, chosen, metrics: what a report is made with; gate: what a verdict is asked with, empty
    where none is."""

    command: Command
    chosen: Options
    metrics: tuple[Metric, ...]
    gate: dict[str, Any]
    history: Path | None
    run: str
    prefix: str
    layer: str | None
    head: str | None
    pool: Pool | None
    rows: int | None
    ids: Sequence[Any] | None
    dealt: Dealt
    keep: Path | None

    @property
    def scalars(self) -> tuple[str, ...]:
        """What the scalars are called, those without a value too."""
        return tuple(f"{self.prefix}/{metric.name}" for metric in self.metrics)


def plan(**options: Unpack[Asked]) -> MonitorPlan:
    """The plan of these options, or a LabelfreeError that says which one is wrong."""
    for name in options:
        if name not in Asked.__annotations__:
            near = get_close_matches(name, Asked.__annotations__, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"its options are {', '.join(Asked.__annotations__)}"
            raise UsageError(f"a monitor has no option {name!r}; {hint}")
    return _planned(**options)


def with_checks(options: Asked, checks: float | None) -> Asked:
    """The options, with the number of checks that the trainer itself plans where they leave it open.

    checks: None or infinite where the trainer does not know; a run too short for a decision is left as it is.
    """
    asked = dict(options)
    if checks is None or checks == inf or asked.get("checks") is not None or asked.get("rule") not in (None, "slope"):
        return options
    if not listed(options.get("plateau", ())):
        return options
    found: Asked = {**options, "checks": int(checks)}
    try:
        plan(**found)
    except UsageError:
        return options
    return found


def _planned(
    *,
    history: str | Path | None = None,
    run: str = "default",
    prefix: str = "labelfree",
    metrics: Names = (),
    plateau: Names = (),
    require: Names = (),
    when: str | None = None,
    classes: int | None = None,
    rule: str | None = None,
    warmup: int | None = None,
    window: int | None = None,
    confidence: float | None = None,
    min_delta: float | None = None,
    checks: int | None = None,
    cycle: int | None = None,
    drops: str | Sequence[int] | None = None,
    patience: int | None = None,
    stop_at: float | None = None,
    layer: str | None = None,
    head: str | None = None,
    pool: Pool | None = None,
    sample: int | Literal["all"] | None = None,
    seed: int = 0,
    normalize: Literal["l2", "none", "layernorm", "zscore"] | None = None,
    on_bad: Literal["error", "drop"] = "error",
    device: str = "cpu",
    threads: int | None = None,
    rows: int | None = None,
    ids: Sequence[Any] | None = None,
    dealt: Dealt = "rows",
    keep: str | Path | None = None,
) -> MonitorPlan:
    rules: dict[str, Any] = {
        "warmup": warmup, "window": window, "confidence": confidence, "min_delta": min_delta, "checks": checks,
        "cycle": cycle, "drops": drops, "patience": patience, "stop_at": stop_at,
    }  # fmt: skip
    gate: dict[str, Any] = {
        "plateau": listed(plateau), "require": listed(require), "when": when, "classes": classes, "rule": rule,
        **rules,
    }  # fmt: skip
    asked = list(listed(metrics))
    for name in ("when", "classes", "rule", *rules):
        if gate[name] is not None and not gate["plateau"]:
            raise UsageError(f"{name}: has no effect without plateau='METRIC'; leave it out")
    if gate["plateau"] or gate["require"]:
        known = settings(
            require=gate["require"], max_drop=(), plateau=gate["plateau"], against=False, history=history is not None,
            run=run if history is not None else None, when=when, classes=classes, rule=rule, on_undecided=None,
            numbers=rules,
        )  # fmt: skip
        asked += [*known.plateau, *(requirement.metric for requirement in known.require)]
    measured = _measured(list(dict.fromkeys(asked)) or ["separability"], gate["plateau"])
    command = command_of(measured)
    only = (*measured, *(name for name in COLLAPSE_METRICS if name not in measured))
    given: dict[str, Any] = {"only": only, "seed": seed, "on_bad": on_bad, "device": device, "threads": threads}
    if sample is not None:
        given["sample"] = sample
    chosen = checked(command, given | ({} if normalize is None else {"normalize": normalize}))
    kernels_for(device)
    rows = _rows(rows, ids)
    _check_features(layer, head, pool, dealt)
    checked_run(prefix, "prefix")
    return MonitorPlan(
        command, chosen, selected(command, only), gate if gate["plateau"] or gate["require"] else {},
        None if history is None else Path(history), checked_run(run), prefix, layer, head, pool, rows,
        ids, dealt, None if keep is None else Path(keep),
    )  # fmt: skip


def _measured(names: list[str], plateau: list[str]) -> list[str]:
    """The metrics by name, or a UsageError for one that features alone cannot give, or that cannot improve."""
    for name in names:
        metric = family_metric(check_metric(name, "metrics"))
        if metric.family not in _FAMILIES or set(metric.needs) - _FROM_FEATURES:
            raise UsageError(
                f"metrics: {name} needs more than features; a monitor measures the metrics of rank and separability: "
                f"write the embeddings of a checkpoint to a file for labelfree {metric.family}"
            )
        if name in plateau and metric.direction == "none":
            raise UsageError(
                f"plateau: {name} has no direction in which it is known to be better, so it cannot stop improving; "
                f"hold it with require='{name} >= NUMBER'"
            )
    return names


def _rows(rows: int | None, ids: Sequence[Any] | None) -> int | None:
    rows = whole(rows)
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise UsageError(f"rows: expected the number of rows of the set, found {rows!r}")
    if ids is None:
        return rows
    if rows not in (None, len(ids)):
        raise UsageError(f"ids: expected one for each of {rows} rows, found {len(ids)}")
    return len(ids)


def _check_features(layer: str | None, head: str | None, pool: str | None, dealt: str) -> None:
    if layer is not None and head is not None:
        raise UsageError(f"head={head!r}: layer={layer!r} says already where the embedding is; leave one of them out")
    if pool is not None and pool not in POOLS:
        raise UsageError(f"pool: expected one of {', '.join(POOLS)}, found {pool!r}")
    if dealt not in get_args(Dealt):
        raise UsageError(f"dealt: expected rows or batches, found {dealt!r}")


DEFAULTS = {name: parameter.default for name, parameter in inspect.signature(_planned).parameters.items()}
"""Of the options of a monitor, by name."""
