"""What a user may name: paths, directories, globs, lists of paths, members; and what each refusal says."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

import labelfree
from labelfree.errors import ColumnError, LabelfreeError, SourceError, UsageError
from labelfree.sources.block import Columns, dtype_of
from labelfree.sources.opening import open_source
from labelfree.sources.paths import natural
from readers import READ_SIZES, joined

X = np.arange(48, dtype=np.float32).reshape(12, 4)


def write(path: Path, rows: Any = X, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).ravel()), 4)
    pq.write_table(pa.table({"emb": vectors, **columns}), path)
    return path


def parts(directory: Path) -> list[Path]:
    """Twelve files of one row each, made in an order that is neither the alphabet's nor that of the numbers."""
    paths = [directory / f"part_{i}.parquet" for i in range(12)]
    for i in (7, 11, 0, 3, 10, 2, 1, 9, 8, 5, 4, 6):
        write(paths[i], X[i : i + 1], id=[f"row {i}"])
    return paths


@pytest.mark.parametrize("size", READ_SIZES)
@pytest.mark.parametrize("named", ["directory", "text", "glob", "question marks", "list", "tuple", "globs"])
def test_one_data_set_in_many_files_in_natural_order(named: str, size: int, tmp_path: Path) -> None:
    paths = parts(tmp_path)
    source: Any = {
        "directory": tmp_path,
        "text": str(tmp_path),
        "glob": f"{tmp_path}/part_*.parquet",
        "question marks": f"{tmp_path}/part_?*.parquet",
        "list": paths,
        "tuple": tuple(map(str, paths)),
        "globs": [f"{tmp_path}/part_?.parquet", f"{tmp_path}/part_??.parquet"],
    }[named]
    opened = open_source(source)
    read = joined(opened, size)
    assert opened.files == tuple(map(str, paths))
    assert np.array_equal(read.rows, X)
    assert read.extra["id"] == [f"row {i}" for i in range(12)]
    assert opened.size == sum(path.stat().st_size for path in paths)


def test_a_list_keeps_the_order_it_was_given_in(tmp_path: Path) -> None:
    paths = parts(tmp_path)
    read = joined(open_source([paths[3], paths[0], paths[10]]))
    assert np.array_equal(read.rows, X[[3, 0, 10]])
    assert open_source([paths[3], paths[0]]).name == f"{paths[3]} + {paths[0]}"


def test_hidden_files_and_the_marks_of_writers_are_ignored(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.parquet")
    for name in ("_SUCCESS", "_metadata", ".a.parquet.crc", "_temporary/x.parquet", ".git/x.parquet", "README.md"):
        (tmp_path / "data" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_bytes(b"junk")
    assert np.array_equal(joined(open_source(tmp_path / "data")).rows, X)
    (tmp_path / "data" / "README.md").unlink()
    assert np.array_equal(joined(open_source(f"{tmp_path}/data/*")).rows, X)


def test_a_hidden_directory_that_is_named_is_read(tmp_path: Path) -> None:
    write(tmp_path / ".cache" / "_run" / "a.parquet")
    assert np.array_equal(joined(open_source(tmp_path / ".cache" / "_run")).rows, X)


def test_nested_directories_are_read_in_natural_order(tmp_path: Path) -> None:
    for i, (year, month) in enumerate(itertools.product((2, 10), (1, 9, 11))):
        write(tmp_path / f"year={year}" / f"month={month}" / "part-0.parquet", X[2 * i : 2 * i + 2])
    for source in (tmp_path, f"{tmp_path}/**/*.parquet", f"{tmp_path}/year=*/month=*/part-0.parquet"):
        assert np.array_equal(joined(open_source(source), 3).rows, X)


def test_files_of_one_name_in_two_directories_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path / "a" / "part.parquet", id=list(range(12)))
    write(tmp_path / "b" / "part.parquet")
    with pytest.raises(
        ColumnError, match=r"b/part\.parquet: expected a column 'id' as in .*a/part\.parquet, found none"
    ):
        open_source(tmp_path)


def test_a_name_with_magic_in_it_is_a_name(tmp_path: Path) -> None:
    write(tmp_path / "run[1]*.parquet")
    write(tmp_path / "a::b.parquet", X[:5])
    assert open_source(tmp_path / "run[1]*.parquet").total == 12
    assert open_source(f"{tmp_path}/a::b.parquet").total == 5


@pytest.mark.parametrize("suffix", [".parquet", ".pq", ".parq", ".PARQUET"])
def test_the_suffixes_of_parquet(suffix: str, tmp_path: Path) -> None:
    assert open_source(write(tmp_path / f"a{suffix}")).total == 12


def test_an_open_source_is_itself(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "a.parquet"))
    assert open_source(source) is source
    assert np.array_equal(joined(source, 1).rows, joined(source, 7).rows), "and it can be read again"


