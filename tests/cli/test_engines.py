"""Where the work is done, on the command line and in Python: what is refused, and what is said of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree as package
from labelfree.commands import engines
from labelfree.errors import EngineError, MissingExtra, UsageError
from labelfree.survey.engines.starting import check_versions, versions
from program import Program

X = np.random.default_rng(0).normal(size=(60, 5))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", X)
    return tmp_path / "x.npy"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["separability", "x.npy", "--engine", "giotto"],
            "--engine: expected 'threads' or 'ray', found 'giotto'; giotto-tda's H0 is --h0 giotto",
        ),
        (["rank", "x.npy", "--engine", "dask"], "--engine: expected 'threads' or 'ray', found 'dask'"),
        (["rank", "x.npy", "--address", "auto"], "--address: has no effect without --engine ray"),
        (["drift", "x.npy", "--reference", "x.npy", "--work", "w"], "--work: has no effect without --engine ray"),
        (["rank", "x.npy", "--engine", "ray", "--rows", "10"], "--rows: has no effect on --engine ray; one machine"),
        (["rank", "x.npy", "--engine", "ray", "--data", "x.npy"], "--data: has no effect on --engine ray; it runs"),
        (["rank", "x.npy", "--engine", "ray", "--device", "cuda"], "--device: expected 'cpu' beside --engine ray"),
        (["rank", "x.npy", "--engine", "ray", "--work", "s3://b/w"], "--work: expected a directory on a file system"),
        (["compare", "x.npy", "x.npy", "--engine", "giotto"], "--engine: expected 'threads' or 'ray'"),
        *(
            ([name, "x.npy", flag, "ray"], f"{flag}: {name} runs on this machine alone; leave it out")
            for name in ("select", "doctor", "weights", "embed")
            for flag in ("--engine", "--address", "--work")
        ),
    ],
)
def test_what_an_engine_does_not_take_is_refused_by_name(
    words: list[str], said: str, labelfree: Program, rows: Path
) -> None:
    done = labelfree(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_python_is_told_the_same_in_its_own_words() -> None:
    with pytest.raises(UsageError, match=r"engine: expected 'threads' or 'ray', found 'giotto'.* is h0='giotto'"):
        package.separability(X, engine="giotto")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="engine: doctor runs on this machine alone"):
        package.doctor(X, engine="ray")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="work: has no effect without engine='ray'"):
        package.compare(X, X, work="w")


def test_without_the_extra_the_message_is_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    engines.ended()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"engine='ray' needs the extra \[ray\].*pip install"):
        package.rank(X, engine="ray")


def test_the_client_of_ray_is_refused_with_the_way() -> None:
    pytest.importorskip("ray", reason="needs the extra [integration]")
    engines.ended()
    with pytest.raises(EngineError, match=r"ray://head:10001.*run the command on the head of the cluster"):
        package.rank(X, engine="ray", address="ray://head:10001")


def test_where_the_work_is_done_is_no_part_of_a_report() -> None:
    found: Any = package.rank(X)
    assert not {"engine", "address", "work", "threads"} & set(found.settings)


def test_versions_are_compared_one_by_one() -> None:
    here = versions()
    assert set(here) == {"labelfree", "Python", "numpy", "pyarrow", "processor"}
    check_versions(here, "node", dict(here))
    other = {**here, "numpy": "0.1", "Python": "2.7.18"}
    with pytest.raises(EngineError) as told:
        check_versions(other, "10.0.0.9", here)
    assert str(told.value).startswith(
        f"node 10.0.0.9: expected Python {here['Python']}, numpy {here['numpy']} as where the command was started, "
        "found Python 2.7.18, numpy 0.1;"
    )
