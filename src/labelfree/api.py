"""Every command as a function: a source in, a report out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from labelfree import adaptation
from labelfree.comparing import compared, row_counts, told, with_outputs
from labelfree.errors import UsageError
from labelfree.evidence.evidence import SAMPLE, Evidence, Need
from labelfree.families.opis.behavior import Judged
from labelfree.families.opis.judging import judged
from labelfree.families.opis.scores import PSEUDO_ROWS
from labelfree.families.separability.persistence import death_series
from labelfree.families.separability.scores import EXACT
from labelfree.families.spec import Metric
from labelfree.findings import Finding, findings
from labelfree.grouping import GROUP_ROWS, freeze, group_series, grouping_of
from labelfree.kernels.devices import kernels_for
from labelfree.kernels.threads import limited_threads
from labelfree.model_sources import embedded, run_first
from labelfree.options import HEADED, MODELS, ON_REQUEST, Options, checked, columns, options_of, selected
from labelfree.progress import Progress, silent
from labelfree.report import Defect, Input, MetricEntry, Report, SampleInfo
from labelfree.resources import check_memory
from labelfree.scores import Wanted
from labelfree.sources import Source, open_source
from labelfree.sources.block import AUTO
from labelfree.survey import OnBad, Survey, survey


def rank(source: Any, *, progress: Progress = silent, **options: Any) -> Report:
    """RankMe and the spectral and geometric family on one data set.

    source: a path, a glob, `checkpoint.safetensors::tensor`, a list of paths that form one data set, an (n, d)
    array or tensor, or a data frame. options: the fields of `Options`, but for normalize, metric, engine, homology.
    Raises LabelfreeError on bad input or usage. An undefined metric is no error: see its status and reason.

    >>> import numpy as np
    >>> report = rank(np.eye(8))
    >>> round(report["rankme"].value, 7)
    8.0000069
    """
    return _measured("rank", source, checked("rank", options), progress)


def separability(source: Any, *, progress: Progress = silent, **options: Any) -> Report:
    """Topological class separability, with what is needed to read it: a surrogate, effective rank, duplicates.

    Arguments as for `rank`, with normalize, metric, engine, homology and without group; sample is 10,000 rows unless
    given. Zero rows are bad rows here.

    >>> import numpy as np
    >>> report = separability(np.array([[0.0], [1.0], [3.0], [7.0]]) + 1, normalize="none")
    >>> round(report["separability"].value, 12)
    0.416666666667
    """
    return _measured("separability", source, checked("separability", {"sample": EXACT, **options}), progress)


def transfer(target: Any, *, progress: Progress = silent, **options: Any) -> Report:
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
    chosen = checked("transfer", options)
    if run_first(target, chosen):
        return _measured("transfer", target, chosen, progress)
    opened, *more = opened_for("transfer", target, chosen)
    if more:
        raise UsageError(
            f"{opened.name}: its file holds {1 + len(more)} epochs; give the rows of one of them, or take transfer_all"
        )
    return _measured("transfer", opened, chosen, progress)


def transfer_all(targets: Any, *, progress: Progress = silent, **options: Any) -> list[Report]:
    """The reports of several targets, one for each epoch of each, with `ensv` and `gde` where they hold the same rows.

    targets: a list of what `transfer` takes, or one of it. options: as for `transfer`.

    >>> import numpy as np
    >>> X = np.repeat(np.eye(3), 40, axis=0)
    >>> run = {"embedding": np.vstack([X, X]), "logits": np.vstack([2 * X, 9 * X]), "epoch": np.repeat([1, 2], 120)}
    >>> [round(report["average_confidence"].value, 3) for report in transfer_all(run, only="average_confidence")]
    [0.787, 1.0]
    """
    chosen = checked("transfer", options)
    given = targets if isinstance(targets, list | tuple) else [targets]
    opened = [one for target in given for one in opened_for("transfer", target, chosen)]
    reports = [_measured("transfer", one, chosen, progress) for one in opened]
    if len(reports) > 1:
        compared(reports)
    return reports


def opis(source: Any, *, progress: Progress = silent, **options: Any) -> Report:
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
    rows = GROUP_ROWS if options.get("group") is not None else PSEUDO_ROWS
    return _measured("opis", source, checked("opis", {"sample": rows, **options}), progress)


def opened_for(command: str, source: Any, chosen: Options) -> list[Any]:
    """The data sets that a source holds for a command: one, and for `transfer` one for each epoch.

    A checkpoint that is to be run over data first is left as it is.
    """
    if isinstance(source, Source) or chosen.data is not None:
        return [source]
    if command == "transfer":
        return adaptation.open_targets(source, columns(chosen), chosen.setting)
    scores = (chosen.logits or AUTO) if command == "evaluate" else None
    return [open_source(source, replace(columns(chosen), outputs=scores))]


def evaluate(source: Any, *, progress: Progress = silent, **options: Any) -> Report:
    """Every metric that the input allows, in one pass over the data. Arguments: all of `Options`.

    >>> import numpy as np
    >>> evaluate(np.eye(8), only=("stable_rank",))["stable_rank"].value
    8.0
    """
    return _measured("evaluate", source, checked("evaluate", options), progress)


def doctor(source: Any, *, progress: Progress = silent, **options: Any) -> Report:
    """What is wrong with the data, before any metric: every defect with its count and first row.

    Arguments as for `rank`, without group and only; bad rows are counted, never refused. The findings are
    `report.input.defects`.

    >>> import numpy as np
    >>> [d.kind for d in doctor(np.zeros((4, 2))).input.defects]
    ['zero', 'duplicate', 'few_rows', 'collapsed']
    """
    chosen = checked("doctor", options)
    if run_first(source, chosen):
        return embedded(
            source, chosen, lambda path, inner: opened_for("doctor", path, inner)[0],
            lambda rows, inner: _doctored(rows, inner, progress), progress,
        )  # fmt: skip
    return _doctored(source, chosen, progress)


def _doctored(source: Any, chosen: Options, progress: Progress) -> Report:
    opened = open_source(source, columns(chosen))
    with limited_threads(chosen.threads):
        found = _surveyed(opened, frozenset({"moments", "sample"}), chosen, "count", progress)
        defects = findings(found, located=True)
    return _report("doctor", found, chosen, {}, defects)


def _measured(command: str, source: Any, chosen: Options, progress: Progress) -> Report:
    if run_first(source, chosen):
        return embedded(
            source, chosen, lambda path, inner: opened_for(command, path, inner)[0],
            lambda rows, inner: _measured(command, rows, inner, progress), progress,
        )  # fmt: skip
    (opened,) = opened_for(command, source, chosen)
    on_request = tuple(ON_REQUEST) if chosen.homology else ()
    scored = opened.outputs is not None or chosen.head is not None
    metrics = selected(command, chosen.only, on_request, scored=scored, grouped=chosen.group is not None)
    needs = frozenset(need for metric in metrics for need in metric.needs)
    adapted = any(metric.family == "transfer" for metric in metrics)
    behind = adaptation.source_of(opened, columns(chosen), chosen.setting) if command == "transfer" else None
    with limited_threads(chosen.threads):
        refuse_zero = command in ("separability", "opis")
        group_rows = chosen.sample if command == "opis" else GROUP_ROWS

        def of(one: Source, wanted: Wanted | None) -> Survey:
            bad, zero = chosen.on_bad, refuse_zero
            return _surveyed(
                one, needs, chosen, bad, progress, metrics, refuse_zero=zero, wanted=wanted, group_rows=group_rows
            )

        headed = any(metric.name in HEADED for metric in metrics)
        found = adaptation.surveyed(opened, behind, chosen.setting, of, headed=headed) if adapted else of(opened, None)
        if "groups" in needs:
            found.evidence.grouping = grouping_of(found, chosen, lambda one: of(one, None))
    report = report_of(command, found, metrics, chosen, progress)
    if chosen.freeze is not None:
        if "groups" not in needs:
            raise UsageError("freeze: none of the metrics of `only` makes groups; name pseudo_opis there too")
        if isinstance(done_with := judged(found.evidence), Judged):
            freeze(found, done_with, chosen.freeze)
        else:
            report.warnings.append(f"no groups were frozen: {done_with.reason}")
    if adapted:
        report = with_outputs(report, found, chosen.setting)
    if "moments" in needs and found.evidence.n >= 2 and command not in ("separability", "opis"):
        report.series["spectrum"] = _spectrum_series(found.evidence)
    report.series.update(group_series(found.evidence))
    if (deaths := death_series(found.evidence)) is not None:
        report.series["deaths"] = deaths
    return report


def report_of(
    command: str, found: Survey, metrics: Sequence[Metric], chosen: Options, progress: Progress = silent
) -> Report:
    """The report of a command on what a pass has found: its metrics, and what is wrong with the rows."""
    entries = {}
    found.evidence.topology = chosen.topology
    with limited_threads(chosen.threads):
        for done, metric in enumerate(metrics):
            progress("computing metrics", done / len(metrics))
            entries[metric.name] = MetricEntry.of(metric, metric.compute(found.evidence))
        progress("computing metrics", 1.0)
        return _report(command, found, chosen, entries, findings(found))


def _surveyed(
    opened: Source,
    needs: frozenset[Need],
    chosen: Options,
    on_bad: OnBad,
    progress: Progress,
    metrics: Sequence[Metric] = (),
    *,
    refuse_zero: bool = False,
    wanted: Wanted | None = None,
    group_rows: int | None = None,
) -> Survey:
    check_memory(opened, needs, metrics, chosen)
    sample = chosen.sample
    if "groups" in needs and chosen.group is not None:  # pairs are of the sample of groups
        sample = SAMPLE if sample is None else min(sample, SAMPLE)
    return survey(
        opened,
        needs,
        kernels=kernels_for(chosen.device),
        on_bad=on_bad,
        refuse_zero=refuse_zero,
        sample=sample,
        group_rows=group_rows,
        seed=chosen.seed,
        threads=chosen.threads,
        progress=progress,
        wanted=wanted,
    )


def _report(
    command: str,
    found: Survey,
    chosen: Options,
    entries: dict[str, MetricEntry],
    defects: Iterable[Finding],
) -> Report:
    source, e = found.source, found.evidence
    defects = list(defects)
    sampled = len(e.drawn.keys) if e.drawn is not None else 0
    if command == "opis" and e.grouping is not None and e.grouping.given is not None and chosen.group is not None:
        sampled = len(e.grouping.given.keys) if e.grouping.given.sampled else 0
    kept = [name for name in options_of(command) if name not in ("threads", *MODELS)]
    settings: dict[str, Any] = {name: getattr(chosen, name) for name in kept}
    settings |= {name: told(settings[name]) for name in ("source", "head", "groups_from", "freeze") if name in settings}
    if "far" in settings:
        settings |= {"far": list(chosen.zone.far), "k": list(chosen.k)}
    settings["only"] = list(chosen.only)
    settings["sample"] = "all" if chosen.sample is None else chosen.sample
    return Report(
        command=command,
        input=Input(
            sources=[source.name],
            fingerprint=found.fingerprint,
            rows_hash=found.rows_hash,
            column=source.column,
            id=source.roles.get("id"),
            layout=source.layout,
            dtype=source.dtype,
            n=e.n,
            d=e.d,
            rows=row_counts(found),
            sample=SampleInfo(size=sampled, seed=chosen.seed) if 0 < sampled < e.n else None,
            defects=[Defect(**asdict(d)) for d in defects] if command == "doctor" else None,
        ),
        settings=settings,
        metrics=entries,
        warnings=[str(d) for d in defects],
    )


def _spectrum_series(e: Evidence) -> dict[str, Any]:
    """Singular values of the rows and of the centered rows, for pictures and -o FILE.parquet."""
    raw = e.raw.sigma * e.n**0.5
    centered = np.zeros_like(raw)
    centered[: len(e.centered.eigenvalues)] = e.centered.sigma * e.n**0.5
    return {"index": np.arange(1, len(raw) + 1), "singular_value": raw, "singular_value_centered": centered}
