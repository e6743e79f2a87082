"""A pass over shards on Ray against threads of one process, and the pieces that a plan for many nodes is made of.

    python benchmarks/scale.py            some twenty minutes, 4 GB under the temporary directory; writes scale.json
    python benchmarks/scale.py --small-files   of small files and of Hopkins' statistic alone, in two minutes
    python benchmarks/scale.py --quick    small shards, in a minute; written nowhere

Every way reads all rows and sums what `rank` needs (moments of the rows and of unit rows, the sample), in a process of
its own, after its engine has started; the ways take turns. floor: the same shards read by pyarrow and multiplied by
numpy in tasks of Ray, with nothing of ours. One worker has the first core, two have the first two. The plan for 2 TB is
worked out from these numbers on paper: nobody has run it.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from processes import machine

RESULTS = Path(__file__).parent / "results" / "scale.json"
FILES, ROWS, D, ROUNDS = 200, 6_500, 768, 2
QUICK_FILES, QUICK_ROWS, QUICK_D, QUICK_ROUNDS = 6, 400, 32, 1
SMALL_FILES, SMALL_ROWS, SMALL_D = 2_000, 100, 8
WIDTHS, QUICK_WIDTHS = (256, 768, 1536, 4096), (32, 64)
SAMPLE = 5_000
HOPKINS = (50_000, 512)
PLAN_BYTES, PLAN_CORES, PLAN_NODES, PLAN_NETWORK = 2e12, 64, 8, 1.25e9


def written(place: Path, files: int, rows: int, d: int) -> int:
    """Shards of random rows; their bytes."""
    rng = np.random.default_rng(0)
    scale = np.arange(1, d + 1, dtype=np.float32) ** -0.5
    for i in range(files):
        X = (rng.standard_normal((rows, d), np.float32)) * scale + np.float32(0.2)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), d)
        table = pa.table({"id": np.arange(i * rows, (i + 1) * rows), "embedding": lists})
        pq.write_table(table, place / f"part_{i:05}.parquet", compression="none", use_dictionary=False)
    return sum(file.stat().st_size for file in place.iterdir())


def passes(way: str, place: str) -> None:
    """One pass in this process: a line of JSON with its seconds, and a hash of what it found."""
    import hashlib

    from labelfree.kernels import numpy_kernels
    from labelfree.kernels.threads import limited_threads
    from labelfree.sources.opening import open_source
    from labelfree.survey import small_files
    from labelfree.survey.reading import survey

    kind, workers = way.split()
    if kind == "apart":
        small_files.TASK_BYTES = 0
    cores = sorted(os.sched_getaffinity(0))[: int(workers)]
    os.sched_setaffinity(0, cores)
    engine, began = None, time.perf_counter()
    if kind != "threads":
        from labelfree.survey.engines.ray_engine import Ray

        engine = Ray.at(None, int(workers))
        list(engine.map(_warm, range(2 * int(workers))))
    started, found = time.perf_counter() - began, ""
    began = time.perf_counter()
    if kind == "floor":
        assert engine is not None
        total: Any = 0
        for one in engine.map(_multiplied, sorted(map(str, Path(place).iterdir()))):
            total = total + one
    else:
        source = open_source(place)
        with limited_threads(int(workers)):
            seen = survey(
                source, frozenset({"moments", "unit", "sample"}), kernels=numpy_kernels, sample=SAMPLE,
                threads=int(workers), engine=engine,
            ).evidence  # fmt: skip
        assert seen.moments is not None
        assert seen.unit is not None
        found = hashlib.sha256(seen.moments.scatter.tobytes() + seen.unit.scatter.tobytes()).hexdigest()
    print(json.dumps({"seconds": time.perf_counter() - began, "start": started, "found": found}))


def _warm(i: int) -> int:
    """Imports what a task needs."""
    import labelfree.survey.reading  # noqa: F401  (a worker imports once)

    time.sleep(0.2)
    return i


def _multiplied(file: str) -> Any:
    """The two products of a shard, as plain numpy has them."""
    column = pq.read_table(file, columns=["embedding"]).column(0).combine_chunks()
    X = np.asarray(column.flatten()).reshape(len(column), -1).astype(np.float64)
    first = X.T @ X
    X /= np.sqrt(np.einsum("ij,ij->i", X, X))[:, None]
    return first + X.T @ X


def measured(way: str, place: Path) -> Any:
    """A pass in a process of its own."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, __file__, "--pass", way, str(place)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def merges(d: int) -> dict[str, float]:
    """Bytes of a state of rows this wide, the seconds that merging it takes, and those of putting it into the store."""
    import pickle

    from labelfree.sources.opening import open_source
    from labelfree.survey.engines.summing import Pass, merged
    from labelfree.survey.pieces import pieces_of

    source = open_source(np.random.default_rng(d).normal(size=(2 * d + 10, d)).astype(np.float32))
    few = math.ceil(SAMPLE / FILES)  # the rows of a shard that the sample of all has
    one = Pass(source, ("moments", "sample", "unit"), few, 0, "error", False, None, None)
    (piece,) = pieces_of(source)
    state = one.states(piece)[0]
    began = time.perf_counter()
    raw = pickle.dumps(state, protocol=5)
    copying, seconds = time.perf_counter() - began, []
    for _ in range(3):
        states = [pickle.loads(raw) for _ in range(2)]
        began = time.perf_counter()
        merged(states)
        seconds.append(time.perf_counter() - began)
    squares = sum(m.scatter.nbytes for m in (state.moments, state.unit) if m.n) if state is not None else 0
    return {"bytes": len(raw), "of_scatters": squares, "merge": min(seconds), "copy": copying}


