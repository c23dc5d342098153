"""The store client for an environment: its endpoint, its credentials, and the egress proxy.

Redirects are followed for http and https, since release pages and signed links need them: at most ten, never from https
to http, never to another scheme. An Authorization header is not sent on to another host. S3 requests carry a session
token in a header of its own, which would be sent on, so they are kept to their store. Nothing is decompressed: the bytes
in the pod are the bytes in the store.
"""

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.store import HTTPStore, S3Store

from modelway_server.artifacts.destinations import CREDENTIAL_SERVICES, Destinations, Rules, check_secret, host_and_port
from modelway_server.artifacts.hosts import Hosts
from modelway_server.artifacts.store_errors import S3_CREDENTIALS
from modelway_server.artifacts.uri import Location
from modelway_server.artifacts.variables import first_set
from modelway_server.errors import AccessDenied, InvalidURI

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

CONNECT_SECONDS = 30
"""Longer than the egress proxy takes to try the addresses of a host, so that it is the proxy that says what is wrong."""
READ_SECONDS = 30
_AMAZON = "*.amazonaws.com, *.amazonaws.com.cn"
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "S3_ENDPOINT")
_WEB_IDENTITY = "AWS_WEB_IDENTITY_TOKEN_FILE"
_CONTAINER_CREDENTIALS = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_SENT_AS_THEY_ARE = (*S3_CREDENTIALS, "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "MODELWAY_HTTP_TOKEN")
_NO_RETRIES: "RetryConfig" = {"max_retries": 0}


def destinations_of(location: Location, environ: Mapping[str, str], rules: Rules) -> Destinations:
    """The destinations that the fetch of a location may connect to, by its environment.

    Raises:
        HostNotAllowed: the Secret may not be sent there.
        AccessDenied: a value of the Secret cannot be sent at all.
        InvalidURI: as of `s3_endpoint`.
    """
    _check_values(environ)
    if location.scheme != "s3":
        check_secret(location.uri, environ, rules)
        return Destinations(rules)
    endpoint = s3_endpoint(environ)
    check_secret(endpoint or f"https://s3.{_region(environ)}.amazonaws.com", environ, rules)
    ambient = not _has_keys(environ)
    allowed = [_store_hosts(endpoint) if endpoint else _AMAZON]
    if ambient and environ.get(_WEB_IDENTITY):
        sts = first_set(environ, "AWS_ENDPOINT_URL_STS")
        allowed.append(_store_hosts(sts) if sts else _AMAZON)
    return Destinations(
        rules, Hosts.parse(", ".join(allowed)), _credential_services(environ) if ambient else frozenset()
    )


def _check_values(environ: Mapping[str, str]) -> None:
    """Refuse credentials that cannot be sent in a header; the store client would end without a message."""
    for name in _SENT_AS_THEY_ARE:
        if any(one.isspace() or not one.isprintable() for one in environ.get(name, "").strip()):
            raise AccessDenied(
                f"{name} of the Secret holds a space, a line break or another control character",
                remedy=f"Correct the key {name} of the Secret.",
            )


def _credential_services(environ: Mapping[str, str]) -> frozenset[str]:
    """The URL where the platform tells the pod to ask for keys, if it is one that AWS uses for it."""
    relative, full = (first_set(environ, name) for name in _CONTAINER_CREDENTIALS)
    urls = [f"http://169.254.170.2{relative}"] if relative else [full] if full else []
    return frozenset(url for url in urls if host_and_port(url)[0] in CREDENTIAL_SERVICES)


def _store_hosts(endpoint: str) -> str:
    host, port = host_and_port(endpoint)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}, *.{host}:{port}"


def has_credentials(location: Location, environ: Mapping[str, str]) -> bool:
    """Whether the environment holds credentials for this kind of store."""
    if location.scheme == "s3":
        return _has_keys(environ) or any(map(environ.get, (_WEB_IDENTITY, *_CONTAINER_CREDENTIALS)))
    return bool(_authorization(environ))


