"""The history: locked, atomic, idempotent, safe against kill -9 and a second writer, and never mixing what differs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import labelfree
from labelfree import history
from labelfree.errors import HistoryError, OutputError, UsageError
from labelfree.gating.curves import curves
from labelfree.history.steps import step_of, steps_of
from reports import entry, report, run_of
from repository import SUPPORT

S = "separability"


def test_a_record_holds_what_comparisons_need(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(60, 4))
    made = labelfree.rank(np.vstack([X, X[:20]]), seed=3)
    path = tmp_path / "h.jsonl"
    assert history.append(path, made, step=4, run="a") == 1
    [record] = history.read(path)
    assert (record["schema_version"], record["run"], record["step"], record["command"]) == (1, "a", 4, "rank")
    assert record["time"].endswith("+00:00")
    assert (record["rows_hash"], record["fingerprint"]) == (made.input.rows_hash, made.input.fingerprint)
    assert (record["seed"], record["tool"]["version"]) == (3, labelfree.__version__)
    rows = np.vstack([X, X[:20]])
    sigma = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    share = sigma**2 / (sigma @ sigma)
    spread = np.sqrt(sigma @ sigma / 80)
    assert record["collapse"] == {
        "centered_rank": pytest.approx(np.exp(-(sigma / sigma.sum() @ np.log(sigma / sigma.sum()))), rel=1e-9),
        "sphericity": pytest.approx(84 / 320 / (share @ share), rel=1e-9),
        "spread": pytest.approx(spread, rel=1e-9),
        "spread_share": pytest.approx(spread / np.sqrt((rows**2).sum() / 80), rel=1e-9),
        "directions": 4,
        "cut": 0.0,
        "effective_rank": pytest.approx(made["effective_rank"].value, rel=1e-11),
        "mean_cosine": pytest.approx(made["mean_cosine"].value, rel=1e-11),
        "duplicate_share": 0.25,
        "zero_bar_share": None,
    }
    rankme = record["metrics"]["rankme"]
    assert (rankme["n"], rankme["d"], rankme["params"], rankme["direction"]) == (80, 4, {"eps": 1e-7}, "higher")
    assert rankme["value"] == pytest.approx(made["rankme"].value, rel=1e-11)
    assert rankme["interval"] == pytest.approx(made["rankme"].interval, rel=1e-11)
    assert rankme["definition"] == made["rankme"].definition


def test_replicates_and_zero_bars_are_kept(tmp_path: Path) -> None:
    parts = {"replicates": [0.1, 0.2], "replicate_factor": 0.5, "zero_bar_share": 0.25, "bars": 99}
    history.append(tmp_path / "h", report({S: entry(0.5, parts=parts)}), step=0)
    [record] = history.read(tmp_path / "h")
    assert record["metrics"][S]["replicates"] == [0.1, 0.2]
    assert record["metrics"][S]["replicate_factor"] == 0.5
    assert record["collapse"]["zero_bar_share"] == 0.25


def test_the_same_record_again_is_no_change_and_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    assert history.append(path, report({S: 0.5}), step=1) == 1
    before = path.read_bytes(), path.stat().st_mtime_ns
    time.sleep(0.01)
    assert history.append(path, report({S: 0.5}), step=1) == 0
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    with pytest.raises(
        HistoryError, match=r"step 1, separability is there already and differs .*0\.5 there, 0\.6 here"
    ):
        history.append(path, report({S: 0.6}), step=1)
    assert path.read_bytes() == before[0]
    assert history.append(path, report({S: 0.6}), step=1, replace=True) == 1
    assert [r["metrics"][S]["value"] for r in history.read(path)] == [0.6]
    assert history.append(path, report({S: 0.6}), step=1, run="other") == 1
    assert history.append(path, report({"rankme": 2.0}, command="rank"), step=1) == 1
    assert [(r["run"], r["step"], r["command"]) for r in history.read(path)] == [
        ("default", 1, "rank"), ("default", 1, S), ("other", 1, S),
    ]  # fmt: skip


def test_other_threads_and_another_spelling_of_the_path_are_no_change(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(2000, 40)).astype(np.float32)
    np.save(tmp_path / "step_1.npy", X)
    path = tmp_path / "h.jsonl"
    made = labelfree.rank(str(tmp_path / "step_1.npy"), threads=1)
    assert history.append(path, made, step=1) == 1
    assert history.append(path, labelfree.rank(str(tmp_path / "step_1.npy"), threads=2), step=1) == 0
    (tmp_path / "sub").mkdir()
    aside = labelfree.rank(str(tmp_path / "sub" / ".." / "step_1.npy"))
    assert aside.input.fingerprint != made.input.fingerprint
    assert history.append(path, aside, step=1) == 0
    with pytest.raises(HistoryError, match=r"differs \(collapse\.effective_rank: .* there, .* here"):
        history.append(path, labelfree.rank(X + 1), step=1)


def test_numbers_are_the_same_up_to_rounding_and_all_else_exactly(tmp_path: Path) -> None:
    parts = {"replicates": [0.4, 0.6], "replicate_factor": 0.5}
    made = report({S: entry(0.5, se=0.26, params={"rows": 90, "eps": 1e-7}, parts=parts)})
    path = tmp_path / "h.jsonl"
    history.append(path, made, step=0)

    def other(shift: float, **change: object) -> dict[str, object]:
        moved = {"replicates": [0.4 + shift, 0.6], "replicate_factor": 0.5}
        mine = entry(0.5 + shift, se=0.26 - shift, params={"rows": 90, "eps": 1e-7}, parts=moved) | change
        return report({S: mine}, cosine=0.1 + shift, rank=8.0 + shift)

    assert history.append(path, other(4e-10), step=0) == 0  # the interval begins near 0: its scale is the value's
    for shift, change in (
        (1e-7, {}), (0.0, {"se": None}), (0.0, {"params": {"rows": 91, "eps": 1e-7}}), (0.0, {"status": "partial"}),
        (0.0, {"params": {"rows": 90, "eps": 2e-7}}), (0.0, {"parts": {}}),
    ):  # fmt: skip
        with pytest.raises(HistoryError, match="is there already and differs"):
            history.append(path, other(shift, **change), step=0)


def test_another_value_at_the_same_step_by_another_command_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    history.append(path, report({S: 0.5, "rankme": 3.0}, source="a.npy"), step=0)
    before, other = path.read_bytes(), report({"rankme": 2.5, "lidar": 2.0}, command="rank", source="b.npy")
    said = (
        r"rank contradicts separability of that step: rankme is 3.0 there \(a.npy\), 2.5 here \(b.npy\); .*or replace"
    )
    with pytest.raises(HistoryError, match=said):
        history.append(path, other, step=0)
    with pytest.raises(HistoryError, match=r"rankme is 3.0 there .*, undefined here"):
        history.append(path, report({"rankme": None}, command="rank"), step=0)
    with pytest.raises(HistoryError, match=r"effective_rank is 8.0 there .*, 7.9 here"):
        history.append(path, report({}, command="rank", rank=7.9), step=0)
    with pytest.raises(HistoryError, match=r"name another step or run$"):  # in one call none may push out another
        history.extend(path, [(report({"rankme": 2.0}, command="evaluate"), 1), (other, 1)], replace=True)
    assert path.read_bytes() == before
    close = report({"rankme": 3.0 * (1 + 1e-10)}, command="evaluate")
    assert history.append(path, close, step=0) == 1  # another order of summation
    assert history.append(path, other, step=0, replace=True) == 1
    assert [(r["step"], r["command"]) for r in history.read(path)] == [(0, "rank")]
    assert labelfree.gate(history=path, require="rankme >= 2.5")["verdict"]["decision"] == "pass"


def test_a_history_that_holds_two_values_can_be_mended(tmp_path: Path) -> None:
    one, two = run_of(tmp_path / "a", [0.5]), tmp_path / "b"
    history.append(two, report({S: 0.7}, command="rank"), step=0)
    one.write_text(one.read_text() + two.read_text())  # as an older labelfree, or a hand, put them together
    with pytest.raises(HistoryError, match=r"expected one value of separability, found 0.7 \(rank\) and 0.5"):
        labelfree.gate(history=one, require=f"{S} > 0")
    assert history.append(one, report({S: 0.7}, command="rank"), step=0, replace=True) == 1
    assert labelfree.gate(history=one, require=f"{S} >= 0.7")["verdict"]["decision"] == "pass"


def test_several_are_added_whole_or_not_at_all(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.1])
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="cannot be compared"):
        history.extend(path, [(report({S: 0.2}), 1), (report({S: 0.3}, n=99), 2)])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n": 99}, "separability: n 100 and 99|effective_rank, mean_cosine and|n 100 and 99"),
        ({"d": 9}, "d 8 and 9"),
        ({"rows_hash": "others"}, "other rows"),
        ({"metrics": {S: entry(0.2, definition="another")}}, "separability: definition 'by hand' and 'another'"),
        ({"metrics": {S: entry(0.2, params={"normalize": "l2"})}}, r"separability: params.normalize \(none\) and l2"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_difference(tmp_path: Path, change: dict, named: str) -> None:  # type: ignore[type-arg]
    path = run_of(tmp_path / "h.jsonl", [0.1])
    before = path.read_bytes()
    given = {"metrics": {S: 0.2}, **change}
    with pytest.raises(HistoryError, match=named):
        history.append(path, report(given.pop("metrics"), **given), step=1)
    assert path.read_bytes() == before
    other = {"metrics": {S: 0.2}, **change}
    assert history.append(path, report(other.pop("metrics"), **other), step=1, run="another") == 1


def test_what_the_data_decide_forbids_a_comparison_not_a_record(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    for step, last in enumerate((100, 100, 90)):
        made = report(
            {S: 0.1, "alpha_req": entry(1.0, direction="target", params={"target": 1.0, "fit_range": [11, last]})}
        )
        history.append(path, made, step=step)
    assert labelfree.gate(history=path, plateau=S, warmup=0, window=3)["verdict"]["decision"] == "stop"
    with pytest.raises(HistoryError, match=r"alpha_req: step 0 and step 2 cannot be compared: params.fit_range"):
        labelfree.gate(history=path, plateau="alpha_req", warmup=0, window=3)
    found = curves(path, run="default", only=[], everything=True, min_delta=None)["curves"]
    assert "cannot be compared" in found["alpha_req"]["note"]  # shown all the same, without a verdict
    assert (found["alpha_req"]["verdict"], found[S]["note"]) == (None, None)
    with pytest.raises(UsageError, match="min_delta: "):
        curves(path, run="default", only=[], everything=True, min_delta=-1.0)


def test_a_sampled_metric_is_compared_only_on_the_same_sample(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    made = report({"uniformity": entry(-1.0, params={"rows": "sample"})})
    history.append(path, made, step=0)
    with pytest.raises(HistoryError, match="uniformity: sample all rows and 50 rows with seed 0"):
        history.append(path, {**made, "input": {**made["input"], "sample": {"size": 50, "seed": 0}}}, step=1)


def test_a_metric_that_counts_its_sampled_rows_is_compared_only_on_the_same_sample(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(300, 5))
    made = [labelfree.separability(X, sample=sample, seed=seed) for sample, seed in ((200, 0), (200, 1), (None, 2))]
    history.append(tmp_path / "h", made[0], step=0)
    with pytest.raises(HistoryError, match=r"separability.*: sample 200 rows with seed 0 and 200 rows with seed 1"):
        history.append(tmp_path / "h", made[1], step=1)
    with pytest.raises(UsageError, match="sample 200 rows with seed 0 and 200 rows with seed 1"):
        labelfree.gate(made[1], against=made[0], max_drop=f"{S}=5%")
    with pytest.raises(UsageError, match="sample all rows and 200 rows with seed 0"):
        labelfree.gate(made[0], against=made[2], max_drop=f"{S}=5%")


def test_the_seed_counts_where_there_is_a_sample(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(300, 5))
    for step, seed in enumerate((0, 1)):  # 300 rows are below the default sample: all are used
        assert history.append(tmp_path / "all.jsonl", labelfree.rank(X, seed=seed), step=step) == 1
    history.append(tmp_path / "some.jsonl", labelfree.rank(X, sample=50, seed=0), step=0)
    with pytest.raises(HistoryError, match="sample 50 rows with seed 0 and 50 rows with seed 1"):
        history.append(tmp_path / "some.jsonl", labelfree.rank(X, sample=50, seed=1), step=1)


def test_a_report_without_what_the_guard_needs_is_refused(tmp_path: Path) -> None:
    made = labelfree.rank(np.eye(4), only="rankme")
    with pytest.raises(
        HistoryError, match=r"lacks effective_rank and mean_cosine; write it with labelfree.watch, .* name them in only"
    ):
        history.append(tmp_path / "h", made, step=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"schema_version": 1, "run": "def', "torn line"),
        ("[1, 2]", "JSON of another kind"),
        ('{"schema_version": 1}', "lacks some"),
        ('{"schema_version": 7}', "a later labelfree wrote"),
        ('{"value": NaN}', r"expected one record, found a line that is no JSON \(NaN is no number in JSON\)"),
    ],
)
def test_a_torn_or_future_file_is_refused_with_nothing_lost(tmp_path: Path, line: str, message: str) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.1, 0.2])
    content = path.read_text() + line
    path.write_text(content)
    for work in (
        lambda: history.read(path),
        lambda: history.append(path, report({S: 0.5}), step=9),
        lambda: history.remove(path, run="default"),
        lambda: labelfree.gate(history=path, plateau=S),
    ):
        with pytest.raises(HistoryError, match=f"h.jsonl, line 3: .*{message}"):
            work()
    assert path.read_text() == content


def test_files_put_together_by_hand(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.1, 0.2])
    text = path.read_text()
    path.write_text(text + "\n" + text.splitlines()[0])  # a blank line, an exact repetition, no newline at the end
    assert len(history.read(path)) == 2
    assert history.append(path, report({S: 0.3}, source="c"), step=2) == 1
    assert len(path.read_text().splitlines()) == 3
    path.write_text(text + text.splitlines()[0].replace("0.1", "0.15"))
    with pytest.raises(HistoryError, match="expected one record of run 'default', step 0, separability, found two"):
        history.read(path)


def test_runs_and_records_are_removed_by_name(tmp_path: Path) -> None:
    path = run_of(run_of(tmp_path / "h.jsonl", [0.1, 0.2, 0.3]), [0.4, 0.5], run="b")
    with pytest.raises(
        HistoryError, match=r"expected records of run 'c', found none; it holds run 'default' \(steps 0 to 2\)"
    ):
        history.remove(path, run="c")
    assert history.remove(path, run="default", step=1) == 1
    assert history.remove(path, run="b", command=S) == 2
    assert [(r["run"], r["step"]) for r in history.read(path)] == [("default", 0), ("default", 2)]
    assert history.remove(path, run="default") == 2
    assert history.read(path) == []
    with pytest.raises(HistoryError, match="no such history"):
        history.remove(tmp_path / "nothing", run="default")


def test_a_frame_has_one_line_per_metric(tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [entry(0.1, 0.01), None], run="a")
    frame = history.frame(path)
    assert len(frame) == 6
    lines = frame[frame.metric == S].sort_values("step")
    assert lines.value.tolist()[0] == 0.1
    assert np.isnan(lines.value.tolist()[1])
    assert lines.low.tolist()[0] == pytest.approx(0.1 - 0.0196)
    assert set(lines.run) == {"a"}
    assert history.frame(path, run="b").empty


def test_a_link_stays_a_link_and_a_mode_a_mode(tmp_path: Path) -> None:
    path = run_of(tmp_path / "real.jsonl", [0.1])
    path.chmod(0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    history.append(link, report({S: 0.2}, source="b"), step=1)
    assert link.is_symlink()
    assert len(history.read(path)) == 2
    assert path.stat().st_mode & 0o777 == 0o640


def test_where_no_history_can_be(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"the directory .* does not exist"):
        history.append(tmp_path / "no" / "h", report({S: 0.1}), step=0)
    with pytest.raises(HistoryError, match="is a directory"):
        history.append(tmp_path, report({S: 0.1}), step=0)
    for step in (-1, 1.5, True, "3"):
        with pytest.raises(UsageError, match="a whole number of at least 0"):
            history.append(tmp_path / "h", report({S: 0.1}), step=step)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="expected a name"):
        history.append(tmp_path / "h", report({S: 0.1}), step=0, run=" ")


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_history_that_cannot_be_written_holds_what_it_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run_of(tmp_path / "h.jsonl", [0.1])
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left on device.*it holds what it held before"):
        history.append(path, report({S: 0.2}, source="b"), step=1)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h.jsonl", "h.jsonl.lock"]


@pytest.mark.parametrize(
    ("source", "step"),
    [
        ("epoch_03.parquet", 3), ("run/step00020/emb.parquet", 20), ("checkpoint-500", 500), ("a/ckpt12.npz::x", 12),
        ("epoch=3-step=500.ckpt", 500),
        ("epoch=7.ckpt", 7), ("EPOCH-1.npy", 1), ("global_step500", 500), ("step_1/epoch_2.npy", 2), ("iter 9.npy", 9),
    ],
)  # fmt: skip
def test_the_step_is_read_from_names(source: str, step: int) -> None:
    assert step_of(source) == step


@pytest.mark.parametrize("source", ["emb.parquet", "model-7.parquet", "footstep3.npy", "epoch.npy", "20240101.npy"])
def test_a_name_without_a_step_is_refused(source: str) -> None:
    with pytest.raises(UsageError, match="expected a step in its name"):
        step_of(source)


def test_steps_that_are_ambiguous_are_refused() -> None:
    with pytest.raises(UsageError, match="epoch 3 and step 500; say which with step=N"):
        step_of("epoch_3_step_500.ckpt")
    with pytest.raises(UsageError, match="both name step 1"):
        steps_of(["a/epoch_1.npy", "b/epoch_01.npy"], None, concat=False)
    with pytest.raises(UsageError, match="names the step of one SOURCE, found 2"):
        steps_of(["a.npy", "b.npy"], 3, concat=False)
    assert steps_of(["a.npy", "b.npy"], 3, concat=True) == [3]
    assert steps_of(["epoch_1/a.npy", "epoch_1/b.npy"], None, concat=True) == [1]
    with pytest.raises(UsageError, match=r"several steps \[1, 2\]"):
        steps_of(["epoch_1.npy", "epoch_2.npy"], None, concat=True)


WRITER = """
import sys
sys.path.insert(0, {tests!r})
from labelfree import history
from reports import report
path, run = sys.argv[1:3]
step = len(history.read(path, run=run)) if __import__("os").path.exists(path) else 0
print("ready", flush=True)
while True:
    history.append(path, report({{"separability": 0.5}}, source=f"{{run}}-{{step}}"), step=step, run=run)
    print(step, flush=True)
    step += 1
