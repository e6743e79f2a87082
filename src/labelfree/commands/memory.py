"""How much memory a command will need at its peak: counted before any work, an upper bound that is held to peaks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from labelfree.catalog import GROUP_ROWS
from labelfree.commands.options import Options
from labelfree.commands.process_memory import give_back, held
from labelfree.errors import ResourceError, option
from labelfree.evidence.clusters import bins
from labelfree.evidence.evidence import VIEW_ROWS, WIDE, Need
from labelfree.families.opis.operating_point import LEVELS
from labelfree.families.opis.range_ends import ROWS as PILOT
from labelfree.families.opis.split_halves import splits_of
from labelfree.families.selection.consensus import HALVES
from labelfree.families.selection.spaces import NEIGHBORS
from labelfree.families.separability.persistence import REPLICATE_ROWS
from labelfree.families.spec import Metric
from labelfree.families.transfer.distances import PERMUTATIONS
from labelfree.families.transfer.distances import ROWS as COMPARED
from labelfree.families.transfer.hopkins_distances import REPEATS, points_for
from labelfree.sources.block import Source
from labelfree.sources.summary_files import SAMPLED
from labelfree.summaries.distinct import LIMIT
from labelfree.survey.parallel import available_cores, workers_for
from labelfree.survey.shards import block_rows, states_alive
from labelfree.trees.sketch import DENSE

_TOLD = 12_000_000
"""The report, its findings and state, and what prints them."""
_CORE = 6_000_000
"""Buffers of the linear algebra of one thread."""
_LEARNING, _ALGEBRA = 90_000_000, 20_000_000
"""scikit-learn with scipy, and scipy's linear algebra alone, where they are not imported yet."""
_STRIPS = 34_000_000
"""Two blocks of two million float64 numbers: of rows against a matrix, of pairs."""
_PAIRS = 30_000_000
"""Blocks of a thread of distances to nearest neighbors, and of their differences."""
_TILE = 25_000_000
"""Tiles of a thread that compares rows, and what is picked from them."""
_TERMS = 90_000_000
"""Terms of what two labelings have in common by chance, a million at a time."""
IN_MEMORY = 256_000_000
"""Bytes of samples of candidates that are kept in memory; those of further ones are kept in temporary files."""
_ID = 400
"""Bytes of an id while it is read as text."""
_SMALLEST = 2
"""Rows of a group, where nobody has counted the groups."""

_DOUBLE = {"float64", "int64", "int32", "uint64", "uint32"}
"""What is read as float64."""


@dataclass(frozen=True)
class Work:
    """What a command is to do with one source: the evidence that its metrics need, and how much of it.

    sample, group_rows: rows of the sample, and of that of whole groups, None for all; groups: how many there are,
    where they were counted; pseudo: they are made by clustering; classes: of a head that was given, whose logits are
    computed; behind: the labelled source rows of a transfer, or the reference of a drift, which are read first and
    kept; divisions: random ones of them; candidates: among which one is chosen, all like this one, with `behind` the
    source rows of each.
    """

    source: Source
    needs: frozenset[Need]
    metrics: Sequence[Metric]
    sample: int | None
    group_rows: int | None = GROUP_ROWS
    groups: int = 0
    threads: int | None = None
    pseudo: bool = False
    classes: int = 0
    behind: Source | None = None
    divisions: int = 0
    candidates: int = 0

    @property
    def names(self) -> set[str]:
        """The metrics by name."""
        return {metric.name for metric in self.metrics}

    def computes(self, family: str) -> bool:
        """Whether one of the metrics is of this family."""
        return any(metric.family == family for metric in self.metrics)

    @property
    def cores(self) -> int:
        """Threads that may work at a time."""
        return self.threads or available_cores()

    @property
    def grouped(self) -> bool:
        """Whether whole groups are kept."""
        return "groups" in self.needs and "group" in self.source.roles


