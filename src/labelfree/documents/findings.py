"""What labelfree may find wrong, or misleading: every code with its severity and what it means.

The only list of codes: reports, tables, `labelfree explain`, the glossary and `doctor --strict` are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from labelfree.documents.finding_codes import CODES, Severity

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The gravest first."""
Unit: TypeAlias = Literal["rows", "columns", "directions", "epochs"]


class FindingWarning(UserWarning):
    """What a function of labelfree found wrong, or misleading, in the data: filter it by this category.

    >>> import warnings
    >>> warnings.simplefilter("ignore", FindingWarning)
    """


class Noted(str):
    """A sentence beside a number that knows the code of its finding.

    >>> said = Noted("few_rows", "n / d = 2.0")
    >>> said, said.code, said.severity
    ('n / d = 2.0', 'few_rows', 'warning')
    """

    code: str

    def __new__(cls, code: str, text: str) -> Noted:
        """The sentence of a code of the list."""
        made = super().__new__(cls, text)
        made.code = CODES[code].code
        return made

    def __reduce__(self) -> tuple[type[Noted], tuple[str, str]]:
        return Noted, (self.code, str(self))

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return CODES[self.code].severity


def with_fix(message: str, fix: str) -> str:
    """What is wrong, and the way out where there is one.

    >>> with_fix("no ids", "give an id column"), with_fix("no ids", "")
    ('no ids; give an id column', 'no ids')
    """
    return f"{message}; {fix}" if fix else message


@dataclass(frozen=True)
class Finding:
    """One finding: its code, a sentence, the way out, how many rows (or columns) it touches, and the first such row.

    sources: the data sets that it is true of, none where a report says that; severity: that of its code but where it
    was dealt with, or is worse.
    """

    code: str
    message: str
    fix: str = ""
    count: int | None = None
    first: int | None = None
    unit: Unit = "rows"
    sources: tuple[str, ...] = ()
    graver: Severity | None = None

    def __str__(self) -> str:
        return with_fix(self.message, self.fix)

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return self.graver or CODES[self.code].severity

    def document(self, sources: Sequence[str] = ()) -> dict[str, Any]:
        """The finding as a document holds it; sources: of what it is true, where it does not say so itself."""
        return {
            "code": self.code, "severity": self.severity, "sources": list(self.sources or sources),
            "message": self.message, "fix": self.fix, "rows": self.rows, "first": self.first,
        }  # fmt: skip

    @property
    def rows(self) -> int | None:
        """How many rows it touches, None where it is no matter of rows."""
        return self.count if self.unit == "rows" else None


def severity_of(code: str) -> Severity:
    """The severity of a code, also of one that a later version wrote.

    >>> severity_of("collapsed"), severity_of("of_another_version")
    ('error', 'warning')
    """
    return CODES[code].severity if code in CODES else "warning"


def gravest(severities: Sequence[Severity]) -> int:
    """A sort key: the place of the gravest in SEVERITIES.

    >>> gravest(["note", "error"]), gravest(["note"])
    (0, 2)
    """
    return min(map(SEVERITIES.index, severities), default=len(SEVERITIES))


def found_by(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The findings of a verdict as it holds them; of one that was written before they had codes, from its warnings.

    >>> found_by({"warnings": ["no error"]})[0]["code"], found_by({"warnings": [], "findings": []})
    ('unnamed', [])
    """
    known = verdict.get("findings")
    return [Finding("unnamed", text).document() for text in verdict["warnings"]] if known is None else list(known)


def finding_line(found: Mapping[str, Any]) -> str:
    """A finding of a document in a line.

    >>> finding_line(Finding("no_id", "1 row has none", "fill it in").document())
    'error: 1 row has none; fill it in [no_id]'
    """
    return f"{found['severity']}: {with_fix(found['message'], found['fix'])} [{found['code']}]"
