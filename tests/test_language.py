"""Messages name options as their reader writes them: arguments in Python, flags on the command line."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labelfree
from labelfree import history
from labelfree.cli.flags import flag
from labelfree.cli.main import program, run
from labelfree.errors import HistoryError, LabelfreeError, UsageError, option, speaking
from labelfree.render.tables import table
from labelfree.render.verdicts import verdict
from labelfree.training.plan import Asked
from printouts import one_report
from reports import entry, report, run_of

pytestmark = pytest.mark.once

SRC = Path(__file__).parent.parent / "src" / "labelfree"
FILES = sorted(file for file in SRC.rglob("*.py") if "cli" not in file.relative_to(SRC).parts)

_COMMAND = re.compile(r"\b(?:labelfree|aws|azcopy|hf) [a-z][^;,)]*")
_FLAG = re.compile(r"(?<![\w-])(?:--[a-z{]|-o\b)")

# What has arguments in Python: the public functions, the monitor, and what draws tables and verdicts.
FUNCTIONS: tuple[Callable[..., Any], ...] = (
    labelfree.rank, labelfree.separability, labelfree.transfer, labelfree.opis, labelfree.evaluate, labelfree.doctor,
    labelfree.select, labelfree.compare, labelfree.drift, labelfree.embed, labelfree.weights, labelfree.watch,
    labelfree.summarize, labelfree.merge, labelfree.gate, labelfree.plan_gate, history.append, table.show, verdict.show,
)  # fmt: skip
ARGUMENTS = {
    name
    for function in FUNCTIONS
    for name, parameter in inspect.signature(function).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
} | {*Asked.__annotations__}
PROGRAM_ALONE = {"gating/configured.py"}
"""Files that only the command line runs: they read the table [tool.labelfree.gate]."""
OWN_ARGUMENTS = {"training", "families/transfer/candidates.py", "commands/kept_samples.py"}
"""What only Python calls, with arguments that no command has: a monitor, and functions of arrays."""


def texts(source: str) -> Iterator[str]:
    """Every text of a file but its docstrings, with {} for what is filled in."""
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    said |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def flags(source: str) -> list[str]:
    """The texts that hold a flag, commands to type aside, ours and those that copy files."""
    return [text for text in texts(source) if _FLAG.search(_COMMAND.sub("", text))]


def bare(source: str) -> list[str]:
    """The usage errors that begin with the name of an option as plain text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("UsageError", "ResourceError", "OutputError"):
            for text in texts(ast.unparse(node)):
                name, colon, _ = text.partition(": ")
                if colon and name in ARGUMENTS:
                    found.append(text)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SRC)))
def test_no_text_below_the_command_line_holds_a_flag(file: Path) -> None:
    assert flags(file.read_text()) == []
    if not any(str(file.relative_to(SRC)).startswith(place) for place in OWN_ARGUMENTS):
        assert bare(file.read_text()) == []


def test_the_test_of_texts_can_fail() -> None:
    assert flags('raise UsageError(f"drop {n} of them with --on-bad drop")') == ["drop {} of them with --on-bad drop"]
    assert flags('x = f"--{name}: expected"') == ["--{}: expected"]
    assert flags('x = "-o is missing"') == ["-o is missing"]
    assert flags('x = f"labelfree gate {path} --require, or --plateau"') == [
        "labelfree gate {} --require, or --plateau"
    ]
    assert flags('x = "labelfree rank SOURCE -o report.json writes one; labelfree gate --require"') == []
    assert flags('def f():\n    """Reads --column."""\n    x = "a--b, -1, pip install -c file"') == []
    assert bare('raise UsageError(f"sample: expected {n}")') == ["sample: expected {}"]
    assert bare('raise UsageError(f"{option(name)}: expected {n}; sample: 3")') == []


def named() -> list[tuple[str, str, bool]]:
    """Every name that the source gives as an option: the file, the name, and whether Python has other words for it."""
    found = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            place = {"option": 0, "check_metric": 1, "oriented": 2, "checked_run": 1}.get(ast.unparse(node.func))
            if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
                name = node.args[place].value  # type: ignore[attr-defined]
                other = any(keyword.arg == "python" for keyword in node.keywords)
                found.append((str(file.relative_to(SRC)), str(name), other))
    return found


