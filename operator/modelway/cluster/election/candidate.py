"""Stand for election by a Lease, lead while it is held, give it back in the end."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

from modelway.cluster.client import Client
from modelway.cluster.election.decision import LEASE_SECONDS, Election, Lease, release
from modelway.cluster.election.watchdog import Watchdog
from modelway.cluster.kinds import LEASE
from modelway.errors import ClusterError, RetryLater

REQUEST_SECONDS = 3.0
"""The longest that a look at the Lease and the bid for it may take."""

RETRY_SECONDS = 0.5
"""When to try again after that failed."""

END_SECONDS = 8.0
"""The longest that a leader may take to end once it is told to."""

_CONFLICT = 409

Lead = Callable[[], Coroutine[Any, Any, None]]
"""What a leader does, until it is cancelled or ends by itself."""

logger = logging.getLogger(__name__)


def seconds_of_the_machine() -> float:
    """Seconds that never go back; where the system counts them, also those for which it slept."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Candidate:
    """One operator that stands for election.

    Args:
        client: talks to the API server; writes nothing from now on but while this candidate leads.
        lease: the Lease, as namespace/name.
        identity: this candidate; no two that run at the same time share one.
        watchdog: ends the process should it stand still while another may lead.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        client: Client,
        lease: str,
        identity: str,
        watchdog: Watchdog,
        *,
        clock: Callable[[], float] = seconds_of_the_machine,
    ) -> None:
        self._client = client
        self._namespace, _, self._name = lease.partition("/")
        self._watchdog = watchdog
        self._clock = clock
        self._election = Election(identity)
        self._in_doubt = True
        self._last_line = ""
        client.hold_back_unless(self.may_write)
        self.trouble: str | None = None
        """What keeps this candidate from ever being elected; None when nothing does."""

    def may_write(self) -> bool:
        """Whether nobody else can lead at this moment."""
        return self._election.leads(self._clock())

    def seconds_left(self) -> float:
        """For how long this candidate may write, should no further renewal be had; 0 once its Lease lapsed."""
        return max(0.0, self._election.leads_until - self._clock())

    async def stand(self, lead: Lead) -> None:
        """Lead while the Lease is held, until `lead` ends by itself; in the end, and when cancelled, give the Lease back.

        A Lease that lapses, as when the API server is away, ends `lead`, and it begins anew when nobody else has led meanwhile.

        Raises:
            LeaseLost: somebody else has led after this candidate did.
        """
        leading: asyncio.Task[None] | None = None
        try:
            while leading is None or not leading.done():
                pause = await self._look()
                leading = await self._follow(leading, lead)
                if leading is None:
                    await asyncio.sleep(pause)
                else:
                    # React to a lapse at once: the next look may take longer than the watchdog allows.
                    await asyncio.wait([leading], timeout=min(pause, self.seconds_left()))
                    leading = await self._follow(leading, lead)
            leading.result()
        finally:
            if leading is None or await _is_over(leading):
                await self._give_back()

    async def _follow(self, leading: asyncio.Task[None] | None, lead: Lead) -> asyncio.Task[None] | None:
        """Begin or cease to lead, as the Lease says; whoever leads."""
        if self.may_write():
            return leading or asyncio.create_task(lead())
        if leading is None or leading.done() or not await _is_over(leading):
            return leading
        logger.warning("The Lease %s lapsed; writes wait until it is held again", self)
        self._watchdog.remove()
        return None

    async def _look(self) -> float:
        """One look at the Lease, and a bid for it where one is due; in how many seconds to look again."""
        begin = self._clock()
        left = self._election.leads_until - begin
        try:
            async with asyncio.timeout(min(REQUEST_SECONDS, left) if left > 0 else REQUEST_SECONDS):
                if self._in_doubt or left <= 0:
                    self._election.observe(await self._read(), self._clock())
                bid = self._election.bid(self._clock(), _stamp())
                if bid is not None:
                    await self._ask_for(bid)
        except (ClusterError, RetryLater, TimeoutError) as error:
            self._in_doubt = True
            return self._note_failure(error)
        self._in_doubt, self.trouble = False, None
        self._log_new(f"The Lease {self} is held by {self._election.holder or 'nobody'}")
        return self._election.pause(self._clock())

    async def _ask_for(self, bid: Lease) -> None:
        sent_at = self._clock()
        answer = await self._client.put(LEASE, self._body(bid))
        self._election.note_elected(_lease_of(answer), sent_at)
        self._watchdog.set(self._election.ends_at - self._clock())

    def _note_failure(self, error: Exception) -> float:
        """Note why there was no answer, or a bad one; in how many seconds to try again."""
        status = error.status if isinstance(error, ClusterError) else 0
        if status == _CONFLICT:  # another candidate was faster, as the next look shows
            return RETRY_SECONDS / 5
        if 400 <= status < 500:
            self.trouble = (
                f"the Lease {self} cannot be held: {error}. Install the operator's role for it with the chart."
            )
        self._log_new(self.trouble or f"The Lease {self} is out of reach: {str(error) or 'no answer in time'}")
        return RETRY_SECONDS

    async def _give_back(self) -> None:
        lease = self._election.resign()
        # Only the Lease is written from here on, and its version guards it. A slow network must not end the process meanwhile.
        self._watchdog.remove()
        if lease is not None:
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    await self._put_back(lease)
            except (ClusterError, RetryLater, TimeoutError) as error:
                logger.warning(
                    "The Lease %s was not released and will expire: %s",
                    self,
                    str(error) or "no answer in time",
                )

    async def _put_back(self, lease: Lease) -> None:
        try:
            await self._client.put(LEASE, self._body(lease))
        except ClusterError as error:
            if error.status != _CONFLICT:
                raise
            # A renewal was still under way.
            stored = await self._read()
            if stored is not None and stored.holder == self._election.identity:
                await self._client.put(LEASE, self._body(release(stored)))

    async def _read(self) -> Lease | None:
        answer = await self._client.get(LEASE, self._namespace, self._name)
        return _lease_of(answer) if answer else None

    def _log_new(self, text: str) -> None:
        """Log what is new."""
        if text != self._last_line:
            self._last_line = text
            logger.log(logging.WARNING if self.trouble else logging.INFO, "%s", text)

    def _body(self, lease: Lease) -> dict[str, Any]:
        spec = {
            "holderIdentity": lease.holder or None,
            "leaseDurationSeconds": int(lease.seconds),
            "acquireTime": lease.acquired or None,
            "renewTime": lease.renewed or None,
            "leaseTransitions": lease.transitions,
        }
        version = {"resourceVersion": lease.version} if lease.version else {}
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"namespace": self._namespace, "name": self._name, **version},
            "spec": {field: value for field, value in spec.items() if value is not None},
        }

    def __str__(self) -> str:
        return f"{self._namespace}/{self._name}"


async def _is_over(leading: asyncio.Task[None]) -> bool:
    """Cancel a leader; whether it has ended."""
    leading.cancel()
    done, _ = await asyncio.wait([leading], timeout=END_SECONDS)
    return bool(done)


def _lease_of(obj: Mapping[str, Any]) -> Lease:
    spec = obj.get("spec") or {}
    return Lease(
        holder=spec.get("holderIdentity") or "",
        seconds=spec.get("leaseDurationSeconds") or LEASE_SECONDS,
        acquired=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
        version=obj["metadata"]["resourceVersion"],
    )


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
