"""The tables of docs/weights.md, from the committed results of their benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
NAMES = {
    "minilm": "all-MiniLM-L6-v2",
    "efficientnet_lite0": "EfficientNet-Lite0",
    "onet": "O-Net of a face detector",
    "speaker_encoder": "LSTM of a speaker encoder",
}


def weights(template: str = "weights.intro.md") -> str:
    """docs/weights.md, or its evidence: a template with the tables filled in."""
    study: Any = json.loads((RESULTS / "power_law.json").read_text())
    agreement: Any = json.loads((RESULTS / "weightwatcher.json").read_text())
    tables = {
        "ACCEPTED": accepted(study["cases"]),
        "SPIKED": spiked(study["cases"]),
        "NULL": ", ".join(f"{quantile:g} ({level:g})" for level, quantile in study["null"]),
        "SPIKES": noise_spikes(json.loads((RESULTS / "noise_spikes.json").read_text())["shapes"]),
        "AGREEMENT": agreed(agreement["models"]),
        "KERNELS": kernels(agreement["models"]["onet"]["kernels"]),
    }
    text = (DOCS / template).read_text().replace("@PEER@", agreement["weightwatcher"])
    for name, filled in tables.items():
        text = text.replace(f"@{name}@", filled)
    noted = f"<!-- Written by docs/generate.py; change docs/{template}, or the results, and run it. -->\n"
    return text if text.startswith("<!--") else noted + text


def accepted(cases: dict[str, Any]) -> str:
    """Share of the fits that are accepted, in percent, by law and number of eigenvalues."""
    sizes = list(dict.fromkeys(name.rsplit(" | ", 1)[1] for name in cases))
    laws = list(dict.fromkeys(name.rsplit(" | ", 1)[0] for name in cases))
    rows = []
    for law in laws:
        found = [cases[f"{law} | {m}"] for m in sizes]
        last = found[-1]["exponents"]
        spread = "" if last is None else f"{last[0]:g} to {last[2]:g}"
        rows.append([law, *(f"{100 * case['accepted']:.0f}" for case in found), spread])
    return table(["spectrum", *(f"{m} values" for m in sizes), f"exponents at {sizes[-1]}"], rows)


def spiked(cases: dict[str, Any]) -> str:
    """Largest share of noise with one to three strong directions that passes all other rules, in percent."""
    few = tuple(f"spikes: {count} |" for count in (1, 2, 3))
    found = [case["but_for_the_largest"] for name, case in cases.items() if any(text in name for text in few)]
    return f"{100 * max(found):.0f}"


def noise_spikes(shapes: dict[str, Any]) -> str:
    """False alarms in percent, and how many of the planted directions are counted."""
    strengths = list(next(iter(shapes.values()))["seen"])
    alarms = {"weight_spikes": "`weight_spikes`", "known": "noise level known"}
    rows = [
        [shape, *(f"{100 * found['false_alarm'][name]:.1f} %" for name in alarms)]
        + [f"{found['seen'][strength]:.1f}" for strength in strengths]
        for shape, found in shapes.items()
    ]
    return table(["matrix", *alarms.values(), *(f"seen at {float(s):g}" for s in strengths)], rows)


def agreed(models: dict[str, Any]) -> str:
    """How far the numbers of matrices and 1 x 1 convolutions are from WeightWatcher's."""
    rows = []
    for name, found in models.items():
        alpha = "" if found["alpha_largest"] is None else f"{found['alpha_largest']:.0e}"
        rows.append(
            [
                NAMES[name], str(found["alike"]), f"{found['stable_rank_largest']:.0e}", str(found["alpha_compared"]),
                alpha, str(found["refused_by_us"]), str(len(found["kernels"])), str(len(found["not_analyzed"])),
            ]
        )  # fmt: skip
    head = [
        "checkpoint", "seen alike", "stable rank apart", "exponents", "apart", "of these refused here",
        "larger kernels", "not analyzed there",
    ]  # fmt: skip
    return table(head, rows)


def kernels(found: dict[str, Any]) -> str:
    """Convolutions with larger kernels, theirs and ours."""
    rows = []
    for name, pair in found.items():
        shape = " x ".join(map(str, pair["shape"]))
        numbers = [f"{a:.2f}, {'-' if b is None else f'{b:.2f}'}" for a, b in (pair["stable_rank"], pair["alpha"])]
        rows.append([name, shape, *numbers, ", ".join(map(str, pair["eigenvalues"]))])
    return table(["layer of O-Net", "shape", "stable rank: there, here", "exponent", "eigenvalues"], rows, left=2)
