"""What may stand in model.uri."""

import pytest

from modelway_server.artifacts.uri import parse_uri
from modelway_server.errors import InvalidURI


@pytest.mark.parametrize(
    ("uri", "host", "path", "file_name"),
    [
        ("s3://models/fraud/v7/model.joblib", "models", "fraud/v7/model.joblib", "model.joblib"),
        ("s3://models/a%20b.pkl", "models", "a%20b.pkl", "a_b.pkl"),
        ("https://host:8443/m/model.joblib?sig=s3cr3t", "host:8443", "/m/model.joblib", "model.joblib"),
        ("file:///models/my%20model.joblib", "", "/models/my model.joblib", "my_model.joblib"),
        ("file:///models/.modelway.json", "", "/models/.modelway.json", "modelway.json"),
        ("s3://models/...", "models", "...", "model"),
        ("s3://models/fraud/v7/", "models", "fraud/v7/", "v7"),
        ("file:///models/my%20model/", "", "/models/my model/", "my_model"),
    ],
)
def test_valid_uri_is_parsed(uri: str, host: str, path: str, file_name: str) -> None:
    location = parse_uri(uri)
    assert (location.host, location.path, location.file_name) == (host, path, file_name)
    assert location.folder == uri.endswith("/")


def test_shown_uri_holds_no_signature() -> None:
    assert parse_uri("https://host/model.joblib?sig=s3cr3t").public == "https://host/model.joblib"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("model.joblib", "scheme ''"),
        ("gopher://host/model", "scheme 'gopher'"),
        ("FTP://host/model", "scheme 'ftp'"),
        ("s3://models", "names no file and no folder"),
        ("s3://models/", "names no file and no folder"),
        ("file:///", "names no file and no folder"),
        ("s3://models/v7//", "more than one '/'"),
        ("https://host", "lists no folder"),
        ("https://host/v7/", "lists no folder"),
        ("https:///model.joblib", "host is missing"),
        ("s3:///model.joblib", "bucket is missing"),
        ("s3://mo,dels/model.joblib", "not a bucket"),
        ("s3://models/a/../b", "'..'"),
        ("https://host/a/%2e%2e/b", "'..'"),
        ("file:///models/%2E%2E/etc/passwd", "'..'"),
        ("file://host/model.joblib", "names no host"),
        ("https://host/my model.joblib", "whitespace"),
        ("https://host/model\u202e.joblib", "control characters"),
        ("https://host/model.joblib#v7", "'#'"),
        ("s3://models/model.joblib?versionId=7", "'?'"),
        ("https://host:port/model", "not a URI"),
        ("https://[::1/model", "not a URI"),
        ("https://host/" + "a" * 2048, "2061 characters"),
    ],
)
def test_invalid_uri_is_refused_with_its_cause(uri: str, words: str) -> None:
    with pytest.raises(InvalidURI) as refusal:
        parse_uri(uri)
    assert words in refusal.value.message
    assert refusal.value.remedy


def test_password_in_a_uri_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidURI) as refusal:
        parse_uri("https://ann:s3cr3t@host/model.joblib")
    assert "s3cr3t" not in refusal.value.message
    assert "HTTP_PASSWORD" in refusal.value.remedy
