"""Metrics in words, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from labelfree.families.spec import Metric
from labelfree.reports.definitions import sections

WIDTH = 88
"""Columns of prose, where a terminal has them."""


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
