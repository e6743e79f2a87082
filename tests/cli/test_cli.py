"""The program as a user meets it: streams, formats, messages and exit codes, through a real process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree as package
from printouts import one_report
from program import Program

DATA = Path(package.__file__).parent / "demo_data"
EPOCH = DATA / "epoch_05.parquet"
RNG = np.random.default_rng(0)


COMMANDS = (
    "rank", "separability", "evaluate", "doctor", "gate", "history", "history add", "history show", "history remove",
    "explain", "schema", "demo", "help",
)  # fmt: skip


def test_the_table_in_a_pipe_has_no_boxes_colors_or_wrapping(labelfree: Program) -> None:
    done = labelfree("rank", EPOCH)
    assert done.returncode == 0
    state, *lines = done.stdout.splitlines()
    assert state.startswith("healthy: ")
    assert lines[0] == f"rank  {EPOCH}"
    assert lines[1] == "400 rows x 32 float16, column embedding"
    assert lines[3].split() == ["metric", "value", "95", "%", "interval", "better"]
    assert [line.split()[0] for line in lines[4:10]] == [
        "rankme", "rankme_centered", "alpha_req", "mean_cosine", "std_l2", "twonn",
    ]  # fmt: skip
    assert not set("─│┌╭━\x1b") & set(done.stdout)
    assert max(map(len, lines)) > 100
    assert all(line == line.rstrip() for line in lines)
    assert done.stderr == ""


def test_json_is_one_document_and_nothing_else(labelfree: Program) -> None:
    done = labelfree("rank", EPOCH, "--json")
    assert done.returncode == 0
    report = one_report(done.stdout)
    assert report["metrics"]["rankme"]["value"] == pytest.approx(package.rank(EPOCH)["rankme"].value, rel=1e-11)
    assert report["input"]["sources"] == [str(EPOCH)]
    assert "warning" in done.stderr
    assert labelfree("rank", EPOCH, "--json", "-q").stderr == ""
    assert labelfree("rank", EPOCH, "--format", "json").stdout == done.stdout


def test_several_sources_are_several_reports_in_the_order_given(labelfree: Program) -> None:
    sources = [DATA / f"epoch_0{i}.parquet" for i in (5, 0, 2)]
    document = json.loads(labelfree("rank", *sources, "--json").stdout)
    assert [r["input"]["sources"] for r in document["reports"]] == [[str(s)] for s in sources]
    assert document["across"]["comparable"]
    lines = labelfree("rank", *sources, "--format", "ndjson").stdout.splitlines()
    assert [json.loads(line)["input"]["n"] for line in lines] == [400, 400, 400]
    table = labelfree("rank", *sources).stdout
    *states, first, title = table.splitlines()[:4]
    assert states == ["1 of 3 suspicious: epoch_00", "2 of 3 healthy: epoch_02, epoch_05"]
    assert (first.split(";")[0], title) == ("highest rankme: epoch_05", "rank  3 sources")
    lines = table.splitlines()[4:]
    assert [line.split()[0] for line in lines[3:7]] == ["epoch_00", "epoch_02", "epoch_05", "course"]  # by their steps


def test_concat_is_one_data_set(labelfree: Program, tmp_path: Path) -> None:
    X = RNG.normal(size=(40, 3))
    for i, part in enumerate(np.split(X, 4)):
        np.save(tmp_path / f"part_{i}.npy", part)
    one = one_report(labelfree("rank", *sorted(tmp_path.glob("*.npy")), "--concat", "--json").stdout)
    assert one["input"]["n"] == 40
    quoted = one_report(labelfree("rank", tmp_path / "part_*.npy", "--json").stdout)
    directory = one_report(labelfree("rank", tmp_path, "--json").stdout)
    value = package.metrics.rankme(X).value
    assert [r["metrics"]["rankme"]["value"] for r in (one, quoted, directory)] == [pytest.approx(value, rel=1e-11)] * 3


def test_all_and_only(labelfree: Program) -> None:
    everything = labelfree("rank", EPOCH, "--all").stdout
    assert "condition_number" in everything
    assert "undefined: needs views of the same items" in everything
    few = labelfree("rank", EPOCH, "--only", "stable_rank,nesum", "--only", "twonn", "--json").stdout
    assert set(one_report(few)["metrics"]) == {"stable_rank", "nesum", "twonn"}


@pytest.mark.parametrize("suffix", ["json", "ndjson", "csv", "md", "html", "svg", "png", "pdf", "parquet"])
def test_output_files(labelfree: Program, tmp_path: Path, suffix: str) -> None:
    if suffix in ("png", "pdf"):
        pytest.importorskip("matplotlib")
    path = tmp_path / f"out.{suffix}"
    done = labelfree("rank", EPOCH, "-o", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("rank  ")
    content = path.read_bytes()
    starts = {
        "json": b"{\n", "ndjson": b'{"command"', "csv": b"source,metric", "md": b"### rank",
        "html": b"<!doctype html>", "svg": b"<?xml",
        "png": b"\x89PNG", "pdf": b"%PDF", "parquet": b"PAR1",
    }  # fmt: skip
    assert content.startswith(starts[suffix])
    if suffix == "parquet":
        table = pq.read_table(path)
        assert table.num_rows == 32
        assert set(table.column_names) == {"source", "series", "index", "singular_value", "singular_value_centered"}
    if suffix in ("json", "svg", "csv", "html"):
        labelfree("rank", EPOCH, "-o", path)
        assert path.read_bytes() == content  # the same bytes again
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # no temporary file is left


def test_nothing_is_written_where_one_output_has_no_content(labelfree: Program, tmp_path: Path) -> None:
    few = ("separability", EPOCH, "--only", "mean_cosine", "-o", "r.json", "--append", "h.jsonl", "--step", "1")
    for output in ("x.svg", "x.parquet"):
        done = labelfree(*few, "-o", output)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"labelfree: -o {output}: ")
        assert not list(tmp_path.iterdir())


def without_matplotlib(hidden: Path) -> str:
    """A path of modules on which matplotlib is not found, and cannot be imported."""
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util, sys\nfound = importlib.util.find_spec\nsys.modules['matplotlib'] = None\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'matplotlib' else found(name, *a)\n"
    )
    return os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")])


def test_svg_needs_no_matplotlib(labelfree: Program, tmp_path: Path) -> None:
    done = labelfree("rank", EPOCH, "-o", "x.svg", env={"PYTHONPATH": without_matplotlib(tmp_path / "hidden")})
    assert done.returncode == 0, done.stderr
    assert "matplotlib" not in (tmp_path / "x.svg").read_text()


def test_a_picture_without_matplotlib_is_refused_before_any_work(labelfree: Program, tmp_path: Path) -> None:
    path = without_matplotlib(tmp_path / "hidden")
    done = labelfree("rank", "nothing.parquet", "-o", "x.png", env={"PYTHONPATH": path})
    assert done.returncode == 2
    assert done.stderr.startswith("labelfree: -o x.png: drawing needs the extra [plot]")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rank", "nothing.parquet"], "nothing.parquet: no such file or directory"),
        (["rank", "{data}/epoch_5.parquet"], "did you mean {data}/epoch_05.parquet?"),
        (["rank", "*.parquet"], "no file matches the pattern"),
        (["rank"], "Missing argument"),
        (["rank", "{epoch}", "--colunm", "x"], "No such option: --colunm"),
        (["rank", "{epoch}", "--column", "vector"], "no column 'vector'; the columns are id, embedding"),
        (["rank", "{epoch}", "--only", "rankmee"], "did you mean 'rankme'?"),
        (["rank", "{epoch}", "--sample", "many"], "expected a number of rows or all, found 'many'"),
        (["rank", "{epoch}", "--memory", "lots"], "expected an amount such as 400MB or 2GB, found 'lots'"),
        (["rank", "{epoch}", "--memory", "1MB"], "raise the limit"),
        (["rank", "{epoch}", "--on-bad", "skip"], "'skip' is not one of"),
        (["rank", "{epoch}", "--json", "--format", "csv"], "contradict each other"),
        (["rank", "{epoch}", "-o", "out.txt"], "expected a suffix among"),
        (["rank", "{epoch}", "-o", "no/where.json"], "the directory no does not exist"),
        (
            ["doctor", "{epoch}", "-o", "x.svg"],
            "-o x.svg: expected a suffix among .json .ndjson .csv .md .html, found '.svg'",
        ),
        (["rank", "{epoch}", "--device", "tpu"], "expected cpu, cuda or auto"),
        (["rank", "{epoch}", "nothing.npy"], "nothing.npy: no such file"),
        (["explain", "rankmee"], "did you mean 'rankme'?"),
        (["rnk"], "Did you mean 'rank'"),
    ],
)
def test_bad_usage_is_2_with_nothing_on_stdout(labelfree: Program, arguments: list[str], message: str) -> None:
    done = labelfree(*[a.format(data=DATA, epoch=EPOCH) for a in arguments])
    assert done.returncode == 2
    assert done.stdout == ""
    assert message.format(data=DATA) in done.stderr
    assert done.stderr.startswith("labelfree: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("rank", "Missing argument 'SOURCE'; see labelfree rank -h"),
        ("rank x --on-bad skip", "--on-bad: 'skip' is not one of 'error', 'drop'; see labelfree rank -h"),
        ("rank x --seed many", "--seed: expected a valid integer, found 'many'; see labelfree rank -h"),
        ("rank x --sample", "Option '--sample' requires an argument; see labelfree -h"),
        ("rank x --json=yes", "Option '--json' does not take a value; see labelfree -h"),
        ("rank x --threads few", "--threads: expected a valid integer, found 'few'; see labelfree rank -h"),
        (
            "schema all",
            (
                "DOCUMENT: 'all' is not one of 'report', 'weights', 'gate', 'plan', 'select', 'compare', 'drift'; see "
                "labelfree schema -h"
            ),
        ),
        ("history show", "Missing argument 'HISTORY'; see labelfree history show -h"),
        ("rnk", "No such command 'rnk'. Did you mean 'rank'? See labelfree -h"),
        ("demo a b", "Got unexpected extra argument(s) (b); see labelfree demo -h"),
    ],
)  # fmt: skip
def test_what_the_parser_refuses_is_one_line_everywhere(labelfree: Program, arguments: str, message: str) -> None:
    done = labelfree(*arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"labelfree: {message}\n"
    code, seen = in_a_terminal(arguments)
    assert code == 2
    assert seen == f"labelfree: {message}\n"


def in_a_terminal(arguments: str, where: Path | None = None, width: int = 80) -> tuple[int, str]:
    """The program on a pseudo-terminal: its exit code, and both streams as they are seen."""
    import pty

    leader, follower = pty.openpty()
    environment = buffered() | {"TERM": "xterm", "COLUMNS": str(width)}
    command = [sys.executable, "-m", "labelfree", *arguments.format(epoch=EPOCH).split()]
    running = subprocess.Popen(command, cwd=where, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    seen = b""
    try:
        while part := os.read(leader, 4096):
            seen += part
    except OSError:  # the program has closed its end
        pass
    os.close(leader)
    return running.wait(timeout=60), re.sub(r"\x1b\[[0-9;]*m", "", seen.decode()).replace("\r\n", "\n")


def test_a_truncated_file_is_2(labelfree: Program, tmp_path: Path) -> None:
    (tmp_path / "cut.parquet").write_bytes(EPOCH.read_bytes()[:5000])
    done = labelfree("rank", "cut.parquet")
    assert done.returncode == 2
    assert "expected a complete Parquet file" in done.stderr
    assert "truncated" in done.stderr
    assert done.stderr.endswith("write or copy it again\n")
    content = bytearray(EPOCH.read_bytes())
    content[-200:-8] = bytes(192)  # the footer, between its data and its length
    (tmp_path / "tail.parquet").write_bytes(content)
    assert labelfree("rank", "tail.parquet").stderr.endswith("write or copy it again\n")


def test_zero_rows_have_a_rank_of_0_and_nothing_else(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "zero.npy", np.zeros((40, 4)))
    assert [labelfree(c, "zero.npy").returncode for c in ("rank", "separability", "evaluate")] == [3, 2, 0]
    metrics = one_report(labelfree("evaluate", "zero.npy", "--json").stdout)["metrics"]
    assert {name: entry["value"] for name, entry in metrics.items() if entry["value"] is not None} == {"hard_rank": 0.0}


def test_a_pipe_is_refused_and_not_waited_for(labelfree: Program, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.parquet")
    done = labelfree("rank", "pipe.parquet")
    assert (done.returncode, done.stdout) == (2, "")
    assert "found a pipe or device" in done.stderr


def test_a_wrong_variable_is_named(labelfree: Program) -> None:
    for env, arguments, name in (
        ({"LABELFREE_SAMPLE": "foo"}, (), "LABELFREE_SAMPLE"),
        ({}, ("--sample", "foo"), "--sample"),
    ):
        done = labelfree("rank", EPOCH, *arguments, env=env)
        assert done.returncode == 2
        assert done.stderr == f"labelfree: {name}: expected a number of rows or all, found 'foo'\n"


def test_undefined_is_3_and_still_printed(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.ones((1, 4)))
    done = labelfree("rank", "one.npy", "--json")
    assert done.returncode == 3
    assert one_report(done.stdout)["metrics"]["rankme"]["reason_code"] == "insufficient"
    np.save(tmp_path / "few.npy", RNG.normal(size=(12, 4)))
    assert labelfree("rank", "few.npy").returncode == 0  # id_mle and others are undefined, the headline is not
    assert labelfree("rank", "few.npy", "--only", "id_mle").returncode == 3
    assert labelfree("rank", "few.npy", "--only", "rankme,id_mle").returncode == 3
    assert labelfree("evaluate", "few.npy").returncode == 0
    assert labelfree("evaluate", "one.npy").returncode == 3
    assert labelfree("doctor", "one.npy").returncode == 0


def test_partial_is_0(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RNG.normal(size=(4000, 64)) * np.where(np.arange(64) < 30, 1.0, 1e-3))
    done = labelfree("rank", "x.npy", "--only", "alpha_req", "--json")
    assert one_report(done.stdout)["metrics"]["alpha_req"]["reason_code"] == "poor_fit"
    assert done.returncode == 0


def test_a_crash_is_1_and_says_so(labelfree: Program, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import labelfree.commands.measuring as m\n"
        "def broken(*a, **k): raise ZeroDivisionError('planted')\nm.survey = broken\n"
    )
    done = labelfree("rank", EPOCH, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("labelfree: internal error: ZeroDivisionError: planted")
    traced = labelfree("rank", EPOCH, env={"PYTHONPATH": str(tmp_path), "LABELFREE_DEBUG": "1"})
    assert traced.returncode == 1
    assert "Traceback" in traced.stderr


def test_ctrl_c_is_130(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RNG.normal(size=(80_000, 64)).astype(np.float32))
    command = [sys.executable, "-m", "labelfree", "rank", str(tmp_path / "x.npy"), "--sample", "all"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(2.5)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == ""
    assert err == "labelfree: interrupted\n"


@pytest.fixture
def run_of_reports(tmp_path: Path) -> Path:
    """A report, a history of two checks, and data on which every metric is undefined."""
    for step in (0, 1):
        report = package.rank(EPOCH, only=("rankme", "effective_rank", "mean_cosine"))
        package.history.append(tmp_path / "h.jsonl", report, step=step)
    (tmp_path / "r.json").write_text(report.to_json())
    np.save(tmp_path / "one.npy", np.ones((1, 4)))
    return tmp_path


PRINTED = [
    ("rank {epoch}", 0),
    ("rank {epoch} {epoch} --only rankme", 0),
    ("rank one.npy", 3),
    ("separability {epoch} --sample 100", 0),
    ("evaluate {epoch} --only rankme", 0),
    *((f"rank {{epoch}} --only rankme --format {form}", 0) for form in ("json", "ndjson", "csv", "md")),
    ("doctor {epoch}", 0),
    ("explain", 0),
    ("explain rankme", 0),
    ("schema", 0),
    ("history show h.jsonl", 0),
    ("history show h.jsonl --json", 0),
    ("history add h.jsonl r.json --step 2", 0),
    ("history remove h.jsonl --run default --step 0", 0),
    ("gate r.json --require rankme>=1", 0),
    ("gate r.json --require rankme>=1e6", 10),
    ("gate r.json --require rankme>=1e6 --json", 10),
    ("gate --history h.jsonl --plateau rankme --warmup 0 --rule threshold --stop-at 1", 11),
    ("--version", 0),
    ("-h", 0),
    ("", 0),
    ("gate -h", 0),
    ("history -h", 0),
]


def buffered() -> dict[str, str]:
    """The environment of a user: streams with a buffer, which meets an error only when it is flushed."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED" and not k.startswith("LABELFREE_")}


