"""Where the tests find what lies in the repository beside them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SUPPORT = Path(__file__).parent
DATA = ROOT / "tests" / "data"
