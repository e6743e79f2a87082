"""What is killed: append, outputs, embed --resume and watch, and what must be true after every kill and in the end."""

from __future__ import annotations

import json
import os
import re
import time
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import TypeAlias

import numpy as np

from killing.calls import Calls
from labelfree import history
from reports import entry, report

Problems: TypeAlias = list[str]
ROWS = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
NETWORK = "from torch import nn\ndef make():\n    return nn.Linear(8, 6)\n"


def appended(calls: list[Calls], kills: int) -> Problems:
    """Two writers on one history: nothing is lost or torn or there twice, and nothing is left beside it."""
    place = calls[0].place
    for name in "ab":
        (place / f"{name}.json").write_text(json.dumps(report({"rankme": entry(5.0, 0.1)}, source=f"{name}.npy")))
    wrong: Problems = []
    writers = [Thread(target=_append, args=(call, name, kills, wrong)) for call, name in zip(calls, "ab", strict=True)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return wrong + _left(place, {"a.json", "b.json", "h.jsonl", "h.jsonl.lock"})


def _append(calls: Calls, run: str, kills: int, wrong: Problems) -> None:
    file, said = calls.place / "h.jsonl", 0
    calls.whole("--version")
    for _ in range(20 * kills):
        if calls.kills.total() >= kills:
            break
        done = calls.killed("history", "add", "h.jsonl", f"{run}.json", "--step", str(said), "--run", run)
        there = _steps(file, run, wrong)
        if done.returncode not in (0, -9) or there not in ([*range(said)], [*range(said + 1)]):
            wrong.append(f"run {run}, step {said}, code {done.returncode}: found {there}; {done.stderr[-300:]}")
            return
        if done.returncode == 0 and len(there) == said:
            wrong.append(f"run {run}, step {said}: said to be there, and is not")
        said = len(there)
    done = calls.whole("history", "add", "h.jsonl", f"{run}.json", "--step", str(said), "--run", run)
    if done.returncode or _steps(file, run, wrong) != [*range(said + 1)]:
        wrong.append(f"run {run}: the last append failed: {done.stderr[-300:]}")


def _steps(file: Path, run: str, wrong: Problems) -> list[int]:
    """The steps of a run, in the order of the file."""
    if not file.exists():
        return []
    try:
        return [record["step"] for record in history.read(file) if record["run"] == run]
    except Exception as error:
        wrong.append(f"{file.name} cannot be read: {error}")
        return []


def written(calls: list[Calls], kills: int) -> Problems:
    """Outputs beside a report: each is what it was or what it becomes, and nothing is left beside them."""
    call, place = calls[0], calls[0].place
    np.save(place / "x.npy", ROWS)
    names = ("o.json", "o.csv", "o.md", "o.ndjson", "o.svg", "o.parquet")
    command = ["rank", "x.npy", "--only", "rankme", "-q", *(part for name in names for part in ("-o", name))]
    if call.whole(*command).returncode:
        return [f"the outputs cannot be written: {call.whole(*command).stderr[-300:]}"]
    whole, wrong = {name: _plain(place / name) for name in names}, Problems()
    for _ in range(20 * kills):
        if call.kills.total() >= kills:
            break
        for name in names:
            (place / name).write_bytes(b"before")
        call.killed(*command)
        for name in names:
            if _plain(place / name) not in (b"before", whole[name]):
                wrong.append(f"{name} is neither what it was nor what it becomes")
    call.whole(*command)
    wrong += [f"{name} is not what it becomes" for name in names if _plain(place / name) != whole[name]]
    return wrong + _left(place, {"x.npy", *names})


def _plain(path: Path) -> bytes:
    """The content, without what a picture says of its day."""
    return re.sub(rb"<dc:date>.*?</dc:date>", b"", path.read_bytes()) if path.exists() else b""


def resumed(calls: list[Calls], kills: int) -> Problems:
    """embed --resume: rows are computed once, the file is there whole or not, and equal to that of one go."""
    import torch

    call, place = calls[0], calls[0].place
    torch.manual_seed(0)
    torch.save(torch.nn.Linear(8, 6).state_dict(), place / "model.pt")
    (place / "net.py").write_text(NETWORK)
    np.save(place / "x.npy", ROWS)
    given = {path.name for path in place.iterdir()} | {"__pycache__"}
    command = ["embed", "model.pt", "--model", "net:make", "--data", "x.npy", "--device", "cpu", "--batch-size", "20"]
    command += ["-q", "--resume", "-o"]
    if call.whole(*command, "whole.parquet").returncode:
        return [f"the model cannot be run: {call.whole(*command, 'whole.parquet').stderr[-300:]}"]
    whole, wrong = (place / "whole.parquet").read_bytes(), Problems()
    for _ in range(20 * kills):
        if call.kills.total() >= kills:
            break
        parts: set[str] = set()
        for _ in range(8):
            done = call.killed(*command, "e.parquet", within=".e.parquet.partial")
            if done.returncode not in (0, -9):
                wrong.append(f"code {done.returncode}: {done.stderr[-300:]}")
            found = place / "e.parquet"
            if found.exists() and found.read_bytes() != whole:
                wrong.append("the file is there and is not that of one go")
            if found.exists():
                break
            now = {path.name for path in place.glob(".e.parquet.partial/*.arrow")}
            if not parts <= now or not _contiguous(now):
                wrong.append(f"rows were lost: {sorted(parts)} before, {sorted(now)} after")
            parts = now
        done = call.whole(*command, "e.parquet")
        if done.returncode or (place / "e.parquet").read_bytes() != whole:
            wrong.append(f"after the last run, code {done.returncode}, the file is not that of one go")
        wrong += _left(place, given | {"whole.parquet", "e.parquet"})
        (place / "e.parquet").unlink(missing_ok=True)
    return wrong


def _contiguous(parts: set[str]) -> bool:
    edges = sorted(tuple(map(int, name.removesuffix(".arrow").split("-"))) for name in parts)
    return all(a[1] == b[0] for a, b in pairwise(edges)) and (not edges or edges[0][0] == 0)


def watched(calls: list[Calls], kills: int) -> Problems:
    """watch: every file is scored once, the history whole, STOP there whole or not at all."""
    call, place, wrong, rounds = calls[0], calls[0].place, Problems(), 0
    call.whole("--version")
    while call.kills.total() < kills and rounds < 20 * kills:
        rounds += 1
        for path in place.iterdir():
            path.unlink()
        for step in range(12):
            np.save(place / f"step_{step:02}.npy", np.eye(8))
            os.utime(place / f"step_{step:02}.npy", (time.time() - 60,) * 2)
        given = {path.name for path in place.iterdir()}
        command = ("watch", ".", "--metric", "rankme", "--plateau", "rankme", "--idle", "0", "--sample", "20")
        code, scored = -9, list[int]()
        for _ in range(8):
            before = _steps(place / "history.jsonl", "default", wrong)
            done = call.killed(*command) if code == -9 else call.whole(*command)
            code = done.returncode
            scored = _steps(place / "history.jsonl", "default", wrong)
            again = {int(step) for step in re.findall(r"^step (\d+) ", done.stdout, re.MULTILINE)} & set(before)
            if again or scored != [*range(len(scored))] or len(scored) < len(before):
                wrong.append(f"scored {scored} after {before}, again {sorted(again)}")
            if (place / "STOP").exists():
                try:
                    json.loads((place / "STOP").read_text())
                except ValueError as error:
                    wrong.append(f"STOP is torn: {error}")
            if code != -9:
                break
        done = call.whole(*command)
        if done.returncode != 11 or _steps(place / "history.jsonl", "default", wrong) != [*range(9)]:
            wrong.append(f"in the end code {done.returncode}, scored {scored}: {done.stderr[-300:]}")
        wrong += _left(place, given | {"history.jsonl", "history.jsonl.lock", "STOP", ".watch.lock"})
    return wrong


def _left(place: Path, known: set[str]) -> Problems:
    left = sorted({path.name for path in place.iterdir()} - known)
    return [f"left behind: {', '.join(left)}"] if left else []


SUBJECTS = {
    "append": (appended, 0.4),
    "outputs": (written, 0.2),
    "embed --resume": (resumed, 0.2),
    "watch": (watched, 0.2),
}
"""Each with its share of the kills."""
