"""Where a fetch connects to, and what it takes along: judged by servers that wait for what must not come."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.artifacts import egress_proxy
from modelway_server.artifacts.destinations import Destinations, Rules
from modelway_server.artifacts.fetch import fetch
from modelway_server.artifacts.hosts import ANY_HOST, Hosts
from modelway_server.artifacts.proxies import proxy_for
from modelway_server.errors import AccessDenied, FetchFailure, HostNotAllowed
from support.stores.forwarding import forwarding_proxy
from support.stores.nasty_store import NastyStore, file, nasty_store, status
from support.tls import self_signed

TOKEN = {"MODELWAY_HTTP_TOKEN": "s3cr3t"}
S3 = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "s3cr3t"}
PUBLIC = Rules(private=False)
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "[fe80::1]",
    "[::ffff:169.254.169.254]",
    "2852039166",
    "0xA9FEA9FE",
    "0251.0376.0251.0376",
    "169.16689662",
    "0.0.0.0",
    "[::]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[::ffff:0:a9fe:a9fe]",
    "[2001:db8::5efe:169.254.169.254]",
    "[2001:db8::200:5efe:a9fe:a9fe]",
    "[fd00:ec2::254]",
    "[fd00:42::42]",
    "[fd00:c1::a9fe:a9fe]",
    "[fd00:a9fe:a9fe::1]",
    "100.100.100.200",
    "168.63.129.16",
    "224.0.0.1",
    "255.255.255.255",
    "metadata.google.internal",
    "Metadata.Google.Internal.",
    "metadata",
    "instance-data",
]
PRIVATE = [
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "[fd00::1]",
    "[64:ff9b::a00:1]",
    "[::ffff:0:10.0.0.1]",
    "[fec0::1]",
]


@pytest.fixture
def store() -> Iterator[NastyStore]:
    with nasty_store() as running:
        running.answers.append(file(b"model"))
        yield running


@pytest.fixture
def other() -> Iterator[NastyStore]:
    with nasty_store() as running:
        running.answers.append(file(b"model"))
        yield running


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Addresses that were connected to, of which there should be none."""
    connections: list[object] = []

    async def refuse(*address: object) -> egress_proxy.Stream:
        connections.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(egress_proxy, "_open", refuse)
    return connections


