"""New files of a directory, scored as they appear, until the gate says stop."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from labelfree import history
from labelfree.catalog import COLLAPSE_METRICS, check_metric, entry, listed
from labelfree.commands.arrivals import SETTLED, Arrivals, stamp_of
from labelfree.documents.files import atomically, locked
from labelfree.documents.findings import FindingWarning
from labelfree.documents.reading import as_json
from labelfree.documents.stores.faults import check_here
from labelfree.errors import LabelfreeError, OutputError, SourceError, UsageError, in_short, option
from labelfree.gating import STOPPING, gate
from labelfree.gating.settings import NUMBERS, settings
from labelfree.gating.stopped import stopped
from labelfree.history.steps import step_of
from labelfree.sources.block import ARROW, CHECKPOINT, LINES, PARQUET, SEPARATED
from labelfree.sources.paths import suffix_of

if TYPE_CHECKING:
    from labelfree.commands.watch_keeping import Keeping

EMBEDDINGS = (*PARQUET, *ARROW, *SEPARATED, *LINES, ".npy", ".npz")
_TEXT = (*SEPARATED, *LINES)
HISTORY, STOP = "history.jsonl", "STOP"

Document: TypeAlias = dict[str, Any]
_UNWATCHED = {
    "weights": "is no metric of rows, which a watch scores; see labelfree weights",
    "similarity": "compares two files of the same rows, and a watch scores each by itself; see labelfree compare",
    "drift": "needs a reference, which a watch does not have; see labelfree drift with --append",
}
"""Families whose metrics no file alone can give, and where they are."""
_NO_STEP = "expected a step in its name (epoch_03, step00020, checkpoint-500), found none"


@dataclass(frozen=True)
class ScoredFile:
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
    0: when everything that is there is scored. metrics: what a file that was scored must hold. keeping: where the
    sample of each file is kept, by `measure`.
    """

    directory: Path
    measure: Callable[[Path], Any]
    models: bool
    run: str
    options: Mapping[str, Any]
    interval: float = 5.0
    idle: float | None = None
    metrics: Sequence[str] = ()
    keeping: Keeping | None = None
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    @property
    def history(self) -> Path:
        """The history of the run."""
        return self.directory / HISTORY

    @property
    def stop(self) -> Path:
        """The file that says that the run is to stop: the verdict as JSON."""
        return self.directory / STOP

    def checks(self) -> Iterator[ScoredFile]:
        """A check for each new file, in the order of the steps among those that are there; the last one is the stop.

        A file is scored once, also after a restart: the history knows it by its name. One that cannot be read is
        told, and tried again when it changes. Files that vanish are forgotten. Raises LabelfreeError where it ends
        without a verdict because no file could be scored.
        """
        check_options(self.options, self.run)
        check_here(self.directory, "the directory to watch")
        if not self.directory.is_dir():
            raise SourceError(f"{self.directory}: expected a directory to watch, found none; make it first")
        with locked(self.directory, wait=False, lock=self.directory / ".watch.lock"):
            yield from self._until_stopped()

    def _until_stopped(self) -> Iterator[ScoredFile]:
        if self.stop.exists():
            yield ScoredFile(self.stop, verdict=stopped(self.stop), problem=f"{self.stop} is there: remove it to go on")
            return
        scored = self._scored()
        if self.keeping is not None:
            self.keeping.begun([step for name in scored if (step := step_of(name)) is not None])
        if scored:
            resumed = ScoredFile(self.history, verdict=self._judged())
            if resumed.verdict and resumed.verdict["verdict"]["decision"] in STOPPING:
                yield self._ended(resumed)
                return
            yield resumed
        looks, judged, problem = Arrivals(scored, self.clock, self.wall), bool(scored), None
        latest = self.clock()
        while True:
            there = self._there()
            for path in looks.unnamed(there):
                yield ScoredFile(path, problem=f"{path}: {_NO_STEP}; it is left out")
            ready, waiting = looks.ready(there)
            for path in ready:
                check = self._check(path)
                if check is None:  # it vanished
                    continue
                latest = self.clock()
                waiting |= looks.done(path, scored=check.report is not None)
                judged, problem = judged or check.verdict is not None, check.problem or problem
                if check.verdict is not None and check.verdict["verdict"]["decision"] in STOPPING:
                    yield self._ended(check)
                    return
                yield check
            if not waiting and self.idle is not None and self.clock() - latest >= self.idle:
                if problem and not judged:
                    raise SourceError(f"{self.directory}: expected a file that can be scored, found none ({problem})")
                return
            self.sleep(min(self.interval, SETTLED) if waiting else self.interval)

    def _scored(self) -> set[str]:
        """The names of the files that the history holds; a UsageError where one that is there lacks a metric."""
        held: dict[str, set[str]] = {}
        for record in history.read(self.history, run=self.run) if self.history.exists() else ():
            held.setdefault(Path(record["source"]).name, set()).update(record["metrics"])
        for path in sorted(self._there()):
            if lacking := set(self.metrics) - held.get(path.name, set(self.metrics)):
                raise UsageError(
                    f"{path}: expected its {', '.join(sorted(lacking))} in run {self.run!r} of {self.history}, found "
                    f"{in_short(', '.join(sorted(held[path.name])))}; a file is scored once in a run: name another run "
                    f"with {option('run')}"
                )
        return set(held)

    def _judged(self) -> Document:
        return gate(history=self.history, run=self.run, **self.options)

    def _ended(self, check: ScoredFile) -> ScoredFile:
        text = as_json(check.verdict or {}) + "\n"
        atomically(self.stop, lambda place: place.write_text(text, encoding="utf-8"))
        return check

    def _there(self) -> list[Path]:
        """The files of the kind that is watched for; text beside other rows is the log of the run."""
        try:
            found = [p for p in self.directory.iterdir() if not p.name.startswith((".", "_")) and self._concerned(p)]
        except OSError as error:
            raise SourceError(f"{self.directory}: cannot be read ({error.strerror or error})") from error
        return [p for p in found if suffix_of(p) not in _TEXT] or found

    def _concerned(self, path: Path) -> bool:
        if not self.models:
            saved = path.is_dir() and (path / "state.json").is_file()  # by datasets, which writes that file last
            return saved or (path.name != HISTORY and not path.is_dir() and suffix_of(path) in EMBEDDINGS)
        if path.suffix.lower() in CHECKPOINT:
            return True
        held = ("config.json", "modules.json", "*.safetensors", "pytorch_model*.bin")
        try:
            return path.is_dir() and any(True for pattern in held for _ in path.glob(pattern))
        except OSError:  # it vanished at this moment
            return False

    def _check(self, path: Path) -> ScoredFile | None:
        """Score one file, append it, ask the gate; None where it vanished on the way. What changed meanwhile is no
        score: it is told, and tried again."""
        step, report, before = step_of(path.name), None, stamp_of(path)
        try:
            measured = self.measure(path)
            if stamp_of(path) != before:
                raise SourceError(f"{path}: expected a file that is complete, found that it changed while it was read")
            history.append(self.history, measured, step=step, run=self.run)
            report = measured
            return ScoredFile(path, step, report, self._judged())
        except OutputError:  # a full disk: the watch itself cannot go on
            raise
        except LabelfreeError as error:
            return ScoredFile(path, step, report, problem=str(error)) if path.exists() else None