def needed(work: Work) -> int:
    """Bytes at the peak, beyond what the process holds before: of the pass over the data, or of the metrics after it.

    An upper bound, for any rows of these shapes: what only some data need (a second look at small directions,
    neighbors that float32 cannot tell apart) is counted in.
    """
    before, first = 0, 0
    if work.behind is not None:
        first = _reading(work.behind, work)
        before = _kept(work.behind, work)
    after = before + _kept(work.source, work) + _imports(work) + _measuring(work)
    return _TOLD + _CORE * work.cores + max(first, before + _reading(work.source, work), after)


def _width(source: Source) -> int:
    """Bytes of one number of a row."""
    return 8 if {*source.dtype.split(", ")} & _DOUBLE else 4


def _sampled(source: Source, sample: int | None) -> int:
    if source.summaries and not any(SAMPLED in summary.records for summary in source.summaries):
        return 0
    return source.total if sample is None else min(sample, source.total)


def _group_rows(work: Work, source: Source) -> int:
    return _sampled(source, work.group_rows) if work.grouped else 0


def _views(work: Work, source: Source) -> int:
    return min(VIEW_ROWS, source.total) if "views" in work.needs and "group" in source.roles else 0


def _matrices(source: Source, work: Work) -> int:
    """Matrices of the width squared that a pass keeps."""
    return ("moments" in work.needs) + ("unit" in work.needs and source.d <= WIDE)


def _classes(source: Source, work: Work) -> int:
    """Class scores of a row: those that are stored, or those of the head."""
    return max(work.classes, 0 if source.outputs is None else source.outputs.classes, 2 * (source.outputs is not None))


def _account(source: Source) -> int:
    """Hashes of the rows and of their ids, twice while they are joined."""
    return 40 * min(source.total, LIMIT) * (2 if "id" in source.roles else 1)


def _reading(source: Source, work: Work) -> int:
    """Bytes while the blocks are summed: by every worker its own sums, its sample of up to twice its rows, a strip."""
    d, width, total = source.d, _width(source), source.total
    if source.summaries:
        return _putting_together(source, work)
    workers, kept, k = workers_for(source, work.threads), _matrices(source, work), _classes(source, work)
    block = min(block_rows(d), total)
    passing = (total > block if d > WIDE else block > _strip(d)) * (kept > 0)  # beside the sums so far those of a block
    recovered = (2 + (total > block) + (block > _strip(d))) * _recovers(work)
    alive, more = states_alive(source)
    squares = workers * (kept + passing + recovered) + more * (kept + _recovers(work)) * (alive + workers + 1)
    strips = workers * min(8 * block * d, max(4 << 20, 8 * 1024 * d)) * (1 + _recovers(work)) if kept else 0
    waiting = (2 * workers + 1 if workers > 1 else 2) + (0 if source.layout.startswith(("npy", "matrix")) else 4)
    blocks = waiting * block * (d * width + 8 * k + (_ID if "id" in source.roles else 0)) + 3 * workers * block * 8 * k
    rows = 0
    for drawn in (_sampled(source, work.sample), _views(work, source), _group_rows(work, source)):
        rows += min(total, 2 * workers * drawn) + min(total, workers * drawn) if drawn else 0
    logits = 2 * 8 * k * min(total, 3 * workers * _sampled(source, work.sample))
    squares += _binned(source, work)
    return source.buffers + 8 * squares * d * d + strips + blocks + rows * d * width + logits + _account(source)


def _putting_together(source: Source, work: Work) -> int:
    """Bytes while the sums of files are read from summaries and merged: those that wait, and one as bytes."""
    d, k = source.d, _classes(source, work)
    squares = max(_matrices(source, work), 1)
    return (
        source.buffers
        + 8 * squares * d * d
        + 3 * _sampled(source, work.sample) * (d * _width(source) + 8 * k)
        + _account(source)
    )


def _binned(source: Source, work: Work) -> int:
    """Matrices of the width squared that are kept of row groups, where some of them are read."""
    kept = _matrices(source, work)
    return 0 if source.part is None else kept * bins(len(source.part.spans), source.d, kept)


