"""Which score tells rows of another kind from usual ones: on embeddings of real data, against their known kind.

python benchmarks/drift/unusual_rows.py [--quick]    writes benchmarks/results/drift_rows.json

Each case has a reference, usual rows that it has not seen, and strange ones. The score of a method is the area under
the ROC curve of strange against usual rows. Needs torch, scikit-learn, and the packages of MiniLM and EfficientNet.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import state_embeddings as embeddings

from labelfree.families.drift.unusual import scorer
from labelfree.families.transfer.two_samples import area

RESULTS = Path(__file__).parent.parent / "results" / "drift_rows.json"
SEEDS = 5
ALWAYS = ("combined", "distance", "direction", "mahalanobis")
OF_SCORES = ("energy", "msp")
Case = tuple[np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]


def parted(usual: np.ndarray, strange: np.ndarray, seed: int) -> Case:
    """Half of the usual rows as the reference, the other half and the strange rows as current."""
    order = np.random.default_rng(seed).permutation(len(usual))
    half = len(usual) // 2
    return usual[order[:half]], usual[order[half:]], strange, None


def sentences(usual: str, strange: str) -> Callable[[int], Case]:
    """Embeddings of sentences by MiniLM: lines of pages against first lines of docstrings."""
    return lambda seed: parted(embeddings.hidden(usual)[-1], embeddings.hidden(strange)[-1], seed)


def states(usual: str, strange: str, layer: int) -> Callable[[int], Case]:
    """States of one token in a layer of MiniLM, whose lengths differ."""
    return lambda seed: parted(embeddings.hidden(usual)[layer], embeddings.hidden(strange)[layer], seed)


def images(usual: str, strange: str) -> Callable[[int], Case]:
    """Features of EfficientNet-lite0: digits against crops of photographs."""
    return lambda seed: parted(embeddings.seen(usual), embeddings.seen(strange), seed)


def unseen_classes(activation: str) -> Callable[[int], Case]:
    """The last layer of a network trained on seven kinds of digits; the other three kinds are strange."""

    def made(seed: int) -> Case:
        import torch
        from torch import nn

        torch.manual_seed(seed)
        pixels, y = embeddings.data("digits")
        hidden = np.random.default_rng(seed).permutation(10)[:3]
        known = np.setdiff1d(np.arange(10), hidden)
        place = np.full(10, -1)
        place[known] = np.arange(7)
        inside = np.flatnonzero(place[y.numpy()] >= 0)
        order = np.random.default_rng(seed).permutation(inside)
        third = len(order) // 3
        last = nn.ReLU() if activation == "ReLU" else nn.Identity()
        body = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 48), last)
        head = nn.Linear(48, 7)
        optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], 2e-3)
        for _ in range(400):
            rows = torch.tensor(np.random.default_rng([seed, _]).choice(order[:third], 64))
            loss = nn.functional.cross_entropy(head(body(pixels[rows])), torch.tensor(place)[y[rows]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            Z = body(pixels)
            logits = head(Z).numpy().astype(np.float64)
        Z = Z.numpy().astype(np.float64)
        strange = np.flatnonzero(place[y.numpy()] < 0)
        usual = order[2 * third :]
        return Z[order[third : 2 * third]], Z[usual], Z[strange], (logits[usual], logits[strange])

    return made


def damaged(how: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Callable[[int], Case]:
    """Pixels of digits, and the same images damaged."""

    def made(seed: int) -> Case:
        from sklearn.datasets import load_digits

        usual = load_digits().data / 16
        reference, current, _, _ = parted(usual, usual, seed)
        return reference, current, how(current, np.random.default_rng(seed)), None

    return made


CASES: dict[str, Callable[[int], Case]] = {
    "MiniLM: docstrings among pages": sentences("docs", "python"),
    "MiniLM: pages among docstrings": sentences("python", "docs"),
    "MiniLM, a token in layer 3: docstrings among pages": states("docs", "python", 3),
    "MiniLM, a token in layer 6: docstrings among pages": states("docs", "python", 6),
    "EfficientNet: photographs among digits": images("digits", "photographs"),
    "EfficientNet: digits among photographs": images("photographs", "digits"),
    "network, ReLU: three unseen classes": unseen_classes("ReLU"),
    "network, linear: three unseen classes": unseen_classes("none"),
    "digits: noise of .2": damaged(lambda x, rng: np.clip(x + 0.2 * rng.normal(size=x.shape), 0, 1)),
    "digits: half the contrast": damaged(lambda x, rng: 0.5 * x),
    "digits: mirrored": damaged(lambda x, rng: x.reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)),
}


def scored(case: Case) -> Iterator[tuple[str, float]]:
    """The area of each method."""
    reference, usual, strange, logits = case
    which = np.repeat([False, True], [len(usual), len(strange)])
    for method in (*ALWAYS, *(OF_SCORES if logits else ())):
        score = scorer(method, reference)
        given = logits or (None, None)
        both = np.concatenate([score(rows, z) for rows, z in zip((usual, strange), given, strict=True)])
        yield method, area(both, which)


def study(seeds: int) -> dict[str, Any]:
    """The mean area of each method in each case, and over the cases."""
    found: dict[str, dict[str, float]] = {}
    for name, made in CASES.items():
        runs = [dict(scored(made(seed))) for seed in range(seeds)]
        found[name] = {method: round(float(np.mean([run[method] for run in runs])), 4) for method in runs[0]}
        print(name, found[name], flush=True)
    over = {
        method: {
            "mean": round(float(np.mean([case[method] for case in found.values()])), 4),
            "least": min(case[method] for case in found.values()),
        }
        for method in ALWAYS
    }
    return {"seeds": seeds, "cases": found, "over_cases": over}


if __name__ == "__main__":
    done = study(1 if "--quick" in sys.argv else SEEDS)
    print(done["over_cases"])
    if "--quick" not in sys.argv:
        RESULTS.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
