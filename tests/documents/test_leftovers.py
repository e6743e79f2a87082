"""What killed writers leave beside a target goes with the next one; what a living one holds, or others made, stays."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from labelfree.documents import leftovers
from labelfree.documents.files import atomically
from labelfree.documents.leftovers import temporary_directory
from labelfree.errors import OutputError

pytestmark = pytest.mark.once

WRITER = """
import sys
from pathlib import Path
from labelfree.documents.files import atomically

def write(place):
    with place.open("wb") as file:
        file.write(b"half")
        file.flush()
        print(place, flush=True)
        if sys.stdin.read(1):
            file.write(b" and half")

atomically(Path(sys.argv[1]), write)
"""
LOOP = """
import sys
from pathlib import Path
from labelfree.documents.files import atomically

print(flush=True)
for i in range(10**9):
    atomically(Path(sys.argv[1]) / f"{i % 3}.json", lambda place: place.write_bytes(b"x" * (1 << 20)))
"""
FOLDER = """
import sys
from labelfree.documents.leftovers import temporary_directory

with temporary_directory() as place:
    (place / "embeddings.parquet").write_bytes(b"x" * 1000)
    print(place, flush=True)
    sys.stdin.read(1)
"""
KILLED = """
import os, signal, sys
from labelfree.cli import main
from labelfree.documents import files
from pathlib import Path

replace = Path.replace

def killed(self, target):
    os.kill(os.getpid(), signal.SIGKILL)

Path.replace = killed
sys.argv = ["labelfree", "rank", "x.npy", "-q", "-o", sys.argv[1]]
main()
"""


@contextmanager
def running(program: str, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    """A program that has begun, and its stdin and stdout; killed in the end where it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, process.stdin, process.stdout
    finally:
        process.kill()
        process.communicate()


def names(place: Path) -> list[str]:
    return sorted(entry.name for entry in place.iterdir())


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_the_next_writer_removes_what_a_killed_one_left_and_not_what_a_living_one_writes(tmp_path: Path) -> None:
    with running(WRITER, tmp_path / "a.json") as (_, give, said):
        living = Path(said.readline().strip())
        with running(WRITER, tmp_path / "b.parquet") as (process, _, of_other):
            dead = Path(of_other.readline().strip())
            atomically(tmp_path / "c.csv", lambda place: place.write_text("c"))
            assert names(tmp_path) == sorted([living.name, dead.name, "c.csv"])
            process.kill()
            process.wait()
        assert dead.read_bytes() == b"half"
        atomically(tmp_path / "d.csv", lambda place: place.write_text("d"))
        assert names(tmp_path) == sorted([living.name, "c.csv", "d.csv"])
        give.write("!")
        give.flush()
        assert said.read() == ""
    assert names(tmp_path) == ["a.json", "c.csv", "d.csv"]
    assert (tmp_path / "a.json").read_bytes() == b"half and half"


