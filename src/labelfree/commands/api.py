"""Every command as a function: a source in, a report out; a list of sources in, their reports out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, Unpack, overload

from labelfree.catalog import command
from labelfree.commands.checkpoints import run_first
from labelfree.commands.drifting import drift_on, opened_current
from labelfree.commands.measuring import measured_on, opened_for, report_on
from labelfree.commands.option_types import (
    DataOptions,
    DriftOptions,
    EvaluateOptions,
    OpisOptions,
    RankOptions,
    SeparabilityOptions,
    TransferOptions,
)
from labelfree.commands.options import checked, spelled_for
from labelfree.commands.references import Reference
from labelfree.commands.report import Report
from labelfree.commands.reports import Reports
from labelfree.commands.several import apart, check_sources, one_of, reports_on
from labelfree.commands.warned import all_warned, warned
from labelfree.errors import UsageError, option
from labelfree.progress import Progress, silent

Several: TypeAlias = list[Any] | tuple[Any, ...]
"""Several sources, each a data set with a report of its own."""


@overload
def rank(
    source: Several, *, concat: Literal[False] = False, progress: Progress = silent, **options: Unpack[RankOptions]
) -> Reports: ...
@overload
def rank(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[RankOptions]
) -> Report: ...
@spelled_for("rank", RankOptions)
def rank(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[RankOptions]
) -> Report | Reports:
    """RankMe and the spectral and geometric family on one data set.

    source: a path, a glob, `checkpoint.safetensors::tensor`, an (n, d) array or tensor, or a data frame; a list of
    these is several sources, each with a report of its own (`Reports`), or with concat one data set.
    options: the fields of `Options`, but for normalize, metric, h0, homology.
    Raises LabelfreeError on bad input or usage. An undefined metric is no error: see its status and reason.

    >>> import numpy as np
    >>> report = rank(np.eye(8))
    >>> round(report["rankme"].value, 7)
    8.0000069
    """
    return _measured("rank", source, options, concat, progress)


@overload
def separability(
    source: Several,
    *,
    concat: Literal[False] = False,
    progress: Progress = silent,
    **options: Unpack[SeparabilityOptions],
) -> Reports: ...
@overload
def separability(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[SeparabilityOptions]
) -> Report: ...
@spelled_for("separability", SeparabilityOptions)
def separability(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[SeparabilityOptions]
) -> Report | Reports:
    """Topological class separability, with what is needed to read it: a surrogate, effective rank, duplicates.

    Arguments as for `rank`, with normalize, metric, h0, homology and without group; sample is 10,000 rows unless
    given. Zero rows are bad rows here.

    >>> import numpy as np
    >>> report = separability(np.array([[0.0], [1.0], [3.0], [7.0]]) + 1, normalize="none")
    >>> round(report["separability"].value, 12)
    0.416666666667
    """
    return _measured("separability", source, options, concat, progress)


@overload
def transfer(
    target: Several, *, concat: Literal[False] = False, progress: Progress = silent, **options: Unpack[TransferOptions]
) -> Reports: ...
@overload
def transfer(
    target: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[TransferOptions]
) -> Report: ...
@spelled_for("transfer", TransferOptions)
def transfer(
    target: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[TransferOptions]
) -> Report | Reports:
    """How well an adapted model suits rows without labels: Transfer Score, validators, accuracy estimates, distances.

    target: the target rows, with their logits in a column of the same table: a path, a data frame, or a dict of arrays
    {"embedding": (n, d), "logits": (n, K)}; of one epoch, where there is an epoch column. options: the shared fields of
    `Options`, and logits, source, label, head, variant, audit. What an input is missing for is listed with the reason.

    >>> import numpy as np
    >>> X = np.repeat(np.eye(3), 40, axis=0)
    >>> report = transfer({"embedding": X, "logits": 1e4 * X}, head=np.eye(3) - 1 / 3)
    >>> round(report["transfer_score"].value, 10)
    2.0
    """
    if isinstance(target, list | tuple) and not concat:
        return _measured("transfer", target, options, concat, progress)
    asked = command("transfer")
    chosen = checked(asked, options)
    given = _whole(target, concat)
    if run_first(given, chosen):
        return warned(report_on(asked, given, chosen, progress))
    opened, *more = opened_for(asked, given, chosen)
    if more:
        raise UsageError(
            f"{opened.name}: its file holds {1 + len(more)} epochs; give the rows of one of them, or take transfer_all"
        )
    return warned(report_on(asked, opened, chosen, progress))


@spelled_for("transfer", TransferOptions)
def transfer_all(targets: Any, *, progress: Progress = silent, **options: Unpack[TransferOptions]) -> Reports:
    """The reports of several targets, one for each epoch of each, with `ensv` and `gde` where they hold the same rows.

    targets: a list of what `transfer` takes, or one of it. options: as for `transfer`.

    >>> import numpy as np
    >>> X = np.repeat(np.eye(3), 40, axis=0)
    >>> run = {"embedding": np.vstack([X, X]), "logits": np.vstack([2 * X, 9 * X]), "epoch": np.repeat([1, 2], 120)}
    >>> [round(report["average_confidence"].value, 3) for report in transfer_all(run, only="average_confidence")]
    [0.787, 1.0]
    """
    given = targets if isinstance(targets, list | tuple) else [targets]
    asked = command("transfer")
    return all_warned(reports_on(asked, given, checked(asked, options), progress))


@overload
def opis(
    source: Several, *, concat: Literal[False] = False, progress: Progress = silent, **options: Unpack[OpisOptions]
) -> Reports: ...
@overload
def opis(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[OpisOptions]
) -> Report: ...
@spelled_for("opis", OpisOptions)
def opis(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[OpisOptions]
) -> Report | Reports:
    """How unevenly one decision threshold treats groups of rows that belong together.

    Arguments as for `rank`, with group (their column), groups_from (other embeddings of the same items, or frozen
    groups), or neither for pseudo-groups (clusters, k, seeds, freeze), and far, space. sample is 100,000 rows of whole
    groups, or 5,000 rows where there is no column of groups, unless given. Zero rows are bad rows here.

    >>> import numpy as np
    >>> angle = np.repeat(np.arange(6), 3) * np.pi / 3 + np.tile([-0.2, 0.0, 0.2], 6)
    >>> X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> report = opis({"embedding": X, "item": np.repeat(np.arange(6), 3)}, group="item", far="0.05:0.3")
    >>> round(report["mean_utility"].value, 6)
    0.888553
    """
    return _measured("opis", source, options, concat, progress)


@overload
def evaluate(
    source: Several, *, concat: Literal[False] = False, progress: Progress = silent, **options: Unpack[EvaluateOptions]
) -> Reports: ...
@overload
def evaluate(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[EvaluateOptions]
) -> Report: ...
@spelled_for("evaluate", EvaluateOptions)
def evaluate(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[EvaluateOptions]
) -> Report | Reports:
    """Every metric that the input allows, in one pass over the data. Arguments: all of `Options`.

    >>> import numpy as np
    >>> evaluate(np.eye(8), only=("stable_rank",))["stable_rank"].value
    8.0
    """
    return _measured("evaluate", source, options, concat, progress)


@overload
def doctor(
    source: Several, *, concat: Literal[False] = False, progress: Progress = silent, **options: Unpack[DataOptions]
) -> Reports: ...
@overload
def doctor(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[DataOptions]
) -> Report: ...
@spelled_for("doctor", DataOptions)
def doctor(
    source: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[DataOptions]
) -> Report | Reports:
    """What is wrong with the data, before any metric: every finding with its rows and the first of them.

    Arguments as for `rank`, without group and only; bad rows are counted, never refused. The findings are
    `report.findings`.

    >>> import numpy as np
    >>> [one.code for one in doctor(np.zeros((4, 2))).findings]
    ['zero', 'duplicate', 'few_rows', 'collapsed']
    """
    return _measured("doctor", source, options, concat, progress)


@overload
def drift(
    current: Several, *, concat: Literal[False] = False, progress: Progress = silent, **options: Unpack[DriftOptions]
) -> Reports: ...
@overload
def drift(
    current: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[DriftOptions]
) -> Report: ...
@spelled_for("drift", DriftOptions)
def drift(
    current: Any, *, concat: bool = False, progress: Progress = silent, **options: Unpack[DriftOptions]
) -> Report | Reports:
    """Whether rows have left a reference, by how much, and which of them.

    current: as the source of `rank`; a list is several data sets, such as days, each with a report of its own.
    reference: what they are compared with, anything that a data set can be: a sample of the training data, or of a good
    week. logits, label: columns of class scores on both sides, and of the labels of the reference; by: a column whose
    values slice the results; looks: over how many looks 5 % of false alarms are shared (one); require: conditions such
    as "share_beyond_95 <= 0.1", which `report.verdict` judges by their intervals. The others are as for `rank`.

    `report.drift.says` is the answer in a sentence, `report.drift.unusual.rows` the most unusual of the sampled rows;
    `report.save("rows.parquet")` reads the data again and writes how unusual each row is.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> report = drift(rng.normal(size=(300, 4)) + 1, reference=rng.normal(size=(1000, 4)), only="energy_ratio")
    >>> round(float(report["energy_ratio"]), 2), report.drift.look.different
    (0.18, True)
    """
    asked = command("drift")
    chosen = checked(asked, options)
    if not isinstance(chosen.reference, Reference):
        chosen = dataclasses.replace(chosen, reference=Reference(chosen.reference, chosen))
    if not isinstance(current, list | tuple) or concat:
        return warned(drift_on(_whole(current, concat), chosen, progress))
    if not current:
        raise UsageError("expected at least one source, found an empty list; is the pattern that made it right?")
    check_sources(current)
    opened = apart([one for source in current for one in opened_current(source, chosen)])
    return all_warned(Reports(drift_on(one, chosen, progress) for one in opened))


def _measured(name: str, source: Any, options: Mapping[str, Any], concat: bool, progress: Progress) -> Report | Reports:
    """The report of one source, or the reports of a list of them."""
    asked = command(name)
    chosen = checked(asked, options)
    if isinstance(source, list | tuple) and not concat:
        found = reports_on(asked, source, chosen, progress)
        return all_warned(found) if asked.families else found
    report = measured_on(asked, _whole(source, concat), chosen, progress)
    return warned(report) if asked.families else report


def _whole(source: Any, concat: bool) -> Any:
    """The one data set that a source is, or that concat makes of a list."""
    if isinstance(source, list | tuple):
        return one_of(source)
    if concat:
        raise UsageError(
            f"{option('concat', True)}: expected a list of sources, found {type(source).__name__}; leave it out"
        )
    return source