def watch(
    directory: Any,
    *,
    metric: str | Sequence[str],
    measuring: Mapping[str, Any] | None = None,
    data: Any = None,
    plateau: str | Sequence[str] = (),
    run: str = "default",
    interval: float = 5.0,
    idle: float | None = None,
    keep: Any = None,
    when: str | None = None,
    classes: int | None = None,
    rule: str | None = None,
    warmup: int | None = None,
    window: int | None = None,
    confidence: float | None = None,
    min_delta: float | None = None,
    checks: int | None = None,
    cycle: int | None = None,
    drops: str | Sequence[int] | None = None,
    patience: int | None = None,
    stop_at: float | None = None,
) -> Document | None:
    """Score each new file of a directory, append it to its history.jsonl and ask the gate, until it says stop.

    directory: where embeddings appear, or checkpoints where `data` says what to run them on. metric: names of the
    metrics to measure; plateau: of those that a plateau is looked for in (the first of them unless given). measuring:
    options of the measuring command; when, classes, rule, warmup, window, confidence, min_delta, checks, cycle, drops,
    patience, stop_at: the plateau rule, as for `gate`. A stop verdict is also written to STOP in the directory; where
    STOP is there already, that verdict is the answer. keep: a directory where the sampled rows and class scores of
    every file are kept, from which `select` names the step. Returns the latest verdict as a document, or None where
    there was nothing to score.

    >>> import labelfree, numpy as np, pathlib, tempfile
    >>> run = pathlib.Path(tempfile.mkdtemp())
    >>> for step in range(9):
    ...     np.save(run / f"step_{step}.npy", np.eye(8))
    >>> labelfree.watch(run, metric="rankme", idle=0)["verdict"]["decision"]
    'stop'
    """
    numbers = {
        "when": when, "classes": classes, "rule": rule, "warmup": warmup, "window": window, "confidence": confidence,
        "min_delta": min_delta, "checks": checks, "cycle": cycle, "drops": drops, "patience": patience,
        "stop_at": stop_at,
    }  # fmt: skip
    watching = watched(
        Path(directory), listed(metric), {**(measuring or {}), "data": data}, listed(plateau),
        {name: value for name, value in numbers.items() if value is not None}, run=run, interval=interval, idle=idle,
        keep=None if keep is None else Path(keep),
    )  # fmt: skip
    verdict = None
    for check in watching.checks():
        verdict = check.verdict or verdict
    return verdict


