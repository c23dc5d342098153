"""How fast the stable revision answers: what is slow, and what is late."""

import time
from collections.abc import Iterable

LEAST_ANSWERS = 50
"""The quantile of fewer says too little."""
QUANTILE = 0.95
MARGIN_SECONDS = 0.001
"""By which a candidate may answer later than the stable revision and not be slow. Processors that answer less often have
colder caches: fewer requests, and copies that are sent later, take some tenths of a millisecond longer with the same model."""
SETTLE_SECONDS = 5.0
"""For so long after another share of the requests was ordered, no answer says how fast a revision is. New connections, cold
caches, and pods that start beside it make the candidate's first answers slower, whatever its model is."""
LATE_SECONDS = 1.0
FIRST_LATE_SECONDS = 5.0
"""The same while too few answers are known."""
LATE_TIMES = 10.0
IMPATIENT_TIMES = 5.0
"""With fewer, callers give up on too many answers of a candidate that is as fast as the stable revision."""
LEAST_IMPATIENT_SECONDS = 0.02
"""A caller who gives up earlier says nothing: a pause of the event loop may have been so long."""
LEAST_SECONDS = 0.005
"""A request with less time for the candidate is not worth the way to it."""


class Pace:
    """The pace of the stable revision's latest answers.

    Attributes:
        slow_seconds: 95 % of the answers are faster; None where they are too few. The candidate has a margin beyond it.
        late_seconds: nobody waits longer for the candidate.
        needed_seconds: that either revision must have for an answer.
    """

    def __init__(self) -> None:
        self.slow_seconds: float | None = None
        self.late_seconds = FIRST_LATE_SECONDS
        self.needed_seconds = LEAST_SECONDS

    def measure(self, recent: Iterable[float]) -> None:
        """Take the pace anew.

        Args:
            recent: seconds of the latest answers.
        """
        times = sorted(recent)
        if len(times) < LEAST_ANSWERS:
            slowest = times[-1] if times else 0.0
            self.late_seconds = max(FIRST_LATE_SECONDS, round(LATE_TIMES * slowest, 1))
            self.needed_seconds = max(LEAST_SECONDS, slowest)
            return
        self.slow_seconds = times[int(len(times) * QUANTILE)]
        self.late_seconds = max(LATE_SECONDS, round(LATE_TIMES * self.slow_seconds, 1))
        self.needed_seconds = max(LEAST_SECONDS, self.slow_seconds)

    @property
    def impatient_seconds(self) -> float:
        """A caller who gives up after more than that would have had the stable revision's answer."""
        if self.slow_seconds is None:
            return self.late_seconds
        return max(LEAST_IMPATIENT_SECONDS, IMPATIENT_TIMES * self.slow_seconds)

    def has_time(self, deadline: float) -> bool:
        """Whether both revisions, one after the other, may answer a request in time.

        Args:
            deadline: of the request, on the monotonic clock.
        """
        return self.patience(deadline) >= self.needed_seconds

    def patience(self, deadline: float) -> float:
        """Seconds to wait for the candidate, so that the stable model has as much time left as that at least.

        Args:
            deadline: of the request, on the monotonic clock.
        """
        return min(self.late_seconds, (deadline - time.monotonic()) / 2)
