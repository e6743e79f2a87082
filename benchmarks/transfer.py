"""The metrics of transfer against a matrix product and against others that compute the same, in one run.

    python benchmarks/transfer.py [--adapt-python PATH]
    python benchmarks/transfer.py --quick    small shapes, some seconds; written nowhere
    python benchmarks/transfer.py --page     docs/speed-transfer.md again, from the results

The full run takes some minutes and writes benchmarks/results/transfer.json and docs/speed-transfer.md. pytorch-adapt
needs versions of its own, so it runs by an interpreter of its own (pip install torch pytorch-adapt==0.0.83
'setuptools<81'), and is left out where none is given. Every measurement is a process of its own; seconds are those of
the computation inside it, without imports and reading, and of the command from start to end. Those of its processors
stand beside them: on a machine that others use too, they are what can be compared.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pages import paragraph
from processes import machine, run

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "transfer.json"
PAGE = HERE.parent / "docs" / "speed-transfer.md"

TIMED = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
folder = sys.argv[1]
X, L, W = (np.load(f"{{folder}}/{{name}}.npy") for name in "XLW")
{setup}
began, spent = time.perf_counter(), time.process_time()
{work}
print(json.dumps([time.perf_counter() - began, time.process_time() - spent, values]))
"""
FAMILY = """
e = target(X, L, W)
values = {m.name: m.compute(e).value for m in METRICS if m.family == "transfer"}
"""
RELEASED = """
n = len(X) // 32 * 32  # its loader drops the last batch
X, L = X[:n], L[:n]
m = int(0.05 * len(X))
thrown = np.random.RandomState(0).uniform(X.min(0), X.max(0), (m, X.shape[1]))
chosen = random.Random(0).sample(range(len(X)), m)
tree = NearestNeighbors(n_neighbors=2).fit(X)
u, w = tree.kneighbors(thrown)[0][:, 0].sum(), tree.kneighbors(X[chosen])[0][:, 1].sum()
Z = np.exp(L - L.max(1, keepdims=True))
P = Z / Z.sum(1, keepdims=True)
gain = []
for i in range(0, len(P) - 31, 32):
    p = P[i:i + 32]
    gain.append((p * np.log(p + 1e-5)).sum(1).mean() - (p.mean(0) * np.log(p.mean(0) + 1e-6)).sum())
V = (W / np.linalg.norm(W, axis=1, keepdims=True)).astype(np.float64)
k = len(V)
angle = np.arccos(np.clip(V @ V.T, -1, 1))[~np.eye(k, dtype=bool)]
score = u / (u + w) + np.mean(gain) / np.log(k) - ((angle - np.arccos(-1 / (k - 1))) ** 2).mean()
values = {"transfer_score": float(score)}
"""
ADAPT_SETUP = """
import torch
from pytorch_adapt.validators import *
logits, rows = torch.tensor(L), torch.tensor(X / np.linalg.norm(X, axis=1, keepdims=True))
seen = {"logits": logits, "preds": logits.softmax(1), "features": rows}
cluster = ClassClusterValidator(pca_size=None, centroid_init="label_centers")
validators = dict(entropy=EntropyValidator(), diversity=DiversityValidator(), infomax=IMValidator(),
                  nuclear_norm=BNMValidator(), snd=SNDValidator(layer="preds"), class_ami=cluster)
"""
ADAPT = """
values = {name: float(v(target_train=dict(seen))) for name, v in validators.items()}
n, k = L.shape
values["entropy"] *= -1
values["nuclear_norm"] *= n / (min(n, k) * n) ** 0.5
"""
OURS = (
    "from labelfree import metrics\nfrom labelfree.metrics import METRICS\n"
    "from labelfree.evidence.targets import target"
)
SIX = ("entropy", "diversity", "infomax", "nuclear_norm", "snd", "class_ami")
PROGRAMS = {
    "hopkins": (OURS, 'values = {"hopkins": metrics.hopkins(X).value}'),
    "family": (OURS, FAMILY),
    "official": (OURS, 'values = {"transfer_score": metrics.transfer_score(X, L, W, variant="official").value}'),
    "released procedure": ("import random\nfrom sklearn.neighbors import NearestNeighbors", RELEASED),
    "six validators": (
        OURS + "\nimport sklearn.cluster, sklearn.metrics",  # pytorch-adapt has imported them as well
        (
            "e = target(X, L, sample=None, moments=False)\n"
            f"values = {{m.name: m.compute(e).value for m in METRICS if m.name in {SIX!r}}}"
        ),
    ),
    "pytorch-adapt": (ADAPT_SETUP, ADAPT),
}
GEMM = """
import time, numpy as np
X = np.random.default_rng(0).standard_normal(({n}, {n}), dtype=np.float32)
best = np.inf
for _ in range(4):
    began = time.perf_counter()
    X @ X
    best = min(best, time.perf_counter() - began)
print(2 * {n} ** 3 / best)
"""
TARGET = 1
"""GEMM passes of the whole command."""
LARGE = ("command", "hopkins", "family", "official", "released procedure")
SMALL = ("six validators", "pytorch-adapt")


