"""A case of the campaign: files, and the commands that are given them. Its seed and number say all of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from fuzzing import arrays, bombs, parquet, tables
from fuzzing.documents import changed_document, encoded, lines, pyproject, text_of
from fuzzing.words import file_name, strange_name, text
from labelfree.history.records import record
from reports import entry, report

REQUIRED = ("--require", "rankme >= 1")
ONLY = ("--only", "rankme,mean_cosine")


@dataclass
class Case:
    """Files by name, the commands in order, what was done to the files, and whether what a command writes must be read.

    read_back: the first command may refuse; if it does not, no other may, for they read what it wrote.
    """

    kind: str
    files: dict[str, bytes]
    steps: list[list[str]]
    done: str = ""
    read_back: bool = False
    missing: list[str] = field(default_factory=list)

    def write(self, place: Path) -> None:
        """Make its files in a directory."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name, content in self.files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def case(seed: int, number: int, kind: str | None = None) -> Case:
    """The case of this seed and number; kind: one of KINDS instead of any."""
    chance = Random(f"{seed}:{number}")
    names, weights = zip(*((name, weight) for name, (weight, _) in KINDS.items()), strict=True)
    drawn = chance.choices(names, weights)[0]
    found = KINDS[kind or drawn][1](chance)
    found.kind = kind or drawn
    return found


def _reading(name: str, chance: Random) -> list[str]:
    """A command that reads rows."""
    some = chance.random
    if some() < 0.15:
        return ["doctor", name, *(["--json"] if some() < 0.5 else [])]
    found: list[str] = chance.choice((
        ["rank", name, *ONLY], ["rank", name, *ONLY], ["rank", name, *ONLY], ["rank", name],
        ["separability", name, "--only", "separability"], ["opis", name, "--only", "opis", "--group", "group"],
        ["opis", name, "--only", "opis", "--k", "3"], ["transfer", name], ["evaluate", name],
    ))  # fmt: skip
    found = [*found, "--sample", str(chance.choice((20, 200)))]
    if some() < 0.6:
        found.append("--json")
    if some() < 0.4:
        found += ["--on-bad", "drop"]
    if some() < 0.15:
        found += ["--column", chance.choice(("emb", "emb_*", "id", "logits", text(strange_name(chance)).replace("\x00", ""))) or "a"]
    if some() < 0.15:
        found += ["--id", chance.choice(("id", "group", "text", "map"))]
    if some() < 0.15 and "--group" not in found and found[0] == "rank":
        found += ["--group", chance.choice(("group", "id", "epoch"))]
    if some() < 0.1:
        found += ["--memory", "400MB"]
    if some() < 0.15:
        found += ["-o", chance.choice(("o.json", "o.csv", "o.md", "o.ndjson"))]
    if some() < 0.1:
        found += ["--append", "h.jsonl", "--step", "1"]
    return found


@cache
def _model() -> bytes:
    import io

    import torch

    stream = io.BytesIO()
    torch.manual_seed(0)
    torch.save(torch.nn.Linear(6, 3).state_dict(), stream)
    return stream.getvalue()


NETWORK = b"from torch import nn\ndef make():\n    return nn.Linear(6, 3)\n"


def _embedding(name: str, chance: Random) -> tuple[dict[str, bytes], list[str]]:
    """The command that runs a model over the rows, and what it needs."""
    files = {"model.pt": _model(), "net.py": NETWORK}
    found = ["embed", "model.pt", "--model", "net:make", "--data", name, "-o", "e.parquet", "--device", "cpu"]
    for option, values in (("--column", ("emb", "emb_*")), ("--keep", ("id", "group", "text", "map")), ("--id", ("id",))):
        if chance.random() < 0.4:
            found += [option, chance.choice(values)]
    return files, found


@cache
def _table(seed: int) -> bytes:
    """A sound table that is always the same."""
    return tables.table(Random(seed))


def _parquet(chance: Random) -> Case:
    content, how = parquet.mutated(tables.table(chance), chance, _table(0))
    if chance.random() < 0.1:
        files, command = _embedding("a.parquet", chance)
        return Case("", {"a.parquet": content, **files}, [command], how)
    return Case("", {"a.parquet": content}, [_reading("a.parquet", chance)], how)


