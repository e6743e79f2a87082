"""What all weight matrices of a checkpoint say together: medians over layers, and counts of broken rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from labelfree.arrays import as_array, as_rows, unreal
from labelfree.documents.findings import Noted
from labelfree.errors import ArrayError
from labelfree.families.spec import INVARIANT, NO_DIRECTION, Metric
from labelfree.families.weights.layer import METRICS as OF_ONE
from labelfree.families.weights.layer import cosine_of, nonuniformity_of, rank_of, stable_rank_of
from labelfree.families.weights.matrix import Weight, held, weighed
from labelfree.results import Plain, Result, measured, undefined

_EVERY: dict[str, Callable[[Weight], Result]] = {
    "effective_rank": rank_of,
    "stable_rank": stable_rank_of,
    **{metric.name: metric.compute for metric in OF_ONE},
}
_BY_KIND: dict[str, tuple[str, Callable[[Weight], Result]]] = {
    "embedding": ("mean_cosine", cosine_of),
    "head": ("classifier_nonuniformity", nonuniformity_of),
}
LAYER_METRICS = (*_EVERY, *(name for name, _ in _BY_KIND.values()))
"""The metrics of a layer; the last two are of embedding tables and of the classifier's head alone."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A weight matrix (n, d) with its metrics by name, its counts of rows as in `Weight`, and a hash of its values."""

    name: str
    kind: str
    n: int
    d: int
    zero: int
    duplicate: int
    nonfinite: int
    digest: str
    metrics: Mapping[str, Result]

    @classmethod
    def of(cls, w: Weight, kind: str = "linear") -> Layer:
        """The layer of a weight; those of an embedding and of a head need its direction and its values."""
        metrics = {name: metric(w) for name, metric in _EVERY.items()}
        if kind in _BY_KIND:
            name, metric = _BY_KIND[kind]
            metrics[name] = metric(w)
        return cls(w.name, kind, w.n, w.d, w.zero, w.duplicate, w.nonfinite, w.digest, metrics)


def layers_of(weights: Mapping[str, Any]) -> list[Layer]:
    """The layers of matrices (n, d) of real numbers by name; NaN and infinite rows are counted."""
    found = []
    for name, values in weights.items():
        array = as_array(values, name)
        if said := unreal(array.dtype):
            raise ArrayError(f"{name}: {said}")
        rows = as_rows(array)
        if rows.ndim != 2 or 0 in rows.shape:
            raise ArrayError(f"{name}: expected an (n, d) weight matrix, found shape {rows.shape}; reshape it")
        found.append(Layer.of(weighed(held(rows), *rows.shape, name=name)))
    return found


def layers_hash(layers: Iterable[Layer]) -> str:
    """A hash of the names and shapes of layers, whatever their order: the same ones again."""
    names = sorted(f"{layer.name} {layer.n} {layer.d}" for layer in layers)
    return blake2b("\n".join(names).encode(), digest_size=16).hexdigest()


def _params(layers: Sequence[Layer]) -> dict[str, Plain]:
    return {"layers": len(layers), "layers_hash": layers_hash(layers)}


def _median(layers: Sequence[Layer], value: Callable[[Layer], float | None], what: str) -> Result:
    """The median over the layers that have a value, with the least of them."""
    known = [(number, layer.name) for layer in layers if (number := value(layer)) is not None]
    if not known:
        return undefined("no_layer", f"none of {len(layers)} layers has {what}", _params(layers))
    least, name = min(known)
    parts: dict[str, Plain] = {"of": len(known), "least": least, "least_layer": name, "greatest": max(known)[0]}
    missing = len(layers) - len(known)
    lacking = f"{missing} of {len(layers)} layers have no {what.split(' ', 1)[1]}"
    notes = [Noted("missing_layers", lacking)] if missing else []
    return measured(float(np.median([v for v, _ in known])), params=_params(layers), parts=parts, warnings=notes)


def _share(layer: Layer) -> float | None:
    share = layer.metrics["effective_rank"].parts.get("share")
    return None if share is None else float(share)  # type: ignore[arg-type]


def _median_rank_share(layers: Sequence[Layer]) -> Result:
    return _median(layers, _share, "an effective rank")


