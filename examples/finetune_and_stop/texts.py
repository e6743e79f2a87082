"""Sentences about ten subjects: the first sentences of docstrings of Python packages, the class is the subject.

    python texts.py            writes texts.parquet beside this script, from the packages that are installed
    python texts.py --probe    probe.json: what a linear probe on the untrained encoder gets right, of this set and of
                               the other one that was considered; the choice was made by it

texts.parquet: text, class, split. `eval` are 2,000 texts whose classes nothing but this sentence knows, `train` the
few that are labeled, `test` is for the accuracy in the report.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
SUBJECTS = (
    "matplotlib", "networkx.algorithms", "pandas.core", "polars.expr", "scipy.stats", "sklearn", "sympy.physics",
    "sympy.polys", "torch.distributed", "transformers.generation",
)  # fmt: skip
PACKAGES = (
    "datasets", "lightning", "matplotlib", "networkx", "numpy", "pandas", "polars", "scipy", "sklearn", "sympy",
    "torch", "transformers",
)  # fmt: skip
SPLITS = {"eval": 200, "test": 50, "train": 40}
"""Texts of each class."""


def sentences(package: str) -> dict[str, str]:
    """First sentences of the docstrings of an installed package, and the module of each."""
    root = Path(sysconfig.get_paths()["purelib"]) / package
    found: dict[str, str] = {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root.parent).with_suffix("").parts
        if {"test", "tests", "testing", "_lib", "externals"} & set(parts):
            continue
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                text = " ".join((ast.get_docstring(node) or "").split())
                first = re.split(r"(?<=[.!?]) ", text)[0]
                if re.fullmatch(r"[A-Z][A-Za-z' ,()-]+\.", first) and 5 <= len(first.split()) <= 20:
                    found.setdefault(first, ".".join(parts))
    return found


def classes(subjects: tuple[str, ...], most: int) -> dict[str, list[str]]:
    """Texts of each subject in a random order; a sentence that stands in two packages belongs to neither."""
    packages = {name: sentences(name) for name in sorted({s.split(".")[0] for s in subjects})}
    seen = Counter(text for found in packages.values() for text in found)
    rng = np.random.default_rng(0)
    chosen = {}
    for subject in subjects:
        found = packages[subject.split(".")[0]]
        texts = sorted(t for t, module in found.items() if seen[t] == 1 and f"{module}.".startswith(f"{subject}."))
        chosen[subject] = [texts[i] for i in rng.permutation(len(texts))[:most]]
    return chosen


def probe() -> None:
    """Write the accuracy of logistic regression on the untrained encoder, with a few labels per class and with many."""
    from encoder import MODEL
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    model = SentenceTransformer(str(MODEL), device="cpu")
    accuracy: dict[str, dict[str, float]] = {}
    for name, subjects in (("packages", PACKAGES), ("subjects", SUBJECTS)):
        found = classes(subjects, sum(SPLITS.values()))
        y = np.repeat(np.arange(len(subjects)), [len(texts) for texts in found.values()])
        X = model.encode([text for texts in found.values() for text in texts], show_progress_bar=False)
        for few in (4, 8, 16, 200):
            scores = []
            for seed in range(5):
                rng = np.random.default_rng(seed)
                train = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:few] for c in range(len(subjects))])
                rest = np.setdiff1d(np.arange(len(y)), train)
                fitted = LogisticRegression(C=10, max_iter=500).fit(X[train], y[train])
                scores.append(fitted.score(X[rest], y[rest]))
            accuracy.setdefault(name, {})[f"{few} labels per class"] = round(float(np.mean(scores)), 3)
    (HERE / "probe.json").write_text(json.dumps(accuracy, indent=1) + "\n")


def main() -> None:
    """Write the set, in each split the texts of fewest tokens first."""
    from encoder import MODEL
    from transformers import AutoTokenizer

    rows: dict[str, list[str]] = {"text": [], "class": [], "split": []}
    for subject, texts in classes(SUBJECTS, sum(SPLITS.values())).items():
        splits = [split for split, count in SPLITS.items() for _ in range(count)]
        rows["text"] += texts
        rows["class"] += [subject] * len(texts)
        rows["split"] += splits[: len(texts)]
    tokens = AutoTokenizer.from_pretrained(MODEL)(rows["text"])["input_ids"]
    order = sorted(range(len(tokens)), key=lambda i: (rows["split"][i], len(tokens[i])))
    pq.write_table(pa.table(rows).take(order), HERE / "texts.parquet", compression="zstd", compression_level=19)
    print(Counter(rows["split"]))


if __name__ == "__main__":
    probe() if "--probe" in sys.argv else main()
