"""Deaths of H0 as gudhi and ripser compute them: writes peer_deaths.json beside this file.

Run it where both are installed; nothing of labelfree is imported:
    python -m venv peers && peers/bin/pip install ripser==0.6.15 gudhi==3.13.0
    peers/bin/python tests/data/make_peer_deaths.py
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

from clouds import clouds, reference_sets  # noqa: E402

RANKS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


def by_gudhi(X: Any) -> Any:
    """float64, bars of length zero kept."""
    import gudhi  # type: ignore[import-not-found, unused-ignore]

    tree = gudhi.RipsComplex(points=X).create_simplex_tree(max_dimension=1)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=-1)
    deaths = tree.persistence_intervals_in_dimension(0)[:, 1]
    return np.sort(deaths[np.isfinite(deaths)])


def by_ripser(X: Any) -> Any:
    """float32, bars of length zero left out."""
    from ripser import ripser  # type: ignore[import-not-found, unused-ignore]

    deaths = ripser(X, maxdim=0)["dgms"][0][:, 1].astype(np.float64)
    return np.sort(deaths[np.isfinite(deaths)])


def summary(deaths: Any) -> dict[str, Any]:
    """What is compared: how many, their sum, and deaths of chosen ranks."""
    at = [round(q * (len(deaths) - 1)) for q in RANKS]
    return {"bars": len(deaths), "sum": float(deaths.sum()), "at": at, "deaths": [float(deaths[i]) for i in at]}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    found = {
        name: {
            "shape": list(X.shape),
            "entries": float(X.sum()),
            "gudhi": summary(by_gudhi(X)),
            "ripser": summary(by_ripser(X)),
        }
        for name, X in {**reference_sets(), **clouds()}.items()
    }
    programs = {name: version(name) for name in ("gudhi", "ripser", "numpy")}
    text = json.dumps({"made_by": Path(__file__).name, "programs": programs, "clouds": found}, indent=1)
    (HERE / "peer_deaths.json").write_text(text + "\n")
