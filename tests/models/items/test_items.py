"""What is embedded: every row is there once, in order, or refused in words that say what to do."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labelfree.errors import LabelfreeError, RowsError, SourceError
from labelfree.models.items.opening import Data, open_data

TEXTS = ["one", "two\twords", 'with "quotes", and commas', "", "ünï\u2028code\x85", "last"]
"""Line separators of Unicode are no ends of lines; an empty line is a text."""


def write_texts(path: Path, texts: list[str], **beside: list[Any]) -> Path:
    """The texts in the form that the suffix names, with columns beside them where the form has columns."""
    rows = [dict(zip(("text", *beside), row, strict=True)) for row in zip(texts, *beside.values(), strict=True)]
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"text": texts, **beside}), path, row_group_size=2)
        return path
    if name.endswith(".txt"):
        content = "".join(f"{text}\n" for text in texts)
    elif name.endswith((".jsonl", ".ndjson")):
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        mark = "," if name.endswith(".csv") else "\t"
        lines = [list(rows[0]), *(list(row.values()) for row in rows)]
        content = "".join(mark.join(quoted(v) for v in line) + "\r\n" for line in lines)
    data = content.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def quoted(value: Any) -> str:
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else str(value)


def everything(data: Data, size: int = 4, start: int = 0) -> list[tuple[int, Any, Any, tuple[Any, ...]]]:
    """Every item with its position, its id and what is carried along; batches must be whole and follow each other."""
    found: list[tuple[int, Any, Any, tuple[Any, ...]]] = []
    at, batches = start, list(data.batches(size, start))
    for batch in batches:
        assert batch.start == at < batch.stop <= data.total
        assert len(batch.items) == len(batch.index) == (size if batch is not batches[-1] else len(batch.items))
        assert 0 < len(batch.items) <= size
        assert all(batch.start <= i < batch.stop for i in batch.index)
        assert tuple(batch.kept) == data.kept
        assert (batch.ids is not None) == data.ids
        ids = [None] * len(batch.items) if batch.ids is None else batch.ids.to_pylist()
        kept = [column.to_pylist() for column in batch.kept.values()]
        beside = zip(*kept, strict=True) if kept else [()] * len(ids)
        found += zip(batch.index.tolist(), batch.items, ids, beside, strict=True)
        at = batch.stop
    return found


def image(
    mode: str = "RGB", size: tuple[int, int] = (5, 3), color: Any = 0, form: str = "PNG", **options: Any
) -> bytes:
    stream = BytesIO()
    Image.new(mode, size, color).save(stream, form, **options)
    return stream.getvalue()


# --- text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("suffix", ["txt", "csv", "tsv", "jsonl", "ndjson", "parquet", "txt.gz", "csv.gz", "jsonl.gz"])
def test_texts_are_read_as_they_are(suffix: str, size: int, tmp_path: Path) -> None:
    texts = [t for t in TEXTS if t] if "sv" in suffix else TEXTS  # an empty field of a .csv is none
    data = open_data(write_texts(tmp_path / f"a.{suffix}", texts))
    assert (data.kind, data.total, data.ids, data.kept) == ("text", len(texts), False, ())
    assert everything(data, size) == [(i, text, None, ()) for i, text in enumerate(texts)]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "csv.gz"])
def test_ids_and_columns_come_along(suffix: str, tmp_path: Path) -> None:
    beside: dict[str, list[Any]] = {"id": [7, 8, 10], "kind": ["x", "y", "x"], "score": [1.5, 2.0, -3e-7]}
    file = write_texts(tmp_path / f"a.{suffix}", ["a", "b\nb", "c"], **beside)
    data = open_data(file, column="text", keep=["score", "kind", "text"])
    assert everything(data) == [
        (0, "a", 7, (1.5, "x", "a")), (1, "b\nb", 8, (2.0, "y", "b\nb")), (2, "c", 10, (-3e-7, "x", "c")),
    ]  # fmt: skip
    with pytest.raises(
        SourceError, match=r"column 'kind'|expected each id once, found 'x' in column 'kind' at row 0 and"
    ):
        open_data(file, column="text", id="kind")
    with pytest.raises(SourceError, match=r"column 'score'.*expected integers or text"):
        open_data(file, column="text", id="score")


def test_types_are_carried_along_unchanged(tmp_path: Path) -> None:
    columns = {
        "category": pa.array(["b", "a", None]).dictionary_encode(),
        "when": pa.array([1, 2, 3], pa.timestamp("us", tz="UTC")),
        "small": pa.array([1, 2, 3], pa.int8()),
        "vector": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], pa.list_(pa.float32(), 2)),
        "deep": pa.array([{"a": [1]}, {"a": []}, None]),
    }
    pq.write_table(pa.table({"text": ["a", "b", "c"], **columns}), tmp_path / "a.parquet", row_group_size=2)
    batch = next(open_data(tmp_path / "a.parquet", column="text", keep=list(columns)).batches(3))
    assert {name: array.type for name, array in batch.kept.items()} == {n: a.type for n, a in columns.items()}
    assert {name: a.to_pylist() for name, a in batch.kept.items()} == {n: a.to_pylist() for n, a in columns.items()}


def test_what_is_written_as_a_number_in_one_way_only_is_one(tmp_path: Path) -> None:
    """Codes with leading zeros, signs or spaces would not survive as numbers."""
    (tmp_path / "a.csv").write_text("text,a,b,c,d,e\nx,1,007,1.5,,1\ny,-2,8,2,9,1234567890123456789\n")
    batch = next(open_data(tmp_path / "a.csv", keep=list("abcde"), column="text").batches(9))
    kept = {name: column.to_pylist() for name, column in batch.kept.items()}
    assert kept == {
        "a": [1, -2], "b": ["007", "8"], "c": [1.5, 2.0], "d": [None, 9], "e": ["1", "1234567890123456789"],
    }  # fmt: skip


def test_numbers_among_texts_are_texts_in_a_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title\n1984\nEmma\n")
    assert [item for _, item, _, _ in everything(open_data(tmp_path / "a.csv"))] == ["1984", "Emma"]


def test_the_only_column_of_texts_is_taken(tmp_path: Path) -> None:
    """Labels, ids and columns that are carried along are no candidates."""
    beside: dict[str, list[Any]] = {"id": ["p", "q"], "label": ["good", "bad"], "source": ["web", "web"], "n": [1, 2]}
    for suffix in ("csv", "jsonl", "parquet"):
        data = open_data(write_texts(tmp_path / f"a.{suffix}", ["a", "b"], **beside), keep=["source"])
        assert (data.column, data.kept, data.ids) == ("text", ("source",), True)


def test_many_files_are_one_data_set(tmp_path: Path) -> None:
    for suffix in ("parquet", "jsonl", "csv"):
        directory = tmp_path / suffix
        directory.mkdir()
        for part, texts in ((10, ["c", "d", "e"]), (2, ["a", "b"])):
            ids = [f"{t}!" for t in texts]
            write_texts(directory / f"part_{part}.{suffix}", texts, id=ids)
        for path in (directory, f"{directory}/*.{suffix}"):
            data = open_data(path)
            assert [Path(f).stem for f in data.files] == ["part_2", "part_10"]
            assert everything(data, 3) == [(i, t, f"{t}!", ()) for i, t in enumerate("abcde")]
            assert everything(data, 3, start=3) == [(3, "d", "d!", ()), (4, "e", "e!", ())]


def test_bad_rows_are_dropped_with_ids_aligned(tmp_path: Path) -> None:
    texts: list[Any] = ["a", None, "c", None, None, "f"]
    for suffix in ("jsonl", "parquet"):
        file = write_texts(tmp_path / f"a.{suffix}", texts, id=[0, 1, 2, 3, 4, 5], n=[9, 8, 7, 6, 5, 4])
        data = open_data(file, keep=["n"], on_bad="drop")
        for size in (1, 2, 9):
            assert everything(data, size) == [(0, "a", 0, (9,)), (2, "c", 2, (7,)), (5, "f", 5, (4,))]
            assert data.dropped == {"have no text": 3}
    (tmp_path / "b.csv").write_text("text,n\na,1\n,2\nc,3\n")
    assert everything(open_data(tmp_path / "b.csv", on_bad="drop")) == [(0, "a", None, ()), (2, "c", None, ())]
    (tmp_path / "c.jsonl").write_text('{"text": "a"}\n\n{"other": 1}\n')
    assert everything(open_data(tmp_path / "c.jsonl", on_bad="drop")) == [(0, "a", None, ())]


# --- images ------------------------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images of every format; the red channel says which is which, in natural order."""
    root = tmp_path / "photos"
    (root / "b").mkdir(parents=True)
    (root / ".hidden").mkdir()
    forms = [("a2.png", "PNG"), ("a10.BMP", "BMP"), ("b/1.gif", "GIF"), ("b/2.tiff", "TIFF"), ("b/3.jpeg", "JPEG")]
    for i, (name, form) in enumerate([*forms, ("b/4.webp", "WEBP")]):
        options = {"lossless": True} if form == "WEBP" else {"quality": 100} if form == "JPEG" else {}
        (root / name).write_bytes(image(color=(40 * i, 10, 200), form=form, **options))
    (root / ".hidden" / "x.png").write_bytes(image())
    (root / "readme.md").write_text("not an image")
    return root


