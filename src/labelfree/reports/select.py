"""Which candidate to keep, as a document: the decision, the sets that it leaves, and every candidate best first."""

from __future__ import annotations

from typing import Any, Literal

from labelfree.catalog import StateWord
from labelfree.documents.reading import as_json
from labelfree.reports.entries import FindingEntry, Measured, Part, Tool, Verdict
from labelfree.reports.rows import SampleInfo

SETTING = Literal["source+logits", "logits", "ordered", "unordered"]
DECISION = Literal["keep", "tie", "undecided"]


class CandidateEntry(Measured):
    """One candidate. score: of the rule, None where it has none; se: of its distance to the best, as a share of that.

    status: best, tied (the difference is noise), plausible (it may still be the best), worse, or vetoed, with the code
    why in veto; parts: what the score is made of, and other scores from the same pass; apart_from_best: share of the
    rows predicted otherwise than by the best, None without class scores, and apart_interval the 95 % interval of that
    share among all rows of this kind (Wilson 1927); source: what was read; state: of its embedding.
    """

    name: str
    step: int | None
    score: float | None
    se: float | None
    status: Literal["best", "tied", "plausible", "worse", "vetoed"]
    veto: str | None
    parts: dict[str, float]
    apart_from_best: float | None
    apart_interval: tuple[float, float] | None
    source: str
    state: StateWord


class SelectRule(Part):
    """The rule that chose: its name and version, and what it was run with."""

    name: str
    version: int
    parameters: dict[str, Any]


class SelectInput(Part):
    """What the candidates have in common. n: rows of each; sample: of those compared, None where all were.

    id: the column that joins them, None where they were joined by position; classes: None without class scores.
    """

    n: int
    rows_hash: str
    id: str | None
    classes: int | None
    sample: SampleInfo | None


class LabelDifference(Measured):
    """Accuracy of the leader less that of another candidate, by labels: in shares of the rows, with an interval.

    interval: all of them hold together in 95 of 100 cases (Bonferroni); labelled: rows on which the two are apart.
    """

    name: str
    difference: float
    se: float
    interval: tuple[float, float]
    labelled: int


class LabelResult(Measured):
    """What given labels say of the candidates.

    rows: labels that were used; left_out: of rows that are not among those compared; leader: the candidate that is
    right most often; detectable: the least difference of accuracy that so many labels find nine times of ten.
    """

    rows: int
    left_out: int
    leader: str
    differences: list[LabelDifference]
    detectable: float


class LabelBudget(Measured):
    """Rows that were drawn to be labelled. apart: rows on which the plausible candidates predict differently.

    detectable: the least difference of accuracy that these labels find nine times of ten; possible: the greatest that
    there can be; uniform: how many uniformly drawn rows would tell as much; for_a_point: how many of the chosen ones
    find a difference of one point of accuracy, None where all rows that are apart would not.
    """

    rows: int
    apart: int
    candidates: list[str]
    detectable: float
    possible: float
    uniform: int
    for_a_point: int | None


class SelectReport(Part):
    """What `labelfree select --json` prints.

    chosen: the candidate to keep, None where undecided; tied: it and those that tie with it; plausible: these and all
    that may still be the best; reason: why it is undecided; advice: the best score where undecided; alone: what other
    scores would have chosen, each by itself; verdict: only where one was asked for.
    """

    schema_version: Literal[2] = 2
    tool: Tool = Tool()
    command: Literal["select"] = "select"
    settings: dict[str, Any]
    input: SelectInput
    setting: SETTING
    decision: DECISION
    chosen: str | None
    advice: str | None
    tied: list[str]
    plausible: list[str]
    reason: str | None
    reason_code: str | None
    candidates: list[CandidateEntry]
    rule: SelectRule
    alone: dict[str, str]
    labels: LabelResult | None
    label_budget: LabelBudget | None
    verdict: Verdict | None
    findings: list[FindingEntry]

    def to_json(self, *, indent: int | None = 2) -> str:
        """The choice as JSON: sorted keys, 12 significant digits, no NaN or infinity."""
        return as_json(self.model_dump(mode="json"), indent=indent)

    def candidate(self, name: str) -> CandidateEntry:
        """The entry of a candidate, which must be one."""
        return next(one for one in self.candidates if one.name == name)
