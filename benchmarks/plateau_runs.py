"""Every rule asked at every check of 45 real fine-tunings, and of simulated runs whose schedule is told.

python benchmarks/plateau_runs.py            some minutes; writes benchmarks/results/plateau_runs.json
python benchmarks/plateau_runs.py --quick    a glance at it; written nowhere

Real runs are those of examples/finetune_and_stop: results.json (a constant rate) and schedules.json (a cosine, two
drops, restarts). Their checks become a history, and the gate is asked at every prefix of it, with the collapse guard,
and obeyed. A stop is *early* where separability still gains min-delta = 0.01 after it: the mean of the last three
checks of the run over that of the three up to the stop. A run is *flat* where a stop at the middle of it would not be
early. `told` runs say how many checks there are and what the learning rate will do, as the callbacks do.

Simulated runs: the cyclic series and the steps of benchmarks/stop_rule.py, 50 checks, with their cycle and drops told.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelfree import gate, history
from labelfree.commands.simulation import NEVER, bounds, noise
from labelfree.gating import STOPPING, cycles
from labelfree.gating.settings import rule_numbers

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "plateau_runs.json"
EXAMPLE = ROOT / "examples" / "finetune_and_stop"
DELTA, SEED, CHECKS, CYCLE = 0.01, 20261128, 50, 10
RULES: dict[str, dict[str, Any]] = {
    "slope, told": {}, "slope, length known": {}, "slope": {}, "slope-v1": {"rule": "slope-v1"},
    "patience": {"rule": "patience"},
}  # fmt: skip


def real_runs() -> list[dict[str, Any]]:
    """Kind, seed, checks, and what the scheduler says of each recorded run."""
    constant = json.loads((EXAMPLE / "results.json").read_text())["runs"]
    scheduled = json.loads((EXAMPLE / "schedules.json").read_text())
    drops, cycle = scheduled["setting"]["drops"], scheduled["setting"]["cycle"]
    said = {"step": {"drops": drops}, "cyclic": {"cycle": cycle}}
    found = [{"kind": run["kind"], "seed": run["seed"], "checks": run["checks"], "said": {}} for run in constant]
    for run in scheduled["runs"]:
        kind = run["schedule"]
        found.append({"kind": kind, "seed": run["seed"], "checks": run["checks"], "said": said.get(kind, {})})
    return found


def report(values: dict[str, Any], i: int) -> dict[str, Any]:
    """The least of a report that a history takes, at one check."""
    entry = {"se": None, "interval": None, "status": "ok", "definition": "", "params": {}}
    metrics = {
        name: {**entry, "value": values[name][i], "direction": "higher" if name == "separability" else "none"}
        for name in ("separability", "effective_rank", "mean_cosine")
    }
    rows = {"duplicate": 0}
    return {
        "command": "separability", "tool": {}, "settings": {"seed": 0}, "metrics": metrics,
        "input": {"sources": [f"{i}"], "fingerprint": "", "rows_hash": "", "n": 500, "d": 384, "rows": rows},
        "schema_version": 1,
    }  # fmt: skip


def answers(run: dict[str, Any], place: Path) -> dict[str, dict[str, Any]]:
    """Of every rule the check and reason of the first verdict that stops, None where none does."""
    checks = run["checks"]
    steps = checks["step"]
    for name, told in (("told", run["said"]), ("plain", None)):
        (place / name).unlink(missing_ok=True)
        for i, step in enumerate(steps):
            history.append(place / name, report(checks, i), step=step, schedule=told)
    found: dict[str, dict[str, Any]] = {}
    for name, asked in RULES.items():
        lines = (place / ("told" if name == "slope, told" else "plain")).read_text().splitlines(keepends=True)
        more = {"checks": len(steps)} if name in ("slope, told", "slope, length known") else {}
        found[name] = {"check": None, "reason": None}
        for i in range(len(steps)):
            (place / "prefix").write_text("".join(lines[: i + 1]))
            verdict = gate(history=place / "prefix", plateau="separability", **asked, **more)["verdict"]
            if verdict["decision"] in STOPPING:
                found[name] = {"check": i, "reason": verdict["reason"]}
                break
    return found


def gained(values: list[float], at: int) -> float:
    """What separability gains after a check."""
    return float(np.mean(values[-3:]) - np.mean(values[max(at - 2, 0) : at + 1]))


def of_real_runs(every: int = 1) -> list[dict[str, Any]]:
    """Each run: what every rule made of it."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        for run in real_runs()[::every]:
            values, right = run["checks"]["separability"], run["checks"]["accuracy"]
            last = len(values) - 1
            rules = {}
            for name, said in answers(run, Path(place)).items():
                at = last if said["check"] is None else said["check"]
                rules[name] = {
                    **said, "early": said["check"] is not None and gained(values, at) >= DELTA,
                    "saved": round((last - at) / last, 3), "lost": round(max(right) - right[at], 4),
                    "over_end": round(right[at] - right[-1], 4),
                }  # fmt: skip
            found.append({
                "kind": run["kind"], "seed": run["seed"], "flat": gained(values, last // 2) < DELTA, "rules": rules
            })  # fmt: skip
            print(found[-1], flush=True)
    return found


def first_over_cycles(values: list[float], planned: int | None) -> int | None:
    """The first check at which the rule stops, with a cycle of ten checks."""
    for end in range(4, len(values) + 1):
        seen = cycles.phased(range(3, end), values[3:end], CYCLE)
        if seen is None or not seen.decisions:
            continue
        decisions = None if planned is None else planned - 3 - seen.fewest * seen.phases + 1
        asked: dict[str, Any] = {"confidence": 0.9, "planned": decisions}
        fallen = cycles.fall(seen, **asked)
        if (fallen is not None and fallen.least > DELTA) or cycles.improvement(seen, cycles=1, **asked).high < DELTA:
            return end - 1
    return None


def of_cyclic_runs(runs: int) -> list[dict[str, Any]]:
    """Runs on a trend, whose stops are early, and runs that are flat from a third on, with the same cycle."""
    t = np.arange(CHECKS)
    wave = 0.03 * np.sin(2 * np.pi * t / CYCLE)
    curves = {
        "a trend of 2 times, and a cycle": 2 * DELTA / 5 * t + wave,
        "at the limit (min-delta a cycle), and a cycle": DELTA / CYCLE * t + wave,
        "flat from a third on, and a cycle": 0.1 * np.minimum(t / np.ceil(CHECKS / 3), 1) + wave,
    }
    found = []
    for name, curve in curves.items():
        for spread in (0.001, 0.003, 0.01):
            for correlation in (0.0, 0.7):
                rng = np.random.default_rng([SEED, int(1000 * spread), int(10 * correlation)])
                drawn = curve + spread * noise(runs, CHECKS, correlation, rng)
                entry: dict[str, Any] = {"series": name, "noise": spread, "correlation": correlation}
                for told, planned in (("length known", CHECKS), ("length not known", None)):
                    at = [first_over_cycles(values.tolist(), planned) for values in drawn]
                    stopped = [i for i in at if i is not None]
                    saved = sum(CHECKS - 1 - i for i in stopped) / runs / CHECKS
                    entry[told] = {"stopped": len(stopped) / runs, "saved": round(saved, 3)}
                found.append(entry)
                print(entry, flush=True)
    return found


def of_steps(runs: int) -> list[dict[str, Any]]:
    """Runs that rise at the drops of the rate (checks 15, 30, 45), told of them, of 60 checks, and not told."""
    checks, drops = 60, (15, 30, 45)
    curve = 0.1 * (np.arange(checks) // 15) / 3
    numbers = rule_numbers("slope", {"checks": checks})
    found = []
    for spread in (0.001, 0.003, 0.01):
        for correlation in (0.0, 0.7):
            rng = np.random.default_rng([SEED, int(1000 * spread), int(10 * correlation)])
            low = bounds(curve + spread * noise(runs, checks, correlation, rng), numbers) < DELTA
            entry: dict[str, Any] = {"noise": spread, "correlation": correlation}
            offset = numbers["warmup"] + numbers["window"] - 1
            for name, since in (("told", drops[-1] + 1), ("not told", 0)):
                hits = low & (np.arange(low.shape[1]) + offset >= since)
                at = np.where(hits.any(axis=1), hits.argmax(axis=1) + offset, NEVER)
                entry[name] = {
                    "early": round(float((at < drops[-1]).mean()), 4), "stopped": round(float((at < NEVER).mean()), 4)
                }  # fmt: skip
            found.append(entry)
            print(entry, flush=True)
    return found


def main() -> None:
    """Run the study and write it down."""
    quick = "--quick" in sys.argv
    began = time.time()
    runs = 4 if quick else 200
    found = {
        "setting": {"min_delta": DELTA, "runs": runs, "seed": SEED, "checks": CHECKS},
        "real": of_real_runs(23 if quick else 1), "steps": of_steps(runs), "cyclic": of_cyclic_runs(runs),
    }  # fmt: skip
    if not quick:
        parts = []
        for name, part in found.items():
            lines = ",\n".join(json.dumps(entry) for entry in part)
            parts.append(f'"{name}": {json.dumps(part) if isinstance(part, dict) else f"[{chr(10)}{lines}{chr(10)}]"}')
        RESULTS.write_text("{" + ",\n".join(parts) + "}\n")
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
