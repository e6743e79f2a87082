"""Commands timed as separate processes: wall time, and the largest memory each ever held."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from statistics import median


@dataclass(frozen=True)
class Run:
    """One process: seconds from start to end, those of its processors, peak resident megabytes, what it printed."""

    seconds: float
    processor: float
    megabytes: float
    output: str


@lru_cache(maxsize=1)
def _compiled() -> dict[str, str]:
    """An environment in which the package is compiled, as pip leaves it: a checkout where Python may not write
    bytecode would compile all of it again at every start."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    compiled = "import compileall, labelfree; compileall.compile_dir(labelfree.__path__[0], quiet=1)"
    subprocess.run([sys.executable, "-c", compiled], env=environment, check=True)
    return environment


def run(arguments: list[str], *, keep: bool = True) -> Run:
    """Run a command to its end; without `keep` its output is thrown away."""
    environment = _compiled()
    began = time.perf_counter()
    stdout = subprocess.PIPE if keep else subprocess.DEVNULL
    process = subprocess.Popen(arguments, stdout=stdout, text=True, env=environment)
    output = process.stdout.read() if process.stdout is not None else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed with {process.returncode}")
    megabytes = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, megabytes, output)


def rounds(commands: dict[str, list[str]], repetitions: int) -> dict[str, list[Run]]:
    """Every command once per round, so that a slow minute of the machine touches all of them."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(repetitions):
        for name, arguments in commands.items():
            found[name].append(run(arguments))
    return found


def ratio(runs: dict[str, list[Run]], name: str, floor: str) -> float:
    """Median over the rounds of the time of one command over the time of another."""
    return median(a.seconds / b.seconds for a, b in zip(runs[name], runs[floor], strict=True))


def machine() -> dict[str, object]:
    """What the numbers were measured on: cores, and the measured rate of a float64 matrix product."""
    import numpy as np

    X = np.random.default_rng(0).normal(size=(2048, 2048))
    best = min(_timed(lambda: X @ X) for _ in range(5))
    return {
        "cores": len(os.sched_getaffinity(0)),
        "float64_gemm_gflops": round(2 * 2048**3 / best / 1e9, 1),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
    }


def _timed(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began
