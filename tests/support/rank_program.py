"""One of several processes that evaluate together: python rank_program.py PLACE RANK WORLD; writes what each case gave.

The features are those of tests/training/test_ranks.py, as a DataLoader over a DistributedSampler or one of accelerate
would bring them to this rank.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, SequentialSampler, TensorDataset

from labelfree.errors import LabelfreeError
from labelfree.training import Check, Monitor


def told(check: Check) -> dict[str, Any]:
    return {**asdict(check), "stop": check.stop}


def batches(X: Any, rank: int, world: int, dealt: str) -> Any:
    """The batches of 16 that this rank gets of an evaluation set, in its order."""
    data = TensorDataset(torch.tensor(X))
    if dealt == "rows":
        sampler: Any = DistributedSampler(data, world, rank, shuffle=False)
        return DataLoader(data, 16, sampler=sampler)
    from accelerate.data_loader import BatchSamplerShard

    whole = BatchSampler(SequentialSampler(data), 16, drop_last=False)
    return DataLoader(data, batch_sampler=BatchSamplerShard(whole, world, rank, even_batches=True))


def main(place: Path, rank: int, world: int) -> None:
    dist.init_process_group("gloo", init_method=f"file://{place}/meeting", rank=rank, world_size=world)
    found: dict[str, Any] = {}
    X = np.load(place / "X.npy")

    def case(name: str, features: Any, **options: Any) -> None:
        dealt = options.get("dealt", "rows")
        monitor = Monitor(history=place / f"{name}.jsonl", plateau="separability", sample=100, **options)
        checks = []
        for step in range(10):
            for (part,) in batches(features, rank, world, dealt):
                monitor.add(part)
            checks.append(told(monitor.check(step)))
        found[name] = checks

    case("even", X)
    case("uneven", X[:-3], rows=len(X) - 3)
    case("named", X[:-3], ids=[f"item {i}" for i in range(len(X) - 3)])
    case("batches", X[:-3], rows=len(X) - 3, dealt="batches")

    monitor = Monitor(history=place / "trouble.jsonl", metrics="rankme")
    monitor.add(X[: 20 * rank])  # rank 0 sees nothing
    empty = monitor.check(0)
    monitor.add(np.full((4, X.shape[1]), np.nan) if rank == 1 else X[:4])
    spoiled = monitor.check(1)
    monitor.add(X[:4, : 5 + rank])
    widths = monitor.check(2)
    if rank == 0:
        monitor.add(X[:9])
    nothing = monitor.check(3)
    found["trouble"] = [told(one) for one in (empty, spoiled, widths, nothing)]
    numbers = []
    cases: tuple[tuple[int, Any], ...] = ((500, "rows"), (100, "rows"), (100, "batches"))
    for said, dealt in cases:
        monitor = Monitor(metrics="rankme", rows=said, dealt=dealt)
        for (part,) in batches(X, rank, world, dealt):
            monitor.add(part)
        numbers.append(told(monitor.check(0)))
    found["numbers"] = numbers
    short: tuple[tuple[list[int], ...], ...] = (
        ([8, 5], [8, 5]),
        ([8], [2]),
        ([8, 2], [8, 8]),
        ([8, 8], [8, 3]),
        ([5], []),
    )
    dealt_out = []
    for lengths in short:  # of the batches of each rank, as accelerate deals out a set whose batches are split up
        monitor = Monitor(metrics="rankme", dealt="batches")
        for length in lengths[rank]:
            monitor.add(X[:length])
        dealt_out.append(told(monitor.check(0)))
    found["short"] = dealt_out
    refused: list[str] = []
    wrong: tuple[dict[str, Any], ...] = (
        {"history": place / "even.jsonl"}, {"to": 42 if rank == 0 else None}, {"metrics": "rankme" if rank else "rnk"},
        {"history": place / (f"none_{rank}" if rank == 0 else "none") / "h.jsonl"},
        {"device": "cpu" if rank == 0 else "tpu"},
    )  # fmt: skip
    for options in wrong:
        try:
            Monitor(**options)
        except LabelfreeError as error:
            refused.append(str(error))
    found["refused"] = refused
    dist.destroy_process_group()
    (place / f"rank_{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
