"""A choice with a few labels: what those that were given say, and which rows to label next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelfree.arrays import Index
from labelfree.commands.candidate_rows import CandidateRows
from labelfree.commands.chosen import Chosen
from labelfree.commands.comparing import apart_interval
from labelfree.commands.label_files import GivenLabels
from labelfree.documents.findings import Finding
from labelfree.documents.wording import counted
from labelfree.errors import UsageError, option
from labelfree.families.selection.labels import apart, compared, detectable, reach, rows_to_label
from labelfree.reports.entries import FindingEntry
from labelfree.reports.select import LabelBudget, LabelDifference, LabelResult

CHECKED = 3
"""Candidates that labels compare where the rule leaves one alone."""
OFF = 0.3
"""How far the weights may be from the rows that they stand for, as a share of those."""


def _votes(found: Sequence[CandidateRows], names: Sequence[str]) -> Index:
    """Predictions (C, n) of the candidates of these names, in the order of the names."""
    every = {one.name: one.votes for one in found}
    return np.stack([votes for votes in (every[name] for name in names) if votes is not None])


def _possible(report: Chosen) -> list[str]:
    """The candidates that may be the best: where the rule leaves one, it and those that come next, to check it."""
    if len(report.plausible) > 1:
        return report.plausible
    return [one.name for one in report.candidates if one.status != "vetoed"][:CHECKED]


def by_labels(report: Chosen, found: Sequence[CandidateRows], given: GivenLabels) -> Chosen:
    """The choice by labels among the candidates that the rule leaves."""
    names = _possible(report)
    if len(names) < 2:
        raise UsageError(
            f"{option('labels')}: {counted(len(names), 'candidate')} may be the best, and labels choose among several"
        )
    votes = _votes(found, names)
    of = votes.shape[1]
    said = compared(votes[:, given.rows], range(len(names)), given.label, given.weight, of, 0)
    leader = names[said.leader]
    others = [(names[c], one) for c, one in said.differences.items()]
    furthest = max((c for c in said.differences), key=lambda c: int((votes[c] != votes[said.leader]).sum()))
    there = votes[furthest][given.rows] != votes[said.leader][given.rows]
    apart_weights = given.weight[there] if there.any() else given.weight
    result = LabelResult(
        rows=len(given.rows), left_out=given.left_out, leader=leader,
        differences=[
            LabelDifference(name=name, difference=d.value, se=d.se, interval=d.interval, labelled=d.labelled)
            for name, d in others
        ],
        detectable=detectable(float((apart_weights**2).sum()), float(apart_weights.mean()), of),
    )  # fmt: skip
    left = [names[c] for c in said.left]
    told = [*report.findings, *_told(given, votes, of, report)]
    decided = len(left) == 1
    decision = "keep" if decided else "undecided" if report.decision == "undecided" else "tie"
    reason = None
    if decision == "undecided":
        reason = f"{counted(len(given.rows), 'label')} do not tell {' and '.join(left[:2])} apart" + (
            f", nor {len(left) - 2} more" if len(left) > 2 else ""
        )
    best = _votes(found, [leader])[0]
    entries = []
    for one in report.candidates:
        status = "best" if one.name == leader else "tied" if one.name in left else one.status
        status = "worse" if one.name in names and one.name not in left else status
        votes_of = next(c.votes for c in found if c.name == one.name)
        share = None if votes_of is None else float((votes_of != best).mean())
        away = {"apart_from_best": share, "apart_interval": apart_interval(share, of)}
        entries.append(one.model_copy(update={"status": status, **away}))
    entries.sort(key=lambda one: (one.status != "best", one.status != "tied"))
    return report.updated(
        decision=decision, chosen=leader if decision != "undecided" else None,
        advice=leader if decision == "undecided" else None, tied=left,
        plausible=[*left, *(n for n in report.plausible if n not in names)], reason=reason,
        reason_code="labels_do_not_decide" if reason else None, candidates=entries, labels=result, findings=told,
    )  # fmt: skip


def _told(given: GivenLabels, votes: Index, of: int, report: Chosen) -> list[FindingEntry]:
    """What to know of the labels."""
    found = []
    if given.left_out:
        said = f"{counted(given.left_out, 'label')} of rows that were not compared are not used"
        found.append(Finding("labels_left_out", said, f"raise {option('sample')}", count=given.left_out))
    if given.open:
        said = f"{counted(given.open, 'row')} of the file have no label yet: the others stand for them"
        found.append(Finding("open_labels", said, count=given.open))
    total, there = float(given.weight.sum()), int((apart(votes) > 0).sum())
    if abs(total - of) > OFF * of and abs(total - there) > OFF * there:
        said = f"the weights of the labels sum to {total:,.0f}, and stand for neither {there:,} nor {of:,} rows"
        found.append(
            Finding("odd_weights", said, "leave rows without a label in the file, or leave the column weight out")
        )
    names = [one.source for one in report.candidates]
    return [FindingEntry.of(one, names) for one in found]


def budget(report: Chosen, found: Sequence[CandidateRows], rows: int, ids: Sequence[object], seed: int) -> Chosen:
    """The choice with the rows whose labels would tell most of the candidates that are left; ids: of the rows."""
    names = _possible(report) if report.labels is None else report.tied
    if len(names) < 2:
        decided = (
            f"the labels that were given put {names[0]} ahead"
            if report.labels and names
            else (f"{counted(len(names), 'candidate')} may be the best")
        )
        raise UsageError(f"{option('label_budget', rows)}: {decided}, and labels choose among several; leave it out")
    votes = _votes(found, names)
    if not apart(votes).any():
        raise UsageError(
            f"{option('label_budget', rows)}: {', '.join(names[:4])} predict the same on every row, so that no label "
            "tells them apart; keep any of them"
        )
    drawn = rows_to_label(votes, rows, seed)
    told = reach(votes, 0, rows)
    made = report.updated(
        label_budget=LabelBudget(
            rows=len(drawn.rows), apart=drawn.apart, candidates=names, detectable=told.detectable,
            possible=told.possible, uniform=told.uniform, for_a_point=told.for_a_point,
        )
    )  # fmt: skip
    made._drawn, made._ids = drawn, ids
    return made
