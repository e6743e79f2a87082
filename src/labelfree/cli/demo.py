"""demo: a guided run of every family on embeddings inside the package."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from importlib.resources import as_file, files

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
        "Do they fall into classes? And keep the answers as the history of the run:",
        "separability {epochs} --append {work}/history.jsonl",
    ),
    ("Shall the run go on?", "gate --history {work}/history.jsonl --plateau separability --warmup 1 --window 5"),
    (
        "How well does a model carry over to a domain without labels?",
        "transfer {data}/target.parquet --source {data}/source.parquet --head {data}/head.safetensors",
    ),
    (
        "Is one decision threshold fair to every group?",
        "opis {data}/source.parquet --group label",
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
    with as_file(files("labelfree") / "demo_data") as data, tempfile.TemporaryDirectory() as work:
        epochs = shlex.join(str(path) for path in sorted(data.glob("epoch_*.parquet")))
        for why, command in STEPS:
            code = _run(why, command.format(data=shlex.quote(str(data)), epochs=epochs, work=shlex.quote(work)))
            if code:
                raise typer.Exit(code)
    print("What a number means: labelfree explain rankme. Your own: labelfree rank embeddings.parquet")


def _run(why: str, command: str) -> int:
    arguments = shlex.split(command)
    print(f"# {why}\n$ labelfree {shlex.join(arguments)}\n", flush=True)
    done = subprocess.run([sys.executable, "-m", "labelfree", *arguments], check=False)
    print(flush=True)
    return max(done.returncode, 0) or (ExitCode.INTERNAL if done.returncode else ExitCode.DONE)
