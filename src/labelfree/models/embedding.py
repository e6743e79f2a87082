"""A checkpoint and data to embeddings: written to a file, or measured at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from labelfree import __version__
from labelfree.documents.files import check_apart, check_targets
from labelfree.documents.reading import as_json
from labelfree.documents.stores.faults import check_here
from labelfree.documents.wording import in_unicode
from labelfree.errors import OutputError, UsageError, option
from labelfree.head import Head
from labelfree.kernels.devices import device_for
from labelfree.models.batching import batch_rows
from labelfree.models.features.features import FeaturePlan, head_of, planned
from labelfree.models.features.pooling import POOLS
from labelfree.models.items.batches import Data
from labelfree.models.items.opening import open_data
from labelfree.models.networks.fingerprints import fingerprint
from labelfree.models.networks.network import Network
from labelfree.models.networks.opening import check_checkpoint, open_network
from labelfree.models.output.file import EmbeddingFile
from labelfree.models.running import Account, check_kind, inference, precision, run, running
from labelfree.progress import Progress, silent
from labelfree.sources.block import PARQUET

_PROBED = 8
"""Rows that are run once before all others, to see what the network gives and how much memory it takes."""


@dataclass(frozen=True)
class Embedding:
    """What `embed` wrote.

    path: the Parquet file; checkpoint, data: what it was made from; rows, d: of the embeddings; classes: of the
    logits, None where there are none; dtype: as stored; computed: rows that this run computed, the others were there
    from an interrupted one; dropped: bad rows left out, by reason; facts: what fixes the numbers, as in the file;
    warnings: what a reader should know; head: the last linear layer, where the rows are what it is applied to;
    seconds: of reading, running and writing, without loading the model.
    """

    path: str
    checkpoint: str
    data: str
    rows: int
    d: int
    classes: int | None
    dtype: str
    computed: int
    dropped: dict[str, int]
    facts: dict[str, Any]
    warnings: tuple[str, ...] = ()
    head: Head | None = field(default=None, repr=False)
    seconds: float = field(default=0.0, compare=False)

    def to_json(self, *, indent: int | None = 2) -> str:
        """All of it but head and seconds as JSON, sorted keys: the same bytes for the same run."""
        document = {k: v for k, v in self.__dict__.items() if k not in ("head", "seconds")}
        tool = {"name": "labelfree", "version": __version__}
        return as_json({"schema_version": 1, "tool": tool, "command": "embed", **document}, indent=indent)


def embed(
    checkpoint: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str],
    output: str | os.PathLike[str],
    column: str | None = None,
    id: str | None = None,
    keep: Sequence[str] = (),
    on_bad: Literal["error", "drop"] = "error",
    model: str | Callable[[], Any] | None = None,
    layer: str | None = None,
    pool: str | None = None,
    trust_code: bool = False,
    image_size: int | None = None,
    dtype: Literal["float32", "float16"] = "float32",
    device: str = "auto",
    batch_size: int | None = None,
    memory: int | None = None,
    threads: int | None = None,
    resume: bool = False,
    replace: bool = False,
    progress: Progress = silent,
) -> Embedding:
    """Run the model of a checkpoint over data and write its embeddings, and its logits where it has a head.

    checkpoint: a directory of transformers or sentence-transformers, or the weights (.safetensors, .pt, .pth, .ckpt,
    .bin) of the network that `model` builds: "package.module:factory" or a function, which returns a torch.nn.Module,
    or a pair of one and a transform. data: texts, images or arrays (`open_data` in labelfree.models.items), of
    which column, id, keep and on_bad say what is read. output: the Parquet file, with the columns id, the kept ones,
    embedding, logits.

    layer: the module whose output is the embedding; by default the input of the last linear layer of a classifier, else
    what the model returns; sentence-transformers pool and normalize as they say themselves. pool: mean (over real
    tokens, or places of a feature map), cls, last, or none. trust_code: read TorchScript and pickled modules, and let
    directories import code of theirs; without it nothing in a checkpoint is run. image_size: side of the crop where
    nothing else prepares images. dtype: float32 or float16, as stored. device: cpu, cuda or auto. batch_size: rows of a
    batch, else what memory allows. resume: go on after an interruption with the same settings. replace: replace a
    file that is there, which is refused otherwise.

    On the CPU all is computed as float32, on a GPU products are bfloat16. Rows do not depend on the batch they were in
    beyond the rounding of float32. Cost: one forward pass over the data, and two over its first rows (eight, of texts
    two of them).
    Raises LabelfreeError: what cannot be loaded, would run code, gives no vector a row, or gives NaN.

    >>> import numpy as np, pyarrow.parquet as pq, torch
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     torch.save({"weight": torch.tensor([0.25])}, Path(place) / "w.pt")
    ...     np.save(Path(place) / "x.npy", np.array([[4.0, -4.0], [-8.0, 2.0]]))
    ...     done = embed(f"{place}/w.pt", data=f"{place}/x.npy", output=f"{place}/e.parquet", model="torch.nn:PReLU")
    ...     rows = pq.read_table(f"{place}/e.parquet")["embedding"].to_pylist()
    >>> done.rows, done.d, rows
    (2, 2, [[4.0, -1.0], [-2.0, 2.0]])
    """
    check_here(output, f"{option('output')}, which a run can resume,")
    check_targets([Path(output)], PARQUET)
    if pool is not None and pool not in POOLS:
        raise UsageError(f"{option('pool')}: expected one of {', '.join(POOLS)}, found {pool!r}")
    for name, value in (("batch_size", batch_size), ("image_size", image_size), ("threads", threads)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise UsageError(f"{option(name)}: expected a whole number of at least 1, found {value!r}")
        if value is not None and value >= 1 << 31:
            raise UsageError(
                f"{option(name)}: expected a whole number below 2^31, found a larger one; give a smaller one"
            )
    if in_unicode(os.fspath(output)) != os.fspath(output):
        raise OutputError(f"{output}: expected a path in Unicode, found one of other bytes; name another file")
    path = check_checkpoint(os.fspath(checkpoint))
    opened = open_data(data, column=column, id=id, keep=keep, on_bad=on_bad, memory=memory)
    files = [p for p in path.iterdir() if p.is_file()] if path.is_dir() else [path]
    check_apart([Path(output)], {"the checkpoint": files, "the data": opened.files})
    if Path(output).exists() and not (resume or replace):
        raise OutputError(
            f"{output}: expected no file, found one; replace it with {option('replace', True)}, or name another"
        )
    progress("loading the model", 0.0)
    device = device_for(device)
    network = open_network(
        os.fspath(checkpoint), model=model, trust_code=trust_code, image_size=image_size, device=device
    )
    check_kind(network, opened)
    if image_size is not None and opened.kind != "image":
        raise UsageError(f"{option('image_size')}: has no effect on {opened.name}, which holds no images; leave it out")
    with inference(device, threads):
        plan, size = _planned(network, opened, device, layer, pool, batch_size, memory)
        facts = _facts(network, plan, opened, device)
        with EmbeddingFile(output, dtype=dtype, facts=facts, resume=resume) as file:
            account, began = Account(), time.monotonic()
            if not file.complete:
                account = run(network, plan, opened, file, size=size, device=device, progress=progress)
            file.finish()
            seconds, discarded = time.monotonic() - began, file.discarded
    notes = [*network.notes, *opened.notes]
    if network.random and plan.head:
        notes.append(f"the checkpoint lacks the head {plan.head}: no logits were written")
    if discarded:
        notes.append(
            f"{discarded:,} rows of an interrupted run were computed again: {option('resume')} goes on after them"
        )
    if account.truncated:
        share = f"{account.truncated:,} of {account.computed:,} texts"
        notes.append(f"{share} are longer than {network.longest} tokens and were cut there")
    if account.halved:
        notes.append("memory was short: batches were halved")
    rows, d, classes = _shape(Path(output))
    return Embedding(
        os.fspath(output), os.fspath(checkpoint), opened.name, rows, d, classes, dtype,
        account.computed, dict(opened.dropped), facts, tuple(notes), head_of(network, plan),
        seconds,
    )  # fmt: skip


def _shape(path: Path) -> tuple[int, int, int | None]:
    """Rows, width of the embeddings and number of classes of a file that is finished."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as parquet:
        widths = {field.name: getattr(field.type, "list_size", None) for field in parquet.schema_arrow}
        return parquet.metadata.num_rows, int(widths["embedding"] or 0), widths.get("logits")


