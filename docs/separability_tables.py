"""The tables of docs/separability.md, from the committed results of evidence.py and coverage_separability.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
NAMES = {"separability": "S", "robust": "robust", "excess": "excess of S", "robust_excess": "excess of robust"}


def separability(template: str = "separability.intro.md") -> str:
    """docs/separability.md: its introduction with the tables filled in."""
    evidence: Any = json.loads((RESULTS / "evidence.json").read_text())
    coverage: Any = json.loads((RESULTS / "coverage_separability.json").read_text())
    tables = {
        "AGREEMENT": agreement(evidence["families"]),
        "DIMENSION": dimension(evidence["families"]),
        "OUTLIERS": outliers(evidence["families"]),
        "DIGITS": digits(evidence["digits"]),
        "RUNS": runs(evidence["runs"]),
        "WRONG_LABELS": epochs(evidence["runs"]["wrong labels"]["values"]),
        "COLLAPSE": epochs(evidence["runs"]["collapse"]["values"]),
        "CLASSLESS": classless(evidence["classless"]),
        "SIZES": sizes(evidence["sizes"]),
        "COVERAGE": intervals(coverage["coverage"]),
    }
    page = (DOCS / template).read_text()
    for name, text in tables.items():
        page = page.replace(f"@{name}@", text)
    return page


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _means(values: dict[str, list[Any]], along: str, name: str) -> list[float | None]:
    """The mean of a column for every step of another, over the rows that have one."""
    out = []
    for step in dict.fromkeys(values[along]):
        there = [v for v, at in zip(values[name], values[along], strict=True) if at == step and v is not None]
        out.append(sum(there) / len(there) if there else None)
    return out


def agreement(families: dict[str, Any]) -> str:
    """Spearman correlations of every family."""
    pairs = [("separability", s) for s in ("fisher", "knn", "auc", "calinski")]
    pairs += [("robust", s) for s in ("fisher", "knn", "auc", "calinski")]
    pairs += [("excess", "fisher"), ("robust_excess", "fisher")]
    head = ["", *(f"{NAMES[u]}, {s.capitalize() if s != 'knn' else 'kNN'}" for u, s in pairs)]
    head = [h.replace("Auc", "AUC").replace("Calinski", "C-H") for h in head]
    return table(head, ([name, *(_number(f["spearman"][u][s]) for u, s in pairs)] for name, f in families.items()))


def dimension(families: dict[str, Any]) -> str:
    """S of five classes at every distance, in three dimensions."""
    distances = dict.fromkeys(families["k = 5, d = 64"]["values"]["distance"])
    rows = []
    for d in (16, 64, 384):
        values = families[f"k = 5, d = {d}"]["values"]
        for name, shown in (("separability", "S"), ("robust", "robust"), ("knn", "kNN accuracy")):
            rows.append([f"d = {d}: {shown}", *(_number(v) for v in _means(values, "distance", name))])
    return table(["distance", *(f"{x:g}" for x in distances)], rows)


def outliers(families: dict[str, Any]) -> str:
    """S and its robust twin with and without outliers."""
    cases = ("k = 5, d = 64", "6 outliers", "mean far from zero", "6 outliers, mean far from zero",
             "normalize none", "6 outliers, normalize none")  # fmt: skip
    distances = dict.fromkeys(families[cases[0]]["values"]["distance"])
    rows = []
    for case in cases:
        for name, shown in (("separability", "S"), ("robust", "robust")):
            values = _means(families[case]["values"], "distance", name)
            rows.append([f"{case}: {shown}", *(_number(v) for v in values)])
    return table(["distance", *(f"{x:g}" for x in distances)], rows)


def digits(found: dict[str, Any]) -> str:
    """The pixels of the digits."""
    rows = [
        [f"normalize {name}" if "shuffled" not in name else f"{name}, normalize l2", *_four(values)]
        for name, values in found.items()
        if name != "labels"
    ]
    labels = found["labels"]
    after = (
        f"Labels say of these pixels: Fisher's ratio {labels['fisher']:.2f}, kNN accuracy {labels['knn']:.3f}, "
        f"AUC {labels['auc']:.3f}."
    )
    return table(["pixels", *NAMES.values()], rows) + "\n\n" + after


def _four(values: dict[str, Any]) -> list[str]:
    return [_number(values[u]) for u in NAMES]


def runs(found: dict[str, Any]) -> str:
    """Agreement within runs, and the price of picking by a metric."""
    against = ("accuracy", "fisher", "knn", "auc")
    rows = []
    for run, entry in found.items():
        for u, shown in NAMES.items():
            lost = entry["lost_by_picking"][u]
            correlations = [_number(entry["spearman"][u][s]) for s in against]
            rows.append([f"{run}: {shown}", *correlations, f"{lost['mean']:.1f}", f"{lost['worst']:.1f}"])
    head = ["", "accuracy", "Fisher", "kNN", "AUC", "points lost, mean", "worst"]
    return table(head, rows)


def epochs(values: dict[str, list[Any]]) -> str:
    """A run, epoch by epoch, in the mean over its seeds."""
    steps = list(dict.fromkeys(values["epoch"]))
    shown = {
        "separability": "S", "robust": "robust", "fisher": "Fisher's ratio", "knn": "kNN accuracy",
        "accuracy": "accuracy of the head", "warned": "share of runs with a warning of collapse",
    }  # fmt: skip
    rows = [[label, *(_number(v) for v in _means(values, "epoch", name))] for name, label in shown.items()]
    return table(["epoch", *map(str, steps)], rows)


def classless(found: dict[str, Any]) -> str:
    """Rows without classes."""
    rows = [[name, *_four(values), "yes" if values["warned"] else "no"] for name, values in found.items()]
    return table(["rows", *NAMES.values(), "warned of"], rows)


def sizes(found: dict[str, Any]) -> str:
    """One law at several numbers of rows."""
    rows = [[label, *(_number(v, 3) for v in found[u])] for u, label in NAMES.items()]
    return table(["rows", *(f"{n:,}" for n in found["n"])], rows)


def intervals(found: dict[str, Any]) -> str:
    """Coverage of the nominal 95 % intervals, and their standard error over the true one."""
    rows = []
    for case, entry in found.items():
        cells = []
        for name in ("separability", "separability_robust"):
            one = entry[name]
            cells += (
                ["-"] * 3 if one is None else [f"{one['coverage']:.2f}", f"{one['se_over_sd']:.2f}", f"{one['sd']:.4f}"]
            )
        rows.append([case, str(entry["repetitions"]), *cells])
    return table(["law", "draws", "S: coverage", "se / sd", "sd", "robust: coverage", "se / sd", "sd"], rows)
