"""Blocks that are made while the one before them is worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from labelfree.kernels.threads import ahead, blas_threads, limited_threads

WORD = ContextVar("word", default="nothing")


@pytest.mark.parametrize("threads", [1, 2])
def test_they_come_in_order_and_to_the_end(threads: int) -> None:
    with limited_threads(threads):
        assert list(ahead(range(20))) == list(range(20))
        assert list(ahead([])) == []
        assert list(ahead([None, None])) == [None, None]


def test_the_next_is_made_while_one_is_worked_on() -> None:
    made = threading.Event()

    def blocks() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    with limited_threads(2):
        found = ahead(blocks())
        assert next(found) == 1
        assert made.wait(10)  # nobody has asked for the second
        assert list(found) == [2]


def test_one_thread_makes_nothing_ahead() -> None:
    asked: list[int] = []
    with limited_threads(1):
        found = ahead(asked.append(i) or i for i in range(3))  # type: ignore[func-returns-value]
        assert next(found) == 0
    assert asked == [0]


def test_an_error_comes_out_where_the_block_would_have_and_settings_hold() -> None:
    seen = []

    def blocks() -> Iterator[int]:
        seen.append((WORD.get(), blas_threads()))
        yield 1
        raise ValueError("the second block")

    token = WORD.set("flag")
    try:
        with limited_threads(2):
            found = ahead(blocks())
            assert next(found) == 1
            with pytest.raises(ValueError, match="the second block"):
                next(found)
    finally:
        WORD.reset(token)
    assert seen == [("flag", 1)]  # words are said as outside; nothing further is spread
