"""gate, history and --append as a user meets them: a real shell, real files, exit codes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import labelfree as package
from labelfree import history
from labelfree.reports.gate import GateReport
from program import Program
from reports import entry, report, run_of, written

pytestmark = pytest.mark.once

DATA = Path(package.__file__).parent / "demo_data"
EPOCHS = sorted(DATA.glob("epoch_*.parquet"))
S = "separability"
GATE = f"{sys.executable} -m labelfree gate"


def shell(script: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", script], cwd=where, capture_output=True, text=True, check=False, timeout=60)


def test_a_run_from_checkpoints_to_a_verdict(labelfree: Program, tmp_path: Path) -> None:
    done = labelfree("rank", *EPOCHS, "--append", "h.jsonl", "--only", "rankme", "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["reports"][0]["metrics"]) == {"rankme", "effective_rank", "mean_cosine"}
    records = history.read(tmp_path / "h.jsonl")
    assert [r["step"] for r in records] == [0, 1, 2, 3, 5, 7]
    assert labelfree("rank", *EPOCHS, "--append", "h.jsonl", "--only", "rankme", "-v").stderr.endswith(
        "0 of 6 records appended, the others were there\n"
    )
    done = labelfree("gate", "--history", "h.jsonl", "--plateau", "rankme")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()[:2]
    assert first.startswith("CONTINUE: ")
    assert second.startswith("gate continue (too_little_history), exit code 0; h.jsonl (run default, 6 checks")
    done = labelfree(
        "gate", "--history", "h.jsonl", "--plateau", "rankme", "--checks", "6", "--min-delta", "99", "--json"
    )
    assert done.returncode == 11
    GateReport.model_validate_json(done.stdout)
    verdict = json.loads(done.stdout)["verdict"]
    assert (verdict["decision"], verdict["best"]["step"], verdict["best"]["source"]) == ("stop", 7, str(EPOCHS[-1]))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (f"--require '{S} >= 0.5'", 0),
        (f"--require '{S} > 0.5'", 10),
        (f"--require '{S} > 0.5' --exit-zero", 0),
        ("--require 'rankme > 1'", 10),
        (f"--against base.json --max-drop {S}=0.5", 0),
        (f"--against base.json --max-drop {S}=5", 2),
        (f"--against base.json --max-drop {S}=0.05", 10),
        ("--against noisy.json --max-drop separability=0.05", 13),
        ("--against noisy.json --max-drop separability=0.05 --on-undecided pass", 0),
        ("--against noisy.json --max-drop separability=0.05 --on-undecided fail", 10),
        ("--require 'rankmee > 1'", 2),
        ("--require 'worst_utility > 0'", 10),
        ("", 2),
        ("--nonsense", 2),
    ],
)
def test_exit_codes_through_a_shell(tmp_path: Path, arguments: str, code: int) -> None:
    written(tmp_path / "now.json", report({S: entry(0.5, 0.1)}))
    written(tmp_path / "base.json", report({S: entry(9.6, 0.001)}) if "=0.05" in arguments else report({S: 0.6}))
    written(tmp_path / "noisy.json", report({S: entry(0.6, 0.1)}))
    done = shell(f"{GATE} now.json {arguments}; echo $?", tmp_path)
    assert done.stdout.splitlines()[-1] == str(code)
    if code == 2:
        assert done.stdout == "2\n"
        assert done.stderr


def test_plateau_and_collapse_through_a_shell(tmp_path: Path) -> None:
    run_of(tmp_path / "h.jsonl", [0.5] * 9)
    assert shell(f"{GATE} --history h.jsonl --plateau {S}; echo $?", tmp_path).stdout.endswith("\n11\n")
    history.append(tmp_path / "h.jsonl", report({S: 0.9}, rank=1.0, cosine=0.99, source="x"), step=9)
    assert shell(f"{GATE} --history h.jsonl --plateau {S}; echo $?", tmp_path).stdout.endswith("\n12\n")
    script = f"set -e; {GATE} --history h.jsonl --run young --plateau {S} > /dev/null; echo lives"
    run_of(tmp_path / "h.jsonl", [0.5], run="young")
    assert shell(script, tmp_path).stdout == "lives\n"


def test_a_report_through_a_pipe(tmp_path: Path) -> None:
    script = f"{sys.executable} -m labelfree rank {EPOCHS[0]} --json -q | {GATE} - --require 'rankme > 1' --format csv"
    done = shell(f"set -o pipefail; {script}; echo $?", tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("kind,metric,condition,found")
    assert lines[1].startswith("require,rankme,rankme > 1,")
    assert lines[2] == "0"
    failed = shell(
        f"{sys.executable} -m labelfree rank no.npy --json | {GATE} - --require 'rankme > 1'; echo $?", tmp_path
    )
    assert failed.stdout == "2\n"
    assert "did the command before the pipe fail?" in failed.stderr
    both = '{"a": 1}'
    assert (
        "standard input: expected a report"
        in shell(f"echo '{both}' | {GATE} - --require 'rankme > 1'", tmp_path).stderr
    )
    twice = shell(f"echo | {GATE} - --against - --max-drop rankme=1", tmp_path)
    assert "standard input can be read once" in twice.stderr


def test_a_closed_pipe_keeps_the_verdict(tmp_path: Path) -> None:
    written(tmp_path / "now.json", report({S: 0.5}))
    for sign, code in ((">", 10), (">=", 0)):
        script = f"{GATE} now.json --require '{S} {sign} 0.5' --json | true; echo ${{PIPESTATUS[0]}}"
        done = shell(script, tmp_path)
        assert done.stdout.strip() == str(code)
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr


def test_a_crash_is_1_and_never_a_verdict(labelfree: Program, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import labelfree.gating.api as api\n"
        "def broken(*_, **__): raise RuntimeError('planted')\n"
        "api.required = broken\n"
    )
    path = written(tmp_path / "now.json", report({S: 0.5}))
    source = str(Path(package.__file__).parent.parent)
    done = labelfree("gate", path, "--require", f"{S} > 0", env={"PYTHONPATH": f"{tmp_path}:{source}"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("labelfree: internal error: RuntimeError: planted")


def test_ctrl_c_is_130(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "labelfree", "gate", "-", "--require", "rankme > 1"]
    running = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(2.5)  # it waits for its standard input
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (130, "", "labelfree: interrupted\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_2_and_no_verdict(tmp_path: Path) -> None:
    written(tmp_path / "now.json", report({S: 0.5}))
    done = shell(f"{GATE} now.json --require '{S} > 0.6' > /dev/full; echo $? >&2", tmp_path)
    assert "no space left on the device" in done.stderr
    assert done.stderr.endswith("\n2\n")


def test_the_table_in_a_pipe(labelfree: Program, tmp_path: Path) -> None:
    path = run_of(tmp_path / "h.jsonl", [entry(0.5, 0.01)] * 9)
    lines = labelfree("gate", "--history", path, "--plateau", S).stdout.splitlines()
    assert lines[0].startswith("STOP: separability ")
    assert re.search(r"; best: \S+ \(step \d\)$", lines[0])
    assert lines[1] == f"gate stop (plateau), exit code 11; {path} (run default, 9 checks, steps 0 to 8)"
    assert lines[3].split() == ["condition", "found", "interval", "decision"]
    assert lines[4].split() == ["plateau", "of", S, "0", "at", "most", "0", "(90", "%)", "stop"]
    assert lines[5].split() == ["collapse", "guard", "100", "%", "of", "rank", "pass"]
    assert lines[-1] == "rule slope (version 2): warm-up 3 checks, window 6 checks, confidence 0.9, min-delta 0.01"
    assert not set("─│┌╭━\x1b") & set("".join(lines))


def test_the_table_says_the_code_that_the_process_exits_with(labelfree: Program, tmp_path: Path) -> None:
    written(tmp_path / "now.json", report({S: 0.5}))
    for asked, told in ((">= 0.6", "exit code 0 (10 without --exit-zero)"), (">= 0.5", "exit code 0")):
        done = labelfree("gate", "now.json", "--require", f"{S} {asked}", "--exit-zero")
        assert done.returncode == 0
        assert f", {told}; now.json" in done.stdout.splitlines()[1]


def test_every_interval_says_its_level(labelfree: Program, tmp_path: Path) -> None:
    """The slope is judged by a bound at its confidence, a drop by a 95 % interval: one column holds both."""
    path = run_of(tmp_path / "h.jsonl", [entry(0.5 + 0.01 * (i % 2), 0.01) for i in range(9)])
    written(tmp_path / "base.json", report({S: entry(0.6, 0.01)}))
    asked = ("--history", path, "--plateau", S, "--against", "base.json", "--max-drop", f"{S}=50%")
    document = json.loads(labelfree("gate", *asked, "--confidence", "0.975", "--json").stdout)
    drop, plateau = document["verdict"]["conditions"]
    assert (drop["level"], plateau["level"]) == (0.95, 0.95)
    assert [c["level"] for c in json.loads(labelfree("gate", *asked, "--json").stdout)["verdict"]["conditions"]] == [
        0.95, 0.8,
    ]  # fmt: skip
    table = labelfree("gate", *asked, "--confidence", "0.975").stdout.splitlines()
    assert re.search(r" \S+ to \S+ \(95 %\) ", table[4])
    assert re.search(r" at most \S+ \(97.5 %\) ", table[5])
    lines = labelfree("gate", *asked, "--format", "csv").stdout.splitlines()
    column = lines[0].split(",").index("level")
    assert [line.split(",")[column] for line in lines[1:]] == ["0.95", "0.8", ""]


def test_output_files_and_formats(labelfree: Program, tmp_path: Path) -> None:
    path = written(tmp_path / "now.json", report({S: 0.5}))
    done = labelfree(
        "gate", path, "--require", f"{S} > 0.5", "-o", "v.json", "-o", "v.md", "-o", "v.csv", "-o", "v.ndjson"
    )
    assert done.returncode == 10
    assert json.loads((tmp_path / "v.json").read_text())["verdict"]["exit_code"] == 10
    assert (tmp_path / "v.md").read_text().startswith("### gate: fail (not_met)\n")
    assert labelfree("gate", path, "--require", f"{S} > 0.5", "--json").stdout == (tmp_path / "v.json").read_text()
    assert (
        labelfree("gate", path, "--require", f"{S} > 0.5", "--format", "md").stdout == (tmp_path / "v.md").read_text()
    )
    assert len((tmp_path / "v.ndjson").read_text().splitlines()) == 1
    refused = labelfree("gate", path, "--require", f"{S} > 0.5", "-o", "v.svg")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "expected a suffix among .json .ndjson .csv .md" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (f"gate now.json --require '{S} > 0' -o now.json", "would overwrite the report now.json"),
        (f"gate now.json --require '{S} > 0' -o v.md -o ./link.json", "would overwrite the report now.json"),
        (
            f"gate now.json --against base.json --max-drop {S}=5% -o base.json",
            "would overwrite the baseline base.json",
        ),
        (f"gate --history h.json --plateau {S} -o h.json", "would overwrite the history h.json"),
        (f"gate - --require '{S} > 0' -o v.md -o v.md < now.json", "would overwrite -o v.md"),
        ("history show h.json -o h.json", "would overwrite the history h.json"),
        ("history show h.json -o v.md -o ./v.md", "would overwrite -o v.md"),
    ],
)
def test_an_output_never_overwrites_what_is_judged(tmp_path: Path, arguments: str, message: str) -> None:
    written(tmp_path / "now.json", report({S: 0.5}))
    written(tmp_path / "base.json", report({S: 0.6}))
    (tmp_path / "link.json").symlink_to("now.json")
    run_of(tmp_path / "h.json", [0.5])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = shell(f"{sys.executable} -m labelfree {arguments}", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("rank {epoch} --step 3", "--step: has no effect without --append"),
        ("rank {epoch} --step 0", "--step: has no effect without --append"),
        ("rank {epoch} --run a", "--run: has no effect without --append"),
        ("rank {epoch} --run ''", "--run: has no effect without --append"),
        ("rank {epoch} --append h.jsonl --run ''", "--run: expected a name, found ''"),
        ("gate --history no.jsonl --plateau rankme --run ''", "--run: expected a name, found ''"),
        ("history add h.jsonl {report} --step 0 --run ''", "--run: expected a name, found ''"),
        ("history show full.jsonl --run ''", "--run: expected a name, found ''"),
        ("history remove full.jsonl --run ''", "--run: expected a name, found ''"),
        ("rank {epoch} --replace", "--replace: has no effect without --append"),
        ("doctor {epoch} --append h.jsonl", "doctor measures nothing that a history holds"),
        ("rank x.npy --append h.jsonl", "expected a step in its name"),
        ("rank {epoch} {epoch} --append h.jsonl --step 2", "names the step of one SOURCE"),
        ("rank {epoch} --append no/h.jsonl", "the directory no does not exist"),
        ("rank {epoch} --append torn.jsonl", "torn.jsonl, line 1: expected one record, found a torn line"),
        ("rank {epoch} --append h.jsonl --step -1", "at least 0"),
        ("gate --history no.jsonl --plateau rankme", "no.jsonl: no such history"),
        ("gate --history torn.jsonl --plateau rankme", "torn line"),
        ("gate --history {report} --plateau rankme", "r.json: expected a history (JSON Lines), found a report"),
        ("gate --history two.json --plateau rankme", "found a report; labelfree history add HISTORY two.json"),
        ("gate --history v.json --plateau rankme", "found the verdict of a gate; name the history that it judged"),
        ("gate no.json --require 'rankme > 1'", "no.json: no such file"),
        ("gate x.npy --require 'rankme > 1'", "found bytes that are no text"),
        ("gate --plateau rankme", "needs the checks of a run"),
        ("gate --rule kneedle --plateau rankme", "'kneedle' is not one of"),
        ("gate --require 'rankme > 1'", "expected a report or --history FILE"),
        ("history show no.jsonl", "no such history"),
        ("history add h.jsonl no.json", "no.json: no such file"),
        ("history remove h.jsonl", "Missing option '--run'"),
    ],
)
def test_bad_usage_is_2_with_nothing_on_stdout(tmp_path: Path, arguments: str, message: str) -> None:
    np.save(tmp_path / "x.npy", np.eye(4))
    (tmp_path / "torn.jsonl").write_text('{"schema_version": 1, "ru')
    two = [report({S: 0.5}), report({S: 0.6})]
    (tmp_path / "two.json").write_text(json.dumps({"reports": two, "across": {}}, indent=2))
    (tmp_path / "v.json").write_text(json.dumps(package.gate(two[0], require=f"{S} > 0"), indent=2))
    run_of(tmp_path / "full.jsonl", [0.5])
    given = arguments.format(epoch=EPOCHS[0], report=written(tmp_path / "r.json", report({S: 0.5})))
    done = shell(f"NO_COLOR=1 COLUMNS=200 {sys.executable} -m labelfree {given}", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "h.jsonl").exists()


def test_history_add_show_and_remove(labelfree: Program, tmp_path: Path) -> None:
    labelfree("rank", EPOCHS[0], EPOCHS[1], "-o", "two.json")
    assert labelfree("history", "add", "h.jsonl", "two.json").stdout == "h.jsonl: 2 added\n"
    assert labelfree("history", "add", "h.jsonl", "two.json").stdout == "h.jsonl: 0 added, 2 there already\n"
    assert "of several" in labelfree("history", "add", "h.jsonl", "two.json", "--step", "7").stderr
    lines = labelfree("history", "show", "h.jsonl").stdout.splitlines()
    assert lines[:2] == ["history  h.jsonl", "run default, 2 checks, steps 0 to 1"]
    assert lines[3] == "rankme  higher is better"
    assert [line.split()[0] for line in lines[5:7]] == ["0", "1"]
    assert lines[7].startswith("continue: 2 checks so far; the first decision comes at 9")
    assert lines[-1].startswith("collapse guard: pass")
    document = json.loads(labelfree("history", "show", "h.jsonl", "--only", "mean_cosine", "--json").stdout)
    assert document["curves"]["mean_cosine"]["verdict"] is None
    assert len(document["curves"]["mean_cosine"]["points"]) == 2
    assert labelfree("history", "show", "h.jsonl", "--format", "csv").stdout.startswith("run,step,metric,value,")
    assert "| step | rankme | 95 % interval |" in labelfree("history", "show", "h.jsonl", "--format", "md").stdout
    assert labelfree("history", "remove", "h.jsonl", "--run", "default", "--step", "1").stdout == "h.jsonl: 1 removed\n"
    assert labelfree("history", "show", "h.jsonl", "--only", "lidar").returncode == 0
    assert "no separability; it has" in labelfree("history", "show", "h.jsonl", "--only", S).stderr


def test_one_is_said_in_the_singular(labelfree: Program, tmp_path: Path) -> None:
    run_of(tmp_path / "one.jsonl", [0.5])
    run_of(tmp_path / "two.jsonl", [0.5, 0.4])
    run_of(tmp_path / "many.jsonl", [0.1, None, *([0.5] * 29)])
    run_of(tmp_path / "named.jsonl", [0.5], run="a")
    gate, patience = ("gate", "--history"), ("--rule", "patience", "--patience", "1", "--warmup")
    said = " ".join(
        labelfree(*arguments).stdout
        for arguments in (
            (*gate, "one.jsonl", "--plateau", S),
            (*gate, "two.jsonl", "--plateau", S, *patience, "0"),
            (*gate, "many.jsonl", "--plateau", S, *patience, "1"),
            ("history", "show", "one.jsonl"),
            ("history", "show", "many.jsonl"),
        )
    ) + labelfree(*gate, "named.jsonl", "--plateau", S).stderr  # fmt: skip
    for told in (
        "(run default, 1 check, step 0)", "run default, 1 check, step 0\n", "1 check so far;",
        "1 check before the latest", "1 check ago; patience is 1 check; best: ",
        "warm-up 1 check, patience 1 check, min-delta 0.01",
        "1 earlier check without a value left out", "1 earlier check with --all", "run 'a' (step 0)",
    ):  # fmt: skip
        assert told in said, told
    assert not re.search(r"\b1 (earlier )?(checks|rows|steps)\b|steps (\d+) to \2\b", said)


def test_the_curves_as_pictures(labelfree: Program, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run_of(tmp_path / "h.jsonl", [entry(0.1 * i, 0.05) for i in range(9)] + [None])
    starts = {"c.svg": b"<?xml", "c.png": b"\x89PNG", "c.pdf": b"%PDF", "again.svg": b"<?xml"}
    done = labelfree("history", "show", "h.jsonl", "--all", *(a for name in starts for a in ("-o", name)))
    assert done.returncode == 0, done.stderr
    for name, start in starts.items():
        assert (tmp_path / name).read_bytes().startswith(start)
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "c.svg").read_bytes()


def test_the_curves_in_a_terminal() -> None:
    import io

    from rich.console import Console

    from labelfree.render.pictures.histories import show

    points = [
        {"step": i, "value": v, "se": 0.1, "interval": [v - 0.2, v + 0.2], "source": "x"}
        for i, v in enumerate((1.0, 2.0, 3.0))
    ]
    document = {
        "history": "h", "run": "default", "checks": 3, "first_step": 0, "last_step": 2, "guards": [],
        "curves": {"rankme": {"direction": "higher", "points": points, "verdict": None, "note": None}},
    }  # fmt: skip
    out = io.StringIO()
    show(Console(file=out, width=80, force_terminal=True, color_system=None), document, everything=False)
    lines = out.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    dots = [line.index("●") for line in lines if "●" in line]
    assert len(dots) == 3
    assert dots[1] - dots[0] == pytest.approx(dots[2] - dots[1], abs=1)


def test_help_says_checks_wherever_a_number_is_asked_for(labelfree: Program) -> None:
    said = " ".join(labelfree("gate", "--help-all", env={"COLUMNS": "160"}).stdout.replace("│", " ").split())
    for option in ("--warmup", "--window", "--patience"):
        about = said.split(option, 1)[1][:160]
        assert "checks" in about
    assert "labelfree gate report.json --require" in said
