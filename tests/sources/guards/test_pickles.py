"""PyTorch files from a stranger: nothing in them is run, and what they would have run is named."""

from __future__ import annotations

import pickle
import warnings
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from labelfree.errors import LabelfreeError, SourceError, UnsafeCheckpoint
from labelfree.sources.opening import open_source
from readers import Evil, joined

pytestmark = pytest.mark.once

W = torch.from_numpy(np.random.default_rng(0).normal(scale=30, size=(11, 4)).astype(np.float32))


def plain(protocol: int) -> Callable[[Any, Path], object]:
    return lambda value, path: path.write_bytes(pickle.dumps(value, protocol))


def archived(**options: Any) -> Callable[[Any, Path], object]:
    return lambda value, path: torch.save({"w": W, "config": value}, path, **options)


PICKLED: dict[str, Callable[[Any, Path], object]] = {
    **{f"plain pickle, protocol {p}": plain(p) for p in range(pickle.HIGHEST_PROTOCOL + 1)},
    "archive": archived(),
    "archive, protocol 4": archived(pickle_protocol=4),
    "legacy": archived(_use_new_zipfile_serialization=False),
}


@pytest.mark.parametrize("name", PICKLED)
def test_nothing_that_is_pickled_is_run_and_its_import_is_named(name: str, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PICKLED[name](Evil(proof), tmp_path / "a.pt")
    with pytest.raises(UnsafeCheckpoint, match=r"a\.pt: wants to import the global posix\.mkdir, .* nothing was run"):
        open_source(tmp_path / "a.pt")
    assert not proof.exists()
    if name.startswith("plain"):
        pickle.loads((tmp_path / "a.pt").read_bytes())
        assert proof.exists(), "whoever unpickles it runs it"


@pytest.mark.parametrize("name", PICKLED)
def test_a_foreign_class_is_named(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PICKLED[name](Namespace(lr=0.1), tmp_path / "a.pt")
    with pytest.raises(UnsafeCheckpoint, match=r"the global (argparse\.Namespace|copy_?reg\._reconstructor)"):
        open_source(tmp_path / "a.pt")


def test_torchscript_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(3, 2)).save(str(tmp_path / "a.pt"))
    with pytest.raises(UnsafeCheckpoint, match=r"a\.pt: is a TorchScript archive, .* save model\.state_dict\(\)"):
        open_source(tmp_path / "a.pt")


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.01, 0.5, 0.9])
@pytest.mark.parametrize("name", ["a.pt", "legacy.pt", "a.safetensors"])
def test_truncated_files_are_refused(name: str, kept: float, tmp_path: Path) -> None:
    if name == "a.safetensors":
        save_file({"w": W}, tmp_path / name)
    else:
        torch.save({"w": W}, tmp_path / name, _use_new_zipfile_serialization=name == "a.pt")
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(SourceError, match=rf"{name}: "):
        open_source(tmp_path / name)


@pytest.mark.parametrize(("content", "said"), [(b"", "it is empty"), (b"\x80\x02", r"\S[^()]*"), (b"PK\x03\x04", ".+")])
def test_what_is_wrong_with_a_file_of_torch_is_said_in_whole_words(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    cure = r"; it may be truncated: save or copy it again$"
    with pytest.raises(SourceError, match=rf"a\.pt: expected a complete PyTorch file \({said}\){cure}"):
        open_source(tmp_path / "a.pt")


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
@pytest.mark.parametrize("content", [b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1\n"])
def test_what_is_no_checkpoint_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=rf"{name}: expected a complete (PyTorch|safetensors) file") as told:
        open_source(tmp_path / name)
    assert not isinstance(told.value, UnsafeCheckpoint)


@pytest.mark.parametrize("name", ["a.pt", "legacy.pt", "a.safetensors"])
def test_no_flipped_byte_ends_in_anything_but_a_message(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    if name == "a.safetensors":
        save_file({"w": W}, tmp_path / name)
    else:
        torch.save({"w": W, "step": 3}, tmp_path / name, _use_new_zipfile_serialization=name == "a.pt")
    whole = (tmp_path / name).read_bytes()
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        content[rng.integers(len(whole))] = rng.integers(256)
        (tmp_path / f"b.{name}").write_bytes(content)
        try:
            joined(open_source(tmp_path / f"b.{name}"))
        except LabelfreeError:
            refused += 1
    assert refused > 10
