"""Where a pass runs: on the threads of this process, or on Ray, which is started or joined once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from labelfree.commands.options import Options
from labelfree.survey.parallel import available_cores

if TYPE_CHECKING:
    from labelfree.survey.engines.ray_engine import Ray


def engine_of(chosen: Options) -> Ray | None:
    """The engine that the options name; None: the threads of this process."""
    return None if chosen.engine == "threads" else _ray(chosen.address, chosen.threads or available_cores())


@lru_cache(maxsize=1)
def _ray(address: str | None, cores: int) -> Ray:
    from labelfree.survey.engines.ray_engine import Ray

    return Ray.at(address, cores)


def told_of(chosen: Options) -> list[str]:
    """What is to be said of an engine after the work: its nodes, and what each of them summed."""
    engine = engine_of(chosen)
    if engine is None:
        return []
    said = [f"engine ray: {len(engine.nodes)} nodes: {', '.join(engine.nodes)}"]
    said += [f"{node}: {count:,} pieces" for node, count in sorted(engine.summed.items())]
    return said + ([f"{engine.resumed:,} pieces were kept by an earlier run"] if engine.resumed else [])
