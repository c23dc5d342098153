"""Fetching over the real S3 protocol, from a server that checks signatures."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from modelway_server.artifacts.fetch import fetch
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.artifacts.remote import s3_endpoint
from modelway_server.errors import AccessDenied, FetchFailure, InvalidURI, ModelNotFound

MODEL = b"model" * 1000
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


@pytest.fixture(scope="module")
def secret() -> Iterator[dict[str, str]]:
    """What a user's Secret holds: an endpoint with a private bucket, and keys that may read it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    anybody = {
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "any",
        "aws_secret_access_key": "any",
        "config": Config(retries={"total_max_attempts": 1}),
    }
    iam, s3 = boto3.client("iam", **anybody), boto3.client("s3", **anybody)
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="read", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="fraud/v7/model.joblib", Body=MODEL)
    iam.close()
    s3.close()
    check_signatures(endpoint, after_requests="0")
    yield {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_ENDPOINT_URL": endpoint,
    }
    check_signatures(endpoint, after_requests="inf")
    server.stop()


def check_signatures(endpoint: str, after_requests: str) -> None:
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=after_requests.encode(), headers={"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def fetched(uri: str, directory: Path, environ: dict[str, str]) -> ArtifactRecord:
    return asyncio.run(fetch(uri, directory, max_bytes=1 << 20, seconds=20, environ=environ))


def test_the_secret_opens_the_bucket(secret: dict[str, str], tmp_path: Path) -> None:
    record = fetched("s3://models/fraud/v7/model.joblib", tmp_path, secret)
    assert (tmp_path / "model.joblib").read_bytes() == MODEL
    assert (record.uri, record.bytes) == ("s3://models/fraud/v7/model.joblib", len(MODEL))


def test_a_line_end_in_the_secret_does_no_harm(secret: dict[str, str], tmp_path: Path) -> None:
    fetched("s3://models/fraud/v7/model.joblib", tmp_path, {name: value + "\n" for name, value in secret.items()})


@pytest.mark.parametrize(
    ("uri", "failure", "said"),
    [
        ("s3://models/fraud/v8/model.joblib", ModelNotFound, "NoSuchKey"),
        ("s3://nobody/model.joblib", ModelNotFound, "NoSuchBucket"),
        ("s3://models/fraud/v7", InvalidURI, "holds for example s3://models/fraud/v7/model.joblib"),
    ],
)
def test_what_is_not_a_file_there_is_told_apart(
    secret: dict[str, str], tmp_path: Path, uri: str, failure: type[FetchFailure], said: str
) -> None:
    with pytest.raises(failure, match=said):
        fetched(uri, tmp_path, secret)


def test_without_credentials_a_private_object_is_refused(secret: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(AccessDenied, match="refused a request without credentials") as refusal:
        fetched("s3://models/fraud/v7/model.joblib", tmp_path, {"AWS_ENDPOINT_URL": secret["AWS_ENDPOINT_URL"]})
    assert "storage.secretRef" in refusal.value.remedy


@pytest.mark.parametrize(
    ("variable", "said"),
    [("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch")],
)
def test_wrong_credentials_are_refused_and_not_repeated(
    secret: dict[str, str], tmp_path: Path, variable: str, said: str
) -> None:
    with pytest.raises(AccessDenied, match=f"refused the credentials given: 403 Forbidden .{said}") as refusal:
        fetched("s3://models/fraud/v7/model.joblib", tmp_path, {**secret, variable: "AKIAIOSFODNN7EXAMPLE"})
    assert "AKIAIOSFODNN7EXAMPLE" not in refusal.value.message


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, None),
        ({"AWS_ENDPOINT_URL": "https://a", "AWS_ENDPOINT_URL_S3": "https://b"}, "https://b"),
        ({"S3_ENDPOINT": "minio.ml:9000"}, "https://minio.ml:9000"),
        ({"S3_ENDPOINT": "minio.ml:9000", "S3_USE_HTTPS": "0"}, "http://minio.ml:9000"),
        ({"AWS_ENDPOINT_URL": "http://minio.ml:9000", "AWS_ALLOW_HTTP": "true"}, "http://minio.ml:9000"),
    ],
)
def test_the_endpoint_is_read_from_the_names_in_use(environ: dict[str, str], endpoint: str | None) -> None:
    assert s3_endpoint(environ) == endpoint


def test_plain_http_is_refused_where_the_secret_forbids_it(tmp_path: Path) -> None:
    environ = {"AWS_ENDPOINT_URL": "http://minio.ml:9000", "AWS_ALLOW_HTTP": "false"}
    with pytest.raises(InvalidURI, match="plain http"):
        fetched("s3://models/model.joblib", tmp_path, environ)
