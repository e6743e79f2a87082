"""The last linear layer of a classifier, as it is found in a file or recovered from what it computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from labelfree.arrays import Float


@dataclass(frozen=True, eq=False)
class Head:
    """The last linear layer: logits = rows @ weight.T + bias.

    weight: (K, d) float64; bias: (K,) float64 or None; origin: "given" (read from a file) or "recovered" (by least
    squares from embeddings and logits); key: where it was found; residual: largest |rows @ weight.T + bias - logits|
    over the sampled rows, None where there are no logits; spread: standard deviation of the logits, to read it by;
    one_logit: the layer has a single logit z with weight w, written here as two classes with the weights -w/2 and
    w/2: opposite whatever was learned, so that the angle between them says nothing. Its logits are those of [0, z]
    up to a constant in each row.
    """

    weight: Float
    bias: Float | None
    origin: Literal["given", "recovered"]
    key: str
    residual: float | None = None
    spread: float | None = None
    one_logit: bool = False

    @classmethod
    def of_one_logit(cls, weight: Float, bias: Float | None, origin: Literal["given", "recovered"], key: str) -> Head:
        """Two classes from the layer of a single logit. weight: (1, d); bias: (1,) or None."""
        signs = np.array([-0.5, 0.5])
        return cls(signs[:, None] * weight, None if bias is None else signs * bias, origin, key, one_logit=True)
