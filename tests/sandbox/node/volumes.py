"""Volumes of one pod: folders of the machine, filled from the API and kept up to date while the pod lives.

An emptyDir of medium Memory lies on disk like any other: what mounts it cannot tell.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

from sandbox.node import downward
from sandbox.node.environment import PodView
from sandbox.node.payload import DEFAULT_MODE, MountError, Payload, project, write
from sandbox.node.process import Mount
from sandbox.node.quantities import parse
from sandbox.node.sources import Sources, Token

Json = dict[str, Any]
FROM_API = ("configMap", "secret", "projected", "downwardAPI")
TOKEN_SECONDS = 3600


class Volumes:
    """The volumes of one pod, below `folder`."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        self._folder = folder
        self._sources = sources
        self._tokens: dict[tuple[str, str], Token] = {}

    async def refresh(self, view: PodView) -> None:
        """Make every volume, or bring it up to date.

        Raises:
            MountError: one cannot be made now; the message names it.
            ApiError: the API server refuses a token.
        """
        await self._sources.load(view.pod)
        for volume in view.pod["spec"].get("volumes", []):
            try:
                await self._refresh(volume, view)
            except (MountError, ValueError, OSError) as error:
                raise MountError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error

    def renew_at(self) -> float | None:
        """When the first token has to be renewed (seconds since 1970); None without tokens."""
        return min((token.renew_at for token in self._tokens.values()), default=None)

    def mounts(self, pod: Json, container: Json, expand: dict[str, str]) -> list[Mount]:
        """What of the volumes `container` mounts; `expand` holds subPathExpr ready made, by mount path.

        Raises:
            MountError: a subPath leads out of its volume.
        """
        sources = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        mounts = []
        for mount in container.get("volumeMounts", []):
            volume = sources[mount["name"]]
            source = self._path(volume)
            below = expand.get(mount["mountPath"]) or mount.get("subPath", "")
            if below:
                source = self._below(source, below)
            readonly = bool(mount.get("readOnly")) or any(kind in volume for kind in FROM_API)
            mounts.append(Mount(os.path.realpath(source), os.path.normpath(mount["mountPath"]), readonly))
        return mounts

    def oversized(self, pod: Json) -> tuple[str, str] | None:
        """Name and limit of an emptyDir that holds more than its sizeLimit; None when all is well."""
        for volume in pod["spec"].get("volumes", []):
            limit = (volume.get("emptyDir") or {}).get("sizeLimit")
            if limit and parse(limit) and _size(self._path(volume)) > parse(limit):
                return volume["name"], str(limit)
        return None

    def remove(self) -> None:
        """Delete what the volumes hold; a hostPath stays."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, volume: Json) -> Path:
        return Path(volume["hostPath"]["path"]) if volume.get("hostPath") else self._folder / volume["name"]

    def _below(self, source: Path, below: str) -> Path:
        target = (source / below).resolve()
        if not target.is_relative_to(source.resolve()):
            raise MountError(f"subPath {below!r} leads out of its volume")
        if not target.exists():
            target.mkdir(parents=True)
        return target

    async def _refresh(self, volume: Json, view: PodView) -> None:
        if volume.get("hostPath"):
            _check_host_path(volume["hostPath"])
            return
        folder = self._folder / volume["name"]
        kind = next((kind for kind in ("emptyDir", *FROM_API) if kind in volume), None)
        if kind is None:
            known = ", ".join(("emptyDir", *FROM_API, "hostPath"))
            raise MountError(f"the sandbox knows no {', '.join(volume.keys() - {'name'})} volumes, only {known}")
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "emptyDir":
            folder.chmod(0o777)
        else:
            write(folder, await self._payload(volume["name"], kind, volume[kind] or {}, view))

    async def _payload(self, name: str, kind: str, source: Json, view: PodView) -> Payload:
        if kind != "projected":
            return await self._part(name, kind, source, view, source.get("defaultMode", DEFAULT_MODE))
        payload: Payload = {}
        for entry in source.get("sources", []):
            for part, inner in entry.items():
                payload |= await self._part(name, part, inner, view, source.get("defaultMode", DEFAULT_MODE))
        return payload

    async def _part(self, name: str, kind: str, source: Json, view: PodView, mode: int) -> Payload:
        namespace = view.pod["metadata"]["namespace"]
        if kind == "configMap":
            return project(source, "configmap", self._sources.find("ConfigMap", namespace, source["name"]), mode)
        if kind == "secret":
            secret = source.get("secretName") or source.get("name", "")
            return project(source, "secret", self._sources.find("Secret", namespace, secret), mode)
        if kind == "downwardAPI":
            return {
                item["path"]: (_own(item, view).encode(), item.get("mode", mode)) for item in source.get("items", [])
            }
        if kind == "serviceAccountToken":
            token = await self._token(name, source, view.pod)
            return {source["path"]: (token.text.encode(), mode)}
        raise MountError(f"the sandbox knows no projected {kind}")

    async def _token(self, name: str, source: Json, pod: Json) -> Token:
        key = (name, source["path"])
        if key not in self._tokens or self._tokens[key].renew_at <= time.time():
            seconds = source.get("expirationSeconds", TOKEN_SECONDS)
            self._tokens[key] = await self._sources.token(pod, source.get("audience"), seconds)
        return self._tokens[key]


def _own(item: Json, view: PodView) -> str:
    if "fieldRef" in item:
        path = item["fieldRef"]["fieldPath"]
        return downward.field(view.pod, path, address=view.address, node_address=view.node_address)
    return downward.resource(view.pod, item["resourceFieldRef"], "", view.allocatable)


def _check_host_path(source: Json) -> None:
    path, kind = Path(source["path"]), source.get("type") or ""
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch()
    elif not path.exists():
        raise MountError(f"hostPath type check failed: {path} does not exist")
    elif (kind == "Directory" and not path.is_dir()) or (kind == "File" and not path.is_file()):
        raise MountError(f"hostPath type check failed: {path} is not a {kind.lower()}")


def _size(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118 - a hot path
            except FileNotFoundError:
                continue
    return total
