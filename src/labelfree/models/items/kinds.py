"""The kinds of items that a model takes."""

from __future__ import annotations

from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "image", "array"]
KINDS = {"text": "texts", "image": "images", "array": "arrays"}
"""What the items of each kind are called."""
