"""What a shard leaves behind, as bytes: read back it merges and finishes to the same report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelfree.catalog import command
from labelfree.commands.options import checked, selected
from labelfree.commands.reporting import report_of
from labelfree.documents.reading import as_json
from labelfree.errors import SummaryError
from labelfree.evidence.evidence import Need
from labelfree.kernels import numpy_kernels
from labelfree.sources.block import AUTO, Columns, Source
from labelfree.sources.opening import open_source
from labelfree.survey.growing import Summaries
from labelfree.survey.parallel import summed
from labelfree.survey.scores import Wanted
from labelfree.survey.shards import parts_of
from labelfree.survey.states import from_bytes, to_bytes

NEEDS = frozenset[Need](("moments", "unit", "sample", "views", "groups", "outputs"))


def frame(n: int, seed: int, d: int = 4) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).astype(np.float32) + 1
    return {
        "embedding": X, "logits": rng.normal(size=(n, 3)), "id": np.arange(n), "item": rng.integers(0, 5, n),
        "label": rng.integers(0, 3, n), "epoch": np.full(n, 3),
    }  # fmt: skip


def opened(n: int, seed: int) -> Source:
    return open_source(frame(n, seed), Columns("embedding", "id", "item", "logits", "label"))


def empty_for(source: Source, **changes: Any) -> Callable[[], Summaries]:
    wanted = Wanted(thresholds=(0.5, -0.7), regression=True, labels=True)
    given: dict[str, Any] = {"sample": 6, "seed": 1, "on_bad": "error", "refuse_zero": False, "wanted": wanted}
    return partial(Summaries, source, NEEDS, numpy_kernels, **{**given, "group_rows": 9, **changes})


def shard(source: Source, start: int, stop: int) -> Summaries:
    """The state of some rows of a source, as a process that has them alone would leave it."""
    inside = [(part, block) for part, block in parts_of(source, source.read(1)) if start <= int(block.index[0]) < stop]
    return summed(inside, empty_for(source), 1)


def report(state: Summaries) -> str:
    chosen = checked(command("evaluate"), {"group": "item", "id": "id"})
    metrics = [m for m in selected(command("rank"), ()) if m.name != "lidar"]
    return as_json(report_of(command("rank"), state.finished(), metrics, chosen).model_dump())


@settings(max_examples=20, deadline=None)
@given(n=st.integers(2, 24), at=st.integers(0, 24), seed=st.integers(0, 5))
def test_a_state_that_was_bytes_ends_in_the_same_report(n: int, at: int, seed: int) -> None:
    one, other = opened(n, seed), opened(at + 1, seed + 6)
    plain = shard(one, 0, n)
    plain.merge(shard(other, 0, at + 1))
    kept = from_bytes(to_bytes(shard(one, 0, n)), empty_for(one)())
    kept.merge(from_bytes(to_bytes(shard(other, 0, at + 1)), empty_for(other)()))
    assert to_bytes(kept) == to_bytes(plain)
    assert report(kept) == report(plain)


def test_a_state_holds_everything_that_was_counted() -> None:
    source = opened(12, 0)
    state = shard(source, 0, 12)
    kept = from_bytes(to_bytes(state), empty_for(source)())
    assert kept.used == 12
    assert kept.epochs == {3}
    assert kept.tally == state.tally
    assert kept.scores is not None
    assert kept.scores.labelled is not None
    assert kept.scores.labelled.label.tolist() == frame(12, 0)["label"].tolist()
    assert kept.sums == [one % (1 << 64) for one in state.sums]
    assert len(kept.groups.sample.chunks) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 2}, "seed = 2, found 1"), ({"sample": 7}, "sample = 7, found 6"),
        ({"on_bad": "drop"}, "on_bad = 'drop', found 'error'"), ({"refuse_zero": True}, "refuse_zero = True"),
        ({"group_rows": None}, "group_rows = None, found 9"), ({"wanted": None}, "classes = None, found 3"),
        ({"wanted": Wanted((0.9, -0.7), True, True)}, "counted at the same thresholds"),
    ],
)  # fmt: skip
def test_a_state_of_another_measurement_is_refused(changes: dict[str, Any], said: str) -> None:
    source = opened(12, 0)
    with pytest.raises(SummaryError, match=said):
        from_bytes(to_bytes(shard(source, 0, 12)), empty_for(source, **changes)())


def test_a_state_of_rows_of_another_width_is_refused() -> None:
    raw = to_bytes(shard(opened(12, 0), 0, 12))
    wide = open_source(frame(12, 0, d=5), Columns("embedding", "id", "item", "logits", AUTO))
    with pytest.raises(SummaryError, match="d = 5, found 4"):
        from_bytes(raw, empty_for(wide)())
