"""Options of an engine that it does not take, or that would have no effect."""

from __future__ import annotations

from typing import Any

from labelfree.documents.stores.names import is_remote
from labelfree.errors import UsageError, option


def check_engine(chosen: Any) -> None:
    """Refuse options of an engine that it does not take, or that would have no effect; chosen: the `Options`."""
    if chosen.engine not in ("threads", "ray"):
        giotto = chosen.engine in ("auto", "giotto")
        way = f"giotto-tda's H0 is {option('h0', 'giotto')}" if giotto else "name one of these"
        raise UsageError(f"{option('engine')}: expected 'threads' or 'ray', found {chosen.engine!r}; {way}")
    if chosen.engine == "threads":
        for name in ("address", "work"):
            if getattr(chosen, name) is not None:
                raise UsageError(
                    f"{option(name)}: has no effect without {option('engine', 'ray')}; leave it out, or add that"
                )
        return
    for name, way in (
        ("rows", "one machine reads the few row groups: leave the engine out"),
        ("data", "it runs a checkpoint here: run labelfree embed, and measure what it wrote"),
    ):
        if getattr(chosen, name) is not None:
            raise UsageError(f"{option(name)}: has no effect on {option('engine', 'ray')}; {way}")
    if chosen.device != "cpu":
        raise UsageError(
            f"{option('device')}: expected 'cpu' beside {option('engine', 'ray')}, whose tasks take one core each, "
            f"found {chosen.device!r}; leave one of them out"
        )
    if chosen.work is not None and is_remote(str(chosen.work)):
        raise UsageError(
            f"{option('work')}: expected a directory on a file system that all nodes share, found a store; name one"
        )
