"""`labelfree.weights`: a checkpoint in, a report out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, TypeAlias, overload

from labelfree.commands.weights_reports import WeightsReports
from labelfree.documents.findings import Finding
from labelfree.documents.wording import counted
from labelfree.errors import UsageError, option
from labelfree.families import metric
from labelfree.families.weights.checkpoint import LAYER_METRICS, METRICS, Layer, layers_hash
from labelfree.kernels.threads import limited_threads
from labelfree.layers.checkpoint import Checkpoint, layers, opened
from labelfree.progress import Progress, silent
from labelfree.reports.entries import FindingEntry, MetricEntry
from labelfree.reports.weights import LayerEntry, LayerRows, LayerValue, LeftOut, Tensors, WeightsInput, WeightsReport
from labelfree.results import Result, undefined

Several: TypeAlias = list[Any] | tuple[Any, ...]
"""Several checkpoints, each with a report of its own."""
_HEAD = "classifier_nonuniformity"


@overload
def weights(
    checkpoint: Several,
    *,
    layer: str | Sequence[str] = (),
    threads: int | None = None,
    progress: Progress = silent,
) -> WeightsReports: ...
@overload
def weights(
    checkpoint: Any,
    *,
    layer: str | Sequence[str] = (),
    threads: int | None = None,
    progress: Progress = silent,
) -> WeightsReport: ...
def weights(
    checkpoint: Any,
    *,
    layer: str | Sequence[str] = (),
    threads: int | None = None,
    progress: Progress = silent,
) -> WeightsReport | WeightsReports:
    """What the weights of a checkpoint say by themselves: ranks, spectra, broken rows, layer by layer and together.

    checkpoint: a file (.safetensors, .pt and its kin, .npz), a Hugging Face directory, a state dict or a module;
    nothing in a file is run; a list of those is several checkpoints, as in the shell. layer: shell patterns, or parts
    of names, of the layers to take. threads: layers that are measured at a time, which changes no digit. Raises
    LabelfreeError on bad input, also where there is no weight.

    >>> import numpy as np
    >>> report = weights({"fc.weight": np.diag([2.0, 1.0, 1.0]), "fc.bias": np.ones(3)})
    >>> report["median_stable_rank"].value, report.layers[0].name, report.input.left_out[0].reason_code
    (1.5, 'fc.weight', 'vector')
    """
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise UsageError(f"{option('threads')}: expected a whole number of at least 1, found {threads!r}")
    patterns = (layer,) if isinstance(layer, str) else tuple(layer)
    if not isinstance(checkpoint, list | tuple):
        return _weights_of(opened(checkpoint, patterns), patterns, threads, progress)
    if not checkpoint:
        raise UsageError("checkpoint: expected a checkpoint or a list of them, found an empty list")
    reports = []
    for i, one in enumerate(checkpoint):
        found, prefix = opened(one, patterns), f"{i + 1}/{len(checkpoint)} "

        def part(stage: str, done: float, prefix: str = prefix) -> None:
            progress(prefix + stage, done)

        named = found if isinstance(one, str | os.PathLike) else replace(found, name=f"{found.name} {i}")
        reports.append(_weights_of(named, patterns, threads, part if len(checkpoint) > 1 else progress))
    return WeightsReports(reports)


def _weights_of(found: Checkpoint, patterns: Sequence[str], threads: int | None, progress: Progress) -> WeightsReport:
    """The report of one checkpoint."""
    measured: dict[str, Layer] = {}
    with limited_threads(threads):
        for one in layers(found):
            measured[one.name] = one
            progress("measuring layers", len(measured) / len(found.forms))
    kept, tied = _untied([measured[name] for name in found.forms])
    head, broken = _head(found, kept), _findings(kept)
    return WeightsReport(
        input=_input(found, kept, tied),
        settings={"layer": list(patterns)},
        metrics={
            **{total.name: MetricEntry.of(total, total.compute(kept)) for total in METRICS},
            _HEAD: MetricEntry.of(metric(_HEAD), head),
        },
        layers=[_entry(found, one, tied.get(one.name, [])) for one in kept],
        definitions={name: metric(name).definition for name in LAYER_METRICS},
        findings=[FindingEntry.of(one, [found.name]) for one in broken],
        warnings=[str(one) for one in broken],
    )


def _untied(measured: Sequence[Layer]) -> tuple[list[Layer], dict[str, list[str]]]:
    """The layers without those that hold the very values of an earlier one; matrices of zeros all stay."""
    first: dict[str, str] = {}
    kept, tied = [], dict[str, list[str]]()
    for layer in measured:
        name = first.setdefault(layer.digest, layer.name)
        if name == layer.name or layer.zero == layer.n:
            kept.append(layer)
        else:
            tied.setdefault(name, []).append(layer.name)
    return kept, tied


def _head(found: Checkpoint, kept: Sequence[Layer]) -> Result:
    """The non-uniformity of the one head, or why there is none."""
    if one := next((layer for layer in kept if layer.kind == "head"), None):
        return one.metrics[_HEAD]
    if len(found.heads) > 1:
        some = ", ".join(found.heads[:4])
        return undefined("ambiguous_head", f"{len(found.heads)} layers are named like a classifier's head: {some}")
    return undefined("no_head", "no layer is named like a classifier's head")


def _input(found: Checkpoint, kept: Sequence[Layer], tied: dict[str, list[str]]) -> WeightsInput:
    sizes = {name: _numbers(tensor.shape) for name, tensor in found.tensors.items()}
    return WeightsInput(
        sources=[found.name],
        fingerprint=_fingerprint(found, kept),
        layers_hash=layers_hash(kept),
        tensors=Tensors(
            read=len(found.tensors),
            measured=len(kept),
            tied=sum(map(len, tied.values())),
            left_out=len(found.left_out),
            numbers_read=sum(sizes.values()),
            numbers_measured=sum(sizes[layer.name] for layer in kept),
        ),
        left_out=[
            LeftOut(
                name=name,
                shape=list(found.tensors[name].shape),
                dtype=found.tensors[name].dtype,
                reason_code=why.code,
                reason=why.text,
            )
            for name, why in found.left_out.items()
        ],
    )


def _numbers(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _fingerprint(found: Checkpoint, kept: Sequence[Layer]) -> str:
    lines = [f"{name} {tensor.shape} {tensor.dtype}" for name, tensor in found.tensors.items()]
    lines += [f"{layer.name} {layer.digest}" for layer in kept]
    return blake2b("\n".join(sorted(lines)).encode(), digest_size=16).hexdigest()


def _entry(found: Checkpoint, layer: Layer, tied: list[str]) -> LayerEntry:
    tensor = found.tensors[layer.name]
    return LayerEntry(
        name=layer.name,
        kind=layer.kind,
        shape=list(tensor.shape),
        matrix=(layer.n, layer.d),
        dtype=tensor.dtype,
        tied=tied,
        note=found.forms[layer.name].note,
        rows=LayerRows(read=layer.n, zero=layer.zero, duplicate=layer.duplicate, nonfinite=layer.nonfinite),
        metrics={name: LayerValue.of(result) for name, result in layer.metrics.items()},
    )


def _findings(kept: Sequence[Layer]) -> list[Finding]:
    """What is broken, or may be."""
    told = []
    for code, field, what in (
        ("broken_rows", "nonfinite", "with NaN or infinity: what they feed is broken"),
        ("dead_rows", "zero", "of zeros alone: dead outputs, padding, or pruned"),
        ("equal_rows", "duplicate", "equal to an earlier row of the same layer"),
    ):
        counts = {layer.name: int(getattr(layer, field)) for layer in kept}
        concerned = [name for name, count in counts.items() if count]
        if concerned:
            rows = counted(sum(counts.values()), "row")
            said = f"{rows} of {counted(len(concerned), 'layer')} (first {concerned[0]}) {what}"
            told.append(Finding(code, said, count=sum(counts.values())))
    return told
