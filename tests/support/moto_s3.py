"""A real server of S3 on loopback, with one bucket, and what the environment of its users holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def moto_s3() -> Iterator[tuple[dict[str, str], Any]]:
    """The variables of who uses the server, and a client of it; the bucket is called bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        url = "http://{}:{}".format(*running.get_host_and_port())
        env = {
            "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "S3CR3Tid", "AWS_SECRET_ACCESS_KEY": "S3CR3Tkey",
            "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        client = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        client.create_bucket(Bucket="bucket")
        yield env, client
    finally:
        running.stop()