@pytest.mark.parametrize(("arguments", "code"), PRINTED)
def test_a_closed_pipe_changes_no_exit_code(run_of_reports: Path, arguments: str, code: int) -> None:
    done = unread(arguments, run_of_reports)
    assert done.returncode == code
    assert not {"Traceback", "ignored", "BrokenPipe", "internal"} & set(re.findall(r"\w+", done.stderr))


@pytest.mark.parametrize(("arguments", "code"), [("rank nothing.npy", 2), PRINTED[2], PRINTED[5]])
def test_both_streams_closed_change_no_exit_code(run_of_reports: Path, arguments: str, code: int) -> None:
    assert unread(arguments, run_of_reports, both=True).returncode == code


def unread(arguments: str, where: Path, *, both: bool = False) -> subprocess.CompletedProcess[str]:
    """The program into a pipe whose reader has closed before anything is written."""
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "labelfree", *arguments.format(epoch=EPOCH).split()]
    with os.fdopen(writes, "w") as pipe:
        errors = pipe if both else subprocess.PIPE
        return subprocess.run(
            command, stdout=pipe, stderr=errors, text=True, cwd=where, env=buffered(), check=False, timeout=60
        )


@pytest.mark.once
def test_a_reader_that_stops_early_changes_no_exit_code(run_of_reports: Path) -> None:
    for command, code in (("rank {epoch}", 0), ("gate r.json --require 'rankme>=1e6'", 10), ("demo", 0)):
        script = f"{sys.executable} -m labelfree {command.format(epoch=EPOCH)} | true; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, cwd=run_of_reports, env=buffered(), check=True
        )
        assert done.stdout == f"{code}\n"
        assert "Error" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", ["rank {epoch}", "rank {epoch} --json", "explain rankme", "--version", "-h"])
