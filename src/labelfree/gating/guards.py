"""The collapse guard: is the latest check of a run a collapsed representation, whatever a metric says of it?

Collapse raises separability, so a plateau must never be judged without it. The uncentered rank alone will not do: a
healthy fine-tuning run loses up to two thirds of it, well separated classes nine tenths, and a constant offset of all
rows as much without any harm to a linear probe. So version 2 judges the rows about their mean as well: where rows point
one way, it is a collapse if what is left about the mean is a point, a line, or noise. Histories whose records lack the
centered numbers are judged by version 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from labelfree.errors import option

Decided: TypeAlias = tuple[Literal["pass", "collapse", "fail"], str, str]
Shares: TypeAlias = Mapping[str, float | None]

VERSION = 2
"""Of the guard that judges records which hold the centered numbers."""
RANK_SHARE, COSINE, REPEATED = 0.25, 0.9, 0.2
"""Effective rank below this share of the run's highest, mean cosine above this, share of repeated rows above this."""
POINT, NO_SPREAD, TIGHTER = 0.1, 0.01, 0.5
"""Spread about the mean below these shares of its highest: with a lost structure, with any; relative to the rows."""
LINE, KEPT = 2.0, 0.5
"""Centered effective rank of a line at most; share of the highest centered rank that a kept structure has."""
SPHERE, STRUCTURE = 0.9, 0.5
"""Sphericity from which centered rows are noise, and below which they had a structure."""
FEW, CLEAN = 9, 0.1
"""Directions at most that a few points span, and the eigenvalue after them over the last of them at most."""
MOST_CLASSES = 1_000
"""Classes that are believed where nobody told them: a head of more is that of a language model, over its words."""
LIMITS = {
    "rank_share": RANK_SHARE, "mean_cosine": COSINE, "repeated_share": REPEATED, "spread_share": POINT,
    "centered_share": KEPT, "line": LINE, "sphericity": SPHERE,
}  # fmt: skip
"""The limits, as the settings of a verdict hold them."""
_ASIDE = ("sphericity", "directions")
_OLD = "judged by version 1: the history lacks the centered numbers of version 2 at some check"


@dataclass(frozen=True)
class CollapseGuard:
    """What the guard saw at one check; `decision` is pass, collapse, or fail where it cannot tell.

    Shares are of the run's highest so far. What version 1 does not look at is None there.
    """

    name: str
    version: int
    decision: Literal["pass", "collapse", "fail"]
    reason: str
    message: str
    step: int
    effective_rank: float | None
    highest_rank: float | None
    highest_step: int | None
    rank_share: float | None
    mean_cosine: float | None
    duplicate_share: float | None
    zero_bar_share: float | None
    classes: int | None
    centered_rank: float | None
    centered_share: float | None
    spread_share: float | None
    sphericity: float | None
    directions: float | None

    def document(self) -> dict[str, Any]:
        """The guard as part of a verdict."""
        return asdict(self)


class _Run:
    """What is known of a run so far: the highest ranks and spreads, and the least of what collapse raises."""

    def __init__(self, classes: int | None) -> None:
        self.told = self.classes = classes
        self.version = VERSION
        self.rank: float | None = None
        self.rank_at = 0
        self.highest: dict[str, float] = {}
        self.least: dict[str, float] = {}
        self.count = 0

    def see(self, now: Shares) -> None:
        rank = now.get("effective_rank")
        if rank is not None and (self.rank is None or rank > self.rank):
            self.rank, self.rank_at = rank, self.count
        if rank is not None and now.get("spread") is None:
            self.version = 1
        if self.told is None and (seen := now.get("classes")) is not None:
            self.classes = int(seen) if seen <= MOST_CLASSES else None
        for name, value in now.items():
            if value is not None:
                self.highest[name] = max(value, self.highest.get(name, value))
                self.least[name] = min(value, self.least.get(name, value))
        self.count += 1

    def share(self, name: str, now: Shares) -> float | None:
        """A value over its highest so far; None where it is undefined."""
        value, highest = now.get(name), self.highest.get(name)
        return value / highest if value is not None and highest else None

    def decided(self, now: Shares) -> Decided:
        share = self.share("effective_rank", now)
        if self.version == 1:
            decision, reason, message = _first(
                share, *map(now.get, ("mean_cosine", "duplicate_share", "zero_bar_share"))
            )
            return decision, reason, f"{message}; {_OLD}"
        return _second(share, now, self)


def collapse_guard(steps: Sequence[int], shares: Sequence[Shares], classes: int | None = None) -> CollapseGuard:
    """The guard at the last of the checks.

    shares: of each check what a record holds under `collapse`, None where undefined. Version 1 trips where
    effective_rank < 0.25 of the highest so far and (mean_cosine > 0.9, or duplicates or zero bars > 0.2); version 2, of
    which docs/gate.md has the rule, where every record holds the centered numbers. classes: of the rows, instead of
    those that the records know of.
    """
    run, now = _Run(classes), shares[-1]
    for one in shares:
        run.see(one)
    decision, reason, message = run.decided(now)
    second = run.version == VERSION
    return CollapseGuard(
        "collapse", run.version, decision, reason, message, steps[-1], now.get("effective_rank"), run.rank,
        steps[run.rank_at] if run.rank is not None else None, run.share("effective_rank", now),
        now.get("mean_cosine"), now.get("duplicate_share"), now.get("zero_bar_share"), run.classes if second else None,
        *(
            (now.get("centered_rank"), run.share("centered_rank", now), run.share("spread", now), *map(now.get, _ASIDE))
            if second else [None] * 5
        ),
    )  # fmt: skip


