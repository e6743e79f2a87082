"""Files of a web server: the same numbers as here, ranges alone, faults that pass and faults that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import labelfree
from labelfree.arrays import Rows
from labelfree.documents.stores import faults
from labelfree.documents.stores.remote_file import RemoteFile, remote_file
from labelfree.errors import LabelfreeError, OutputError, SourceError
from labelfree.sources.block import Source
from labelfree.sources.opening import open_source
from range_server import Ranges, serving
from remote_data import every_format, npy, parquet

ROWS = np.random.default_rng(0).normal(size=(500, 12)).astype(np.float32)
FORMATS = every_format(ROWS)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ranges]:
    monkeypatch.setattr(faults, "FIRST_WAIT", 0.01)
    with serving() as held:
        yield held


def rows_of(source: Source, count: int) -> Rows:
    return np.concatenate([block.rows for block in source.read(count)])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_rows_of_its_local_file(name: str, web: Ranges, tmp_path: Path) -> None:
    web.files[f"/{name}"] = FORMATS[name]
    here = tmp_path / name
    here.write_bytes(FORMATS[name])
    member = "::w" if name.endswith("safetensors") else ""
    local, remote = open_source(f"{here}{member}"), open_source(f"{web.url}/{name}{member}")
    assert (remote.total, remote.d, remote.dtype, remote.layout) == (local.total, local.d, local.dtype, local.layout)
    for count in (1, 3, 7, 10_000) if name == "a.parquet" else (7, 10_000):
        blocks = list(zip(remote.read(count), local.read(count), strict=True))
        for one, other in blocks:
            np.testing.assert_array_equal(one.rows, other.rows)
            np.testing.assert_array_equal(one.index, other.index)
            assert one.extra.keys() == other.extra.keys()
    assert not any(method == "GET" and web.seen["GET", path] == 0 for method, path in web.seen)


def test_a_report_is_the_one_of_the_local_file(web: Ranges, tmp_path: Path) -> None:
    web.files["/a.parquet"] = FORMATS["a.parquet"]
    (tmp_path / "a.parquet").write_bytes(FORMATS["a.parquet"])
    remote = labelfree.rank(f"{web.url}/a.parquet?sig=SECRET")
    local = labelfree.rank(tmp_path / "a.parquet")
    assert remote.input.sources == [f"{web.url}/a.parquet"]
    assert {k: v.value for k, v in remote.metrics.items()} == {k: v.value for k, v in local.metrics.items()}


@pytest.mark.parametrize("trouble", [[500, 503, 429], ["cut", "cut"], ["slow"], [500, "cut", 502, "slow"]])
def test_faults_that_pass_change_nothing(web: Ranges, trouble: list[int | str]) -> None:
    web.files["/a.npy"] = FORMATS["a.npy"]
    source = open_source(f"{web.url}/a.npy")
    web.faults[:] = trouble
    np.testing.assert_array_equal(rows_of(source, 100), ROWS)
    assert web.faults == []


def test_a_fault_that_stays_is_told_after_five_attempts(web: Ranges) -> None:
    web.files["/a.npy"] = FORMATS["a.npy"]
    source = open_source(f"{web.url}/a.npy")
    web.faults[:] = [503] * 50
    with pytest.raises(SourceError, match=r"/a\.npy: the store is busy or broken \(503\), 5 times; try again later"):
        rows_of(source, 100)
    assert len(web.faults) == 45


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/none.parquet", None, r"/none\.parquet: no such file"),
        ("/a.npy", 403, r"/a\.npy: access is denied \(403\).*netrc"),
        ("/a.npy", 401, r"/a\.npy: access is denied \(401\)"),
        ("/*.npy", None, r"a web server does not list its files"),
        ("/", None, r"expected http://, a place and a file in it"),
        ("/directory", None, r"a web server does not list its files"),
        ("/x.pt", None, r"/x\.pt: expected an archive, .*cannot be read by ranges.*curl -LO http://.*/x\.pt"),
        ("/x.xlsx", None, r"expected Parquet, .* found '\.xlsx'; .*curl -LO"),
        ("/a.csv::w", None, r"expected a \.safetensors or \.npz file, or a directory, before ::w, found \.csv"),
        ("/f.npy", None, r"its numbers lie column after column"),
        ("/short.npy", None, r"short\.npy: expected a complete \.npy file \(its header claims \d+ bytes"),
        ("/short.parquet", None, r"short\.parquet: .*(cannot be read|damaged)"),
        ("/short.safetensors::w", None, r"short\.safetensors: expected a complete safetensors file"),
    ],
)
def test_what_cannot_be_read_is_told(web: Ranges, path: str, status: int | None, message: str) -> None:
    web.files |= {
        "/a.npy": FORMATS["a.npy"],
        "/x.pt": b"\x80\x02.",
        "/x.xlsx": b"",
        "/a.csv": b"",
        "/f.npy": npy(ROWS.T),
    }
    web.files |= {f"/short{Path(n).suffix}": FORMATS[n][:-40] for n in ("a.npy", "a.parquet", "a.safetensors")}
    if status is not None:
        web.statuses[path] = status
    with pytest.raises(LabelfreeError, match=message) as told:
        open_source(web.url + path)
    assert "Traceback" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("https://no-such-host.invalid/a.npy", r"the host no-such-host\.invalid cannot be found"),
        ("http://example.org/a.npy", r"expected https://, found http://"),
        ("http://127.0.0.1:9/a.npy", r"no connection to 127\.0\.0\.1:9, 2 times"),
    ],
)
def test_hosts_that_are_not_reached(name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FIRST_WAIT", 0.01)
    with pytest.raises(SourceError, match=message):
        open_source(name)


def test_a_server_without_ranges_is_refused(web: Ranges) -> None:
    web.ranges = False
    web.files["/a.npy"] = npy(np.ones((50_000, 12), np.float32))
    with pytest.raises(SourceError, match=r"expected a server that gives ranges, found one that sends the whole file"):
        rows_of(open_source(f"{web.url}/a.npy"), 1000)


@pytest.mark.parametrize("name", ["a.npy", "a.parquet", "a.arrow", "a.csv", "a.npz"])
def test_a_file_that_changes_is_noticed(web: Ranges, name: str) -> None:
    web.files[f"/{name}"] = FORMATS[name]
    source = open_source(f"{web.url}/{name}")
    blocks = source.read(50)
    next(blocks)
    web.files[f"/{name}"] = every_format(ROWS + 1)[name]
    with pytest.raises(SourceError, match=r"changed while it was read; measure it again when it is at rest"):
        list(blocks)
    with pytest.raises(SourceError, match=r"changed while it was read"):
        list(source.read(50))  # nor is it read as another one later


def test_a_large_file_is_read_in_ranges_and_not_whole(web: Ranges) -> None:
    wide = np.random.default_rng(1).normal(size=(60_000, 32)).astype(np.float32)
    web.files["/large.parquet"] = parquet(wide, row_group_size=10_000)
    source = open_source(f"{web.url}/large.parquet")
    opened = web.seen["GET", "/large.parquet"]
    assert source.total == len(wide)
    assert opened <= 6 + len(web.files["/large.parquet"]) // (1 << 16)  # headers of pages, 64 KiB at a time at most
    np.testing.assert_array_equal(rows_of(source, 8192), wide)


def test_bytes_at_the_ends_of_pieces(web: Ranges) -> None:
    content = np.random.default_rng(2).bytes((2 << 23) + 12_345)
    web.files["/x"] = content
    file: RemoteFile = remote_file(f"{web.url}/x")
    with file.open() as stream:
        for at in (0, (1 << 23) - 1, 1 << 23, (2 << 23) - 3, len(content) - 5, len(content)):
            stream.seek(at)
            assert stream.read(7) == content[at : at + 7]
        stream.seek(3)
        assert stream.read() == content[3:]
    for at in (0, 65_535, 65_536, len(content) - 3):
        assert file.read_at(at, 10) == content[at : at + 10]


def test_several_files_are_one_data_set_and_a_width_apart_is_named(web: Ranges) -> None:
    web.files |= {"/a.parquet": parquet(ROWS[:300]), "/b.parquet": parquet(ROWS[300:], 300)}
    source = open_source([f"{web.url}/a.parquet", f"{web.url}/b.parquet"])
    np.testing.assert_array_equal(rows_of(source, 64), ROWS)
    web.files["/c.parquet"] = parquet(ROWS[:9, :4])
    with pytest.raises(LabelfreeError, match=r"/c\.parquet: expected 12 numbers per row as in .*/a\.parquet, found 4"):
        open_source([f"{web.url}/a.parquet", f"{web.url}/c.parquet"])


@pytest.mark.parametrize("target", ["https://h/x.json?sig=SECRET", "hf://datasets/a/b/x.json"])
def test_no_result_goes_where_files_are_not_replaced_at_once(target: str) -> None:
    with pytest.raises(OutputError, match=r"expected a place where a file is replaced at once") as told:
        labelfree.rank(ROWS).save(target)
    assert "SECRET" not in str(told.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: labelfree.rank("s3://b/m.safetensors", data=ROWS), r"a checkpoint that is run on this machine"),
    ],
)
def test_what_needs_a_file_here_says_so(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(LabelfreeError, match=message) as told:
        call()
    assert "SECRET" not in str(told.value)


def test_credentials_are_in_no_output(web: Ranges, labelfree: object, tmp_path: Path) -> None:
    assert callable(labelfree)
    web.files["/a.parquet"] = FORMATS["a.parquet"]
    web.token = "sig=S3CR3T"
    host = web.url.removeprefix("http://")
    good, bad = (f"http://me:S3CR3Tpass@{host}/{name}.parquet?sig=S3CR3T" for name in ("a", "none"))
    outputs = [
        labelfree(
            "rank",
            good,
            "-v",
            "-o",
            "r.json",
            "-o",
            "r.html",
            "-o",
            "r.csv",
            "--append",
            "h.jsonl",
            "--step",
            1,
            started=True,
        ),
        labelfree("rank", good, "--json", started=True),
        labelfree("rank", bad, started=True),
        labelfree("doctor", good, started=True),
        labelfree("rank", good, "--column", "none", started=True),
        labelfree("rank", good, "-o", good, started=True),
        labelfree("drift", good, "--reference", good, "-o", "d.json", started=True),
        labelfree(
            "gate", "--history", "h.jsonl", "--require", "rankme > 3", "-o", "g.json", "-o", "g.xml", started=True
        ),
        labelfree("report", "r.json", "-o", "page.html", started=True),
        labelfree("gate", "r.json", "--require", "rankme > 3", "-o", "junit.xml", started=True),
    ]
    assert [done.returncode for done in outputs] == [0, 0, 2, 0, 2, 2, 0, 0, 0, 0], [done.stderr for done in outputs]
    said = "".join(done.stdout + done.stderr for done in outputs)
    written = "".join(file.read_text(errors="replace") for file in tmp_path.rglob("*") if file.is_file())
    assert f"http://{host}/a.parquet" in said
    assert f"http://{host}/a.parquet" in written
    for name in ("g.xml", "junit.xml"):  # the cases of a CI are read by more people than anything else
        assert "<testcase" in (tmp_path / name).read_text()
    assert "S3CR3T" not in said + written
    assert "Traceback" not in said
