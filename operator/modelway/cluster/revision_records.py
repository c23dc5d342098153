"""Read the record of a revision when it is needed; the cache holds only a hash of each."""

from dataclasses import replace

import orjson

from modelway.cluster.client import Client
from modelway.cluster.kinds import REVISION
from modelway.errors import RetryLater
from modelway.observed import Key, Observed, RevisionView

REPLAN_SECONDS = 1.0
"""When to plan again without a record that is gone."""

MOST_RECORDS = 3
"""Records of one ModelDeployment that are kept: the revision that is asked for, the one that runs and the one that serves."""


class RevisionRecords:
    """Reads records, and keeps the last ones of each ModelDeployment.

    Args:
        client: reads.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        # As text, which takes a fraction of the memory.
        self._read: dict[Key, dict[str, bytes]] = {}
        """The data of records by their UIDs, the last one read at the end."""

    async def fill(self, observed: Observed, record: RevisionView) -> Observed:
        """What is observed, with the data of one record.

        Raises:
            RetryLater: it is gone.
            ClusterError: the API server does not tell.
        """
        key = observed.owner.key
        read = self._read.setdefault(key, {})
        data = read.get(record.uid)
        if data is None:
            answer = await self._client.get(REVISION, key.namespace, record.id.name)
            if answer is None or answer["metadata"]["uid"] != record.uid:
                raise RetryLater(f"{record.id} is gone", seconds=REPLAN_SECONDS)
            data = orjson.dumps(answer.get("data") or {})
            read[record.uid] = data
            for uid in [*read][:-MOST_RECORDS]:
                del read[uid]
        return replace(observed, children={**observed.children, record.id: replace(record, data=orjson.loads(data))})

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._read.pop(key, None)