def fetch_bytes(uri: str, directory: Path, *, environ: dict[str, str] | None = None, rules: Rules = Rules()) -> bytes:  # noqa: B008
    asyncio.run(fetch(uri, directory, max_bytes=1 << 20, seconds=20, environ=environ or {}, rules=rules))
    return (directory / "model.joblib").read_bytes()


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Names stand for one address after the other, the last one for ever."""
    left = list(answers)

    async def resolve(_host: str, port: int) -> list[egress_proxy.Address]:
        return [(socket.AF_INET, (left.pop(0) if len(left) > 1 else left[0], port))]

    monkeypatch.setattr(egress_proxy, "resolve", resolve)


@pytest.mark.parametrize("host", NEVER)
def test_address_of_the_node_is_never_contacted(host: str, tmp_path: Path, connections: list[object]) -> None:
    with pytest.raises(HostNotAllowed, match="models are never fetched from there"):
        fetch_bytes(f"http://{host}/model.joblib", tmp_path)
    assert connections == []


@pytest.mark.parametrize("host", PRIVATE)
def test_private_address_is_refused_by_policy(host: str, tmp_path: Path, connections: list[object]) -> None:
    with pytest.raises(HostNotAllowed, match="private address") as refusal:
        fetch_bytes(f"http://{host}/model.joblib", tmp_path, rules=PUBLIC)
    assert "policy.hosts" in refusal.value.remedy
    assert connections == []


@given(st.ip_addresses())
def test_every_non_public_address_is_refused_by_policy(address: object) -> None:
    if not address.is_global:  # type: ignore[attr-defined]
        with pytest.raises(HostNotAllowed):
            Destinations(PUBLIC).check_address("h.example", 443, str(address))


@pytest.mark.parametrize("name", [*S3, "AWS_REGION", "MODELWAY_HTTP_TOKEN"])
@pytest.mark.parametrize("value", ["s3cr3t\nx", "s3cr3t\0", "s3cr3t x", "s3cr3t\r\nHost: x"])
def test_credential_that_no_header_can_hold_is_named(name: str, value: str, tmp_path: Path) -> None:
    endpoint = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    with pytest.raises(AccessDenied, match=name) as refusal:
        fetch_bytes("s3://models/model.joblib", tmp_path, environ={**S3, **endpoint, name: value})
    assert "s3cr3t" not in str(refusal.value)


def test_private_host_listed_by_the_platform_is_contacted(store: NastyStore, tmp_path: Path) -> None:
    named = Rules(Hosts.parse("127.0.0.1, *.example.com"), private=False)
    assert fetch_bytes(f"{store.url}/model.joblib", tmp_path, rules=named) == b"model"


def test_host_name_is_checked_by_its_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections: list[object]
) -> None:
    resolving(monkeypatch, "169.254.169.254")
    with pytest.raises(HostNotAllowed, match=r"models\.example\.com \(169\.254\.169\.254\)"):
        fetch_bytes("https://models.example.com/model.joblib", tmp_path)
    assert connections == []


def test_connection_goes_to_the_checked_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections: list[object]
) -> None:
    resolving(monkeypatch, "93.184.215.14", "169.254.169.254")
    with pytest.raises(HostNotAllowed, match="models are never fetched from there"):
        fetch_bytes("https://rebinding.example.com/model.joblib", tmp_path)
    assert connections == [(socket.AF_INET, ("93.184.215.14", 443))]


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "http://[::ffff:a9fe:a9fe]/x", "http://metadata/x"]
)
def test_redirect_is_checked_like_the_first_address(store: NastyStore, tmp_path: Path, target: str) -> None:
    store.answers[:] = [status(302, Location=target)]
    with pytest.raises(HostNotAllowed, match="models are never fetched from there"):
        fetch_bytes(f"{store.url}/model.joblib", tmp_path)


def test_redirect_to_an_unlisted_host_is_refused(store: NastyStore, other: NastyStore, tmp_path: Path) -> None:
    store.answers[:] = [status(302, Location=f"{other.url}/model.joblib")]
    listed = Rules(Hosts.parse(store.url.removeprefix("http://")))
    with pytest.raises(HostNotAllowed, match=r"not among the hosts .* 127\.0\.0\.1:\d+"):
        fetch_bytes(f"{store.url}/model.joblib", tmp_path, rules=listed)
    assert other.requests == []


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect_to_another_host_carries_no_credentials(
    store: NastyStore, other: NastyStore, tmp_path: Path, code: int
) -> None:
    store.answers[:] = [status(code, Location=f"{other.url}/model.joblib")]
    other.answers[:] = [status(code, Location=f"{store.url}/model.joblib"), file(b"model")]
    store.answers.append(file(b"model"))
    assert fetch_bytes(f"{store.url}/model.joblib", tmp_path, environ=TOKEN) == b"model"
    assert store.requests[0].headers["authorization"] == "Bearer s3cr3t"
    for request in (*other.requests, *store.requests[1:]):
        assert "s3cr3t" not in str(request)


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_session_token_is_sent_to_its_s3_store_alone(
    store: NastyStore, other: NastyStore, tmp_path: Path, code: int
) -> None:
    store.answers[:] = [status(code, Location=f"{other.url}/models/model.joblib")]
    with pytest.raises(HostNotAllowed, match="redirects to"):
        fetch_bytes("s3://models/model.joblib", tmp_path, environ={**S3, "AWS_ENDPOINT_URL": store.url})
    assert store.requests[0].headers["x-amz-security-token"] == "s3cr3t"
    assert other.requests == []


@pytest.mark.parametrize("uri", ["s3://models/model.joblib", "s3://models/v7/"])
def test_endpoint_of_a_secret_is_checked(uri: str, tmp_path: Path, connections: list[object]) -> None:
    with pytest.raises(HostNotAllowed, match="models are never fetched from there"):
        fetch_bytes(uri, tmp_path, environ={**S3, "AWS_ENDPOINT_URL": "http://169.254.169.254"})
    assert connections == []


KEYS = "http://169.254.170.23/v1/credentials"


def test_keys_are_asked_for_at_the_platforms_address_alone(
    store: NastyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections: list[object]
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", KEYS)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/dev/null")
    with pytest.raises(FetchFailure):
        fetch_bytes("s3://models/model.joblib", tmp_path, environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": KEYS})
    assert set(connections) == {(socket.AF_INET, ("169.254.170.23", 80))}


@pytest.mark.parametrize("endpoint", ["http://169.254.170.2", "http://169.254.170.23:80", "http://[fd00:ec2::23]"])
def test_model_uri_at_a_credential_service_is_refused(endpoint: str, tmp_path: Path, connections: list[object]) -> None:
    environ = {**S3, "AWS_CONTAINER_CREDENTIALS_FULL_URI": KEYS, "AWS_ENDPOINT_URL": endpoint}
    with pytest.raises(HostNotAllowed, match="models are never fetched from there"):
        fetch_bytes("s3://models/model.joblib", tmp_path, environ=environ)
    assert connections == []


@pytest.mark.parametrize(
    ("uri", "environ"),
    [("https://evil.example/model.joblib", TOKEN), ("s3://models/model.joblib", {**S3, "S3_ENDPOINT": "evil.example"})],
    ids=["https", "s3"],
)
def test_secret_is_not_sent_to_a_host_that_it_does_not_list(
    uri: str, environ: dict[str, str], tmp_path: Path, connections: list[object]
) -> None:
    secret = {**environ, "MODELWAY_HOSTS": "*.example.com, s3.eu-west-1.amazonaws.com"}
    with pytest.raises(
        HostNotAllowed, match=r"may be sent to \*\.example\.com, .* not to evil\.example:443"
    ) as refusal:
        fetch_bytes(uri, tmp_path, environ=secret)
    assert "MODELWAY_HOSTS" in refusal.value.remedy
    assert connections == []


def test_secret_is_sent_to_a_host_that_it_lists(store: NastyStore, tmp_path: Path) -> None:
    secret = {**TOKEN, "MODELWAY_HOSTS": f"{store.url.removeprefix('http://')}\n"}
    required = Rules(secret_must_name_hosts=True)
    assert fetch_bytes(f"{store.url}/model.joblib", tmp_path, environ=secret, rules=required) == b"model"
    assert store.requests[0].headers["authorization"] == "Bearer s3cr3t"


@pytest.mark.parametrize("uri", ["https://models.example.com/model.joblib", "s3://models/model.joblib"])
def test_secret_without_hosts_is_refused_by_policy(uri: str, tmp_path: Path, connections: list[object]) -> None:
    with pytest.raises(HostNotAllowed, match="does not name the hosts") as refusal:
        fetch_bytes(uri, tmp_path, environ={**TOKEN, **S3}, rules=Rules(secret_must_name_hosts=True))
    assert "MODELWAY_HOSTS" in refusal.value.remedy
    assert connections == []


def test_malformed_list_of_hosts_allows_nothing(tmp_path: Path, connections: list[object]) -> None:
    with pytest.raises(HostNotAllowed, match="is no host: write models"):
        fetch_bytes(
            "https://a.example/model.joblib", tmp_path, environ={"MODELWAY_HOSTS": "https://models.example.com/"}
        )
    assert connections == []


def test_no_variable_bypasses_the_egress_proxy(
    store: NastyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = {"AWS_PROXY_EXCLUDES": "127.0.0.1", "AWS_PROXY_URL": store.url, "AWS_ENDPOINT_URL": store.url}
    for name, value in {**around, "NO_PROXY": "127.0.0.1", "no_proxy": "*"}.items():
        monkeypatch.setenv(name, value)
    for uri in (f"{store.url}/model.joblib", "s3://models/model.joblib"):
        with pytest.raises(HostNotAllowed):
            fetch_bytes(uri, tmp_path, environ={**S3, **around}, rules=PUBLIC)
    assert store.requests == []


def test_tls_ends_at_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, context = self_signed(tmp_path)
    with nasty_store(context) as secure:
        secure.answers.append(file(b"model"))
        with pytest.raises(FetchFailure, match="TLS certificate is not trusted"):
            fetch_bytes(f"{secure.url}/model.joblib", tmp_path, environ=TOKEN)
        assert secure.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert fetch_bytes(f"{secure.url}/model.joblib", tmp_path, environ=TOKEN) == b"model"
        assert secure.requests[0].headers["authorization"] == "Bearer s3cr3t"


def test_configured_proxy_is_used_and_checked(store: NastyStore, tmp_path: Path) -> None:
    with forwarding_proxy() as proxy:
        environ = {**TOKEN, "HTTP_PROXY": f"http://ann:pw@{proxy.host}"}
        assert fetch_bytes(f"{store.url}/model.joblib", tmp_path, environ=environ) == b"model"
        assert proxy.requests == [("GET", f"{store.url}/model.joblib", "Basic YW5uOnB3")]
        assert "proxy-authorization" not in store.requests[0].headers
        with pytest.raises(HostNotAllowed, match="not among the hosts"):
            fetch_bytes(
                f"{store.url}/model.joblib", tmp_path, environ=environ, rules=Rules(Hosts.parse("*.example.com"))
            )
        with pytest.raises(HostNotAllowed, match="models are never fetched from there"):
            fetch_bytes("http://169.254.169.254/model.joblib", tmp_path, environ=environ)
        with pytest.raises(FetchFailure, match="answered 405"):
            fetch_bytes("https://models.example.com/model.joblib", tmp_path, environ={"https_proxy": proxy.host})
    assert {request[:2] for request in proxy.requests[1:]} == {("CONNECT", "models.example.com:443")}


@pytest.mark.parametrize(
    ("excluded", "host", "direct"),
    [
        ("", "a.example", False),
        ("*", "a.example", True),
        ("a.example", "A.example", True),
        ("b.example, .example", "a.example", True),
        ("example", "a.example", True),
        ("example", "anexample", False),
        ("a.example:443", "a.example", True),
        ("a.example:80", "a.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("fd00::/8", "fd00::1", True),
        (".svc,10.0.0.1", "minio.ml.svc", True),
    ],
)
def test_no_proxy_bypasses_the_configured_proxy(excluded: str, host: str, direct: bool) -> None:  # noqa: FBT001
    proxy = proxy_for("https", host, 443, {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": excluded})
    assert (proxy is None) is direct


@pytest.mark.parametrize(
    ("listed", "host", "port", "expected"),
    [
        ("a.example", "A.Example.", 443, True),
        ("a.example", "b.a.example", 443, False),
        ("*.a.example", "c.b.a.example", 1, True),
        ("*.a.example", "a.example", 443, False),
        ("*.a.example", "evila.example", 443, False),
        ("a.example:8443", "a.example", 443, False),
        ("[::1]:9000", "::1", 9000, True),
        ("*", "anything", 1, True),
        ("", "a.example", 443, False),
    ],
)
def test_list_of_hosts_matches_names_and_ports(listed: str, host: str, port: int, expected: bool) -> None:  # noqa: FBT001
    assert Hosts.parse(listed).hold(host, port) is expected
    assert ANY_HOST.hold(host, port)
