"""demo: a guided run on embeddings inside the package, whose files stay so that every command can be run again."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from labelfree.errors import ExitCode, OutputError

STEPS = (
    (
        "Do six checkpoints fall into classes? Kept as the history of their run:",
        "separability epoch_*.parquet --only separability -q --append run.jsonl",
    ),
    ("Shall the run go on?", "gate --history run.jsonl --plateau separability --checks 6 -q"),
)
"""What is run: why, and the arguments as a shell takes them."""
NEXT = (
    "doctor epoch_07.parquet",
    "rank epoch_07.parquet",
    "transfer target.parquet --head head.safetensors",
    "opis source.parquet --group label",
    "explain rankme",
)
"""What is left to the reader."""


def demo(
    directory: Annotated[Path, typer.Argument(help="Where the files of the demo are left.", metavar="DIR")] = Path(
        "labelfree-demo"
    ),
) -> None:
    """A guided run on real embeddings that are shipped with the package, printing each command.

    \b
    labelfree demo
    """
    _copy(directory)
    print(f"# The files of this demo are in {directory}: every command can be run again.\n$ cd {_quoted(directory)}\n")
    for why, command in STEPS:
        if code := _run(why, command, directory):
            raise typer.Exit(code)
    print("# And: sound data, how many directions, adaptation, fairness, what a word means:")
    for command in NEXT:
        print(f"$ labelfree {command}")


def _quoted(directory: Path) -> str:
    return shlex.quote(str(directory))


def _copy(directory: Path) -> None:
    """Put the files of the demo into a directory; what is there already stays, and must be the same."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with as_file(files("labelfree") / "demo_data") as data:
            for path in sorted(p for p in data.iterdir() if p.is_file()):
                target, content = directory / path.name, path.read_bytes()
                if not target.exists():
                    target.write_bytes(content)
                elif not target.is_file() or target.read_bytes() != content:
                    raise OutputError(
                        f"{target}: expected no file, or that of the demo, found another one; remove it, or name "
                        "another directory"
                    )
    except OSError as error:
        raise OutputError(
            f"{directory}: cannot be written ({error.strerror or error}); name another directory"
        ) from error


def _run(why: str, command: str, directory: Path) -> int:
    """Run one command where the files are, as a shell would: with the names that its patterns match."""
    arguments = []
    for word in shlex.split(command):
        arguments += sorted(path.name for path in directory.glob(word)) if "*" in word else [word]
    print(f"# {why}\n$ labelfree {command}", flush=True)
    done = subprocess.run([sys.executable, "-m", "labelfree", *arguments], check=False, cwd=directory)
    print(flush=True)
    return max(done.returncode, 0) or (ExitCode.INTERNAL if done.returncode else ExitCode.DONE)
