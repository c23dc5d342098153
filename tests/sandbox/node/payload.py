"""Content of volumes that come from the API: paths, bytes and modes, written so that readers see all or nothing."""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Payload = dict[str, tuple[bytes, int]]
"""Path below the volume -> content and mode."""

DEFAULT_MODE = 0o644
CURRENT = "..data"


class MountError(Exception):
    """A volume cannot be made; the message is a kubelet's."""


def project(source: Json, kind: str, data: Mapping[str, bytes] | None, mode: int = DEFAULT_MODE) -> Payload:
    """The files that a ConfigMap or Secret source of a volume asks for.

    Args:
        source: the volume's source: name or secretName, items, optional, defaultMode.
        kind: "configmap" or "secret", for messages.
        data: the object's keys and values; None when it does not exist.
        mode: of files where neither the source nor an item says.

    Raises:
        MountError: the object or a key is missing and not optional.
    """
    name = source.get("name") or source.get("secretName")
    optional = bool(source.get("optional"))
    mode = source.get("defaultMode", mode)
    if data is None:
        if optional:
            return {}
        raise MountError(f'{kind} "{name}" not found')
    if not source.get("items"):
        return {key: (value, mode) for key, value in data.items()}
    wanted: Payload = {}
    for item in source["items"]:
        if item["key"] in data:
            wanted[item["path"]] = (data[item["key"]], item.get("mode", mode))
        elif not optional:
            raise MountError(f"references non-existent {'config' if kind == 'configmap' else kind} key: {item['key']}")
    return wanted


def write(folder: Path, payload: Payload) -> bool:
    """Make `folder` show exactly `payload`; whether anything changed.

    As a kubelet does it: the files lie in a folder of their own, `..data` points at it and each name at `..data/name`,
    so that one rename switches all of them.
    """
    current = folder / CURRENT
    if _read(current) == payload and current.exists():
        return False
    fresh = folder / f"..{secrets.token_hex(8)}"
    for path, (content, mode) in payload.items():
        file = fresh / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode)
    fresh.mkdir(exist_ok=True)
    old = current.resolve() if current.exists() else None
    link = folder / "..data_next"
    link.symlink_to(fresh.name)
    link.replace(current)
    _link_names(folder, {Path(path).parts[0] for path in payload})
    if old is not None:
        shutil.rmtree(old)
    return True


def _read(current: Path) -> Payload:
    files = [Path(root) / name for root, _, names in os.walk(current.resolve()) for name in names]
    return {
        str(file.relative_to(current.resolve())): (file.read_bytes(), file.stat().st_mode & 0o777) for file in files
    }


def _link_names(folder: Path, names: set[str]) -> None:
    present = {entry.name for entry in folder.iterdir() if not entry.name.startswith("..")}
    for name in present - names:
        (folder / name).unlink()
    for name in names - present:
        (folder / name).symlink_to(f"{CURRENT}/{name}")