def watched(
    directory: Path,
    metric: Sequence[str],
    measuring: Mapping[str, Any],
    plateau: Sequence[str],
    rule: Mapping[str, Any],
    *,
    keep: Path | None = None,
    tell: Callable[[str], None] = lambda said: None,
    **looking: Any,
) -> Watch:
    """The watch of these options (see `watch`), or a LabelfreeError for one that no file could be scored with.

    keep, tell: where samples are kept, and what is told of it. looking: run, interval, idle.
    """
    if not metric:
        raise UsageError(
            f"{option('metric')}: expected the name of a metric to measure, such as separability, found none"
        )
    for asked, names in (("metric", metric), ("plateau", plateau or metric[:1])):
        for name in names:
            if why := _UNWATCHED.get(entry(check_metric(name, asked)).family):
                raise UsageError(f"{option(asked)}: {name} {why}")
            if asked == "plateau" and entry(name).direction == "none":
                raise UsageError(
                    f"{option(asked)}: {name} has no direction in which it is known to be better, so it cannot stop "
                    f"improving; name another with {option(asked)}"
                )
    metrics = tuple(dict.fromkeys((*metric, *plateau)))
    options = {"plateau": tuple(plateau or metric[:1]), **rule}
    keeping = None
    if keep is not None:
        from labelfree.commands.watch_keeping import Keeping

        keeping = Keeping(keep, tell)
    measure = measured_by(metrics, measuring, keeping)
    models = measuring.get("data") is not None
    return Watch(directory, measure, models, options=options, metrics=metrics, keeping=keeping, **looking)


def measured_by(
    metrics: Sequence[str], options: Mapping[str, Any], keeping: Keeping | None = None
) -> Callable[[Path], Any]:
    """A function from a path to the report of these metrics, by the narrowest command that has them all.

    What no file could be measured with is refused here: wrong options, data that do not open, a factory that is none.
    """
    from labelfree.commands import api
    from labelfree.commands.checkpoints import check_runnable
    from labelfree.commands.options import checked, command_of
    from labelfree.kernels.devices import kernels_for

    only, narrowest = tuple(dict.fromkeys((*metrics, *COLLAPSE_METRICS))), command_of(metrics)
    chosen = checked(narrowest, {**options, "only": only})
    kernels_for(chosen.device)
    if chosen.data is not None:
        check_runnable(chosen)
    measure = getattr(api, narrowest.name)

    def measured(path: Path) -> Any:
        with warnings.catch_warnings():  # findings stand in the report; a filter must not turn one into a file unread
            warnings.simplefilter("ignore", FindingWarning)
            if keeping is not None:
                return keeping.measured(path, narrowest, chosen)
            return measure(str(path), only=only, **options)

    return measured


def check_options(options: Mapping[str, Any], run: str) -> None:
    """Refuse what the gate would refuse, before anything is waited for."""
    named = {name: options.get(name) for name in NUMBERS}
    settings(
        require=(), max_drop=(), plateau=tuple(options.get("plateau") or ()), against=False, history=True, run=run,
        when=options.get("when"), classes=options.get("classes"), rule=options.get("rule"), on_undecided=None,
        numbers=named,
    )  # fmt: skip
