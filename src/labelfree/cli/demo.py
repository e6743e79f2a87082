"""demo: a guided run of every family on embeddings inside the package."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path

import typer

from labelfree.errors import ExitCode

STEPS = (
    ("Is anything wrong with the data?", "doctor {data}/epoch_05.parquet"),
    ("How many directions do the embeddings use?", "rank {data}/epoch_05.parquet"),
    (
        "Every checkpoint of the run, side by side:",
        "rank {data}/epoch_00.parquet {data}/epoch_02.parquet {data}/epoch_05.parquet",
    ),
    (
        "Everything, for a program to read:",
        "evaluate {data}/epoch_05.parquet --only rankme,mean_cosine --json",
    ),
)


def demo() -> None:
    """A guided run on real embeddings that are shipped with the package, printing each command.

    \b
    labelfree demo
    """
    with as_file(files("labelfree") / "demo_data") as data:
        for why, command in STEPS:
            code = _run(why, command, data)
            if code:
                raise typer.Exit(code)
    print("What a number means: labelfree explain rankme. Your own: labelfree rank embeddings.parquet")


def _run(why: str, command: str, data: Path) -> int:
    arguments = shlex.split(command.format(data=data))
    print(f"# {why}\n$ labelfree {shlex.join(arguments)}\n", flush=True)
    done = subprocess.run([sys.executable, "-m", "labelfree", *arguments], check=False)
    print(flush=True)
    return max(done.returncode, 0) or (ExitCode.INTERNAL if done.returncode else ExitCode.DONE)
