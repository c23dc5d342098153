"""A pinned fetch: it brings the bytes that were proved, or that the user names by their digest, or none.

The digest alone decides. The store's version only says where those bytes are sure to lie: where it cannot be had, the
object of today may hold the same bytes.
"""

import logging
from dataclasses import dataclass

from modelway_server.artifacts.source import Changed, Part, Source
from modelway_server.errors import (
    AccessDenied,
    ArtifactReplaced,
    DigestMismatch,
    FetchFailure,
    LoadFailure,
    ModelNotFound,
)

_MAY_READ_VERSIONS = "Name a Secret in spec.model.storage.secretRef whose keys may read versions (s3:GetObjectVersion) as well as objects"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pin:
    """The bytes that are wanted.

    Attributes:
        digest: theirs, or that of their folder, as the record of a fetch has it.
        version: the store's mark of them, as the record has it (see `versions`); None where it has none.
        field: where the user set the digest; None where it is only that of proved bytes.
    """

    digest: str
    version: str | None = None
    field: str | None = None

    def check(self, place: str, digest: str, version: str | None, loss: FetchFailure | None) -> None:
        """Refuse other bytes.

        Args:
            place: where they come from.
            digest: theirs.
            version: the store's mark of them.
            loss: why the proved version could not be had; None where it was not asked for, or came.

        Raises:
            ArtifactReplaced: they are not the proved ones.
            DigestMismatch: they are not those that the user names.
        """
        if digest != self.digest and self.field is not None:
            raise DigestMismatch(
                f"{digest} lies at {place}, and {self.field} is {self.digest}{_lost(loss)}",
                remedy=f"Set {self.field} to {digest} if these are the bytes that you want. Otherwise put the right ones there.",
            )
        if digest != self.digest:
            there, wanted = _described(digest, version), _described(self.digest, self.version)
            raise self._replaced(place, f"{there} lies there, and {wanted} was proved", loss)

    def explain(self, place: str, failure: LoadFailure, loss: FetchFailure | None) -> LoadFailure:
        """The failure to fetch what lies there now, told with regard to the proved bytes.

        Args:
            place: what was fetched.
            failure: it has nothing there, or what cannot be taken as an artifact.
            loss: as of `check`.
        """
        if self.field is not None and loss is None:  # nobody knows yet whether there ever were such bytes
            return failure
        if not isinstance(failure, ModelNotFound):
            return self._replaced(place, f"{failure.message}; {_described(self.digest, self.version)} was proved", loss)
        if isinstance(loss, AccessDenied):
            return AccessDenied(f"{loss.message}; {failure.message}", remedy=f"{_MAY_READ_VERSIONS}.")
        return ModelNotFound(
            f"{failure.message}; the bytes that were proved, {_described(self.digest, self.version)}, are gone",
            remedy="Put the old object back, or name another model in spec.model.uri.",
        )

    def _replaced(self, place: str, cause: str, loss: FetchFailure | None) -> FetchFailure:
        message = f"{place} was replaced: {cause}{_lost(loss)}"
        if self.field is not None:
            return DigestMismatch(message)
        if isinstance(loss, AccessDenied):
            return ArtifactReplaced(
                message,
                remedy=f"{_MAY_READ_VERSIONS}, or take the new object as a new revision by `modelway refresh NAME`.",
            )
        return ArtifactReplaced(message)


class ProvedFile:
    """A file in the version that was proved; where the store does not give that, the file of today.

    Args:
        version_id: that version.
        version: the file in it.
        today: the file of today.

    Attributes:
        loss: why the proved version cannot be had; None while it can.
    """

    def __init__(self, version_id: str, version: Source, today: Source) -> None:
        self.loss: FetchFailure | None = None
        self._version_id = version_id
        self._version = version
        self._today = today

    async def read(self, offset: int, version: str | None) -> Part:
        """Start reading; see `Source.read`."""
        if self.loss is None:
            try:
                return await self._read_version(offset, version)
            except FetchFailure as failure:
                log.warning("the proved version cannot be had", extra={"cause": failure.message})
                self.loss = failure
            if offset:
                raise Changed("the proved version is gone")
            version = None
        return await self._today.read(offset, version)

    async def _read_version(self, offset: int, version: str | None) -> Part:
        part = await self._version.read(offset, version)
        if (
            not offset and part.version_id != self._version_id
        ):  # later, the download compares it with that of its beginning
            raise ModelNotFound("the store gives the object of today in place of the proved version")
        return part


def _described(digest: str, version: str | None) -> str:
    return f"{digest} ({version})" if version else digest


def _lost(loss: FetchFailure | None) -> str:
    """Why the proved version did not come, as the end of a sentence."""
    if loss is None:
        return ""
    if isinstance(loss, AccessDenied):
        return "; these credentials may not read the proved version"
    if isinstance(loss, ModelNotFound):
        return "; the store no longer gives the proved version"
    return f"; the proved version cannot be had: {loss.message}"
