"""What a pickle would do is foreseen without doing it: every name, and every claim, in files that torch writes."""

from __future__ import annotations

import copyreg
import io
import pickle
import warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from argparse import Namespace
from collections import Counter, OrderedDict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hostile_pickles
from labelfree.errors import UnsafeCheckpoint
from labelfree.sources.checkpoints.torch_files import loaded
from labelfree.sources.guards.opcodes import Foresight
from labelfree.sources.guards.pickles import contents
from labelfree.sources.guards.torch_calls import ClaimedTuple, Forged, Stored, called, check_keys, view

pytestmark = pytest.mark.once

W = torch.arange(24.0).reshape(6, 4)


def foreseen(content: bytes) -> list[str]:
    """The globals that a pickle names, without it being run."""
    foresight = Foresight(lambda key: None, 1 << 20)
    foresight.run(io.BytesIO(content), len(content))
    return foresight.names


class Recorder(pickle._Unpickler):  # type: ignore[misc]
    """Python's own machine with every global replaced: the names that it asks for, in order."""

    proto: int = 0

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        copyreg.clear_extension_cache()
        self.names: list[str] = []

    def find_class(self, module: str, name: str) -> type:
        if self.proto < 3:  # as Unpickler.find_class does
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        self.names.append(f"{module}.{name}")
        return Anything

    def persistent_load(self, saved: Any) -> Any:
        return Anything()


class Anything:
    """Takes every argument, state and item, and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Anything:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any) -> Anything:
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, value: Any) -> None: ...

    def extend(self, values: Any) -> None: ...

    def add(self, value: Any) -> None: ...

    def __hash__(self) -> int:
        return 0


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.just(b"x" * 300),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
        | st.builds(Fraction, st.integers(), st.integers(1, 9))
        | st.builds(lambda value: Namespace(a=value), inner)
        | st.builds(lambda value: [value, value], inner)  # the same one twice: by memo
        | st.sets(st.integers(), max_size=3)
        | st.builds(lambda: Decimal("1.5"))
        | st.builds(lambda: PurePosixPath("a"))
        | st.builds(lambda items: OrderedDict(items), st.dictionaries(st.text(max_size=2), inner, max_size=3))
    ),
    max_leaves=12,
)


@given(value=plain, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_names_are_those_that_unpickling_asks_for(value: Any, protocol: int) -> None:
    content = pickle.dumps(value, protocol)
    recorder = Recorder(content)
    recorder.load()
    assert foreseen(content) == recorder.names


@pytest.mark.parametrize("name", hostile_pickles.EXPRESSIONS)
def test_names_of_hostile_pickles_are_those_that_unpickling_asks_for(name: str) -> None:
    expression, _ = hostile_pickles.EXPRESSIONS[name]
    content = b"\x80\x02" + expression("/nowhere") + b"."
    recorder = Recorder(content)
    recorder.load()
    assert foreseen(content) == recorder.names


def attributed() -> torch.Tensor:
    """A parameter that carries what a framework hung on it."""
    parameter = torch.nn.Parameter(W.clone())
    parameter.tensor_model_parallel = True
    return parameter


def trained() -> dict[str, Any]:
    """A checkpoint of a training run with the state of its optimizer and scheduler."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
    optimizer = torch.optim.AdamW(model.parameters())
    model(W).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    return {
        "state_dict": model.state_dict(), "optimizer_states": [optimizer.state_dict()], "epoch": 3, "lr": 1e-3,
        "lr_schedulers": [schedule.state_dict()], "rng": torch.get_rng_state(), "seen": Counter("abca"),
        "hyper_parameters": {"betas": (0.9, 0.99), "vocabulary": {f"word{i}": i for i in range(300)}, 3: None},
    }  # fmt: skip


