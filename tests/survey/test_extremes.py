"""Numbers near the ends of float32 and float64: the same answers as in the middle, and not a word from numpy."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import labelfree as package
from labelfree.commands.report import Report
from labelfree.errors import SourceError
from labelfree.render.tables.text import to_csv, to_markdown
from program import Program

pytestmark = pytest.mark.once

COMMANDS = ("rank", "separability", "evaluate", "doctor")
RNG = np.random.default_rng(0)
CLOUDS = {
    "tall": RNG.normal(size=(120, 6)) @ RNG.normal(size=(6, 6)) + 0.5,
    "far from zero": RNG.normal(size=(120, 6)) + 3000.0,
    "wide": RNG.normal(size=(30, 64)),
}
ENDS = {
    "largest float32": (np.float32, 127),
    "smallest float32": (np.float32, -113),
    "large float64": (np.float64, 478),
    "small float64": (np.float64, -465),
}


def near(X: NDArray[Any], end: str) -> NDArray[Any]:
    """X times a power of two that brings it to an end of a dtype, which moves no digit."""
    dtype, exponent = ENDS[end]
    exact = X.astype(np.float32).astype(np.float64)
    return np.asarray((exact * 2.0 ** (exponent - np.frexp(np.abs(exact).max())[1])).astype(dtype))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_metrics_without_a_unit_do_not_see_the_scale(cloud: str, end: str) -> None:
    X = CLOUDS[cloud].astype(np.float32).astype(np.float64)
    one, other = package.evaluate(X), package.evaluate(near(X, end))
    for name, entry in one.metrics.items():
        assert other[name].value == (None if entry.value is None else pytest.approx(entry.value, rel=1e-5)), name
        assert other[name].se == (None if entry.se is None else pytest.approx(entry.se, rel=1e-3, abs=1e-9)), name


@pytest.mark.parametrize("normalize", ["l2", "none", "layernorm", "zscore"])
@pytest.mark.parametrize("kind", ["every row its own scale", "every column its own scale", "one huge", "all but equal"])
@pytest.mark.parametrize(("dtype", "low", "high"), [(np.float32, -140, 125), (np.float64, -460, 460)])
def test_numpy_never_warns(kind: str, normalize: str, dtype: type, low: int, high: int) -> None:
    X = RNG.normal(size=(60, 6))
    scales = 2.0 ** RNG.integers(low, high, size=60)
    if kind == "every row its own scale":
        X *= scales[:, None]
    elif kind == "every column its own scale":
        X *= np.sqrt(scales[:6])
    elif kind == "one huge":
        X[3] *= 2.0 ** (high - 2)
        X[4] = 0
    else:
        X[:] = 2.0 ** (high - 1)
        X[:, 0], X[3, 0] = 1.0, 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", package.FindingWarning)
        for command in ("evaluate", "doctor"):
            getattr(package, command)(X.astype(dtype))
        for metric in ("euclidean", "cosine"):
            package.separability(X.astype(dtype), normalize=normalize, metric=metric, on_bad="drop")  # type: ignore[call-overload]


def test_denormal_numbers_are_measured_through_the_program(labelfree: Program, tmp_path: Path) -> None:
    """Warnings are errors here, and those that a library would print anyway would be seen on stderr."""
    np.save(tmp_path / "low.npy", near(CLOUDS["tall"], "smallest float32") * np.float32(2.0**-30))
    np.save(tmp_path / "high.npy", near(CLOUDS["tall"], "largest float32"))
    assert 0 < np.abs(np.load(tmp_path / "low.npy")).max() < 1e-41
    for command in COMMANDS:
        done = labelfree(command, "low.npy", "high.npy", "--json", "-q", env={"PYTHONWARNINGS": "error"})
        assert (done.returncode, done.stderr) == (0, ""), command


@pytest.mark.parametrize(
    ("exponent", "message"), [(530, "overflow float64; divide"), (-530, "underflow float64; mult")]
)
def test_rows_whose_squares_leave_the_range_are_refused(exponent: int, message: str) -> None:
    X = RNG.normal(size=(40, 6))
    X[7] *= 2.0**exponent
    with pytest.raises(SourceError, match=f"row 7: its squares {message}"):
        package.rank(X)


@pytest.mark.parametrize(
    ("scale", "dtype"),
    [(1e20, "float32"), (1e30, "float32"), (1e-30, "float32"), (1e80, "float64"), (1e-80, "float64")],
)
def test_transfer_at_very_large_and_very_small_rows(scale: float, dtype: str) -> None:
    """Every score but the distances in the unit of the rows is what it is at scale one; warnings are errors here."""
    r = np.random.RandomState(0)
    centers, y = 2 * r.normal(size=(4, 8)), r.randint(0, 4, 200)
    X = centers[y] + r.normal(size=(200, 8))
    S, L = X + 0.3 * r.normal(size=X.shape), X @ centers.T / 4

    def report(by: float) -> Report:
        rows, behind = ((side * by).astype(dtype) for side in (X, S))
        source = {"embedding": behind, "logits": L, "label": y}
        return package.transfer({"embedding": rows, "logits": L}, source=source, head=centers / 4 / by)

    plain, scaled = report(1.0), report(scale)
    for name, entry in plain.metrics.items():
        if name not in ("coral", "frechet", "ensv", "gde"):
            assert scaled[name].value == pytest.approx(entry.value, rel=1e-2), name
    assert plain["class_ami"].value == pytest.approx(0.84, abs=0.05)
    for name, power in (("coral", 4), ("frechet", 2)):
        value, entry = plain[name].value, scaled[name]
        assert value is not None
        if -307 < math.log10(value) + power * math.log10(scale) < 100:  # what a report may hold
            assert entry.value == pytest.approx(value * scale**power, rel=1e-5)
        else:
            assert (entry.value, entry.reason_code) == (None, "out_of_range")
    for text in (scaled.to_json(), to_csv([scaled]), to_markdown([scaled], everything=True)):
        assert not re.search(r"\b(inf|nan)\b", text)
