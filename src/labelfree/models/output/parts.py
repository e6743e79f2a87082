"""Rows that wait beside a file until all of them are there: parts that are whole or not at all, and survive a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from labelfree.documents.files import locked
from labelfree.errors import OutputError, SourceError, option

_FACTS, _LOCK, _SUFFIX = "facts.json", "lock", ".arrow"


class Partial:
    """The directory `.NAME.partial` beside a target: what fixes the numbers, and the rows so far.

    Part `000000000000-000000025000.arrow` holds the good ones of rows 0 to 24,999 of the data. Locked until `close`.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.directory = target.parent / f".{target.name}.partial"
        self._stack = ExitStack()
        with writing(target):
            self.directory.mkdir(exist_ok=True)
        self._stack.enter_context(locked(target, wait=False, lock=self.directory / _LOCK))

    def facts(self) -> dict[str, Any] | None:
        """What the rows so far were made with; None where nothing was begun."""
        try:
            document: dict[str, Any] = json.loads((self.directory / _FACTS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SourceError(f"{self.directory / _FACTS}: cannot be read ({error}); {self.remedy}") from error
        return document

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Remove all parts and note what the next ones will be made with."""
        with writing(self.target):
            self._emptied()
            with self._whole(_FACTS) as temporary:
                temporary.write_text(json.dumps(facts, sort_keys=True, indent=1), encoding="utf-8")

    def parts(self) -> list[tuple[int, int, Path]]:
        """The first row of each part, the row after its last one, and its file, in order."""
        found = []
        for file in sorted(self.directory.glob(f"*{_SUFFIX}")):
            start, stop = map(int, file.stem.split("-"))
            found.append((start, stop, file))
        return found

    def stop(self) -> int:
        """The row of the data that comes after the rows so far."""
        reached = 0
        for start, stop, file in self.parts():
            if start != reached:
                raise SourceError(f"{file}: rows {reached} to {start - 1} are missing before it; {self.remedy}")
            reached = stop
        return reached

    def add(self, table: Any, start: int, stop: int) -> None:
        """Write an Arrow table of the data from row `start` to before `stop` as the next part; wait for the disk."""
        import pyarrow as pa

        with (
            writing(self.target),
            self._whole(f"{start:012d}-{stop:012d}{_SUFFIX}") as temporary,
            pa.OSFile(str(temporary), "wb") as sink,
            pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(unify_dictionaries=True)) as writer,
        ):
            writer.write_table(table)

    def batches(self) -> Iterator[Any]:
        """All rows so far, as record batches mapped from the disk."""
        for _, _, file in self.parts():
            with self._opened(file) as reader:
                for i in range(reader.num_record_batches):
                    yield reader.get_batch(i)

    def schema(self) -> Any:
        """The columns of the rows so far; None where there are none."""
        parts = self.parts()
        if not parts:
            return None
        with self._opened(parts[0][2]) as reader:
            return reader.schema

    def rows(self) -> int:
        """How many rows the parts hold."""
        return sum(batch.num_rows for batch in self.batches())

    def close(self, *, remove: bool = False) -> None:
        """Free the lock, after removing the directory where that is wanted."""
        if remove:
            self._emptied()
            (self.directory / _LOCK).unlink()
            with suppress(OSError):  # another run may have begun in it
                self.directory.rmdir()
        self._stack.close()

    def _emptied(self) -> None:
        """Remove the facts, then all that they are of: a run that is killed here leaves nothing to be continued."""
        (self.directory / _FACTS).unlink(missing_ok=True)
        for file in self.directory.iterdir():
            if file.name != _LOCK:
                file.unlink()

    @property
    def remedy(self) -> str:
        """What to do about a directory that was changed."""
        return f"begin anew without {option('resume')}, or remove {self.directory}"

    @contextmanager
    def _opened(self, file: Path) -> Iterator[Any]:
        import pyarrow as pa

        try:
            with pa.memory_map(str(file)) as mapped, pa.ipc.open_file(mapped) as reader:
                yield reader
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"{file}: cannot be read ({error}); {self.remedy}") from error

    @contextmanager
    def _whole(self, name: str) -> Iterator[Path]:
        """A temporary file that gets this name once it is on the disk."""
        temporary = self.directory / f"{name}.tmp"
        yield temporary
        settled(temporary, self.directory / name)


def settled(temporary: Path, path: Path) -> None:
    """Rename a file once it is on the disk, and do not return before the new name is there too."""
    for moved, sync in ((False, temporary), (True, path.parent)):
        if moved:
            temporary.replace(path)
        handle = os.open(sync, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says of a file that cannot be written into an OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
