"""An S3 server that checks signatures, with private buckets and keys that may read them."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


@dataclass(frozen=True)
class Buckets:
    """A running server; `secret` is what a user's Secret holds."""

    secret: dict[str, str]

    def put(self, bucket: str, objects: Mapping[str, bytes], storage_class: str = "STANDARD") -> None:
        """Store objects by their keys."""
        with self._s3() as s3:
            for key, content in objects.items():
                s3.put_object(Bucket=bucket, Key=key, Body=content, StorageClass=storage_class)

    def delete(self, bucket: str, key: str, version_id: str | None = None) -> None:
        """Delete an object, or one version of it for ever."""
        with self._s3() as s3:
            s3.delete_object(Bucket=bucket, Key=key, **({"VersionId": version_id} if version_id else {}))

    def keep_versions(self, bucket: str, status: str = "Enabled") -> None:
        """Have the bucket keep versions from now on, or no longer (`Suspended`)."""
        with self._s3() as s3:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    @contextmanager
    def _s3(self) -> Iterator[Any]:
        s3 = _client(
            "s3",
            self.secret["AWS_ENDPOINT_URL"],
            self.secret["AWS_ACCESS_KEY_ID"],
            self.secret["AWS_SECRET_ACCESS_KEY"],
        )
        yield s3
        s3.close()


@contextmanager
def buckets(*names: str) -> Iterator[Buckets]:
    """A server on loopback with these buckets for the time of the block."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    _moto(endpoint, "reset")  # servers of one process share their state
    iam, s3 = _client("iam", endpoint, "any", "any"), _client("s3", endpoint, "any", "any")
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="read", PolicyDocument=json.dumps(_POLICY))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    for name in names:
        s3.create_bucket(Bucket=name)
    iam.close()
    s3.close()
    _moto(endpoint, "reset-auth", "0")
    yield Buckets(
        {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_ENDPOINT_URL": endpoint,
        }
    )
    _moto(endpoint, "reset-auth", "inf")
    server.stop()


def _client(service: str, endpoint: str, key: str, secret: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def _moto(endpoint: str, order: str, after_requests: str = "") -> None:
    """Tell the server something; signatures are checked after so many requests."""
    url, body = f"{endpoint}/moto-api/{order}", after_requests.encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "text/plain"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
