"""Which rows are unusual beside the reference, by their ids, and in which slices of a column they lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.commands.column_values import left_out, slices, values_at
from labelfree.documents.findings import Finding
from labelfree.documents.wording import counted
from labelfree.errors import option
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.once import once
from labelfree.evidence.scaling import directions
from labelfree.families.drift.energy import between
from labelfree.families.drift.shares import LEAST_CALIBRATION, beyond, usual_scale
from labelfree.families.drift.sides import LEAST
from labelfree.families.drift.unusual import called, halves
from labelfree.families.transfer.distances import ROWS
from labelfree.reports.drift import Slice, Slices, Unusual, UnusualRow
from labelfree.results import Result
from labelfree.sources.block import Source
from labelfree.survey.found import Survey
from labelfree.survey.repetitions import finite
from labelfree.survey.shards import block_rows

FALSE = 0.1
SHOWN, NEAREST = 10, 3
DIVISIONS = 99
"""Random divisions of a slice, for the spread of its energy ratio."""


@dataclass(frozen=True)
class Told:
    """The most unusual rows as a report holds them, what is to be known of them, and where in the sample those stand
    that can be singled out.
    """

    part: Unusual
    told: Finding | None
    out: Index


def unusual(found: Survey) -> Told:
    """The most unusual of the sampled rows."""
    e = found.evidence
    assert e.drawn is not None
    assert e.reference is not None
    scale = once(e.reference, usual_scale)
    scores = scale.score(e.drawn.rows, None if e.outputs is None else e.outputs.logits)
    p = scale.p_values(scores)
    count, n = called(p, FALSE), len(scale.calibration)
    order = _order(scores, e.drawn.index)
    first = order[:SHOWN]
    ids = ids_at(found.source, e.drawn.index[first])
    near = _nearest(found, e.drawn.rows[first])
    rows = [
        UnusualRow(id=name, p_value=float(p[i]), score=float(scores[i]), nearest=close)
        for name, i, close in zip(ids, first, near, strict=True)
    ]
    part = Unusual(
        method=scale.method, scored=len(p), calibration_rows=n, singled_out=count, false_share=FALSE, rows=rows
    )
    return Told(part, _too_few(len(p), n, count), order[:count])


def _too_few(rows: int, calibration: int, count: int) -> Finding | None:
    """What to say where single rows could not be named, however unusual."""
    needed = -(-rows // int(FALSE * (calibration + 1))) if FALSE * (calibration + 1) >= 1 else rows
    if count or needed <= 1:
        return None
    said = (
        f"the least p-value of a row is 1 in {calibration + 1:,}: among {counted(rows, 'row')} fewer than "
        f"{needed:,} unusual ones cannot be named"
    )
    return Finding("not_singled_out", said, f"more reference rows can, with a larger {option('sample')}")


def _order(scores: Float, index: Index) -> Index:
    """The most unusual first; of equal ones the first in the data."""
    return np.asarray(np.lexsort((index, -scores)), np.int64)


def ids_at(source: Source, index: Index) -> list[Any]:
    """The ids of rows at these positions, or the positions where there are none, as in a summary."""
    if "id" not in source.roles or source.values is None or source.summaries:
        return [int(i) for i in index]
    return values_at(source, source.roles["id"], index)


def _nearest(found: Survey, rows: Rows) -> list[list[dict[str, Any]]]:
    """The nearest reference rows of each row, by id, with the distance of rows of length one."""
    behind = found.behind
    assert behind is not None
    drawn = behind.evidence.drawn
    assert drawn is not None
    fitted, _ = halves(behind.evidence)
    others, points = directions(drawn.rows[fitted]), directions(rows)
    away = np.sqrt(np.maximum(
        (points**2).sum(axis=1)[:, None] - 2 * points @ others.T + (others**2).sum(axis=1), 0.0
    ))  # fmt: skip
    near = np.argsort(away, axis=1, kind="stable")[:, :NEAREST]
    ids = iter(ids_at(behind.source, drawn.index[fitted[near.ravel()]]))
    return [[{"id": next(ids), "distance": float(away[i, j])} for j in row] for i, row in enumerate(near)]


def every_row(found: Survey, by: Slices | None) -> dict[str, Any]:
    """How unusual every row of the data set is: columns id, p_value and score, the most unusual first.

    Reads the data set once more. by: slices, whose column is added.
    """
    e, source = found.evidence, found.source
    assert e.reference is not None
    scale = once(e.reference, usual_scale)
    scores, places = [], []
    for block in source.read(block_rows(source.d)):
        good = finite(block)
        scores.append(scale.score(block.rows[good], None))
        places.append(block.index[good])
    score = np.concatenate(scores) if scores else np.empty(0)
    index = np.concatenate(places) if places else np.empty(0, np.int64)
    order = _order(score, index)
    columns = {
        "id": ids_at(source, index[order]), "p_value": scale.p_values(score[order]).tolist(),
        "score": score[order].tolist(),
    }  # fmt: skip
    return columns if by is None else columns | {by.column: values_at(source, by.column, index[order])}


def sliced(found: Survey, by: str, *, sliced_too: bool) -> Slices:
    """The sampled rows by the values of a column: how many lie beyond the reference, how far each has drifted.

    sliced_too: whether the reference has the column: rows are then compared with those of the same value.
    """
    e, behind = found.evidence, found.behind
    assert behind is not None
    drawn, known = e.drawn, behind.evidence.drawn
    if drawn is None or known is None:
        return Slices(column=by, left_out=0, slices=[])
    parts = slices(values_at(found.source, by, drawn.index))
    usual: dict[str, Index] = {}
    if sliced_too:
        names = ["(none)" if v is None else str(v) for v in values_at(behind.source, by, known.index)]
        held = np.array(names, dtype=object)
        usual = {name: np.flatnonzero(held == name) for name in parts}
    made = []
    for name, rows in parts.items():
        own = usual.get(name, np.empty(0, np.int64))
        made.append(_slice(e, behind.evidence, name, rows, own, sliced_too))
    made.sort(key=lambda one: (-(one.beyond or 0.0), -one.rows, one.value))
    return Slices(column=by, left_out=left_out(parts, len(drawn.keys)), slices=made)


def _slice(e: Evidence, behind: Evidence, name: str, rows: Index, own: Index, sliced_too: bool) -> Slice:
    assert e.drawn is not None
    assert behind.drawn is not None
    part = replace(e, n=len(rows), drawn=e.drawn.take(rows), reference=behind)
    share = energy = None
    if len(rows) >= LEAST:
        if len(behind.drawn.keys) // 2 >= LEAST_CALIBRATION:
            share = beyond(part, 0.05)
        same = sliced_too and len(own) >= LEAST
        others = behind.drawn.rows[own] if same else behind.drawn.rows
        found = between(e.drawn.rows[rows[:ROWS]], others[:ROWS], DIVISIONS, e)
        energy = None if isinstance(found, Result) else found.test
    else:
        same = False
    return Slice(
        value=name, rows=len(rows), share=len(rows) / len(e.drawn.keys),
        reference_share=len(own) / len(behind.drawn.keys) if sliced_too else None,
        beyond=None if share is None else share.value, beyond_interval=None if share is None else share.interval,
        energy_ratio=None if energy is None else energy.value,
        energy_interval=None if energy is None else energy.interval, against="the same value" if same else "all rows",
    )  # fmt: skip
