"""`labelfree.explain`: a word of a report in words."""

from __future__ import annotations

import textwrap

from labelfree.catalog import METRIC_NAMES
from labelfree.commands.explanation import WIDTH, explanation, summaries
from labelfree.commands.state_rule import state_rule
from labelfree.documents.glossary import meaning, near
from labelfree.errors import UsageError
from labelfree.families import metric, metrics


class Explained(str):
    """A text that a notebook shows with its line breaks."""

    def __repr__(self) -> str:
        return str(self)


def explain(word: str | None = None) -> Explained:
    """A metric in full, the code of a finding or of a reason, "state", a word of a table; without a word all metrics.

    >>> explain("rankme").splitlines()[0]
    'rankme'
    >>> explain("partial").splitlines()[0]
    'partial'
    """
    return Explained(explained(word or ""))


def explained(word: str, terminal: int | None = None) -> str:
    """What a word means, in lines as wide as the terminal, where it is one."""
    width = terminal or WIDTH
    if not word:
        return summaries(metrics(), terminal)
    if word == "state":
        return state_rule(width)
    if word in METRIC_NAMES:
        return explanation(metric(word), width)
    found = meaning(word)
    if found is None:
        like = near(word)
        hint = f"did you mean {like!r}?" if like else "docs/metrics.md lists the metrics, docs/glossary.md the words"
        raise UsageError(f"no metric, finding, reason or word {word!r}; {hint}")
    return f"{found[0]}\n{textwrap.fill(found[1], width)}"
