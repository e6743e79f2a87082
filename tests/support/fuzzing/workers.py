"""Where the commands of the campaign run: a process that has all imported, and a child of it that runs them in turn.

A child runs some hundred commands, or as many as it survives, and is forked anew; so a command costs milliseconds, and
one that dies, hangs or takes all memory takes nothing with it.

    python -m fuzzing.workers FD    serves commands from the socket FD until it is closed
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked import on_the_path, program

MEMORY, CPU = 2 << 30, 20
"""What a command may take: bytes of address space, seconds of processor time."""
SECONDS, AWAKE = 60, 0.2
"""A command waits for what never comes if it takes less than so much processor time in so many seconds."""
COMMANDS, LARGE = 500, 1 << 30
"""Commands of a child, and bytes beyond which it is not used again."""
VARIABLES = {
    "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80", "LABELFREE_DEBUG": "1", "LABELFREE_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
}  # fmt: skip
"""One thread, no colors, and tracebacks in place of the last words of the program."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its exit code or minus the signal, its streams, and what it took.

    peak: bytes of memory at once, beyond those before it; late: the clock or its share of processor time ended it.
    """

    code: int
    out: bytes
    err: bytes
    peak: int
    cpu: float
    late: bool


class Workers:
    """The process that commands run below; `with` ends it. place: a directory for their streams."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABELFREE_", "GITHUB_"))}
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "fuzzing.workers", str(theirs.fileno())], pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=kept | VARIABLES | on_the_path(),
        )  # fmt: skip
        theirs.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()
        self._server.wait(timeout=30)

    def run(self, arguments: Sequence[str], cwd: Path) -> Ended:
        """One command, in this directory."""
        out, err = self._place / "out", self._place / "err"
        said = {"arguments": list(arguments), "cwd": str(cwd), "streams": [str(out), str(err)]}
        self._socket.send(json.dumps(said).encode())
        answer = self._socket.recv(1 << 16)
        if not answer:
            raise RuntimeError("the process that commands run below has ended")
        return Ended(out=out.read_bytes(), err=err.read_bytes(), **json.loads(answer))


class _Child:
    """One process for some commands, as the server sees it."""

    def __init__(self, others: Sequence[socket.socket]) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.left = COMMANDS
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.pid = os.fork()
        if not self.pid:
            for other in (*others, self.socket):
                other.close()
            _work(theirs)
        theirs.close()

    def run(self, message: bytes) -> dict[str, Any]:
        """What became of one command; the child is gone where `left` is 0."""
        self.left -= 1
        self.socket.send(message)
        ready = self._ready()
        answer = self.socket.recv(1 << 16) if ready else b""
        if answer:
            said: dict[str, Any] = json.loads(answer)
            self.left = 0 if said.pop("resident") > LARGE else self.left
            if not self.left:
                self.end()
            return said
        self.left = 0
        code = self.end(ready)
        late = not ready or code == -24
        return {"code": code, "peak": 0, "cpu": 0.0, "late": late}

    def _ready(self) -> bool:
        """Whether it has answered or died, and does not merely wait; a busy machine may be slow."""
        before = _taken(self.pid)
        while not select.select([self.socket], [], [], SECONDS)[0]:
            now = _taken(self.pid)
            if now - before < AWAKE:
                return False
            before = now
        return True

    def end(self, ready: bool = True) -> int:
        """Wait for it, and kill it where it is not ready to end: its exit code, or minus the signal that ended it."""
        self.socket.close()
        begin = time.monotonic()
        # one that died says of what; its closed socket ends one that waits
        while ready and time.monotonic() - begin < 60:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)
        os.kill(self.pid, 9)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def serve(calls: socket.socket) -> None:
    """Answer commands until the socket is closed."""
    child: _Child | None = None
    with suppress(ConnectionError):  # who asked was killed
        while message := calls.recv(1 << 20):
            if child is None or not child.left:
                child = _Child([calls])
            calls.send(json.dumps(child.run(message)).encode())
    if child is not None and child.left:
        child.end()


def _work(calls: socket.socket) -> None:
    """Run commands one after the other; never returns."""
    try:
        room = _status("VmSize") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(ConnectionError):
            while message := calls.recv(1 << 20):
                calls.send(json.dumps(_run(json.loads(message))).encode())
    finally:
        os._exit(0)


def _run(call: dict[str, Any]) -> dict[str, Any]:
    """One command in this process."""
    before = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(before) + CPU, resource.RLIM_INFINITY))
    os.chdir(call["cwd"])
    for path, number in zip(call["streams"], (1, 2), strict=True):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    sys.argv = ["labelfree", *call["arguments"]]
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    resident = _status("VmRSS")
    code = program()
    peak = _status("VmHWM") - resident
    gc.collect()
    took = {"peak": peak, "cpu": time.process_time() - before, "resident": _status("VmRSS")}
    return {"code": code, "late": False, **took}


def _taken(pid: int) -> float:
    """Seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(key: str) -> int:
    """Bytes that the system says of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


if __name__ == "__main__":
    import torch  # noqa: F401

    import fuzzing.prepared  # noqa: F401

    with suppress(ModuleNotFoundError):
        from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel  # noqa: F401  (each when it is asked for)
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
