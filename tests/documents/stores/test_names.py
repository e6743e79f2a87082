"""Remote names: what they are, and that nothing secret of them is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.documents.stores.faults import copying
from labelfree.documents.stores.names import is_remote, parsed_name, scrubbed, shown

pytestmark = pytest.mark.once

LETTERS = "abcdefghijklmnopqrstuvwxyzABC0123456789%+=-_~/,)"
USER = st.text(LETTERS.replace("/", ""), max_size=40).map("US3R{}".format)
QUERY = st.text(LETTERS, max_size=40).map("QU3RY{}".format)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("s3://bucket/a/b.parquet", "s3://bucket/a/b.parquet"),
        ("s3a://bucket/a", "s3://bucket/a"),
        ("s3://KEY:SECRET@bucket/a", "s3://bucket/a"),
        ("s3://bucket/a?region=eu-west-1&access_key=K", "s3://bucket/a"),
        ("s3://bucket/part_?.npy", "s3://bucket/part_?.npy"),
        ("gs://bucket/a*.csv", "gs://bucket/a*.csv"),
        ("abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/x"),
        ("abfss://container:SECRET@account.dfs/x", "abfss://container@account.dfs/x"),
        ("hf://datasets/org/name@main/x.parquet", "hf://datasets/org/name@main/x.parquet"),
        ("https://u:p@host:8/x.npy?sig=1#part", "https://host:8/x.npy"),
        ("s3://KEY:SEC/RET@bucket/a", "s3://bucket/a"),
        ("https://host/x.safetensors::layer.weight", "https://host/x.safetensors::layer.weight"),
        ("https://host/x.npz?sig=1::member", "https://host/x.npz::member"),
    ],
)
def test_what_is_shown_of_a_name(name: str, expected: str) -> None:
    assert is_remote(name)
    assert shown(name) == expected


@pytest.mark.parametrize("name", ["a.npy", "/a/b", "file:///a", "C:/a", "a::b", "model.safetensors::w", "-", ""])
def test_names_of_files_here(name: str) -> None:
    assert not is_remote(name)
    assert shown(name) == name


def test_a_path_has_one_slash_after_the_scheme_and_means_the_same() -> None:
    path = Path("s3://bucket/a/b.json")
    assert str(path) == "s3:/bucket/a/b.json"
    assert parsed_name(path) == parsed_name("s3://bucket/a/b.json")


@given(USER, QUERY, st.sampled_from(["s3", "https", "http", "gs", "abfss"]))
def test_no_text_keeps_what_was_secret(user: str, query: str, scheme: str) -> None:
    text = f"cannot open {scheme}://{user}:{query}@host/x.npy?sig={query}&b={user}: refused"
    said = scrubbed(text)
    assert "host/x.npy" in said
    assert "QU3RY" not in said
    assert scheme == "abfss" or "US3R" not in said  # there it is the container
    assert "refused" in said


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("s3://b/a b.pt", "aws s3 cp 's3://b/a b.pt' ."),
        ("gs://b/a.pt", "gcloud storage cp gs://b/a.pt ."),
        ("abfss://c@a.dfs.core.windows.net/x.pt", "azcopy copy abfss://c@a.dfs.core.windows.net/x.pt ."),
        ("https://u:p@h/a.pt?sig=1", "curl -LO https://h/a.pt"),
        ("hf://datasets/org/name@v1/d/x.pt", "hf download --repo-type dataset org/name d/x.pt --local-dir ."),
        ("hf://org/model/x.pt", "hf download org/model x.pt --local-dir ."),
    ],
)
def test_the_line_that_copies(name: str, line: str) -> None:
    assert copying(parsed_name(name)) == line
