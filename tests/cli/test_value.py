"""--value: the bare number for a shell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import labelfree as package
from program import Program

pytestmark = pytest.mark.once

DATA = Path(package.__file__).parent / "demo_data"
EPOCHS = [DATA / f"epoch_0{i}.parquet" for i in (2, 5)]


def test_one_source_prints_the_number_alone(labelfree: Program) -> None:
    done = labelfree("rank", EPOCHS[0], "--value", "rankme", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    value = package.rank(EPOCHS[0])["rankme"].value
    assert value is not None
    assert done.stdout == f"{value:.12g}\n"
    assert float(done.stdout) == pytest.approx(value, rel=1e-11)


def test_several_print_name_and_value(labelfree: Program) -> None:
    done = labelfree("rank", *EPOCHS, "--value", "rankme", "-q")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [name for name, _ in lines] == [str(path) for path in EPOCHS]
    assert [float(v) for _, v in lines] == [pytest.approx(package.rank(p)["rankme"].value, rel=1e-11) for p in EPOCHS]


def test_it_measures_nothing_else_unless_a_file_keeps_it(labelfree: Program, tmp_path: Path) -> None:
    assert labelfree("rank", EPOCHS[0], "--value", "stable_rank", "-o", "r.json", "-q").returncode == 0
    (report,) = json.loads((tmp_path / "r.json").read_text())["reports"]
    assert len(report["metrics"]) > 10
    assert labelfree("rank", EPOCHS[0], "--value", "rankme", "--only", "nesum", "-o", "r.json", "-q").returncode == 0
    (report,) = json.loads((tmp_path / "r.json").read_text())["reports"]
    assert set(report["metrics"]) == {"nesum", "rankme"}


def test_undefined_is_3_with_the_reason_and_nothing_on_stdout(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.ones((1, 4)))
    done = labelfree("rank", "one.npy", "--value", "rankme", "-q")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("labelfree: one.npy: rankme is undefined: ")
    done = labelfree("rank", "one.npy", EPOCHS[0], "--value", "rankme", "-q")
    assert done.returncode == 3
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [str(EPOCHS[0])]
    np.save(tmp_path / "few.npy", np.eye(12))  # the headline has a value, what was asked for has none
    assert labelfree("rank", "few.npy", "--value", "lidar", "-q").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rank", "--value", "rnkme"], "no metric 'rnkme'; did you mean 'rankme'?"),
        (["rank", "--value", "separability"], "rank does not measure separability; labelfree separability does"),
        (["rank", "--value", "rankme", "--json"], "prints one number, and --format json a document"),
        (["doctor", "--value", "rankme"], "doctor computes no metrics"),
        (["weights", "--value", "rankme"], "weights does not measure rankme; labelfree rank does"),
        (["rank", "--value", "h1_total_persistence"], "labelfree separability does"),
    ],
)
def test_what_it_cannot_print_is_refused(labelfree: Program, arguments: list[str], said: str) -> None:
    done = labelfree(arguments[0], DATA / "epoch_05.parquet", *arguments[1:])
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_it_wins_over_a_format_of_the_environment(labelfree: Program) -> None:
    done = labelfree("rank", EPOCHS[0], "--value", "stable_rank", "-q", env={"LABELFREE_FORMAT": "json"})
    assert float(done.stdout) > 1


def test_the_value_of_weights(labelfree: Program) -> None:
    done = labelfree("weights", DATA / "head.safetensors", "--value", "nonfinite_rows", "-q")
    assert (done.returncode, done.stdout) == (0, "0\n")
    done = labelfree("weights", DATA / "head.safetensors", "--value", "tail_exponent")
    assert (done.returncode, done.stdout) == (2, "")
