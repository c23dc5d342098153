"""Lists of hosts in Secrets and settings: `models.example.com, *.example.org:8443`. Pure."""

import re
from dataclasses import dataclass
from typing import NamedTuple, Self

_ENTRY = re.compile(
    r"(?P<name>\*|(?:\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*|\[[0-9a-f:.]+\])(:(?P<port>\d{1,5}))?"
)


class Entry(NamedTuple):
    """One entry of a list.

    Attributes:
        name: a host, `*.` before a domain for every host below it, or `*` for every host.
        port: the only port that it matches; None for all.
    """

    name: str
    port: int | None

    def holds(self, host: str, port: int) -> bool:
        """Whether the entry matches that port of that host."""
        if self.port not in {None, port}:
            return False
        if self.name == "*":
            return True
        return host.endswith(self.name[1:]) if self.name.startswith("*.") else host == self.name


@dataclass(frozen=True)
class Hosts:
    """Allowed hosts.

    Attributes:
        entries: the entries of the list.
        text: the list as it was written.
    """

    entries: tuple[Entry, ...]
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a list whose entries are separated by commas.

        Raises:
            ValueError: an entry is malformed; the text names it and says what to write.
        """
        return cls(tuple(_entry(part.strip()) for part in text.split(",") if part.strip()), text.strip())

    def hold(self, host: str, port: int) -> bool:
        """Whether that port of that host is listed."""
        return any(entry.holds(canonical(host), port) for entry in self.entries)

    def name(self, host: str, port: int) -> bool:
        """Whether it is listed by its full name, not by a pattern."""
        return any("*" not in entry.name and entry.holds(canonical(host), port) for entry in self.entries)


ANY_HOST = Hosts((Entry("*", None),), "*")


def canonical(host: str) -> str:
    """One spelling for each host: lower-case, without the dot that ends a full name, and without the brackets of an address."""
    return host.lower().rstrip(".").removeprefix("[").removesuffix("]")


def _entry(text: str) -> Entry:
    match = _ENTRY.fullmatch(text.lower().rstrip("."))
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        raise ValueError(f"{text!r} is no host: write models.example.com, *.example.com or models.example.com:8443")
    return Entry(canonical(match["name"]), int(match["port"]) if match["port"] else None)
