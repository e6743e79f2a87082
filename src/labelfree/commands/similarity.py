"""`labelfree.compare`: representations of the same rows in, how alike they are out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np

from labelfree.catalog import CATALOG, SAMPLE, command, listed
from labelfree.commands.column_values import left_out, slices, values_at, with_column
from labelfree.commands.compared import Comparison
from labelfree.commands.compressing import compressed, compressions
from labelfree.commands.engines import engine_of
from labelfree.commands.options import Options, checked, selected
from labelfree.commands.paired_rows import Joint, paired
from labelfree.commands.similarity_findings import findings_of
from labelfree.commands.translating import check_threshold, thresholds
from labelfree.commands.warned import warned
from labelfree.documents.leftovers import temporary_directory
from labelfree.errors import UsageError, option
from labelfree.evidence.pair import NEIGHBORS, block_rows, check_k
from labelfree.families import metrics
from labelfree.families.similarity.neighbors import Kept, kept, most_changed
from labelfree.families.spec import Metric
from labelfree.gating.api import judged_by_interval
from labelfree.gating.expected import EXPECTED
from labelfree.gating.grammar import Requirement, requirement
from labelfree.kernels.devices import kernels_for
from labelfree.kernels.threads import limited_threads
from labelfree.progress import Progress, silent
from labelfree.render.naming import short_names
from labelfree.reports.compare import BySlices, ChangedRow, ComparedSource, PairEntry, SliceEntry
from labelfree.reports.entries import FindingEntry, MetricEntry, RequiredVerdict
from labelfree.reports.rows import SampleInfo
from labelfree.sources.block import Columns, Source
from labelfree.sources.opening import open_source
from labelfree.sources.summary_files import check_rows
from labelfree.summaries.pair_moments import groups_for

COPIED = ("neighbors_kept", "cka")
"""What is measured of compressed copies unless more is asked for."""
_THIS = command("compare")
CHANGED = 10
"""Rows that a document names because their neighbors changed most."""
_SETTINGS = ("column", "id", "on_bad", "seed", "device", "memory")
_BASE = 350_000_000
"""Bytes of the program and its libraries."""


def compare(
    *sources: Any,
    to: str | None = None,
    common: bool = False,
    k: int = NEIGHBORS,
    by: str | None = None,
    require: str | Sequence[str] = (),
    expect: Literal["same"] | None = None,
    threshold: float | None = None,
    group: str | None = None,
    compress: str | Sequence[str] = (),
    only: str | Sequence[str] = (),
    everything: bool = False,
    column: str | None = None,
    id: str | None = None,
    on_bad: Literal["error", "drop"] = "error",
    sample: int | Literal["all"] | None = SAMPLE,
    seed: int = 0,
    device: str = "cpu",
    memory: int | None = None,
    threads: int | None = None,
    engine: Literal["threads", "ray"] = "threads",
    address: str | None = None,
    work: Any = None,
    progress: Progress = silent,
) -> Comparison:
    """How alike two or more representations of the same rows are: what changed, and whose neighbors.

    sources: paths, frames or arrays of the same rows, joined by id (by position where none has ids), or one dict of
    them by name; widths may differ. to: the name of the one that the others are compared with, the first unless given;
    common: compare the rows that both hold where some are missing; k: neighbors of a row; by: a column whose values
    slice the rows; require: what must hold of every pair with `to`, such as "neighbors_kept >= 0.99", judged by the
    interval; expect: "same" for requirements that were measured on copies of one model; only, everything: which
    metrics. threshold: a cosine on `to`, and what becomes of it on the others, over the rows of each value of the
    column group too. compress: one source against copies of itself, some of "float16", "int8", "binary", "pca:N",
    "first:N". The others are as for `rank`.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> found = compare({"old": X, "new": X @ np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]})
    >>> found.pairs[0]["neighbors_kept"].value
    1.0
    """
    check_k(k)
    check_threshold(threshold, group)
    chosen = checked(
        _THIS,
        {
            "column": column, "id": id, "on_bad": on_bad, "sample": sample, "seed": seed, "device": device,
            "memory": memory, "threads": threads, "only": only, "engine": engine, "address": address, "work": work,
        },
    )  # fmt: skip
    asked = _asked(require, expect)
    wanted = _metrics(chosen, everything, asked, COPIED if compress else ())
    given = _given(sources, 1 if compress else 2)
    names = list(given)
    if compress:
        _check_alone(names, {"to": to, "by": by, "common": common or None, "threshold": threshold})
    first = _reference(names, to)
    opened = {name: open_source(one, _columns(chosen, by, group, name == first)) for name, one in given.items()}
    for one in opened.values():
        check_rows(one, "compare")
    order = [first, *(name for name in names if name != first)]
    for a, b in combinations(order, 2):
        _check_memory(opened[a], opened[b], chosen)
    pairs: list[PairEntry] = []
    rows: list[tuple[str, list[Any], Any]] = []
    with temporary_directory() as place, limited_threads(chosen.threads):
        every = list(combinations(order, 2))
        if compress:
            ways = compressions(compress, opened[first].d)
            pairs = compressed(first, opened[first], ways, wanted, k, chosen, progress)
        for i, (a, b) in enumerate(every):

            def said(stage: str, done: float, i: int = i) -> None:
                progress(stage if len(every) == 1 else f"{stage} {i + 1}/{len(every)}", done)

            joint = paired(
                opened[a], opened[b], k=k, kernels=kernels_for(chosen.device), on_bad=on_bad, sample=chosen.sample,
                seed=chosen.seed, common=common, progress=said, place=place, engine=engine_of(chosen),
                work=None if chosen.work is None else str(chosen.work),
            )  # fmt: skip
            made, ids = _pair(a, b, opened, joint, wanted, chosen, by if a == first else None)
            if threshold is not None and a == first:
                said("thresholds", 0.0)
                told = thresholds(threshold, group, opened[a], joint, chosen.seed)
                made = made.model_copy(update={"thresholds": told})
            pairs.append(made)
            if a == first and ids is not None:
                rows.append((b, ids, kept(joint.pair).rows))
    verdict = None
    if asked:
        subjects = [(one.b, _plain(one)) for one in pairs if one.a == first]
        verdict = RequiredVerdict.model_validate(judged_by_interval(asked, subjects))
    settings = {
        **{name: getattr(chosen, name) for name in _SETTINGS},
        "sample": "all" if chosen.sample is None else chosen.sample, "to": to, "common": common, "k": k, "by": by,
        "require": [str(one) for one in asked], "expect": expect, "threshold": threshold, "group": group,
        "compress": listed(compress), "only": list(chosen.only), "all": everything,
    }  # fmt: skip
    findings = [one for pair in pairs for one in pair.findings]
    found = Comparison(
        settings=settings, sources=[*names, *(one.b for one in pairs if one.joined == "same")], to=first,
        inputs=[_input(name, opened[name]) for name in names], pairs=pairs, verdict=verdict, findings=findings,
    )  # fmt: skip
    return warned(found.with_rows(rows))


def _asked(require: str | Sequence[str], expect: str | None) -> list[Requirement]:
    """The requirements on every pair, those of `expect` among them."""
    if expect is not None and expect not in EXPECTED:
        raise UsageError(f"{option('expect')}: expected {' or '.join(EXPECTED)}, found {expect!r}")
    asked = [requirement(text) for text in (*listed(require), *(EXPECTED[expect] if expect else ()))]
    own = [e.name for e in CATALOG if e.family in _THIS.families]
    for one in asked:
        if one.metric not in own:
            raise UsageError(
                f"{option('require')}: compare does not measure {one.metric}; its metrics are {', '.join(own)}"
            )
    return asked


def _metrics(chosen: Options, everything: bool, asked: Sequence[Requirement], few: Sequence[str]) -> tuple[Metric, ...]:
    """What is measured: all of the default or a few of it, those named, and what is required."""
    found = [one.name for one in selected(_THIS, chosen.only, requested=everything)]
    if few and not chosen.only and not everything:
        found = list(few)
    names = {*found, *(one.metric for one in asked)}
    return metrics(e.name for e in CATALOG if e.name in names)


def _check_alone(names: Sequence[str], others: Mapping[str, Any]) -> None:
    """Refuse what has no meaning for copies of one source."""
    if len(names) > 1:
        raise UsageError(
            f"{option('compress')}: expected one source, which is compared with copies of itself, found {len(names)}"
        )
    for name, value in others.items():
        if value is not None:
            raise UsageError(f"{option(name)}: has no effect beside {option('compress')}; leave it out")


def _given(sources: Sequence[Any], least: int) -> dict[str, Any]:
    """What is compared by short names that differ."""
    if len(sources) == 1 and isinstance(sources[0], list | tuple):
        sources = sources[0]
    if len(sources) == 1 and isinstance(sources[0], Mapping) and not _is_table(sources[0]):
        found = {str(name): one for name, one in sources[0].items()}
    else:
        found = dict(zip(_named(sources), sources, strict=True))
    if len(found) < least:
        raise UsageError(f"expected at least 2 sources of the same rows to compare, found {len(found)}; name another")
    return found


def _is_table(given: Mapping[Any, Any]) -> bool:
    """Whether a mapping is one table of columns rather than several sources by name."""
    return "embedding" in given and all(np.ndim(one) == 1 for name, one in given.items() if name != "embedding")


def _columns(chosen: Options, by: str | None, group: str | None, first: bool) -> Columns:
    """The columns to open a source with: those that slice rows are of the first source alone."""
    return with_column(with_column(chosen.columns, by), group) if first else chosen.columns


def _named(given: Sequence[Any]) -> list[str]:
    """Short names: of paths what tells them apart, of what is held in memory a letter."""
    short = iter(short_names([os.fspath(what) for what in given if isinstance(what, str | os.PathLike)]))
    letters = iter("abcdefghijklmnopqrstuvwxyz" * (1 + len(given) // 26))
    names = [next(short) if isinstance(what, str | os.PathLike) else next(letters) for what in given]
    return [f"{name} {i + 1}" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _reference(names: Sequence[str], to: str | None) -> str:
    if to is None:
        return names[0]
    if to in names:
        return to
    raise UsageError(f"{option('to')}: expected one of {', '.join(names)}, found {to!r}")


def _check_memory(one: Source, other: Source, chosen: Options) -> None:
    """Refuse what a memory limit does not allow."""
    if chosen.memory is None:
        return
    from labelfree.errors import ResourceError

    d = one.d + other.d
    sampled = min(one.total, chosen.sample or one.total)
    needed = _BASE + 8 * d * d * (groups_for(d) + 4) + 24 * d * block_rows(d) + sampled * (12 * d + 1_200)
    if needed > chosen.memory:
        raise ResourceError(
            f"{one.name} and {other.name}: comparing them needs about {needed / 1e6:,.0f} MB, and the limit is "
            f"{chosen.memory / 1e6:,.0f} MB; raise {option('memory')}, or lower {option('sample')}"
        )


def _pair(
    a: str,
    b: str,
    opened: Mapping[str, Source],
    joint: Joint,
    wanted: Sequence[Metric],
    chosen: Options,
    by: str | None,
) -> tuple[PairEntry, list[Any] | None]:
    """The entry of two sources, and the ids of its sampled rows where neighbors were compared."""
    evidence = joint.pair
    entries = {}
    for i, one in enumerate(wanted):
        evidence.progress("measuring", i / len(wanted))
        entries[one.name] = MetricEntry.of(one, one.compute(evidence))
    compared = any(entries[name].value is not None for name in ("neighbors_kept", "mutual_knn") if name in entries)
    ids = _ids(opened[a], joint) if compared else None
    found: list[ChangedRow] = []
    sliced = None
    if ids is not None:
        shares = kept(evidence)
        found = [
            ChangedRow(id=ids[i], neighbors_kept=float(shares.rows[i])) for i in most_changed(shares, CHANGED).tolist()
        ]
        if by is not None:
            sliced = _sliced(by, opened[a], joint, shares)
    sampled = chosen.sample is not None and evidence.n > evidence.sampled
    said = findings_of(a, b, joint, entries)
    made = PairEntry(
        a=a, b=b, n=evidence.n, d=(opened[a].d, opened[b].d),
        sample=SampleInfo(size=evidence.sampled, seed=chosen.seed) if sampled else None, joined=joint.joined,
        left_out=joint.left_out, bad=joint.bad, metrics=entries, changed=found, by=sliced, thresholds=[],
        findings=[FindingEntry.of(one, one.sources or (a, b)) for one in said], bytes=_bytes(opened[b]),
    )  # fmt: skip
    return made, ids


def _ids(source: Source, joint: Joint) -> list[Any]:
    """The ids of the sampled rows, or their positions where there are none."""
    if joint.joined == "position":
        return [int(i) for i in joint.index]
    found = values_at(source, source.roles["id"], joint.index)
    return [int(value) if isinstance(value, int | np.integer) else str(value) for value in found]


def _sliced(by: str, source: Source, joint: Joint, shares: Kept) -> BySlices:
    """The shares of kept neighbors by the values of a column of the first source."""
    values = values_at(source, by, joint.index)
    parts = slices(values)
    entries = [
        SliceEntry(
            value=name, n=len(where), neighbors_kept=float(shares.rows[where].mean()), se=shares.se(where),
            interval=shares.interval(where),
        )
        for name, where in parts.items()
    ]  # fmt: skip
    entries.sort(key=lambda one: one.neighbors_kept)
    return BySlices(column=by, slices=entries, left_out=left_out(parts, len(values)))


def _plain(one: PairEntry) -> dict[str, dict[str, Any]]:
    return {name: entry.model_dump(mode="json") for name, entry in one.metrics.items()}


def _bytes(source: Source) -> int:
    sizes = {"float64": 8, "double": 8, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1}
    return source.d * max((sizes.get(kind, 4) for kind in source.dtype.split(", ")), default=4)


def _input(name: str, source: Source) -> ComparedSource:
    return ComparedSource(
        name=name, path=source.name, n=source.total, d=source.d, dtype=source.dtype, bytes=_bytes(source)
    )
