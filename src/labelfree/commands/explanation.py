"""A metric in words: its docstring, and what the report says of it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from labelfree.families.spec import Metric

MEANINGS = {
    "estimate": "estimates accuracy",
    "rank": "ranks models; it is not in units of accuracy",
    "description": "describes the data",
}
WIDTH = 88
"""Columns of prose, where a terminal has them."""
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


def explanation(metric: Metric, width: int = WIDTH) -> str:
    """The sections as plain text, indented under their headings."""
    out = []
    for head, text in sections(metric):
        if not head:
            out += [metric.name, textwrap.fill(text, width), ""]
            continue
        out.append(textwrap.fill(text, width, initial_indent=f"{head:<14}", subsequent_indent=" " * 14))
    return "\n".join(out)


def summaries(metrics: Sequence[Metric], width: int | None = None) -> str:
    """One line for each metric, or more under one another where the width asks for it."""
    name = max(len(m.name) for m in metrics)
    lines = [f"{m.name:<{name}}  {sections(m)[0][1]}" for m in metrics]
    if width is None:
        return "\n".join(lines)
    return "\n".join(textwrap.fill(line, width, subsequent_indent=" " * (name + 2)) for line in lines)
