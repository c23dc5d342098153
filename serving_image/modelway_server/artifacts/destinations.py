"""The destinations of a fetch: rules of the platform and of the Secret about hosts and addresses, and built-in ones. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from modelway_server.artifacts.hosts import ANY_HOST, Hosts, canonical
from modelway_server.errors import HostNotAllowed

SECRET_HOSTS = "MODELWAY_HOSTS"  # noqa: S105 -- the name of a key, no password
"""The key of a Secret that lists the hosts that it may be sent to."""

_METADATA_NAMES = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.azure.internal",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.tencentyun.com",
    }
)
_METADATA_ADDRESSES = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:42::42",
            "fd00:ec2::23",
            "fd00:ec2::254",
            "fd20:ce::254",
        ),
    )
)
"""Addresses where clouds give a node its own secrets, beside link-local ones: Alibaba, Azure, Oracle, Scaleway, AWS, Google."""
_LOCAL = IPv6Network("fc00::/7")
_METADATA_SPELLED = "a9fea9fe"
"""169.254.169.254 in hexadecimal, as clouds write it into the IPv6 address of the same service: Oracle fd00:c1::a9fe:a9fe, Akamai."""
CREDENTIAL_SERVICES = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23"})
"""Addresses where AWS gives a pod the keys of its account (ECS, EKS Pod Identity): for the S3 client, never for a model."""
_EMBEDDING = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")))
"""Networks whose last 32 bits are the IPv4 address that is reached: translated (RFC 6052, 8215, 7915), and the oldest form."""
_TUNNELLED = (0x5EFE, 0x0200_5EFE)
"""The bits before the IPv4 address in the second half of an ISATAP address (RFC 5214)."""


@dataclass(frozen=True)
class Rules:
    """The rules of the platform.

    Attributes:
        hosts: the hosts that models may come from, redirects included.
        private: whether addresses that are not of the public internet may be connected to.
        secret_must_name_hosts: whether a Secret must say where it may be sent.
    """

    hosts: Hosts = ANY_HOST
    private: bool = True
    secret_must_name_hosts: bool = False


@dataclass(frozen=True)
class Destinations:
    """The destinations of one fetch.

    Attributes:
        rules: what the platform says.
        store: the hosts of a store whose requests carry what a redirect would carry on; every host where none is carried on.
        services: the whole addresses at which this fetch asks for credentials.
    """

    rules: Rules = Rules()
    store: Hosts = ANY_HOST
    services: frozenset[str] = frozenset()

    def check_host(self, host: str, port: int) -> None:
        """Check a host by its name.

        Raises:
            HostNotAllowed: it may not be connected to.
        """
        if canonical(host) in _METADATA_NAMES or any(map(_is_of_the_node, _literal(host))):
            raise _of_the_node(host)
        self.check_proxy(host, port)
        if not self.store.hold(host, port):
            raise HostNotAllowed(
                f"the store redirects to {host}:{port}; its credentials are for {self.store.text} alone",
                remedy="Name the store's final address in the Secret (AWS_ENDPOINT_URL, AWS_REGION).",
            )

    def check_proxy(self, host: str, port: int) -> None:
        """Check the host of a proxy, which is held to the same rules.

        Raises:
            HostNotAllowed: it may not be connected to.
        """
        if not self.rules.hosts.hold(host, port):
            raise HostNotAllowed(
                f"{host}:{port} is not among the hosts that models may come from: {self.rules.hosts.text or 'none'}",
                remedy="Name another host in spec.model.uri, or ask whoever runs Modelway to add this one to policy.hosts of the chart.",
            )

    def check_address(self, host: str, port: int, address: str) -> None:
        """Check an address that a host's name resolves to.

        Raises:
            HostNotAllowed: it may not be connected to.
        """
        reached = _addresses_behind(address)
        who = host if canonical(host) == address else f"{host} ({address})"
        if any(map(_is_of_the_node, reached)):
            raise _of_the_node(who)
        if not self.rules.private and not self.rules.hosts.name(host, port) and not all(map(_is_public, reached)):
            raise HostNotAllowed(
                f"{who} is a private address, and the platform allows public ones alone",
                remedy="Name a public host in spec.model.uri, or ask whoever runs Modelway to list this one by its full name in policy.hosts of the chart.",
            )


def _of_the_node(who: str) -> HostNotAllowed:
    return HostNotAllowed(
        f"{who} is an address where a node or its cloud serves the node itself; models are never fetched from there"
    )


def secret_hosts(environ: Mapping[str, str]) -> Hosts | None:
    """The hosts that the Secret may be sent to; None when it lists none.

    Raises:
        HostNotAllowed: it cannot be read.
    """
    text = environ.get(SECRET_HOSTS, "").strip()
    try:
        return Hosts.parse(text) if text else None
    except ValueError as error:
        raise HostNotAllowed(
            f"{SECRET_HOSTS} of the Secret holds an entry that cannot be read: {error}",
            remedy=f"Correct the key {SECRET_HOSTS} of the Secret.",
        ) from None


def check_secret(url: str, environ: Mapping[str, str], rules: Rules) -> None:
    """Refuse to send the credentials of the environment to a host that they are not for.

    Args:
        url: the place, with a scheme.
        environ: with the Secret's keys.
        rules: what the platform says.

    Raises:
        HostNotAllowed: the Secret is not for that host, or does not say so where it must.
    """
    hosts, (host, port) = secret_hosts(environ), host_and_port(url)
    if hosts is None and rules.secret_must_name_hosts:
        raise HostNotAllowed(
            "the Secret does not name the hosts that it may be sent to, and the platform requires that of every Secret",
            remedy=f"Give the Secret the key {SECRET_HOSTS} with the store's host, for example {host}.",
        )
    if hosts is not None and not hosts.hold(host, port):
        raise HostNotAllowed(
            f"the Secret may be sent to {hosts.text} alone, and not to {host}:{port}",
            remedy=f"Name a host in spec.model.uri that the Secret is for, or add this one to its key {SECRET_HOSTS}.",
        )


def host_and_port(url: str) -> tuple[str, int]:
    """The host of a URL, in one spelling, and its port or the scheme's default."""
    parts = urlsplit(url)
    return canonical(parts.hostname or ""), parts.port or (80 if parts.scheme == "http" else 443)


def _literal(host: str) -> list[IPv4Address | IPv6Address]:
    """The addresses that a host stands for if it is an address itself."""
    try:
        return _addresses_behind(canonical(host))
    except ValueError:
        return []


def _addresses_behind(address: str) -> list[IPv4Address | IPv6Address]:
    """The address, and the IPv4 address that it embeds, if any."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return [ip]
    embedded = [one for one in (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())) if one is not None]
    is_tunnelled = int(ip) >> 32 & 0xFFFFFFFF in _TUNNELLED
    if (is_tunnelled or any(ip in network for network in _EMBEDDING)) and int(ip) > 1:
        embedded.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return embedded if ip.ipv4_mapped is not None else [ip, *embedded]


def _is_of_the_node(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv6Address) and ip in _LOCAL and _METADATA_SPELLED in ip.packed.hex():
        return True
    never = ip.is_link_local or ip.is_unspecified or ip.is_multicast or ip in _METADATA_ADDRESSES
    return never or (isinstance(ip, IPv4Address) and (ip.packed[0] == 0 or ip.packed == b"\xff" * 4))


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and not (isinstance(ip, IPv6Address) and ip.is_site_local)
