"""What Ray runs on a node: functions that bring a refusal back as a value, since an error may be tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labelfree.errors import LabelfreeError, ResourceError, Spelling, speaking
from labelfree.kernels.threads import limited_threads
from labelfree.survey.engines.kept import Kept
from labelfree.survey.engines.shipping import Shipped, opened
from labelfree.survey.engines.starting import check_versions, versions
from labelfree.survey.engines.summing import Summing, placed
from labelfree.survey.pieces import Piece


@dataclass(frozen=True)
class Outcome:
    """What became of a piece: where it was summed, in how many seconds, which of its states there are;
    resumed: whether they were kept by an earlier run; refused: why there are none.
    """

    node: str
    seconds: float = 0.0
    there: tuple[bool, ...] = ()
    resumed: bool = False
    refused: LabelfreeError | None = None


def summed_piece(given: Shipped, piece: Piece, kept: Kept | None, expected: Mapping[str, str]) -> list[Any]:
    """The account of a piece, and its states."""
    node, began = node_name(), time.perf_counter()
    nothing: list[Any] = [None] * len(piece.nodes)
    with speaking(given.spelled):
        try:
            check_versions(versions(), node, expected)
            one: Summing[Any] = opened(given)
            found = None if kept is None else kept.read(piece, one)
            resumed = found is not None
            states = list(one.states(piece)) if found is None else found
            if kept is not None and not resumed:
                kept.write(piece, states, one)
        except LabelfreeError as error:
            return [Outcome(node, refused=error if piece.inner else placed(error, piece)), *nothing]
        except MemoryError:
            said = f"node {node}: not enough memory to sum {piece.stop - piece.start:,} rows; use a larger node"
            return [Outcome(node, refused=ResourceError(said)), *nothing]
    there = tuple(state is not None for state in states)
    return [Outcome(node, time.perf_counter() - began, there, resumed), *states]


def merged_states(given: Shipped, expected: Mapping[str, str], *states: Any) -> Any:
    """One state of several, those of the first rows first."""
    check_versions(versions(), node_name(), expected)
    one: Summing[Any] = opened(given)
    with limited_threads(1):
        return one.merged(states)


def one_item(work: Callable[[Any], Any], spelled: Spelling, expected: Mapping[str, str], item: Any) -> Any:
    """What a function makes of an item; a refusal as a value."""
    with speaking(spelled), limited_threads(1):
        try:
            check_versions(versions(), node_name(), expected)
            return work(item)
        except LabelfreeError as error:
            return Refused(error)


@dataclass(frozen=True)
class Refused:
    """A refusal on its way to who asked."""

    error: LabelfreeError


def node_name() -> str:
    """The address of the node that this runs on, and the begin of its number."""
    import ray

    context = ray.get_runtime_context()
    return f"{ray.util.get_node_ip_address()} ({context.get_node_id()[:8]})"


def checked_node(expected: Mapping[str, str]) -> LabelfreeError | None:
    """Why this node is refused, None where it is like the driver."""
    try:
        check_versions(versions(), node_name(), expected)
    except LabelfreeError as error:
        return error
    return None
