"""What a pickle would do, worked out on values that do nothing: no name is imported, nothing is called."""

from __future__ import annotations

import copyreg
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from typing import Any, Protocol

from labelfree.sources.guards.torch_calls import (
    Bag,
    ClaimedTuple,
    Forged,
    Made,
    Named,
    Stored,
    called,
    check_keys,
    cost,
    shown_claim,
    view,
    width_of,
)

MOST_OPERATIONS = 1 << 22
"""Operations of one pickle: 20 for each tensor, 4 for each word of a vocabulary."""


class Stream(Protocol):
    """What opcodes are read from."""

    def read(self, n: int, /) -> bytes:
        """The next n bytes, fewer at the end."""

    def readline(self) -> bytes:
        """The bytes up to the next newline."""


class Foresight:
    """The reading of one or several pickles of a file.

    held: bytes of the storage of this key, or None where the file does not say; limit: bytes that all storages
    together may have. After `run`, `names` holds every global in the order in which the pickle names them.
    """

    def __init__(self, held: Callable[[Any], int | None], limit: int) -> None:
        self.held = held
        self.limit = limit
        self.names: list[str] = []
        self.claimed: dict[Any, int] = {}
        self.total = 0

    def run(self, stream: Stream, size: int) -> Any:
        """What a pickle of at most `size` bytes would return; ValueError or LookupError where it is none."""
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.allowance = 8 * size + (1 << 20)
        for i, (opcode, argument, _) in enumerate(pickletools.genops(stream)):  # type: ignore[arg-type]
            if i > MOST_OPERATIONS:
                raise Forged(f"its pickle has more than {MOST_OPERATIONS:,} operations")
            if opcode.name in _LITERALS:
                self.stack.append(argument)
            elif opcode.name == "STOP":
                return self.stack.pop()
            else:
                _DO[opcode.name](self, argument)
        raise ValueError("a pickle without an end")

    def push(self, value: Any) -> None:
        """A value onto the stack as it is by now."""
        self.stack.append(value)

    def tail(self) -> list[Any]:
        """The values since the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def named(self, module: str, name: str) -> None:
        """A global; Python 2 names as Python 3 calls them."""
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        full = f"{IMPORT_MAPPING.get(module, module)}.{name}"
        self.names.append(full)
        self.stack.append(Named(full))

    def call(self, function: Any, args: Any) -> None:
        """A call: its arguments are checked, its result is a value that does nothing."""
        name = function.name if isinstance(function, Named) else "a value"
        if not isinstance(args, ClaimedTuple):
            raise Forged(f"it calls {name} with arguments that are no tuple")
        self.pay(args.items, f"calls {name}")
        self.stack.append(Made(name, args.items if len(args.items) < 10 else (), called(name, args.items)))

    def build(self) -> None:
        """State given to an object: that of a tensor may name a storage."""
        state = self.stack.pop()
        items = state.items if isinstance(state, ClaimedTuple) else tuple(state) if isinstance(state, list) else ()
        self.pay(items, "sets a state")
        if view(items):
            self.stack[-1] = Made("torch.Tensor", (), spread=True)

    def pay(self, items: tuple[Any, ...], what: str) -> None:
        """Refuse a pickle that looks at the same values again and again."""
        self.allowance -= cost(items)
        if self.allowance < 0:
            raise Forged(f"it {what} again and again on the same values")

    def storage(self, saved: Any) -> None:
        """A storage of the file, by the tuple that torch calls its persistent id."""
        items = saved.items if isinstance(saved, ClaimedTuple) else ()
        if len(items) < 5 or not isinstance(items[1], Named):
            self.stack.append(Made("a persistent id"))
            return
        key, numel, width = items[2], items[4], width_of(items[1].name)
        if type(numel) is not int or numel < 0 or not isinstance(key, str | int):
            raise Forged(f"it claims a storage of {shown_claim(numel)} numbers")
        nbytes, held = numel * width, self.held(key)
        if held is not None and nbytes > held:
            raise Forged(f"it claims a storage of {nbytes:,} bytes, and holds {held:,} for it")
        self.total += max(nbytes - self.claimed.get(key, 0), 0)
        self.claimed[key] = max(nbytes, self.claimed.get(key, 0))
        if self.total > self.limit:
            raise Forged(f"it claims storages of {self.total:,} bytes, and the file holds {self.limit:,}")
        self.stack.append(Stored(nbytes, width))


def _global(reading: Foresight, argument: Any) -> None:
    module, _, name = str(argument).partition(" ")
    reading.named(module, name)


def _stack_global(reading: Foresight, argument: Any) -> None:
    name, module = reading.stack.pop(), reading.stack.pop()
    if not (isinstance(name, str) and isinstance(module, str)):
        raise ValueError("a global without a name")
    reading.named(module, name)


def _extension(reading: Foresight, code: Any) -> None:
    registered: Any = getattr(copyreg, "_inverted_registry", {}).get(code)
    module, name = registered or ("copyreg", f"extension {code}")
    reading.named(module, name)


def _instance(reading: Foresight, argument: Any) -> None:
    items = reading.tail()
    _global(reading, argument)
    reading.call(reading.stack.pop(), ClaimedTuple(tuple(items)))


def _object(reading: Foresight, argument: Any) -> None:
    function, *items = reading.tail() or [None]
    reading.call(function, ClaimedTuple(tuple(items)))


def _reduce(reading: Foresight, argument: Any) -> None:
    args, function = reading.stack.pop(), reading.stack.pop()
    reading.call(function, args)


def _new_with_names(reading: Foresight, argument: Any) -> None:
    reading.stack.pop()
    _reduce(reading, argument)


def _tuple(n: int) -> Callable[[Foresight, Any], None]:
    def make(reading: Foresight, argument: Any) -> None:
        if len(reading.stack) < n:
            raise IndexError("too few values")
        reading.stack[-n:] = [ClaimedTuple(tuple(reading.stack[-n:]))]

    return make


def _append(reading: Foresight, items: list[Any]) -> None:
    if type(reading.stack[-1]) is list:
        reading.stack[-1].extend(items)


def _fill(reading: Foresight, items: list[Any], step: int) -> None:
    check_keys(items[::step])
    if isinstance(reading.stack[-1], Bag):
        reading.stack[-1].extend(items)


def _pair(reading: Foresight, argument: Any) -> None:
    value, key = reading.stack.pop(), reading.stack.pop()
    _fill(reading, [key, value], 2)


def _mark(reading: Foresight, argument: Any) -> None:
    reading.marks.append(reading.stack)
    reading.stack = []


def _pop(reading: Foresight, argument: Any) -> None:
    if reading.stack:
        reading.stack.pop()
    else:
        reading.tail()


def _bag(step: int) -> Callable[[Foresight, Any], None]:
    def make(reading: Foresight, argument: Any) -> None:
        items = reading.tail()
        check_keys(items[::step])
        reading.push(Bag(items))

    return make


def _put(reading: Foresight, place: Any) -> None:
    if not 0 <= int(place) <= MOST_OPERATIONS:
        raise Forged(f"it keeps a value under the number {place}")
    reading.memo[int(place)] = reading.stack[-1]


_LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE",
    "BINUNICODE8", "FLOAT", "BINFLOAT",
}  # fmt: skip
_DO: dict[str, Callable[[Foresight, Any], Any]] = {
    "PROTO": lambda r, a: None,
    "FRAME": lambda r, a: None,
    "READONLY_BUFFER": lambda r, a: None,
    "NEXT_BUFFER": lambda r, a: r.push(Made("a buffer")),
    "NONE": lambda r, a: r.push(None),
    "NEWTRUE": lambda r, a: r.push(True),
    "NEWFALSE": lambda r, a: r.push(False),
    "EMPTY_TUPLE": lambda r, a: r.push(ClaimedTuple(())),
    "EMPTY_LIST": lambda r, a: r.push([]),
    "EMPTY_DICT": lambda r, a: r.push(Bag()),
    "EMPTY_SET": lambda r, a: r.push(Bag()),
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": lambda r, a: r.tail(),
    "DUP": lambda r, a: r.push(r.stack[-1]),
    "TUPLE": lambda r, a: r.push(ClaimedTuple(tuple(r.tail()))),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": lambda r, a: r.push(r.tail()),
    "DICT": _bag(2),
    "FROZENSET": _bag(1),
    "APPEND": lambda r, a: _append(r, [r.stack.pop()]),
    "APPENDS": lambda r, a: _append(r, r.tail()),
    "SETITEM": _pair,
    "SETITEMS": lambda r, a: _fill(r, r.tail(), 2),
    "ADDITEMS": lambda r, a: _fill(r, r.tail(), 1),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "EXT1": _extension,
    "EXT2": _extension,
    "EXT4": _extension,
    "INST": _instance,
    "OBJ": _object,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _new_with_names,
    "REDUCE": _reduce,
    "BUILD": lambda r, a: r.build(),
    "PERSID": lambda r, a: r.storage(a),
    "BINPERSID": lambda r, a: r.storage(r.stack.pop()),
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": lambda r, a: _put(r, len(r.memo)),
    "GET": lambda r, a: r.push(r.memo[int(a)]),
    "BINGET": lambda r, a: r.push(r.memo[a]),
    "LONG_BINGET": lambda r, a: r.push(r.memo[a]),
}
