"""What the pages of the benchmarks share."""

from __future__ import annotations

import textwrap


def paragraph(text: str) -> str:
    """Text in lines of at most 120 characters, whatever its own breaks."""
    return textwrap.fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)
