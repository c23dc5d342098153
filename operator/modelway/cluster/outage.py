"""Decide from the results of requests whether the API server is away. Pure: the time is an argument.

One failed request proves little: a broken webhook makes the API server answer 500 as well. So a failure only raises a doubt, and a small
request, the probe, settles it. An outage is over when two probes in a row were answered.
"""

from collections.abc import Callable

from modelway.errors import ClusterError

PROBE_SECONDS = 3.0
"""Between two probes of an API server that is away."""

CONFIRM_SECONDS = 1.0
"""Between the first probe that is answered and the one that confirms it."""

PROBES_AT_ONCE = 5
"""How many doubts are settled at once."""

DOUBT_SECONDS = 10.0
"""Between two probes after that, while doubts continue."""

ANSWERS_TO_TRUST = 2

_OF_AN_OBJECT = ("failed calling webhook", "conversion webhook for ")
"""What the API server says with a status of 500 when it is well itself."""


class Allowance:
    """So many at once, then one in so many seconds.

    Args:
        at_once: how many may be taken in a row.
        seconds: in which one more becomes free.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        self._span = at_once * seconds
        self._seconds = seconds
        self._used_until = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until one may be taken; 0 for now."""
        return max(0.0, self._used_until + self._seconds - self._span - now)

    def take(self, now: float) -> None:
        """Take one."""
        self._used_until = max(self._used_until, now) + self._seconds


def may_be_away(error: ClusterError) -> bool:
    """Whether an API server or a store out of reach may have caused a failure; a single object may have done so too."""
    return error.status == 0 or (error.status >= 500 and not any(words in str(error) for words in _OF_AN_OBJECT))


class Outage:
    """What is known of the API server's health.

    Args:
        on_change: called with what is wrong when an outage begins, with None when it is over.
    """

    def __init__(self, on_change: Callable[[str | None], None]) -> None:
        self._on_change = on_change
        self._doubted = False
        self._answers = 0
        self._due = float("-inf")
        self._allowance = Allowance(PROBES_AT_ONCE, DOUBT_SECONDS)
        self.away: str | None = None
        """What is wrong while the API server is away; None while it is not."""

    def doubt(self) -> None:
        """Note that a request failed as if the API server were away."""
        self._doubted = True

    def wants_probe(self, now: float) -> bool:
        """Whether to find out now."""
        if self.away is not None:
            return now >= self._due
        return self._doubted and self._allowance.wait(now) <= 0

    def note_probe(self, now: float, trouble: str | None) -> None:
        """Note the result of a probe; `trouble` is None when it was answered."""
        if trouble is not None:
            began = self.away is None
            self.away, self._answers, self._due = trouble, 0, now + PROBE_SECONDS
            if began:
                self._on_change(trouble)
        elif self.away is None:
            self._doubted = False
            self._allowance.take(now)
        else:
            self._answers, self._due = self._answers + 1, now + CONFIRM_SECONDS
            if self._answers >= ANSWERS_TO_TRUST:
                self.away, self._answers, self._doubted = None, 0, False
                self._on_change(None)
