"""The rule of a state in words, with its limits and how often it is wrong: what `labelfree explain state` prints."""

from __future__ import annotations

import textwrap

from labelfree.survey import state
from labelfree.survey.state import percent

RATES = {
    "healthy called likely_collapsed": (0, 156, 0.019),
    "healthy called anything but healthy": (0, 156, 0.019),
    "collapsed called healthy": (34, 104, 0.4105),
    "collapsed not called likely_collapsed": (64, 104, 0.6954),
}
"""Of the kinds that were kept aside: how many were called so, of how many, and the upper 95 % bound of that share."""
_TEXT = """
{rule}: whether the rows of one file are a healthy embedding, from their mean and scatter alone, whatever metrics are
asked for. It looks at the rows as they are and about their mean: a common offset of all rows is no collapse, and what
one file cannot decide is at most suspicious.

LIKELY COLLAPSED| One of these. All rows are equal. More than {many} of the rows repeat another exactly. Beside one
direction, or beside two or {few} that are at most a quarter of the possible ones, no more than {nothing} of the
variance is left; or no more than {little} beside one, and that as round as noise (sphericity above {round}): a line.
The mean row holds more than {point} of the energy ({at} where fewer than {wide} directions are possible), and about it
the rows are as round as noise (sphericity above {noise}): a point.

suspicious| One of these. More than {repeated} of the rows repeat another exactly. The mean row holds more than {at} of
the energy. It holds more than {narrow}, and about it one direction holds more than {along} of the variance, or the rows
are as round as noise. No more than {little} of the variance is left beside one direction, and little structure in it
(no more than {nearly}, or an effective rank below {structure}), or beside two or {few}, and it is as round as noise.

no verdict| Fewer than {fewest} rows, one column, or all rows zero.

healthy| Everything else; with a note where the mean row holds more than {narrow} of the energy: cosine similarity is
hurt, center the rows first, a linear probe is not.

Words| Energy: the sum of squares of all rows. Sphericity: (sum of the eigenvalues)^2 / sum of their squares, of the
centered scatter, over n d / (n + d), which isotropic noise of n rows and d columns has. Effective rank: labelfree
explain effective_rank. The scale and a rotation of the rows change nothing.

Errors| Of embeddings whose kinds were kept aside, with upper 95 % bounds: {rates}.
docs/evidence/state.md has them by kind.

Cannot see| A collapse that leaves more than three directions, rows that are noise about the origin, and whether few
directions are few classes: there look at the run (labelfree gate --history), not at one file.
"""


def state_rule(width: int) -> str:
    """The rule as text."""
    rates = "; ".join(
        f"{what}: {wrong} of {of} (at most {percent(bound)})" for what, (wrong, of, bound) in RATES.items()
    )
    limits = {
        "point": state.POINT, "at": state.AT_POINT, "narrow": state.NARROW, "along": state.ALONG,
        "little": state.LITTLE, "nothing": state.NOTHING, "nearly": state.NEARLY, "many": state.MANY_REPEATED,
        "repeated": state.REPEATED,
    }  # fmt: skip
    text = _TEXT.format(
        rule=state.RULE, few=state.DIRECTIONS, wide=state.WIDE, round=f"{state.ROUND:g}", noise=f"{state.NOISE:g}",
        structure=f"{state.STRUCTURE:g}", fewest=state.FEWEST, rates=rates,
        **{name: percent(share) for name, share in limits.items()},
    )  # fmt: skip
    out = ["state"]
    for paragraph in text.strip().split("\n\n"):
        head, bar, rest = " ".join(paragraph.split()).partition("|")
        if bar:
            out.append(textwrap.fill(rest.strip(), width, initial_indent=f"{head:<18}", subsequent_indent=" " * 18))
        else:
            out += [textwrap.fill(head, width), ""]
    return "\n".join(out)
