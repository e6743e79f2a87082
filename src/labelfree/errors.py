"""Everything that labelfree raises, and the exit codes of the command line.

LabelfreeError                 the one class to catch; exit code 2
|-- UsageError                 options that do not exist, contradict each other or do not fit the data
|-- SourceError                a source that cannot be read: missing, truncated, empty directory, unknown kind
|   |-- ColumnError            no embedding column, two of them, or one of a shape that holds no embeddings
|   |-- RowsError              bad rows under on_bad="error": null, NaN, infinity, ragged, repeated ids
|   |-- SummaryError           a summary that is damaged, forged, of another version, or that others do not fit
|   `-- UnsafeCheckpoint       a checkpoint that would have to run code to be read
|-- HistoryError               a history that is torn, of a later schema, or that a record does not fit
|-- EngineError                an engine that cannot be reached, whose nodes differ or whose workers are lost
|-- ArrayError                 an array given in Python that is not an (n, d) matrix of finite numbers
|-- MissingExtra               an optional package is not installed; the message is the pip line
|-- UnknownName                a metric or a source that a report or Reports do not hold; a KeyError too
|-- UndefinedMetric            the number of a metric that has none; a ValueError too
|-- ResourceError              the memory limit does not suffice
`-- OutputError                a result that cannot be written: full disk, unknown suffix, missing directory

A metric that is undefined on valid data is not an error: it is a Result with status "undefined".
Errors are single digits and verdicts are 10 and above, so that a crash can never be read as a verdict.

A message names options as its reader writes them: `option` gives `on_bad='drop'` in Python, and `--on-bad drop` inside
`speaking`, which the command line enters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from enum import IntEnum
from reprlib import Repr
from textwrap import shorten
from typing import Any, TypeAlias

Spelling: TypeAlias = Callable[[str, object, str], str]
"""An option by its Python name, its value (None for none) and a placeholder of one ("" for none), as it is written."""


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


class SummaryError(SourceError):
    """A summary that is damaged, forged, of another version, or that does not fit those it is to be merged with."""


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
        super().__init__(f"{purpose} needs the extra [{extra}], which is not installed; {installing(extra)}")

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        return MissingExtra, self.wanted


class UnknownName(LabelfreeError, KeyError):
    """A name that is not among those of a report, or of several."""

    def __init__(self, name: str, known: Iterable[str], hint: str = "") -> None:
        self.wanted = name, tuple(known), hint
        near = get_close_matches(name.lower(), self.wanted[1], n=1)
        self.said = f"no {name!r} here; " + (f"did you mean {near[0]!r}?" if near else hint)
        super().__init__(self.said)

    def __str__(self) -> str:  # KeyError puts it in quotes
        return self.said

    def __reduce__(self) -> tuple[type[UnknownName], tuple[str, tuple[str, ...], str]]:
        return UnknownName, self.wanted


class UndefinedMetric(LabelfreeError, ValueError):
    """The value of a metric that has none on these data; the message is the reason."""

    exit_code = ExitCode.UNDEFINED


def installing(extra: str) -> str:
    """The line that installs an extra of labelfree into where it runs, however it came there."""
    import json
    import shlex
    import sys
    from importlib.metadata import PackageNotFoundError, distribution
    from importlib.util import find_spec

    try:
        origin = json.loads(distribution("labelfree-eval").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {"dir_info": {}, "url": ""}
    active = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    here = bool(active) and os.path.realpath(str(active)) == os.path.realpath(sys.prefix)
    if os.path.exists(os.path.join(sys.prefix, "pipx_metadata.json")):
        program = "pipx install -f"
    elif os.path.exists(os.path.join(sys.prefix, "uv-receipt.toml")):
        program = "uv tool install"
    elif find_spec("pip") is None:
        program = f"uv pip install -p {shlex.quote(sys.executable)}"
    else:
        program = "pip install" if here else f"{shlex.quote(sys.executable)} -m pip install"
    return install_line(extra, origin, program)


def install_line(extra: str, origin: Mapping[str, Any], program: str) -> str:
    """The line for a package of this origin (PEP 610: direct_url.json, empty for one from an index).

    >>> install_line("plot", {}, "pip install")
    "pip install 'labelfree-eval[plot]'"
    >>> install_line("plot", {"url": "file:///tmp/lf-0.2.0.whl", "archive_info": {}}, "pipx install -f")
    "pipx install -f 'labelfree-eval[plot] @ file:///tmp/lf-0.2.0.whl'"
    >>> vcs = {"vcs": "git", "commit_id": "abc"}
    >>> install_line("hf", {"url": "https://example.org/lf.git", "vcs_info": vcs}, "uv tool install")
    "uv tool install 'labelfree-eval[hf] @ git+https://example.org/lf.git@abc'"
    """
    import shlex
    from urllib.parse import unquote

    url, options, name = str(origin.get("url", "")), "", f"labelfree-eval[{extra}]"
    if "dir_info" in origin:
        checkout = unquote(url.removeprefix("file://"))
        if not os.path.exists(os.path.join(checkout, "pyproject.toml")) or not checkout:
            return f"in a checkout of labelfree: pip install -c constraints.txt '.[{extra}]'"
        known_good = os.path.join(checkout, "constraints.txt")
        if "pip install" in program and os.path.exists(known_good):
            options = f"-c {shlex.quote(known_good)} "
        options += "-e " if origin["dir_info"].get("editable") else ""
        name = f"{checkout}[{extra}]"
    elif "vcs_info" in origin:
        name += f" @ {origin['vcs_info'].get('vcs', 'git')}+{url}@{origin['vcs_info'].get('commit_id', 'HEAD')}"
    elif url:
        name += f" @ {url}"
    return f"{program} {options}{shlex.quote(name)}"


class ResourceError(LabelfreeError):
    """The memory limit does not suffice."""


class EngineError(LabelfreeError):
    """An engine that cannot be started or reached, whose nodes differ, or whose workers were lost too often."""


class OutputError(LabelfreeError):
    """A result that cannot be written."""


def in_short(said: object) -> str:
    """What another library says of its error, on one line of at most 200 characters.

    >>> in_short(ValueError("no\\n  magic")), in_short(ValueError())
    ('no magic', 'ValueError')
    """
    return shorten(str(said), 200, placeholder=" ...") or type(said).__name__


def quoted(value: object) -> str:
    """A value of a table as a message quotes it: of a long text the begin and the end.

    >>> quoted("row 7"), len(quoted("x" * 10**6))
    ("'row 7'", 80)
    """
    said = Repr()
    said.maxstring = said.maxother = said.maxlong = 80
    return said.repr(value)


def option(name: str, value: object = None, *, like: str = "", python: str = "") -> str:
    """An option as the reader of a message writes it: an argument in Python, a flag on the command line.

    name: of the parameter in Python. value: what to give it; like: a placeholder for that, such as FILE. python: what
    to say in Python where the command line alone has such an option.

    >>> option("on_bad"), option("on_bad", "drop"), option("head", like="FILE"), option("all", python="to_json()")
    ('on_bad', "on_bad='drop'", 'head=FILE', 'to_json()')
    """
    return python if python and _spelling is _argument else _spelling(name, value, like)


@contextmanager
def speaking(spelling: Spelling) -> Iterator[None]:
    """Spell options in another way than Python's: in every thread, until the block ends.

    >>> with speaking(lambda name, value, like: f"the key {name}"):
    ...     option("on_bad", "drop")
    'the key on_bad'
    """
    global _spelling
    before, _spelling = _spelling, spelling
    try:
        yield
    finally:
        _spelling = before


def spelling() -> Spelling:
    """How options are spelled now, for a process that speaks in the name of this one."""
    return _spelling


def _argument(name: str, value: object, like: str) -> str:
    if value is not None:
        like = repr(str(value) if isinstance(value, os.PathLike) else value)
    return f"{name}={like}" if like else name


_spelling: Spelling = _argument
"""How options are spelled now. Of the process and not of a context, since work goes on in threads of its own."""
