"""Clean files of one model and files of two, made of real embeddings, for benchmarks/doctor/mixed_spaces.py.

Everything is of one side: "design" or "kept". A file is its rows in file order; of a mixture it is known where the
second space stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from real_embeddings import PLACE
from texts_by_domain import side

Matrix = NDArray[Any]
Rng = np.random.Generator
LAYERS = tuple(f"mean {i}" for i in range(7))
POOLINGS = ("first 2", "first 4", "first 6", "max 6")
NETWORKS = ("classes", "classes rectified", "views", "input")
SHARES = (0.05, 0.1, 0.25, 0.5)


@dataclass(frozen=True)
class File:
    """Rows as a file holds them; second: which rows are of the second space, None where all are of one."""

    kind: str
    rows: Matrix
    second: NDArray[np.bool_] | None = None


@cache
def stored(name: str) -> dict[str, Matrix]:
    """An archive of embeddings."""
    with np.load(PLACE / f"{name}.npz") as found:
        return dict(found)


@cache
def topics(of: str, again: bool = False) -> dict[str, NDArray[np.int64]]:
    """Rows of each domain of a side, in the archive of all texts or of those that were embedded again."""
    texts = json.loads((PLACE / "texts.json").read_text())
    names = json.loads((PLACE / "again.json").read_text()) if again else list(texts)
    found, start = {}, 0
    for name in names:
        rows = np.arange(start, start + len(texts[name]))
        start += len(rows)
        if side(name) == of:
            found[name] = rows
    return found


@cache
def own_rows(of: str) -> dict[str, NDArray[np.int64]]:
    """Rows of each domain in the archives of latent semantic analysis, which are of one side."""
    found, start = {}, 0
    for name, rows in topics(of).items():
        found[name] = np.arange(start, start + len(rows))
        start += len(rows)
    return found


def texts_of(of: str, model: str) -> tuple[Matrix, dict[str, NDArray[np.int64]]]:
    """All rows of a model of texts, and which of them are of which domain."""
    if model in ("word", "char_wb"):
        return stored("semantic")[f"{of} {model}"], own_rows(of)
    archive, _, taken = model.partition("/")
    return stored(archive)[taken], topics(of, archive != "minilm")


def text_model(rng: Rng) -> str:
    """A model of texts, or a way to use one."""
    weights = {
        "minilm/mean 6": 4.0,
        "word": 1.0,
        "char_wb": 1.0,
        "minilm tuned/mean 6": 1.0,
        "minilm short/mean 6": 1.0,
    }
    weights |= {f"minilm/{name}": 0.5 for name in (*LAYERS[:6], *POOLINGS)}
    names, p = list(weights), np.array(list(weights.values()))
    return str(rng.choice(names, p=p / p.sum()))


def unit(rows: Matrix) -> Matrix:
    """Rows of length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def some(rng: Rng, rows: NDArray[np.int64], least: int = 60) -> NDArray[np.int64]:
    """Some of these rows in an order of their own."""
    return rng.permutation(rows)[: int(rng.integers(min(least, len(rows)), len(rows) + 1))]


def languages(names: list[str]) -> list[str]:
    """Domains of messages."""
    return [name for name in names if name.startswith("messages")]


def chosen_topics(rng: Rng, names: list[str], how: str) -> list[str]:
    """Domains of a file."""
    tongues = languages(names)
    prose = [name for name in names if name not in tongues]
    if how == "two languages":
        return list(rng.choice(tongues, 2, replace=False))
    if how == "a language and a topic":
        return [str(rng.choice(tongues)), str(rng.choice(prose))]
    if how == "one topic":
        return [str(rng.choice(names))]
    if how == "all topics":
        return list(rng.permutation(names))
    return list(rng.choice(names, int(rng.integers(2, 9)), replace=False))


TOPICS = ("two languages", "a language and a topic", "one topic", "all topics", "topics")


