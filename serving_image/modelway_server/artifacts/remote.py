"""Objects behind http, https and s3, by obstore.

obstore's own retries are off, since they resume a broken download without `If-Match` and give up where the server
knows no ranges; `download` holds the one retry policy. Redirects are followed for http and https (release pages and
signed links need them), at most ten, never from https to http, never to another scheme; an Authorization header is not
sent on to another host. Nothing is decompressed: the bytes in the pod are the bytes in the store.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import HTTPStore, S3Store

from modelway_server.artifacts.manifest import Entry
from modelway_server.artifacts.source import CHUNK_BYTES, Interrupted, Part
from modelway_server.artifacts.store_errors import S3_CREDENTIALS, translate
from modelway_server.artifacts.uri import Location
from modelway_server.errors import AccessDenied, FetchFailure, InvalidArtifact, InvalidURI, LoadFailure, ModelNotFound

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult, ObjectMeta
    from obstore.store import ClientConfig, RetryConfig, S3Config

CONNECT_SECONDS = 5
READ_SECONDS = 30
_STORE_ERRORS = (BaseError, OSError, ValueError)
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "S3_ENDPOINT")
_AMBIENT_CREDENTIALS = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_LISTING_REMEDY = (
    "Name a Secret in spec.model.storage.secretRef whose keys may list the bucket (s3:ListBucket) as well as read the "
    "folder's objects (s3:GetObject), or pack the folder as one .zip or .tar.gz file."
)
_NO_RETRIES: "RetryConfig" = {"max_retries": 0}


class ObjectStore:
    """A store that holds an artifact.

    Args:
        location: where the artifact is.
        environ: credentials and endpoint, by the names that cloud tools and KServe use; see docs of `store_for`.
        timeout: seconds the whole download may take.

    Raises:
        InvalidURI: endpoint and URI cannot be used together.
    """

    def __init__(self, location: Location, environ: Mapping[str, str], timeout: float) -> None:
        self.location = location
        self._with_credentials = has_credentials(location, environ)
        try:
            self._store = store_for(location, environ, timeout)
        except _STORE_ERRORS as error:
            raise self._translate(error) from error

    def file(self) -> "ObjectSource":
        """The object that the location names."""
        return ObjectSource(self, self.location.path if self.location.scheme == "s3" else "")

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
        return translate(error, self.location, with_credentials=self._with_credentials)


class ObjectSource:
    """One object of a store; `key` is empty where the location is the object's own address."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store = store
        self._key = key

    async def read(self, offset: int, version: str | None) -> Part:
        """Ask for the object from `offset` on; see `Source.read`."""
        options: GetOptions = {}
        if offset:
            options["range"] = {"offset": offset}
        if version is not None:
            options["if_match"] = version
        try:
            result = await self._store.get(self._key, options)
        except ModelNotFound as failure:
            raise await self._folder() or failure from failure
        return Part(result.meta["size"], _strong(result.meta["e_tag"]), self._store.chunks(result))

    async def _folder(self) -> InvalidURI | None:
        """What to say when the key is the prefix of other keys; None when it is not, or nobody may know."""
        try:
            found = await anext(self._store.list(self._key, page=1), None)
        except (FetchFailure, InvalidArtifact, Interrupted):
            return None
        if not found:
            return None
        location = self._store.location
        return InvalidURI(
            f"{location.public} is a folder, not a file; it holds for example s3://{location.host}/{found['path']}",
            remedy="Name the one file of the model in spec.model.uri; if the folder is the model, end its name with '/'.",
        )


class ObjectFolder:
    """All objects of a store whose keys begin as the location's path does."""

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


def has_credentials(location: Location, environ: Mapping[str, str]) -> bool:
    """Whether the environment holds credentials for this kind of store."""
    if location.scheme == "s3":
        return _has_keys(environ) or any(environ.get(name) for name in _AMBIENT_CREDENTIALS)
    return bool(_authorization(environ))


