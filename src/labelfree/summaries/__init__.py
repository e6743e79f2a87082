"""Mergeable states: summary(A + B) = merge(summary(A), summary(B)).

Streaming, out-of-core and distributed work all come from this one law, which tests/summaries/test_laws.py holds over
every summary here.
"""

from labelfree.summaries.distinct import Distinct
from labelfree.summaries.groups import Groups
from labelfree.summaries.moments import Moments
from labelfree.summaries.predictions import Predictions
from labelfree.summaries.sample import Sample
from labelfree.summaries.tally import Tally

__all__ = ["Distinct", "Groups", "Moments", "Predictions", "Sample", "Tally"]
