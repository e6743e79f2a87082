"""Options of groups that contradict one another, refused before any work."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.errors import UsageError, option


def check_grouping(chosen: Any) -> None:
    """Refuse options of groups that contradict one another or would have no effect. chosen: the `Options`."""
    if chosen.clusters not in ("crossfit", "same-space"):
        raise UsageError(f"{option('clusters')}: expected 'crossfit' or 'same-space', found {chosen.clusters!r}")
    if any(not isinstance(k, int | np.integer) or k < 2 for k in chosen.k):
        raise UsageError(f"{option('k')}: expected numbers of groups of at least 2, found {list(chosen.k)!r}")
    if chosen.group is not None:
        for name in ("groups_from", "clusters", "k", "seeds", "freeze"):
            if getattr(chosen, name) != chosen.__dataclass_fields__[name].default:
                raise UsageError(
                    f"{option(name)}: has no effect beside {option('group')}, whose column says what belongs "
                    "together; leave it out"
                )
    if chosen.groups_from is not None:
        for name in ("clusters", "seeds", "freeze"):
            if getattr(chosen, name) != chosen.__dataclass_fields__[name].default:
                raise UsageError(f"{option(name)}: has no effect beside {option('groups_from')}; leave one of them out")
    if chosen.groups_from is not None and len(chosen.k) > 1:
        raise UsageError(
            f"{option('k')}: expected one number of groups for the clusters of {option('groups_from')}, "
            f"found {list(chosen.k)}"
        )
