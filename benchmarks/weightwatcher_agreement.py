"""Stable rank and power-law exponent of real checkpoints by WeightWatcher, and how far ours are from them.

First where WeightWatcher is installed; nothing of labelfree is imported. Writes tests/data/weightwatcher.json:
    python -m venv peer && peer/bin/pip install weightwatcher==0.7.7 torch==2.13.0 safetensors 'setuptools<81'
    peer/bin/python benchmarks/weightwatcher_agreement.py minilm=model.safetensors efficientnet_lite0=FILE.pth \
        onet=onet.pt speaker_encoder=pretrained.pt
Then where labelfree is installed, with the same arguments: writes benchmarks/results/weightwatcher.json.
"""

from __future__ import annotations

import json
import logging
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
THEIRS = ROOT / "tests" / "data" / "weightwatcher.json"
RESULTS = ROOT / "benchmarks" / "results" / "weightwatcher.json"


def tensors(path: str) -> dict[str, Any]:
    import torch

    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return dict(load_file(path))
    found = torch.load(path, map_location="cpu", weights_only=True)
    return dict(found.get("model_state", found))


def theirs(path: str) -> dict[str, Any]:
    """The layers that WeightWatcher analyzes with its defaults, by name."""
    import weightwatcher

    logging.disable(logging.CRITICAL)
    details = weightwatcher.WeightWatcher(model=tensors(path)).analyze()
    return {
        row["longname"]: {
            "alpha": float(row["alpha"]),
            "distance": float(row["D"]),
            "xmin": float(row["xmin"]),
            "stable_rank": float(row["stable_rank"]),
            "eigenvalues": int(row["num_evals"]),
            "rf": float(row["rf"]),
        }
        for _, row in details.iterrows()
        if row["layer_type"] != "norm" and row["alpha"] == row["alpha"]
    }


def compared(path: str, peer: dict[str, Any]) -> dict[str, Any]:
    """How far ours are from theirs: of matrices and 1 x 1 convolutions, which both see alike, and of other kernels."""
    import labelfree

    layers = {layer.name.removesuffix(".weight"): layer for layer in labelfree.weights(path).layers}
    alike = [k for k in peer if all(size == 1 for size in layers[k].shape[2:])]
    fitted = {k: layers[k].metrics["tail_exponent"].parts.get("fitted") for k in peer}
    tails = {k: abs(fitted[k] / peer[k]["alpha"] - 1) for k in alike if fitted[k] is not None}
    ranks = [abs((layers[k].value("stable_rank") or 0) / peer[k]["stable_rank"] - 1) for k in alike]
    return {
        "analyzed": len(peer),
        "not_analyzed": sorted(set(layers) - set(peer)),
        "alike": len(alike),
        "stable_rank_largest": max(ranks),
        "alpha_compared": len(tails),
        "alpha_largest": max(tails.values(), default=None),
        "alpha_not_fitted_by_us": sorted(set(alike) - set(tails)),
        "refused_by_us": sum(layers[k].metrics["tail_exponent"].reason_code == "poor_fit" for k in alike),
        "kernels": {
            k: {
                "shape": layers[k].shape,
                "stable_rank": [peer[k]["stable_rank"], layers[k].value("stable_rank")],
                "alpha": [peer[k]["alpha"], fitted[k]],
                "eigenvalues": [peer[k]["eigenvalues"], min(layers[k].matrix)],
            }
            for k in peer
            if k not in alike
        },
    }


def main() -> None:
    """Theirs where WeightWatcher is, else the comparison."""
    paths = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if find_spec("weightwatcher"):
        found = {name: theirs(path) for name, path in paths.items()}
        THEIRS.write_text(json.dumps({"weightwatcher": version("weightwatcher"), "models": found}, indent=1) + "\n")
        return
    peer = json.loads(THEIRS.read_text())
    results = {name: compared(path, peer["models"][name]) for name, path in paths.items()}
    RESULTS.write_text(json.dumps({"weightwatcher": peer["weightwatcher"], "models": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
