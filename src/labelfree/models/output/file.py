"""The Parquet file of embeddings: written as they come, there whole or not at all, resumed after an interruption."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Rows
from labelfree.documents.files import check_targets
from labelfree.errors import OutputError, RowsError, UsageError, option
from labelfree.models.items.batches import Batch
from labelfree.models.items.columns import WRITTEN
from labelfree.models.output.parts import Partial, settled, writing
from labelfree.models.output.row_groups import groups
from labelfree.sources.block import PARQUET
from labelfree.sources.tables.parquet import opened
from labelfree.sources.tables.provenance import METADATA

_ROWS = b"labelfree.rows"
GROUP = 25_000
_FLUSH_BYTES = 32 << 20
_FLUSH_SECONDS = 20.0


class EmbeddingFile:
    """Embeddings on their way into a Parquet file.

    path: of the file, replaced when it is finished; dtype: of the embeddings, "float32" or "float16"; facts: all that
    fixes the numbers, as JSON can hold it; resume: go on where an interrupted run with the same facts ended.

    Columns: `id`, where the data have ids; the columns carried along, of their own types; `embedding`,
    fixed_size_list of d numbers; `logits`, fixed_size_list<float> of K, where the model has a head. Groups of 25,000
    rows; the facts as JSON in the metadata under the key `labelfree`. The same rows give the same bytes, whether they
    were written at once or by several runs. Compressed by zstd, float32 split into streams of bytes: on 50,000
    embeddings of MiniLM 0.83 to 0.85 of the size at 1.5 times the reading time (0.12 s in place of 0.08 s; zstd
    alone: 0.91 to 0.93, 1.4 times).

    Until then the rows lie in `.NAME.partial` beside the file, at most 32 MiB or 20 s behind `write`, and are copied
    from there, group by group: for a moment the disk holds them twice. One process at a time may write a file.

    Raises UsageError where the facts are others than those of the rows that are to be continued, OutputError where
    the file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        dtype: Literal["float32", "float16"] = "float32",
        facts: Mapping[str, Any],
        resume: bool = False,
    ) -> None:
        if dtype not in ("float32", "float16"):
            raise UsageError(f"{option('dtype')}: expected float32 or float16, found {dtype!r}")
        self.path = Path(path)
        with writing(self.path):  # the directory may be closed to us
            check_targets([self.path], PARQUET)
        self.dtype = dtype
        self.complete = False
        """Whether an earlier run with the same facts has finished the file: there is nothing left to do."""
        self.discarded = 0
        """Rows of the data that an interrupted run had done, and that were thrown away, since `resume` was not set."""
        self._facts = json.loads(json.dumps(dict(facts), allow_nan=False))
        self._partial = Partial(self.path)
        self._waiting: list[Any] = []
        self._bytes, self._flushed = 0, time.monotonic()
        try:
            self.done = self._resumed() if resume else self._begun()
            """Rows of the data that need not be embedded again: go on at this one."""
            self._schema = self._partial.schema()
            self.rows = self._partial.rows()
            """Rows that were written so far, those of interrupted runs included."""
        except BaseException:
            self._partial.close()
            raise
        self._start = self._stop = self.done

    def write(self, rows: Rows, logits: Rows | None, batch: Batch) -> None:
        """Take in the embeddings (m, d) of a batch, and its logits (m, K) where the model has a head.

        Rows are flushed between calls only, so that a resumed run meets the same batches. Raises RowsError where
        float16 cannot hold a number, UsageError where the columns are not those of the rows before, OutputError
        where they cannot be written.
        """
        if batch.start != self._stop:
            raise UsageError(f"{self.path}: expected row {self._stop} next, found a batch from row {batch.start} on")
        table = self._table(rows, logits, batch)
        if self._schema is None:
            self._schema = table.schema
        elif not table.schema.equals(self._schema):
            raise UsageError(
                f"{self.path}: expected the columns of the rows that are there, {_listed(self._schema)}, found "
                f"{_listed(table.schema)}; name the same columns, or begin anew without {option('resume')}"
            )
        self._waiting.append(table)
        self._bytes += table.nbytes
        self._stop = batch.stop
        self.rows += table.num_rows
        if self._bytes >= _FLUSH_BYTES or time.monotonic() - self._flushed >= _FLUSH_SECONDS:
            self._flush()

    def finish(self) -> None:
        """Put all rows into the file, under its name, and remove what lay beside it."""
        if not self.complete:
            self._flush()
            if self._schema is None:
                raise RowsError(f"{self.path}: expected at least one row to write, found none")
            joined = self._partial.directory / "joined.tmp"
            with writing(self.path):
                self._join(joined)
                settled(joined, self.path)
            self.complete = True
        self._partial.close(remove=True)

    def abandon(self) -> int:
        """Stop here, and keep the rows so far for a run that resumes; how many rows of the data they are.

        After `finish` it does nothing.
        """
        if not self.complete:
            try:
                self._flush()
            except OutputError:  # the disk is full: what was flushed before stays
                self._waiting.clear()
            kept = self._partial.stop()
            self._partial.close(remove=not kept)
            return kept
        return self._stop

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.abandon()

    def _begun(self) -> int:
        self.discarded = max((stop for _, stop, _ in self._partial.parts()), default=0)
        self._partial.begin({"facts": self._facts, "dtype": self.dtype})
        return 0

    def _resumed(self) -> int:
        there = self._partial.facts()
        if there is not None:
            self._check(there, "the interrupted run")
            return self._partial.stop()
        if not self.path.exists():
            return self._begun()
        with opened(self.path) as parquet:
            metadata = parquet.schema_arrow.metadata or {}
        if METADATA not in metadata or _ROWS not in metadata:
            raise UsageError(
                f"{self.path}: expected embeddings that labelfree has written, to resume, found another Parquet file; "
                f"leave {option('resume')} out to replace it"
            )
        written = json.loads(metadata[_ROWS])
        self._check({"facts": json.loads(metadata[METADATA]), **written}, "the file")
        self.complete = True
        return int(written["read"])

    def _check(self, there: Mapping[str, Any], what: str) -> None:
        then, now = ({**_flat(facts), "dtype": dtype} for facts, dtype in (
            (there["facts"], there["dtype"]), (self._facts, self.dtype)
        ))  # fmt: skip
        differing = [key for key in dict.fromkeys([*then, *now]) if then.get(key) != now.get(key)]
        if differing:
            told = "; ".join(f"{key}: {then.get(key)!r} then, {now.get(key)!r} now" for key in differing[:5])
            more = f"; and {len(differing) - 5} more" if len(differing) > 5 else ""
            raise UsageError(
                f"{self.path}: {what} was made in another way, so its rows cannot be continued ({told}{more}); repeat "
                f"it with the same options and files, or begin anew without {option('resume')}"
            )

    def _table(self, rows: Rows, logits: Rows | None, batch: Batch) -> Any:
        import pyarrow as pa

        columns = {} if batch.ids is None else {"id": batch.ids}
        columns |= batch.kept
        columns["embedding"] = _vectors(self._narrowed(rows, batch))
        if logits is not None:
            columns["logits"] = _vectors(np.asarray(logits, np.float32))
        wrong = [f"{name} {len(column)}" for name, column in columns.items() if len(column) != len(batch.index)]
        if wrong:
            raise UsageError(f"{self.path}: expected {len(batch.index)} rows as in the batch, found {', '.join(wrong)}")
        return pa.table(columns)

    def _narrowed(self, rows: Rows, batch: Batch) -> NDArray[Any]:
        if self.dtype == "float32":
            return np.asarray(rows, np.float32)
        with np.errstate(over="ignore"):
            narrow = np.asarray(rows, np.float16)
        beyond = ~np.isfinite(narrow).all(axis=1)
        if beyond.any():
            raise RowsError(
                f"{self.path}: row {batch.index[int(np.argmax(beyond))]} holds numbers beyond the 65504 that float16 "
                "can hold; write float32"
            )
        return narrow

    def _flush(self) -> None:
        """Put the waiting rows on the disk."""
        import pyarrow as pa

        if self._waiting:
            table = pa.concat_tables(self._waiting).combine_chunks()
            self._partial.add(table, self._start, self._stop)
            self._waiting.clear()
            self._start = self._stop
        self._bytes, self._flushed = 0, time.monotonic()

    def _join(self, target: Path) -> None:
        """All rows, in groups of one size."""
        import pyarrow.parquet as pq

        metadata = {
            METADATA: json.dumps(self._facts, sort_keys=True),
            _ROWS: json.dumps({"dtype": self.dtype, "read": self._stop}),
        }
        schema = self._schema.with_metadata(metadata)
        beside = [name for name in schema.names if name not in WRITTEN]
        with pq.ParquetWriter(
            target,
            schema,
            compression="zstd",
            use_dictionary=beside or False,
            write_statistics=beside or False,
            use_byte_stream_split=[f"{name}.list.element" for name in schema.names if _single(schema.field(name))],
        ) as writer:
            for table in groups(self._partial.batches(), schema, GROUP):
                writer.write_table(table, row_group_size=GROUP)


def _single(field: Any) -> bool:
    """Whether a column is one of ours in float32; not every reader knows the encoding for float16."""
    return field.name in WRITTEN and str(field.type.value_type) == "float"


def _vectors(rows: NDArray[Any]) -> Any:
    import pyarrow as pa

    if rows.ndim != 2 or not rows.shape[1]:
        raise UsageError(f"expected embeddings and logits of shape (m, d), found {rows.shape}; pool them first")
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).reshape(-1)), rows.shape[1])


def _flat(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested facts under names such as `model.fingerprint`."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def _listed(schema: Any) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
