"""The state of a check: kept by a record, named by the gate and by watch, and no part of any decision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from labelfree.errors import HistoryError
from labelfree.gating.stopped import stopped
from labelfree.history import append, read
from labelfree.reports.gate import GateReport
from program import Program

pytestmark = pytest.mark.once
RNG = np.random.default_rng(4)
SOUND = RNG.normal(size=(200, 16)) * np.arange(1, 17)
POINT = 5 + 0.005 * RNG.normal(size=(200, 16))


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "h.jsonl"
    for step, X in enumerate((SOUND, POINT)):
        append(path, labelfree.rank(X), step=step)
    return path


def without(path: Path) -> Path:
    """The history as version 0.1 wrote it."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        del record["state"]
    old = path.parent / "old.jsonl"
    old.write_text("".join(json.dumps(record, sort_keys=True) + "\n" for record in records))
    return old


def verdict(**options: Any) -> dict[str, Any]:
    found = labelfree.gate(**options)
    GateReport.model_validate(found)
    return dict(found["verdict"])


def test_a_record_keeps_the_state_and_the_gate_names_that_of_the_latest_check(history: Path) -> None:
    first, second = read(history)
    assert [r["state"]["state"] for r in (first, second)] == ["healthy", "likely_collapsed"]
    assert {*second["state"]} == {"rule", "state", "message"}
    said = verdict(history=history, plateau="rankme")["state"]
    assert said == {**second["state"], "of": "step 1"}


def test_the_state_decides_nothing_and_old_records_are_read(history: Path) -> None:
    new, old = (verdict(history=path, plateau="rankme") for path in (history, without(history)))
    assert old.pop("state") is None
    assert new.pop("state") is not None
    assert new == old
    sound = labelfree.rank(POINT)
    assert verdict(reports=sound, require="rankme >= 1")["decision"] == "pass"
    assert (
        verdict(reports=[labelfree.rank(SOUND), sound], require="rankme >= 1")["state"]["state"] == "likely_collapsed"
    )


def test_a_record_of_an_earlier_version_is_the_same_record(history: Path) -> None:
    old = without(history)
    assert not append(old, labelfree.rank(SOUND), step=0)


def test_a_state_of_another_form_is_refused(history: Path) -> None:
    history.write_text(
        history.read_text().replace('"rule":"state/v1"', '"rule":1').replace('"rule": "state/v1"', '"rule": 1')
    )
    with pytest.raises(HistoryError, match="expected a record"):
        read(history)


def test_the_text_of_the_gate_and_of_watch_name_it(history: Path, tmp_path: Path, labelfree: Program) -> None:
    done = labelfree("gate", "--history", str(history), "--require", "rankme >= 1")
    assert "state of step 1: LIKELY COLLAPSED: rows point one way" in done.stdout
    run = tmp_path / "run"
    run.mkdir()
    np.save(run / "step_0.npy", SOUND)
    np.save(run / "step_1.npy", POINT)
    done = labelfree("watch", str(run), "--metric", "rankme", "--idle", "0")
    assert [line.split()[5] for line in done.stdout.splitlines()[:2]] == ["healthy", "LIKELY"]
    assert done.returncode == 12
    assert stopped(run / "STOP")["verdict"]["state"]["state"] == "likely_collapsed"
