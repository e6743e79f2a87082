"""Files from a stranger: nothing in them is run, each gets its message, and memory stays small."""

from __future__ import annotations

import copyreg
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile
import hostile_directories
import hostile_pickles
import hostile_tables
from hostile import Hostile
from hostile_claims import FLOATS
from hostile_opcodes import archive, held, storage, tensor
from labelfree.errors import ColumnError
from labelfree.sources.opening import open_source
from program import Program
from readers import joined

GOOD = tensor(storage(4), 0, (2, 2), (2, 1))
PACKED = hostile_tables.zeros(200)
GROUPS = hostile.groups()
CASES = [(group, one.label) for group, one in hostile.cases("read")]
MODELS = [(group, one.label) for group, one in hostile.cases("run")]
MOST_GROWN = 400
"""Megabytes by which the process may grow over one file: what the libraries load when they are first used, and more."""


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], dict[str, Any]]:
    """What became of a file that was read."""
    return _all("read", len(CASES), tmp_path_factory)


@pytest.fixture(scope="session")
def told_to_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], dict[str, Any]]:
    """What became of a file that was taken for a model to be run over data."""
    return _all("run", len(MODELS), tmp_path_factory)


def _all(how: str, count: int, places: pytest.TempPathFactory) -> Callable[[str, str], dict[str, Any]]:
    """All are read in one process, and in another one after each that it does not survive."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    while len(found) < count:
        place = places.mktemp("hostile")
        command = [sys.executable, str(Path(hostile.__file__)), str(place), str(len(found)), how]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, done.stderr
        for one in lines:
            died = {"kind": "died", "said": done.stderr[-3000:]}
            found.setdefault((one["group"], one["name"]), died).update(one)
    return lambda group, name: found[group, name]


@pytest.mark.parametrize(("group", "name"), CASES)
def test_a_hostile_file_is_told_what_is_wrong_with_it(
    group: str, name: str, told: Callable[[str, str], dict[str, Any]]
) -> None:
    (one,) = (one for one in GROUPS[group] if one.label == name)
    found = told(group, name)
    assert found["kind"] == "LabelfreeError", found["said"]
    assert one.name in found["said"] or one.name.partition(".")[0] in found["said"]
    assert re.search(one.says, found["said"], re.DOTALL), found["said"]
    assert "Traceback" not in found["said"]
    assert len(found["said"]) < 4000
    assert not found["ran"]
    assert found["grown"] < MOST_GROWN


@pytest.mark.once
@pytest.mark.parametrize(("group", "name"), MODELS)
def test_a_hostile_model_is_not_run(group: str, name: str, told_to_run: Callable[[str, str], dict[str, Any]]) -> None:
    (one,) = (one for one in GROUPS[group] if one.label == name)
    found = told_to_run(group, name)
    assert not found["ran"]
    assert found["kind"] == "LabelfreeError", found["said"]
    assert one.name in found["said"] or one.name.partition(".")[0] in found["said"]
    assert "Traceback" not in found["said"]
    assert found["grown"] < MOST_GROWN


def test_every_hostile_file_has_a_name_of_its_own() -> None:
    for files in GROUPS.values():
        labels = [one.label for one in files]
        assert len(labels) == len(set(labels))


@pytest.mark.parametrize("name", hostile_pickles.EXPRESSIONS)
def test_who_unpickles_a_hostile_pickle_runs_it(name: str, tmp_path: Path) -> None:
    expression, _ = hostile_pickles.EXPRESSIONS[name]
    assert copyreg._inverted_registry[hostile_pickles.EXTENSION] == ("posix", "mkdir")  # type: ignore[attr-defined]
    pickle.loads(b"\x80\x02" + expression(str(tmp_path / "canary")) + b".")
    assert (tmp_path / "canary").exists()


def test_an_extension_type_with_a_pickle_is_data(tmp_path: Path) -> None:
    """pyarrow unpickled it up to 14.0.0, CVE-2023-47248."""
    hostile_tables.extension(tmp_path / "a.parquet", tmp_path / "canary")
    assert joined(open_source(tmp_path / "a.parquet")).rows.shape == (hostile_tables.ROWS, 4)
    assert not (tmp_path / "canary").exists()


def test_no_path_in_a_parquet_file_is_followed(tmp_path: Path) -> None:
    """A chunk may name another file that holds its pages: they are taken from this one."""
    for name, elsewhere in (("a", ""), ("b", "../../etc/passwd")):
        (tmp_path / f"{name}.parquet").write_bytes(hostile_tables.flat(elsewhere=elsewhere))
    a, b = (joined(open_source(tmp_path / f"{name}.parquet")).rows for name in "ab")
    assert np.array_equal(a, b)


def test_what_hostile_files_are_made_of_is_sound(tmp_path: Path) -> None:
    """The same writers, told the truth, write files that are read: their lies alone are refused."""
    archive(tmp_path / "a.pt", held("w", GOOD), {"0": FLOATS})
    hostile_directories.index({"weight_map": {"w": "inside.safetensors"}})(tmp_path / "hf", tmp_path)
    (tmp_path / "a.parquet").write_bytes(hostile_tables.flat())
    (tmp_path / "z.parquet").write_bytes(hostile_tables.flat(codec=hostile_tables.ZSTD, packed=PACKED, unpacked=200))
    (tmp_path / "deep.parquet").write_bytes(hostile_tables.nested(98))
    with pytest.raises(ColumnError, match="no embedding column"):
        open_source(tmp_path / "deep.parquet")
    for name, shape in (("a.pt", (2, 2)), ("hf", (11, 4)), ("a.parquet", (50, 4)), ("z.parquet", (50, 4))):
        assert joined(open_source(tmp_path / name)).rows.shape == shape


BY_PROGRAM = [
    ("pickles", "plain GLOBAL and REDUCE (a.pt)", ["rank"]),
    ("pickles", "objects (a.npz)", ["doctor"]),
    ("tables", "types nested 100,000 deep (a.parquet)", ["evaluate"]),
    ("arrays", "a name that steers (a.safetensors)", ["rank"]),
    ("documents", "a million brackets (r.json)", ["gate", "--require", "rankme >= 1"]),
]


@pytest.mark.parametrize(("group", "name", "command"), BY_PROGRAM)
def test_the_program_says_so_and_exits_with_2(
    group: str, name: str, command: list[str], labelfree: Program, tmp_path: Path
) -> None:
    one: Hostile = next(one for one in GROUPS[group] if one.label == name)
    path, canary = hostile.written(one, tmp_path / "place")
    done = labelfree(command[0], path, *command[1:])
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.search(one.says, done.stderr, re.DOTALL)
    assert done.stderr.startswith("labelfree: ")
    assert "\x1b" not in done.stderr
    assert not any(word in done.stderr for word in ("Traceback", "internal error"))
    assert not canary.exists()
