"""Short names for several sources."""

from __future__ import annotations

import os
from collections.abc import Sequence


def short_names(names: Sequence[str]) -> list[str]:
    """The names without the directories and the suffix that all of them share.

    >>> short_names(["runs/a/epoch_1.pt", "runs/b/epoch_2.pt"])
    ['a/epoch_1', 'b/epoch_2']
    >>> short_names([])
    []
    """
    suffixes = {os.path.splitext(name)[1] for name in names}
    ending = suffixes.pop() if len(suffixes) == 1 else ""
    parts = [name.split("/")[:-1] for name in names]
    common = 0
    while parts and all(len(p) > common and p[common] == parts[0][common] for p in parts):
        common += 1
    return ["/".join(name.split("/")[common:]).removesuffix(ending) for name in names]
