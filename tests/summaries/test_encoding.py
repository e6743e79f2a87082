"""Summaries as bytes: exact to the last bit, and what is damaged, forged or of another version is refused."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from safetensors.numpy import load

from labelfree.errors import LabelfreeError, SourceError, SummaryError
from labelfree.summaries import Distinct, Groups, Moments, Predictions, Sample, Tally, encoding, merging
from labelfree.summaries.encoding import encoded, stored
from labelfree.summaries.fields import Fields
from labelfree.summaries.hashing import hash_ids, hash_rows, mix
from labelfree.summaries.regression import Regression
from labelfree.survey import shards

Matrix = NDArray[np.float64]
matrices = hnp.arrays(np.float64, st.tuples(st.integers(0, 20), st.just(3)), elements=st.floats(-1e6, 1e6, width=32))


def sample(X: Matrix) -> Sample:
    index = np.arange(len(X))
    return Sample.empty(7).update(X.astype(np.float32), mix(hash_ids(index), 5), index)


def groups(X: Matrix) -> Groups:
    index = np.arange(len(X))
    return Groups.empty(8, 5).update(X, hash_ids(index % 6), hash_ids(index), index, len(X) + 2)


def tally(X: Matrix) -> Tally:
    norms, index = np.linalg.norm(X, axis=1), np.arange(len(X))
    return Tally().update(len(X), {"zero": index[norms == 0], "null": index[norms > 1e5]}, norms, index)


def regression(X: Matrix) -> Regression:
    return Regression.empty(3, 2).update(X, X[:, :2] * 3)


KINDS: dict[str, Callable[[Matrix], Any]] = {
    "moments": lambda X: Moments.empty(3).update(X),
    "sample": sample,
    "groups": groups,
    "distinct": lambda X: Distinct.empty(6).update(hash_rows(X)),
    "tally": tally,
    "predictions": lambda X: Predictions.empty(3, thresholds=(0.6, float("inf"))).update(X),
    "regression": regression,
}


@pytest.mark.parametrize("kind", KINDS)
@given(X=matrices, Y=matrices)
def test_what_is_read_back_merges_to_the_same_bytes(kind: str, X: Matrix, Y: Matrix) -> None:
    one, other = KINDS[kind](X), KINDS[kind](Y)
    again = type(one).from_bytes(one.to_bytes())
    assert again.to_bytes() == one.to_bytes()
    assert again.merge(type(one).from_bytes(other.to_bytes())).to_bytes() == one.merge(other).to_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_other_rows_are_other_bytes(kind: str) -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    assert KINDS[kind](X).to_bytes() != KINDS[kind](X * 1.5 + 1).to_bytes() or kind == "tally"
    assert KINDS[kind](X).to_bytes() != KINDS[kind](X[:19]).to_bytes()


def test_the_bytes_are_a_file_of_the_safetensors_library() -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    found = load(Moments.empty(3).update(X).to_bytes())
    assert np.allclose(found["state/mean"], X.mean(axis=0))
    assert np.allclose(found["state/scatter"], (X - X.mean(axis=0)).T @ (X - X.mean(axis=0)))


def test_a_summary_of_another_kind_is_refused() -> None:
    with pytest.raises(SummaryError, match="expected the summary 'tally', found 'moments'"):
        Tally.from_bytes(Moments.empty(3).to_bytes())


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_and_every_cut_is_an_error(kind: str) -> None:
    raw = KINDS[kind](np.random.default_rng(0).normal(size=(9, 3))).to_bytes()
    again = type(KINDS[kind](np.zeros((1, 3)))).from_bytes
    rng = np.random.default_rng(1)
    for at in rng.integers(0, len(raw), 150):
        damaged = bytearray(raw)
        damaged[at] ^= 1 << int(rng.integers(0, 8))
        if bytes(damaged[8:]).rstrip() == raw[8:].rstrip() and damaged[:8] == raw[:8]:
            continue  # the padding of the header
        with pytest.raises(LabelfreeError) as told:
            again(bytes(damaged))
        assert isinstance(told.value, SourceError)
    for length in (*range(40), *rng.integers(40, len(raw), 40)):
        with pytest.raises(SummaryError):
            again(raw[:length])
    with pytest.raises(SummaryError):
        again(raw + b"\0")


def forged(state: Any, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> bytes:
    """The bytes of a state whose header says something else, with the checksums that make it look true."""
    raw = state.to_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    table = json.loads(raw[8 : 8 + length])
    document = json.loads(table.pop("__metadata__")["labelfree"])
    change(document, table)
    document["checksum"] = encoding._of_header(document, table)
    head = json.dumps({"__metadata__": {"labelfree": json.dumps(document)}, **table}).encode()
    return bytes(struct.pack("<Q", len(head)) + head + raw[8 + length :])


def values(document: dict[str, Any]) -> dict[str, Any]:
    return document["records"]["state"]["state"]["values"]  # type: ignore[no-any-return]


FORGED: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], None], str]] = {
    "another version": (lambda d, t: d.update(format=2), "expected format 1, found 2: another version"),
    "another law": (lambda d, t: d.update(law=7), "expected law of sums 1, found 7: another version"),
    "gigabytes": (lambda d, t: t["state/scatter"].update(shape=[1 << 20, 1 << 20]), "claims F64 of shape"),
    "bytes beyond the end": (
        lambda d, t: t["state/scatter"].update(shape=[1 << 15, 1 << 15], data_offsets=[24, 24 + (1 << 33)]),
        "its arrays end after",
    ),
    "a negative place": (lambda d, t: t["state/mean"].update(data_offsets=[-8, 16]), "claims shape"),
    "a shape of text": (lambda d, t: t["state/mean"].update(shape=["3"]), "claims shape"),
    "an unknown type": (lambda d, t: t["state/mean"].update(dtype="O"), "cannot be believed"),
    "another width": (lambda d, t: t["state/scatter"].update(shape=[9, 1]), "scatter: expected float64 of shape"),
    "no count": (lambda d, t: values(d).pop("n"), "n: expected a value"),
    "a count below zero": (lambda d, t: values(d).update(n=-1), "n: expected a whole number"),
    "a count that is true": (lambda d, t: values(d).update(n=True), "n: expected a whole number"),
    "a record of nothing": (lambda d, t: d["records"]["state"].update(state=None), "expected the values of a summary"),
    "no record": (lambda d, t: d["records"].clear(), "it holds arrays of no record"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_header_is_refused(name: str) -> None:
    change, said = FORGED[name]
    state = Moments.empty(3).update(np.random.default_rng(0).normal(size=(9, 3)))
    assert Moments.from_bytes(forged(state, lambda d, t: None)).to_bytes() == state.to_bytes()
    with pytest.raises(SummaryError, match=said):
        Moments.from_bytes(forged(state, change))


def test_a_header_nested_without_end_is_refused() -> None:
    head = b'{"__metadata__":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(SummaryError, match="found a header that is none"):
        Moments.from_bytes(struct.pack("<Q", len(head)) + head)


def test_numbers_that_are_none_are_refused() -> None:
    state = Moments(2, np.array([0.0, np.nan]), np.eye(2))
    with pytest.raises(SummaryError, match="mean: expected finite numbers"):
        Moments.from_bytes(state.to_bytes())


def test_keys_beside_the_cut_of_a_sample_are_refused() -> None:
    state = sample(np.ones((20, 3)))
    assert len(state.fields().arrays["keys"]) == 7
    with pytest.raises(SummaryError, match="keys: expected at most 7 keys below"):
        Sample.from_bytes(forged(state, lambda d, t: values(d).update(cut=5)))
    with pytest.raises(SummaryError, match="keys: expected at most 3 keys below"):
        Sample.from_bytes(forged(state, lambda d, t: values(d).update(limit=3)))


def test_the_law_has_a_new_number_when_the_order_of_sums_changes() -> None:
    """Sums of another order merge to other digits: whoever changes one of these numbers gives LAW another one too."""
    assert (merging.FAN, shards._BLOCK_NUMBERS, shards._SHARD_ROWS, encoding.LAW) == (4, 1 << 20, 1 << 16, 1)


def test_a_record_is_read_alone() -> None:
    one, other = Moments.empty(2).update(np.eye(2)), Tally()
    raw = encoded({"a": one.fields(), "b": other.fields()}, {"name": "both"})
    read: list[tuple[int, int]] = []

    def read_at(begin: int, length: int) -> bytes:
        read.append((begin, length))
        return raw[begin : begin + length]

    found = stored(read_at, len(raw))
    assert found.about == {"name": "both"}
    assert list(found.records) == ["a", "b"]
    read.clear()
    assert Tally.of_fields(found.fields("b")) == other
    assert read == []
    assert Moments.of_fields(found.fields("a")).to_bytes() == one.to_bytes()
    assert len(read) == 1
    with pytest.raises(SummaryError, match="expected the record 'c', found 'a', 'b'"):
        found.fields("c")


def test_fields_tell_what_is_wrong() -> None:
    found = Fields("x", {"list": [1, "a"], "hex": "0xq", "pair": ["0x1p+0"], "texts": [1]})
    for read in (lambda: found.numbers("list"), lambda: found.real("hex"), lambda: found.pair("pair"),
                 lambda: found.texts("texts"), lambda: found.text("list"), lambda: found.listed("hex"),
                 lambda: found.part("none"), lambda: found.array("none", np.float64, (None,))):  # fmt: skip
        with pytest.raises(SummaryError, match="it is damaged or forged"):
            read()
