"""Every score of the transfer family for a checkpoint, without its target labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from runs import Checkpoint, Run

from labelfree.metrics import METRICS, Evidence, evidence
from labelfree.metrics.outputs import Head, Labelled, Outputs
from labelfree.summaries.predictions import Predictions

ACROSS = ("ensv", "gde")
"""Scores of several candidates together."""
FAMILY = tuple(m for m in METRICS if m.family == "transfer" and m.name not in ACROSS)
