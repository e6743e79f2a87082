"""The kinds of items that a model takes."""

from __future__ import annotations

from typing import Literal, TypeAlias

ItemKind: TypeAlias = Literal["text", "image", "array"]
ITEMS = {"text": "texts", "image": "images", "array": "arrays"}
"""What the items of each kind are called."""
