"""The summaries of a data set while they grow."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from labelfree.arrays import Float, Index, Keys, Rows
from labelfree.errors import RowsError, SourceError, option
from labelfree.evidence.evidence import VIEW_ROWS, WIDE, Evidence, Need, stored_dtype
from labelfree.evidence.scaling import FAINT, inverse_lengths, length, squared_lengths, too_far
from labelfree.kernels import Kernels
from labelfree.progress import Progress, silent
from labelfree.sources.block import Block, Source, Values
from labelfree.summaries import Distinct, Groups, Moments, Sample, Tally
from labelfree.summaries.hashing import hash_ids, hash_rows, mix, present
from labelfree.summaries.tally import BadRow
from labelfree.survey.found import OnBad, Survey
from labelfree.survey.repetitions import finite, repeated_ids
from labelfree.survey.scores import Scores, Wanted, logits_of
from labelfree.survey.shards import block_rows, parts_of
from labelfree.survey.sums import Sums

_PRINT_ROWS = 64
_PRINT_SEED = 0x5EED


class Summaries:
    """The summaries of a data set while they grow, by blocks or by those of its other parts, in whatever process."""

    def __init__(
        self,
        source: Source,
        needs: frozenset[Need],
        kernels: Kernels,
        sample: int | None,
        seed: int,
        on_bad: OnBad,
        refuse_zero: bool,
        wanted: Wanted | None = None,
        group_rows: int | None = None,
    ) -> None:
        self.refuse_zero = refuse_zero
        self.scores = None if wanted is None or source.outputs is None else Scores(source, wanted, sample, seed)
        self.source, self.d = source, source.d
        self.needs, self.kernels, self.seed, self.on_bad = needs, kernels, seed, on_bad
        self.moments = Moments.empty(self.d)
        self.unit = Moments.empty(self.d)
        self.sample = Sample.empty(sample)
        self.views = Sample.empty(VIEW_ROWS)
        self.groups = Groups.empty(group_rows, seed)
        self.print = Sample.empty(_PRINT_ROWS)
        self.tally = Tally()
        self.content = Distinct.empty()
        self.ids = Distinct.empty()
        self.epochs: set[object] = set()
        self.used = 0
        self.sums = [0, 0]
        self.spoiled: set[str] = set()

    def __getstate__(self) -> dict[str, object]:
        """What travels to another process: all but the kernels, which that one has of its own."""
        return {name: value for name, value in vars(self).items() if name != "kernels"}

    def add(self, block: Block) -> None:
        """Take in one block; once a bad row was refused only the account goes on."""
        rows, index, norms = self._screened(block)
        if self.on_bad == "error" and any(self.tally[k] for k in ("null", "ragged", "nonfinite")):
            return
        if len(index) == 0:
            return
        extra = block.extra if len(index) == len(block.index) else _matching(block, index)
        keys = _keys(extra, index)
        if "id" in extra:
            self.ids = self.ids.update(keys)
        if "epoch" in extra:
            self.epochs |= set(extra["epoch"].tolist())
        self.used += len(rows)
        for which in (0, 1):
            self.sums[which] += int(mix(keys, which).sum(dtype=np.uint64))
        self.content = self.content.update(hash_rows(rows))
        self.print = self.print.update(rows, mix(keys, _PRINT_SEED), index)
        if "sample" in self.needs:
            self.sample = self.sample.update(rows, mix(keys, self.seed), index)
        if "views" in self.needs and "group" in extra:
            group = extra["group"]
            there = present(group)
            group_keys = mix(hash_ids(group[there]), self.seed)
            self.views = self.views.update(rows[there], group_keys, index[there])
        if "groups" in self.needs and "group" in extra:
            group = extra["group"]
            there = present(group)
            self.groups = self.groups.update(rows[there], hash_ids(group[there]), keys[there], index[there], len(rows))
        if self.scores is not None:
            self.scores.add(rows, extra["outputs"], extra.get("label"), keys, index)
        if "moments" in self.needs:
            self.moments = self.moments.update(rows, self.kernels)
        if "unit" in self.needs and self.d <= WIDE:
            there = norms > 0
            nonzero = rows if there.all() else rows[there]
            self.unit = self.unit.update(nonzero, self.kernels, inverse_lengths(norms[there]))

    def _screened(self, block: Block) -> tuple[Rows, Index, Float]:
        """The usable rows, their positions and squared norms; the rest is counted."""
        rows, index = block.rows, block.index
        norms, held = squared_lengths(rows)
        odd = np.flatnonzero(~held)
        nonfinite = odd[~np.isfinite(rows[odd]).all(axis=1)]
        if len(nonfinite):
            self.spoiled.add(self.source.column)
        if "outputs" in block.extra and self.source.outputs is not None:
            scores = np.setdiff1d(np.flatnonzero(~np.isfinite(block.extra["outputs"]).all(axis=1)), nonfinite)
            if len(scores):
                self.spoiled.add(self.source.outputs.name)
                nonfinite = np.union1d(nonfinite, scores)
        zero = odd[~rows[odd].any(axis=1)]
        beyond = np.setdiff1d(odd, np.union1d(nonfinite, zero))
        if len(beyond) and self.on_bad != "count":
            place, far = self.source.place(int(index[beyond[0]])), length(rows[beyond[0]])
            raise SourceError(f"{self.where}: {place}: {too_far('a length', far, FAINT**0.5, 'embeddings')}")
        bad: dict[BadRow, Index] = {
            "null": block.null, "ragged": block.ragged, "nonfinite": index[nonfinite], "zero": index[zero],
            "overflow": index[beyond[norms[beyond] > 1]], "underflow": index[beyond[norms[beyond] < 1]],
            "no_id": index[~present(block.extra["id"])] if "id" in block.extra else index[:0],
        }  # fmt: skip
        read = len(index) + len(block.null) + len(block.ragged)
        if len(nonfinite) or len(beyond):
            good = finite(block)
            good[beyond] = False
            rows, index, norms = rows[good], index[good], norms[good]
        self.tally = self.tally.update(read, bad, np.sqrt(norms), index)
        if self.refuse_zero and len(zero):
            good = norms > 0
            rows, index, norms = rows[good], index[good], norms[good]
        return rows, index, norms

    def merge(self, other: Summaries) -> None:
        """Take in what another state has seen."""
        for name in ("moments", "unit", "sample", "views", "groups", "print", "tally", "content", "ids"):
            setattr(self, name, getattr(self, name).merge(getattr(other, name)))
        if self.scores is not None and other.scores is not None:
            self.scores.merge(other.scores)
        self.epochs |= other.epochs
        self.used += other.used
        self.spoiled |= other.spoiled
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]

    def taken(self) -> Sums:
        """The sums so far, which begin anew."""
        found = Sums(self.moments, self.unit, *((None, None) if self.scores is None else self.scores.taken()))
        self.moments = self.unit = Moments.empty(self.d)
        return found

    def give(self, sums: Sums) -> None:
        """Put back sums that were taken."""
        self.moments, self.unit = sums.moments, sums.unit
        if self.scores is not None and sums.predictions is not None:
            self.scores.predictions, self.scores.regression = sums.predictions, sums.regression

    @property
    def where(self) -> str:
        """What the rows are called in a message: by their columns, where class scores were read too."""
        name, column, scores = self.source.name, self.source.column, self.source.outputs
        if self.scores is not None and scores is not None and self.tally["null"]:
            column = f"{column} or {scores.name}"
        elif self.spoiled:
            column = " and ".join(sorted(self.spoiled))
        return name if not column or name.endswith(f"::{column}") else f"{name}: {column}"

    def check(self) -> None:
        """Refuse the data set where the policy says so, with everything that is wrong with its rows."""
        if self.on_bad == "count":
            return
        tally, name, source = self.tally, self.where, self.source

        def first(defect: BadRow) -> str:
            return source.place(tally.first[defect])

        refused: list[str] = []
        kinds: tuple[tuple[BadRow, str], ...] = (
            ("null", "are null or hold a null"), ("nonfinite", "hold NaN or infinity"), ("zero", "are zero"),
        )  # fmt: skip
        kinds = kinds if self.refuse_zero else kinds[:-1]
        for defect, what in kinds:
            if tally[defect] and self.on_bad == "error":
                refused.append(f"{tally[defect]} of {tally.read} rows {what}, first at {first(defect)}")
        if tally["ragged"]:
            raise RowsError(
                f"{name}: {tally['ragged']} of {tally.read} rows do not hold {source.d} numbers as the first row does, "
                f"first at {first('ragged')}; every row needs one length: remove those rows, or pool them"
            )
        if self.refuse_zero and 0 < tally["zero"] == tally.read:
            raise RowsError(
                f"{name}: all {tally.read} rows are zero: there is nothing to measure; find out why the encoder "
                "returned nothing"
            )
        if refused:
            whole = sum(tally[defect] for defect, _ in kinds) == tally.read
            remedy = f"drop them with {option('on_bad', 'drop')}"
            remedy = "no usable row is left: find out where they come from" if whole else remedy
            raise RowsError(f"{name}: {'; '.join(refused)}; {remedy}")
        if tally["no_id"]:
            raise RowsError(
                f"{source.name}: {tally['no_id']} of {tally.read} rows have no id in column {source.roles['id']!r}, "
                f"first at {first('no_id')}; fill them in, or name another column with {option('id')}"
            )
        if self.ids.duplicates:
            raise RowsError(repeated_ids(source, block_rows(source.d)))

    def finished(self, rescan: Callable[[], Iterable[Rows]] | None = None, progress: Progress = silent) -> Survey:
        """The survey of all blocks taken in; rescan: yields the usable rows again, where they can be read again."""
        source = self.source
        self.sample = self.sample.packed()  # its chunks hold up to twice its rows
        drawn = self.sample.drawn()
        digest = f"{self.sums[0] % (1 << 64):016x}{self.sums[1] % (1 << 64):016x}"
        evidence = Evidence(
            n=self.used,
            d=self.d,
            zero=0 if self.refuse_zero else self.tally["zero"],
            moments=self.moments if "moments" in self.needs else None,
            unit=self.unit if "unit" in self.needs and self.d <= WIDE else None,
            drawn=drawn,
            views=self.views.drawn() if "views" in self.needs and "group" in source.roles else None,
            stored=stored_dtype(drawn.rows if drawn else None, source.dtype),
            rescan=rescan,
            kernels=self.kernels,
            progress=progress,
            seed=self.seed,
            on_bad=None if self.on_bad == "count" else self.on_bad,
            outputs=None if self.scores is None else self.scores.outputs(partial(_with_logits, source)),
        )
        return Survey(
            source,
            evidence,
            self.tally,
            self.content.settled(),
            self.ids.duplicates,
            len(self.epochs),
            digest,
            *self._prints(source),
            None if self.scores is None else self.scores.regression,
            self.groups.packed() if "groups" in self.needs and "group" in source.roles else None,
        )

    def _prints(self, source: Source) -> tuple[str, str]:
        """Hashes that tell this source, and these rows, from others."""
        drawn = self.print.drawn()
        head = repr((source.name, source.size, source.column, self.used, self.d))
        body = b"" if drawn is None else np.ascontiguousarray(drawn.rows).tobytes()
        return hashlib.sha256(head.encode() + body).hexdigest()[:32], hashlib.sha256(body).hexdigest()[:32]


def _with_logits(source: Source) -> Iterator[tuple[Rows, Rows]]:
    """The usable rows of a source once more, each with its logits."""
    for _, block in parts_of(source, source.read(block_rows(source.d))):
        good = finite(block)
        yield block.rows[good], logits_of(block.extra["outputs"][good], source, block.index[good])


def _keys(extra: dict[str, Values], index: Index) -> Keys:
    """What identifies a row: its id (inside its epoch), or its position where it has no id."""
    if "id" not in extra:
        return hash_ids(index)
    keys = hash_ids(extra["id"])
    return keys ^ mix(hash_ids(extra["epoch"]), 3) if "epoch" in extra else keys


def _matching(block: Block, index: Index) -> dict[str, Values]:
    kept = np.isin(block.index, index, assume_unique=True)
    return {role: values[kept] for role, values in block.extra.items()}
