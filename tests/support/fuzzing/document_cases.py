"""Cases of documents: histories, reports, configuration, verdicts and rules, given to the commands that judge."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from fuzzing.cases import ONLY, REQUIRED, Case
from fuzzing.documents import changed_document, encoded, lines, pyproject
from fuzzing.row_cases import tables_npy
from fuzzing.words import strange_name, text
from labelfree.history.records import record
from reports import entry, report


def _records() -> list[dict[str, Any]]:
    numbers: dict[str, Any] = {"replicates": [5.0, 5.1], "replicate_factor": 1.0}
    return [record(report({"rankme": entry(5.0 + i / 9, 0.1, **numbers)}), step=i, time="2026-01-01") for i in range(8)]


RECORDS = _records()
REPORT = report({"rankme": entry(5.0, 0.1), "separability": entry(0.5, 0.01)})


def history_case(chance: Random) -> Case:
    files = {"h.jsonl": lines(RECORDS, chance), "r.json": json.dumps(REPORT).encode(), "a.npy": tables_npy()}
    steps = chance.choice((
        [["gate", "--history", "h.jsonl", "--plateau", "rankme"]], [["gate", "--history", "h.jsonl", "--plateau",
        "rankme", "--json"]],
        [["gate", "--history", "h.jsonl", *REQUIRED, "-o", "o.xml"]], [["history", "show", "h.jsonl"]],
        [["history", "show", "h.jsonl", "--json"]], [["history", "add", "h.jsonl", "r.json", "--step", "9"],
        ["history", "show", "h.jsonl"]],
        [["rank", "a.npy", *ONLY, "--append", "h.jsonl", "--step", "9"], ["history", "show", "h.jsonl"]],
        [["history", "remove", "h.jsonl", "--run", "default"]], [["watch", ".", "--metric", "rankme", "--idle", "0"]],
    ))  # fmt: skip
    if steps[0][0] == "watch":
        files["history.jsonl"] = files.pop("h.jsonl")
    return Case("", files, steps, read_back=len(steps) > 1)


def report_case(chance: Random) -> Case:
    whole = {"schema_version": 2, "reports": [REPORT] * chance.choice((1, 1, 2)), "across": {}}
    content = encoded(changed_document(chance.choice((REPORT, whole)), chance), chance)
    if chance.random() < 0.2:
        content = b"\n".join([content, encoded(changed_document(REPORT, chance), chance)])
    name = chance.choice(("r.json", "r.json", "r.ndjson"))
    other = json.dumps(REPORT).encode()
    steps = chance.choice((
        [["gate", name, *REQUIRED]], [["gate", name, *REQUIRED, "--json"]], [["gate", name, *REQUIRED, "-o", "o.xml",
        "-o", "o.md"]],
        [["gate", name, "s.json", "--against", "s.json", "--max-drop", "rankme=5%"]],
        [["gate", "s.json", "--against", name, "--max-drop", "rankme=5%"]],
        [["history", "add", "h.jsonl", name, "--step", "3"], ["history", "show", "h.jsonl"]],
        [["history", "add", "h.jsonl", name], ["gate", "--history", "h.jsonl", *REQUIRED]],
        [["gate", name, *REQUIRED, "-q"]],
    ))  # fmt: skip
    return Case("", {name: content, "s.json": other}, steps, read_back=len(steps) > 1)


def pyproject_case(chance: Random) -> Case:
    files = {
        "pyproject.toml": pyproject(chance),
        "r.json": json.dumps(REPORT).encode(),
        "h.jsonl": _history_of(RECORDS),
    }
    command = chance.choice((["gate", "r.json"], ["gate"], ["gate", "r.json", *REQUIRED], ["gate", "r.json", "--json"]))
    return Case("", files, [command])


def _history_of(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in records).encode()


def stop_case(chance: Random) -> Case:
    said = {"decision": "stop", "reason": "plateau", "message": "m"}
    condition = {
        **said,
        "kind": "plateau",
        "metric": "rankme",
        "estimate": 0.1,
        "latest": {"value": 5.0},
        "interval": None,
    }
    document = {
        "schema_version": 1, "command": "gate", "inputs": [{"role": "history", "path": "history.jsonl",
        "run": "default",
        "checks": 8, "first_step": 0, "last_step": 7}], "settings": {"rule": "slope", "warmup": 3, "window": 6,
        "confidence": 0.9, "min_delta": 0.01}, "verdict": {**said, "exit_code": 11, "conditions": [condition],
        "guards": [{**said, "decision": "pass", "name": "collapse", "step": 7, "rank_share": 0.5}], "warnings": [],
        "best": None},
    }  # fmt: skip
    content = encoded(changed_document(document, chance), chance)
    files = {"run/STOP": content, "run/history.jsonl": _history_of(RECORDS)}
    form = ["--json"] if chance.random() < 0.5 else []
    return Case("", files, [["watch", "run", "--metric", "rankme", "--idle", "0", *form]])


_WORDS = ("rankme", "separability", "opis", "rnkme", "", "rankme ", "1", "-", "effective_rank")
_SIGNS = (">=", "<=", ">", "<", "==", "=", "=>", "!=", "≥", "", " ", ">= >=")
_AMOUNTS = ("1", "1e999", "-1e999", "1e1000", "nan", "inf", "1e-999", "9" * 400, "9" * 5000, "0x10", "1_0", "1,5",
"5%", "-5%",
            "", "1e", "٣", "1 or rankme < 2", "0.1", "1e308", "1e101", "\x1b[31m")  # fmt: skip


def rules_case(chance: Random) -> Case:
    """Conditions and numbers of rules as nobody would write them."""

    def amount() -> str:
        return chance.choice(_AMOUNTS)

    command = ["gate", "r.json"]
    for _ in range(chance.choice((1, 1, 2))):
        required = chance.choice(("", " ")).join((chance.choice(_WORDS), chance.choice(_SIGNS), amount()))
        command += ["--require", required if chance.random() < 0.9 else text(strange_name(chance)).replace("\x00", "")]
    if chance.random() < 0.3:
        command = ["gate", "r.json", "--against", "r.json", "--max-drop", f"{chance.choice(_WORDS)}={amount()}"]
    if chance.random() < 0.4:
        command = [
            "gate",
            "--history",
            "h.jsonl",
            "--plateau",
            "rankme",
            "--rule",
            chance.choice(("slope", "patience", "threshold", "x")),
        ]
        for name in ("--warmup", "--window", "--confidence", "--min-delta", "--patience", "--stop-at"):
            if chance.random() < 0.3:
                command += [name, amount()]
    if chance.random() < 0.2:
        name, value = (
            chance.choice(
                ("--sample", "--seed", "--threads", "--memory", "--k", "--seeds", "--far", "--step", "--only")
            ),
            amount(),
        )
        command = ["opis" if name in ("--k", "--seeds", "--far") else "rank", "a.npy", name, value]
        command += ["--append", "h.jsonl"] if name == "--step" else []
    if chance.random() < 0.3:
        command.append("--json")
    files = {"r.json": json.dumps(REPORT).encode(), "h.jsonl": _history_of(RECORDS), "a.npy": tables_npy()}
    return Case("", files, [command])
