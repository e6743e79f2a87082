"""What the settings of a directory may build, held against the weights that it has, before memory is taken for it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import Any

from labelfree.errors import SourceError
from labelfree.models.networks.trust import read_json
from labelfree.sources.tensor import Tensor

_TIMES = 4
_SPARE_TENSORS, _SPARE_NUMBERS = 1_000, 1 << 24
_MODULES = 4
"""Modules to a tensor, at most: most hold two, and around them stand some that hold none."""
_MOST_LAYERS, _MOST_COUNT, _MOST_PIXELS = 10_000, 1 << 20, 16_384
_MOST_TOKENIZER = 1 << 28
_LAYERS = re.compile(r"(layers?|blocks|depths?|stages?)$|^(n|num)_.*(layer|block|stage)")
_COUNTS = re.compile(r"layer|depth|stage|expert|label|head|hidden|size|dim|channel|width|filter|embed|vocab|feature")
_SIDES = ("height", "width", "shortest_edge")
_AGAIN = "correct it, or download the directory again"


@dataclass(frozen=True)
class Held:
    """How many tensors the weights of a directory hold, and how many numbers."""

    tensors: int = 0
    numbers: int = 0

    def with_(self, found: Mapping[str, Tensor]) -> Held:
        """These and those of one more file; a byte of whole numbers may be two numbers of four bits."""
        numbers = sum(math.prod(t.shape) * (1 if "float" in t.dtype else 16) for t in found.values())
        return Held(self.tensors + len(found), self.numbers + numbers)


def check_settings(directories: Iterable[Path], held: Held) -> None:
    """Refuse settings of more layers, classes or columns than the weights could be of, and images beyond all screens.

    The libraries make lists and names of some of them before they build anything, and a tokenizer may be told to pad
    every text to any length.
    """
    for directory in directories:
        for file in sorted(directory.glob("*config.json")):
            if not file.name.startswith("tokenizer"):
                images = file.name in ("preprocessor_config.json", "processor_config.json")
                for name, value in _whole_numbers(read_json(file), ""):
                    most = _most_pixels(name) if images else _most(name, held)
                    _check(file, name, value, most)
        if (tokens := directory / "tokenizer.json").exists():
            document = read_json(tokens, _MOST_TOKENIZER)
            padding = document.get("padding") if isinstance(document, dict) else None
            for name, value in _whole_numbers(padding, "padding"):
                _check(tokens, name, value, _MOST_COUNT)


def _check(file: Path, name: str, value: int, most: int | None) -> None:
    if most is not None and abs(value) > most:
        raise SourceError(f"{file}: expected at most {most:,} for {name}, found {value:,}; {_AGAIN}")


def _most(name: str, held: Held) -> int | None:
    if _LAYERS.search(name):
        return _MOST_LAYERS
    if "position" in name:  # those that are computed may be any number, and those that are tensors are counted
        return None
    return max(_MOST_COUNT, held.numbers) if _COUNTS.search(name) else None


def _most_pixels(name: str) -> int | None:
    return _MOST_PIXELS if name in _SIDES or name.endswith("size") else None


def _whole_numbers(document: Any, name: str) -> Iterator[tuple[str, int]]:
    """Every whole number in settings, with the name nearest to it."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _whole_numbers(value, str(key))
    elif isinstance(document, list):
        for value in document:
            yield from _whole_numbers(value, name)
    elif isinstance(document, int) and not isinstance(document, bool):
        yield name, document
    elif isinstance(document, float) and document.is_integer():
        yield name, int(document)


@contextmanager
def building(path: Path, held: Held) -> Iterator[None]:
    """Refuse a network of more than four times the tensors or numbers of its weights while it is built, in this thread.

    transformers builds on the device meta, where a tensor takes no memory; a layer of sentence-transformers is refused
    before a page of it is touched.
    """
    from torch.nn.modules import module

    seen: set[tuple[int, str]] = set()
    numbers, modules, thread = [0], [0], get_ident()
    most = Held(_TIMES * held.tensors + _SPARE_TENSORS, _TIMES * held.numbers + _SPARE_NUMBERS)

    def refuse(what: str) -> None:
        raise SourceError(
            f"{path}: expected settings of a network about as large as its weights, {held.tensors:,} tensors with "
            f"{held.numbers:,} numbers, found some that build one of more than {what}; correct its config.json, or "
            "download the directory again"
        )

    def tensor(owner: Any, name: str, value: Any) -> None:
        if get_ident() != thread or value is None or (id(owner), name) in seen:
            return
        seen.add((id(owner), name))
        numbers[0] += value.numel()
        if len(seen) > most.tensors:
            refuse(f"{most.tensors:,} tensors")
        if numbers[0] > most.numbers:
            refuse(f"{most.numbers:,} numbers")

    def part(owner: Any, name: str, value: Any) -> None:
        modules[0] += get_ident() == thread
        if modules[0] > _MODULES * most.tensors:
            refuse(f"{_MODULES * most.tensors:,} modules")

    handles = [
        module.register_module_parameter_registration_hook(tensor),
        module.register_module_buffer_registration_hook(tensor),
        module.register_module_module_registration_hook(part),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
