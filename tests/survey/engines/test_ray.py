"""Ray on a real cluster: the same bytes as one process, whatever happens to workers, nodes, files and drivers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree.errors import EngineError, RowsError, SourceError
from labelfree.sources.opening import open_source

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
pytest.importorskip("ray", reason="needs the extra [integration]")

from labelfree.survey.engines import starting  # noqa: E402
from labelfree.survey.engines.ray_engine import Ray  # noqa: E402  (Ray may be missing)
from ray_cluster import cluster, meeting, readings  # noqa: E402

D, FILES, ROWS = 48, 8, 600


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(D, D)) * np.arange(1, D + 1) ** -0.7
    for i in range(FILES):
        X = (rng.normal(size=(ROWS, D)) @ mixing + 0.3).astype(np.float32)
        logits = (X @ rng.normal(size=(D, 4))).astype(np.float32)
        pq.write_table(
            pa.table({
                "embedding": pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), D),
                "id": np.arange(i * ROWS, (i + 1) * ROWS), "item": np.arange(ROWS) % 4,
                "logits": pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), 4),
            }),
            place / f"part_{i}.parquet", row_group_size=250,
        )  # fmt: skip
    return place


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with cluster() as made:
            import ray

            ray.init(made.address, logging_level="CRITICAL", log_to_driver=False)
            yield made


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task for each file, however small."""
    monkeypatch.setattr("labelfree.survey.small_files.TASK_BYTES", 0)


def document(found: Any) -> str:
    """All of a report."""
    return json.dumps(found.model_dump(mode="json"), sort_keys=True)


RUNS: dict[str, Callable[[Path, dict[str, Any]], Any]] = {
    "rank": lambda place, o: labelfree.rank(str(place), sample=500, **o),
    "separability": lambda place, o: labelfree.separability(str(place), sample="all", **o),
    "opis": lambda place, o: labelfree.opis(str(place), group="item", sample=600, **o),
    "transfer": lambda place, o: labelfree.transfer(str(place), source=str(place), label="item", sample=300, **o),
    "evaluate": lambda place, o: labelfree.evaluate(str(place), sample=300, **o),
    "drift": lambda place, o: labelfree.drift(
        str(place / "part_0.parquet"), reference=str(place), sample=300, **o
    ),
    "compare": lambda place, o: labelfree.compare(str(place), str(place / "part_*.parquet"), sample=300, **o),
    "compress": lambda place, o: labelfree.compare(str(place), compress="int8", sample=300, **o),
    "rank in memory": lambda place, o: labelfree.rank(memory(), **o),
}  # fmt: skip


def memory() -> Any:
    return np.random.default_rng(3).normal(size=(3000, 20)).astype(np.float32)


@pytest.mark.parametrize("run", RUNS)
def test_a_report_of_the_cluster_is_that_of_one_process(run: str, data: Path, nodes: Any) -> None:
    assert document(RUNS[run](data, {"engine": "ray"})) == document(RUNS[run](data, {}))


