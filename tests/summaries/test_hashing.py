"""Hashes of ids against their definition in whole numbers, whatever the length of a text and the block it is in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.summaries.hashing import hash_ids

ALL = (1 << 64) - 1


def mixed(key: int, seed: int) -> int:
    """splitmix64, as its authors print it."""
    z = (key + (seed + 1) * 0x9E3779B97F4A7C15) & ALL
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & ALL
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & ALL
    return z ^ (z >> 31)


def defined(text: str) -> int:
    """The hash of a text: its words of eight bytes, those of zeros left out."""
    content = text.encode()
    words = [int.from_bytes(content[i : i + 8], "little") for i in range(0, len(content), 8)]
    return mixed(sum(mixed(word, j + 2) for j, word in enumerate(words) if word) & ALL, 2)


@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40), max_size=9))
def test_a_hash_is_that_of_the_bytes_of_a_text(texts: list[str]) -> None:
    assert hash_ids(np.array(texts, object)).tolist() == [defined(text) for text in texts]
    assert hash_ids(np.array(texts, str)).tolist() == [defined(text) for text in texts]


@pytest.mark.parametrize("length", [(1 << 20) - 8, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_text_that_is_longer_than_a_piece_is_one_text(length: int) -> None:
    texts = ["ab" * (length // 2), "x" * length, "a"]
    assert hash_ids(np.array(texts, object)).tolist() == [defined(text) for text in texts]