def together(files: int) -> dict[str, Any]:
    """Small files: the seconds of a pass by one core, by tasks of many files, and by a task for each of them."""
    with tempfile.TemporaryDirectory() as directory:
        size = written(Path(directory), files, SMALL_ROWS, SMALL_D)
        found = {way: measured(f"{way} 1", Path(directory)) for way in ("threads", "ray", "apart")}
    seconds = {way: one["seconds"] for way, one in found.items()}
    return {
        "files": files, "rows": files * SMALL_ROWS, "d": SMALL_D, "bytes": size, "seconds": seconds,
        "bit_identical": len({one["found"] for one in found.values()}) == 1,
        "seconds_a_file": (seconds["ray"] - seconds["threads"]) / files,
        "seconds_a_task": (seconds["apart"] - seconds["threads"]) / files,
    }  # fmt: skip


def tendency(n: int, d: int) -> dict[str, float]:
    """Seconds of Hopkins' statistic, which the command itself computes, and of the pass before it: one core."""
    from labelfree.families.transfer.hopkins import hopkins_of
    from labelfree.kernels import numpy_kernels
    from labelfree.kernels.threads import limited_threads
    from labelfree.sources.opening import open_source
    from labelfree.survey.reading import survey

    with tempfile.TemporaryDirectory() as directory, limited_threads(1):
        written(Path(directory), 10, n // 10, d)
        began = time.perf_counter()
        found = survey(
            open_source(directory), frozenset({"moments", "unit", "sample"}), kernels=numpy_kernels, sample=SAMPLE,
            threads=1,
        )  # fmt: skip
        passed = time.perf_counter() - began
        hopkins_of(found.evidence)
        return {"n": n, "d": d, "pass": passed, "hopkins": time.perf_counter() - began - passed}


def loopback() -> int:
    """Bytes that have gone over the loopback interface."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "lo":
            return int(numbers.split()[0])
    return 0


def network(place: Path) -> dict[str, float]:
    """Bytes that a pass moves between two nodes of one core, and what the idle cluster says meanwhile."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
    import ray

    from labelfree.kernels import numpy_kernels
    from labelfree.sources.opening import open_source
    from labelfree.survey.engines.ray_engine import Ray
    from labelfree.survey.reading import survey
    from ray_cluster import cluster

    with cluster() as made:
        ray.init(made.address, logging_level="CRITICAL", log_to_driver=False)
        engine = Ray.at(None, 2)
        list(engine.map(_warm, range(4)))
        before, began = loopback(), time.perf_counter()
        survey(
            open_source(str(place)),
            frozenset({"moments", "unit", "sample"}),
            kernels=numpy_kernels,
            sample=SAMPLE,
            engine=engine,
        )
        moved, lasted = loopback() - before, time.perf_counter() - began
        before = loopback()
        time.sleep(5)
        idle = (loopback() - before) / 5 * lasted
    return {"bytes": moved, "idle": idle, "seconds": lasted}


def planned(size: float, files: int, two: float, state: dict[str, float], shard: float) -> dict[str, Any]:
    """2 TB on 64 cores of 8 nodes, worked out from what was measured here."""
    rate = size / (2 * two)  # bytes a second of one core
    shards = math.ceil(PLAN_BYTES / (size / files))
    work = PLAN_BYTES / rate / PLAN_CORES
    inner = shards / 3  # merges of four states
    merging = inner * (3 * state["merge"] + 5 * state["copy"]) / PLAN_CORES
    moved = shards * 4 / 3 * state["bytes"] * (1 - 1 / PLAN_NODES)
    giving, moving = shards * shard / PLAN_CORES, moved / PLAN_NODES / PLAN_NETWORK
    return {
        "on_paper": True, "bytes": PLAN_BYTES, "cores": PLAN_CORES, "nodes": PLAN_NODES, "shards": shards,
        "bytes_a_second_of_a_core": rate, "reading_and_summing_s": work, "merging_s": merging,
        "giving_out_s": giving, "moved_bytes": moved, "moving_s": moving,
        "minutes": (work + merging + giving + moving) / 60,
    }  # fmt: skip


def main(quick: bool) -> None:
    files, rows, d = (QUICK_FILES, QUICK_ROWS, QUICK_D) if quick else (FILES, ROWS, D)
    rounds, ways = QUICK_ROUNDS if quick else ROUNDS, ["threads 2", "ray 2", "ray 1", "floor 2"]
    with tempfile.TemporaryDirectory() as directory:
        large = Path(directory) / "large"
        large.mkdir()
        size = written(large, files, rows, d)
        taken: dict[str, list[Any]] = {way: [] for way in ways}
        for turn in range(rounds):
            for way in ways if turn == 0 else ways[:2]:
                taken[way].append(measured(way, large))
                print(way, f"{taken[way][-1]['seconds']:.2f} s")
        seconds = {way: min(one["seconds"] for one in found) for way, found in taken.items()}
        alike = len({one["found"] for way in ways[:3] for one in taken[way]}) == 1
        small = together(20 if quick else SMALL_FILES)
        shard = small["seconds_a_task"]
        moved = network(large)
    states = {str(width): merges(width) for width in (QUICK_WIDTHS if quick else WIDTHS)}
    found = {
        "machine": machine(),
        "setting": {"files": files, "rows": files * rows, "d": d, "bytes": size, "sample": SAMPLE, "rounds": rounds},
        "seconds": seconds, "start": taken["ray 2"][0]["start"], "bit_identical": alike,
        "over_threads": seconds["ray 2"] / seconds["threads 2"], "over_floor": seconds["ray 2"] / seconds["floor 2"],
        "rounds": {way: [round(one["seconds"], 2) for one in found] for way, found in taken.items()},
        "over_threads_by_round": [
            round(b["seconds"] / a["seconds"], 2) for a, b in zip(taken["threads 2"], taken["ray 2"], strict=True)
        ],
        "two_workers": seconds["ray 1"] / seconds["ray 2"], "seconds_a_shard": shard, "network": moved,
        "states": states, "small_files": small, "hopkins": tendency(*((2_000, 32) if quick else HOPKINS)),
    }  # fmt: skip
    found["plan"] = planned(size, files, seconds["ray 2"], states[str(d)], shard)
    print(json.dumps(found, indent=1))
    if not quick:
        RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pass"]:
        passes(*sys.argv[2:4])
    elif sys.argv[1:2] == ["--small-files"]:
        part = {"small_files": together(SMALL_FILES), "hopkins": tendency(*HOPKINS)}
        print(json.dumps(part, indent=1))
        RESULTS.write_text(json.dumps(json.loads(RESULTS.read_text()) | part, indent=1, sort_keys=True) + "\n")
    else:
        main("--quick" in sys.argv)