def test_a_second_look_at_all_rows_is_that_of_one_process(nodes: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    rotation = np.linalg.qr(rng.normal(size=(D, D)))[0][:9]
    for i in range(6):
        np.save(tmp_path / f"part_{i}.npy", rng.normal(size=(400, 9)) * np.logspace(0, -9, 9) @ rotation)
    said: list[str] = []
    there = labelfree.rank(
        str(tmp_path / "*.npy"), sample=100, engine="ray", progress=lambda stage, done: said.append(stage)
    )
    assert document(there) == document(labelfree.rank(str(tmp_path / "*.npy"), sample=100))
    assert sum(stage.startswith("reading: 6 of 6 shards, 2,400 rows") for stage in said) >= 3


@pytest.mark.usefixtures("apart")
def test_progress_counts_shards_rows_and_bytes(data: Path, nodes: Any) -> None:
    said: list[tuple[str, float]] = []
    labelfree.rank(str(data), engine="ray", progress=lambda stage, done: said.append((stage, done)))
    read = [(stage, done) for stage, done in said if stage.startswith("reading: ")]
    assert len(read) == FILES
    assert [done for _, done in read] == sorted(done for _, done in read)
    assert read[-1] == ("reading: 8 of 8 shards, 4,800 rows, 0.00 of 0.00 GB", 1.0)


def test_a_sample_that_was_guessed_too_small_is_drawn_again(nodes: Any, tmp_path: Path) -> None:
    X = np.random.default_rng(7).normal(size=(3000, 6))
    X[300:] = np.nan
    found = labelfree.rank(X, sample=200, on_bad="drop", engine="ray")
    assert document(found) == document(labelfree.rank(X, sample=200, on_bad="drop"))


@pytest.mark.usefixtures("apart")
def test_a_worker_that_is_killed_is_replaced(data: Path, nodes: Any, tmp_path: Path) -> None:
    source = meeting(open_source(str(data)), tmp_path, 3 * ROWS, "killed")
    found = labelfree.rank(source, engine="ray")
    assert document(found) == document(labelfree.rank(str(data)))
    assert (tmp_path / "met").exists()
    assert readings(tmp_path).count(3 * ROWS) == 2


@pytest.mark.usefixtures("apart")
def test_a_node_that_is_lost_in_the_middle_costs_time_alone(data: Path, nodes: Any, tmp_path: Path) -> None:
    import threading

    source = meeting(open_source(str(data)), tmp_path, 5 * ROWS, "waits")
    done: list[Any] = []
    running = threading.Thread(target=lambda: done.append(labelfree.rank(source, engine="ray")))
    running.start()
    until = time.monotonic() + 30
    while not (tmp_path / "met").exists() and time.monotonic() < until:
        time.sleep(0.05)
    lost = next(node for node in nodes.worker_nodes if node.node_id == (tmp_path / "met").read_text())
    nodes.remove_node(lost, allow_graceful=False)
    (tmp_path / "go").touch()
    nodes.add_node(num_cpus=1, object_store_memory=100_000_000)
    running.join(90)
    assert document(done[0]) == document(labelfree.rank(str(data)))
    assert readings(tmp_path).count(5 * ROWS) >= 2


@pytest.mark.usefixtures("apart")
def test_a_shard_that_cannot_be_read_fails_at_once_with_its_place(data: Path, nodes: Any, tmp_path: Path) -> None:
    for file in data.iterdir():
        shutil.copy(file, tmp_path / file.name)
    broken = tmp_path / "part_4.parquet"
    chunk = pq.ParquetFile(broken).metadata.row_group(1).column(0)
    raw = bytearray(broken.read_bytes())
    begin = chunk.data_page_offset + 60
    raw[begin : begin + 2000] = bytes(2000)
    broken.write_bytes(bytes(raw))
    counted = tmp_path / "told"
    counted.mkdir()
    source = meeting(open_source(str(tmp_path / "*.parquet")), counted, -1, "")
    with pytest.raises(SourceError, match=r"part_4\.parquet.*\(rows 2,400 to 2,999 of the data set, row groups 0 to 2"):
        labelfree.rank(source, engine="ray")
    assert readings(counted).count(4 * ROWS) == 1


@pytest.mark.parametrize("broken", [None, 37])
def test_small_files_are_few_tasks(nodes: Any, tmp_path: Path, broken: int | None) -> None:
    rng = np.random.default_rng(4)
    for i in range(70):
        X = rng.normal(size=(30, 6))
        X[3] = np.nan if i == broken else 0.0
        np.save(tmp_path / f"part_{i:02}.npy", X)
    asked, work = str(tmp_path / "*.npy"), str(tmp_path / "work")
    if broken is not None:
        with pytest.raises(RowsError, match=r"1 of 2100 rows hold NaN or infinity, first at row 1113"):
            labelfree.rank(asked, engine="ray", work=work)
        return
    said: list[str] = []
    found = labelfree.rank(asked, engine="ray", work=work, progress=lambda stage, done: said.append(stage))
    assert document(found) == document(labelfree.rank(asked))
    assert [one.partition(" of")[0] for one in dict.fromkeys(said) if "shards" in one][-1] == "reading: 70"
    assert len({one for one in said if "shards" in one}) == 4  # 64, 4, 1 and 1 files
    assert document(labelfree.rank(asked, engine="ray", work=work)) == document(found)


DRIVER = """
import json, sys
from pathlib import Path
import labelfree
from labelfree.sources.opening import open_source
from labelfree.survey import small_files
from ray_cluster import meeting
small_files.TASK_BYTES = 0
data, place, work, address = sys.argv[1:]
source = meeting(open_source(data), Path(place), 6 * 600, "waits")
found = labelfree.rank(source, engine="ray", address=address, work=work)
print(json.dumps(found.model_dump(mode="json"), sort_keys=True))
"""


def test_a_driver_that_is_killed_is_resumed_without_reading_again(data: Path, nodes: Any, tmp_path: Path) -> None:
    place, work = tmp_path / "told", tmp_path / "work"
    place.mkdir()
    support = Path(__file__).parents[2] / "support"

    def driver(seed: str) -> subprocess.Popen[str]:
        env = {**os.environ, "PYTHONHASHSEED": seed}
        env["PYTHONPATH"] = os.pathsep.join([str(support), *filter(None, [os.environ.get("PYTHONPATH")])])
        words = [sys.executable, "-W", "ignore", "-c", DRIVER, str(data), str(place), str(work), nodes.address]
        return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    first = driver("1")
    until = time.monotonic() + 20
    while len(list(work.glob("piece-*"))) < 6 and time.monotonic() < until and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    kept = len(list(work.glob("piece-*")))
    assert kept >= 6
    before = len(readings(place))
    (place / "go").touch()
    second = driver("2")
    said, wrong = second.communicate(timeout=90)
    assert second.returncode == 0, wrong
    again = readings(place)[before:]
    assert said.strip() == document(labelfree.rank(str(data)))
    assert len(again) == FILES - kept
    assert 6 * ROWS in again
    assert [path.name.partition("-")[0] for path in work.glob("*.state")] == ["pass"]
    third = driver("3")
    said, wrong = third.communicate(timeout=90)
    assert said.strip() == document(labelfree.rank(str(data)))
    assert len(readings(place)) == before + len(again)


def test_a_node_of_another_version_is_refused_before_work(
    data: Path, nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "labelfree"
    shutil.copytree(Path(labelfree.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    face = copy / "__init__.py"
    face.write_text(face.read_text().replace(f'"{labelfree.__version__}"', '"0.0.7"'))
    odd = nodes.add_node(num_cpus=1, object_store_memory=100_000_000, env_vars={"PYTHONPATH": str(tmp_path)})
    try:
        with pytest.raises(EngineError, match=rf"expected labelfree {labelfree.__version__}.*found labelfree 0\.0\.7"):
            Ray.at(None, 1)
    finally:
        nodes.remove_node(odd)
    face.write_text("raise ImportError('no such library')\n")
    odd = nodes.add_node(num_cpus=1, object_store_memory=100_000_000, env_vars={"PYTHONPATH": str(tmp_path)})
    try:
        with pytest.raises(EngineError, match="expected labelfree on every node, found one that cannot load it"):
            Ray.at(None, 1)
    finally:
        nodes.remove_node(odd)


def test_values_are_put_once_and_work_comes_back_in_order(nodes: Any) -> None:
    engine = Ray.at(None, 1)
    held = engine.put(np.arange(1000.0))

    def work(i: int) -> float:
        if i == 40:
            raise SourceError("forty: expected less")
        return float(held.value()[i] * 2)

    assert list(engine.map(work, range(30))) == [2.0 * i for i in range(30)]
    with pytest.raises(SourceError, match="forty"):
        list(engine.map(work, range(50)))


def test_what_nodes_report_is_logged_and_not_printed(
    nodes: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from ray._private import worker

    starting.keep_off_stdout()
    with caplog.at_level("INFO", "labelfree.engines"):
        worker.print_to_stdstream(
            {"lines": ["Raylet is terminated.\n[state-dump]"], "pid": "raylet", "is_err": False}, ignore_prefix=False
        )
    assert capsys.readouterr().out == ""
    assert [record.getMessage() for record in caplog.records] == ["ray: Raylet is terminated."]