"""


def writer(path: Path, run: str) -> subprocess.Popen[str]:
    code = WRITER.format(tests=str(SUPPORT))
    return subprocess.Popen([sys.executable, "-c", code, str(path), run], stdout=subprocess.PIPE, text=True)


def whole(path: Path, run: str) -> int:
    """How many records a run has; they must be the steps from 0 on, each whole."""
    steps = [r["step"] for r in history.read(path, run=run)]
    assert steps == list(range(len(steps)))
    return len(steps)


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    writers = {run: writer(path, run) for run in ("a", "b")}
    said = {}
    deadline = time.monotonic() + 30
    for process in writers.values():
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "25" or time.monotonic() > deadline:
                break
    for run, process in writers.items():
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
        said[run] = [int(line) for line in out.split() if line.isdigit()]
    for run in writers:
        assert whole(path, run) >= max([25, *said[run]]) + 1  # every append that returned is in the file


@pytest.mark.slow
@pytest.mark.once
def test_two_hundred_kills_tear_nothing(tmp_path: Path) -> None:
    """kill -9 at random moments of an append, four writers on one file: it is whole each time, and complete."""
    chance, kills = random.Random(0), 0
    for round_ in range(50):
        path = tmp_path / f"h{round_ // 10}.jsonl"
        writers = {run: writer(path, run) for run in "abcd"}
        for process in writers.values():
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in writers.values():
            time.sleep(chance.random() * 0.02)
            process.kill()
            kills += 1
        for run, process in writers.items():
            out, _ = process.communicate()
            returned = [int(line) for line in out.split("\n")[:-1]]
            if path.exists():
                assert whole(path, run) >= max(returned, default=-1) + 1
    assert kills == 200
    assert sum(len(history.read(path)) for path in tmp_path.glob("h?.jsonl")) > 100
    left = {p.name for p in tmp_path.iterdir()}
    assert len(left) <= 15  # five histories, their locks, and at most one unfinished file of each
    assert history.append(tmp_path / "h0.jsonl", report({S: 0.5}), step=10**6, run="after") == 1


def test_a_step_may_be_a_number_of_numpy(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    history.append(path, report({S: 0.5}), step=np.int64(3))  # type: ignore[arg-type]
    assert [r["step"] for r in history.read(path)] == [3]
    with pytest.raises(UsageError, match=r"expected a whole number of at least 0, found .* of type float64"):
        history.append(path, report({S: 0.5}), step=np.float64(3))  # type: ignore[arg-type]


LONGEST = 10**20 - 1


def test_a_step_that_could_not_be_read_back_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    with pytest.raises(UsageError, match=r"step: expected a whole number of at most 20 digits.*count in larger steps"):
        history.append(path, report({S: 0.5}), step=LONGEST + 1)
    assert not path.exists()
    history.append(path, report({S: 0.5}), step=LONGEST)
    assert [r["step"] for r in history.read(path)] == [LONGEST]
    for number in (10**20, "9" * 5000):
        with pytest.raises(UsageError, match="expected a step of at most 20 digits in its name, found one of"):
            step_of(f"step_{number}.npy")
    assert step_of(f"step_{'0' * 5000}{LONGEST}.npy") == LONGEST
    with pytest.raises(UsageError, match="at most 20 digits"):
        steps_of(["a.npy"], 10**20, concat=False)


@pytest.mark.parametrize(
    ("metric", "more"),
    [
        ({S: entry(0.5, params={"rows": 10**20})}, {}),
        ({S: 0.5}, {"seed": 10**20}),
        ({S: entry(0.5, params={"a": float("nan")})}, {}),
    ],
)
def test_a_record_that_could_not_be_read_back_is_refused(tmp_path: Path, metric: dict, more: dict) -> None:  # type: ignore[type-arg]
    path = run_of(tmp_path / "h.jsonl", [0.5])
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=r"h\.jsonl: expected a record that can be read back, found .*nothing was"):
        history.append(path, report(metric, source="epoch_01.parquet", **more), step=1)
    assert path.read_bytes() == before


def test_a_seed_that_could_not_be_read_back_is_refused(tmp_path: Path) -> None:
    made = labelfree.rank(np.eye(8), seed=LONGEST)
    history.append(tmp_path / "h.jsonl", made, step=0)
    assert [r["seed"] for r in history.read(tmp_path / "h.jsonl")] == [LONGEST]
    with pytest.raises(UsageError, match=r"seed: expected a whole number of at most 20 digits.*give a smaller one"):
        labelfree.rank(np.eye(8), seed=LONGEST + 1)
