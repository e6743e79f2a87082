"""What to know before two representations are called alike, or unlike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labelfree.commands.paired_rows import Joint
from labelfree.documents.findings import Finding
from labelfree.documents.wording import counted
from labelfree.families.similarity.cka import STRONG
from labelfree.reports.entries import MetricEntry

_DROP = 0.2
"""Of CKA without the strongest direction, from which that direction is said to make it."""
_OFFSET = 0.02
"""Of the share of kept neighbors, by which centering changes it."""
_ALIKE, _CHANCE = 0.5, 0.05
"""CKA above which, and shared neighbors beyond chance below which, rows look as if they were joined wrongly."""


def findings_of(a: str, b: str, joint: Joint, entries: Mapping[str, MetricEntry]) -> Iterator[Finding]:
    """The findings on one pair."""
    if joint.joined == "position":
        said = f"{b}: neither source has ids: their rows are compared by position"
        yield Finding("no_ids", said, "add a column id where orders may differ", sources=(a, b))
    if any(joint.left_out):
        said = f"{b}: {counted(joint.left_out[0], 'row')} of {a} and {joint.left_out[1]:,} of {b} are not in the other"
        yield Finding("other_rows", said, "every number is of the rows that both hold", sources=(a, b))
    if joint.bad:
        said = f"{b}: {counted(joint.bad, 'row')} that are bad in {a} or {b} were left out"
        yield Finding("left_out", said, count=joint.bad, sources=(a, b))
    value = {name: entry.value for name, entry in entries.items() if entry.value is not None}
    cka, rest, mutual = value.get("cka"), value.get("cka_without_top"), value.get("mutual_knn")
    if cka is not None and rest is not None and cka - rest > _DROP:
        shares = entries["cka"].parts["top_pc_share"]
        if min(shares) > STRONG:
            yield Finding(
                "shared_direction",
                f"{b}: one strong direction that it shares with {a} makes CKA {cka:.3f}; without the strongest of each "
                f"side it is {rest:.3f}",
                "read cka_without_top and mutual_knn", sources=(a, b),
            )  # fmt: skip
    if cka is not None and mutual is not None and cka > _ALIKE and mutual < _CHANCE:
        yield Finding(
            "mixed_rows",
            f"{b}: alike as a whole (CKA {cka:.3f}), and hardly any neighbor is common: are its rows joined wrongly?",
            "check the ids of both", sources=(a, b),
        )  # fmt: skip
    kept = entries.get("neighbors_kept")
    if kept is not None and kept.value is not None and abs(kept.parts["centered"] - kept.value) > _OFFSET:
        yield Finding(
            "offset",
            f"{b}: about their mean the rows keep {100 * kept.parts['centered']:.1f} % of the neighbors, as they are "
            f"{100 * kept.value:.1f} %: the two have another offset",
            "a search by cosine sees the offset; subtract the mean where it should not", sources=(a, b),
        )  # fmt: skip
