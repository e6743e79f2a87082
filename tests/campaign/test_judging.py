"""The campaign sees what must never come of a case: each kind of finding, and none where all is well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fuzzing.judging import MOST_MEMORY, MOST_REFUSED, judged
from fuzzing.workers import Ended

pytestmark = pytest.mark.once

REFUSED = b"labelfree: a.npy: expected rows, found none; write some\n"


def ended(code: int = 0, out: bytes | None = None, err: bytes = b"", peak: int = 0, late: bool = False) -> Ended:
    """A command that has ended, with an empty document where it ended well."""
    printed = out if out is not None else b"" if code in (1, 2) or code < 0 else b"{}"
    return Ended(code, printed, err, peak, 0.1, late)


@pytest.mark.parametrize(
    ("done", "what"),
    [
        (ended(), []),
        (ended(2, err=REFUSED), []),
        (ended(12, b'{"value": 1.5}'), []),
        (ended(1, err=b"labelfree: internal error: KeyError: 'a' (a bug)"), ["crash"]),
        (ended(0, err=b"Traceback (most recent call last):\n  a\n"), ["crash"]),
        (ended(130), ["crash"]),
        (ended(-11), ["died"]),
        (ended(-24, late=True), ["hang"]),
        (ended(0, peak=MOST_MEMORY + 1), ["memory"]),
        (ended(2, err=REFUSED, peak=MOST_REFUSED + 1), ["memory"]),
        (ended(2, err=b"labelfree: not enough memory; lower --sample"), ["memory"]),
        (ended(2, b"half a table", REFUSED), ["stdout"]),
        (ended(2, err=b"a.npy: No such file"), ["words"]),
        (ended(2, err=b"labelfree: " + b"x" * 10_000), ["words"]),
        (ended(2, err=REFUSED + b"\x1b[31m"), ["steers"]),
        (ended(0, err=b"/a/b.py:7: RuntimeWarning: overflow\n"), ["warning"]),
        (ended(0, b'{"value": NaN}'), ["json"]),
        (ended(0, b'{"value": -Infinity}'), ["json"]),
        (ended(3, b'{"value": '), ["json"]),
    ],
)
def test_what_a_command_may_not_do_is_found(done: Ended, what: list[str], tmp_path: Path) -> None:
    assert [one.what for one in judged(["rank", "a.npy", "--json"], done, tmp_path, set())] == what


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("o.json", json.dumps({"a": 1.0}), []),
        ("o.json", '{"a": NaN}', ["json"]),
        ("h.jsonl", '{"a": 1}\n{"a": ', ["json"]),
        (".labelfree-abc.csv", "", ["left behind"]),
        (".h.jsonl.tmp", "", ["left behind"]),
        ("o.md", "a \x1b[31m b", ["steers"]),
        ("o.xml", "<a><b></a>", ["xml"]),
    ],
)
def test_what_a_command_may_not_write_is_found(name: str, content: str, what: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert [one.what for one in judged(["rank", "a.npy"], ended(), tmp_path, set())] == what
    assert judged(["rank", "a.npy"], ended(), tmp_path, {name}) == []


def test_a_refusal_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("source")
    assert [one.what for one in judged(["rank", "a.npy"], ended(2, err=REFUSED), tmp_path, set())] == ["written"]
