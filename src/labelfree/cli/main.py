"""The program: commands, and the exit code of everything that can go wrong."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from contextlib import suppress
from typing import Annotated, Any

import typer

from labelfree import __version__
from labelfree.cli.compare import compare
from labelfree.cli.demo import demo
from labelfree.cli.drift import drift
from labelfree.cli.embed import embed
from labelfree.cli.explain import explain, schema
from labelfree.cli.flags import flag
from labelfree.cli.gate import gate
from labelfree.cli.helping import SUMMARIES, every_option, help_of, shortened
from labelfree.cli.history import app as history
from labelfree.cli.interrupting import interrupted, noticing
from labelfree.cli.measuring import doctor, evaluate, opis, rank, separability, transfer
from labelfree.cli.printing import told
from labelfree.cli.refusals import ParserError, refusal
from labelfree.cli.repeats import given_once
from labelfree.cli.report import report
from labelfree.cli.select import select
from labelfree.cli.streams import discard, patient
from labelfree.cli.summarize import merge, summarize
from labelfree.cli.watch import watch
from labelfree.cli.weights import weights
from labelfree.documents.findings import FindingWarning
from labelfree.documents.origin import DISTRIBUTION, changed_files
from labelfree.errors import ExitCode, LabelfreeError, speaking

app = typer.Typer(
    name="labelfree",
    help="Judge models without labels: from embeddings or a checkpoint to metrics with intervals.",
    epilog="Try: labelfree demo. A metric in words: labelfree explain rankme.",
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"{DISTRIBUTION} {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("-V", "--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    help_all: Annotated[
        bool,
        typer.Option("--help-all", callback=every_option, is_eager=True, help="Show every option and exit."),
    ] = False,
) -> None:
    _help(context)


def _help(context: typer.Context) -> None:
    """What a group says where no command of it is named."""
    if context.invoked_subcommand is None:
        print(context.get_help())


for _command in (
    rank, separability, transfer, opis, evaluate, select, compare, drift, doctor, embed, weights, summarize, merge,
    gate, watch,
):  # fmt: skip
    app.command(short_help=SUMMARIES[_command.__name__])(_command)
app.add_typer(history, callback=_help, invoke_without_command=True, no_args_is_help=False)
app.command(short_help=SUMMARIES["report"])(report)
app.command(short_help=SUMMARIES["explain"])(explain)
app.command(short_help=SUMMARIES["schema"])(schema)
app.command(short_help=SUMMARIES["demo"])(demo)
app.command("help", short_help=SUMMARIES["help"])(help_of)


def program() -> Any:
    """All commands, each with -V and --help-all of the first; -h is one screen, and help has no boxes in a pipe."""
    from typer.main import get_command

    root: Any = get_command(app)
    root.params = [parameter for parameter in root.params if parameter.name != "show_completion"]
    everywhere = [parameter for parameter in root.params if parameter.name in ("version", "help_all")]
    for parameter in everywhere:
        parameter.expose_value = False  # it never returns
    commands = [root]
    for command in commands:
        commands += getattr(command, "commands", {}).values()
        if command is not root:
            command.params += everywhere
        for parameter in command.params:
            given_once(parameter)
        shortened(command)
        if not sys.stdout or not sys.stdout.isatty():
            command.rich_markup_mode = None
    return root


def main() -> None:
    """Run the program and exit with its code."""
    sys.exit(run())


def run() -> int:
    """Run the program; return its exit code. What a caller of the library would catch is told in one message."""
    if sys.stderr is None:  # closed by the shell: without a file, print would turn to stdout
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (for as long as the program runs)
    if sys.stdout is None:
        return _told("stdout is closed: nothing can be printed; to discard it use > /dev/null", ExitCode.BAD_INPUT)
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = patient(stdout), patient(stderr, OSError)
    try:
        with noticing(), speaking(flag), warnings.catch_warnings():
            warnings.simplefilter("ignore", FindingWarning)  # they stand in what is printed
            return _run()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # said already, or closed by whoever reads
                stream.flush()
        sys.stdout, sys.stderr = stdout, stderr


def _run() -> int:
    try:
        code = program()(prog_name="labelfree", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        if code == ExitCode.INTERRUPTED:
            return _told("interrupted", ExitCode.INTERRUPTED)
        return code if isinstance(code, int) else ExitCode.DONE
    except LabelfreeError as error:
        return _told("interrupted", ExitCode.INTERRUPTED) if interrupted() else _told(str(error), error.exit_code)
    except ParserError as error:
        return _told(refusal(error), ExitCode.BAD_INPUT)
    except KeyboardInterrupt:
        return _told("interrupted", ExitCode.INTERRUPTED)
    except MemoryError:
        return _told("not enough memory; lower --sample, or name fewer metrics with --only", ExitCode.BAD_INPUT)
    except OSError as error:
        if error.errno in _FULL:
            discard(sys.stdout)
            return _told(f"{_FULL[error.errno]}; free some, or write elsewhere", ExitCode.BAD_INPUT)
        if isinstance(error, FileNotFoundError) and not _working_directory():
            said = "the working directory was removed; change to one that is there"
            return _told(f"expected a directory to work in, found none: {said}", ExitCode.BAD_INPUT)
        if error.errno == errno.ENAMETOOLONG:
            return _told(f"{error.filename}: the name is too long for this file system", ExitCode.BAD_INPUT)
        return _crashed(error)
    except Exception as error:
        return _told("interrupted", ExitCode.INTERRUPTED) if interrupted() else _crashed(error)


_FULL = {
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "the output is larger than a file may be here (ulimit -f)",
}
"""What a disk says that takes no more."""


def _working_directory() -> bool:
    """Whether the directory that the program was started in is still there."""
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def _told(message: str, code: ExitCode) -> int:
    told(message)
    return code


def _crashed(error: Exception) -> int:
    if os.environ.get("LABELFREE_DEBUG"):
        raise error
    if what := changed_files():
        said = f"expected the files of {DISTRIBUTION}, found {what}; install it again"
        return _told(f"{said} ({type(error).__name__}: {error})", ExitCode.BAD_INPUT)
    message = f"internal error: {type(error).__name__}: {error} (a bug; LABELFREE_DEBUG=1 shows where)"
    return _told(message, ExitCode.INTERNAL)
