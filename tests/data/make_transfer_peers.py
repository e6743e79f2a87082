"""What pytorch-adapt, SKADA and POT say of seeded cases: writes transfer_peers.json beside this file.

Run it where they are installed; nothing of labelfree is imported:
    python -m venv peers && peers/bin/pip install torch pytorch-adapt==0.0.83 skada==0.6.0 skorch POT 'setuptools<81'
    peers/bin/python tests/data/make_transfer_peers.py
"""

from __future__ import annotations

import json
import warnings
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

HERE = Path(__file__).parent
CASES = {"A": (512, 16, 5, 0), "B": (1024, 64, 31, 1), "C": (640, 256, 65, 2)}
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)


def case(n: int, d: int, k: int, seed: int) -> SimpleNamespace:
    """Rows X in k clusters, logits of a random head; the source is the first half, moved by 0.5, with labels."""
    r = np.random.RandomState(seed)
    W, b = r.standard_normal((k, d)), 0.1 * r.standard_normal(k)
    centers, y = 3 * r.standard_normal((k, d)), r.randint(0, k, size=n)
    X = centers[y] + r.standard_normal((n, d))
    source = X[: n // 2] + 0.5
    return SimpleNamespace(
        X=X, L=(X @ W.T + b) / np.sqrt(d), source=source, SL=(source @ W.T + b) / np.sqrt(d), labels=y[: n // 2]
    )


def by_pytorch_adapt(c: Any) -> dict[str, float]:
    """Its validators and losses in float64; all validators are 'higher is better'."""
    import torch
    from pytorch_adapt.layers import CORALLoss, MCCLoss  # type: ignore[import-not-found, unused-ignore]
    from pytorch_adapt.validators import (  # type: ignore[import-not-found, unused-ignore]
        AccuracyValidator,
        BNMValidator,
        ClassClusterValidator,
        DiversityValidator,
        EntropyValidator,
        IMValidator,
        MMDValidator,
        SNDValidator,
    )

    def side(X: Any, L: Any, y: Any) -> dict[str, Any]:
        logits = torch.tensor(L)
        return {
            "features": torch.tensor(X), "logits": logits, "preds": logits.softmax(dim=1), "labels": torch.tensor(y)
        }  # fmt: skip

    target = side(c.X, c.L, np.zeros(len(c.X), np.int64))
    source = side(c.source, c.SL, c.labels)

    def unit(X: Any) -> Any:
        return torch.nn.functional.normalize(X)

    def cluster(normalizer: Any) -> float:
        validator = ClassClusterValidator(centroid_init="label_centers", feat_normalizer=normalizer)
        return float(validator(target_train=target))

    def mmd(scales: Any) -> float:
        distances = MMDValidator(mmd_kwargs={"mmd_type": "quadratic", "kernel_scales": scales})
        return float(distances(src_train=source, target_train=target))

    return {
        "entropy": EntropyValidator()(target_train=target),
        "diversity": DiversityValidator()(target_train=target),
        "im": IMValidator()(target_train=target),
        "bnm": BNMValidator()(target_train=target),
        **{f"snd_{layer}": SNDValidator(layer=layer)(target_train=target) for layer in ("preds", "features", "logits")},
        "class_ami": cluster(None),
        "class_ami_l2": cluster(unit),
        "mcc": float(MCCLoss()(target["logits"])),
        "source_accuracy": float(AccuracyValidator()(src_val=source)),
        "mmd": mmd(1.0),
        "mmd_scales": mmd(torch.tensor([1 / s for s in SCALES], dtype=torch.float64)),
        "median_within_target": float(torch.median(torch.cdist(target["features"], target["features"]) ** 2)),
        "median_within_source": float(torch.median(torch.cdist(source["features"], source["features"]) ** 2)),
        "coral": float(CORALLoss()(source["features"], target["features"])),
    }


def by_skada(c: Any) -> dict[str, float]:
    """Its scorers on an estimator that returns the given logits, and its Deep CORAL loss."""
    import torch
    from scipy.special import log_softmax
    from skada.deep.losses import deepcoral_loss  # type: ignore[import-not-found, unused-ignore]
    from skada.metrics import MaNoScorer, PredictionEntropyScorer, SoftNeighborhoodDensity  # type: ignore[import-not-found, unused-ignore]
    from sklearn.pipeline import Pipeline

    class Given(Pipeline):  # type: ignore[misc]
        """A pipeline whose rows are the logits."""

        def predict_log_proba(self, X: Any, sample_domain: Any = None, **rest: Any) -> Any:
            return log_softmax(X, axis=1)

        def predict_proba(self, X: Any, sample_domain: Any = None, **rest: Any) -> Any:
            return np.exp(log_softmax(X, axis=1))

    class Network:
        """What SKADA takes for a network: MaNo then starts from the logits."""

        module_ = SimpleNamespace(layer_name="last")

        def predict_proba(self, X: Any) -> Any:
            return np.exp(log_softmax(X, axis=1))

        def infer(self, X: Any) -> Any:
            return torch.tensor(X)

    rows = np.concatenate([c.SL, c.L])
    labels = np.concatenate([c.labels, np.full(len(c.L), -1)])
    domain = np.repeat([1, -2], [len(c.SL), len(c.L)])

    def of(scorer: Any, estimator: Any) -> float:
        return float(scorer._score(None, estimator, rows.copy(), labels, domain))

    pipeline = Given([("none", None)])
    return {
        "entropy_mean": of(PredictionEntropyScorer(reduction="mean"), pipeline),
        "entropy_sum": of(PredictionEntropyScorer(reduction="sum"), pipeline),
        "snd": of(SoftNeighborhoodDensity(), pipeline),
        "mano_probabilities": of(MaNoScorer(), pipeline),
        "mano_network": of(MaNoScorer(), Network()),
        "coral": float(deepcoral_loss(torch.tensor(c.source), torch.tensor(c.X))),
    }


def by_pot(c: Any) -> dict[str, float]:
    """Exact transport: of class probabilities to the shares of the source labels, and between Gaussians."""
    import ot  # type: ignore[import-not-found, unused-ignore]
    from scipy.special import softmax

    p = softmax(c.L, axis=1)
    share = np.bincount(c.labels, minlength=p.shape[1]) / len(c.labels)
    cost = np.abs(p[:, None, :] - np.eye(p.shape[1])[None]).sum(axis=2) / 2
    gauss = ot.gaussian.bures_wasserstein_distance(
        c.X.mean(0), c.source.mean(0), np.cov(c.X, rowvar=False), np.cov(c.source, rowvar=False)
    )
    return {
        "cot_error": float(ot.emd2(np.full(len(p), 1 / len(p)), share, cost, numItermax=10_000_000)),
        "frechet": float(gauss) ** 2,
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    found = {}
    for name, shape in CASES.items():
        c = case(*shape)
        found[name] = {
            "shape": list(shape),
            "first": [float(c.X[0, 0]), float(c.L[0, 0])],
            "pytorch_adapt": by_pytorch_adapt(c),
            "skada": by_skada(c),
            "pot": by_pot(c),
        }
    programs = {name: version(name) for name in ("pytorch-adapt", "skada", "POT", "torch", "numpy", "scikit-learn")}
    text = json.dumps({"made_by": Path(__file__).name, "programs": programs, "cases": found}, indent=1)
    (HERE / "transfer_peers.json").write_text(text + "\n")
