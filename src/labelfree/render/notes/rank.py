"""What tables say of ranks and shapes beside their numbers."""

from __future__ import annotations

from collections.abc import Callable

from labelfree.documents.wording import counted
from labelfree.render.numbers import alike, number
from labelfree.reports.entries import MetricEntry


def _rankme(e: MetricEntry) -> str:
    share, ceiling = e.parts["fraction_of_ceiling"], e.parts["isotropic_ceiling"]
    apart = round(100 * (share - 1))
    if apart == 0:
        return f"as much as noise of this shape would have ({number(ceiling, 1)})"
    side = "below" if apart < 0 else "above"
    return f"{abs(apart)} % {side} what noise of this shape would have ({number(ceiling, 1)})"


def _participation_ratio(e: MetricEntry) -> str:
    unbiased = e.parts["gaussian_unbiased"]
    return f"{alike(unbiased, e)} without sampling bias" if unbiased else ""


NOTES: dict[str, Callable[[MetricEntry], str]] = {
    "rankme": _rankme,
    "rankme_centered": lambda e: f"of {e.parts['rank_cap']} possible",
    "alpha_req": lambda e: f"R2 {e.parts['r2']:.3f} on {e.params['fit_range'][0]}..{e.params['fit_range'][1]}",
    "mp_spikes": lambda e: f"{e.parts['raw']} on columns as they are" if "raw" in e.parts else "",
    "std_l2": lambda e: f"{100 * e.parts['share_of_isotropic']:.0f} % of isotropic",
    "participation_ratio": _participation_ratio,
    "uniformity": lambda e: f"uniform sphere: {alike(e.parts['uniform_sphere'], e)}",
    "twonn": lambda e: f"on {counted(e.parts['rows'], 'row')}",
    "id_mle": lambda e: f"on {counted(e.parts['rows'], 'row')}",
    "lidar": lambda e: counted(e.parts["groups"], "group"),
    "alignment": lambda e: counted(e.parts["groups"], "group"),
}
