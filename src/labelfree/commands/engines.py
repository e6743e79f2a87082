"""Where a pass runs: on the threads of this process, or on Ray, which is started or joined once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from labelfree.commands.options import Options
from labelfree.documents.wording import counted
from labelfree.survey.parallel import available_cores

if TYPE_CHECKING:
    from labelfree.survey.engines.ray_engine import Ray


def engine_of(chosen: Options) -> Ray | None:
    """The engine that the options name; None: the threads of this process."""
    if chosen.engine == "threads":
        return None
    asked = chosen.address, chosen.threads or available_cores()
    found = _ray(*asked)
    if not found.ray.is_initialized():  # who uses Ray too has ended it
        _ray.cache_clear()
        found = _ray(*asked)
    return found


@lru_cache(maxsize=1)
def _ray(address: str | None, cores: int) -> Ray:
    from labelfree.survey.engines.ray_engine import Ray

    return Ray.at(address, cores)


def told_of(chosen: Options) -> list[str]:
    """What is to be said of an engine after the work: its nodes, and what each of them summed."""
    engine = engine_of(chosen)
    if engine is None:
        return []
    nodes = engine.nodes
    said = [f"engine ray: {counted(len(nodes), 'node')}: {', '.join(nodes)}"]
    said += [f"node {node}: {counted(count, 'shard')}" for node, count in sorted(engine.summed.items())]
    return said + ([f"{counted(engine.resumed, 'shard')} by an earlier run"] if engine.resumed else [])


def ended() -> None:
    """Forget the engine that was started or joined, so that the next command starts or joins one."""
    _ray.cache_clear()
