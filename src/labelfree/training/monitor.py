"""The monitor of a training run: features in while the model is evaluated, a check out, the gate asked."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, SupportsIndex, TypeAlias, TypeVar, Unpack

from labelfree import history
from labelfree.commands.kept_samples import kept, taken_up
from labelfree.commands.reporting import report_of
from labelfree.commands.signatures import spelled
from labelfree.errors import HistoryError, LabelfreeError, UsageError
from labelfree.gating import gate
from labelfree.history.records import Record, checked_step, key, whole
from labelfree.history.store import added, exists, forgotten
from labelfree.survey.found import Survey
from labelfree.survey.growing import Summaries
from labelfree.training import ranks
from labelfree.training.check import Check
from labelfree.training.collection import Collection, surveyed
from labelfree.training.features import Hook
from labelfree.training.loggers import checked, logged, scalars_of
from labelfree.training.plan import DEFAULTS, Asked, plan
from labelfree.training.rates import Rates

T = TypeVar("T")
_Part: TypeAlias = tuple[Summaries | None, list[int]]
_LOG = logging.getLogger("labelfree")
_NUMBER = re.compile(r"-?\d[\d.,]*(e[+-]?\d+)?%?")


class Monitor:
    """Watches the embeddings of a model that trains, and says when to stop.

    model: a torch.nn.Module whose batches are summed up by a hook while it is evaluated, in eval mode and without
    gradients; None where `add` is given the features. resume: the step that training goes on from, None for a run that
    begins; records of later steps are forgotten then, since that timeline was left; known: records that a checkpoint
    kept, added where the history lacks them. to: what the scalars are logged to (see `logged`). scheduler: of torch, or
    an optimizer, whose learning rate is recorded; steps: of the whole training, so that its cycles and drops to come
    are read too. Options: `Asked`. While `paused` is set nothing is taken in.

    A wrong option, a history that cannot be written to, or one that holds the run of a training that begins raises a
    LabelfreeError at once. Afterwards nothing here raises: what goes wrong is told by the logger "labelfree" and stands
    in `Check.problem`, and training goes on. Memory: two d x d matrices, the sample, and some megabytes of rows that
    wait; the reports are those of the command over the same rows, to 1e-8. A spectrum whose tail rounding has hidden is
    not measured a second time unless all rows are in the sample.

    With torch.distributed every rank makes a monitor over its share of the rows and calls `check` at the same steps;
    rank 0 merges their summaries, writes the history, and tells the others what it found.

    >>> import numpy as np, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "history.jsonl"
    >>> monitor = Monitor(history=path, metrics="rankme")
    >>> monitor.add(np.eye(8))
    >>> round(monitor.check(0).scalars["labelfree/rankme"], 7)
    8.0000069
    """

    @spelled(Asked, DEFAULTS)
    def __init__(
        self,
        model: Any = None,
        *,
        resume: int | None = None,
        known: Sequence[Record] = (),
        to: Any = None,
        scheduler: Any = None,
        steps: int | None = None,
        **options: Unpack[Asked],
    ) -> None:
        self.to = to
        if steps is not None and scheduler is None:
            raise UsageError("steps: has no effect without a scheduler; leave it out")
        self._rates = scheduler if scheduler is None or isinstance(scheduler, Rates) else Rates(scheduler, steps)
        self.paused = False
        self._resumed, self._last = whole(resume), -1
        self._problem: str | None = None
        self._told: set[str] = set()
        self._hook: Hook | None = None
        everyone = ranks.gathered(_refused(lambda: self._prepare(model, options)))
        refused = None
        if everyone is not None:  # what any rank was refused is refused to all; the files are the first one's
            refused = next((one for one in everyone if one is not None), None) or _refused(lambda: self._take_up(known))
        if (refused := ranks.shared(refused)) is not None:
            raise refused
        if self._hook is not None:
            self._hook.attach()
        self._collection: Collection = self._fresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, model: Any, options: Asked) -> None:
        self.plan = where = plan(**options)
        if model is not None:
            self._hook = Hook(model, self._receive, layer=where.layer, head=where.head, pool=where.pool)

    def _take_up(self, known: Sequence[Record]) -> None:
        """Take up the run where it was left, or see that there is none of its name yet."""
        path, run, resume = self.plan.history, self.plan.run, self._resumed
        checked(self.to)
        if resume is not None and (isinstance(resume, bool) or not isinstance(resume, int) or resume < 0):
            raise UsageError(f"resume: expected the step that training goes on from, found {resume!r}")
        if self.plan.keep is not None and (left := taken_up(self.plan.keep, resume)):
            self.tell(f"{self.plan.keep}: {left} files of steps after {resume} removed")
        if path is None:
            return
        records = history.read(path, run=run) if exists(path) else []
        if resume is None:
            if not records:
                return
            raise HistoryError(
                f"{path}: expected no record of run {run!r}, whose training begins, found {history.contents(records)}; "
                f"name another run, remove that one (labelfree history remove {path} --run {run}), or say with resume "
                "which step training goes on from"
            )
        held = {key(r) for r in records}
        if lost := [r for r in known if r["run"] == run and r["step"] <= resume and key(r) not in held]:
            self.tell(f"{path}: {added(path, lost)} records of run {run!r} restored from the checkpoint")
        elif not any(r["step"] <= resume for r in records):
            self.tell(f"{path}: no check of run {run!r} up to step {resume}: a plateau is looked for from here on")
        if exists(path) and (left := forgotten(path, run=run, after=resume)):
            self.tell(f"{path}: run {run!r} goes on from step {resume}: {left} records of later steps forgotten")

    def _fresh(self) -> Collection:
        return Collection(self.plan, "" if self._hook is None else self._hook.place)

    def reset(self) -> None:
        """Forget the rows since the last check."""
        self._collection, self._problem = self._fresh(), None
        if self._hook is not None:
            self._hook.begin()

    def expect(self, rows: int) -> None:
        """Say how many rows the whole set has, where the options do not."""
        if self.plan.rows is None:
            self._collection.limit = rows

    def close(self) -> None:
        """Take the hooks off the model."""
        if self._hook is not None:
            self._hook.remove()

    def add(self, features: Any, ids: Sequence[Any] | None = None) -> None:
        """Take in features (m, d), a tensor or an array, of this rank's next rows; ids: of these rows, (m,)."""
        self._receive(lambda: features, ids)

    def _receive(self, features: Callable[[], Any], ids: Sequence[Any] | None = None) -> None:
        """Take in a batch; after a problem the rest of the evaluation is left alone."""
        if self._problem is None and not self.paused:
            self._problem = attempted(lambda: self._collection.add(features(), ids))[1]

    def check(self, step: SupportsIndex, *, source: str | None = None, epoch: float | None = None) -> Check:
        """Measure the rows since the last check, record them, ask the gate, log; on every rank, with one result.

        step: of training, never before the last one; source: what the checkpoint is called, as the verdict names it;
        epoch: of training, for the record.
        """
        number = whole(step)
        collected, problem, nothing = self._collection, self._problem, self._silence()
        self.reset()
        if problem is None:
            problem = attempted(collected.finish)[1]
        everyone = ranks.gathered((collected.summaries, collected.lengths) if problem is None else problem)
        found = None if everyone is None else self._measured(everyone, nothing, number, source, epoch)
        return ranks.shared(found)

    def _silence(self) -> str:
        """What to say where no features came."""
        hook = "add(features) was not called" if self._hook is None else self._hook.silence()
        return f"no features came: {'the monitor is paused; unset its paused' if self.paused else hook}"

    def _measured(
        self, everyone: list[_Part | str], nothing: str, step: int, source: str | None, epoch: float | None
    ) -> Check:
        problems = [one for one in everyone if isinstance(one, str)]
        parts = [one for one in everyone if not isinstance(one, str)]
        summaries = [found for found, _ in parts if found is not None]
        if problems or not summaries:
            return self._ended(Check(step, problem=problems[0] if problems else nothing))
        named = source or f"step {step}"
        report, problem = attempted(lambda: self._report(summaries, [lengths for _, lengths in parts], named, step))
        return self._ended(Check(step, problem=problem)) if report is None else self.judge(step, report, epoch=epoch)

    def _report(self, parts: list[Summaries], lengths: list[list[int]], source: str, step: int) -> dict[str, Any]:
        plan = self.plan
        found = surveyed(parts, lengths, plan, source)
        if plan.keep is not None:
            self._keep(plan.keep, step, found)
        return history.plain(report_of(plan.command, found, plan.metrics, plan.chosen))

    def _keep(self, place: Path, step: int, found: Survey) -> None:
        """Keep the sample of a check; what goes wrong is told, and the check goes on."""
        head, ids = None if self._hook is None else self._hook.head, self.plan.ids
        hashed = ids is None and "id" in found.source.roles
        told, problem = attempted(lambda: kept(place, step, found.evidence, ids, head, hashed=hashed))
        self.tell(problem or told or "")

    def judge(self, step: SupportsIndex, report: Any, *, epoch: float | None = None) -> Check:
        """Record a report that was made elsewhere (a Report, or its document), and ask the gate; `check` ends here."""
        number = whole(step)
        document, problem = attempted(lambda: history.plain(report))
        if document is None:
            return self._ended(Check(number, problem=problem))
        verdict, problem = attempted(lambda: self._verdict(number, document, epoch))
        return self._ended(Check(number, document, verdict, scalars_of(document["metrics"], self.plan.prefix), problem))

    def _verdict(self, step: int, document: dict[str, Any], epoch: float | None) -> dict[str, Any] | None:
        path, run, asked = self.plan.history, self.plan.run, self.plan.gate
        if checked_step(step) < self._last:
            raise UsageError(f"step: expected none before the last check, at {self._last}, found {step}")
        if path is not None:
            # A run that goes on may evaluate the step of its checkpoint once more.
            again, told = self._resumed == step > self._last, self._schedule(step, epoch)
            classes = None if self._hook is None else self._hook.classes
            history.append(path, document, step=step, run=run, replace=again, schedule=told, classes=classes)
        self._last = step
        if not asked:
            return None
        found = gate(document, require=asked["require"]) if path is None else gate(history=path, run=run, **asked)
        verdict: dict[str, Any] = found["verdict"]
        return verdict

    def _schedule(self, step: int, epoch: float | None) -> dict[str, Any] | None:
        """What the record says of the learning rate, None where nothing is known."""
        rates = self._rates
        found = None if rates is None else attempted(lambda: rates.at(step))[0]  # a check is worth more than its rate
        return (found or {}) | ({} if epoch is None else {"epoch": float(epoch)}) or None

    def _ended(self, check: Check) -> Check:
        """Tell and log what was found."""
        for message in (check.told, *logged(check.scalars, check.step, self.to)):
            if message is not None:
                self.tell(message)
        return check

    def tell(self, message: str) -> None:
        """Tell the user, once for all numbers in it; by logging, which no filter of warnings turns into an error."""
        kind = _NUMBER.sub("", message)
        if ranks.place()[0] == 0 and kind not in self._told:
            self._told.add(kind)
            _LOG.warning("labelfree: %s", message)


def attempted(work: Callable[[], T]) -> tuple[T | None, str | None]:
    """What the work returns, or what went wrong: nothing that a monitor does may end a training run."""
    try:
        return work(), None
    except LabelfreeError as error:
        return None, str(error)
    except Exception as error:
        return None, f"internal error ({type(error).__name__}: {error}), which is a bug of labelfree"


def _refused(work: Callable[[], None]) -> LabelfreeError | None:
    try:
        work()
    except LabelfreeError as error:
        return error
    return None