DTYPES = (
    torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int64, torch.bool, torch.uint16, torch.uint32,
    torch.complex64, torch.float8_e4m3fn,
)  # fmt: skip
SAVED: dict[str, Callable[[], Any]] = {
    **{str(d): partial(W.to, d) for d in DTYPES},
    "transposed": lambda: W.T,
    "a part": lambda: W[2:5, 1:3],
    "every second": lambda: W[::2, ::2],
    "expanded": lambda: torch.ones(1, 4).expand(100, 4),
    "no rows": lambda: W[:0],
    "a number": lambda: torch.tensor(3.0),
    "views of one": lambda: (W[:2], W[2:], W.T),
    "parameter": lambda: torch.nn.Parameter(W.clone()),
    "attributes": lambda: attributed(),
    "expanded parameter": lambda: torch.nn.Parameter(torch.ones(1, 4).expand(9, 4)),
    "meta": lambda: W.to("meta"),
    "sparse": lambda: W.to_sparse(),
    "sparse rows": lambda: W.to_sparse_csr(),
    "quantized": lambda: torch.quantize_per_tensor(W, 0.1, 0, torch.qint8),
    "quantized by channel": lambda: torch.quantize_per_channel(W, torch.ones(6), torch.zeros(6), 0, torch.qint8),
    "plain": lambda: [1, 2.5, "a", None, True, b"bytes", bytearray(b"ab"), {1, 2}, (1, (2, 3)), 1j, torch.Size([2, 3])],
    "dtypes and devices": lambda: [torch.float32, torch.device("cpu"), torch.strided],
    "keys": lambda: OrderedDict([("a", W), (("b", 3), W)]),
    "checkpoint": lambda: trained(),
}  # fmt: skip


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("name", SAVED)
def test_what_torch_saves_and_loads_is_accepted(name: str, archive: bool, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save({"w": SAVED[name]()}, tmp_path / "a.pt", _use_new_zipfile_serialization=archive)
        try:
            torch.load(tmp_path / "a.pt", weights_only=True, map_location="cpu")
        except AttributeError:  # torch cannot read what it wrote: legacy files of newer dtypes
            assert not archive
            return
    found = contents(tmp_path / "a.pt")
    assert found.foreign is None
    assert found.archive == archive
    assert set(loaded(tmp_path / "a.pt")) == {"w"}


FLOATS = Stored(24 * 4, 4)


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "spread"),
    [
        (0, (6, 4), (4, 1), False),
        (0, (24,), (1,), False),
        (23, (1,), (1,), False),
        (23, (1, 1), (99, 99), False),
        (0, (25,), (0,), True),
        (0, (7, 4), (0, 1), True),
        (99, (0, 4), (4, 1), False),
        (0, (), (), False),
    ],
)
def test_a_view_within_its_storage_is_accepted(offset: int, shape: Any, strides: Any, spread: bool) -> None:
    assert view((FLOATS, offset, ClaimedTuple(shape), ClaimedTuple(strides))) == spread
    torch.as_strided(W.flatten(), shape, strides, offset)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(1, (6, 4), (4, 1)), (24, (1,), (1,)), (0, (25,), (1,)), (0, (7, 4), (4, 1)), (0, (2, 2), (23, 1))],
)
def test_a_view_one_number_beyond_its_storage_is_refused(offset: int, shape: Any, strides: Any) -> None:
    with pytest.raises(Forged, match="in a storage of 96 bytes"):
        view((FLOATS, offset, ClaimedTuple(shape), ClaimedTuple(strides)))
    with pytest.raises(RuntimeError):
        torch.as_strided(W.flatten(), shape, strides, offset)


def test_bounds_of_keys_and_calls() -> None:
    check_keys([ClaimedTuple((1,) * 99), ClaimedTuple((ClaimedTuple((1,) * 47),) * 2), "x" * 1000])
    with pytest.raises(Forged, match="a key of 101 values"):
        check_keys([ClaimedTuple((1,) * 100)])
    deep: Any = 0
    for _ in range(10):
        deep = ClaimedTuple((deep,))
    check_keys([deep])
    with pytest.raises(Forged, match="nested 11 deep"):
        check_keys([ClaimedTuple((deep,))])
    assert not called("builtins.bytearray", ())
    assert not called("_codecs.encode", ("x", "latin1"))
    with pytest.raises(Forged, match=r"builtins\.bytearray with arguments"):
        called("builtins.bytearray", (1,))


def test_a_pickle_may_look_at_its_own_values_a_few_times() -> None:
    from hostile_opcodes import named, text

    def content(times: int) -> bytes:
        call = named("_codecs", "encode") + b"h\x00\x85R0"
        return b"\x80\x02" + text("x" * 1_000_000) + b"q\x00" + call * times + b"."

    assert set(foreseen(content(8))) == {"_codecs.encode"}
    with pytest.raises(Forged, match="again and again"):
        foreseen(content(10))


@pytest.mark.parametrize(
    "content", [b"", b".", b"0.", b"t.", b"R.", b"h\x00.", b"\xff", b"N", b"}K\x01s.", b"(e.", b"Vx"]
)
def test_what_is_no_pickle_is_an_error_of_python(content: bytes) -> None:
    with pytest.raises((ValueError, LookupError)):
        foreseen(content)


def test_python_2_names_are_those_of_python_3() -> None:
    assert foreseen(b"\x80\x02c__builtin__\nset\n0ccopy_reg\n_reconstructor\n.") == [
        "builtins.set",
        "copyreg._reconstructor",
    ]


def test_code_is_told_before_claims(tmp_path: Path) -> None:
    from hostile_opcodes import call, whole

    (tmp_path / "a.pt").write_bytes(
        b"\x80\x02" + call("os", "system") + b"0" + call("builtins", "bytearray", whole(9)) + b"."
    )
    with pytest.raises(UnsafeCheckpoint, match=r"the global os\.system"):
        contents(tmp_path / "a.pt")
