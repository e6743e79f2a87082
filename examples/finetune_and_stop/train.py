"""One fine-tuning run, stopped from inside, or trained one check at a time for the loop around it.

    python train.py DIRECTORY [--kind "wrong labels"] [--seed 3]
    python train.py DIRECTORY --callback
    python train.py DIRECTORY --once

The first stops by the monitor in its loop, the second by the callback in the Trainer of transformers; the checks stand
in DIRECTORY/history.jsonl. The third trains from what it saved before to the next check, and prints the checkpoint, or
nothing where the run is at its end: loop.sh asks the gate.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from finetuning import KINDS, Kind, Run, accuracy, evaluated, texts

from labelfree.training import Check, Monitor


def watched(kind: Kind, seed: int, directory: Path, every: int = 1) -> Iterator[tuple[Check, float]]:
    """The checks of a run until one of them stops it, and the accuracy on the test texts beside each.

    The monitor takes what goes into the head while the model is in eval mode; every: only every so many texts.
    """
    run = Run(kind, seed)
    unlabeled = run.model.frozen(texts("eval")[0][::every])
    tested, classes = texts("test")
    tests = run.model.frozen(tested[::every])
    directory.mkdir(parents=True, exist_ok=True)
    with Monitor(run.model, head="head", history=directory / "history.jsonl", plateau="separability") as monitor:
        while True:
            evaluated(run.model, unlabeled)
            check = monitor.check(run.step)
            monitor.paused = True
            right = accuracy(run.model, tests, classes[::every])
            monitor.paused = False
            yield check, right
            if check.stop or run.check == kind.checks:
                return
            run.train()


def once(kind: Kind, seed: int, directory: Path, every: int = 1) -> Path | None:
    """Train from what was saved to the next check, save that, and say where; None at the end of the run."""
    run = Run(kind, seed)
    if run.resume(directory):
        if run.check == kind.checks:
            return None
        run.train()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "texts.txt").write_text("\n".join(texts("eval")[0][::every]) + "\n")
    return run.save(directory)


def main() -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--kind", choices=KINDS, default="healthy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="only every so many unlabeled texts")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--callback", action="store_true", help="in the Trainer of transformers")
    way.add_argument("--once", action="store_true", help="to the next check, and no further")
    asked = parser.parse_args()
    torch.set_num_threads(1)  # the same sums in the same order wherever the run goes on
    if asked.once:
        print(once(KINDS[asked.kind], asked.seed, asked.directory, asked.every) or "")
        return
    if asked.callback:
        import callback

        for check in callback.watched(KINDS[asked.kind], asked.seed, asked.directory, asked.every):
            print(told(check), flush=True)
        return
    for check, right in watched(KINDS[asked.kind], asked.seed, asked.directory, asked.every):
        print(f"{told(check)}, accuracy {right:.2f}", flush=True)


def told(check: Check) -> str:
    """A line about a check."""
    decision = check.verdict["decision"] if check.verdict else check.problem
    value = check.scalars.get("labelfree/separability")
    return f"step {check.step:4}  {decision:9} separability {'-' if value is None else f'{value:.3f}'}"


if __name__ == "__main__":
    main()