def _layouts(chance: Random) -> Case:
    """Sound files of every layout: what is odd in them is honest."""
    content = tables.table(chance)
    if chance.random() < 0.15:
        files, command = _embedding("a.parquet", chance)
        return Case("", {"a.parquet": content, **files}, [command], "sound")
    return Case("", {"a.parquet": content}, [_reading("a.parquet", chance)], "sound")


def _bombs(chance: Random) -> Case:
    content, how = bombs.bomb(chance)
    if chance.random() < 0.1:
        files, command = _embedding("a.parquet", chance)
        return Case("", {"a.parquet": content, **files}, [command], how)
    command = _reading("a.parquet", chance)
    return Case("", {"a.parquet": content}, [[*command, "--memory", "400MB"] if chance.random() < 0.3 and "--memory" not in command else command], how)


def _groups(chance: Random) -> Case:
    content = tables.groups(chance)
    if chance.random() < 0.6:
        content, _ = parquet.mutated(content, chance, content)
    files = {"g.parquet": content, "a.parquet": _table(1)}
    return Case("", files, [["opis", "a.parquet", "--groups-from", "g.parquet", "--only", "opis", "--sample", "200"]])


def _npy(chance: Random) -> Case:
    content, how = arrays.npy(chance)
    command = _reading("a.npy", chance) if chance.random() < 0.8 else ["transfer", "b.npy", "--head", "a.npy"]
    return Case("", {"a.npy": content, "b.npy": arrays.npy(Random(0))[0]}, [command], how)


def _tensors(make: Callable[[Random], tuple[bytes, str]], name: str) -> Callable[[Random], Case]:
    def made(chance: Random) -> Case:
        content, how = make(chance)
        key = chance.choice(("", "", "::fc.weight", "::X0", "::half", "::" + text(strange_name(chance)).replace("\x00", "")))
        command = _reading(name + key, chance)
        if chance.random() < 0.3:
            command = ["weights", name, *(["--json"] if chance.random() < 0.5 else [])]
        elif chance.random() < 0.15:
            command = ["transfer", "b.npy", "--head", name + key]
        elif chance.random() < 0.1 and name.endswith((".pt", ".safetensors")):
            command = ["embed", name, "--model", "net:make", "--data", "b.npy", "-o", "e.parquet", "--device", "cpu"]
        return Case("", {name: content, "b.npy": tables_npy(), "net.py": NETWORK}, [command], how)

    return made


@cache
def tables_npy() -> bytes:
    """Sound rows."""
    import io

    import numpy as np

    stream = io.BytesIO()
    np.save(stream, tables.Y)
    return stream.getvalue()


def _index(chance: Random) -> Case:
    commands = (["rank", "hf", *ONLY], ["rank", "hf::fc.weight", *ONLY], ["weights", "hf"], ["weights", "hf", "--json"],
                ["embed", "hf", "--data", "b.npy", "-o", "e.parquet"])  # fmt: skip
    return Case("", {**arrays.index(chance), "b.npy": tables_npy()}, [chance.choice(commands)])


def _records() -> list[dict[str, Any]]:
    numbers = {"replicates": [5.0, 5.1], "replicate_factor": 1.0}
    return [record(report({"rankme": entry(5.0 + i / 9, 0.1, **numbers)}), step=i, time="2026-01-01") for i in range(8)]


RECORDS = _records()
REPORT = report({"rankme": entry(5.0, 0.1), "separability": entry(0.5, 0.01)})