def sound_steps(steps: Sequence[int], shares: Sequence[Shares], classes: int | None = None) -> set[int]:
    """The steps at which the guard passed, each judged with what was known then."""
    run, found = _Run(classes), set()
    for step, now in zip(steps, shares, strict=True):
        run.see(now)
        if run.decided(now)[0] == "pass":
            found.add(step)
    return found


def _first(share: float | None, cosine: float | None, duplicates: float | None, zeros: float | None) -> Decided:
    """Version 1, by the uncentered rank and the directions of the rows alone."""
    if share is None:
        return "fail", "undefined", "the effective rank of the latest check is undefined: no rows with a direction"
    of = _of(share)
    if share >= RANK_SHARE:
        return "pass", "rank_kept", f"{of}; below {100 * RANK_SHARE:.0f} % would be looked into"
    signs = []
    if cosine is not None and cosine > COSINE:
        signs.append(f"mean cosine {cosine:.2f} above {COSINE}")
    for found, what in ((duplicates, "rows repeat another"), (zeros, "bars are zero")):
        if found is not None and found > REPEATED:
            signs.append(f"{100 * found:.0f} % of the {what}")
    if signs:
        return "collapse", "collapse", f"{of}, and {' and '.join(signs)}: the representation has collapsed"
    if cosine is None:
        return "fail", "undefined", f"{of}, and the mean cosine is undefined: collapse cannot be ruled out"
    return "pass", "rank_alone", f"{of}, yet rows point apart (mean cosine {cosine:.2f}) and do not repeat"


def _second(share: float | None, now: Shares, run: _Run) -> Decided:
    """Version 2: the rows about their mean as well."""
    if share is None:
        return "fail", "undefined", "the effective rank of the latest check is undefined: no rows with a direction"
    of, cosine = _of(share), now.get("mean_cosine")
    if now["spread"] == 0:
        return "collapse", "point", "all rows are equal: the representation has collapsed to a point"
    centered, spread = run.share("centered_rank", now) or 0.0, run.share("spread", now) or 0.0
    if (repeated := _repeated(now, run)) and (min(share, centered) < RANK_SHARE or spread < POINT):
        return "collapse", "repeated", f"{of}, and {repeated}: the representation has collapsed"
    kept = f"{100 * centered:.0f} % of the centered rank and {_percent(spread)} of the spread"
    if cosine is not None and cosine > COSINE:
        one_way = f"rows point one way (mean cosine {cosine:.2f}), and keep {kept} about their mean"
        if lost := _lost(now, centered, spread, run):
            reason, what = lost
            return "collapse", reason, f"{one_way}: {what}, the representation has collapsed"
        if share < RANK_SHARE:
            hurt = "Cosine similarity is hurt: center the rows first; a linear probe is not"
            return "pass", "offset", f"{of}, and {one_way}: an offset of all rows, no collapse. {hurt}"
    if cosine is None and share < RANK_SHARE:
        return "fail", "undefined", f"{of}, and the mean cosine is undefined: collapse cannot be ruled out"
    directions = now["directions"] or 0
    if directions <= FEW and 2 * directions <= run.highest["directions"] and (now["cut"] or 0.0) <= CLEAN:
        points = f"{of}; {directions:.0f} directions hold 99 % of the variance, as of {directions + 1:.0f} points"
        if run.classes is None:
            return "pass", "few_points", f"{points}: a collapse where there are many more classes than that"
        if 2 * directions < run.classes - 1:
            said = f"{points} for {run.classes} classes: the representation has collapsed"
            fewer = f", which the head has; where the rows have fewer, say so with {option('classes')}"
            return "collapse", "few_points", said + (fewer if run.told is None else "")
    if share >= RANK_SHARE:
        return "pass", "rank_kept", f"{of}; below {100 * RANK_SHARE:.0f} % would be looked into"
    return "pass", "rank_alone", f"{of}, yet rows point apart (mean cosine {cosine:.2f}) and do not repeat"


def _lost(now: Shares, centered: float, spread: float, run: _Run) -> tuple[str, str] | None:
    """What rows that point one way have collapsed to, as a reason and in words; None where they kept a structure."""
    rank, sphericity = now["centered_rank"] or 0.0, now["sphericity"] or 0.0
    if rank < LINE and centered < KEPT:
        return "line", f"all lie on a line (centered rank {rank:.2f})"
    tighter = (run.share("spread_share", now) or 0.0) < TIGHTER
    round_ = sphericity > SPHERE
    if tighter and (spread < NO_SPREAD or (spread < POINT and (centered < KEPT or round_))):
        return "point", "all lie about one point" + (", as noise does" if round_ else "")
    if round_ and spread < KEPT and run.least.get("sphericity", 1.0) < STRUCTURE:
        return "noise", f"what is left is noise in all directions (sphericity {sphericity:.2f})"
    return None


def _repeated(now: Shares, run: _Run) -> str:
    """How many rows or bars repeat beyond the check at which the fewest did, in words; empty where few do."""
    signs = []
    for name, what in (("duplicate_share", "rows repeat another"), ("zero_bar_share", "bars are zero")):
        found = now.get(name)
        if found is not None and found - run.least[name] > REPEATED:
            signs.append(f"{100 * found:.0f} % of the {what}")
    return " and ".join(signs)


def _of(share: float) -> str:
    return f"effective rank at {100 * share:.0f} % of the run's highest"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
