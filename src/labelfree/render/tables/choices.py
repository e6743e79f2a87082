"""A choice among candidates as a table for people, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.text import Text

from labelfree.documents.files import atomically, check_targets
from labelfree.documents.finding_codes import Severity
from labelfree.documents.findings import SEVERITIES, with_fix
from labelfree.documents.wording import cell, counted
from labelfree.errors import option
from labelfree.render.console import SEVERITY_STYLES, console_for
from labelfree.render.numbers import number, signed
from labelfree.render.tables.blocks import Column, print_blocks
from labelfree.reports.entries import FindingEntry
from labelfree.reports.select import CandidateEntry, SelectReport

LABELS = 50
"""Labels of uniformly drawn rows with which choosing loses less than by the rule, in both settings with logits
(docs/evidence/select.md)."""
_NAMED = 4
_HEADS = {"keep": "green", "tie": "green", "undecided": "yellow"}
_WITH = {
    "source+logits": "by class scores and labelled source rows", "logits": "by class scores",
    "ordered": "by embeddings of steps in order", "unordered": "by embeddings",
}  # fmt: skip
SHOWN: Mapping[str, Sequence[str]] = {
    "source+logits": ("refit_agreement", "neighbor_information", "refit_accuracy", "shares_met"),
    "logits": ("cluster_agreement", "neighbor_agreement", "own_agreement", "vote_agreement", "shares_met"),
    "ordered": ("neighbor_consensus", "structure"),
    "unordered": ("neighbor_consensus", "rank"),
}
"""Parts in the table that is not asked for everything, by the setting: what the score is made of."""


def answer(report: SelectReport) -> str:
    """The answer in a line: what to keep and what ties with it, or why it is undecided and what is best by score."""
    if report.decision == "undecided":
        advice = "" if report.advice is None else f"; highest score: {report.advice}"
        return f"undecided: {report.reason}{advice}"
    if report.decision == "keep":
        return f"keep {report.chosen}" + _runner_up(report)
    share = max((report.candidate(name).apart_from_best or 0.0 for name in report.tied), default=0.0)
    each = "they differ on" if len(report.tied) < 3 else "they differ from it on up to"
    return f"keep {report.chosen}: {_and(report.tied)} tie, {each} {_percent(share)} of rows"


def _runner_up(report: SelectReport) -> str:
    """What a single candidate is ahead of."""
    live = [one for one in report.candidates if one.status != "vetoed"]
    if report.labels is not None:
        behind = _and([d.name for d in report.labels.differences])
        return f": {counted(report.labels.rows, 'label')} put it ahead of {behind}"
    if len(live) < 2:
        return ": no other candidate is sound"
    share = live[1].apart_from_best
    return f": {live[1].name} is next" + ("" if share is None else f", and differs on {_percent(share)} of rows")


def _and(names: Sequence[str]) -> str:
    """Names in a sentence."""
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _percent(share: float) -> str:
    """A share in percent, with a decimal where there is one to tell."""
    return f"{100 * share:.1f} %" if share < 0.995 else f"{100 * share:.0f} %"


def heading(report: SelectReport) -> list[str]:
    """How many candidates, on which rows, and by what."""
    of = report.input
    rows = f"{of.n:,} rows" if of.sample is None else f"{of.sample.size:,} of {of.n:,} rows"
    joined = "joined by position" if of.id is None else f"joined by {of.id}"
    classes = "" if of.classes is None else f", {counted(of.classes, 'class').replace('classs', 'classes')}"
    rule = f"{report.rule.name}/v{report.rule.version}"
    return [f"{len(report.candidates)} candidates {_WITH[report.setting]} ({report.setting}, {rule})",
            f"{rows} of each, {joined}{classes}"]  # fmt: skip


def columns(report: SelectReport, everything: bool) -> dict[str, list[str]]:
    """The cells of the table under their headings."""
    every = list(dict.fromkeys(name for one in report.candidates for name in one.parts))
    names = every if everything else [name for name in SHOWN[report.setting] if name in every]
    found = {
        "status": [one.status if one.veto is None else f"{one.status}: {one.veto}" for one in report.candidates],
        "score": [_value(one.score) for one in report.candidates],
    }
    if everything:
        found["se"] = [_value(one.se) for one in report.candidates]
    if any(one.apart_from_best is not None for one in report.candidates):
        found["apart"] = [
            "-" if (share := one.apart_from_best) is None else _percent(share) for one in report.candidates
        ]
    return found | {name: [_value(one.parts.get(name)) for one in report.candidates] for name in names}


def _value(value: float | None) -> str:
    if value is not None and value == round(value) and abs(value) >= 2:
        return number(value, 0)
    return number(value, 1 if value is not None and abs(value) >= 100 else 4)


def notes(report: SelectReport, everything: bool) -> list[str]:
    """What stands below the table: the bound that needs no label, labels, what other scores would have chosen."""
    found = []
    best = report.chosen or report.advice
    if (one := _bound(report)) is not None and one.apart_interval is not None:
        share, (low, high) = one.apart_from_best or 0.0, one.apart_interval
        found.append(
            f"{one.name} and {best} disagree on {_percent(share)} of these rows, so they differ by at most "
            f"{100 * share:.1f} points on them ({100 * low:.1f} to {100 * high:.1f} on all such rows, Wilson 95 %)"
        )
    if (labels := report.labels) is not None:
        found.append(
            f"{counted(labels.rows, 'label')}: accuracy of {labels.leader} less that of the others, in points:"
        )
        for d in labels.differences:
            ends = " to ".join(signed(100 * end, 1) for end in d.interval)
            found.append(f"  {d.name}: {signed(100 * d.difference, 1)} ({ends}), {d.labelled} labels apart")
        found.append(f"so many labels find a difference of {100 * labels.detectable:.1f} points in 9 of 10 cases")
    if (budget := report.label_budget) is not None:
        found += _budget(budget.rows, budget.apart, budget.detectable, budget.possible, budget.uniform,
                         budget.for_a_point, budget.candidates)  # fmt: skip
    if everything and report.alone:
        by_choice: dict[str, list[str]] = {}
        for score, name in report.alone.items():
            by_choice.setdefault(name, []).append(score)
        found += [f"{', '.join(scores)} alone would have chosen {name}" for name, scores in by_choice.items()]
    return found


def _budget(
    rows: int, apart: int, detectable: float, possible: float, uniform: int, point: int | None, names: Sequence[str]
) -> list[str]:
    """What labels of the drawn rows can tell."""
    said = f"{counted(rows, 'row')} to label, of {apart:,} on which {_and(names)} disagree"
    found = [f"{said}; {uniform:,} uniformly drawn rows would tell as much"]
    if detectable < possible:
        found.append(
            f"labels of them find a difference of {100 * detectable:.1f} points in 9 of 10 cases; up to "
            f"{100 * possible:.1f} points are possible"
        )
    else:
        found.append(
            f"labels of them find a difference of {100 * detectable:.1f} points in 9 of 10 cases, and no more than "
            f"{100 * possible:.1f} points are possible: more labels are needed"
        )
    found.append("no number of labels of these rows finds one point" if point is None else f"one point takes {point:,}")
    return found


def _bound(report: SelectReport) -> CandidateEntry | None:
    """The candidate whose disagreement with the best bounds what is lost: one that ties, is plausible or is next."""
    best = report.chosen or report.advice
    live = [one.name for one in report.candidates if one.status != "vetoed"]
    for names in (report.tied, report.plausible, live[:2]):
        others = [report.candidate(name) for name in names if name != best]
        others = [one for one in others if one.apart_from_best is not None]
        if others:
            return max(others, key=lambda one: one.apart_from_best or 0.0)
    return None


def findings(report: SelectReport, *, everything: bool) -> list[tuple[Severity, str, str]]:
    """Severity, text and code of what was found, the gravest first; everything: of each candidate by itself."""
    grouped: dict[tuple[str, str], list[FindingEntry]] = {}
    for one in sorted(report.findings, key=lambda one: SEVERITIES.index(one.severity)):
        grouped.setdefault((one.code, "" if not everything else "/".join(one.sources)), []).append(one)
    names = [one.source for one in report.candidates]
    short = dict(zip(names, [one.name for one in report.candidates], strict=True))
    out = []
    for own in grouped.values():
        first = own[0]
        concerned = list(dict.fromkeys(source for one in own for source in one.sources))
        where = (
            ""
            if len(concerned) in (0, len(names)) or first.message.startswith(tuple(short.values()))
            else (f"{_and([short.get(source, source) for source in concerned])}: ")
        )
        texts = list(dict.fromkeys(one.message for one in own))
        said = texts[0] if len(texts) == 1 else f"{texts[0]} ({len(texts) - 1} more like it)"
        out.append((first.severity, with_fix(f"{where}{said}", first.fix), first.code))
    return out


def show(
    console: Console, report: SelectReport, *, everything: bool, telling: Literal["none", "grouped", "all"] = "grouped"
) -> None:
    """Print a choice."""
    head, colon, rest = answer(report).partition(":")
    console.print(Text.assemble((head, f"bold {_HEADS[report.decision]}"), f"{colon}{rest}"))
    first, *others = heading(report)
    console.print(Text.assemble((report.command, "bold"), "  ", first))
    for line in others:
        console.print(Text(line, style="dim"))
    console.print()
    cells = columns(report, everything)
    folded = {
        name if not console.is_terminal or len(name) < 11 else name.replace("_", "_\n", 1): name for name in cells
    }
    values = [Column(shown, cells[name]) for shown, name in folded.items()]
    print_blocks(console, Column("candidate", [one.name for one in report.candidates]), values)
    below = notes(report, everything)
    if below:
        console.print()
    for note in below:
        console.print(Text(note, style="dim"))
    if telling == "none":
        return
    if report.input.classes is not None and not (report.labels or report.label_budget):
        hint = f"{LABELS} labels chose better where this was measured: {option('label_budget', LABELS)} draws the rows"
        console.print(Text(hint, style="dim"))
    if not everything:
        console.print(
            Text(f"all parts, and what other scores alone would have chosen: {option('everything')}", style="dim")
        )
    for severity, text, code in findings(report, everything=telling == "all"):
        console.print(Text.assemble((f"{severity}: ", SEVERITY_STYLES[severity]), text, (f" [{code}]", "dim")))


def in_short(report: SelectReport) -> str:
    """The choice as Python prints it."""
    out = io.StringIO()
    show(console_for(out), report, everything=False, telling="none")
    return out.getvalue().rstrip("\n")


def to_json(report: SelectReport) -> str:
    """The document of a choice."""
    return report.to_json() + "\n"


def to_ndjson(report: SelectReport) -> str:
    """The document of a choice on one line."""
    return report.to_json(indent=None) + "\n"


def to_csv(report: SelectReport) -> str:
    """One line for each candidate, the best first; an undefined value is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    parts = list(dict.fromkeys(name for one in report.candidates for name in one.parts))
    writer.writerow(["candidate", "source", "step", "status", "veto", "score", "se", "apart_from_best", *parts])
    for one in report.candidates:
        values = (one.name, one.source, one.step, one.status, one.veto, one.score, one.se, one.apart_from_best)
        row = (*values, *(one.parts.get(name) for name in parts))
        writer.writerow(f"{v:.12g}" if isinstance(v, float) else "" if v is None else v for v in row)
    return out.getvalue()