def _planned(
    network: Network, data: Data, device: str, layer: str | None, pool: str | None, size: int | None, memory: int | None
) -> tuple[FeaturePlan, int]:
    """What is taken from the network, and rows of a batch, from the first rows of the data."""
    batch = next(iter(data.batches(_PROBED)))
    items = batch.items
    if data.kind == "text":
        items = [max(items, key=len), min(items, key=len)]
    with running(network, data):
        prepared = network.prepare(items).on(device)
        plan = planned(network, prepared, len(items), layer=layer, pool=pool)
        return plan, size or batch_rows(network, prepared, len(items), device, memory)


def _facts(network: Network, plan: FeaturePlan, data: Data, device: str) -> dict[str, Any]:
    """All that fixes the numbers, and no path: the same for a copy of the checkpoint elsewhere."""
    pooling = network.facts.get("pooling") if network.final and not plan.layer else plan.pool
    packages = ["torch"] if network.kind == "module" else ["torch", "transformers"]
    packages += ["sentence-transformers"] if network.kind == "sentence-transformers" else []
    model = {k: v for k, v in network.facts.items() if k not in ("pooling", "normalization")}
    return {
        "checkpoint": Path(network.name).name,
        "model": {"kind": network.kind, "fingerprint": fingerprint(network.module), **model},
        "layer": plan.what,
        "pooling": pooling,
        "normalization": None if plan.layer else network.facts.get("normalization"),
        "head": plan.head if plan.scored else None,
        "precision": precision(device),
        "max_length": network.longest,
        "data": {"kind": data.kind, "column": data.column, "rows": data.total, "fingerprint": data.fingerprint},
        "versions": {"labelfree": __version__, **{name: metadata.version(name) for name in packages}},
    }
