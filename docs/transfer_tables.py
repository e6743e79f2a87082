"""The tables of docs/transfer.md, from the committed results of benchmarks/validity/study.py."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results" / "transfer_validity.json"
POOLS = ("epochs", "methods", "all")


def transfer(template: str = "transfer.intro.md") -> str:
    """docs/transfer.md: its introduction with the tables filled in."""
    found: Any = json.loads(RESULTS.read_text())
    tables = {
        "SCORES": scores(),
        "SETTING": setting(found["setting"]),
        "ACCURACY": accuracy(found["accuracy"]),
        "TRUST": trust(found),
        "METHODS": by_method(found),
        "TARGETS": by_target(found),
        "ERRORS": errors(found["scores"]),
        "FAILED": failed(found["scores"]),
        "TRAINED": trained(found),
        "SATURATION": saturation(found),
        "KEPT_BY_SCORE": times_kept(found, "transfer_score", "infomax, early"),
        "KEPT_BY_INFOMAX": times_kept(found, "infomax", "infomax, early"),
        "WITHOUT_EARLY": lost_without(found, "transfer_score", "infomax, early"),
        "HEALTHY": course(found, "turned", "bnm"),
        "GAMED": course(found, "turned", "infomax, early"),
        "INFLATED": course(found, "turned", "norms"),
        "COLLAPSE": course(found, "faded", "entropy"),
    }
    page = (DOCS / template).read_text()
    for name, text in tables.items():
        page = page.replace(f"@{name}@", text)
    return re.sub(r"@([a-z][^@\n]*/[^@\n]*)@", lambda match: _cited(found, match[1].split("/")), page)


def _cited(found: Any, path: Sequence[str]) -> str:
    """A number of the results by the names that lead to it, for a sentence of the introduction."""
    for name in path:
        found = found[name]
    if path[0] == "accuracy" or path[-1] == "accuracy":
        return _percent(found)
    return str(found) if isinstance(found, int) else _number(found, 2 if path[-1] in ("spearman", "lowest") else 1)


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}".replace("-0.00", "0.00")


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.1f}"


def scores() -> str:
    """What every score of the family is, from its entry in METRICS."""
    from labelfree.metrics import METRICS

    better = {"higher": "higher", "lower": "lower", "target": "nearest its target", "none": ""}
    rows = [
        [f"[`{m.name}`](metrics.md#{m.name})", m.kind, better[m.direction], _text(m.definition), _text(m.holds_in)]
        for m in METRICS
        if m.family == "transfer"
    ]
    return table(["score", "kind", "better", "what it is", "holds in"], rows, left=5)


def _text(text: str) -> str:
    return text.replace("*", r"\*").replace("|", r"\|").replace("<", "&lt;")


def setting(found: dict[str, Any]) -> str:
    """How much was run."""
    runs = len(found["rows"]) * len(found["optimizes"]) * found["seeds"]
    rows = ", ".join(f"{n} rows of {name}" for name, n in found["rows"].items())
    errors = ", ".join(f"{50 / n**0.5:.1f}" for n in found["rows"].values())
    return (
        f"{len(found['rows'])} targets, {len(found['optimizes'])} methods, {found['seeds']} seeds: {runs} runs of "
        f"{found['checkpoints']} checkpoints, one after every {found['every']} epochs. {rows}; "
        f"{found['source_rows']} held-out labelled rows of the source. An accuracy over so few rows has a standard "
        f"error of up to {errors} points: losses of a point or two are ties."
    )


def accuracy(found: dict[str, Any]) -> str:
    """True accuracy on the targets: first, best and last checkpoint."""
    methods = next(iter(found.values()))
    head = ["method", *(f"{name}: {when}" for name in found for when in ("first", "best", "last"))]
    rows = [
        [m, *(_percent(found[name][m][when]) for name in found for when in ("first", "best", "last"))] for m in methods
    ]
    return table(head, rows)


def trust(found: dict[str, Any]) -> str:
    """For every score and pool of candidates: rank correlation, points lost in the mean and at worst."""
    head = ["score", "kind", "better"]
    head += [f"{pool}: {what}" for pool in POOLS for what in ("rho", "lost", "worst")]
    rows = []
    for name, entry in found["scores"].items():
        cells = [f"`{name}`", entry["kind"], entry["better"]]
        for pool in POOLS:
            one = entry[pool]
            worst = one["worst"]["lost"] if one["worst"] else None
            cells += [_number(one["spearman"]), _number(one["lost"], 1), _number(worst, 1)]
        rows.append(cells)
    for name in dict.fromkeys(name for pool in POOLS for name in found["rules"][pool]):
        cells = [f"*{name}*", "rule", ""]
        for pool in POOLS:
            one = found["rules"][pool].get(name)
            cells += ["", *(["-", "-"] if one is None else [_number(one["lost"], 1), _number(one["worst"], 1)])]
        rows.append(cells)
    rows.append(["*oracle*", "rule", "", *["", "0.0", "0.0"] * len(POOLS)])
    return table(head, rows, left=3)


def by_method(found: dict[str, Any]) -> str:
    """Rank correlation within the runs of each method."""
    methods = list(found["setting"]["optimizes"])
    rows = []
    for name, entry in found["scores"].items():
        cells = []
        for method in methods:
            value = _number(entry["epochs"]["by"][method]["spearman"])
            cells.append(f"**{value}**" if name in found["setting"]["optimizes"][method] else value)
        rows.append([f"`{name}`", *cells])
    return table(["rho within runs", *methods], rows)


def by_target(found: dict[str, Any]) -> str:
    """Points lost over all methods and epochs of a target."""
    targets = list(found["accuracy"])
    rows = [
        [
            f"`{name}`",
            *(_number(entry[pool]["by"][target]["lost"], 1) for pool in ("methods", "all") for target in targets),
        ]
        for name, entry in found["scores"].items()
    ]
    return table(["points lost", *(f"{pool}: {target}" for pool in ("methods", "all") for target in targets)], rows)


def errors(scores: dict[str, Any]) -> str:
    """Estimates of accuracy against the truth, in points."""
    estimates = {name: entry["error"] for name, entry in scores.items() if "error" in entry}
    methods = list(next(iter(estimates.values()))["by"])
    rows = [
        [
            f"`{name}`",
            _number(e["absolute"], 1),
            _signed(e["signed"]),
            *(_signed(e["by"][m]["signed"]) for m in methods),
            "-" if e["worst"] is None else _signed(e["worst"]["off"]),
        ]
        for name, e in estimates.items()
    ]
    return table(["estimate", "absolute", "signed", *methods, "worst"], rows)


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1f}"


def failed(scores: dict[str, Any]) -> str:
    """For each score, the choice among all methods and epochs of a target that cost most."""
    rows = []
    for name, entry in sorted(scores.items(), key=lambda pair: -(pair[1]["all"]["worst"] or {"lost": -1})["lost"]):
        worst = entry["all"]["worst"]
        if worst is None:
            continue
        kept, best = worst["kept"], worst["best"]
        rows.append(
            [
                f"`{name}`",
                f"{kept['method']}, epoch {kept['epoch']}"
                + (f" (one of {kept['tied']} tied)" if kept["tied"] > 1 else ""),
                f"{kept['target']}, seed {kept['seed']}",
                f"{best['method']}, epoch {best['epoch']}",
                _percent(kept["accuracy"]),
                _percent(best["accuracy"]),
                _number(worst["lost"], 1),
            ]
        )
    return table(["score", "kept", "on", "best was", "accuracy kept", "best", "lost"], rows, left=4)


def trained(found: dict[str, Any]) -> str:
    """A score within runs whose loss optimizes it, and within all other runs."""
    rows = []
    for method, names in found["setting"]["optimizes"].items():
        for name in names:
            if name not in found["scores"]:
                continue
            per = found["scores"][name]["epochs"]["by"]
            others = [m for m in per if name not in found["setting"]["optimizes"][m]]
            rho = [per[m]["spearman"] for m in others if per[m]["spearman"] is not None]
            cost = [per[m]["lost"] for m in others if per[m]["lost"] is not None]
            rows.append(
                [
                    method,
                    f"`{name}`",
                    _number(per[method]["spearman"]),
                    _number(sum(rho) / len(rho) if rho else None),
                    _number(per[method]["lost"], 1),
                    _number(sum(cost) / len(cost) if cost else None, 1),
                ]
            )
    head = ["trained with", "score", "rho in its runs", "in the others", "points lost in its runs", "in the others"]
    return table(head, rows, left=2)


def saturation(found: dict[str, Any]) -> str:
    """The saturation rule of the Transfer Score, against its maximum and the last epoch."""
    rule, rules = found["saturation"], found["rules"]["epochs"]
    highest = found["scores"]["transfer_score"]["epochs"]
    rows = [
        ["saturation of `transfer_score`", _number(rule["lost"], 1), _number(rule["worst"]["lost"], 1)],
        ["highest `transfer_score`", _number(highest["lost"], 1), _number(highest["worst"]["lost"], 1)],
        *([name, _number(one["lost"], 1), _number(one["worst"], 1)] for name, one in rules.items()),
    ]
    after = f"The score saturated in {rule['saturated']} of {rule['runs']} runs."
    return table(["epoch kept", "points lost, mean", "worst"], rows) + "\n\n" + after


def _pools(found: dict[str, Any], without: str = "") -> list[list[int]]:
    """The checkpoints of each target and seed by their place in the columns, those of one method left out."""
    values = found["values"]
    pools: dict[Any, list[int]] = {}
    for i, method in enumerate(values["method"]):
        if method != without:
            pools.setdefault((values["target"][i], values["seed"][i]), []).append(i)
    return list(pools.values())


def times_kept(found: dict[str, Any], score: str, method: str) -> str:
    """In how many pools of all candidates a score that is better higher keeps one of a method."""
    values, pools = found["values"], _pools(found)
    kept = [max(pool, key=values[score].__getitem__) for pool in pools]
    return f"{sum(values['method'][i] == method for i in kept)} of {len(pools)}"


def lost_without(found: dict[str, Any], score: str, method: str) -> str:
    """Points lost over all candidates where those of one method are not among them, in the mean over pools."""
    values, losses = found["values"], []
    for pool in _pools(found, without=method):
        kept = max(pool, key=values[score].__getitem__)
        losses.append(100 * (max(values["accuracy"][i] for i in pool) - values["accuracy"][kept]))
    return _number(sum(losses) / len(losses), 1)


def course(found: dict[str, Any], target: str, method: str) -> str:
    """The runs of a method on a target, checkpoint by checkpoint, in the mean over the seeds."""
    values = found["values"]
    chosen = [
        i for i, (t, m) in enumerate(zip(values["target"], values["method"], strict=True)) if (t, m) == (target, method)
    ]
    epochs = list(dict.fromkeys(values["epoch"][i] for i in chosen))
    shown = ("accuracy", "transfer_score", "classifier_nonuniformity", "hopkins", "infomax", "entropy",
             "average_confidence", "nuclear_norm", "ensv all")  # fmt: skip
    rows = []
    for name in shown:
        if name not in values:
            continue
        cells = []
        for epoch in epochs:
            there = [values[name][i] for i in chosen if values["epoch"][i] == epoch and values[name][i] is not None]
            scale = 1 / math.log(10) if name == "infomax" else 1.0
            cells.append(_number(scale * sum(there) / len(there) if there else None))
        label = {"infomax": "`infomax` / ln 10", "accuracy": "true accuracy", "ensv all": "`ensv`"}
        rows.append([label.get(name, f"`{name}`"), *cells])
    return table([f"{method} on {target}: epoch", *map(str, epochs)], rows)
