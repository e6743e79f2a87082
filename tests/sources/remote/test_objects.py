"""Object stores by a stub: listings page by page, patterns, and what is said where access is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.documents.stores import faults, listings
from labelfree.errors import SourceError
from labelfree.sources.opening import open_source
from labelfree.sources.paths import files_of
from object_stub import Objects, stub_of_s3
from remote_data import npy

pytestmark = pytest.mark.once

NUMBERS = count()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    monkeypatch.setattr(faults, "ATTEMPTS", 2)  # the library below tries for seconds by itself
    with stub_of_s3(monkeypatch) as held:
        yield held


@pytest.fixture
def bucket() -> str:
    """One that no test has opened."""
    return f"s3://bucket-{next(NUMBERS)}"


def names(found: list[object], bucket: str) -> list[str]:
    return [str(one).removeprefix(f"{bucket}/") for one in found]


@pytest.mark.slow
def test_a_hundred_thousand_objects_are_listed_page_by_page_in_natural_order(stub: Objects, bucket: str) -> None:
    content = npy(np.eye(3, dtype=np.float32))
    stub.files |= {f"run/day={i % 7}/part_{i}.npy": content for i in range(100_000)}
    found = names(list(files_of(f"{bucket}/run")), bucket)
    assert stub.pages == 100
    assert found == [f"run/day={day}/part_{i}.npy" for day in range(7) for i in range(day, 100_000, 7)]
    stub.pages = 0
    found = names(list(files_of(f"{bucket}/run/day=3/part_1?.npy")), bucket)
    assert (found, stub.pages) == (["run/day=3/part_10.npy", "run/day=3/part_17.npy"], 15)


PLACES = ("a.parquet", "x/a.parquet", "x/b.npy", "x/y/a.parquet", "x/y/c1.parquet", "x/_SUCCESS", "x/.hidden.parquet")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.parquet", ["a.parquet"]),
        ("x/*", [".hidden.parquet", "a.parquet", "b.npy"]),
        ("**/*.parquet", [*(p for p in sorted(PLACES) if p.endswith("parquet"))]),
        ("x/**/c?.parquet", ["x/y/c1.parquet"]),
        ("x/y/[ab].parquet", ["x/y/a.parquet"]),
        ("x/y/[!ab]*.parquet", ["x/y/c1.parquet"]),
        ("x/y", ["x/y/a.parquet", "x/y/c1.parquet"]),
        ("x/y/", ["x/y/a.parquet", "x/y/c1.parquet"]),
        ("x/*/a.parquet", ["x/y/a.parquet"]),
    ],
)
def test_patterns_and_directories(stub: Objects, bucket: str, pattern: str, expected: list[str]) -> None:
    stub.files |= dict.fromkeys(PLACES, b"")
    found = names(list(files_of(f"{bucket}/{pattern}")), bucket)
    base = "x/" if pattern == "x/*" else ""
    assert sorted(found) == sorted(base + name for name in expected)


@given(st.text("ab*?.", min_size=1, max_size=8), st.text("ab.", max_size=8))
def test_patterns_without_directories_are_those_of_the_shell(pattern: str, name: str) -> None:
    plain = re.sub(r"\*+", "*", pattern)
    assert bool(listings.pattern_of(plain).fullmatch(name)) == fnmatchcase(name, plain)


@pytest.mark.parametrize(
    ("refuses", "message"),
    [
        (("AccessDenied", 403), r"access is denied \(403\); check the credentials .*AWS_PROFILE"),
        (("InvalidAccessKeyId", 403), r"access is denied \(403\)"),
        (("ExpiredToken", 400), r"the credentials have expired or are not valid; renew them"),
        (("NoSuchBucket", 404), r"no such file or bucket|no bucket or container 'bucket-\d+'"),
    ],
)
@pytest.mark.parametrize("name", ["run/x.npy", "run/*.npy", "run"])
def test_refusals(stub: Objects, bucket: str, refuses: tuple[str, int], message: str, name: str) -> None:
    stub.refuses = refuses
    with pytest.raises(SourceError, match=message) as told:
        open_source(f"{bucket}/{name}")
    assert "S3CR3T" not in str(told.value)


@pytest.mark.slow
def test_a_store_that_stays_busy(stub: Objects, bucket: str) -> None:
    stub.refuses = ("SlowDown", 503)
    with pytest.raises(SourceError, match=r"x\.npy: the store is busy or broken \(503\), 2 times; try again later"):
        open_source(f"{bucket}/x.npy")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["d/state.json", "d/data-0.arrow"], r"d/state\.json: expected JSON that datasets wrote .*; save it again"),
        (["d/config.json", "d/model.safetensors"], r"found a checkpoint; name a tensor of one of its files"),
        (["d/log.txt"], r"expected Parquet, Arrow, .* in the directory, found 1 other files"),
        (["other"], r"no such file or directory, or an empty one"),
        (["d/a.npy", "d/b.parquet"], r"expected files of one kind, found \.npy, \.parquet"),
    ],
)
def test_directories_that_are_no_data_set(stub: Objects, bucket: str, files: list[str], message: str) -> None:
    stub.files |= dict.fromkeys(files, b"")
    with pytest.raises(SourceError, match=message):
        open_source(f"{bucket}/d")