def _strip(d: int) -> int:
    """Rows that are multiplied with each other at a time, into a matrix of the width squared."""
    return max((4 << 20) // (8 * max(d, 1)), 1024)


def _recovers(work: Work) -> bool:
    """Whether logits are regressed on the rows, for a head that was not given."""
    return "head" in work.needs and not work.classes and work.source.outputs is not None


def _kept(source: Source, work: Work) -> int:
    """Bytes that stay of a source until the last metric."""
    rows = _sampled(source, work.sample) + _views(work, source) + _group_rows(work, source)
    k, d = _classes(source, work), source.d
    labels = 64 * source.total if source is work.behind else 0
    regression = 8 * d * (d + k) if _recovers(work) and source is work.source else 0
    logits = 8 * k * (_sampled(source, work.sample) + 3 * k)
    squares = 8 * (_matrices(source, work) + _binned(source, work)) * d * d
    return rows * d * _width(source) + squares + logits + labels + regression + _account(source)


def _imports(work: Work) -> int:
    learning = work.computes("transfer") or work.pseudo or work.candidates
    algebra = "coding_rate" in work.names and work.source.d > WIDE
    return _LEARNING * (learning and "sklearn" not in sys.modules) + _ALGEBRA * (
        algebra and not learning and "scipy.linalg" not in sys.modules
    )


def _measuring(work: Work) -> int:
    """Bytes of what the metrics share, and of the largest of what comes and goes."""
    d, rows, names = work.source.d, _sampled(work.source, work.sample), work.names
    width, double, square = _width(work.source), 8 * rows * d, 8 * d * d
    spanned = rows == work.source.total < d  # all rows are there, and fewer than columns: their span is enough
    directions = rows if spanned else d
    stays, passing = 0, [6 * square * work.cores if work.source.part is not None else 0]
    if work.metrics and "moments" in work.needs:
        stays += rows * directions * (2 * width + (8 if spanned else 0))
        passing.append(8 * 8 * directions**2 + (3 * double if spanned else 2 * 8 * min(block_rows(d), rows) * d))
    if "unit" in work.needs or "uniformity" in names:
        stays += double + (square if d > WIDE else 0)
        inverse = 5 if "coding_rate" in names and d <= WIDE else 1
        passing.append(min(work.cores * _STRIPS // 2, 16 * rows * max(rows, d)) + inverse * square)
    if names & {"twonn", "id_mle"}:
        passing.append(double + 4 * rows * d + min(work.cores * _PAIRS, 24 * rows * (rows + 25 * d)))
    if work.computes("separability"):
        stays += 2 * double * (work.computes("opis") or work.computes("transfer"))  # until the other families are done
        passing.append(_trees(rows, d, work.cores))
    if work.grouped:
        kept = _group_rows(work, work.source)
        groups = -(-work.groups * kept // max(work.source.total, 1)) if work.groups else kept // _SMALLEST
        stays += 2 * 8 * kept * d * work.computes("separability")
        passing.append(_groups(kept, d, work.cores, min(groups, kept // _SMALLEST)))
    if work.pseudo:
        half = d - d // 2
        stays += 5 * 8 * rows * half
        passing.append(4 * double + 8 * work.cores * rows * half + _groups(rows, half, work.cores, int(2 * rows**0.5)))
    if work.computes("transfer"):
        passing += _transfers(work, rows)
    if work.computes("drift"):
        passing += _drifts(work, rows)
    if work.candidates:
        samples, worked = _choosing(work, rows)
        stays, passing = stays + samples, [*passing, worked]
    return stays + max(passing)


def _drifts(work: Work, rows: int) -> list[int]:
    """Bytes of the metrics of drift: two thousand rows of each side with their divisions, strips, moments."""
    d, square = work.source.d, 8 * work.source.d**2
    behind = _sampled(work.behind, work.sample) if work.behind is not None else 0
    compared = min(COMPARED, rows) + min(COMPARED, behind)
    pairs = 4 * 8 * compared * d + 2 * 8 * compared * max(PERMUTATIONS, work.divisions) + 6 * (8 << 20)
    return [pairs + 4 * compared**2, 12 * square, 3 * 8 * (rows + behind) * d + 4 * _STRIPS]


def _trees(rows: int, d: int, threads: int) -> int:
    """Bytes for separability: copies of the rows, all distances of some of them, trees of subsamples side by side."""
    double, part = 8 * rows * d, min(int(0.8 * rows), REPLICATE_ROWS)
    whole = 5 * double + 400 * rows + threads * _TILE + 9 * min(rows, DENSE) ** 2
    mixing = 4 * 8 * d * d if rows > 2 * d else 0  # the covariance of the rows without structure, and its root
    return max(whole, 2 * double + mixing, 2 * double + threads * (9 * part**2 + 40 * part * d))


def _groups(rows: int, d: int, threads: int, groups: int) -> int:
    """Bytes for OPIS: sorted unit rows; the pairs of the pilot, or what rows accept, and tables of the groups.

    A table has the levels of every group: of its curves and pairs, and of both halves of each split.
    """
    tables = (5 + 4 * splits_of(groups)) * 8 * LEVELS * groups
    return 8 * rows * d + max(20 * min(rows, PILOT) ** 2, threads * _TILE + 2 * 4 * LEVELS * rows + tables)


def _transfers(work: Work, rows: int) -> list[int]:
    """Bytes of the metrics of transfer, one after another."""
    source, d, k, names = work.source, work.source.d, _classes(work.source, work), work.names
    width, double, square = _width(source), 8 * rows * d, 8 * d * d
    points = 2 * REPEATS * points_for(source.total, d)
    found = [
        points * d * (width + 4) + 8 * 3 * block_rows(d) * d + work.cores * _TILE if "hopkins" in names else 0,
        work.cores * 48_000_000 + 24 * rows * k if "snd" in names else 0,
        3 * double + 64 * rows * k,
        9 * square if _recovers(work) else 0,
    ]
    if work.behind is not None:
        compared = min(COMPARED, source.total) + min(COMPARED, work.behind.total)
        wide = 8 * compared * d
        found += [
            3 * wide + 4 * compared**2 + 8 * compared * PERMUTATIONS + 4 * (8 << 20) if "mmd" in names else 0,
            5 * wide if "c2st" in names else 0,
            3 * square + 2 * double if "coral" in names else 0,
            10 * square if "frechet" in names else 0,
        ]
    return found


def _choosing(work: Work, rows: int) -> tuple[int, int]:
    """Bytes for a choice among candidates: of their samples and neighbors, which stay, and of the rule at its peak.

    That is one candidate in float64 with its neighbors, clusters and refit, or the tables of all of them on half of the
    rows at a time.
    """
    count, d, k = work.candidates, work.source.d, _classes(work.source, work)
    behind = 0 if work.behind is None else _sampled(work.behind, work.sample)
    each = rows * (d * _width(work.source) + 8 * k) + behind * d * _width(work.source)
    samples = min(count * each, IN_MEMORY + each)
    lists = count * rows * (4 * NEIGHBORS + 4 * 8)
    one = 6 * 8 * rows * d + 4 * 8 * d * d + _STRIPS + 8 * behind * (4 * d + 4 * k) + 8 * 4 * rows * k
    tables = 2 * count * (5 * 8 * rows + 6 * 8 * k * k) + 8 * HALVES * (rows // 2 + 4 * count**2) + bool(k) * _TERMS
    return samples + lists, max(one, tables)


def check_memory(work: Work, chosen: Options) -> None:
    """Refuse a memory limit that the work cannot keep, before any of it is done."""
    if chosen.memory is None:
        return
    give_back()
    there = held()
    more = needed(work)
    if (need := there + more) > chosen.memory:
        sampled = _sampled(work.source, work.group_rows if work.grouped and work.computes("opis") else work.sample)
        fewer = max(2, sampled // 2)
        half = needed(replace(work, sample=fewer, group_rows=min(fewer, work.group_rows or fewer)))
        lower = f", or lower {option('sample')}" if half < 0.9 * more else ""
        raise ResourceError(
            f"{option('memory', chosen.memory)}: {work.source.total} rows of width {work.source.d} need about "
            f"{-(-need // 10**6)} MB with a sample of {sampled}, {there / 1e6:.0f} MB of which the program holds "
            "already; raise the limit"
            + (lower or (f", or name fewer metrics with {option('only')}" if work.metrics else ""))
        )