def test_a_full_disk_is_2(arguments: str) -> None:
    command = [sys.executable, "-m", "labelfree", *arguments.format(epoch=EPOCH).split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=buffered(), check=False)
    assert done.returncode == 2
    assert done.stderr == "labelfree: no space left on the device; free some, or write elsewhere\n"


def test_notes_and_warnings_go_to_stderr(labelfree: Program, tmp_path: Path) -> None:
    table = pa.table({"embedding": (1 + RNG.normal(size=(900, 4)) * [4, 3, 2, 1]).tolist(), "label": ["a"] * 900})
    pq.write_table(table, tmp_path / "x.parquet")
    done = labelfree("rank", "x.parquet", "--json")
    note = "labelfree: x.parquet: column 'label' was not read: no metric here uses labels\n"
    assert done.stderr == note
    assert labelfree("rank", "x.parquet").stderr == note
    assert labelfree("rank", "x.parquet", "-q").stderr == ""
    assert "900 rows in" in labelfree("rank", "x.parquet", "-v").stderr


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_warnings_of_metrics_go_to_stderr_each_once(labelfree: Program, tmp_path: Path, form: str) -> None:
    np.save(tmp_path / "x.npy", RNG.normal(size=(30, 20)))
    said = labelfree("rank", "x.npy", "--format", form).stderr.splitlines()
    assert len([line for line in said if "and the value grows with n" in line]) == 1
    assert len(set(said)) == len(said)
    assert all(re.match(r"labelfree: (error|warning|note): x\.npy: .* \[[a-z_]+\]$", line) for line in said)
    assert labelfree("rank", "x.npy", "--format", form, "-q").stderr == ""