def offered() -> set[str]:
    """Every flag of the program."""
    commands, found = [program()], set[str]()
    for command in commands:
        commands += getattr(command, "commands", {}).values()
        found |= {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return found


def test_every_option_that_a_message_names_exists_in_both_languages() -> None:
    known = named()
    assert len({name for _, name, _ in known}) > 40
    assert {"append", "on_bad", "max_drop", "metrics"} <= {name for _, name, _ in known}
    unknown = {
        (file, name) for file, name, other in known
        if name not in ARGUMENTS and not other and file not in PROGRAM_ALONE
    }  # fmt: skip
    assert unknown == set()
    there = offered()
    assert "--on-bad" in there
    monitors_own = {"metrics", "prefix"}
    of_python = {"homology", "clusters", "autocorrelation", "space", "image_size"}  # the command line has them no more
    for file, name, _ in known:
        spelled = flag(name, False) if file in PROGRAM_ALONE else flag(name)
        alone = name in of_python or (file.startswith("training") and name in monitors_own)
        assert spelled in there or alone, (file, name)


# How an option is spelled.


@given(st.text())
def test_a_value_is_written_so_that_it_is_read_back(text: str) -> None:
    assert shlex.split(flag("column", text)) == ["--column", text]
    assert ast.literal_eval(option("column", text).removeprefix("column=")) == text


def test_both_languages() -> None:
    def each(*arguments: Any, **keywords: Any) -> tuple[str, str]:
        with speaking(flag):
            told = option(*arguments, **keywords)
        return option(*arguments, **keywords), told

    assert each("groups_from") == ("groups_from", "--groups-from")
    assert each("on_bad", "drop") == ("on_bad='drop'", "--on-bad drop")
    assert each("trust_code", True) == ("trust_code=True", "--trust-code")
    assert each("require", "rankme >= 3") == ("require='rankme >= 3'", "--require 'rankme >= 3'")
    assert each("column", "e_*") == ("column='e_*'", "--column 'e_*'")
    assert each("step", 0) == ("step=0", "--step 0")
    assert each("memory", 4 * 10**8) == ("memory=400000000", "--memory 400MB")
    assert each("output", Path("a/e.parquet")) == ("output='a/e.parquet'", "-o a/e.parquet")
    assert each("id", like="NAME") == ("id=NAME", "--id NAME")
    assert each("everything") == ("everything", "--all")
    assert each("append", python="labelfree.history.append") == ("labelfree.history.append", "--append")


def test_the_language_holds_in_threads_and_ends_with_the_block() -> None:
    with speaking(flag), ThreadPoolExecutor(1) as pool:
        assert pool.submit(option, "sample").result() == "--sample"
        with pytest.raises(UsageError), speaking(lambda name, value, like: "another"):
            raise UsageError(option("sample"))
        assert option("sample") == "--sample"
    assert option("sample") == "sample"


# The same mistakes, in Python and on the command line.

Call = Callable[[], Any]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of small inputs that lack something, which is also the current one."""
    rows = np.random.default_rng(0).normal(size=(40, 4))
    bad = rows.copy()
    bad[7, 1] = np.nan
    two = pa.table({"emb": rows.tolist(), "vec": rows.tolist(), "id": [0] * 40})
    pq.write_table(two, tmp_path / "two.parquet")
    pq.write_table(two.select(["emb", "id"]), tmp_path / "ids.parquet")
    np.save(tmp_path / "x.npy", rows)
    np.save(tmp_path / "bad.npy", bad)
    np.savez(tmp_path / "w.npz", fc=rows)
    (tmp_path / "runs").mkdir()
    (tmp_path / "r.json").write_text(json.dumps(report({"rankme": 3.0})))
    run_of(tmp_path / "h.jsonl", [0.1] * 4)
    monkeypatch.chdir(tmp_path)
    return tmp_path


MISTAKES: dict[str, tuple[Call, str, str, str]] = {
    "two columns": (
        lambda: labelfree.rank("two.parquet"), "rank two.parquet",
        "choose with column='emb' or column='vec'", "choose with --column emb or --column vec",
    ),
    "bad rows": (
        lambda: labelfree.rank("bad.npy"), "rank bad.npy",
        "drop them with on_bad='drop'", "drop them with --on-bad drop",
    ),
    "ids": (
        lambda: labelfree.rank("ids.parquet"), "rank ids.parquet",
        "another column with id", "another column with --id",
    ),
    "sample": (
        lambda: labelfree.rank("x.npy", sample=1), "rank x.npy --sample 1",
        "sample: expected a whole number of at least 2", "--sample: expected a whole number of at least 2",
    ),
    "memory": (
        lambda: labelfree.rank("x.npy", memory=1_000_000), "rank x.npy --memory 1MB",
        "memory=1000000: 40 rows", "--memory 1MB: 40 rows",
    ),
    "only": (
        lambda: labelfree.rank("x.npy", only="opis"), "rank x.npy --only opis",
        "only: no metric 'opis' in rank", "--only: no metric 'opis' in rank",
    ),
    "layer of no data": (
        lambda: labelfree.rank("x.npy", layer="0"), "rank x.npy --layer 0",
        "layer: has no effect without data, which a checkpoint is run over; leave it out, or add data",
        "--layer: has no effect without --data, which a checkpoint is run over; leave it out, or add --data",
    ),
    "freeze of a column": (
        lambda: labelfree.opis("ids.parquet", group="id", freeze="g.parquet"),
        "opis ids.parquet --group id --freeze g.parquet",
        "freeze: has no effect beside group,", "--freeze: has no effect beside --group,",
    ),
    "two kinds of groups": (
        lambda: labelfree.opis("x.npy", group="id", groups_from="x.npy"),
        "opis x.npy --group id --groups-from x.npy",
        "groups_from: has no effect beside group,", "--groups-from: has no effect beside --group,",
    ),
    "freeze without groups": (
        lambda: labelfree.opis("x.npy", only="mean_cosine", freeze="g.parquet"),
        "opis x.npy --only mean_cosine --freeze g.parquet",
        "freeze: none of the metrics of only makes groups", "--freeze: none of the metrics of --only makes groups",
    ),
    "range": (
        lambda: labelfree.opis("x.npy", far="1:2"), "opis x.npy --far 1:2",
        "far: expected LOW:HIGH", "--far: expected LOW:HIGH",
    ),
    "label": (
        lambda: labelfree.transfer("x.npy", label="y"), "transfer x.npy --label y",
        "label='y': names the label column of source rows, and there are none; add source=FILE, or audit='y'",
        "--label y: names the label column of source rows, and there are none; add --source FILE, or --audit y",
    ),
    "gate of nothing": (
        lambda: labelfree.gate("r.json"), "gate r.json",
        "require='METRIC >= NUMBER', against=BASE with max_drop='METRIC=5%', or history=FILE with plateau='METRIC'",
        "--require 'METRIC >= NUMBER', --against BASE with --max-drop METRIC=5%, or --history FILE with --plateau",
    ),
    "gate of two conditions": (
        lambda: labelfree.gate("r.json", require="rankme > 1 and rankme < 9"),
        "gate r.json --require 'rankme > 1 and rankme < 9'",
        "one condition each: give a list", "one condition each: --require",
    ),
    "gate with half a rule": (
        lambda: labelfree.gate(history="h.jsonl", plateau="separability", rule="threshold"),
        "gate --history h.jsonl --plateau separability --rule threshold",
        "rule='threshold': say where to stop: stop_at=NUMBER", "--rule threshold: say where to stop: --stop-at NUMBER",
    ),
    "gate without effect": (
        lambda: labelfree.gate("r.json", require="rankme > 1", min_delta=0.1),
        "gate r.json --require rankme>1 --min-delta .1",
        "min_delta: has no effect without plateau='METRIC'", "--min-delta: has no effect without --plateau METRIC",
    ),
    "run of a history": (
        lambda: labelfree.gate(history="h.jsonl", run="b", require="rankme > 1"),
        "gate --history h.jsonl --run b --require rankme>1", "see run", "see --run",
    ),
    "output of embed": (
        lambda: labelfree.embed("w.npz", data="x.npy", output="e.csv"), "embed w.npz --data x.npy -o e.csv",
        "output='e.csv': expected a suffix", "-o e.csv: expected a suffix",
    ),
    "output of summarize": (
        lambda: labelfree.summarize("x.npy", "e.csv"), "summarize x.npy -o e.csv",
        "output='e.csv': expected a suffix", "-o e.csv: expected a suffix",
    ),
    "device": (
        lambda: labelfree.rank("x.npy", device="tpu"), "rank x.npy --device tpu",
        "device: expected cpu, cuda or auto", "--device: expected cpu, cuda or auto",
    ),
    "watch": (
        lambda: labelfree.watch("runs", metric="weight_norm"), "watch runs --metric weight_norm",
        "metric: weight_norm is no metric of rows", "--metric: weight_norm is no metric of rows",
    ),
    "layer of weights": (
        lambda: labelfree.weights("w.npz", layer="conv.*"), "weights w.npz --layer 'conv.*'",
        "layer='conv.*': no layer of w.npz", "--layer 'conv.*': no layer of w.npz",
    ),
}  # fmt: skip

_MEASURED = re.compile(r"\d+ MB(?= with| of which)")  # what the program holds is measured anew each time
_WORDS = "|".join(sorted(name for name in ARGUMENTS if "_" in name))
_ARGUMENT = re.compile(rf"\b(?:{_WORDS})\b|\b(?:{'|'.join(sorted(ARGUMENTS))})=(?=['\"A-Z\d])")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_the_language_of_who_made_it(
    mistake: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call, command, python, shell = MISTAKES[mistake]
    with pytest.raises(LabelfreeError) as raised:
        call()
    monkeypatch.setattr(sys, "argv", ["labelfree", *shlex.split(command)])
    assert run() == 2
    out, told = capsys.readouterr()
    assert out == ""
    assert python in str(raised.value)
    assert not _FLAG.search(_COMMAND.sub("", str(raised.value)))
    assert shell in told
    assert not _ARGUMENT.search(told)
    with pytest.raises(LabelfreeError) as again:  # the program has left no trace
        call()
    assert _MEASURED.sub("", str(again.value)) == _MEASURED.sub("", str(raised.value))


# Reports.


def test_reports_speak_the_language_of_who_made_them_and_hold_the_same_metrics(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = labelfree.transfer("x.npy")
    monkeypatch.setattr(sys, "argv", ["labelfree", "transfer", "x.npy", "--json", "-q"])
    run()
    written = one_report(capsys.readouterr().out)
    ours = json.loads(made.to_json())
    assert ours["metrics"]["mmd"]["reason"] == "needs source rows (source=FILE)"
    assert written["metrics"]["mmd"]["reason"] == "needs source rows (--source FILE)"
    kept = [labelfree.rank("x.npy"), labelfree.rank("x.npy")]
    documents = [{**json.loads(rank.to_json())} for rank in kept]
    for document, told in zip(documents, (ours, written), strict=True):
        document["metrics"]["mmd"] = told["metrics"]["mmd"]
    assert [history.append("both.jsonl", document, step=0) for document in documents] == [1, 0]  # the same measurement
    for document in (ours, written):
        for found in document["metrics"].values():
            found["reason"] = None
    assert ours["metrics"] == written["metrics"]


def test_another_reason_is_another_record(place: Path) -> None:
    first, other = (json.loads(labelfree.rank("x.npy").to_json()) for _ in range(2))
    for document, code in ((first, "no_source"), (other, "insufficient")):
        document["metrics"]["mmd"] = entry(None) | {"reason_code": code}
    history.append("both.jsonl", first, step=0)
    with pytest.raises(HistoryError, match=r"metrics\.mmd\.reason_code: no_source there, insufficient here"):
        history.append("both.jsonl", other, step=0)
