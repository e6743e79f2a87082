"""What is known of a data set beside its embeddings: logits, the classifier's head, a labelled source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from labelfree.arrays import Float, Index, Rows
from labelfree.errors import option
from labelfree.head import Head
from labelfree.summaries.predictions import Predictions

Variant: TypeAlias = Literal["standard", "literal", "official"]


@dataclass(frozen=True, eq=False)
class Labelled:
    """The labels of source rows and what the model said of them, row by row.

    label: (n,) class numbers; predicted: (n,) argmax of the logits; confidence: (n,) highest probability;
    negentropy: (n,) sum over classes of p ln p.
    """

    label: Index
    predicted: Index
    confidence: Float
    negentropy: Float


@dataclass(frozen=True, eq=False)
class Outputs:
    """The part of the evidence that only the metrics of transfer look at. What is not known is None.

    predictions: sums over the class probabilities of all rows; logits: (m, K) of the sampled rows, in the order of
    `Evidence.drawn`, log-probabilities where probabilities were stored; head; labelled: the labels of these
    rows, where they are known; variant: of the Transfer Score; why_no_head: the reason where there is
    none; again: yields all rows with their logits, (m, d) and (m, K), in the order of the data set.
    """

    predictions: Predictions | None = None
    logits: Rows | None = None
    head: Head | None = None
    labelled: Labelled | None = None
    variant: Variant = "standard"
    why_no_head: str = field(default_factory=lambda: f"no head was given ({option('head', like='FILE')})")
    again: Callable[[], Iterable[tuple[Rows, Rows]]] | None = None

    @property
    def classes(self) -> int | None:
        """K, the number of classes, where it is known."""
        if self.predictions is not None:
            return self.predictions.classes
        return None if self.head is None else len(self.head.weight)
