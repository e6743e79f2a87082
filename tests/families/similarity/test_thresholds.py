"""Thresholds in another space, and compressed copies, against counting pairs one by one and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from labelfree.errors import UsageError
from labelfree.families.similarity.compressions import Compression, compression
from labelfree.families.similarity.thresholds import cosines, translated


def pairs(one: np.ndarray, other: np.ndarray) -> list[tuple[float, float]]:  # type: ignore[type-arg]
    n = len(one)
    return [(one[i, j], other[i, j]) for i in range(n) for j in range(i + 1, n)]


def counts(each: list[tuple[float, float]], t: float, u: float) -> tuple[float, float, float]:
    """Agreement, F1 and share accepted of a threshold u on the second against t on the first."""
    both = sum(a >= t and b >= u for a, b in each)
    alike = sum((a >= t) == (b >= u) for a, b in each)
    first, second = sum(a >= t for a, _ in each), sum(b >= u for _, b in each)
    return alike / len(each), 2 * both / (first + second), second / len(each)


def test_the_thresholds_are_those_of_counting() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    one, other = cosines(X), cosines(X @ rng.normal(size=(4, 5)) + 0.3 * rng.normal(size=(60, 5)))
    each = pairs(one, other)
    found = translated(one, other, 0.5, np.arange(60))
    assert found.pairs == 60 * 59 // 2
    assert found.accepted == pytest.approx(sum(a >= 0.5 for a, _ in each) / len(each))
    for name in ("same_share", "most_alike", "unchanged"):
        made = getattr(found, name)
        assert (made.agreement, made.f1, made.accepted) == pytest.approx(counts(each, 0.5, made.threshold))
        assert set(made.intervals) == {"threshold", "agreement", "f1"}
        assert made.intervals["f1"][0] <= made.f1 <= made.intervals["f1"][1]
    assert found.same_share is not None
    assert found.same_share.accepted == found.accepted
    assert found.most_alike is not None
    assert found.most_alike.f1 == pytest.approx(max(counts(each, 0.5, b)[1] for _, b in each))
    assert found.unchanged is not None
    assert found.unchanged.threshold == 0.5


def test_the_same_space_has_the_same_threshold() -> None:
    X = np.random.default_rng(1).normal(size=(80, 6))
    found = translated(cosines(X), cosines(3 * X), 0.4, np.arange(80))
    for made in (found.same_share, found.most_alike, found.unchanged):
        assert made is not None
        assert (made.agreement, made.f1) == (1, 1)


def test_cosines_shifted_by_a_constant_shift_the_threshold() -> None:
    one = cosines(np.random.default_rng(2).normal(size=(80, 6)))
    found = translated(one, one - 0.25, 0.4, np.arange(80))
    assert found.most_alike is not None
    assert found.most_alike.f1 == 1
    assert 0.1 <= found.most_alike.threshold <= 0.2
    assert found.unchanged is not None
    assert found.unchanged.f1 < 1


def test_a_threshold_that_accepts_none_or_all_has_no_translation() -> None:
    one = cosines(np.random.default_rng(3).normal(size=(60, 3)))
    for threshold, accepted in ((0.99999999, 0.0), (-0.99999999, 1.0)):
        found = translated(one, one, threshold, np.arange(60))
        assert (found.accepted, found.same_share, found.unchanged) == (accepted, None, None)


def test_compressed_copies() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(100, 16)) * np.arange(1, 17)
    step = (X.max(axis=0) - X.min(axis=0)) / 255
    assert (np.abs(Compression("int8").copy(X) - X) <= step / 2 + 1e-12).all()
    assert set(np.unique(Compression("binary").copy(X))) == {-1.0, 1.0}
    assert np.array_equal(Compression("first", 5).copy(X), X[:, :5])
    assert np.array_equal(Compression("float16").copy(X), X.astype(np.float16).astype(float))
    about = X - X.mean(axis=0)
    left, sigma, _ = np.linalg.svd(about, full_matrices=False)
    assert np.abs(Compression("pca", 3).copy(X)) == pytest.approx(np.abs(left[:, :3] * sigma[:3]), abs=1e-8)
    assert Compression("int8").copy(np.ones((4, 2))) == pytest.approx(np.ones((4, 2)))


@pytest.mark.parametrize(
    ("text", "size"), [("int8", 384), ("binary", 48), ("float16", 768), ("pca:128", 512), (" first:256 ", 1024)]
)
def test_bytes_of_a_vector(text: str, size: int) -> None:
    assert compression(text, 384).bytes(384) == size


@pytest.mark.parametrize("text", ["int4", "pca", "pca:0", "pca:385", "first:x", "int8:3", "", "pca:99999999"])
def test_what_is_no_compression_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="compress: expected"):
        compression(text, 384)
