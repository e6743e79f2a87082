"""How much memory a command will need at its peak: counted before any work, checked against measurements."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.commands.options import Options
from labelfree.errors import ResourceError, option
from labelfree.evidence.evidence import VIEW_ROWS, WIDE, Need
from labelfree.families.opis.operating_point import LEVELS
from labelfree.families.opis.range_ends import ROWS as PILOT
from labelfree.families.separability.persistence import REPLICATE_ROWS
from labelfree.families.spec import Metric
from labelfree.families.transfer.hopkins_distances import REPEATS, points_for
from labelfree.sources.block import Source
from labelfree.summaries.distinct import LIMIT
from labelfree.survey.growing import block_rows
from labelfree.survey.parallel import available_cores
from labelfree.survey.reading import workers_for
from labelfree.trees.spanning import DENSE

_PROGRAM = 60_000_000  # Python, numpy and labelfree
_ARROW = 50_000_000
_CLUSTERING = 130_000_000  # scikit-learn and scipy, and what they work in
_TILES = 60_000_000  # tiles of query points and rows
_GROUP_TABLES, _GROUP_SIZE = 8, 5  # numbers for every group and level, and rows of a group where they are many
_PAIRS = 50_000_000  # blocks of distances to nearest neighbors

_DOUBLE = {"float64", "int64", "int32", "uint64", "uint32"}
"""What is read as float64."""


def needed(
    source: Source, needs: frozenset[Need], metrics: Sequence[Metric], sample: int | None, threads: int | None
) -> int:
    """Bytes at the peak, within about 30 %: of the pass over the data, or of the metrics after it."""
    plain = source.layout.startswith(("npy", "npz", "tensor", "matrix"))
    program = _PROGRAM + (0 if plain else _ARROW) + 40 * min(source.total, LIMIT) * (2 if "id" in source.roles else 1)
    return program + max(_reading(source, needs, sample, threads), _measuring(source, needs, metrics, sample, threads))


def _drawn(source: Source, sample: int | None) -> tuple[int, int]:
    """Rows of the sample, and bytes of one number of them."""
    rows = source.total if sample is None else min(sample, source.total)
    return rows, 8 if {*source.dtype.split(", ")} & _DOUBLE else 4


def _reading(source: Source, needs: frozenset[Need], sample: int | None, threads: int | None) -> int:
    d, (rows, width) = source.d, _drawn(source, sample)
    workers = workers_for(source, threads)
    matrices = 2 * ("moments" in needs) + 2 * ("unit" in needs and d <= WIDE)
    block = min(block_rows(d), source.total) * d
    blocks = (2 * workers + 1 if workers > 1 else 2) * block * width
    strips = workers * min(8 * block, max(4 << 20, 8 * 1024 * d)) if matrices else 0
    views = 2 * min(VIEW_ROWS, source.total) * d * width if "group" in source.roles else 0
    groups = 2 * min(sample or source.total, source.total) * d * width if "groups" in needs else 0
    return workers * matrices * 8 * d * d + blocks + strips + 2 * rows * d * width + views + groups


def _measuring(
    source: Source, needs: frozenset[Need], metrics: Sequence[Metric], sample: int | None, threads: int | None
) -> int:
    """What stays until the last metric, and the largest of what comes and goes."""
    d, (rows, width) = source.d, _drawn(source, sample)
    names = {metric.name for metric in metrics}
    stored, double, square = rows * d * width, 8 * rows * d, 8 * d * d
    spanned = rows == source.total < d  # all rows are there, and fewer than columns: their span is enough
    directions = rows if spanned else d
    kept, passing = stored, [2 * double]
    if "moments" in needs:
        kept += square
    if "unit" in needs and d <= WIDE:
        kept += square
    first = [_tree(rows, d, threads)] if any(metric.family == "separability" for metric in metrics) else []
    stays = 0
    if metrics and "moments" in needs:
        stays += 2 * rows * directions * width
        passing.append(6 * 8 * directions**2 + (2 * double if spanned else 0))
    if "unit" in needs:
        stays += double + (square if d > WIDE else 0)
        passing += [3 * double, (5 if "coding_rate" in names and d <= WIDE else 1) * square]
    if names & {"twonn", "id_mle"}:
        passing.append(4 * rows * d + min(_PAIRS, 24 * rows * (rows + 25 * d)))
    if "groups" in needs:
        passing.append(_groups(source, sample))
    if any(metric.family == "transfer" for metric in metrics):
        stays += _scores(source, rows)
        passing.append(_queries(source))
    return kept + max(*first, stays + max(passing), 0)


def _scores(source: Source, rows: int) -> int:
    """Bytes for transfer: logits of the sample, sums over probabilities, sums for the head."""
    k = source.outputs.classes if source.outputs is not None else 0
    return _CLUSTERING + 8 * rows * k + (3 * 8 * k * k + 3 * 8 * source.d * (source.d + k) if k else 0)


def _queries(source: Source) -> int:
    """Bytes for Hopkins' statistic: drawn rows and random points of all repeats, and what is nearest to them."""
    points = 2 * REPEATS * points_for(source.total, source.d)
    return points * source.d * 8 + _TILES


def _groups(source: Source, sample: int | None) -> int:
    """Bytes for OPIS: sorted unit rows; the pairs of the pilot, or what rows accept, and tables of the groups."""
    rows = min(sample or source.total, source.total)
    tables = _GROUP_TABLES * 8 * LEVELS * rows // _GROUP_SIZE
    return 4 * rows * source.d * 4 + max(_TILES + 4 * LEVELS * rows + tables, 32 * min(rows, PILOT) ** 2)


def _tree(rows: int, d: int, threads: int | None) -> int:
    """Bytes for separability: copies of the rows, all distances of few of them, trees of subsamples side by side."""
    double, part = 8 * rows * d, min(int(0.8 * rows), REPLICATE_ROWS)
    whole = 6 * double + (10 * rows**2 if rows <= DENSE else 0)
    return max(whole, 2 * double + (threads or available_cores()) * (9 * part**2 + 5 * 8 * part * d))


def check_memory(source: Source, needs: frozenset[Need], metrics: Sequence[Metric], chosen: Options) -> None:
    """Refuse a memory limit that the work cannot keep, before any of it is done."""
    if chosen.memory is None:
        return
    need = needed(source, needs, metrics, chosen.sample, chosen.threads)
    if need > chosen.memory:
        sampled = source.total if chosen.sample is None else min(chosen.sample, source.total)
        fewer = needed(source, needs, metrics, max(2, sampled // 2), chosen.threads)
        lower = f", or lower {option('sample')}" if fewer < 0.9 * need else ""
        raise ResourceError(
            f"{option('memory', chosen.memory)}: {source.total} rows of width {source.d} need about "
            f"{need / 1e6:.0f} MB with a sample of {sampled}; raise the limit"
            + (lower or (f", or name fewer metrics with {option('only')}" if metrics else ""))
        )
