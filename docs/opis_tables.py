"""The tables of docs/opis.md, from the committed results of benchmarks/threshold_consistency/study.py."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results" / "threshold_consistency.json"
COVERAGE = DOCS.parent / "benchmarks" / "results" / "coverage_opis.json"
INTERVALS = DOCS.parent / "benchmarks" / "results" / "intervals_groups.json"
NAMES = ("opis", "eps_opis", "mean_utility", "worst_utility")
SETTINGS = ("closed", "open")
SHOWN = ("true", "views", "crossfit 10", "frozen 10", "pixels 10", "same space 10")
"""Sources of groups in the tables that have room for one number of clusters; 10 is the number of identities."""


def opis(template: str = "opis.intro.md") -> str:
    """docs/opis.md: its introduction with the tables filled in."""
    found: Any = json.loads(RESULTS.read_text())
    covered: Any = json.loads(COVERAGE.read_text())["cases"]
    studied: Any = json.loads(INTERVALS.read_text())
    tables = {
        "INTERVALS": intervals(studied),
        **{f"LEAST/{name}": str(least) for name, least in studied["least"].items()},
        "COVERAGE": coverage(covered),
        "REPETITIONS": str(covered[0]["repetitions"]),
        "SETTING": setting(found["setting"]),
        "MODELS_CLOSED": models(found["closed"]["means"]),
        "MODELS_OPEN": models(found["open"]["means"]),
        "ORDERINGS": orderings(found),
        "UTILITY": utility(found),
        "TERM_CLOSED": term(found["closed"]["term"]),
        "TERM_OPEN": term(found["open"]["term"]),
        "CHOICES": choices(found),
        "TRAP": trap(found),
        "STABILITY": stability(found),
        "STABLEST_CLOSED": stablest(found, "closed"),
        "STABLEST_OPEN": stablest(found, "open"),
    }
    page = (DOCS / template).read_text()
    for name, text in tables.items():
        page = page.replace(f"@{name}@", text)
    return re.sub(r"@([a-z][^@\n]*/[^@\n]*)@", lambda match: _cited(found, match[1].split("/")), page)


def coverage(cases: Sequence[Any]) -> str:
    """How often the intervals covered, by the number of groups, their size and their spread."""
    rows = []
    for case in cases:
        cells = [str(case["groups"]), str(case["size"]), case["spread"]]
        for found in (case[name] for name in NAMES):
            width = "" if found["covered"] is None else f" ({found['width_over_target']:g})"
            cells.append(f"{_number(found['covered'])}{width}")
        rows.append(cells)
    return table(["groups", "rows each", "spread", *(f"`{name}`" for name in NAMES)], rows, 3)


def intervals(found: dict[str, Any]) -> str:
    """How often the intervals of the laws kept aside held the mean, where there are any."""
    rows = []
    for where, one in found["aside"].items():
        if any(one["cells"][name]["offered"] for name in NAMES):
            law, groups = where.rsplit(", ", 1)
            cells = [_held(one["cells"][name]) for name in NAMES]
            rows.append([law, groups.split()[0], f"{one['rows'][1]:,}", *cells])
    return table(["law", "groups", "rows", *(f"`{name}`" for name in NAMES)], rows, 1)


def _held(cell: dict[str, Any]) -> str:
    """Coverage and width of a cell; a share in front where not every draw had an interval."""
    if not cell["offered"]:
        return "-"
    some = "" if cell["offered"] == cell["draws"] else f", {cell['offered']} of {cell['draws']}"
    return f"{cell['covered']:.2f} ({cell['half_width_over_196_sd']:.2f}{some})"


def _cited(found: Any, path: Sequence[str]) -> str:
    """A number of the results by the names that lead to it, for a sentence of the introduction."""
    for name in path:
        found = found[int(name) if isinstance(found, list) else name]
    if isinstance(found, int):
        return str(found)
    if path[-1] == "unhealthy":
        return f"{found:g}"
    small = path[-1].startswith("opis") or path[2].startswith("opis ")
    return _number(found, 4 if small else 2)


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else re.sub(r"^-(0\.0+)$", r"\1", f"{value:.{digits}f}")


def _named(source: str) -> str:
    """A source of groups as the page calls it."""
    kind, _, k = source.rpartition(" ")
    plain = {"true": "true identities", "views": "views", "crossfit, stablest": "cross-fit, stablest k"}
    if source in plain:
        return plain[source]
    return f"{kind.replace('crossfit', 'cross-fit').replace('same space', 'same space (circular)')}, k = {k}"


def setting(found: dict[str, Any]) -> str:
    """How much was run."""
    rows, identities = found["rows"], found["identities"]
    each = "; ".join(
        f"{name}: {rows[name][0]:,} rows of {identities[name][0]} identities trained on, {rows[name][1]} of "
        f"{identities[name][1]} judged"
        for name in rows
    )
    views, far = found["views"], found["opis"]["far"]
    return (
        f"{each}. {found['seeds']} seeds of every recipe. OPIS on FAR {far[0]:g} to {far[1]:g} at "
        f"{found['opis']['points']} thresholds. Views: {views['each']} of each of {views['images']} judged images, "
        f"turned by up to {views['degrees']:g} degrees, moved by up to {views['pixels']:g} pixels, noise of "
        f"{views['noise']:g}. k-means: the median of {found['clusters']['draws']} seeds."
    )


def models(means: dict[str, Any]) -> str:
    """Every recipe in the mean over its seeds."""
    head = ["model", "healthy", "recall@1", "mean utility", "worst utility"]
    rows = []
    for name, entry in means.items():
        cells = [name, f"{entry['healthy']}/{entry['of']}"]
        cells += [_number(entry[key]) for key in ("recall", "mean_utility true", "worst_utility true")]
        rows.append(cells + [_number(entry[f"opis {source}"], 4) for source in SHOWN])
    return table([*head, *(f"OPIS: {_named(source)}" for source in SHOWN)], rows)


def orderings(found: dict[str, Any]) -> str:
    """Rank correlation of OPIS by every source with OPIS by true identities."""
    head = ["OPIS by"]
    head += [f"{s}: {what}" for s in SETTINGS for what in ("all", "healthy", "TCM weights")]
    rows = [
        [_named(name), *(_rho(found[s]["orderings"]["by"][name][what]) for s in SETTINGS for what in KINDS)]
        for name in found["closed"]["orderings"]["by"]
        if not name.startswith(("half", "true", "recall"))
    ]
    for name, entry in (("*true identities, one half of the rows against the other*", "ceiling"), ("*recall@1*", "")):
        cells = [found[s]["orderings"][entry] if entry else found[s]["orderings"]["by"]["recall"] for s in SETTINGS]
        rows.append([name, *(_rho(cell[what]) for cell in cells for what in KINDS)])
    return table(head, rows)


KINDS = ("all", "healthy", "sweep")


def _rho(entry: dict[str, Any]) -> str:
    if "interval" not in entry:
        return _number(entry["rho"])
    return f"{_number(entry['rho'])} [{', '.join(_number(v) for v in entry['interval'])}]"


def utility(found: dict[str, Any]) -> str:
    """Rank correlation of mean utility by every source with that by true identities, and with true OPIS."""
    kinds = {"utility, all": "utility, all", "utility, healthy": "utility, healthy", "by utility": "OPIS, healthy"}
    head = ["mean utility by", *(f"{s}: true {what}" for s in SETTINGS for what in kinds.values())]
    rows = [
        [_named(name), *(_rho(found[s]["orderings"]["by"][name][kind]) for s in SETTINGS for kind in kinds)]
        for name in found["closed"]["orderings"]["by"]
        if not name.startswith(("half", "recall"))
    ]
    return table(head, rows)


def term(found: dict[str, Any]) -> str:
    """What the TCM term does to OPIS by every source, with minus without."""
    weights = list(found["opis true"])
    rows = []
    for key in [f"opis {s}" for s in SHOWN] + [f"mean_utility {s}" for s in SHOWN] + ["recall", "view recall"]:
        field, _, source = key.partition(" ")
        digits = 4 if field == "opis" else 3
        name = {"recall": "recall@1", "view recall": "recall@1 of views"}.get(key)
        name = name or f"{'OPIS' if field == 'opis' else 'mean utility'}: {_named(source)}"
        rows.append([name, *(_difference(found[key][weight], digits) for weight in weights)])
    return table(["with the term less without it", *weights], rows)


def _difference(entry: dict[str, Any], digits: int) -> str:
    return f"{entry['mean']:+.{digits}f} ± {entry['se']:.{digits}f} ({entry['lower']}/{entry['of']})"


def choices(found: dict[str, Any]) -> str:
    """What it costs to keep a model by each rule."""
    head = ["keeps", *(f"{s}: {what}" for s in SETTINGS for what in ("unhealthy", "U lost", "healthy: OPIS lost",
                                                                     "healthy: U lost"))]  # fmt: skip
    rows = []
    for name in found["closed"]["choices"]:
        rule, _, source = name.partition(", ")
        if source and source not in SHOWN:
            continue
        cells = []
        for s in SETTINGS:
            one = found[s]["choices"][name]
            cells += [f"{one['all']['unhealthy']:.3g}/{one['all']['pools']}", _number(one["all"]["utility"])]
            cells += [_number(one["healthy"]["opis"], 4), _number(one["healthy"]["utility"])]
        rows.append([f"{RULES[rule]}{_named(source)}" if source else f"*{name}*", *cells])
    return table(head, rows)


RULES = {
    "opis": "lowest OPIS, ",
    "guarded opis": "lowest OPIS in the better half by mean utility, ",
    "utility": "highest mean utility, ",
}


def trap(found: dict[str, Any]) -> str:
    """Which models have the lowest OPIS."""
    rows = []
    for source in found["closed"]["trap"]:
        if source in SHOWN:
            cells = []
            for s in SETTINGS:
                entry = found[s]["trap"][source]
                counted: dict[str, int] = {}
                for name, _, _ in entry["lowest"]:
                    counted[name] = counted.get(name, 0) + 1
                cells.append(f"{entry['unhealthy']}/{entry['of']}: {', '.join(f'{n} {c}' for n, c in counted.items())}")
            rows.append([_named(source), *cells])
    return table(["the ten lowest OPIS by", *(f"{s}: not healthy, and which models" for s in SETTINGS)], rows, left=3)


def stability(found: dict[str, Any]) -> str:
    """How stable cross-fit clusterings are, model by model."""
    ks = found["setting"]["clusters"]["k"]
    names = list(found["closed"]["means"])
    rows = [
        [name, *(_number(found[s]["means"][name][f"stability {k}"]) for s in SETTINGS for k in ks)] for name in names
    ]
    return table(["model", *(f"{s}: k = {k}" for s in SETTINGS for k in ks)], rows)


def stablest(found: dict[str, Any], name: str) -> str:
    """For how many of the healthy models the number of clusters that is stablest is the number of identities."""
    values, right = found["values"], found["setting"]["identities"][name][1]
    columns = zip(values["setting"], values["mean_utility true"], values["stablest"], strict=True)
    chosen = [k for where, utility, k in columns if where == name and utility >= found["setting"]["healthy"]]
    return f"{chosen.count(right)} of {len(chosen)}"
