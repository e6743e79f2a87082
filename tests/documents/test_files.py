"""Files that are written follow no link that somebody laid, and documents that are read are bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labelfree.documents.files import check_regular, locked, read_text, rewritten
from labelfree.documents.reading import parsed
from labelfree.errors import OutputError, SourceError

pytestmark = pytest.mark.once


def test_a_link_laid_for_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    victim, history = tmp_path / "victim", tmp_path / "h.jsonl"
    victim.write_text("precious")
    (tmp_path / ".h.jsonl.tmp").symlink_to(victim)
    rewritten(history, "record\n")
    assert victim.read_text() == "precious"
    assert history.read_text() == "record\n"
    assert not history.is_symlink()


def test_a_link_laid_for_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "h.jsonl.lock").symlink_to(tmp_path / "victim")
    refused = pytest.raises(OutputError, match=r"h\.jsonl: its lock h\.jsonl\.lock cannot be made")
    with refused, locked(tmp_path / "h.jsonl"):
        pass
    assert not (tmp_path / "victim").exists()


def test_what_a_killed_writer_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".h.jsonl.tmp").write_text("half a rec")
    rewritten(tmp_path / "h.jsonl", "record\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h.jsonl"]


@pytest.mark.parametrize(("size", "allowed"), [(0, True), (9, True), (10, True), (11, False), (3 << 20, False)])
def test_a_document_is_read_up_to_its_bound(size: int, allowed: bool, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x" * size)
    if allowed:
        assert read_text(tmp_path / "a", 10) == "x" * size
    else:
        with pytest.raises(SourceError, match="expected a document of at most 10 bytes, found more"):
            read_text(tmp_path / "a", 10)


def test_a_document_may_come_through_a_pipe(tmp_path: Path) -> None:
    end, start = os.pipe()
    os.write(start, "grün".encode())
    os.close(start)
    assert read_text(Path(f"/dev/fd/{end}"), piped=True) == "grün"
    os.close(end)


@pytest.mark.parametrize("piped", [False, True])
def test_pipes_and_devices_are_no_documents(tmp_path: Path, piped: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for path, found in ((tmp_path / "pipe", "pipe"), (tmp_path / "link", "pipe"), (Path("/dev/zero"), "device")):
        with pytest.raises(SourceError, match=f"{path}: expected a file, found a {found}, which may never end; write"):
            read_text(path, piped=piped)
    with pytest.raises(IsADirectoryError):
        read_text(tmp_path, piped=piped)


def test_only_a_report_may_come_through_a_pipe_of_the_shell(tmp_path: Path) -> None:
    end, start = os.pipe()
    with pytest.raises(SourceError, match="found a pipe"):
        read_text(Path(f"/dev/fd/{end}"))
    os.write(start, b"x" * 11)
    os.close(start)
    with pytest.raises(SourceError, match="at most 10 bytes"):
        read_text(Path(f"/dev/fd/{end}"), 10, piped=True)
    os.close(end)


def test_pipes_and_devices_hold_no_rows(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(SourceError, match="found a pipe or device"):
            check_regular(path)
    for path in (tmp_path, tmp_path / "nothing", Path(__file__)):
        check_regular(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "it is nested too deep"),
        ("1e999", "1e999 is no number in JSON"),
        ("-1e999", "-1e999 is no number in JSON"),
        ("NaN", "NaN is no number in JSON"),
        ("1" * 21, "a whole number of 21 digits"),
        ('{"a": {"b": 1, "b": 2}}', "the key 'b' is given twice"),
    ],
)
def test_json_that_no_document_needs_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parsed(text, unique=True)


def test_json_up_to_its_bounds_is_read() -> None:
    assert parsed('{"a": 1, "a": 2}') == {"a": 2}
    assert parsed("[1e308, -1234567890123456789, 1e-999]") == [1e308, -1234567890123456789, 0.0]
