"""The options of every command for type checkers and editors; `options.Options` says what each is, and its default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from labelfree.evidence.outputs import Variant
from labelfree.evidence.zone import Space


class DataOptions(TypedDict, total=False):
    """The options of every command that reads rows; `Options` says what each is, and its default."""

    column: str | None
    id: str | None
    on_bad: Literal["error", "drop"]
    sample: int | Literal["all"] | None
    rows: int | str | None
    seed: int
    device: str
    memory: int | None
    threads: int | None
    data: Any
    model: Any
    layer: str | None
    pool: str | None
    trust_code: bool
    batch_size: int | None


class PageOptions(DataOptions, total=False):
    """The options of the commands whose page has a map of the rows."""

    show_ids: bool


class SpreadOptions(PageOptions, total=False):
    """The options of every command that can spread its work."""

    engine: Literal["threads", "ray"]
    address: str | None
    work: Any


class RankOptions(SpreadOptions, total=False):
    """The options of `rank`."""

    only: str | Sequence[str]
    group: str | None


class SeparabilityOptions(SpreadOptions, total=False):
    """The options of `separability`."""

    only: str | Sequence[str]
    normalize: Literal["l2", "none", "layernorm", "zscore"]
    metric: Literal["euclidean", "cosine"]
    h0: Literal["auto", "giotto"]
    homology: Literal[0, 1]


class TransferOptions(SpreadOptions, total=False):
    """The options of `transfer` and `transfer_all`."""

    only: str | Sequence[str]
    logits: str | None
    source: Any
    label: str | None
    head: Any
    variant: Variant
    audit: str | None


class OpisOptions(SpreadOptions, total=False):
    """The options of `opis`."""

    only: str | Sequence[str]
    group: str | None
    groups_from: Any
    clusters: Literal["crossfit", "same-space"]
    k: int | Sequence[int]
    seeds: int
    freeze: Any
    far: str | tuple[float, float]
    space: Space


class DriftOptions(SpreadOptions, total=False):
    """The options of `drift`."""

    only: str | Sequence[str]
    reference: Any
    logits: str | None
    label: str | None
    by: str | None
    looks: int | None
    require: str | Sequence[str]


class EvaluateOptions(SeparabilityOptions, total=False):
    """The options of `evaluate`."""

    group: str | None
    logits: str | None
    head: Any
    variant: Variant
