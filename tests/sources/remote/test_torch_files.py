"""PyTorch files in a store: the tensors that torch reads from a file here, by ranges, and nothing is run."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from labelfree.documents.stores import faults
from labelfree.documents.stores.remote_file import remote_file
from labelfree.errors import LabelfreeError, SourceError, UnsafeCheckpoint
from labelfree.sources.arrays.stored import in_memory
from labelfree.sources.checkpoints.tensors import tensors
from range_server import Ranges, serving

torch = pytest.importorskip("torch", reason="needs the extra [torch]")

W = np.random.default_rng(0).normal(size=(400, 12)).astype(np.float32)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ranges]:
    monkeypatch.setattr(faults, "FIRST_WAIT", 0.01)
    with serving() as held:
        yield held


def saved(value: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def values(found: Any) -> dict[str, Any]:
    """The numbers of a report."""
    return {name: (entry.value, entry.interval) for name, entry in found.metrics.items()}


def rewritten(content: bytes, changes: dict[str, bytes]) -> bytes:
    """An archive whose members end so are others."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, next((body for end, body in changes.items() if name.endswith(end)), old.read(name)))
    return stream.getvalue()


def states() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7), torch.nn.Linear(7, 3))
    big = torch.rand(6, 4, generator=generator)
    several = {
        str(kind).removeprefix("torch."): (big * 9).to(kind)
        for kind in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                     torch.int8, torch.uint8)
    }  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.rand(4, 5)).sum().backward()
    optimizer.step()
    whole = {"epoch": 3, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "args": {"lr": 1e-3}}
    return {
        "state": model.state_dict(), "types": several, "training": whole, "lone": big,
        "parameters": {"w": torch.nn.Parameter(big), "b": torch.nn.Parameter(big[0])},
        "views": {"base": big, "rows": big[2:4], "first": big[0], "number": torch.tensor(3.5)},
        "parallel": OrderedDict((f"module.{k}", v) for k, v in model.state_dict().items()),
        "unsigned": {"w": torch.ones(3, 2, dtype=torch.uint16)},
    }  # fmt: skip


@pytest.mark.parametrize("name", states())
def test_tensors_are_those_of_the_file_here(name: str, web: Ranges, tmp_path: Path) -> None:
    content = saved(states()[name])
    (tmp_path / "m.pt").write_bytes(content)
    web.files["/m.pt"] = content
    here, there = tensors(tmp_path / "m.pt"), tensors(remote_file(f"{web.url}/m.pt"))
    assert list(there) == list(here)
    for key, one in here.items():
        assert (there[key].shape, there[key].dtype) == (one.shape, one.dtype), key
        found, expected = in_memory(there[key].load()), one.load()
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_the_commands_take_them(web: Ranges, tmp_path: Path) -> None:
    head = {"fc.weight": torch.from_numpy(W[:3].copy()), "fc.bias": torch.zeros(3)}
    for name, value in {"m.pt": {"w": torch.from_numpy(W)}, "head.pth": head}.items():
        torch.save(value, tmp_path / name)
        web.files[f"/{name}"] = (tmp_path / name).read_bytes()
    for named in ("m.pt", "m.pt::w"):
        assert values(labelfree.rank(f"{web.url}/{named}")) == values(labelfree.rank(str(tmp_path / named)))
    assert values(labelfree.weights(f"{web.url}/m.pt")) == values(labelfree.weights(str(tmp_path / "m.pt")))
    there, here = (labelfree.transfer(W, head=f"{place}/head.pth") for place in (web.url, tmp_path))
    assert values(there) == values(here)
    assert there["classifier_nonuniformity"].value is not None