def store_for(location: Location, environ: Mapping[str, str], timeout: float, proxy: str) -> HTTPStore | S3Store:
    """Return the store of a location, configured by the environment. All its connections go through the proxy.

    s3 reads these variables:
    - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. Without them it takes a web identity or container
      credentials of the pod. Where there are none either, it asks unsigned, as a public bucket allows.
    - AWS_REGION or AWS_DEFAULT_REGION.
    - An endpoint in AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_ENDPOINT or S3_ENDPOINT. One that begins with http://
      is used as written unless AWS_ALLOW_HTTP is false. One without a scheme means https, or http where S3_USE_HTTPS is 0.

    http and https read MODELWAY_HTTP_TOKEN (bearer), or HTTP_USERNAME and HTTP_PASSWORD (basic).

    Raises:
        InvalidURI: the endpoint is plain http and AWS_ALLOW_HTTP forbids that.
    """
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=READ_SECONDS),
        # The deadline of the whole is kept outside; this one is per request and must not come first.
        "timeout": timedelta(seconds=timeout + READ_SECONDS),
        "user_agent": "modelway-server",
        "proxy_url": proxy,
        "proxy_excludes": "",
    }
    if location.scheme == "s3":
        return _s3_store(location, environ, client)
    client["allow_http"] = location.scheme == "http"
    if authorization := _authorization(environ):
        client["default_headers"] = {"authorization": authorization}
    return HTTPStore(location.uri, client_options=client, retry_config=_NO_RETRIES)


def _s3_store(location: Location, environ: Mapping[str, str], client: "ClientConfig") -> S3Store:
    config: S3Config = {"region": _region(environ)}
    if endpoint := s3_endpoint(environ):
        config["endpoint"] = endpoint
        client["allow_http"] = endpoint.startswith("http://")
    if _has_keys(environ):
        config["access_key_id"] = environ["AWS_ACCESS_KEY_ID"].strip()
        config["secret_access_key"] = environ["AWS_SECRET_ACCESS_KEY"].strip()
        if token := first_set(environ, "AWS_SESSION_TOKEN"):
            config["session_token"] = token
    elif not has_credentials(location, environ):
        config["skip_signature"] = True
    return S3Store(location.host, config=config, client_options=client, retry_config=_NO_RETRIES)


def s3_endpoint(environ: Mapping[str, str]) -> str | None:
    """The S3 endpoint with its scheme, or None for Amazon's own.

    Raises:
        InvalidURI: it is plain http and AWS_ALLOW_HTTP forbids that.
    """
    endpoint = first_set(environ, *_ENDPOINT_VARIABLES)
    if endpoint is None:
        return None
    if "://" not in endpoint:
        endpoint = f"{'http' if _is_false(environ.get('S3_USE_HTTPS')) else 'https'}://{endpoint}"
    if endpoint.startswith("http://") and _is_false(environ.get("AWS_ALLOW_HTTP")):
        raise InvalidURI(
            f"the S3 endpoint {endpoint} is plain http and AWS_ALLOW_HTTP is {environ['AWS_ALLOW_HTTP']}",
            remedy="Give an https endpoint in the Secret, or remove AWS_ALLOW_HTTP from it.",
        )
    return endpoint


def _authorization(environ: Mapping[str, str]) -> str | None:
    if token := first_set(environ, "MODELWAY_HTTP_TOKEN"):
        return f"Bearer {token}"
    user, password = first_set(environ, "HTTP_USERNAME"), first_set(environ, "HTTP_PASSWORD")
    if user is None or password is None:
        return None
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _region(environ: Mapping[str, str]) -> str:
    return first_set(environ, "AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"


def _has_keys(environ: Mapping[str, str]) -> bool:
    return all(first_set(environ, name) for name in S3_CREDENTIALS)


def _is_false(value: str | None) -> bool:
    return (value or "").strip().lower() in {"0", "false", "no", "off"}
