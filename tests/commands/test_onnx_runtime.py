"""A session of ONNX Runtime over an exported model is the same model, by the limits that were measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from labelfree.errors import LabelfreeError

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


def test_onnx_runtime_is_the_same_model_and_another_pooling_is_not(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from model_files import sentences, transformer

    path = transformer(tmp_path / "model", "BertModel")
    network = transformers.AutoModel.from_pretrained(path).eval().requires_grad_(False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    tokens = tokenizer(sentences(200), return_tensors="pt", truncation=True, max_length=48, padding=True)
    names = ["input_ids", "attention_mask"]

    class States(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    given = tuple(tokens[name] for name in names)
    torch.onnx.export(
        States().eval(), given, str(tmp_path / "m.onnx"), input_names=names, output_names=["states"], dynamo=False,
        opset_version=17,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    mask = tokens["attention_mask"].numpy()[..., None]

    def pooled(states: Any) -> Any:
        return ((states * mask).sum(axis=1) / mask.sum(axis=1)).astype(np.float32)

    ours = States()(*given).numpy()
    theirs = session.run(["states"], {name: tokens[name].numpy() for name in names})[0]
    ids = np.arange(len(ours))

    def verdict(other: Any) -> str:
        sides = {"torch": {"id": ids, "embedding": pooled(ours)}, "other": {"id": ids, "embedding": other}}
        found = labelfree.compare(sides, expect="same", only="cka")
        assert found.verdict is not None
        return found.verdict.decision

    assert verdict(pooled(theirs)) == "pass"
    assert verdict(ours[:, 0].astype(np.float32)) == "fail"
    with pytest.raises(LabelfreeError):
        labelfree.compare({"torch": pooled(ours), "other": pooled(theirs)[1:]})