def test_a_directory_of_images(photos: Path) -> None:
    data = open_data(photos)
    assert (data.kind, data.total, data.ids) == ("image", 6, True)
    assert data.notes == (f"{photos}: 1 other files were not read, such as readme.md",)
    found = everything(data, 4)
    assert [id for _, _, id, _ in found] == ["a2.png", "a10.BMP", "b/1.gif", "b/2.tiff", "b/3.jpeg", "b/4.webp"]
    for i, (_, item, _, _) in enumerate(found):
        assert (item.mode, item.size) == ("RGB", (5, 3))
        np.testing.assert_allclose(np.asarray(item)[1, 2], (40 * i, 10, 200), atol=3)
    assert [id for _, _, id, _ in everything(data, 4, start=4)] == ["b/3.jpeg", "b/4.webp"]


@pytest.mark.parametrize("layout", ["huggingface", "binary", "large_binary"])
def test_images_in_parquet(layout: str, tmp_path: Path) -> None:
    stored: list[Any] = [image(color=(i, 0, 0)) for i in range(5)]
    stored[2] = None
    if layout == "huggingface":
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        column = pa.array([b and {"bytes": b, "path": "x.png"} for b in stored], kind)
    else:
        column = pa.array(stored, pa.binary() if layout == "binary" else pa.large_binary())
    pq.write_table(pa.table({"image": column, "label": list(range(5))}), tmp_path / "a.parquet", row_group_size=2)
    data = open_data(tmp_path / "a.parquet", kind="image", keep=["label"], on_bad="drop")
    found = everything(data, 2)
    assert [(i, kept) for i, _, _, kept in found] == [(i, (i,)) for i in (0, 1, 3, 4)]
    assert [np.asarray(item)[0, 0, 0] for _, item, _, _ in found] == [0, 1, 3, 4]
    assert data.dropped == {"have no image": 1}
    with pytest.raises(RowsError, match=r"image: 1 of 5 rows have no image, first at row 2; .*on_bad='drop'"):
        open_data(tmp_path / "a.parquet", keep=["label"])


