"""Ray as the engine: pieces of a pass as tasks, their states merged where they are, and any pieces of work in order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from labelfree.errors import EngineError, LabelfreeError, in_short, option, spelling
from labelfree.kernels.engines import Held
from labelfree.survey.engines import tasks
from labelfree.survey.engines.kept import Kept
from labelfree.survey.engines.remote_tree import Files
from labelfree.survey.engines.shipping import Shipped
from labelfree.survey.engines.starting import connected, nodes_of, versions
from labelfree.survey.pieces import Piece

T = TypeVar("T")
R = TypeVar("R")
_RETRIES = 3
"""How often a task is tried again whose worker or node was lost."""
_AHEAD = 2
"""Tasks that wait for each core."""


@dataclass(frozen=True)
class _Stored(Generic[T]):
    """A value in the store of the cluster."""

    name: Any

    def value(self) -> T:
        import ray

        found: T = ray.get(self.name)
        return found


@dataclass
class Ray:
    """Tasks of Ray, on the cores of this machine or of a cluster; ray: the connected library.

    summed: how many shards each node has summed, in all passes; resumed: shards that an earlier run had summed.
    """

    ray: Any
    summed: Counter[str] = field(default_factory=Counter)
    resumed: int = 0

    @classmethod
    def at(cls, address: str | None, cores: int) -> Ray:
        """Ray at an address, or started here with so many cores; its nodes have the versions of this process."""
        found = cls(connected(address, cores))
        found.check()
        return found

    @property
    def nodes(self) -> list[str]:
        """The nodes that are up."""
        return nodes_of(self.ray)

    @property
    def window(self) -> int:
        """Tasks that are given out at a time."""
        return max(_AHEAD * int(self.ray.cluster_resources().get("CPU", 1)), 2)

    def check(self) -> None:
        """Refuse a cluster one of whose nodes has other versions than this process, before any work is sent."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = [node for node in self.ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
        if not there:
            raise EngineError("expected a cluster with cores, found none; start a node that has some")
        asked = [
            self._remote(tasks.checked_node).options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
            ).remote(versions())
            for node in there
        ]  # fmt: skip
        try:
            answers = self._got(asked)
        except EngineError:
            raise
        except Exception as error:  # what a node without labelfree, or with a broken one, says is Ray's to choose
            raise EngineError(
                f"expected labelfree on every node, found one that cannot load it ({in_short(error)}); install the "
                "version of this machine on every node"
            ) from error
        for refused in answers:
            if refused is not None:
                raise refused

    def put(self, value: T) -> Held[T]:
        """Put a value once into the store of the cluster."""
        return _Stored(self.ray.put(value))

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """work(item) for each item, in order, few of them ahead of who takes the results."""
        given, spelled, expected = self.ray.put(work), spelling(), versions()
        run, window = self._remote(tasks.one_item), self.window
        waiting: deque[Any] = deque()

        def first() -> R:
            (found,) = self._got([waiting.popleft()])
            if isinstance(found, tasks.Refused):
                raise found.error
            return found  # type: ignore[no-any-return]

        for item in items:
            waiting.append(run.remote(given, spelled, expected, item))
            if len(waiting) > window:
                yield first()
        while waiting:
            yield first()

    def reduced(
        self, given: Shipped, pieces: Sequence[Piece], kept: Kept | None, told: Callable[[Piece, Any], None]
    ) -> Any:
        """The state of all pieces, merged in the fixed tree on the nodes; told: of each piece that is done."""
        there, expected, merge = self.ray.put(given), versions(), self._remote(tasks.merged_states)
        files: Files[Any] = Files(lambda states: merge.remote(there, expected, *states))
        running: dict[Any, int] = {}
        done: dict[int, tuple[Any, list[Any]]] = {}
        states: dict[int, list[Any]] = {}
        following, next_, window = iter(enumerate(pieces)), 0, self.window

        def start() -> bool:
            i, piece = next(following, (-1, None))
            if piece is None:
                return False
            run = self._remote(tasks.summed_piece).options(num_returns=1 + len(piece.nodes))
            account, *states[i] = run.remote(there, piece, kept, expected)
            running[account] = i
            return True

        while len(running) < window and start():
            pass
        while running:
            ready, _ = self.ray.wait([*running], num_returns=1)
            i = running.pop(ready[0])
            (account,) = self._got(ready)
            if account.refused is not None:
                self._give_up([*running])
                raise account.refused
            shards = len(pieces[i].shards)
            self.summed[account.node] += 0 if account.resumed else shards
            self.resumed += shards if account.resumed else 0
            told(pieces[i], account)
            done[i] = account, states.pop(i)
            while next_ in done:  # in the order of the rows
                known, refs = done.pop(next_)
                piece = pieces[next_]
                for ref, is_there, (_, level) in zip(refs, known.there, piece.nodes, strict=True):
                    if is_there:
                        files.add(piece.file, ref, level, whole=bool(piece.inner))
                next_ += 1
            while len(running) + len(done) < 2 * window and len(running) < window and start():
                pass
        total = files.total()
        return None if total is None else self._got([total])[0]

    def _remote(self, function: Callable[..., Any]) -> Any:
        return self.ray.remote(num_cpus=1, max_retries=_RETRIES)(function)

    def _got(self, names: list[Any]) -> list[Any]:
        """Values of the store; what was lost too often is told as it is."""
        try:
            return self.ray.get(names)  # type: ignore[no-any-return]
        except self.ray.exceptions.RayTaskError as error:
            cause = error.cause if isinstance(getattr(error, "cause", None), Exception) else error
            raise cause from error
        except self.ray.exceptions.RayError as error:
            raise EngineError(
                f"the engine ray lost work that it tried {1 + _RETRIES} times ({in_short(error)}); see whether nodes "
                f"run out of memory, and start again; with {option('work', like='DIR')} no finished piece is read again"
            ) from error

    def _give_up(self, names: Sequence[Any]) -> None:
        for name in names:
            try:
                self.ray.cancel(name, force=False, recursive=False)
            except (ValueError, TypeError, LabelfreeError):
                continue
