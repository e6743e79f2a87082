"""What `--memory` says is needed, and what is used: every command over widths, rows, threads and dtypes.

    python benchmarks/memory.py            an hour or two; writes benchmarks/results/memory.json and docs/memory.md
    python benchmarks/memory.py --resume   the cases that are not in it yet
    python benchmarks/memory.py --quick    a few small ones, in seconds; written nowhere
    python benchmarks/memory.py rank opis  these commands alone; printed, written nowhere

Every case is a process of its own: the estimate is what the refusal of a limit of 1 MB says, the peak is what the
system counted of it (VmHWM in /proc: Linux) once it has done the work under a limit that it keeps. Files are in the
temporary directory, at most 820 MB at a time.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pages import paragraph

import labelfree

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "memory.json"
PAGE = HERE.parent / "docs" / "memory.md"
CLASSES, GROUP = 20, 5
LARGEST = 820_000_000
"""Bytes of a file."""
CHILD = """
import contextlib, io, sys
from labelfree.cli.main import run
line = sys.argv
told = io.StringIO()
with contextlib.redirect_stderr(told):
    sys.argv = [*line, "--memory", "1MB"]
    code = run()
print(code, told.getvalue().splitlines(), file=sys.stderr)
sys.argv = [*line, "--memory", "1TB"]
code = run()
with open("/proc/self/status") as status:
    print(code, next(line for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""


@dataclass(frozen=True)
class Case:
    """A command line: the command on n rows of width d, in an .npy file or in a Parquet file with ids."""

    command: str
    n: int
    d: int
    dtype: str = "float32"
    threads: int = 1
    suffix: str = "npy"
    options: tuple[str, ...] = ()


def made(case: Case, directory: Path) -> Path:
    """The file of a case, of the rows of an encoder that has an offset and directions of unequal weight."""
    path = directory / f"{case.n}_{case.d}_{case.dtype}.{case.suffix}"
    if path.exists():
        return path
    if case.suffix == "summary":
        labelfree.summarize(str(made(replace(case, suffix="npy"), directory)), path, with_sample=True)
        return path
    for old in directory.glob(f"*.{case.suffix}"):
        old.unlink()
    weight = (np.arange(1, case.d + 1) ** -0.5).astype(case.dtype)
    blocks = (
        np.random.default_rng(start).standard_normal((min(5_000, case.n - start), case.d), dtype=case.dtype) * weight
        + weight[::-1]
        for start in range(0, case.n, 5_000)
    )
    if case.suffix == "npy":
        rows = np.lib.format.open_memmap(path, "w+", case.dtype, (case.n, case.d))
        for start, block in zip(range(0, case.n, 5_000), blocks, strict=True):
            rows[start : start + len(block)] = block
        return path
    head = np.random.default_rng(1).standard_normal((case.d, CLASSES), dtype=case.dtype)
    np.savez(directory / "head.npz", weight=head.T, bias=np.zeros(CLASSES, case.dtype))
    source = directory / "source.parquet"
    with pq.ParquetWriter(path, _schema(case)) as writer, pq.ParquetWriter(source, _schema(case)) as behind:
        for start, block in zip(range(0, case.n, 5_000), blocks, strict=True):
            table = _table(case, block, block @ head, start)
            writer.write_table(table)
            if start < max(case.n // 2, 1):
                behind.write_table(table)
    return path


def _schema(case: Case) -> pa.Schema:
    number = pa.from_numpy_dtype(np.dtype(case.dtype))
    return pa.schema(
        {
            "id": pa.string(), "item": pa.int64(), "label": pa.int64(), "embedding": pa.list_(number, case.d),
            "logits": pa.list_(number, CLASSES),
        }
    )  # fmt: skip


def _table(case: Case, rows: Any, logits: Any, start: int) -> pa.Table:
    index = np.arange(start, start + len(rows))
    columns = [
        pa.array([f"row {i}" for i in index]), pa.array(index // GROUP), pa.array(logits.argmax(axis=1)),
        pa.FixedSizeListArray.from_arrays(rows.ravel(), case.d),
        pa.FixedSizeListArray.from_arrays(logits.ravel(), CLASSES),
    ]  # fmt: skip
    return pa.table(columns, schema=_schema(case))


def numbers(line: list[str]) -> tuple[int, float]:
    """Megabytes that the refusal of a limit says are needed, and those resident at the peak of the same process."""
    done = subprocess.run([sys.executable, "-c", CHILD, *line], capture_output=True, text=True, check=False)
    needed = re.search(r"^2 .*need about (\d+) MB", done.stderr, re.MULTILINE)
    used = re.search(r"^0 VmHWM:\s+(\d+) kB", done.stderr, re.MULTILINE)
    if done.returncode or needed is None or used is None:
        raise SystemExit(f"{' '.join(line)}: expected a refusal, then a report, found {done.returncode}: {done.stderr}")
    return int(needed[1]), round(int(used[1]) * 1024 / 1e6, 1)


def measured(case: Case, directory: Path) -> dict[str, Any]:
    """Estimate and peak of a case, printed."""
    path = made(case, directory)
    options = [str(directory / o) if o in ("source.parquet", "head.npz", "out.summary") else o for o in case.options]
    line = [case.command, str(path), "--threads", str(case.threads), "-q", *options]
    began = time.monotonic()
    needed, used = numbers(line)
    row = {**asdict(case), "estimate": needed, "peak": used}
    row["options"] = " ".join(case.options)
    row["ratio"] = round(row["estimate"] / row["peak"], 2)
    print(
        f"{case.command:12} {case.n:7} x {case.d:<5} {case.dtype} {case.suffix:7} threads {case.threads}  "
        f"estimate {row['estimate']:5}  peak {row['peak']:7.1f}  ratio {row['ratio']:.2f}  "
        f"{time.monotonic() - began:5.1f} s  {row['options']}",
        flush=True,
    )
    return row


GROUPS = ("--group", "item")
SOURCE, HEAD = ("--source", "source.parquet"), ("--head", "head.npz")
WRITTEN = ("--with-sample", "-o", "out.summary")
WIDTHS = (16, 64, 256, 1000, 2048, 4096)
COMMANDS = (
    ("rank", "npy", ()), ("separability", "npy", ()), ("doctor", "npy", ()), ("transfer", "parquet", SOURCE),
    ("opis", "parquet", GROUPS), ("evaluate", "parquet", GROUPS), ("summarize", "npy", WRITTEN),
    ("rank", "summary", ()),
)  # fmt: skip
SETTINGS = (("float32", 2), ("float64", 1), ("float64", 2), ("float32", 1))
MANY = (
    (100_000, 1000, ("rank", "doctor")), (20_000, 16, ("rank", "separability", "opis")),
    (5_000, 256, ("rank", "separability", "transfer", "opis", "evaluate")), (20_000, 1000, ("separability",)),
    (5_000, 2048, ("rank", "doctor", "transfer")), (100_000, 64, ("rank", "separability", "transfer")),
    (5_000, 4096, ("rank", "doctor")),
)  # fmt: skip
"""Rows, width and commands: where the sample, the sums of threads, the groups or the spectrum are the most."""
OTHERS = (
    Case("summarize", 100_000, 64, threads=2, options=WRITTEN), Case("rank", 50_000, 256, threads=2, suffix="summary"),
    Case("rank", 100_000, 1000, threads=2, suffix="parquet"), Case("rank", 5_000, 256, options=("--sample", "all")),
    Case("rank", 20_000, 256, threads=2, options=("--only", "rankme")), Case("opis", 1_000, 64, suffix="parquet"),
    Case("separability", 5_000, 256, "float64", 2, options=("--sample", "all")),
    Case("transfer", 5_000, 256, threads=2, suffix="parquet"),
    Case("transfer", 5_000, 256, threads=2, suffix="parquet", options=HEAD),
    Case("evaluate", 2_000, 256, suffix="parquet", options=HEAD), Case("opis", 2_000, 256, threads=2, suffix="parquet"),
)  # fmt: skip


def grid() -> Iterator[Case]:
    """Every command, width, dtype and number of threads on few rows; many rows where they make the peak."""
    for dtype, threads in SETTINGS:
        for n, d, named in (*((500, d, [command for command, _, _ in COMMANDS]) for d in WIDTHS), *MANY):
            for command, suffix, options in COMMANDS:
                few = suffix != "summary" or n == 500
                if command in named and few and n * d * np.dtype(dtype).itemsize <= LARGEST:
                    yield Case(command, n, d, dtype, threads, suffix, options)
        yield from (case for case in OTHERS if (case.dtype, case.threads) == (dtype, threads))


QUICK = (
    Case("rank", 2_000, 16), Case("separability", 2_000, 64, threads=2), Case("doctor", 500, 256, "float64"),
    Case("transfer", 2_000, 64, suffix="parquet", options=SOURCE),
    Case("opis", 2_000, 64, suffix="parquet", options=GROUPS),
    Case("evaluate", 2_000, 64, threads=2, suffix="parquet", options=GROUPS),
)  # fmt: skip


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a case was."""
    return tuple(row[name] for name in ("command", "n", "d", "dtype", "threads", "suffix", "options"))


def write(rows: list[dict[str, Any]]) -> None:
    """One line for each case."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    RESULTS.write_text(f'{{"rows": [\n{lines}\n]}}\n')


def own(rows: list[dict[str, Any]], command: str, *, of_summary: bool) -> list[dict[str, Any]]:
    """The cases of a command, on summaries or on rows."""
    return [row for row in rows if row["command"] == command and (row["suffix"] == "summary") == of_summary]


def page(rows: list[dict[str, Any]]) -> str:
    """docs/memory.md."""
    ratios = sorted(row["ratio"] for row in rows)
    most = max(rows, key=lambda row: row["peak"])
    said = (
        f"All {len(rows)} cases keep their limit. The estimate is {ratios[0]:.2f} to {ratios[-1]:.2f} times the peak, "
        f"{ratios[len(ratios) // 2]:.2f} in the middle; the largest peak is {most['peak']:,.0f} MB, of "
        f"`{most['command']}` on {most['n']:,} rows of width {most['d']:,}. It is a bound for any rows of these "
        "shapes, so that there is room where the data are kind: a second look at "
        "small directions, neighbors too near for float32 and the buffers of a thread are counted whether they are "
        "needed or not, which shows most on few rows, where the program itself is most of the peak."
    )
    out = [
        "# What `--memory` promises\n",
        paragraph(
            "`--memory 400MB` refuses a command before any work where it may need more, with both numbers and the way "
            "out, and exit code 2. The estimate is what the process holds when it has opened the data (Python, the "
            "libraries, in a notebook everything else too) and the most that the pass, or the metrics after it, can "
            "add. Under a limit freed memory is handed back to the system at once (on Linux with glibc), so that what "
            "counts is what is in use. What giotto-tda or a GPU take by themselves is not counted; `embed` has a limit "
            "of its own kind, for weights and batches; `weights` and `merge` have none."
        ),
        "",
        paragraph(
            "Measured by `python benchmarks/memory.py` in processes of their own, one or two threads, float32 and "
            "float64, into `benchmarks/results/memory.json`: the estimate that a refusal says, over the peak of "
            "resident memory under a limit that is kept, lowest and highest over all cases of a width."
        ),
        "",
        paragraph(said),
        "",
        "| command | " + " | ".join(f"d = {d:,}" for d in WIDTHS) + " |",
        "|---|" + "---:|" * len(WIDTHS),
    ]
    for command, suffix, _ in COMMANDS:
        cells, of_summary = [], suffix == "summary"
        for d in WIDTHS:
            found = [row["ratio"] for row in own(rows, command, of_summary=of_summary) if row["d"] == d]
            cells.append(f"{min(found):.2f} to {max(found):.2f}" if found else "")
        out.append(f"| `{command}`{' of a summary' if of_summary else ''} | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"


def main() -> None:
    """Measure and print; the whole grid is written case by case."""
    named = [a for a in sys.argv[1:] if not a.startswith("-")]
    whole = "--quick" not in sys.argv and not named
    cases = [c for c in (QUICK if "--quick" in sys.argv else grid()) if not named or c.command in named]
    rows = json.loads(RESULTS.read_text())["rows"] if "--resume" in sys.argv else []
    done = {key(row) for row in rows}
    with tempfile.TemporaryDirectory() as directory:
        for case in cases:
            if key({**asdict(case), "options": " ".join(case.options)}) in done:
                continue
            rows.append(measured(case, Path(directory)))
            if whole:
                write(rows)
    if whole:
        PAGE.write_text(page(rows))
    ratios = sorted(row["ratio"] for row in rows)
    print(f"{len(rows)} cases: ratio from {ratios[0]} by {ratios[len(ratios) // 2]} to {ratios[-1]}")


if __name__ == "__main__":
    main()
