"""A server of Azure's blobs on loopback, azurite, where `scripts/test --slow` has put one."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest

import labelfree
from labelfree import history
from labelfree.documents.stores import faults
from labelfree.documents.stores.azure import by_key
from labelfree.documents.stores.names import parsed_name
from labelfree.errors import SourceError
from remote_data import every_format, parquet

AZURITE = os.environ.get("AZURITE") or shutil.which("azurite-blob")
ROWS = np.random.default_rng(0).normal(size=(600, 12)).astype(np.float32)
ACCOUNT, KEY = "emulated", base64.b64encode(b"S3CR3T key of an account on loopback alone").decode()
VARIABLES = ("CONNECTION_STRING", "ACCOUNT", "KEY", "SAS_TOKEN")
NUMBERS = count()
running = pytest.mark.skipif(AZURITE is None, reason="needs azurite: scripts/test --slow")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(AZURITE), "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1"]
    place = tmp_path_factory.mktemp("azurite")
    made = subprocess.Popen(
        [*words, "--blobPort", str(port), "--location", str(place)], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
    )  # fmt: skip
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        made.terminate()
        made.wait()


@pytest.fixture
def container(server: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, str]]:
    """The name of a new container, and what the environment says of its account."""
    monkeypatch.setattr(faults, "FIRST_WAIT", 0.01)
    said = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={server};"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", said)
    name = f"box{next(NUMBERS)}"
    place = f"abfss://{name}@{ACCOUNT}.dfs.core.windows.net"
    found = by_key(parsed_name(f"{place}/x"))
    assert found is not None
    found[0].create_dir(name)
    return place, {"AZURE_STORAGE_CONNECTION_STRING": said}


def put(place: str, key: str, content: bytes) -> None:
    found = by_key(parsed_name(f"{place}/{key}"))
    assert found is not None
    with found[0].open_output_stream(f"{found[1]}/{key}", compression=None) as stream:
        stream.write(content)


@running
@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("name", every_format(ROWS[:300]))
def test_every_format(container: tuple[str, dict[str, str]], name: str) -> None:
    place, _ = container
    put(place, f"f/{name}", every_format(ROWS[:300])[name])
    member = "::w" if name.endswith("safetensors") else ""
    found = labelfree.rank(f"{place}/f/{name}{member}", only="rankme")
    assert float(found["rankme"]) == float(labelfree.rank(ROWS[:300], only="rankme")["rankme"])


@running
@pytest.mark.slow
@pytest.mark.integration
def test_directories_patterns_results_and_histories(container: tuple[str, dict[str, str]]) -> None:
    place, _ = container
    for i in range(3):
        put(place, f"run/{i}.parquet", parquet(ROWS[200 * i : 200 * (i + 1)], 200 * i, row_group_size=20))
    whole = labelfree.rank(ROWS)["rankme"].value
    for name in (f"{place}/run", f"{place}/run/*.parquet"):
        report = labelfree.rank(name)
        assert report["rankme"].value == pytest.approx(whole, rel=1e-12)
    assert labelfree.rank(f"{place}/run", rows="50%").input.n == 300
    report.save(f"{place}/out/rank.json")
    labelfree.history.append(f"{place}/out/h.jsonl", report, step=1)
    labelfree.history.append(f"{place}/out/h.jsonl", report, step=2)
    assert [one["step"] for one in history.read(f"{place}/out/h.jsonl")] == [1, 2]
    assert labelfree.read(f"{place}/out/rank.json")[0]["rankme"].value == pytest.approx(whole, rel=1e-9)


@running
@pytest.mark.slow
@pytest.mark.integration
def test_what_is_missing_and_who_is_refused(
    container: tuple[str, dict[str, str]], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = container
    with pytest.raises(SourceError, match="no such file or bucket"):
        labelfree.rank(f"{place}/none.npy")
    other = base64.b64encode(b"another S3CR3T").decode()
    said = f"AccountName={ACCOUNT};AccountKey={other};BlobEndpoint={server}"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", said)
    with pytest.raises(SourceError, match="access is denied") as told:
        labelfree.rank(f"{place}/none.npy")
    assert "S3CR3T" not in str(told.value)
    assert other not in str(told.value)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"CONNECTION_STRING": f"AccountName={ACCOUNT};AccountKey={KEY}"}, True),
        ({"ACCOUNT": ACCOUNT, "KEY": KEY}, True),
        ({"ACCOUNT": ACCOUNT, "SAS_TOKEN": "?sv=1&sig=S3CR3T"}, True),
        ({"ACCOUNT": ACCOUNT}, False), ({"ACCOUNT": "another", "KEY": KEY}, False), ({}, False),
    ],
)  # fmt: skip
def test_keys_of_the_environment(said: dict[str, str], found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)
    for name, value in said.items():
        monkeypatch.setenv(f"AZURE_STORAGE_{name}", value)
    made = by_key(parsed_name(f"abfss://box@{ACCOUNT}.dfs.core.windows.net/a.parquet"))
    assert (made is not None) == found
    if made is not None:
        assert made[1] == "box"
    assert by_key(parsed_name(f"abfss://{ACCOUNT}.dfs.core.windows.net/box")) is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("AccountKey=S3CR3T!", r"expected the key of an account in AZURE_STORAGE_CONNECTION_STRING or .*, found none"),
        (
            f"AccountKey={KEY};BlobEndpoint=S3CR3T",
            r"expected the address of a server as BlobEndpoint in AZURE_STORAGE_C",
        ),
    ],
)
def test_what_would_end_the_process_is_refused(said: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"AccountName={ACCOUNT};{said}")
    with pytest.raises(SourceError, match=message) as told:
        labelfree.rank(f"abfss://box@{ACCOUNT}.dfs.core.windows.net/a.parquet")
    assert "S3CR3T" not in str(told.value)
