"""Every logger that the monitor speaks to, for real and offline: what is read back is what was logged.

    python benchmarks/loggers.py

Needs labelfree with torch, tensorboard, wandb, mlflow and trackio, which are too heavy for the test environments; it
writes benchmarks/results/loggers.json. Each logger is read back by its own means: the event file, W&B's run file, the
MLflow client, trackio's database.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results" / "loggers.json"
METRIC = "labelfree/separability"
STEPS = (10, 20, 30)

Series = list[tuple[int, float]]


def run(to: Any) -> Series:
    """Three checks of a monitor that logs to `to`; what it found."""
    from labelfree.training import Monitor

    rng, found = np.random.default_rng(0), []
    monitor = Monitor(metrics="separability", to=to)
    for step in STEPS:
        monitor.add(rng.normal(size=(60, 5)) + step * np.eye(5)[rng.integers(0, 3, 60)])
        check = monitor.check(step)
        assert check.problem is None
        found.append((step, check.scalars[METRIC]))
    return found


def tensorboard(place: Path) -> tuple[Series, Series]:
    """A SummaryWriter of torch."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(place)) as writer:
        logged = run(writer)
    return logged, [(e.step, e.value) for e in EventAccumulator(str(place)).Reload().Scalars(METRIC)]


def wandb(place: Path) -> tuple[Series, Series]:
    """A run in offline mode, read from its file."""
    import wandb as package
    from wandb.proto.wandb_internal_pb2 import Record

    with package.init(project="labelfree", mode="offline", dir=str(place), settings={"silent": True}) as started:
        logged = run(started)
    (file,) = place.rglob("*.wandb")
    found = []
    for data in _log_records(file.read_bytes()[7:], 7):
        record = Record()
        record.ParseFromString(data)
        row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        if METRIC in row:
            found.append((int(row["_step"]), float(row[METRIC])))
    return logged, found


def _log_records(data: bytes, offset: int) -> Iterator[bytes]:
    """The records of a log in LevelDB's format: parts with a head of 7 bytes, in blocks of 32,768 bytes."""
    at, whole = 0, b""
    while at < len(data):
        room = 32_768 - (at + offset) % 32_768
        if room < 7:
            at += room
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


def mlflow(place: Path) -> tuple[Series, Series]:
    """The module with a local SQLite store, read by the client."""
    import mlflow as package

    package.set_tracking_uri(f"sqlite:///{place}/mlflow.db")
    package.create_experiment("labelfree", artifact_location=f"file://{place}/artifacts")
    package.set_experiment("labelfree")
    with package.start_run() as started:
        logged = run(package)
    history = package.MlflowClient().get_metric_history(started.info.run_id, METRIC)
    return logged, [(m.step, m.value) for m in sorted(history, key=lambda m: m.step)]


def trackio(place: Path) -> tuple[Series, Series]:
    """A run of the local store, read from its database."""
    os.environ["TRACKIO_DIR"] = str(place)
    import trackio as package
    from trackio.sqlite_storage import SQLiteStorage

    started = package.init(project="labelfree", name="run", embed=False)
    logged = run(started)
    package.finish()
    rows = SQLiteStorage.get_logs("labelfree", "run")
    return logged, [(int(row["step"]), float(row[METRIC])) for row in rows if METRIC in row]


LOGGERS: dict[str, Callable[[Path], tuple[Series, Series]]] = {
    "tensorboard": tensorboard,
    "wandb": wandb,
    "mlflow": mlflow,
    "trackio": trackio,
}


def main() -> int:
    """Log to each, read back, compare, write down."""
    os.environ |= {
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_DISABLE_TELEMETRY": "1",
    }
    found: dict[str, Any] = {}
    for name, logs in LOGGERS.items():
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            logged, read = logs(Path(place))
        same = len(read) == len(logged) and np.allclose(read, logged, rtol=1e-6)
        found[name] = {"version": version(name), "logged": logged, "read": read, "same": bool(same)}
        print(f"{name} {found[name]['version']}: {'the same' if same else 'DIFFERENT'}", flush=True)
    if all(one["same"] for one in found.values()):
        RESULTS.write_text(json.dumps({"metric": METRIC, "loggers": found}, indent=1) + "\n")
        return 0
    print(json.dumps(found, indent=1), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
