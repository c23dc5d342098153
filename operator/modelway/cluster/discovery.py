"""Ask now and then for the optional kinds that the cluster does not serve: one small request for each.

Once such a kind is there, its objects are listed and watched. Once it has gone, its objects are dropped from the cache.
"""

import asyncio
import logging
from collections.abc import Iterable

from modelway.cluster.client import Client
from modelway.cluster.kinds import Kind
from modelway.cluster.served_kinds import NOT_FOUND, ServedKinds
from modelway.errors import ClusterError, RetryLater

DISCOVERY_SECONDS = 30.0
"""How long a kind may be served before it is found."""

logger = logging.getLogger(__name__)


class Discovery:
    """Keeps `ServedKinds` up to date.

    Args:
        client: asks the API server.
        served: is corrected.
        namespaces: where to ask, with the rights that the operator has there; everywhere when empty.
    """

    def __init__(self, client: Client, served: ServedKinds, namespaces: tuple[str, ...] = ()) -> None:
        self._client = client
        self._served = served
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)

    async def run_forever(self) -> None:
        """Ask for each absent kind now and then, for ever."""
        while True:
            await asyncio.sleep(DISCOVERY_SECONDS)
            for kind in self._served.absent:
                await find_out(self._client, self._served, kind, self._namespaces)


async def find_out(client: Client, served: ServedKinds, kind: Kind, namespaces: Iterable[str | None]) -> bool:
    """Ask whether the cluster serves a kind; what is known stays so where the API server does not tell.

    Args:
        client: asks the API server.
        served: learns the answer.
        kind: an optional kind.
        namespaces: where to ask, one after the other until there is an answer; None for everywhere.
    """
    for namespace in namespaces:
        try:
            await client.sample(kind, namespace)
        except ClusterError as error:
            if error.status == NOT_FOUND:
                served.note_absent(kind)
                break
            logger.debug("Cannot tell whether %s is served: %s", kind, error)
        except RetryLater:
            break
        else:
            served.note_present(kind)
            break
    return served.serves(kind)
