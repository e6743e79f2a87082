"""New files of a directory, scored as they appear, until the gate says stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from labelfree import history
from labelfree.document import as_json
from labelfree.errors import LabelfreeError, OutputError, SourceError, UsageError
from labelfree.gating import gate
from labelfree.gating.settings import NUMBERS, settings
from labelfree.history.steps import step_of
from labelfree.names import COLLAPSE_METRICS, check_metric, listed
from labelfree.sources.block import CHECKPOINT, PARQUET
from labelfree.storage import atomically, locked

EMBEDDINGS = (*PARQUET, ".npy", ".npz")
HISTORY, STOP = "history.jsonl", "STOP"
STOPPING = ("stop", "collapse")
"""Decisions that end a run. A check without a value, or a drop, does not: it is told, and the run goes on."""
SETTLED = 2.0
"""Seconds for which a file must not have changed before it counts as written completely."""

Document: TypeAlias = dict[str, Any]
_NO_STEP = "expected a step in its name (epoch_03, step00020, checkpoint-500), found none"
_Stamp: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Check:
    """One file that was scored, or why it was not; verdict: of the gate after it, where there is one."""

    path: Path
    step: int | None = None
    report: Any = None
    verdict: Document | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Watch:
    """What to watch and how to judge it.

    directory: where files appear; its history.jsonl and STOP are kept there. measure: a path in, a Report out, or a
    LabelfreeError. models: watch for checkpoints, else for embeddings. options: plateau and rule, as for `gate`.
    interval: seconds between two looks; idle: seconds without a new file after which to end, None for never;
    once: end when everything that is there is scored.
    """

    directory: Path
    measure: Callable[[Path], Any]
    models: bool
    run: str
    options: Mapping[str, Any]
    interval: float = 5.0
    idle: float | None = None
    once: bool = False
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    @property
    def history(self) -> Path:
        """The history of the run."""
        return self.directory / HISTORY

    @property
    def stop(self) -> Path:
        """The file that says that the run is to stop: the verdict as JSON."""
        return self.directory / STOP

    def checks(self) -> Iterator[Check]:
        """A check for each new file, in the order of the steps among those that are there; the last one is the stop.

        A file is scored once, also after a restart: the history knows it by its name. One that cannot be read is
        told, and tried again when it changes. Files that vanish are forgotten.
        """
        check_options(self.options, self.run)
        if not self.directory.is_dir():
            raise SourceError(f"{self.directory}: expected a directory to watch, found none; make it first")
        with locked(self.directory, wait=False, lock=self.directory / ".watch.lock"):
            yield from self._until_stopped()

    def _until_stopped(self) -> Iterator[Check]:
        if self.stop.exists():
            yield Check(self.stop, verdict=self._stopped())
            return
        scored = self._scored()
        if scored:
            resumed = Check(self.history, verdict=self._judged())
            if resumed.verdict and resumed.verdict["verdict"]["decision"] in STOPPING:
                yield self._ended(resumed)
                return
            yield resumed
        looks = _Looks(scored, self.clock)
        latest = self.clock()
        while True:
            there = self._there()
            for path in looks.unnamed(there):
                yield Check(path, problem=f"{path}: {_NO_STEP}; it is left out")
            ready, waiting = looks.ready(there)
            for path in ready:
                check = self._check(path)
                if check is None:  # it vanished
                    continue
                latest = self.clock()
                looks.done(path, scored=check.report is not None)
                if check.verdict is not None and check.verdict["verdict"]["decision"] in STOPPING:
                    yield self._ended(check)
                    return
                yield check
            if not waiting and (self.once or (self.idle is not None and self.clock() - latest >= self.idle)):
                return
            self.sleep(min(self.interval, SETTLED) if waiting else self.interval)

    def _scored(self) -> set[str]:
        """The names of the files that the history holds."""
        if not self.history.exists():
            return set()
        return {Path(record["source"]).name for record in history.read(self.history, run=self.run)}

    def _judged(self) -> Document:
        return gate(history=self.history, run=self.run, **self.options)

    def _stopped(self) -> Document:
        """The verdict that STOP holds."""
        try:
            found = json.loads(self.stop.read_text(encoding="utf-8"))
            if found["verdict"]["decision"] in STOPPING:
                return dict(found)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        raise UsageError(f"{self.stop}: is there, and holds no verdict of labelfree; remove it to watch the run")

    def _ended(self, check: Check) -> Check:
        text = as_json(check.verdict or {}) + "\n"
        atomically(self.stop, lambda place: place.write_text(text, encoding="utf-8"))
        return check

    def _there(self) -> list[Path]:
        """The files of the kind that is watched for."""
        try:
            return [p for p in self.directory.iterdir() if not p.name.startswith((".", "_")) and self._concerned(p)]
        except OSError as error:
            raise SourceError(f"{self.directory}: cannot be read ({error.strerror or error})") from error

    def _concerned(self, path: Path) -> bool:
        if not self.models:
            return path.suffix.lower() in EMBEDDINGS
        if path.suffix.lower() in CHECKPOINT:
            return True
        held = ("config.json", "modules.json", "*.safetensors", "pytorch_model*.bin")
        return path.is_dir() and any(True for pattern in held for _ in path.glob(pattern))

    def _check(self, path: Path) -> Check | None:
        """Score one file, append it, ask the gate; None where it vanished on the way."""
        step, report = step_of(path.name), None
        try:
            measured = self.measure(path)
            history.append(self.history, measured, step=step, run=self.run)
            report = measured
            return Check(path, step, report, self._judged())
        except OutputError:  # a full disk: the watch itself cannot go on
            raise
        except LabelfreeError as error:
            return Check(path, step, report, problem=str(error)) if path.exists() else None


class _Looks:
    """What was seen of the files that are not scored yet: since when each is unchanged, and what failed."""

    def __init__(self, scored: set[str], clock: Callable[[], float]) -> None:
        self.scored, self.clock = scored, clock
        self.seen: dict[Path, tuple[_Stamp, float]] = {}
        self.failed: dict[Path, _Stamp] = {}
        self.told: set[Path] = set()

    def unnamed(self, there: Sequence[Path]) -> list[Path]:
        """The files without a step in their names, each once."""
        found = [path for path in there if _step(path) is None and path not in self.told]
        self.told.update(found)
        return found

    def ready(self, there: Sequence[Path]) -> tuple[list[Path], bool]:
        """The files to score now, by their steps, and whether there are others that still change."""
        ready, waiting, now = [], False, self.clock()
        for path in sorted(there, key=lambda p: (_step(p) or 0, p.name)):
            stamp = None if path.name in self.scored or _step(path) is None else _stamp(path)
            if stamp is None or self.failed.get(path) == stamp:
                continue
            before, since = self.seen.get(path, (None, now))
            self.seen[path] = stamp, since if stamp == before else now
            changed = min(self.seen[path][1], stamp[2] / 1e9)
            if now - changed < SETTLED:
                waiting = True
            else:
                ready.append(path)
        return ready, waiting

    def done(self, path: Path, *, scored: bool) -> None:
        """Remember that a file was scored, or that it could not be as it is."""
        if scored:
            self.scored.add(path.name)
        else:
            self.failed[path] = self.seen[path][0]


def watch(directory: Any, *, metric: str | Sequence[str], measuring: Mapping[str, Any] | None = None,
          data: Any = None, plateau: str | Sequence[str] = (), run: str = "default", interval: float = 5.0,
          idle: float | None = None, once: bool = False, **rule: Any) -> Document | None:  # fmt: skip
    """Score each new file of a directory, append it to its history.jsonl and ask the gate, until it says stop.

    directory: where embeddings appear, or checkpoints where `data` says what to run them on. metric: names of the
    metrics to measure; plateau: of those that a plateau is looked for in (the first of them unless given). measuring:
    options of the measuring command; rule: options of the plateau rule, as for `gate`. A stop verdict is also
    written to STOP in the directory. Returns the latest verdict as a document, or None where nothing was scored.

    >>> import labelfree, numpy as np, pathlib, tempfile
    >>> run = pathlib.Path(tempfile.mkdtemp())
    >>> for step in range(9):
    ...     np.save(run / f"step_{step}.npy", np.eye(8))
    >>> labelfree.watch(run, metric="rankme", once=True)["verdict"]["decision"]
    'stop'
    """
    names = listed(metric)
    options = {"plateau": listed(plateau) or names[:1], **rule}
    watched = Watch(
        Path(directory),
        measured_by(names, {**(measuring or {}), "data": data}),
        data is not None,
        run,
        options,
        interval,
        idle,
        once,
    )
    verdict = None
    for check in watched.checks():
        verdict = check.verdict or verdict
    return verdict


def measured_by(metrics: Sequence[str], options: Mapping[str, Any]) -> Callable[[Path], Any]:
    """A function from a path to the report of these metrics, by the narrowest command that has them all."""
    from labelfree import api
    from labelfree.options import command_of

    if not metrics:
        raise UsageError("--metric: expected the name of a metric to measure, such as separability, found none")
    for name in metrics:
        check_metric(name, "--metric")
    only = tuple(dict.fromkeys((*metrics, *COLLAPSE_METRICS)))
    measure = getattr(api, command_of(metrics))
    return lambda path: measure(str(path), only=only, **options)


def check_options(options: Mapping[str, Any], run: str) -> None:
    """Refuse what the gate would refuse, before anything is waited for."""
    named = {name: options.get(name) for name in NUMBERS}
    settings(
        require=(), max_drop=(), plateau=tuple(options.get("plateau") or ()), against=False, history=True, run=run,
        rule=options.get("rule"), on_undecided=None, numbers=named,
    )  # fmt: skip


def _stamp(path: Path) -> _Stamp | None:
    """Number of files, bytes, and time of the latest change; None where it vanished."""
    try:
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        stats = [file.stat() for file in files]
    except OSError:
        return None
    return (len(stats), sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)) if stats else None


def _step(path: Path) -> int | None:
    try:
        return step_of(path.name)
    except UsageError:
        return None
