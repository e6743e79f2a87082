"""What a planned run can decide, as a document."""

from __future__ import annotations

from typing import Literal

from labelfree.reports.entries import Part, Tool


class NoiseSource(Part):
    """The earlier run whose noise was taken."""

    path: str
    run: str
    metric: str


class PlanSettings(Part):
    """The rule, the noise, and how often it was simulated."""

    rule: Literal["slope"]
    rule_version: int
    checks: int
    warmup: int
    window: int
    confidence: float
    min_delta: float
    noise: float
    noise_from: NoiseSource | None
    autocorrelation: float
    runs: int
    seed: int


class Plan(Part):
    """What the rule finds in such runs: shares of runs, checks, and units of the metric.

    found, found_soon, delay, saved: of runs that are flat from a third of their checks on (flat_from, from 0): share
    that is stopped, within two windows, median checks from there to the stop, share of all checks saved. too_early:
    share of runs stopped for a plateau that still improve by min_delta a window. detectable, noise_needed,
    checks_needed: the min_delta, the noise, the number of checks with which 80 % are found.
    """

    decidable: bool
    message: str
    first_decision: int
    flat_from: int
    found: float
    found_soon: float
    delay: float | None
    saved: float
    too_early: float
    detectable: float
    noise_needed: float | None
    checks_needed: int | None


class PlanReport(Part):
    """What `labelfree gate --plan --json` prints."""

    schema_version: Literal[1] = 1
    tool: Tool = Tool()
    command: Literal["plan"]
    settings: PlanSettings
    plan: Plan
