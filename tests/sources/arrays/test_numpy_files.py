""".npy and .npz: mapped or streamed, never unpickled, and never more or less than the header claims."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree.errors import ArrayError, ColumnError, LabelfreeError, SourceError, UnsafeCheckpoint, UsageError
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source
from readers import READ_SIZES, Evil, joined

X = np.random.default_rng(0).normal(scale=30, size=(11, 4))
DTYPES = ["float16", "float32", "float64", "int8", "uint16", "int32", "int64", ">f4", ">f8"]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["npy", "npz", "npz compressed"])
def test_every_number_in_every_order_is_read(kind: str, dtype: str, order: Any, tmp_path: Path) -> None:
    values = np.array(X, dtype=dtype, order=order)
    path = tmp_path / f"a.{kind[:3]}"
    if kind == "npy":
        np.save(path, values)
    else:
        (np.savez if kind == "npz" else np.savez_compressed)(path, X=values)
    source = open_source(path)
    assert (source.total, source.d, source.dtype) == (11, 4, str(values.dtype))
    assert source.layout == f"{kind[:3]}<{values.dtype}>"
    for size in READ_SIZES:
        assert np.array_equal(joined(source, size).rows, values.astype(np.float64))


def test_several_files_are_one_data_set_in_natural_order(tmp_path: Path) -> None:
    for part, rows in ((10, X[7:]), (9, X[3:7]), (1, X[:3])):
        np.save(tmp_path / f"part_{part}.npy", rows)
    for source in (tmp_path, f"{tmp_path}/part_*.npy"):
        for size in READ_SIZES:
            assert np.array_equal(joined(open_source(source), size).rows, X)


def test_files_of_different_width_are_refused_naming_both(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", X[:, :3])
    with pytest.raises(ArrayError, match=r"b\.npy: expected 4 columns as in a\.npy, found 3"):
        open_source(tmp_path)


@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (5, 1)])
def test_small_matrices_are_read(shape: tuple[int, int], tmp_path: Path) -> None:
    values = np.ones(shape, np.float32)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "a.npz", values)
    for name in ("a.npy", "a.npz"):
        source = open_source(tmp_path / name)
        assert (source.total, source.d) == shape
        assert np.array_equal(joined(source, 3).rows, values)


def test_a_member_is_chosen_by_its_name(tmp_path: Path) -> None:
    labels = np.arange(11)
    np.savez(tmp_path / "a.npz", X=X, Y=-X, labels=labels, names=np.array(["a"] * 11, dtype=object))
    assert np.array_equal(joined(open_source(f"{tmp_path}/a.npz::Y")).rows, -X)
    with pytest.raises(ColumnError, match=r"found 2 among: X \(11, 4\) float64, Y .* choose one as .*a\.npz::X"):
        open_source(tmp_path / "a.npz")
    with pytest.raises(ColumnError, match=r"a\.npz: no array 'Z'; it holds X, Y, labels, names"):
        open_source(f"{tmp_path}/a.npz::Z")
    with pytest.raises(ArrayError, match=r"a\.npz::labels: expected an \(n, d\) matrix.* found shape \(11,\)"):
        open_source(f"{tmp_path}/a.npz::labels")
    with pytest.raises(UnsafeCheckpoint, match=r"a\.npz: holds Python objects"):
        open_source(f"{tmp_path}/a.npz::names")


def test_the_only_matrix_needs_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", labels=np.arange(11), X=X, names=np.array([None] * 11, dtype=object))
    source = open_source(tmp_path / "a.npz")
    assert source.column == "X"
    assert np.array_equal(joined(source, 3).rows, X)


def test_a_suffix_may_be_written_in_capitals(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=X)
    (tmp_path / "a.npz").rename(tmp_path / "A.NPZ")
    assert np.array_equal(joined(open_source(f"{tmp_path}/A.NPZ::X")).rows, X)


def test_only_archives_and_checkpoints_have_members(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(UsageError, match=r"a\.npy: only checkpoints and \.npz .* use column='X'"):
        open_source(f"{tmp_path}/a.npy::X")


def test_nothing_that_is_pickled_is_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    objects = np.array([[Evil(proof), 1.0]], dtype=object)
    np.save(tmp_path / "object.npy", objects, allow_pickle=True)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Evil(proof)))
    np.savez(tmp_path / "object.npz", X=objects)
    with zipfile.ZipFile(tmp_path / "pickle.npz", "w") as archive:
        archive.writestr("X.npy", pickle.dumps(Evil(proof)))
    for name, kind, message in (
        (
            "object.npy",
            UnsafeCheckpoint,
            r"object\.npy: holds Python objects, which only run code can read; save plain",
        ),
        ("object.npz", UnsafeCheckpoint, r"object\.npz: holds Python objects"),
        ("pickle.npy", SourceError, r"pickle\.npy: expected a complete \.npy file"),
        ("pickle.npz", SourceError, r"pickle\.npz: expected a complete \.npz file"),
    ):
        with pytest.raises(kind, match=message):
            joined(open_source(tmp_path / name))
    assert not proof.exists()
    np.load(tmp_path / "object.npy", allow_pickle=True)
    assert proof.exists(), "whoever unpickles it runs it"


def npy(shape: object, values: NDArray[Any], descr: str = "<f8") -> bytes:
    """A .npy file whose header claims this shape."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values.tobytes()


