"""What summaries hold of a data set, put together as one pass over its rows would have left it, to the last bit.

The sums of every file are merged in the order of the files, by the tree that a pass uses. What else is kept does not
depend on an order, but positions of rows do: those of a second summary begin where the first ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.errors import RowsError, SummaryError, option, quoted
from labelfree.evidence.evidence import COARSE, Need, RowsGone
from labelfree.kernels import Kernels
from labelfree.progress import Progress, silent
from labelfree.sources.block import Source
from labelfree.sources.summary_files import ROWS, SAMPLED, About, about, rowless
from labelfree.summaries import Distinct, Sample, Tally
from labelfree.summaries.encoding import Stored
from labelfree.summaries.fields import Fields
from labelfree.summaries.hashing import hash_ids, mix
from labelfree.summaries.merging import Tree
from labelfree.summaries.sample import OPEN, Drawn
from labelfree.survey.found import OnBad, Survey
from labelfree.survey.growing import Summaries
from labelfree.survey.scores import Wanted
from labelfree.survey.states import epochs_of, spelled, sums_of
from labelfree.survey.sums import Sums

_STEP, _COUNTED = 1 << 20, 1 << 32
_WRAP = 1 << 64


def surveyed(
    source: Source,
    needs: frozenset[Need],
    *,
    kernels: Kernels,
    on_bad: OnBad = "error",
    refuse_zero: bool = False,
    sample: int | None,
    seed: int = 0,
    progress: Progress = silent,
    wanted: Wanted | None = None,
) -> Survey:
    """The survey of a source that is made of summaries; arguments as for `survey.reading.survey`."""
    if {"views", "groups"} & needs and "group" in source.roles:
        raise SummaryError(rowless(source.name))
    wanted = None if wanted is None else Wanted(labels=wanted.labels)
    state = Summaries(source, needs, kernels, sample, seed, on_bad, refuse_zero, wanted)
    joined = Joined(source)
    state.tally, state.content, state.ids = joined.tally, joined.content, joined.ids
    state.used, state.sums, state.epochs, state.spoiled = joined.used, joined.sums, joined.epochs, joined.spoiled
    _check(state, joined)
    if "sample" in needs and joined.told[0].sample is not None and joined.used:
        _check_sample(source, joined, sample, seed)
        state.sample = state.sample.merge(joined.sample)
        if state.scores is not None:
            state.scores.sample = state.scores.sample.merge(joined.logits)
    tree: Tree[Sums] = Tree()
    for done, (_, sums) in enumerate(joined.files()):
        progress("reading summaries", done / max(joined.count, 1))
        tree.add(sums)
    total = tree.total()
    if total is None or total.moments.n != joined.used:
        had = 0 if total is None else total.moments.n
        raise SummaryError(f"{source.name}: expected sums of {joined.used} rows, found {had}; it is damaged or forged")
    state.give(replace(total, predictions=None) if state.scores is None else total)

    def gone() -> Iterable[Any]:
        raise RowsGone("the singular values run into rounding, where a pass reads the rows once more")

    found = state.finished(gone, progress)
    e = found.evidence
    if e.drawn is None:
        e = replace(e, stored=joined.narrowest)
    if e.outputs is not None:
        e = replace(e, outputs=replace(e.outputs, again=gone))
    return replace(found, evidence=e, fingerprint=joined.digest(source.name), content=joined.digest(""))


def _check(state: Summaries, joined: Joined) -> None:
    """Refuse what a pass over the rows would have refused, and what the summary cannot leave out any more."""
    tally, name = state.tally, state.source.name
    if state.on_bad != "count":
        joined.check_ids()
    state.check()
    if state.refuse_zero and tally["zero"]:
        raise RowsError(
            f"{name}: {tally['zero']} of {tally.read} rows are zero, and are in its sums; give the rows themselves"
        )
    scored = joined.told[0].outputs is not None
    if scored and state.source.outputs is None and tally["null"] + tally["nonfinite"]:
        raise RowsError(
            f"{name}: rows were left out for their class scores too, which are not looked at here; give the rows "
            "themselves"
        )


def _check_sample(source: Source, joined: Joined, sample: int | None, seed: int) -> None:
    """Refuse to draw what was not kept: more rows, or by another seed."""
    first, kept = joined.told[0], joined.sample
    if first.seed != seed:
        raise SummaryError(
            f"{source.name}: expected a sample by {option('seed', seed)}, found one by seed {first.seed}; ask for "
            f"{option('seed', first.seed)}, or summarize again"
        )
    if kept.cut < OPEN and (sample is None or kept.limit is None or sample > kept.limit):
        asked = "all" if sample is None else sample
        raise SummaryError(
            f"{source.name}: {option('sample', asked)}: the summary holds a sample of {kept.limit} of {joined.used} "
            f"rows; ask for {option('sample', kept.limit)}, or summarize again"
        )


class Joined:
    """Summaries of consecutive parts of a data set as those of the whole; the sums are read one file at a time.

    told: what each says of itself; limits of samples are those of the first.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.told = [about(one) for one in source.summaries]
        self.tally, self.content, self.ids = Tally(), Distinct.empty(), Distinct.empty()
        self.used, self.sums = 0, [0, 0]
        self.epochs: set[object] = set()
        self.spoiled: set[str] = set()
        limit = self.told[0].sample or None
        self.sample, self.logits = Sample.empty(limit), Sample.empty(limit)
        first = 0
        for name, stored, told in zip(source.files, source.summaries, self.told, strict=True):
            try:
                self._add(stored, told, first)
            except SummaryError as error:
                raise SummaryError(f"{name}: {error}") from None
            first += told.total
        self._check_overlap()

    @property
    def count(self) -> int:
        """Files that have sums."""
        return sum(file.record is not None for told in self.told for file in told.files)

    @property
    def narrowest(self) -> str:
        """The dtype that the values of all of them fit in."""
        stored = self.source.dtype.split(", ")
        return finest([told.narrowest for told in self.told]) if len(stored) == 1 else stored[0]

    def _add(self, stored: Stored, told: About, first: int) -> None:
        rows = stored.fields(ROWS)
        rows.check_kind(ROWS)
        tally = Tally.of_fields(rows.part("tally"))
        if tally.read != told.total:
            raise rows.wrong("read", f"{told.total} rows as in its files", tally.read)
        if any(at >= told.total for at in (*tally.first.values(), tally.longest_at)):
            raise rows.wrong("first", f"positions below {told.total}", tally.longest_at)
        used, sums = rows.count("used", most=tally.read), rows.numbers("sums", 2)
        if told.id is None and first:
            sums = _sums_from(first, tally.read, used, sums)
        self.tally = self.tally.merge(shifted(tally, first))
        self.content = self.content.merge(Distinct.of_fields(rows.part("content")))
        self.ids = self.ids.merge(Distinct.of_fields(rows.part("ids")))
        self.used, self.sums = self.used + used, [(a + b) % _WRAP for a, b in zip(self.sums, sums, strict=True)]
        self.epochs |= epochs_of(rows)
        self.spoiled |= set(rows.texts("spoiled"))
        if told.sample is not None:
            kept = stored.fields(SAMPLED)
            self.sample = self.sample.merge(_placed(kept.part("rows"), told, first, told.d))
            if told.outputs is not None:
                classes = max(told.outputs.classes, 2)
                self.logits = self.logits.merge(_placed(kept.part("logits"), told, first, classes))

    def files(self) -> Iterator[tuple[str, Sums]]:
        """The sums of every file that has some, in the order of the files, with its name."""
        for name, stored, told in zip(self.source.files, self.source.summaries, self.told, strict=True):
            for file in told.files:
                if file.record is not None:
                    try:
                        yield file.name, self._sums(stored, told, file.record)
                    except SummaryError as error:
                        raise SummaryError(f"{name}: {error}") from None

    def _sums(self, stored: Stored, told: About, record: str) -> Sums:
        found = stored.fields(record)
        sums = sums_of(found)
        classes = None if told.outputs is None else max(told.outputs.classes, 2)
        had = None if sums.predictions is None else sums.predictions.classes
        if sums.moments.d != told.d or had != classes:
            raise found.wrong("width", f"{told.d} numbers and {classes} classes", (sums.moments.d, had))
        return sums

    def _check_overlap(self) -> None:
        """Refuse the rows of one summary in another; files of equal rows alone, whose sums tell nothing, are taken."""
        seen: dict[str, tuple[int, str]] = {}
        for i, (name, stored, told) in enumerate(zip(self.source.files, self.source.summaries, self.told, strict=True)):
            for file in told.files:
                if file.record is None:
                    continue
                checksum = stored.records[file.record].checksum
                where = f"{quoted(file.name)} of {name}"
                at, earlier = seen.setdefault(checksum, (i, where))
                if at != i and self._spread(stored, told, file.record):
                    raise SummaryError(
                        f"{self.source.name}: expected every row once, found the same rows in {earlier} and in "
                        f"{where}; leave one of them out"
                    )

    def _spread(self, stored: Stored, told: About, record: str) -> bool:
        return bool(self._sums(stored, told, record).moments.scatter.any())

    def check_ids(self) -> None:
        """Refuse ids that several rows have."""
        if self.ids.duplicates:
            raise RowsError(
                f"{self.source.name}: {self.ids.duplicates} ids repeat in column {self.told[0].id!r}: rows were "
                "summarized twice, or their ids are none; leave one of the summaries out"
            )

    def digest(self, name: str) -> str:
        """A hash of all that was summed, whatever summaries it came in; name: what else to tell apart."""
        found = hashlib.sha256(repr((name, self.used, self.told[0].d)).encode())
        for stored, told in zip(self.source.summaries, self.told, strict=True):
            for file in told.files:
                found.update(b"" if file.record is None else stored.records[file.record].checksum.encode())
        return found.hexdigest()[:32]