def make(folder: Path, n: int, d: int, k: int) -> None:
    """Rows in k overlapping clusters, a head that knows their centers up to noise, its logits; float32."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((k, d), dtype=np.float32)
    X = centers[rng.integers(0, k, n)] + 2 * rng.standard_normal((n, d), dtype=np.float32)
    W = centers + rng.standard_normal((k, d), dtype=np.float32)
    L = X @ W.T / np.float32(4 * d**0.5)
    for name, rows in (("X", X), ("L", L), ("W", W)):
        np.save(folder / f"{name}.npy", rows)
    import pyarrow as pa
    import pyarrow.parquet as pq

    lists = {"embedding": (X, d), "logits": (L, k)}
    table = {name: pa.FixedSizeListArray.from_arrays(rows.ravel(), width) for name, (rows, width) in lists.items()}
    pq.write_table(pa.table(table), folder / "target.parquet")


def measure(
    n: int, d: int, k: int, names: tuple[str, ...], rounds: int, adapt: str | None, size: int
) -> dict[str, Any]:
    """Every program in turn, several times over, with the rate of a matrix product before and after each."""

    def rate() -> float:
        return float(run([sys.executable, "-c", GEMM.format(n=size)]).output)

    gemm: list[float] = []
    passes: dict[str, list[float]] = {}
    runs: dict[str, list[tuple[float, float, float]]] = {}
    values: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a process starts with the peak memory of the one that starts it.
        run([sys.executable, __file__, "--make", folder, str(n), str(d), str(k)])
        for _ in range(rounds):
            gemm.append(rate())
            for name in names:
                python = adapt if name == "pytorch-adapt" else sys.executable
                if python is None:
                    continue
                if name == "command":
                    done = run([python, "-m", "labelfree", "transfer", f"{folder}/target.parquet", "--json", "-q"])
                    metrics = json.loads(done.output)["reports"][0]["metrics"]
                    seconds, spent = done.seconds, done.processor
                    values[name] = {key: found["value"] for key, found in metrics.items()}
                else:
                    setup, work = PROGRAMS[name]
                    done = run([python, "-c", TIMED.format(setup=setup, work=work), folder])
                    seconds, spent, values[name] = json.loads(done.output)
                gemm.append(rate())
                runs.setdefault(name, []).append((seconds, spent, done.megabytes))
                passes.setdefault(name, []).append(seconds / (2 * n**2 * d) * (gemm[-2] + gemm[-1]) / 2)
    found = {
        "n": n,
        "d": d,
        "classes": k,
        "float32_gemm_gflops": [round(g / 1e9, 1) for g in gemm],
        "seconds": {name: [round(s, 3) for s, _, _ in done] for name, done in runs.items()},
        "processor_seconds": {name: [round(s, 3) for _, s, _ in done] for name, done in runs.items()},
        "passes": {name: [round(p, 3) for p in found] for name, found in passes.items()},
        "over_gemm_pass": {name: round(median(found), 2) for name, found in passes.items()},
        "megabytes": {name: round(max(mb for _, _, mb in done)) for name, done in runs.items()},
        "values": values,
    }
    print(json.dumps(found), flush=True)
    return found


def apart(case: dict[str, Any], ours: str, theirs: str) -> float | None:
    """Largest difference of the values that both give."""
    a, b = case["values"].get(ours), case["values"].get(theirs)
    return None if a is None or b is None else max(abs(a[name] - b[name]) for name in a.keys() & b.keys())


NAMES = {"command": "`labelfree transfer target.parquet`, head recovered"}


def page(results: dict[str, Any]) -> str:
    """docs/speed-transfer.md."""
    large, small = results["large"], results["small"]
    on, over = results["machine"], large["over_gemm_pass"]
    rates = large["float32_gemm_gflops"] + small["float32_gemm_gflops"]
    setting = f"""
        Written by `python benchmarks/transfer.py` from `benchmarks/results/transfer.json`. Measured on a shared machine
        with {on["cores"]} cores, Python {on["python"]}, numpy {on["numpy"]}; its float32 matrix product ran at
        {min(rates):g} to {max(rates):g} GFLOP/s during the run: trust the ratios, not the seconds. Every measurement is
        a process of its own; seconds are those of the computation, without imports and reading. A **GEMM pass** is 2 n²
        d operations at the mean of the rates right before and right after a measurement: what the distances of all
        pairs alone would have cost then."""
    score = f"""
        The released procedure is that of the authors of the Transfer Score: scikit-learn's `NearestNeighbors` on all
        rows, 5 % of them drawn once, where `hopkins` draws several times and adds its interval and its value on
        structure-free rows. `transfer_score --variant official` computes what the released procedure does: their scores
        differ by {apart(large, "official", "released procedure"):.0e}."""
    took = f"takes {over['command']:g},"
    reached = f"it {took}" if over["command"] <= TARGET else f"this is missed: it {took}"
    parts = [
        "# Speed and memory of transfer",
        paragraph(setting),
        f"## {large['n']:,} x {large['d']}, {large['classes']} classes",
        f"The whole command is to stay within {TARGET} GEMM pass; {reached} from start to end.",
        _table(large, {**NAMES, "family": "whole family, arrays in memory", "official": "`--variant official`"}),
        paragraph(score),
        f"## {small['n']:,} x {small['d']}, {small['classes']} classes: validators",
    ]
    if "pytorch-adapt" in small["seconds"]:
        peer = f"""
            Entropy, diversity, infomax, nuclear norm, soft neighborhood density and ClassAMI of all rows, by
            pytorch-adapt 0.0.83 and here (with their intervals). Largest difference of a value:
            {apart(small, "six validators", "pytorch-adapt"):.0e}, in single precision there."""
        parts.append(paragraph(peer))
    parts.append(_table(small, {"six validators": "labelfree"}))
    return "\n\n".join(parts) + "\n"


def _table(case: dict[str, Any], names: dict[str, str]) -> str:
    rows = [
        "| | seconds | of processors | over a GEMM pass | peak memory, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, seconds in case["seconds"].items():
        spent = case["processor_seconds"][name]
        over, most = f"{case['over_gemm_pass'][name]:g}", f"{case['megabytes'][name]:,}"
        cells = (f"{median(seconds):.2f}", f"{median(spent):.2f}", over, most)
        rows.append(f"| {names.get(name, name)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Measure, and write the results down."""
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), *map(int, sys.argv[3:]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--adapt-python", metavar="PATH")
    asked = parser.parse_args()
    if not asked.page:
        if asked.adapt_python is None:
            print("pytorch-adapt is left out: no --adapt-python PATH was given", file=sys.stderr)
        if asked.quick:
            measure(2_000, 64, 20, LARGE, 1, None, 1024)
            measure(500, 64, 20, SMALL, 1, asked.adapt_python, 1024)
            return
        large = measure(50_000, 512, 345, LARGE, 2, None, 5120)
        small = measure(5_000, 512, 345, SMALL, 2, asked.adapt_python, 5120)
        RESULTS.write_text(json.dumps({"machine": machine(), "large": large, "small": small}, indent=1) + "\n")
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
