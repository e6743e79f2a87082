"""What one pass keeps of class scores and labels: the part of a survey that only the metrics of transfer look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from labelfree.arrays import Float, Index, Keys, Rows
from labelfree.errors import RowsError, option, quoted
from labelfree.evidence.labels import of_rows
from labelfree.evidence.outputs import Labelled, Outputs
from labelfree.sources.block import Source, Values
from labelfree.summaries import Sample
from labelfree.summaries.hashing import mix
from labelfree.summaries.predictions import Predictions
from labelfree.summaries.probabilities import two_classes
from labelfree.summaries.regression import Regression

_SUM_TOLERANCE = 5e-3
"""How far the probabilities of a row may be from a sum of one: what float16 storage of some hundred classes costs."""


@dataclass(frozen=True)
class Wanted:
    """What to keep: thresholds for accuracy estimates, whether a head is to be recovered, whether labels are kept."""

    thresholds: tuple[float, float] | None = None
    regression: bool = False
    labels: bool = False


class Scores:
    """Grows with the blocks of a source that has class scores."""

    def __init__(self, source: Source, wanted: Wanted, sample: int | None, seed: int) -> None:
        assert source.outputs is not None
        self.source, self.wanted, self.seed = source, wanted, seed
        classes = max(source.outputs.classes, 2)  # one logit is two classes
        self.predictions = Predictions.empty(classes, thresholds=wanted.thresholds)
        self.sample = Sample.empty(sample)
        self.regression = Regression.empty(source.d, classes) if wanted.regression else None
        self.labels: list[tuple[Index, Labelled]] = []

    def add(self, rows: Rows, given: Values, labels: Values | None, keys: Keys, index: Index) -> None:
        """Take in the usable rows of a block, (m, d), and their class scores as read, (m, K)."""
        logits = logits_of(given, self.source, index)
        self.predictions = self.predictions.update(logits)
        self.sample = self.sample.update(logits, mix(keys, self.seed), index)
        if self.regression is not None:
            self.regression = self.regression.update(rows, logits)
        if self.wanted.labels and labels is not None:
            numbers = class_numbers(labels, self.predictions.classes, self.source, index)
            self.labels.append((index, _labelled(logits, numbers)))

    def merge(self, other: Self) -> None:
        """Take in what another state has seen."""
        self.predictions = self.predictions.merge(other.predictions)
        self.sample = self.sample.merge(other.sample)
        if self.regression is not None and other.regression is not None:
            self.regression = self.regression.merge(other.regression)
        self.labels += other.labels

    def taken(self) -> tuple[Predictions, Regression | None]:
        """The sums so far, which begin anew."""
        found = self.predictions, self.regression
        self.predictions = Predictions.empty(found[0].classes, found[0].thresholds)
        if found[1] is not None:
            self.regression = Regression.empty(found[1].rows.d, found[1].classes)
        return found

    def outputs(self, again: Callable[[], Iterable[tuple[Rows, Rows]]]) -> Outputs:
        """The evidence on class scores; `again` yields all rows with their logits once more."""
        drawn = self.sample.drawn()
        logits = None if drawn is None else drawn.rows
        if logits is not None and len(logits):
            self._check_logits(logits)
        return Outputs(predictions=self.predictions, logits=logits, labelled=self.labelled, again=again)

    def _check_logits(self, logits: Rows) -> None:
        """Refuse probabilities that are called logits: their softmax is another distribution."""
        given = self.source.outputs
        if given is None or given.kind != "logits" or given.classes < 2 or logits.min() < 0:
            return
        if np.abs(logits.astype(np.float64).sum(axis=1) - 1).max() <= _SUM_TOLERANCE:
            raise RowsError(
                f"{self.source.name}: column {given.name!r}: expected logits, found rows of numbers from 0 that sum to "
                "1, which are probabilities; name the column probs (or prob_0, prob_1, ...), or store the logits"
            )

    @property
    def labelled(self) -> Labelled | None:
        """The labels of all rows in the order of the rows, where they were kept."""
        if not self.labels:
            return None
        ordered = [one for _, one in sorted(self.labels, key=lambda pair: int(pair[0][0]))]
        return Labelled(
            np.concatenate([one.label for one in ordered]),
            np.concatenate([one.predicted for one in ordered]),
            np.concatenate([one.confidence for one in ordered]),
            np.concatenate([one.negentropy for one in ordered]),
        )


def class_numbers(labels: Values, classes: int | None, source: Source, index: Index) -> Index:
    """Labels (m,) of a source, at the positions index (m,), as class numbers, below `classes` where that is known."""
    wrong = (
        f"expected class numbers 0 to {classes - 1}, in the order of the class scores"
        if classes
        else ("expected class numbers from 0")
    )
    numbers = np.full(len(labels), -1, np.int64)
    if labels.dtype == object:
        whole = np.array([isinstance(v, int) and not isinstance(v, bool) for v in labels], dtype=bool)
        numbers[whole] = [int(v) for v in labels[whole]]
    elif labels.dtype.kind in "iu":
        numbers[:] = labels
    odd = np.flatnonzero((numbers < 0) | (numbers >= (classes or np.iinfo(np.int64).max)))
    if len(odd):
        found = labels[odd[:1]].tolist()[0]  # a plain value, whatever the version of numpy
        raise RowsError(
            f"{source.name}: column {source.roles['label']!r}: {wrong}, found {quoted(found)} at row {index[odd[0]]}; "
            "map the labels to class numbers, or name another column"
        )
    return numbers


def logits_of(given: Values, source: Source, index: Index) -> Rows:
    """Class scores as logits of at least two classes: log-probabilities where probabilities were stored."""
    assert source.outputs is not None
    if source.outputs.kind == "probabilities":
        return np.asarray(np.log(np.maximum(_probabilities(given, source, index), np.finfo(np.float64).tiny)))
    return two_classes(given)


def _probabilities(given: Values, source: Source, index: Index) -> Float:
    values: Float = given.astype(np.float64)
    if values.shape[1] == 1:
        values = np.hstack([1 - values, values])
    total = values.sum(axis=1)
    odd = np.flatnonzero((np.abs(total - 1) > _SUM_TOLERANCE) | (values < 0).any(axis=1))
    if len(odd):
        assert source.outputs is not None
        at = int(odd[0])
        raise RowsError(
            f"{source.name}: column {source.outputs.name!r}: expected probabilities that sum to 1, found row "
            f"{index[at]} with the sum {total[at]:.6g} and the least {values[at].min():.6g}; logits belong in a column "
            f"named logits ({option('logits', like='COLUMN')})"
        )
    return np.asarray(values / total[:, None])


def _labelled(logits: Rows, labels: Index) -> Labelled:
    confidence, negentropy = of_rows(logits)
    return Labelled(labels, logits.argmax(axis=1).astype(np.int64), confidence, negentropy)