def test_a_path_without_bytes_is_never_followed(photos: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.array([{"bytes": None, "path": str(photos / "a2.png")}, {"bytes": image(), "path": None}], kind)
    pq.write_table(pa.table({"image": rows}), photos.parent / "a.parquet")
    with pytest.raises(RowsError, match="1 of 2 rows have no image, first at row 0"):
        open_data(photos.parent / "a.parquet")


def test_images_are_turned_as_their_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees: the left column of pixels is the top row
    picture = Image.new("RGB", (2, 1))
    picture.putdata([(255, 0, 0), (0, 0, 255)])
    picture.save(tmp_path / "a.png", exif=exif)
    [(_, item, _, _)] = everything(open_data(tmp_path / "a.png"))
    assert np.asarray(item).tolist() == [[[255, 0, 0]], [[0, 0, 255]]]


@pytest.mark.parametrize(
    ("mode", "color", "pixel"),
    [
        ("L", 7, [7, 7, 7]), ("RGBA", (1, 2, 3, 0), [1, 2, 3]), ("P", 0, [0, 0, 0]), ("1", 1, [255] * 3),
        ("LA", (9, 100), [9, 9, 9]), ("I;16", 51200, [200, 200, 200]),
    ],
)  # fmt: skip
def test_every_mode_becomes_rgb(mode: str, color: Any, pixel: list[int], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image(mode, color=color))
    [(_, item, _, _)] = everything(open_data(tmp_path / "a.png"))
    assert np.asarray(item)[0, 0].tolist() == pixel


def test_the_first_frame_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (2, 2), color) for color in ("red", "blue")]
    for name in ("a.gif", "b.tiff", "c.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    for _, item, _, _ in everything(open_data(tmp_path)):
        assert np.asarray(item)[0, 0].tolist() == [255, 0, 0]


UNDECODABLE: list[tuple[str, bytes, str]] = [
    ("no image", b"hello", "expected an image as jpeg, png, webp, bmp, gif, tiff"),
    ("nothing", b"", "expected an image as"),
    ("half of one", image(size=(99, 99), color=(1, 2, 3), form="BMP")[:400], "OSError: image file is truncated"),
    ("PostScript, which Pillow would run a program for", image(form="EPS"), "expected an image as"),
    ("floating point", image("F", form="TIFF"), "pixels of mode F have no range that is known"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "content", "said"), UNDECODABLE, ids=[case[0] for case in UNDECODABLE])
def test_images_that_cannot_be_decoded_are_bad_rows(what: str, content: bytes, said: str, photos: Path) -> None:
    (photos / "b" / "0.png").write_bytes(content)
    data = open_data(photos)
    with pytest.raises(RowsError) as error:
        list(data.batches(2))
    assert "1 of the first 7 rows cannot be decoded, first at row 2" in str(error.value)
    assert f"b/0.png: {said}" in str(error.value)
    dropped = open_data(photos, on_bad="drop")
    assert [i for i, _, _, _ in everything(dropped, 2)] == [0, 1, 3, 4, 5, 6]
    assert dropped.dropped == {"cannot be decoded": 1}


@pytest.mark.parametrize("factor", [1, 3])
def test_decompression_bombs_are_refused(factor: int, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the limit of Pillow, from where on it warns."""
    (photos / "bomb.png").write_bytes(image("1", size=(101 * factor, 100)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(
        RowsError, match=r"bomb.png: more than the 10000 pixels that Pillow allows: a decompression bomb"
    ):
        list(open_data(photos).batches(9))


def test_damaged_images_never_break_the_run(tmp_path: Path) -> None:
    """Random bytes changed in real files: decoded or counted, never another error."""
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8))
    for form in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
        stream = BytesIO()
        noise.save(stream, form)
        for i in range(25):
            content = bytearray(stream.getvalue())
            for at in rng.integers(0, min(len(content), 300), 4):
                content[at] = rng.integers(256)
            (tmp_path / f"{form}{i}.{form.lower()}").write_bytes(content)
    data = open_data(tmp_path, on_bad="drop")
    found = everything(data, 64)
    assert 10 < len(found) < 150
    assert len(found) + sum(data.dropped.values()) == 150


# --- arrays ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8"])
@pytest.mark.parametrize("shape", [(7, 3), (7, 2, 3), (7, 3, 4, 2)])
def test_arrays_of_any_shape_become_float32(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    X = np.random.default_rng(0).integers(0, 99, shape).astype(dtype)
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", X=X)
    for name in ("a.npy", "a.npz"):
        data = open_data(tmp_path / name)
        assert (data.kind, data.total) == ("array", 7)
        for start in (0, 5):
            batches = list(data.batches(3, start))
            assert all(batch.items.dtype == np.float32 for batch in batches)
            np.testing.assert_array_equal(np.concatenate([batch.items for batch in batches]), X[start:])


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32(), 6), pa.list_(pa.float64()), pa.fixed_shape_tensor(pa.float32(), (2, 3))], ids=str
)
def test_vectors_and_tensors_in_parquet(kind: Any, tmp_path: Path) -> None:
    X: Any = np.arange(60, dtype=np.float64).reshape(10, 6)
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.FixedShapeTensorArray.from_numpy_ndarray(X.astype(np.float32).reshape(10, 2, 3))
        X = X.reshape(10, 2, 3)
    else:
        rows: list[Any] = X.tolist()
        rows[4], rows[7] = None, [np.nan] * 6
        column = pa.array(rows, kind)
    table = pa.table(
        {"x": column, "id": [f"r{i}" for i in range(10)], "c": pa.array(list("ababababab")).dictionary_encode()}
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    data = open_data(tmp_path / "a.parquet", keep=["c"], on_bad="drop")
    good = [i for i in range(10) if X.ndim == 3 or i not in (4, 7)]
    for size in (1, 3, 20):
        found = everything(data, size)
        assert [(i, id, kept) for i, _, id, kept in found] == [(i, f"r{i}", ("ab"[i % 2],)) for i in good]
        np.testing.assert_array_equal(np.stack([item for _, item, _, _ in found]), X[good])
        assert data.dropped == ({} if X.ndim == 3 else {"are null or hold a null": 1, "hold NaN or infinity": 1})
    if X.ndim == 2:
        with pytest.raises(RowsError, match="1 of the first 10 rows are null or hold a null, first at row 4; 1 of"):
            list(open_data(tmp_path / "a.parquet").batches(2))


def test_one_column_per_dimension(tmp_path: Path) -> None:
    wide = {f"e{j}": pa.array([1.0 + j, None if j == 0 else 5.0, 3.0]) for j in range(3)}
    pq.write_table(pa.table({"id": ["a", "b", "c"], **wide, "n": [7, 8, 9]}), tmp_path / "a.parquet")
    found = everything(open_data(tmp_path / "a.parquet", kind="array", keep=["n"], on_bad="drop"))
    assert [(i, x.tolist(), id, kept) for i, x, id, kept in found] == [
        (0, [1, 2, 3], "a", (7,)), (2, [3, 3, 3], "c", (9,)),
    ]  # fmt: skip
    with pytest.raises(RowsError, match=r"e\*: 1 of the first 3 rows are null or hold a null, first at row 1"):
        list(open_data(tmp_path / "a.parquet", column="e*").batches(9))


def test_a_run_of_columns_among_several_candidates_is_named(tmp_path: Path) -> None:
    wide = {f"emb_{j}": [0.5, 1.5] for j in range(3)}
    pq.write_table(pa.table({"text": ["a", "b"], **wide}), tmp_path / "a.parquet")
    with pytest.raises(LabelfreeError, match=r"found 2: text \(string\), emb_\* \(3 columns<float64>\); choose with"):
        open_data(str(tmp_path / "a.parquet"))


def test_numbers_beyond_float32_are_bad_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1.0, 2.0], [1e300, 1.0]]))
    with pytest.raises(RowsError, match="1 of the first 2 rows hold NaN or infinity, first at row 1"):
        list(open_data(tmp_path / "a.npy").batches(2))


# --- what is refused ---------------------------------------------------------------------------------------------

Maker = Callable[[Path], Any]


def text_file(name: str, content: str | bytes) -> Maker:
    def make(path: Path) -> Path:
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return path / name

    return make


def table(**columns: Any) -> Maker:
    def make(path: Path) -> Path:
        pq.write_table(pa.table(columns), path / "a.parquet")
        return path / "a.parquet"

    return make


def files(*names: str) -> Maker:
    def make(path: Path) -> Path:
        for name in names:
            (path / name).write_bytes(image() if name.endswith("png") else b"a\n")
        return path

    return make


def array(X: Any) -> Maker:
    def make(path: Path) -> Path:
        np.save(path / "a.npy", X, allow_pickle=True)
        return path / "a.npy"

    return make


NOT_UTF8 = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 2], np.int32).tobytes()), pa.py_buffer(b"a\xff"))
REFUSED: list[tuple[str, Maker, dict[str, Any], str]] = [
    ("nothing there", lambda path: path / "texts.txt", {}, "texts.txt: no such file or directory"),
    ("nearly there", lambda path: (text_file("texts.txt", "a")(path), path / "text.txt")[1], {},
     "did you mean .*texts.txt"),
    ("standard input", lambda path: "-", {}, "-: rows are read more than once"),
    ("a URL", lambda path: "s3://bucket/a.png", {}, r"a\.png: expected images that .* on this machine.*aws s3 cp"),
    ("an empty path", lambda path: "", {}, "found an empty path"),
    ("an empty directory", files(), {}, "expected images, Parquet, Arrow or text files in the .*, found nothing"),
    ("a directory of others", files("a.md"), {}, "found 1 other files, such as a.md"),
    ("a directory of two kinds", files("a.csv", "b.jsonl"), {},
     r"expected files of one kind, found .csv, .jsonl; .*\*.csv"),
    ("images beside Parquet", files("a.png", "b.parquet"), {}, "found Parquet, images"),
    ("no match", lambda path: f"{path}/*.txt", {}, "no file matches the pattern"),
    ("an unknown kind", text_file("a.docx", "a"), {}, "expected Parquet, Arrow IPC, .* found '.docx'"),
    ("a JSON document", text_file("a.json", "[]"), {}, "found '.json'; write one object a line: jq"),
    ("an empty text file", text_file("a.txt", ""), {}, "expected texts, found no row in a.txt"),
    ("an empty CSV", text_file("a.csv", ""), {}, "expected texts, found an empty file"),
    ("only a header", text_file("a.csv", "text\n"), {"column": "text"}, "found no row in a.csv"),
    ("an empty JSONL", text_file("a.jsonl", "\n"), {}, "expected texts, found an empty file"),
    ("an empty Parquet", table(text=pa.array([], pa.string())), {}, "expected rows to embed, found none"),
    ("an empty array", array(np.zeros((0, 3))), {}, r"found an array of shape \(0, 3\)"),
    ("Latin-1", text_file("a.txt", b"good\ncaf\xe9\n"), {}, "found the byte 0xe9 at byte 3 of line 2; .*iconv"),
    ("Latin-1 in CSV", text_file("a.csv", b"text\n\"a\nb\xff\"\n"), {}, "found the byte 0xff at byte 1 of line 3"),
    ("UTF-16", text_file("a.txt", "hello".encode("utf-16")), {}, "byte order mark of UTF-16"),
    ("bytes in Parquet", table(text=NOT_UTF8), {}, "found the byte 0xff at byte 1 of a text in rows 0 to 0"),
    ("no gzip", text_file("a.txt.gz", "hello"), {}, "cannot be read .*Not a gzipped file"),
    ("half a gzip", text_file("a.txt.gz", gzip.compress(bytes(range(256)) * 99)[:150]), {}, "may be truncated|UTF-8"),
    ("a ragged CSV", text_file("a.csv", "id,text\n1,a\n2,b,c\n"), {},
     "line 3: expected 2 fields as in the header, found 3"),
    ("an open quote", text_file("a.csv", 'text\na\n"b\nc\n'), {}, "line 4: expected separated values.*quote left open"),
    ("semicolons", text_file("a.csv", "id;text\n1;a\n"), {}, "found one column 'id;text'; they look separated by ';'"),
    ("a header twice", text_file("a.csv", "text,text\na,b\n"), {}, "expected one column 'text' in the header, found 2"),
    ("no such column", text_file("a.csv", "text\na\n"), {"column": "body"}, "no column 'body'; the columns are text"),
    ("no such id", table(text=["a"]), {"id": "key"}, "no column 'key'; the columns are text"),
    ("nothing to keep", text_file("a.jsonl", '{"text": "a"}'), {"keep": ["x"]}, "no column 'x'; the columns are text"),
    ("columns of lines", text_file("a.txt", "a\n"), {"id": "id"}, "no column 'id'; the columns are text"),
    ("two candidates", text_file("a.csv", "title,body text\na,b\n"), {},
     "expected one column of texts, images or arrays, found 2: title .*column='title' or column='body text'"),
    ("two kinds", table(text=["a"], image=[b"x"]), {}, r"found 2: text \(string\), image \(binary\); choose"),
    ("no candidate", table(id=[1], n=[2.5]), {}, "found none; the columns are id: int64, n: double"),
    ("only a label", table(label=["x"]), {}, "taken only when named: column='label'"),
    ("integers", table(text=[1, 2]), {"column": "text"}, "column 'text' is int64; expected text, .*numbers"),
    ("integers for text", table(n=[1]), {"column": "n", "kind": "text"},
     "is int64; expected text; numbers are no text"),
    ("integers in CSV", text_file("a.csv", "n\n1\n2\n"), {"column": "n"}, r"expected text .*found integers \(line 2\)"),
    ("numbers in JSONL", text_file("a.jsonl", '{"t": "a"}\n{"t": 5}\n'), {"column": "t"}, r"found integers \(line 2\)"),
    ("a list in JSONL", text_file("a.jsonl", '{"t": ["a"]}\n'), {"column": "t"}, r"found a list \(line 1\)"),
    ("no object", text_file("a.jsonl", '{"t": "a"}\n["b"]\n'), {}, "line 2: expected one JSON object .*found list"),
    ("no JSON", text_file("a.jsonl", '{"t": "a"}\n{"t": \n'), {}, "line 2: expected one JSON object, found text"),
    ("a document", text_file("a.jsonl", "[\n1]"), {}, "line 1: .*is it one document"),
    ("deep JSON", text_file("a.jsonl", "[" * 100_000), {}, "line 1: expected one JSON object"),
    ("mixed types", text_file("a.jsonl", '{"t": "a", "k": 1}\n{"t": "b", "k": "x"}\n'), {"column": "t", "keep": ["k"]},
     r"column 'k': expected numbers or text of one type .*found integers and text \(line 2\)"),
    ("a null", text_file("a.jsonl", '{"t": "a"}\n{"t": null}\n{}\n'), {},
     r"2 of 3 rows have no text, first at row 1 \(line 2\)"),
    ("a null in Parquet", table(t=["a", None]), {}, "t: 1 of 2 rows have no text, first at row 1; .*on_bad='drop'"),
    ("an empty field", text_file("a.csv", 'id,text\n1,"a\nb"\n2,\n'), {},
     r"1 of 2 rows have no text, first at row 1 \(line 4\)"),
    ("only nulls", text_file("a.csv", "id,text\n1,\n2,\n"), {"column": "text", "on_bad": "drop"},
     "all 2 rows have no text"),
    ("an id twice", text_file("a.csv", "id,text\n1,a\n2,b\n1,c\n"), {},
     "expected each id once, found '1' in column 'id' at row 0 and at row 2"),
    ("an id twice in Parquet", table(id=["x", "y", "y"], t=list("abc")), {"column": "t"},
     "found 'y' in column 'id' at row 1"),
    ("an id missing", table(id=["x", None], t=["a", "b"]), {"column": "t"},
     "1 of 2 rows have no id in column 'id', first at row 1"),
    ("an id missing in JSONL", text_file("a.jsonl", '{"id": 1, "t": "a"}\n{"t": "b"}\n'), {}, "1 of 2 rows have no id"),
    ("a name that is taken", table(t=["a"], logits=[1]), {"keep": ["logits"]},
     "keep='logits': expected a name that is free"),
    ("two ids", table(t=["a"], id=[1], k=[2]), {"id": "k", "keep": ["id"]},
     "keep='id': .*the ids are written under it"),
    ("text for a vision model", text_file("a.txt", "a"), {"kind": "image"}, "expected images, found a file of text"),
    ("images for a language model", text_file("a.png", image()), {"kind": "text"}, "expected texts, found image files"),
    ("an array for a language model", array(np.ones((2, 2))), {"kind": "text"},
     "expected texts, found a file of arrays"),
    ("text named for a vision model", table(t=["a"]), {"kind": "image", "column": "t"}, "is string; expected images"),
    ("columns of images", files("a.png"), {"keep": ["x"]}, "image files have no columns, but 'x' was asked for"),
    ("columns of an array", array(np.ones((2, 2))), {"column": "x"}, "an array has no columns, but 'x' was asked for"),
    ("a vector", array(np.ones(3)), {}, r"expected numbers of shape \(n, ...\).*found float64 of shape \(3,\)"),
    ("texts in an array", array(np.array([["a", "b"]])), {}, "found <U1|found str"),
    ("a pickle", array(np.array([[{}]])), {}, "holds Python objects, which only run code can read"),
    ("no Parquet", text_file("a.parquet", "hello"), {}, "expected a complete Parquet file"),
    ("a wrong kind", text_file("a.txt", "a"), {"kind": "sound"},
     "kind: expected auto, text, image, array, found 'sound'"),
    ("a wrong policy", text_file("a.txt", "a"), {"on_bad": "skip"}, "on_bad: expected error or drop, found 'skip'"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "make", "options", "said"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_wrong_is_said(what: str, make: Maker, options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(LabelfreeError) as error:
        list(open_data(make(tmp_path), **options).batches(10))
    assert re.search(said, str(error.value), re.DOTALL), error.value


def test_files_that_differ_are_refused(tmp_path: Path) -> None:
    for suffix, said in (("csv", "expected a column 'text' as in"), ("parquet", "expected column 'text' to be string")):
        directory = tmp_path / suffix
        directory.mkdir()
        write_texts(directory / f"a.{suffix}", ["a"])
        (directory / "b.csv").write_text("body\nb\n")
        if suffix == "parquet":
            (directory / "b.csv").unlink()
            pq.write_table(pa.table({"body": ["b"]}), directory / "b.parquet")
        with pytest.raises(SourceError, match=said):
            open_data(directory)


def test_everything_bad_is_refused_even_where_bad_rows_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(RowsError, match=r"no usable row is left of 1 .1 cannot be decoded.: nothing to embed"):
        list(open_data(tmp_path, on_bad="drop").batches(4))


# --- laws --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Data]:
    """2,345 texts and vectors, one in 13 bad, in every form; more than a chunk, and row groups that fit nothing."""
    path = tmp_path_factory.mktemp("many")
    texts: list[Any] = [None if i % 13 == 5 else f"text {i}" for i in range(2345)]
    X = np.arange(2345 * 3, dtype=np.float32).reshape(-1, 3)
    X[5::13] = np.nan
    np.save(path / "a.npy", X)
    ids = [f"i{i}" for i in range(2345)]
    pq.write_table(pa.table({"x": list(X), "id": ids}), path / "x.parquet", row_group_size=777)
    for suffix in ("csv", "jsonl"):
        write_texts(path / f"a.{suffix}", ["" if suffix == "csv" and t is None else t for t in texts], id=ids)
    pq.write_table(pa.table({"text": texts, "id": ids}), path / "a.parquet", row_group_size=777)
    names = ("a.npy", "x.parquet", "a.csv", "a.jsonl", "a.parquet")
    return {name: open_data(path / name, on_bad="drop") for name in names}


@pytest.mark.parametrize("name", ["a.npy", "x.parquet", "a.csv", "a.jsonl", "a.parquet"])
@given(size=st.integers(1, 3000), start=st.integers(0, 2345))
def test_any_size_and_any_start_give_the_same_rows(name: str, size: int, start: int, many: dict[str, Data]) -> None:
    data = many[name]
    found = everything(data, max(size, 7), start)
    good = [i for i in range(start, 2345) if i % 13 != 5]
    assert [i for i, _, _, _ in found] == good
    items = [f"text {i}" for i in good] if data.kind == "text" else [[3 * i, 3 * i + 1, 3 * i + 2] for i in good]
    assert [item if data.kind == "text" else item.tolist() for _, item, _, _ in found] == items
    if data.ids:
        assert [id for _, _, id, _ in found] == [f"i{i}" for i in good]
    assert sum(data.dropped.values()) == 2345 - start - len(good)


@given(size=st.integers(1, 500), after=st.integers(0, 8))
def test_a_run_that_is_resumed_meets_the_same_batches(size: int, after: int, many: dict[str, Data]) -> None:
    for data in (many["a.jsonl"], many["x.parquet"]):
        whole = [(b.start, b.stop, b.index.tolist()) for b in data.batches(size)]
        at = whole[min(after, len(whole) - 1)][1]
        assert [(b.start, b.stop, b.index.tolist()) for b in data.batches(size, at)] == [b for b in whole if b[0] >= at]


def test_the_fingerprint_is_of_the_contents(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    prints: dict[str, Any] = {}
    for suffix in ("csv", "parquet"):
        first = write_texts(tmp_path / f"a.{suffix}", ["a", "b"], id=[1, 2], key=[3, 4])
        again = write_texts(tmp_path / "there" / f"b.{suffix}", ["a", "b"], id=[1, 2], key=[3, 4])
        prints[suffix] = open_data(first).fingerprint
        assert open_data(again).fingerprint == prints[suffix]
        assert open_data(first, on_bad="drop").fingerprint == prints[suffix]
        others = [
            open_data(write_texts(tmp_path / f"c.{suffix}", ["a", "c"], id=[1, 2], key=[3, 4])),
            open_data(first, id="key"),
            open_data(first, keep=["key"]),
        ]
        assert len({prints[suffix], *(data.fingerprint for data in others)}) == 4


def test_the_fingerprint_of_images_knows_their_names(photos: Path) -> None:
    before = open_data(photos).fingerprint
    (photos / "a2.png").rename(photos / "a3.png")
    assert open_data(photos).fingerprint != before
    (photos / "a3.png").rename(photos / "a2.png")
    assert open_data(photos).fingerprint == before


PEAK = """
import sys, pyarrow, pyarrow.parquet, PIL.Image
from labelfree.models.items.opening import open_data
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
open_data(sys.argv[1] + "/little.parquet")
before = peak()
data = open_data(sys.argv[1] + "/" + sys.argv[2])
assert sum(len(batch.items) for batch in data.batches(16)) == data.total
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl.gz", "a.npy"])
def test_memory_is_bounded(name: str, tmp_path: Path) -> None:
    write_texts(tmp_path / "little.parquet", ["a"])
    if name == "a.npy":
        np.save(tmp_path / name, np.ones((100_000, 300), np.float32))
    else:
        texts = [f"{i} " * 2000 for i in range(20_000 if name == "a.parquet" else 8000)]
        if name == "a.parquet":
            pq.write_table(pa.table({"text": texts}), tmp_path / name, compression="none", use_dictionary=False)
        else:
            with gzip.open(tmp_path / name, "wt", 1) as file:
                file.writelines(f'{{"text": "{text}"}}\n' for text in texts)
    command = [sys.executable, "-c", PEAK, str(tmp_path), name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) < (120e6 if name == "a.parquet" else 45e6)  # of 230, 90 and 120 MB


def test_a_line_that_does_not_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a bomb of gzip would be."""
    monkeypatch.setattr("labelfree.sources.lines.LONGEST", 1 << 20)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"a\n" + b"x" * (1 << 21)))
    with pytest.raises(SourceError, match="line 2 is longer than 1 MiB"):
        open_data(tmp_path / "a.txt.gz")


def test_images_need_an_extra(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(LabelfreeError, match=r"reading images needs the extra \[torch\]"):
        open_data(photos)
