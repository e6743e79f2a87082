"""The collapse guard on fresh training runs: healthy ones, which must pass, and collapsing ones, which must trip it.

python benchmarks/collapse_guard.py            a few minutes; writes benchmarks/results/collapse_guard.json
python benchmarks/collapse_guard.py "five points,fine-tuning"    only these kinds, put into that file
python benchmarks/collapse_guard.py kept       the kinds that were kept aside, put into that file
python benchmarks/collapse_guard.py --quick    two kinds, one seed and width, in seconds; written nowhere

A small network on the digits of scikit-learn (1,797 images), embeddings of width 32 and 384, five seeds each, 16
checks of every run. Each run begins with the same self-supervised training and goes on in one of these ways. The
accuracy is that of a ridge probe on half of the rows: it says whether a run was hurt, the guard never sees it.

The rule of version 2 was chosen on seed 0 of the kinds below; the kinds of collapse_kept.py (other losses, data and
shapes of collapse) were run once, after it was fixed. Version 1 is asked beside it, and version 2 with the classes
known.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from collapse_kept import KEPT, kept_run, numbers
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from labelfree.catalog import CENTERED
from labelfree.gating.guards import collapse_guard

RESULTS = Path(__file__).parent / "results" / "collapse_guard.json"
CHECKS, STEPS, PRETRAIN, BATCH, SEEDS = 16, 25, 60, 256, 5
HEALTHY = ("self-supervised", "fine-tuning", "long fine-tuning", "fine-tuning inside a cone", "metric learning")
COLLAPSING = ("narrow cone", "no negatives", "one point", "five points", "five points, float16")


def views(X: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two noisy versions of a batch."""
    one, two = (X + 0.15 * torch.randn(X.shape, generator=generator) for _ in range(2))
    return one, two


def contrast(a: Tensor, b: Tensor) -> Tensor:
    """NT-Xent between two views, temperature 0.2."""
    a, b = functional.normalize(a), functional.normalize(b)
    return functional.cross_entropy(a @ b.T / 0.2, torch.arange(len(a)))


def loss(
    kind: str, model: nn.Module, head: nn.Module, data: Any, rows: Tensor, fixed: dict[str, Tensor], g: Any
) -> Tensor:
    """What a run of this kind minimizes on one batch."""
    X, y = data[0][rows], data[1][rows]
    if kind == "self-supervised":
        return contrast(*(model(v) for v in views(X, g)))
    if "fine-tuning" in kind:
        return functional.cross_entropy(head(model(X)), y)
    if kind == "metric learning":
        z = functional.normalize(model(X))
        same = (y[:, None] == y[None, :]).float()
        return ((1 - z @ z.T) * same).mean() + 4 * (functional.relu(z @ z.T - 0.3) * (1 - same)).mean()
    if kind == "narrow cone":  # classes stay apart while a common offset grows
        z = model(X)
        return functional.cross_entropy(head(z), y) + (1 - functional.cosine_similarity(z, fixed["axis"][None])).mean()
    if kind == "no negatives":  # agreement of views alone, by cosine
        a, b = (model(v) for v in views(X, g))
        mean = functional.normalize(functional.normalize(a).mean(dim=0), dim=0)
        return (1 - functional.cosine_similarity(a, b)).mean() + (1 - functional.normalize(b) @ mean).mean()
    z = model(X)
    if kind == "one point":
        return ((z - z.mean(dim=0)) ** 2).sum(dim=1).mean()
    return ((z - fixed["points"][fixed["cluster"][rows]]) ** 2).sum(dim=1).mean()  # five points, far apart


def accuracy(Z: np.ndarray, y: np.ndarray) -> float:
    """A ridge probe, fitted on even rows, tested on odd ones."""
    Z = (Z - Z.mean(axis=0)) / max(float(Z.std()), 1e-12)
    Z = np.hstack([Z, np.ones((len(Z), 1))]).astype(np.float64)
    A, B = Z[::2], np.eye(10)[y[::2]]
    W = np.linalg.solve(A.T @ A + 1e-3 * len(A) * np.eye(A.shape[1]), A.T @ B)
    return float(((Z[1::2] @ W).argmax(axis=1) == y[1::2]).mean())


def near(Z: np.ndarray) -> float:
    """Share of rows that have another, in direction, within 3 % of the mean distance."""
    U = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    distance = np.sqrt(np.maximum(2 - 2 * U @ U.T, 0))
    mean = distance[np.triu_indices(len(U), 1)].mean()
    np.fill_diagonal(distance, np.inf)
    return float((distance.min(axis=1) < 0.03 * mean).mean())


