"""Decide from a Lease which one of several operators leads. Pure: the time is an argument.

Clocks of different machines are never compared. A candidate takes a Lease over once it has seen it unchanged for as long as it was given for,
by its own clock. The holder counts from the moment it *asked* for the renewal, which is earlier than any moment at which another can have seen
it. It stops writing `GRACE_SECONDS` before the others may begin. Writes of the Lease carry its resourceVersion, so of two candidates one wins.

`kubernetes.aio.leaderelection` does not fit. It goes by the wall clock, and writes local time as UTC. It never gives a Lease back, and ends at a
broken connection. It does not tell its caller until when it may write.
"""

from dataclasses import dataclass, replace

from modelway.errors import LeaseLost

LEASE_SECONDS = 13
"""For how long a Lease is given. For so long nobody leads after its holder crashed."""

LEADING_SECONDS = 9.0
"""For how long the holder may write, counted from the request of its last successful renewal."""

WATCHDOG_SECONDS = 11.0
"""After how long the kernel ends the holder's process, in case that it did not notice that its time was up."""

RENEW_SECONDS = 2.0
"""Between two renewals."""

POLL_SECONDS = 0.5
"""Between two looks of a candidate that does not lead."""

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Lease:
    """A Lease as it is stored, or as a candidate wants it to be."""

    holder: str
    """Empty once it was given back."""
    seconds: float
    """For how long it was given."""
    acquired: str
    renewed: str
    """Times of the holder's wall clock, as the API writes them; for people only."""
    transitions: int
    """How often it changed hands."""
    version: str = ""
    """The resourceVersion that a write must meet; empty for a Lease that is not there yet."""


class Election:
    """What one candidate knows of the Lease; all times are seconds of one clock that never goes back.

    Args:
        identity: the candidate; no two that run at the same time share one.
    """

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self._lease: Lease | None = None
        self._unchanged_since = NEVER
        self._mine: Lease | None = None
        self._asked_at = NEVER

    @property
    def holder(self) -> str:
        """Who led when the Lease was last seen; empty for nobody."""
        return self._lease.holder if self._lease else ""

    @property
    def leads_until(self) -> float:
        """Until when this candidate may write."""
        return self._asked_at + LEADING_SECONDS

    @property
    def ends_at(self) -> float:
        """When the process must end, should it still believe to lead."""
        return self._asked_at + WATCHDOG_SECONDS

    def leads(self, now: float) -> bool:
        """Whether this candidate may write."""
        return now < self.leads_until

    def observe(self, lease: Lease | None, now: float) -> None:
        """Take in what the API server says of the Lease; `now` is not before the answer came.

        Raises:
            LeaseLost: this candidate led, and somebody else has led since.
        """
        if lease != self._lease:
            self._lease, self._unchanged_since = lease, now
        mine = self._mine
        if mine is None or (lease is not None and self._is_still(mine, lease)) or (lease is None and self.leads(now)):
            return
        self._mine, self._asked_at = None, NEVER
        raise LeaseLost(f"{self.identity} no longer holds the Lease: {self.holder or 'nobody'} does")

    def bid(self, now: float, stamp: str) -> Lease | None:
        """The Lease to ask for now; None while somebody else may lead.

        Args:
            now: by the clock.
            stamp: the same moment as the API writes times.
        """
        lease = self._lease
        if lease is None:
            gone_for = now - self._unchanged_since
            return self._first(stamp) if self._mine or gone_for >= LEASE_SECONDS else None
        if lease.holder == self.identity:
            return replace(lease, seconds=LEASE_SECONDS, renewed=stamp)
        if lease.holder and now < self._unchanged_since + lease.seconds:
            return None
        return replace(self._first(stamp), transitions=lease.transitions + 1, version=lease.version)

    def note_elected(self, lease: Lease, sent_at: float) -> None:
        """The API server stored a bid; `sent_at` is not after it was sent."""
        self._lease = self._mine = lease
        self._unchanged_since, self._asked_at = sent_at, sent_at

    def resign(self) -> Lease | None:
        """Write no more; the Lease to store so that others need not wait, None where nothing is held."""
        mine, self._mine, self._asked_at = self._mine, None, NEVER
        return release(mine) if mine else None

    def pause(self, now: float) -> float:
        """Seconds until the next look or renewal."""
        if self.leads(now):
            return RENEW_SECONDS
        expires = self._unchanged_since + self._lease.seconds if self._lease and self._lease.holder else NEVER
        return min(POLL_SECONDS, expires - now) if expires > now else POLL_SECONDS

    def _first(self, stamp: str) -> Lease:
        return Lease(self.identity, LEASE_SECONDS, acquired=stamp, renewed=stamp, transitions=0)

    def _is_still(self, mine: Lease, lease: Lease) -> bool:
        return lease.holder == self.identity and lease.transitions == mine.transitions


def release(lease: Lease) -> Lease:
    """The Lease as its holder leaves it: anybody may take it at once."""
    return replace(lease, holder="", seconds=1)
