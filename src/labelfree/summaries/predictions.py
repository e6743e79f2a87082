"""Sums over class probabilities: all that the scores of predictions need, whatever the number of rows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.summaries.encoding import decoded, encoded
from labelfree.summaries.fields import Fields, Value, hexadecimal
from labelfree.summaries.probabilities import softmax, tamed, two_classes

_STRIP_NUMBERS = 1 << 17  # 1 MB of float64 probabilities at a time

Thresholds = tuple[float, float]
_NUMBERS = (
    "entropy", "entropy_square", "confidence", "confidence_square", "weight", "surprise", "softmax4",
    "softmax4_square", "taylor4", "taylor4_square",
)  # fmt: skip
_SUMS = ("total", "entropy_total", "gram", "weighted")


@dataclass(frozen=True, eq=False)
class Predictions:
    """n rows of K class probabilities p by their sums, float64, K >= 2 (one logit z counts as two classes [0, z]).

    total: sum p (K,); entropy, entropy_square: sums of the entropies h = -sum p ln p of the rows and of their squares;
    entropy_total: sum h p (K,); confidence, confidence_square: sums of max p and of its square; gram: sum p p^T (K, K);
    weight, weighted: sum w and sum w p p^T with w = 1 + exp(-h); predicted: how often each class is the most probable
    (K,), the first of them where several are; surprise: sum of -mean_j ln p_j; softmax4, softmax4_square: sums of
    mean_j p_j^4 and of its square; taylor4, taylor4_square: the same of MaNo's Taylor probabilities; thresholds: least
    confidence and least negative entropy that `above` counts rows for, equality included.
    """

    n: int
    classes: int
    total: Float
    entropy: float
    entropy_square: float
    entropy_total: Float
    confidence: float
    confidence_square: float
    gram: Float
    weight: float
    weighted: Float
    predicted: Index
    surprise: float
    softmax4: float
    softmax4_square: float
    taylor4: float
    taylor4_square: float
    thresholds: Thresholds | None = None
    above: tuple[int, int] = (0, 0)

    @classmethod
    def empty(cls, classes: int, thresholds: Thresholds | None = None) -> Self:
        """No rows yet."""
        k = max(classes, 2)
        row, square = np.zeros(k), np.zeros((k, k))
        return cls(
            0, k, row, 0.0, 0.0, row, 0.0, 0.0, square, 0.0, square, np.zeros(k, np.int64), 0.0, 0.0, 0.0, 0.0, 0.0,
            thresholds,
        )  # fmt: skip

    def update(self, logits: Rows) -> Self:
        """The summary of these rows and all before them. logits: (m, K) finite; cost 2 K^2 m flop, two K x K matrices.

        Probabilities are given as their logarithms.
        """
        logits = two_classes(logits)
        state, step = self, max(1, _STRIP_NUMBERS // self.classes)
        for start in range(0, len(logits), step):
            state = state.merge(self._of(logits[start : start + step]))
        return state

    def _of(self, logits: Rows) -> Self:
        """The summary of one strip of rows."""
        raw = tamed(logits)
        log_p = raw - raw.max(axis=1, keepdims=True)
        p = np.exp(log_p)
        norm = p.sum(axis=1, keepdims=True)
        p /= norm
        log_p -= np.log(norm)
        entropy = -np.einsum("ij,ij->i", p, log_p)
        confidence = p.max(axis=1)
        above = (0, 0)
        if self.thresholds is not None:
            above = (
                int((confidence >= self.thresholds[0]).sum()),
                int((-entropy >= self.thresholds[1]).sum()),
            )
        surprise = -float(log_p.sum()) / self.classes
        softmax4 = _fourth(p, log_p)
        taylor4 = _fourth(_taylor(raw), log_p)
        weight = 1 + np.exp(-entropy)
        scaled = np.multiply(p, np.sqrt(weight)[:, None], out=log_p)
        return type(self)(
            n=len(logits),
            classes=self.classes,
            total=p.sum(axis=0),
            entropy=float(entropy.sum()),
            entropy_square=float(entropy @ entropy),
            entropy_total=entropy @ p,
            confidence=float(confidence.sum()),
            confidence_square=float(confidence @ confidence),
            gram=p.T @ p,
            weight=float(weight.sum()),
            weighted=scaled.T @ scaled,
            predicted=np.bincount(logits.argmax(axis=1), minlength=self.classes),
            surprise=surprise,
            softmax4=float(softmax4.sum()),
            softmax4_square=float(softmax4 @ softmax4),
            taylor4=float(taylor4.sum()),
            taylor4_square=float(taylor4 @ taylor4),
            thresholds=self.thresholds,
            above=above,
        )

    def merge(self, other: Self) -> Self:
        """The summary of both sets of rows, which count with the same thresholds."""
        if (self.classes, self.thresholds) != (other.classes, other.thresholds):
            raise ValueError("summaries of predictions merge only with equal classes and thresholds")
        sums = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in fields(self)
            if f.name not in ("classes", "thresholds", "above")
        }
        above = (self.above[0] + other.above[0], self.above[1] + other.above[1])
        return type(self)(classes=self.classes, thresholds=self.thresholds, above=above, **sums)

    def fields(self) -> Fields:
        """What this summary is made of."""
        numbers = {name: hexadecimal(getattr(self, name)) for name in _NUMBERS}
        thresholds = None if self.thresholds is None else [hexadecimal(one) for one in self.thresholds]
        values: dict[str, Value] = {
            "n": self.n,
            "classes": self.classes,
            "thresholds": thresholds,
            "above": [*self.above],
            **numbers,
        }
        return Fields("predictions", values, {name: getattr(self, name) for name in (*_SUMS, "predicted")})

    @classmethod
    def of_fields(cls, found: Fields) -> Self:
        """The summary of these fields, checked."""
        found.check_kind("predictions")
        n, k = found.count("n"), found.count("classes", 2)
        given, above = found.value("thresholds"), found.numbers("above", 2)
        sums: dict[str, Any] = {
            name: found.array(name, np.float64, (k, k) if name in ("gram", "weighted") else (k,)) for name in _SUMS
        }
        sums |= {name: found.real(name) for name in _NUMBERS}
        return cls(
            n=n, classes=k, predicted=found.array("predicted", np.int64, (k,)),
            thresholds=None if given is None else found.pair("thresholds"), above=(above[0], above[1]), **sums,
        )  # fmt: skip

    def to_bytes(self) -> bytes:
        """This summary as bytes, exact to the last bit: a safetensors file, with checksums and no code."""
        return encoded({"state": self.fields()})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """What `to_bytes` wrote; a SummaryError where it is damaged, forged or of another version."""
        return cls.of_fields(decoded(raw, "predictions"))


def _taylor(logits: Float) -> Float:
    """MaNo's Taylor probabilities: 1 + z + z^2 / 2 less its least value of the row, over the sum; overwrites logits.

    A row of equal values is zero, as in the released code.
    """
    logits += 1.0
    logits *= logits
    logits -= logits.min(axis=1, keepdims=True)
    total = logits.sum(axis=1, keepdims=True)
    logits /= np.where(total > 0, total, 1.0)
    return logits


def _fourth(p: Float, spare: Float) -> Float:
    """mean_j p_j^4 (m,); overwrites `spare`."""
    square = np.multiply(p, p, out=spare)
    return np.asarray(np.einsum("ij,ij->i", square, square) / p.shape[1])


def fourth_of_softmax(logits: Rows) -> Float:
    """mean_j p_j^4 (m,) of the softmax of logits (m, K)."""
    p = softmax(two_classes(logits))
    return _fourth(p, np.empty_like(p))


def fourth_of_taylor(logits: Rows) -> Float:
    """mean_j of the fourth power (m,) of MaNo's Taylor probabilities of logits (m, K)."""
    p = _taylor(tamed(two_classes(logits)))
    return _fourth(p, np.empty_like(p))
