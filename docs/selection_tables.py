"""The tables of docs/evidence/select.md: what choosing by the rule, and by every single score, costs."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, median
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
SETTINGS = ("source+logits", "logits", "ordered", "unordered")
NAMES = {"last": "the last candidate", "source_accuracy": "source_accuracy"}
Task = dict[str, Any]


def selection() -> str:
    """docs/evidence/select.md: its introduction with the tables filled in."""
    study: Any = json.loads((RESULTS / "selection.json").read_text())
    text = (DOCS / "evidence" / "select.intro.md").read_text()
    kept = [t for t in study["tasks"] if t["side"] == "kept"]
    designed: Any = json.loads((RESULTS / "selection_design.json").read_text())
    labels: Any = json.loads((RESULTS / "selection_labels.json").read_text())
    setting, logits = study["setting"], [t for t in kept if "logits" in t["settings"]]
    filled = {
        "RULES": rules(kept), "SETS": sets(kept), "GROUPS": groups(kept), "FAILED": failed(kept),
        "SHARES": shares(kept), "KEPT": str(len(logits)), "TRIED": f"{setting['rules_tried']:,}",
        "LATER": f"{setting['tried_later']:,}",
        "ENVELOPE": envelope(kept), "SEEDS": _listed(setting["kept"]), "OPENED": _listed(setting["design"]),
        "DESIGN": design(designed["tasks"]), "SHOWN": _listed(designed["setting"]["shown"]),
        "SHOWN_TASKS": str(len(designed["tasks"])), "WORTH": worth(labels), "NEEDED": needed(labels),
        "SPEED": speed(json.loads((RESULTS / "selection_speed.json").read_text())),
    }  # fmt: skip
    for name, found in filled.items():
        text = text.replace(f"@{name}@", found)
    notice = "<!-- Written by docs/generate.py; change docs/evidence/select.intro.md, or the results, and run it. -->\n"
    return notice + text


def speed(found: list[dict[str, Any]]) -> str:
    """Processor seconds by shape, beside the floor."""
    head = [
        "candidates x rows x columns, classes",
        "floor",
        "logits",
        "source+logits",
        "the whole command, of which imports",
    ]
    rows = []
    for one in found:
        count, n, d, k = one["shape"]
        told = [f"{one[name]:.1f} ({one[name] / one['floor']:.1f} x)" for name in ("logits", "source+logits")]
        whole = f"{one['command']:.1f}, {one['imports']:.1f}" if "command" in one else ""
        rows.append([f"{count} x {n:,} x {d}, {k}", f"{one['floor']:.1f}", *told, whole])
    return table(head, rows)


def rules(tasks: list[Task]) -> str:
    """Regret by rule and setting: mean, median, worst."""
    there = [s for s in SETTINGS if any(s in t["settings"] for t in tasks)]
    names = sorted({name for t in tasks for name in t["singles"]} - {"last"})
    rows = [
        ["**the rule**", *(_told([t["settings"][s]["regret"] for t in tasks if s in t["settings"]]) for s in there)]
    ]
    for words, some in _by_imbalance(tasks):
        told = [_told([t["settings"][s]["regret"] for t in some if s in t["settings"]]) for s in there]
        rows.append([f"the rule, classes {words} ({sum('logits' in t['settings'] for t in some)} tasks)", *told])
    for seeds in ((201, 202), (203, 204)):
        some = [t for t in tasks if t["seed"] in seeds]
        told = [_told([t["settings"][s]["regret"] for t in some if s in t["settings"]]) for s in there]
        rows.append([f"the rule, seeds {_listed(list(seeds))} ({len(some)} tasks)", *told])
    second = json.loads((RESULTS / "selection_version2.json").read_text())["tasks"]
    before = {(t["group"], t["seed"]): t for t in second}
    same = [before[t["group"], t["seed"]] for t in tasks if (t["group"], t["seed"]) in before]
    rows.append(["version 2 of the rule", *(_told([t[s] for t in same if s in t]) for s in there)])
    for words, some in _by_imbalance([t for t in tasks if (t["group"], t["seed"]) in before]):
        told = [_told([before[t["group"], t["seed"]][s] for t in some]) if s in SETTINGS[:2] else "" for s in there]
        rows.append([f"version 2, classes {words}", *told])
    for name in ("last", *names):
        told = [_alone(name, [t for t in tasks if s in t["settings"]]) for s in there]
        rows.append([NAMES.get(name, f"`{name}`"), *told])
    rows.append(["one at random", *(_told([t["random"] for t in tasks if s in t["settings"]]) for s in there)])
    rows.append(["tasks", *(str(sum(s in t["settings"] for t in tasks)) for s in there)])
    return table(["chosen by", *there], rows)


def _alone(name: str, tasks: list[Task]) -> str:
    """Regret by a single score, and how many of the tasks it was measured on where these are not all."""
    found = [t["singles"][name] for t in tasks if name in t["singles"]]
    some = f" ({len(found)} tasks)" if 0 < len(found) < len(tasks) else ""
    return _told(found) + some


def sets(tasks: list[Task]) -> str:
    """What was decided, and whether the sets hold the best."""
    rows = []
    for setting in ("source+logits", "logits"):
        found = [(t, t["settings"][setting]) for t in tasks if setting in t["settings"]]
        said = [f for _, f in found]
        decided = [f["regret"] for f in said if f["decision"] != "undecided"]
        sizes = {name: _share([f[name] / t["candidates"] for t, f in found]) for name in ("tied", "plausible")}
        held = [f"{_share([f[f'{name}_holds_best'] for f in said])}, {size}" for name, size in sizes.items()]
        counts = [str(sum(f["decision"] == d for f in said)) for d in ("keep", "tie", "undecided")]
        rows.append([setting, *counts, _told(decided), _share([f["within_noise"] for f in said]), *held])
    head = ["setting", "keep", "tie", "undecided", "regret where decided", "within noise of the best"]
    return table([*head, "tied: holds the best, size", "plausible: holds the best, size"], rows)


def design(tasks: list[Task]) -> str:
    """Regret of the rule on open seeds."""
    rows = []
    for words, some in _by_imbalance(tasks):
        told = [_told([t["settings"][s]["regret"] for t in some]) for s in SETTINGS[:2]]
        rows.append([words, str(len(some)), *told])
    return table(["classes", "tasks", *SETTINGS[:2]], rows)


def _by_imbalance(tasks: list[Task]) -> list[tuple[str, list[Task]]]:
    even = [t for t in tasks if t["imbalance"] < 5]
    return [("less than 5 times apart", even), ("5 times apart or more", [t for t in tasks if t["imbalance"] >= 5])]


def worth(labels: Any) -> str:
    """Mean regret of choosing by uniformly drawn labels, and the number of them that loses as little as the rule."""
    rows, budgets = [], labels["budgets"]
    for words, some in (("all", labels["tasks"]), *_of_labels(labels["tasks"])):
        by = [mean(t["labels"]["uniform"][i] for t in some) for i in range(len(budgets))]
        rule = {s: mean(t["rule"][s] for t in some) for s in SETTINGS[:2]}
        told = [f"{rule[s]:.1f} ({_first(budgets, by, rule[s])})" for s in SETTINGS[:2]]
        rows.append([words, str(len(some)), *told, *(f"{v:.1f}" for v in by)])
    return table(["classes", "tasks", *(f"rule, {s} (labels)" for s in SETTINGS[:2]), *map(str, budgets)], rows)


def _of_labels(tasks: list[Task]) -> list[tuple[str, list[Task]]]:
    study = json.loads((RESULTS / "selection.json").read_text())["tasks"]
    uneven = {(t["group"], t["seed"]) for t in study if t["imbalance"] >= 5}
    even = [t for t in tasks if (t["group"], t["seed"]) not in uneven]
    return [("less than 5 times apart", even), ("5 times apart or more", [t for t in tasks if t not in even])]


def _first(budgets: list[int], values: list[float], rule: float) -> str:
    """The first budget with which labels lose at most as much as the rule."""
    return next((str(m) for m, v in zip(budgets, values, strict=True) if v <= rule), f"over {budgets[-1]}")


def needed(labels: Any) -> str:
    """Mean regret among the plausible candidates by so many labels, of our rows and of uniform ones."""
    rows = []
    for setting in SETTINGS[:2]:
        some = [t["labels"][setting] for t in labels["tasks"] if setting in t["labels"]]
        for words, way in (("as drawn by `--label-budget`", "ours"), ("uniformly drawn", "uniform")):
            by = [mean(t[way][i] for t in some) for i in range(len(labels["budgets"]))]
            rows.append([setting, str(len(some)), words, *(f"{v:.1f}" for v in by)])
    return table(["setting", "tasks", "rows", *map(str, labels["budgets"])], rows, left=3)


def shares(tasks: list[Task]) -> str:
    """Regret without and with the shares of the classes, where the largest class is five times the smallest or more."""
    rows = []
    for setting in ("source+logits", "logits"):
        there = [t["settings"] for t in tasks if f"{setting}, class shares" in t["settings"]]
        both = [[t[name]["regret"] for t in there] for name in (setting, f"{setting}, class shares")]
        rows.append([setting, str(len(there)), *map(_told, both)])
    return table(["setting", "tasks", "without class shares", "with them"], rows)


def groups(tasks: list[Task]) -> str:
    """Regret of the rule and of two single scores by group of tasks, a number for each seed."""
    rows = []
    for group in dict.fromkeys(t["group"] for t in tasks):
        some = [t for t in tasks if t["group"] == group]
        told = [_each([t["settings"].get(s, {}).get("regret") for t in some]) for s in ("source+logits", "logits")]
        if "logits" not in some[0]["settings"]:
            told = ["", _each([f["regret"] for t in some for f in t["settings"].values()])]
        alone = [_each([t["singles"].get(name) for t in some]) for name in ("infomax", "ensv")]
        shape = [_each([t[name] for t in some], "g") for name in ("classes", "rows", "candidates")]
        rows.append([group, *shape, *told, *alone, f"{mean(t['random'] for t in some):.1f}"])
    head = ["tasks", "classes", "rows", "candidates", "rule with source rows", "rule without", "infomax", "ensv"]
    return table([*head, "random"], rows)


def failed(tasks: list[Task]) -> str:
    """Every task with logits on which the rule lost more than five points."""
    rows = []
    for t in tasks:
        for s in ("source+logits", "logits"):
            f = t["settings"].get(s)
            if f is None or f["regret"] <= 5:
                continue
            best, middle = 100 * max(t["accuracies"]), 100 * mean(t["accuracies"])
            said = f["decision"] + (f", {f['code']}" if f["code"] else "")
            shape = [f"{t[name]:g}" for name in ("classes", "rows", "imbalance")]
            held = "yes" if f["plausible_holds_best"] else "no"
            rows.append(
                [t["group"], str(t["seed"]), s, *shape, f"{best:.0f}, {middle:.0f}", f"{f['regret']:.1f}", said, held]
            )
    head = ["tasks", "seed", "setting", "classes", "rows", "imbalance", "accuracy: best, mean", "regret", "said"]
    return table([*head, "best plausible"], rows, left=3) if rows else "None."


def envelope(tasks: list[Task]) -> str:
    """What the tasks with logits spanned."""
    some = [t for t in tasks if "logits" in t["settings"]]
    spans = {n: [t[n] for t in some] for n in ("classes", "rows", "candidates")}
    said = ", ".join(f"{min(v):,} to {max(v):,} {n}" for n, v in spans.items())
    return f"{said}, and a largest class of up to {max(t['imbalance'] for t in some):g} times the smallest"


def _told(values: list[float]) -> str:
    return f"{mean(values):.1f} / {median(values):.1f} / {max(values):.1f}" if values else ""


def _share(values: list[Any]) -> str:
    there = [v for v in values if v is not None]
    return f"{100 * mean(there):.0f} %" if there else ""


def _each(values: list[Any], form: str = ".1f") -> str:
    """A number for each seed, one where they are equal; nothing where there are none."""
    there = [format(v, form) for v in values if v is not None]
    return there[0] if form == "g" and len(set(there)) == 1 else " / ".join(there)


def _listed(values: list[int]) -> str:
    return ", ".join(map(str, values))
