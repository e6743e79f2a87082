"""A whole server of S3 on loopback: reading, results and histories in a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import labelfree as package
from labelfree.errors import OutputError, SummaryError
from moto_s3 import moto_s3
from program import Program
from remote_data import every_format, npy, parquet

pytestmark = pytest.mark.integration
pytest.importorskip("moto", reason="needs the extra [integration]")

ROWS = np.random.default_rng(0).normal(size=(800, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[dict[str, str], Any]]:
    with moto_s3() as found:
        yield found


@pytest.fixture
def bucket(server: tuple[dict[str, str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    env, client = server
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return client


@pytest.mark.parametrize("name", every_format(ROWS[:300]))
def test_every_format(bucket: Any, name: str) -> None:
    bucket.put_object(Bucket="bucket", Key=f"f/{name}", Body=every_format(ROWS[:300])[name])
    member = "::w" if name.endswith("safetensors") else ""
    found = package.rank(f"s3://bucket/f/{name}{member}")
    assert float(found["rankme"]) == float(package.rank(ROWS[:300])["rankme"])


@pytest.mark.slow
def test_two_thousand_objects_are_one_data_set(bucket: Any) -> None:
    for i in range(2000):
        bucket.put_object(Bucket="bucket", Key=f"many/part_{i}.npy", Body=npy(ROWS[:8] + i))
    found = package.rank("s3://bucket/many/*.npy")
    assert found.input.n == 16_000
    expected = package.rank(np.concatenate([ROWS[:8] + i for i in range(2000)]).astype(np.float32))
    assert float(found["rankme"]) == pytest.approx(float(expected["rankme"]), rel=1e-9)


def test_results_and_histories_in_the_bucket(
    bucket: Any, server: tuple[dict[str, str], Any], labelfree: Program
) -> None:
    env = server[0]
    bucket.put_object(Bucket="bucket", Key="r/a.parquet", Body=parquet(ROWS, row_group_size=100))

    def run(*words: object, code: int = 0) -> Any:
        done = labelfree(*words, env=env, started=True)
        assert done.returncode == code, done.stderr
        assert "S3CR3T" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    source, history = "s3://bucket/r/a.parquet", "s3://bucket/r/h.jsonl"
    out = [w for s in ("json", "html", "csv", "parquet") for w in ("-o", f"s3://bucket/r/r.{s}")]
    run("rank", source, *out, "--append", history, "--step", 1, "-v")
    run("rank", source, "--append", history, "--step", 2, "-q")
    assert len(run("history", "show", history, "--format", "csv").stdout.split("\n")) == 4
    run(
        "gate",
        "--history",
        history,
        "--require",
        "rankme > 3",
        "-o",
        "s3://bucket/r/g.json",
        "-o",
        "s3://bucket/r/g.xml",
    )
    run("gate", "s3://bucket/r/r.json", "--require", "rankme > 13", code=10)
    assert "s3://bucket/r/page.html" in run("report", "s3://bucket/r/r.json", "-o", "s3://bucket/r/page.html").stdout
    run("history", "remove", history, "--run", "default", "--step", 1)
    lines = bucket.get_object(Bucket="bucket", Key="r/h.jsonl")["Body"].read().decode().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2]
    held = json.loads(bucket.get_object(Bucket="bucket", Key="r/r.json")["Body"].read())
    assert held["reports"][0]["input"]["sources"] == [source]
    keys = {one["Key"] for one in bucket.list_objects_v2(Bucket="bucket", Prefix="r/")["Contents"]}
    assert keys == {"r/a.parquet", "r/h.jsonl", "r/g.json", "r/g.xml", "r/page.html", *(f"r/r.{s}" for s in
                    ("json", "html", "csv", "parquet"))}  # fmt: skip
    for one in keys:
        assert b"S3CR3T" not in bucket.get_object(Bucket="bucket", Key=one)["Body"].read()
    run("rank", source, "-o", "s3://no-such-bucket/r.json", code=2)


def test_summaries_are_written_to_the_bucket_and_read_from_it(
    bucket: Any, server: tuple[dict[str, str], Any], labelfree: Program
) -> None:
    env = server[0]
    for i, (a, b) in enumerate(((0, 300), (300, 500), (500, 800))):
        bucket.put_object(Bucket="bucket", Key=f"s/part_{i}.parquet", Body=parquet(ROWS[a:b], a, row_group_size=70))
    for i in range(3):
        words = ("summarize", f"s3://bucket/s/part_{i}.parquet", "-o", f"s3://bucket/s/{i}.summary", "--with-sample")
        done = labelfree(*words, env=env, started=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"s3://bucket/s/{i}.summary: ")
        assert "S3CR3T" not in done.stdout + done.stderr
    names = [f"s3://bucket/s/{i}.summary" for i in range(3)]
    one = package.merge(names, "s3://bucket/s/all.summary")
    assert one.path == "s3://bucket/s/all.summary"
    whole = package.rank([f"s3://bucket/s/part_{i}.parquet" for i in range(3)], concat=True)
    for found in (package.rank("s3://bucket/s/[0-9].summary"), package.rank(one.path)):
        assert {n: e.model_dump() for n, e in found.metrics.items()} == {
            n: e.model_dump() for n, e in whole.metrics.items()
        }
    bucket.put_object(Bucket="bucket", Key="s/torn.summary", Body=b"\x10" + bytes(100))
    with pytest.raises(SummaryError, match=r"s3://bucket/s/torn\.summary: expected a summary of labelfree"):
        package.rank("s3://bucket/s/torn.summary")


def test_a_history_that_another_writer_changes_is_not_overwritten(bucket: Any) -> None:
    from pathlib import Path

    from labelfree.documents.files import locked, read_text, rewritten

    path = Path("s3://bucket/h/other.jsonl")
    with locked(path):
        rewritten(path, "first\n")
    assert read_text(path) == "first\n"
    with locked(path):
        bucket.put_object(Bucket="bucket", Key="h/other.jsonl", Body=b"theirs\n")
        with pytest.raises(OutputError, match=r"s3://bucket/h/other\.jsonl: another process changed it"):
            rewritten(path, "ours\n")
    assert read_text(path) == "theirs\n"


def test_other_commands_read_from_the_bucket(bucket: Any) -> None:
    for name, rows in (("a", ROWS[:400]), ("b", ROWS[400:]), ("c", ROWS[:400] * 2)):
        bucket.put_object(Bucket="bucket", Key=f"c/{name}.parquet", Body=parquet(rows))
    a, b, c = (f"s3://bucket/c/{name}.parquet" for name in "abc")
    assert package.doctor(a).input.n == 400
    assert package.compare([a, c]).pairs[0].metrics["cka"].value == pytest.approx(1)
    assert package.drift(a, reference=b).input.n == 400
    assert package.transfer(a, source=b).input.n == 400
    assert package.select([a, b, c]) is not None
    assert package.rank([a, b]) is not None
