"""Objects behind http, https and s3, by obstore.

obstore's own retries are off, since they resume a broken download without `If-Match` and give up where the server
knows no ranges; `download` holds the one retry policy.
"""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from modelway_server.artifacts.egress_proxy import EgressProxy
from modelway_server.artifacts.manifest import Entry
from modelway_server.artifacts.source import CHUNK_BYTES, Interrupted, Part
from modelway_server.artifacts.store_errors import translate
from modelway_server.artifacts.stores import has_credentials, store_for
from modelway_server.artifacts.uri import Location
from modelway_server.errors import AccessDenied, FetchFailure, InvalidArtifact, InvalidURI, LoadFailure, ModelNotFound

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult, ObjectMeta

_STORE_ERRORS = (BaseError, OSError, ValueError)
_LISTING_REMEDY = (
    "Name a Secret in spec.model.storage.secretRef whose keys may list the bucket (s3:ListBucket) as well as read the "
    "folder's objects (s3:GetObject), or pack the folder as one .zip or .tar.gz file."
)


class ObjectStore:
    """A store that holds an artifact.

    Args:
        location: where the artifact is.
        environ: credentials and endpoint, by the names that cloud tools and KServe use; see docs of `store_for`.
        timeout: seconds the whole download may take.
        egress: makes all its connections.

    Raises:
        InvalidURI: endpoint and URI cannot be used together.
    """

    def __init__(self, location: Location, environ: Mapping[str, str], timeout: float, egress: EgressProxy) -> None:
        self.location = location
        self._egress = egress
        self._with_credentials = has_credentials(location, environ)
        try:
            self._store = store_for(location, environ, timeout, egress.url)
        except _STORE_ERRORS as error:
            raise self._translate(error) from error

    def file(self, version_id: str | None = None) -> "ObjectSource":
        """The object that the location names, of today or in a version of S3."""
        return ObjectSource(self, self.location.path if self.location.scheme == "s3" else "", version_id)

    async def get(self, key: str, options: "GetOptions") -> "GetResult":
        """Ask for an object; failures as of `Source.read`."""
        try:
            return await obstore.get_async(self._store, key, options=options)
        except _STORE_ERRORS as error:
            raise self._translate(error) from error

    async def chunks(self, result: "GetResult") -> AsyncIterator[bytes]:
        """The bytes of an answer; failures as of `Part.chunks`."""
        try:
            async for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
                yield chunk
        except _STORE_ERRORS as error:
            raise self._translate(error) from error

    async def list(self, prefix: str, page: int = 1000) -> "AsyncIterator[ObjectMeta]":
        """Every object below a prefix, `page` to a request; failures as of `FolderSource.entries`."""
        if not isinstance(self._store, S3Store):
            return
        try:
            async for objects in obstore.list(self._store, prefix=prefix, chunk_size=page):
                for one in objects:
                    yield one
        except _STORE_ERRORS as error:
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> LoadFailure | Exception:
        if self._egress.refusal is not None:
            return self._egress.refusal
        if trouble := self._egress.take_trouble():
            return Interrupted(trouble)
        return translate(error, self.location, with_credentials=self._with_credentials)


class ObjectSource:
    """One object of a store.

    Args:
        store: where it is.
        key: its name there; empty where the location is the object's own address.
        version_id: its version in S3; None for that of today.
    """

    def __init__(self, store: ObjectStore, key: str, version_id: str | None = None) -> None:
        self._store = store
        self._key = key
        self._version_id = version_id

    async def read(self, offset: int, version: str | None) -> Part:
        """Ask for the object from `offset` on; see `Source.read`."""
        options: GetOptions = {}
        if offset:
            options["range"] = {"offset": offset}
        if version is not None:
            options["if_match"] = version
        if self._version_id is not None:
            options["version"] = self._version_id
        try:
            result = await self._store.get(self._key, options)
        except ModelNotFound as failure:
            raise await self._folder() or failure from failure
        meta = result.meta
        return Part(meta["size"], _strong(meta["e_tag"]), self._store.chunks(result), meta["version"])

    async def _folder(self) -> InvalidURI | None:
        """The refusal of a key that is the prefix of other keys; None when it is not, or the listing is denied."""
        if self._version_id is not None:
            return None
        try:
            page = await anext(self._store.list(self._key, page=1), None)
        except (FetchFailure, InvalidArtifact, Interrupted):
            return None
        if not page:
            return None
        location = self._store.location
        return InvalidURI(
            f"{location.public} is a folder, not a file; it holds for example s3://{location.host}/{page['path']}",
            remedy="Name the one file of the model in spec.model.uri; if the folder is the model, end its name with '/'.",
        )


class ObjectFolder:
    """All objects of a store whose keys begin with the location's path."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._prefix = store.location.path

    async def entries(self) -> AsyncIterator[Entry]:
        """List them; see `FolderSource.entries`. The store client shows the key `a/` as `a`."""
        try:
            async for one in self._store.list(self._prefix):
                if one["path"] != self._prefix.rstrip("/"):
                    yield Entry(one["path"].removeprefix(self._prefix), one["size"], _strong(one["e_tag"]))
        except AccessDenied as denied:
            raise AccessDenied(denied.message, remedy=_LISTING_REMEDY) from denied

    def file(self, entry: Entry) -> ObjectSource:
        """One of them."""
        return ObjectSource(self._store, f"{self._prefix}{entry.path}")


def _strong(e_tag: str | None) -> str | None:
    """An ETag that promises equal bytes; a weak one (RFC 9110, 8.8.1) does not."""
    return e_tag if e_tag and not e_tag.startswith("W/") else None
