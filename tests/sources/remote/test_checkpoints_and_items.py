"""In a store: weights and heads of safetensors files, data sets saved to disk, and what a model is run over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save

import labelfree
from labelfree.errors import LabelfreeError
from labelfree.models.items.opening import open_data
from labelfree.sources.paths import files_of
from object_stub import Objects, stub_of_s3
from remote_data import every_format, npy

RNG = np.random.default_rng(6)
ROWS = RNG.normal(size=(300, 12)).astype(np.float32)
HEAD = {"fc.weight": RNG.normal(size=(3, 12)).astype(np.float32), "fc.bias": np.zeros(3, np.float32)}
MODEL = {
    "encoder.weight": RNG.normal(size=(40, 12)).astype(np.float32),
    "conv.weight": RNG.normal(size=(8, 4, 3, 3)).astype(np.float16), **HEAD,
}  # fmt: skip
NUMBERS = count()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    with stub_of_s3(monkeypatch) as held:
        yield held


@pytest.fixture
def bucket() -> str:
    """One that no test has opened."""
    return f"s3://store-{next(NUMBERS)}"


def values(report: Any) -> dict[str, Any]:
    return {layer.name: layer.metrics for layer in report.layers} | {n: e.value for n, e in report.metrics.items()}


@pytest.mark.parametrize("name", ["model.safetensors", "model", "model/"])
def test_weights_of_a_store_are_those_of_the_file(stub: Objects, bucket: str, name: str, tmp_path: Path) -> None:
    parts = {"model.safetensors": save(MODEL)} if name.endswith("s") else {
        f"model/part-{i}.safetensors": save(dict(list(MODEL.items())[i::2])) for i in range(2)
    }  # fmt: skip
    stub.files |= parts | {"model/config.json": b"{}"}
    for path, content in parts.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    here, there = labelfree.weights(tmp_path / name), labelfree.weights(f"{bucket}/{name}")
    assert values(here) == values(there)
    assert there.input.sources == [f"{bucket}/{name}"]


def test_only_the_layers_that_are_asked_for_are_read(stub: Objects, bucket: str) -> None:
    large = {"a.weight": RNG.normal(size=(1000, 500)).astype(np.float32), "b.weight": np.eye(40, dtype=np.float32)}
    stub.files["m.safetensors"] = save({**large, "c.weight": RNG.normal(size=(900, 500)).astype(np.float32)})
    labelfree.weights(f"{bucket}/m.safetensors", layer="b")
    assert len({at for one in stub.sent["m.safetensors"] for at in one}) < 200_000


@pytest.mark.parametrize("name", ["head.safetensors", "head.safetensors::fc", "head.npz", "head.npy", "model"])
def test_a_head_in_a_store(stub: Objects, bucket: str, name: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "head.npz", weight=HEAD["fc.weight"], bias=HEAD["fc.bias"])
    stub.files |= {
        "head.safetensors": save(HEAD), "model/model.safetensors": save(HEAD), "head.npy": npy(HEAD["fc.weight"]),
        "head.npz": (tmp_path / "head.npz").read_bytes(),
    }  # fmt: skip
    rows = np.repeat(ROWS, 2, axis=0)
    here = labelfree.transfer(rows, head=(HEAD["fc.weight"], HEAD["fc.bias"]))
    there = labelfree.transfer(rows, head=f"{bucket}/{name}")
    assert {n: e.value for n, e in here.metrics.items()} == {n: e.value for n, e in there.metrics.items()}
    assert there.input.head is not None
    assert there.input.head.key.startswith(bucket)


def test_a_tensor_of_a_directory(stub: Objects, bucket: str) -> None:
    stub.files["model/model.safetensors"] = save(MODEL)
    found = labelfree.rank(f"{bucket}/model::encoder.weight")
    assert float(found["rankme"]) == float(labelfree.rank(MODEL["encoder.weight"])["rankme"])


def saved(order: list[int]) -> dict[str, bytes]:
    """A data set saved to disk: streams, and the document that lists them; a cache lies beside them."""
    content = every_format(ROWS)["stream.arrow"]
    other = every_format(ROWS + 1)["stream.arrow"]
    files = {"ds/data-00000-of-00002.arrow": content, "ds/data-00001-of-00002.arrow": other}
    names = [f"data-0000{i}-of-00002.arrow" for i in order]
    state = json.dumps({"_data_files": [{"filename": name} for name in names]}).encode()
    return {**files, "ds/cache-1.arrow": content, "ds/state.json": state, "ds/dataset_info.json": b"{}"}


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_data_set_saved_to_disk(stub: Objects, bucket: str, order: list[int]) -> None:
    stub.files |= saved(order)
    names = [f"data-0000{i}-of-00002.arrow" for i in order]
    assert [Path(str(file)).name for file in files_of(f"{bucket}/ds")] == names
    found = labelfree.doctor(f"{bucket}/ds")  # ids of both files are the same, which doctor tells and does not refuse
    assert found.input.n == 600


def test_splits_and_missing_files_are_refused(stub: Objects, bucket: str) -> None:
    stub.files |= {"dd/dataset_dict.json": b'{"splits": ["train", "test"]}', "dd/train/state.json": b"{}"}
    with pytest.raises(
        LabelfreeError, match=r"found the splits 'train', 'test' of a DatasetDict; name one: s3://.*/dd/train"
    ):
        labelfree.rank(f"{bucket}/dd")
    stub.files |= {"ds/state.json": b'{"_data_files": [{"filename": "gone.arrow"}]}'}
    with pytest.raises(LabelfreeError, match=r"its state\.json lists .gone\.arrow., expected a file of that directory"):
        labelfree.rank(f"{bucket}/ds")


def tables(place: Path) -> dict[str, Path]:
    """Texts in every form that is read from a store."""
    table = pa.table({"text": [f"text {i}" for i in range(50)], "id": list(range(50))})
    pq.write_table(table, place / "t.parquet")
    with pa.ipc.new_file(place / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    (place / "t.txt").write_text("".join(f"text {i}\n" for i in range(50)))
    (place / "t.csv").write_text("id,text\n" + "".join(f"{i},text {i}\n" for i in range(50)))
    (place / "t.jsonl").write_text("".join(json.dumps({"id": i, "text": f"text {i}"}) + "\n" for i in range(50)))
    return {file.name: file for file in place.iterdir()}


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.txt", "t.csv", "t.jsonl"])
def test_items_of_a_store_are_those_of_the_file(stub: Objects, bucket: str, name: str, tmp_path: Path) -> None:
    path = tables(tmp_path)[name]
    stub.files[name] = path.read_bytes()
    here, there = open_data(path), open_data(f"{bucket}/{name}")
    assert (there.kind, there.total, there.ids, there.fingerprint) == (
        here.kind, here.total, here.ids, here.fingerprint
    )  # fmt: skip
    batches = [[batch.items for batch in data.batches(7, 3)] for data in (here, there)]
    assert batches[0] == batches[1]


@pytest.mark.parametrize("name", ["*.parquet", "run"])
def test_many_files_of_items(stub: Objects, bucket: str, name: str, tmp_path: Path) -> None:
    content = tables(tmp_path)["t.parquet"].read_bytes()
    stub.files |= {"run/a.parquet": content, "a.parquet": content} if name == "run" else {"a.parquet": content}
    assert open_data(f"{bucket}/{name}").total == 50


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda b: labelfree.weights(f"{b}/none"), r"expected \*\.safetensors in the directory, found none"),
        (lambda b: labelfree.weights(f"{b}/m.safetensors::w"), r"found a tensor of one; name .* with layer"),
        (lambda b: labelfree.weights(f"{b}/m.h5"), r"expected \.safetensors.*found '\.h5'"),
        (lambda b: open_data(f"{b}/a.png"), r"expected images that a model is run over on this machine.*aws s3 cp"),
        (lambda b: open_data(f"{b}/a.npy"), r"expected arrays that a model is run over on this machine"),
        (lambda b: labelfree.embed(f"{b}/m", data="x.txt", output="e.parquet"), r"a checkpoint that is run on this ma"),
    ],
)  # fmt: skip
def test_what_stays_refused(stub: Objects, bucket: str, make: Any, message: str) -> None:
    with pytest.raises(LabelfreeError, match=message):
        make(bucket)
