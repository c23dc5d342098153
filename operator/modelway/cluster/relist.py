"""Decide when to list the whole cluster: now and then, when a watch may have missed something, and when the API server is back.

LISTs stay few, however long a fault lasts. Those beside the regular ones have an allowance, and failed ones are retried with backoff. While
the API server is away, one small request every few seconds probes it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from modelway.cluster.kinds import OWNER
from modelway.cluster.outage import Allowance, Outage, may_be_away
from modelway.errors import ClusterError, NoCluster, RetryLater
from modelway.observed import Key

SECOND_LOOK_SECONDS = 20.0
"""When to list again after the start: this finds what was deleted between the first LIST and the start of the watches."""

RETRY_SECONDS = 3.0
"""When to list again after a LIST failed; each further time it is twice as long."""

LONGEST_RETRY_SECONDS = 60.0
LONGEST_FIRST_RETRY_SECONDS = 12.0
"""The same for the first LIST of all, without which nothing is served."""

RELIST_SECONDS = 2.0
"""How long after a watch had to relist everything else is listed too: no watch reports what was deleted meanwhile."""

LONGEST_RELIST_SECONDS = 20.0

LISTS_AT_ONCE = 6
"""How many LISTs beside the regular ones are made at once when they are asked for."""

LIST_SECONDS = 20.0
"""Between two of them after that."""

PROBE_TIMEOUT_SECONDS = 15.0
TICK_SECONDS = 1.0
DEAF_SECONDS = 60.0
"""Between two LISTs while a watch is dead."""

_JITTER = 0.1

logger = logging.getLogger(__name__)


class Listing(Protocol):
    """Lists the whole cluster."""

    trouble: str | None
    """Why that is not possible at present."""

    async def run(self) -> set[Key]:
        """List everything; whom a difference concerns."""

    async def probe(self) -> None:
        """One small request; it raises what it comes to."""

    @property
    def deaf(self) -> bool:
        """Whether some watch is dead, so that only a LIST finds changes."""

    def settle(self) -> None:
        """Count what the watches still owe."""

    def excuse(self) -> None:
        """Forgive the watches what they owe."""


class RelistSchedule:
    """Lists when that is due.

    Args:
        listing: does it.
        seconds: between two regular LISTs.
        wake: called with the ModelDeployments that a LIST found changed.
        hurry: called when the API server is back, so that failed passes are tried again at once.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        listing: Listing,
        seconds: float,
        wake: Callable[[Iterable[Key]], None],
        hurry: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listing = listing
        self._seconds = seconds
        self._wake = wake
        self._hurry = hurry
        self._clock = clock
        self._outage = Outage(self._note_outage)
        self._allowance = Allowance(LISTS_AT_ONCE, LIST_SECONDS)
        self._first_asked: float | None = None
        self._due: float | None = None
        self._failures = 0
        self._recovers = False

    @property
    def away(self) -> str | None:
        """What is wrong while the API server is away; None while it is not."""
        return self._outage.away

    def doubt(self) -> None:
        """A request failed as if the API server were away: probe it soon."""
        self._outage.doubt()

    def ask_for_a_list(self) -> None:
        """Schedule a LIST of everything: a watch relists, and will not report what was deleted meanwhile."""
        now = self._clock()
        self._first_asked = self._first_asked or now
        self._due = min(now, self._first_asked + LONGEST_RELIST_SECONDS) + RELIST_SECONDS

    async def list_first(self, *, patient: bool) -> set[Key]:
        """List everything for the first time; whom that concerns.

        Args:
            patient: whether to wait for an API server that does not answer, as a pod should that would only be started again.

        Raises:
            NoCluster: that is not possible here; the text says why and what to do.
        """
        pause = RETRY_SECONDS
        while True:
            try:
                return await self._listing.run()
            except ClusterError as error:
                if not (patient and may_be_away(error)):
                    raise NoCluster(_explain(error)) from error
                logger.warning("Waiting for the API server: %s", error)
            except RetryLater as later:
                logger.warning("Waiting for the API server: %s", later)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_FIRST_RETRY_SECONDS)

    async def run_forever(self) -> None:
        """List everything when it is due, for ever.

        Raises:
            WatchLost: a watch is dead, or the cluster was set back.
        """
        pause = SECOND_LOOK_SECONDS
        while True:
            await self._until_due(pause)
            pause = await self._list()

    async def _until_due(self, seconds: float) -> None:
        end, deaf_end = self._clock() + seconds, self._clock() + DEAF_SECONDS
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self._outage.wants_probe(self._clock()):
                await self._probe()
            if self.away is not None:
                continue
            self._listing.settle()
            now = self._clock()
            if now >= (deaf_end if self._listing.deaf else end):
                return
            if self._due is not None and now >= self._due and self._allowance.wait(now) <= 0:
                self._allowance.take(now)
                return

    async def _probe(self) -> None:
        trouble = None
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                await self._listing.probe()
        except ClusterError as error:
            trouble = str(error) if may_be_away(error) else None
        except TimeoutError:
            trouble = f"the API server has not answered for {PROBE_TIMEOUT_SECONDS:.0f} s"
        except RetryLater:
            pass  # it is busy, so it is there
        self._outage.note_probe(self._clock(), trouble)

    def _note_outage(self, trouble: str | None) -> None:
        if trouble is not None:
            logger.warning("The API server is away; passes wait for it: %s", trouble)
            self._listing.trouble = trouble
        else:
            self._listing.excuse()
            self._due, self._recovers = self._clock(), True

    async def _list(self) -> float:
        """List everything; in how many seconds to do so again."""
        self._first_asked = self._due = None
        try:
            self._wake(await self._listing.run())
        except (ClusterError, RetryLater) as error:
            logger.warning("Resync failed: %s", error)
            if isinstance(error, ClusterError) and may_be_away(error):
                self.doubt()
            self._failures += 1
            return min(RETRY_SECONDS * 2.0 ** min(self._failures - 1, 10), LONGEST_RETRY_SECONDS)
        self._failures = 0
        if self._recovers:
            logger.info("The API server answers again")
            self._recovers = False
            self._hurry()
        return self._seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 -- jitter


def _explain(error: ClusterError) -> str:
    match error.status:
        case 0:
            return f"{error}. Check the address in the kubeconfig, and that the cluster is up."
        case 401 | 403:
            return f"{error}. Install the operator's role and binding with the chart, or use another account."
        case 404 if f"/{OWNER.plural}" in str(error):
            return f"{error}. The cluster does not know ModelDeployments: install the chart, or apply the CRD."
        case 404:
            return f"{error}. Modelway cannot do without this kind: use a cluster that serves it."
        case _:
            return str(error)
