"""The collapse guard on fresh training runs: healthy ones, which must pass, and collapsing ones, which must trip it.

python benchmarks/collapse_guard.py            a few minutes; writes benchmarks/results/collapse_guard.json
python benchmarks/collapse_guard.py --quick    two kinds, one seed and width, in seconds; written nowhere

A small network on the digits of scikit-learn (1,797 images), embeddings of width 32 and 384, five seeds each, 16
checks of every run. Each run begins with the same self-supervised training and goes on in one of these ways. The
accuracy is that of a ridge probe on half of the rows: it says whether a run was hurt, the guard never sees it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

import labelfree
from labelfree.gating.guards import collapse_guard
from labelfree.history import collapse

RESULTS = Path(__file__).parent / "results" / "collapse_guard.json"
CHECKS, STEPS, PRETRAIN, BATCH = 16, 25, 60, 256
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
        report = json.loads(labelfree.rank(Z, only=("effective_rank", "mean_cosine")).to_json())
        seen.append(collapse(report))
        guard = collapse_guard(list(range(i + 1)), seen)
        probe = accuracy(Z.astype(np.float64), data.target)
        checks.append({"decision": guard.decision, "share": guard.rank_share, "probe": probe, **seen[-1]})
    tripped = [i for i, c in enumerate(checks) if c["decision"] == "collapse"]
    return {
        "kind": kind, "d": d, "seed": seed, "tripped_at": tripped[0] if tripped else None,
        "lowest_share": round(min(c["share"] for c in checks), 3),
        "cosine": round(checks[-1]["mean_cosine"], 3),
        "highest_cosine": round(max(c["mean_cosine"] for c in checks), 3),
        "duplicates": round(checks[-1]["duplicate_share"], 3),
        "probe": [round(checks[0]["probe"], 3), round(checks[-1]["probe"], 3)],
        "shares": [round(c["share"], 3) for c in checks], "cosines": [round(c["mean_cosine"], 3) for c in checks],
    }  # fmt: skip


def main() -> None:
    """Run all kinds, widths and seeds, and write them down."""
    torch.set_num_threads(1)
    quick = "--quick" in sys.argv
    began = time.time()
    found = []
    for kind in (*HEALTHY[1:2], *COLLAPSING[:1]) if quick else (*HEALTHY, *COLLAPSING):
        for d in (32,) if quick else (32, 384):
            runs = [run(kind, d, seed, 4 if quick else CHECKS) for seed in range(1 if quick else 5)]
            found += runs
            tripped = [r["tripped_at"] for r in runs]
            shares, probes = [r["lowest_share"] for r in runs], [r["probe"] for r in runs]
            print(
                f"{kind:22} d {d:3}  tripped at {tripped}  lowest rank share {shares}  "
                f"cosine {[r['cosine'] for r in runs]} duplicates {[r['duplicates'] for r in runs]}  probe {probes}",
                flush=True,
            )
    if not quick:
        setting = {"rows": 1797, "checks": CHECKS, "seeds": 5, "healthy": HEALTHY, "collapsing": COLLAPSING}
        RESULTS.write_text(json.dumps({"setting": setting, "runs": found}, indent=1) + "\n")
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
