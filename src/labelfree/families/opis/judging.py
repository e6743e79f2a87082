"""The groups of a data set and what they do at one threshold, computed once for all metrics of OPIS."""

from __future__ import annotations

from labelfree.errors import option
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.once import known, once
from labelfree.families.opis.behavior import Judged, of_groups
from labelfree.results import Result, undefined


def judged(e: Evidence) -> Judged | Result:
    """What the groups of the data set do; or why that cannot be said."""
    return once(e, _judged)


def known_of(e: Evidence) -> Judged | Result | None:
    """What the groups do, where a metric has asked for it; None where none has."""
    return known(e, _judged)


def _judged(e: Evidence) -> Judged | Result:
    how = e.grouping
    if how is None:
        reason = f"needs groups of rows that belong together: name their column with {option('group')}"
        return undefined("no_group", reason)
    if how.given is not None:
        return of_groups(e, how.given, how.zone, pseudo=how.given.origin in ("crossfit", "same_space"))
    from labelfree.families.opis.pseudo_groups import pseudo_judged

    return pseudo_judged(e, how)
