"""The download alone, from sources that end when and as a test wants."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelway_server.artifacts import bring, download, fetch
from modelway_server.artifacts.folder import _FolderChanged, _Listed
from modelway_server.artifacts.manifest import Entry
from modelway_server.artifacts.source import FileSource, Part
from modelway_server.artifacts.uri import parse_uri
from modelway_server.errors import ArtifactTooLarge, FetchFailed, FetchTimeout, InvalidURI, LoadFailure

MODEL = bytes(range(100))


class Portions:
    """A source that ends each answer after a few bytes, as if that were all."""

    def __init__(self, portion: int) -> None:
        self.reads: list[tuple[int, str | None]] = []
        self._portion = portion

    async def read(self, offset: int, version: str | None) -> Part:
        self.reads.append((offset, version))
        return Part(len(MODEL), "1", self._chunks(offset))

    async def _chunks(self, offset: int) -> AsyncIterator[bytes]:
        yield MODEL[offset : offset + self._portion]


class Endless:
    """A source that never ends, never waits and never gives a byte."""

    async def read(self, offset: int, version: str | None) -> Part:  # noqa: ARG002  (the protocol's)
        return Part(1, None, self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            yield b""


def test_download_continues_while_bytes_arrive(tmp_path: Path) -> None:
    source = Portions(portion=5)
    with download.Draft(tmp_path, max_bytes=1000) as draft:
        asyncio.run(download.Download(source, draft, "s3://a/b", download.Progress()).run())
        draft.publish("model")
    assert (tmp_path / "model").read_bytes() == MODEL
    assert source.reads == [(0, None), *((offset, "1") for offset in range(5, 100, 5))]


def test_source_without_progress_is_given_up(tmp_path: Path) -> None:
    with (
        download.Draft(tmp_path, max_bytes=1000) as draft,
        pytest.raises(FetchFailed, match="promised 100 bytes and sent 0"),
    ):
        asyncio.run(download.Download(Portions(portion=0), draft, "s3://a/b", download.Progress()).run())


def test_deadline_ends_a_source_that_never_waits(tmp_path: Path) -> None:
    async def fetch_it() -> None:
        work = bring.Bring(parse_uri("file:///m"), tmp_path, max_bytes=1000)
        await fetch.finish_in_time(work, work.file(Endless()), 0.1)

    with pytest.raises(FetchTimeout):
        asyncio.run(fetch_it())


# What stays open --------------------------------------------------------------------------------------------------------------------------


def files_open_below(directory: Path) -> list[str]:
    """The files of a folder that this process has open."""
    descriptors = list(Path("/proc/self/fd").iterdir())
    paths = [str(one.readlink()) for one in descriptors if one.is_symlink()]
    return [path for path in paths if path.startswith(f"{directory}/")]


@pytest.mark.parametrize(("cap", "kind"), [(1000, None), (99, ArtifactTooLarge)])
def test_file_is_closed_whether_it_is_taken_or_not(tmp_path: Path, cap: int, kind: type[LoadFailure] | None) -> None:
    (tmp_path / "model").write_bytes(MODEL)
    outcome = fetch_of(f"file://{tmp_path}/model", tmp_path / "dest", cap)
    assert (type(outcome) if outcome else None) is kind
    assert files_open_below(tmp_path) == []


def test_folder_in_place_of_a_file_is_closed(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    outcome = fetch_of(f"file://{tmp_path}/model", tmp_path / "dest", 1000)
    assert isinstance(outcome, InvalidURI)
    assert files_open_below(tmp_path) == []


def test_file_that_grew_after_it_was_listed_is_closed(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(MODEL)
    listed = _Listed(FileSource(parse_uri(f"file://{tmp_path}/model")), Entry("model", 1, None))
    with pytest.raises(_FolderChanged) as changed:
        asyncio.run(listed.read(0, None))
    assert changed.type is _FolderChanged
    assert files_open_below(tmp_path) == []


def fetch_of(uri: str, dest: Path, cap: int) -> LoadFailure | None:
    """The failure of a fetch, which holds on to all that its frames do."""
    try:
        asyncio.run(fetch.fetch(uri, dest, max_bytes=cap, seconds=20))
    except LoadFailure as failure:
        return failure
    return None
