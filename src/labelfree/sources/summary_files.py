"""Summaries as a data set: what was read of its rows elsewhere, checked before it is believed, and no rows to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelfree.documents.stores.remote_file import File, RemoteFile
from labelfree.errors import ColumnError, SourceError, SummaryError, UsageError, option, quoted
from labelfree.sources.block import AUTO, Block, Columns, OutputColumn, Source, Values, dtype_of
from labelfree.summaries.encoding import ReadAt, Stored, stored
from labelfree.summaries.fields import Fields, Value

ROWS, SAMPLED = "rows", "sampled"
"""Records of a summary: what became of the rows, and the sampled ones."""


@dataclass(frozen=True)
class FileRows:
    """One file that was summarized: its name, how many rows it holds, and the record of its sums, if it has any."""

    name: str
    rows: int
    record: str | None


@dataclass(frozen=True)
class About:
    """What a summary says of the data set behind it.

    d: width; column, id: of the embeddings and of the ids of the rows; dtype: as stored, narrowest: the dtype that the
    sampled values fit in; outputs: the column of class scores; files: of rows, in their order; sample, seed: of the
    sampled rows, None where it holds none (an unlimited sample has the limit 0).
    """

    d: int
    column: str
    id: str | None
    dtype: str
    narrowest: str
    outputs: OutputColumn | None
    files: tuple[FileRows, ...]
    sample: int | None
    seed: int

    @property
    def total(self) -> int:
        """Rows that were read."""
        return sum(file.rows for file in self.files)

    def told(self) -> dict[str, Value]:
        """This as the header of a file has it."""
        outputs: Value = None
        if self.outputs is not None:
            outputs = {"name": self.outputs.name, "kind": self.outputs.kind, "classes": self.outputs.classes}
        return {
            "d": self.d, "column": self.column, "id": self.id, "dtype": self.dtype, "narrowest": self.narrowest,
            "outputs": outputs, "sample": self.sample, "seed": self.seed,
            "files": [[file.name, file.rows, file.record] for file in self.files],
        }  # fmt: skip


def about(found: Stored) -> About:
    """What a summary says of its data set, checked."""
    told = Fields("data set", found.about)
    d, files = told.count("d", 1), [_file(told, one, found) for one in told.listed("files")]
    for file in files:
        if file.record is not None:
            _check_shapes(told, found, file.record, d)
    if not any(file.record for file in files):
        raise told.wrong("files", "sums of one at least", told.value("files"))
    sample = None if told.value("sample") is None else told.count("sample")
    if ROWS not in found.records or (SAMPLED in found.records) != (sample is not None):
        raise told.wrong("records", "what became of the rows, and the sampled ones where there are some", "others")
    return About(
        d, told.text("column"), None if told.value("id") is None else told.text("id"), told.text("dtype"),
        told.text("narrowest"), _outputs(told), tuple(files), sample, told.count("seed"),
    )  # fmt: skip


def _file(told: Fields, one: Any, found: Stored) -> FileRows:
    if not isinstance(one, list) or len(one) != 3 or type(one[0]) is not str or type(one[1]) is not int or one[1] < 0:
        raise told.wrong("files", "the name, the rows and the record of each", one)
    if one[2] is not None and (type(one[2]) is not str or one[2] not in found.records):
        raise told.wrong("files", "the record of its sums", one[2])
    return FileRows(*one)


def _check_shapes(told: Fields, found: Stored, record: str, d: int) -> None:
    """Refuse a width that the sums do not have: nothing of that width is made before."""
    for name in ("moments", "unit"):
        mean = found.records[record].entries.get(f"{name}/mean")
        if mean is None or mean.shape != (d,):
            raise told.wrong("d", "the width of its sums", d)


def _outputs(told: Fields) -> OutputColumn | None:
    given = told.value("outputs")
    if given is None:
        return None
    inner = Fields("class scores", given if isinstance(given, Mapping) else {})
    kind, classes = inner.text("kind"), inner.count("classes", 1, 1 << 32)
    if kind not in ("logits", "probabilities"):
        raise inner.wrong("kind", "logits or probabilities", kind)
    return OutputColumn(inner.text("name"), kind, classes)  # type: ignore[arg-type]


def opened(file: File) -> Stored:
    """A summary in a file or a store, its header read and checked."""
    try:
        read_at, size = _reader(file)
        return stored(read_at, size)
    except SummaryError as error:
        raise SummaryError(f"{file}: {error}") from None


def _reader(file: File) -> tuple[ReadAt, int]:
    if isinstance(file, RemoteFile):
        return lambda begin, length: file.handle().read(begin, length), file.stat().st_size

    def read_at(begin: int, length: int) -> bytes:
        with file.open("rb", buffering=0) as stream:
            stream.seek(begin)
            return b"".join(_pieces(stream, length))

    return read_at, file.stat().st_size


def _pieces(stream: Any, length: int) -> Iterator[bytes]:
    while length > 0 and (piece := stream.read(length)):
        yield piece
        length -= len(piece)


def summary_source(name: str, files: Sequence[File], chosen: Columns) -> Source:
    """The data set behind some summaries, the first rows first."""
    found = [opened(file) for file in files]
    told: list[About] = []
    for file, one in zip(files, found, strict=True):
        try:
            told.append(about(one))
        except SummaryError as error:
            raise SummaryError(f"{file}: {error}") from None
        _check_alike(str(files[0]), told[0], str(file), told[-1])
    first = told[0]
    _check_columns(name, first, chosen)

    def read(_: int) -> Iterator[Block]:
        raise SourceError(rowless(name))

    def values(_: str) -> Iterator[Values]:
        raise SourceError(rowless(name))

    outputs = first.outputs if chosen.outputs is not None else None
    sizes = [(name, r.span[1] - r.span[0]) for one in found for name, r in one.records.items()]
    largest = max((size for _, size in sizes), default=0)
    sums = max((size for name, size in sizes if name not in (ROWS, SAMPLED)), default=0)
    states = len(str(sum(len(one.files) for one in told))) * 2 * sums  # that wait to be merged
    dtype = dtype_of(d for one in told for d in one.dtype.split(", "))
    return Source(
        name, tuple(map(str, files)), first.column, "summary", dtype, first.d, sum(one.total for one in told),
        sum(file.stat().st_size for file in files), read,
        roles={} if first.id is None else {"id": first.id}, outputs=outputs, values=values,
        counts=tuple(one.total for one in told), buffers=3 * largest + states, summaries=tuple(found),
    )  # fmt: skip


def rowless(name: str) -> str:
    """What to say where rows are wanted of a summary."""
    return (
        f"{name}: expected rows, found a summary, which rank, evaluate, separability, transfer, opis and doctor "
        "take, and drift as its reference; give the rows themselves"
    )


def check_rows(source: Source, command: str) -> None:
    """Refuse a summary where a command looks at rows."""
    if source.summaries:
        raise SummaryError(f"{command}: {rowless(source.name)}")


def _check_alike(name: str, first: About, other_name: str, other: About) -> None:
    """Refuse a summary of rows that cannot be of the same data set."""
    for what, one, two in (
        ("rows of width", first.d, other.d), ("embeddings in column", first.column, other.column),
        ("ids in column", first.id, other.id), ("class scores", first.outputs, other.outputs),
        ("a sample of", first.sample, other.sample), ("a sample by seed", first.seed, other.seed),
    ):  # fmt: skip
        if one != two:
            said = [
                ("none" if v is None else quoted(vars(v) if isinstance(v, OutputColumn) else v)) for v in (one, two)
            ]
            raise SummaryError(
                f"{other_name}: expected {what} {said[0]} as in {name}, found {said[1]}; summarize both alike"
            )


def _check_columns(name: str, found: About, chosen: Columns) -> None:
    """Refuse columns that the summary was not made of."""
    scores = found.outputs.name if found.outputs is not None else None
    for what, asked, has in (
        ("column", chosen.embedding, found.column), ("id", chosen.id, found.id), ("logits", chosen.outputs, scores),
    ):  # fmt: skip
        if asked not in (None, AUTO, has):
            raise ColumnError(f"{name}: {option(what, asked)}: the summary is of {has!r}; summarize that column")
    for what, asked in (("group", chosen.group), ("label", chosen.label), *(("by", other) for other in chosen.others)):
        if asked not in (None, AUTO):
            raise UsageError(f"{name}: {option(what, asked)}: a summary holds no such column; give the rows themselves")
