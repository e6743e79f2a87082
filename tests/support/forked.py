"""The program without its start-up: a process of its own for each call, forked from one that has imported everything.

A call has its own directory, environment, streams and exit code, as one by `python -m labelfree` has. What it shares
with the others is what an interpreter fixes when it starts: the seed of the hashes, the encoding, the modules; where
these matter, `needs_a_start` says so, and the fixture `labelfree` starts a new interpreter.

    python forked.py FD [MODULE ...]    serves calls from the socket FD until it is closed; these modules are there too
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import socket
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

AT_START = ("PYTHON", "LC_", "LANG", "OMP_", "LD_")
IMPORTED = (
    "labelfree.cli.measuring", "labelfree.cli.weights", "labelfree.commands.api", "labelfree.metrics",
    "labelfree.survey.parallel", "labelfree.render.pictures.panels", "labelfree.sources.opening", "numpy",
    "pandas", "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet", "rich.progress", "scipy.optimize",
    "scipy.special", "sklearn.cluster", "sklearn.metrics", "typer",
)  # fmt: skip
OF_EXTRAS = ("matplotlib.collections", "matplotlib.pyplot")


def needs_a_start(env: Mapping[str, str]) -> bool:
    """Whether one of these variables is read when an interpreter starts."""
    return any(name.startswith(AT_START) for name in env)


def on_the_path() -> dict[str, str]:
    """The variable by which a process finds the modules beside this one."""
    there = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *([there] if there else [])])}


@dataclass(frozen=True)
class Kill:
    """When a call is killed: so many seconds after its begin, or after a file whose name has this part is there."""

    after: float
    sight: str = ""
    directory: str = "."


class Forks:
    """The process that calls are forked from, with these modules beside the program; `with` ends it."""

    def __init__(self, modules: Sequence[str] = ()) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, __file__, str(theirs.fileno()), *modules]
        environment = os.environ | (on_the_path() if modules else {})
        self._server = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment
        )
        theirs.close()

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()
        self._server.wait(timeout=30)

    def run(
        self, arguments: list[str], cwd: Path, env: Mapping[str, str], timeout: float, kill: Kill | None = None
    ) -> subprocess.CompletedProcess[str]:
        """One call: its exit code, stdout and stderr, each through a pipe; kill: by SIGKILL, if it runs then."""
        pipes = [os.pipe(), os.pipe()]
        call = {"arguments": arguments, "cwd": str(cwd), "env": dict(env), "kill": asdict(kill) if kill else None}
        message = json.dumps(call).encode()
        socket.send_fds(self._socket, [message], [write for _, write in pipes])
        for _, write in pipes:
            os.close(write)
        pid = int(self._socket.recv(64))
        out, err = _read([read for read, _ in pipes], pid, timeout)
        code = int(self._socket.recv(64))
        return subprocess.CompletedProcess(arguments, code, out.decode(), err.decode())


def _read(pipes: list[int], pid: int, timeout: float) -> list[bytes]:
    """Both streams to their ends; a call that takes too long is killed."""
    found: dict[int, bytearray] = {pipe: bytearray() for pipe in pipes}
    end = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            if time.monotonic() > end:
                os.kill(pid, 9)
            for key, _ in selector.select(timeout=1):
                part = os.read(key.fd, 1 << 16)
                found[key.fd] += part
                if not part:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    return [bytes(found[pipe]) for pipe in pipes]


def serve(calls: socket.socket) -> None:
    """Fork a process for each call and say its number and its exit code; in the process itself this returns."""
    while True:
        message, streams, _, _ = socket.recv_fds(calls, 1 << 20, 2)
        if not message:
            sys.exit(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: libraries begin some when imported
            pid = os.fork()
        if not pid:
            calls.close()
            _begin(json.loads(message), streams)
            return
        for stream in streams:
            os.close(stream)
        calls.send(str(pid).encode())
        kill = json.loads(message)["kill"]
        _, status = os.waitpid(pid, 0) if kill is None else _killed(pid, Kill(**kill))
        calls.send(str(os.waitstatus_to_exitcode(status)).encode())


def _killed(pid: int, kill: Kill) -> tuple[int, int]:
    """Wait for a call and kill it when that is due."""
    due = None if kill.sight else time.monotonic() + kill.after
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return ended, status
        with contextlib.suppress(FileNotFoundError):  # a directory that is not there yet
            if due is None and any(kill.sight in name for name in os.listdir(kill.directory)):
                due = time.monotonic() + kill.after
        if due is not None and time.monotonic() >= due:
            os.kill(pid, 9)  # a child that nobody has waited for: no other process has its number
            return os.waitpid(pid, 0)


def _begin(call: dict[str, Any], streams: list[int]) -> None:
    """Take the place of a process that was started for this call."""
    os.chdir(str(call["cwd"]))
    os.environ.clear()
    os.environ.update(call["env"])
    for stream, number in zip(streams, (1, 2), strict=True):
        os.dup2(stream, number)
        os.close(stream)
    sys.argv = ["labelfree", *call["arguments"]]


def program() -> int:
    """Be the program in this process, with the arguments in sys.argv: its exit code, its streams flushed."""
    code: object = 1
    try:
        runpy.run_module("labelfree", run_name="__main__", alter_sys=True)
    except SystemExit as exit_:
        code = exit_.code or 0
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code if isinstance(code, int) else 1


if __name__ == "__main__":
    sys.path.pop(0)  # this directory, which no user has on the path
    for name in IMPORTED:
        importlib.import_module(name)
    for name in sys.argv[2:]:
        importlib.import_module(name)
    for name in OF_EXTRAS:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # no process touches the pages of what was imported
    serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(program())  # without taking down what was imported
