"""Everything that labelfree raises, and the exit codes of the command line.

LabelfreeError                 the one class to catch; exit code 2
|-- UsageError                 options that do not exist, contradict each other or do not fit the data
|-- SourceError                a source that cannot be read: missing, truncated, empty directory, unknown kind
|   |-- ColumnError            no embedding column, two of them, or one of a shape that holds no embeddings
|   |-- RowsError              bad rows under on_bad="error": null, NaN, infinity, ragged, repeated ids
|   `-- UnsafeCheckpoint       a checkpoint that would have to run code to be read
|-- HistoryError               a history that is torn, of a later schema, or that a record does not fit
|-- ArrayError                 an array given in Python that is not an (n, d) matrix of finite numbers
|-- MissingExtra               an optional package is not installed; the message is the pip line
|-- ResourceError              the memory limit does not suffice
`-- OutputError                a result that cannot be written: full disk, unknown suffix, missing directory

A metric that is undefined on valid data is not an error: it is a Result with status "undefined".
Errors are single digits and verdicts are 10 and above, so that a crash can never be read as a verdict.
"""

from __future__ import annotations

from enum import IntEnum
from textwrap import shorten


class ExitCode(IntEnum):
    """What the process says to the shell."""

    DONE = 0
    INTERNAL = 1
    BAD_INPUT = 2
    UNDEFINED = 3
    GATE_FAILED = 10
    PLATEAU = 11
    COLLAPSE = 12
    UNDECIDED = 13
    INTERRUPTED = 130


class LabelfreeError(Exception):
    """Base of all errors: the message says what was expected, what was found, where, and the way out."""

    exit_code = ExitCode.BAD_INPUT


class UsageError(LabelfreeError, ValueError):
    """Options that do not exist, contradict each other or do not fit the data."""


class SourceError(LabelfreeError):
    """A source that cannot be read."""


class ColumnError(SourceError):
    """No embedding column, more than one, or one that holds no embeddings."""


class RowsError(SourceError):
    """Bad rows where the policy is to refuse them."""


class UnsafeCheckpoint(SourceError):
    """A checkpoint that would have to run code to be read."""


class HistoryError(LabelfreeError):
    """A history file that cannot be read as it is, or a record that does not fit into it."""


class ArrayError(LabelfreeError):
    """An array that is not an (n, d) matrix of finite numbers."""


class MissingExtra(LabelfreeError):
    """An optional package is missing."""

    def __init__(self, purpose: str, extra: str) -> None:
        self.wanted = purpose, extra
        super().__init__(
            f"{purpose} needs the extra [{extra}], which is not installed; "
            f"in a checkout of labelfree: pip install -c constraints.txt '.[{extra}]'"
        )

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        return MissingExtra, self.wanted


class ResourceError(LabelfreeError):
    """The memory limit does not suffice."""


class OutputError(LabelfreeError):
    """A result that cannot be written."""


def in_short(said: object) -> str:
    """What another library says of its error, on one line of at most 200 characters.

    >>> in_short(ValueError("no\\n  magic")), in_short(ValueError())
    ('no magic', 'ValueError')
    """
    return shorten(str(said), 200, placeholder=" ...") or type(said).__name__