def _history(chance: Random) -> Case:
    files = {"h.jsonl": lines(RECORDS, chance), "r.json": json.dumps(REPORT).encode(), "a.npy": tables_npy()}
    steps = chance.choice((
        [["gate", "--history", "h.jsonl", "--plateau", "rankme"]], [["gate", "--history", "h.jsonl", "--plateau", "rankme", "--json"]],
        [["gate", "--history", "h.jsonl", *REQUIRED, "-o", "o.xml"]], [["history", "show", "h.jsonl"]],
        [["history", "show", "h.jsonl", "--json"]], [["history", "add", "h.jsonl", "r.json", "--step", "9"], ["history", "show", "h.jsonl"]],
        [["rank", "a.npy", *ONLY, "--append", "h.jsonl", "--step", "9"], ["history", "show", "h.jsonl"]],
        [["history", "remove", "h.jsonl", "--run", "default"]], [["watch", ".", "--metric", "rankme", "--once"]],
    ))  # fmt: skip
    if steps[0][0] == "watch":
        files["history.jsonl"] = files.pop("h.jsonl")
    return Case("", files, steps, read_back=len(steps) > 1)


def _report(chance: Random) -> Case:
    content = encoded(changed_document(REPORT, chance), chance)
    if chance.random() < 0.2:
        content = b"\n".join([content, encoded(changed_document(REPORT, chance), chance)])
    name = chance.choice(("r.json", "r.json", "r.ndjson"))
    other = json.dumps(REPORT).encode()
    steps = chance.choice((
        [["gate", name, *REQUIRED]], [["gate", name, *REQUIRED, "--json"]], [["gate", name, *REQUIRED, "-o", "o.xml", "-o", "o.md"]],
        [["gate", name, "s.json", "--against", "s.json", "--max-drop", "rankme=5%"]],
        [["gate", "s.json", "--against", name, "--max-drop", "rankme=5%"]],
        [["history", "add", "h.jsonl", name, "--step", "3"], ["history", "show", "h.jsonl"]],
        [["history", "add", "h.jsonl", name], ["gate", "--history", "h.jsonl", *REQUIRED]],
        [["gate", name, *REQUIRED, "--github"]],
    ))  # fmt: skip
    return Case("", {name: content, "s.json": other}, steps, read_back=len(steps) > 1)


def _pyproject(chance: Random) -> Case:
    files = {"pyproject.toml": pyproject(chance), "r.json": json.dumps(REPORT).encode(), "h.jsonl": _history_of(RECORDS)}
    command = chance.choice((["gate", "r.json"], ["gate"], ["gate", "r.json", *REQUIRED], ["gate", "r.json", "--json"]))
    return Case("", files, [command])


def _history_of(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in records).encode()


def _stop(chance: Random) -> Case:
    said = {"decision": "stop", "reason": "plateau", "message": "m"}
    condition = {**said, "kind": "plateau", "metric": "rankme", "estimate": 0.1, "latest": {"value": 5.0}, "interval": None}
    document = {
        "schema_version": 1, "command": "gate", "inputs": [{"role": "history", "path": "history.jsonl", "run": "default",
        "checks": 8, "first_step": 0, "last_step": 7}], "settings": {"rule": "slope", "warmup": 3, "window": 6,
        "confidence": 0.9, "min_delta": 0.01}, "verdict": {**said, "exit_code": 11, "conditions": [condition],
        "guards": [{**said, "decision": "pass", "name": "collapse", "step": 7, "rank_share": 0.5}], "warnings": [], "best": None},
    }  # fmt: skip
    content = encoded(changed_document(document, chance), chance)
    files = {"run/STOP": content, "run/history.jsonl": _history_of(RECORDS)}
    return Case("", files, [["watch", "run", "--metric", "rankme", "--once", *(["--json"] if chance.random() < 0.5 else [])]])


_WORDS = ("rankme", "separability", "opis", "rnkme", "", "rankme ", "1", "-", "effective_rank")
_SIGNS = (">=", "<=", ">", "<", "==", "=", "=>", "!=", "≥", "", " ", ">= >=")
_AMOUNTS = ("1", "1e999", "-1e999", "1e1000", "nan", "inf", "1e-999", "9" * 400, "9" * 5000, "0x10", "1_0", "1,5", "5%", "-5%",
            "", "1e", "٣", "1 or rankme < 2", "0.1", "1e308", "1e101", "\x1b[31m")  # fmt: skip


