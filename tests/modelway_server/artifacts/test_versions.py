"""The store's mark of an object as text on a command line and in a report."""

import json

import pytest

from modelway_server.artifacts.fetch import report_of
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.artifacts.versions import MAX_VERSION, version_id_of, version_text
from modelway_server.process.exit_report import encode

ETAG = '"d41d8cd98f00b204e9800998ecf8427e-3"'


@pytest.mark.parametrize(
    "version_id",
    [
        "507b4577-00f6-497d-94db-b01f57110050",
        "3/L4kqtJlcpXroDTDmpUMLUo",
        "CAEQNhiBgMDJgZCA0BYiIDc4MGZjZGI2OTBjOTRmNTE5NmU5NmFhZjhjYmY0",
        "4_z27c88f1d182b150646ff0b16_f1003c994b5b2a2b5_d20190327_m213412_c001_v0001015_t0018",
        "-starts.with+odd=",
    ],
)
def test_version_id_is_read_back_from_its_text(version_id: str) -> None:
    text = version_text(version_id, ETAG)
    assert text == f"s3:{version_id}"
    assert version_id_of(text) == version_id


@pytest.mark.parametrize("version_id", [None, "", "null", "$(TOKEN)", "a b", "a\nb", "é", "a*b", "x" * 254])
def test_version_id_that_cannot_be_asked_for_leaves_the_etag(version_id: str | None) -> None:
    assert version_text(version_id, ETAG) == f"etag:{ETAG}"
    assert version_id_of(f"s3:{version_id or ''}") is None


@pytest.mark.parametrize("e_tag", [None, "", 'W/"1"', "1", '"a"b"', '"$(TOKEN)"', '"a b"', f'"{"x" * 250}"'])
def test_etag_that_promises_nothing_or_misleads_is_no_mark(e_tag: str | None) -> None:
    assert version_text(None, e_tag) is None


@pytest.mark.parametrize("text", [None, "", "s3:", "s3:null", f"etag:{ETAG}", "gcs:17", "s3:a b"])
def test_text_without_a_version_id_holds_none(text: str | None) -> None:
    assert version_id_of(text) is None


@pytest.mark.parametrize("filler", ["x", "\\"])
def test_longest_version_is_reported_whole(filler: str) -> None:
    version = f'etag:"{filler * (MAX_VERSION - 7)}"'
    record = ArtifactRecord("s3://models/" + "é" * 2000, "m", f"sha256:{'0' * 64}", 1, version=version)
    assert json.loads(encode(report_of(record)))["version"] == version