def store_for(location: Location, environ: Mapping[str, str], timeout: float) -> HTTPStore | S3Store:
    """The store of a location, with what the environment says of it.

    s3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (without them: a web identity or container
    credentials of the pod, else an unsigned request for a public bucket), AWS_REGION or AWS_DEFAULT_REGION, and an
    endpoint in AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_ENDPOINT or S3_ENDPOINT. An endpoint that begins with
    http:// is used as written unless AWS_ALLOW_HTTP is false; one without a scheme means https, or http where
    S3_USE_HTTPS is 0. http, https: MODELWAY_HTTP_TOKEN (bearer), or HTTP_USERNAME and HTTP_PASSWORD (basic).

    Raises:
        InvalidURI: the endpoint is plain http and AWS_ALLOW_HTTP forbids that.
    """
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=READ_SECONDS),
        # The deadline of the whole is kept outside; this one is per request and must not come first.
        "timeout": timedelta(seconds=timeout + READ_SECONDS),
        "user_agent": "modelway-server",
    }
    if location.scheme == "s3":
        return _s3_store(location, environ, client)
    client["allow_http"] = location.scheme == "http"
    if authorization := _authorization(environ):
        client["default_headers"] = {"authorization": authorization}
    return HTTPStore(location.uri, client_options=client, retry_config=_NO_RETRIES)


def _s3_store(location: Location, environ: Mapping[str, str], client: "ClientConfig") -> S3Store:
    config: S3Config = {"region": _first(environ, "AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"}
    if endpoint := s3_endpoint(environ):
        config["endpoint"] = endpoint
        client["allow_http"] = endpoint.startswith("http://")
    if _has_keys(environ):
        config["access_key_id"] = environ["AWS_ACCESS_KEY_ID"].strip()
        config["secret_access_key"] = environ["AWS_SECRET_ACCESS_KEY"].strip()
        if token := _first(environ, "AWS_SESSION_TOKEN"):
            config["session_token"] = token
    elif not has_credentials(location, environ):
        config["skip_signature"] = True
    return S3Store(location.host, config=config, client_options=client, retry_config=_NO_RETRIES)


def s3_endpoint(environ: Mapping[str, str]) -> str | None:
    """The S3 endpoint with its scheme, or None for Amazon's own.

    Raises:
        InvalidURI: it is plain http and AWS_ALLOW_HTTP forbids that.
    """
    endpoint = _first(environ, *_ENDPOINT_VARIABLES)
    if endpoint is None:
        return None
    if "://" not in endpoint:
        endpoint = f"{'http' if _is_false(environ.get('S3_USE_HTTPS')) else 'https'}://{endpoint}"
    if endpoint.startswith("http://") and _is_false(environ.get("AWS_ALLOW_HTTP")):
        raise InvalidURI(
            f"the S3 endpoint {endpoint} is plain http and AWS_ALLOW_HTTP is {environ['AWS_ALLOW_HTTP']}",
            remedy="Give an https endpoint in the Secret, or take AWS_ALLOW_HTTP out.",
        )
    return endpoint


def _authorization(environ: Mapping[str, str]) -> str | None:
    if token := _first(environ, "MODELWAY_HTTP_TOKEN"):
        return f"Bearer {token}"
    user, password = _first(environ, "HTTP_USERNAME"), _first(environ, "HTTP_PASSWORD")
    if user is None or password is None:
        return None
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _has_keys(environ: Mapping[str, str]) -> bool:
    return all(_first(environ, name) for name in S3_CREDENTIALS)


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    """The first of the variables that is set; a line end that came with a Secret's value is not part of it."""
    return next((value for name in names if (value := environ.get(name, "").strip())), None)


def _is_false(value: str | None) -> bool:
    return (value or "").strip().lower() in {"0", "false", "no", "off"}


def _strong(e_tag: str | None) -> str | None:
    """An ETag that promises equal bytes; a weak one (RFC 9110, 8.8.1) does not."""
    return e_tag if e_tag and not e_tag.startswith("W/") else None
