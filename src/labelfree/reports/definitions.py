"""A metric in words: its docstring in sections, and what a report says of it."""

from __future__ import annotations

from labelfree.families import metric
from labelfree.families.spec import Metric

MEANINGS = {
    "estimate": "estimates accuracy",
    "rank": "ranks models; it is not in units of accuracy",
    "description": "describes the data",
}
DIRECTIONS = {
    "higher": "higher is better",
    "lower": "lower is better",
    "target": "closest to its target is best",
    "none": "none is known",
}


def sections(metric: Metric) -> list[tuple[str, str]]:
    """Heading and text of everything there is to say, the one-line summary first with an empty heading."""
    summary, *rest_of_it = metric.explanation.splitlines()
    found = [("", summary)]
    for line in rest_of_it:
        if line.startswith(">>>"):
            break
        head, colon, rest = line.partition(": ")
        if colon and head[:1].isupper() and len(head) <= 14 and not line.startswith(" "):
            found.append((head, rest))
        elif line.strip():
            head, text = found[-1]
            found[-1] = (head, f"{text} {line.strip()}".strip())
    known = [
        ("Kind", MEANINGS[metric.kind]),
        ("Direction", DIRECTIONS[metric.direction]),
        ("Holds in", metric.holds_in),
        ("Definition", metric.definition),
    ]
    return [*found[:1], *found[1:3], *known, *found[3:]]


def definition(name: str) -> list[tuple[str, str]]:
    """Heading and text of what there is to say of the metric of this name.

    >>> definition("rankme")[3]
    ('Kind', 'ranks models; it is not in units of accuracy')
    """
    return sections(metric(name))
