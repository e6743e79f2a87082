"""What labels say of an embedding, and what the metrics say without them: the two sides that evidence.py compares."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import labelfree

UNSUPERVISED = ("separability", "excess", "robust", "robust_excess")
SUPERVISED = ("fisher", "knn", "auc", "calinski")


def without_labels(X: np.ndarray, normalize: str = "l2") -> dict[str, Any]:
    """Both metrics over all rows with their excess over the surrogate, and the signs of collapse beside them."""
    report = labelfree.separability(X, normalize=normalize, sample=None, only=("separability", "separability_robust"))
    plain, robust = report["separability"], report["separability_robust"]
    return {
        "separability": _rounded(plain.value),
        "excess": _rounded(plain.parts["excess"]),
        "robust": _rounded(robust.value),
        "robust_excess": _rounded(robust.parts.get("excess")),
        "warned": bool(plain.parts["collapse"]),
    }


def with_labels(X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Fisher's ratio, leave-one-out kNN accuracy, AUC of a logistic regression on held-out rows, Calinski-Harabasz."""
    from sklearn.metrics import calinski_harabasz_score

    return {
        "fisher": round(fisher(X, y), 4),
        "knn": round(knn(X, y), 4),
        "auc": round(auc(X, y), 4),
        "calinski": round(float(calinski_harabasz_score(X, y)), 3),
    }


def fisher(X: np.ndarray, y: np.ndarray) -> float:
    """Variance between the classes over variance within them: tr S_B / tr S_W."""
    classes, which, count = np.unique(y, return_inverse=True, return_counts=True)
    means = np.stack([X[which == c].mean(axis=0) for c in range(len(classes))])
    within = ((X - means[which]) ** 2).sum()
    return float((count @ ((means - X.mean(axis=0)) ** 2).sum(axis=1)) / within)


def knn(X: np.ndarray, y: np.ndarray, k: int = 5) -> float:
    """Share of the rows whose k nearest others have mostly their class."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(X).kneighbors(return_distance=False)[:, :k]
    votes = np.stack([(y[near] == c).sum(axis=1) for c in np.unique(y)])
    return float((np.unique(y)[votes.argmax(axis=0)] == y).mean())


def auc(X: np.ndarray, y: np.ndarray) -> float:
    """One-vs-rest area under the ROC curve of a logistic regression fitted on every other row."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    one, other, y_one, y_other = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
    scaler = StandardScaler().fit(one)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=0.1, max_iter=300).fit(scaler.transform(one), y_one)
    p = model.predict_proba(scaler.transform(other))
    return float(roc_auc_score(y_other, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr"))


def agreement(rows: list[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Spearman correlation of each unsupervised number with each supervised one over the rows where both exist."""
    return {u: {s: spearman(rows, u, s) for s in SUPERVISED} for u in UNSUPERVISED}


def spearman(rows: list[dict[str, Any]], one: str, other: str) -> float | None:
    """Spearman correlation of two columns over the rows where both exist; None where one of them never moves."""
    from scipy.stats import spearmanr

    pairs = np.array([(r[one], r[other]) for r in rows if r[one] is not None and r[other] is not None])
    if len(pairs) < 5 or len(np.unique(pairs[:, 0])) < 2 or len(np.unique(pairs[:, 1])) < 2:
        return None
    return round(float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic), 3)


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)
