"""Fetching from a server that may do anything."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelway_server.artifacts import download, stores
from modelway_server.artifacts.fetch import fetch
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.errors import (
    AccessDenied,
    ArtifactTooLarge,
    FetchFailed,
    FetchFailure,
    FetchTimeout,
    ModelNotFound,
)
from support.stores.nasty_store import Answer, NastyStore, endless, file, nasty_store, stalling, status

MODEL = bytes(range(256)) * 8192
REPLACEMENT = MODEL[::-1]


@pytest.fixture
def store() -> Iterator[NastyStore]:
    with nasty_store() as running:
        yield running


def fetch_file(
    store: NastyStore,
    directory: Path,
    *answers: Answer,
    path: str = "/v7/model.joblib",
    max_bytes: int = 1 << 30,
    seconds: float = 20,
    environ: dict[str, str] | None = None,
) -> ArtifactRecord:
    store.answers.extend(answers)
    return asyncio.run(fetch(store.url + path, directory, max_bytes=max_bytes, seconds=seconds, environ=environ or {}))


def test_file_arrives_whole_and_read_only_with_its_record(store: NastyStore, tmp_path: Path) -> None:
    record = fetch_file(store, tmp_path, file(MODEL), path="/v7/model.joblib?sig=s3cr3t")
    arrived = tmp_path / "model.joblib"
    assert arrived.read_bytes() == MODEL
    assert arrived.stat().st_mode & 0o777 == 0o444
    assert json.loads((tmp_path / ".modelway.json").read_text()) == {
        "uri": f"{store.url}/v7/model.joblib",
        "file": "model.joblib",
        "digest": f"sha256:{hashlib.sha256(MODEL).hexdigest()}",
        "bytes": len(MODEL),
        "files": 1,
        "version": 'etag:"1"',
    }
    assert ArtifactRecord.read(tmp_path) == record
    assert store.requests[0].path == "/v7/model.joblib?sig=s3cr3t"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".modelway.json", "model.joblib"]


def test_broken_download_resumes_at_the_last_byte(store: NastyStore, tmp_path: Path) -> None:
    fetch_file(store, tmp_path, file(MODEL, cut=1_500_000), file(MODEL))
    assert (tmp_path / "model.joblib").read_bytes() == MODEL
    again = store.requests[1].headers
    assert 1_000_000 < int(again["range"].removeprefix("bytes=").removesuffix("-")) <= 1_500_000
    assert again["if-match"] == '"1"'


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([file(MODEL, cut=1_500_000), file(REPLACEMENT, etag='"2"')], id="412 on If-Match"),
        pytest.param([file(MODEL, cut=1_500_000), file(REPLACEMENT, etag='"2"', ranges=False)], id="no ranges"),
        pytest.param([file(MODEL, cut=1_500_000, etag=None), file(REPLACEMENT, etag=None)], id="no etag"),
        pytest.param([file(MODEL, cut=1_500_000, etag='W/"1"'), file(REPLACEMENT, etag='W/"1"')], id="weak etag"),
    ],
)
def test_bytes_of_two_versions_are_never_mixed(store: NastyStore, tmp_path: Path, answers: list[Answer]) -> None:
    record = fetch_file(store, tmp_path, *answers)
    assert (tmp_path / "model.joblib").read_bytes() == REPLACEMENT
    assert record.digest == f"sha256:{hashlib.sha256(REPLACEMENT).hexdigest()}"


@pytest.mark.parametrize("code", [500, 503, 429])
def test_temporary_refusal_is_retried(store: NastyStore, tmp_path: Path, code: int) -> None:
    fetch_file(store, tmp_path, status(code), status(code), file(MODEL))
    assert len(store.requests) == 3


@pytest.mark.parametrize(
    ("code", "failure", "words"),
    [
        (404, ModelNotFound, "nothing at"),
        (410, ModelNotFound, "nothing at"),
        (401, AccessDenied, "refused a request without credentials: 401 Unauthorized"),
        (403, AccessDenied, "403 Forbidden"),
        (400, FetchFailed, "400 Bad Request"),
        (501, FetchFailed, "501 Not Implemented"),
    ],
)
def test_permanent_refusal_is_reported_at_once(
    store: NastyStore, tmp_path: Path, code: int, failure: type[FetchFailure], words: str
) -> None:
    with pytest.raises(failure, match=words) as refusal:
        fetch_file(store, tmp_path, status(code), path="/model.joblib?sig=s3cr3t")
    assert len(store.requests) == 1
    assert "s3cr3t" not in refusal.value.message
    assert list(tmp_path.iterdir()) == []


def test_failing_store_is_given_up_with_its_last_message(store: NastyStore, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="503 Service Unavailable; gave up after 6 tries"):
        fetch_file(store, tmp_path, status(503))
    assert len(store.requests) == 6


def test_connection_that_always_breaks_is_given_up(store: NastyStore, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="in the middle of the file; gave up"):
        fetch_file(store, tmp_path, file(MODEL, etag=None, cut=1000))


def test_wrong_length_from_a_store_without_ranges_is_given_up(store: NastyStore, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="server cannot send the rest alone; gave up"):
        fetch_file(store, tmp_path, file(MODEL, length=len(MODEL) + 1, ranges=False))
    assert list(tmp_path.iterdir()) == []


def test_refused_connection_is_named(tmp_path: Path) -> None:
    with nasty_store() as store_url:
        pass
    with pytest.raises(FetchFailed, match="connection refused"):
        fetch_file(store_url, tmp_path)


def test_unknown_host_is_named(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="does not resolve"):
        asyncio.run(fetch("http://no-such.invalid/m.joblib", tmp_path, max_bytes=1, seconds=20, environ={}))


def test_file_over_the_cap_is_refused_before_it_is_read(store: NastyStore, tmp_path: Path) -> None:
    with pytest.raises(ArtifactTooLarge, match=r"8\.0 TiB .* cap is 1\.0 MiB") as refusal:
        fetch_file(store, tmp_path, file(b"x", length=8 << 40), max_bytes=1 << 20)
    assert "maxArtifactBytes" in refusal.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_end_in_the_middle_of_an_answer_leaves_no_traceback(
    store: NastyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(FetchTimeout):
        fetch_file(store, tmp_path, stalling(MODEL, store), seconds=0.3)
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_file_at_the_cap_is_accepted(store: NastyStore, tmp_path: Path) -> None:
    assert fetch_file(store, tmp_path, file(MODEL), max_bytes=len(MODEL)).bytes == len(MODEL)


def test_written_bytes_count_against_the_cap(tmp_path: Path) -> None:
    with download.Draft(tmp_path, max_bytes=10) as draft:
        draft.write(b"12345678")
        with pytest.raises(ArtifactTooLarge):
            draft.write(b"901")


def test_body_without_length_is_refused(store: NastyStore, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="no Content-Length"):
        fetch_file(store, tmp_path, endless)


def test_deadline_ends_a_fetch_and_says_how_far_it_came(store: NastyStore, tmp_path: Path) -> None:
    with pytest.raises(FetchTimeout, match=r"[KM]iB .* of 2\.0 MiB .* arrived in 0\.5 seconds"):
        fetch_file(store, tmp_path, stalling(MODEL, store), seconds=0.5)
    assert list(tmp_path.iterdir()) == []


def test_stalled_connection_is_closed_and_resumed(
    store: NastyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "READ_SECONDS", 0.3)
    fetch_file(store, tmp_path, stalling(MODEL, store), file(MODEL))
    assert (tmp_path / "model.joblib").read_bytes() == MODEL
    assert store.requests[1].headers["range"] != "bytes=0-"


def test_credentials_are_sent_to_their_host_alone(store: NastyStore, tmp_path: Path) -> None:
    with nasty_store() as other:
        other.answers.append(file(MODEL))
        token = {"MODELWAY_HTTP_TOKEN": "s3cr3t\n"}
        fetch_file(store, tmp_path, status(302, Location=f"{other.url}/real.joblib"), environ=token)
        assert store.requests[0].headers["authorization"] == "Bearer s3cr3t"
        assert "authorization" not in other.requests[0].headers
    assert (tmp_path / "model.joblib").read_bytes() == MODEL


def test_user_and_password_are_sent_as_basic_credentials(store: NastyStore, tmp_path: Path) -> None:
    fetch_file(store, tmp_path, file(MODEL), environ={"HTTP_USERNAME": "ann", "HTTP_PASSWORD": "pw"})
    assert store.requests[0].headers["authorization"] == "Basic YW5uOnB3"


def test_redirect_to_a_local_file_is_not_followed(store: NastyStore, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="302"):
        fetch_file(store, tmp_path, status(302, Location="file:///etc/passwd"))


def test_circular_redirects_end(store: NastyStore, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="more than ten redirects"):
        fetch_file(store, tmp_path, status(302, Location="/again"))


def test_compressed_bytes_are_kept_unchanged(store: NastyStore, tmp_path: Path) -> None:
    def compressed(handler: object) -> None:
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.send_header("Content-Encoding", "gzip")  # type: ignore[attr-defined]
        handler.send_header("Content-Length", "4")  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        handler.wfile.write(b"\x1f\x8b\x08\x00")  # type: ignore[attr-defined]

    assert fetch_file(store, tmp_path, compressed).bytes == 4
