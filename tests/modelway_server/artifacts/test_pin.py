"""Pinned fetches: the bytes that an earlier fetch brought, or none."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from modelway_server.artifacts.fetch import fetch
from modelway_server.artifacts.pin import Pin
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.errors import (
    AccessDenied,
    ArtifactReplaced,
    ArtifactTooLarge,
    DigestMismatch,
    FetchFailure,
    LoadFailure,
    ModelNotFound,
)
from support.files.packed import MLFLOW, write_folder, write_tar, write_zip
from support.stores.buckets import Buckets, buckets
from support.stores.nasty_store import NastyStore, file, nasty_store, status
from support.stores.versioned_store import VersionedStore, versioned_store

PROVED, OTHER = b"proved" * 100_000, b"others" * 100_000
DIGEST = f"sha256:{hashlib.sha256(PROVED).hexdigest()}"
URI = "s3://models/fraud/model.joblib"
KEY = "fraud/model.joblib"


@pytest.fixture
def bucket() -> Iterator[Buckets]:
    with buckets("models") as running:
        yield running


@pytest.fixture
def store() -> Iterator[VersionedStore]:
    with versioned_store() as running:
        running.put(KEY, PROVED)
        yield running


@pytest.fixture
def web() -> Iterator[NastyStore]:
    with nasty_store() as running:
        yield running


def bring(uri: str, directory: Path, environ: Mapping[str, str], pin: Pin | None = None) -> ArtifactRecord:
    return asyncio.run(fetch(uri, directory, max_bytes=1 << 20, seconds=20, environ=environ, pin=pin))


def pin_of(uri: str, directory: Path, environ: Mapping[str, str]) -> Pin:
    """What a first fetch reports."""
    record = bring(uri, directory, environ)
    return Pin(record.digest, record.version)


def refusal_of(uri: str, directory: Path, environ: Mapping[str, str], pin: Pin) -> LoadFailure:
    """Why a pinned fetch fails; it leaves nothing."""
    with pytest.raises(LoadFailure) as failure:
        bring(uri, directory, environ, pin)
    assert list(directory.glob("*")) == []
    return failure.value


def test_version_of_a_bucket_that_keeps_versions_is_its_id(bucket: Buckets, tmp_path: Path) -> None:
    bucket.keep_versions("models")
    bucket.put("models", {KEY: PROVED})
    version = bring(URI, tmp_path, bucket.secret).version
    assert version is not None
    assert version.startswith("s3:")
    assert ArtifactRecord.read(tmp_path) == ArtifactRecord(URI, "model.joblib", DIGEST, len(PROVED), version=version)


@pytest.mark.parametrize("states", [[], ["Enabled", "Suspended"]])
def test_version_of_a_bucket_without_versions_is_the_etag(bucket: Buckets, tmp_path: Path, states: list[str]) -> None:
    for state in states:
        bucket.keep_versions("models", state)
    bucket.put("models", {KEY: PROVED})
    assert bring(URI, tmp_path, bucket.secret).version == f'etag:"{hashlib.md5(PROVED).hexdigest()}"'


@pytest.mark.parametrize("is_deleted", [False, True])
def test_proved_version_is_fetched_after_the_object_changed(
    bucket: Buckets, tmp_path: Path, *, is_deleted: bool
) -> None:
    bucket.keep_versions("models")
    bucket.put("models", {KEY: PROVED})
    pin = pin_of(URI, tmp_path / "first", bucket.secret)
    bucket.put("models", {KEY: OTHER})
    if is_deleted:
        bucket.delete("models", KEY)
    record = bring(URI, tmp_path / "second", bucket.secret, pin)
    assert (tmp_path / "second" / "model.joblib").read_bytes() == PROVED
    assert (record.digest, record.version) == (pin.digest, pin.version)


def test_object_of_before_versions_is_replaced_once_overwritten(bucket: Buckets, tmp_path: Path) -> None:
    bucket.put("models", {KEY: PROVED})
    bucket.keep_versions("models")
    pin = pin_of(URI, tmp_path / "first", bucket.secret)
    bucket.put("models", {KEY: OTHER})
    assert isinstance(refusal_of(URI, tmp_path / "second", bucket.secret, pin), ArtifactReplaced)


def test_refusal_names_object_digests_versions_and_remedy(store: VersionedStore, tmp_path: Path) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.destroy(KEY, store.versions[KEY][0].version_id)
    other = store.put(KEY, OTHER)
    refusal = refusal_of(URI, tmp_path / "second", store.environ, pin)
    assert (refusal.reason, refusal.exit_code) == ("ArtifactReplaced", 18)
    assert refusal.message == (
        f"{URI} was replaced: sha256:{hashlib.sha256(OTHER).hexdigest()} (s3:{other}) lies there, and {DIGEST} ({pin.version}) "
        "was proved; the store no longer gives the proved version"
    )
    assert "`modelway refresh NAME`" in refusal.remedy


def test_proved_bytes_under_a_new_version_are_taken(store: VersionedStore, tmp_path: Path) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.destroy(KEY, store.versions[KEY][0].version_id)
    again = store.put(KEY, PROVED)
    assert bring(URI, tmp_path / "second", store.environ, pin).version == f"s3:{again}"


def test_bucket_that_lost_its_versions_gives_the_object_of_today(store: VersionedStore, tmp_path: Path) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.reset(versioned=False)
    store.put(KEY, PROVED)
    assert bring(URI, tmp_path / "second", store.environ, pin).digest == DIGEST
    store.put(KEY, OTHER)
    assert "no longer gives the proved version" in refusal_of(URI, tmp_path / "third", store.environ, pin).message


@pytest.mark.parametrize("cuts", [0, 1])
def test_store_that_ignores_versions_is_not_taken_at_its_word(store: VersionedStore, tmp_path: Path, cuts: int) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.put(KEY, OTHER)
    store.ignores_ids, store.cuts = True, cuts
    assert "no longer gives the proved version" in refusal_of(URI, tmp_path / "second", store.environ, pin).message


def test_large_object_in_place_of_an_ignored_version_is_replaced(store: VersionedStore, tmp_path: Path) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.put(KEY, bytes(2 << 20))
    store.ignores_ids = True
    assert isinstance(refusal_of(URI, tmp_path / "second", store.environ, pin), ArtifactReplaced)


ARCHIVED = (403, "InvalidObjectState")


@pytest.mark.parametrize(
    "refusal",
    [(400, "InvalidArgument"), (403, "AccessDenied"), ARCHIVED, (405, "MethodNotAllowed"), (501, "NotImplemented")],
)
def test_store_that_gives_no_version_gives_the_same_bytes(
    store: VersionedStore, tmp_path: Path, refusal: tuple[int, str]
) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.refusal = refusal
    assert bring(URI, tmp_path / "second", store.environ, pin).digest == DIGEST


@pytest.mark.parametrize(("now", "failure"), [(OTHER, ArtifactReplaced), (None, AccessDenied)])
def test_keys_that_may_not_read_versions_are_told_so(
    store: VersionedStore, tmp_path: Path, now: bytes | None, failure: type[FetchFailure]
) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.put(KEY, now)
    store.refusal = (403, "AccessDenied")
    refusal = refusal_of(URI, tmp_path / "second", store.environ, pin)
    assert isinstance(refusal, failure)
    assert "s3:GetObjectVersion" in refusal.remedy


def test_version_in_an_archive_class_is_told_so(store: VersionedStore, tmp_path: Path) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.put(KEY, OTHER)
    store.refusal = ARCHIVED
    refusal = refusal_of(URI, tmp_path / "second", store.environ, pin)
    assert isinstance(refusal, ArtifactReplaced)
    assert "archive class" in refusal.message
    assert "s3:GetObjectVersion" not in refusal.remedy


def test_object_that_is_gone_is_not_found_and_its_bytes_gone(store: VersionedStore, tmp_path: Path) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.versions.clear()
    refusal = refusal_of(URI, tmp_path / "second", store.environ, pin)
    assert isinstance(refusal, ModelNotFound)
    assert refusal.message == (
        f"there is nothing at {URI} (NoSuchKey: no); the bytes that were proved, {DIGEST} ({pin.version}), are gone"
    )
    assert refusal.remedy.startswith("Put the old object back")


def test_broken_download_of_a_version_goes_on_in_that_version(store: VersionedStore, tmp_path: Path) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.put(KEY, OTHER)
    store.cuts = 1
    store.requests.clear()
    assert bring(URI, tmp_path / "second", store.environ, pin).digest == DIGEST
    assert [path.count("versionId=") for path in store.requests] == [1, 1]


def test_version_that_vanishes_midway_leaves_the_digest_to_decide(store: VersionedStore, tmp_path: Path) -> None:
    pin = pin_of(URI, tmp_path / "first", store.environ)
    store.cuts = 1
    store.put(KEY, OTHER)
    store.changes += [lambda: None, lambda: store.destroy(KEY, store.versions[KEY][0].version_id)]
    store.requests.clear()
    assert isinstance(refusal_of(URI, tmp_path / "second", store.environ, pin), ArtifactReplaced)
    assert [path.count("versionId=") for path in store.requests] == [1, 1, 0]


def test_same_bytes_under_a_new_etag_are_taken(web: NastyStore, tmp_path: Path) -> None:
    uri = f"{web.url}/model.joblib"
    web.answers[:] = [file(PROVED, etag='"1"'), file(PROVED, etag='"2"')]
    pin = pin_of(uri, tmp_path / "first", {})
    assert pin.version == 'etag:"1"'
    assert bring(uri, tmp_path / "second", {}, pin).version == 'etag:"2"'
    assert "if-match" not in web.requests[-1].headers


@pytest.mark.parametrize("etag", ['"1"', '"2"', 'W/"1"', None])
def test_other_bytes_of_a_web_server_are_refused(web: NastyStore, tmp_path: Path, etag: str | None) -> None:
    uri = f"{web.url}/model.joblib"
    web.answers[:] = [file(PROVED, etag='"1"'), file(OTHER, etag=etag)]
    pin = pin_of(uri, tmp_path / "first", {})
    assert isinstance(refusal_of(uri, tmp_path / "second", {}, pin), ArtifactReplaced)


@pytest.mark.parametrize("etag", ['W/"1"', None, "1", '"$(AWS_SECRET_ACCESS_KEY)"', f'"{"1" * 250}"'])
def test_etag_that_promises_nothing_or_misleads_is_no_version(
    web: NastyStore, tmp_path: Path, etag: str | None
) -> None:
    web.answers.append(file(PROVED, etag=etag))
    assert bring(f"{web.url}/model.joblib", tmp_path, {}).version is None


def test_file_of_a_web_server_that_is_gone_is_not_found(web: NastyStore, tmp_path: Path) -> None:
    web.answers.append(status(404))
    refusal = refusal_of(f"{web.url}/model.joblib", tmp_path, {}, Pin(DIGEST, 'etag:"1"'))
    assert isinstance(refusal, ModelNotFound)
    assert f'the bytes that were proved, {DIGEST} (etag:"1"), are gone' in refusal.message


def test_local_file_has_no_version_and_its_digest_decides(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(PROVED)
    pin = pin_of(f"file://{path}", tmp_path / "first", {})
    assert pin == Pin(DIGEST)
    assert bring(f"file://{path}", tmp_path / "second", {}, pin).digest == DIGEST
    path.write_bytes(OTHER)
    assert isinstance(refusal_of(f"file://{path}", tmp_path / "third", {}, pin), ArtifactReplaced)


def test_local_folder_is_pinned_by_the_digest_of_its_list(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    pin = pin_of(f"file://{folder}/", tmp_path / "first", {})
    assert pin.version is None
    assert bring(f"file://{folder}/", tmp_path / "second", {}, pin).digest == pin.digest
    (folder / "more").touch()
    assert isinstance(refusal_of(f"file://{folder}/", tmp_path / "third", {}, pin), ArtifactReplaced)


def test_folder_that_is_gone_is_not_found_and_its_bytes_gone(tmp_path: Path) -> None:
    refusal = refusal_of(f"file://{tmp_path}/none/", tmp_path / "dest", {}, Pin(DIGEST))
    assert isinstance(refusal, ModelNotFound)
    assert "are gone" in refusal.message


def test_archive_packed_again_is_taken_for_the_same_files(store: VersionedStore, tmp_path: Path) -> None:
    uri, key = "s3://models/fraud.zip", "fraud.zip"
    store.put(key, write_zip(tmp_path / "a.zip", MLFLOW.items()).read_bytes())
    pin = pin_of(uri, tmp_path / "first", store.environ)
    assert pin.version == f"s3:{store.versions[key][0].version_id}"
    store.versions[key].clear()
    store.put(key, write_tar(tmp_path / "a.tar.gz", MLFLOW.items()).read_bytes())
    assert bring(uri, tmp_path / "second", store.environ, pin).digest == pin.digest


@pytest.mark.parametrize("cut", [None, 300])
def test_other_or_damaged_archive_is_replaced(store: VersionedStore, tmp_path: Path, cut: int | None) -> None:
    uri, key = "s3://models/fraud.tar.gz", "fraud.tar.gz"
    store.put(key, write_tar(tmp_path / "a.tar.gz", MLFLOW.items()).read_bytes())
    pin = pin_of(uri, tmp_path / "first", store.environ)
    store.versions[key].clear()
    other = {**MLFLOW, "noise": bytes(range(256)) * 4}
    store.put(key, write_tar(tmp_path / "b.tar.gz", other.items()).read_bytes()[:cut])
    refusal = refusal_of(uri, tmp_path / "second", store.environ, pin)
    assert isinstance(refusal, ArtifactReplaced)
    assert pin.digest in refusal.message


def test_larger_object_is_replaced_and_not_too_large(web: NastyStore, tmp_path: Path) -> None:
    web.answers.append(file(b"x", length=8 << 40))
    refusal = refusal_of(f"{web.url}/model.joblib", tmp_path, {}, Pin(DIGEST))
    assert isinstance(refusal, ArtifactReplaced)
    assert "8.0 TiB" in refusal.message


def test_record_of_an_older_release_is_read(tmp_path: Path) -> None:
    (tmp_path / ".modelway.json").write_text('{"uri": "s3://a/b", "file": "b", "digest": "sha256:0", "bytes": 1}')
    assert ArtifactRecord.read(tmp_path) == ArtifactRecord("s3://a/b", "b", "sha256:0", 1)


# A digest that a user set -----------------------------------------------------------------------------------------------------------------

FIELD = "spec.model.digest"


def test_named_bytes_are_fetched_as_any_other(store: VersionedStore, tmp_path: Path) -> None:
    assert bring(URI, tmp_path, store.environ, Pin(DIGEST, None, FIELD)).digest == DIGEST


def test_other_bytes_than_named_are_refused_with_their_digest(store: VersionedStore, tmp_path: Path) -> None:
    store.put(KEY, OTHER)
    there = f"sha256:{hashlib.sha256(OTHER).hexdigest()}"
    refusal = refusal_of(URI, tmp_path, store.environ, Pin(DIGEST, None, FIELD))
    assert (refusal.reason, refusal.exit_code) == ("DigestMismatch", 19)
    assert refusal.message == f"{there} lies at {URI}, and {FIELD} is {DIGEST}"
    assert refusal.remedy.startswith(f"Set {FIELD} to {there} if")


def test_other_folder_than_named_is_refused_with_its_digest(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", MLFLOW)
    digest = bring(f"file://{folder}/", tmp_path / "first", {}).digest
    refusal = refusal_of(f"file://{folder}/", tmp_path / "second", {}, Pin(DIGEST, None, FIELD))
    assert isinstance(refusal, DigestMismatch)
    assert refusal.message.startswith(digest)


@pytest.mark.parametrize(("content", "reason"), [(None, ModelNotFound), (bytes(2 << 20), ArtifactTooLarge)])
def test_failure_of_named_bytes_nobody_proved_is_its_own(
    store: VersionedStore, tmp_path: Path, content: bytes | None, reason: type[LoadFailure]
) -> None:
    store.delete(KEY) if content is None else store.put(KEY, content)
    refusal = refusal_of(URI, tmp_path, store.environ, Pin(DIGEST, None, FIELD))
    assert isinstance(refusal, reason)
    assert "proved" not in refusal.message


@pytest.mark.parametrize("content", [OTHER, bytes(2 << 20)])
def test_named_bytes_that_were_proved_and_lost_are_told(store: VersionedStore, tmp_path: Path, content: bytes) -> None:
    proved = pin_of(URI, tmp_path / "first", store.environ)
    store.destroy(KEY, store.versions[KEY][0].version_id)
    store.put(KEY, content)
    refusal = refusal_of(URI, tmp_path / "second", store.environ, Pin(DIGEST, proved.version, FIELD))
    assert isinstance(refusal, DigestMismatch)
    assert "no longer gives the proved version" in refusal.message
    assert "refresh" not in refusal.remedy
