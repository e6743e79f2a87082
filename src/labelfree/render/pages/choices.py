"""A choice among candidates as a section of a page: the answer, the candidates with those that tie, the notes."""

from __future__ import annotations

from labelfree.catalog import STATES
from labelfree.render.numbers import number
from labelfree.render.pages.markup import Cell, Column, code, figures, finding, listed, table
from labelfree.render.pages.page import Answer, Part, Section, tone
from labelfree.render.pages.rows import repeated
from labelfree.render.pictures.model import FIRST, MUTED, SECOND, Axis, Dots, Panel, drawn_name
from labelfree.render.tables import choices
from labelfree.reports.select import SelectReport

_TONES = {"keep": "good", "tie": "good", "undecided": "mid"}
_COLORS = {"best": SECOND, "tied": SECOND, "plausible": FIRST, "worse": MUTED, "vetoed": MUTED}
_DRAWN = 60


def choice_section(report: SelectReport, *, everything: bool = False) -> Section:
    """The section of a choice."""
    head, colon, rest = choices.answer(report).partition(":")
    columns = choices.columns(report, everything)
    findings = "".join(finding(*_ordered(one)) for one in choices.findings(report, everything=False))
    parts = [
        Part("Candidates", _table(report, columns)),
        Part("Pictures", figures([panel] if (panel := _scores(report)) is not None else [])),
        Part("What it rests on", listed(one.strip() for one in choices.notes(report, True))),
        Part("Findings", f'<ul class="plain">{findings}</ul>' if findings else "<p>none</p>"),
        Part("Settings and how to repeat it", _repeated(report)),
    ]
    codes = [*(one.veto or "" for one in report.candidates), *(one.code for one in report.findings)]
    words = [*columns, "healthy", *codes]
    below = choices.heading(report)
    answer = Answer(head, f"{colon}{rest}", _TONES[report.decision], below)
    return Section(f"select among {len(report.candidates)} candidates", [answer], parts, words)


def _ordered(one: tuple[str, str, str]) -> tuple[str, str, str]:
    severity, said, code = one
    return str(severity), said, code


def _table(report: SelectReport, columns: dict[str, list[str]]) -> str:
    heads = [Column("candidate"), Column("state", "healthy"), *(
        Column(name, name if [name] else "", numbers=name != "status") for name in columns)]  # fmt: skip
    rows = []
    for i, one in enumerate(report.candidates):
        cells = [Cell(one.name, float(i), name=True, best="to keep" if one.name == report.chosen else ""),
                 Cell(STATES[one.state], tone=tone(one.state))]  # fmt: skip
        for name, held in columns.items():
            sort = _value(held[i]) if name != "status" else None
            status = "good" if one.status in ("best", "tied") else "bad" if one.status == "vetoed" else ""
            cells.append(Cell(held[i], sort, tone=status if name == "status" else ""))
        rows.append(cells)
    return table(f"{len(report.candidates)} candidates, the best first", heads, rows)


def _value(shown: str) -> float | None:
    try:
        return float(shown.replace(",", "").removesuffix(" %"))
    except ValueError:
        return None


def _scores(report: SelectReport) -> Panel | None:
    """The score of each candidate, those that tie in the color of the best."""
    held = [one for one in report.candidates if one.score is not None][:_DRAWN]
    if len(held) < 2:
        return None
    names = tuple((float(i), drawn_name(one.name)) for i, one in enumerate(held))
    dots = Dots([one.score or 0.0 for one in held], range(len(held)), [None] * len(held),
                [_COLORS[one.status] for one in held])  # fmt: skip
    key = [(SECOND, "best, and what ties with it"), (FIRST, "may still be the best"), (MUTED, "worse or vetoed")]
    used = {_COLORS[one.status] for one in held}
    best = report.chosen or report.advice
    title = f"Score: highest {number(held[0].score, 4)} in {held[0].name}" if best else "Score of each candidate"
    return Panel(
        title, Axis("score"), Axis("", low=-0.6, high=len(held) - 0.4, ticks=names, downwards=True), [dots],
        key=[one for one in key if one[0] in used], height=1.5 + 0.22 * len(held),
    )  # fmt: skip


def _repeated(report: SelectReport) -> str:
    given = {
        name: held for name, held in report.settings.items()
        if not (held is None or held is False or held == []) and name not in ("device", "memory", "ordered")
    }  # fmt: skip
    return code(repeated("select", sorted(dict.fromkeys(one.source for one in report.candidates)), given))
