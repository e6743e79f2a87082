"""Pickles that torch would read, and that claim what their file does not hold, or take memory or time without end."""

from __future__ import annotations

import struct

from hostile_opcodes import call, held, named, row, storage, tensor, text, whole


def _hex() -> bytes:
    made = call("_codecs", "encode", text("x" * 1000), text("latin1"))
    for _ in range(32):
        made = call("_codecs", "encode", made, text("hex"))
    return made


def _again() -> bytes:
    words = text("x" * 100_000) + b"q\x00"
    return b"(" + words + (named("_codecs", "encode") + b"h\x00\x85R") * 5000 + b"l"


def _shared(times: int) -> bytes:
    return b")q\x00" + b"h\x00h\x00\x86q\x00" * times


FLOATS = struct.pack("<4f", 1, 2, 3, 4)
SIZE, SPREAD = {"0": FLOATS}, (0, 0)
CPU = text("cpu")
CLAIMS: dict[str, tuple[bytes, str]] = {
    "bytearray of 2 GB": (
        call("builtins", "bytearray", whole(2**31 - 1)),
        "it calls builtins.bytearray with arguments",
    ),
    "bytearray of 2 GB in Python 2": (call("__builtin__", "bytearray", whole(2**31 - 1)), "calls builtins.bytearray"),
    "text doubled 32 times": (_hex(), "it calls _codecs.encode with arguments"),
    "a text encoded 5,000 times": (_again(), "it calls _codecs.encode again and again"),
    "a key nested a million deep": (b"})" + b"\x85" * 1_000_000 + b"K\x01s", "it nests tuples more than 1,000 deep"),
    "a key nested in itself": (
        b"}" + b")" + b"\x85" * 900 + b"K\x01s",
        "it has a key of 1,801 values, nested 901 deep",
    ),
    "a key that doubles 40 times": (b"}(" + _shared(40) + b"K\x01u", r"it has a key of [\d,]+ values"),
    "such a key in a set": (call("builtins", "set", b"](" + _shared(40) + b"e"), r"it has a key of [\d,]+ values"),
    "such a key in an OrderedDict": (
        call("collections", "OrderedDict", b"](" + _shared(40) + b"K\x01\x86e"),
        r"it has a key of [\d,]+ values",
    ),
    "operations without end": (b"N0" * 2_200_000, "its pickle has more than 4,194,304 operations"),
    "a tensor beyond its storage": (
        held("w", tensor(storage(4), 0, (99, 99), (99, 1))),
        "shape 99 x 99 in a storage of 16",
    ),
    "an offset beyond it": (
        held("w", tensor(storage(4), 2**40, (2, 2), (2, 1))),
        "shape 2 x 2 in a storage of 16 bytes",
    ),
    "a negative offset": (held("w", tensor(storage(4), -3, (2, 2), (2, 1))), "it makes a tensor of shape 2 x 2"),
    "a negative stride": (held("w", tensor(storage(4), 0, (2, 2), (-2, 1))), "shape 2 x 2 with strides -2 x 1"),
    "a negative size": (held("w", tensor(storage(4), 0, (-2, 2), (2, 1))), "shape -2 x 2 with strides 2 x 1"),
    "sizes whose product overflows": (
        held("w", tensor(storage(4), 0, (2**62, 2**62), (2**62, 1))),
        "in a storage of 16 bytes",
    ),
    "a storage beyond the archive": (
        held("w", tensor(storage(40), 0, (5, 8), (8, 1))),
        "a storage of 160 bytes, and holds 16 for it",
    ),
    "a storage of 2^64 bytes": (
        held("w", tensor(storage(2**62), 0, (2, 2), (2, 1))),
        "a storage of 18,446,744,073,709,551,616",
    ),
    "a storage of -40 numbers": (held("w", tensor(storage(-40), 0, (2, 2), (2, 1))), "a storage of -40 numbers"),
    "a storage that is not there": (
        held("w", tensor(storage(4, "9"), 0, (2, 2), (2, 1))),
        "'9', which is not in the archive",
    ),
    "a tensor made of nothing": (
        held("w", call("torch", "FloatTensor", whole(10**4), whole(10**5))),
        "it calls torch.FloatTensor with arguments",
    ),
    "a storage made of nothing": (
        held(
            "w",
            named("torch", "Tensor")
            + b")\x81"
            + row(
                call("torch.storage", "UntypedStorage"),
                whole(0),
                row(whole(10**4), whole(10**4)),
                row(whole(10**4), whole(1)),
            )
            + b"b",
        ),
        "it calls torch.storage.UntypedStorage with arguments",
    ),
    "a state beyond its storage": (
        held(
            "w",
            named("torch", "Tensor")
            + b")\x81"
            + row(storage(4), whole(0), row(whole(10**4), whole(10**4)), row(whole(10**4), whole(1)))
            + b"b",
        ),
        "shape 10000 x 10000 in a storage of 16 bytes",
    ),
    "an expanded tensor counted": (
        call("collections", "Counter", tensor(storage(1), 0, (10**9,), (0,))),
        "it calls collections.Counter on a tensor of more numbers",
    ),
    "an expanded tensor copied": (
        held(
            "w",
            call(
                "torch._utils",
                "_rebuild_device_tensor_from_cpu_tensor",
                tensor(storage(1), 0, (2**30, 4), SPREAD),
                named("torch", "float64"),
                CPU,
                b"\x89",
            ),
        ),
        "_rebuild_device_tensor_from_cpu_tensor on a tensor of more numbers",
    ),
    "an expanded quantized tensor": (
        held(
            "w",
            call(
                "torch._utils",
                "_rebuild_qtensor",
                storage(4, "0", "QInt8Storage"),
                whole(0),
                row(whole(2**30), whole(2**4)),
                row(whole(0), whole(0)),
                row(),
                b"\x89",
                b"}",
            ),
        ),
        "_rebuild_qtensor for more numbers than the file holds",
    ),
}
