"""Fetching over the real S3 protocol, from a server that checks signatures."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelway_server.artifacts.fetch import fetch
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.artifacts.stores import s3_endpoint
from modelway_server.errors import AccessDenied, FetchFailed, FetchFailure, InvalidURI, ModelNotFound
from support.stores.buckets import buckets

MODEL = b"model" * 1000


@pytest.fixture(scope="module")
def secret() -> Iterator[dict[str, str]]:
    with buckets("models") as running:
        running.put("models", {"fraud/v7/model.joblib": MODEL})
        running.put("models", {"frozen.joblib": MODEL}, storage_class="GLACIER")
        yield running.secret


def fetch_file(uri: str, directory: Path, environ: dict[str, str]) -> ArtifactRecord:
    return asyncio.run(fetch(uri, directory, max_bytes=1 << 20, seconds=20, environ=environ))


def test_credentials_of_the_secret_open_the_bucket(secret: dict[str, str], tmp_path: Path) -> None:
    record = fetch_file("s3://models/fraud/v7/model.joblib", tmp_path, secret)
    assert (tmp_path / "model.joblib").read_bytes() == MODEL
    assert (record.uri, record.bytes) == ("s3://models/fraud/v7/model.joblib", len(MODEL))


def test_object_in_an_archive_class_is_not_called_a_matter_of_keys(secret: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="archive class") as refusal:
        fetch_file("s3://models/frozen.joblib", tmp_path, secret)
    assert refusal.value.remedy.startswith("Restore the object")


def test_line_end_in_a_secret_value_is_ignored(secret: dict[str, str], tmp_path: Path) -> None:
    fetch_file("s3://models/fraud/v7/model.joblib", tmp_path, {name: value + "\n" for name, value in secret.items()})


@pytest.mark.parametrize(
    ("uri", "failure", "words"),
    [
        ("s3://models/fraud/v8/model.joblib", ModelNotFound, "NoSuchKey"),
        ("s3://nobody/model.joblib", ModelNotFound, "NoSuchBucket"),
        ("s3://models/fraud/v7", InvalidURI, "holds for example s3://models/fraud/v7/model.joblib"),
    ],
)
def test_missing_object_and_folder_have_their_own_reasons(
    secret: dict[str, str], tmp_path: Path, uri: str, failure: type[FetchFailure], words: str
) -> None:
    with pytest.raises(failure, match=words):
        fetch_file(uri, tmp_path, secret)


def test_private_object_without_credentials_is_refused(secret: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(AccessDenied, match="refused a request without credentials") as refusal:
        fetch_file("s3://models/fraud/v7/model.joblib", tmp_path, {"AWS_ENDPOINT_URL": secret["AWS_ENDPOINT_URL"]})
    assert "storage.secretRef" in refusal.value.remedy


@pytest.mark.parametrize(
    ("variable", "words"),
    [("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch")],
)
def test_wrong_credentials_are_refused_and_not_shown(
    secret: dict[str, str], tmp_path: Path, variable: str, words: str
) -> None:
    with pytest.raises(AccessDenied, match=f"refused the credentials given: 403 Forbidden .{words}") as refusal:
        fetch_file("s3://models/fraud/v7/model.joblib", tmp_path, {**secret, variable: "AKIAIOSFODNN7EXAMPLE"})
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
def test_endpoint_is_read_from_each_known_variable(environ: dict[str, str], endpoint: str | None) -> None:
    assert s3_endpoint(environ) == endpoint


def test_plain_http_is_refused_when_the_secret_forbids_it(tmp_path: Path) -> None:
    environ = {"AWS_ENDPOINT_URL": "http://minio.ml:9000", "AWS_ALLOW_HTTP": "false"}
    with pytest.raises(InvalidURI, match="plain http"):
        fetch_file("s3://models/model.joblib", tmp_path, environ)
