"""Data sets of Hugging Face in memory and on disk, frames of polars, and what has no rows yet."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import polars as pl
import pytest

import labelfree
from labelfree.errors import LabelfreeError, SourceError
from labelfree.sources.opening import open_source
from readers import joined

N, D = 300, 8
X = np.random.default_rng(5).normal(size=(N, D))
IDS = [f"row {i}, of {N}" for i in range(N)]
LISTS = {"id": IDS, "g": [i % 7 for i in range(N)], "emb": X.tolist()}


class TestInPython:
    """Frames and data sets in memory."""

    def test_a_data_set_of_hugging_face(self, tmp_path: Path) -> None:
        data = datasets.Dataset.from_dict(LISTS)
        data.to_parquet(tmp_path / "a.parquet")
        read = joined(open_source(data), 50)
        np.testing.assert_array_equal(read.rows, X)
        assert read.extra["id"] == IDS
        turned = joined(open_source(data.select(range(N - 1, -1, -1))), 50)
        np.testing.assert_array_equal(turned.rows, X[::-1])
        assert (
            json.loads(labelfree.rank(data).to_json())["metrics"]
            == (json.loads(labelfree.rank(tmp_path / "a.parquet").to_json())["metrics"])
        )

    def test_its_shapes(self) -> None:
        features = datasets.Features({"emb": datasets.Array2D((2, 4), "float32")})
        data = datasets.Dataset.from_dict({"emb": X.reshape(N, 2, 4).tolist()}, features)
        np.testing.assert_array_equal(joined(open_source(data), 64).rows, X.astype(np.float32))

    def test_what_has_no_rows_yet_is_refused_with_the_way_out(self) -> None:
        frame, data = pl.DataFrame(LISTS), datasets.Dataset.from_dict(LISTS)
        for source, said in (
            (frame.lazy(), r"found a LazyFrame, which has no rows yet; give its \.collect\(\)"),
            (
                datasets.DatasetDict({"train": data, "test": data}),
                r"splits 'train', 'test'; give one, as data\[split\]",
            ),
            (data.to_iterable_dataset(), "found IterableDataset, which is read once"),
        ):
            with pytest.raises(LabelfreeError, match=said):
                open_source(source)

    def test_a_polars_frame_of_several_chunks(self) -> None:
        frame = pl.concat([pl.DataFrame(LISTS)[:100], pl.DataFrame(LISTS)[100:]], rechunk=False)
        np.testing.assert_array_equal(joined(open_source(frame), 70).rows, X)


class TestSavedToDisk:
    """Directories that `save_to_disk` wrote."""

    @pytest.fixture
    def splits(self, tmp_path: Path) -> Path:
        data = datasets.Dataset.from_dict(LISTS)
        with contextlib.redirect_stderr(io.StringIO()):
            datasets.DatasetDict({"train": data, "test": data.select(range(9))}).save_to_disk(
                str(tmp_path / "d"), num_shards={"train": 3, "test": 1}
            )
        return tmp_path / "d"

    def test_several_splits_are_refused_with_their_names(self, splits: Path) -> None:
        with pytest.raises(
            SourceError, match=r"found the splits 'train', 'test' of a DatasetDict; name one: \S+/d/train"
        ):
            open_source(splits)

    def test_one_split_is_read_in_the_order_of_its_state(self, splits: Path) -> None:
        source = open_source(splits / "train")
        assert len(source.files) == 3
        assert joined(source, 70).extra["id"] == IDS
        assert open_source(splits / "test").total == 9

    @pytest.mark.parametrize("named", ["../test/data-00000-of-00001.arrow", "gone.arrow", 7, None])
    def test_files_that_are_not_there_are_refused(self, named: Any, splits: Path) -> None:
        state = json.loads((splits / "train" / "state.json").read_text())
        state["_data_files"][1]["filename"] = named
        (splits / "train" / "state.json").write_text(json.dumps(state))
        with pytest.raises(SourceError, match=r"its state.json lists .* expected a file of that directory"):
            open_source(splits / "train")

    @pytest.mark.parametrize("said", ["{", "[" * 1000, '{"_data_files": []}'])
    def test_a_state_that_says_nothing_is_refused(self, said: str, splits: Path) -> None:
        (splits / "train" / "state.json").write_text(said)
        with pytest.raises(
            SourceError, match=r"expected JSON that datasets wrote|expected rows, found a saved data set"
        ):
            open_source(splits / "train")
