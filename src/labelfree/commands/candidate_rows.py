"""The rows of candidates as the rule takes them: one pass over each, the same sampled rows of all, kept on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from labelfree.arrays import Index, Keys, Rows, positions
from labelfree.commands.candidate_sources import Named
from labelfree.commands.measuring import surveyed
from labelfree.commands.memory import IN_MEMORY, Work, check_memory
from labelfree.commands.options import Options
from labelfree.commands.unlimited import check_unlimited
from labelfree.documents.findings import Finding
from labelfree.documents.wording import counted, some
from labelfree.errors import RowsError, UsageError, option, quoted
from labelfree.evidence.evidence import Evidence, Need
from labelfree.families import metric
from labelfree.families.selection.candidates import Candidate
from labelfree.progress import Progress
from labelfree.sources.block import Source
from labelfree.sources.subsets import headed
from labelfree.survey.findings import findings
from labelfree.survey.found import Survey
from labelfree.survey.scores import Wanted, class_numbers
from labelfree.survey.state import state_of

NEEDS: frozenset[Need] = frozenset({"moments", "sample"})
OF_SCORES = ("infomax", "nuclear_norm", "average_confidence")
"""Metrics of the class scores that stand beside the rule: what the same pass gives."""
_OF_RANKS = ("few_rows", "narrow_cone", "constant")
_NAMED = 3


@dataclass(frozen=True, eq=False)
class CandidateRows:
    """One candidate as it was read: what is known of all its rows, and the sampled ones by `candidate()`.

    keys, index: (m,) of the sampled rows, in the order of the keys; votes: (m,) predicted classes, None without class
    scores; state: of the embedding; measures: scores of the same pass by name; told: what is wrong with its rows;
    rows, logits, source: load what was kept, once they are asked for; labels: (n_s,) of the source rows.
    """

    name: str
    place: str
    step: int | None
    opened: Source
    n: int
    read: int
    classes: int | None
    rows_hash: str
    keys: Keys
    index: Index
    state: str
    votes: Index | None = None
    constant: bool = False
    measures: dict[str, float] = field(default_factory=dict)
    told: tuple[Finding, ...] = ()
    rows: Callable[[], Rows] = lambda: np.empty((0, 1))
    logits: Callable[[], Rows | None] = lambda: None
    source: Callable[[], Rows | None] = lambda: None
    labels: Index | None = None
    kept: Index | None = None

    def candidate(self) -> Candidate:
        """The sampled rows as the rule takes them."""
        logits = self.logits()
        rows = self.rows()
        if self.kept is not None:
            rows, logits = rows[self.kept], None if logits is None else logits[self.kept]
        return Candidate(self.name, self.step, rows, logits, self.source(), self.labels)

    def taking(self, kept: Index) -> CandidateRows:
        """The candidate with these of its sampled rows."""
        votes = None if self.votes is None else self.votes[kept]
        return replace(self, keys=self.keys[kept], index=self.index[kept], votes=votes, kept=kept)

    @property
    def ids(self) -> list[object]:
        """The ids of the sampled rows, or their positions where they have none."""
        if "id" not in self.opened.roles or self.opened.values is None:
            return [int(i) for i in self.index]
        every = self.opened.every("id")
        return [value.item() if isinstance(value, np.generic) else value for value in every[self.index]]


class Store:
    """Arrays that are kept: in memory up to IN_MEMORY bytes in all, then as files in a directory."""

    def __init__(self, place: Path, limit: int = IN_MEMORY) -> None:
        self.place, self.left, self.files = place, limit, 0

    def keep(self, array: Rows) -> Callable[[], Rows]:
        """What gives the array back."""
        if array.nbytes <= self.left:
            self.left -= array.nbytes
            return lambda: array
        path = self.place / f"{self.files}.npy"
        self.files += 1
        np.save(path, array)
        return lambda: np.load(path, mmap_mode="r")


def read_candidates(
    named: Sequence[Named], chosen: Options, store: Store, progress: Progress
) -> tuple[list[CandidateRows], list[Finding]]:
    """The candidates, each read once, on the same rows and of the same classes; and what is to be known of them."""
    named = [_with_classes(one, chosen) for one in named]
    _check_alike(named)
    told: list[Finding] = []
    if dropped := _some_sources(named):
        told.append(dropped)
        named = [replace(one, behind=None) for one in named]
    for one in named:
        work = Work(
            one.rows, NEEDS, (), chosen.sample, threads=chosen.threads, behind=one.behind, candidates=len(named)
        )  # fmt: skip
        check_memory(work, chosen)
        check_unlimited(work, chosen)
    found = []
    for i, one in enumerate(named):

        def said(stage: str, done: float, i: int = i) -> None:
            progress(f"{stage} {i + 1}/{len(named)}", done)

        found.append(_read(one, chosen, store, said))
    told += [finding for one in found for finding in one.told]
    found, left_out = _joined(found, chosen)
    return found, [*told, *left_out]


def _with_classes(one: Named, chosen: Options) -> Named:
    """The candidate with the class scores that a head gives it, where it has none of its own."""
    return replace(one, rows=headed(one.rows, chosen.head))


def _check_alike(named: Sequence[Named]) -> None:
    """Refuse candidates of which some have class scores or ids and others have none, and those of other classes."""
    for what, there, way in (
        ("class scores", [one.rows.outputs is not None for one in named],
         f"name their column with {option('logits')}, or give {option('head', like='FILE')}"),
        ("ids", ["id" in one.rows.roles for one in named], f"name their column with {option('id')}"),
    ):  # fmt: skip
        if any(there) and not all(there):
            without = [one.name for one, has in zip(named, there, strict=True) if not has]
            raise UsageError(
                f"expected {what} of every candidate or of none, found them in {sum(there)} of {len(named)}, not in "
                f"{some(without)}; {way}"
            )
    classes = {one.name: max(one.rows.outputs.classes, 2) for one in named if one.rows.outputs is not None}
    counts = list(classes.values())
    if len(set(counts)) > 1:
        usual = max(set(counts), key=counts.count)
        other = next(name for name, k in classes.items() if k != usual)
        raise UsageError(
            f"{other}: expected {usual} classes as the other candidates have, found {classes[other]}; choose among "
            "candidates of one task"
        )


def _some_sources(named: Sequence[Named]) -> Finding | None:
    """What to say where only some candidates have source rows, which are of no use then."""
    without = [one.name for one in named if one.behind is None]
    if not without or len(without) == len(named):
        return None
    said = (
        f"source rows of {len(named) - len(without)} of {len(named)} candidates are not used: {some(without)} has none"
    )
    return Finding("some_sources", said, "write NAME.source.parquet beside each NAME.parquet")


def _read(one: Named, chosen: Options, store: Store, progress: Progress) -> CandidateRows:
    """One candidate: the pass over its rows, and over its source rows."""
    found = surveyed(one.rows, NEEDS, chosen, chosen.on_bad, progress, wanted=Wanted())
    e = found.evidence
    if e.drawn is None:
        raise RowsError(f"{one.rows.name}: expected rows, found none that can be used")
    logits = None if e.outputs is None else e.outputs.logits
    source, labels, measures = None, None, {}
    if one.behind is not None:
        source, labels, accuracy = _source_rows(one, e, chosen, progress)
        if accuracy is not None:
            measures["source_accuracy"] = accuracy
    for name in (*(OF_SCORES if logits is not None else ()), "rankme"):
        value = metric(name).compute(e).value
        if value is not None:
            measures[name] = value
    rows = store.keep(np.ascontiguousarray(e.drawn.rows))
    return CandidateRows(
        name=one.name, place=one.rows.name, step=one.step, opened=one.rows, n=e.n, read=found.tally.read,
        classes=None if logits is None else logits.shape[1], rows_hash=found.rows_hash, keys=e.drawn.keys,
        index=e.drawn.index, state=state_of(e, found.duplicates.duplicates).state,
        votes=None if logits is None else logits.argmax(axis=1).astype(np.int64),
        constant=logits is not None and bool((logits == logits[:1]).all()), measures=measures,
        told=tuple(_told(found)), rows=rows,
        logits=(lambda: None) if logits is None else store.keep(logits),
        source=(lambda: None) if source is None else store.keep(source), labels=labels,
    )  # fmt: skip


def _told(found: Survey) -> Iterator[Finding]:
    """What is wrong with the rows of a candidate, but for what concerns ranks alone."""
    for one in findings(found):
        if one.severity != "note" and one.code not in _OF_RANKS:
            yield replace(one, sources=(found.source.name,))


def _source_rows(one: Named, e: Evidence, chosen: Options, progress: Progress) -> tuple[Rows, Index, float | None]:
    """The sampled source rows of a candidate, their labels, and its accuracy on all of them where they are scored."""
    behind = one.behind
    assert behind is not None
    if behind.d != e.d:
        raise UsageError(
            f"{behind.name}: expected source rows of width {e.d} as {one.name} has, found width {behind.d}: they are "
            "embeddings of another model; give each candidate its own, NAME.source.parquet beside NAME.parquet"
        )
    if "label" not in behind.roles or behind.values is None:
        raise UsageError(
            f"{behind.name}: expected a column of labels (label, labels, target, y, class), found none; name it with "
            f"{option('label')}"
        )
    classes = None if one.rows.outputs is None else max(one.rows.outputs.classes, 2)
    if classes is not None and behind.outputs is not None and max(behind.outputs.classes, 2) != classes:
        raise UsageError(
            f"{behind.name}: expected source rows of {classes} classes as {one.name} has, found "
            f"{max(behind.outputs.classes, 2)}; give source rows scored by the same model"
        )
    found = surveyed(behind, frozenset({"sample"}), chosen, chosen.on_bad, progress, wanted=Wanted(labels=True))
    drawn = found.evidence.drawn
    if drawn is None:
        raise RowsError(f"{behind.name}: expected labelled source rows, found none that can be used")
    every = behind.every("label")
    labels = class_numbers(every[drawn.index], classes, behind, drawn.index)
    scored = None if found.evidence.outputs is None else found.evidence.outputs.labelled
    accuracy = None if scored is None else float((scored.predicted == scored.label).mean())
    return np.ascontiguousarray(drawn.rows), labels, accuracy


def _joined(found: list[CandidateRows], chosen: Options) -> tuple[list[CandidateRows], list[Finding]]:
    """The candidates on the same sampled rows, or a refusal that names the difference."""
    told = []
    first = found[0]
    if "id" not in first.opened.roles:
        if len({one.read for one in found}) > 1:
            other = next(one for one in found if one.read != first.read)
            raise UsageError(
                f"{other.name}: expected {counted(first.read, 'row')} as {first.name} has, found {other.read:,}, and "
                "without ids rows are joined by position; add a column id to every file"
            )
        said = "the candidates have no ids: their rows are compared by position"
        told.append(Finding("no_ids", said, "add a column id where orders may differ"))
    if len({one.rows_hash for one in found}) > 1:
        _check_ids(found, chosen)
        told.append(_left_out(found))
    common = first.keys
    for one in found[1:]:
        common = common[positions(common, one.keys) >= 0] if len(common) else common
    if not all(np.array_equal(one.keys, common) for one in found):
        found = [one.taking(positions(common, one.keys)) for one in found]
    return found, told


def _left_out(found: Sequence[CandidateRows]) -> Finding:
    most = max(one.read - one.n for one in found)
    said = f"rows that are bad in one candidate were left out of all (up to {counted(most, 'row')} in one)"
    return Finding("left_out", said, count=most)


def _check_ids(found: Sequence[CandidateRows], chosen: Options) -> None:
    """Refuse candidates of other rows, by the ids that are missing; rows that were left out as bad are none."""
    of_each = [_all_ids(one) for one in found]
    every = set().union(*of_each)
    for one, ids in zip(found, of_each, strict=True):
        missing = every - ids
        if len(missing) > (one.read - one.n if chosen.on_bad == "drop" else 0):
            usual = next(o.name for o, there in zip(found, of_each, strict=True) if missing - (missing - there))
            raise UsageError(
                f"{one.name}: expected the same rows in every candidate, found {counted(len(missing), 'row')} "
                f"({_first(missing)}) that only others hold, {usual} for one; give candidates on the same rows"
            )


def _all_ids(one: CandidateRows) -> set[object]:
    """The ids of the usable rows of a candidate, or their positions."""
    found: set[object] = set()
    for block in one.opened.read(1 << 14):
        good = np.isfinite(block.rows).all(axis=1)
        if "outputs" in block.extra:
            good &= np.isfinite(block.extra["outputs"]).all(axis=1)
        found |= set(block.extra["id"][good].tolist() if "id" in block.extra else block.index[good].tolist())
    return found


def _first(ids: set[object]) -> str:
    """The first few ids, as a message names them."""
    ordered = sorted(ids, key=lambda value: (str(type(value)), value if isinstance(value, int) else 0, str(value)))
    more = ", ..." if len(ordered) > _NAMED else ""
    return f"id {', '.join(map(quoted, ordered[:_NAMED]))}{more}"
