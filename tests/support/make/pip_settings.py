"""This machine's pip settings for a build in an image: a `pip.conf` and a bundle of certificate authorities.

`python pip_settings.py FOLDER` writes both, as `pip` and `ca`; empty where there is nothing to say. They are lent to a build
as secrets, since a mirror's address may hold a password. The standard library is enough to run this file.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

LENT = ("index-url", "extra-index-url", "no-index", "proxy", "retries", "timeout", "default-timeout", "trusted-host")
"""Settings that mean the same in a container; those that name files of this machine stay here."""

CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def parse(listing: str) -> dict[str, str]:
    """The settings in the output of `pip config list`; where one stands twice, the one that pip prefers.

    pip prefers the environment to a command's own section and that to the global one, and lists them in no such order.
    """
    ranked = {"global": 0, "install": 1, ":env:": 2}
    settings: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        place, _, value = line.partition("=")
        section, _, name = place.partition(".")
        if section in ranked and (name not in settings or ranked[section] >= settings[name][0]):
            settings[name] = (ranked[section], str(ast.literal_eval(value)))
    return {name: value for name, (_, value) in settings.items()}


def pip_conf(settings: Mapping[str, str]) -> str:
    """The text of a pip.conf with those settings that a container can use."""
    lines = [f"{name} = {settings[name]}".replace("\n", "\n    ") for name in LENT if name in settings]
    return "\n".join(["[global]", *lines, ""])


def authorities(settings: Mapping[str, str], environment: Mapping[str, str]) -> bytes:
    """The certificates that pip trusts on this machine; empty where it has none but its own."""
    for name in (settings.get("cert"), *map(environment.get, CA_VARIABLES)):
        if name and Path(name).is_file():
            return Path(name).read_bytes()
    return b""


def write(folder: Path) -> None:
    """Write `pip` and `ca` into a folder."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    settings = parse(listing.stdout) if listing.returncode == 0 else {}
    (folder / "pip").write_text(pip_conf(settings))
    (folder / "ca").write_bytes(authorities(settings, os.environ))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
