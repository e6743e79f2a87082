"""Cases of rows: tables, arrays, tensors and pickles, given to the commands that read them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

from fuzzing import arrays, bombs, formats, parquet, tables
from fuzzing.cases import NETWORK, ONLY, Case
from fuzzing.documents import changed_document, text_of
from fuzzing.words import strange_name, text


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
        found += [
            "--column",
            chance.choice(("emb", "emb_*", "id", "logits", text(strange_name(chance)).replace("\x00", ""))) or "a",
        ]
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


def embedding(name: str, chance: Random) -> tuple[dict[str, bytes], list[str]]:
    """The command that runs a model over the rows, and what it needs."""
    files = {"model.pt": _model(), "net.py": NETWORK}
    found = ["embed", "model.pt", "--model", "net:make", "--data", name, "-o", "e.parquet", "--device", "cpu"]
    for option, values in (
        ("--column", ("emb", "emb_*")),
        ("--keep", ("id", "group", "text", "map")),
        ("--id", ("id",)),
    ):
        if chance.random() < 0.4:
            found += [option, chance.choice(values)]
    return files, found


@cache
def _table(seed: int) -> bytes:
    """A sound table that is always the same."""
    return tables.table(Random(seed))


def parquet_case(chance: Random) -> Case:
    content, how = parquet.mutated(tables.table(chance), chance, _table(0))
    if chance.random() < 0.1:
        files, command = embedding("a.parquet", chance)
        return Case("", {"a.parquet": content, **files}, [command], how)
    return Case("", {"a.parquet": content}, [_reading("a.parquet", chance)], how)


def layout(chance: Random) -> Case:
    """Sound files of every layout: what is odd in them is honest."""
    content = tables.table(chance)
    if chance.random() < 0.15:
        files, command = embedding("a.parquet", chance)
        return Case("", {"a.parquet": content, **files}, [command], "sound")
    return Case("", {"a.parquet": content}, [_reading("a.parquet", chance)], "sound")


def bomb(chance: Random) -> Case:
    content, how = bombs.bomb(chance)
    if chance.random() < 0.1:
        files, command = embedding("a.parquet", chance)
        return Case("", {"a.parquet": content, **files}, [command], how)
    command = _reading("a.parquet", chance)
    return Case(
        "",
        {"a.parquet": content},
        [[*command, "--memory", "400MB"] if chance.random() < 0.3 and "--memory" not in command else command],
        how,
    )


def groups(chance: Random) -> Case:
    content = tables.groups(chance)
    if chance.random() < 0.6:
        content, _ = parquet.mutated(content, chance, content)
    files = {"g.parquet": content, "a.parquet": _table(1)}
    return Case("", files, [["opis", "a.parquet", "--groups-from", "g.parquet", "--only", "opis", "--sample", "200"]])


def npy(chance: Random) -> Case:
    content, how = arrays.npy(chance)
    command = _reading("a.npy", chance) if chance.random() < 0.8 else ["transfer", "b.npy", "--head", "a.npy"]
    return Case("", {"a.npy": content, "b.npy": arrays.npy(Random(0))[0]}, [command], how)


def tensors(make: Callable[[Random], tuple[bytes, str]], name: str) -> Callable[[Random], Case]:
    def made(chance: Random) -> Case:
        content, how = make(chance)
        key = chance.choice(
            ("", "", "::fc.weight", "::X0", "::half", "::" + text(strange_name(chance)).replace("\x00", ""))
        )
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


def arrow(chance: Random) -> Case:
    content, how = formats.arrow(chance)
    return Case("", {"a.arrow": content}, [_reading("a.arrow", chance)], how)


def text_table(chance: Random) -> Case:
    name, content, how = chance.choice((formats.separated, formats.lines))(chance)
    return Case("", {name: content}, [_reading(name, chance)], how)


def index(chance: Random) -> Case:
    commands = (["rank", "hf", *ONLY], ["rank", "hf::fc.weight", *ONLY], ["weights", "hf"], ["weights", "hf", "--json"],
                ["embed", "hf", "--data", "b.npy", "-o", "e.parquet"])  # fmt: skip
    return Case("", {**arrays.index(chance), "b.npy": tables_npy()}, [chance.choice(commands)])


def configuration(chance: Random) -> Case:
    """A configuration that says what is to be built, and no weights for it."""
    said = {"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 30,
            "intermediate_size": 16, "architectures": ["BertModel"], "max_position_embeddings": 16}  # fmt: skip
    files = {
        "hf/config.json": text_of(changed_document(said, chance)),
        "hf/model.safetensors": arrays.safetensors(chance)[0],
    }
    files["t.txt"] = b"a text\nanother\n"
    return Case("", files, [["embed", "hf", "--data", "t.txt", "-o", "e.parquet", "--device", "cpu"]])
