"""All that a call does before it looks at its arguments, done once in the process that calls are forked from.

Importing this imports every module of the program, builds its commands and looks for the libraries of linear algebra.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from contextlib import suppress
from typing import Any

import threadpoolctl

import labelfree
from forked import IMPORTED, OF_EXTRAS

_SKIPPED = ("labelfree.__main__", "labelfree.training")

for name in (*IMPORTED, *OF_EXTRAS, "sklearn.metrics.cluster", "scipy.stats", "matplotlib.backends.backend_svg"):
    with suppress(ModuleNotFoundError):
        importlib.import_module(name)
for module in pkgutil.walk_packages(labelfree.__path__, "labelfree."):
    if not module.name.startswith(_SKIPPED):
        with suppress(ModuleNotFoundError):
            importlib.import_module(module.name)

main: Any = importlib.import_module("labelfree.cli.main")  # the package has a function of this name
if "torch" in sys.modules:
    sys.modules["torch"].set_num_threads(1)
COMMANDS = main.program()
LIBRARIES = threadpoolctl.ThreadpoolController()


def _known(self: Any) -> None:
    self.lib_controllers = list(LIBRARIES.lib_controllers)


main.program = lambda: COMMANDS
threadpoolctl.ThreadpoolController.__init__ = _known
