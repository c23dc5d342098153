"""A model's folder packed as one file: recognise it, and unpack it.

A .tar or .tar.gz is always unpacked, since no model is such a file itself; what it holds is for the loader to tell. A .zip is
unpacked when its names show a model's folder. What counts are the bytes, not the name of the file.
"""

import asyncio
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from modelway_server.artifacts.download import Draft, Progress, format_bytes
from modelway_server.artifacts.folder import FolderDraft
from modelway_server.artifacts.manifest import Names, common_root, is_litter, model_root
from modelway_server.artifacts.member import Member, damage
from modelway_server.artifacts.source import CHUNK_BYTES
from modelway_server.artifacts.tars import is_tar, tar_members
from modelway_server.artifacts.zips import is_zipped_folder, zip_members
from modelway_server.errors import ArtifactTooLarge, InvalidArtifact

MAX_RATIO = 200
"""Unpacked bytes for each packed one, at most: models of numbers have about 3, of text about 20, and deflate ends at 1032."""

RATIO_COUNTS_FROM = 64 << 20
"""Any archive may unpack to so many bytes."""

SUFFIXES = (".zip", ".tar.gz", ".tgz", ".tar")
_TAR_OVERHEAD = 64 << 20


class Archive:
    """A file that holds a folder.

    Args:
        path: the file.
        place: what to call it in messages.
        max_bytes: cap on the archive and all that comes out of it together, as both lie on one volume for a while.
    """

    def __init__(self, path: Path, place: str, max_bytes: int) -> None:
        self._path = path
        self._place = place
        self._size = path.stat().st_size
        self._room = max_bytes - self._size
        self._is_tar = is_tar(path)

    def holds_folder(self) -> bool:
        """Whether to unpack the file; else it is a model itself, or a file that the loader refuses."""
        return self._is_tar or is_zipped_folder(self._path)

    async def unpack(self, draft: FolderDraft, progress: Progress) -> str:
        """Put its files into a folder; below which part of it the model lies (see `model_root`).

        Raises:
            InvalidArtifact: it is damaged, empty, or holds what may not stand in a folder.
            ArtifactTooLarge: more comes out than is allowed.
        """
        names = Names(self._place)
        progress.bytes, progress.total, progress.verb = 0, None, "were unpacked"
        with closing(self._members()) as members:
            for number, member in enumerate(members):
                if not is_litter(member.path):
                    names.add(member.path)
                    self._check(progress.bytes + member.size)
                    with draft.file(number, self._room) as file:
                        await self._write(member, file, progress)
                        draft.keep(member.path, file)
        if not draft.digests:
            raise InvalidArtifact(f"{self._place} is an archive without a file")
        root = model_root(draft.digests)
        return common_root(draft.digests) if root is None else root

    async def _write(self, member: Member, file: Draft, progress: Progress) -> None:
        while chunk := member.read(CHUNK_BYTES):
            progress.bytes += len(chunk)
            self._check(progress.bytes)
            file.write(chunk)
            await asyncio.sleep(0)  # unpacking never waits, and the deadline must still be noticed
        if file.size != member.size:
            raise damage(self._place, f"{member.path} ends after {file.size} of {member.size} bytes")

    def _members(self) -> Generator[Member]:
        if self._is_tar:
            return tar_members(self._path, self._place, self._room + _TAR_OVERHEAD)
        return zip_members(self._path, self._place)

    def _check(self, size: int) -> None:
        if size > self._room:
            raise ArtifactTooLarge(
                f"{self._place} unpacks to at least {format_bytes(size)}; {format_bytes(max(self._room, 0))} "
                "of the cap are left beside the archive itself"
            )
        if size > max(RATIO_COUNTS_FROM, self._size * MAX_RATIO):
            raise ArtifactTooLarge(
                f"{self._place} unpacks to more than {MAX_RATIO} times its own size",
                remedy="Upload the model's folder unpacked and name it with '/' at its end: s3://bucket/folder/.",
            )


def folder_name(file_name: str) -> str:
    """The name of the unpacked folder: that of the archive without the endings of its format."""
    suffix = next((suffix for suffix in SUFFIXES if file_name.endswith(suffix)), "")
    return file_name.removesuffix(suffix) or "model"
