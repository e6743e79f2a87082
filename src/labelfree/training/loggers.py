"""Scalars to whatever a training run logs to, each by its own functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelfree.errors import UsageError

_KINDS = ("add_scalar", "log_metrics", "log")


def logged(scalars: Mapping[str, float], step: int, to: Any) -> list[str]:
    """Log flat scalars, {"labelfree/separability": 0.41, ...}; returns what went wrong, and never raises.

    to: a logger, or several: a TensorBoard SummaryWriter (add_scalar), the module mlflow or a logger of Lightning
    (log_metrics), a run or the module of wandb or trackio (log), a Trainer of transformers (its own log), a function of
    (scalars, step), or None. W&B and trackio take no step before their latest one.
    """
    problems = []
    for logger in to if isinstance(to, list | tuple) else [to]:
        if logger is None or not scalars:
            continue
        try:
            _log(dict(scalars), step, logger)
        except Exception as error:  # whatever a logger does, training goes on
            name = getattr(logger, "__name__", type(logger).__name__)
            said = " ".join(str(error).split())[:200]
            problems.append(f"the logger {name} failed ({type(error).__name__}: {said}); training goes on without it")
    return problems


def checked(to: Any) -> Any:
    """What scalars are logged to, or a UsageError for something that nothing can be logged to."""
    for logger in to if isinstance(to, list | tuple) else [to]:
        if not (logger is None or callable(logger) or any(hasattr(logger, name) for name in _KINDS)):
            raise UsageError(
                f"to: expected a logger (with {', '.join(_KINDS)}), a function of (scalars, step), or a list of them, "
                f"found {type(logger).__name__}"
            )
    return to


def _log(scalars: dict[str, float], step: int, logger: Any) -> None:
    if hasattr(logger, "callback_handler"):  # a Trainer, which knows its step
        logger.log(scalars)
    elif hasattr(logger, "add_scalar"):
        for name, value in scalars.items():
            logger.add_scalar(name, value, step)
    elif hasattr(logger, "log_metrics"):
        logger.log_metrics(scalars, step=step)
    elif hasattr(logger, "log"):
        logger.log(scalars, step=step)
    elif callable(logger):
        logger(scalars, step)
    else:
        raise TypeError("expected add_scalar, log_metrics, log, or a function of (scalars, step)")


def scalars_of(metrics: Mapping[str, Mapping[str, Any]], prefix: str) -> dict[str, float]:
    """The values of a report's metrics that are defined, by flat names."""
    return {f"{prefix}/{name}": float(entry["value"]) for name, entry in metrics.items() if entry["value"] is not None}
