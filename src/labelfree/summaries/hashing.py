"""64-bit hashes of rows and ids, the same whatever the block a row arrives in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Keys

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_INVERSE_M1, _INVERSE_M2 = (np.uint64(pow(int(m), -1, 1 << 64)) for m in (_M1, _M2))
_CHUNK_WORDS = 1 << 17  # a megabyte: the intermediate arrays stay in the cache


def mix(keys: Keys, seed: int = 0) -> Keys:
    """splitmix64 of keys + seed steps: a bijection of 64-bit integers that spreads every bit."""
    return _spread(keys + np.uint64((int(seed) + 1) * int(_GOLDEN) & 0xFFFFFFFFFFFFFFFF))


def _spread(z: Keys) -> Keys:
    z = (z ^ (z >> np.uint64(30))) * _M1
    z = (z ^ (z >> np.uint64(27))) * _M2
    return z ^ (z >> np.uint64(31))


def unmix(keys: Keys, seed: int = 0) -> Keys:
    """The keys that `mix` made these of: mix(unmix(keys, seed), seed) = keys."""
    z: Keys = keys ^ (keys >> np.uint64(31)) ^ (keys >> np.uint64(62))
    z = z * _INVERSE_M2
    z = (z ^ (z >> np.uint64(27)) ^ (z >> np.uint64(54))) * _INVERSE_M1
    z = z ^ (z >> np.uint64(30)) ^ (z >> np.uint64(60))
    return z - np.uint64((int(seed) + 1) * int(_GOLDEN) & 0xFFFFFFFFFFFFFFFF)


def row_keys(ids: Any, seed: int = 0) -> Keys:
    """(m,) keys of rows for `Sample.update`: the rows with the lowest are a uniform sample, the same in every data set.

    ids: (m,) whole numbers or texts that identify the rows; seed: another sample.

    >>> import numpy as np
    >>> [int(one) % 1000 for one in row_keys(np.arange(3))] == [int(one) % 1000 for one in row_keys([0, 1, 2])]
    True
    """
    return mix(hash_ids(np.asarray(ids)), seed)


def _words(rows: NDArray[Any]) -> Keys:
    """The bytes of each row as 64-bit words, padded with zeros."""
    rows = np.ascontiguousarray(rows)
    width = rows.shape[1] * rows.itemsize
    if width % 8 == 0:
        return rows.view(np.uint64)
    padded = np.zeros((len(rows), -(-width // 8) * 8), dtype=np.uint8)
    padded[:, :width] = rows.view(np.uint8)
    return padded.view(np.uint64)


def hash_rows(rows: NDArray[Any]) -> Keys:
    """(m,) hashes of the bits of (m, d) rows.

    Each word is mixed so that a flipped sign reaches the low bits, then the words are summed with one odd
    multiplier per column, which tells permuted columns apart.
    """
    words = _words(rows)
    m, width = words.shape
    multipliers = mix(np.arange(width, dtype=np.uint64), 17) | np.uint64(1)
    out = np.empty(m, dtype=np.uint64)
    step = max(1, _CHUNK_WORDS // max(width, 1))
    for start in range(0, m, step):
        word = words[start : start + step]
        mixed = word >> np.uint64(32)
        mixed ^= word
        mixed *= _GOLDEN
        mixed ^= mixed >> np.uint64(29)
        out[start : start + step] = mixed @ multipliers
    return mix(out, width)


def present(ids: NDArray[Any]) -> NDArray[np.bool_]:
    """Which entries of a column (m,) are there: not None."""
    return np.array([i is not None for i in ids], bool) if ids.dtype == object else np.ones(len(ids), bool)


def hash_ids(ids: NDArray[Any]) -> Keys:
    """(m,) hashes of ids: integers by value, everything else by the bytes of its text."""
    if ids.dtype == object and all(isinstance(i, int) for i in ids):  # a column that holds a null elsewhere
        ids = ids.astype(np.int64)
    if ids.dtype.kind in "iub":
        return mix(ids.astype(np.int64).view(np.uint64), 1)
    plain = ids.dtype == object and all(type(i) is str for i in ids)  # a quarter of the memory of numpy's own texts
    text = np.array([i.encode() for i in ids], "S") if plain else np.char.encode(ids.astype(str), "utf-8")
    if text.dtype.itemsize == 0:
        text = text.astype("S8")
    letters = np.frombuffer(text.tobytes(), dtype=np.uint8).reshape(len(text), text.dtype.itemsize)
    words = _words(letters)
    total = np.zeros(len(words), dtype=np.uint64)
    step = max(1, _CHUNK_WORDS // max(len(words), 1))
    for begin in range(0, words.shape[1], step):
        part = words[:, begin : begin + step]
        seeds = np.arange(begin + 3, begin + 3 + part.shape[1], dtype=np.uint64) * _GOLDEN
        mixed = _spread(part + seeds)  # of word j: mix(word, j + 2)
        mixed[part == 0] = 0  # adds nothing, so the padding of a block does not matter
        total += mixed.sum(axis=1, dtype=np.uint64)
    return mix(total, 2)
