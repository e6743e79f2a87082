"""Evidence is built whole and never changed: what a metric saw is what every other metric sees."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass

import numpy as np
import pytest

from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.groups import Grouping, GroupRows
from labelfree.evidence.outputs import Outputs
from labelfree.evidence.scaling import Topology
from labelfree.evidence.targets import target
from labelfree.evidence.zone import Calibration


@pytest.mark.parametrize("of", [Evidence, Outputs, Grouping, GroupRows, Topology, Calibration])
def test_every_part_of_it_is_frozen(of: type) -> None:
    assert is_dataclass(of)
    assert of.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_nothing_of_it_can_be_set() -> None:
    e = target(np.eye(4), np.eye(4))
    for field in fields(e):
        with pytest.raises(FrozenInstanceError):
            setattr(e, field.name, None)
    assert e.outputs is not None
    with pytest.raises(FrozenInstanceError):
        e.outputs.head = None  # type: ignore[misc]
    assert e.raw is e.raw  # what is computed of it is remembered all the same


def test_a_second_data_set_has_one_slot() -> None:
    assert [f.name for f in fields(Evidence) if "Evidence" in str(f.type)] == ["reference"]
    assert not any("Evidence" in str(f.type) for f in fields(Outputs))
    assert evidence(np.eye(3)).reference is None