def to_markdown(report: SelectReport, *, everything: bool) -> str:
    """The choice as GitHub prints it."""
    cells = columns(report, everything)
    out = [f"### {report.command}: {cell(answer(report))}", "", *(f"{cell(line)}  " for line in heading(report)), ""]
    out += [f"| candidate | {' | '.join(cells)} |", f"|---|---{'|---:' * (len(cells) - 1)}|"]
    for i, one in enumerate(report.candidates):
        out.append(f"| {cell(one.name)} | {' | '.join(cell(column[i]) for column in cells.values())} |")
    said = [*notes(report, everything), *(f"{s}: {text} [{c}]" for s, text, c in findings(report, everything=False))]
    out += ["", *(f"- {cell(text.strip())}" for text in said)]
    return "\n".join(out).rstrip() + "\n"


TEXTS: dict[str, Callable[[SelectReport, bool], str]] = {
    ".json": lambda report, _: to_json(report),
    ".ndjson": lambda report, _: to_ndjson(report),
    ".csv": lambda report, _: to_csv(report),
    ".md": lambda report, everything: to_markdown(report, everything=everything),
}
"""What a choice can be written as, by suffix."""


def write(report: SelectReport, path: Path, *, everything: bool = False, name: str = "path") -> None:
    """Write a choice in the format that the suffix names."""
    check_targets([path], TEXTS, name)
    text = TEXTS[path.suffix](report, everything)
    atomically(path, lambda temporary: temporary.write_text(text, "utf-8", "backslashreplace"))
