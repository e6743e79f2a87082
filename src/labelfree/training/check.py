"""What one check of a monitor found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labelfree.gating import STOPPING


@dataclass(frozen=True)
class Check:
    """One check of a monitor, the same on every rank.

    report: the document that the command writes, None where the rows could not be measured; verdict: that of
    `labelfree.gate`, None where nothing was asked or nothing could be decided; stop: whether training should end;
    scalars: the metrics that have a value, as {"labelfree/separability": 0.41}; problem: what kept the check from being
    made, recorded or judged, None where nothing did.
    """

    step: int
    report: dict[str, Any] | None = None
    verdict: dict[str, Any] | None = None
    scalars: dict[str, float] = field(default_factory=dict)
    problem: str | None = None

    @property
    def stop(self) -> bool:
        """Whether training should end: a plateau was reached, or the representation has collapsed."""
        return self.verdict is not None and self.verdict["decision"] in STOPPING

    @property
    def told(self) -> str | None:
        """What a user should read of it, None where all is well and training goes on."""
        here = f"step {self.step}: "
        said = [] if self.problem is None else [self.problem.removeprefix(here)]
        if self.verdict is not None and self.verdict["decision"] not in ("pass", "continue"):
            best = self.verdict["best"]
            kept = f"; best at step {best['step']}" if best else ""
            said.append(f"{self.verdict['decision']}: {self.verdict['message']}{kept}")
        for name, entry in (self.report or {"metrics": {}})["metrics"].items():
            if entry["value"] is None and not any(name in one for one in said):
                said.append(f"{name} has no value: {entry['reason']}")
        end = "training stops" if self.stop else "training goes on"
        return f"{here}{'; '.join(said)}; {end}" if said else None
