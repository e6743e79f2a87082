"""A source against compressed copies of itself: what each byte of a vector buys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelfree.catalog import listed
from labelfree.commands.measuring import surveyed
from labelfree.commands.options import Options
from labelfree.errors import RowsError, UsageError, option
from labelfree.evidence.pair import Pair, moments_of
from labelfree.families.similarity.compressions import Compression, compression
from labelfree.families.spec import Metric
from labelfree.kernels.devices import kernels_for
from labelfree.progress import Progress
from labelfree.reports.compare import PairEntry
from labelfree.reports.entries import MetricEntry
from labelfree.reports.rows import SampleInfo
from labelfree.sources.block import Source


def compressions(given: str | Sequence[str], d: int) -> list[Compression]:
    """The compressions of an option, each once."""
    texts = [text for one in listed(given) for text in one.split(",")]
    found = list(dict.fromkeys(compression(text, d) for text in texts))
    if not found:
        raise UsageError(f"{option('compress')}: expected some of float16, int8, binary, pca:N and first:N, found none")
    return found


def compressed(
    name: str,
    source: Source,
    ways: Sequence[Compression],
    wanted: Sequence[Metric],
    k: int,
    chosen: Options,
    progress: Progress,
) -> list[PairEntry]:
    """A pair of the source and each copy of its sampled rows, which are made in memory alone."""
    found = surveyed(source, frozenset({"sample"}), chosen, chosen.on_bad, progress)
    drawn = found.evidence.drawn
    if drawn is None:
        raise RowsError(f"{source.name}: expected rows, found none that can be used")
    rows = np.ascontiguousarray(drawn.rows)
    n = found.evidence.n
    pairs = []
    plain: Pair | None = None
    for i, way in enumerate(ways):
        progress("compressing", i / len(ways))
        copy = way.copy(rows)
        moments = moments_of(rows, copy, drawn.keys)
        one = Pair(moments, rows, copy, k, chosen.seed, kernels_for(chosen.device), known=plain)
        plain = plain or one
        pairs.append(
            PairEntry(
                a=name, b=str(way), n=n, d=(source.d, copy.shape[1]),
                sample=SampleInfo(size=len(rows), seed=chosen.seed) if n > len(rows) else None, joined="same",
                left_out=(0, 0), bad=0, metrics={m.name: MetricEntry.of(m, m.compute(one)) for m in wanted},
                changed=[], by=None, thresholds=[], findings=[], bytes=way.bytes(source.d),
            )
        )  # fmt: skip
    return pairs
