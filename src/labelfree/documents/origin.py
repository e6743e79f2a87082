"""Whether the files that Python found as `labelfree` are those of labelfree-eval: another project has that name too.

PyPI's `labelfree` brings a package of the same name. pip writes both into one directory, the later over the earlier,
and says nothing. What is checked on every import costs some microseconds: whose `__init__.py` it is, and whether a
folder hides a module. Only where an import fails all the same are the files held against their hashes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

DISTRIBUTION = "labelfree-eval"
_TOLD = 5


def check_origin(*, program: bool = False) -> None:
    """ImportError where other files lie among ours; program: end it with exit code 2 and one line instead."""
    what = _foreign()
    if what:
        refuse_files(what, program=program or _is_program())


def refuse_files(what: str, *, program: bool) -> None:
    """Say what is wrong with the files of this package, and what to do."""
    again = f"pip uninstall labelfree {DISTRIBUTION}, then install {DISTRIBUTION} again"
    said = (
        f"expected the files of {DISTRIBUTION} in {_place()}, found {what}; PyPI's project labelfree is another one "
        f"with the same import name{_installed()}: {again}"
    )
    if program:
        if sys.stderr is not None:
            sys.stderr.write(f"labelfree: {said}\n")
        raise SystemExit(2)
    raise ImportError(said, name="labelfree")


def _foreign() -> str | None:
    """What is not ours, as far as a glance says; None where all seems well."""
    package = sys.modules["labelfree"]
    if getattr(package, "__file__", None) is None:
        return "no __init__.py"
    if getattr(package, "__distribution__", None) != DISTRIBUTION:
        return "an __init__.py of another project"
    try:
        there = set(os.listdir(_place()))
    except OSError:  # in an archive, which pip does not write into
        return None
    hidden = sorted(name for name in there if name.endswith(".py") and name[:-3] in there)
    return f"a folder {hidden[0][:-3]} of another project, which hides {hidden[0]}" if hidden else None


def changed_files() -> str | None:
    """The files of the installed labelfree-eval that are gone or have other contents; None where all are right.

    Nothing is said of a checkout, whose files pip does not list.
    """
    names = list(_changed())
    if not names:
        return None
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return f"others than it was installed with: {', '.join(names[:_TOLD])}{more}"


def _changed() -> Iterator[str]:
    from base64 import urlsafe_b64encode
    from hashlib import sha256
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        listed = distribution(DISTRIBUTION).files or []
    except PackageNotFoundError:
        return
    for file in listed:
        if file.suffix == ".py" and file.parts[0] == "labelfree" and file.hash is not None:
            try:
                digest = sha256(file.read_binary()).digest()
            except OSError:
                yield f"{file} (missing)"
            else:
                if urlsafe_b64encode(digest).decode().rstrip("=") != file.hash.value:
                    yield str(file)


def _installed() -> str:
    """Which versions pip knows of both, for the message."""
    from importlib.metadata import PackageNotFoundError, version

    known = []
    for name in ("labelfree", DISTRIBUTION):
        try:
            known.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f" (installed: {' and '.join(known)})" if known else ""


def _place() -> str:
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _is_program() -> bool:
    """Whether this process is the program: `labelfree`, or `python -m labelfree` while the package is imported."""
    given: list[str] = getattr(sys, "argv", None) or [""]
    if given[0] == "-m":
        return sys.orig_argv[-len(given)] == "labelfree"
    return os.path.basename(given[0]).lower().removesuffix(".exe").removesuffix("-script.py") == "labelfree"
