"""Pickles that would run code: plain, in archives, wrapped, nested, of every protocol; and those that lie."""

from __future__ import annotations

import copyreg
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from hostile import Hostile
from hostile_claims import CLAIMS, SIZE
from hostile_opcodes import archive, call, held, legacy, named, raw, row, storage, tar, tensor, text, whole

EXTENSION = 240
copyreg.add_extension("posix", "mkdir", EXTENSION)
Expression = Callable[[str], bytes]
"""The opcodes that leave one value on the stack, given the directory that they would make."""
Write = Callable[[Path, Path], object]


def _decoys(path: str) -> bytes:
    """The name of the global by memo, after texts that mislead who only looks at the last two."""
    names = text("posix") + b"q\x00" + b"0" + text("mkdir") + b"q\x01" + b"0"
    decoys = text("collections") + b"0" + text("OrderedDict") + b"0"
    return names + b"h\x00h\x01" + text("x") + b"0" + decoys + b"\x93" + row(text(path)) + b"R"


def _state(path: str) -> bytes:
    """A partial whose function comes with its state."""
    made = named("functools", "partial") + row(named("builtins", "len")) + b"\x81"
    return made + row(named("posix", "mkdir"), row(text(path)), b"}", b"N") + b"b" + b")R"


EXPRESSIONS: dict[str, tuple[Expression, str]] = {
    "GLOBAL and REDUCE": (lambda p: call("posix", "mkdir", text(p)), "posix.mkdir"),
    "Python 2 name": (lambda p: call("__builtin__", "eval", text(f"__import__('os').mkdir({p!r})")), "builtins.eval"),
    "INST": (lambda p: b"(" + text(p) + b"iposix\nmkdir\n", "posix.mkdir"),
    "OBJ": (lambda p: b"(" + named("posix", "mkdir") + text(p) + b"o", "posix.mkdir"),
    "STACK_GLOBAL": (lambda p: text("posix") + text("mkdir") + b"\x93" + row(text(p)) + b"R", "posix.mkdir"),
    "STACK_GLOBAL by memo, with decoys": (_decoys, "posix.mkdir"),
    "EXT1": (lambda p: b"\x82" + bytes([EXTENSION]) + row(text(p)) + b"R", "posix.mkdir"),
    "EXT4": (lambda p: b"\x84" + struct.pack("<i", EXTENSION) + row(text(p)) + b"R", "posix.mkdir"),
    "BUILD": (_state, "functools.partial"),
    "exec": (lambda p: call("builtins", "exec", text(f"import os; os.mkdir({p!r})")), "builtins.exec"),
    "system": (lambda p: call("os", "system", text(f"mkdir '{p}'")), "os.system"),
    "subprocess": (
        lambda p: call("subprocess", "check_call", b"]" + text("mkdir") + b"a" + text(p) + b"a"),
        "subprocess.check_call",
    ),
    "pickle in a pickle": (
        lambda p: call("pickle", "loads", raw(b"\x80\x03" + call("posix", "mkdir", text(p)) + b".")),
        "pickle.loads",
    ),
    "getattr": (
        lambda p: (
            call("builtins", "getattr", call("importlib", "import_module", text("os")), text("mkdir"))
            + row(text(p))
            + b"R"
        ),
        "builtins.getattr",
    ),
    "a gadget of torch": (
        lambda p: call("torch.utils.collect_env", "run", text(f"mkdir '{p}'")),
        "torch.utils.collect_env.run",
    ),
    "a module below a name that is allowed": (
        lambda p: named("collections", "_sys") + b"0" + call("posix", "mkdir", text(p)),
        "collections._sys",
    ),
}
"""Each with the global that is to be named."""

DEAD: dict[str, tuple[bytes, str]] = {
    "torch.hub": (call("torch.hub", "load", text("a/b"), text("c")), r"the global torch\.hub\.load"),
    "torch.jit": (call("torch.jit._serialization", "load", text("a")), r"the global torch\.jit\._serialization\.load"),
    "an extension nobody registered": (b"\x82\xf1" + row() + b"R", r"the global copyreg\.extension 241"),
    "a persistent id that is a text": (text("posix.mkdir") + b"Q", "expected a complete PyTorch file"),
    "a persistent id in text": (b"Pposix.mkdir\n", "expected a complete PyTorch file"),
    "a persistent id of a module": (
        row(text("module"), text("a"), text("b")) + b"Q",
        "expected a complete PyTorch file",
    ),
    "a function without a tuple": (
        named("collections", "OrderedDict") + text("ab") + b"R",
        "arguments that are no tuple",
    ),
}


def _plain(expression: Expression, protocol: int) -> Write:
    head = b"" if protocol < 2 else bytes([0x80, protocol])
    return lambda path, canary: path.write_bytes(head + expression(str(canary)) + b".")


def _archived(expression: Expression) -> Write:
    return lambda path, canary: archive(path, expression(str(canary)), SIZE)


def _within(wrap: Callable[[bytes], bytes]) -> Expression:
    return lambda place: wrap(_MKDIR(place))


def _legacy(expression: Expression) -> Write:
    return lambda path, canary: legacy(path, expression(str(canary)))


def _holding(content: bytes, storages: dict[str, bytes] | None = None) -> Write:
    return lambda path, canary: archive(path, content, storages)


