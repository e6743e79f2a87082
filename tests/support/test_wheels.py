"""The checkpoints of the wheels are those that were pinned, and load as nothing but tensors."""

from __future__ import annotations

from pathlib import Path

import pytest

import wheels
from labelfree.sources.checkpoints.tensors import tensors


@pytest.mark.parametrize(
    ("name", "count", "parameters"),
    [("pnet.pt", 13, 6_632), ("rnet.pt", 16, 100_178), ("onet.pt", 21, 389_040), ("pretrained.pt", 16, 1_423_618)],
)
def test_checkpoints_hold_what_their_packages_say(
    name: str, count: int, parameters: int, wheel_checkpoint: wheels.Checkpoint
) -> None:
    found = tensors(wheel_checkpoint(name))
    assert len(found) == count
    assert sum(tensor.load().size for tensor in found.values()) == parameters


def test_a_file_that_is_not_whole_is_not_taken(tmp_path: Path) -> None:
    wheels.keep(b"something else", tmp_path / "pnet.pt")
    assert not wheels.whole(tmp_path / "pnet.pt")
    assert not wheels.whole(tmp_path / "rnet.pt")
    assert wheels.fetch("./no-such-wheel.whl", tmp_path)