@pytest.mark.parametrize("name", ["r.json", "r.md", "r.csv", "r.ndjson", "r.parquet", "r.svg"])
def test_a_command_that_is_killed_before_it_renames_is_cleaned_up_by_the_next(name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(8))
    done = subprocess.run([sys.executable, "-c", KILLED, name], cwd=tmp_path, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL
    left = [entry for entry in names(tmp_path) if entry != "x.npy"]
    assert len(left) == 1
    assert left[0].startswith(".labelfree-")
    assert left[0].endswith(Path(name).suffix)
    atomically(tmp_path / "other.txt", lambda place: place.write_text("o"))
    assert names(tmp_path) == ["other.txt", "x.npy"]


@pytest.mark.slow
def test_fifty_kills_at_any_moment_leave_nothing_behind(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    left = 0
    for _ in range(50):
        with running(LOOP, tmp_path) as (process, _, said):
            said.readline()
            time.sleep(random.uniform(0.001, 0.02))
            process.kill()
            process.wait()
        left += any(name.startswith(".labelfree-") for name in names(tmp_path))
        atomically(tmp_path / "last.json", lambda place: place.write_text("{}"))
        assert set(names(tmp_path)) <= {"0.json", "1.json", "2.json", "last.json"}
        assert all((tmp_path / name).stat().st_size == 1 << 20 for name in names(tmp_path) if name != "last.json")
    assert left  # some of them died while they wrote


def test_writers_side_by_side_lose_nothing(tmp_path: Path) -> None:
    loop = LOOP.replace("10**9", "300").replace('f"{i % 3}.json"', "sys.argv[2]").replace("1 << 20", "100")
    processes = [subprocess.Popen([sys.executable, "-c", loop, tmp_path, f"{i}.json"]) for i in range(4)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0, 0]
    assert names(tmp_path) == ["0.json", "1.json", "2.json", "3.json"]


def test_a_writer_whose_file_was_swept_before_it_was_locked_takes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    mkstemp = tempfile.mkstemp

    def swept(**asked: object) -> tuple[int, str]:
        handle, name = mkstemp(**asked)  # type: ignore[call-overload]
        made.append(name)
        if len(made) == 1:
            os.unlink(name)
        return handle, name

    monkeypatch.setattr(tempfile, "mkstemp", swept)
    atomically(tmp_path / "a.json", lambda place: place.write_text("a"))
    assert len(made) == 2
    assert names(tmp_path) == ["a.json"]


MINE = f".labelfree-{leftovers._machine()}-abcdefgh.json"
OTHERS = ".labelfree-00000000-abcdefgh.json"


@pytest.mark.parametrize(
    ("name", "age", "stays"),
    [
        (MINE, 0, False),
        (OTHERS, 0, True),
        (OTHERS, 86_300, True),
        (OTHERS, 86_500, False),
        (".labelfree-settings.json", 86_500, True),
        ("labelfree-00000000-abcdefgh.json", 86_500, True),
        (".labelfree-00000000-abcdefgh-mine.json", 86_500, True),
        (".labelfree-00000000-abc.json", 86_500, True),
    ],
)
def test_only_what_has_no_writer_goes(name: str, age: float, stays: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    aged(tmp_path / name, age)
    atomically(tmp_path / "a.json", lambda place: place.write_text("a"))
    assert (tmp_path / name).exists() == stays


def test_links_pipes_directories_and_files_of_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / MINE).symlink_to(victim)
    os.mkfifo(tmp_path / MINE.replace("abcdefgh", "aaaaaaaa"))
    (tmp_path / MINE.replace("abcdefgh", "bbbbbbbb")).mkdir()
    before = names(tmp_path)
    atomically(tmp_path / "a.json", lambda place: place.write_text("a"))
    assert names(tmp_path) == sorted([*before, "a.json"])
    assert victim.read_text() == "precious"
    (tmp_path / MINE.replace("abcdefgh", "cccccccc")).write_text("of another user")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    atomically(tmp_path / "a.json", lambda place: place.write_text("a"))
    assert names(tmp_path) == sorted([*before, MINE.replace("abcdefgh", "cccccccc"), "a.json"])


def test_a_file_system_without_locks_is_written_to_and_nothing_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    (tmp_path / MINE).write_text("perhaps of a living writer")
    monkeypatch.setattr(fcntl, "flock", unsupported)
    atomically(tmp_path / "a.json", lambda place: place.write_text("a"))
    assert names(tmp_path) == [MINE, "a.json"]
    monkeypatch.setattr(leftovers, "fcntl", None)
    atomically(tmp_path / "b.json", lambda place: place.write_text("b"))
    assert names(tmp_path) == [MINE, "a.json", "b.json"]


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def failing(place: Path) -> None:
        place.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"a\.json: cannot be written \(No space left on device\)"):
        atomically(tmp_path / "a.json", failing)
    with pytest.raises(OutputError, match=r"nothing/a\.json: cannot be written"):
        atomically(tmp_path / "nothing" / "a.json", failing)

    def interrupted(place: Path) -> None:
        place.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomically(tmp_path / "a.json", interrupted)
    assert names(tmp_path) == []


def test_the_embeddings_of_a_killed_measurement_are_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "labelfree-00000000-abcdefgh").mkdir()  # of another machine, as old as it may be
    aged(tmp_path / "labelfree-00000000-abcdefgh", 1e7)
    with running(FOLDER) as (_, _, said), running(FOLDER) as (process, _, of_other):
        living, dead = Path(said.readline().strip()), Path(of_other.readline().strip())
        process.kill()
        process.wait()
        assert sorted([living.name, dead.name, "labelfree-00000000-abcdefgh"]) == names(tmp_path)
        with temporary_directory() as place:
            assert names(tmp_path) == sorted([living.name, place.name, "labelfree-00000000-abcdefgh"])
            assert place.stat().st_mode & 0o777 == 0o700
            (place / "deep").mkdir()
            (place / "deep" / "file").write_text("x")
        assert (living / "embeddings.parquet").exists()
    assert not place.exists()
