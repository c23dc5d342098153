"""Objects that somebody overwrites, deletes and destroys at every moment of the fetches of several pods."""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_server.artifacts.fetch import fetch
from modelway_server.artifacts.manifest import folder_digest
from modelway_server.artifacts.pin import Pin
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.errors import ArtifactReplaced, FetchFailed, LoadFailure, ModelNotFound
from support.files.packed import MLFLOW
from support.stores.versioned_store import VersionedStore, versioned_store

PODS = 3
URI, KEY = "s3://models/fraud/model.joblib", "fraud/model.joblib"
FOLDER_URI, FOLDER = "s3://models/fraud/v7/", "fraud/v7/"
CONTENTS = (b"proved" * 100_000, b"others" * 100_000, b"short", b"")
"""The first one is proved; the second one has as many bytes, and both arrive in several pieces."""

Outcome = ArtifactRecord | LoadFailure

QUIET, DELETE, DESTROY, CUT = "quiet", "delete", "destroy the proved version", "cut"
CHANGES = st.one_of(st.just(QUIET), st.just(DELETE), st.just(DESTROY), st.just(CUT), st.sampled_from(CONTENTS))
FILE_CHANGES = st.tuples(st.sampled_from([*MLFLOW, "more"]), st.sampled_from([None, b"x", *MLFLOW.values()]))


@pytest.fixture(scope="module")
def store() -> Iterator[VersionedStore]:
    with versioned_store() as running:
        yield running


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def change_of(store: VersionedStore, change: str | bytes, version_id: str) -> Callable[[], None]:
    """What a word of CHANGES does."""

    def make() -> None:
        if isinstance(change, bytes):
            store.put(KEY, change)
        elif change == DELETE:
            store.delete(KEY)
        elif change == DESTROY:
            store.destroy(KEY, version_id)
        elif change == CUT:
            store.cuts = 1

    return make


def change_file(store: VersionedStore, change: tuple[str, bytes | None] | None) -> None:
    """Store or delete a file of the folder; None changes nothing."""
    if change is not None:
        store.put(FOLDER + change[0], change[1])


def fetch_by_all(uri: str, folder: Path, store: VersionedStore, pin: Pin | None, pods: int = PODS) -> list[Outcome]:
    """What each of several pods gets that fetch at once."""

    async def by_one(number: int) -> Outcome:
        dest = folder / str(number)
        try:
            return await fetch(uri, dest, max_bytes=1 << 20, seconds=20, environ=store.environ, pin=pin)
        except LoadFailure as failure:
            return failure

    async def by_all() -> list[Outcome]:
        return list(await asyncio.gather(*map(by_one, range(pods))))

    return asyncio.run(by_all())


def digest_of(directory: Path) -> str | None:
    """The digest of what a fetch left in its directory; None where that is nothing."""
    models = [path for path in directory.glob("*") if not path.name.startswith(".")]
    if not models:
        assert list(directory.glob("*")) == []
        return None
    (model,) = models
    if model.is_file():
        return sha(model.read_bytes())
    files = {str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()}
    return folder_digest({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})


def check_all(outcomes: list[Outcome], folder: Path, digest: str) -> None:
    """Every pod has the proved bytes, or none and a reason."""
    for number, outcome in enumerate(outcomes):
        left = digest_of(folder / str(number))
        if isinstance(outcome, ArtifactRecord):
            assert (left, outcome.digest) == (digest, digest)
        else:
            assert isinstance(outcome, ArtifactReplaced | ModelNotFound | FetchFailed), outcome
            assert left is None


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(changes=st.lists(CHANGES, max_size=24), versioned=st.booleans())
def test_pinned_fetches_bring_the_proved_bytes_or_none(
    store: VersionedStore, changes: list[str | bytes], *, versioned: bool
) -> None:
    store.reset(versioned=versioned)
    version_id = store.put(KEY, CONTENTS[0])
    with tempfile.TemporaryDirectory() as name:
        first = fetch_by_all(URI, Path(name) / "first", store, None, pods=1)[0]
        assert isinstance(first, ArtifactRecord)
        store.changes.extend(change_of(store, change, version_id) for change in changes)
        outcomes = fetch_by_all(URI, Path(name), store, Pin(first.digest, first.version))
        check_all(outcomes, Path(name), first.digest)
    if versioned and DESTROY not in changes:
        assert not [one for one in outcomes if isinstance(one, ArtifactReplaced | ModelNotFound)]


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(changes=st.lists(CHANGES, max_size=24))
def test_reported_version_holds_the_reported_bytes(store: VersionedStore, changes: list[str | bytes]) -> None:
    store.reset(versioned=True)
    store.put(KEY, CONTENTS[0])
    store.changes.extend(change_of(store, change, "") for change in changes)
    with tempfile.TemporaryDirectory() as name:
        for outcome in fetch_by_all(URI, Path(name), store, None):
            if isinstance(outcome, ArtifactRecord):
                assert outcome.version is not None
                stored = store.find(KEY, outcome.version.removeprefix("s3:"))
                assert stored is not None
                assert sha(stored.content or b"") == outcome.digest


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(changes=st.lists(st.none() | FILE_CHANGES, max_size=40), versioned=st.booleans())
def test_pinned_folders_hold_the_proved_files_or_none(
    store: VersionedStore, changes: list[tuple[str, bytes | None] | None], *, versioned: bool
) -> None:
    store.reset(versioned=versioned)
    for path, content in MLFLOW.items():
        store.put(FOLDER + path, content)

    with tempfile.TemporaryDirectory() as name:
        first = fetch_by_all(FOLDER_URI, Path(name) / "first", store, None, pods=1)[0]
        assert isinstance(first, ArtifactRecord)
        assert first.version is None
        store.changes.extend(partial(change_file, store, change) for change in changes)
        check_all(fetch_by_all(FOLDER_URI, Path(name), store, Pin(first.digest)), Path(name), first.digest)
