"""Mergeable states: summary(A + B) = merge(summary(A), summary(B)).

Streaming, out-of-core and distributed work all come from this one law, which tests/summaries/test_laws.py holds over
every summary here. `Moments`, `Sample` (with `row_keys`) and `Predictions` are public: update, merge, to_bytes and
from_bytes do not change within a major version.

>>> import numpy as np
>>> X = np.random.default_rng(0).normal(size=(100, 3))
>>> one, other = Moments.empty(3).update(X[:40]), Moments.empty(3).update(X[40:])
>>> both = one.merge(Moments.from_bytes(other.to_bytes()))
>>> both.n, np.allclose(both.mean, X.mean(axis=0)), np.allclose(both.scatter / 100, np.cov(X.T, bias=True))
(100, True, True)
"""

from labelfree.summaries.distinct import Distinct
from labelfree.summaries.groups import Groups
from labelfree.summaries.hashing import row_keys
from labelfree.summaries.moments import Moments
from labelfree.summaries.predictions import Predictions
from labelfree.summaries.sample import Sample
from labelfree.summaries.tally import Tally

__all__ = ["Distinct", "Groups", "Moments", "Predictions", "Sample", "Tally", "row_keys"]
