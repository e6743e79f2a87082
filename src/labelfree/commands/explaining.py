"""`labelfree.explain`: a word of a report in words."""

from __future__ import annotations

from labelfree.catalog import METRIC_NAMES, suggestion
from labelfree.commands.explanation import explanation, summaries
from labelfree.errors import UsageError
from labelfree.families import metric, metrics


class Explained(str):
    """A text that a notebook shows with its line breaks."""

    def __repr__(self) -> str:
        return str(self)


def explain(word: str | None = None) -> Explained:
    """What a metric is: formula, range, direction and where that holds, when it lies, source; without a word a list.

    >>> explain("rankme").splitlines()[0]
    'rankme'
    """
    if word is None:
        return Explained(summaries(metrics()))
    if word not in METRIC_NAMES:
        raise UsageError(f"no metric {word!r}; {suggestion(word, METRIC_NAMES)}")
    return Explained(explanation(metric(word)))
