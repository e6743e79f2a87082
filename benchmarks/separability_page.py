"""docs/speed-separability.md, from the results of separability.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from pages import paragraph

PEERS = ("giotto-tda", "giotto-ph", "scipy", "fast_hdbscan")
SHAPES = ("isotropic", "manifold", "clusters")


def page(results: dict[str, Any], trees: dict[str, Any]) -> str:
    """docs/speed-separability.md, with the results of trees.py."""
    cases = results["cases"]
    peered = [c for c in cases if c["deaths_differ_by"]]
    growing = [c for c in peered if c["d"] == 384]
    wide = sorted((c for c in peered if c["n"] == 5_000 and c["shape"] == "isotropic"), key=lambda c: c["d"])
    large = sorted((c for c in cases if c["n"] > 20_000), key=lambda c: (c["n"], SHAPES.index(c["shape"])))
    powers = ", ".join(f"{power:.2f} ({shape})" for shape, power in results["growth"].items())
    parts = [
        "# Speed and memory of separability",
        *_setting(results["machine"]),
        "## What was to be reached",
        _targets(results["targets"]),
        "## The tree of today",
        *_today(trees),
        "## Against others",
        *_peers(peered),
        "384 columns, isotropic rows where nothing is said:",
        _times(growing, "n"),
        "5,000 isotropic rows:",
        _times(wide, "d"),
        "Peak memory, MB, 384 columns:",
        _memory(growing),
        "## Larger, ours alone",
        _large(large),
        f"From 5,000 rows on, the time of the tree grows as n to the power {powers}.",
    ]
    return "\n\n".join(parts) + "\n"


def reached(target: dict[str, Any]) -> bool:
    """Whether a target was reached, equality included."""
    if target["bound"] == "at least":
        return bool(target["measured"] >= target["target"])
    return bool(target["measured"] <= target["target"])


def _setting(on: dict[str, Any]) -> tuple[str, str]:
    rates = on["float32_gemm_gflops"]
    first = f"""
        Written by `python benchmarks/separability.py` from `benchmarks/results/separability.json`. Measured on a shared
        machine with {on["cores"]} cores, Python {on["python"]}, numpy {on["numpy"]}; its float32 matrix product ran at
        {min(rates):g} to {max(rates):g} GFLOP/s during the run: trust the ratios, not the seconds. Every measurement is
        a process of its own. Seconds are those of the computation alone, without imports and reading; those of the
        whole command (`labelfree separability rows.npy --sample all`: reading, the tree, the surrogate, 20 subsamples,
        the report) are of the process from start to end."""
    second = f"""
        A **GEMM pass** is 2 n² d operations at the best rate of the run, {max(rates):g} GFLOP/s: what the distances of
        all pairs alone would cost, each computed twice."""
    return paragraph(first), paragraph(second)


def _today(trees: dict[str, Any]) -> tuple[str, str, str]:
    by = {case["shape"]: case for case in trees["cases"]}
    cone, even = by["cone"], by["isotropic"]
    first = """
        Written by `python benchmarks/trees.py` from `benchmarks/results/trees.json`, in one run on a machine that
        others used as well: compare processor seconds. All other numbers of this page are of the tree before it, which
        looked at each pair twice and listed neighbors; this one looks at each pair once. **Cone**: unit rows about 40
        centers, from which they lie as Student's t with 3 degrees of freedom. **Block pairs**: the same tree, to the
        last bit, over the pairs of blocks of 4,096 rows, as where rows do not fit one machine. **GEMM pass**: the
        products of all pairs, each twice, on one core."""
    clock, processor = (cone[key]["giotto-tda"] for key in ("over_tree", "processor_over_tree"))
    command, spent = (even[key]["command"] for key in ("over_tree", "processor_over_tree"))
    second = f"""
        In the cone giotto-tda takes {clock:.1f} times as long by the clock and {processor:.1f} times the work; 10 times
        were to be reached. The whole command was to take at most 3 trees at 20,000 isotropic rows; it takes
        {command:.2f} by the clock and {spent:.2f} in work. Two of them are the tree of the rows and that of the rows
        without structure, so that start-up on one core, reading, 40 subsamples and the report have to fit the third.
        Half of the products of the subsamples were left out for that, and all search for equal rows in them; what
        remains is the start and the products, too."""
    rows = []
    for case in trees["cases"]:
        over = case["processor_over_tree"]
        others = [f"{over[name]:.2f}" if name in over else "" for name in ("block pairs", "command", "giotto-tda")]
        tree = median(case["processor_seconds"]["tree"])
        rows.append([f"{case['n']:,}", case["shape"], f"{tree:.2f}", f"{1 / over['floor']:.2f}", *others])
    head = ["n", "shape", "tree, processor s", "over a GEMM pass", "block pairs", "whole command", "giotto-tda"]
    return paragraph(first), paragraph(second), _table(head, rows, text_columns=2)


def _peers(peered: list[dict[str, Any]]) -> tuple[str, str]:
    worst = max(value for c in peered for value in c["deaths_differ_by"].values())
    first = """
        All compute the same deaths from the same float32 rows: giotto-tda `VietorisRipsPersistence` with
        `homology_dimensions=(0,)`; giotto-ph `ripser_parallel`, its backend, with 2 threads; scipy `linkage` of
        `pdist`; fast_hdbscan's exact tree (`parallel_boruvka` on a k-d tree, `min_samples` 1, compiled before the clock
        starts)."""
    second = f"""
        The whole command, which scales the rows to length one first, and the peers are given as multiples of the time
        of the tree. Peers ran once, ours two or
        three times (median). The deaths of all of them agree with ours within {worst:.0e} of the largest."""
    return paragraph(first), paragraph(second)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    rule = "|" + "---|" * text_columns + "---:|" * (len(head) - text_columns)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])


def _targets(targets: list[dict[str, Any]]) -> str:
    rows = []
    for t in targets:
        answer = "yes" if reached(t) else "**no**"
        rows.append([t["what"], t["bound"], f"{t['target']:g}", f"{t['measured']:g}", answer])
    return _table(["", "bound", "target", "measured", "reached"], rows, text_columns=2)


def _label(case: dict[str, Any], of: str) -> str:
    size = f"{case[of]:,}" if of == "n" else str(case[of])
    return size if case["shape"] == "isotropic" else f"{size}, {case['shape']}"


def _times(cases: list[dict[str, Any]], of: str) -> str:
    others = [name for name in ("command", *PEERS) if any(name in c["over_tree"] for c in cases)]
    rows = []
    for c in cases:
        over = [f"{c['over_tree'][name]:.2f}" if name in c["over_tree"] else "" for name in others]
        rows.append([_label(c, of), f"{median(c['seconds']['tree']):.2f}", f"{c['over_gemm_pass']:.2f}", *over])
    return _table([of, "tree, s", "over a GEMM pass", *(_named(name) for name in others)], rows)


def _named(name: str) -> str:
    return "whole command" if name == "command" else name


def _memory(cases: list[dict[str, Any]]) -> str:
    names = ("tree", "command", *PEERS)
    rows = [[_label(c, "n"), *(f"{c['megabytes'][k]:,}" if k in c["megabytes"] else "" for k in names)] for c in cases]
    return _table(["n", *(_named(name) for name in names)], rows)


def _large(cases: list[dict[str, Any]]) -> str:
    rows = []
    for c in cases:
        time, megabytes = median(c["seconds"]["tree"]), c["megabytes"]
        whole = f"{megabytes['command']:,}" if "command" in megabytes else ""
        rows.append(
            [f"{c['n']:,}", c["shape"], f"{time:.1f}", f"{c['over_gemm_pass']:.2f}", f"{megabytes['tree']:,}", whole]
        )
    head = ["n", "shape", "tree, s", "over a GEMM pass", "peak memory of the tree, MB", "of the whole command, MB"]
    return _table(head, rows, text_columns=2)