def test_the_forger_can_write_an_honest_header(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy(X.shape, X))
    assert np.array_equal(joined(open_source(tmp_path / "a.npy")).rows, X)


@pytest.mark.parametrize(
    "shape", [(12, 4), (10, 4), (10**12, 4), (10**30, 4), (-11, 4), (-11, -4), (True, 4), (11.0, 4), "11"]
)
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_a_header_that_lies_is_refused(kind: str, shape: object, tmp_path: Path) -> None:
    content = npy(shape, X)
    if kind == "npy":
        (tmp_path / "a.npy").write_bytes(content)
    else:
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("X.npy", content)
    with pytest.raises(SourceError, match=rf"a\.{kind}: (its header|the header|expected a complete)"):
        open_source(tmp_path / f"a.{kind}")


def test_two_arrays_in_one_npy_are_not_read_as_one(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as stream:
        np.save(stream, X)
        np.save(stream, X)
    with pytest.raises(
        SourceError, match=r"a\.npy: its header claims 480 bytes, the file holds 960; .* several arrays"
    ):
        open_source(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"<html>not found</html>", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x10\x00{"]
)
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_what_is_no_numpy_file_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=rf"{name}: expected a complete \.np[yz] file"):
        open_source(tmp_path / name)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_truncated_files_are_refused(name: str, kept: float, tmp_path: Path) -> None:
    (np.save if name == "a.npy" else np.savez_compressed)(tmp_path / name, X)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(SourceError, match=rf"{name}: expected a complete .*truncated"):
        open_source(tmp_path / name)


def test_damage_in_a_compressed_member_is_found_when_it_is_read(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(500, 30))
    np.savez_compressed(tmp_path / "a.npz", X=values)
    np.savez_compressed(tmp_path / "f.npz", X=np.asfortranarray(values))
    for name in ("a.npz", "f.npz"):
        whole = bytearray((tmp_path / name).read_bytes())
        whole[5000] ^= 0xFF
        (tmp_path / name).write_bytes(whole)
        with pytest.raises(SourceError, match=rf"{name}: expected a complete \.npz file of numpy arrays"):
            joined(open_source(tmp_path / name))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(4), r"a\.npy: expected an \(n, d\) matrix, one row per item, found shape \(4,\)"),
        (np.ones((2, 3, 4)), r"found shape \(2, 3, 4\); .*pool token embeddings"),
        (np.ones((3, 0)), r"found shape \(3, 0\)"),
        (np.ones((2, 2), bool), r"expected real numbers, found dtype bool"),
        (np.ones((2, 2), complex), r"expected real numbers, found dtype complex128"),
        (np.array([["a", "b"]]), r"expected real numbers, found dtype <U1"),
        (np.zeros((2, 2), "datetime64[s]"), r"expected real numbers, found dtype datetime64"),
        (np.zeros((2, 2), [("a", float)]), r"expected real numbers, found dtype \[\('a', '<f8'\)\]"),
    ],
)
def test_arrays_that_are_no_matrix_of_numbers_are_refused(values: NDArray[Any], message: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(ArrayError, match=message):
        open_source(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_matrix_has_no_columns_to_name(name: str, tmp_path: Path) -> None:
    (np.save if name == "a.npy" else np.savez)(tmp_path / name, X)
    with pytest.raises(ColumnError, match=r"a plain matrix has no columns by name, but 'emb' was asked for"):
        open_source(tmp_path / name, Columns(embedding="emb"))


def test_no_flipped_byte_ends_in_anything_but_a_message(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", X)
    np.savez_compressed(tmp_path / "a.npz", X=X)
    refused = 0
    for name in ("a.npy", "a.npz"):
        whole = (tmp_path / name).read_bytes()
        for _ in range(150):
            content = bytearray(whole)
            content[rng.integers(len(whole))] = rng.integers(256)
            (tmp_path / f"b{name[1:]}").write_bytes(content)
            try:
                joined(open_source(tmp_path / f"b{name[1:]}"))
            except LabelfreeError:
                refused += 1
    assert refused > 100


def test_an_array_that_is_cut_while_it_is_read_is_an_error_and_no_bus_error(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((100_000, 8)))
    blocks = open_source(tmp_path / "a.npy").read(1000)
    next(blocks)
    os.truncate(tmp_path / "a.npy", 4096)
    with pytest.raises(SourceError, match=r"a\.npy: ended while it was read; .* measure it again"):
        list(blocks)


def test_an_archive_that_vanishes_or_changes_after_it_was_opened_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.ones((50, 4)))
    opened = open_source(path)
    np.savez(path, x=np.ones((50, 3)))
    with pytest.raises(SourceError, match="holds another array than when it was opened"):
        list(opened.read(10))
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        list(opened.read(10))
