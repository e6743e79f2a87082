"""A small sample of every check, in files: what `labelfree select` needs to name the step to keep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.arrays import Rows
from labelfree.documents.files import atomically
from labelfree.errors import OutputError, UsageError
from labelfree.evidence.evidence import Evidence
from labelfree.summaries.sample import Drawn

_NAME = re.compile(r"step_(\d+)\.parquet")


def taken_up(place: Path, resume: int | None) -> int:
    """Make the directory ready for a run that begins, or goes on from a step: files of later steps are removed.

    Returns how many. Refuses a directory that holds the files of another run.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        steps = {int(m[1]): path for path in place.iterdir() if (m := _NAME.fullmatch(path.name))}
        if steps and resume is None:
            raise UsageError(
                f"keep: expected no file of a step in {place}, for the run begins, found {len(steps)} (such as "
                f"{steps[min(steps)].name}); name another directory, or say with resume which step training goes on "
                "from"
            )
        later = [path for step, path in steps.items() if resume is not None and step > resume]
        for path in later:
            path.unlink()
    except OSError as error:
        raise OutputError(f"keep: {place} cannot be written ({error.strerror or error})") from error
    return len(later)


def kept(place: Path, step: int, e: Evidence, ids: Any, head: Any, *, hashed: bool = False) -> str:
    """Write the sampled rows of a check to place/step_STEP.parquet, and say what and how much that was.

    ids: of all rows, by position; where there are none their positions name the rows, or the hashes of ids that came
    with the batches (hashed). head: the classifier's head, a torch.nn.Linear whose input the rows are, which gives
    their logits where the evidence holds none; or None.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    drawn = e.drawn
    if drawn is None:
        raise UsageError("keep: expected a sample of the rows, found none")
    rows = np.asarray(drawn.rows, np.float32)
    logits = None if head is None else scored(rows, head)
    if e.outputs is not None and e.outputs.logits is not None:
        logits = np.asarray(e.outputs.logits, np.float32)
    columns: dict[str, Any] = {"id": _named(drawn, ids, hashed)}
    for name, values in (("embedding", rows), ("logits", logits)):
        if values is not None:
            columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    table = pa.table(columns)
    path = place / f"step_{step}.parquet"
    atomically(path, lambda target: pq.write_table(table, target, compression="none"))
    size = path.stat().st_size
    width = f"{rows.shape[1]}" + ("" if logits is None else f" + {logits.shape[1]}")
    without = "" if logits is not None else ", without logits: none are there, and no linear head reads these features"
    return f"keep: {len(rows)} rows x {width} numbers of every check in {place}, {size / 1e6:.1f} MB each{without}"


def scored(rows: Rows, head: Any) -> Rows | None:
    """The logits (n, K) of a linear layer as it is now, or None where it is none that takes these rows."""
    weight, bias = (getattr(head, name, None) for name in ("weight", "bias"))
    if weight is None or getattr(weight, "ndim", 0) != 2 or weight.shape[1] != rows.shape[1]:
        return None
    found = rows @ weight.detach().float().cpu().numpy().T
    if bias is not None:
        found = found + bias.detach().float().cpu().numpy()
    return np.asarray(found, np.float32)


def _named(drawn: Drawn, ids: Any, hashed: bool) -> Any:
    if hashed:
        return drawn.keys.view(np.int64)
    return drawn.index if ids is None else np.asarray(ids)[drawn.index]
