"""An artifact on its way from its store into a directory."""

from collections.abc import Mapping
from pathlib import Path

from modelway_server.artifacts.archive import Archive, folder_name
from modelway_server.artifacts.destinations import Rules
from modelway_server.artifacts.download import Download, Draft, Progress
from modelway_server.artifacts.egress_proxy import open_egress_proxy
from modelway_server.artifacts.folder import FolderDownload, FolderDraft
from modelway_server.artifacts.pin import Pin, ProvedFile
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.artifacts.remote import ObjectFolder, ObjectStore
from modelway_server.artifacts.source import FileFolder, FileSource, FolderSource, Source
from modelway_server.artifacts.stores import destinations_of
from modelway_server.artifacts.uri import Location
from modelway_server.artifacts.versions import version_id_of
from modelway_server.errors import ArtifactTooLarge, FetchFailure, InvalidArtifact, ModelNotFound


class Bring:
    """The artifact on its way into the directory.

    Args:
        location: where it is.
        directory: where it goes.
        max_bytes: cap on its size.
        pin: what it must be; None for whatever lies there.
    """

    def __init__(self, location: Location, directory: Path, max_bytes: int, pin: Pin | None = None) -> None:
        self.location = location
        self.progress = Progress()
        self._directory = directory
        self._max_bytes = max_bytes
        self._pin = pin
        self._proved: ProvedFile | None = None

    async def run(self, environ: Mapping[str, str], seconds: float, rules: Rules) -> ArtifactRecord:
        """Fetch it, and unpack it if it is a packed folder.

        Raises:
            LoadFailure: as of `fetch`.
        """
        try:
            return await self._run(environ, seconds, rules)
        except (ModelNotFound, ArtifactTooLarge, InvalidArtifact) as failure:
            if self._pin is None or (self._proved and not self._proved.loss):  # what came is the proved version
                raise
            raise self._pin.explain(self.location.public, failure, self._loss) from failure

    async def _run(self, environ: Mapping[str, str], seconds: float, rules: Rules) -> ArtifactRecord:
        location, folder = self.location, self.location.folder
        if location.scheme == "file":
            return await (self.folder(FileFolder(location)) if folder else self.file(FileSource(location)))
        async with open_egress_proxy(destinations_of(location, environ, rules), environ) as egress:
            store = ObjectStore(location, environ, seconds, egress)
            return await (self.folder(ObjectFolder(store)) if folder else self.file(self._file_of(store)))

    async def file(self, source: Source) -> ArtifactRecord:
        """Fetch one file; see `run`."""
        location = self.location
        with Draft(self._directory, self._max_bytes) as draft:
            download = Download(source, draft, location.public, self.progress)
            await download.run()
            archive = Archive(draft.path, location.public, self._max_bytes)
            if not archive.holds_folder():
                self._check(draft.digest, download.version)
                draft.publish(location.file_name)
                return ArtifactRecord(
                    location.public, location.file_name, draft.digest, draft.size, version=download.version
                )
            with FolderDraft(self._directory) as folder:
                root = await archive.unpack(folder, self.progress)
                return self._publish(folder, folder_name(location.file_name), root, download.version)

    async def folder(self, source: FolderSource) -> ArtifactRecord:
        """Fetch all files of a folder; see `run`."""
        with FolderDraft(self._directory) as draft:
            await FolderDownload(source, draft, self.location.public, self._max_bytes, self.progress).run()
            return self._publish(draft, self.location.file_name)

    def _file_of(self, store: ObjectStore) -> Source:
        version_id = version_id_of(self._pin.version) if self._pin and self.location.scheme == "s3" else None
        if version_id is None:
            return store.file()
        self._proved = ProvedFile(version_id, store.file(version_id), store.file())
        return self._proved

    def _publish(self, folder: FolderDraft, name: str, root: str = "", version: str | None = None) -> ArtifactRecord:
        digest = folder.digest(root)
        self._check(digest, version)
        folder.publish(name, root)
        return ArtifactRecord(self.location.public, name, digest, folder.size, len(folder.digests), version)

    def _check(self, digest: str, version: str | None) -> None:
        if self._pin is not None:
            self._pin.check(self.location.public, digest, version, self._loss)

    @property
    def _loss(self) -> FetchFailure | None:
        return self._proved.loss if self._proved else None