def finest(dtypes: list[str]) -> str:
    """The dtype that holds what all of these do; each is one that rows of one stored dtype fit in.

    >>> finest(["bfloat16", "float32"]), finest(["float16", "bfloat16"]), finest(["float32", "float64"])
    ('float32', 'float32', 'float64')
    """
    order = ["bfloat16", "float16", "float32"]
    if set(dtypes) == {"bfloat16", "float16"}:
        return "float32"
    return max(dtypes, key=lambda one: order.index(one) if one in COARSE else len(order))


def shifted(tally: Tally, by: int) -> Tally:
    """A tally of rows that begin so much later."""
    first = {defect: at + by for defect, at in tally.first.items()}
    at = tally.longest_at + by if tally.longest_at >= 0 else -1
    return replace(tally, first=first, longest_at=at)


def _placed(found: Fields, told: About, first: int, width: int) -> Sample:
    """A sample at its place in the data set; by position its rows are drawn anew, which needs all of them."""
    sample = Sample.of_fields(found)
    if sample.limit != (told.sample or None):
        raise found.wrong("limit", str(told.sample), sample.limit)
    if any(chunk.rows.shape[1] != width for chunk in sample.chunks):
        raise found.wrong("rows", f"rows of width {width}", sample.chunks[0].rows.shape)
    if any((chunk.index < 0).any() or (chunk.index >= told.total).any() for chunk in sample.chunks):
        raise found.wrong("index", f"positions below {told.total}", int(sample.chunks[0].index.max()))
    if first == 0:
        return sample
    if told.id is None and sample.cut < OPEN:
        raise SummaryError(
            f"its rows have no ids, and a sample by their positions cannot be moved behind {first:,} other rows; "
            f"summarize with a column of ids ({option('id')}), or without {option('with_sample')}"
        )
    chunks = tuple(_moved(chunk, told, first) for chunk in sample.chunks)
    return Sample(sample.limit, sample.cut, chunks)


