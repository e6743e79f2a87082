"""A metric in words: its docstring, and what the report says of it."""

from __future__ import annotations

import textwrap

from labelfree.metrics.spec import Metric

KINDS = {
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
    found: list[tuple[str, str]] = []
    for line in metric.explanation.splitlines():
        if line.startswith(">>>"):
            break
        head, colon, rest = line.partition(": ")
        if colon and head[:1].isupper() and len(head) <= 14 and not line.startswith(" "):
            found.append((head, rest))
        elif line.strip() and found:
            head, text = found[-1]
            found[-1] = (head, f"{text} {line.strip()}".strip())
        elif line.strip():
            found.append(("", line.strip()))
    known = [
        ("Kind", KINDS[metric.kind]),
        ("Direction", DIRECTIONS[metric.direction]),
        ("Holds in", metric.holds_in),
        ("Definition", metric.definition),
    ]
    return [*found[:1], *found[1:3], *known, *found[3:]]


def explanation(metric: Metric, width: int = 88) -> str:
    """The sections as plain text, indented under their headings."""
    out = []
    for head, text in sections(metric):
        if not head:
            out += [metric.name, textwrap.fill(text, width), ""]
            continue
        out.append(textwrap.fill(text, width, initial_indent=f"{head:<14}", subsequent_indent=" " * 14))
    return "\n".join(out)