def median_rank_share(weights: Mapping[str, Any]) -> Result:
    """Median over the layers of a checkpoint of the share of full rank that each uses.

    Formula: median of effective_rank(W) / min(n, d); parts.least and parts.least_layer are the lowest and whose it is.
    Input: weights, matrices (n, d) of real numbers by name.
    Range: above 0 to 1. Invariant to the scale of every layer.
    Undefined: no layer is finite and not zero.
    Cost: one decomposition of the smaller side of each layer.
    When it lies: fresh random matrices have the highest share of all, so that training lowers it; shapes matter (square
    noise reaches 0.81, tall noise nearly 1): compare checkpoints of one architecture, and see parts.share_of_noise
    of the layers.
    Source: effective rank after Roy and Vetterli 2007; the median is ours. Deviations: none.

    >>> import numpy as np
    >>> round(median_rank_share({"a": np.eye(4), "b": np.ones((4, 4)), "c": np.eye(3)}).value, 10)
    1.0
    """
    return _median_rank_share(layers_of(weights))


def _median_stable_rank(layers: Sequence[Layer]) -> Result:
    return _median(layers, lambda layer: layer.metrics["stable_rank"].value, "a stable rank")


def median_stable_rank(weights: Mapping[str, Any]) -> Result:
    """Median over the layers of a checkpoint of the stable rank.

    Formula: median of stable_rank(W) = sum sigma^2 / sigma_1^2.
    Input: weights, matrices (n, d) of real numbers by name.
    Range: 1 and above. Invariant to the scale of every layer.
    Undefined: no layer is finite and not zero.
    Cost: shared with median_rank_share.
    When it lies: one strong direction decides each layer; shapes matter, so compare checkpoints of one architecture.
    Source: numerical linear algebra; the median is ours. Deviations: none.

    >>> import numpy as np
    >>> round(median_stable_rank({"a": np.eye(4), "b": np.ones((4, 4)), "c": np.eye(3)}).value, 10)
    3.0
    """
    return _median_stable_rank(layers_of(weights))


def _poor(layers: Sequence[Layer]) -> list[Layer]:
    return [layer for layer in layers if layer.metrics["tail_exponent"].reason_code == "poor_fit"]


def _median_tail_exponent(layers: Sequence[Layer]) -> Result:
    return _median(layers, lambda layer: layer.metrics["tail_exponent"].value, "a power-law tail")


def median_tail_exponent(weights: Mapping[str, Any]) -> Result:
    """Median of tail_exponent over the layers whose tail is a power law.

    Formula: median of tail_exponent(W) over the layers where it has a value; parts.of counts them.
    Input: weights, matrices (n, d) of real numbers by name.
    Range: above 1. Invariant to the scale of every layer.
    Undefined: no layer has a power-law tail.
    Cost: that of tail_exponent for each layer.
    When it lies: it speaks of the layers that passed alone, which are others in another checkpoint: read it beside
    poor_fit_layers.
    Source: the median is ours. Deviations: WeightWatcher averages the exponents of all layers, whatever their fit.

    >>> import numpy as np
    >>> pareto = np.diag(((np.arange(200) + 0.5) / 200) ** -0.5)
    >>> round(median_tail_exponent({"a": pareto, "b": np.eye(50)}).value, 1)
    2.0
    """
    return _median_tail_exponent(layers_of(weights))


def _count(layers: Sequence[Layer], number: Callable[[Layer], int]) -> Result:
    each = [number(layer) for layer in layers]
    parts: dict[str, Plain] = {"layers": sum(count > 0 for count in each), "rows": sum(layer.n for layer in layers)}
    return measured(float(sum(each)), params=_params(layers), parts=parts)


def _poor_fit_layers(layers: Sequence[Layer]) -> Result:
    tried = len(_poor(layers)) + sum(layer.metrics["tail_exponent"].value is not None for layer in layers)
    return measured(float(len(_poor(layers))), params=_params(layers), parts={"tried": tried})


def poor_fit_layers(weights: Mapping[str, Any]) -> Result:
    """Layers whose spectrum has no tail that a power law fits.

    Formula: number of layers whose tail_exponent is undefined with reason_code poor_fit; parts.tried counts these and
    the layers with a value.
    Input: weights, matrices (n, d) of real numbers by name.
    Range: 0 to the number of layers, a whole number.
    Undefined: never.
    Cost: that of tail_exponent for each layer.
    When it lies: one in ten true power laws is refused, more of them where a layer has few singular values.
    Source: ours. Deviations: none.

    >>> import numpy as np
    >>> poor_fit_layers({"noise": np.random.default_rng(0).normal(size=(300, 100))}).value
    1.0
    """
    return _poor_fit_layers(layers_of(weights))


def _weight_norm(layers: Sequence[Layer]) -> Result:
    norms = [layer.metrics["frobenius_norm"] for layer in layers]
    missing = sorted((norm for norm in norms if norm.value is None), key=lambda norm: norm.reason_code != "nonfinite")
    if missing:
        return undefined(missing[0].reason_code or "", f"{missing[0].reason} in one of the layers", _params(layers))
    total = math.hypot(*(norm.value or 0.0 for norm in norms))
    return measured(total, params=_params(layers))