def of_texts(rng: Rng, of: str, model: str | None = None, how: str | None = None) -> tuple[str, Matrix]:
    """Rows of texts by one model, sorted by topic or not, of unit length or not, near duplicates among them or not."""
    model = model or text_model(rng)
    how = how or str(rng.choice(TOPICS))
    every, rows_of = texts_of(of, model)
    names = chosen_topics(rng, list(rows_of), how)
    picked = [some(rng, rows_of[name], 250 if len(names) < 3 else 60) for name in names]
    place = np.concatenate(picked)
    kind = f"texts, {model}, {how}"
    rows = every[place]
    if model.startswith("minilm/") and rng.random() < 0.3:
        repeats = stored("minilm near")[f"{of} {model.partition('/')[2]}"]
        repeats = repeats[:600] if rng.random() < 0.5 else repeats[600 + 150 * int(rng.integers(4)) :][:150]
        most = max(int(len(rows) * float(rng.uniform(0.05, 0.3))), 30)
        repeats = repeats[:most]
        where = np.sort(rng.integers(0, len(rows) + 1, len(repeats))) if rng.random() < 0.5 else len(rows)
        rows, kind = np.insert(rows, where, repeats, axis=0), f"{kind}, near duplicates"
    if rng.random() < 0.5:
        rows, kind = rows[rng.permutation(len(rows))], f"{kind}, any order"
    else:
        kind = f"{kind}, sorted"
    if model not in ("word", "char_wb") and rng.random() < (0.7 if "mean 6" in model else 0.4):
        rows, kind = unit(rows), f"{kind}, unit"
    return kind, rows


def of_images(rng: Rng, of: str) -> tuple[str, Matrix]:
    """Features of a block of EfficientNet of two kinds of images or more; even rows are of the side "design"."""
    kinds = list(rng.choice(["digits", "glyphs", "china", "flower"], int(rng.integers(1, 5)), replace=False))
    block = str(rng.choice(["block 7", "block 10", "block 13", "block 15", "head"]))
    parts = [stored(f"images {kind}")[block][of == "kept" :: 2] for kind in kinds]
    rows = np.concatenate([part[some(rng, np.arange(len(part)), 300)] for part in parts])
    order = str(rng.choice(["sorted", "any order"]))
    if order == "any order":
        rows = rows[rng.permutation(len(rows))]
    norm = "unit" if rng.random() < 0.4 else "raw"
    return f"images, {block}, {len(kinds)} kinds, {order}, {norm}", unit(rows) if norm == "unit" else rows


def network_name(rng: Rng, of: str) -> str:
    """A small network of a side."""
    seed = int(rng.choice([0, 2] if of == "design" else [1, 3]))
    images, loss, width = rng.choice(["digits", "glyphs"]), rng.choice(NETWORKS), rng.choice([64, 192])
    return f"{images}, {loss}, {width}, {seed}"


def of_networks(rng: Rng, of: str) -> tuple[str, Matrix]:
    """The last layer of a small network, sorted by class or not, of all classes or of some."""
    name = network_name(rng, of)
    every, y = stored("networks")[name], stored("networks")[f"{name.split(',')[0]} kind"]
    classes = rng.permutation(int(y.max()) + 1)
    kept = classes[: int(rng.integers(2, len(classes) + 1))] if rng.random() < 0.5 else classes
    rows = np.concatenate([np.flatnonzero(y == one) for one in kept])
    if rng.random() < 0.3:  # one class alone after many others
        rows = np.concatenate([np.flatnonzero(np.isin(y, kept[:-1])), np.flatnonzero(y == kept[-1])])
    order = str(rng.choice(["sorted", "any order"]))
    if order == "any order":
        rows = rng.permutation(rows)
    norm = "unit" if rng.random() < 0.3 else "raw"
    return f"network, {name}, {len(kept)} classes, {order}, {norm}", (unit if norm == "unit" else np.asarray)(
        every[rows]
    )


def clean(of: str, seed: int, least: int = 500) -> File:
    """A file of one model: texts in six of ten, small networks in two, images in two."""
    rng = np.random.default_rng([seed, of == "kept", 1])
    while True:
        draw = rng.random()
        kind, rows = of_texts(rng, of) if draw < 0.6 else of_networks(rng, of) if draw < 0.8 else of_images(rng, of)
        if len(rows) >= least:
            return File(kind, np.ascontiguousarray(rows, np.float64))