def test_only_the_numbers_that_are_measured_are_read(web: Ranges, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint of 48 MB, of which a matrix of 19 kB is measured."""
    web.files["/m.ckpt"] = saved({"w": torch.from_numpy(W), "large": torch.zeros(4000, 3000)})
    monkeypatch.setattr(torch, "load", None)
    assert labelfree.rank(f"{web.url}/m.ckpt::w").input.n == 400
    assert 0 < web.sent < 10_000_000  # one piece of 8 MB, in which the matrix lies, and small ones
    assert len(web.files["/m.ckpt"]) > 48_000_000


@pytest.mark.filterwarnings("ignore:.*quantized tensor creation:UserWarning")
@pytest.mark.parametrize("kind", ["transposed", "expanded", "sparse", "quantized", "complex64", "bool"])
def test_what_is_no_plain_matrix_is_listed_and_refused_by_name(kind: str, web: Ranges) -> None:
    plain = torch.from_numpy(W)
    one = {
        "transposed": lambda: plain.t(), "expanded": lambda: plain[:1].expand(9, 12), "sparse": plain.to_sparse,
        "quantized": lambda: torch.quantize_per_tensor(plain, 0.1, 0, torch.qint8),
        "complex64": lambda: plain.to(torch.complex64), "bool": lambda: plain > 0,
    }[kind]()  # fmt: skip
    web.files["/m.pt"] = saved({"odd": one, "w": plain})
    file = remote_file(f"{web.url}/m.pt")
    found = tensors(file)
    assert list(found) == ["odd", "w"]
    np.testing.assert_array_equal(in_memory(found["w"].load()), W)
    plainly = kind not in ("transposed", "expanded")
    said = r"m\.pt::odd: expected real numbers" if plainly else r"m\.pt::odd: its numbers do not lie row after row.*cop"
    with pytest.raises(SourceError, match=said):
        found["odd"].load()


class Runs:
    """What runs where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return exec, (f"open({str(self.place)!r}, 'w').close()",)


def test_nothing_is_run_and_the_import_is_named(web: Ranges, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    web.files["/m.pt"] = saved({"w": torch.from_numpy(W), "x": Runs(proof)})
    with pytest.raises(UnsafeCheckpoint, match=r"wants to import the global builtins\.exec.*nothing was run"):
        labelfree.rank(f"{web.url}/m.pt::w")
    assert not proof.exists()
    torch.load(io.BytesIO(web.files["/m.pt"]), weights_only=False)
    assert proof.exists(), "whoever unpickles it runs it"


def edited(**changes: Any) -> bytes:
    """A file whose pickle says something else of its only tensor."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", changes.get("numel", 4800)) if value == "S" else None

    class Made:
        def __reduce__(self) -> Any:
            shape, strides = changes.get("shape", (400, 12)), changes.get("strides", (12, 1))
            return torch._utils._rebuild_tensor_v2, (
                "S",
                changes.get("offset", 0),
                shape,
                strides,
                False,
                OrderedDict(),
            )

    stream = io.BytesIO()
    Pickler(stream, 2).dump({"w": Made()})
    return rewritten(saved({"w": torch.from_numpy(W)}), {"data.pkl": stream.getvalue()})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: edited(numel=4801), r"claims a storage of 19,204 bytes, and holds 19,200"),
        (lambda: edited(offset=1), r"claims a tensor of shape 400 x 12 in a storage of 19,200 bytes"),
        (lambda: edited(shape=(401, 12)), r"claims a tensor of shape 401 x 12"),
        (lambda: edited(strides=(12,)), r"shape 400 x 12 with strides 12"),
        (lambda: edited(offset=-1), r"shape 400 x 12"),
        (lambda: saved({"w": torch.from_numpy(W)})[:-300], r"expected a complete PyTorch file"),
        (lambda: saved({"w": torch.from_numpy(W)}, _use_new_zipfile_serialization=False),
         r"expected an archive, as torch writes since version 1\.6.*cannot be read by ranges; copy it first: curl -LO"),
        (lambda: b"", r"it is empty"),
        (lambda: rewritten(saved({"w": torch.from_numpy(W)}), {"byteorder": b"big"}),
         r"lowest byte first, found b'big'"),
        (lambda: rewritten(saved({"w": torch.from_numpy(W)}), {"data.pkl": b"\x80\x02N."}),
         r"tensors by name, found None"),
        (lambda: rewritten(saved({"w": torch.from_numpy(W)}), {"data.pkl": b"\x80\x02Nr\xff\xff\xff\x7f."}),
         r"keeps a value under the number 2147483647"),
        (lambda: rewritten(saved({"w": torch.from_numpy(W)}), {"data.pkl": b"\x80\x02NN"}), r"a pickle|PyTorch file"),
    ],
)  # fmt: skip
def test_damage_and_forgery_are_told(content: Any, said: str, web: Ranges) -> None:
    web.files["/m.pt"] = content()
    with pytest.raises(LabelfreeError, match=said):
        labelfree.rank(f"{web.url}/m.pt")


def test_the_unedited_one_is_read(web: Ranges) -> None:
    web.files["/m.pt"] = edited()
    np.testing.assert_array_equal(in_memory(tensors(remote_file(f"{web.url}/m.pt"))["w"].load()), W)


def test_no_flipped_byte_of_the_pickle_ends_in_anything_but_a_message(web: Ranges) -> None:
    content = saved(states()["training"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("data.pkl")]
        body = archive.read(name)
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(150):
        changed = bytearray(body)
        changed[int(rng.integers(len(body)))] = int(rng.integers(256))
        web.files["/m.pt"] = rewritten(content, {"data.pkl": bytes(changed)})
        try:
            for one in tensors(remote_file(f"{web.url}/m.pt")).values():
                in_memory(one.load())
            read += 1
        except LabelfreeError:
            continue
    assert 0 < read < 150
