"""What the API accepts as model.uri, fetch understands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.api import location
from modelway.api.v1alpha1 import ModelDeployment
from modelway.errors import InvalidSpec
from modelway_server.artifacts.uri import parse_uri
from modelway_server.errors import InvalidURI


def accepted_by_the_api(uri: str) -> bool:
    manifest = {
        "apiVersion": "modelway.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud"},
        "spec": {"model": {"uri": uri}},
    }
    try:
        ModelDeployment.parse(manifest)
    except InvalidSpec:
        return False
    return True


@pytest.mark.parametrize(
    ("uri", "file_name"),
    [
        ("s3://models/fraud/v7/model.joblib", "model.joblib"),
        ("s3://models/model with%20escape.joblib".replace(" ", "_"), "model_with_escape.joblib"),
        ("https://models.example.com:8443/fraud/model.pkl?X-Amz-Signature=a/b", "model.pkl"),
        ("http://127.0.0.1/model", "model"),
        ("http://[::1]:8000/model", "model"),
        ("file:///models/modèle.joblib", "mod_le.joblib"),
        ("s3://models/fraud/v7/", "v7"),
        ("file:///models/fraud/", "fraud"),
    ],
)
def test_both_programs_accept_the_uri(uri: str, file_name: str) -> None:
    assert accepted_by_the_api(uri)
    assert parse_uri(uri).file_name == file_name


@pytest.mark.parametrize(
    "uri",
    [
        "gs://models/model",
        "s3://models",
        "s3://models/",
        "s3://models/a//",
        "file:///",
        "https://host/a/",
        "s3://models/../model",
        "https://host/%2e%2e/model",
        "https://ann:pw@host/model",
        "https://host/my model",
        "file://host/model",
        "file:///models/m?x",
        "s3://models/m#x",
    ],
)
def test_both_programs_refuse_the_uri(uri: str) -> None:
    assert not accepted_by_the_api(uri)
    with pytest.raises(InvalidURI):
        parse_uri(uri)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.from_regex(location._S3) | st.from_regex(location._FILE) | st.from_regex(location._HTTP))
def test_accepted_uris_have_a_safe_name_or_a_named_cause(uri: str) -> None:
    try:
        name = parse_uri(uri).file_name
    except InvalidURI:
        return
    assert name
    assert len(name) <= 200
    assert not name.startswith(".")
    assert all(char.isascii() and (char.isalnum() or char in "._-") for char in name)
