"""Checkpoints as candidates: each run over the same data first, into a file that is gone when the choice is made."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelfree.commands.candidate_sources import Named, in_short
from labelfree.commands.checkpoints import checkpoint_files
from labelfree.commands.options import MODELS, Options
from labelfree.documents.findings import Finding
from labelfree.errors import UsageError, option
from labelfree.models.embedding import embed
from labelfree.progress import Progress
from labelfree.survey import targets


def embedded_candidates(
    candidates: Any, chosen: Options, place: Path, progress: Progress
) -> tuple[list[Named], list[Finding]]:
    """The checkpoints as candidates, each run over the data into a file in `place`; and what is to be known of that."""
    given = list(candidates) if isinstance(candidates, list | tuple) else [candidates]
    if isinstance(candidates, Mapping) or not all(isinstance(one, str | os.PathLike) for one in given):
        raise UsageError(f"{option('data')}: expected checkpoints by their paths, found something else; leave it out")
    if chosen.source is not None:
        raise UsageError(
            f"{option('source')}: expected source rows that each checkpoint has embedded, and {option('data')} embeds "
            "the target alone; write both with labelfree embed, the source as NAME.source.parquet"
        )
    if len(given) < 2:
        raise UsageError(
            f"expected at least 2 candidates to choose among, found one ({given[0]}); name more checkpoints"
        )
    checkpoint_files(given, chosen)
    names = [os.fspath(one) for one in given]
    found, told = [], list[Finding]()
    for i, name in enumerate(names):

        def said(stage: str, done: float, i: int = i) -> None:
            progress(f"{stage} {i + 1}/{len(names)}", done)

        one, more = _embedded(name, chosen, place / f"candidate-{i}.parquet", said)
        found.append(one)
        told += more
    return in_short(found), told


def _embedded(name: str, chosen: Options, path: Path, progress: Progress) -> tuple[Named, Sequence[Finding]]:
    """One checkpoint as a candidate."""
    done = embed(
        name, data=chosen.data, output=path, column=chosen.column, id=chosen.id, on_bad=chosen.on_bad,
        model=chosen.model, layer=chosen.layer, pool=chosen.pool, trust_code=chosen.trust_code, device=chosen.device,
        batch_size=chosen.batch_size, memory=chosen.memory, threads=chosen.threads, progress=progress,
    )  # fmt: skip
    defaults: dict[str, Any] = {one: Options.__dataclass_fields__[one].default for one in MODELS}
    inner = replace(chosen, column="embedding", id=None, **defaults)
    (rows,) = targets.open_targets(str(path), inner.columns, inner.setting)
    told = [Finding("model_run", said, sources=(name,)) for said in done.warnings]
    for what, count in done.dropped.items():
        said = f"{count} rows of {done.data} were left out: {what}"
        told.append(Finding("left_out", said, count=count, sources=(name,)))
    return Named(name, replace(rows, name=name, files=(name,))), told