def test_environment_variables_are_defaults(labelfree: Program) -> None:
    done = labelfree("rank", EPOCH, env={"LABELFREE_FORMAT": "csv", "LABELFREE_SAMPLE": "100"})
    assert done.stdout.startswith("source,metric,")
    done = labelfree("rank", EPOCH, "--json", env={"LABELFREE_SAMPLE": "100", "LABELFREE_SEED": "3"})
    assert one_report(done.stdout)["input"]["sample"] == {"size": 100, "seed": 3}


def test_a_flag_wins_over_the_environment(labelfree: Program) -> None:
    environment = {"LABELFREE_FORMAT": "csv"}
    few = ("rank", EPOCH, "--only", "mean_cosine")
    assert one_report(labelfree(*few, "--json", env=environment).stdout)["command"] == "rank"
    assert json.loads(labelfree(*few, "--format", "ndjson", env=environment).stdout)["command"] == "rank"
    two = labelfree(*few, "--format", "csv", "--json", env={"LABELFREE_FORMAT": "table"})
    assert two.returncode == 2
    assert "--json and --format csv contradict each other" in two.stderr
    said = labelfree(*few, env={"LABELFREE_FORMAT": "cvs"}).stderr
    assert said.startswith("labelfree: LABELFREE_FORMAT (for --format): 'cvs' is not one of")


