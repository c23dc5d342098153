"""A pod's object in the API: its status is written there, and it is taken out once nothing of the pod is left."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from sandbox.api import Api, ApiError
from sandbox.node.runtime import Runtime

Json = dict[str, Any]
UNREACHABLE = (ApiError, aiohttp.ClientError, OSError)
RETRY_SECONDS = 0.5


class PodObject:
    """Writes the status of one pod, and removes the object.

    Attributes:
        gone: set once the API has the object no longer.

    Args:
        runtime: of the pod.
        api: where the object is.
        status: what is so now.
        vanish: called when a write shows that the object is gone.
    """

    def __init__(self, runtime: Runtime, api: Api, status: Callable[[], Json], vanish: Callable[[], None]) -> None:
        self.gone = asyncio.Event()
        self._runtime = runtime
        self._api = api
        self._status = status
        self._vanish = vanish
        self._dirty = asyncio.Event()
        self._reporting = asyncio.Lock()
        self._sent: Json = {}

    def note_change(self) -> None:
        """Have the status written soon."""
        self._dirty.set()

    async def report_forever(self) -> None:
        """Write the status after each change."""
        while not self.gone.is_set():
            await self._dirty.wait()
            await self.report()

    async def report(self) -> None:
        """Write the status, however long the API server is away."""
        while not self.gone.is_set():
            self._dirty.clear()
            try:
                async with self._reporting:  # an older status must not overtake a newer one
                    await self._write()
            except UNREACHABLE:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def remove(self) -> None:
        """Take the pod out of the API: its grace period is over."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self._runtime.uid}}
        while not self.gone.is_set():
            try:
                await self._api.delete(self._path(), options)
            except ApiError as error:
                if error.status in (404, 409):
                    return
            except (aiohttp.ClientError, OSError):
                pass
            else:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _write(self) -> None:
        status = self._status()
        if status == self._sent:
            return
        patch = {"metadata": {"uid": self._runtime.uid}, "status": status}
        try:
            answer = await self._api.patch(self._path() + "/status", patch, "strategic")
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            self._vanish()
        else:
            self._sent = status
            self._runtime.pod["status"] = answer["status"]

    def _path(self) -> str:
        metadata = self._runtime.pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