def run(kind: str, d: int, seed: int, times: int = CHECKS) -> dict[str, Any]:
    """Train one run and look at it, 16 times where no number is given."""
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed)
    data = load_digits()
    X, y = torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, d))
    head = nn.Linear(d, 10)
    fixed: dict[str, Tensor] = {}

    def train(what: str, steps: int, rate: float) -> None:
        parameters = [*model.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-2)
        for _ in range(steps):
            rows = torch.randint(0, len(X), (BATCH,), generator=g)
            optimizer.zero_grad()
            loss(what, model, head, (X, y), rows, fixed, g).backward()
            optimizer.step()

    train("self-supervised", PRETRAIN, 1e-3)
    with torch.no_grad():
        first = model(X)
    offset = 4 * float(first.norm(dim=1).mean()) * functional.normalize(torch.randn(d, generator=g), dim=0).numpy()
    base = kind.split(",")[0]
    checks, seen = [], []
    for i in range(times):
        if i == 1:
            with torch.no_grad():
                Z = model(X)
                size = float(Z.norm(dim=1).mean())
                clusters = KMeans(5, n_init=1, random_state=seed).fit_predict(Z.numpy())
                fixed["cluster"] = torch.tensor(clusters, dtype=torch.int64)
                fixed["points"] = size * torch.linalg.qr(torch.randn(d, 5, generator=g))[0].T
                fixed["axis"] = torch.randn(d, generator=g)
        if i:
            train(base, STEPS * (4 if kind.startswith("long") else 1), 1e-3)
        with torch.no_grad():
            Z = model(X).numpy()
        if kind.endswith("cone") and kind.startswith("fine"):  # as pretrained language models: a common offset
            Z = Z + offset
        if kind.endswith("float16"):
            Z = Z.astype(np.float16)
        seen.append(numbers(Z.astype(np.float64)))
        guard = collapse_guard(list(range(i + 1)), seen)
        probe = accuracy(Z.astype(np.float64), data.target)
        checks.append({"share": guard.rank_share, "probe": probe, **seen[-1]})
    return {
        "kind": kind, "d": d, "seed": seed, **answers(seen, 10),
        "lowest_share": round(min(c["share"] for c in checks), 3),
        "cosine": round(checks[-1]["mean_cosine"], 3),
        "highest_cosine": round(max(c["mean_cosine"] for c in checks), 3),
        "duplicates": round(checks[-1]["duplicate_share"], 3),
        "near": round(near(Z.astype(np.float64)), 3),
        "probe": [round(checks[0]["probe"], 3), round(checks[-1]["probe"], 3)],
        "shares": [round(c["share"], 3) for c in checks], "cosines": [round(c["mean_cosine"], 3) for c in checks],
    }  # fmt: skip


def answers(seen: list[dict[str, Any]], classes: int) -> dict[str, Any]:
    """The first check at which each version of the guard trips, None where none does, and the reasons of the second."""
    old = [{name: value for name, value in one.items() if name not in CENTERED} for one in seen]
    found: dict[str, Any] = {}
    for name, shares, known in (
        ("second_version", seen, None),
        ("first_version", old, None),
        ("classes_known", seen, classes),
    ):
        said = [collapse_guard(list(range(i + 1)), shares[: i + 1], known) for i in range(len(shares))]
        found[name] = next((i for i, one in enumerate(said) if one.decision == "collapse"), None)
        if name == "second_version":
            found["reasons"] = [one.reason for one in said]
    return found


def main() -> None:
    """Run all kinds, widths and seeds, and write them down."""
    torch.set_num_threads(1)
    quick = "--quick" in sys.argv
    known = (*HEALTHY, *COLLAPSING)
    named = [kind for given in sys.argv[1:] for kind in given.split(",") if kind in known]
    began, found = time.time(), []
    if "kept" in sys.argv or quick:
        for kind, (side, _) in list(KEPT.items())[:: 6 if quick else 1]:
            for seed in range(1 if quick else SEEDS):
                shares, probe, classes = kept_run(kind, seed, 3 if quick else 10)
                found.append({"kind": kind, "side": side, "seed": seed, **answers(shares, classes), "probe": probe})
            told(found[-1 if quick else -SEEDS :])
        if not quick:
            written(kept=found)
            return
    found = []
    for kind in (HEALTHY[1], COLLAPSING[0]) if quick else named or known:
        for d in (32,) if quick else (32, 384):
            runs = [run(kind, d, seed, 4 if quick else CHECKS) for seed in range(1 if quick else SEEDS)]
            found += runs
            told(runs)
    if named:
        found = [r for r in json.loads(RESULTS.read_text())["runs"] if r["kind"] not in named] + found
    if not quick:
        written(runs=found)
    print(f"{time.time() - began:.0f} s")


def told(runs: list[dict[str, Any]]) -> None:
    """Print what became of the runs of a kind."""
    asked = ("second_version", "first_version", "classes_known")
    said = "  ".join(f"{name} {[r[name] for r in runs]}" for name in asked)
    print(f"{runs[0]['kind']:26} {runs[0].get('d', '')}  {said}  probe {[r['probe'] for r in runs]}", flush=True)


def written(**part: Any) -> None:
    """Put a part into the file of the results."""
    setting = {"rows": 1797, "checks": CHECKS, "seeds": SEEDS, "healthy": HEALTHY, "collapsing": COLLAPSING}
    found = json.loads(RESULTS.read_text()) | {"setting": setting} | part
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