def test_doctor(labelfree: Program, tmp_path: Path) -> None:
    X = RNG.normal(size=(300, 4))
    X[7] = np.nan
    np.save(tmp_path / "x.npy", X)
    done = labelfree("doctor", "x.npy")
    assert done.returncode == 0
    assert done.stdout.startswith("doctor  x.npy: 1 error\n")
    assert re.search(r"^nonfinite +1 +7  1 of 300 rows with NaN or infinity; ", done.stdout, re.MULTILINE)
    np.save(tmp_path / "y.npy", np.delete(X, 7, axis=0))
    assert "nothing wrong" in labelfree("doctor", "y.npy").stdout
    document = one_report(labelfree("doctor", "x.npy", "--json").stdout)
    assert [one["code"] for one in document["findings"]] == ["nonfinite"]
    assert "defects" not in document["input"]


def test_explain_and_schema(labelfree: Program) -> None:
    done = labelfree("explain", "rankme")
    assert "Source" in done.stdout
    assert "Garrido" in done.stdout
    assert "Holds in" in done.stdout
    names = {line.split()[0] for line in labelfree("explain").stdout.splitlines()}
    assert names == {m.name for m in package.metrics.METRICS}
    assert json.loads(labelfree("schema").stdout)["title"] == "Document"


@pytest.mark.parametrize(("width", "widest"), [(60, 60), (200, 88)])
def test_explain_keeps_to_the_width_of_the_terminal(width: int, widest: int) -> None:
    for arguments in ("explain", "explain rankme"):
        code, seen = in_a_terminal(arguments, width=width)
        longest = max(map(len, seen.split("\n")))
        assert code == 0
        assert widest - 12 < longest <= widest


