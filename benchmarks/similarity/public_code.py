"""What public code gives on the reference inputs of the tests, beside ours; the same quantities.

    python benchmarks/similarity/public_code.py [-o benchmarks/results/similarity_peers.json]

Needs ckatorch, in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from labelfree import metrics

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "families" / "similarity"))


def cases() -> dict[str, tuple[Any, Any]]:
    """The inputs of the tests by their letters."""
    from test_values import CASES

    return {name: CASES[name] for name in ("F", "P", "N")}


def by_ckatorch(X: Any, Y: Any) -> dict[str, float]:
    import torch
    from ckatorch.core import cka_base

    a, b = torch.from_numpy(X), torch.from_numpy(Y)
    return {
        "cka": float(cka_base(a, b, kernel="linear", unbiased=True)),
        "cka_biased": float(cka_base(a, b, kernel="linear", unbiased=False)),
    }


def by_formulas(X: Any, Y: Any) -> list[tuple[str, str, float]]:
    """What the formulas of packages that carry no license give: package, quantity of ours, value."""

    def hsic(K: Any, L: Any) -> float:
        n = len(K)
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        whole = K.sum() * L.sum() / ((n - 1) * (n - 2))
        return float((np.trace(K @ L) + whole - 2 / (n - 2) * (K @ L).sum()) / (n * (n - 3)))

    K, L = (M @ M.T for M in (X / 100, Y / 100))
    plus = hsic(K, L) / (np.sqrt(hsic(K, K) * hsic(L, L)) + 1e-6)
    A, B = (M - M.mean(axis=0) for M in (X, Y))
    s = np.linalg.svd(A.T @ B, compute_uv=False).sum() / np.linalg.norm(A) / np.linalg.norm(B)
    return [
        ("platonic-rep (1e-6 in the denominator), rows / 100", "cka", float(plus)),
        ("netrep (an angle in radians)", "procrustes", float(np.arccos(s))),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", type=Path, default=Path(__file__).parents[1] / "results" / "similarity_peers.json")
    asked = parser.parse_args()
    values = []
    for case, (X, Y) in cases().items():
        for name, theirs in by_ckatorch(X, Y).items():
            ours = getattr(metrics, name)(X, Y).value
            package = f"ckatorch {version('ckatorch')}"
            values.append({"package": package, "quantity": name, "case": case, "theirs": theirs, "ours": ours})
            print(values[-1], flush=True)
        for package, name, theirs in by_formulas(X, Y):
            ours = getattr(metrics, name)(X, Y).value
            values.append({"package": package, "quantity": name, "case": case, "theirs": theirs, "ours": ours})
    asked.o.write_text(
        json.dumps({"script": "benchmarks/similarity/public_code.py", "values": values}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