def weight_norm(weights: Mapping[str, Any]) -> Result:
    """Norm of all weight matrices of a checkpoint together.

    Formula: root of the sum of squares of all their entries.
    Input: weights, matrices (n, d) of real numbers by name.
    Range: 0 and above.
    Undefined: entries that are NaN or infinite; above 1e100 (out_of_range).
    Cost: shared with median_rank_share.
    When it lies: it grows with width and depth, and normalization layers take any scale away.
    Source: linear algebra. Deviations: none.

    >>> import numpy as np
    >>> weight_norm({"a": np.full((2, 2), 2.0), "b": np.full((1, 9), 1.0)}).value
    5.0
    """
    return _weight_norm(layers_of(weights))


def _nonfinite_rows(layers: Sequence[Layer]) -> Result:
    return _count(layers, lambda layer: layer.nonfinite)


def nonfinite_rows(weights: Mapping[str, Any]) -> Result:
    """Rows of weight matrices that hold NaN or infinity.

    Formula: their number over all layers; parts.layers is the number of layers that have some.
    Input: weights, matrices (n, d) of real numbers by name.
    Range: 0 to the number of rows, a whole number.
    Undefined: never.
    Cost: one pass.
    When it lies: weights of 16 bits overflow where the training did not.
    Source: ours. Deviations: none.

    >>> nonfinite_rows({"a": [[1.0, float("nan")], [1.0, 2.0]]}).value
    1.0
    """
    return _nonfinite_rows(layers_of(weights))


def _dead_rows(layers: Sequence[Layer]) -> Result:
    return _count(layers, lambda layer: layer.zero)


def dead_rows(weights: Mapping[str, Any]) -> Result:
    """Rows of weight matrices that are all zero: outputs that see nothing, tokens without a vector.

    Formula: their number over all layers; parts.layers is the number of layers that have some.
    Input: weights, matrices (n, d) of real numbers by name.
    Range: 0 to the number of rows, a whole number.
    Undefined: never.
    Cost: one pass.
    When it lies: pruned weights are zero on purpose, so is the row of a padding token; rows are the first axis of
    the tensor, which is the input where a library stores weights transposed.
    Source: ours. Deviations: none.

    >>> dead_rows({"a": [[0.0, 0.0], [1.0, 2.0]]}).value
    1.0
    """
    return _dead_rows(layers_of(weights))


def _duplicate_rows(layers: Sequence[Layer]) -> Result:
    return _count(layers, lambda layer: layer.duplicate)


def duplicate_rows(weights: Mapping[str, Any]) -> Result:
    """Rows of weight matrices that repeat an earlier row of the same matrix exactly.

    Formula: their number over all layers, rows that are zero or not finite aside; by a 64-bit hash of each row.
    Input: weights, matrices (n, d) of real numbers by name.
    Range: 0 to the number of rows, a whole number.
    Undefined: never.
    Cost: one pass, 8 bytes a row.
    When it lies: rows that nearly agree do not count.
    Source: ours. Deviations: none.

    >>> duplicate_rows({"a": [[1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0]]}).value
    1.0
    """
    return _duplicate_rows(layers_of(weights))


_BROKEN = "a count: which rows are broken on purpose is not known"
METRICS = (
    Metric(
        median_rank_share, _median_rank_share, (), INVARIANT,
        NO_DIRECTION,
        "median over layers of effective rank / min(n, d)",
    ),
    Metric(
        median_stable_rank, _median_stable_rank, (), INVARIANT,
        NO_DIRECTION,
        "median over layers of sum sigma^2 / sigma_1^2",
    ),
    Metric(
        median_tail_exponent, _median_tail_exponent, (), INVARIANT,
        NO_DIRECTION,
        "median of tail_exponent over the layers where it is not refused",
    ),
    Metric(
        poor_fit_layers, _poor_fit_layers, (), INVARIANT,
        NO_DIRECTION,
        "layers whose tail_exponent is refused as poor_fit",
    ),
    Metric(
        weight_norm, _weight_norm, (), 1,
        NO_DIRECTION,
        "root of the sum of squares over all layers",
    ),
    Metric(
        nonfinite_rows, _nonfinite_rows, (), INVARIANT,
        _BROKEN,
        "rows with NaN or infinity",
    ),
    Metric(
        dead_rows, _dead_rows, (), INVARIANT,
        _BROKEN,
        "rows that are all zero",
    ),
    Metric(
        duplicate_rows, _duplicate_rows, (), INVARIANT,
        _BROKEN,
        "rows that repeat an earlier row of their matrix, zero rows aside",
    ),
)  # fmt: skip
