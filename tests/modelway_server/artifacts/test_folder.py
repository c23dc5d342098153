"""Models that are folders: in an object store, on this machine, and what their digest is."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from modelway_server.artifacts import manifest
from modelway_server.artifacts.bring import Bring
from modelway_server.artifacts.fetch import fetch, finish_in_time
from modelway_server.artifacts.manifest import Entry, check_listing, model_root
from modelway_server.artifacts.record import ArtifactRecord, locate_model
from modelway_server.artifacts.source import Interrupted, Part, Source
from modelway_server.artifacts.uri import parse_uri
from modelway_server.errors import (
    AccessDenied,
    ArtifactTooLarge,
    FetchFailed,
    FetchFailure,
    InvalidArtifact,
    InvalidURI,
    LoadFailure,
    ModelNotFound,
)
from support.files.packed import MLFLOW, write_folder
from support.stores.buckets import Buckets, buckets

SIZE = sum(map(len, MLFLOW.values()))
RECIPE = r"find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"


@pytest.fixture(scope="module")
def store() -> Iterator[Buckets]:
    with buckets("models", "strange") as running:
        running.put("models", {f"fraud/v7/{name}": content for name, content in MLFLOW.items()})
        yield running


def fetch_folder(
    uri: str, directory: Path, environ: dict[str, str] | None = None, max_bytes: int = 1 << 20
) -> ArtifactRecord:
    return asyncio.run(fetch(uri, directory, max_bytes=max_bytes, seconds=20, environ=environ or {}))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_prefix_is_fetched_as_a_folder_with_its_record(store: Buckets, tmp_path: Path) -> None:
    record = fetch_folder("s3://models/fraud/v7/", tmp_path, store.secret)
    assert (record.uri, record.file, record.bytes, record.files) == ("s3://models/fraud/v7/", "v7", SIZE, 3)
    assert locate_model(tmp_path) == tmp_path / "v7"
    assert files(tmp_path / "v7") == MLFLOW
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "v7").rglob("*.pkl")} == {0o444}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".modelway.json", "v7"]


def test_digest_of_a_folder_equals_that_of_shell_commands(store: Buckets, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    by_hand = subprocess.run(["sh", "-c", RECIPE], cwd=folder, capture_output=True, text=True, check=True).stdout
    digests = {
        fetch_folder("s3://models/fraud/v7/", tmp_path / "a", store.secret).digest,
        fetch_folder(f"file://{folder}/", tmp_path / "b").digest,
    }
    assert digests == {f"sha256:{by_hand.split()[0]}"}


def test_second_fetch_replaces_the_first(store: Buckets, tmp_path: Path) -> None:
    for _ in range(2):
        fetch_folder("s3://models/fraud/v7/", tmp_path, store.secret)
    assert files(tmp_path / "v7") == MLFLOW


def test_files_added_by_consoles_and_macos_are_left_out(store: Buckets, tmp_path: Path) -> None:
    added = ("c/", "c/data/", "c/empty/", "c/.DS_Store", "c/__MACOSX/x", "c/data/._model.pkl")
    store.put("strange", {**{f"c/{name}": content for name, content in MLFLOW.items()}, **dict.fromkeys(added, b"")})
    fetch_folder("s3://strange/c/", tmp_path, store.secret)
    assert files(tmp_path / "c") == MLFLOW


@pytest.mark.parametrize(
    ("uri", "failure", "words"),
    [
        ("s3://models/fraud/v8/", ModelNotFound, "no file below s3://models/fraud/v8/"),
        ("s3://models/frau/", ModelNotFound, "no file below"),
        ("s3://nobody/v7/", ModelNotFound, "NoSuchBucket"),
        ("s3://models/fraud/v7", InvalidURI, "is a folder, not a file"),
    ],
)
def test_missing_folder_and_file_have_their_own_reasons(
    store: Buckets, tmp_path: Path, uri: str, failure: type[FetchFailure], words: str
) -> None:
    with pytest.raises(failure, match=words):
        fetch_folder(uri, tmp_path, store.secret)
    assert list(tmp_path.iterdir()) == []


def test_denied_listing_names_the_missing_permission(store: Buckets, tmp_path: Path) -> None:
    with pytest.raises(AccessDenied) as refusal:
        fetch_folder("s3://models/fraud/v7/", tmp_path, {**store.secret, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"})
    assert "s3:ListBucket" in refusal.value.remedy


def test_folder_over_the_cap_is_refused_before_it_is_read(store: Buckets, tmp_path: Path) -> None:
    assert fetch_folder("s3://models/fraud/v7/", tmp_path, store.secret, max_bytes=SIZE).bytes == SIZE
    with pytest.raises(ArtifactTooLarge, match=f"has {SIZE} bytes; the cap is {SIZE - 1}"):
        fetch_folder("s3://models/fraud/v7/", tmp_path, store.secret, max_bytes=SIZE - 1)


@pytest.mark.parametrize("key", ["b1/a//b", "b1//x", "b1/../x", "b1/./x", "b1/a\\b", "b1/tab\tx"])
def test_key_that_is_no_path_is_refused(store: Buckets, tmp_path: Path, key: str) -> None:
    prefix = f"hostile{abs(hash(key))}"
    store.put("strange", {f"{prefix}/{key}": b"x", f"{prefix}/MLmodel": b"x"})
    with pytest.raises(InvalidArtifact):
        fetch_folder(f"s3://strange/{prefix}/", tmp_path, store.secret)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "failure", "words"),
    [
        (Path.exists, ModelNotFound, "no folder at"),
        (Path.mkdir, ModelNotFound, "no file below"),
        (lambda path: path.write_bytes(b"x"), InvalidURI, "is no folder"),
        (
            lambda path: write_folder(path).joinpath("link").symlink_to("/etc/passwd"),
            InvalidArtifact,
            "a link at 'link'",
        ),
        (lambda path: write_folder(path).joinpath("up").symlink_to(".."), InvalidArtifact, "a link at 'up'"),
        (lambda path: os.mkfifo(write_folder(path) / "pipe"), InvalidArtifact, "pipe or socket at 'pipe'"),
        (lambda path: os.mknod(write_folder(path) / os.fsdecode(b"\xff")), InvalidArtifact, "not UTF-8"),
    ],
)
def test_unreadable_local_folder_is_refused(
    tmp_path: Path, make: Callable[[Path], object], failure: type[LoadFailure], words: str
) -> None:
    make(tmp_path / "model")
    with pytest.raises(failure, match=words):
        fetch_folder(f"file://{tmp_path}/model/", tmp_path / "dest")


class Folder:
    """A folder that is written to while it is read: each listing shows the next of `versions`, the last one for ever."""

    def __init__(self, *versions: dict[str, bytes]) -> None:
        self.now = versions[0]
        self._later = list(versions)

    async def entries(self) -> AsyncIterator[Entry]:
        self.now = self._later.pop(0) if len(self._later) > 1 else self._later[0]
        if self.now is BROKEN:
            raise Interrupted("503")
        for name, content in self.now.items():
            yield Entry(name, len(content), None)

    def file(self, entry: Entry) -> Source:
        return _Content(self, entry.path)


class _Content:
    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name

    async def read(self, offset: int, version: str | None) -> Part:
        content = self._folder.now[self._name]
        return Part(len(content), version, self._chunks(content[offset:]))

    async def _chunks(self, content: bytes) -> AsyncIterator[bytes]:
        yield content


OLD, NEW, BROKEN = {"a": b"old", "b": b"old"}, {"a": b"newer", "c": b"newer"}, {"x": b""}


def move_folder(folder: Folder, directory: Path) -> ArtifactRecord:
    async def work() -> ArtifactRecord:
        bring = Bring(parse_uri("s3://models/v7/"), directory, max_bytes=1000)
        return await finish_in_time(bring, bring.folder(folder), seconds=10)

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("versions", "expected"),
    [((OLD, NEW), NEW), ((OLD, BROKEN, OLD), OLD), ((BROKEN, BROKEN, NEW), NEW), ((OLD, NEW, OLD), OLD)],
)
def test_files_of_two_versions_are_never_mixed_in_a_folder(
    tmp_path: Path, versions: tuple[dict[str, bytes], ...], expected: dict[str, bytes]
) -> None:
    record = move_folder(Folder(*versions), tmp_path)
    assert files(tmp_path / "v7") == expected
    assert record.bytes == sum(map(len, expected.values()))


def test_folder_that_keeps_changing_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="folder changed while it was read; gave up after 6 tries"):
        move_folder(Folder(*[OLD, NEW] * 10), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_endless_listing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.artifacts.folder.MAX_LISTED", 10)
    with pytest.raises(ArtifactTooLarge, match="files"):
        move_folder(Folder({str(number): b"" for number in range(11)}), tmp_path)


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_FILES", 3)
    with pytest.raises(ArtifactTooLarge, match="more than 3 files"):
        check_listing([Entry(str(number), 1) for number in range(4)], "s3://a/b/")


@pytest.mark.parametrize("paths", [("a", "a/b"), ("a/b", "a"), ("a", "a"), ("a/b/c", "a/b")])
def test_duplicate_or_conflicting_names_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArtifact):
        check_listing([Entry(path, 1) for path in paths], "s3://a/b/")


@pytest.mark.parametrize(
    ("paths", "root"),
    [
        (["MLmodel", "a/MLmodel"], ""),
        (["m/MLmodel", "m/data/model.pkl"], "m/"),
        (["1/saved_model.pb", "1/variables/x"], "1/"),
        (["1/saved_model.pbtxt"], "1/"),
        (["m/MLmodel", "README"], None),
        (["a/b/MLmodel"], None),
        (["schema.json", "data.npy"], None),
        ([], None),
    ],
)
def test_model_is_found_in_an_archive(paths: list[str], root: str | None) -> None:
    assert model_root(paths) == root