REFUSED: list[tuple[str, str]] = [
    ("", r"found an empty path"),
    ("nowhere/a.parquet", r"nowhere/a\.parquet: no such file or directory$"),
    ("data/aa.parquet", r"data/aa\.parquet: no such file or directory; did you mean data/a\.parquet\?"),
    ("data/*.npy", r"data/\*\.npy: no file matches the pattern \(in .*\)"),
    ("empty", r"empty: expected Parquet, Arrow, \.npy, CSV or JSON lines in the directory, found nothing"),
    ("notes", r"notes: expected Parquet, Arrow, \.npy, .* in the directory, found 2 other files"),
    ("mixed", r"mixed: expected files of one kind, found \.npy, \.parquet; name one kind by .*, such as '\*\.npy'$"),
    ("mixed/?.*", r"found \.npy, \.parquet; name one kind by a glob that ends in its suffix, such as '\*\.npy'$"),
    ("mixed/c.parquet", r"mixed/c\.parquet: is a link to gone\.parquet, which does not exist; mend the link"),
    ("mixed/cc.parquet", r"mixed/cc\.parquet: no such file or directory; did you mean mixed/a\.parquet\?"),
    ("notes/a.tx", r"notes/a\.tx: no such file or directory$"),  # a.txt could not be read
    ("-", r"-: rows are read more than once, which standard input cannot be; name a file \(Parquet"),
    ("ftp://host/a.parquet", r"ftp://host/a\.parquet: expected a scheme among s3://.*found ftp://; copy the file here"),
    ("pipe", r"pipe: expected a file or directory, found a pipe or device; .* write them to a file first"),
    ("pipe.npz::x", r"pipe\.npz: expected a file or directory, found a pipe or device"),
    ("notes/a.txt", r"notes/a\.txt: expected Parquet, Arrow IPC, .* found '\.txt'"),
    ("notes/plain", r"notes/plain: expected Parquet, .* found 'no suffix'"),
    ("data/a.parquet::emb", r"data/a\.parquet: only checkpoints and \.npz files hold tensors.*use column='emb'"),
    ("nowhere.safetensors::w", r"nowhere\.safetensors: no such file"),
    ("models/*.safetensors", r"models/\*\.safetensors: 2 \.safetensors files cannot be one data set; give each"),
]


@pytest.mark.parametrize(("name", "message"), REFUSED)
def test_what_cannot_be_read_is_refused_with_the_way_out(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("data/a.parquet"))
    write(Path("mixed/a.parquet"))
    np.save("mixed/b.npy", X)
    for directory in ("empty", "notes", "models"):
        Path(directory).mkdir()
    Path("mixed/c.parquet").symlink_to("gone.parquet")
    os.mkfifo("pipe")
    os.mkfifo("pipe.npz")
    Path("notes/a.txt").write_text("1,2")
    Path("notes/plain").write_text("1,2")
    for model in "ab":
        save_file({"w": X}, f"models/{model}.safetensors")
    with pytest.raises(LabelfreeError, match=message) as told:
        open_source(name)
    assert isinstance(told.value, SourceError | UsageError)


