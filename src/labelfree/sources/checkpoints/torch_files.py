"""PyTorch files, loaded with weights_only=True after their claims were checked: nothing in them is run."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from labelfree.errors import MissingExtra, SourceError, UnsafeCheckpoint, in_short
from labelfree.sources.guards.pickles import contents, unsafe


def loaded(path: Path) -> Any:
    """What torch reads from a file; the numbers of an archive stay on the disk until they are used."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(f"reading {path.name}", "torch") from error
    import pickle
    import warnings

    damaged = (pickle.UnpicklingError, struct.error, EOFError, LookupError, ValueError)
    unlike = (RuntimeError, AttributeError, TypeError, AssertionError, OverflowError, MemoryError)
    found = contents(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=found.archive)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (*damaged, *unlike) as error:  # what torch meets in a file that is none of its own
        blocked = re.search(r"GLOBAL ([\w.]+)", str(error))
        name = found.foreign or (blocked and blocked[1])
        if name:
            raise UnsafeCheckpoint(unsafe(path, name)) from error
        said = error.__context__ if isinstance(error, pickle.UnpicklingError) else error  # without torch's advice
        text = in_short(str(said).split(". ")[0] or type(said).__name__)
        raise SourceError(
            f"{path}: expected a complete PyTorch file ({text}); it may be truncated: save or copy it again"
        ) from error
