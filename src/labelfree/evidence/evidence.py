"""What the metrics of a data set are computed from: its summaries, and what several metrics share of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index, Keys, Rows, as_array, blocks_of, matrix
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.clusters import Clusters
from labelfree.evidence.groups import Grouping
from labelfree.evidence.outputs import Outputs
from labelfree.evidence.scaling import Topology, in_range, unit
from labelfree.evidence.spectrum import Look, Spectrum, along, eigenvalues_alone, spectrum
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.progress import Advance, Progress, silent
from labelfree.results import Result, undefined
from labelfree.summaries import Moments, Sample
from labelfree.summaries.hashing import hash_ids, hash_rows, mix
from labelfree.summaries.sample import Drawn

WIDE = numpy_kernels.WIDE
"""Width above which unit-row metrics come from the sample, to spare a second scatter of the width squared."""
COARSE = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}
"""Spacing of the numbers at one, by dtypes whose rounding the scatter of the rows does not hide."""
VIEW_ROWS = 20_000
"""Rows of the default sample of whole groups, for metrics of views."""
_LOOKED_AT = 512  # rows at a time that are looked at for what holds of all
_HOLDS: dict[str, dict[str, Callable[[Rows], NDArray[np.bool_]]]] = {
    "float64": {"float32": lambda part: part.astype(np.float32) == part},
    "float32": {
        "bfloat16": lambda part: np.ascontiguousarray(part).view(np.uint32) & np.uint32(0xFFFF) == 0,
        "float16": lambda part: part.astype(np.float16).astype(np.float32) == part,
    },
}
"""Narrower dtypes of a dtype, and which numbers each holds."""

Need: TypeAlias = Literal["moments", "unit", "sample", "views", "groups", "outputs", "head", "source"]
SUMMED: tuple[Need, ...] = ("moments", "unit")


class RowsGone(Exception):
    """Why a number cannot be had from summaries: a pass would have read the rows again. No report ever sees it."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Summaries of one data set, frozen. What a metric does not need may be missing.

    moments: of all rows; unit: of all non-zero rows scaled to length one (absent above width WIDE);
    drawn: the sample; views: the sample of whole groups; stored: the dtype the values fit in without
    loss ("float16", "bfloat16", "float32", "float64", "int8"), which bounds what a spectrum can show;
    rescan: yields all rows again, or raises RowsGone; look: how a spectrum looks at them a second time, None for a
    rescan; seed: of the sample, and of everything random; progress: told what is being done, and which fraction of
    it is done; outputs: logits and head, for the metrics of transfer; reference: a second data set beside it, such
    as the labelled source of a transfer; grouping: which rows belong together, for the metrics of OPIS; on_bad:
    what is done with rows that a metric cannot use and others can: "drop" leaves them out, "error" and None (arrays
    in Python) leave it undefined; exponent: the rows of the data set are 2**exponent times those seen here, which
    `measured` and `in_unit` give back to a value in their unit; divisions: random ones of current and reference
    rows, for a p-value of drift; clusters: the row groups that were read, where these are not all; values_alone:
    spectra have no directions and no second look, which a value needs seldom.
    """

    n: int
    d: int
    zero: int = 0
    moments: Moments | None = None
    unit: Moments | None = None
    drawn: Drawn | None = None
    views: Drawn | None = None
    stored: str = "float64"
    rescan: Callable[[], Iterable[Rows]] | None = None
    look: Look | None = None
    kernels: Kernels = field(default_factory=lambda: numpy_kernels)
    progress: Progress = silent
    seed: int = 0
    topology: Topology = field(default_factory=Topology)
    outputs: Outputs | None = None
    reference: Evidence | None = None
    grouping: Grouping | None = None
    on_bad: Literal["error", "drop"] | None = None
    exponent: int = 0
    divisions: int = 499
    clusters: Clusters | None = None
    values_alone: bool = False

    @property
    def advance(self) -> Advance:
        """Progress over the pairs of the sample."""
        return lambda done: self.progress("comparing pairs", done)

    @cached_property
    def _spanned(self) -> tuple[Moments, Rows]:
        """Moments and sampled rows; with fewer rows than columns, both in the span of the rows (n columns)."""
        assert self.moments is not None
        rows = self.drawn.rows if self.drawn is not None else np.empty((0, self.d))
        if self.n < self.d and len(rows) == self.n > 0:
            triangle: Float = np.linalg.qr(rows.astype(np.float64).T, mode="r")  # type: ignore[assignment]
            rows = triangle.T
            return Moments.empty(rows.shape[1]).update(rows), rows
        return self.moments, rows

    def _look(self, shift: Float, basis: Float) -> Moments:
        moments, rows = self._spanned
        if moments is not self.moments or not (self.look or self.rescan):
            return along([rows], shift, basis)
        self.progress("measuring small directions", 0.0)
        if self.look is not None:
            return self.look(shift, basis)
        assert self.rescan is not None
        return along(self.rescan(), shift, basis)

    @cached_property
    def _directed(self) -> dict[bool, Spectrum]:
        """Spectra with their directions, a matrix of the width squared, until the rows have been projected on them."""
        return {}

    def _decomposed(self, centered: bool) -> Spectrum:
        """A spectrum without its directions."""
        if self.values_alone:
            assert self.moments is not None
            return eigenvalues_alone(self.moments, centered=centered)
        moments, rows = self._spanned
        look = self._look if self.look or self.rescan or len(rows) == self.n else None
        fine = self.stored not in COARSE
        whole = self._directed[centered] = spectrum(moments, centered=centered, look=look, fine=fine)
        return replace(whole, directions=np.empty((0, 0)))

    def _coordinates(self, spectrum: Spectrum) -> Rows:
        """The sampled rows along the directions of `raw` or `centered`, which are let go."""
        if self.values_alone:
            return np.empty((0, len(spectrum.eigenvalues)))
        return self._directed.pop(spectrum.centered).coordinates(self._spanned[1])

    @cached_property
    def raw(self) -> Spectrum:
        """Spectrum of the rows as they are, without directions."""
        return self._decomposed(centered=False)

    @cached_property
    def centered(self) -> Spectrum:
        """Spectrum of the rows about their mean, without directions."""
        return self._decomposed(centered=True)

    @cached_property
    def raw_coordinates(self) -> Rows:
        """Coordinates of the sampled rows along the directions of `raw`."""
        return self._coordinates(self.raw)

    @cached_property
    def centered_coordinates(self) -> Rows:
        """Coordinates of the sampled rows about the mean along the directions of `centered`."""
        return self._coordinates(self.centered)

    @cached_property
    def unit_rows(self) -> Float:
        """Sampled non-zero rows scaled to length one, (m, d)."""
        if self.drawn is None:
            return np.empty((0, self.d))
        return unit(self.drawn.rows)

    @cached_property
    def unit_moments(self) -> Moments:
        """Moments of the unit rows: of all of them, or of the sample above width WIDE."""
        return self.unit if self.unit is not None else Moments.empty(self.d).update(self.unit_rows)

    @cached_property
    def distinct(self) -> Rows:
        """Sampled rows without repetitions."""
        if self.drawn is None:
            return np.empty((0, self.d))
        # 0.0 and -0.0 are one number
        first = np.unique(hash_rows(self.drawn.rows + 0.0), return_index=True)[1]
        return self.drawn.rows if len(first) == len(self.drawn.rows) else self.drawn.rows[np.sort(first)]

    @property
    def narrow(self) -> tuple[Noted, ...]:
        """The warning for values and intervals that few rows make rough, where there are few."""
        if self.n >= 2 * self.d:
            return ()
        return (Noted("wide_interval", f"n = {self.n} is below 2 d = {2 * self.d}: the interval can be too wide"),)

    def too_few(self, least: int = 2) -> Result | None:
        """The undefined result for fewer than `least` rows, else None."""
        if self.n >= least:
            return None
        return undefined("insufficient", f"needs at least {least} rows, found {self.n}")


def stored_dtype(rows: Rows | None, dtype: str) -> str:
    """The narrowest float dtype that holds the sampled values: widening has added no precision.

    dtype: as it is stored; of several, in the files of one data set, the first and coarsest counts.
    """
    dtype = dtype.split(", ")[0]
    if (
        rows is None
        or str(rows.dtype) != dtype
        or dtype not in _HOLDS
        or _all(rows, lambda part: part == np.rint(part))
    ):
        return dtype
    with np.errstate(over="ignore"):
        return next((narrow for narrow, held in _HOLDS[dtype].items() if _all(rows, held)), dtype)


def _all(rows: Rows, held: Callable[[Rows], NDArray[np.bool_]]) -> bool:
    """Whether something holds of all rows; the first that it does not hold of end the search."""
    return all(held(rows[start : start + _LOOKED_AT]).all() for start in range(0, len(rows), _LOOKED_AT))


def evidence(
    X: Any, *, group: Any = None, sample: int | None = SAMPLE, seed: int = 0, needs: Collection[Need] = SUMMED
) -> Evidence:
    """Everything the metrics need of an (n, d) matrix; group: (n,) view labels for the metrics of views.

    needs: which moments are computed; without those of the unit rows their metrics look at the sample.
    """
    given = matrix(X)
    (rows,), exponent = in_range(("X", given))
    n, d = rows.shape
    index: Index = np.arange(n, dtype=np.int64)
    keys: Keys = mix(hash_ids(index), seed)
    moments, units = Moments.empty(d), Moments.empty(d)
    of_units = "unit" in needs and d <= WIDE
    for block in blocks_of(rows) if needs else ():
        moments = moments.update(block) if "moments" in needs else moments
        units = units.update(unit(block)) if of_units else units
    drawn = Sample.empty(sample).update(rows, keys, index).drawn()
    views = None
    if group is not None:
        group_keys = mix(hash_ids(as_array(group, "group")), seed)
        views = Sample.empty(VIEW_ROWS).update(rows, group_keys, index).drawn()
    return Evidence(
        n=n,
        d=d,
        zero=int((~rows.any(axis=1)).sum()),
        moments=moments if "moments" in needs else None,
        unit=units if of_units else None,
        drawn=drawn,
        views=views,
        stored=stored_dtype(given[drawn.index] if drawn else None, str(given.dtype)),
        rescan=lambda: blocks_of(rows),
        seed=seed,
        exponent=exponent,
    )
