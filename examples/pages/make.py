"""The pages in this folder: real trainings of a small network on digits, measured by the program as a user runs it.

    python examples/pages/make.py           about a minute; writes *.html beside this file

1,797 digits of 8 x 8 pixels (scikit-learn): 120 with their labels to train on, 1,200 without to be watched. After every
epoch the embeddings of the watched digits are written, and class scores where there are some.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from sklearn.datasets import load_digits
from torch import nn

HERE = Path(__file__).parent
LABELLED, WATCHED = 120, 1200
_CLASSES, _WIDTH = 10, 48


@dataclass(frozen=True)
class Training:
    """A way to train: its learning rate, the share of wrong labels, and whether two noisy views shall agree instead."""

    rate: float = 0.003
    wrong: float = 0.0
    agree: bool = False
    seed: int = 0


def epochs(how: Training, count: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Embeddings and class scores of the watched digits, before the training and after every epoch of it."""
    torch.manual_seed(how.seed)
    X, y = digits()
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(7))
    train, watched = order[:LABELLED], order[LABELLED : LABELLED + WATCHED]
    labels = y[train].clone()
    wrong = torch.rand(LABELLED) < how.wrong
    labels[wrong] = torch.randint(0, _CLASSES, (int(wrong.sum()),))
    body = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, _WIDTH))
    head = nn.Linear(_WIDTH, _CLASSES)
    steps = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=how.rate)
    for epoch in range(count):
        with torch.no_grad():
            Z = body(X[watched])
            yield Z, head(Z)
        if epoch == count - 1:
            return
        for batch in torch.randperm(LABELLED).split(20):
            view = X[train[batch]]
            if how.agree:
                one, other = (body(view + 0.3 * torch.randn_like(view)) for _ in range(2))
                loss = (one - other).square().sum(1).mean()
            else:
                loss = nn.functional.cross_entropy(head(body(view)), labels[batch])
            steps.zero_grad()
            loss.backward()
            steps.step()


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels from 0 to 1, and the digits that they show."""
    found: Any = load_digits()
    return torch.tensor(found.data / 16, dtype=torch.float32), torch.tensor(found.target)


def written(folder: Path, name: str, Z: torch.Tensor, logits: torch.Tensor | None) -> None:
    """One checkpoint as Parquet."""
    columns = {"id": pa.array(range(len(Z))), "embedding": matrix(Z)}
    if logits is not None:
        columns["logits"] = matrix(logits)
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def matrix(rows: torch.Tensor) -> pa.FixedSizeListArray:
    """Rows as a column of lists."""
    values = np.ascontiguousarray(rows.numpy().astype(np.float32))
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def trained(folder: Path, how: Training, count: int, *, scores: bool = True) -> list[str]:
    """The files of a training, a checkpoint each."""
    names = []
    for epoch, (Z, logits) in enumerate(epochs(how, count)):
        written(folder, f"epoch_{epoch:02}", Z, logits if scores else None)
        names.append(f"epoch_{epoch:02}.parquet")
    return names


def labelfree(folder: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> None:
    """Run the program in a folder."""
    done = subprocess.run([sys.executable, "-m", "labelfree", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode not in codes:
        raise SystemExit(f"labelfree {' '.join(arguments)}: {done.returncode}\n{done.stderr}")


def plateau(folder: Path) -> None:
    """A training that is stopped where its separability stands still: its history and the verdict of the gate."""
    names = trained(folder, Training(rate=0.0015), 26, scores=False)
    labelfree(folder, "separability", *names, "-q", "--append", "history.jsonl")
    labelfree(
        folder, "gate", "--history", "history.jsonl", "--plateau", "separability", "-q", "-o", "verdict.json",
        codes=(0, 11),
    )  # fmt: skip
    labelfree(folder, "report", "verdict.json", "history.jsonl", "-q", "-o", str(HERE / "plateau.html"))


def collapse(folder: Path) -> None:
    """Two noisy views shall agree and nothing keeps them apart: the embedding shrinks onto a point."""
    names = trained(folder, Training(rate=0.003, agree=True), 12, scores=False)
    labelfree(folder, "rank", *names, "-q", "-o", str(HERE / "collapse.html"))


def checkpoints(folder: Path) -> None:
    """Twenty checkpoints side by side in everything that they allow."""
    names = trained(folder, Training(rate=0.002), 20)
    labelfree(folder, "evaluate", *names, "-q", "-o", str(HERE / "checkpoints.html"), codes=(0, 3))


def choice(folder: Path) -> None:
    """Which of eight settings to keep: learning rates, wrong labels, seeds."""
    settings = {
        "rate_0.0003": Training(0.0003), "rate_0.001": Training(0.001), "rate_0.003": Training(0.003),
        "rate_0.03": Training(0.03), "rate_0.003_seed_1": Training(0.003, seed=1),
        "wrong_labels_20": Training(0.003, 0.2), "wrong_labels_40": Training(0.003, 0.4),
        "wrong_labels_60": Training(0.003, 0.6),
    }  # fmt: skip
    for name, how in settings.items():
        *_, (Z, logits) = epochs(how, 16)
        written(folder, name, Z, logits)
    labelfree(folder, "select", *(f"{name}.parquet" for name in settings), "-q", "-o", str(HERE / "select.html"))


def drift(folder: Path) -> None:
    """Five days of digits from three scanners against a reference: on the last two, scanner C gives negatives."""
    torch.manual_seed(0)
    X, y = digits()
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(7))
    body, head = classifier(X[order[:LABELLED]], y[order[:LABELLED]])
    there = order[LABELLED:]
    parts = {"reference": there[:677], **{f"day_{i + 1}": there[677 + 200 * i : 877 + 200 * i] for i in range(5)}}
    for name, rows in parts.items():
        seen, scanner = X[rows].clone(), rows % 3
        if name in ("day_4", "day_5"):
            seen[scanner == 2] = 1 - seen[scanner == 2]
        with torch.no_grad():
            Z = body(seen)
            columns = {"id": rows.numpy(), "embedding": matrix(Z), "logits": matrix(head(Z))}
        columns["scanner"] = [f"scanner {'ABC'[i]}" for i in scanner.tolist()]
        columns |= {"label": y[rows].numpy()} if name == "reference" else {}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    days = [f"day_{i + 1}.parquet" for i in range(5)]
    labelfree(
        folder, "drift", *days, "--reference", "reference.parquet", "--by", "scanner", "--looks", "5", "-q", "-o",
        str(HERE / "drift.html"),
    )  # fmt: skip


def classifier(X: torch.Tensor, y: torch.Tensor) -> tuple[nn.Module, nn.Module]:
    """The network after 15 epochs on labelled digits."""
    body, head = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, _WIDTH)), nn.Linear(_WIDTH, _CLASSES)
    steps = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=0.003)
    for _ in range(15):
        for batch in torch.randperm(len(X)).split(20):
            loss = nn.functional.cross_entropy(head(body(X[batch])), y[batch])
            steps.zero_grad()
            loss.backward()
            steps.step()
    return body, head


def main() -> None:
    """Write every page."""
    torch.set_num_threads(1)
    for make in (plateau, collapse, checkpoints, choice, drift):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
        print(make.__doc__)


if __name__ == "__main__":
    main()