def test_version_help_and_no_arguments(labelfree: Program) -> None:
    assert labelfree("--version").stdout == f"labelfree-eval {package.__version__}\n"
    for arguments in ([], ["-h"], ["--help"]):
        done = labelfree(*arguments)
        assert done.returncode == 0
        assert "rank" in done.stdout
    for command in COMMANDS:
        assert labelfree(*command.split(), "--version").stdout == f"labelfree-eval {package.__version__}\n"
        help_ = labelfree(*command.split(), "-h")
        assert help_.returncode == 0
        assert f"Usage: labelfree {command} " in help_.stdout + " "
        assert not set("─│╭\x1b") & set(help_.stdout)
    assert "labelfree rank embeddings.parquet" in labelfree("rank", "-h").stdout
    assert labelfree("history").stdout == labelfree("history", "-h").stdout


def test_no_progress_bar_outside_a_terminal(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RNG.normal(size=(9000, 64)).astype(np.float32))
    done = labelfree("rank", "x.npy", "--sample", "all")
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.once
def test_a_bar_appears_in_a_terminal_when_it_takes_long(tmp_path: Path) -> None:
    import pty

    np.save(tmp_path / "x.npy", RNG.normal(size=(20_000, 64)).astype(np.float32))
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    command = [sys.executable, "-m", "labelfree", "rank", "x.npy", "--sample", "all"]
    running = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=follower, env=environment, text=True
    )
    os.close(follower)
    seen = b""
    try:
        while part := os.read(leader, 4096):
            seen += part
    except OSError:  # the program has closed its end
        pass
    os.close(leader)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert out.splitlines()[1].startswith("rank  x.npy")
    assert b"comparing pairs" in seen