def _bytes(content: bytes) -> Write:
    return lambda path, canary: path.write_bytes(content)


def _numbered(numel: int, tail: bytes) -> Write:
    """A legacy file with a tensor of 10,000 x 10,000 over a storage that says it holds so many."""
    stored = storage(numel, "0", "FloatStorage", b"N")
    content = held("w", tensor(stored, 0, (10**4, 10**4), (10**4, 1)))
    return lambda path, canary: legacy(path, content, ("0",), tail)


def _lightning(inner: bytes) -> bytes:
    weights = call("collections", "OrderedDict") + text("w") + tensor(storage(4), 0, (2, 2), (2, 1)) + b"s"
    return b"}(" + text("state_dict") + weights + text("hyper_parameters") + inner + b"u"


def _objects(path: Path, canary: Path) -> None:
    values = np.empty(3, object)
    values[:] = _Made(canary)
    if path.suffix == ".npz":
        np.savez(path, X=values)
    else:
        np.save(path, values, allow_pickle=True)


class _Made:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.canary),)


_MKDIR = EXPRESSIONS["GLOBAL and REDUCE"][0]
_NESTED: dict[str, Callable[[bytes], bytes]] = {
    "in a list": lambda e: b"]" + e + b"a",
    "in hyper-parameters": _lightning,
    "ten dicts deep": lambda e: b"".join(b"}" + text("model") for _ in range(10)) + e + b"s" * 10,
}


def _wants(name: str) -> str:
    return rf"wants to import the global {name.replace('.', chr(92) + '.')}, which could run any code; nothing was run"


_NPY = r"expected a complete \.npy file"
_OTHERS = (
    (".npy", _NPY, "rank"),
    (".npz", r"expected a complete \.npz file", "rank"),
    (".safetensors", "expected a complete safetensors file", "rank"),
    (".parquet", "expected a complete Parquet file", "rank"),
    (".json", "expected a report", "gate"),
    (".jsonl", "expected a history", "history"),
)
_NO_METHOD = "expected tensors by name, found OrderedDict"
_SHORT = "expected a complete PyTorch file"
_ITSELF = b"}q\x00(" + text("model") + b"h\x00" + text("ema") + b"h\x00u"
_EXPANDED = held("w", tensor(storage(1), 0, (10**6, 10**4), (0, 0)))


def _written() -> Iterator[tuple[str, str, Write, str]]:
    """What it is about, the name of the file, how it is written, and what is said of it."""
    for i, (about, (expression, name)) in enumerate(EXPRESSIONS.items()):
        suffix = (".pt", ".pth", ".ckpt", ".bin")[i % 4]
        yield f"plain {about}", f"a{suffix}", _plain(expression, 2), _wants(name)
        yield f"archived {about}", "a.pt", _archived(expression), _wants(name)
        yield f"legacy {about}", "a.pt", _legacy(expression), _wants(name)
    for protocol in range(6):
        yield f"protocol {protocol}", "a.pt", _plain(_MKDIR, protocol), _wants("posix.mkdir")
    for about, wrap in _NESTED.items():
        yield about, "a.ckpt", _archived(_within(wrap)), _wants("posix.mkdir")
    for about, (content, says) in DEAD.items():
        yield about, "a.pt", _holding(content), says
    for about, (content, says) in CLAIMS.items():
        yield about, "a.pt", _holding(content, SIZE), f"its pickle is damaged or forged: .*{says}.*; nothing was loaded"
    for method in ("items", "get", "shape"):
        content = call("collections", "OrderedDict") + held(method, whole(3)) + b"b"
        yield f"a dict without {method}", "a.pt", _holding(content), _NO_METHOD
    yield (
        "expanded to 40 GB",
        "a.pt",
        _holding(_EXPANDED, SIZE),
        "a.pt::w: claims 40,000,000,000 bytes in a storage of 4",
    )
    yield "a dict in itself", "a.pt", _holding(_ITSELF), "expected tensors by name, found dict with the keys model, ema"
    yield "legacy lies", "a.pt", _numbered(10**8, struct.pack("<q", 10**8)), "it claims storages of 400,000,000 bytes"
    yield "legacy beyond its storage", "a.pt", _numbered(1, struct.pack("<qf", 1, 1.0)), "in a storage of 4 bytes"
    yield "tar", "a.pt", lambda path, canary: tar(path, _MKDIR(str(canary))), "is a tar archive, .* nothing was run"
    yield "a text of 4 GB", "a.pt", _bytes(b"X\xff\xff\xff\xff"), _SHORT
    yield "a text of 2^63", "a.pt", _bytes(b"\x8d" + b"\xff" * 7 + b"\x7f"), _SHORT
    yield "a frame of 2^63", "a.pt", _bytes(b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f"), _SHORT
    for suffix in (".npy", ".npz"):
        yield "objects", f"a{suffix}", _objects, "holds Python objects, which only run code can read"


FILES = [
    *(Hostile(name, write, says, about=about) for about, name, write, says in _written()),
    *(Hostile(f"a{s}", _plain(_MKDIR, 4), says, about="a pickle renamed", read=read) for s, says, read in _OTHERS),
    Hostile("a.pt", _plain(_MKDIR, 2), _wants("posix.mkdir"), read="head", about="head"),
    *(Hostile(f"a{s}", _objects, "holds Python objects", read="head", about="head") for s in (".npy", ".npz")),
]
