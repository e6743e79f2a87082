"""Every kind of case, with its share, and the case of a seed and a number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzzing import arrays, document_cases, row_cases, tables
from fuzzing.cases import ONLY, Case
from fuzzing.row_cases import embedding, tables_npy
from fuzzing.words import file_name, strange_name, text


def case(seed: int, number: int, kind: str | None = None) -> Case:
    """The case of this seed and number; kind: one of KINDS instead of any."""
    chance = Random(f"{seed}:{number}")
    names, weights = zip(*((name, weight) for name, (weight, _) in KINDS.items()), strict=True)
    drawn = chance.choices(names, weights)[0]
    found = KINDS[kind or drawn][1](chance)
    found.kind = kind or drawn
    return found


def _names(chance: Random) -> Case:
    """Names of files, directories, tensors, columns and runs, through everything that is written and read again."""
    suffix = chance.choice((".npy", ".npy", ".parquet"))
    name = file_name(chance, suffix)
    content = tables_npy() if suffix == ".npy" else tables.table(chance)
    if chance.random() < 0.2:
        name = file_name(chance, "") + "/" + name
    run = text(strange_name(chance)).replace("\x00", "")
    shown = name if not name.startswith("-") else f"./{name}"
    outputs = [
        part
        for one in ("o.json", "o.ndjson", "o.csv", "o.md", "o.parquet", "o.svg")
        if chance.random() < (0.05 if one == "o.svg" else 0.3)
        for part in ("-o", one)
    ]
    first = [
        "rank",
        shown,
        "--sample",
        "20",
        *ONLY,
        *outputs,
        "--append",
        "h.jsonl",
        "--step",
        "1",
        "--run",
        run,
        *chance.choice((["--json"], [])),
    ]
    steps = [
        first,
        ["history", "show", "h.jsonl", "--run", run],
        ["gate", "--history", "h.jsonl", "--run", run, "--plateau", "rankme"],
    ]
    for one in ("o.json", "o.ndjson"):
        if one in outputs:
            steps.append(
                [
                    "gate",
                    one,
                    "--require",
                    "mean_cosine >= -1",
                    "-o",
                    "g.xml",
                    "-o",
                    "g.md",
                    *chance.choice(([], ["-q"])),
                ]
            )
    if chance.random() < 0.15:
        steps = [["opis", shown, "--k", "3", "--freeze", "g.parquet", "--sample", "200", "--only", "opis"]]
    elif chance.random() < 0.15:
        files, command = embedding(shown, chance)
        return Case("", {name: content, **files}, [command])
    elif chance.random() < 0.15:
        steps = [["watch", str(Path(shown).parent), "--metric", "rankme", "--idle", "0", "--sample", "20"]]
    return Case("", {name: content}, steps, read_back=True)


KINDS: dict[str, tuple[float, Callable[[Random], Case]]] = {
    "parquet": (33, row_cases.parquet_case),
    "layouts": (5, row_cases.layout),
    "bombs": (2, row_cases.bomb),
    "arrow": (8, row_cases.arrow),
    "text tables": (6, row_cases.text_table),
    "groups": (3, row_cases.groups),
    "npy": (7, row_cases.npy),
    "npz": (7, row_cases.tensors(arrays.npz, "a.npz")),
    "safetensors": (6, row_cases.tensors(arrays.safetensors, "a.safetensors")),
    "torch archives": (6, row_cases.tensors(arrays.torch_zip, "a.pt")),
    "torch legacy": (5, row_cases.tensors(arrays.torch_legacy, "a.pt")),
    "indexes": (2, row_cases.index),
    "configurations": (1, row_cases.configuration),
    "histories": (7, document_cases.history_case),
    "reports": (7, document_cases.report_case),
    "pyproject": (4, document_cases.pyproject_case),
    "stops": (2, document_cases.stop_case),
    "rules": (5, document_cases.rules_case),
    "names": (6, _names),
}