def _moved(chunk: Drawn, told: About, first: int) -> Drawn:
    index = chunk.index + first
    return Drawn(chunk.keys if told.id is not None else mix(hash_ids(index), told.seed), index, chunk.rows)


def _sums_from(first: int, read: int, used: int, sums: list[int]) -> list[int]:
    """Sums of the hashes of positions that begin at `first`; where rows were left out, or are billions, of those sums
    and the place.
    """
    if used < read or read > _COUNTED:
        return [int(mix(np.array([one], np.uint64), first + 1)[0]) for one in sums]
    found = [0, 0]
    for start in range(first, first + read, _STEP):
        keys = hash_ids(np.arange(start, min(start + _STEP, first + read), dtype=np.int64))
        for which in (0, 1):
            found[which] = (found[which] + int(mix(keys, which).sum(dtype=np.uint64))) % _WRAP
    return found


def rows_fields(state: Any) -> Fields:
    """What became of the rows: the part of a state, or of several, that a summary holds beside sums and sample."""
    values = {
        "used": state.used, "sums": [one % _WRAP for one in state.sums], "spoiled": sorted(state.spoiled),
        "epochs": spelled(state.epochs),
    }  # fmt: skip
    inner = {"tally": state.tally.fields(), "content": state.content.fields(), "ids": state.ids.fields()}
    return Fields(ROWS, values, inner=inner)
