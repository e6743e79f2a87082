"""Directories of models whose indexes, links and pipes lead elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from hostile import Hostile
from hostile_opcodes import archive
from hostile_pickles import EXPRESSIONS

W = np.arange(44, dtype=np.float32).reshape(11, 4)


def model(**files: Any) -> Callable[[Path, Path], None]:
    """A directory with an index or other documents, and a whole shard beside it and in it."""

    def write(path: Path, canary: Path) -> None:
        path.mkdir()
        for place in (path.parent / "outside.safetensors", path / "inside.safetensors"):
            save_file({"w": W}, place)
        for name, content in files.items():
            said = content if isinstance(content, str) else json.dumps(content)
            (path / name.replace("__", ".")).write_text(said, "utf-8", "surrogatepass")

    return write


def index(content: Any) -> Callable[[Path, Path], None]:
    """A directory with this index."""
    return model(model__safetensors__index__json=content)


def _pipe(name: str) -> Callable[[Path, Path], None]:
    def write(path: Path, canary: Path) -> None:
        path.mkdir()
        os.mkfifo(path / name)

    return write


def _remote(path: Path, canary: Path) -> None:
    """A model that comes with code of its own, and with pickles that run some."""
    code = f"import os\nos.mkdir({str(canary)!r})\n"
    model(
        config__json={"auto_map": {"AutoModel": "modeling.Model"}, "model_type": "own", "architectures": ["Model"]},
        modules__json=[{"idx": 0, "name": "0", "path": "", "type": "modeling.Model"}],
        tokenizer_config__json={"auto_map": {"AutoTokenizer": ["modeling.Tokens", None]}},
    )(path, canary)
    (path / "inside.safetensors").unlink()
    for name in ("modeling.py", "__init__.py", "setup.py", "conftest.py", "sitecustomize.py"):
        (path / name).write_text(code)
    archive(path / "pytorch_model.bin", EXPRESSIONS["GLOBAL and REDUCE"][0](str(canary)))


_OUT = "lies outside the directory; it is refused"
_INDEX = "expected an index with a weight_map"
FILES = [
    *(
        Hostile("hf", index({"weight_map": {"w": shard}}), _OUT, about=shard)
        for shard in (
            "../outside.safetensors",
            "/etc/passwd",
            "sub/../../outside.safetensors",
            "./inside.safetensors",
            ".",
        )
    ),
    *(
        Hostile("hf", index({"weight_map": {"w": shard}}), "which is missing", about=repr(shard))
        for shard in ("..", "", "gone.safetensors", "\x1b[2Jgone.safetensors")
    ),
    Hostile("hf", index({"weight_map": {"w": "a\0b"}}), "which is missing|embedded null", about="a name with a zero"),
    Hostile(
        "hf", index({"weight_map": {"v": "inside.safetensors"}}), "which its shard does not hold", about="no tensor"
    ),
    Hostile(
        "hf",
        index('{"weight_map": {"w": "inside.safetensors", "w": "../outside.safetensors"}}'),
        "given twice",
        about="a shard given twice",
    ),
    Hostile("hf", index("[" * 1_000_000), "expected an index with a weight_map .*nested too deep", about="deep"),
    Hostile("hf", index('{"weight_map": {"w": ' + "9" * 10_000 + "}}"), _INDEX, about="10,000 digits"),
    Hostile("hf", index('{"weight_map": {"w": 1e999}}'), _INDEX, about="10^999"),
    Hostile("hf", index({"weight_map": ["w"]}), _INDEX, about="a list"),
    Hostile("hf", index("\ud800"), _INDEX, about="no UTF-8"),
    Hostile(
        "hf", index(" " * (1 << 26) + "{}"), "expected a document of at most 67,108,864 bytes", about="64 MB of blanks"
    ),
    *(
        Hostile("hf", _pipe(name), "found a pipe or device", about=name)
        for name in (
            "model.safetensors",
            "pytorch_model.bin",
            "model.safetensors.index.json",
            "pytorch_model.bin.index.json",
        )
    ),
    *(
        Hostile(name, lambda p, c: os.mkfifo(p), "found a pipe or device", read=read)
        for read, name in (
            ("rank", "a.npy"),
            ("rank", "a.npz"),
            ("rank", "a.pt"),
            ("rank", "a.safetensors"),
            ("rank", "a.parquet"),
            ("head", "h.npy"),
            ("head", "h.npz"),
            ("head", "h.pt"),
            ("head", "h.safetensors"),
        )
    ),
    Hostile("hf", _remote, r"wants to import the global posix\.mkdir", about="remote code"),
]