def _rules(chance: Random) -> Case:
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
        command = ["gate", "--history", "h.jsonl", "--plateau", "rankme", "--rule", chance.choice(("slope", "patience", "threshold", "x"))]
        for name in ("--warmup", "--window", "--confidence", "--min-delta", "--patience", "--stop-at"):
            if chance.random() < 0.3:
                command += [name, amount()]
    if chance.random() < 0.2:
        name, value = chance.choice(("--sample", "--seed", "--threads", "--memory", "--k", "--seeds", "--far", "--step", "--only")), amount()
        command = ["opis" if name in ("--k", "--seeds", "--far") else "rank", "a.npy", name, value]
        command += ["--append", "h.jsonl"] if name == "--step" else []
    if chance.random() < 0.3:
        command.append("--json")
    files = {"r.json": json.dumps(REPORT).encode(), "h.jsonl": _history_of(RECORDS), "a.npy": tables_npy()}
    return Case("", files, [command])


def _names(chance: Random) -> Case:
    """Names of files, directories, tensors, columns and runs, through everything that is written and read again."""
    suffix = chance.choice((".npy", ".npy", ".parquet"))
    name = file_name(chance, suffix)
    content = tables_npy() if suffix == ".npy" else tables.table(chance)
    if chance.random() < 0.2:
        name = file_name(chance, "") + "/" + name
    run = text(strange_name(chance)).replace("\x00", "")
    shown = name if not name.startswith("-") else f"./{name}"
    outputs = [part for one in ("o.json", "o.ndjson", "o.csv", "o.md", "o.parquet", "o.svg") if chance.random() < (0.05 if one == "o.svg" else 0.3) for part in ("-o", one)]
    first = ["rank", shown, "--sample", "20", *ONLY, *outputs, "--append", "h.jsonl", "--step", "1", "--run", run, *chance.choice((["--json"], []))]
    steps = [first, ["history", "show", "h.jsonl", "--run", run], ["gate", "--history", "h.jsonl", "--run", run, "--plateau", "rankme"]]
    for one in ("o.json", "o.ndjson"):
        if one in outputs:
            steps.append(["gate", one, "--require", "mean_cosine >= -1", "-o", "g.xml", "-o", "g.md", *chance.choice(([], ["--github"]))])
    if chance.random() < 0.15:
        steps = [["opis", shown, "--k", "3", "--freeze", "g.parquet", "--sample", "200", "--only", "opis"]]
    elif chance.random() < 0.15:
        files, command = _embedding(shown, chance)
        return Case("", {name: content, **files}, [command])
    elif chance.random() < 0.15:
        steps = [["watch", str(Path(shown).parent), "--metric", "rankme", "--once", "--sample", "20"]]
    return Case("", {name: content}, steps, read_back=True)


def _json_of_model(chance: Random) -> Case:
    """A configuration that says what is to be built, and no weights for it."""
    said = {"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 30,
            "intermediate_size": 16, "architectures": ["BertModel"], "max_position_embeddings": 16}  # fmt: skip
    files = {"hf/config.json": text_of(changed_document(said, chance)), "hf/model.safetensors": arrays.safetensors(chance)[0]}
    files["t.txt"] = b"a text\nanother\n"
    return Case("", files, [["embed", "hf", "--data", "t.txt", "-o", "e.parquet", "--device", "cpu"]])


KINDS: dict[str, tuple[float, Callable[[Random], Case]]] = {
    "parquet": (33, _parquet),
    "layouts": (5, _layouts),
    "bombs": (2, _bombs),
    "groups": (3, _groups),
    "npy": (7, _npy),
    "npz": (7, _tensors(arrays.npz, "a.npz")),
    "safetensors": (6, _tensors(arrays.safetensors, "a.safetensors")),
    "torch archives": (6, _tensors(arrays.torch_zip, "a.pt")),
    "torch legacy": (5, _tensors(arrays.torch_legacy, "a.pt")),
    "indexes": (2, _index),
    "histories": (7, _history),
    "reports": (7, _report),
    "pyproject": (4, _pyproject),
    "stops": (2, _stop),
    "rules": (5, _rules),
    "names": (6, _names),
}
