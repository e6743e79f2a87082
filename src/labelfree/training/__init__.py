"""In a training loop: what the commands measure and the gate decides, while the model trains.

`Monitor` is plain torch; `labelfree.training.lightning` and `labelfree.training.transformers` hold the callbacks.
"""

from labelfree.training.check import Check
from labelfree.training.loggers import logged
from labelfree.training.monitor import Monitor

__all__ = ["Check", "Monitor", "logged"]
