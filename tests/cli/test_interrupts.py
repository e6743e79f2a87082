"""Ctrl-C while a module is imported: 130 and one line, whatever the import makes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.once

PROGRAM = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(1000):
                    pass
            except KeyboardInterrupt:
                if {hidden}:
                    raise ImportError("a part of it could not be loaded")
                raise

sys.meta_path.insert(0, Interrupting())
sys.argv = ["labelfree", "rank", "x.npy", "--quiet"]
from labelfree.cli import main
main()
"""


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("module", ["labelfree.cli.main", "typer", "labelfree.cli.gate", "numpy", "labelfree.survey"])
def test_an_interrupted_import_is_130(tmp_path: Path, module: str, hidden: bool) -> None:
    np.save(tmp_path / "x.npy", np.eye(8))
    program = PROGRAM.format(module=module, hidden=hidden)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "labelfree: interrupted\n")
