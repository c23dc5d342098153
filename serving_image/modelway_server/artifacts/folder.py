"""A model that is a folder: fetched object by object from a store, and assembled on this machine."""

import asyncio
import shutil
from pathlib import Path
from typing import Self

from modelway_server.artifacts.download import (
    Download,
    Draft,
    Patience,
    Progress,
    format_bytes,
    give_name,
    storage_errors,
)
from modelway_server.artifacts.manifest import MAX_FILES, Entry, check_listing, folder_digest, too_many
from modelway_server.artifacts.source import Changed, FolderSource, Interrupted, Part, Source
from modelway_server.errors import ArtifactTooLarge, InvalidURI, LoadFailure, ModelNotFound

FOLDER_DRAFT = ".fetch.folder"
MAX_LISTED = 2 * MAX_FILES
"""Objects of a listing, including those that only show folders."""

AT_ONCE = 8
"""Files that are fetched at the same time: enough to hide a store's latency, few enough for its limits."""


class FolderDraft:
    """The folder being filled: hidden, and named only when it is whole.

    As a context manager it removes the folder unless `publish` was called.

    Args:
        directory: where the folder will be; made when it is not there.

    Attributes:
        digests: the hex SHA-256 of each file by its relative path.
        size: bytes of all files together.
    """

    def __init__(self, directory: Path) -> None:
        self.digests: dict[str, str] = {}
        self.size = 0
        self._directory = directory
        self._path = directory / FOLDER_DRAFT

    def file(self, number: int, max_bytes: int) -> Draft:
        """A draft of one file of the folder; no two drafts at a time have the same number."""
        return Draft(self._directory, max_bytes, f".fetch.part.{number}")

    def keep(self, path: str, draft: Draft) -> None:
        """Put a whole file into the folder under its relative path."""
        draft.move(f"{FOLDER_DRAFT}/{path}")
        self.digests[path] = draft.digest.removeprefix("sha256:")
        self.size += draft.size

    def restart(self) -> None:
        """Forget all files."""
        shutil.rmtree(self._path, ignore_errors=True)
        self.digests.clear()
        self.size = 0

    def digest(self, root: str = "") -> str:
        """The digest of the folder; see `publish`."""
        return folder_digest({path.removeprefix(root): digest for path, digest in self.digests.items()})

    def publish(self, name: str, root: str = "") -> None:
        """Give the folder its name.

        Args:
            name: what it is called in the directory.
            root: the folder inside it that is meant, with a `/` at its end; the rest is left out.
        """
        with storage_errors(self._directory):
            give_name(self._path / root, self._directory / name)

    def __enter__(self) -> Self:
        self.restart()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


class FolderDownload:
    """Fetches a store's folder into a draft, in one version.

    Each file must be the one that was listed, and the listing must be the same afterwards. Otherwise all starts again:
    files of two versions are never mixed.

    Args:
        source: where the files come from.
        draft: where they go.
        place: what to call the folder in messages.
        max_bytes: cap on all files together.
        progress: the bytes that arrive are added to it.
    """

    def __init__(
        self, source: FolderSource, draft: FolderDraft, place: str, max_bytes: int, progress: Progress
    ) -> None:
        self._source = source
        self._draft = draft
        self._place = place
        self._max_bytes = max_bytes
        self._progress = progress
        self._patience = Patience(place, progress)

    async def run(self) -> None:
        """Fetch every file.

        Raises:
            LoadFailure: trying again is of no use, or was of none.
        """
        while not await self._attempt():
            self._draft.restart()
            self._progress.bytes = 0
            await self._patience.wait("the folder changed while it was read")

    async def _attempt(self) -> bool:
        """Whether all files arrived in one version."""
        entries = await self._list()
        self._check(entries)
        try:
            await self._fetch_all(entries)
        except* _FolderChanged:
            entries = ()
        except* LoadFailure as failures:
            raise _first(failures) from None
        return bool(entries) and await self._list() == entries

    async def _fetch_all(self, entries: tuple[Entry, ...]) -> None:
        turns = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for number, entry in enumerate(entries):
                group.create_task(self._fetch(entry, number, turns))

    def _check(self, entries: tuple[Entry, ...]) -> None:
        if not entries:
            raise ModelNotFound(f"there is no file below {self._place}")
        size = sum(entry.size for entry in entries)
        if size > self._max_bytes:
            raise ArtifactTooLarge(f"the artifact has {format_bytes(size)}; the cap is {format_bytes(self._max_bytes)}")
        self._progress.total = size

    async def _list(self) -> tuple[Entry, ...]:
        patience = Patience(self._place, self._progress)
        while True:
            entries: list[Entry] = []
            try:
                async for entry in self._source.entries():
                    entries.append(entry)
                    if len(entries) > MAX_LISTED:
                        raise too_many(self._place)
            except Interrupted as interruption:
                await patience.wait(str(interruption))
            else:
                return check_listing(entries, self._place)

    async def _fetch(self, entry: Entry, number: int, turns: asyncio.Semaphore) -> None:
        async with turns:
            with self._draft.file(number, self._max_bytes) as draft:
                source = _Listed(self._source.file(entry), entry)
                try:
                    await Download(source, draft, f"{self._place}{entry.path}", self._progress).run()
                except _NoFile:
                    return
                self._draft.keep(entry.path, draft)


class _FolderChanged(Exception):
    """A file is not the one that was listed: the folder is being written to."""


class _NoFile(Exception):
    """The object only shows an empty folder in a console."""


class _Listed:
    """A file of a folder, provided that it is still the listed one."""

    def __init__(self, source: Source, entry: Entry) -> None:
        self._source = source
        self._entry = entry

    async def read(self, offset: int, version: str | None) -> Part:
        """See `Source.read`."""
        try:
            part = await self._source.read(offset, version or self._entry.version)
        except Changed:
            if offset:
                raise
            raise _FolderChanged from None
        except (ModelNotFound, InvalidURI):
            # The key of such an object ends in `/`, which the store's client leaves out.
            raise _NoFile if self._entry.size == 0 else _FolderChanged from None
        if part.size != self._entry.size:
            part.close()
            raise _FolderChanged
        return part


def _first(failures: BaseExceptionGroup[LoadFailure]) -> BaseException:
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
