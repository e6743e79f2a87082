"""A short campaign of kills: whatever is killed, and whenever, nothing is lost, torn, scored twice or left behind."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from killing.calls import started
from killing.campaign import campaign
from killing.subjects import SUBJECTS


@pytest.mark.once
@pytest.mark.slow
def test_a_few_kills_leave_everything_whole() -> None:
    with started() as forks:
        found = campaign(10, 20261127, forks)
    assert {name: said["problems"] for name, said in found.items()} == {name: [] for name in SUBJECTS}
    assert sum(said["kills"] for said in found.values()) >= 10
    assert all(said["kills"] for said in found.values())
