"""The download alone, from sources that end when and as a test wants."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelway_server.artifacts import bring, download, fetch
from modelway_server.artifacts.source import Part
from modelway_server.artifacts.uri import parse_uri
from modelway_server.errors import FetchFailed, FetchTimeout

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
