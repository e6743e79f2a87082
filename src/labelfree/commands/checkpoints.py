"""Checkpoints as data sets: embedded into a temporary file, measured there, and named as what they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from labelfree.catalog import command
from labelfree.commands.next_command import next_command
from labelfree.commands.options import MODELS, Options
from labelfree.commands.report import Report
from labelfree.commands.reporting import setting_name
from labelfree.documents.findings import Finding
from labelfree.documents.leftovers import temporary_directory
from labelfree.errors import UsageError, option
from labelfree.models.embedding import Embedding, embed
from labelfree.models.items.opening import open_data
from labelfree.models.networks.factories import imported
from labelfree.models.networks.opening import check_checkpoint
from labelfree.progress import Progress
from labelfree.reports.rows import ModelInfo
from labelfree.sources.block import Source


def run_first(source: Any, chosen: Options) -> bool:
    """Whether a source is a checkpoint that is to be run over data before anything is measured."""
    return chosen.data is not None and not isinstance(source, Source)


def checkpoint_files(checkpoints: Sequence[Any], chosen: Options) -> dict[str, list[str]]:
    """The files of checkpoints and data, by what they are; what cannot be run is refused before any work."""
    for checkpoint in checkpoints:
        if isinstance(checkpoint, list):
            raise UsageError(
                f"{option('concat')}: every checkpoint is a data set of its own; leave it out, or {option('data')}"
            )
        check_checkpoint(checkpoint)
    return {"SOURCE": list(checkpoints), option("data"): [os.fspath(chosen.data)]}


def check_runnable(chosen: Options) -> None:
    """Refuse data that do not open, and a factory that cannot be imported, before there is a checkpoint to run."""
    open_data(chosen.data, column=chosen.column, id=chosen.id, keep=_kept(chosen), on_bad=chosen.on_bad)
    if isinstance(chosen.model, str):
        imported(chosen.model)


def _kept(chosen: Options) -> list[str]:
    """Columns of the data that are carried along."""
    return [name for name in (chosen.group, chosen.audit) if name is not None]


def embedded(
    checkpoint: Any,
    chosen: Options,
    opening: Callable[[str, Options], Source],
    measure: Callable[[Source, Options], Report],
    progress: Progress,
) -> Report:
    """The report on the embeddings of a checkpoint.

    opening, measure: the data set of a file of embeddings, and the report on one, with the options for it. Head and
    logits of the checkpoint are those of the report where none were named; columns that the options name are carried
    along from the data.
    """
    if not isinstance(checkpoint, str | os.PathLike):
        raise UsageError(
            f"{option('data')}: expected one checkpoint by its path to run over it, found {type(checkpoint).__name__}; "
            "leave it out to measure rows"
        )
    with temporary_directory() as place:
        done = embed(
            checkpoint, data=chosen.data, output=place / "embeddings.parquet", column=chosen.column, id=chosen.id,
            keep=_kept(chosen), on_bad=chosen.on_bad, model=chosen.model, layer=chosen.layer, pool=chosen.pool,
            trust_code=chosen.trust_code, device=chosen.device, batch_size=chosen.batch_size, memory=chosen.memory,
            threads=chosen.threads, progress=progress,
        )  # fmt: skip
        defaults: dict[str, Any] = {name: Options.__dataclass_fields__[name].default for name in MODELS}
        inner = replace(
            chosen, column="embedding", id=None, head=done.head if chosen.head is None else chosen.head,
            **defaults,
        )  # fmt: skip
        rows = replace(opening(done.path, inner), name=done.checkpoint, files=(done.checkpoint,))
        report = measure(rows, inner)
    return _named(report, done, chosen)


def _named(report: Report, done: Embedding, chosen: Options) -> Report:
    """The report with the model, the options that concern it, and what its run gave to know."""
    settings = {**report.settings, "column": chosen.column, "id": chosen.id}
    settings |= {name: getattr(chosen, name) for name in MODELS} | {
        name: setting_name(getattr(chosen, name)) for name in ("data", "model")
    }
    model = ModelInfo(checkpoint=done.checkpoint, data=done.data, facts=done.facts)
    for what, count in done.dropped.items():
        report.note(Finding("left_out", f"{count} rows of {done.data} were left out: {what}", count=count))
    for said in done.warnings:
        report.note(Finding("model_run", said))
    changes: dict[str, Any] = {"settings": settings, "input": report.input.model_copy(update={"model": model})}
    if report.state is not None:
        after = next_command(command(report.command), report.state.state, done.checkpoint, chosen.column, chosen.data)
        changes["state"] = report.state.model_copy(update={"next": after})
    return report.model_copy(update=changes)
