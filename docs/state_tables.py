"""docs/state.md: the rule as `labelfree explain state` prints it, and how often it was wrong, by kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
INTRO = """# State

The first line of `labelfree rank`, `separability`, `transfer`, `opis` and `evaluate`, and `state` in their JSON: whether the
embedding of one file is healthy, in three words or none. It is made of the mean and the scatter of the rows, whatever
metrics are asked for. `labelfree explain state` prints the rule with its limits:

"""


def state() -> str:
    """The page, from the rule and its committed study."""
    from labelfree.commands.state_rule import state_rule

    study: Any = json.loads((RESULTS / "state.json").read_text())
    out = ["<!-- Written by docs/generate.py from the rule and benchmarks/results/state.json. -->\n" + INTRO]
    out += ["```text\n" + state_rule(88).rstrip() + "\n```\n", "## How often it is wrong\n"]
    seeds, tried, kinds = study["seeds"], study["rules_tried"], study["kinds"]
    out.append(
        f"`benchmarks/state.py`: {len(kinds)} kinds of embeddings of 16 to 1,024 columns, {seeds} of each: supervised and "
        "self-supervised networks trained for it, language and image models, laws drawn from. Half of the kinds were kept "
        f"aside while the limits were chosen on the others ({tried} rules were tried), and judged once. A bound is the "
        "one-sided upper 95 % bound of Clopper and Pearson.\n"
    )
    out += ["| error | on open kinds | bound | on kinds kept aside | bound |", "|---|---:|---:|---:|---:|"]
    for name in study["rates"]["kept"]:
        cells = [_cells(study["rates"][side][name]) for side in ("open", "kept")]
        out.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    out.append("\n**No healthy embedding was called anything else.** What it misses is a collapse that keeps more than three")
    out.append("directions, or that wears a structure down without taking directions away: there look at the run, not at one")
    out.append("file ([the collapse guard](gate.md#the-collapse-guard)).\n")
    for side, title in (("kept", "Kinds kept aside"), ("open", "Open kinds")):
        out += [f"### {title}\n", "| kind | truth | likely collapsed | suspicious | healthy |", "|---|---|---:|---:|---:|"]
        for kind in (k for k in kinds if k["side"] == side):
            counts = [kind["states"].count(word) for word in ("likely_collapsed", "suspicious", "healthy")]
            out.append(f"| {kind['kind']} | {kind['truth']} | {' | '.join(str(c or '') for c in counts)} |")
        out.append("")
    return "\n".join(out)


def _cells(rate: dict[str, Any]) -> str:
    return f"{rate['count']} of {rate['of']} | {100 * rate['bound']:.1f} %"