def test_a_directory_of_rows_and_tensors_is_neither(tmp_path: Path) -> None:
    save_file({"w": X}, tmp_path / "model.safetensors")
    assert open_source(tmp_path).column == "w"
    write(tmp_path / "eval" / "a.parquet")
    write(tmp_path / "eval" / "b.parquet", X + 1)
    with pytest.raises(SourceError) as told:
        open_source(tmp_path)
    message = str(told.value)
    assert "found both: 2 .parquet files (such as a.parquet) and model.safetensors" in message
    pattern, tensor = f"{tmp_path}/**/*.parquet", f"{tmp_path}::name"
    assert f"by a pattern, '{pattern}', or a tensor as {tensor}" in message
    assert open_source(pattern).total == 24  # both ways out are open
    assert open_source(tensor.replace("::name", "::w")).total == 12
    for file in "ab":
        (tmp_path / "eval" / f"{file}.parquet").rename(tmp_path / f"{file}.parquet")
    with pytest.raises(SourceError, match=r"by a pattern, '[^*]*/\*\.parquet'"):
        open_source(tmp_path)


def test_a_list_with_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"b\.parquet: no such file"):
        open_source([write(tmp_path / "a.parquet"), tmp_path / "b.parquet"])


def test_what_the_system_says_of_a_file_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise PermissionError(13, "Permission denied")  # root, who runs the tests in a container, is never refused

    file = write(tmp_path / "a.parquet")
    monkeypatch.setattr(pq, "ParquetFile", refuse)
    with pytest.raises(SourceError, match=r"a\.parquet: cannot be read \(Permission denied\)"):
        open_source(file)


def test_columns_reach_every_file(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / f"{name}.parquet", key=[f"{name}{i}" for i in range(12)], vec=[[1.0]] * 12)
    with pytest.raises(ColumnError, match=r"choose with column='emb' or column='vec'"):
        open_source(tmp_path)
    read = joined(open_source(tmp_path, Columns(embedding="emb", id="key")), 7)
    assert read.extra["id"] == [f"{name}{i}" for name in "ab" for i in range(12)]
    assert np.array_equal(read.rows, np.tile(X, (2, 1)))


@pytest.mark.parametrize(
    "names",
    [
        ["part_2", "part_10", "part_11"],
        ["a/part_10", "b/part_2"],
        ["epoch_9_step_100", "epoch_10_step_20", "epoch_10_step_100"],
        ["1", "2", "10", "a"],
        ["part_01", "part_1", "part_2"],
        ["x1", "x1²", "x2"],  # a superscript is a digit, but no number
    ],
)
def test_natural_order_is_one_order(names: list[str]) -> None:
    for shuffled in itertools.permutations(map(Path, names)):
        assert [str(path) for path in sorted(shuffled, key=natural)] == names


def test_files_of_several_dtypes_are_said_to_be_so(tmp_path: Path) -> None:
    for name, dtype in (("a", np.float32), ("b", np.float16), ("c", np.float32)):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).normal(size=(60, 4)).astype(dtype))
        rows = pa.array(
            list(np.random.default_rng(0).normal(size=(60, 4)).astype(dtype)), pa.list_(pa.from_numpy_dtype(dtype))
        )
        pq.write_table(pa.table({"embedding": rows}), tmp_path / f"{name}.parquet")
    for suffix in ("npy", "parquet"):
        report = labelfree.rank(str(tmp_path / f"*.{suffix}"))
        assert report.input.dtype == "float16, float32"
        assert report.input.n == 180
        assert labelfree.rank(str(tmp_path / f"[ac].{suffix}")).input.dtype == "float32"
    assert dtype_of(["int8", "float64", "bfloat16", "float16"]) == "bfloat16, float16, float64, int8"
