"""What a shard, a file or a data set leaves behind, as bytes: written by one process, read by another.

`to_bytes` of a state and `from_bytes` of what it wrote give a state that merges and finishes as the first would have,
to the last bit. The bytes hold rows (those of the samples) and hashes of all of them: they are as secret as the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from labelfree.errors import SummaryError, quoted
from labelfree.evidence.outputs import Labelled
from labelfree.summaries import Distinct, Groups, Moments, Predictions, Sample, Tally
from labelfree.summaries.encoding import decoded, encoded
from labelfree.summaries.fields import Fields, Value
from labelfree.summaries.regression import Regression
from labelfree.survey.growing import Summaries
from labelfree.survey.scores import Scores
from labelfree.survey.sums import Sums

_PARTS: dict[str, Any] = {
    "moments": Moments, "unit": Moments, "sample": Sample, "views": Sample, "groups": Groups, "print": Sample,
    "tally": Tally, "content": Distinct, "ids": Distinct,
}  # fmt: skip
_EPOCHS: dict[str, Callable[[str], object]] = {
    "int": int, "float": float, "str": str, "bool": lambda said: said == "True", "NoneType": lambda _: None,
}  # fmt: skip


def to_bytes(state: Summaries) -> bytes:
    """A state as bytes."""
    return encoded({"state": fields_of(state)})


def from_bytes(raw: bytes, empty: Summaries) -> Summaries:
    """The state in these bytes; empty: one of the same source and settings that has seen nothing, which is filled.

    A SummaryError where the bytes are damaged, or of a state of other settings.
    """
    return filled(empty, decoded(raw, "survey"))


def _settings(state: Summaries) -> dict[str, Value]:
    """What two states must share for the one to be merged into the other."""
    scores = state.scores
    return {
        "d": state.d, "seed": state.seed, "on_bad": state.on_bad, "refuse_zero": state.refuse_zero,
        "needs": sorted(state.needs), "sample": state.sample.limit, "group_rows": state.groups.sample.limit,
        "classes": None if scores is None else scores.predictions.classes,
        "regression": scores is not None and scores.regression is not None,
        "labels": scores is not None and scores.wanted.labels,
    }  # fmt: skip


def fields_of(state: Summaries) -> Fields:
    """What a state is made of."""
    values: dict[str, Value] = {
        "settings": _settings(state), "used": state.used, "sums": [one % (1 << 64) for one in state.sums],
        "spoiled": sorted(state.spoiled), "epochs": spelled(state.epochs),
    }  # fmt: skip
    inner = {name: getattr(state, name).fields() for name in _PARTS}
    if state.scores is not None:
        inner["scores"] = _of_scores(state.scores)
    return Fields("survey", values, inner=inner)


def filled(empty: Summaries, found: Fields) -> Summaries:
    """The state of these fields, in place of one that has seen nothing."""
    found.check_kind("survey")
    for name, wanted in _settings(empty).items():
        given = found.value("settings")
        had = given.get(name) if isinstance(given, dict) else None
        if had != wanted:
            raise SummaryError(
                f"expected a state with {name} = {wanted!r}, found {quoted(had)}: it is of another measurement"
            )
    for name, kind in _PARTS.items():
        setattr(empty, name, kind.of_fields(found.part(name)))
    for moments in (empty.moments, empty.unit):
        if moments.d != empty.d:
            raise found.wrong("moments", f"rows of width {empty.d}", moments.d)
    for sample in (empty.sample, empty.views, empty.groups.sample, empty.print):
        _check_width(found, sample, empty.d)
    empty.used, empty.sums = found.count("used"), found.numbers("sums", 2)
    empty.spoiled = set(found.texts("spoiled"))
    empty.epochs = epochs_of(found)
    if empty.scores is not None:
        _fill_scores(empty.scores, found.part("scores"))
    return empty


def _check_width(found: Fields, sample: Sample, width: int) -> None:
    if any(chunk.rows.shape[1] != width for chunk in sample.chunks):
        raise found.wrong("sample", f"rows of width {width}", sample.chunks[0].rows.shape[1])


def spelled(epochs: Iterable[object]) -> list[str]:
    """Epochs as texts, each told from those of other types."""
    return sorted(f"{type(epoch).__name__} {epoch}" for epoch in epochs)


def epochs_of(found: Fields) -> set[object]:
    """The epochs of fields."""
    return set(map(_read, found.texts("epochs")))


def _read(text: str) -> object:
    kind, _, said = text.partition(" ")
    try:
        return _EPOCHS[kind](said) if kind in _EPOCHS else text
    except ValueError:
        raise SummaryError(f"survey: epochs: expected a value of type {kind}, found {quoted(said)}") from None


def _of_scores(scores: Scores) -> Fields:
    inner = {"predictions": scores.predictions.fields(), "sample": scores.sample.fields()}
    if scores.regression is not None:
        inner["regression"] = scores.regression.fields()
    labels = {
        f"{i}.{name}": array
        for i, (index, one) in enumerate(scores.labels)
        for name, array in {"index": index, **vars(one)}.items()
    }
    return Fields("scores", {"labels": len(scores.labels)}, labels, inner)


def _fill_scores(scores: Scores, found: Fields) -> None:
    found.check_kind("scores")
    predictions = Predictions.of_fields(found.part("predictions"))
    if (predictions.classes, predictions.thresholds) != (scores.predictions.classes, scores.predictions.thresholds):
        raise SummaryError("expected class scores counted at the same thresholds: they are of another measurement")
    scores.predictions, scores.sample = predictions, Sample.of_fields(found.part("sample"))
    _check_width(found, scores.sample, predictions.classes)
    if scores.regression is not None:
        scores.regression = Regression.of_fields(found.part("regression"))
    scores.labels = []
    for i in range(found.count("labels", most=len(found.arrays))):
        index = found.array(f"{i}.index", np.int64, (None,))
        label, predicted = (found.array(f"{i}.{name}", np.int64, (len(index),)) for name in ("label", "predicted"))
        confidence, negentropy = (
            found.array(f"{i}.{name}", np.float64, (len(index),)) for name in ("confidence", "negentropy")
        )
        scores.labels.append((index, Labelled(label, predicted, confidence, negentropy)))


def sums_fields(sums: Sums) -> Fields:
    """What sums of a file are made of."""
    inner = {name: one.fields() for name, one in vars(sums).items() if one is not None}
    return Fields("sums", inner=inner)


def sums_of(found: Fields) -> Sums:
    """The sums of these fields, checked."""
    found.check_kind("sums")
    moments, unit = Moments.of_fields(found.part("moments")), Moments.of_fields(found.part("unit"))
    predictions = Predictions.of_fields(found.part("predictions")) if "predictions" in found.inner else None
    regression = Regression.of_fields(found.part("regression")) if "regression" in found.inner else None
    if unit.d != moments.d:
        raise found.wrong("unit", f"rows of width {moments.d}", unit.d)
    return Sums(moments, unit, predictions, regression)