def pair(rng: Rng, of: str, one: str, two: str, lengths: tuple[str, str] = ("unit", "unit")) -> tuple[Matrix, Matrix]:
    """Rows of the same kind of texts by two models, no text twice."""
    how = str(rng.choice(["all topics", "topics"]))
    names = sorted(set(texts_of(of, one)[1]) & set(texts_of(of, two)[1]))
    names = chosen_topics(rng, names, how)
    found = []
    halves = {name: rng.permutation(len(texts_of(of, one)[1][name])) for name in names}
    for number, (model, length) in enumerate(zip((one, two), lengths, strict=True)):
        every, rows_of = texts_of(of, model)
        place = np.concatenate([rows_of[name][halves[name][number::2]] for name in names])
        rows = every[rng.permutation(place)]
        found.append(unit(rows) if length == "unit" else rows)
    return found[0], found[1]


def networks_pair(rng: Rng, of: str) -> tuple[Matrix, Matrix]:
    """Rows of two networks that differ in their seed alone, no image twice."""
    name = network_name(rng, of).rpartition(",")[0]
    seeds = ([0, 2] if of == "design" else [1, 3])[:: int(rng.choice([-1, 1]))]
    order = rng.permutation(len(stored("networks")[f"{name}, 0"]))
    one, two = (stored("networks")[f"{name}, {seed}"][order[i::2]] for i, seed in enumerate(seeds))
    return one, two


def turned(rng: Rng, rows: Matrix) -> Matrix:
    """The rows in a random orthogonal basis."""
    return np.asarray(rows @ np.linalg.qr(rng.normal(size=(rows.shape[1],) * 2))[0])


def turned_pair(rng: Rng, of: str) -> tuple[Matrix, Matrix]:
    """Two parts of one model, the second turned."""
    if rng.random() < 0.3:
        one, _ = networks_pair(rng, of)
        return one[::2], turned(rng, one[1::2])
    one, two = pair(rng, of, model := text_model(rng), model)
    return one, turned(rng, two)


def shuffled_pair(rng: Rng, of: str) -> tuple[Matrix, Matrix]:
    """Two parts of one model, the second with its columns in another order."""
    one, two = pair(rng, of, model := text_model(rng), model)
    return one, two[:, rng.permutation(two.shape[1])]


def any_order(rng: Rng, one: str, two: str) -> tuple[str, str]:
    """Either of both first."""
    return (one, two) if rng.random() < 0.5 else (two, one)


LAST = "minilm/mean 6"
MIXTURES: dict[str, Callable[[Rng, str], tuple[Matrix, Matrix]]] = {
    "another model of texts": lambda rng, of: pair(
        rng, of, *any_order(rng, LAST, str(rng.choice(["word", "char_wb"])))
    ),
    "words and letters": lambda rng, of: pair(rng, of, *any_order(rng, "word", "char_wb")),
    "another seed": networks_pair,
    "turned": turned_pair,
    "columns in another order": shuffled_pair,
    "another layer": lambda rng, of: pair(rng, of, *any_order(rng, LAST, f"minilm/mean {rng.integers(6)}")),
    "another pooling": lambda rng, of: pair(
        rng, of, *any_order(rng, LAST, f"minilm/{rng.choice(['first 6', 'max 6'])}")
    ),
    "tuned": lambda rng, of: pair(rng, of, *any_order(rng, "minilm tuned/mean 6", LAST)),
    "shorter inputs": lambda rng, of: pair(rng, of, *any_order(rng, "minilm short/mean 6", LAST)),
    "rows of length 1 among others": lambda rng, of: pair(
        rng,
        of,
        model := text_model(rng),
        model,
        any_order(rng, "unit", "raw"),  # type: ignore[arg-type]
    ),
    "twice as long": lambda rng, of: (lambda one, two: (one, 2 * two))(*pair(rng, of, LAST, LAST)),
}


def mixture(of: str, seed: int, kind: str, share: float, *, contiguous: bool, least: int = 600) -> File:
    """A file of two spaces; the second has this share of the rows."""
    number = list(MIXTURES).index(kind)
    rng = np.random.default_rng([seed, of == "kept", 2, number, round(100 * share), contiguous])
    while True:
        one, two = MIXTURES[kind](rng, of)
        m = min(len(two), int(share / (1 - share) * len(one)))
        n = min(len(one), int(m * (1 - share) / share))
        if n + m >= least:
            break
    rows = np.vstack([one[:n], two[:m]])
    second = np.arange(n + m) >= n
    if not contiguous:
        order = rng.permutation(n + m)
        rows, second = rows[order], second[order]
    return File(kind, np.ascontiguousarray(rows, np.float64), second)
